"""Where a package takes its version from: git tags already, or a place that it is written in.

A name here only says what to try. That a tag gives its version is proved by a build.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from copier_pypi_release.uploads import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# Version sources of hatchling that read tags, by the project that brings them.
HATCH = {"vcs": "hatch-vcs", "uv-dynamic-versioning": "uv-dynamic-versioning", "versioningit": "versioningit"}
# Projects that give setuptools a version from tags: their tables, and words in setup.py and setup.cfg.
SETUPTOOLS: dict[str, tuple[tuple[str, ...], str]] = {
    "setuptools-scm": (("setuptools_scm", "setuptools-scm"), r"\buse_scm_version\b|\bsetuptools_scm\b"),
    "vcs-versioning": (("vcs-versioning",), r"\buse_scm_version\b"),
    "setuptools-git-versioning": (("setuptools-git-versioning",), r"\bsetuptools_git_versioning\b"),
    "versioningit": (("versioningit",), r"\bversioningit\b"),
    "versioneer": (("versioneer",), r"\bversioneer\b"),
    "pbr": (("pbr",), r"\bpbr\s*="),
    "dunamai": ((), r"\bdunamai\b"),
    "setupmeta": ((), r"\bversioning\s*="),
    "miniver": ((), r"\bminiver\b"),
    "better-setuptools-git-version": ((), r"\bversion_config\b"),
    "setuptools-git-ver": ((), r"\bversion_config\b"),
}
SIMPLE = re.compile(r"setuptools[-_.]scm\s*\[[^\]]*\bsimple\b")  # a requirement that is all of the setting
# File finders: with one, setuptools puts every tracked file into the sdist.
FINDERS = {"setuptools-scm", "vcs-versioning", "setuptools-git", "setuptools-svn", "hgtools", "pbr"}


def version_source(data: Mapping[str, Any], project: Path) -> str:
    """What gives the package a version from git tags; empty if its version is written down.

    Args:
        data: Its pyproject.toml.
        project: The folder of that.
    """
    table, backend = data.get("project"), str(data.get("build-system", {}).get("build-backend", ""))
    if table is not None and "version" in table:
        return ""
    if backend.startswith("flit_scm"):
        return "flit-scm"
    if backend.startswith("pbr."):
        return "pbr"
    kind = find_backend(data)
    readers = {
        "hatchling": _for_hatchling,
        "pdm": _for_pdm,
        "scikit-build-core": _for_scikit,
        "setuptools": _for_setuptools,
    }
    if kind in readers:
        return readers[kind](data, project)
    if backend.startswith("poetry_dynamic_versioning"):
        return kind if _table(data, "tool", "poetry-dynamic-versioning").get("enable") else ""
    return kind if kind not in {"poetry", "flit", "uv_build"} and _is_dynamic(table) else ""


def _for_hatchling(data: Mapping[str, Any], _: Path) -> str:
    return HATCH.get(str(_table(data, "tool", "hatch", "version").get("source")), "")


def _for_pdm(data: Mapping[str, Any], _: Path) -> str:
    return "pdm-backend" if _table(data, "tool", "pdm", "version").get("source") == "scm" else ""


def _for_scikit(data: Mapping[str, Any], _: Path) -> str:
    table = _table(data, "tool", "scikit-build", "metadata", "version")
    from_tags = str(table.get("provider", "")).endswith("metadata.setuptools_scm")
    return "setuptools-scm" if from_tags and _is_dynamic(data.get("project")) else ""


def _for_setuptools(data: Mapping[str, Any], project: Path) -> str:
    """The project that gives setuptools the version."""
    tools, names = data.get("tool", {}), build_names(data, project)
    if "version" in _table(tools, "setuptools", "dynamic"):
        return ""  # from the code or a file
    setup, config = (read(project / name) for name in ("setup.py", "setup.cfg"))
    if re.search(r"(?m)^\s*version\s*=\s*(?:attr|file)\s*:|^\s*version\s*=\s*\d", config):
        return ""
    if (project / "versioneer.py").is_file():
        return "versioneer"
    for name, (tables, words) in SETUPTOOLS.items():
        if name not in names:
            continue
        told = any(one in tools for one in tables) or re.search(words, f"{setup}\n{config}")
        if told or any(SIMPLE.match(str(line)) for line in data.get("build-system", {}).get("requires", [])):
            return name
    return ""


def _is_dynamic(table: Mapping[str, Any] | None) -> bool:
    return table is not None and "version" in table.get("dynamic", [])


def build_names(data: Mapping[str, Any], project: Path) -> set[str]:
    """Canonical names of what a package builds with, those of setup.py and setup.cfg included."""
    lines: Iterable[str] = map(str, data.get("build-system", {}).get("requires", []))
    names: set[str] = {canonicalize_name(re.split(r"[\s<>=!~;\[@(]", line, maxsplit=1)[0]) for line in lines}
    for name in ("setup.py", "setup.cfg"):
        found = re.search(r"setup_requires\s*=([^\]]*?)(?:\]|\n\S|\Z)", read(project / name))
        names |= {canonicalize_name(w) for w in re.findall(r"[A-Za-z][\w.-]*", found[1])} if found else set()
    return names


def ships_everything(data: Mapping[str, Any], project: Path) -> bool:
    """Whether setuptools puts every tracked file into the sdist."""
    return find_backend(data) == "setuptools" and bool(FINDERS & build_names(data, project))


def _table(data: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """A table below another one; an empty one if there is none."""
    for key in path:
        data = data.get(key) or {}
        if not isinstance(data, dict):
            return {}
    return data


def find_backend(data: Mapping[str, Any]) -> str:
    """Name of the build backend's project; setuptools if none is named, as PEP 517 has it."""
    backend = data.get("build-system", {}).get("build-backend")
    if backend is None:
        return "setuptools"
    known = {
        "hatchling.": "hatchling",
        "hatchling": "hatchling",
        "setuptools.": "setuptools",
        "pbr.": "setuptools",  # it builds with setuptools, and lists the files
        "poetry.": "poetry",
        "flit_core.": "flit",
        "flit.": "flit",
        "pdm.": "pdm",
        "uv_build": "uv_build",
        "poetry_dynamic_versioning": "poetry-dynamic-versioning",
        "flit_scm": "flit-scm",
        "scikit_build_core.": "scikit-build-core",
        "mesonpy": "meson-python",
        "maturin": "maturin",
        "py_build_cmake.": "py-build-cmake",
        "sipbuild.": "sip",
    }
    for start, name in known.items():
        if str(backend).startswith(start):
            return name
    return str(backend)
