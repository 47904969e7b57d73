"""How the maintainer's commands show things: tables, and colour only where somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 110  # characters, where there is no terminal to ask
STYLES = {"pass": "green", "fail": "bold red", "cannot know": "yellow", "create": "cyan", "change": "cyan"}


def console() -> Console:
    """Standard output; brackets in texts are brackets."""
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def table(title: str, *columns: str) -> Table:
    """An empty table; what does not fit a line is wrapped, never cut."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def marked(word: str) -> Text:
    """A word of `STYLES` in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def lines(to: Console, texts: Iterable[str], style: str = "") -> None:
    """Print lines that stay whole, to be copied."""
    for text in texts:
        to.print(text, style=style, soft_wrap=True)
