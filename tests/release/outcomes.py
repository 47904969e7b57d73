"""What a release script did: its outputs, its summary, the four lines that it stopped with."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING

import pytest
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WHEN_IT_STOPS = "See: RELEASING.md, 'When it stops'"
VERSION_TAGS = "See: CONTRIBUTING.md, 'Version tags'"
UNEXPECTED = "Unexpected "  # an error that nobody foresaw


def recovery(heading: str) -> str:
    """Where a message sends its reader: a heading of RECOVERY.md."""
    return f"See: .github/release/RECOVERY.md, '{heading}'"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a step did.

    Attributes:
        status: Its exit status.
        outputs: What it handed to later steps.
        summary: What it added to the job summary.
        printed: Its standard output.
        errors: Its standard error.
    """

    status: int
    outputs: Mapping[str, str]
    summary: str
    printed: str
    errors: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The four lines that it stopped with."""
        return tuple(self.errors.strip().removeprefix("error: ").splitlines())


def refusal(body: Callable[[], object]) -> tuple[str, ...]:
    """The four lines that a function stops with."""
    with pytest.raises(ReleaseError) as caught:
        body()
    return caught.value.lines


def fix_command(lines: tuple[str, ...]) -> str:
    """The command of the third line, without the words that follow it."""
    return lines[2].removeprefix("Fix: ").partition(", ")[0]


def shell(command: str, folder: Path) -> None:
    """Run a command as a user pastes it."""
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True, capture_output=True)
