"""Every state of a package meets every kind of change of the template, through Copier's own update.

All changes at once meet every state; each change alone meets the states that take most of it. What comes
out is the table of docs/updating.md.

``uv run pytest tests/updates/test_matrix.py --refresh-docs`` writes it again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.rendering import ROOT

from updates.changes import CHANGES
from updates.edits import STATES, WHOLE
from updates.template_versions import expected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from updates.conftest import Updated

PAGE = ROOT / "docs/updating.md"
SINGLE = [name for name in CHANGES if name != "everything"]
CELLS = [(state, "everything") for state in STATES]
CELLS += [(state, change) for state in WHOLE for change in SINGLE]


@pytest.mark.requirement("B3", "B5", "P9.2", "X9")
@pytest.mark.parametrize(("state", "change"), CELLS)
def test_an_update(updated: Callable[[str, str], Updated], tmp_path: Path, state: str, change: str) -> None:
    """No conflict, no lost edit, nothing brought back, and all that the template changed is there."""
    found = updated(state, change)
    assert found.conflicts == []
    before = found.before
    assert found.files == expected(before.files, before.base, found.fresh, found.given, tmp_path)


def outcome(found: Updated) -> str:
    """What becomes of the paths that the template changed, in some words."""
    mine, after, fresh = found.before.files, found.files, found.fresh
    changed = {path for path in fresh if fresh[path] != found.before.base.get(path)} - {".copier-answers.yml"}
    kept = sorted(path for path in changed & found.given if after.get(path) == mine.get(path))
    deleted = sorted(path for path in changed - found.given if path not in after)
    says = [] if changed == {*kept, *deleted} and changed else ["arrives"]
    says += ["what is yours stays"] if kept else []
    says += [f"stays deleted: {', '.join(f'`{path}`' for path in deleted)}"] if deleted else []
    return "CONFLICT" if found.conflicts else "; ".join(says)


def first_sentence(text: str | None) -> str:
    """The first line of a docstring without its full stop."""
    return (text or "").partition("\n")[0].rstrip(".")


def test_the_tables_of_outcomes(
    updated: Callable[[str, str], Updated],
    up_to_date: Callable[[Path, str], None],
) -> None:
    lines = ["| State of the package | Every kind of change at once |", "|---|---|"]
    lines += [f"| {state.title} | {outcome(updated(name, 'everything'))} |" for name, state in STATES.items()]
    lines += [
        "",
        "| Kind of change | " + " | ".join(STATES[name].title for name in WHOLE) + " |",
        "|---" * 5 + "|",
    ]
    for change in SINGLE:
        cells = " | ".join(outcome(updated(state, change)) for state in WHOLE)
        lines.append(f"| {first_sentence(CHANGES[change].__doc__)} | {cells} |")
    page = PAGE.read_text(encoding="utf-8")
    table = re.compile(
        r"(?s)(?<=<!-- made by tests/updates/test_matrix.py -->\n\n).*?(?=\n\n<!-- until here -->)"
    )
    assert table.search(page)
    up_to_date(PAGE, table.sub(lambda _: "\n".join(lines), page))
