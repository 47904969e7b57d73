"""What adoption leaves to a person: each step is something to do, below the heading that says when."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt.next_steps import grouped, next_steps
from copier_pypi_release.adopt.repository import Tags
from packaging.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoption

pytestmark = pytest.mark.requirement("B11")
BEFORE, AFTER, LATER = (
    "Before the merge:",
    "After the merge, before the first tag:",
    "After the first release:",
)
# What a step can begin with.
ACTIONS = {
    *(
        "Add",
        "Copy",
        "Correct",
        "Create",
        "Delete",
        "Fill",
        "Give",
        "Head",
        "Install",
        "Leave",
        "Let",
        "List",
        "Register",
    ),
    *("Renew", "Review", "Revoke", "Say", "Spell", "Switch", "Take", "Write"),
}


def checklist(output: str) -> dict[str, list[tuple[int, str]]]:
    """The steps that adoption ends with: number and text, by heading."""
    _, _, shown = output.partition("Next steps:\n")
    found: dict[str, list[tuple[int, str]]] = {}
    heading = ""
    for line in filter(None, shown.splitlines()):
        if step := re.fullmatch(r" *(\d+)\. (.+)", line):
            found[heading].append((int(step[1]), step[2]))
        else:
            heading = line
            found[heading] = []
    return found


def test_each_step_is_an_action_below_the_heading_that_says_when(adoption: Adoption) -> None:
    steps = checklist(adoption.output)
    assert [*steps] == [heading for heading in (BEFORE, AFTER, LATER) if heading in steps]
    assert steps[BEFORE][-1][1].startswith("Review the change and commit it: git diff; git add --all")
    assert steps[AFTER][0][1].startswith("Create the environments and tag rules")
    numbered = [step for listed in steps.values() for step in listed]
    assert [number for number, _ in numbered] == [*range(1, len(numbered) + 1)]
    assert {text.partition(" ")[0] for _, text in numbered} <= ACTIONS


@pytest.mark.parametrize(
    ("notes", "step"),
    [
        ("changelog", "Head the notes of the next release in CHANGES.md with its version"),
        ("towncrier", "Add a fragment for the next release"),
        ("git-cliff", "Write a commit `feat: ...` or `fix: ...` for the next release"),
    ],
)
def test_notes_that_cannot_be_read_end_in_something_to_do(notes: str, step: str, tmp_path: Path) -> None:
    """What the gate has said of the newest tag's stands above, to be looked at."""
    (tmp_path / "CHANGES.md").write_text("# Changes\n\n## Unreleased\n\n- New.\n", encoding="utf-8")
    repository: Any = SimpleNamespace(
        root=tmp_path,
        project=tmp_path,
        changelog="CHANGES.md",
        release_notes=notes,
        tags=Tags("v", Version("1.4.2"), ("v1.4.1",)),
        default_branch="main",
        gate=SimpleNamespace(files=(), commands=()),
    )
    choice: Any = SimpleNamespace(own=(), kept=None, replaced="release.yml")
    answers = {
        "repository_owner": "octo-org",
        "repository_name": "demo-pkg",
        "testpypi_environment": "testpypi",
        "pypi_environment": "pypi",
    }
    told, silent = (
        next_steps(repository, choice, answers, Version("1.5"), unread=unread) for unread in (True, False)
    )
    assert [one for one in told if one not in silent] == [
        f"{step}, as 'Release notes' in RELEASING.md says: those of 1.4.2 are not read."
    ]
    assert {one.partition(" ")[0] for one in told} <= ACTIONS


def test_what_comes_later_is_no_part_of_what_comes_first() -> None:
    later = "After the first release, revoke the token."
    assert grouped([], ["Register it.", later]) == {AFTER: ["Register it."], LATER: ["Revoke the token."]}
