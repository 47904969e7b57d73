"""Fixtures of the drills: projects at checkpoints.

A checkpoint is a sandbox's folder, copied where a release has come to a certain point. Each scenario
continues a copy of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest
from emulator.fixtures import (
    compile_cached,
    new_sandbox,
    package,
    sandbox,
    uv_cache,
    wheelhouse,
)
from emulator.sandbox import Sandbox
from support.sharing import once

from drill.maintainer import Maintainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["new_sandbox", "package", "sandbox", "uv_cache", "wheelhouse"]

# -- checkpoints: what has happened before a scenario begins ---------------------------------------


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Sandboxes at the points of a release that scenarios begin at, each made when it is first asked for.

    Attributes:
        factory: Makes folders.
        package: The files of the package that is released.
        wheelhouse: The rest of the index.
        uv_cache: The cache of uv that all sandboxes share.
    """

    factory: pytest.TempPathFactory
    package: Path
    wheelhouse: Path
    uv_cache: Path

    @contextlib.contextmanager
    def sandbox(self, name: str, root: Path) -> Iterator[Sandbox]:
        """A sandbox that continues a checkpoint, in a folder of its own."""
        made = self._made(name)
        with Sandbox.from_checkpoint(
            made, root, wheelhouse=self.wheelhouse, uv_cache=self.uv_cache
        ) as sandbox:
            yield sandbox

    def _made(self, name: str) -> Path:
        with once(self.factory, __name__, name) as (checkpoint, missing):
            if missing:
                root = self.factory.mktemp(name) / "sandbox"
                with (
                    self.sandbox(BEFORE[name], root)
                    if name in BEFORE
                    else Sandbox(root, wheelhouse=self.wheelhouse, uv_cache=self.uv_cache)
                ) as sandbox:
                    self._lead_to(name, sandbox)
                    compile_cached(self.uv_cache)
                    sandbox.checkpoint(checkpoint)
        return checkpoint

    def _lead_to(self, name: str, sandbox: Sandbox) -> None:
        project = Maintainer(sandbox)
        if name == "ready":
            Maintainer.create(sandbox, self.package).wait()
        elif name == "built":
            project.set_reviewer("testpypi")
            project.release().waits_for("testpypi")
        elif name == "waiting":
            sandbox.github.approve(project.run["id"], "testpypi")
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
def ready(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Maintainer]:
    """A project that is set up, with CI green on its only commit, and no tag yet."""
    with checkpoints.sandbox("ready", tmp_path / "sandbox") as sandbox:
        yield Maintainer(sandbox)


@pytest.fixture
def built(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Maintainer]:
    """A project whose v0.1.0 is built and tested; `approve` lets it go on to TestPyPI and PyPI."""
    with checkpoints.sandbox("built", tmp_path / "sandbox") as sandbox:
        yield Maintainer(sandbox)


@pytest.fixture
def waiting(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Maintainer]:
    """A project whose v0.1.0 is verified on TestPyPI; `approve` lets it go on to PyPI."""
    with checkpoints.sandbox("waiting", tmp_path / "sandbox") as sandbox:
        yield Maintainer(sandbox)


@pytest.fixture
def released(tmp_path: Path, checkpoints: Checkpoints) -> Iterator[Maintainer]:
    """A project whose v0.1.0 is on PyPI; its GitHub Release is a complete draft."""
    with checkpoints.sandbox("released", tmp_path / "sandbox") as sandbox:
        yield Maintainer(sandbox)
