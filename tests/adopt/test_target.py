"""The first target, and what holds for any adopted package afterwards."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
import tarfile
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from copier import run_copy, run_update
from copier_pypi_release.adopt.wheels import build_wheel
from ruamel.yaml import YAML
from support.documents import shell_blocks
from support.rendering import ROOT, commit_all, git

from adopt.adoption import environment_of, run_adopt
from adopt.fixtures import make

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoption, Adoptions

pytestmark = pytest.mark.requirement("B2")


def answers_of(root: Path) -> dict[str, object]:
    # As Copier reads them: to YAML 1.2, a commit like 22933e8 would be a number.
    answers = yaml.safe_load((root / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert isinstance(answers, dict)
    return answers


def tree_of(root: Path) -> dict[str, bytes]:
    """Every file of a repository, git's own left out."""
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and ".git/" not in p.relative_to(root).as_posix()
    }


def test_at_most_four_lines_of_pyproject_change(target: Adoption) -> None:
    before = target.original("pyproject.toml").splitlines()
    after = (target.root / "pyproject.toml").read_text().splitlines()
    delta = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert 0 < len(delta) <= 4
    assert all(line.startswith("+ ") for line in delta)


@pytest.mark.requirement("B11")
def test_the_change_is_small_enough_to_review(target: Adoption, adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy("target", tmp_path).root
    git(root, "add", "--all")
    rows = [line.split("\t") for line in git(root, "diff", "--cached", "--numstat").splitlines()]
    assert len(rows) <= 26
    assert sum(int(added) for added, _, _ in rows) <= 3030

    def files(sdist: Path) -> set[str]:
        with tarfile.open(sdist) as archive:
            return {member.name.partition("/")[2] for member in archive.getmembers()}

    before, after = map(files, target.sdists)
    assert before == after


@pytest.mark.requirement("B11")
def test_the_transcript_in_the_documentation_is_what_it_shows(target: Adoption) -> None:
    """Sizes aside, which change with the template."""
    page = (ROOT / "docs/adopting.md").read_text(encoding="utf-8")
    shown = page[page.index("## What it shows") :].partition("```text\n")[2].partition("```")[0]
    printed = target.output[target.output.index("Certain ") :].partition("diff --git")[0]

    def plain(text: str) -> list[str]:
        words = re.sub(r"[─\s]+", " ", re.sub(r"[+-]?\d[\d,]*(?= files| bytes| -\d|\s)", "N", text)).split()
        return [re.sub(r"^-\d+$", "-N", word) for word in words]

    assert plain(shown) == plain(printed)


@pytest.mark.requirement("B11")
@pytest.mark.parametrize("shape", ["setuptools-scm", "poetry-1", "several-publishers"])
def test_going_back_is_one_command(shape: str, adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy(shape, tmp_path).root
    page = (ROOT / "docs/adopting.md").read_text(encoding="utf-8")
    (command,) = shell_blocks(page[page.index("## How to go back") : page.index("## Afterwards")])
    assert command.strip().count("\n") == 0
    assert git(root, "status", "--porcelain")
    subprocess.run(["bash", "-c", command], cwd=root, check=True, capture_output=True)
    assert git(root, "status", "--porcelain", "--ignored") == ""
    assert git(root, "diff", "HEAD") == ""


@pytest.mark.requirement("P9.2")
def test_its_publishing_workflow_is_replaced_in_its_file_and_environment(target: Adoption) -> None:
    files = sorted(p.name for p in (target.root / ".github/workflows").iterdir())
    assert files == ["ci.yml", "publish.yml"]
    workflow = YAML(typ="safe").load(target.root / ".github/workflows/publish.yml")
    assert workflow["permissions"] == {}
    assert environment_of(workflow["jobs"]["publish-pypi"]) == "pypi"
    assert "keeps matching" in target.output


@pytest.mark.requirement("P3.9")
def test_the_check_of_the_branch_is_off_because_its_last_tags_are_elsewhere(target: Adoption) -> None:
    assert answers_of(target.root)["release_branches"] == ""
    assert "v0.2.4, v0.2.5 are not" in target.output


def test_its_answers_come_from_the_repository(target: Adoption) -> None:
    answers = answers_of(target.root)
    expected = {
        "adopted": True,
        "project_name": "semantic-model-generator",
        "import_name": "semantic_model_generator",
        "repository_owner": "octo-org",
        "repository_name": "semantic-model-generator",
        "release_workflow": "publish.yml",
        "ci_workflow": "ci.yml",
        "ci_commands": [],
        "ci_pythons": ["3.11", "3.12"],
        "changelog_file": ".planning/MILESTONES.md",
        "tag_prefix": "v",
        "testpypi_environment": "testpypi",
        "pypi_environment": "pypi",
    }
    assert {key: answers[key] for key in expected} == expected


def test_its_answers_keep_the_pins_that_its_files_have(target: Adoption) -> None:
    """Tools of a CI that was rendered, as mypy, are none of an adopted package's."""
    stored = answers_of(target.root)["stored_pins"]
    assert isinstance(stored, dict)
    workflow = (target.root / ".github/workflows/publish.yml").read_text()
    assert {name for name, pin in stored.items() if str(pin) in workflow} == set(stored)


def test_files_that_it_lacks_are_not_added(target: Adoption) -> None:
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        assert not (target.root / name).exists()


@pytest.mark.requirement("P7.1", "T5")
def test_its_milestones_become_its_release_notes(adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy("target", tmp_path).root
    script = root / ".github/release/release_notes.py"
    done = subprocess.run(
        [sys.executable, str(script), "v0.2.0"], cwd=root, capture_output=True, text=True, check=False
    )
    assert "Relationships are inferred" in done.stdout
    done = subprocess.run(
        [sys.executable, str(script), "v0.2.6"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "'## 0.2.6' in .planning/MILESTONES.md" in done.stderr
    assert "See: RELEASING.md, 'Release notes'" in done.stderr


@pytest.mark.parametrize("shape", ["target", "poetry-1", "monorepo"])
def test_running_it_again_changes_nothing(shape: str, adoptions: Adoptions, tmp_path: Path) -> None:
    made = adoptions.copy(shape, tmp_path)
    before = tree_of(made.root)
    status, output = run_adopt(made.root, "--yes", "--template", str(adoptions.template))
    assert (status, tree_of(made.root)) == (1, before)  # uncommitted still
    assert "uncommitted change" in output
    commit_all(made.root, "build: release by tag")
    status, output = run_adopt(made.project, "--yes", "--template", str(adoptions.template))
    assert (status, tree_of(made.root)) == (0, before)
    assert output.startswith("Nothing to do")


@pytest.mark.requirement("B3", "B5")
@pytest.mark.parametrize("shape", ["target", "several-publishers", "monorepo", "namespace"])
def test_an_update_needs_no_trust_and_meets_no_conflict(
    shape: str, adoptions: Adoptions, tmp_path: Path
) -> None:
    made = adoptions.copy(shape, tmp_path)
    commit_all(made.root, "build: release by tag")
    before = tree_of(made.root)
    newer = tmp_path / "newer"
    git(tmp_path, "clone", "--quiet", str(adoptions.template), str(newer))
    script = newer / "template/.github/release/check_tag.py"
    script.write_text(script.read_text() + "\n# A newer line.\n")
    (newer / "template/NEWS.md.jinja").write_text("A file for new packages.\n")
    commit_all(newer, "feat: newer", tag="v1.1.0")
    for name in (".copier-answers.yml", ".github/release/settings.toml"):
        path = made.root / name
        path.write_text(path.read_text().replace(adoptions.template.as_uri(), newer.as_uri()))
        before[name] = path.read_bytes()
    commit_all(made.root, "chore: the template has moved")
    run_update(made.root, defaults=True, overwrite=True, quiet=True, unsafe=False)
    after = tree_of(made.root)
    changed = {n for n in before | after if before.get(n) != after.get(n)}
    settings = ".github/release/settings.toml"
    assert changed == {".copier-answers.yml", ".github/release/check_tag.py", settings}
    now, then = (tomllib.loads(tree[settings].decode()) for tree in (after, before))
    assert now["template"] == {"url": newer.as_uri(), "commit": git(newer, "rev-parse", "HEAD")}
    assert now | {"template": then["template"]} == then
    assert not any(b"<<<<<<<" in data or name.endswith(".rej") for name, data in after.items())


def test_a_second_package_of_a_repository_is_refused(adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy("monorepo", tmp_path).root
    commit_all(root, "build: release by tag")
    status, output = run_adopt(root / "packages/other", "--yes", "--template", str(adoptions.template))
    assert status == 1
    assert "belongs to the package in packages/demo" in output


def test_a_dry_run_shows_the_change_and_makes_none(adoptions: Adoptions, tmp_path: Path) -> None:
    root = make("target", tmp_path)
    before = tree_of(root)
    status, output = run_adopt(root, "--dry-run", "--template", str(adoptions.template))
    assert status == 0
    assert tree_of(root) == before
    assert git(root, "status", "--porcelain") == ""
    assert "+[tool.hatch.build.targets.sdist]" in output
    assert "Nothing has changed" in output


def test_without_a_terminal_nothing_changes_unless_yes_is_given(adoptions: Adoptions, tmp_path: Path) -> None:
    root = make("target", tmp_path)
    before = tree_of(root)
    status, output = run_adopt(root, "--template", str(adoptions.template))
    assert (status, tree_of(root)) == (1, before)
    assert "Nobody can be asked" in output


def test_issues_are_opened_only_for_who_asks(target: Adoption, adoptions: Adoptions, tmp_path: Path) -> None:
    watch = ".github/workflows/release-watch.yml"
    assert answers_of(target.root)["release_issues"] is False
    assert not (target.root / watch).exists()
    assert "report" not in YAML(typ="safe").load(target.root / ".github/workflows/publish.yml")["jobs"]
    root = make("target", tmp_path)
    status, output = run_adopt(root, "--yes", "--issues", "--template", str(adoptions.template))
    assert status == 0
    assert "opens an issue for a newer" in output
    assert (root / watch).is_file()
    assert "report" in YAML(typ="safe").load(root / ".github/workflows/publish.yml")["jobs"]


def test_names_with_brackets_and_control_characters_are_shown_as_they_are(
    adoptions: Adoptions, tmp_path: Path
) -> None:
    root = make("uv-build", tmp_path)
    ci = root / ".github/workflows/ci.yml"
    ci.rename(ci.with_name("[red]x[bold].yml"))
    ignored = root / ".gitignore"
    ignored.write_text(ignored.read_text() + "\x1b[2J\n")
    commit_all(root, "ci: odd")
    status, output = run_adopt(root, "--dry-run", "--template", str(adoptions.template))
    assert status == 0, output
    assert "[red]x[bold].yml" in output
    assert "\x1b" not in output
    assert " \\x1b[2J" in output


@pytest.mark.parametrize("answers", [{}, {"project_name": "demo-pkg", "layout": "flat"}])
@pytest.mark.parametrize("shape", ["setuptools-cfg", "uv-build", "flat"])
def test_a_plain_copy_over_a_package_replaces_no_file(
    shape: str, answers: dict[str, str], adoptions: Adoptions, tmp_path: Path
) -> None:
    root = make(shape, tmp_path)
    for name in ("RELEASING.md", ".github/workflows/release.yml", ".github/release/release_lib/step.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("ours\n")
    before = tree_of(root)
    run_copy(str(adoptions.template), root, data=answers, defaults=True, overwrite=True, quiet=True)
    after = tree_of(root)
    assert {n: after[n] for n in before} == before
    added = set(after) - set(before)
    assert all(n.startswith((".github/", ".copier-answers", "RELEASING.md")) for n in added)


def test_the_tool_finds_the_template_that_it_was_installed_from(tmp_path: Path) -> None:
    """Installed from a clone with git+, as people install it; the answers name the clone's address."""
    origin = tmp_path / "origin"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(origin))
    for name in ("copier.yml", "pyproject.toml"):
        (origin / name).write_bytes((ROOT / name).read_bytes())
    for name in ("extensions", "template"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(origin)], check=True)
    commit = commit_all(origin, "feat: as it is now")
    root = make("target", tmp_path)
    command = [
        "uvx",
        "--quiet",
        "--from",
        f"copier-pypi-release[adopt] @ git+{origin.as_uri()}",
        "copier-pypi-release",
        "adopt",
        "--yes",
        ".",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = answers_of(root)
    assert answers["_src_path"] == f"git+{origin.as_uri()}"
    assert str(answers["_commit"]).split("-g")[-1] == commit[: len(str(answers["_commit"]).split("-g")[-1])]
    commit_all(root, "build: release by tag")
    (origin / "template/.github/release/check_tag.py").write_text("# newer\n")
    commit_all(origin, "feat: newer")
    run_update(root, defaults=True, overwrite=True, quiet=True, unsafe=False, vcs_ref="HEAD")
    assert (root / ".github/release/check_tag.py").read_text() == "# newer\n"


def test_a_dry_run_writes_nothing_at_all(adoptions: Adoptions, tmp_path: Path) -> None:
    root = make("no-tests", tmp_path)
    (root / "README.md").touch()  # git would note in its index that the file is as it was

    def everything() -> dict[str, tuple[bytes, int]]:
        files = [p for p in root.rglob("*") if p.is_file()]
        return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}

    before = everything()
    status, output = run_adopt(root, "--dry-run", "--template", str(adoptions.template))
    assert status == 0, output
    assert everything() == before


@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, "x = " + "(" * 3000 + ")" * 3000, "\0"])
def test_what_is_nested_deeply_is_no_traceback(text: str, adoptions: Adoptions, tmp_path: Path) -> None:
    root = make("no-tests", tmp_path)
    (root / "src/demo_pkg/version.py").write_text(text)
    commit_all(root, "feat: odd")
    status, output = run_adopt(root, "--dry-run", "--template", str(adoptions.template))
    assert status == 0, output


def test_a_shallow_checkout_builds_as_before(adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy("setuptools-pyproject", tmp_path).root
    commit_all(root, "build: release by tag")
    git(tmp_path, "clone", "--quiet", "--depth=1", root.as_uri(), str(tmp_path / "shallow"))
    assert build_wheel(tmp_path / "shallow", tmp_path / "dist").version.is_devrelease
