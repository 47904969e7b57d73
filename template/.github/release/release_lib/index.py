"""What the release steps know about an index: its address, and the state of one version on it.

Indexes are read the way installers read them, through the simple API in JSON (PEP 691, PEP 700).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

import requests
from packaging.utils import canonicalize_name
from pypi_simple import ACCEPT_JSON_ONLY, PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple

from release_lib.distributions import version_of
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from packaging.version import Version
    from pypi_simple import DistributionPackage

# New files on an older release are refused by both indexes (since July 2026).
OPEN_FOR = dt.timedelta(days=14)
ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class Index:
    """An index.

    Attributes:
        title: Its name, for people.
        simple: Address of its simple API.
    """

    title: str
    simple: str

    def page(self, project: str, version: Version) -> str:
        """Address of the page, for people, of one version of a project."""
        return urljoin(self.simple, f"/project/{canonicalize_name(project)}/{quote(str(version))}/")


INDEXES = {
    "testpypi": Index("TestPyPI", "https://test.pypi.org/simple/"),
    "pypi": Index("PyPI", PYPI_SIMPLE_ENDPOINT),
}


class State(enum.Enum):
    """How a version on an index compares with the built distributions."""

    ABSENT = "absent"
    PARTIAL = "partial"
    IDENTICAL = "identical"
    CONFLICT = "conflict"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A version on an index beside the built distributions.

    Attributes:
        state: The verdict.
        missing: Built files that the index does not have.
        differing: Files that both have, with different bytes, or that only the index has.
        first_upload: When the first file was uploaded, if the index says so.
    """

    state: State
    missing: tuple[str, ...]
    differing: tuple[str, ...]
    first_upload: dt.datetime | None


def files_of(index: Index, project: str) -> list[DistributionPackage]:
    """Every file of a project that an index serves.

    Raises:
        NoSuchProjectError: The index does not know the project.
        requests.RequestException: It did not answer.
        ValueError: It answered with something else than such a list.
    """
    with PyPISimple(index.simple, accept=ACCEPT_JSON_ONLY) as client:
        page = client.get_project_page(project, timeout=30.0, headers={"Cache-Control": "no-cache"})
    if page.repository_version is None:  # a page for people, which has no files: a proxy's, for example
        raise ValueError("the answer is no list of files (PEP 691)")
    return list(page.packages)


def published(index: Index, project: str, version: Version) -> dict[str, DistributionPackage]:
    """The files of one version that an index serves, by file name.

    Args:
        index: The index.
        project: Name of the project, in any spelling.
        version: The version, compared by PEP 440 equality.

    Raises:
        ReleaseError: The index did not answer, several times over.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            files = files_of(index, project)
        except NoSuchProjectError:
            return {}
        except (requests.RequestException, ValueError) as error:
            if attempt == ATTEMPTS:
                raise ReleaseError(
                    f"{index.title} did not answer {ATTEMPTS} times: {error}",
                    expected="the list of the project's files",
                    fix="see whether the index is up, then `gh run rerun --failed` this run",
                    see="RELEASING.md, 'When it stops'",
                ) from error
            time.sleep(2**attempt / 4)
        else:
            return {p.filename: p for p in files if version_of(p.filename) == version}
    raise AssertionError("unreachable")


def compare(built: dict[str, str], served: dict[str, DistributionPackage]) -> Comparison:
    """Compare what was built with what an index serves of the same version.

    Args:
        built: SHA-256 of the built files, by file name.
        served: The index's files, by file name.
    """
    missing = tuple(sorted(set(built) - set(served)))
    differing = tuple(
        sorted(n for n, p in served.items() if (p.digests or {}).get("sha256") != built.get(n, "-"))
    )
    if differing:
        state = State.CONFLICT
    elif not served:
        state = State.ABSENT
    else:
        state = State.PARTIAL if missing else State.IDENTICAL
    times = [p.upload_time for p in served.values() if p.upload_time]
    return Comparison(state, missing, differing, min(times, default=None))


def refuse_conflict(index: Index, project: str, version: Version, found: Comparison) -> None:
    """Stop if the index has other bytes for this version.

    Raises:
        ReleaseError: It has; the files are named.
    """
    if found.state is State.CONFLICT:
        raise ReleaseError(
            f"{index.title} already has other files for {project} {version}: {', '.join(found.differing)}",
            expected="nothing of this version there, or exactly the bytes that were built",
            fix="release the next version: a file name is never free again, not even after deletion",
            see="RELEASING.md, 'The version is there with other bytes'",
        )
