"""What cannot be adopted is left alone, with a sentence that says why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.wheels import build_wheel
from support.rendering import commit_all, git

from adopt.adoption import run_adopt
from adopt.fixtures import PROJECT, REFUSED, common, make, repository, write
from adopt.test_target import tree_of

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.adopt.wheels import Wheel

pytestmark = pytest.mark.requirement("B2")


def refused(root: Path, template: Path, *options: str) -> str:
    """Adopt, see it refused with four lines and nothing changed, and return the first."""
    before = tree_of(root)
    state = git(root, "status", "--porcelain") if (root / ".git").exists() else ""
    status, output = run_adopt(root, "--yes", "--template", str(template), *options)
    assert status == 1
    assert tree_of(root) == before
    assert not (root / ".git").exists() or git(root, "status", "--porcelain") == state
    lines = [line for line in output.rstrip("\n").split("\n") if not line.endswith(" ...")]  # what was begun
    assert len(lines) == 4, output
    assert [line.split(":")[0] for line in lines[1:]] == ["Expected", "Fix", "See"]
    return lines[0]


@pytest.mark.parametrize("shape", REFUSED)
def test_a_refusal_says_why(shape: str, tmp_path: Path, template_repository: Path) -> None:
    assert REFUSED[shape][1] in refused(make(shape, tmp_path), template_repository)


def test_a_folder_without_git_is_refused(tmp_path: Path, template_repository: Path) -> None:
    root = write(tmp_path / "plain", {"pyproject.toml": "[project]\nname = 'x'\n"})
    assert "is not in a git repository" in refused(root, template_repository)


def test_a_repository_without_a_project_is_refused(tmp_path: Path, template_repository: Path) -> None:
    root = repository(tmp_path / "empty", {"notes.txt": "nothing\n"}, tags=())
    assert "holds no Python project" in refused(root, template_repository)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    status, output = run_adopt(tmp_path / "nowhere", "--yes")
    assert status == 1
    assert output.startswith(f"The folder {tmp_path / 'nowhere'} does not exist")


def test_a_repository_that_is_not_on_github_is_refused(tmp_path: Path, template_repository: Path) -> None:
    root = make("nameless", tmp_path)
    git(root, "remote", "add", "origin", "https://ada:secret@gitlab.com/octo-org/demo-pkg.git")
    assert "its remote is https://gitlab.com" in refused(root, template_repository)


def test_a_releasing_page_of_the_users_own_is_refused(tmp_path: Path, template_repository: Path) -> None:
    root = make("target", tmp_path)
    write(root, {"RELEASING.md": "Ours.\n"})
    commit_all(root, "docs: ours")
    assert "The repository has a RELEASING.md" in refused(root, template_repository)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nonsense", "Local template must be a directory"),
        ("git+{folder}/nowhere", "nowhere' does not exist"),
        ("{folder}", "no copier.yml that renders a release"),
    ],
)
def test_an_address_without_the_template_is_named(tmp_path: Path, address: str, reason: str) -> None:
    root = make("hatch-static", tmp_path)
    before = tree_of(root)
    status, output = run_adopt(root, "--yes", "--template", address.format(folder=tmp_path))
    said = " ".join(output.split())
    assert status == 1
    assert "cannot be used: " in said
    assert reason in said
    assert "Fix: adopt without --template" in said
    assert tree_of(root) == before


def test_a_conversion_that_would_lose_something_is_refused(
    tmp_path: Path, template_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(project: Path, out: Path, *, constraints: Path | None = None) -> Wheel:
        wheel = build_wheel(project, out, constraints=constraints)
        if constraints is not None:
            del wheel.metadata["requires_dist"]
        return wheel

    monkeypatch.setattr("copier_pypi_release.adopt.plan.build_wheel", lossy)
    problem = refused(make("no-remote", tmp_path), template_repository)
    assert "would not be the same" in problem
    assert "would lose" in problem


def test_a_wheel_that_the_sdist_does_not_give_is_refused(tmp_path: Path, template_repository: Path) -> None:
    """A release builds the one from the other; `uv build --wheel`, and many a workflow, does not."""
    build = '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"\n\n'
    tables = (
        '\n[tool.hatch.version]\nsource = "vcs"\n[tool.hatch.build.targets.sdist]\nexclude = ["*.json"]\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["src/demo_pkg"]\n'
    )
    project = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
    root = repository(tmp_path / "demo-pkg", {**common(), "pyproject.toml": build + project + tables})
    problem = refused(root, template_repository)
    assert "would not be the same: the wheel would lose demo_pkg/data/table.json" in problem


def test_a_project_that_does_not_build_is_refused(tmp_path: Path, template_repository: Path) -> None:
    root = make("uv-build", tmp_path)
    git(root, "rm", "--quiet", "-r", "src")
    commit_all(root, "chore: nothing left")
    assert "does not build as it is: Caused by: Expected a Python module" in refused(
        root, template_repository
    )


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"setup.py": "raise RuntimeError('no licence key')\n"}, "does not build as it is: .*no licence key"),
        (
            {"pyproject.toml": "[build-system]\nrequires = ['hatchling==99']\n"},
            "hatchling==99 and you require",
        ),
        ({".gitignore": "\udcfc/\n"}, "The build failed: .*codec can't decode byte 0xfc"),
    ],
)
def test_a_failed_build_shows_its_cause(
    files: dict[str, str], cause: str, tmp_path: Path, template_repository: Path
) -> None:
    root = make("flat", tmp_path)
    for name, text in files.items():
        (root / name).write_bytes(text.encode(errors="surrogateescape"))
    commit_all(root, "chore: broken")
    problem = refused(root, template_repository)
    assert re.search(cause, problem), problem
    assert "File " not in problem


@pytest.mark.parametrize(
    "name",
    [".github/release", ".github", "RELEASING.md", "pyproject.toml", ".gitignore", ".copier-answers.yml"],
)
def test_nothing_is_written_through_a_link(name: str, tmp_path: Path, template_repository: Path) -> None:
    root = make("no-tests", tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    there = outside / name.rpartition("/")[2]
    if (root / name).is_file():
        (root / name).replace(there)
    elif "." in name[1:]:
        there.write_text("theirs\n")
    else:
        there.mkdir()
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(there)
    commit_all(root, "chore: a link")
    before = tree_of(outside)
    assert f"{name} is a symbolic link" in refused(root, template_repository)
    assert "is a symbolic link" in refused(root, template_repository, "--dry-run")
    assert tree_of(outside) == before


def test_a_password_is_never_shown(tmp_path: Path, template_repository: Path) -> None:
    root = make("nameless", tmp_path)
    git(root, "remote", "add", "origin", "https://ada:s3cr@et@gitlab.com/octo-org/demo-pkg.git")
    status, output = run_adopt(root, "--yes", "--template", "https://ada:s3cr@et@example.org/template.git")
    assert status == 1
    assert "The address of the template has a password: https://example.org/template.git" in output
    assert "s3cr" not in output + refused(root, template_repository)
