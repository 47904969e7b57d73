"""Fixtures of the drills: a filled wheelhouse, a shared uv cache, worlds, and projects at checkpoints.

A checkpoint is a world's folder, copied where a release has come to a certain point. Each scenario
continues a copy of its own.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import fcntl
import importlib.util
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
from rendering import ROOT, render

from drill.project import OWNER, Project
from drill.wheelhouse import fill
from drill.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    here = f"Programming Language :: Python :: {sys.version_info.major}.{sys.version_info.minor}"
    other = re.compile(r"Programming Language :: Python :: 3[.]\d+")
    pyproject = package / "pyproject.toml"
    document = tomlkit.parse(pyproject.read_text(encoding="utf-8"))
    classifiers = cast("list[str]", cast("Any", document)["project"]["classifiers"])
    for classifier in list(classifiers):
        if classifier != here and other.fullmatch(classifier):
            classifiers.remove(classifier)
    pyproject.write_text(tomlkit.dumps(document), encoding="utf-8")


def run_one_leg(package: Path) -> None:
    """Leave one leg of the matrix: the Python and the system of this machine, which all others run on too."""
    claim_one_python(package)
    for workflow in (package / ".github/workflows").glob("*.yml"):
        text = workflow.read_text(encoding="utf-8")
        workflow.write_text(re.sub(r"\n        include:(?:\n          .*)+", "", text), encoding="utf-8")


@pytest.fixture(scope="session")
def package(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a package with default answers, owned by the drill's organisation.

    It is tested on what this machine has, once, and not six times more. The first in test_variants.py is
    as it was rendered.
    """
    folder = render(template, tmp_path_factory.mktemp("rendered") / "demo-pkg", {"repository_owner": OWNER})
    run_one_leg(folder)
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
    scratch = uv_cache / f"bytecode-{os.getpid()}"
    for source in (uv_cache / "archive-v0").rglob("*.py"):
        target = Path(importlib.util.cache_from_source(str(source)))
        if not target.exists():
            # Made elsewhere and moved: uv, at work in another world, must see no file that vanishes.
            made = py_compile.compile(str(source), str(scratch), invalidation_mode=unchecked, quiet=2)
            if made:
                target.parent.mkdir(exist_ok=True)
                scratch.rename(target)


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


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Worlds at the points of a release that scenarios begin at, each made when it is first asked for.

    Attributes:
        factory: Makes folders.
        package: The files of the package that is released.
        wheelhouse: The rest of the index.
        uv_cache: The cache of uv that all worlds share.
    """

    factory: pytest.TempPathFactory
    package: Path
    wheelhouse: Path
    uv_cache: Path

    @contextlib.contextmanager
    def world(self, name: str, root: Path) -> Iterator[World]:
        """A world that continues a checkpoint, in a folder of its own."""
        made = self._made(name)
        with World.from_checkpoint(made, root, wheelhouse=self.wheelhouse, uv_cache=self.uv_cache) as world:
            yield world

    def _made(self, name: str) -> Path:
        with once(self.factory, name) as (checkpoint, missing):
            if missing:
                root = self.factory.mktemp(name) / "world"
                with (
                    self.world(BEFORE[name], root)
                    if name in BEFORE
                    else World(root, wheelhouse=self.wheelhouse, uv_cache=self.uv_cache)
                ) as world:
                    self._lead_to(name, world)
                    compile_cached(self.uv_cache)
                    world.checkpoint(checkpoint)
        return checkpoint

    def _lead_to(self, name: str, world: World) -> None:
        project = Project(world)
        if name == "ready":
            Project.create(world, self.package).wait()
        elif name == "built":
            project.set_reviewer("testpypi")
            project.release().waits_for("testpypi")
        elif name == "waiting":
            world.github.approve(project.run["id"], "testpypi")
            project.wait().waits_for("pypi")
        else:
            project.approve().is_released(twice=False)


BEFORE = {"built": "ready", "waiting": "built", "released": "waiting"}


@pytest.fixture(scope="session")
def checkpoints(
    tmp_path_factory: pytest.TempPathFactory, package: Path, wheelhouse: Path, uv_cache: Path
) -> Checkpoints:
    """What scenarios continue."""
    return Checkpoints(tmp_path_factory, package, wheelhouse, uv_cache)


@pytest.fixture
def ready(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Project]:
    """A project that is set up, with CI green on its only commit, and no tag yet."""
    with checkpoints.world("ready", tmp_path / "world") as world:
        yield Project(world)


@pytest.fixture
def built(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Project]:
    """A project whose v0.1.0 is built and tested; `approve` lets it go on to TestPyPI and PyPI."""
    with checkpoints.world("built", tmp_path / "world") as world:
        yield Project(world)


@pytest.fixture
def waiting(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Project]:
    """A project whose v0.1.0 is verified on TestPyPI; `approve` lets it go on to PyPI."""
    with checkpoints.world("waiting", tmp_path / "world") as world:
        yield Project(world)


@pytest.fixture
def released(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Project]:
    """A project whose v0.1.0 is on PyPI; its GitHub Release is a complete draft."""
    with checkpoints.world("released", tmp_path / "world") as world:
        yield Project(world)
