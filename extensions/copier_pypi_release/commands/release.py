"""Release a version: notes, commit, CI, tag, the run, its review, and the GitHub Release, in one command.

It shows its plan and asks once; it asks again before it approves, publishes or runs a command of the runbook.
It can be stopped at any point and run again: it goes on from what GitHub and the indexes have.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES, published
from release_lib.settings import read_tag
from release_lib.step import ReleaseError, git
from rich.console import Console

from copier_pypi_release.checks import Finding, Result, examine, indexes, project
from copier_pypi_release.checks import github as github_checks
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import rehearse, status
from copier_pypi_release.console import WIDTH, console, lines, printable, table
from copier_pypi_release.following import (
    AGAIN,
    SEE,
    Followed,
    Review,
    approve,
    check_ci,
    newest_ci,
    show_review,
    wait_for_ci,
    wait_for_merge,
)
from copier_pypi_release.github import GitHub, check_origin, find_token, quoted
from copier_pypi_release.notes import roll
from copier_pypi_release.recovery import NextStep, next_step
from copier_pypi_release.release_state import ReleaseState, collect, find_runs, was_rejected
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workbench import current_branch, history_of, tagged_here, workbench
from copier_pypi_release.workflow_files import load, load_release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from packaging.version import Version
    from release_lib.settings import Settings

    from copier_pypi_release.workflow_files import Workflow

# Findings of `doctor` that would stop a release; the others are shown.
STOPPING = {
    "environments",
    "publisher-testpypi",
    "publisher-pypi",
    "name-testpypi",
    "name-pypi",
    "actions-on",
}
PROTECTED = ("GH006", "GH013")  # of GitHub, for a branch that does not take a push


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a release will do before its tag is pushed.

    Attributes:
        version: The version.
        why: Why it is the next one.
        branch: The branch that is released.
        notes: The notes, as users will see them.
        rolls: Whether the notes have to be committed.
        ahead: Commits that are not pushed.
        by_pull_request: Whether the branch takes nothing else.
        warnings: What is not as it should be, and stops no release.
    """

    version: Version
    why: str
    branch: str
    notes: str
    rolls: bool
    ahead: int
    by_pull_request: bool
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Desk:
    """What a release works with."""

    root: Path
    settings: Settings
    workflow: Workflow
    github: GitHub
    default_branch: str
    options: argparse.Namespace
    to: Console

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        return git("-C", self.root, *arguments)

    def state(self, tag: str) -> tuple[ReleaseState, NextStep]:
        """What `status` sees."""
        state = collect(self.github, self.root, self.settings, self.workflow, tag)
        return state, next_step(state, self.settings, self.default_branch)

    def again(self, tag: str) -> str:
        """The command that goes on with a tag."""
        return f"{AGAIN} {tag.removeprefix(self.settings.tag_prefix)}"


def agrees(question: str, fix: str) -> bool:
    """Whether somebody says yes.

    Raises:
        ReleaseError: Nobody is there to ask.
    """
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise ReleaseError(
            f"There is nobody to answer: {question}", expected="a yes, typed by a person", fix=fix, see=SEE
        )
    if not sys.stdin.isatty():
        print(answer.strip(), file=sys.stderr, flush=True)  # as a terminal shows what is typed
    return answer.strip().lower() in {"y", "yes"}


# ---- Before the tag ----------------------------------------------------------------------------------


def unfinished(desk: Desk) -> str:
    """The newest tag, if its release has begun here and is neither published nor declined; else nothing."""
    merged = history_of(desk.root, desk.settings).merged
    if not merged:
        return ""
    tag = desk.settings.tag(max(merged))
    if any(r["tag_name"] == tag and not r["draft"] for r in desk.github.get_all("releases")):
        return ""
    if runs := find_runs(desk.github, desk.workflow, tag):
        path = f"actions/runs/{runs[0].id}"
        jobs = desk.github.get_all(f"{path}/jobs", "jobs")
        return "" if was_rejected(jobs, desk.github.get(f"{path}/approvals") or []) else tag
    here = tagged_here(desk.root, desk.settings) == max(merged)
    return tag if here and not published(INDEXES["pypi"], desk.settings.distribution, max(merged)) else ""


def check_clone(desk: Desk) -> str:
    """Check that the clone is at the end of a branch, with nothing uncommitted; return the branch."""
    branch = current_branch(desk.root)
    if not branch:
        raise ReleaseError(
            "No branch is checked out",
            expected=f"a release branch: {' or '.join(desk.settings.release_branches) or 'any'}",
            fix=f"git switch {desk.default_branch}",
            see=SEE,
        )
    changed = desk.git("status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(
            f"{len(changed)} file(s) are not committed: {', '.join(line[3:] for line in changed[:5])}",
            expected="a clean tree, because a release is made of a commit",
            fix="git commit --all, or git stash --include-untracked",
            see=SEE,
        )
    catch_up(desk, branch)
    return branch


def catch_up(desk: Desk, branch: str) -> None:
    """Bring the clone to the newest commit of the branch, if nothing but that is to be done."""
    remote = f"refs/remotes/origin/{branch}"
    if not desk.git("for-each-ref", remote):
        raise ReleaseError(
            f"The branch {branch} is not on GitHub",
            expected="a release branch that is pushed",
            fix=f"git push --set-upstream origin {branch}",
            see=SEE,
        )
    behind = desk.git("rev-list", "--count", f"HEAD..{remote}")
    if behind == "0":
        return
    if desk.options.dry_run or desk.git("rev-list", "--count", f"{remote}..HEAD") != "0":
        raise ReleaseError(
            f"{branch} lacks {behind} commit(s) that are on GitHub",
            expected="the newest commit",
            fix="git pull --rebase",
            see=SEE,
        )
    desk.git("merge", "--quiet", "--ff-only", remote)
    lines(desk.to, [f"{branch} was brought to the newest commit, {behind} further"])


def check_indexes(desk: Desk, version: Version) -> None:
    """Check that no index has a file of the version."""
    for index in INDEXES.values():
        if files := published(index, desk.settings.distribution, version):
            raise ReleaseError(
                f"{index.title} has files of {version} already: {', '.join(sorted(files))}",
                expected="a version that was never uploaded",
                fix=f"{AGAIN} with another version",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )


def check_set_up(desk: Desk) -> tuple[str, ...]:
    """Check that the repository is set up; return what is not as it should be, and stops no release."""
    context = read_context(desk.root, desk.root / desk.settings.folder, lambda _: desk.github)
    found = examine(context, (*project.CHECKS, *github_checks.CHECKS, *indexes.CHECKS))
    failed = [finding for finding in found if finding.result is Result.FAIL]
    for finding in failed:
        if finding.check in STOPPING:
            raise not_ready(finding)
    return tuple(f"{finding.title}: {finding.found}" for finding in failed)


def not_ready(finding: Finding) -> ReleaseError:
    """The error for what would stop the release later."""
    return ReleaseError(
        f"{finding.title}: {finding.found}",
        expected="a repository that is set up; nothing was changed",
        fix=finding.fix,
        see=finding.see or "RELEASING.md, 'Before the first release'",
    )


def make_plan(desk: Desk) -> Plan:
    """Ask everything that the gate will ask, and plan.

    Raises:
        ReleaseError: Something would stop the release.
    """
    branch, today = check_clone(desk), dt.datetime.now(dt.UTC).date()
    with workbench(desk.root, desk.settings, branch) as bench:
        chosen = rehearse.choose(bench, desk.root, desk.settings, desk.options, today)
        notes = bench.prepare(chosen.version, today)
        bench.gate(desk.settings.tag(chosen.version))
        rolls = git("rev-parse", "HEAD", cwd=bench.source) != desk.git("rev-parse", "HEAD")
    check_indexes(desk, chosen.version)
    warnings = check_set_up(desk)
    ahead = int(desk.git("rev-list", "--count", f"refs/remotes/origin/{branch}..HEAD"))
    if not ahead and desk.settings.ci_workflows:
        head = desk.git("rev-parse", "HEAD")
        check_ci(desk.github, desk.settings.ci_workflows, head)  # red: the notes cannot cure it
    by_pull_request = bool(rolls or ahead) and takes_pull_requests_only(desk.github, branch)
    return Plan(chosen.version, chosen.why, branch, notes, rolls, ahead, by_pull_request, warnings)


def takes_pull_requests_only(github: GitHub, branch: str) -> bool:
    """Whether a rule makes this login open a pull request; maintainers bypass the rule that `setup` makes."""
    demanding = {
        rule["ruleset_id"]
        for rule in github.get_all(f"rules/branches/{quoted(branch)}")
        if rule["type"] == "pull_request"
    }
    sets = (github.get(f"rulesets/{number}") or {} for number in demanding)
    return any(found.get("current_user_can_bypass") != "always" for found in sets)


def described(desk: Desk, plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan as rows."""
    tag = desk.settings.tag(plan.version)
    how = "in a pull request" if plan.by_pull_request else f"pushed to {plan.branch}"
    yield "Version", f"{plan.version}: {plan.why}"
    if plan.rolls:
        yield "Commit", f"Release notes of {plan.version}, {how}"
    if plan.ahead:
        yield "Push", f"{plan.ahead} commit(s) of {plan.branch}"
    if desk.settings.ci_workflows:
        yield "CI", "has to pass on that commit"
    yield "Tag", f"{tag}, annotated{', signed' if signs(desk) else ''}, pushed alone"
    yield "Run", f"{desk.settings.release_workflow}: TestPyPI, then PyPI, then the draft"
    for warning in plan.warnings:
        yield "Warning", warning


def signs(desk: Desk) -> bool:
    """Whether git is set to sign tags."""
    with contextlib.suppress(ReleaseError):
        return desk.git("config", "--type=bool", "tag.gpgSign") == "true"
    return False


def show_plan(desk: Desk, plan: Plan) -> None:
    """Print the notes and the plan."""
    show_notes(desk, plan.notes)
    shown = table(f"Release of {desk.settings.distribution} {plan.version}", "", "")
    for row in described(desk, plan):
        shown.add_row(*row)
    desk.to.print(shown)


def show_notes(desk: Desk, notes: str) -> None:
    """Print notes as users will see them."""
    lines(desk.to, ["Notes", ""], style="bold")
    lines(desk.to, [*(f"  {line}".rstrip() for line in printable(notes).splitlines()), ""])


def commit_notes(desk: Desk, version: Version) -> str:
    """Commit the notes on top of HEAD, in a work tree of its own, and return the commit.

    So the clone has either all of it or nothing, whenever this is interrupted.
    """
    with tempfile.TemporaryDirectory(prefix="release-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "source"
        desk.git("worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
        try:
            roll(tree / desk.settings.folder, desk.settings, version, dt.datetime.now(dt.UTC).date())
            git("add", "--all", cwd=tree)
            git("commit", "--quiet", "--message", f"Release notes of {version}", cwd=tree)
            return git("rev-parse", "HEAD", cwd=tree)
        finally:
            desk.git("worktree", "remove", "--force", str(tree))


def bring_commit(desk: Desk, plan: Plan) -> str:
    """Bring the commit to release to GitHub, by a push or a pull request; return it."""
    commit = commit_notes(desk, plan.version) if plan.rolls else desk.git("rev-parse", "HEAD")
    if not (plan.rolls or plan.ahead):
        return commit
    if plan.by_pull_request or not pushed(desk, commit, plan.branch):
        merge_by_pull_request(desk, plan, commit)
        return desk.git("rev-parse", "HEAD")
    if plan.rolls:  # only now, so that the clone is as it was if the push is refused
        desk.git("merge", "--quiet", "--ff-only", commit)
        lines(desk.to, [f"Committed: Release notes of {plan.version} ({commit[:10]})"])
    lines(desk.to, [f"Pushed: {plan.branch}"])
    return commit


def pushed(desk: Desk, commit: str, branch: str) -> bool:
    """Push a commit to a branch; False if the branch takes only pull requests."""
    try:
        desk.git("push", "--quiet", "origin", f"{commit}:refs/heads/{branch}")
    except ReleaseError as error:
        if any(code in error.problem for code in PROTECTED):
            return False
        raise
    return True


def merge_by_pull_request(desk: Desk, plan: Plan, commit: str) -> None:
    """Open a pull request with the commit, or find the one that is open, and go on after its merge."""
    tag = desk.settings.tag(plan.version)
    head, owner = f"release-notes/{tag}", desk.github.repository.partition("/")[0]
    opened = desk.github.get_all("pulls", head=f"{owner}:{head}", state="open")
    if not opened:
        desk.git("push", "--quiet", "--force-with-lease", "origin", f"{commit}:refs/heads/{head}")
        title = f"Release notes of {plan.version}"
        body = {"title": title, "head": head, "base": plan.branch, "body": plan.notes}
        desk.github.send("POST", "pulls", body)
        opened = desk.github.get_all("pulls", head=f"{owner}:{head}", state="open")
    address = opened[0]["html_url"]
    lines(desk.to, [f"{plan.branch} takes only pull requests. Merge this one: {address}"], style="bold")
    if not sys.stdin.isatty():
        raise ReleaseError(
            f"The release of {plan.version} waits for the merge of {address}",
            expected="its merge",
            fix=f"merge it, then {desk.again(tag)}",
            see=SEE,
        )

    def is_there() -> bool:
        desk.git("fetch", "--quiet", "origin", plan.branch)
        return is_merged(desk, plan, commit)

    wait_for_merge(desk.github, head, is_there, desk.to)


def is_merged(desk: Desk, plan: Plan, commit: str) -> bool:
    """Whether a commit, or the notes in it where it was squashed, is on the branch; HEAD is brought there."""
    remote = f"refs/remotes/origin/{plan.branch}"
    with contextlib.suppress(ReleaseError):
        desk.git("merge", "--quiet", "--ff-only", remote)
    if desk.git("rev-parse", "HEAD") != desk.git("rev-parse", remote):
        return False  # commits of this clone are not on GitHub
    there = commit in desk.git("rev-list", remote).split()
    if there or not plan.rolls:
        return there
    with workbench(desk.root, desk.settings, plan.branch) as bench:
        return not roll(bench.project, desk.settings, plan.version, dt.datetime.now(dt.UTC).date())


def start_ci(desk: Desk, plan: Plan, commit: str) -> bool:
    """Offer to start the workflows of CI that did not run on a commit; whether all of them were started."""
    missing = [name for name in desk.settings.ci_workflows if not newest_ci(desk.github, name, commit)]
    folder = desk.workflow.path.parent
    if not all("workflow_dispatch" in load(folder / name).triggers for name in missing):
        return False
    again = desk.again(desk.settings.tag(plan.version))
    for name in missing:
        command = f"gh workflow run {name} --ref {plan.branch}"
        question = f"CI has not run on {commit[:10]}. Start it now: {command}?"
        if not desk.options.yes and not agrees(question, f"{command}, then {again}"):
            return False
        desk.github.send("POST", f"actions/workflows/{name}/dispatches", {"ref": plan.branch})
        lines(desk.to, [f"Started: {name} on {plan.branch}"])
    return bool(missing)


def push_tag(desk: Desk, version: Version, commit: str) -> None:
    """Tag the commit, and push the tag alone."""
    tag = desk.settings.tag(version)
    if not desk.git("tag", "--list", tag):
        desk.git("tag", "--annotate", tag, "--message", f"{desk.settings.distribution} {version}", commit)
    desk.git("push", "--quiet", "origin", f"refs/tags/{tag}")
    lines(desk.to, [f"Pushed: {tag} on {commit[:10]}"])


def begin(desk: Desk) -> str:
    """Plan, ask, and do everything up to the tag; return the tag, or nothing if nothing is to be done."""
    plan = make_plan(desk)
    if not (desk.options.json and desk.options.dry_run):
        show_plan(desk, plan)
    if desk.options.dry_run:
        if desk.options.json:
            print(json.dumps(dataclasses.asdict(plan) | {"version": str(plan.version)}, indent=2))
        else:
            lines(desk.to, ["Nothing was changed (--dry-run)."])
        return ""
    again = desk.again(desk.settings.tag(plan.version))
    if not desk.options.yes and not agrees(f"Release {plan.version}?", f"{again} --yes"):
        lines(desk.to, ["Nothing was changed."])
        return ""
    commit = bring_commit(desk, plan)
    if desk.settings.ci_workflows:
        verdict = wait_for_ci(desk.github, desk.settings.ci_workflows, commit, desk.to)
        if verdict == "absent" and start_ci(desk, plan, commit):
            verdict = wait_for_ci(desk.github, desk.settings.ci_workflows, commit, desk.to)
        words = "has passed" if verdict == "passed" else "did not begin; the release runs its checks itself"
        lines(desk.to, [f"CI {words}"])
    push_tag(desk, plan.version, commit)
    return desk.settings.tag(plan.version)


# ---- After the tag -----------------------------------------------------------------------------------


def go_on(desk: Desk, tag: str) -> int:
    """Follow a release until it is published, or until somebody has to decide."""
    followed, seen = Followed(desk.github, desk.workflow, tag, desk.to), 0
    if find_runs(desk.github, desk.workflow, tag) or desk.git("ls-remote", "origin", f"refs/tags/{tag}"):
        while isinstance(found := followed.until_it_needs_somebody(seen), Review):
            review(desk, tag, found)
    while True:
        state, step = desk.state(tag)
        draft = state.release is not None and state.release["draft"] and not state.missing_assets
        if draft and state.runs and state.runs[0].conclusion == "success" and step.anchor == "steps":
            return publish(desk, state)
        if not step.anchor:
            return finish(desk, state, step)
        status.show(state, step, desk.github, desk.settings)
        if not run_commands(desk, tag, step):
            return 1
        seen = state.runs[0].attempt if state.runs else 0
        while isinstance(found := followed.until_it_needs_somebody(seen), Review):
            review(desk, tag, found)


def review(desk: Desk, tag: str, found: Review) -> None:
    """Show what waits, and approve it if this login may and somebody says yes.

    Raises:
        ReleaseError: It has to wait for somebody else.
    """
    run = find_runs(desk.github, desk.workflow, tag)[0]
    show_review(desk.github, found, run, desk.to)
    if found.mine and agrees(f"Approve {found.environment}?", desk.again(tag)):
        approve(desk.github, found)
        return
    raise ReleaseError(
        f"{tag} waits for a review of {found.environment} by {found.who or 'its reviewers'}",
        expected="an approval, or a rejection",
        fix=f"approve {desk.github.page(f'actions/runs/{run.id}')}, then {desk.again(tag)}",
        see=SEE,
    )


def run_commands(desk: Desk, tag: str, step: NextStep) -> bool:
    """Offer the commands of the runbook, each with a question of its own; whether all of them were run."""
    for command in step.commands:
        if not agrees(f"Run it now: {command}?", f"{command}, then {desk.again(tag)}"):
            return False
        done = subprocess.run(shlex.split(command), cwd=desk.root, check=False)
        if done.returncode:
            raise ReleaseError(
                f"`{command}` ended with status {done.returncode}",
                expected="status 0",
                fix=f"read its output above, then {desk.again(tag)}",
                see=step.see,
            )
    return bool(step.commands)


def is_latest(desk: Desk, version: Version) -> bool:
    """Whether GitHub should show a release as the latest: the highest final version that is published."""
    tags = [r["tag_name"] for r in desk.github.get_all("releases") if not (r["draft"] or r["prerelease"])]
    others = [v for v in map(desk.settings.tagged_version, tags) if v]
    return not version.is_prerelease and all(version >= other for other in others)


def publish(desk: Desk, state: ReleaseState) -> int:
    """Let somebody edit the notes of the draft, and publish it on a yes."""
    release: dict[str, Any] = dict(state.release or {})
    path = f"releases/{release['id']}"
    notes = edited(desk, str(release["body"] or ""))
    if notes != (release["body"] or ""):
        desk.github.send("PATCH", path, {"body": notes})
    show_notes(desk, notes)
    latest = is_latest(desk, state.version)
    words = "as Latest" if latest else "not as Latest"
    if not agrees(f"Publish the GitHub Release of {state.tag.name}, {words}?", desk.again(state.tag.name)):
        lines(
            desk.to, [f"It stays a draft: {release.get('html_url', '')}", f"  {desk.again(state.tag.name)}"]
        )
        return 1
    body = {"draft": False, "make_latest": "true" if latest else "false"}
    desk.github.send("PATCH", path, body)
    return finish(desk, *desk.state(state.tag.name))


def edited(desk: Desk, notes: str) -> str:
    """The notes after a person has edited them; as they are where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return notes
    editor = desk.git("var", "GIT_EDITOR")
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        path = Path(folder) / "release-notes.md"
        path.write_text(notes, encoding="utf-8")
        if subprocess.run([*shlex.split(editor), str(path)], check=False).returncode:
            return notes
        return path.read_text(encoding="utf-8").rstrip("\n") or notes


def finish(desk: Desk, state: ReleaseState, step: NextStep) -> int:
    """Print where the release is, and a text to announce it."""
    if desk.options.json:
        print(status.as_json(state, step))
    else:
        status.show(state, step, desk.github, desk.settings)
    address = (state.release or {}).get("html_url", "")
    name, version = desk.settings.distribution, state.version
    page = INDEXES["pypi"].page(name, version)
    lines(
        desk.to, ["", address, f"To announce: {name} {version} is on PyPI: {page} - what is new: {address}"]
    )
    return 0


# ---- The command -------------------------------------------------------------------------------------


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
        "--json", action="store_true", help="print plan or end for machines; all else goes to stderr"
    )


def check_rights(found: dict[str, Any]) -> None:
    """Check that this login may push."""
    if not found.get("permissions", {}).get("push"):
        raise ReleaseError(
            f"This login may not push to {found['full_name']}",
            expected="write access, and a role that may create release tags (maintain or admin)",
            fix="gh auth status (shows who is logged in), and gh auth switch",
            see="RELEASING.md, 'What you need'",
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
    git("-C", root, "fetch", "--quiet", "--tags", "origin")
    tag = begun(desk)
    if tag:
        lines(to, [f"Going on with {tag}"])
        if options.dry_run:
            state, step = desk.state(tag)
            print(status.as_json(state, step)) if options.json else status.show(state, step, github, settings)
            return 0
    else:
        tag = begin(desk)
    return go_on(desk, tag) if tag else 0


def begun(desk: Desk) -> str:
    """The tag to go on with: the one that was named if it exists, or an unfinished one; else nothing.

    Raises:
        ReleaseError: What was named is no version.
    """
    options = desk.options
    if options.version:
        tag = desk.settings.tag(options.version.removeprefix(desk.settings.tag_prefix))
        read_tag(tag, desk.settings)
        return tag if desk.git("tag", "--list", tag) else ""
    return "" if options.pre or options.post else unfinished(desk)
