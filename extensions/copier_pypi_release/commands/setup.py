"""Set the repository up on GitHub for releases: show the plan, ask, then create or change.

Both environments, the two rules for release tags, immutable releases, read-only workflow tokens, actions
pinned to commits, and a rule for the default branch where nothing protects it. A setting that is stricter
already stays; run it as often as you like. At the end it shows what only a person can do: the forms of the
two trusted publishers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES
from release_lib.step import ReleaseError

from copier_pypi_release.console import console, lines, marked, paragraph, table
from copier_pypi_release.github import SITE, GitHub, check_origin, find_token, quoted
from copier_pypi_release.github_settings import (
    AGAIN,
    JOBS,
    LACKS,
    Item,
    Reviewer,
    ReviewOptions,
    plan,
    plan_of,
)
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workflow_files import Workflow, load_release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from release_lib.settings import Settings
    from rich.console import Console

SEE = "RELEASING.md, 'Before the first release'"
ROLES = {"maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}  # by the right to do it
WHY_SELF_REVIEW = (
    "Who starts a release may approve it too: a single maintainer would be locked out otherwise. "
    "With two or more maintainers: --no-self-review."
)


# ---- Who sets up, and who approves -------------------------------------------------------------------


def check_rights(github: GitHub, info: dict[str, Any]) -> None:
    """Check that the login administers the repository, and that releases can run there.

    Raises:
        ReleaseError: It does not; the administrators are named. Or the repository is archived.
    """
    if info.get("archived"):
        raise ReleaseError(
            f"{github.repository} is archived: no release runs there",
            expected="the repository that releases are made from",
            fix=f"run this in a clone of the original ({github.page()}), or correct settings.toml",
            see=SEE,
        )
    held = info.get("permissions") or {}
    if not held.get("admin"):
        role = next((name for right, name in ROLES.items() if held.get(right)), "none")
        try:
            people = [p["login"] for p in github.get_all("collaborators", permission="admin") if _is_admin(p)]
        except ReleaseError:  # only those who may push may see who administers
            people = []
        who = ", ".join(people) or f"the owner, {info['owner']['login']}"
        raise ReleaseError(
            f"{github.login() or 'This login'} has the role {role} in {github.repository}, "
            "which may not change its settings",
            expected="the role admin",
            fix=f"ask {who} to run `{AGAIN}`, or for the role",
            see="RELEASING.md, 'What you need'",
        )


def _is_admin(person: dict[str, Any]) -> bool:
    return bool((person.get("permissions") or {}).get("admin"))


def find_reviewers(github: GitHub, names: Sequence[str]) -> tuple[Reviewer, ...]:
    """The reviewers of these names.

    Args:
        github: The repository.
        names: Logins of people, and ``ORGANISATION/TEAM``.

    Raises:
        ReleaseError: One of them is no account, or may not see the repository.
    """
    found = []
    for login in names:
        if "/" in login:
            found.append(find_team(github, login))
            continue
        account = github.get(f"/users/{quoted(login)}")
        role = github.get(f"collaborators/{quoted(login)}/permission") if account else None
        if account is None or (role or {}).get("permission", "none") == "none":
            raise ReleaseError(
                f"{login!r} cannot approve releases: "
                + ("there is no such account" if account is None else "no access to the repository"),
                expected="the login of somebody with at least read access",
                fix=f"gh api --method PUT repos/{github.repository}/collaborators/{login}"
                if account
                else f"{AGAIN} --reviewer LOGIN",
                see=SEE,
            )
        found.append(Reviewer("User", int(account["id"]), str(account["login"])))
    return tuple(found)


def find_team(github: GitHub, name: str) -> Reviewer:
    """The team of a name, as a reviewer.

    Args:
        github: The repository.
        name: ``ORGANISATION/TEAM``.

    Raises:
        ReleaseError: No such team has access to the repository.
    """
    organisation, _, slug = name.partition("/")
    owner = github.repository.partition("/")[0]
    for team in github.get_all("teams") if organisation.casefold() == owner.casefold() else ():
        if team["slug"].casefold() == slug.casefold():
            return Reviewer("Team", int(team["id"]), str(team["slug"]))
    raise ReleaseError(
        f"The team {name!r} cannot approve releases: it has no access to {github.repository}",
        expected=f"a team of {owner} with at least read access",
        fix=f"gh api --method PUT orgs/{owner}/teams/{slug}/repos/{github.repository} "
        "--field permission=pull",
        see=SEE,
    )


def ask_person(question: str) -> str:
    """The answer that somebody types.

    Raises:
        ReleaseError: The standard input is at its end.
    """
    try:
        return input(question)
    except EOFError as error:
        print()
        raise ReleaseError(
            "There is nobody to ask: the standard input is at its end",
            expected="an answer to the plan",
            fix=f"{AGAIN} --dry-run to see the plan, {AGAIN} --yes to carry it out",
            see=SEE,
        ) from error


def choose_reviewers(github: GitHub, environment: str, given: list[str], *, ask: bool) -> list[str]:
    """Who shall approve: the reviewers given, else none where some exist, else those asked for.

    Raises:
        ReleaseError: Nobody is named.
    """
    found = github.get(f"environments/{quoted(environment)}") or {}
    kinds = {rule["type"] for rule in found.get("protection_rules", [])}
    if given or "required_reviewers" in kinds:
        return given
    me = github.login()
    names = [me] if me else []
    if ask:
        default = f" [{me}]" if me else ""
        typed = ask_person(f"Who approves a release to PyPI? Logins, with spaces between{default}: ")
        names = typed.replace(",", " ").split() or names
    if not names:
        raise ReleaseError(
            "Nobody is named who approves releases to PyPI, and this token belongs to nobody",
            expected="the login of at least one person",
            fix=f"{AGAIN} --reviewer LOGIN",
            see=SEE,
        )
    return names


# ---- What is shown, and done ------------------------------------------------------------------------


def show(to: Console, github: GitHub, items: list[Item], review: ReviewOptions) -> None:
    """Show the plan."""
    shown = table(f"Settings of {github.repository}", "Setting", "Now", "Then", "")
    for item in items:
        shown.add_row(item.title, item.now, item.then, marked(item.action))
    to.print(shown)
    if not review.no_self_review:
        paragraph(to, WHY_SELF_REVIEW)


def limits(name: str) -> str:
    """What a private repository lacks on a plan, and what then protects a release."""
    return (
        f"This repository is private, and its owner's plan is {name.title()}: GitHub has no "
        f"{', no '.join(LACKS[name])} here. So nobody is asked before PyPI: whoever may push a tag releases. "
        "Still in force: the trusted publishers, the checks of the tag and its commit, and what the table "
        f"above has. For the rest: a public repository, or a plan that has it; then {AGAIN}."
    )


def apply(github: GitHub, items: list[Item], to: Console) -> None:
    """Make the changes, one after the other.

    Raises:
        ReleaseError: One was refused; the error names what is done and what is not.
    """
    wanted = [item for item in items if item.calls]
    for number, item in enumerate(wanted):
        try:
            for call in item.calls:
                github.send(call.method, call.path, call.body)
        except ReleaseError as error:
            done = ", ".join(i.title for i in wanted[:number]) or "nothing"
            left = ", ".join(i.title for i in wanted[number:])
            raise ReleaseError(
                f"{error.problem} - done: {done}; not done: {left}",
                expected=error.expected,
                fix=f"{error.fix}; what is done stays, the rest follows",
                see=SEE,
            ) from error
        paragraph(to, f"done: {item.title}", style="green", rest="  ")


def check_kept(github: GitHub, items: list[Item]) -> None:
    """Check, after the changes, that GitHub has kept them.

    Raises:
        ReleaseError: It has not; where the plan of an account lacks a feature, GitHub drops it silently.
    """
    left = [item for item in items if item.calls]
    if left:
        raise ReleaseError(
            f"GitHub accepted these settings and did not keep them: {', '.join(i.title for i in left)}",
            expected="settings that stay; private repositories of a free plan have none of them",
            fix=f"gh repo edit {github.repository} --visibility public, or upgrade the plan; then {AGAIN}",
            see=SEE,
        )


def forms(settings: Settings, workflow: Workflow) -> list[str]:
    """The fields of each index's form, each value on a line of its own."""
    owner, _, name = settings.repository.partition("/")
    shown = []
    for key, job in JOBS.items():
        site = INDEXES[key].simple.removesuffix("/simple/")
        fields = {
            "PyPI Project Name": settings.distribution,
            "Owner": owner,
            "Repository name": name,
            "Workflow name": workflow.path.name,
            "Environment name": workflow.environment(job),
        }
        shown += ["", f"{INDEXES[key].title}: {site}/manage/account/publishing/"]
        shown += ["where the project exists:"]
        shown += [f"{site}/manage/project/{settings.distribution}/settings/publishing/"]
        for field, value in fields.items():
            shown += [f"  {field}", f"{value}"]
    return shown


def show_manual_steps(to: Console, settings: Settings, workflow: Workflow) -> None:
    """Show what only a person can do, and in which order."""
    lines(to, ["", "By hand, because the indexes have no API for it: the trusted publishers"], style="bold")
    paragraph(
        to,
        "Register them just before the first tag: the publisher of a new project expires after 30 days and "
        "does not reserve the name. Fill in the environment: left empty, any job here could publish.",
    )
    lines(to, forms(settings, workflow))
    lines(to, ["", "Then: uv run .github/release/tool.py doctor, and RELEASING.md, 'Steps'"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--reviewer",
        action="append",
        default=[],
        metavar="LOGIN",
        help="who approves releases to PyPI, or ORGANISATION/TEAM; may be repeated; default: asked for, or "
        "you with --yes",
    )
    parser.add_argument(
        "--no-self-review",
        action="store_true",
        help="nobody approves a release that they started (needs two maintainers)",
    )
    parser.add_argument(
        "--no-branch-rule",
        action="store_true",
        help="leave the default branch as it is: whoever may push can change what a release executes",
    )


def run(options: argparse.Namespace) -> int:
    """Show the plan, ask, and apply it."""
    root = find_root()
    settings, to = find_settings(root), console()
    workflow = load_release(root, settings)
    check_origin(root, settings)
    github = GitHub(settings.repository, find_token())
    info = github.repository_info()
    check_rights(github, info)
    asks, limit = not (options.yes or options.dry_run), plan_of(github, info)
    environment = workflow.environment(JOBS["pypi"])
    names = [] if limit else choose_reviewers(github, environment, options.reviewer, ask=asks)
    rules = not options.no_branch_rule and "tag rules" not in LACKS.get(limit, ())
    review = ReviewOptions(find_reviewers(github, names), options.no_self_review, rules)
    items = plan(github, root, settings, workflow, review)
    show(to, github, items, review)
    if limit:
        paragraph(to, limits(limit))
    changes = [item for item in items if item.calls]
    if options.dry_run:
        lines(to, [f"Nothing was changed (--dry-run). {len(changes)} to create or change."])
        return 0
    if changes:
        question = f"Apply this to {SITE}/{github.repository}? [y/N] "
        if asks and ask_person(question).strip().lower() not in {"y", "yes"}:
            lines(to, ["Nothing was changed."])
            return 0
        apply(github, items, to)
        for pause in (1, 2, 4, 8):  # what was just written can be read a moment later
            items = plan(github, root, settings, workflow, review)
            if not any(item.calls for item in items):
                break
            time.sleep(pause)
        check_kept(github, items)
    else:
        lines(to, ["Everything is set up already."], style="green")
    show_manual_steps(to, settings, workflow)
    return 0
