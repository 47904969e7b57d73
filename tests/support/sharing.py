"""Make what takes long once for all workers of a test run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextlib.contextmanager
def once(tmp_path_factory: pytest.TempPathFactory, owner: str, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all workers share, and whether it is still to be made; the others wait meanwhile.

    Args:
        tmp_path_factory: Knows where this run's folders are.
        owner: The module that makes it, because two modules may think of one name.
        name: What is made.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (
        base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    ) / f"{owner.replace('.', '-')}-{name}"
    made = folder.with_suffix(".made")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half-way
        yield folder, not made.exists()
        made.touch()
