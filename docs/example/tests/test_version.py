"""The version is the same wherever it is stated, and is the version of this commit."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import demo_pkg as package

DISTRIBUTION = "demo-pkg"
ROOT = Path(__file__).resolve().parents[1]
STALE = "this is not the commit that was installed: run `uv sync` (or `pip install --editable .`)"


def git(*arguments: str) -> str:
    program = shutil.which("git")
    assert program, "a clone needs git on PATH"
    command = [program, "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_package_and_metadata_state_the_same_version() -> None:
    assert package.__version__ == importlib.metadata.version(DISTRIBUTION)


def test_an_editable_install_is_not_stale() -> None:
    """A new commit needs a new install, or the version is that of an older one."""
    if not (ROOT / ".git").exists():  # an unpacked sdist: the wheel is tested, not these files
        assert not Path(package.__file__).is_relative_to(ROOT)
    elif commit := re.search(r"\+g([0-9a-f]+)", package.__version__):
        assert git("rev-parse", "HEAD").startswith(commit[1]), STALE
    else:  # installed exactly at a tag
        tag = f"v{package.__version__}"
        assert tag in git("tag", "--points-at", "HEAD").split(), STALE
