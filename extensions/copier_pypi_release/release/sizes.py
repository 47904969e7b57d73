"""How much of the indexes' limits a project has used up before a release.

The release judges the files that it has built. Before that, those of the last release stand for them, so
that a full project is seen before anything is pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from release_lib.distributions import version_of
from release_lib.index import INDEXES, files_in
from release_lib.step import ReleaseError

from copier_pypi_release.console import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypi_simple import DistributionPackage, ProjectPage
    from release_lib.settings import Settings

KIB, MIB = 1 << 10, 1 << 20
NEAR = 0.95  # of a limit


def in_words(size: float) -> str:
    """A size as the indexes count it."""
    return f"{size / MIB:,.1f} MiB" if size >= MIB / 10 else f"{size / KIB:,.0f} KiB"


def total(packages: list[DistributionPackage]) -> int:
    """The size of files; those of an index that does not say it have none."""
    return sum(package.size or 0 for package in packages)


def last_release(page: ProjectPage) -> tuple[str, list[DistributionPackage]]:
    """The highest version of a project, and its files; nothing where no file has one."""
    newest = max(filter(None, (version_of(p.filename) for p in page.packages)), default=None)
    return (str(newest), list(files_in(page, newest).values())) if newest else ("", [])


def estimate(pages: Mapping[str, ProjectPage | None], settings: Settings) -> str:
    """What the release will need, as far as it is known before the build: for the fullest of the indexes."""
    takes = f"{settings.file_limit:,} MiB a file and {settings.project_limit:,} of a project"
    known = {key: page for key, page in pages.items() if page and total(page.packages)}
    if not known:
        return f"known after the build; the indexes take {takes}"
    key = max(known, key=lambda key: total(known[key].packages))
    version, files = last_release(known[key])
    last = f"like {version}, probably: {counted(len(files), 'file')}, {in_words(total(files))}"
    has = f"{INDEXES[key].title} has {in_words(total(known[key].packages))} of the project"
    return f"known after the build; {last}. {has}; the indexes take {takes}"


def near_limits(pages: Mapping[str, ProjectPage | None], settings: Settings) -> Iterator[str]:
    """What could be refused after the build.

    Raises:
        ReleaseError: The limit of the project is used up: every file would be refused.
    """
    whole = settings.project_limit * MIB
    for key, page in pages.items():
        title, used = INDEXES[key].title, total(page.packages if page else [])
        if page is None:
            continue
        version, files = last_release(page)
        has = f"{title} has {in_words(used)} of the project, and takes {settings.project_limit:,} MiB"
        if used > whole:
            raise ReleaseError(
                has,
                expected="room for the files of this version",
                fix="have the limit raised, then set project-limit in .github/release/settings.toml",
                see=urljoin(INDEXES[key].simple, "/help/#project-size-limit"),
            )
        if used + total(files) > NEAR * whole:
            yield f"{has}; a release like {version} has {in_words(total(files))}"
        for package in files:
            if (package.size or 0) > NEAR * settings.file_limit * MIB:
                large = f"{package.filename} on {title} has {in_words(package.size or 0)}"
                yield f"{large}; a file may have {settings.file_limit:,} MiB"
