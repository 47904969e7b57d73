"""An index: its address, and the state of one version on it.

Indexes are read the way installers read them, through the simple API in JSON (PEP 691, PEP 700).
"""

import contextlib
import dataclasses
import datetime as dt
import enum
import time
from typing import Any, Self
from urllib.parse import quote, urljoin

import requests
from packaging.utils import canonicalize_name
from packaging.version import Version
from pypi_simple import ACCEPT_JSON_ONLY, PYPI_SIMPLE_ENDPOINT, DistributionPackage, ProjectPage, PyPISimple
from pypi_simple.errors import NoProvenanceError, NoSuchProjectError, UnsupportedRepoVersionError
from release_lib.distributions import version_of
from release_lib.settings import Settings
from release_lib.step import WHEN_IT_STOPS, ReleaseError

# New files on an older release are refused by both indexes (since July 2026).
OPEN_FOR = dt.timedelta(days=14)
ATTEMPTS = 5
NOW = {"Cache-Control": "no-cache"}


@dataclasses.dataclass(frozen=True)
class Index:
    """An index: its name, for people, and the address of its simple API."""

    title: str
    simple: str

    def page(self, project: str, version: Version) -> str:
        """Address of the page, for people, of one version of a project."""
        return urljoin(self.simple, f"/project/{canonicalize_name(project)}/{quote(str(version))}/")


INDEXES = {
    "testpypi": Index("TestPyPI", "https://test.pypi.org/simple/"),
    "pypi": Index("PyPI", PYPI_SIMPLE_ENDPOINT),
}


@dataclasses.dataclass(frozen=True)
class Publisher:
    """A trusted publisher by which a file was uploaded, as the index states it (PEP 740)."""

    kind: str  # GitHub, GitLab, Google, ...
    repository: str = ""  # owner/name
    workflow: str = ""  # its file name
    environment: str = ""  # empty: the index did not ask for one

    def __str__(self) -> str:
        where = f"{self.workflow or 'an unnamed workflow'} of {self.repository or 'an unnamed repository'}"
        return f"{where}, environment {self.environment or '(none)'}, on {self.kind}"

    def is_same(self, other: Self) -> bool:
        """Whether both are one: GitHub compares a workflow's name exactly, and the rest without case."""
        mine, theirs = (
            (p.workflow, p.kind, p.repository.casefold(), p.environment.casefold()) for p in (self, other)
        )
        return mine == theirs


class State(enum.Enum):
    """How a version on an index compares with the built distributions."""

    ABSENT = "absent"
    PARTIAL = "partial"
    IDENTICAL = "identical"
    CONFLICT = "conflict"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A version on an index beside the built distributions."""

    state: State
    missing: tuple[str, ...]  # built files that the index does not have
    differing: tuple[str, ...]  # files with other contents, or that only the index has
    first_upload: dt.datetime | None  # None if the index does not say so

    def refuse_conflict(self, index: Index, project: str, version: Version) -> None:
        """Stop if the index has other contents for this version."""
        if self.state is State.CONFLICT:
            raise ReleaseError(
                f"{index.title} already has other files for {project} {version}: {', '.join(self.differing)}",
                expected="no file of this version there, or exactly the files that were built",
                fix="release the next version (no file name can be reused), or take another name if it is not yours",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )


def page_of(index: Index, project: str) -> ProjectPage | None:
    """What an index says of a project now, None if it has none; what goes wrong is raised as it comes."""
    with PyPISimple(index.simple, accept=ACCEPT_JSON_ONLY) as client:
        try:
            page = client.get_project_page(project, timeout=30.0, headers=NOW)
        except NoSuchProjectError:
            return None
        except UnsupportedRepoVersionError as error:
            raise ValueError(str(error)) from error
    if page.repository_version is None:  # a page for people, which has no files: a proxy's, for example
        raise ValueError("the answer is not a list of files (PEP 691)")
    for file in page.packages:
        if file.upload_time and not file.upload_time.tzinfo:  # a proxy that leaves the Z of PEP 700 out
            file.upload_time = file.upload_time.replace(tzinfo=dt.UTC)
    return page


def published(index: Index, project: str, version: Version) -> dict[str, DistributionPackage]:
    """The files of one version that an index serves, by file name."""
    return files_in(project_page(index, project), version)


def refuse_closed(index: Index, page: ProjectPage | None, project: str) -> None:
    """Stop if the index takes no files of a project (PEP 792)."""
    if page and page.status in ("archived", "quarantined"):
        raise ReleaseError(
            f"{project} is {page.status} on {index.title}: {page.status_reason or 'no reason given'}",
            expected="files that the index takes",
            fix="an owner ends that on the index's web page; then re-run this",
            see=urljoin(index.simple, "/manage/projects/"),
        )


def files_in(page: ProjectPage | None, version: Version) -> dict[str, DistributionPackage]:
    """The files of one version (by PEP 440 equality), by file name; one listed twice has no known contents."""
    found: dict[str, DistributionPackage] = {}
    for file in (p for p in (page.packages if page else ()) if version_of(p.filename) == version):
        found[file.filename] = dataclasses.replace(file, digests={}) if file.filename in found else file
    return found


def project_page(index: Index, project: str) -> ProjectPage | None:
    """See `page_of`; asked again while the index does not answer."""
    for attempt in range(1, ATTEMPTS):
        with contextlib.suppress(requests.RequestException, ValueError):
            return page_of(index, project)
        time.sleep(2**attempt / 4)
    try:
        return page_of(index, project)
    except (requests.RequestException, ValueError) as error:
        raise ReleaseError(
            f"{index.title} did not answer {ATTEMPTS} times: {error}",
            expected="the list of the project's files",
            fix="see whether the index is up, then run this again (in a workflow: gh run rerun --failed)",
            see=WHEN_IT_STOPS,
        ) from error


def publishers_of(package: DistributionPackage) -> list[Publisher]:
    """Who uploaded a file, by its attestations, if any. What goes wrong: RequestException, or ValueError."""
    return publishers_in(package, provenance_of(package))


def provenance_of(package: DistributionPackage) -> dict[str, Any]:
    """The attestations of a file, as the index has them."""
    with PyPISimple() as client, contextlib.suppress(NoProvenanceError):
        return client.get_provenance(package, timeout=30.0, headers=NOW)
    return {"attestation_bundles": []}


def publishers_in(package: DistributionPackage, found: dict[str, Any]) -> list[Publisher]:
    """The publishers that the attestations of a file name."""
    try:
        named = [b["publisher"] for b in found["attestation_bundles"] if b["attestations"]]
        return [Publisher(*(str(p.get(name) or "") for name in Publisher.__match_args__)) for p in named]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the provenance of {package.filename} is not readable (PEP 740)") from error


def expected_publisher(settings: Settings, key: str) -> Publisher:
    """The publisher of every file of this project on an index, ``testpypi`` or ``pypi``."""
    return Publisher("GitHub", settings.repository, settings.release_workflow, settings.environments[key])


def compare(built: dict[str, str], served: dict[str, DistributionPackage]) -> Comparison:
    """Compare the built hashes with the files that an index serves, both by file name."""
    missing = tuple(sorted(set(built) - set(served)))
    listed = {name: (p.digests or {}).get("sha256") for name, p in served.items()}
    differing = tuple(sorted(name for name in served if listed[name] != built.get(name, "-")))
    there = State.PARTIAL if missing else State.IDENTICAL
    state = State.CONFLICT if differing else there if served else State.ABSENT
    times = [p.upload_time for p in served.values() if p.upload_time]
    return Comparison(state, missing, differing, min(times, default=None))
