"""What a converter takes for granted, and what it refuses."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.convert.setuptools import read_setup
from copier_pypi_release.adopt.programs import AdoptionError
from support.rendering import commit_all, git

from adopt.adoption import run_adopt
from adopt.fixtures import PROJECT, common, repository

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


@pytest.mark.parametrize(
    "before",
    [
        GUARD,
        "try:\n    from setuptools import setup\nexcept ImportError:\n    from distutils.core import setup\n",
        "if found:\n    V = found[1]\nelse:\n    raise RuntimeError\n",
        "if sys.argv[-1] == 'publish':\n    os.system('twine upload dist/*')\n    sys.exit()\n",
    ],
)
def test_what_only_ends_a_setup_script_decides_nothing(before: str) -> None:
    assert read_setup(f"{before}setup()\n") == {}
    assert read_setup(f"{before}setup(name='demo')\n") == {"name": "demo"}


@pytest.mark.parametrize(
    "before",
    [
        "if sys.version_info < (3, 13):\n    requires.append('tomli')\n",
        "if windows:\n    requires = ['a']\nelse:\n    requires = ['b']\n",
        "try:\n    import numpy\nexcept ImportError:\n    requires = []\n",
        "for name in names:\n    print(name)\n",
    ],
)
def test_what_decides_in_a_setup_script_is_refused(before: str) -> None:
    with pytest.raises(AdoptionError, match="decides while it runs"):
        read_setup(f"{before}setup(name='demo')\n")


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
