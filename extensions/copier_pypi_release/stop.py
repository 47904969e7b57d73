"""How the tool stops: with four lines that stand alone."""

from __future__ import annotations

DOCS = "docs/adopting.md of the template"


class Stop(Exception):  # noqa: N818  (it ends a command the way SystemExit ends a program)
    """The tool cannot go on, and has changed nothing.

    Args:
        wrong: What is wrong, with the value.
        expected: What was expected instead.
        mend: The command, or the one action, that mends it.
        read: Where to read on.
    """

    def __init__(self, wrong: str, *, expected: str, mend: str, read: str = DOCS) -> None:
        super().__init__(wrong)
        self.lines = (wrong, f"Expected: {expected}", f"To mend it: {mend}", f"Read on: {read}")
