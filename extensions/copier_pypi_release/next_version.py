"""The version that comes next: from what is released, and from what the notes say has changed.

Breaking changes and migrations ask for a new major version, features for a minor one, all else for a patch;
below 1.0 a breaking change asks for a minor one. A version that names a year goes on with the calendar.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from packaging.version import Version
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

FIRST = Version("0.1.0")
BREAKING, FEATURES = {"breaking changes", "migration"}, {"features"}
CENTURY = 100
LOWEST_YEAR = 2000
SEE = "RELEASING.md, 'Steps'"


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A version, and why it is the next one."""

    version: Version
    why: str


@dataclasses.dataclass(frozen=True)
class History:
    """The versions that have tags.

    Attributes:
        taken: All of them, with the day of their commit.
        merged: Those that the commit to release descends from.
    """

    taken: Mapping[Version, dt.date]
    merged: Collection[Version]

    @property
    def newest(self) -> Version | None:
        """The newest final version that is merged."""
        return max((version for version in self.merged if not version.is_prerelease), default=None)


def suggest(
    history: History, sections: Collection[str], today: dt.date, *, pre: str = "", post: bool = False
) -> Suggestion:
    """The next version.

    Args:
        history: What is released.
        sections: Headings of the notes.
        today: The day, for versions that name it.
        pre: a, b or rc, for a pre-release of that version.
        post: Whether only the packaging of the newest version changes.

    Raises:
        ReleaseError: Nothing is released that could get a post-release.
    """
    newest = history.newest
    if post:
        return after(history, newest)
    if newest is None:
        found = Suggestion(FIRST, "the first release")
    else:
        found = by_calendar(history, newest, today) or by_notes(history, newest, sections)
    begun = [v for v in history.merged if v.is_prerelease and (newest is None or v > newest)]
    base = max([found.version, *(Version(v.base_version) for v in begun)])
    if base != found.version:
        found = Suggestion(base, f"{max(begun)} was its pre-release")
    if not pre:
        return found
    numbers = [
        v.pre[1] for v in history.taken if v.base_version == base.base_version and v.pre and v.pre[0] == pre
    ]
    number = max(numbers, default=0) + 1
    return Suggestion(Version(f"{base}{pre}{number}"), f"pre-release {number} of {base}: {found.why}")


def after(history: History, newest: Version | None) -> Suggestion:
    """The next post-release of the newest version."""
    if newest is None:
        raise ReleaseError(
            "Nothing is released yet, so there is nothing to make a post-release of",
            expected="a version tag that this commit descends from",
            fix="uv run .github/release/tool.py release",
            see=SEE,
        )
    base = newest.public.partition(".post")[0]
    numbers = [v.post for v in history.taken if v.post is not None and v.public.partition(".post")[0] == base]
    return Suggestion(
        Version(f"{base}.post{max(numbers, default=0) + 1}"), f"the code of {base}, its packaging fixed"
    )


def by_notes(history: History, newest: Version, sections: Collection[str]) -> Suggestion:
    """The version that the notes ask for, or the next patch where that or a later one exists already."""
    names = {section.casefold() for section in sections}
    if names & BREAKING:
        place, why = (0 if newest.major else 1), "breaking changes since"
    elif names & FEATURES:
        place, why = 1, "features since"
    else:
        place, why = 2, "fixes since"
    wanted = raised(newest, place)
    later = [
        v for v in history.taken if newest < v <= wanted and not v.is_prerelease and not v.is_postrelease
    ]
    if later and place < 2:  # noqa: PLR2004  (a patch)  # a series that is maintained beside a newer one
        wanted, why = raised(newest, 2), f"{max(later)} exists already, so the next patch of"
    while wanted in history.taken:
        wanted = raised(wanted, 2)
    return Suggestion(wanted, f"{why} {newest}")


def by_calendar(history: History, newest: Version, today: dt.date) -> Suggestion | None:
    """The next version where the newest one names the year, perhaps with month and day, of its commit."""
    then = history.taken[newest]
    first, *rest = newest.release
    # 26.1 of 2026 can be a year or a long life: only two versions of different years, or four digits, tell.
    long_year = first >= LOWEST_YEAR and first == then.year
    years = {v.major for v, day in history.taken.items() if v.major == day.year % CENTURY}
    if not long_year and not (first == then.year % CENTURY and len(years) > 1):
        return None
    year = today.year if long_year else today.year % CENTURY
    by_month = bool(rest) and rest[0] == then.month
    by_day = by_month and len(rest) > 1 and rest[1] == then.day
    parts = [year, *([today.month] if by_month else []), *([today.day] if by_day else [])]
    calendar = len(parts)
    width = max(len(newest.release), 2)
    same = [v.release for v in history.taken if v.release[:calendar] == tuple(parts)]
    lowest = min((v.release[calendar] for v in history.taken if len(v.release) > calendar), default=1)
    if same or width > calendar:
        numbers = [release[calendar] if len(release) > calendar else 0 for release in same]
        parts.append(max(numbers) + 1 if numbers else min(lowest, 1))
        parts += [0] * (width - len(parts))
    return Suggestion(with_release(newest, parts), f"the calendar, after {newest}")


def raised(version: Version, place: int) -> Version:
    """The version with one number raised and those after it set to zero."""
    parts = [*version.release, 0, 0][: max(len(version.release), place + 1)]
    return with_release(version, [*parts[:place], parts[place] + 1, *(0 for _ in parts[place + 1 :])])


def with_release(version: Version, parts: list[int]) -> Version:
    """A final version with these numbers, and the epoch of another."""
    epoch = f"{version.epoch}!" if version.epoch else ""
    return Version(epoch + ".".join(map(str, parts)))
