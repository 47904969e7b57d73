"""Release a version: notes, commit, CI, tag, the run, its review, and the GitHub Release, in one command.

It shows its plan and asks once; it asks again before it approves, publishes or runs a command of the runbook.
It can be stopped at any point and run again: it goes on from what GitHub and the indexes have.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES, published
from release_lib.step import ReleaseError, git
from rich.console import Console

from copier_pypi_release.commands import rehearse, status
from copier_pypi_release.console import WIDTH, console, lines
from copier_pypi_release.github import GitHub, NoAnswerError, check_origin, find_token, quoted
from copier_pypi_release.release.ci import start_ci, wait_for_ci
from copier_pypi_release.release.commit import bring_commit, push_tag
from copier_pypi_release.release.desk import AGAIN, PATIENCE, SEE, UNTIL_IT_BEGINS, Desk, agrees
from copier_pypi_release.release.following import Followed, Review, review, run_commands
from copier_pypi_release.release.plan import make_plan, show_plan
from copier_pypi_release.release.publish import finish, publish
from copier_pypi_release.release_state import find_runs, was_rejected
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workbench import newest_tag, tagged_here
from copier_pypi_release.workflow_files import load_release

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from copier_pypi_release.release.plan import Plan

INTERRUPTED = 130  # as a shell counts SIGINT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    rehearse.add_version_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="carry the plan out without asking; a review and publishing still ask",
    )
    parser.add_argument(
        "--json", action="store_true", help="print plan, stop or end for machines; all else goes to stderr"
    )


def run(options: argparse.Namespace) -> int:
    """Release a version, or go on with the release that has begun."""
    root = find_root()
    settings = find_settings(root)
    workflow = load_release(root, settings)
    check_origin(root, settings)
    github = GitHub(settings.repository, find_token())
    info = github.repository_info()
    check_rights(info)
    to = (
        Console(stderr=True, highlight=False, markup=False, emoji=False, width=WIDTH)
        if options.json
        else console()
    )
    desk = Desk(root, settings, workflow, github, str(info["default_branch"]), options, to)
    fetch(root)
    tag = ""
    try:
        if tag := begun(desk):
            lines(to, [f"Going on with {tag}"])
            if not options.version and not desk.git("tag", "--points-at", "HEAD", "--list", tag):
                lines(to, [f"To leave it and release the next version: {AGAIN} VERSION"])
            if options.dry_run:
                state, step = desk.state(tag)
                if options.json:
                    print(status.as_json(state, step))
                else:
                    status.show(state, step, github, settings)
                return 0
            be_patient(desk)
        elif plan := agreed(desk):
            tag = settings.tag(plan.version)
            be_patient(desk)
            carry_out(desk, plan)
        return go_on(desk, tag) if tag else 0
    except NoAnswerError as error:
        if not tag:
            raise
        raise ReleaseError(
            error.problem,
            expected="an answer of api.github.com; what has begun at GitHub goes on there meanwhile",
            fix=f"see https://www.githubstatus.com and your network, then {desk.again(tag)}",
            see=SEE,
        ) from error
    except KeyboardInterrupt:
        print(file=sys.stderr)  # ends the line of ^C
        left = f"What was done stays; {desk.again(tag)} goes on" if tag else "Nothing was released"
        print(f"Interrupted. {left}.", file=sys.stderr)
        return INTERRUPTED


def be_patient(desk: Desk) -> None:
    """Wait for a GitHub that does not answer, because something has begun there; say so once."""
    desk.github.patience = PATIENCE
    desk.github.say = lambda text: lines(desk.to, [text])


def fetch(root: Path) -> None:
    """Fetch branches and tags; a tag that this clone has on another commit stays as it is.

    Raises:
        ReleaseError: The remote does not answer.
    """
    try:
        git("-C", root, "fetch", "--quiet", "--tags", "origin")
    except ReleaseError as error:
        if not error.problem.endswith("no output"):  # as --quiet is about tags that are not overwritten
            raise ReleaseError(
                f"Nothing can be fetched from origin: {error.problem.partition(': ')[2]}",
                expected="a network, and a login of git that may read the repository",
                fix="git remote -v (shows the address), gh auth setup-git (logs git in), then run this again",
                see="RELEASING.md, 'What you need'",
            ) from error


def check_rights(found: dict[str, Any]) -> None:
    """Check that this login may push."""
    if not found.get("permissions", {}).get("push"):
        raise ReleaseError(
            f"This login may not push to {found['full_name']}",
            expected="write access, and a role that may create release tags (maintain or admin)",
            fix="gh auth status (shows who is logged in), and gh auth switch",
            see="RELEASING.md, 'What you need'",
        )


def begun(desk: Desk) -> str:
    """The tag to go on with: the one that was named if it exists, or an unfinished one; else nothing.

    Raises:
        ReleaseError: What was named is no version.
    """
    options = desk.options
    if options.version:
        tag = desk.settings.tag(rehearse.read_version(options.version, desk.settings))
        return tag if desk.git("tag", "--list", tag) else ""
    tag = unfinished(desk)
    version = desk.settings.tagged_version(tag)
    if version is None or not (options.pre or options.post):
        return tag
    same = version.is_postrelease if options.post else (version.pre or ("",))[0] == options.pre
    # The same command once more goes on; with commits after the tag, the next one of its kind is meant.
    return tag if same and version == tagged_here(desk.root, desk.settings) else ""


def unfinished(desk: Desk) -> str:
    """The newest tag, if its release has begun here and is neither out nor declined; else nothing."""
    tag = newest_tag(desk.root, desk.settings)
    version = desk.settings.tagged_version(tag)
    if version is None or tag != desk.settings.tag(version):  # spelled otherwise, it releases nothing
        return ""
    is_out = any(r["tag_name"] == tag and not r["draft"] for r in desk.github.get_all("releases"))
    if is_out and published(INDEXES["pypi"], desk.settings.distribution, version):
        return ""  # where PyPI has nothing of it, somebody was too early
    if runs := find_runs(desk.github, desk.workflow, tag):
        path = f"actions/runs/{runs[0].id}"
        jobs = desk.github.get_all(f"{path}/jobs", "jobs")
        return "" if was_rejected(jobs, desk.github.get(f"{path}/approvals") or []) else tag
    here = tagged_here(desk.root, desk.settings) == version
    return tag if here and not published(INDEXES["pypi"], desk.settings.distribution, version) else ""


def agreed(desk: Desk) -> Plan | None:
    """Plan, show and ask; the plan to carry out, or nothing."""
    plan = make_plan(desk)
    if not (desk.options.json and desk.options.dry_run):
        show_plan(desk, plan)
    if desk.options.dry_run:
        if desk.options.json:
            print(json.dumps(dataclasses.asdict(plan) | {"version": str(plan.version)}, indent=2))
        else:
            lines(desk.to, ["Nothing was changed (--dry-run)."])
        return None
    again = desk.again(desk.settings.tag(plan.version))
    if not desk.options.yes and not agrees(f"Release {plan.version}?", f"{again} --yes"):
        lines(desk.to, ["Nothing was released."])
        return None
    return plan


def carry_out(desk: Desk, plan: Plan) -> None:
    """Do everything up to the tag."""
    commit = bring_commit(desk, plan)
    if desk.settings.ci_workflows:
        verdict = wait_for_ci(desk.github, desk.settings.ci_workflows, commit, desk.to)
        if verdict == "absent" and start_ci(desk, plan, commit):
            verdict = wait_for_ci(desk.github, desk.settings.ci_workflows, commit, desk.to)
        if verdict != "passed":
            desk.settings.check_tested(desk.again(desk.settings.tag(plan.version)))
        words = "has passed" if verdict == "passed" else "did not begin; the release runs its checks itself"
        lines(desk.to, [f"CI {words}"])
    push_tag(desk, plan.version, commit)


def go_on(desk: Desk, tag: str) -> int:
    """Follow a release until it is published, or until somebody has to decide."""
    followed, seen = Followed(desk.github, desk.workflow, tag, desk.to), None
    runs = find_runs(desk.github, desk.workflow, tag)
    if runs or desk.github.get(f"git/ref/tags/{quoted(tag)}"):
        # No run comes for a tag that was made long ago, so none is waited for.
        begins = 0.0 if not runs and desk.age_of(tag) > UNTIL_IT_BEGINS else UNTIL_IT_BEGINS
        while isinstance(found := followed.until_it_needs_somebody(begins=begins), Review):
            review(desk, tag, found)
    while True:
        state, step = desk.state(tag)
        draft = state.release is not None and state.release["draft"] and not state.missing_assets
        if draft and state.runs and state.runs[0].conclusion == "success" and step.anchor == "steps":
            return publish(desk, state, step)
        if not step.anchor:
            return finish(desk, state, step)
        if desk.options.json:  # a machine decides for itself
            print(status.as_json(state, step))
            return 1
        status.show(state, step, desk.github, desk.settings)
        if not run_commands(desk, tag, step):
            return 1
        seen = state.runs[0] if state.runs else None
        while isinstance(found := followed.until_it_needs_somebody(seen), Review):
            review(desk, tag, found)
