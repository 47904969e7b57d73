"""Time for what waits: it passes only when somebody sleeps, and at once."""

from __future__ import annotations

import time


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Seconds since some time."""
        return self.now

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds
        self.pauses.append(seconds)
