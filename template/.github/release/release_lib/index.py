"""An index: its address, and the state of one version on it.

Indexes are read the way installers read them, through the simple API in JSON (PEP 691, PEP 700), by a client of
our own: the one that there is brings nine packages, and takes most of the time of a script to be imported.
"""

import dataclasses
import datetime as dt
import enum
import time
from typing import Any, Self
from urllib.parse import quote, urljoin

import requests
from packaging.utils import canonicalize_name
from packaging.version import Version
from release_lib.distributions import version_of
from release_lib.settings import Settings
from release_lib.step import WHEN_IT_STOPS, ReleaseError

# New files on an older release are refused by both indexes (since July 2026).
OPEN_FOR = dt.timedelta(days=14)
ATTEMPTS = 5
JSON = "application/vnd.pypi.simple.v1+json"
TESTPYPI = "https://test.pypi.org/simple/"


@dataclasses.dataclass(frozen=True)
class Index:
    """An index: its name, for people, and the address of its simple API."""

    title: str
    simple: str

    def page(self, project: str, version: Version) -> str:
        """Address of the page, for people, of one version of a project."""
        return urljoin(self.simple, f"/project/{canonicalize_name(project)}/{quote(str(version))}/")


INDEXES = {
    "testpypi": Index("TestPyPI", TESTPYPI),
    "pypi": Index("PyPI", TESTPYPI.replace("test.", "", 1)),
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
                fix="release the next version: a file name cannot be reused, not even after deletion",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a project, as an index lists it."""

    filename: str
    url: str
    sha256: str | None = None
    size: int | None = None
    upload_time: dt.datetime | None = None
    yanked: str | None = None  # the reason, or empty; None if it is not yanked
    provenance_url: str | None = None


@dataclasses.dataclass(frozen=True)
class Page:
    """What an index says of a project: its files, and its status (PEP 792) with the reason."""

    files: list[File]
    status: str = "active"
    reason: str = ""


def get(url: str, accept: str = "*/*") -> requests.Response | None:
    """What an index answers now, not from a cache; None if it has nothing there."""
    answer = requests.get(url, timeout=30.0, headers={"Accept": accept, "Cache-Control": "no-cache"})
    if answer.status_code == requests.codes.not_found:
        return None
    answer.raise_for_status()
    return answer


def _file(entry: dict[str, Any], page: str) -> File:
    sha256, uploaded = entry["hashes"].get("sha256"), entry.get("upload-time")
    size, yanked, provenance = entry.get("size"), entry.get("yanked", False), entry.get("provenance")
    texts = (entry["filename"], entry["url"], sha256 or "", uploaded or "", provenance or "")
    if not all(isinstance(t, str) for t in texts) or not isinstance(size or 0, int):
        raise TypeError("a file is not described as PEP 700 says")
    yanked = yanked if isinstance(yanked, str) else "" if yanked else None
    uploaded = dt.datetime.fromisoformat(uploaded) if uploaded else None
    return File(texts[0], urljoin(page, texts[1]), sha256, size, uploaded, yanked, provenance)


def page_of(index: Index, project: str) -> Page | None:
    """What an index says of a project now, None if it has none; what goes wrong is raised as it comes."""
    answer = get(urljoin(index.simple, f"{canonicalize_name(project)}/"), JSON)
    if answer is None:
        return None
    try:
        said = answer.json()
        status = said.get("project-status") or {}
        files = [_file(entry, answer.url) for entry in said["files"]]
        return Page(files, str(status.get("status", "active")), str(status.get("reason") or ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # a page for people: a proxy's
        raise ValueError("the answer is not a list of files (PEP 691)") from error


def published(index: Index, project: str, version: Version) -> dict[str, File]:
    """The files of one version that an index serves, by file name."""
    return files_in(project_page(index, project), version)


def files_in(page: Page | None, version: Version) -> dict[str, File]:
    """The files of one version (by PEP 440 equality), by file name."""
    return {p.filename: p for p in (page.files if page else ()) if version_of(p.filename) == version}


def project_page(index: Index, project: str) -> Page | None:
    """See `page_of`; asked again while the index does not answer."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return page_of(index, project)
        except (requests.RequestException, ValueError) as error:
            if attempt == ATTEMPTS:
                raise ReleaseError(
                    f"{index.title} did not answer {ATTEMPTS} times: {error}",
                    expected="the list of the project's files",
                    fix="see whether the index is up, then `gh run rerun --failed` this run",
                    see=WHEN_IT_STOPS,
                ) from error
        time.sleep(2**attempt / 4)
    raise AssertionError("unreachable")


def provenance_of(file: File) -> dict[str, Any]:
    """The attestations of a file as the index has them (PEP 740), empty if there are none."""
    answer = get(file.provenance_url) if file.provenance_url else None
    found: dict[str, Any] = answer.json() if answer else {}
    return found


def publishers_of(file: File) -> list[Publisher]:
    """Who uploaded a file, by its attestations, if any. What goes wrong: RequestException, or ValueError."""
    if not (found := provenance_of(file)):
        return []
    try:
        named = [b["publisher"] for b in found["attestation_bundles"] if b["attestations"]]
        fields = [field.name for field in dataclasses.fields(Publisher)]
        return [Publisher(**{name: str(p.get(name) or "") for name in fields}) for p in named]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the provenance of {file.filename} is not readable (PEP 740)") from error


def expected_publisher(settings: Settings, key: str) -> Publisher:
    """The publisher of every file of this project on an index, ``testpypi`` or ``pypi``."""
    return Publisher("GitHub", settings.repository, settings.release_workflow, settings.environments[key])


def compare(built: dict[str, str], served: dict[str, File]) -> Comparison:
    """Compare the built hashes with the files that an index serves, both by file name."""
    missing = tuple(sorted(set(built) - set(served)))
    differing = tuple(sorted(n for n, p in served.items() if p.sha256 != built.get(n, "-")))
    state = State.PARTIAL if missing else State.IDENTICAL
    if differing or not served:
        state = State.CONFLICT if differing else State.ABSENT
    times = [p.upload_time for p in served.values() if p.upload_time]
    return Comparison(state, missing, differing, min(times, default=None))
