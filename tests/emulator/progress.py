"""Whether a sandbox makes progress: waiting ends when nothing does, however busy the machine is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

PATIENCE = 120.0  # seconds in which at least something happens
LOOK = 1.0  # seconds between two looks


class Stalled(TimeoutError):  # noqa: N818  # it reads as the sentence it prints
    """Nothing has made progress for a while."""


class Progress:
    """Looks at the journal, which has every request, and at the CPU time of every process but this one.

    In a sandbox those are the sandbox's own: it has a PID namespace.

    Args:
        root: The sandbox's root folder.
        patience: Seconds without progress after which it has stalled.
    """

    def __init__(self, root: Path, patience: float = PATIENCE) -> None:
        self.patience = patience
        self.interval = min(LOOK, patience / 4)
        self._journal = root / "journal.jsonl"
        self._seen: Hashable = None
        self._since = time.monotonic()

    def stalled(self) -> bool:
        """Whether nothing has changed for as long as the patience lasts."""
        seen = self._look()
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since >= self.patience

    def _look(self) -> Hashable:
        size = self._journal.stat().st_size if self._journal.exists() else 0
        spent = set()
        for process in Path("/proc").glob("[0-9]*"):
            if process.name != str(os.getpid()):
                try:
                    fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
                except OSError:  # it ended in between
                    continue
                spent.add((process.name, *fields[11:15]))  # its time, and that of children that ended
        return size, frozenset(spent)
