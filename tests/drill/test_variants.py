"""Every distinct release workflow that the choices can render goes from tag to draft."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from emulator.fixtures import CACHE, run_one_leg
from emulator.interpreters import stand_in
from emulator.sandbox import Sandbox
from support.rendering import render

from drill.maintainer import OWNER, Maintainer, errors_of

if TYPE_CHECKING:
    from pathlib import Path

    from drill.conftest import Checkpoints

HERE = sys.version_info.minor  # the runner's own Python is this one
NEWER = f"3.{max(14, HERE + 1)}"
AWKWARD = {"testpypi_environment": "test pypi/2", "pypi_environment": "PyPI (production)"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "every Python": ("v0.1.0", {"type_checker": "none"}),  # mypy is compiled, for one Python each
    "towncrier, no issues": (
        "v0.1.0",
        {"release_notes": "towncrier", "release_issues": False, "layout": "flat", "command_line": True},
    ),
    "git-cliff, prefix and environments of its own": (
        "my-package/v0.1.0",
        {
            "release_notes": "git-cliff",
            "tag_prefix": "my-package/v",
            "release_branches": "main release/*",
            **AWKWARD,
        },
    ),
    "no prefix, any branch, a Python newer than the runner's": (
        "0.1.0",
        {"tag_prefix": "", "release_branches": "", "type_checker": "none", "lowest_python": NEWER},
    ),
}


@pytest.mark.requirement("P1.6", "P4.4", "P7.3", "P8.1", "P9.2", "B1")
@pytest.mark.parametrize(("tag", "answers"), VARIANTS.values(), ids=VARIANTS.keys())
def test_a_variant_is_released(
    checkpoints: Checkpoints, template_repository: Path, tmp_path: Path, tag: str, answers: dict[str, Any]
) -> None:
    """What the choices change is released as the defaults are; CI is green, executed for real."""
    package = render(template_repository, tmp_path / "demo-pkg", {"repository_owner": OWNER, **answers})
    if answers.get("release_notes") == "towncrier":
        has_fragments_alone(package)
    python = answers.get("lowest_python", f"3.{HERE}")
    if len(answers) > 1:
        run_one_leg(package, python)
    pythons = [stand_in(f"3.{minor}", CACHE / "pythons") for minor in range(11, 16) if minor != HERE]
    with Sandbox(
        tmp_path / "sandbox",
        wheelhouse=checkpoints.wheelhouse,
        uv_cache=checkpoints.uv_cache,
        pythons=pythons,
    ) as sandbox:
        project = Maintainer.create(
            sandbox,
            package,
            tag_prefix=tag.removesuffix("0.1.0"),
            environments=(
                answers.get("testpypi_environment", "testpypi"),
                answers.get("pypi_environment", "pypi"),
            ),
        )
        project.wait()
        (ci,) = sandbox.github.runs(workflow="ci.yml")
        said = sandbox.github.log(ci["id"])
        assert ci["conclusion"] == "success", errors_of(said)
        assert f"-- Python {python}.0, pytest-" in said or python == f"3.{HERE}", "the package's tests"
        project.tag = tag
        if answers.get("release_notes") == "git-cliff":
            is_maintained_beside(project, "my-package/v0.2.0")
        if "release_notes" in answers:
            project.type_release("y", "y", "y")
        else:
            project.release(tag).approve()
        project.is_released(twice=False)
        release = project.github_release()
        assert release is not None
        assert release["body"].startswith("### Features\n")
        if "release_notes" in answers:
            newest = "false" if answers["release_notes"] == "git-cliff" else "true"
            assert (release["draft"], release["make_latest"]) == (False, newest)


def has_fragments_alone(package: Path) -> None:
    """Let the notes of the first version wait in a news fragment, for `release` to join them."""
    changelog = package / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.partition("## 0.1.0")[0], encoding="utf-8")
    (package / "changelog.d/+first.feature.md").write_text("The first release.\n", encoding="utf-8")


def is_maintained_beside(project: Maintainer, newer: str) -> None:
    """Release from a branch of its own, while a newer version is out."""
    bare = project.sandbox.github.git_dir(project.repository)
    project.shell("git branch release/0.1")
    project.commit("feat: newer")
    project.push_unseen(newer)
    project.shell(
        f"gh release create {newer} --notes Newer.",
        f"git -C {bare} fetch --quiet {project.clone} release/0.1:release/0.1",
        "git fetch --quiet && git switch --quiet release/0.1",
    )
