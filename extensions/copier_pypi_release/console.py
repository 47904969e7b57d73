"""Tables and lines on the standard output: colour on a terminal only, and text of others shown as text."""

from __future__ import annotations

import contextlib
import re
import sys
import textwrap
from typing import TYPE_CHECKING

from release_lib.step import folded
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

WIDTH = 80  # characters, where there is no terminal to ask
CELL = 160  # characters of a message in a table; a longer one would hide the other rows
STYLES = {"pass": "green", "fail": "bold red", "unknown": "yellow", "create": "cyan", "change": "cyan"}
# Control characters, and those that reorder, hide or break a line: a name from GitHub can have any of them.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class PlainTable(Table):
    """A table whose cells are texts, not markup."""

    def add_row(self, *cells: str | Text) -> None:  # type: ignore[override]
        """Add a row; a text may have several lines."""
        super().add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells))


def printable(text: str) -> str:
    """A text in which a terminal finds no command: control characters but line breaks become escapes."""
    return UNPRINTABLE.sub(
        lambda found: found[0] if found[0] == "\n" else found[0].encode("unicode_escape").decode(), text
    )


def brief(text: str) -> str:
    """A message for the cell of a table: of a long one what stands before its colon, or its first words."""
    if len(text) <= CELL:
        return text
    first, colon, _ = text.partition(": ")
    cut = first if colon and len(first) <= CELL else text[:CELL].rpartition(" ")[0] or text[:CELL]
    return f"{cut} ..."


def counted(number: int, noun: str) -> str:
    """A number of things, in words that fit one and many."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def console() -> Console:
    """The standard output; brackets in texts are brackets."""
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def table(title: str, *columns: str) -> PlainTable:
    """An empty table. Cells are wrapped, so what is to be copied goes to `lines`."""
    made = PlainTable(
        title=Text(printable(title)),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def marked(word: str) -> Text:
    """A word of `STYLES` in its colour."""
    return Text(printable(word), style=STYLES.get(word, ""))


@contextlib.contextmanager
def waiting(to: Console) -> Iterator[Callable[[str], None]]:
    """What says on a terminal, in one line that changes, what is waited for; nothing where there is none."""
    if not to.is_terminal:
        yield lambda _: None
        return
    with to.status("") as shown:
        yield lambda text: shown.update(Text(printable(text)))


@contextlib.contextmanager
def progress(to: Console) -> Iterator[Callable[[str], None]]:
    """What says which step begins: on a terminal in a line that changes, else in lines on standard error."""
    if to.is_terminal:
        with waiting(to) as say:
            yield lambda text: say(f"{text} ...")
    else:
        yield lambda text: print(printable(f"{text} ..."), file=sys.stderr, flush=True)


def quoted(to: Console, text: str, what: str = "") -> None:
    """Print, below a table, a message that `brief` has cut in it."""
    if brief(text) != text:
        paragraph(to, what + text, first="  | ", rest="  |   ")


def lines(to: Console, texts: Iterable[str], style: str = "") -> None:
    """Print lines that stay whole, to be copied."""
    for text in texts:
        to.print(Text(printable(text), style=style), soft_wrap=True)


def indented(to: Console, text: str) -> None:
    """Print a text of several lines, two columns in; long lines are wrapped between words."""
    for line in printable(text).splitlines():
        wrapper = textwrap.TextWrapper(to.width, break_long_words=False, break_on_hyphens=False)
        wrapper.initial_indent = " " * (2 + len(line) - len(line.lstrip()))
        wrapper.subsequent_indent = f"{wrapper.initial_indent}  "
        lines(to, wrapper.wrap(line.strip()) or [""])


def paragraph(to: Console, text: str, style: str = "", first: str = "", rest: str = "") -> None:
    """Print sentences, wrapped between words; a command in them can be copied."""
    for line in printable(text).split("\n"):
        lines(to, folded(line, first, rest, to.width), style=style)
