"""What PyPI serves that the release workflow did not make, and what that workflow did not finish.

Every file is held against its attestation (PEP 740) and against SHA256SUMS of its GitHub Release. Files from
before the package was released this way, and who may upload past the workflow, are known by two lists in the
repository, `KNOWN` and `KNOWN_OWNERS`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import requests
from packaging.utils import canonicalize_name
from pypi_simple import ProjectStatus
from release_lib import index
from release_lib.distributions import parse_checksums, version_of
from release_lib.index import INDEXES, Publisher, publishers_of
from release_lib.step import ReleaseError, as_code

from copier_pypi_release.github import quoted
from copier_pypi_release.issues import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage, ProjectPage
    from release_lib.settings import Settings

    from copier_pypi_release.github import GitHub

Asked = TypeVar("Asked")
COMMAND = "uv run .github/release/tool.py watch"
TITLE = "Release watch: "
DONE = "Everything on PyPI was made by the release workflow again, or is known."
KNOWN = ".github/release/known-files.txt"
KNOWN_OWNERS = ".github/release/known-owners.txt"
PATIENCE = dt.timedelta(days=7)  # with whatever a person has to do
ATTEMPTS = 4
WORDS = 500  # characters of a reason: a longer one would leave an issue no room for the rest
EXPOSED = ".github/release/RECOVERY.md, 'A token or an account was exposed'"
STOPPED = "RELEASING.md, 'When it stops'"


@dataclasses.dataclass(frozen=True)
class Alarm:
    """Something that a person has to look at.

    Attributes:
        text: What it is, with names in backticks; the same words as long as it is the same thing.
        see: Where to read what to do.
        version: The version that it is about; None for the project.
        by_list: Whether only the lists in the repository make it known, which a person commits: whoever may
            close an issue could be who uploaded the file.
    """

    text: str
    see: str = EXPOSED
    version: Version | None = None
    by_list: bool = False


def find_alarms(
    github: GitHub, root: Path, settings: Settings, now: dt.datetime, version: Version | None = None
) -> list[Alarm]:
    """What is not as the release workflow leaves it, of one version or of all.

    Raises:
        ReleaseError: PyPI or GitHub did not answer, so that nothing is known; or `KNOWN` is not readable.
    """
    page = patiently(lambda: page_of(settings))
    known = read_known(root)
    served: dict[Version, list[DistributionPackage]] = {}
    for file in page.packages if page else ():
        found = version_of(file.filename)
        if found is not None and version in {None, found}:
            served.setdefault(found, []).append(file)
    releases = {}
    for release in github.get_all("releases"):
        tagged = settings.tagged_version(release["tag_name"])
        if tagged is not None and version in {None, tagged}:
            releases[tagged] = release
    alarms = [*project_alarms(page), *owner_alarms(root, settings)] if version is None else []
    for file in page.packages if page and version is None else ():
        if version_of(file.filename) is None:  # an egg, an installer: installers of old take them still
            alarms += file_alarms(file, None, settings, known)
    for each in sorted(served, reverse=True):
        new = [file for file in served[each] if file.filename not in known]
        alarms += [a for file in served[each] for a in file_alarms(file, each, settings, known)]
        if new:
            alarms += [*yank_alarms(each, new), *release_alarms(github, each, new, releases.get(each), now)]
    alarms += lost_alarms(github, served, releases)
    return alarms + (tag_alarms(github, settings, served, releases, now) if version is None else [])


def subject_of(github: GitHub) -> Subject:
    """The issue about it."""
    return Subject(github, TITLE, DONE)


def line_of(alarm: Alarm) -> str:
    """The line of an issue that says it; an issue that a person closed is read by these lines."""
    return f"- {alarm.text}"


def unseen(subject: Subject, alarms: Iterable[Alarm]) -> list[Alarm]:
    """What does not stand in an issue that a person closed, and what only the lists make known."""
    found = list(alarms)
    seen = {
        line
        for issue in (subject.dismissed() if found else ())
        for line in (issue["body"] or "").splitlines()
    }
    return [alarm for alarm in found if alarm.by_list or line_of(alarm) not in seen]


# ---- The index --------------------------------------------------------------------------------------


def patiently(ask: Callable[[], Asked]) -> Asked:
    """Ask PyPI, several times if it does not answer.

    Raises:
        ReleaseError: It does not answer at all.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except (requests.RequestException, ValueError) as error:
            if attempt == ATTEMPTS:
                raise ReleaseError(
                    f"PyPI did not answer {ATTEMPTS} times: {error}",
                    expected="the list of the project's files and their attestations",
                    fix="see whether the index is up, then run this again",
                    see=STOPPED,
                ) from error
            time.sleep(2**attempt / 4)
    raise AssertionError("unreachable")


def page_of(settings: Settings) -> ProjectPage | None:
    """What PyPI says of the project; None if it has none of that name."""
    return index.page_of(INDEXES["pypi"], settings.distribution)


def owners_of(settings: Settings) -> list[str] | None:
    """Who may upload to the project or change its publishers, as ``Owner alice``; None if PyPI does not say.

    Raises:
        ReleaseError: PyPI did not answer.
    """
    # The simple API does not name them; `ownership` is in the project's JSON since February 2026.
    path = f"/pypi/{canonicalize_name(settings.distribution)}/json"

    def ask() -> object:
        answer = requests.get(urljoin(INDEXES["pypi"].simple, path), timeout=30.0)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        return answer.json()

    answer = patiently(ask)
    found = answer.get("ownership") if isinstance(answer, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("roles"), list):
        return None
    roles = [role for role in found["roles"] if isinstance(role, dict)]
    named = [f"{role.get('role')} {role.get('user')}" for role in roles]
    return sorted([*named, *([f"Organization {found['organization']}"] if found.get("organization") else [])])


def owner_alarms(root: Path, settings: Settings) -> Iterator[Alarm]:
    """Who may upload past the workflow is not who is on the list, where there is one."""
    known = read_known_owners(root)
    if known is None:
        return
    found = owners_of(settings)
    if found is None:
        yield Alarm(f"PyPI does not say who owns the project, so `{KNOWN_OWNERS}` is compared with nothing")
        return
    for name in found:
        if name not in known:
            yield Alarm(f"{as_code(name)} of the project on PyPI is not in `{KNOWN_OWNERS}`", by_list=True)
    for name in known:
        if name not in found:  # a takeover may begin with it
            text = f"{as_code(name)} in `{KNOWN_OWNERS}` is nobody's role on PyPI any more"
            yield Alarm(text, by_list=True)


def project_alarms(page: ProjectPage | None) -> Iterator[Alarm]:
    """A project that is not active (PEP 792): quarantined, archived or deprecated."""
    if page and page.status not in {None, ProjectStatus.ACTIVE}:
        reason = f": {as_code(page.status_reason[:WORDS])}" if page.status_reason else ""
        yield Alarm(
            f"PyPI calls the project {as_code(str(getattr(page.status, 'value', page.status)))}{reason}"
        )


def file_alarms(
    file: DistributionPackage, version: Version | None, settings: Settings, known: Mapping[str, str]
) -> Iterator[Alarm]:
    """A file that the release workflow did not upload, and that is not known either."""
    name, sha256 = as_code(file.filename), (file.digests or {}).get("sha256")
    if file.filename in known:
        if known[file.filename] != sha256:
            text = f"{name} on PyPI has other contents than `{KNOWN}` says"
            yield Alarm(text, version=version, by_list=True)
        return
    for publisher in unexpected_publishers(file, settings):
        said = "has no attestation: the release workflow did not upload it"
        said = said if publisher is None else f"was uploaded by {as_code(str(publisher))}"
        yield Alarm(f"{name} on PyPI {said}", version=version, by_list=True)


def unexpected_publishers(file: DistributionPackage, settings: Settings) -> list[Publisher | None]:
    """Who else uploaded a file, by its attestations; None stands for somebody unknown."""
    found = patiently(lambda: publishers_of(file))
    expected = index.expected_publisher(settings, "pypi")
    return [p for p in found if not p.is_same(expected)] if found else [None]


def yank_alarms(version: Version, files: Sequence[DistributionPackage]) -> Iterator[Alarm]:
    """A version that was yanked."""
    reasons = [file.yanked_reason or "no reason given" for file in files if file.is_yanked]
    if reasons:
        wrong = ".github/release/RECOVERY.md, 'A wrong version is published'"
        yield Alarm(f"{version} is yanked on PyPI: {as_code(reasons[0][:WORDS])}", wrong, version)


# ---- The GitHub Release -----------------------------------------------------------------------------


def release_alarms(
    github: GitHub,
    version: Version,
    files: Sequence[DistributionPackage],
    release: Mapping[str, Any] | None,
    now: dt.datetime,
) -> Iterator[Alarm]:
    """A version on PyPI whose GitHub Release is not published, or lists other files."""
    if release is None or release["draft"]:
        # A token that may not write contents, as the watch's, does not see drafts.
        since = min((file.upload_time for file in files if file.upload_time), default=now)
        if now - since > PATIENCE and not all(file.is_yanked for file in files):
            what = "is still a draft" if release else "is not published"
            yield Alarm(
                f"{version} is on PyPI since {since:%Y-%m-%d}, and its GitHub Release {what}",
                STOPPED,
                version,
            )
        return
    listed = checksums_of(github, release)
    if listed is None:
        yield Alarm(
            f"The GitHub Release of {version} has no list SHA256SUMS that can be read", version=version
        )
        return
    served = {file.filename: (file.digests or {}).get("sha256") for file in files}
    for name in sorted(name for name, times in Counter(f.filename for f in files).items() if times > 1):
        yield Alarm(f"{as_code(name)} is listed more than once on PyPI", version=version)
    for name in sorted(served.keys() | listed.keys()):
        if name not in listed:
            problem = "is not in SHA256SUMS"
        elif name not in served:
            problem = "is missing there, and is in SHA256SUMS"
        elif served[name] != listed[name]:
            problem = "has other contents than SHA256SUMS says"
        else:
            continue
        text = f"{as_code(name)} on PyPI {problem} of the GitHub Release"
        yield Alarm(text, version=version, by_list=name in served)


def checksums_of(github: GitHub, release: Mapping[str, Any]) -> dict[str, str] | None:
    """The hashes that a GitHub Release lists, by file name; None if it lists none."""
    for asset in release["assets"]:
        if asset["name"] == "SHA256SUMS":
            data = github.download(f"releases/assets/{asset['id']}", accept="application/octet-stream")
            try:
                return parse_checksums((data or b"").decode())[1]
            except (ReleaseError, ValueError):
                return None
    return None


def lost_alarms(
    github: GitHub, served: Mapping[Version, object], releases: Mapping[Version, Mapping[str, Any]]
) -> Iterator[Alarm]:
    """A release of the workflow's, published on GitHub, of which PyPI has nothing any more."""
    for version in sorted(releases.keys() - served.keys(), reverse=True):
        release = releases[version]
        if not release["draft"] and checksums_of(github, release) is not None:
            yield Alarm(f"{version} is published on GitHub, and PyPI has no file of it", version=version)


def tag_alarms(
    github: GitHub,
    settings: Settings,
    served: Iterable[Version],
    releases: Iterable[Version],
    now: dt.datetime,
) -> list[Alarm]:
    """A tag that led to no release, unless a newer one did."""
    done = {*served, *releases}
    newest = max(done, default=None)
    alarms = []
    for tag in github.get_all("tags"):
        version = settings.tagged_version(tag["name"])
        if version is None or version in done or (newest is not None and version < newest):
            continue
        if now - tagged_at(github, tag) > PATIENCE:
            text = f"The tag {as_code(tag['name'])} led to no release"
            alarms.append(Alarm(text, STOPPED, version))
    return alarms


def tagged_at(github: GitHub, tag: Mapping[str, Any]) -> dt.datetime:
    """When a tag was made, as far as it says so, else when its commit was."""
    target = (github.get(f"git/ref/tags/{quoted(tag['name'])}") or {}).get("object", {})
    made = github.get(f"git/tags/{target['sha']}") if target.get("type") == "tag" else None
    date = ((made or {}).get("tagger") or {}).get("date")
    if not date:
        commit = github.get(f"commits/{tag['commit']['sha']}") or {}
        date = commit["commit"]["committer"]["date"]
    return dt.datetime.fromisoformat(date)


# ---- What is known -----------------------------------------------------------------------


def read_known(root: Path) -> dict[str, str]:
    """SHA-256 by name of the files that are known.

    Raises:
        ReleaseError: A line of the list is none.
    """
    path = root / KNOWN
    if not path.exists():
        return {}
    known = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        sha256, _, name = line.partition("  ")
        if len(sha256) != 64 or not name.strip():  # noqa: PLR2004  (SHA-256, in hexadecimal)
            raise ReleaseError(
                f"{KNOWN} has the line {line!r}",
                expected="a SHA-256, two spaces and a file name, as in SHA256SUMS",
                fix=f"git rm {KNOWN}, then uv run .github/release/tool.py watch --list-known",
                see="docs/protect.md of the template",
            )
        known[name.strip()] = sha256
    return known


def read_known_owners(root: Path) -> list[str] | None:
    """The owners that are known, as `owners_of` names them; None where no list is kept."""
    path = root / KNOWN_OWNERS
    if not path.exists():
        return None
    listed = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in listed if line.strip() and not line.startswith("#")]


def unknown_files(root: Path, settings: Settings) -> dict[str, str]:
    """SHA-256 by name of the files on PyPI that the release workflow did not upload, those known included."""
    page = patiently(lambda: page_of(settings))
    known = read_known(root)
    return {
        file.filename: (file.digests or {}).get("sha256") or ""
        for file in (page.packages if page else ())
        if file.filename in known or unexpected_publishers(file, settings)
    }
