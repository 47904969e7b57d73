"""This repository is released by its own workflow and scripts; tests/drill/test_own_release.py does it.

``uv run pytest tests/release/test_own_release.py --refresh-docs`` renders them again.
"""

from __future__ import annotations

import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from packaging.requirements import Requirement
from support.own_release import FOLDERS, RECORDED, SETTINGS, rendered
from support.rendering import ROOT, commit_all, git

if TYPE_CHECKING:
    from pathlib import Path

TOOL = ("extensions", "template/.github/release", "pyproject.toml")  # what it is built from


@pytest.mark.requirement("B9", "X9")
def test_our_release_is_the_rendered_one(template: Path, request: pytest.FixtureRequest) -> None:
    settings = ROOT / SETTINGS
    if request.config.getoption(
        "--refresh-docs"
    ):  # the newest commit that changed the tool is the one to run
        newest = git(ROOT, "log", "-1", "--format=%H", "--", *TOOL)
        text = RECORDED.sub(f'commit = "{newest}"', settings.read_text(encoding="utf-8"))
        settings.write_text(text, encoding="utf-8")
    wanted = rendered(template)
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS).splitlines()
    if request.config.getoption("--refresh-docs"):
        for path in set(listed) - wanted.keys():
            (ROOT / path).unlink(missing_ok=True)
        for path, text in wanted.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")
    found = {path: (ROOT / path).read_text(encoding="utf-8") for path in wanted if (ROOT / path).is_file()}
    differing = [path for path in wanted if found.get(path) != wanted[path]]
    assert differing == [], (
        "render them again: uv run pytest tests/release/test_own_release.py --refresh-docs"
    )
    assert {path for path in listed if (ROOT / path).is_file()} <= wanted.keys()


@pytest.mark.requirement("B9")
def test_the_tool_that_releases_us_is_a_commit_of_ours() -> None:
    table = tomllib.loads((ROOT / SETTINGS).read_text(encoding="utf-8"))["template"]
    commit = table["commit"]
    assert table["url"] == "."
    assert git(ROOT, "merge-base", commit, "HEAD") == commit
    command = ["uv", "run", "--no-config", "--quiet", ".github/release/tool.py", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    version = done.stdout.split()[-1]
    assert f"+g{commit[:7]}" in version or git(ROOT, "tag", "--points-at", commit) == f"v{version}"


def lags(root: Path, commit: str) -> bool:
    """Whether the tool has changed between a commit and the newest release after it."""
    tags = git(root, "tag", "--merged", "HEAD", "--sort=-version:refname", "v[0-9]*").splitlines()
    return bool(tags) and git(root, "log", "-1", "--format=%H", f"{commit}..{tags[0]}", "--", *TOOL) != ""


def test_the_tool_that_releases_us_is_at_least_as_new_as_our_newest_release(tmp_path: Path) -> None:
    """What was released makes the next release."""
    commit = tomllib.loads((ROOT / SETTINGS).read_text(encoding="utf-8"))["template"]["commit"]
    assert not lags(ROOT, commit), "move it: CONTRIBUTING.md, 'Releasing the template'"
    first = commit_all(tmp_path, tag="v0.1.0")
    assert not lags(tmp_path, first)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    second = commit_all(tmp_path, "feat: newer")
    assert not lags(tmp_path, first), "not released yet"
    git(tmp_path, "tag", "v0.2.0")
    assert lags(tmp_path, first)
    assert not lags(tmp_path, second)


@pytest.mark.requirement("C2", "C3", "C6", "C9")
def test_our_doctor_finds_nothing_wrong_with_us() -> None:
    findings = doctor.find(read_context(ROOT, ROOT))
    findings = [f for f in findings if f.check != "release-branches"]  # of whatever this was cloned from
    assert [f"{f.title}: {f.found}" for f in findings if f.result is Result.FAIL] == []
    assert sum(f.result is Result.PASS for f in findings) > 30


def test_the_tool_has_in_its_sdist_what_its_wheel_is_built_from() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    packages = build["targets"]["wheel"]["packages"]
    assert {f"/{package}" for package in packages} <= set(build["targets"]["sdist"]["include"])


@pytest.mark.requirement("X11")
def test_our_tool_is_built_by_what_a_release_pins() -> None:
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    pins = (ROOT / ".github/release/build-constraints.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in pins.splitlines() if "==" in line}
    assert {Requirement(text).name for text in system["requires"]} <= pinned
