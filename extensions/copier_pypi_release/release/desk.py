"""What a release works with, how it asks, and how it waits."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, git

from copier_pypi_release.recovery import NextStep, next_step
from copier_pypi_release.release_state import ReleaseState, collect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from release_lib.settings import Settings
    from rich.console import Console

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.workflow_files import Workflow

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two questions
UNTIL_IT_BEGINS = 60.0  # seconds that GitHub may take to create a run
PATIENCE = 600.0  # seconds for which a GitHub that does not answer is asked again, once something has begun
AGAIN = "uv run .github/release/tool.py release"
SEE = "RELEASING.md, 'Steps'"


@dataclasses.dataclass(frozen=True)
class Desk:
    """What a release works with."""

    root: Path
    settings: Settings
    workflow: Workflow
    github: GitHub
    default_branch: str
    options: argparse.Namespace
    to: Console

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        return git("-C", self.root, *arguments)

    def state(self, tag: str) -> tuple[ReleaseState, NextStep]:
        """What `status` sees."""
        state = collect(self.github, self.root, self.settings, self.workflow, tag)
        return state, next_step(state, self.settings, self.default_branch)

    def age_of(self, tag: str) -> float:
        """Seconds since a tag was made; of a lightweight one, since its commit was."""
        made = self.git("for-each-ref", "--format=%(creatordate:unix)", f"refs/tags/{tag}")
        return time.time() - int(made) if made else 0.0

    def again(self, tag: str) -> str:
        """The command that goes on with a tag."""
        return f"{AGAIN} {tag.removeprefix(self.settings.tag_prefix)}"


def agrees(question: str, fix: str) -> bool:
    """Whether somebody says yes.

    Raises:
        ReleaseError: Nobody is there to ask.
    """
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise ReleaseError(
            f"There is nobody to answer: {question}", expected="a yes, typed by a person", fix=fix, see=SEE
        )
    if not sys.stdin.isatty():
        print(answer.strip(), file=sys.stderr, flush=True)  # as a terminal shows what is typed
    return answer.strip().lower() in {"y", "yes"}


def pauses() -> Iterator[float]:
    """Sleep, longer each time, and say how many seconds have been slept; without an end."""
    slept, pause = 0.0, SHORTEST_PAUSE
    while True:
        yield slept
        time.sleep(pause)
        slept += pause
        pause = min(pause * 1.5, LONGEST_PAUSE)
