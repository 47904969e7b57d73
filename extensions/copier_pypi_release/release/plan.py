"""The plan of a release: everything that the gate will ask, asked before anything is pushed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from release_lib.index import INDEXES, files_in, project_page, refuse_closed
from release_lib.step import ReleaseError, git

from copier_pypi_release.checks import Finding, Result, examine, indexes, project
from copier_pypi_release.checks import github as github_checks
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import rehearse
from copier_pypi_release.console import counted, indented, lines, table
from copier_pypi_release.distributions_shown import shortened
from copier_pypi_release.github import quoted
from copier_pypi_release.release.ci import check_ci
from copier_pypi_release.release.desk import AGAIN, SEE, Desk
from copier_pypi_release.release.sizes import estimate, near_limits
from copier_pypi_release.release_state import Tag, has_branch
from copier_pypi_release.workbench import current_branch, history_of, newest_tag, workbench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version
    from pypi_simple import ProjectPage

    from copier_pypi_release.github import GitHub

# Findings of `doctor` that would stop a release; the others are shown.
STOPPING = {
    "environments",
    "publisher-testpypi",
    "publisher-pypi",
    "name-testpypi",
    "name-pypi",
    "actions-on",
}


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
        size: What is known of the size of its files, and what the indexes take.
        warnings: What is not as it should be, and stops no release.
    """

    version: Version
    why: str
    branch: str
    notes: str
    rolls: bool
    ahead: int
    by_pull_request: bool
    size: str
    warnings: tuple[str, ...]


def make_plan(desk: Desk) -> Plan:
    """Ask everything that the gate will ask, and plan.

    Raises:
        ReleaseError: Something would stop the release.
    """
    branch, today = check_clone(desk), dt.datetime.now(dt.UTC).date()
    if not desk.settings.ci_workflows:
        desk.settings.check_tested(AGAIN)
    with workbench(desk.root, desk.settings, branch) as bench:
        chosen = rehearse.choose(bench, desk.root, desk.settings, desk.options, today)
        notes = bench.prepare(chosen.version, today)
        bench.gate(desk.settings.tag(chosen.version))
        rolls = git("rev-parse", "HEAD", cwd=bench.source) != desk.git("rev-parse", "HEAD")
    pages = check_indexes(desk, chosen.version)
    warnings = (*left_over(desk), *near_limits(pages, desk.settings), *check_set_up(desk))
    ahead = int(desk.git("rev-list", "--count", f"refs/remotes/origin/{branch}..HEAD"))
    if not ahead and desk.settings.ci_workflows:
        head = desk.git("rev-parse", "HEAD")
        check_ci(desk.github, desk.settings.ci_workflows, head)  # red: the notes cannot cure it
    by_pull_request = bool(rolls or ahead) and takes_pull_requests_only(desk.github, branch)
    size = estimate(pages, desk.settings)
    return Plan(chosen.version, chosen.why, branch, notes, rolls, ahead, by_pull_request, size, warnings)


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
            f"Not committed, {counted(len(changed), 'file')}: {', '.join(line[3:] for line in changed[:5])}",
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
            f"{branch} lacks {counted(int(behind), 'commit')} that GitHub has",
            expected="the newest commit",
            fix="git pull --rebase",
            see=SEE,
        )
    desk.git("merge", "--quiet", "--ff-only", remote)
    lines(desk.to, [f"{branch} was brought to the newest commit, {behind} further"])


def left_over(desk: Desk) -> Iterator[str]:
    """What earlier releases have left: drafts, and the newest tag if it was never pushed."""
    for release in desk.github.get_all("releases"):
        version = desk.settings.tagged_version(release["tag_name"])
        if (
            release["draft"]
            and version
            and desk.git("ls-remote", "origin", f"refs/tags/{release['tag_name']}")
        ):
            how = f"{AGAIN} {version} goes on with it"
            yield f"The GitHub Release of {release['tag_name']} is a draft still; {how}"
    newest = newest_tag(desk.root, desk.settings)
    if newest and not desk.git("ls-remote", "origin", f"refs/tags/{newest}"):
        tag = Tag(newest, twin=has_branch(desk.root, newest))
        how = f"{tag.push}, or git tag --delete {newest}"
        yield f"{newest} is in this clone only, and its version counts as taken; {how}"


def check_indexes(desk: Desk, version: Version) -> dict[str, ProjectPage | None]:
    """What both indexes have of the project; they take its files, and neither has one of the version."""
    pages = {key: project_page(index, desk.settings.distribution) for key, index in INDEXES.items()}
    for key, page in pages.items():
        index = INDEXES[key]
        refuse_closed(index, page, desk.settings.distribution)
        if files := files_in(page, version):
            problem = f"{index.title} has files of {version} already: {shortened(files)}"
            if history_of(desk.root, desk.settings).taken.keys() <= {version}:
                raise rehearse.name_taken(problem)
            raise ReleaseError(
                problem,
                expected="a version that was never uploaded",
                fix=f"{AGAIN} with another version",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )
    return pages


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


def takes_pull_requests_only(github: GitHub, branch: str) -> bool:
    """Whether a rule makes this login open a pull request; maintainers bypass the rule that `setup` makes."""
    demanding = {
        rule["ruleset_id"]
        for rule in github.get_all(f"rules/branches/{quoted(branch)}")
        if rule["type"] == "pull_request"
    }
    sets = (github.get(f"rulesets/{number}") or {} for number in demanding)
    return any(found.get("current_user_can_bypass") != "always" for found in sets)


def show_plan(desk: Desk, plan: Plan) -> None:
    """Print the notes and the plan."""
    show_notes(desk, plan.notes)
    shown = table(f"Release of {desk.settings.distribution} {plan.version}", "", "")
    for row in described(desk, plan):
        shown.add_row(*row)
    desk.to.print(shown)


def described(desk: Desk, plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan as rows."""
    tag = desk.settings.tag(plan.version)
    how = "in a pull request" if plan.by_pull_request else f"pushed to {plan.branch}"
    yield "Version", f"{plan.version}: {plan.why}"
    if plan.rolls:
        yield "Commit", f"Release notes of {plan.version}, {how}"
    if plan.ahead:
        yield "Push", f"{counted(plan.ahead, 'commit')} of {plan.branch}"
    if desk.settings.ci_workflows:
        yield "CI", "has to pass on that commit"
    yield "Tag", f"{tag}, annotated{', signed' if signs(desk) else ''}, pushed alone"
    yield "Size", plan.size
    yield "Run", f"{desk.settings.release_workflow}: TestPyPI, then PyPI, then the draft"
    for warning in plan.warnings:
        yield "Warning", warning


def signs(desk: Desk) -> bool:
    """Whether git is set to sign tags."""
    with contextlib.suppress(ReleaseError):
        return desk.git("config", "--type=bool", "tag.gpgSign") == "true"
    return False


def show_notes(desk: Desk, notes: str) -> None:
    """Print notes as users will see them."""
    lines(desk.to, ["Notes", ""], style="bold")
    indented(desk.to, notes)
    lines(desk.to, [""])
