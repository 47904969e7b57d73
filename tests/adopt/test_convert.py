"""What a converter takes for granted, and what it refuses."""

from __future__ import annotations

import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt import plan
from copier_pypi_release.adopt.convert.setuptools import read_setup
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.wheels import read_wheel
from copier_pypi_release.workflow_files import load
from support.rendering import commit_all, git

from adopt.adoption import adopt_repository, run_adopt
from adopt.fixtures import PROJECT, UV_TABLE, common, repository

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B2")

GUARD = (
    "import sys\nfrom setuptools import setup\n\nif sys.version_info < (3, 8):\n    sys.exit('too old')\n\n"
)
FANCY = """\
[build-system]
requires = ["hatchling", "hatch-vcs", "hatch-fancy-pypi-readme>=24"]
build-backend = "hatchling.build"

[tool.hatch.version]
source = "vcs"

[tool.hatch.metadata.hooks.fancy-pypi-readme]
content-type = "text/markdown"

[[tool.hatch.metadata.hooks.fancy-pypi-readme.fragments]]
path = "README.md"

[[tool.hatch.metadata.hooks.fancy-pypi-readme.fragments]]
text = "And more, in $HFPR_VERSION."

[tool.hatch.build.targets.wheel]
packages = ["src/demo_pkg"]

"""


def test_a_guard_before_a_bare_setup_decides_nothing() -> None:
    assert read_setup(f"{GUARD}setup()\n") == {}
    with pytest.raises(AdoptionError, match="decides while it runs"):
        read_setup(f"{GUARD}setup(name='demo')\n")


def test_build_plugins_stay_and_are_pinned_by_hash(tmp_path: Path, template_repository: Path) -> None:
    project = PROJECT.replace(
        'version = "1.4.2"  # keep in step with the code', 'dynamic = ["version", "readme"]'
    )
    project = project.replace('readme = "README.md"\n', "")
    root = repository(
        tmp_path / "demo-pkg",
        {**common(), "pyproject.toml": FANCY + project, ".github/release.yml": "changelog:\n"},
    )
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    pins = (root / ".github/release/build-constraints-own.txt").read_text()
    assert "hatch-fancy-pypi-readme==" in pins
    assert "--hash=sha256:" in pins
    assert "hatchling==" in pins  # a release takes this file instead of the template's
    commit_all(root, "build: release by tag", tag="v2.0.0")
    done = subprocess.run(
        ["uv", "run", "--quiet", ".github/release/build_distributions.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "demo_pkg-2.0.0-py3-none-any.whl" in done.stdout
    assert git(root, "status", "--porcelain") == ""


def with_submodules(folder: Path, pyproject: str) -> Path:
    """A package with another repository in it, which has one itself; what is built has the files of both."""
    added = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    for name, inner in (("names", ""), ("zones", "names")):
        repository(folder / name, {f"{name}.json": "{}\n"}, tags=())
        if inner:
            git(folder / name, *added, str(folder / inner), inner)
            commit_all(folder / name, "feat: more")
    root = repository(folder / "demo-pkg", {**common(), "pyproject.toml": pyproject})
    git(root, *added, str(folder / "zones"), "src/demo_pkg/zones")
    fetch = ("submodule", "--quiet", "update", "--init", "--recursive")
    git(root, "-c", "protocol.file.allow=always", *fetch)
    commit_all(root, "feat: zones")
    git(root, "tag", "--force", "v1.4.2")
    return root


@pytest.mark.requirement("P3.11")
def test_what_a_submodule_brings_is_there_afterwards(tmp_path: Path, template_repository: Path) -> None:
    root = with_submodules(tmp_path, UV_TABLE + PROJECT)
    made = adopt_repository("no-tests", root, tmp_path, template_repository)
    assert made.status == 0, made.output
    inside = {"demo_pkg/zones/zones.json", "demo_pkg/zones/names/names.json"}
    before, after = (read_wheel(wheel) for wheel in (made.before, made.after))
    assert inside <= set(before.files)
    assert set(after.files) - set(before.files) == {"demo_pkg/_version.py"}
    with tarfile.open(made.sdists[1]) as sdist:
        assert {f"demo_pkg-2.0/src/{name}" for name in inside} <= set(sdist.getnames())
    release = load(root / ".github/workflows/publish.yml")
    checkouts = [dict(step["with"]) for _, step in release.using("actions/checkout")]
    fetched = {(one.get("path"), one.get("submodules")) for one in checkouts}
    assert fetched == {("source", "recursive"), (None, None)}  # the others get the release's scripts alone
    assert "- .github/workflows/publish.yml: replaced in place: a trusted publisher" in made.output
    assert "; it fetches the submodules" in made.output
    assert git(root, "submodule", "status", "--recursive").count("\n") == 1  # as they were


def test_a_submodule_that_was_not_fetched_is_not_missed(tmp_path: Path) -> None:
    """What users build of that tree has no file of it."""
    root = with_submodules(tmp_path, UV_TABLE + PROJECT)
    git(root, "submodule", "--quiet", "deinit", "--all", "--force")
    clone = plan._clone(root, tmp_path / "clone")  # noqa: SLF001  (what an adoption builds)
    assert list((clone / "src/demo_pkg/zones").iterdir()) == []
    assert plan.submodules(clone) == ["src/demo_pkg/zones"]
