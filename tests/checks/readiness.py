"""What the checks find on a bench, see `commands.local_github`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copier_pypi_release.checks import Finding, Result
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from copier_pypi_release.github import GitHub

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench

RELEASE = ".github/workflows/release.yml"
# Before the first release, of a template without a release.
BY_HAND = {"publisher-testpypi", "publisher-pypi", "action-versions", "template"}


def results(desk: Bench, *, offline: bool = False) -> dict[str, Finding]:
    """What all checks find, by name."""
    connect = None if offline else lambda repository: GitHub(repository, desk.github.token())
    return {f.check: f for f in doctor.find(read_context(desk.clone, desk.clone, connect))}


def failed(desk: Bench, *, offline: bool = False) -> set[str]:
    """The checks that fail."""
    return {name for name, f in results(desk, offline=offline).items() if f.result is Result.FAIL}


def found_in(root: Path, start: Path | None = None) -> dict[str, Finding]:
    """What all checks find in a repository without a network, by name."""
    return {f.check: f for f in doctor.find(read_context(root, start or root))}


def failed_in(root: Path, start: Path | None = None) -> set[str]:
    """The checks that fail there."""
    return {name for name, f in found_in(root, start).items() if f.result is Result.FAIL}
