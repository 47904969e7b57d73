"""Look for what PyPI serves and the release workflow did not make, and for unfinished releases.

Every file on PyPI is held against its attestation and SHA256SUMS of its GitHub Release. In a workflow one
issue is opened, refreshed, and closed when all is well again. What stands in one that a person closes as not
planned is not said again; files and owners are known by the lists alone. Elsewhere the same is printed, and
the exit status is 1 if there is anything.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
from typing import TYPE_CHECKING

from release_lib.step import as_code, summary

from copier_pypi_release.console import counted
from copier_pypi_release.github import GitHub, find_token
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.watching import (
    COMMAND,
    DONE,
    KNOWN,
    KNOWN_OWNERS,
    TITLE,
    Alarm,
    find_alarms,
    line_of,
    owners_of,
    read_known,
    read_known_owners,
    subject_of,
    unknown_files,
    unseen,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from release_lib.settings import Settings

SHOWN, LONGEST = 200, 60_000  # lines of an issue, and their characters: GitHub takes 65,536


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--list-known",
        action="store_true",
        help=f"write {KNOWN}, the files on PyPI from before the adoption, and {KNOWN_OWNERS}, "
        "for you to read and commit",
    )


def run(options: argparse.Namespace) -> int:
    """Look, and tell."""
    root = find_root()
    settings = find_settings(root)
    if options.list_known:
        return list_known(root, settings)
    github = GitHub(settings.repository, find_token())
    github.repository_info()  # stops where the repository has moved, which its publishers would not follow
    alarms = find_alarms(github, root, settings, dt.datetime.now(dt.UTC))
    subject = subject_of(github)
    new = unseen(subject, alarms)
    report = report_on(new, settings) if new else f"{DONE[:-1]}: {as_code(settings.distribution)}."
    in_workflow = os.environ.get("GITHUB_ACTIONS") == "true"
    if in_workflow:
        subject.tell(f"{TITLE}{counted(len(new), 'finding')}" if new else "", report)
    summary("\n\n".join(filter(None, [report, known_report(root), seen_report(alarms, new)])))
    return int(bool(new) and not in_workflow)


def list_known(root: Path, settings: Settings) -> int:
    """Write the lists of the files and owners that are known, for a person to read and commit."""
    found = unknown_files(root, settings)
    lines = [f"{sha256}  {name}" for name, sha256 in sorted(found.items())]
    who = f"{settings.release_workflow} of {settings.repository}"
    write_list(root / KNOWN, f"Files on PyPI that {who} did not upload.", lines)
    owners = owners_of(settings)
    if owners is not None:
        write_list(
            root / KNOWN_OWNERS, "Who may upload to the project on PyPI, or change its publishers.", owners
        )
    written = [f"{KNOWN} lists {counted(len(lines), 'file')}"]
    written += [f"{KNOWN_OWNERS} lists {counted(len(owners), 'role')}"] if owners is not None else []
    summary(f"{', '.join(written)}. Read them; who commits them says that they are right.")
    return 0


def write_list(path: Path, what: str, lines: Sequence[str]) -> None:
    """Write a list of what is known."""
    head = [f"# {what}", "# Who commits this list says that they are right; the watch names all others."]
    path.write_text("\n".join([*head, *lines, ""]), encoding="utf-8", newline="\n")


def report_on(alarms: Sequence[Alarm], settings: Settings) -> str:
    """The text of the issue, in Markdown; what others wrote stands in it as code."""
    pages = list(dict.fromkeys(alarm.see for alarm in alarms))
    lines = [line_of(alarm) for alarm in alarms]
    shown = min(SHOWN, sum(end <= LONGEST for end in itertools.accumulate(map(len, lines))))
    return "\n".join(
        [
            f"What `{settings.release_workflow}` did not make, or did not finish:",
            "",
            *lines[:shown],
            *([f"- and {len(lines) - shown} more, which `{COMMAND}` shows"] if len(lines) > shown else []),
            "",
            "What to do:",
            *(f"* {page}" for page in pages),
            "",
            "If a file is not yours, yank its version now, and report it to PyPI's security team.",
            f"Older files, known owners: `{COMMAND} --list-known` lists them, to be read and committed.",
            "What else is known is not said again when a person closes this issue as not planned.",
        ]
    )


def known_report(root: Path) -> str:
    """What is known by the lists."""
    known = read_known(root)
    said = [f"`{KNOWN}` knows {counted(len(known), 'older file')}."] if known else []
    if read_known_owners(root) is None:
        said.append(f"Nobody compares the owners on PyPI: `{COMMAND} --list-known` makes `{KNOWN_OWNERS}`.")
    return " ".join(said)


def seen_report(alarms: Sequence[Alarm], new: Sequence[Alarm]) -> str:
    """What is still so, and was seen by whoever closed an issue about it."""
    old = [line_of(alarm) for alarm in alarms if alarm not in new]
    return "\n".join(["Known by an issue that was closed:", "", *old]) if old else ""
