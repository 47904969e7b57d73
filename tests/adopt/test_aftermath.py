"""What an adoption has an effect on is named, with its line or its command."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
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


def test_what_reads_a_version_that_was_text_is_named(tmp_path: Path, template_repository: Path) -> None:
    """A build hook goes on to make its files; news that waits is for the next version."""
    root = make("hatch-static", tmp_path)
    hook = """\
        from pathlib import Path

        from hatchling.builders.hooks.plugin.interface import BuildHookInterface


        class Messages(BuildHookInterface):
            def initialize(self, version, build_data):
                Path(self.root, "demo_pkg/messages.mo").write_bytes(b"compiled")
        """
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
    tables = """
[tool.hatch.build]
artifacts = ["*.mo"]

[tool.hatch.build.hooks.custom]

[tool.towncrier]
package = "demo_pkg"
directory = "news"
filename = "CHANGELOG.md"
"""
    write(
        root,
        {
            "pyproject.toml": pyproject + tables,
            "hatch_build.py": textwrap.dedent(hook),
            ".gitignore": "*.mo\n",
            "demo_pkg/meta.py": '__version__ = "1.4.2"\n',
            "demo_pkg/data/VERSION": "1.4.2\n",
            "news/7.feature.md": "- For the next version.\n",
            "CHANGELOG.md": "# Changelog\n\n## demo_pkg 1.4.2 (2026-01-01)\n\n- First.\n",
            ".bumpversion.cfg": "[bumpversion]\n\n[bumpversion:file:demo_pkg/__init__.py]\n",
            "Makefile": "lint:\n\truff check demo_pkg/__init__.py\n",
        },
    )
    commit_all(root, "chore: more")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    told = "Correct what reads the version in demo_pkg/__init__.py, where it is no text any more: "
    assert f"{told}.bumpversion.cfg:3 ([bumpversion:file:demo_pkg/__init__.py])." in output
    assert "from ._version import __version__" in (root / "demo_pkg/meta.py").read_text(encoding="utf-8")
    stale = "Take from importlib.metadata.version('demo-pkg') what demo_pkg/data/VERSION states"
    assert f"{stale}: as text it would go on to be 1.4.2, whatever is released." in output
    assert "No notes could be read" not in output


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
