"""Fixtures of the update tests."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest
from adopt.adoption import adopt
from rendering import commit_all, git

from updates.changes import CHANGES
from updates.laboratory import FIRST, Files, Laboratory, files, stored_answers
from updates.users import USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class LivedIn:
    """A committed package in some state; not to be changed.

    Attributes:
        root: Its repository.
        answers: Its stored answers.
        files: Its files.
        base: The files that the template gave.
    """

    root: Path
    answers: dict[str, object]
    files: Files
    base: Files


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """This template as the first version, and a later one for each kind of change."""
    made = Laboratory(tmp_path_factory.mktemp("laboratory"))
    for name, change in CHANGES.items():
        made.version(name, change)
    yield made
    made.close()


@pytest.fixture(scope="session")
def lived_in(laboratory: Laboratory) -> Callable[[str], LivedIn]:
    """The package of a state, by its name in `USERS`."""
    made: dict[str, LivedIn] = {}

    def package(name: str) -> LivedIn:
        if name not in made:
            made[name] = live_in(laboratory, name)
        return made[name]

    return package


def live_in(laboratory: Laboratory, name: str) -> LivedIn:
    """Render or adopt a package and do what its users did."""
    user, folder = USERS[name], laboratory.folder / "users" / name
    if user.adopted:
        git(laboratory.template, "checkout", "--quiet", FIRST)  # the tool takes what is checked out
        root = adopt(user.adopted, folder, laboratory.template).root
    else:
        root = laboratory.copy(FIRST, folder / "demo-pkg", user.answers)
    for edit in user.edits:
        edit(root)
    commit_all(root)
    answers = stored_answers(root)
    return LivedIn(root, answers, files(root), laboratory.fresh(FIRST, answers))


@pytest.fixture
def package_of(lived_in: Callable[[str], LivedIn], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the package of a state, to be changed."""

    def package(name: str) -> Path:
        return shutil.copytree(lived_in(name).root, tmp_path / "demo-pkg", symlinks=True)

    return package
