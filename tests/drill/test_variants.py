"""Every distinct release workflow that the choices can render goes from tag to draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator.fixtures import run_one_leg
from support.rendering import render

from drill.maintainer import OWNER, Maintainer, errors_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

AWKWARD = {"testpypi_environment": "test pypi/2", "pypi_environment": "PyPI (production)"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "defaults, every Python": ("v0.1.0", {}),
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
    "no prefix, any branch": ("0.1.0", {"tag_prefix": "", "release_branches": "", "type_checker": "none"}),
}


@pytest.mark.requirement("P4.4", "P7.3", "P8.1", "P9.2", "B1")
@pytest.mark.parametrize(("tag", "answers"), VARIANTS.values(), ids=VARIANTS.keys())
def test_a_variant_is_released(
    new_sandbox: Sandbox, template_repository: Path, tmp_path: Path, tag: str, answers: dict[str, Any]
) -> None:
    """What the choices change is released as the defaults are; CI is green, executed for real."""
    package = render(template_repository, tmp_path / "demo-pkg", {"repository_owner": OWNER, **answers})
    if answers:
        run_one_leg(package)
    project = Maintainer.create(
        new_sandbox,
        package,
        tag_prefix=tag.removesuffix("0.1.0"),
        environments=(
            answers.get("testpypi_environment", "testpypi"),
            answers.get("pypi_environment", "pypi"),
        ),
    )
    project.wait()
    (ci,) = new_sandbox.github.runs(workflow="ci.yml")
    assert ci["conclusion"] == "success", errors_of(new_sandbox.github.log(ci["id"]))
    project.release(tag).approve().is_released(twice=False)
    release = project.github_release()
    assert release is not None
    assert release["body"].startswith("### Features\n")
