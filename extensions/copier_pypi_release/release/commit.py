"""The commit to release and its tag, brought to GitHub: by a push, or by a pull request."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, git

from copier_pypi_release.console import lines, paragraph
from copier_pypi_release.notes import roll
from copier_pypi_release.release.desk import AGAIN, SEE, Desk, pauses
from copier_pypi_release.workbench import workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.version import Version
    from rich.console import Console

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.release.plan import Plan

PROTECTED = ("GH006", "GH013")  # of GitHub, for a branch that does not take a push
OVERTAKEN = ("fetch first", "non-fast-forward", "cannot lock ref")  # of git, where somebody else has pushed


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


def pushed(desk: Desk, commit: str, branch: str) -> bool:
    """Push a commit to a branch; False if the branch takes only pull requests.

    Raises:
        ReleaseError: GitHub did not take it; the clone is as it was.
    """
    try:
        desk.git("push", "--quiet", "origin", f"{commit}:refs/heads/{branch}")
    except ReleaseError as error:
        if any(code in error.problem for code in PROTECTED):
            return False
        if any(words in error.problem for words in OVERTAKEN):
            raise ReleaseError(
                f"Somebody else has pushed to {branch} since the plan was made",
                expected="a branch that nobody changes meanwhile; nothing of this clone was pushed",
                fix=f"{AGAIN} (plans again, or goes on with a release of theirs)",
                see=SEE,
            ) from error
        raise not_pushed(error, branch) from error
    return True


def not_pushed(error: ReleaseError, what: str) -> ReleaseError:
    """The error for a push that failed, with git's own words."""
    said = error.problem.partition(": ")[2] or error.problem
    return ReleaseError(
        f"GitHub did not take the push of {what}: {said}",
        expected="a network, and a login of git that may push it",
        fix=f"gh auth setup-git (if git is not logged in), then {AGAIN}",
        see=SEE,
    )


def merge_by_pull_request(desk: Desk, plan: Plan, commit: str) -> None:
    """Open a pull request with the commit, or find the one that is open, and go on after its merge."""
    tag = desk.settings.tag(plan.version)
    head, owner = f"release-notes/{tag}", desk.github.repository.partition("/")[0]
    opened = desk.github.get_all("pulls", head=f"{owner}:{head}", state="open")
    if not opened:
        try:
            desk.git("push", "--quiet", "--force-with-lease", "origin", f"{commit}:refs/heads/{head}")
        except ReleaseError as error:
            raise not_pushed(error, head) from error
        title = f"Release notes of {plan.version}"
        body = {"title": title, "head": head, "base": plan.branch, "body": plan.notes}
        desk.github.send("POST", "pulls", body)
        opened = desk.github.get_all("pulls", head=f"{owner}:{head}", state="open")
    address = opened[0]["html_url"]
    paragraph(desk.to, f"{plan.branch} takes only pull requests. Merge this one: {address}", style="bold")
    if not sys.stdin.isatty():
        raise ReleaseError(
            f"The release of {plan.version} waits for the merge of {address}",
            expected="its merge",
            fix=f"merge it, then {desk.again(tag)}",
            see=SEE,
        )

    def is_there() -> bool:
        try:
            desk.git("fetch", "--quiet", "origin", plan.branch)
        except ReleaseError:
            desk.github.repository_info()  # which waits for the network, where it is that
            desk.git("fetch", "--quiet", "origin", plan.branch)
        return is_merged(desk, plan, commit)

    wait_for_merge(desk.github, head, is_there, desk.to)


def wait_for_merge(github: GitHub, branch: str, is_there: Callable[[], bool], to: Console) -> None:
    """Wait until what a pull request brings is on the branch.

    Raises:
        ReleaseError: It was closed without a merge.
    """
    owner = github.repository.partition("/")[0]
    for slept in pauses():
        if is_there():
            return
        if not github.get_all("pulls", head=f"{owner}:{branch}", state="open"):
            if is_there():
                return
            raise ReleaseError(
                f"The pull request of {branch} was closed, and its notes are not on the release branch",
                expected="a merge",
                fix=f"git push --delete origin {branch}, then {AGAIN}",
                see=SEE,
            )
        if slept == 0.0:
            lines(to, ["Waiting for its merge ... (this can be stopped, and run again after it)"])


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


def push_tag(desk: Desk, version: Version, commit: str) -> None:
    """Tag the commit, and push the tag alone."""
    tag = desk.settings.tag(version)
    if not desk.git("tag", "--list", tag):
        desk.git("tag", "--annotate", tag, "--message", f"{desk.settings.distribution} {version}", commit)
    try:
        desk.git("push", "--quiet", "origin", f"refs/tags/{tag}")
    except ReleaseError as error:
        if "already exists" not in error.problem:
            raise not_pushed(error, tag) from error
        # Of somebody else, who was faster: theirs counts, and ours was seen by nobody.
        desk.git("fetch", "--quiet", "--force", "origin", f"refs/tags/{tag}:refs/tags/{tag}")
        theirs = desk.git("rev-parse", f"refs/tags/{tag}^{{commit}}")
        lines(desk.to, [f"Somebody else has pushed {tag} meanwhile, on {theirs[:10]}"])
    else:
        lines(desk.to, [f"Pushed: {tag} on {commit[:10]}"])
