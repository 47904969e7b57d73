"""Editing TOML so that every byte outside the edit stays.

The text is cut into statements (table headers and key/value pairs, https://toml.io/en/v1.0.0); an edit
replaces, removes or adds whole statements. New values are written by tomlkit. After each edit the text is
parsed again and compared with what was meant, so that a surprise ends in a sentence and not in a file.
"""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass
from typing import Any

import tomlkit

from copier_pypi_release.adopt.programs import AdoptionError

Path = tuple[str, ...]
LONGEST = 120  # characters of a list that stays on one line


@dataclass(frozen=True)
class Statement:
    """One statement of a TOML text.

    Attributes:
        start: Offset of its first character, at the beginning of a line.
        end: Offset after its last line break.
        table: Path of the table it stands in; of the table itself for a header.
        path: Full path of what it sets; of the table for a header.
        header: Whether it is a table header.
        array: Whether it is the header of an array of tables, or stands in one.
    """

    start: int
    end: int
    table: Path
    path: Path
    header: bool
    array: bool


def _skip_string(text: str, at: int) -> int:
    """Offset after the string that begins at an offset."""
    quote = text[at]
    delimiter = quote * 3 if text.startswith(quote * 3, at) else quote
    at += len(delimiter)
    while not text.startswith(delimiter, at):
        at += 2 if quote == '"' and text[at] == "\\" else 1
    at += len(delimiter)
    while len(delimiter) > 1 and text.startswith(quote, at):  # up to two quotes may end a long string
        at += 1
    return at


def _statement_end(text: str, at: int) -> int:
    """Offset after the line break that ends the statement at an offset."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _skip_string(text, at)
            continue
        if character == "#":
            at = text.find("\n", at)
            if at < 0:
                return len(text)
            continue
        if character == "\n" and depth == 0:
            return at + 1
        depth += (character in "[{") - (character in "]}")
        at += 1
    return at


def _only_path(data: dict[str, Any]) -> tuple[Path, Any]:
    """The path of the one key that a statement sets, and what is there."""
    path: list[str] = []
    value: Any = data
    while isinstance(value, dict) and len(value) == 1:
        key = next(iter(value))
        path.append(key)
        value = value[key]
    return tuple(path), value


def _key_path(text: str) -> Path:
    """The path that the key of a ``key = value`` statement names."""
    at = 0
    while text[at] != "=":
        at = _skip_string(text, at) if text[at] in "\"'" else at + 1
    return _only_path(tomllib.loads(f"{text[:at]} = 0"))[0]


def statements(text: str) -> list[Statement]:
    """The statements of a valid TOML text, in order; between them are comments and blank lines."""
    found: list[Statement] = []
    table: Path = ()
    array = False
    at = 0
    while at < len(text):
        line_end = text.find("\n", at)
        line_end = len(text) if line_end < 0 else line_end + 1
        line = text[at:line_end].strip(" \t\r\n\ufeff")
        if not line or line.startswith("#"):
            at = line_end
            continue
        end = _statement_end(text, at)
        if line.startswith("["):
            array = line.startswith("[[")
            table = _only_path(tomllib.loads(text[at:end].lstrip("\ufeff")))[0]
            found.append(Statement(at, end, table, table, header=True, array=array))
        else:
            path = table + _key_path(text[at:end].lstrip("\ufeff"))
            found.append(Statement(at, end, table, path, header=False, array=array))
        at = end
    return found


def newline_of(text: str) -> str:
    """The line break that a text uses."""
    return "\r\n" if "\r\n" in text else "\n"


def as_toml(value: object) -> str:
    """A value as TOML; a table on one line, a list too while it is short."""
    if isinstance(value, dict):
        return _inline(value)
    line = tomlkit.item(value).as_string()
    if not isinstance(value, list) or len(line) <= LONGEST:
        return line
    array = tomlkit.array()
    array.extend(value)
    return array.multiline(multiline=True).as_string()


def _inline(value: dict[str, Any]) -> str:
    table = tomlkit.inline_table()
    table.update(value)
    return table.as_string()


def key_text(path: Path) -> str:
    """A dotted key, quoted where it must be."""
    return ".".join(tomlkit.key(part).as_string() for part in path)


def lookup(data: dict[str, Any], path: Path) -> Any:  # noqa: ANN401  (whatever stands there)
    """What stands at a path, or None."""
    value: Any = data
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _assign(data: dict[str, Any], path: Path, value: object) -> None:
    for part in path[:-1]:
        data = data.setdefault(part, {})
    data[path[-1]] = value


def _drop(data: dict[str, Any], path: Path) -> None:
    """Remove what stands at a path, and the tables that become empty by it."""
    parent = lookup(data, path[:-1]) if path[:-1] else data
    if isinstance(parent, dict) and path[-1] in parent:
        del parent[path[-1]]
        if not parent and path[:-1]:
            _drop(data, path[:-1])


def _bare(value: Any) -> Any:  # noqa: ANN401
    """Data without tables that have nothing in them."""
    if isinstance(value, dict):
        pairs = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item != {}}
    return value


class Document:
    """A TOML text that is edited statement by statement.

    Args:
        text: The text.
        name: What messages call it.

    Raises:
        AdoptionError: The text is not TOML.
    """

    def __init__(self, text: str, name: str = "pyproject.toml") -> None:
        self.text, self.name = text, name
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise AdoptionError(
                f"{name} is not TOML: {error}",
                expected="a file that every build tool can read",
                fix=f"mend {name} at that place, commit, and run this again",
            ) from error

    def get(self, *path: str) -> Any:  # noqa: ANN401
        """What stands at a path, or None."""
        return lookup(self.data, path)

    def _replace(self, start: int, end: int, new: str, meant: dict[str, Any]) -> None:
        if newline_of(self.text) == "\r\n":
            new = new.replace("\r\n", "\n").replace("\n", "\r\n")
        text = self.text[:start] + new + self.text[end:]
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            data = {}
        if _bare(data) != _bare(meant):
            line = self.text.count("\n", 0, start) + 1
            raise AdoptionError(
                f"{self.name} is written in a way that cannot be edited safely (near line {line})",
                expected="tables with a header of their own, such as [tool.hatch.version]",
                fix=f"write the version and build tables of {self.name} with headers, and run this again",
            )
        self.text, self.data = text, data

    def set(self, path: Path, value: object, comment: str = "") -> None:
        """Give a key a value; nothing changes if it has it already.

        Raises:
            AdoptionError: The key cannot be set without touching something else.
        """
        if self.get(*path) == value:
            return
        meant = copy.deepcopy(self.data)
        _assign(meant, path, value)
        here = [s for s in statements(self.text) if not s.array]
        note = f" # {comment}" if comment else ""
        newline = newline_of(self.text)
        for one in here:
            if not one.header and one.path == path[: len(one.path)]:
                # The key itself, or an inline table that it belongs into.
                whole = lookup(meant, one.path)
                key = key_text(one.path[len(one.table) :])
                self._replace(one.start, one.end, f"{key} = {as_toml(whole)}{note}{newline}", meant)
                return
        table = self._home(here, path)
        if table is None:
            self._append(path, value, note, meant)
            return
        end = max(s.end for s in here if s.table == table)
        lead = "" if self.text[:end].endswith("\n") else newline
        line = f"{lead}{key_text(path[len(table) :])} = {as_toml(value)}{note}{newline}"
        self._replace(end, end, line, meant)

    @staticmethod
    def _home(here: list[Statement], path: Path) -> Path | None:
        """The table whose header a new key goes below: where its nearest relatives stand."""
        best: tuple[int, int, Path] | None = None
        for one in here:
            shared = next((i for i, (a, b) in enumerate(zip(one.path, path, strict=False)) if a != b), None)
            shared = min(len(one.path), len(path)) if shared is None else shared
            is_prefix = one.table == path[: len(one.table)]
            # A header of the parent itself, or dotted keys that have made the parent already.
            enough = shared >= len(path) - 1 or (shared >= 3 and path[:2] == ("tool", "hatch"))  # noqa: PLR2004
            if is_prefix and enough and one.table:
                rank = (shared, len(one.table), one.table)
                best = max(best, rank) if best else rank
        return best[2] if best else None

    def _append(self, path: Path, value: object, note: str, meant: dict[str, Any]) -> None:
        """Open a new table at the end of the text."""
        newline = newline_of(self.text)
        lead = "" if not self.text else newline if self.text.endswith("\n") else newline * 2
        block = (
            f"{lead}[{key_text(path[:-1])}]{newline}{key_text(path[-1:])} = {as_toml(value)}{note}{newline}"
        )
        self._replace(len(self.text), len(self.text), block, meant)

    def remove(self, path: Path) -> None:
        """Remove a key or a table with everything below it, if it is there.

        Raises:
            AdoptionError: It cannot be removed without touching something else.
        """
        if self.get(*path) is None:
            return
        while True:
            here = statements(self.text)
            doomed = [s for s in here if s.path[: len(path)] == path]
            if not doomed:
                inline = [s for s in here if not s.header and s.path == path[: len(s.path)]]
                for one in inline:  # inside an inline table
                    meant = copy.deepcopy(self.data)
                    _drop(meant, path)
                    whole, key = lookup(meant, one.path), key_text(one.path[len(one.table) :])
                    line = f"{key} = {as_toml(whole)}{newline_of(self.text)}" if whole else ""
                    self._replace(one.start, one.end, line, meant)
                break
            last = doomed[-1]
            start, end = last.start, last.end
            if start == 0 or self.text[:start].endswith(("\n\n", "\n\r\n")):
                end = self._after_blank(end)
            text = self.text[:start] + self.text[end:]
            try:
                tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise AdoptionError(
                    f"The table {key_text(path)} of {self.name} cannot be removed safely",
                    expected="a table with a header of its own",
                    fix=f"give [{key_text(path)}] a header of its own and run this again",
                ) from error
            self.text = text
        meant = copy.deepcopy(self.data)
        _drop(meant, path)
        self.data = tomllib.loads(self.text)
        if _bare(self.data) != _bare(meant):
            raise AdoptionError(
                f"Removing {key_text(path)} from {self.name} would remove something else with it",
                expected="a table with a header of its own",
                fix=f"give [{key_text(path)}] a header of its own and run this again",
            )

    def drop_header(self, path: Path) -> None:
        """Remove the header of a table that has nothing of its own any more."""
        here = statements(self.text)
        own = [s for s in here if s.table == path]
        if len(own) == 1 and own[0].header and not own[0].array:
            self._replace(own[0].start, self._after_blank(own[0].end), "", self.data)

    def end_of(self, path: Path) -> int | None:
        """Offset after the last statement of a table, or None if there is no such table."""
        return max((s.end for s in statements(self.text) if s.table == path), default=None)

    def _after_blank(self, at: int) -> int:
        """Offset after the blank lines at an offset."""
        while True:
            end = self.text.find("\n", at)
            if end < 0 or self.text[at:end].strip():
                return at
            at = end + 1

    def rename(self, path: Path, new: str, value: object) -> None:
        """Put another key with a value in the place of a key."""
        one = next(s for s in statements(self.text) if not s.header and s.path == path)
        meant = copy.deepcopy(self.data)
        _drop(meant, path)
        _assign(meant, (*path[:-1], new), value)
        key = key_text((*one.path[len(one.table) : -1], new))
        self._replace(one.start, one.end, f"{key} = {as_toml(value)}{newline_of(self.text)}", meant)

    def insert(self, at: int, block: str) -> None:
        """Insert whole tables, written by the caller, before a table header or at the end."""
        block = block.replace("\n", newline_of(self.text))
        meant = copy.deepcopy(self.data)
        for key, value in tomllib.loads(block).items():
            merged = {**meant.get(key, {}), **value} if isinstance(value, dict) else value
            meant[key] = merged
        self._replace(at, at, block, meant)
