"""What an adoption has an effect on is named, with its line or its command."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt.aftermath import locks
from support.rendering import commit_all
from uv import find_uv_bin

from adopt.adoption import run_adopt
from adopt.fixtures import make, repository, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B11")


def test_what_was_broken_or_made_stale_is_named(tmp_path: Path, template_repository: Path) -> None:
    root = make("setuptools-cfg", tmp_path)
    write(
        root,
        {
            "Makefile": "all:\n\tpython setup.py sdist\n\tgrep version src/demo_pkg/_version.py\n",
            "src/demo_pkg/_version.py": '__version__ = "1.4.2"\n',
            "uv.lock": "version = 1\n",
            ".pre-commit-config.yaml": "repos:\n- repo: x\n  hooks:\n  - id: black\n  - id: ruff-format\n",
            "tox.ini": "[testenv:lint]\ncommands =\n    flake8 --max-line-length 99 .\n    flake8 src\n",
            "CHANGELOG.md": "# Changelog\n\n#### [1.4.2]\n\n- First.\n",
        },
    )
    commit_all(root, "chore: more")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    assert "Correct what names setup.py, which is gone: Makefile:2 (python setup.py sdist)." in output
    written = "src/demo_pkg/_version.py, which is in no checkout, because the build writes it:"
    assert f"Correct what names {written} Makefile:3 (grep version src/demo_pkg/_version.py)." in output
    assert "Renew uv.lock, which does not fit pyproject.toml any more: uv lock" in output
    flat = " ".join(output.split())
    assert ".pre-commit-config.yaml:4 black; tox.ini:3 (flake8 --max-line-length 99 .) would look at" in flat
    assert "uv run .github/release/tool.py watch --list-known" in flat
    assert "No notes could be read for 1.4.2: There are no release notes for 1.4.2" in flat


def test_a_lock_file_that_fits_is_not_named(tmp_path: Path) -> None:
    """Only a change of what it depends on makes it stale."""
    project = '[project]\nname = "demo"\nversion = "{}"\nrequires-python = ">=3.11"\n'
    files = {"pyproject.toml": project.format("1.0"), "poetry.lock": "x"}
    root = repository(tmp_path / "demo", files, tags=())
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=root, check=True)
    changed = tmp_path / "changed"
    shutil.copytree(root, changed)
    found: Any = SimpleNamespace(root=root, project=root, folder="")
    write(changed, {"pyproject.toml": f"{project.format('1.0')}[tool.hatch]\n"})
    assert locks(found, changed) == []
    write(changed, {"pyproject.toml": project.format("1.1")})
    assert [line.rpartition(": ")[2] for line in locks(found, changed)] == ["uv lock", "poetry lock"]
