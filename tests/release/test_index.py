"""index.py: what an index has of a version, read the way installers read it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest
import requests
from packaging.version import Version
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from release_lib import index
from release_lib.index import Publisher, State
from support.archives import hashes_of, make_wheel

from release.outcomes import WHEN_IT_STOPS, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from support.clock import Clock

    from release.local_index import LocalIndex

V = Version("0.1.0")


@pytest.mark.requirement("P8.1", "P5.6")
def test_the_indexes_are_the_real_ones() -> None:
    assert {name: known.simple for name, known in index.INDEXES.items()} == {
        "testpypi": "https://test.pypi.org/simple/",
        "pypi": PYPI_SIMPLE_ENDPOINT,
    }


@pytest.mark.requirement("P5.6", "P8.2")
def test_the_files_of_one_version_are_found_among_others(
    indexes: dict[str, LocalIndex], wheel: Path, sdist: Path, tmp_path: Path
) -> None:
    local = indexes["pypi"]
    local.add(
        wheel, sdist, make_wheel(tmp_path, "demo-pkg", "0.1.1"), make_wheel(tmp_path, "demo-pkg", "0.1.0rc1")
    )
    (tmp_path / "demo_pkg-0.1.0-py3.11.egg").write_bytes(b"of old")
    found = index.published(local.index, "Demo.Pkg", V)
    assert set(found) == {wheel.name, sdist.name}
    assert local.asked == ["/simple/demo-pkg/"]


@pytest.mark.requirement("P5.6")
@pytest.mark.parametrize("same", ["0.1", "0.1.0.0"])
def test_a_version_is_compared_as_a_version(same: str, indexes: dict[str, LocalIndex], wheel: Path) -> None:
    indexes["pypi"].add(wheel)
    assert set(index.published(indexes["pypi"].index, "demo-pkg", Version(same))) == {wheel.name}


@pytest.mark.requirement("P5.6")
def test_a_project_that_is_not_there_has_no_files(indexes: dict[str, LocalIndex], clock: Clock) -> None:
    assert index.published(indexes["pypi"].index, "demo-pkg", V) == {}
    assert clock.pauses == []


@pytest.mark.requirement("P5.6", "P8.2")
@pytest.mark.parametrize("failures", [[503], [500, 502, 429, 504]])
def test_an_index_that_is_down_for_a_moment_is_asked_again(
    failures: list[int], indexes: dict[str, LocalIndex], clock: Clock, wheel: Path
) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    local.failures = list(failures)
    assert set(index.published(local.index, "demo-pkg", V)) == {wheel.name}
    assert clock.pauses == sorted(clock.pauses)
    assert len(clock.pauses) == len(failures)


@pytest.mark.requirement("P5.6", "P8.2")
@pytest.mark.parametrize("page", [b"", b"<html><body>Log in to go on</body></html>"])
def test_a_page_for_people_is_no_answer(
    page: bytes, indexes: dict[str, LocalIndex], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a list without files it would say that nothing of the version is there."""
    local = indexes["pypi"]
    monkeypatch.setattr(local, "answer", lambda _: (200, "text/html", page))
    lines = refusal(lambda: index.published(local.index, "demo-pkg", V))
    assert lines[0] == "PyPI did not answer 5 times: the answer is not a list of files (PEP 691)"
    assert len(clock.pauses) == 4


@pytest.mark.requirement("P5.6", "P8.2")
def test_an_index_that_stays_down_is_given_up(indexes: dict[str, LocalIndex], clock: Clock) -> None:
    local = indexes["testpypi"]
    local.failures = [503] * 99
    lines = refusal(lambda: index.published(local.index, "demo-pkg", V))
    assert lines == (
        (
            "TestPyPI did not answer 5 times: 503 Server Error: Service Unavailable for url: "
            f"{local.address}/simple/demo-pkg/"
        ),
        "Expected: the list of the project's files",
        "Fix: see whether the index is up, then run this again (in a workflow: gh run rerun --failed)",
        WHEN_IT_STOPS,
    )
    assert len(local.asked) == 5
    assert sum(clock.pauses) < 60


@pytest.mark.requirement("P5.6", "P8.2")
def test_an_index_that_cannot_be_reached_ends_in_four_lines(clock: Clock) -> None:
    assert clock.now
    nowhere = index.Index("PyPI", "http://127.0.0.1:9/simple/")
    lines = refusal(lambda: index.published(nowhere, "demo-pkg", V))
    assert lines[0].startswith("PyPI did not answer 5 times: ")
    assert len(lines) == 4


@pytest.mark.requirement("P5.6")
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b'{"meta": {}}', b"\xff"),
        pytest.param(b'{"meta": {"api-version": "2.0"}, "name": "demo-pkg", "files": []}', id="a new API"),
    ],
)
def test_an_answer_that_is_no_list_ends_in_four_lines_of_four_lines(
    body: bytes, indexes: dict[str, LocalIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = indexes["pypi"]
    monkeypatch.setattr(local, "answer", lambda _: (200, "application/vnd.pypi.simple.v1+json", body))
    lines = refusal(lambda: index.published(local.index, "demo-pkg", V))
    assert lines[0].startswith("PyPI did not answer 5 times: ")
    assert all("\n" not in line for line in lines)


@pytest.mark.requirement("P5.2", "P5.3", "P5.6")
@pytest.mark.parametrize(
    ("served", "changed", "state", "missing", "differing"),
    [
        ((), (), State.ABSENT, ("sdist", "wheel"), ()),
        (("wheel",), (), State.PARTIAL, ("sdist",), ()),
        (("wheel", "sdist"), (), State.IDENTICAL, (), ()),
        (("wheel", "sdist"), ("wheel",), State.CONFLICT, (), ("wheel",)),
        (("wheel",), ("wheel",), State.CONFLICT, ("sdist",), ("wheel",)),
        (("wheel", "sdist", "other"), (), State.CONFLICT, (), ("other",)),
        (("other",), (), State.CONFLICT, ("sdist", "wheel"), ("other",)),
    ],
)
def test_what_is_served_is_compared_with_what_was_built(
    *,
    served: tuple[str, ...],
    changed: tuple[str, ...],
    state: State,
    missing: tuple[str, ...],
    differing: tuple[str, ...],
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
) -> None:
    names = {
        "wheel": wheel.name,
        "sdist": sdist.name,
        "other": wheel.name.replace("py3-none-any", "cp311-cp311-win_amd64"),
    }
    local = indexes["pypi"]
    for kind in served:
        data = {"wheel": wheel, "sdist": sdist}.get(kind, wheel).read_bytes()
        local.files[names[kind]] = data + (b"!" if kind in changed else b"")
        local.uploaded[names[kind]] = f"2026-11-2{len(local.uploaded)}T10:00:00Z"
    found = index.compare(hashes_of(wheel, sdist), index.published(local.index, "demo-pkg", V))
    assert found.state is state
    assert found.missing == tuple(sorted(names[kind] for kind in missing))
    assert found.differing == tuple(sorted(names[kind] for kind in differing))
    assert found.first_upload == (dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC) if served else None)


@pytest.mark.requirement("P5.2")
def test_an_upload_time_without_a_zone_is_in_utc(
    indexes: dict[str, LocalIndex], wheel: Path, sdist: Path
) -> None:
    """As a proxy may say it, beside one that PEP 700 has right."""
    local = indexes["pypi"]
    local.add(wheel, sdist)
    local.uploaded |= {wheel.name: "2026-11-20T10:00:00", sdist.name: "2026-11-20T09:30:00-01:00"}
    found = index.compare(hashes_of(wheel, sdist), index.published(local.index, "demo-pkg", V))
    assert found.first_upload == dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


@pytest.mark.requirement("P5.2")
def test_a_file_without_a_sha256_is_a_conflict(
    indexes: dict[str, LocalIndex], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    page = local.page("demo-pkg", [wheel.name])
    page["files"] = [{**f, "hashes": {}} for f in page["files"]]  # type: ignore[attr-defined]
    monkeypatch.setattr(local, "page", lambda *_: page)
    found = index.compare(hashes_of(wheel), index.published(local.index, "demo-pkg", V))
    assert found.state is State.CONFLICT


@pytest.mark.requirement("P5.2", "X14")
def test_a_file_that_is_listed_twice_is_a_conflict(indexes: dict[str, LocalIndex], wheel: Path) -> None:
    """An installer takes one of them, and nobody knows which."""
    indexes["pypi"].add(wheel)
    indexes["pypi"].twice = [wheel.name]
    found = index.compare(hashes_of(wheel), index.published(indexes["pypi"].index, "demo-pkg", V))
    assert (found.state, found.differing) == (State.CONFLICT, (wheel.name,))


PUBLISHER = Publisher("GitHub", "demo-pkg/demo-pkg", "release.yml", "pypi")


def publishers_of(local: LocalIndex, name: str) -> list[Publisher]:
    """Who uploaded a file that an index lists."""
    return index.publishers_of(index.published(local.index, "demo-pkg", V)[name])


@pytest.mark.requirement("X13")
def test_who_uploaded_a_file_is_read_from_its_provenance(indexes: dict[str, LocalIndex], wheel: Path) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    assert publishers_of(local, wheel.name) == [PUBLISHER]
    local.publishers[wheel.name] = {"kind": "Google", "email": "me@example.org", "environment": None}
    assert publishers_of(local, wheel.name) == [Publisher("Google")]


@pytest.mark.requirement("X13")
def test_a_file_without_provenance_was_uploaded_by_nobody_known(
    indexes: dict[str, LocalIndex], wheel: Path
) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    package = index.published(local.index, "demo-pkg", V)[wheel.name]
    del local.publishers[wheel.name]
    assert index.publishers_of(package) == [], "listed, and gone when it was asked for"
    assert publishers_of(local, wheel.name) == []


@pytest.mark.requirement("X13")
@pytest.mark.parametrize("publisher", [None, "GitHub", ["GitHub"]])
def test_a_provenance_that_names_nobody_is_no_provenance(
    publisher: object, indexes: dict[str, LocalIndex], wheel: Path
) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    local.publishers[wheel.name] = publisher
    with pytest.raises(ValueError, match=f"the provenance of {wheel.name} is not readable"):
        publishers_of(local, wheel.name)


@pytest.mark.requirement("X13")
def test_an_index_that_does_not_show_the_provenance_raises(
    indexes: dict[str, LocalIndex], wheel: Path
) -> None:
    local = indexes["pypi"]
    local.add(wheel)
    package = index.published(local.index, "demo-pkg", V)[wheel.name]
    local.failures = [503]
    with pytest.raises(requests.HTTPError):
        index.publishers_of(package)


@pytest.mark.requirement("X13")
@pytest.mark.parametrize(
    ("field", "value", "same"),
    [
        ("kind", "GitLab", False),
        ("repository", "Demo-Pkg/demo-pkg", True),
        ("repository", "demo-pkg/other", False),
        ("workflow", "Release.yml", False),
        ("environment", "PyPI", True),
        ("environment", "", False),
    ],
)
def test_publishers_are_compared_as_the_index_does(field: str, value: str, same: bool) -> None:
    assert PUBLISHER.is_same(dataclasses.replace(PUBLISHER, **{field: value})) is same
