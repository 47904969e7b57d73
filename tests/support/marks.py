"""The rows of the requirements that each test proves, by its marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


class Marked(TypedDict):
    """A test: its module, its name, the first line of what it says of itself, and the rows that it proves."""

    module: str
    name: str
    says: str
    rows: list[str]


def marked_tests(items: Iterable[pytest.Item]) -> list[Marked]:
    """The marks of collected tests, in their order."""
    return [
        {
            "module": item.nodeid.partition("::")[0],
            "name": item.name,
            "says": (getattr(item, "function", item).__doc__ or "").strip().partition("\n")[0],
            "rows": [str(row) for mark in item.iter_markers("requirement") for row in mark.args],
        }
        for item in items
    ]
