"""pyproject.toml is edited so that nothing outside the owned tables moves a byte."""

from __future__ import annotations

import tomllib
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import tomlkit
from copier_pypi_release.adopt.pyproject import own_build, own_version, own_wheel
from copier_pypi_release.adopt.toml_text import Document, statements
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError

OWNED = [
    ("build-system",),
    ("project", "version"),
    ("project", "dynamic"),
    ("tool", "hatch", "version"),
    ("tool", "hatch", "build", "hooks", "vcs"),
    ("tool", "hatch", "build", "targets", "wheel", "packages"),
]
VALIDATOR = Validator()

comments = st.sampled_from(["", "", "  # why", "#: tight", "\t# tab"])
gaps = st.sampled_from(["", "", "\n", "\n# a comment of its own\n", "\n\n    # [project]\n# version = '0'\n"])
words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
strings = st.one_of(
    words.map(lambda w: f'"{w}"'),
    words.map(lambda w: f"'{w} = [not a table]'"),
    words.map(lambda w: f'"""\n[project]\nversion = "{w}"\n"""'),
    words.map(lambda w: f"'''{w} # no comment\n'''"),
    st.just(r'"quoted \" and \\"'),
)
values = st.one_of(
    strings,
    st.integers(0, 99).map(str),
    st.sampled_from(["true", "1.5", "2026-11-22", "[]", "{}", "{ a = 1, b.c = 2 }"]),
    st.lists(strings, min_size=1, max_size=3).map(lambda items: "[\n  " + ", # [x]\n  ".join(items) + ",\n]"),
)
other_names = st.sampled_from(["ruff", "mypy", "poe", "tool-x", '"quoted.name"', "uv", "pytest"])


@st.composite
def pyprojects(draw: st.DrawFn) -> str:
    """A pyproject.toml in one of the many ways in which people write them."""
    blocks = [draw(project_tables())]
    if draw(st.booleans()):
        requires = draw(
            st.sampled_from(['["hatchling"]', '["hatchling", "hatch-vcs"]', '[\n  "setuptools",\n]'])
        )
        backend = "hatchling.build" if "hatchling" in requires else "setuptools.build_meta"
        blocks.append(f'[build-system]{draw(comments)}\nrequires = {requires}\nbuild-backend = "{backend}"\n')
    if draw(st.booleans()):
        blocks.append(
            draw(
                st.sampled_from(
                    [
                        '[tool.hatch.version]\nsource = "vcs"\n',
                        '[tool.hatch.version]\nsource = "vcs"\n[tool.hatch.version.raw-options]\na = "x"\n',
                        '[tool.hatch.version]\nsource = "vcs"\nraw-options = { local_scheme = "x" }\n',
                        '[tool.hatch]\nversion.source = "vcs"\n',
                        '[tool.hatch.build.hooks.vcs]\nversion-file = "src/x/_version.py"\n',
                        '[tool.hatch.envs.default]\ndependencies = ["x"]\n',
                    ]
                )
            )
        )
    for name in draw(st.lists(other_names, unique=True, max_size=4)):
        keys = draw(st.dictionaries(words, values, max_size=3))
        lines = "".join(f"{k} = {v}{draw(comments)}\n" for k, v in keys.items())
        blocks.append(f"[tool.{name}]{draw(comments)}\n{lines}")
        if draw(st.booleans()):
            blocks.append(f"[[tool.{name}.many]]\nversion = 1\n[[tool.{name}.many]]\nversion = 2\n")
    text = "".join(block + draw(gaps) for block in draw(st.permutations(blocks)))
    text = draw(st.sampled_from(["", "# head\n", "\n"])) + text
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@st.composite
def project_tables(draw: st.DrawFn) -> str:
    lines = ['name = "demo"']
    how = draw(st.sampled_from(['version = "1.0"', "version = '1.0'", 'dynamic = ["version"]']))
    lines.append(how)
    if draw(st.booleans()):
        lines.append('dependencies = [\n    "a>=1", # [project]\n    "b",\n]')
    if draw(st.booleans()):
        lines.append('urls = { Home = "https://demo.example.org" }')
    lines = [line + draw(comments) for line in draw(st.permutations(lines))]
    text = "[project]" + draw(comments) + "\n" + "\n".join(lines) + "\n"
    if draw(st.booleans()):
        text += '[project.optional-dependencies]\ndev = ["c"]\n'
    return text


def without_owned(data: dict[str, Any]) -> dict[str, Any]:
    """Data without what adoption owns, and without tables that are empty then."""

    def prune(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            return value
        kept = {k: prune(v, (*path, k)) for k, v in value.items() if (*path, k) not in OWNED}
        return {k: v for k, v in kept.items() if v != {} or (*path, k)[0] != "tool"}

    pruned = prune(data, ())
    assert isinstance(pruned, dict)
    return pruned


def foreign_lines(text: str) -> list[str]:
    """Every line that is in no owned statement: comments, blank lines, other tables, in order."""
    owned: set[int] = set()
    for one in statements(text):
        mine = any(one.path[: len(path)] == path for path in OWNED)
        mine = mine or any(
            one.path == path[: len(one.path)] and one.path[:2] == ("tool", "hatch") for path in OWNED
        )
        if mine and not one.array:
            owned |= set(range(one.start, one.end))
    lines, at = [], 0
    for line in text.splitlines(keepends=True):
        if at not in owned:
            lines.append(line.rstrip("\r\n"))
        at += len(line)
    return [line for line in lines if line.strip()]


def edit(text: str) -> Document:
    document = Document(text)
    own_build(document)
    if document.get("build-system", "build-backend") and "packages" not in text:
        own_wheel(document, ["src/demo"], [])
    own_version(document, name="demo", prefix="v", version_file="src/demo/_version.py", nested=False)
    return document


def is_valid(text: str) -> bool:
    try:
        VALIDATOR(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError):
        return False
    return True


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(pyprojects())
def test_any_valid_pyproject_keeps_every_byte_outside_the_owned_tables(text: str) -> None:
    if not is_valid(text):
        return
    after = edit(text).text
    data = tomllib.loads(after)
    assert without_owned(data) == without_owned(tomllib.loads(text))
    assert foreign_lines(after) == foreign_lines(text)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in text
    assert data["project"]["dynamic"] == ["version"]
    assert "version" not in data["project"]
    assert data["build-system"]["build-backend"] == "hatchling.build"
    options = data["tool"]["hatch"]["version"]["raw-options"]
    assert options["scm"] == {"git": {"pre_parse": "fail_on_shallow"}}
    VALIDATOR(data)


@settings(deadline=None, max_examples=25)
@given(pyprojects())
def test_a_second_edit_changes_nothing(text: str) -> None:
    if not is_valid(text):
        return
    once = edit(text).text
    assert edit(once).text == once


@settings(deadline=None, max_examples=25)
@given(pyprojects())
def test_statements_cover_every_key_once(text: str) -> None:
    if not is_valid(text):
        return
    found = statements(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    between = "".join(text[a.end : b.start] for a, b in pairwise(found))
    assert all(not line.strip() or line.strip().startswith("#") for line in between.splitlines())
    keys = Counter(s.path for s in found if not s.header and not s.array)
    assert not keys or max(keys.values()) == 1


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("[a]\nx = 1 # one\n\n[b]\n", ("a", "y"), 2, "[a]\nx = 1 # one\ny = 2\n\n[b]\n"),
        ("[a]\nx = 1", ("a", "y"), 2, "[a]\nx = 1\ny = 2\n"),
        ("[a]\n[a.b]\nx = 1\n", ("a", "y"), 2, "[a]\ny = 2\n[a.b]\nx = 1\n"),
        ("[a]\nb = { x = 1 }\n", ("a", "b", "y"), 2, "[a]\nb = {x = 1, y = 2}\n"),
        ("x = 1\n", ("a", "y"), 2, "x = 1\n\n[a]\ny = 2\n"),
        ("", ("a", "b", "y"), "v", '[a.b]\ny = "v"\n'),
    ],
)
def test_a_key_goes_where_it_belongs(text: str, path: tuple[str, ...], value: object, expected: str) -> None:
    document = Document(text)
    document.set(path, value)
    assert document.text == expected
    assert tomlkit.parse(expected).unwrap() == document.data


def test_a_table_goes_with_everything_below_it_and_nothing_else() -> None:
    document = Document("[a]\nx = 1\n\n[b]\ny = 1\n# of c\n\n[b.c]\nz = 1\n\n# of d\n[d]\nx = 1\n")
    document.remove(("b",))
    assert document.text == "[a]\nx = 1\n\n# of c\n\n# of d\n[d]\nx = 1\n"
