"""Rehearse a release on this machine: all of it but the uploads, with the scripts that a release runs.

The commit that is checked out gets the version's notes and its tag in a temporary clone; both distributions
are built there twice, checked, compared with both indexes, installed and tested. Nothing is left behind.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime as dt
import json
import os
import re
import time
from typing import TYPE_CHECKING

from release_lib.distributions import read_checksums, write_checksums
from release_lib.settings import read_tag
from release_lib.step import ReleaseError, git

from copier_pypi_release.console import (
    brief,
    console,
    indented,
    lines,
    marked,
    paragraph,
    progress,
    quoted,
    table,
)
from copier_pypi_release.next_version import Suggestion
from copier_pypi_release.notes import headings
from copier_pypi_release.repository import SETTINGS, find_root, find_settings
from copier_pypi_release.workbench import (
    SECTION,
    Workbench,
    current_branch,
    history_of,
    newest_python,
    tagged_here,
    workbench,
)
from copier_pypi_release.workflow_files import load_release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from packaging.version import Version
    from release_lib.settings import Settings
    from rich.console import Console

PYTHONS = re.compile(r"^pythons=(\[.*\])$", re.MULTILINE)  # an output of the script that checks
PASS, FAIL, LEFT = "pass", "fail", "not run"


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of a rehearsal: what people call it, and what runs it and says what it found."""

    title: str
    run: Callable[[], str]


@dataclasses.dataclass
class Row:
    """What became of a step."""

    title: str
    result: str = LEFT
    seconds: float = 0.0
    found: str = ""
    error: ReleaseError | None = None


class Rehearsal:
    """The steps of a rehearsal, in the order of a release.

    Args:
        bench: The temporary clone.
        root: The clone that it was made from.
        settings: The settings of the package.
        options: The options of the command.
    """

    def __init__(self, bench: Workbench, root: Path, settings: Settings, options: argparse.Namespace) -> None:
        self.bench, self.root, self.settings, self.options = bench, root, settings, options
        self.today = dt.datetime.now(dt.UTC).date()
        self.chosen: Suggestion | None = None
        self.notes = ""
        self.python = ""  # the newest of the package's that is here, as a release has the newest of all

    @property
    def tag(self) -> str:
        """The tag that is rehearsed."""
        return self.settings.tag(self.chosen.version) if self.chosen else ""

    def steps(self) -> tuple[list[Step], list[Step]]:
        """Those that follow one another, and those of the built files, in any order."""
        first = [
            Step("Version and notes", self.choose),
            Step("Gate", self.gate),
            Step("Build, twice", self.build),
            Step("Versions and metadata", self.check),
        ]
        platforms = find_platforms(self.root, self.settings)
        then = [
            Step("Wheel installed", self.install),
            Step("Sdist installed", lambda: self.install("--sdist")),
        ]
        if platforms:
            then.insert(0, Step("Wheels planned", lambda: self.plan(platforms)))
        if not self.options.offline:
            then.append(Step("Both indexes", self.indexes))
        if any(self.settings.checks.values()) and not self.options.no_checks:
            then.append(Step("Its own checks", self.checks))
        return first, then

    @property
    def left(self) -> str:
        """What a rehearsal leaves to CI, where a release takes its verdict and runs no checks itself."""
        settings = self.settings
        if not settings.checks or any(settings.checks.values()) or self.options.no_checks:
            return ""
        if not settings.ci_workflows:
            return " Nothing tests this package, and a release would stop for that."
        return f" No test was run: a release takes the verdict of {', '.join(settings.ci_workflows)}."

    def choose(self) -> str:
        """Choose the version and write its notes."""
        here, options = tagged_here(self.root, self.settings), self.options
        if here and not (options.version or options.pre or options.post):
            self.chosen = Suggestion(here, "the tag of this commit")
        else:
            self.chosen = choose(self.bench, self.root, self.settings, options, self.today)
        self.notes = self.bench.prepare(self.chosen.version, self.today)
        sections = ", ".join(title for _, title in headings(self.notes, SECTION))
        return f"{self.chosen.version} ({self.chosen.why}); {sections or 'notes without sections'}"

    def gate(self) -> str:
        """Run the gate's scripts."""
        commit = self.bench.gate(self.tag)
        return f"{self.tag} would stand on {commit[:10]}, alone"

    def build(self) -> str:
        """Build twice and compare."""
        self.bench.script("build_distributions.py", "--out", self.bench.dist, "--twice", tag=self.tag)
        return "the same files both times"

    def check(self) -> str:
        """Check what was built, and list its hashes."""
        arguments = (self.bench.dist, "--checksums", self.bench.checksums)
        printed = self.bench.script("check_distributions.py", *arguments, tag=self.tag)
        if listed := PYTHONS.search(printed):
            self.python = newest_python(json.loads(listed[1]))
        return "\n".join(sorted(read_checksums(self.bench.checksums)[1]))

    def plan(self, platforms: list[str]) -> str:
        """Plan the wheels of every platform, as a release does; a compiled package is built here for one."""
        printed = self.bench.script("build_sdist.py", "--out", self.bench.sdist, *platforms, tag=self.tag)
        plan = read_plan(printed)
        listed = ", ".join(f"{name} {len(found)}" for name, found in plan.items())
        return f"for {sum(map(len, plan.values()))} Pythons: {listed}"

    def indexes(self) -> str:
        """Compare with what both indexes have."""
        checksums = self.bench.checksums
        if find_platforms(self.root, self.settings):
            # The wheel of this machine is not what a release uploads: an index would refuse its platform.
            built = read_checksums(checksums)[1]
            checksums = checksums.with_name("SHA256SUMS-sdist")
            write_checksums(checksums, {n: digest for n, digest in built.items() if n.endswith(".tar.gz")})
        arguments = ("testpypi", "pypi", "--checksums", checksums)
        try:
            self.bench.script("check_index.py", *arguments, tag=self.tag)
        except ReleaseError as error:
            first = history_of(self.root, self.settings).taken.keys() <= {read_tag(self.tag, self.settings)}
            if first and "already has other files" in error.problem:
                raise name_taken(error.problem) from error
            if "did not answer" not in error.problem:
                raise
            raise ReleaseError(
                error.problem.partition(": ")[0],  # what a library says about a connection fills a page
                expected=error.expected,
                fix="run this again online, or with --offline, which leaves the indexes out",
                see="RELEASING.md, 'Steps'",  # nothing stopped yet that has a status
            ) from error
        return "neither has other files of this version"

    def install(self, *options: str) -> str:
        """Install one of the distributions, and import it."""
        self.bench.script(
            "install_distribution.py", self.bench.dist, *options, tag=self.tag, python=self.python
        )
        on = f" on Python {self.python}" if self.python else ""
        return f"imported as {self.settings.import_name}{on}"

    def checks(self) -> str:
        """Run what CI runs."""
        clone = ("--clone",) if "ci" in self.settings.checks else ("--dist", self.bench.dist)
        self.bench.script("run_checks.py", *clone, tag=self.tag, python=self.python)
        return ", ".join(self.settings.checks)


def name_taken(problem: str) -> ReleaseError:
    """The error of a first release that an index has files of: no other version would help."""
    return ReleaseError(
        problem,
        expected="a name that is free on both indexes, or yours; nothing was released from here yet",
        fix="uvx copier update --defaults --data project_name=NAME, with a name that is free; "
        "if the project there is yours, release another version",
        see=".github/release/RECOVERY.md, 'A name of somebody else'",
    )


def find_platforms(root: Path, settings: Settings) -> list[str]:
    """The platforms that a release builds wheels for; none of a pure package."""
    return load_release(root, settings).platforms


def read_plan(printed: str) -> dict[str, list[str]]:
    """The plan of wheels in what build_sdist.py has printed."""
    found: dict[str, list[str]] = json.loads(
        next(line for line in printed.splitlines() if line.startswith("plan=")).removeprefix("plan=")
    )
    return found


def choose(
    bench: Workbench, root: Path, settings: Settings, options: argparse.Namespace, today: dt.date
) -> Suggestion:
    """The version that was named, or the next one.

    Raises:
        ReleaseError: It is no version, or no notes wait for one.
    """
    if options.version:
        return Suggestion(read_version(options.version, settings), "as named")
    return bench.choose(history_of(root, settings), today, pre=options.pre, post=options.post)


def read_version(text: str, settings: Settings) -> Version:
    """The version that somebody has named, with the tag's prefix or without it.

    Raises:
        ReleaseError: It is none, or not spelled as the index will spell it; the fix names no tag.
    """
    tag = settings.tag(text.removeprefix(settings.tag_prefix))
    try:
        return read_tag(tag, settings)
    except ReleaseError as error:
        meant = settings.tagged_version(tag)
        again = "uv run .github/release/tool.py release"
        known = meant is not None and not meant.is_devrelease
        fix = f"{again} {meant.public if meant and known else '(suggests the next version)'}"
        raise ReleaseError(error.problem, expected=error.expected, fix=fix, see=error.see) from error


def carry_out(step: Step) -> Row:
    """Run a step."""
    begin = time.monotonic()
    row = Row(step.title, PASS)
    try:
        row.found = step.run()
    except ReleaseError as error:
        row.result, row.found, row.error = FAIL, error.problem, error
    row.seconds = time.monotonic() - begin
    return row


def rehearse(rehearsal: Rehearsal, say: Callable[[str], None]) -> list[Row]:
    """Run all steps, until one of the first fails."""
    first, then = rehearsal.steps()
    rows: list[Row] = []
    for step in first:
        say(step.title)
        rows.append(carry_out(step))
        if rows[-1].error:
            return [*rows, *(Row(left.title) for left in [*first[len(rows) :], *then])]
    say(", ".join(step.title for step in then))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return rows + list(pool.map(carry_out, then))


def show(to: Console, rehearsal: Rehearsal, rows: list[Row], seconds: float) -> None:
    """Print the notes and the table."""
    settings = rehearsal.settings
    version = f" {rehearsal.chosen.version}" if rehearsal.chosen else ""
    if rehearsal.notes:
        lines(to, [f"Notes of{version}", ""], style="bold")
        indented(to, rehearsal.notes)
        lines(to, [""])
    shown = table(f"Rehearsal of {settings.distribution}{version}", "Step", "", "Seconds", "Found")
    for row in rows:
        took = "" if row.result == LEFT else f"{row.seconds:.1f}"
        shown.add_row(row.title, marked(row.result), took, brief(row.found) if row.error else row.found)
    to.print(shown)
    for row in [row for row in rows if row.error][1:]:  # the first one ends the command
        quoted(to, row.found, f"{row.title}: ")
    planned = any(row.title == "Wheels planned" for row in rows)
    if all(row.result == PASS for row in rows):
        paragraph(
            to,
            f"A release of{version} would go through up to here, and then upload. It took {seconds:.0f} s; "
            "nothing was changed."
            + (" The wheels of other platforms are built by CI and by the release." if planned else "")
            + rehearsal.left,
        )


def as_json(rehearsal: Rehearsal, rows: list[Row]) -> str:
    """The result for machines."""
    known = {
        "version": str(rehearsal.chosen.version) if rehearsal.chosen else None,
        "why": rehearsal.chosen.why if rehearsal.chosen else None,
        "notes": rehearsal.notes,
        "steps": [
            {
                "title": row.title,
                "result": row.result,
                "seconds": round(row.seconds, 2),
                "found": row.found,
                "error_lines": list(row.error.lines) if row.error else [],
            }
            for row in rows
        ],
    }
    return json.dumps(known, indent=2)


def add_version_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a version."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("version", nargs="?", default="", help="default: the next one, by its notes")
    one.add_argument(
        "--pre", choices=("a", "b", "rc"), default="", help="the next alpha, beta, or release candidate"
    )
    one.add_argument("--post", action="store_true", help="a post-release: only the packaging is fixed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_version_arguments(parser)
    parser.add_argument("--offline", action="store_true", help="do not ask the indexes")
    parser.add_argument("--no-checks", action="store_true", help="leave out lint, types and tests")
    parser.add_argument("--json", action="store_true", help="print the result for machines")


def check_committed(root: Path) -> None:
    """Check that there is a commit with the release's files, as there is not after a copy or an adoption.

    Raises:
        ReleaseError: There is none.
    """
    try:
        git("-C", root, "cat-file", "-e", f"HEAD:{SETTINGS}")
    except ReleaseError as error:
        raise ReleaseError(
            f"The commit that is checked out has no {SETTINGS}",
            expected="a commit with the files of the release, because a tag releases a commit",
            fix="git add --all && git commit, then run this again",
            see="docs/start.md of the template",
        ) from error


def run(options: argparse.Namespace) -> int:
    """Rehearse a release of the commit that is checked out."""
    root, begin = find_root(), time.monotonic()
    settings, to = find_settings(root), console()
    check_committed(root)
    changed = git("-C", root, "status", "--porcelain").splitlines()
    with workbench(root, settings, current_branch(root)) as bench, contextlib.ExitStack() as stack:
        rehearsal = Rehearsal(bench, root, settings, options)
        say = (lambda _: None) if options.json else stack.enter_context(progress(console()))
        rows = rehearse(rehearsal, say)
        stack.close()
        if options.json:
            print(as_json(rehearsal, rows))
        else:
            show(to, rehearsal, rows, time.monotonic() - begin)
    if changed and not options.json:
        shown = ", ".join(line[3:] for line in changed[:3]) + (", ..." if changed[3:] else "")
        paragraph(to, f"Not committed, and so left out: {shown}.")
    error = next((row.error for row in rows if row.error), None)
    if error and not options.json:
        raise error
    return int(error is not None)
