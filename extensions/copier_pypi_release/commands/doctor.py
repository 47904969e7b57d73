"""Check whether a repository is ready for a release: its workflows, its files, GitHub, and the indexes.

It works in any repository that releases a Python package. What cannot be found out is said to be unknown.
The exit status is 1 if a check failed; what is unknown does not count, and the last line says so.
"""

from __future__ import annotations

import dataclasses
import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from release_lib.step import folded

from copier_pypi_release.checks import Finding, Result, examine, github, indexes, project, published, workflow
from copier_pypi_release.checks.context import Context, read_context
from copier_pypi_release.console import console, counted, lines
from copier_pypi_release.repository import find_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.console import Console

    from copier_pypi_release.github import GitHub

REST = " " * 5  # before what goes on in a line of its own


def find(context: Context) -> list[Finding]:
    """The findings of all checks, in the order of the lists."""
    return examine(
        context, (*project.CHECKS, *workflow.checks(), *github.CHECKS, *indexes.CHECKS, *published.CHECKS)
    )


def connect(repository: str) -> GitHub:
    """The connection to a repository on GitHub.

    Raises:
        ReleaseError: Nobody is logged in.
    """
    from copier_pypi_release.github import GitHub, find_token  # noqa: PLC0415  (the client is slow to load)

    return GitHub(repository, find_token())


# ---- What it looks like -----------------------------------------------------------------------------


def by_page(findings: list[Finding], mark: str, style: str) -> Iterator[tuple[str, list[str]]]:
    """Findings, those of one page together, with what fixes them, and the page once."""
    for see, group in groupby(sorted(findings, key=lambda f: f.see), key=lambda f: f.see):
        for finding in group:
            yield style, folded(f"{finding.title}: {finding.found}", f"{mark} ", REST)
            details = (finding.why, f"Fix: {finding.fix}") if finding.fix else ()
            yield "", [line for text in details if text for line in folded(text, REST, REST)]
        if see:
            yield "", folded(f"See: {see}", REST, REST)


def shown(findings: list[Finding], *, everything: bool) -> Iterator[tuple[str, list[str]]]:
    """What is printed, with its style: failures, then what is unknown, then what passed."""
    failed, unknown, passed = (
        [f for f in findings if f.result is result] for result in (Result.FAIL, Result.UNKNOWN, Result.PASS)
    )
    yield from by_page(failed, "FAIL", "bold red")
    yield from by_page([f for f in unknown if not f.cause], "UNKNOWN", "yellow")
    together = sorted((f for f in unknown if f.cause), key=lambda f: f.cause)
    for cause, group in groupby(together, key=lambda f: f.cause):
        yield "yellow", folded(f"{cause} {', '.join(f.title for f in group)}.", rest="    ")
    if everything:
        yield from by_page(passed, "PASS", "green")
    yield from _after_adoption(failed)
    note = "" if everything or not passed else " (--all shows them)"
    yield "bold", [f"{len(failed)} failed, {len(unknown)} unknown, {len(passed)} passed{note}"]
    if unknown and not failed:
        found = counted(len(unknown), "check")
        yield "yellow", [f"The exit status is 0, because nothing failed; {found} could not be answered."]


def _after_adoption(failed: list[Finding]) -> Iterator[tuple[str, list[str]]]:
    """What `adopt` would change about the failures."""
    effects = [(f.adopt, f.title) for f in failed if f.adopt]
    if effects:
        yield "", ["", "What `copier-pypi-release adopt` would change about the failures:"]
    for effect, group in groupby(sorted(effects), key=lambda pair: pair[0]):
        yield "", folded(f"it {effect}: {', '.join(title for _, title in group)}", "  ", "    ")


def show(context: Context, findings: list[Finding], to: Console, *, everything: bool) -> None:
    """Print the findings."""
    name = context.repository or context.distribution or context.root.name
    lines(to, [f"Release readiness of {name}", ""], style="bold")
    for style, texts in shown(findings, everything=everything):
        lines(to, texts, style=style)


def as_data(finding: Finding) -> dict[str, str]:
    """A finding for machines."""
    return dataclasses.asdict(finding) | {"result": finding.result.value}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--offline", action="store_true", help="check files only, ask nobody")
    parser.add_argument("--all", action="store_true", help="show the checks that passed, too")
    parser.add_argument("--json", action="store_true", help="print the findings for machines")


def run(options: argparse.Namespace) -> int:
    """Check this repository."""
    here = Path.cwd().resolve()
    context = read_context(find_root(), here, None if options.offline else connect)
    findings = find(context)
    if options.json:
        print(json.dumps([as_data(finding) for finding in findings], indent=2))
    else:
        show(context, findings, console(), everything=options.all)
    return int(any(finding.result is Result.FAIL for finding in findings))
