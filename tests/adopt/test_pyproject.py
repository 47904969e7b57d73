"""pyproject.toml is edited so that nothing else in it moves a byte."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from copier_pypi_release.adopt.convert.conversion import Conversion
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.pyproject import (
    Pyproject,
    convert_project,
    list_packages,
    use_hatchling,
    use_tag_version,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError

from adopt.test_wheels import wheel

pytestmark = pytest.mark.requirement("B2")

VALIDATOR = Validator()
# What an adoption changes; every path at or below one of these.
CHANGED = [
    ("build-system",),
    ("project", "version"),
    ("project", "dynamic"),
    ("tool", "hatch", "version"),
    ("tool", "hatch", "build"),
]

comments = st.sampled_from(["", "", "  # why", "#: tight", "\t# tab"])
gaps = st.sampled_from(
    ["", "", "\n", "\n\n\n", "\n# its own comment\n", "\n\n    # [project]\n# version = '0'\n"]
)
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
    st.sampled_from(["true", "1.5", "0x1F", "2026-11-22", "[]", "{}", "{ a = 1, b.c = 2 }", "{a=1}"]),
    st.lists(strings, min_size=1, max_size=3).map(lambda items: "[\n  " + ", # [x]\n  ".join(items) + ",\n]"),
)
keys = st.sampled_from(["plain", '"quoted key"', "dotted.key", "'x'.y", "spaced . key"])
tools = st.sampled_from(["ruff", "mypy", "poe", "tool-x", '"quoted.name"', "uv", "pytest"])
hatch_tables = st.sampled_from(
    [
        '[tool.hatch.version]\nsource = "vcs"\n',
        '[tool.hatch.version]\nsource = "vcs"\n[tool.hatch.version.raw-options]\na = "x"\n',
        '[tool.hatch.version]\nsource = "vcs"\nraw-options = { local_scheme = "x" }\n',
        '[tool.hatch.version]\nsource = "vcs"\nraw-options.local_scheme = "x"\n',
        '[tool.hatch]\nversion.source = "vcs"\n',
        '[tool.hatch]\nversion = { source = "vcs" } # inline\n',
        '[tool.hatch.build.hooks.vcs]\nversion-file = "src/x/_version.py"\n',
        '[tool.hatch.envs.default]\ndependencies = ["x"]\n',
    ]
)
build_systems = st.sampled_from(
    [
        'requires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
        'requires = ["hatchling", "hatch-vcs"] # both\nbuild-backend = "hatchling.build"\n',
        'requires = [\n  "hatchling", # it\n]\nbuild-backend = "hatchling.build"\n',
        'requires = [\n  "setuptools",\n]\nbuild-backend = "setuptools.build_meta"\n',
    ]
)


@st.composite
def project_tables(draw: st.DrawFn) -> str:
    lines = ['name = "demo"']
    lines.append(draw(st.sampled_from(['version = "1.0"', "version = '1.0'", 'dynamic = ["version"]'])))
    if draw(st.booleans()):
        lines.append('dependencies = [\n    "a>=1", # [project]\n    "b",\n]')
    if draw(st.booleans()):
        lines.append('urls = { Home = "https://demo.example.org" }')
    lines = [line + draw(comments) for line in draw(st.permutations(lines))]
    text = "[project]" + draw(comments) + "\n" + "\n".join(lines) + "\n"
    if draw(st.booleans()):
        text += '[project.optional-dependencies]\ndev = ["c"]\n'
    return text


@st.composite
def pyprojects(draw: st.DrawFn) -> str:
    """A pyproject.toml in one of the many ways in which people write them."""
    blocks = [draw(project_tables())]
    if draw(st.booleans()):
        blocks.append(f"[build-system]{draw(comments)}\n{draw(build_systems)}")
    if draw(st.booleans()):
        blocks.append(draw(hatch_tables))
    for name in draw(st.lists(tools, unique=True, max_size=4)):
        lines = [
            f"{key} = {draw(values)}{draw(comments)}" for key in draw(st.lists(keys, unique=True, max_size=3))
        ]
        blocks.append(f"[tool.{name}]{draw(comments)}\n" + "".join(f"{line}\n" for line in lines))
        if draw(st.booleans()):
            blocks.append(f"[[tool.{name}.many]]\nversion = 1\n[[tool.{name}.many]]\nversion = 2\n")
    text = "".join(block + draw(gaps) for block in draw(st.permutations(blocks)))
    text = draw(st.sampled_from(["", "# head\n", "\n"])) + text
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def adopted(text: str) -> str:
    """The text with everything that an adoption changes."""
    document = Pyproject(text)
    hatchling = document.get("build-system", "build-backend") == "hatchling.build"
    use_hatchling(document)
    if not hatchling:
        list_packages(document, ["src/demo"], [])
    use_tag_version(document, name="demo", prefix="v", version_file="src/demo/_version.py", nested=False)
    return document.text


def unchanged_data(text: str) -> dict[str, Any]:
    """The data without what an adoption changes, and without tables that are empty then."""

    def pruned(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            return value
        kept = {key: pruned(item, (*path, key)) for key, item in value.items() if (*path, key) not in CHANGED}
        return {key: item for key, item in kept.items() if item != {} or path[:2] == ("tool", "uv")}

    found = pruned(tomllib.loads(text), ())
    assert isinstance(found, dict)
    return found


def tables_of_others(text: str) -> list[str]:
    """The tables that an adoption does not change, each as its lines from the header to the last one."""
    lines = [*text.splitlines(keepends=True), "[]"]
    tables, start = [], None
    for number, line in enumerate(lines):
        if line.startswith("[") and (start is None or is_toml("".join(lines[start:number]))):
            if start is not None and not lines[start].startswith(
                ("[build-system", "[project]", "[tool.hatch")
            ):
                tables.append("".join(lines[start:number]).rstrip())
            start = number
    return tables


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def comments_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(pyprojects())
def test_what_an_adoption_does_not_change_stays_byte_for_byte(text: str) -> None:
    assert Pyproject(text).text == text
    after = adopted(text)
    assert tables_of_others(after) == tables_of_others(text)
    assert comments_of(after) == comments_of(text)
    for comment in ("# why", "#: tight", "# tab", "# both", "# it", "# inline", "# [x]"):
        assert after.count(comment) == text.count(comment)
    assert unchanged_data(after) == unchanged_data(text)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\r\n" not in text or "\n" not in after.replace("\r\n", "")


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(pyprojects())
def test_what_an_adoption_changes_is_valid_and_stays_when_it_is_repeated(text: str) -> None:
    try:
        VALIDATOR(tomllib.loads(text))
    except ValidationError:
        assume(condition=False)
    after = adopted(text)
    data = tomllib.loads(after)
    VALIDATOR(data)
    assert data["project"]["dynamic"] == ["version"]
    assert "version" not in data["project"]
    assert data["build-system"]["build-backend"] == "hatchling.build"
    assert set(data["tool"]["hatch"]["version"]["raw-options"]["scm"]["git"]) == {"describe_command"}
    assert adopted(after) == after


@pytest.mark.parametrize(
    ("text", "table", "key", "expected"),
    [
        ("[a]\nx = 1 # one\n\n[b]\n", ("a",), "y", "[a]\nx = 1 # one\ny = 2\n\n[b]\n"),
        ("[a]\nx = 1\n\n# of b\n[b]\n", ("a",), "y", "[a]\nx = 1\ny = 2\n\n# of b\n[b]\n"),
        ("[a]\nx = 1", ("a",), "y", "[a]\nx = 1\ny = 2\n"),
        ("[a]\n\n[a.b]\nx = 1\n", ("a",), "y", "[a]\ny = 2\n\n[a.b]\nx = 1\n"),
        ("[a]\nb = { x = 1 } # b\n", ("a", "b"), "y", "[a]\nb = { x = 1, y = 2} # b\n"),
        ("[a]\nb.x = 1\n", ("a", "b"), "y", "[a]\nb.x = 1\nb.y = 2\n"),
        ("x = 1\n", ("a",), "y", "x = 1\n\n[a]\ny = 2\n"),
        ("x = 1 # last", ("a",), "y", "x = 1 # last\n\n[a]\ny = 2\n"),
        ("", ("a", "b"), "y", "[a.b]\ny = 2\n"),
        (
            "[tool.a.x]\nz = 1\n\n# of b\n[tool.b]\nz = 1\n",
            ("tool", "a", "n"),
            "y",
            "[tool.a.x]\nz = 1\n\n[tool.a.n]\ny = 2\n\n# of b\n[tool.b]\nz = 1\n",
        ),
        ("[a]\ny = [1] # list\n", ("a",), "y", "[a]\ny = 2 # list\n"),
    ],
)
def test_a_key_goes_where_it_belongs(text: str, table: tuple[str, ...], key: str, expected: str) -> None:
    document = Pyproject(text)
    document.set(table, (key,), 2)
    assert document.text == expected


def test_an_item_goes_into_a_list_beside_the_comments_of_the_others() -> None:
    document = Pyproject('[a]\nx = [\n  "one", # first\n  # and\n  "two",\n]\n')
    document.set(("a",), ("x",), ["one", "two", "three"])
    assert document.text == '[a]\nx = [\n  "one", # first\n  # and\n  "two",\n  "three",\n]\n'
    document.set(("a",), ("x",), ["two", "three"])
    assert document.text == '[a]\nx = [\n  # and\n  "two",\n  "three",\n]\n'


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        # tomlkit alone takes "# of d" away with the table above it.
        (
            "[a]\nx = 1\n\n[b]\ny = 1\n\n[b.c]\nz = 1\n\n# of d\n[d]\nx = 1\n",
            ("b",),
            "[a]\nx = 1\n\n# of d\n[d]\nx = 1\n",
        ),
        ("[a]\nx = 1\n\n# of b\n[b]\ny = 1\n", ("b",), "[a]\nx = 1\n"),
        ("[a]\nx = 1\n\n# a part\n\n# of b\n[b]\ny = 1\n", ("b",), "[a]\nx = 1\n\n# a part\n"),
        ("# licence\n\n[b]\ny = 1\n\n[c]\n", ("b",), "# licence\n\n[c]\n"),
        ("[b]\ny = 1\n\n[c]\n", ("b",), "[c]\n"),
        ("[a]\nx = 1\n\n[b]\ny = 1\n# end\n", ("b",), "[a]\nx = 1\n\n# end\n"),
        ("[a]\nx = 1\ny = 2 # gone\n", ("a", "y"), "[a]\nx = 1\n"),
        ("[a]\nb = { x = 1, y = 2 }\n", ("a", "b", "y"), "[a]\nb = { x = 1  }\n"),
        ("[a]\nb = { x = 1 }\nc = 1\n", ("a", "b", "x"), "[a]\nc = 1\n"),
        ("[a]\nb.x = 1\nb.y = 2\n", ("a", "b", "x"), "[a]\nb.y = 2\n"),
        ("[tool.a]\nx = 1\n\n[p]\n\n[tool.b]\ny = 1\n", ("tool", "a"), "[p]\n\n[tool.b]\ny = 1\n"),
        ("[[a.b]]\nx = 1\n\n[[a.b]]\nx = 2\n\n[c]\n", ("a", "b"), "[c]\n"),
    ],
)
def test_a_table_goes_with_all_below_it_and_nothing_else(
    text: str, path: tuple[str, ...], expected: str
) -> None:
    document = Pyproject(text)
    document.remove(path)
    assert document.text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[p]\nv = "1" # keep\nn = 1\n', "[p]\nd = 2 # keep\nn = 1\n"),
        ("[p]\nv = 1\n\n[q]\n\n[p.u]\nx = 1\n", "[p]\nd = 2\n\n[q]\n\n[p.u]\nx = 1\n"),
        ("p.n = 1\np.v = 1\n", "p.n = 1\np.d = 2\n"),
        ("p = { v = 1, n = 1 }\n", "p = {  n = 1, d = 2}\n"),
    ],
)
def test_a_key_takes_the_place_of_another(text: str, expected: str) -> None:
    document = Pyproject(text)
    document.rename(("p",), "v", "d", 2)
    assert document.text == expected


def test_what_cannot_be_edited_safely_is_refused_with_its_place() -> None:
    document = Pyproject("[[tool.hatch.version]]\nsource = 'vcs'\n")
    with pytest.raises(AdoptionError, match=r"at tool\.hatch\.version\.source"):
        document.set(("tool", "hatch", "version"), ("source",), "vcs")
    assert document.text == "[[tool.hatch.version]]\nsource = 'vcs'\n"


@pytest.mark.parametrize("text", ["[project\n", "a = " + "[" * 3000 + "]" * 3000])
def test_what_is_not_toml_is_refused(text: str) -> None:
    with pytest.raises(AdoptionError, match="is not TOML"):
        Pyproject(text)


def test_a_project_table_takes_the_place_of_the_old_backend() -> None:
    text = (
        "# head\n\n[tool.poetry]\nname = 'demo'\n\n"
        "# ---- dependencies\n[tool.poetry.dependencies]\na = '1'\n\n"
        "# ---- ours\n[tool.ruff]\nline-length = 99 # wide\n"
    )
    document = Pyproject(text)
    conversion = Conversion(
        remove=[("tool", "poetry", "name"), ("tool", "poetry", "dependencies")], whole=True
    )
    convert_project(document, conversion, wheel(("Requires-Dist", "a>=1"), ("Summary", "Töne")), None)
    assert document.text == (
        '# head\n\n[project]\nname = "demo"\ndynamic = ["version"]\ndescription = "Töne"\n'
        'dependencies = ["a>=1"]\n\n# ---- ours\n[tool.ruff]\nline-length = 99 # wide\n'
    )
