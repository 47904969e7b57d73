"""The tool's own release, executed: this repository as it is, by the workflow that it renders for itself."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from emulator.fixtures import CACHE, HERE, TOOLS, script_requirements, tool_requirements
from emulator.wheelhouse import fill_all
from support.own_release import SETTINGS, rendered
from support.rendering import ROOT, git

from drill.maintainer import OWNER, Maintainer
from drill.test_adopted import SHORT_CI

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

NAME = "copier-pypi-release"


@pytest.fixture(scope="session")
def wheelhouse() -> Path:
    """What the release scripts and the tool install."""
    return fill_all([script_requirements() | set(TOOLS), tool_requirements()], CACHE / "wheelhouse")


@pytest.mark.requirement("B1", "B9", "P8.1", "P1.1")
def test_the_tool_is_released_by_what_it_renders(new_sandbox: Sandbox, template: Path) -> None:
    """A tag of this repository, whose CI has passed: a distribution on both indexes, and a draft."""
    project = Maintainer(new_sandbox, tag="v0.1.0", name=NAME)
    new_sandbox.github.create_repo(OWNER, NAME)
    for path in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if path and (ROOT / path).is_file():
            (project.clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, project.clone / path)
    for path, text in rendered(template, OWNER).items():
        (project.clone / path).write_text(text, encoding="utf-8")
    settings = (project.clone / SETTINGS).read_text(encoding="utf-8")
    settings = re.sub(r"(?m)^pythons = .*", f'pythons = ["{HERE}"]', settings)  # the one of this machine
    (project.clone / SETTINGS).write_text(settings, encoding="utf-8")
    (project.clone / ".github/workflows/ci.yml").write_text(SHORT_CI, encoding="utf-8")
    changelog = project.clone / "CHANGELOG.md"
    notes = changelog.read_text(encoding="utf-8").replace("## Unreleased", "## Unreleased\n\n## 0.1.0", 1)
    changelog.write_text(notes, encoding="utf-8")
    project.shell(
        "git init --quiet && git add --all && git commit --quiet --message 'feat: first'",
        f"git remote add origin https://github.com/{project.repository}",
        "git config credential.helper '!gh auth git-credential'",
        "git push --quiet --set-upstream origin main",
    )
    for index, environment in zip(("testpypi", "pypi"), project.environments, strict=True):
        project.register_publisher(index, environment)  # type: ignore[arg-type]
    project.release().approve().is_released(twice=False)
    assert "CI has passed on this commit" in project.log("gate")
    assert sorted(project.served("pypi")) == [
        "copier_pypi_release-0.1.0-py3-none-any.whl",
        "copier_pypi_release-0.1.0.tar.gz",
    ]
