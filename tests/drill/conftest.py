"""Fixtures of the drills: a filled wheelhouse, a shared uv cache, worlds, and projects at checkpoints.

A checkpoint is a world's folder, copied where a release has come to a certain point. Each scenario
continues a copy of its own.
"""

from __future__ import annotations

import ast
import compileall
import contextlib
import fcntl
import os
import py_compile
import re
import shutil
import sys
import time
import tomllib
from typing import TYPE_CHECKING

import pytest
from rendering import ROOT, render

from drill.project import OWNER, Project
from drill.wheelhouse import fill
from drill.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHE = ROOT / ".cache"
_SCRIPTS = ROOT / "template/.github/release"
DAY = 86400  # seconds
TOOLS = ("twine==7.*",)  # what the publish action brings


def script_requirements() -> set[str]:
    """What the release scripts install: inline metadata (PEP 723), the build backend, git-cliff."""
    found = set()
    for script in _SCRIPTS.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        if block := re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", text, re.MULTILINE):
            found |= set(tomllib.loads(re.sub("^# ?", "", block[1], flags=re.MULTILINE))["dependencies"])
    constraints = (_SCRIPTS / "build-constraints.txt").read_text(encoding="utf-8")
    found |= set(re.findall(r"^[\w.-]+==[\w.]+", constraints, re.MULTILINE))
    notes = ast.parse((_SCRIPTS / "release_notes.py").read_text(encoding="utf-8"))
    constants = [node.value for node in ast.walk(notes) if isinstance(node, ast.Constant)]
    return found | {
        text for text in constants if isinstance(text, str) and re.fullmatch(r"[\w-]+==[\w.]+", text)
    }


def group_requirements(package: Path) -> set[str]:
    """What the checks of a rendered package install: its dependency groups (PEP 735)."""
    groups = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return {entry for group in groups.values() for entry in group if isinstance(entry, str)}


def claim_one_python(package: Path) -> None:
    """Leave only the Python of this machine in the classifiers of a rendered package."""
    here = f'  "Programming Language :: Python :: {sys.version_info.major}.{sys.version_info.minor}",\n'
    pyproject = package / "pyproject.toml"
    lines = pyproject.read_text(encoding="utf-8").splitlines(keepends=True)
    other = re.compile(r'  "Programming Language :: Python :: 3[.]\d+",\n')
    pyproject.write_text(
        "".join(line for line in lines if line == here or not other.fullmatch(line)), "utf-8"
    )


@pytest.fixture(scope="session")
def package(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a package with default answers, owned by the drill's organisation.

    It claims support of one Python, because this machine has no other: four legs of the test matrix
    less in every scenario. test_variants.py releases one with all of them.
    """
    folder = render(template, tmp_path_factory.mktemp("rendered") / "demo-pkg", {"repository_owner": OWNER})
    claim_one_python(folder)
    return folder


@pytest.fixture(scope="session")
def wheelhouse(package: Path) -> Path:
    """A folder of wheels with what a release installs: "the rest of the index"."""
    requirements = script_requirements() | group_requirements(package) | set(TOOLS)
    return fill(requirements, CACHE / "wheelhouse")


@pytest.fixture(scope="session")
def uv_cache() -> Path:
    """The cache of uv, shared by all worlds and kept between sessions, but for old environments."""
    folder = CACHE / "uv"
    folder.mkdir(parents=True, exist_ok=True)
    for environment in folder.glob("environments-*/*"):  # uv keeps one for each place of a script
        with contextlib.suppress(OSError):  # another worker was faster
            if time.time() - environment.stat().st_mtime > DAY:
                shutil.rmtree(environment)
    return folder


def compile_cached(uv_cache: Path) -> None:
    """Give the wheels in uv's cache their bytecode.

    uv makes new environments for every job, of links to what is in its cache; without bytecode there,
    each of them would compile all that it imports again. It halves the time of a release.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # what is in the cache never changes
    compileall.compile_dir(uv_cache / "archive-v0", quiet=2, invalidation_mode=unchecked)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path, uv_cache: Path) -> Iterator[World]:
    """Give the tests of a module one world with the rest of the index."""
    root = tmp_path_factory.mktemp("world")
    with World(root, wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
        yield world


@pytest.fixture
def new_world(tmp_path: Path, wheelhouse: Path, uv_cache: Path) -> Iterator[World]:
    """A world in which nothing has happened yet, for one test."""
    with World(tmp_path / "world", wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
        yield world


# -- checkpoints: what has happened before a scenario begins ---------------------------------------


@contextlib.contextmanager
def once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all workers of this session share, and whether it is still to be filled."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, not folder.exists()


@pytest.fixture(scope="session")
def _ready(tmp_path_factory: pytest.TempPathFactory, package: Path, wheelhouse: Path, uv_cache: Path) -> Path:
    """Everything is set up, the first commit is pushed, and CI has passed on it."""
    with once(tmp_path_factory, "ready") as (checkpoint, missing):
        if missing:
            root = tmp_path_factory.mktemp("ready") / "world"
            with World(root, wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
                Project.create(world, package).wait()
                compile_cached(uv_cache)
                world.checkpoint(checkpoint)
    return checkpoint


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory, _ready: Path, wheelhouse: Path, uv_cache: Path) -> Path:
    """v0.1.0 is tagged, built and tested; publishing to TestPyPI waits for a reviewer."""
    with once(tmp_path_factory, "built") as (checkpoint, missing):
        if missing:
            root = tmp_path_factory.mktemp("built") / "world"
            with World.from_checkpoint(_ready, root, wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
                project = Project(world)
                project.set_reviewer("testpypi")
                project.release()
                assert project.run["status"] == "waiting", project.run["results"]
                compile_cached(uv_cache)
                world.checkpoint(checkpoint)
    return checkpoint


@pytest.fixture
def ready(tmp_path: Path, _ready: Path, wheelhouse: Path, uv_cache: Path) -> Iterator[Project]:
    """A project that is set up, with CI green on its only commit, and no tag yet."""
    with World.from_checkpoint(_ready, tmp_path / "world", wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
        yield Project(world)


@pytest.fixture
def built(tmp_path: Path, _built: Path, wheelhouse: Path, uv_cache: Path) -> Iterator[Project]:
    """A project whose v0.1.0 is built and tested; `approve` lets it go on to TestPyPI and PyPI."""
    with World.from_checkpoint(_built, tmp_path / "world", wheelhouse=wheelhouse, uv_cache=uv_cache) as world:
        yield Project(world)
