"""Fixtures for the emulator's own tests and for the drills: a package, the rest of the index, sandboxes."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import itertools
import os
import py_compile
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import tomlkit
from support.rendering import ROOT, render
from support.sharing import once

from emulator.sandbox import Sandbox
from emulator.wheelhouse import fill_all

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = ROOT / ".cache"
_SCRIPTS = ROOT / "template/.github/release"
DAY = 86400  # seconds
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"  # the Python of this machine
OUTDATED = ("environments-*/*", "git-*/*/*", "sdists-*/git/*")
# What the publish action brings, what updates a package, and what joins news fragments.
TOOLS = (
    *("twine==7.*", "copier>=9.18"),
    *re.findall(
        r"(?m)^towncrier==.+", (ROOT / "extensions/pins/requirements.txt").read_text(encoding="utf-8")
    ),
)


def script_requirements() -> set[str]:
    """What the release scripts install: inline metadata (PEP 723), the build backend, git-cliff."""
    found = set()
    for script in _SCRIPTS.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        if block := re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", text, re.MULTILINE):
            found |= set(tomllib.loads(re.sub("^# ?", "", block[1], flags=re.MULTILINE))["dependencies"])
    found |= pinned_by_hash("build-constraints.txt")
    notes = ast.parse((_SCRIPTS / "release_lib" / "commits.py").read_text(encoding="utf-8"))
    constants = [node.value for node in ast.walk(notes) if isinstance(node, ast.Constant)]
    return found | {
        text for text in constants if isinstance(text, str) and re.fullmatch(r"[\w-]+==[\w.]+", text)
    }


def pinned_by_hash(*lists: str) -> set[str]:
    """What some lists of the release scripts pin."""
    texts = [(_SCRIPTS / name).read_text(encoding="utf-8") for name in lists]
    return set(re.findall(r"^[\w.-]+==[\w.]+", "\n".join(texts), re.MULTILINE))


def tool_requirements() -> set[str]:
    """What tool.py installs: the dependencies of the tool, and what builds it from a commit."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {*document["project"]["dependencies"], *document["build-system"]["requires"]}


def group_requirements(package: Path) -> set[str]:
    """What the checks of a rendered package install: its dependency groups (PEP 735)."""
    groups = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return {entry for group in groups.values() for entry in group if isinstance(entry, str)}


def workflow_requirements(package: Path) -> set[str]:
    """What the workflows of a rendered package run by ``uv tool run``."""
    texts = [path.read_text(encoding="utf-8") for path in (package / ".github/workflows").glob("*.yml")]
    return set(re.findall(r"(?m)uv tool run .*?([\w-]+==[\w.]+)", "\n".join(texts)))


def claim_one_python(package: Path, python: str = HERE) -> None:
    """Leave only one Python in the classifiers of a rendered package, and none before it in its metadata."""
    wanted = f"Programming Language :: Python :: {python}"
    other = re.compile(r"Programming Language :: Python :: 3[.]\d+")
    pyproject = package / "pyproject.toml"
    document = tomlkit.parse(pyproject.read_text(encoding="utf-8"))
    project = cast("Any", document)["project"]
    classifiers = cast("list[str]", project["classifiers"])
    for classifier in list(classifiers):
        if classifier != wanted and other.fullmatch(classifier):
            classifiers.remove(classifier)
    project["requires-python"] = f">={python}"
    pyproject.write_text(tomlkit.dumps(document), encoding="utf-8")


def run_one_leg(package: Path, python: str = HERE) -> None:
    """Leave one leg of the tests: a Python, and the system of this machine, which all others run on too."""
    claim_one_python(package, python)
    for workflow in (package / ".github/workflows").glob("*.yml"):
        text = workflow.read_text(encoding="utf-8")
        workflow.write_text(
            re.sub(r"(\n        python:.*)\n        include:(?:\n          .*)+", r"\1", text),
            encoding="utf-8",
        )


@pytest.fixture(scope="session")
def package(template_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a package with default answers, owned by the organisation of the drills.

    It is tested on what this machine has, once, and not six times more. The first in test_variants.py is
    as it was rendered.
    """
    with once(tmp_path_factory, __name__, "rendered") as (folder, missing):
        if missing:
            answers = {"repository_owner": "octo-org"}
            run_one_leg(render(template_repository, folder / "demo-pkg", answers))
    return folder / "demo-pkg"


def rest_of_the_index(package: Path) -> Path:
    """A folder of wheels with what a package's release and its maintainer's tool install."""
    release = script_requirements() | group_requirements(package) | set(TOOLS)
    lists = [release, workflow_requirements(package), tool_requirements()]
    if (package / ".github/release/wheel-tools.txt").exists():
        lists += [pinned_by_hash("build-constraints-with-compiler.txt"), pinned_by_hash("wheel-tools.txt")]
    return fill_all(filter(None, lists), CACHE / "wheelhouse")


@pytest.fixture(scope="session")
def wheelhouse(package: Path) -> Path:
    """What PyPI serves beside what is uploaded."""
    return rest_of_the_index(package)


@pytest.fixture(scope="session")
def uv_cache() -> Path:
    """The cache of uv, shared by all sandboxes and kept between sessions, but for old parts."""
    folder = CACHE / "uv"
    folder.mkdir(parents=True, exist_ok=True)
    # uv keeps one of these for each place of a script, or for each commit of the template.
    for kept in itertools.chain.from_iterable(map(folder.glob, OUTDATED)):
        with contextlib.suppress(OSError):  # another worker was faster
            if time.time() - kept.stat().st_mtime > DAY:
                shutil.rmtree(kept)
    return folder


def compile_cached(uv_cache: Path) -> None:
    """Give the wheels in uv's cache their bytecode.

    uv makes new environments for every job, of links to what is in its cache; without bytecode there,
    each of them would compile all that it imports again. It halves the time of a release.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # what is in the cache never changes
    scratch = uv_cache / f"bytecode-{os.getpid()}"
    for source in (uv_cache / "archive-v0").rglob("*.py"):
        target = Path(importlib.util.cache_from_source(str(source)))
        if not target.exists():
            # Made elsewhere and moved: uv, at work in another sandbox, must see no file that vanishes.
            made = py_compile.compile(str(source), str(scratch), invalidation_mode=unchecked, quiet=2)
            if made:
                target.parent.mkdir(exist_ok=True)
                scratch.rename(target)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path, uv_cache: Path) -> Iterator[Sandbox]:
    """Give the tests of a module one sandbox with the rest of the index."""
    root = tmp_path_factory.mktemp("sandbox")
    with Sandbox(root, wheelhouse=wheelhouse, uv_cache=uv_cache) as sandbox:
        yield sandbox


@pytest.fixture
def new_sandbox(tmp_path: Path, wheelhouse: Path, uv_cache: Path) -> Iterator[Sandbox]:
    """A sandbox in which nothing has happened yet, for one test."""
    with Sandbox(tmp_path / "sandbox", wheelhouse=wheelhouse, uv_cache=uv_cache) as sandbox:
        yield sandbox
