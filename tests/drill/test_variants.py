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
        project.release(tag).approve().is_released(twice=False)
        release = project.github_release()
        assert release is not None
        assert release["body"].startswith("### Features\n")
