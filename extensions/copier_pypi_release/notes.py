"""The notes of the next version: written into the changelog, from what waits for it.

A changelog kept by hand has a section "Unreleased" that becomes the version's; towncrier joins its fragments;
git-cliff reads commits, and there is nothing to write.
"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version
from release_lib import fragments, restructured
from release_lib.settings import version_word
from release_lib.step import ReleaseError, run

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from release_lib.settings import Settings

UNRELEASED = re.compile(r"\[?unreleased\]?\b.*", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LEVEL = 2  # of the headings of versions


def headings(text: str, *levels: int) -> list[tuple[int, str]]:
    """Line and title of each heading of these levels, as Markdown has them: a ``#`` in code is none."""
    parser = MarkdownIt()
    parser.core.ruler.enableOnly(["normalize", "block"])  # a title as it is written is all that is wanted
    return [
        (opening.map[0], inline.content)
        for opening, inline in pairwise(parser.parse(text))
        if opening.type == "heading_open"
        and opening.level == 0
        and opening.map
        and int(opening.tag[1]) in (levels or (LEVEL,))
    ]


def is_restructured(name: str) -> bool:
    """Whether a changelog is read as reStructuredText, as the gate reads it."""
    return name.endswith((".rst", ".txt"))


def version_in(title: str) -> Version | None:
    """The version that a heading names, as the gate reads it."""
    word = version_word(title)
    return Version(word) if word else None


def versions_in(name: str, text: str) -> set[Version]:
    """The versions that the headings of a changelog name, as the gate reads them."""
    text = restructured.markdown(text) if is_restructured(name) else text
    return {version for _, title in headings(text, 1, 2, 3) if (version := version_in(title))}


def changelog_text(project: Path, settings: Settings) -> str:
    """The changelog; empty if there is none, or if the notes come from commits."""
    path = project / settings.changelog
    if settings.release_notes == "git-cliff" or not path.is_file():
        return ""
    return path.read_text(encoding="utf-8")


def newest_section(project: Path, settings: Settings) -> Version | None:
    """The newest version that the changelog has a section of."""
    return max(versions_in(settings.changelog, changelog_text(project, settings)), default=None)


def roll(project: Path, settings: Settings, version: Version, today: dt.date) -> bool:
    """Write the notes of a version into the changelog; return whether anything was to be written.

    A section that is there already stays as it is.

    Raises:
        ReleaseError: towncrier did not join the fragments.
    """
    if settings.release_notes == "git-cliff":
        return False
    text = changelog_text(project, settings)
    if version in versions_in(settings.changelog, text):
        return False
    if settings.release_notes == "towncrier":
        if not fragments.waiting_in(project, fragments.configuration(project) or {}):
            return False  # it would write that there are no significant changes
        command = ("uv", "tool", "run", "--quiet", towncrier(project), "build", "--yes")
        run(*command, "--version", str(version), "--date", today.isoformat(), cwd=project)
        return True
    write = with_restructured_section if is_restructured(settings.changelog) else with_section
    rolled = write(text, version, today)
    if rolled == text:
        return False
    (project / settings.changelog).write_text(rolled, encoding="utf-8", newline="\n")
    return True


def with_section(text: str, version: Version, today: dt.date) -> str:
    """A changelog whose section "Unreleased" is that of a version, below an empty one.

    Without such a section, or with nothing in it, it stays as it is: the gate says what is missing.
    """
    place = unreleased(text)
    if place is None:
        return text
    lines, found = text.split("\n"), headings(text)
    earlier = next((title for line, title in found if line > place and version_in(title)), "")
    lines[place : place + 1] = [lines[place], "", f"## {title_like(earlier, version, today)}"]
    return "\n".join(lines)


def unreleased(text: str) -> int | None:
    """The line of the heading "Unreleased" of a changelog; None if there is none, or nothing below it."""
    lines, found = text.split("\n"), headings(text)
    for (start, title), (end, _) in pairwise([*found, (len(lines), "")]):
        if UNRELEASED.fullmatch(title):
            below = lines[start + 1 : end]
            return start if any(line.strip() and not line.startswith("#") for line in below) else None
    return None


def with_restructured_section(text: str, version: Version, today: dt.date) -> str:
    """The same of a changelog in reStructuredText, whose titles stand above a line, or between two."""
    lines = text.split("\n")
    found = list(restructured_titles(lines))
    for number, (_, title, style, end) in enumerate(found):
        if not UNRELEASED.fullmatch(title):
            continue
        known = [other for *_, other, _ in found[: number + 1]]  # none of them is of a lower level
        after = [heading for heading in found[number + 1 :] if heading[2] in known]
        below = restructured.markdown("\n".join(lines[end : after[0][0] if after else None]))
        if not any(line.strip() and not line.startswith("#") for line in below.splitlines()):
            return text
        earlier = next((old for _, old, _, _ in after if version_in(old)), "")
        new = title_like(earlier, version, today)
        line = style[0] * len(new)
        lines[end:end] = ["", *([line] if len(style) > 1 else []), new, line]
        return "\n".join(lines)
    return text


def restructured_titles(lines: Sequence[str]) -> Iterator[tuple[int, str, str, int]]:
    """First line, title, style and end of each title; a style is its sign, twice if a line is above, too."""
    for number, (title, below) in enumerate(pairwise(lines)):
        is_title = title.strip() and not restructured.LINE.fullmatch(title)
        if is_title and restructured.LINE.fullmatch(below):
            over = number > 0 and lines[number - 1].strip() == below.strip()
            if over or title[0] != " ":
                yield number - over, title.strip(), below[0] * (1 + over), number + 2


def title_like(earlier: str, version: Version, today: dt.date) -> str:
    """The title of a version, written as that of an earlier one."""
    known = version_word(earlier).removeprefix("v")
    plain = f"{version} - {today.isoformat()}"
    if not known or "](" in earlier or not DATE.search(earlier):
        return plain
    return DATE.sub(today.isoformat(), earlier.replace(known, str(version), 1))


def towncrier(project: Path) -> str:
    """The towncrier that the package pins, or any."""
    with (project / "pyproject.toml").open("rb") as file:
        document = tomllib.load(file)
    groups = document.get("dependency-groups", {})
    for text in (entry for group in groups.values() for entry in group if isinstance(entry, str)):
        try:
            if Requirement(text).name == "towncrier":
                return text
        except InvalidRequirement:
            continue
    return "towncrier"


class NoNotesError(ReleaseError):
    """No notes wait for a version."""


def where_to_write(project: Path, settings: Settings) -> str:
    """Where a change brings its notes, in words."""
    named = f"{fragments_of(project)}/ISSUE.KIND{Path(settings.changelog).suffix}"
    return {
        "git-cliff": "a commit feat:, fix:, migration: or known-issue: that says what users will notice",
        "towncrier": f"a news fragment {named} that says what users will notice",
    }.get(
        settings.release_notes,
        f"an entry below the next version, or 'Unreleased', in {settings.changelog}",
    )


def fragments_of(project: Path) -> str:
    """The folder of news fragments, from the project's."""
    return fragments.folder_of(fragments.configuration(project) or {}).as_posix()


def nothing_to_release(project: Path, settings: Settings, newest: Version | None) -> NoNotesError:
    """The error where no notes wait for a version."""
    where = {
        "git-cliff": "no commit since then is a feat:, fix:, migration: or known-issue:",
        "towncrier": f"{fragments_of(project)}/ has no fragment",
    }.get(settings.release_notes, f"{settings.changelog} has no notes below 'Unreleased' or a later version")
    return NoNotesError(
        f"There is nothing to release{f' after {newest}' if newest else ''}: {where}",
        expected="notes of what users will notice",
        fix="write them, commit, then run this again",
        see=settings.see("Release notes"),
    )
