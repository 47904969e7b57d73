"""Editing pyproject.toml: the tables of version and build, and no byte outside of them."""

from __future__ import annotations

import copy
import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Comment, InlineTable, Item, Null, Table, Whitespace

from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.repository import parse_toml
from copier_pypi_release.adopt.wheels import project_table
from copier_pypi_release.workflow_files import pattern_of_tags

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from copier_pypi_release.adopt.convert.conversion import Conversion
    from copier_pypi_release.adopt.wheels import Wheel

Path = tuple[str, ...]

SCIKIT = ("tool", "scikit-build")
SCIKIT_SCM = "scikit_build_core.metadata.setuptools_scm"
LEADING_COMMENT = re.compile(r"(?:\A|(?<=\n))(?:[ \t]*#.*\n)*[ \t]*\Z")  # the lines right above a header
LONGEST = 130  # characters of a list that stays on one line
REQUIRES = ["hatchling>=1.27", "hatch-vcs>=0.5"]
VERSION = ("tool", "hatch", "version")
WHEEL = ("tool", "hatch", "build", "targets", "wheel")
SDIST = ("tool", "hatch", "build", "targets", "sdist")
DESCRIBE = ("scm", "git", "describe_command")  # since setuptools-scm 9, which has Python 3.8, too
HOOK = ("tool", "hatch", "build", "hooks", "vcs")


def lookup(data: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401  (whatever it is)
    """What is at a path, or None."""
    value: Any = data
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


class Pyproject:
    """A pyproject.toml that is edited by tomlkit, one value or table at a time.

    To tomlkit, the comments above a header are the end of the table before it: they would go with that table,
    or end up above a key that is added to it. Here they belong to the header below them. After each edit the
    text is parsed again and compared with what was meant.

    Args:
        text: The text.

    Raises:
        AdoptionError: It is not TOML.
    """

    def __init__(self, text: str) -> None:
        # tomlkit ends new lines with a line feed.
        self._crlf = "\r\n" in text and "\n" not in text.replace("\r\n", "")
        self._load(text.replace("\r\n", "\n") if self._crlf else text)

    @property
    def text(self) -> str:
        """The text, with the line ends that it always had."""
        return self._text.replace("\n", "\r\n") if self._crlf else self._text

    def get(self, *path: str) -> Any:  # noqa: ANN401  (whatever it is)
        """What is at a path, or None."""
        return lookup(self.data, path)

    def set(self, table: Path, keys: Path, value: object) -> None:
        """Give a key a value.

        Args:
            table: The table that the key belongs into; if it is missing, it becomes one with a header.
            keys: The key, from there; a dotted one where its parents are missing.
            value: The value. In a list that is there already, only the items that differ change.
        """
        path = (*table, *keys)
        if self.get(*path) == value:
            return
        expected = copy.deepcopy(self.data)
        parent: Any = expected
        for part in path[:-1]:
            parent = parent.setdefault(part, {})
            if not isinstance(parent, dict):
                raise _unsafe(path)
        parent[path[-1]] = value
        home = max((p for p in self._tables if p == path[: len(p)] and len(p) < len(path)), key=len)
        inside, rest = self._tables[home], path[len(home) :]
        # A table without a header is written inline or by dotted keys, and goes on like that.
        if len(home) < len(table) and not _continues(inside, rest[0]):
            relatives = [n for n, (own, _) in enumerate(self._headers) if own[:2] == table[:2]]
            block = f"[{_dotted(table)}]\n{_dotted(keys)} = {_item(value).as_string()}\n"
            self._insert(block, relatives[-1] + 1 if relatives else len(self._headers), expected, table)
        else:
            _assign(inside, rest, value)
            self._commit(self._rendered(), expected, table)

    def remove(self, path: Path) -> None:
        """Remove a key, or a table and all below it, if it is there."""
        if self.get(*path) is None:
            return
        expected = copy.deepcopy(self.data)
        del lookup(expected, path[:-1])[path[-1]]
        kept = ""
        for number, (own, _) in enumerate(self._headers):
            if own[: len(path)] == path:
                # The comment right above a header goes with it; what stands higher does not.
                above = LEADING_COMMENT.sub("", self._above[number]) if number else self._above[number]
                kept = _joined(kept, above)
            else:
                self._above[number], kept = _joined(kept, self._above[number]), ""
        parents: list[Any] = [self._document]
        try:
            for part in path[:-1]:
                parents.append(parents[-1][part])
            del parents[-1][path[-1]]
            for depth in range(len(path) - 1, 0, -1):
                if parents[depth] or path[:depth] in self._tables:
                    break
                del parents[depth - 1][path[depth - 1]]
        except (TOMLKitError, KeyError) as error:
            raise _unsafe(path) from error
        self._above[-1] = _joined(kept, self._above[-1]) if self._above[-1] else kept.removesuffix("\n")
        text = self._rendered()
        self._commit(text if self._text.startswith("\n") else text.lstrip("\n"), expected, path)

    def rename(self, table: Path, old: str, new: str, value: object) -> None:
        """Put another key with a value in the place of a key of a table."""
        if table not in self._tables:  # it is written inline or by dotted keys
            self.remove((*table, old))
            self.set(table, (new,), value)
            return
        expected = copy.deepcopy(self.data)
        del lookup(expected, table)[old]
        lookup(expected, table)[new] = value
        self._tables[table].value._replace(old, new, _item(value))  # tomlkit has no public way
        self._commit(self._rendered(), expected, table)

    def insert(self, block: str, place: int) -> None:
        """Insert whole tables before a header, by its number from `place_of`."""
        self._insert(block, place, {**self.data, **tomllib.loads(block)}, ())

    def place_of(self, paths: Collection[Path]) -> int | None:
        """The number of the first header of some tables and of those below them; None if there is none."""
        fits = (any(own[: len(path)] == path for path in paths) for own, _ in self._headers)
        return next((number for number, fit in enumerate(fits) if fit), None)

    # ---- How it is done ------------------------------------------------------------------------------

    def _load(self, text: str) -> None:
        """Parse a text, and put a mark for what stands between two tables into the header of the second."""
        self.data = parse_toml(text, "pyproject.toml")
        self._text, self._document = text, tomlkit.parse(text)
        self._headers: list[tuple[Path, Table]] = []
        self._tables: dict[Path, Any] = {(): self._document}  # those that can be named by a path
        self._above: list[str] = []
        between: list[tuple[list[Any], int]] = []
        for body, number, path, item in _walk(self._document.body, ()):
            if isinstance(item, Whitespace | Comment):
                between.append((body, number))
                continue
            if isinstance(item, Table):
                self._above.append(_taken(between) + item.trivia.indent)
                # Neither a TOML text nor what tomlkit takes for indentation has these characters.
                item.trivia.indent = f"\0{len(self._headers)}\0\n"
                self._headers.append((path, item))
                if not any(own == path[: len(own)] and one.is_aot_element() for own, one in self._headers):
                    self._tables[path] = item
            between = []
        self._above.append(_taken(between))  # below the last table

    def _insert(self, block: str, place: int, expected: dict[str, Any], path: Path) -> None:
        """Insert a text of whole tables before a header."""
        if place < len(self._headers):
            above = self._above[place]
            # At the top, comments about the file stay there.
            head = "\n" if place else LEADING_COMMENT.sub("", above) or above
            rest = above.removeprefix(head)
            self._above[place] = f"{head}{block}\n{rest}"
            text = self._rendered()
        else:
            text = self._rendered()
            text += "" if text.endswith("\n") or not text else "\n"
            text += f"\n{block}" if text else block
        self._commit(text, expected, path)

    def _rendered(self) -> str:
        """The document as text."""
        text = re.sub(r"\0(\d+)\0\n", lambda mark: self._above[int(mark[1])], tomlkit.dumps(self._document))
        return text + self._above[-1]

    def _commit(self, text: str, expected: dict[str, Any], path: Path) -> None:
        """Take a text over if it says what is expected."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _unsafe(path) from error
        if _without_empty(data) != _without_empty(expected):
            raise _unsafe(path)
        self._load(text)


def _walk(body: list[Any], path: Path) -> Iterator[tuple[list[Any], int, Path, Item]]:
    """Everything that stands on a line of its own, in order: its list, its place there, its table, itself.

    A table comes before what is in it, if it has a header.
    """
    for number, (key, item) in enumerate(body):
        own = (*path, key.key) if key is not None else path
        for table in item.body if isinstance(item, AoT) else [item]:
            if not isinstance(table, Table):
                yield body, number, path, table
                continue
            if not table.is_super_table():
                yield body, number, own, table
            yield from _walk(table.value.body, own)


def _joined(above: str, below: str) -> str:
    """White space and comments, with one blank line where there were two of them."""
    return (above.removesuffix("\n") if below.startswith("\n") else above) + below


def _taken(places: list[tuple[list[Any], int]]) -> str:
    """The text of white space and comments, which is taken out of the document."""
    text = "".join(body[number][1].as_string() for body, number in places)
    for body, number in places:
        body[number] = (None, Null())
    return text


def _continues(inside: Any, name: str) -> bool:  # noqa: ANN401  (a table or the document)
    """Whether a table has another one, written inline or by dotted keys."""
    body = inside.value.body if isinstance(inside, Table) else inside.body
    return any(key and key.key == name and (key.is_dotted() or isinstance(i, InlineTable)) for key, i in body)


def _assign(inside: Any, keys: Path, value: object) -> None:  # noqa: ANN401  (a table or the document)
    """Give a key below a table a value."""
    if lookup(inside, keys) is None:
        while len(keys) > 1 and isinstance(inside.get(keys[0]), InlineTable):
            inside, keys = inside[keys[0]], keys[1:]
        if isinstance(inside, InlineTable):
            for key in reversed(keys[1:]):
                value = {key: value}
        if len(keys) == 1 or isinstance(inside, InlineTable):
            inside[keys[0]] = _item(value)
        else:
            inside.append(tomlkit.key(list(keys)), _item(value))
        return
    for key in keys[:-1]:
        inside = inside[key]
    _change_items(inside[keys[-1]], value)
    if inside[keys[-1]] != value:
        inside[keys[-1]] = _item(value)


def _change_items(old: object, new: object) -> None:
    """Take items out of a list and append others, so that the comments of those that stay do, too."""
    if isinstance(old, Array) and isinstance(new, list):
        for item in [item for item in old if item not in new]:
            old.remove(item)
        for item in [item for item in new if item not in old]:
            old.append(item)


def _item(value: object) -> Item:
    """A value for TOML; a table on one line, a list too while it is short."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({key: _item(one) for key, one in value.items()})
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(_item(one) for one in value)
        return array.multiline(multiline=len(array.as_string()) > LONGEST)
    return tomlkit.item(value)


def _dotted(path: Path) -> str:
    """A dotted key, quoted where it must be."""
    return ".".join(tomlkit.key(part).as_string() for part in path)


def _without_empty(value: Any) -> Any:  # noqa: ANN401  (whatever it is)
    """Data without tables that have nothing in them."""
    if isinstance(value, dict):
        pairs = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item != {}}
    return value


def _unsafe(path: Path) -> AdoptionError:
    return AdoptionError(
        f"pyproject.toml is written in a way that cannot be edited safely (at {_dotted(path)})",
        expected="tables with a header of their own, such as [tool.hatch.version]",
        fix=f"give the table of {_dotted(path)} a header of its own, commit, run this again",
    )


# ---- What adoption changes ----------------------------------------------------------------------------


def use_tag_version(document: Pyproject, *, name: str, prefix: str, version_file: str, nested: bool) -> None:
    """Let the version come from the git tag, by hatch-vcs, with every way to a wrong release closed.

    A shallow clone still builds, as a development version: CI and Read the Docs often have nothing else, and
    a release refuses one by itself.

    Args:
        document: The text to edit.
        name: Name of the distribution.
        prefix: What stands before the version in a tag.
        version_file: The file that the build writes, from the project's folder.
        nested: Whether the project is in a sub-directory of its repository.
    """
    make_dynamic(document)
    document.set(VERSION, ("source",), "vcs")
    document.set(VERSION, ("tag-pattern",), tag_regex(prefix))
    match = describe(prefix)
    document.set(VERSION, ("raw-options", "dist_name"), name)
    document.set(VERSION, ("raw-options", *DESCRIBE), match)
    if nested:
        document.set(VERSION, ("raw-options", "search_parent_directories"), value=True)
    for key in ("fallback_version", "version_scheme"):  # a version that no tag has given
        document.remove((*VERSION, "raw-options", key))
    document.set(HOOK, ("version-file",), version_file)


def make_dynamic(document: Pyproject) -> None:
    """Leave the version to the build."""
    dynamic = document.get("project", "dynamic")
    if document.get("project", "version") is not None:
        if dynamic is None:
            document.rename(("project",), "version", "dynamic", ["version"])
        else:
            document.remove(("project", "version"))
    if document.get("project") is not None and "version" not in (document.get("project", "dynamic") or []):
        document.set(("project",), ("dynamic",), [*(dynamic or []), "version"])


def tag_regex(prefix: str) -> str:
    """What a tag of a release looks like, as a regular expression."""
    return f"^{re.escape(prefix)}(?P<version>[0-9][0-9A-Za-z.!]*)$"


def describe(prefix: str) -> list[str]:
    """How git is asked for the tag, so that no other one counts."""
    return ["git", "describe", "--dirty", "--tags", "--long", "--match", pattern_of_tags(prefix)]


def use_scm_version(
    document: Pyproject, *, name: str, prefix: str, version_file: str, exclude: list[str], nested: bool
) -> None:
    """Let scikit-build-core take the version from the git tag, by setuptools-scm; see `use_tag_version`.

    Args:
        document: The text to edit.
        name: Name of the distribution.
        prefix: What stands before the version in a tag.
        version_file: The file that the build writes, which git ignores and the sdist has.
        exclude: What the sdist leaves out.
        nested: Whether the project is in a sub-directory of its repository.
    """
    make_dynamic(document)
    requires = document.get("build-system", "requires") or []
    if not any(re.match(r"setuptools[-_.]scm\b", line) for line in requires):
        document.set(("build-system",), ("requires",), [*requires, "setuptools-scm>=9"])
    document.set(SCIKIT, ("metadata", "version", "provider"), SCIKIT_SCM)
    for key, more in (("include", [version_file]), ("exclude", exclude)):
        known = document.get(*SCIKIT, "sdist", key) or []
        document.set(SCIKIT, ("sdist", key), [*known, *(one for one in more if one not in known)])
    settings: dict[tuple[str, ...], object] = {
        ("version_file",): version_file,
        ("tag_regex",): tag_regex(prefix),
        DESCRIBE: describe(prefix),
        ("dist_name",): name,
    }
    settings |= {("search_parent_directories",): True} if nested else {}
    for path, value in settings.items():
        document.set(("tool", "setuptools_scm"), path, value)


def use_hatchling(document: Pyproject) -> None:
    """Let hatchling build, with hatch-vcs."""
    requires = document.get("build-system", "requires") or []
    if document.get("build-system", "build-backend") == "hatchling.build":
        if not any(re.match(r"hatch[-_]vcs\b", text) for text in requires):
            document.set(("build-system",), ("requires",), [*requires, "hatch-vcs>=0.5"])
        return
    if document.get("build-system") is None:
        table = (
            f'[build-system]\nrequires = {_item(REQUIRES).as_string()}\nbuild-backend = "hatchling.build"\n'
        )
        document.insert(table, 0)
        return
    document.set(("build-system",), ("requires",), REQUIRES)
    document.set(("build-system",), ("build-backend",), "hatchling.build")
    document.remove(("build-system", "backend-path"))


def list_packages(document: Pyproject, packages: list[str], excluded: list[str]) -> None:
    """Say which files the wheel has: the same as before.

    Args:
        document: The text to edit.
        packages: Top-level packages and modules, from the project's folder.
        excluded: Tracked files below them that the wheel never had.
    """
    document.set(WHEEL, ("packages",), packages)
    if excluded:
        document.set(WHEEL, ("exclude",), excluded)


def list_sources(document: Pyproject, include: list[str], exclude: list[str]) -> None:
    """Say which files the sdist has: the same as before.

    Args:
        document: The text to edit.
        include: Patterns of what it has; without any, every tracked file.
        exclude: Patterns of what it has not.
    """
    if include:
        document.set(SDIST, ("include",), include)
    if exclude:
        # The list of the target takes the place of the general one.
        known = document.get(*SDIST, "exclude") or document.get("tool", "hatch", "build", "exclude") or []
        document.set(SDIST, ("exclude",), [*known, *(path for path in exclude if path not in known)])


def convert_project(document: Pyproject, conversion: Conversion, wheel: Wheel, readme: str | None) -> None:
    """Take the old backend's tables out, and write into [project] what they said.

    Args:
        document: The text to edit.
        conversion: What the converter found.
        wheel: What the old backend builds.
        readme: The file with the description.
    """
    roots = {path[:2] for path in conversion.remove}
    place = document.place_of(roots)  # nothing above it changes
    for path in conversion.remove:
        document.remove(path)
    for path, value in conversion.settings.items():
        document.set(path[:-1], path[-1:], value)
    for path in sorted(roots):
        if document.get(*path) == {}:
            document.remove(path)
    table = project_table(wheel, readme) | conversion.override
    if conversion.whole:
        if place is None:
            build = document.place_of({("build-system",)})
            place = 0 if build is None else build + 1
        document.insert(project_text(table), place)
    elif conversion.static:
        kept = [key for key in document.get("project", "dynamic") if key not in conversion.static]
        document.set(("project",), ("dynamic",), kept)
        for key in conversion.static:
            if table.get(key):
                document.set(("project",), (key,), table[key])


def project_text(table: dict[str, Any]) -> str:
    """The [project] table with one item per line and its sub-tables below."""
    below = ("urls", "scripts", "gui-scripts", "entry-points", "optional-dependencies")
    several = ("classifiers", "dependencies", "authors", "maintainers")
    project = tomlkit.table()
    for key, value in table.items():
        if key not in below:
            item = _item(value)
            if isinstance(item, Array) and key in several and len(item) > 1:
                item.multiline(multiline=True)
            project.add(key, item)
    for key, value in table.items():
        if key in below:
            inner = tomlkit.table(is_super_table=key == "entry-points")
            for name, one in value.items():
                inner.add(name, one if key == "entry-points" else _item(one))
            project.add(key, inner)
    document = tomlkit.document()
    document.add("project", project)
    return tomlkit.dumps(document)
