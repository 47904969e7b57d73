"""Show the state of a release, and the next thing to do; without a tag, what is unreleased and what waits.

The tag, the workflow's runs, both indexes beside what a run has built, the GitHub Release; then the commands
to go on with, and the heading of the runbook that explains them. Nothing is changed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from typing import TYPE_CHECKING

from release_lib.index import INDEXES
from release_lib.step import ReleaseError, git

from copier_pypi_release.console import brief, console, counted, lines, paragraph, quoted, table
from copier_pypi_release.distributions_shown import FEW, told
from copier_pypi_release.distributions_shown import details as distributions
from copier_pypi_release.github import GitHub, check_origin, find_token
from copier_pypi_release.recovery import SHORT, NextStep, next_step
from copier_pypi_release.release_state import ReleaseState, Run, Tag, collect
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.watching import find_alarms, subject_of, unseen
from copier_pypi_release.workbench import current_branch, history_of, newest_tag, workbench
from copier_pypi_release.workflow_files import in_order, load_release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from release_lib.settings import Settings

    from copier_pypi_release.workflow_files import Workflow

TOOL = "uv run .github/release/tool.py"
RECENT = 30  # runs to look at


def rows(state: ReleaseState) -> Iterator[tuple[str, str, str]]:
    """The state as rows: what, its state, details."""
    yield "Tag", "pushed" if state.tag.commit else "not on GitHub", described(state.tag)
    for run in state.runs:
        yield f"Run {run.id}", run.conclusion or run.status, origin_of(run)
    if not state.runs:
        yield "Run", "none", ""
    if state.stages:
        stop = state.stopped_at
        order = in_order(state.stages)
        done = order.index(stop) if stop else len(order)
        yield (
            "Jobs",
            f"{done} of {len(order)}",
            f"{stop} {state.stages.get(stop, 'missing')}" if stop else "",
        )
    for key, files in state.served.items():
        found = state.compared.get(key)
        yanked = [p.yanked_reason or "no reason" for p in files.values() if p.is_yanked]
        details = [f"yanked: {brief(reason)}" for reason in yanked[:1]]
        details += distributions(
            {n: ((package.digests or {}).get("sha256") or "?")[:SHORT] for n, package in files.items()}
        )
        details += lacking(found.missing) if found and files else []
        known = found.state.value if found else ("there" if files else "absent")
        if key in state.unknown:
            known, details = "unknown", [brief(state.unknown[key])]
        yield INDEXES[key].title, known, "\n".join(details)
    if state.release is None:
        yield "GitHub Release", "none", ""
    else:
        names = sorted(asset["name"] for asset in state.release["assets"])
        details = ([told(names)] if len(names) > FEW else names) or ["no files"]
        details += lacking(state.missing_assets)
        pre = ", pre-release" if state.release.get("prerelease") else ""
        yield "GitHub Release", ("draft" if state.release["draft"] else "published") + pre, "\n".join(details)


def lacking(names: Collection[str]) -> list[str]:
    """Lines about missing files: each if they are few, so that no name is broken, or what they are."""
    return [f"lacks {told(names)}"] if len(names) > FEW else [f"lacks {name}" for name in sorted(names)]


def described(tag: Tag) -> str:
    """Where a tag is, in words."""
    if not tag.commit:
        return "in this clone only" if tag.local else "nowhere"
    moved = f"; in this clone on {tag.local[:SHORT]}" if tag.local not in {"", tag.commit} else ""
    return f"on {tag.commit[:SHORT]}, {tag.signature}{moved}"


def origin_of(run: Run) -> str:
    """When and how a run was started, in words."""
    again = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"{run.created:%Y-%m-%d %H:%M} UTC{again}{', started by hand' if run.by_hand else ''}"


def show(state: ReleaseState, step: NextStep, github: GitHub, settings: Settings) -> None:
    """Print the state and the next thing to do."""
    to = console()
    shown = table(f"{settings.distribution} {state.version}", "", "State", "Details")
    for row in rows(state):
        shown.add_row(*row)
    to.print(shown)
    for reason in state.unknown.values():
        quoted(to, reason)
    if state.runs:
        lines(to, [github.page(f"actions/runs/{state.runs[0].id}"), ""])
    paragraph(to, f"{step.state.rstrip('.')}.", style="bold")
    for line in state.error_lines:
        paragraph(to, line, first="  | ", rest="  |   ")
    for line in step.advice.splitlines():
        if line.startswith(" "):
            lines(to, [line], style="cyan")
        else:
            paragraph(to, line)
    lines(to, [f"  {command}" for command in step.commands], style="cyan")
    lines(to, [f"See: {step.see}"] if step.see else [])


def known_state(state: ReleaseState, key: str) -> str | None:
    """How an index compares with what was built, if that is known."""
    return state.compared[key].state.value if key in state.compared else None


def as_json(state: ReleaseState, step: NextStep, alarms: Sequence[str] = ()) -> str:
    """The state for machines."""
    known = {
        "tag": state.tag.name,
        "version": str(state.version),
        "commit": state.tag.commit,
        "runs": [{"id": run.id, "state": run.conclusion or run.status} for run in state.runs],
        "stages": state.stages,
        "error_lines": state.error_lines,
        "indexes": {
            key: {
                "state": "unknown" if key in state.unknown else known_state(state, key),
                "files": {name: (p.digests or {}).get("sha256") for name, p in files.items()},
                "yanked": any(p.is_yanked for p in files.values()),
            }
            for key, files in state.served.items()
        },
        "release": state.release and ("draft" if state.release["draft"] else "published"),
        "alarms": alarms,
        "next": {**dataclasses.asdict(step), "see": step.see},
    }
    return json.dumps(known, indent=2)


@dataclasses.dataclass(frozen=True)
class Overview:
    """What is released, and what is not.

    Attributes:
        newest: The newest tag that the checked-out commit descends from; empty without one.
        published: Whether its GitHub Release is published.
        commits: Commits since then.
        unreleased: The version that comes next, and why; empty if no notes wait.
        waits: Tags whose newest run waits, goes on, or has stopped, with its state.
    """

    newest: str
    published: bool
    commits: int
    unreleased: str
    waits: dict[str, str]


def overview(github: GitHub, root: Path, settings: Settings, workflow: Workflow) -> Overview:
    """What is unreleased, what is the newest release, and which releases wait."""
    history = history_of(root, settings)
    newest = newest_tag(root, settings)
    commits = int(git("-C", root, "rev-list", "--count", f"{newest}..HEAD" if newest else "HEAD"))
    unreleased = ""
    if commits:
        try:
            with workbench(root, settings, current_branch(root)) as bench:
                found = bench.choose(history, dt.datetime.now(dt.UTC).date())
                unreleased = f"{found.version}: {found.why}"
        except ReleaseError as error:
            unreleased = f"unknown: {error.problem}"
    releases = {r["tag_name"]: r for r in github.get_all("releases")}
    published = {tag for tag, release in releases.items() if not release["draft"]}
    waits: dict[str, str] = {}
    listed = github.get(f"actions/workflows/{workflow.path.name}/runs", per_page=RECENT) or {}
    for run in listed.get("workflow_runs", []):  # the newest first
        tag = run["display_title"].removeprefix("Release ")
        if tag not in waits and tag not in published and settings.tagged_version(tag):
            words = "a complete draft" if run["conclusion"] == "success" else run["conclusion"]
            waits[tag] = words or run["status"]
    return Overview(newest, newest in published, commits, unreleased, waits)


def show_overview(found: Overview, settings: Settings) -> None:
    """Print what is unreleased, what is the newest release, and which releases wait."""
    to = console()
    shown = table(settings.distribution, "", "")
    how = "its GitHub Release is published" if found.published else "its GitHub Release is not published"
    shown.add_row("Newest release", f"{found.newest}; {how}" if found.newest else "none")
    since = " since then" if found.newest else ""
    shown.add_row("Unreleased", counted(found.commits, "commit") + since)
    if found.unreleased:
        shown.add_row("Next version", brief(found.unreleased))
    for tag, state in found.waits.items():
        shown.add_row("Not published", f"{tag}: {state}")
    to.print(shown)
    quoted(to, found.unreleased)
    commands = [f"{TOOL} status {tag}" for tag in found.waits]
    if found.commits and not found.unreleased.startswith("unknown"):
        commands.append(f"{TOOL} release")
    lines(to, [f"  {command}" for command in commands], style="cyan")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    default = os.environ.get("TAG", "")
    parser.add_argument("tag", nargs="?", default=default, help="default: $TAG, or what is unreleased")
    parser.add_argument("--json", action="store_true", help="print the state for machines")


def run(options: argparse.Namespace) -> int:
    """Show the state of a release."""
    root = find_root()
    settings = find_settings(root)
    workflow = load_release(root, settings)
    check_origin(root, settings)
    github = GitHub(settings.repository, find_token())
    default_branch = str(github.repository_info()["default_branch"])
    if not options.tag:
        seen = overview(github, root, settings, workflow)
        if options.json:
            print(json.dumps(dataclasses.asdict(seen), indent=2))
        else:
            show_overview(seen, settings)
        return 0
    state = collect(github, root, settings, workflow, options.tag)
    step = next_step(state, settings, default_branch)
    alarms = alarms_of(github, root, settings, state)
    if options.json:
        print(as_json(state, step, alarms))
    else:
        show(state, step, github, settings)
        for alarm in alarms:
            paragraph(console(), f"Watch: {alarm}", style="bold red")
    return 0


def alarms_of(github: GitHub, root: Path, settings: Settings, state: ReleaseState) -> list[str]:
    """What the watch says of this version; what it could not find out is no part of a release's state."""
    try:
        alarms = find_alarms(github, root, settings, state.now, state.version)
        return [alarm.text for alarm in unseen(subject_of(github), alarms)]
    except ReleaseError as error:
        return [f"unknown: {error.problem}"]
