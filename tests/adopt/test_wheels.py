"""Metadata becomes a [project] table, and two wheels are compared."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.versions import stated_version, states, without_literal
from copier_pypi_release.adopt.wheels import (
    Wheel,
    compare,
    dependency_tables,
    differences,
    project_table,
    read_wheel,
    without_extra,
)
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.specifiers import Specifier
from packaging.version import Version

if TYPE_CHECKING:
    from pathlib import Path

ATOMS = ["extra == 'a'", "extra == 'b'", "'a' == extra", "os_name == 'nt'", "python_version < '3.12'"]
ENVIRONMENTS = [
    {"os_name": name, "python_version": version} for name in ("nt", "posix") for version in ("3.11", "3.13")
]

markers = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
    max_leaves=6,
)


@given(markers, st.sampled_from(["", "a", "b"]))
def test_a_marker_without_its_extra_means_the_same(text: str, extra: str) -> None:
    fits, rest = without_extra(Marker(text), extra)
    assert "extra" not in rest
    for environment in ENVIRONMENTS:
        there = {**environment, "extra": extra}
        expected = Marker(text).evaluate(there)
        assert (fits and (not rest or Marker(rest).evaluate(there))) == expected


def wheel(*fields: tuple[str, str], files: dict[str, str] | None = None) -> Wheel:
    lines = [f"{key}: {value}" for key, value in (("Name", "demo"), ("Version", "1"), *fields)]
    metadata, unread = parse_email("\n".join(lines))
    assert not unread
    return Wheel(
        "demo-1-py3-none-any.whl", True, metadata, {}, {"demo/__init__.py": "0"} if files is None else files
    )


def written(folder: Path, metadata: str, entry_points: str = "") -> Path:
    path = folder / "demo-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo/__init__.py", "")
        archive.writestr("demo-1.dist-info/METADATA", metadata)
        archive.writestr("demo-1.dist-info/entry_points.txt", entry_points)
    return path


def test_text_that_is_not_ascii_is_read_as_it_is_meant(tmp_path: Path) -> None:
    fields = "Name: demo\nVersion: 1\nSummary: Töne\nAuthor-email: Jörg <j@example.org>"
    text = f"Metadata-Version: 2.1\n{fields}\n\nÜber.\n"
    table = project_table(read_wheel(written(tmp_path, text)), "README.md")
    assert table["description"] == "Töne"
    assert table["authors"] == [{"name": "Jörg", "email": "j@example.org"}]


@pytest.mark.parametrize(
    ("fields", "entry_points", "problem"),
    [
        ("Version: one\n", "", "Invalid version: 'one'"),
        ("Version: 1\nRequires-Dist: a (>=1\n", "", "a \\(>=1"),
        ("Version: 1\nProject-URL: Home, a\nProject-URL: Home, b\n", "", "project-url cannot be understood"),
        ("Version: 1\n", "[console_scripts", "demo-1-py3-none-any.whl cannot be read"),
    ],
)
def test_a_wheel_that_says_nonsense_is_refused(
    fields: str, entry_points: str, problem: str, tmp_path: Path
) -> None:
    path = written(tmp_path, f"Metadata-Version: 2.1\nName: demo\n{fields}", entry_points)
    with pytest.raises(AdoptionError, match=problem):
        read_wheel(path)


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (wheel(("Requires-Dist", "a>=1")), wheel(), "the dependencies would lose 'a>=1'"),
        (wheel(), wheel(("Requires-Dist", "a")), "the dependencies would gain 'a'"),
        (wheel(("Provides-Extra", "x")), wheel(), "the extras would lose 'x'"),
        (wheel(("Classifier", "A :: B")), wheel(), "the classifiers would lose 'A :: B'"),
        (wheel(("Project-URL", "Home, h")), wheel(), "the urls would lose 'home: h'"),
        (wheel(("Requires-Python", ">=3.9")), wheel(), "the requires-python would lose '>=3.9'"),
        (wheel(("License", "MIT")), wheel(), "the license would lose 'MIT'"),
        (wheel(files={"demo/x": "0"}), wheel(files={}), "the wheel would lose demo/x"),
        (wheel(files={}), wheel(files={"demo/x": "0"}), "the wheel would gain demo/x"),
        (wheel(files={"demo/x": "0"}), wheel(files={"demo/x": "1"}), "demo/x in the wheel would change"),
    ],
)
def test_every_difference_is_named(before: Wheel, after: Wheel, difference: str) -> None:
    assert compare(before, after, edited=frozenset(), generated=frozenset()) == [difference]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("News of 1", "News of 2", True), ("Apache 2", "Apache 2", True), ("News of 1", "Newer of 2", False)],
)
def test_a_version_in_the_description_may_differ(one: str, other: str, *, same: bool) -> None:
    before, after = wheel(), wheel()
    before.metadata["description"], after.metadata["description"] = one, other
    after.metadata["version"] = "2"
    assert (compare(before, after, edited=frozenset(), generated=frozenset()) == []) == same


def test_entry_points_count() -> None:
    before = dataclasses.replace(wheel(), entry_points={"console_scripts": {"x": "demo:main"}})
    found = compare(before, wheel(), edited=frozenset(), generated=frozenset())
    assert found == ["the entry points would lose 'console_scripts: x = demo:main'"]


def test_the_same_thing_spelled_in_two_ways_is_no_difference() -> None:
    before = wheel(
        ("Requires-Dist", "A_b [z,y] (>=1,<2) ; (extra == 'X_y') and (os_name == 'nt')"),
        ("Provides-Extra", "X_y"),
        ("Home-page", "https://demo.example.org"),
        ("Author", "Ada"),
        ("Author-email", "ada@example.org"),
    )
    after = wheel(
        ("Requires-Dist", "a-b[y,z]<2,>=1; os_name == 'nt' and extra == 'x-y'"),
        ("Provides-Extra", "x-y"),
        ("Project-URL", "Homepage, https://demo.example.org"),
        ("Author-email", "Ada <ada@example.org>"),
    )
    assert compare(before, after, edited=frozenset(), generated=frozenset()) == []


VERSIONS = ["3.8", "3.08", "3.8.0", "v3.8", "3.8.1", "3.08.0", "3.8rc1", "3.8-rc.1", "3.80"]


@given(
    st.sampled_from([">=", "<", "==", "!=", "~=", "==="]),
    st.sampled_from(VERSIONS),
    st.sampled_from(VERSIONS),
    st.sampled_from([("Requires-Dist", "a"), ("Requires-Python", "")]),
)
def test_specifiers_are_compared_as_packaging_compares_them(
    operator: str, one: str, other: str, place: tuple[str, str]
) -> None:
    key, name = place
    before, after = wheel((key, f"{name}{operator}{one}")), wheel((key, f"{name}{operator}{other}"))
    same = Specifier(f"{operator}{one}") == Specifier(f"{operator}{other}")
    assert (compare(before, after, edited=frozenset(), generated=frozenset()) == []) == same


def test_an_extra_that_names_others_of_the_package_means_what_they_bring() -> None:
    """Hatchling writes them out; a loop of extras ends."""
    extras = [("Provides-Extra", extra) for extra in ("all", "tests", "docs")]
    brings = [
        ("Requires-Dist", 'pytest>=8; extra == "tests"'),
        ("Requires-Dist", 'sphinx; extra == "docs"'),
        ("Requires-Dist", 'demo[all]; extra == "docs"'),
    ]
    before = wheel(*extras, *brings, ("Requires-Dist", 'Demo[tests,docs]; extra == "all"'))
    written_out = [
        ("Requires-Dist", f'{one}; extra == "{extra}"')
        for one in ("pytest>=8", "sphinx")
        for extra in ("all", "docs")
    ]
    after = wheel(*extras, brings[0], *written_out)
    assert compare(before, after, edited=frozenset(), generated=frozenset()) == []
    less = wheel(*extras, brings[0], *written_out[1:])
    assert compare(before, less, edited=frozenset(), generated=frozenset()) == [
        "the dependencies would lose 'pytest>=8 (extra all)'"
    ]


@pytest.mark.parametrize("mark", ["        ", "       |", "        |  "])
def test_a_whole_licence_is_the_same_however_its_lines_are_marked(mark: str) -> None:
    lines = ["MIT License", "", "Copyright (c) 2020", "", "Permission is hereby"]
    before, after = (wheel(("License", f"\n{one}".join(lines))) for one in ("        ", mark))
    assert compare(before, after, edited=frozenset(), generated=frozenset()) == []
    other = wheel(("License", f"\n{mark}".join([*lines[:-1], "Permission is not"])))
    (said,) = compare(before, other, edited=frozenset(), generated=frozenset())
    assert said.startswith("the license would lose 'MIT License")


def test_a_whole_licence_is_shown_by_its_first_line() -> None:
    before, after = (
        wheel(),
        wheel(("License", "MIT License\n        Copyright (c) 2020\n        Permission is hereby")),
    )
    rows = differences(before, after, expected=frozenset())
    assert rows[0] == ("wheel, license", "", "also MIT License ...")


def test_a_source_distribution_that_grows_says_by_which_files() -> None:
    before, after = (
        dataclasses.replace(wheel(), sdist=sizes) for sizes in ({"a": 5, "b": 9}, {"a": 1005, "c": 1})
    )
    rows = differences(before, after, expected=frozenset())
    assert rows[-2:] == [
        ("sdist", "2 files, 14 bytes", "2 files, 1,006 bytes"),
        ("sdist, bytes by file", "", "a +1,000, b -9, c +1"),
    ]
    assert differences(before, before, expected=frozenset()) == [
        ("sdist", "2 files, 14 bytes", "2 files, 14 bytes")
    ]


def test_a_requirement_of_two_extras_stands_in_both() -> None:
    table = project_table(
        wheel(
            ("Provides-Extra", "a"),
            ("Provides-Extra", "b"),
            ("Requires-Dist", "rich; extra == 'a' or extra == 'b'"),
            ("Requires-Dist", "click; os_name == 'nt'"),
        ),
        None,
    )
    assert table["optional-dependencies"] == {"a": ["rich"], "b": ["rich"]}
    assert table["dependencies"] == ["click; os_name == 'nt'"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('__version__ = "1.0"  # now\n', "from ._version import __version__ as __version__  # now\n"),
        ('x = 1\n__version__: str = "1.0"\n', "x = 1\nfrom ._version import __version__ as __version__\n"),
        (
            '__all__ = ["__version__"]\n__version__ = "1.0"\n',
            '__all__ = ["__version__"]\nfrom ._version import __version__\n',
        ),
        ('VERSION = "1.0"\n', "from ._version import __version__ as VERSION\n"),
        ('VERSION = "2.0 of the protocol"\n', None),
        ('__version__ = version("demo")\n', None),
        ("def f():\n    __version__ = '1.0'\n", None),
        ("not python (\n", None),
    ],
)
def test_a_version_that_is_written_down_is_imported_instead(code: str, expected: str | None) -> None:
    assert without_literal(code, PurePosixPath("demo/__init__.py"), Version("1.0")) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('__version__ = "1.0"\n', "from ._version import __version__ as __version__\n"),
        ('__version__ = "2.0"\n', None),  # of something else
        ('VERSION = "1.0"\n', None),
    ],
)
def test_elsewhere_only_the_version_itself_is(code: str, expected: str | None) -> None:
    assert without_literal(code, PurePosixPath("demo/protocol.py"), Version("1.0")) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (b'__version__ = "1.0"\n', "1.0"),
        (b'__version__: str = "1.0"\n', "1.0"),
        (b'a = __version__ = "1.0"\n', "1.0"),
        (b'__version__ = version("demo")\n', ""),
        (b"__version__: str\n", ""),
        (b'version = "1.0"\n', ""),
        (b"__version__ = " + b"(" * 3000, ""),
    ],
)
def test_a_version_is_stated_by_a_text_alone(code: bytes, expected: str) -> None:
    assert stated_version(code) == expected


@pytest.mark.parametrize(
    ("code", "stale"),
    [
        (b"version_info = (26, 1, 0)\n__version__ = '.'.join(map(str, version_info))\n", True),
        (b"VERSION = (26, 1)\n", True),
        (b"VERSION = [26, 1, 0, 'final', 0]\n", True),
        (b"VERSION = (26, 2)\n", False),
        (b"version_info = tuple(map(int, __version__.split('.')))\n", False),
        (b"VERSIONS = ((26, 1),)\n", False),
        (b"MIN_PYTHON_VERSION = (26, 1)\n", False),
        (b"SIZE = (26, 1)  # of any version\n", False),
        (b"version_info = (26, 1\n", False),
        (b"__version__ = '26.1.0'\n", True),
    ],
)
def test_a_version_is_stated_by_its_numbers_too(code: bytes, *, stale: bool) -> None:
    assert states("demo_pkg/__init__.py", code, "26.1.0") is stale


def test_a_link_to_the_source_of_the_very_build_may_differ() -> None:
    urls = ("Source-Archive", "Homepage")
    made = [
        dataclasses.replace(
            wheel(*(("Project-URL", f"{name}, https://demo.example.org/{commit}.zip") for name in urls)),
            commit=commit,
        )
        for commit in ("a" * 40, "b" * 40)
    ]
    assert compare(*made, edited=frozenset(), generated=frozenset()) == []
    other = dataclasses.replace(made[1], commit="c" * 40)
    assert compare(made[0], other, edited=frozenset(), generated=frozenset()) != []


def test_an_extra_of_a_package_without_dependencies_stands_alone() -> None:
    extra = (("Provides-Extra", "test"), ("Requires-Dist", "pytest>=3; extra == 'test'"))
    assert dependency_tables(wheel(*extra)) == {"optional-dependencies": {"test": ["pytest>=3"]}}
