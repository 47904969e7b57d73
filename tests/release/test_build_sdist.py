"""build_sdist.py: the sdist of a compiled package, and the plan that the real cibuildwheel makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build_sdist
import pytest
from support.compiled import PLAN
from support.rendering import commit_all, git

from release.outcomes import recovery

if TYPE_CHECKING:
    from pathlib import Path

    from release.conftest import RunStep


@pytest.fixture
def clone(compiled_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the compiled package at v0.1.0; the current folder."""
    folder = tmp_path / "clone"
    git(compiled_package, "clone", "--quiet", str(compiled_package), str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TAG", raising=False)
    return folder


@pytest.mark.requirement("B10", "P1.4")
def test_the_sdist_is_built_and_every_platform_planned(
    clone: Path, run_step: RunStep, tmp_path: Path
) -> None:
    """For platforms that this machine is not."""
    done = run_step(build_sdist, "--out", tmp_path / "dist", *PLAN)
    assert done.status == 0, done.errors
    assert [path.name for path in (tmp_path / "dist").glob("[!.]*")] == ["demo_pkg-0.1.0.tar.gz"]
    assert json.loads(done.outputs["plan"]) == PLAN
    assert done.outputs["time"] == git(clone, "log", "-1", "--format=%ct")
    assert done.outputs["hashes"].endswith("  demo_pkg-0.1.0.tar.gz")
    assert "cp315t-win_arm64" in done.summary


@pytest.mark.requirement("P3.11")
def test_contents_that_git_keeps_elsewhere_are_not_built_in_ci_either(clone: Path, run_step: RunStep) -> None:
    (clone / "src/demo_pkg/zones").write_text("version https://git-lfs.github.com/spec/v1\n")
    commit_all(clone)
    lines = run_step(build_sdist, "--out", "../dist", "linux-x86_64").lines
    assert lines[0].startswith("This checkout lacks the contents of src/demo_pkg/zones (")


@pytest.mark.requirement("B10")
def test_a_platform_for_which_nothing_would_be_built_is_named(
    clone: Path, run_step: RunStep, tmp_path: Path
) -> None:
    with (clone / "pyproject.toml").open("a") as file:
        file.write('\n[tool.cibuildwheel.linux]\nbuild = "none*"\n')
    git(clone, "commit", "--quiet", "--all", "--message", "feat: no Linux")
    done = run_step(build_sdist, "--out", tmp_path / "dist", "linux-x86_64")
    assert done.status == 1
    assert "linux-x86_64" in done.lines[0] or "cibuildwheel" in done.lines[0]
    assert done.lines[3] == recovery("build")
