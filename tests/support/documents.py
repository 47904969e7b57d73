"""Read the rendered documents the way GitHub shows them."""

from __future__ import annotations

import functools
import posixpath
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from markdown_it.token import Token

Table = list[dict[str, str]]


@functools.cache
def tokens(text: str) -> list[Token]:
    """The tokens of a document (CommonMark, and tables as GitHub has them)."""
    return MarkdownIt("commonmark").enable("table").parse(text)


def _all_tokens(text: str) -> Iterator[Token]:
    for token in tokens(text):
        yield token
        yield from token.children or []


def plain(token: Token) -> str:
    """The text of an inline token as a reader sees it."""
    return "".join(t.content for t in token.children or [] if t.type in {"text", "code_inline"})


def headings(text: str) -> list[str]:
    """The headings of a document, as a reader sees them."""
    listed = tokens(text)
    return [plain(listed[i + 1]) for i, token in enumerate(listed) if token.type == "heading_open"]


def named_items(text: str) -> dict[str, str]:
    """The items of lists that a link can lead to: their name in bold, and what stands behind it."""
    found = {}
    for token in tokens(text):
        children = token.children or []
        kinds = [child.type for child in children if child.type != "text" or child.content]
        if token.type == "inline" and kinds[:3] == ["html_inline", "html_inline", "strong_open"]:
            end = next(i for i, child in enumerate(children) if child.type == "strong_close")
            name, rest = children[:end], children[end + 1 :]
            found["".join(c.content for c in name if c.type == "text")] = "".join(
                c.content for c in rest if c.type in {"text", "code_inline"}
            ).strip()
    return found


def tables(text: str) -> list[Table]:
    """The tables of a document: for each row, its cells by the heading of their column.

    A cell is what a reader sees; of a link only the text.
    """
    found: list[Table] = []
    rows: list[list[str]] = []
    for i, token in enumerate(listed := tokens(text)):
        match token.type:
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "th_open" | "td_open":
                rows[-1].append(plain(listed[i + 1]))
            case "table_close":
                found.append([dict(zip(rows[0], row, strict=True)) for row in rows[1:]])
    return found


def table(text: str, *columns: str) -> Table:
    """The one table of a document with these columns."""
    (found,) = [t for t in tables(text) if tuple(t[0]) == columns]
    return found


def code_spans(text: str, *columns: str) -> list[list[list[str]]]:
    """For each row of the table with these columns, for each cell, its pieces of code."""
    found: list[list[list[str]]] = []
    header: list[str] = []
    for i, token in enumerate(listed := tokens(text)):
        match token.type:
            case "table_open":
                header = []
            case "th_open":
                header.append(plain(listed[i + 1]))
            case "tr_open" if tuple(header) == columns:
                found.append([])
            case "td_open" if tuple(header) == columns:
                found[-1].append([t.content for t in listed[i + 1].children or [] if t.type == "code_inline"])
    return found


def shell_blocks(text: str) -> list[str]:
    """The fenced blocks that a reader pastes into a shell."""
    return [t.content for t in tokens(text) if t.type == "fence" and t.info.strip() in {"sh", "bash"}]


def prose(text: str) -> list[str]:
    """The paragraphs, headings and cells of a document as a reader sees them, without code."""
    return [
        " ".join("".join(t.content if t.type == "text" else " " for t in token.children or []).split())
        for token in tokens(text)
        if token.type == "inline"
    ]


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.ids |= {value for name, value in attrs if name in {"id", "name"} and value}


@functools.cache
def anchors(text: str) -> frozenset[str]:
    """What a link can end with: GitHub's slugs of the headings, and the ids of HTML elements.

    A slug is the heading in lower case, without punctuation, with '-' for each space; the second of a name
    gets '-1' (https://github.com/gjtorikian/html-pipeline, table of contents).
    """
    html = _Ids()
    html.feed("".join(t.content for t in _all_tokens(text) if t.type in {"html_inline", "html_block"}))
    found: dict[str, int] = {}
    slugs = set()
    for heading in headings(text):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = found[slug] = found.get(slug, -1) + 1
        slugs.add(f"{slug}-{count}" if count else slug)
    return frozenset(slugs | html.ids)


@functools.cache
def links(text: str) -> frozenset[str]:
    """Where the links and pictures of a document lead."""
    targets = (t.attrs.get("href") or t.attrs.get("src") for t in _all_tokens(text))
    return frozenset(str(target) for target in targets if target)


def dead_links(documents: Mapping[str, str], paths: Collection[str]) -> list[str]:
    """The links inside a package that lead to no file or no heading.

    Args:
        documents: Text of each Markdown file, by path.
        paths: All files of the package.
    """
    dead = []
    for path, text in documents.items():
        for link in sorted(links(text)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
            target = target if parts.path else path
            known = target in paths and (not parts.fragment or parts.fragment in anchors(documents[target]))
            if not known:
                dead.append(f"{path}: {link}")
    return dead
