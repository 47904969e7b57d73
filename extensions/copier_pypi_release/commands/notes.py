"""Show the notes and the version that the next release would have; say whether a change brings notes.

The notes are made by the scripts of a release, in a temporary clone; nothing is changed. With --since it
fails if the package has changed since a commit and its notes have not. The label `no-notes`, or a line
`No notes: why` in the description, spares a pull request ($PULL_REQUEST) that.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError, as_code, git, summary

from copier_pypi_release.github import GitHub, find_token
from copier_pypi_release.next_version import Suggestion, suggest
from copier_pypi_release.notes import NoNotesError, where_to_write
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workbench import current_branch, history_of, workbench

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from release_lib.settings import Settings

LABEL = "no-notes"
LINE = re.compile(r"^\s*no notes:", re.IGNORECASE | re.MULTILINE)


def next_notes(root: Path, settings: Settings) -> tuple[Suggestion, str]:
    """The next version and its notes, which are empty if none wait."""
    today, history = dt.datetime.now(dt.UTC).date(), history_of(root, settings)
    with workbench(root, settings, current_branch(root)) as bench:
        try:
            found = bench.choose(history, today)
            return found, bench.prepare(found.version, today)
        except NoNotesError:
            return suggest(history, (), today), ""


def notes_at(root: Path, settings: Settings, commit: str, found: Suggestion) -> str:
    """The notes that a version would have if it were made of another commit; empty if none wait there."""
    with workbench(root, settings, current_branch(root), commit) as bench:
        try:
            return bench.prepare(found.version, dt.datetime.now(dt.UTC).date())
        except NoNotesError:
            return ""


def changed_files(root: Path, settings: Settings, commit: str) -> list[str]:
    """The files of the import package that have changed since a commit; all, where it is not found."""
    module = settings.import_name.replace(".", "/")
    folder = PurePosixPath(settings.folder)
    places = [
        PurePosixPath(folder, settings.version_file).parent,
        *(folder / start / f"{module}{end}" for start in ("src", "") for end in ("", ".py")),
    ]
    package = next((p for p in places if p not in {folder, PurePosixPath()} and (root / p).exists()), folder)
    return git("-C", root, "diff", "--name-only", commit, "HEAD", "--", str(package)).splitlines()


def spared(settings: Settings) -> str:
    """What spares the pull request its notes, as it is now; empty if nothing does."""
    number = os.environ.get("PULL_REQUEST", "")
    if not number.isdecimal():
        return ""
    pulls = GitHub(os.environ.get("GITHUB_REPOSITORY") or settings.repository, find_token()).get_all(
        "pulls", state="open"
    )
    pull: dict[str, Any] = next((pull for pull in pulls if pull["number"] == int(number)), {})
    if LABEL in [label["name"] for label in pull.get("labels", [])]:
        return f"its label {LABEL}"
    return "a line of its description" if LINE.search(pull.get("body") or "") else ""


def check_change(root: Path, settings: Settings, commit: str, found: Suggestion, notes: str) -> str:
    """Check that a change of the package brings notes; return what is said of it.

    Raises:
        ReleaseError: It brings none.
    """
    changed = changed_files(root, settings, commit)
    if not changed:
        return "This change needs no notes: the package itself stays as it is."
    if notes != notes_at(root, settings, commit, found):
        return "This change brings notes."
    if why := spared(settings):
        return f"This change brings no notes, which {why} allows."
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    raise ReleaseError(
        f"The change of {changed[0]}{more} brings no release notes",
        expected=where_to_write(root / settings.folder, settings),
        fix=f"write them; or, where users notice nothing, give the pull request the label {LABEL} or a line "
        "'No notes: WHY', and run this again",
        see=settings.see("Release notes"),
    )


def report(settings: Settings, found: Suggestion, notes: str) -> str:
    """What the next release would be, in Markdown."""
    if not notes:
        return f"No notes of {as_code(settings.distribution)} wait for a release."
    heading = f"## The next release would be {settings.distribution} {found.version}"
    return f"{heading}\n\n{found.why[:1].upper()}{found.why[1:]}.\n\n{notes}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--since",
        default="",
        metavar="COMMIT",
        help="fail if the package changed since, and its notes did not",
    )
    parser.add_argument("--json", action="store_true", help="print the result for machines")


def run(options: argparse.Namespace) -> int:
    """Show the notes, and check the change."""
    root = find_root()
    settings = find_settings(root)
    found, notes = next_notes(root, settings)
    if options.json:
        print(json.dumps({"version": str(found.version), "why": found.why, "notes": notes}, indent=2))
    else:
        summary(report(settings, found, notes))
    if options.since:
        said = check_change(root, settings, options.since, found, notes)
        if not options.json:
            summary(said)
    return 0
