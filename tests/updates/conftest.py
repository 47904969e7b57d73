"""Fixtures of the update tests."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from adopt.adoption import adopt
from support.rendering import commit_all, git

from updates.changes import CHANGES, HANDED_OVER
from updates.edits import STATES
from updates.template_versions import FIRST, GIVEN, Files, TemplateVersions, conflicts, files, stored_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemplateVersions]:
    """This template as the first version, and a later one for each kind of change."""
    made = TemplateVersions(tmp_path_factory.mktemp("versions"))
    for name, change in CHANGES.items():
        made.version(name, change)
    yield made
    made.close()


@pytest.fixture(scope="session")
def lived_in(versions: TemplateVersions) -> Callable[[str], LivedIn]:
    """The package of a state, by its name in `STATES`."""
    return functools.cache(functools.partial(live_in, versions))


def live_in(versions: TemplateVersions, name: str) -> LivedIn:
    """Render or adopt a package and do what was done to it."""
    state, folder = STATES[name], versions.folder / "states" / name
    if state.adopted:
        git(versions.template, "checkout", "--quiet", FIRST)  # the tool takes what is checked out
        root = adopt(state.adopted, folder, versions.template).root
    else:
        root = versions.copy(FIRST, folder / "demo-pkg", state.answers)
    for edit in state.edits:
        edit(root)
    commit_all(root)
    answers = stored_answers(root)
    return LivedIn(root, answers, files(root), versions.fresh(FIRST, answers))


@dataclasses.dataclass(frozen=True)
class Updated:
    """What an update has made of a package.

    Attributes:
        before: The package before.
        fresh: A new package of the new version, with the same answers.
        given: Paths that people own alone.
        files: The package after.
        conflicts: Paths that wait for a person.
    """

    before: LivedIn
    fresh: Files
    given: frozenset[str]
    files: Files
    conflicts: list[str]


@pytest.fixture(scope="session")
def updated(versions: TemplateVersions, lived_in: Callable[[str], LivedIn]) -> Callable[[str, str], Updated]:
    """The outcome of a kind of change for a state; each is found out once."""

    @functools.cache
    def outcome(state: str, change: str) -> Updated:
        before, version = lived_in(state), versions.tags[change]
        with tempfile.TemporaryDirectory(dir=versions.folder) as folder:
            package = shutil.copytree(before.root, Path(folder) / "demo-pkg", symlinks=True)
            versions.update(package, version)
            after, waiting = files(package), conflicts(package)
        handed_over = {HANDED_OVER} if change in {"file_handed_over", "everything"} else set()
        return Updated(before, versions.fresh(version, before.answers), GIVEN | handed_over, after, waiting)

    return outcome


@pytest.fixture
def package_of(lived_in: Callable[[str], LivedIn], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the package of a state, to be changed."""

    def package(name: str) -> Path:
        return shutil.copytree(lived_in(name).root, tmp_path / "demo-pkg", symlinks=True)

    return package
