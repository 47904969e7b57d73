"""Checks of a package's own files, adopted or not."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from adopt.fixtures import PROJECT, common, make, repository
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.context import read_context
from support.programs import write_program
from support.rendering import commit_all, git

from checks.readiness import failed, failed_in, found_in, results

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench

RULES = ".github/rulesets/release-tags"

FILES: list[tuple[str, str, str, str]] = [
    ("tag-rule-files", f"{RULES}-create.json", '"creation"', '"required_signatures"'),
    ("tag-rule-files", f"{RULES}-keep.json", '"update"', '"required_signatures"'),
    ("tag-rule-files", f"{RULES}-keep.json", "refs/tags/v[0-9]*", "refs/tags/rel-*"),
    ("tag-rule-files", f"{RULES}-keep.json", '"rules"', '"rule"'),
    ("publisher-form", "RELEASING.md", "| `testpypi`    | `pypi` ", "| `testpypi`    | `prod` "),
    ("publisher-form", "RELEASING.md", "| Owner            | `demo-pkg` ", "| Owner            | `someone` "),
    ("static-version", "pyproject.toml", 'dynamic = ["version"]', 'version = "1.0"'),
    ("static-version", "src/demo_pkg/__init__.py", '"""\n', '"""\n__version__ = "1.0"\n'),
]


@pytest.mark.requirement("C1", "C2", "P9.1", "T3")
@pytest.mark.parametrize(
    ("check", "path", "old", "new"), FILES, ids=[f"{c}-{i}" for i, (c, *_) in enumerate(FILES)]
)
def test_what_is_broken_in_a_file_is_named(desk: Bench, check: str, path: str, old: str, new: str) -> None:
    assert failed(desk, offline=True) == set()
    desk.edit(path, old, new)
    assert failed(desk, offline=True) == {check}


@pytest.mark.requirement("C9")
def test_a_job_without_a_place_in_the_runbook_is_named(desk: Bench) -> None:
    pages = [desk.clone / "RELEASING.md", desk.clone / ".github/release/RECOVERY.md"]
    for page in pages:
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace('id="verify-pypi"', 'id="after"'), encoding="utf-8")
    found = results(desk, offline=True)["runbook"]
    assert found.result is Result.FAIL
    assert found.found.endswith("has no place for verify-pypi")


@pytest.mark.requirement("C9")
def test_a_missing_runbook_is_named(desk: Bench) -> None:
    (desk.clone / "RELEASING.md").unlink()
    (desk.clone / ".github/release/RECOVERY.md").unlink(missing_ok=True)
    assert failed(desk, offline=True) == {"publisher-form", "runbook"}


@pytest.mark.requirement("P3.4")
def test_a_version_file_that_is_committed_is_named(desk: Bench) -> None:
    path = desk.clone / "src/demo_pkg/_version.py"
    path.write_text('__version__ = "1"\n')
    git(desk.clone, "add", "--force", str(path))
    assert failed(desk, offline=True) == {"version-file"}
    git(desk.clone, "commit", "--quiet", "--message", "oops")
    git(desk.clone, "rm", "--quiet", "--cached", "src/demo_pkg/_version.py")
    assert failed(desk, offline=True) == set()


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("path", ["pyproject.toml", ".github/release/settings.toml.rej"])
def test_a_committed_conflict_of_an_update_is_named(desk: Bench, path: str) -> None:
    """`git commit --all` commits the markers without a word."""
    file = desk.clone / path
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(
        f"{old}\n# <<<<<<< HEAD is no conflict of ours\n"
        "<<<<<<< before updating\na\n=======\nb\n>>>>>>> after updating\n"
    )
    git(desk.clone, "add", "--all")
    git(desk.clone, "commit", "--quiet", "--all", "--message", "chore: update")
    found = results(desk, offline=True)["conflict-markers"]
    assert (found.result, found.found.partition(" ")[0]) == (Result.FAIL, path)
    git(desk.clone, "revert", "--no-edit", "HEAD")
    assert results(desk, offline=True)["conflict-markers"].result is Result.PASS


def test_where_git_cannot_search_conflicts_are_unknown(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its status 1 is "nothing found"; any other is an error, and no pass."""
    real = shutil.which("git") or ""
    write_program(
        tmp_path / "git",
        "import os, sys\n"
        f"if sys.argv[1] != 'grep':\n    os.execv({real!r}, ['git', *sys.argv[1:]])\n"
        "print('fatal: unable to read tree', file=sys.stderr)\nsys.exit(128)\n",
    )
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    found = results(desk, offline=True)["conflict-markers"]
    assert found.result is Result.UNKNOWN
    assert "failed with status 128: fatal: unable to read tree" in found.found


@pytest.mark.parametrize(
    ("required", "said"),
    [
        (">=3.12", "requires-python is >=3.12, but the classifiers name 3.11"),
        (">=3.13,<4", "requires-python is <4,>=3.13, but the classifiers name 3.11, 3.12"),
        (">=3.11.5", ""),
    ],
)
def test_a_classifier_that_requires_python_has_left_behind_is_named(
    desk: Bench, required: str, said: str
) -> None:
    desk.edit("pyproject.toml", ">=3.11", required)
    found = results(desk, offline=True)["pythons"]
    assert (found.result, found.found) == (
        (Result.FAIL, said) if said else (Result.PASS, ">=3.11.5, classifiers from 3.11")
    )
    assert found.fix in {"", f"`copier update --defaults --data lowest_python={required[2:6]}`"}


def test_a_python_that_nothing_tests_is_named(desk: Bench) -> None:
    desk.edit("pyproject.toml", '  "Programming Language :: Python :: 3.11",\n', "")
    found = results(desk, offline=True)["pythons"]
    assert (found.result, found.found) == (
        Result.FAIL,
        "requires-python is >=3.11, but no classifier names 3.11",
    )


def test_a_default_branch_that_was_renamed_is_named(desk: Bench) -> None:
    assert results(desk, offline=True)["release-branches"].result is Result.UNKNOWN
    git(desk.clone, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    found = results(desk, offline=True)["release-branches"]
    assert (found.result, found.found, found.fix) == (
        Result.FAIL,
        "the default branch is trunk, but CI and releases know main",
        "`copier update --defaults --data release_branches=trunk`",
    )
    git(desk.clone, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert results(desk, offline=True)["release-branches"].result is Result.PASS


def test_a_static_version_of_another_build_backend_is_named(desk: Bench) -> None:
    (desk.clone / "setup.cfg").write_text("[metadata]\nversion = 1.0\n")
    assert "setup.cfg" in results(desk, offline=True)["static-version"].found


@pytest.mark.parametrize(
    ("newer", "result"), [("v1.1.0", Result.FAIL), ("v1.0.0", Result.PASS), ("v2.0.0rc1", Result.PASS)]
)
def test_a_newer_release_of_the_template_is_named(
    desk: Bench, tmp_path: Path, newer: str, result: Result
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "copier.yml").write_text("{}\n")
    commit_all(source, tag="v1.0.0")
    if newer != "v1.0.0":
        git(source, "tag", newer)
    answers = f"_src_path: {source}\n_commit: v1.0.0\nadopted: false\n"
    (desk.clone / ".copier-answers.yml").write_text(answers)
    found = results(desk)["template"]
    assert found.result is result
    assert found.fix == ("`copier update --defaults`" if result is Result.FAIL else "")


def test_a_template_that_does_not_answer_is_no_failure(desk: Bench, tmp_path: Path) -> None:
    answers = f"_src_path: {tmp_path}/nowhere\n_commit: v1.0.0\nadopted: false\n"
    (desk.clone / ".copier-answers.yml").write_text(answers)
    found = results(desk)["template"]
    assert found.result is Result.UNKNOWN
    assert found.found.startswith(f"The template at {tmp_path}/nowhere cannot be read from here: fatal: ")
    assert found.fix.startswith(f"git ls-remote --tags -- {tmp_path}/nowhere")


@pytest.mark.parametrize(
    ("recorded", "released", "said"),
    [
        ("v1.0.0", "", "the template at {} has no release yet"),
        ("0123abc", "v1.0.0", "rendered from the commit 0123abc, in no release; v1.0.0 is out"),
    ],
)
def test_a_template_without_a_release_says_that(
    desk: Bench, tmp_path: Path, recorded: str, released: str, said: str
) -> None:
    """Not that it does not answer: it does."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "copier.yml").write_text("{}\n")
    commit_all(source, tag=released)
    answers = f"_src_path: {source}\n_commit: {recorded}\nadopted: false\n"
    (desk.clone / ".copier-answers.yml").write_text(answers)
    found = results(desk)["template"]
    assert found.result is Result.UNKNOWN
    assert found.found.endswith(said.format(source))


# ---- Where nothing was adopted ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "package"),
    [
        ("hatch-static", "demo-pkg, octo-org/demo-pkg, tags like v1.2.3"),
        ("setuptools-cfg", "demo-pkg, octo-org/demo-pkg, tags like v1.2.3"),
        ("setuptools-scm", "demo-pkg, octo-org/demo-pkg, tags like v1.2.3"),
        ("poetry-1", "demo-pkg, octo-org/demo-pkg, tags like v1.2.3"),
        ("uv-build", "demo-pkg, octo-org/demo-pkg, tags like 1.2.3"),
        ("computed-setup", "demo-pkg, octo-org/demo-pkg, tags like v1.2.3"),
        (
            "target",
            "semantic-model-generator, octo-org/semantic-model-generator, tags like v1.2.3",
        ),
    ],
)
def test_the_package_is_found(tmp_path: Path, shape: str, package: str) -> None:
    assert found_in(make(shape, tmp_path / shape))["package"].found == package


def test_in_a_repository_of_several_packages_the_folder_decides(tmp_path: Path) -> None:
    root = make("monorepo", tmp_path)
    inside = root / "packages/demo/src"
    found = found_in(root, inside)["package"].found
    assert found == "demo-pkg in packages/demo, octo-org/demo-pkg, tags like demo-v1.2.3"
    assert "no pyproject.toml, setup.cfg or setup.py names the package" in found_in(root)["package"].found


def test_the_only_package_is_found_from_above(tmp_path: Path) -> None:
    files = {f"python/{name}": text for name, text in common().items() if not name.startswith(".github")}
    root = repository(tmp_path / "demo-pkg", {**files, "python/pyproject.toml": PROJECT}, tags=())
    assert read_context(root, root).folder == "python"
    assert read_context(root, root).distribution == "demo-pkg"


def test_what_cannot_be_found_is_said(tmp_path: Path) -> None:
    root = repository(tmp_path / "empty", {"README.md": "Nothing.\n"}, tags=("nightly-3",), remote=None)
    found = found_in(root)
    assert found["package"].result is Result.UNKNOWN
    assert found["package"].found.split("; ") == [
        "no pyproject.toml, setup.cfg or setup.py names the package",
        "no git remote is on github.com",
        "neither tags nor workflows show how release tags are written",
    ]
    assert not [f for f in found.values() if f.result is Result.FAIL]


def test_tags_of_two_conventions_are_not_evident(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo-pkg", {"pyproject.toml": PROJECT}, tags=("1.0.0", "v1.1.0"))
    assert read_context(root, root).tag_prefix is None


def test_the_trigger_of_a_workflow_shows_the_tags(tmp_path: Path) -> None:
    workflow = "on: {push: {tags: ['rel-*']}}\njobs: {a: {steps: [{run: twine upload dist/*}]}}\n"
    files = {"pyproject.toml": PROJECT, ".github/workflows/x.yml": workflow}
    root = repository(tmp_path / "demo-pkg", files, tags=("1.0.0", "v1.1.0"))
    assert read_context(root, root).tag_prefix == "rel-"


@pytest.mark.requirement("T3")
@pytest.mark.parametrize(
    ("shape", "result", "place"),
    [
        ("hatch-static", Result.FAIL, "demo_pkg/__init__.py: __version__ is a literal"),
        ("uv-build", Result.FAIL, "pyproject.toml: project.version"),
        ("poetry-1", Result.FAIL, "pyproject.toml: tool.poetry.version"),
        ("setuptools-cfg", Result.FAIL, "setup.cfg: version"),
        ("target", Result.PASS, "from the tag alone"),
    ],
)
def test_where_the_version_comes_from(tmp_path: Path, shape: str, result: Result, place: str) -> None:
    found = found_in(make(shape, tmp_path))["static-version"]
    assert found.result is result
    assert place in found.found.split("; ")
    assert found.adopt == ("takes the version from the tag" if result is Result.FAIL else "")


def test_broken_toml_is_unknown_and_the_rest_is_checked(tmp_path: Path) -> None:
    root = make("broken-toml", tmp_path)
    found = found_in(root)
    assert found["static-version"].result is Result.UNKNOWN
    assert found["static-version"].found.startswith("pyproject.toml cannot be read")
    assert "order" in failed_in(root)
