"""Every combination of the template's choices: rendered, inspected, built; equal work is done once.

A combination is assembled of files that are rendered once for all that they depend on. Some are rendered as
a whole, too, to compare: every one that is built, and as many as have every two choices. Builds are shared
among all processors; contents go into a folder under the name of their hash, so that only hashes travel.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import tomllib
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
import yaml
from allpairspy import AllPairs  # type: ignore[import-untyped]
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from support.building import Built, build_and_import
from support.rendering import BASE, Renderer, commit_all, git, product_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Answers = dict[str, Any]
BuildKey = frozenset[tuple[str, str]]
VERSION = "1.2.3"
IMPORT_NAME = BASE["project_name"].replace("-", "_")
ANSWERS = ".copier-answers.yml"

# Answers in free text that a release depends on; a group of questions that belong together is one dict.
FREE_TEXT: dict[str, list[Any]] = {
    "tag_prefix": ["", "v", "release-", "my-package/v", "pkg@"],
    "release_branches": ["", "main", "main release/* hotfix/**"],
    "environments": [
        {"testpypi_environment": "testpypi", "pypi_environment": "pypi"},
        {"testpypi_environment": "test pypi/2", "pypi_environment": "PyPI (production)"},
        {"testpypi_environment": "0", "pypi_environment": "null"},
    ],
    "code_owners": ["", "@octocat @octo-org/release-team ada@example.org"],
    "names": [
        {"project_name": "demo-pkg", "repository_owner": "octo-org", "repository_name": "demo"},
        {"project_name": "Demo.Pkg_2", "import_name": "Demo2", "repository_name": "demo.pkg_2"},
        {"project_name": "a-" + 15 * "lng-" + "na", "author_name": 'O\'Neill "the \\" <x>'},
    ],
    "description": [
        "Does it.",
        '"Quotes" & \\ back`slash`, {{ it }}: #1 | <b> *ü* 🎉 ${{ github.token }} $(id)',
    ],
}

# Choices that would double all builds, and their seconds: with yes, every combination is rendered and
# inspected, and those that are built have every value of each other question.
COVERED = frozenset({"compiled"})

# What no build reads. That is tested: a build opens nothing of it, and no sdist has anything of it.
NOT_BUILT = re.compile(
    r"[.]github/.*|[.]copier-answers[.]yml|[.]pre-commit-config[.]yaml|changelog[.]d/.*|cliff[.]toml"
    r"|renovate[.]json|(?:CONTRIBUTING|RELEASING|SECURITY)[.]md"
)
# What a build packs without a look at it, and the tables of pyproject.toml that it does read; tested too.
PACKED = frozenset({"CHANGELOG.md"})
TABLES = frozenset({"build-system", "project", "hatch"})
# Delimiters of copier.yml's _envops. Blocks are left out: in cliff.toml they are Tera's.
DELIMITERS = ("{= ", " =}", "{## ", " ##}")
# What a rendered file must never have left in it: a blank that was to be filled in.
PLACEHOLDER = re.compile(
    r"(?i:change-?me|lorem ipsum|your[-_](?:name|project|package))|\b(?:TODO|FIXME|XXX)\b"
)


@dataclasses.dataclass(frozen=True)
class Combination:
    """One rendered combination: its answers, and the hash of each file's content, by path.

    The answers file is left out, unless it was rendered as a whole: no two combinations have it in common.
    `build_key` is all that its build can depend on: see `build_key_of`.
    """

    answers: Answers
    files: dict[str, str]

    build_key: BuildKey = frozenset()


@dataclasses.dataclass
class Everything:
    """All combinations.

    Attributes:
        store: Folder with each distinct content, in a file named by its hash.
        combinations: Every one of them.
        whole: Some that were rendered as a whole.
        problems: What is wrong with a content, by path and hash; only contents with a problem.
        builds: The built package, or a traceback, by `Combination.build_key`.
        seconds: How long it took.
    """

    store: Path
    whole: list[Combination] = dataclasses.field(default_factory=list)
    combinations: list[Combination] = dataclasses.field(default_factory=list)
    problems: dict[tuple[str, str], list[str]] = dataclasses.field(default_factory=dict)
    builds: dict[BuildKey, Built | str] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0

    _contents: dict[str, bytes] = dataclasses.field(default_factory=dict)
    _inspected: set[tuple[str, str]] = dataclasses.field(default_factory=set)

    def content(self, digest: str) -> bytes:
        """A content by its hash."""
        return self._contents[digest]

    def keep(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """The hashes of some files, by path; what is new is inspected."""
        digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        for path, digest in digests.items():
            if digest not in self._contents:
                self._contents[digest] = files[path]
                (self.store / digest).write_bytes(files[path])
            if (path, digest) not in self._inspected:
                self._inspected.add((path, digest))
                if found := list(inspect(path, files[path])):
                    self.problems[path, digest] = found
        return digests

    @functools.cached_property
    def to_build(self) -> list[Combination]:
        """Those of which every distinct build is made."""
        return [c for c in self.combinations if not any(c.answers[name] for name in COVERED)]

    def distinct(self, path: str) -> dict[str, Answers]:
        """Every content that a path has, by hash, with the answers of the first combination that has it."""
        found: dict[str, Answers] = {}
        for combination in self.combinations:
            if path in combination.files:
                found.setdefault(combination.files[path], combination.answers)
        return found

    @functools.cached_property
    def paths(self) -> list[str]:
        """Every path that some combination renders."""
        return sorted({path for combination in self.combinations for path in combination.files})


def make_everything(template: Path, store: Path) -> Everything:
    """Render, inspect and build every combination, on all processors.

    Args:
        template: Folder of the template.
        store: Empty folder for the contents.
    """
    started = time.monotonic()
    everything = Everything(store)
    renderer = Renderer(template)
    everything.combinations = list(_assembled(renderer, everything))
    covering = {_number(renderer, row) for row in AllPairs(list(renderer.choices.values()))}
    first = {c.build_key: c for c in reversed(everything.to_build)}
    wholly = [everything.combinations[number] for number in sorted(covering)]
    with concurrent.futures.ProcessPoolExecutor(
        os.cpu_count(), initializer=_start, initargs=(store, _empty_repository(store))
    ) as pool:
        building = {}
        for combination in (*wholly, *first.values()):
            files = everything.keep(renderer.files(combination.answers))
            whole = dataclasses.replace(combination, files=files)
            everything.whole.append(whole)
            if first.get(whole.build_key) is combination:
                building[whole.build_key] = pool.submit(_build, whole)
        everything.builds = {key: future.result() for key, future in building.items()}
    everything.seconds = time.monotonic() - started
    return everything


def _assembled(renderer: Renderer, everything: Everything) -> Iterator[Combination]:
    """Every combination, of the files of all parts; those of the same choices are taken together."""
    groups: dict[tuple[str, ...], dict[tuple[Any, ...], dict[str, str]]] = {}
    for part in renderer.parts():
        group = groups.setdefault(part.names, {})
        for values, contents in part.files.items():
            group.setdefault(values, {}).update(everything.keep(contents))
    for answers in product_of(renderer.choices):
        files: dict[str, str] = {}
        for names, group in groups.items():
            files |= group[tuple(answers[name] for name in names)]
        yield Combination(answers, files, build_key_of(files, everything.content))


def _number(renderer: Renderer, row: Sequence[Any]) -> int:
    """The place of a combination among all."""
    number = 0
    for values, value in zip(renderer.choices.values(), row, strict=True):
        number = number * len(values) + values.index(value)
    return number


def _empty_repository(store: Path) -> Path:
    empty = store / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet", "--template=", "--initial-branch", "main")
    return empty


def multiplied(choices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The choices of which every combination is built: all but those that are `COVERED`."""
    return {name: values for name, values in choices.items() if name not in COVERED}


def crossed(choices: Mapping[str, list[Any]]) -> list[Answers]:
    """Choices and awkward answers in free text, every value of each with every value of each other.

    The rows come first in which what is `COVERED` has its default; behind them, as few as have every value of
    every other question.

    Args:
        choices: Values of the questions with choices.
    """
    rows = _crossed(multiplied(choices))
    covering: list[Answers] = []
    for name in COVERED & choices.keys():
        left = {(key, str(value)) for row in rows for key, value in row.items()}
        while left:
            row = max(rows, key=lambda row: len(left & {(key, str(value)) for key, value in row.items()}))
            left -= {(key, str(value)) for key, value in row.items()}
            covering.append({**row, name: True})
    return [{**dict.fromkeys(COVERED & choices.keys(), False), **row} for row in (*rows, *covering)]


def _crossed(choices: Mapping[str, list[Any]]) -> list[Answers]:
    values = {**choices, **FREE_TEXT}
    rows = (dict(zip(values, row, strict=True)) for row in AllPairs(list(values.values())))
    # What has a dict for a value is several questions in one.
    return [
        {
            k: v
            for name, value in row.items()
            for k, v in (value if isinstance(value, dict) else {name: value}).items()
        }
        for row in rows
    ]


class _Process:
    """What a working process keeps between two pieces of work."""

    store: Path
    empty: Path  # a repository without a commit; copying it is quicker than git


def _start(store: Path, empty: Path) -> None:
    _Process.empty = empty
    _Process.store = store


def build_key_of(files: Mapping[str, str], content: Callable[[str], bytes]) -> BuildKey:
    """Paths and hashes of what a build reads; of pyproject.toml, only the tables that it reads count.

    Args:
        files: The hashes by path.
        content: Gives the content of a hash.
    """
    key = {p: "" if p in PACKED else digest for p, digest in files.items() if is_built(p)}
    key["pyproject.toml"] = _tables(content(files["pyproject.toml"]), read=True)
    return frozenset(key.items())


@functools.cache
def is_built(path: str) -> bool:
    """Whether a build may read a path."""
    return not NOT_BUILT.fullmatch(path)


@functools.cache
def _tables(content: bytes, *, read: bool) -> str:
    """The tables of a pyproject.toml that a build reads, or the other ones, as text to compare."""
    project = tomllib.loads(content.decode())
    tables = {**project.pop("tool"), **project}
    return json.dumps({name: table for name, table in tables.items() if (name in TABLES) is read})


def other_tables(content: bytes) -> str:
    """The tables of a pyproject.toml that no build reads."""
    return _tables(content, read=False)


def without_other_tables(content: bytes) -> bytes:
    """A pyproject.toml with the tables that a build reads, and no other."""
    project = tomlkit.parse(content.decode())
    for container in (project, project["tool"]):
        for name in [name for name in container if name not in TABLES | {"tool"}]:
            del container[name]
    return tomlkit.dumps(project).encode()


def _build(combination: Combination) -> Built | str:
    """Build one combination from a git history with the tag v1.2.3; a traceback if that fails."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(shutil.copytree(_Process.empty, Path(folder) / BASE["project_name"]))
            contents = {path: _Process.store / digest for path, digest in combination.files.items()}
            write(source, {path: content.read_bytes() for path, content in contents.items()})
            commit_all(source, tag=f"v{VERSION}")
            return build_and_import(source, IMPORT_NAME)
    except BaseException:  # noqa: BLE001  (whatever it is, it is the result)
        return traceback.format_exc()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def inspect(path: str, content: bytes) -> Iterator[str]:
    """What is wrong with a rendered file: it does not parse, or it is not tidy.

    Args:
        path: Its path in the package.
        content: What it contains.
    """
    try:
        text = content.decode("utf-8")
        parse(path, text)
    except (UnicodeDecodeError, ValueError, SyntaxError, YAMLError, yaml.YAMLError) as error:
        yield f"does not parse: {error}"
        return
    if text and not re.search(r"[^\n]\n\Z", text):
        yield "does not end with exactly one newline"
    if "\r" in text:
        yield "has a carriage return"
    if "\n\n\n\n" in text:
        yield "has three blank lines in a row"
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            yield f"has a space at the end of line {number}"
        if any(delimiter in line for delimiter in DELIMITERS):
            yield f"has a template delimiter in line {number}: {line}"
        if PLACEHOLDER.search(line):
            yield f"has a placeholder in line {number}: {line}"


def parse(path: str, text: str) -> Any:  # noqa: ANN401  (what it is depends on the file)
    """What a file means: YAML 1.2, TOML, JSON or Python by its name; any other is only text."""
    match Path(path).suffix:
        case ".yml" | ".yaml" if path == ANSWERS:
            return yaml.load(text, yaml.CSafeLoader)  # as Copier reads it
        case ".yml" | ".yaml":
            return YAML(typ="safe", pure=True).load(text)  # the pure one reads YAML 1.2
        case ".toml":
            return tomllib.loads(text)
        case ".json":
            return json.loads(text)
        case ".py":
            return compile(text, path, "exec")
        case _:
            return text
