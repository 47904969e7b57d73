"""Checks that ask the indexes, which a stand-in answers for."""

from __future__ import annotations

import dataclasses
import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from copier_pypi_release import watching
from copier_pypi_release.checks import Finding, Result, examine, indexes
from copier_pypi_release.checks.context import read_context
from release_lib import index
from support.compiled import FILES

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHER = {"repository": "demo-pkg/demo-pkg", "workflow": "release.yml", "environment": "pypi"}
WHEN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@dataclasses.dataclass
class File:
    """A file of an index."""

    provenance_url: str | None
    upload_time: dt.datetime | None = WHEN
    filename: str = "demo_pkg-1.0.tar.gz"


def checked(
    package: Path,
    patch: pytest.MonkeyPatch,
    files: list[File] | Exception,
    publisher: dict[str, Any] | None = None,
    *,
    settings: str = "",
    on: str = "PyPI",
) -> dict[str, Finding]:
    """What the checks find, by name, where one index has some files and the other one has none.

    Args:
        package: The repository.
        patch: Undone after the test.
        files: The files, or the error that the client raises.
        publisher: Who published those with a provenance.
        settings: An index that has no attestations, as settings.toml says.
        on: The index that has the files.
    """
    asked = []

    def page_of(where: index.Index, _: str) -> SimpleNamespace | None:
        asked.append(where.title)
        if where.title != on:
            return None
        if isinstance(files, Exception):
            raise files
        return SimpleNamespace(packages=files)

    patch.setattr(index, "page_of", page_of)
    known = [index.Publisher("GitHub", **{k: v or "" for k, v in publisher.items()})] if publisher else []
    patch.setattr(index, "publishers_of", lambda _: known)
    context = read_context(package, package, lambda _: pytest.fail("GitHub was asked"))
    if settings and context.settings:
        context.settings = dataclasses.replace(context.settings, without_attestations=(settings,))
    found = {f.check: f for f in examine(context, indexes.CHECKS)}
    assert sorted(asked) == ["PyPI", "TestPyPI"]  # once each
    return found


@pytest.mark.requirement("C2", "P9.1")
def test_what_the_workflow_has_published_is_right(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checked(default_package, monkeypatch, [File("https://x/")], PUBLISHER)
    assert found["publisher-pypi"].result is Result.PASS
    assert found["name-pypi"].result is Result.PASS
    assert found["name-testpypi"].found.startswith("free")
    assert found["publisher-testpypi"].result is Result.UNKNOWN
    assert found["publisher-testpypi"].see.endswith("/manage/project/demo-pkg/settings/publishing/")


@pytest.mark.requirement("C2", "R4")
@pytest.mark.parametrize(
    ("field", "value", "failing"),
    [
        ("environment", "production", {"publisher-pypi"}),
        ("environment", None, {"publisher-pypi"}),
        ("environment", "PyPI", set()),
        ("workflow", "publish.yml", {"publisher-pypi"}),
        ("repository", "somebody/else", {"publisher-pypi", "name-pypi"}),
    ],
)
def test_another_publisher_is_named(
    default_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    value: str | None,
    failing: set[str],
) -> None:
    found = checked(default_package, monkeypatch, [File("https://x/")], PUBLISHER | {field: value})
    assert {name for name, f in found.items() if f.result is Result.FAIL} == failing
    assert all(str(value or "(none)") in found[name].found for name in failing)


def test_files_without_attestations_are_anybodys(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checked(default_package, monkeypatch, [File(None)])
    assert found["name-pypi"].found.startswith("taken, by files without attestations")
    assert {found[name].result for name in ("name-pypi", "publisher-pypi")} == {Result.UNKNOWN}
    assert found["attested-pypi"].result is Result.PASS, "older than the first attested one"


@pytest.mark.requirement("B10", "X13")
def test_many_files_that_no_workflow_made_are_few_words(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = [File(None, WHEN + dt.timedelta(days=1), name) for name in FILES]
    found = checked(default_package, monkeypatch, [File("https://x/"), *stolen], PUBLISHER)
    said = found["attested-pypi"].found
    assert said.endswith(" and 21 more have no attestation, and older files have one")
    assert sum(name in said for name in FILES) == 4


def test_a_file_on_testpypi_that_no_workflow_made_is_named_too(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of known files is of PyPI alone."""
    here = {**PUBLISHER, "environment": "testpypi"}
    newer = File(None, WHEN + dt.timedelta(days=1), "demo_pkg-1.1.tar.gz")
    found = checked(default_package, monkeypatch, [File("https://x/"), newer], here, on="TestPyPI")
    assert {name for name, f in found.items() if f.result is Result.FAIL} == {"attested-testpypi"}
    assert found["attested-testpypi"].found.startswith("demo_pkg-1.1.tar.gz has no attestation")


@pytest.mark.requirement("X5", "X13", "R2", "R10")
def test_a_newer_file_that_no_workflow_made_is_named(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pattern of the attacks of 2026: a stolen token uploads past the workflow."""
    old = File(None, WHEN - dt.timedelta(days=1), "demo_pkg-0.9.tar.gz")
    stolen = File(None, WHEN + dt.timedelta(days=1), "demo_pkg-1.1.tar.gz")
    good = File("https://x/", WHEN + dt.timedelta(days=2), "demo_pkg-1.2.tar.gz")
    found = checked(default_package, monkeypatch, [old, File("https://x/"), stolen, good], PUBLISHER)
    assert {name for name, f in found.items() if f.result is Result.FAIL} == {"attested-pypi"}
    assert found["attested-pypi"].found == (
        "demo_pkg-1.1.tar.gz has no attestation, and older files have one"
    )
    assert "revoke every token" in found["attested-pypi"].fix
    found = checked(default_package, monkeypatch, [old, File("https://x/"), good], PUBLISHER)
    assert found["attested-pypi"].result is Result.PASS
    monkeypatch.setattr(watching, "read_known", lambda _: {"demo_pkg-1.1.tar.gz": "0" * 64})
    found = checked(default_package, monkeypatch, [File("https://x/"), stolen], PUBLISHER)
    assert found["attested-pypi"].result is Result.PASS, "read and committed by a person"
    found = checked(default_package, monkeypatch, [File("https://x/"), stolen], PUBLISHER, settings="pypi")
    assert found["attested-pypi"].found == "not asked for: without-attestations in settings.toml"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.ConnectionError("HTTPSConnectionPool(host=...)"), "PyPI could not be reached"),
        (requests.Timeout("no"), "PyPI does not answer as an index does (Timeout)"),
        (ValueError("a page"), "PyPI does not answer as an index does (ValueError)"),
    ],
)
def test_an_index_that_is_away_fails_nothing(
    default_package: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    found = checked(default_package, monkeypatch, error)
    for name in ("publisher-pypi", "name-pypi", "attested-pypi"):
        assert (found[name].result, found[name].found) == (Result.UNKNOWN, said)
    assert found["name-testpypi"].result is Result.PASS


def test_offline_no_index_is_asked(default_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "page_of", None)
    found = examine(read_context(default_package, default_package), indexes.CHECKS)
    assert {f.result for f in found} == {Result.UNKNOWN}
    assert all(f.cause for f in found)
