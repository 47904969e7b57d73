"""How adoption runs git, and how it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_lib import step
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path


class AdoptionError(ReleaseError):
    """Adoption cannot go on, and has changed nothing; see `ReleaseError`."""

    def __init__(
        self, problem: str, *, expected: str, fix: str, see: str = "docs/adopting.md of the template"
    ) -> None:
        super().__init__(problem, expected=expected, fix=fix, see=see)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; see `release_lib.step.run`."""
    return step.git("-c", "core.quotepath=off", *arguments, cwd=folder)


def try_git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None if it fails."""
    try:
        return git(folder, *arguments)
    except ReleaseError:
        return None
