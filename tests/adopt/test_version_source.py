"""A backend that takes the version from tags is known, stays, and builds a release with pins of its own."""

from __future__ import annotations

import subprocess
import tomllib
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.build_pins import renew
from copier_pypi_release.adopt.version_source import version_source
from support.rendering import commit_all, git

from adopt.adoption import run_adopt
from adopt.fixtures import CODE, PROJECT, common, repository, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B11")

DYNAMIC = '[project]\nname = "demo-pkg"\ndynamic = ["version"]\n'
STATIC = '[project]\nname = "demo-pkg"\nversion = "1.4.2"\n'


def build(backend: str, *requires: str) -> str:
    return f'[build-system]\nrequires = {list(requires)}\nbuild-backend = "{backend}"\n'


SETUPTOOLS = "setuptools.build_meta"


@pytest.mark.parametrize(
    ("pyproject", "files", "source"),
    [
        (
            build("hatchling.build", "hatchling", "hatch-vcs")
            + DYNAMIC
            + "[tool.hatch.version]\nsource = 'vcs'\n",
            {},
            "hatch-vcs",
        ),
        (
            build("hatchling.build", "hatchling", "hatch-vcs")
            + DYNAMIC
            + "[tool.hatch.version]\npath = 'a.py'\n",
            {},
            "",
        ),
        (
            build("hatchling.build", "hatchling", "hatch-nodejs-version")
            + DYNAMIC
            + "[tool.hatch]\nversion.source = 'nodejs'\n",
            {},
            "",
        ),
        (
            build("hatchling.build", "hatchling", "uv-dynamic-versioning")
            + DYNAMIC
            + "[tool.hatch.version]\nsource = 'uv-dynamic-versioning'\n",
            {},
            "uv-dynamic-versioning",
        ),
        (
            build(SETUPTOOLS, "setuptools>=61", "setuptools_scm[toml]>=6")
            + DYNAMIC
            + "[tool.setuptools_scm]\n",
            {},
            "setuptools-scm",
        ),
        (build(SETUPTOOLS, "setuptools>=80", "setuptools-scm[simple]>=9") + DYNAMIC, {}, "setuptools-scm"),
        # Only its file finder is wanted: the version is that of the code.
        (
            build(SETUPTOOLS, "setuptools", "setuptools-scm")
            + DYNAMIC
            + "[tool.setuptools.dynamic]\nversion = { attr = 'a.v' }\n",
            {},
            "",
        ),
        (build(SETUPTOOLS, "setuptools", "setuptools-scm") + STATIC, {}, ""),
        (
            build(SETUPTOOLS, "setuptools", "setuptools-scm"),
            {"setup.cfg": "[metadata]\nname = a\nversion = 1.4.2\n"},
            "",
        ),
        (
            "",
            {"setup.py": "setup(use_scm_version=True, setup_requires=['setuptools_scm>=3'])\n"},
            "setuptools-scm",
        ),
        ("", {"setup.py": "setup(setup_requires=['pbr'], pbr=True)\n"}, "pbr"),
        (build("pbr.build", "setuptools", "pbr>=6.1"), {"setup.cfg": "[metadata]\nname = a\n"}, "pbr"),
        ("", {"setup.py": "setup(version='1.4.2')\n"}, ""),
        ("", {"setup.py": "setup(version=versioneer.get_version())\n", "versioneer.py": ""}, "versioneer"),
        (
            build(SETUPTOOLS, "setuptools", "versioningit") + DYNAMIC + "[tool.versioningit]\n",
            {},
            "versioningit",
        ),
        (
            build(SETUPTOOLS, "setuptools", "setuptools-git-versioning<3")
            + DYNAMIC
            + "[tool.setuptools-git-versioning]\nenabled = true\n",
            {},
            "setuptools-git-versioning",
        ),
        (build("flit_scm:buildapi", "flit_scm") + DYNAMIC, {}, "flit-scm"),
        (build("flit_core.buildapi", "flit_core") + DYNAMIC, {}, ""),
        (
            build("pdm.backend", "pdm-backend") + DYNAMIC + "[tool.pdm.version]\nsource = 'scm'\n",
            {},
            "pdm-backend",
        ),
        (build("pdm.backend", "pdm-backend") + DYNAMIC + "[tool.pdm.version]\nsource = 'file'\n", {}, ""),
        (
            build("poetry_dynamic_versioning.backend", "poetry-core", "poetry-dynamic-versioning")
            + "[tool.poetry-dynamic-versioning]\nenable = true\n",
            {},
            "poetry-dynamic-versioning",
        ),
        (
            build("poetry_dynamic_versioning.backend", "poetry-core", "poetry-dynamic-versioning")
            + "[tool.poetry]\nversion = '1'\n",
            {},
            "",
        ),
        (build("poetry.core.masonry.api", "poetry-core") + "[tool.poetry]\nversion = '1'\n", {}, ""),
        (build("whey", "whey") + STATIC, {}, ""),
        (
            build("jupyter_packaging.build_api", "jupyter_packaging") + DYNAMIC,
            {},
            "jupyter_packaging.build_api",
        ),
    ],
)
def test_what_gives_the_version_is_known(
    pyproject: str, files: dict[str, str], source: str, tmp_path: Path
) -> None:
    write(tmp_path, files)
    assert version_source(tomllib.loads(pyproject), tmp_path) == source


def files_of(pyproject: str, **more: str) -> dict[str, str]:
    table = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
    code = CODE.replace('__version__ = "1.4.2"', "from importlib.metadata import version")
    return {**common(), "src/demo_pkg/__init__.py": code, "pyproject.toml": dedent(pyproject) + table, **more}


KEPT: dict[str, dict[str, str]] = {
    "pdm": files_of(build("pdm.backend", "pdm-backend") + "[tool.pdm.version]\nsource = 'scm'\n"),
    "poetry": files_of(
        build("poetry_dynamic_versioning.backend", "poetry-core>=2", "poetry-dynamic-versioning")
        + "[tool.poetry]\nversion = '0.0.0'\npackages = [{ include = 'demo_pkg', from = 'src' }]\n"
        "[tool.poetry-dynamic-versioning]\nenable = true\n"
    ),
    "setup_requires": {
        **{n: t for n, t in common("").items() if not n.startswith("demo_pkg/")},
        "demo_pkg.py": CODE.replace('__version__ = "1.4.2"\n', ""),
        "setup.py": "from setuptools import setup\nsetup(name='demo-pkg', py_modules=['demo_pkg'], "
        "use_scm_version=True, setup_requires=['setuptools_scm'])\n",
    },
}


@pytest.mark.parametrize("tool", KEPT)
def test_a_backend_that_takes_the_version_from_tags_stays(
    tool: str, tmp_path: Path, template_repository: Path
) -> None:
    root = repository(tmp_path / "demo-pkg", KEPT[tool])
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    changed = {line[3:] for line in git(root, "status", "--porcelain").splitlines()}
    ours = {".copier-answers.yml", ".github/release/", ".github/rulesets/", "RELEASING.md"}
    manifest = {"MANIFEST.in"} if tool == "setup_requires" else set()
    assert changed == ours | {".github/workflows/publish.yml"} | manifest
    settings = tomllib.loads((root / ".github/release/settings.toml").read_text())
    assert settings["version-file"] == ""
    pins = (root / ".github/release/build-constraints-own.txt").read_text()
    wanted = {"pdm": "pdm-backend", "poetry": "poetry-dynamic-versioning", "setup_requires": "setuptools-scm"}
    assert f"\n{wanted[tool]}==" in pins
    assert "--hash=sha256:" in pins
    if tool == "setup_requires":  # whose sdists differ from build to build by themselves
        commit_all(root, "build: release by tag", tag="v2.0.0")
        command = ["uv", "run", "--quiet", ".github/release/build_distributions.py", "--twice"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "demo_pkg-2.0.0.tar.gz" in done.stdout


def test_a_tag_that_the_backend_reads_otherwise_is_named(tmp_path: Path, template_repository: Path) -> None:
    pyproject = build("hatchling.build", "hatchling", "hatch-vcs") + (
        "[tool.hatch.version]\nsource = 'vcs'\nraw-options = { version_scheme = 'calver-by-date' }\n"
        "tag-pattern = '^release/(?P<version>.*)$'\n"
        "[tool.hatch.build.targets.wheel]\npackages = ['src/demo_pkg']\n"
    )
    root = repository(tmp_path / "demo-pkg", files_of(pyproject))
    status, output = run_adopt(root, "--dry-run", "--template", str(template_repository))
    assert status == 1
    assert "does not build at the tag v2.0, with the version from hatch-vcs: " in output
    assert "or adopt --convert" in output


def test_it_is_converted_on_demand(tmp_path: Path, template_repository: Path) -> None:
    root = repository(tmp_path / "demo-pkg", KEPT["pdm"])
    status, output = run_adopt(root, "--dry-run", "--convert", "--template", str(template_repository))
    assert status == 0, output
    assert '+build-backend = "hatchling.build"' in output
    assert "-source = 'scm'" in output


def test_pins_renews_what_the_package_builds_with(tmp_path: Path) -> None:
    path = tmp_path / ".github/release/build-constraints-own.txt"
    old = f"# Mine, from:\n# - flit_core>=3\nflit-core==3.9.0 \\\n    --hash=sha256:{'0' * 64}\n"
    table = "[build-system]\nrequires = ['flit_core>=3']\n"
    write(tmp_path, {path.relative_to(tmp_path).as_posix(): old, "pyproject.toml": table})
    (line,) = renew(tmp_path)
    assert line.startswith("flit-core: 3.9.0 -> ")
    text = path.read_text()
    assert text.startswith("# Mine, from:\n# - flit_core>=3\nflit-core==")
    assert f"flit-core=={line.rpartition(' ')[2]} " in text
    assert "0" * 64 not in text
    assert renew(tmp_path) == set()
    assert path.read_text() == text


def test_pins_follows_what_the_package_asks_for_by_now(tmp_path: Path) -> None:
    """What its backend was found to ask for besides stays pinned."""
    own = "demo/.github/release/build-constraints-own.txt"
    old = f"# Mine, from:\n# - Flit.Core>=3\n# - wheel\nflit-core==3.9.0 \\\n    --hash=sha256:{'0' * 64}\n"
    table = "[build-system]\nrequires = ['flit_core>=3.11', 'tomli_w']\n"
    write(tmp_path, {own: old, "demo/packages/a/pyproject.toml": table})
    assert {line.partition(":")[0] for line in renew(tmp_path / "demo", "packages/a")} >= {"tomli-w", "wheel"}
    text = (tmp_path / own).read_text()
    assert text.startswith("# Mine, from:\n# - flit_core>=3.11\n# - wheel\n# - tomli_w\nflit-core==")
    assert ("tomli-w==" in text, "wheel==" in text) == (True, True)
