"""Each shape of package, adopted: real builds before and after, and what the change is."""

from __future__ import annotations

import ast
import configparser
import difflib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import check_distributions
import pytest
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from copier_pypi_release.workflow_files import unpinned
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from release_lib.settings import load_settings
from ruamel.yaml import YAML
from support.rendering import git

from adopt.adoption import (
    changed_files,
    contents_of,
    entry_points_of,
    environment_of,
    metadata_of,
    named_files,
)
from adopt.fixtures import EXECUTED, PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoption, Adoptions

pytestmark = pytest.mark.requirement("B2")


def workflows_of(root: Path) -> dict[str, dict[str, Any]]:
    return {p.name: YAML(typ="safe").load(p) for p in sorted((root / ".github/workflows").glob("*.yml"))}


def test_a_package_is_adopted_without_a_question(adoption: Adoption) -> None:
    assert adoption.status == 0, adoption.output
    assert "Next steps:" in adoption.output


def test_the_wheel_keeps_every_dependency_and_extra(adoption: Adoption) -> None:
    def needs(wheel: Path) -> set[tuple[str, str, str, bool]]:
        found = set()
        metadata = metadata_of(wheel)
        for extra in ("", *(metadata.provides_extra or ())):
            for r in metadata.requires_dist or ():
                # On two systems and two Pythons; whatever a marker says, it says it for these.
                for python in ("3.10", "3.12"):
                    for system in ("posix", "nt"):
                        environment = {
                            "python_version": python,
                            "python_full_version": f"{python}.0",
                            "os_name": system,
                            "extra": extra,
                        }
                        wanted = r.marker is None or r.marker.evaluate(environment)
                        name = f"{canonicalize_name(r.name)}{sorted(r.extras)}{r.specifier}"
                        found.add((name, canonicalize_name(extra), python + system, wanted))
        return {entry for entry in found if entry[3]}

    before, after = needs(adoption.before), needs(adoption.after)
    assert len(before) > 3
    assert after == before
    extras = {canonicalize_name(e) for e in metadata_of(adoption.after).provides_extra or ()}
    assert extras == {canonicalize_name(e) for e in metadata_of(adoption.before).provides_extra or ()}


def test_the_wheel_keeps_every_entry_point(adoption: Adoption) -> None:
    def entries(wheel: Path) -> dict[str, dict[str, str]]:
        parser = configparser.ConfigParser(delimiters=("=",))
        parser.read_string(entry_points_of(wheel))
        return {name: dict(parser[name]) for name in parser.sections() if parser[name]}

    assert entries(adoption.after) == entries(adoption.before)


def test_the_wheel_keeps_every_other_field_of_the_metadata(adoption: Adoption) -> None:
    before, after = metadata_of(adoption.before), metadata_of(adoption.after)
    assert canonicalize_name(after.name) == canonicalize_name(before.name)
    assert after.summary == before.summary
    assert after.requires_python == before.requires_python
    assert set(before.classifiers or ()) == set(after.classifiers or ())
    assert set(before.keywords or ()) == set(after.keywords or ())
    urls = {label.casefold(): url for label, url in (after.project_urls or {}).items()}
    for label, url in (before.project_urls or {}).items():
        assert urls[label.casefold()] == url
    if before.home_page:
        assert before.home_page in {*urls.values(), after.home_page}
    people = f"{after.author} {after.author_email}"
    for part in (before.author, *(before.author_email or "").split(",")):
        assert not part or part.split(" <")[0].strip() in people
    stated = before.license_expression or before.license
    assert not stated or stated == (after.license_expression or after.license)
    assert (after.description or "").split() == (before.description or "").split()


def test_the_wheel_keeps_its_files_and_gains_the_generated_version(adoption: Adoption) -> None:
    before, after = contents_of(adoption.before), contents_of(adoption.after)
    generated = PACKAGES[adoption.shape].module.replace(".", "/") + "/_version.py"
    assert set(after) == set(before) | {generated}
    changed = {n for n in before if before[n] != after[n]} - {generated}
    stated = {n for n in changed if b"from ._version import" in after[n]}
    assert changed == stated


# What a backend writes into an sdist, and what hatchling always puts there.
WRITTEN = {"PKG-INFO", "setup.cfg", "pyproject.toml.orig", "pyproject.toml", ".gitignore", "LICENSE"}


def test_the_sdist_keeps_its_files_and_gains_no_machinery(adoption: Adoption) -> None:
    def files(path: Path) -> set[str]:
        with tarfile.open(path) as archive:
            names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
        return {name for name in names if ".egg-info/" not in name and not name.endswith("/_version.py")}

    before, after = map(files, adoption.sdists)
    removed = {name for name in before if name in {"setup.py", "setup.cfg"}}
    assert before - WRITTEN - removed <= after
    assert after - before <= WRITTEN | {
        # The wheel has it, and is built from the sdist from now on.
        *(name for name in after if name.endswith("data/table.json")),
    }
    assert all(name in adoption.output for name in (before ^ after) - WRITTEN)


@pytest.mark.requirement("P3.3", "P3.4")
def test_the_version_is_that_of_the_tag(adoption: Adoption) -> None:
    version = str(metadata_of(adoption.after).version)
    assert Version(version).local is None
    assert version in adoption.output  # the one that it was tagged with in the clone
    generated = next(data for n, data in contents_of(adoption.after).items() if n.endswith("/_version.py"))
    stated = [
        ast.literal_eval(s.value)
        for s in ast.parse(generated).body
        if isinstance(s, ast.Assign) and any(getattr(t, "id", "") == "__version__" for t in s.targets)
    ]
    assert stated == [version]


@pytest.mark.requirement("P3.3", "B1")
def test_every_place_in_both_distributions_states_the_version(adoption: Adoption) -> None:
    """By the check that its releases run before they upload."""
    settings = load_settings(adoption.root / ".github/release/settings.toml")
    files = (adoption.after, adoption.sdists[1])
    found = [check_distributions.versions_of(path, settings) for path in files]
    assert all(len(places) > 1 for places in found)
    said = check_distributions.check_versions({k: v for places in found for k, v in places.items()}, None)
    assert said == metadata_of(adoption.after).version


@pytest.mark.requirement("P9.2", "P1.1", "B1")
def test_its_release_is_one_that_a_drill_executes(adoption: Adoption, adoptions: Adoptions) -> None:
    """Names and paths aside, its workflow and settings are those of a package in drill/test_adopted.py."""
    own = {"distribution", "import-name", "version-file", "template"}

    def release_of(made: Adoption) -> tuple[str, dict[str, Any]]:
        settings = tomllib.loads((made.root / ".github/release/settings.toml").read_text(encoding="utf-8"))
        workflow = made.root / ".github/workflows" / settings["release-workflow"]
        return workflow.read_text(encoding="utf-8"), {k: v for k, v in settings.items() if k not in own}

    assert release_of(adoption) in [release_of(adoptions[shape]) for shape in EXECUTED]


def test_its_own_tests_pass_with_the_new_wheel(adoption: Adoption, tmp_path: Path) -> None:
    if not (adoption.project / "tests").is_dir():
        assert adoption.shape == "no-tests"
        return
    with zipfile.ZipFile(adoption.after) as archive:
        archive.extractall(tmp_path / "installed")  # noqa: S202  (our own)
    # Away from the sources, so that only the wheel can be imported.
    shutil.copytree(adoption.project / "tests", tmp_path / "tests")
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(tmp_path / "installed"),
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{398 if adoption.shape == 'target' else 1} passed" in done.stdout


@pytest.mark.requirement("P2.1", "T2", "T6")
def test_one_workflow_publishes_and_no_token_is_used(adoption: Adoption) -> None:
    armed = set()
    for name, workflow in workflows_of(adoption.root).items():
        assert "id-token" not in (workflow.get("permissions") or {})
        assert "secrets." not in (adoption.root / ".github/workflows" / name).read_text()
        jobs = workflow["jobs"]
        for key, job in jobs.items():
            if (job.get("permissions") or {}).get("id-token") == "write":
                armed.add((name, key, environment_of(job)))
                assert len(job["steps"]) == 2
            for step in job["steps"]:
                assert "uv publish" not in step.get("run", "")
                assert "twine upload" not in step.get("run", "")
    assert len({name for name, _, _ in armed}) == 1
    assert {key for _, key, _ in armed} == {"publish-testpypi", "publish-pypi"}


def test_files_of_the_user_are_unchanged(adoption: Adoption) -> None:
    changed = git(
        adoption.root, "status", "--porcelain", "--untracked-files=all", "--no-renames"
    ).splitlines()
    folder = PACKAGES[adoption.shape].folder
    prefix = f"{folder}/" if folder else ""
    ours = (
        ".github/release/",
        ".github/rulesets/",
        ".github/workflows/",
        ".copier-answers.yml",
        ".gitignore",  # of the repository; Python's caches beside the scripts
        "RELEASING.md",
        "cliff.toml",
    )
    build = tuple(
        prefix + n
        for n in (
            "pyproject.toml",
            "setup.py",
            "setup.cfg",
            "MANIFEST.in",
            ".gitignore",
            ".gitattributes",
            ".git_archival.txt",
        )
    )
    others = [line[3:] for line in changed if not line[3:].startswith((*ours, *build))]
    assert [n for n in others if not n.endswith("demo_pkg/__init__.py")] == []
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".pre-commit-config.yaml"):
        assert not any(line[3:] == prefix + name for line in changed)


@pytest.mark.requirement("P9.1", "P9.2", *(f"C{n}" for n in range(1, 14)))
def test_the_doctor_finds_nothing_wrong_in_its_files(adoption: Adoption) -> None:
    findings = {f.check: f for f in doctor.find(read_context(adoption.root, adoption.root))}
    # Its own CI is left alone, so what that uses unpinned is named, and nothing else.
    loose = unpinned(adoption.root)
    assert all(name.startswith("ci.yml: ") for name in loose)
    failed = [check for check, finding in findings.items() if finding.result is Result.FAIL]
    assert failed == (["pinned-actions"] if loose else [])
    assert findings["other-publishers"].found == f"none but {findings['workflow-files'].found}"
    assert findings["version-file"].result is Result.PASS


@pytest.mark.requirement("P3.8")
def test_nothing_is_committed_and_nothing_that_is_needed_is_ignored(adoption: Adoption) -> None:
    assert git(adoption.root, "diff", "--cached", "--name-only") == ""
    hidden = git(adoption.root, "ls-files", "--others", "--ignored", "--exclude-standard").splitlines()
    assert [n for n in hidden if "__pycache__" not in n and ".egg-info" not in n] == []
    settings = tomllib.loads((adoption.root / ".github/release/settings.toml").read_text())
    generated = settings["version-file"]
    assert git(adoption.root, "check-ignore", "--no-index", f"{adoption.project}/{generated}")


@pytest.mark.requirement("B11")
def test_the_report_names_the_files_that_have_changed(adoption: Adoption) -> None:
    """As every adoption of these tests does: see `run_adopt`."""
    assert changed_files(adoption.root) == named_files(adoption.output) > set()


def test_tables_of_other_tools_are_unchanged_byte_for_byte(adoption: Adoption) -> None:
    folder = PACKAGES[adoption.shape].folder
    path = f"{folder}/pyproject.toml" if folder else "pyproject.toml"
    if adoption.shape == "setuptools-cfg":
        assert (adoption.root / "setup.cfg").read_text() == "[flake8]\nmax-line-length = 99\n"
        return
    before, after = adoption.original(path), (adoption.root / path).read_text()
    mark = "[tool.ruff]" if adoption.shape == "target" else "# ---- ours"
    assert mark in before
    assert before[before.index(mark) :].rstrip() in after
    if PACKAGES[adoption.shape].kept:
        assert tomllib.loads(after)["build-system"] == tomllib.loads(before)["build-system"]
        added = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-?"]
        lines = "".join(line[2:] for line in added if line.strip("+ "))
        assert lines.startswith("[tool.hatch.build.targets.sdist]exclude = [") or not lines
        return
    assert tomllib.loads(after)["build-system"]["build-backend"] == "hatchling.build"
    assert "version" not in tomllib.loads(after)["project"]  # T3
    names = {Requirement(r).name for r in tomllib.loads(after)["build-system"]["requires"]}
    assert names == {"hatchling", "hatch-vcs"}


@pytest.mark.requirement("X12")
def test_linters_find_nothing_in_the_release_workflows(adoptions: Adoptions, tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for shape in PACKAGES:
        for name, workflow in workflows_of(adoptions[shape].root).items():
            if workflow.get("name") == "Release":
                shutil.copy(adoptions[shape].root / ".github/workflows" / name, folder / f"{shape}.yml")
    files = sorted(map(str, folder.iterdir()))
    assert len(files) == len(PACKAGES)
    for command in (
        ["actionlint", *files],
        ["zizmor", "--quiet", "--offline", "--persona", "pedantic", *files],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
