"""Set the repository up on GitHub for releases: show the plan, ask, then create or mend.

Both environments, the two rules for release tags, immutable releases, read-only workflow tokens, actions
pinned to commits. A setting that is stricter already stays; run it as often as you like. At the end it
shows what only a person can do: the two forms of the trusted publishers.
"""

from __future__ import annotations

import dataclasses
import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES
from release_lib.step import ReleaseError

from copier_pypi_release.console import console, lines, marked, table
from copier_pypi_release.github import SITE, GitHub, check_origin, find_token, quoted
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workflow_files import Workflow, load_release, unpinned

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from release_lib.settings import Settings
    from rich.console import Console

AGAIN = "uv run .github/release/set_up.py"
SEE = "RELEASING.md, 'Before the first release'"
JOBS = {"testpypi": "publish-testpypi", "pypi": "publish-pypi"}
WRITERS = 4  # GitHub's number of the role "write" in a list of those who bypass a rule
WHY_SELF_REVIEW = (
    "Who starts a release may approve it too: a single maintainer would lock themselves out otherwise. "
    "With two or more of you: --no-self-review."
)
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


@dataclasses.dataclass(frozen=True)
class Call:
    """A change to ask GitHub for.

    Attributes:
        method: HTTP method.
        path: Below the repository.
        body: What to send.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Item:
    """A setting: what it is, what it will be.

    Attributes:
        title: What it is called.
        now: What GitHub has.
        then: What it will have.
        calls: How to get there; nothing when it is right already.
        new: Whether it is created rather than changed.
    """

    title: str
    now: str
    then: str
    calls: tuple[Call, ...] = ()
    new: bool = False

    @property
    def action(self) -> str:
        """What will be done, in a word."""
        if not self.calls:
            return "keep"
        return "create" if self.new else "change"


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the maintainer may choose.

    Attributes:
        reviewers: Who approves a release to PyPI: ``User`` or ``Team``, id, name.
        no_self_review: Whether nobody may approve a release that they started.
    """

    reviewers: tuple[tuple[str, int, str], ...]
    no_self_review: bool = False


# ---- What is, and what it should be -----------------------------------------------------------------


def tag_pattern(settings: Settings) -> str:
    """The tags that start a release, as GitHub's patterns write it."""
    return f"{settings.tag_prefix}[0-9]*"


def admits(policies: list[dict[str, Any]], kind: str, names: list[str]) -> bool:
    """Whether the patterns of an environment admit some tags or branches."""
    patterns = [p["name"] for p in policies if p.get("type", "branch") == kind]
    return all(
        any(fnmatchcase(name, p) and p.count("/") == name.count("/") for p in patterns) for name in names
    )


def environment_item(
    host: GitHub, name: str, default: str, settings: Settings, wishes: Wishes | None
) -> Item:
    """What to do about an environment.

    Args:
        host: GitHub.
        name: Name of the environment.
        default: The default branch.
        settings: The project's settings.
        wishes: Who approves; None for an environment that waits for nobody.
    """
    path = f"environments/{quoted(name)}"
    found = host.get(path) or {}
    rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
    review = rules.get("required_reviewers", {})
    reviewers = [
        (r["type"], r["reviewer"]["id"], r["reviewer"].get("login") or r["reviewer"].get("slug", "?"))
        for r in review.get("reviewers", [])
    ]
    wanted = list(reviewers)
    wanted += [reviewer for reviewer in (wishes.reviewers if wishes else ()) if reviewer not in reviewers]
    own = bool(review.get("prevent_self_review"))
    no_own = own or bool(wishes and wishes.no_self_review)
    policy = found.get("deployment_branch_policy")
    custom = bool(policy and policy.get("custom_branch_policies"))
    policies = host.get_all(f"{path}/deployment-branch-policies", "branch_policies") if custom else []
    missing = [
        {"name": pattern, "type": kind}
        for pattern, kind, examples in (
            (tag_pattern(settings), "tag", [settings.tag("1.2.3"), settings.tag("1.0rc1")]),
            (default, "branch", [default]),
        )
        if not admits(policies, kind, examples)
    ]
    calls = []
    if not found or wanted != reviewers or no_own != own or not custom:
        body: dict[str, Any] = {
            "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
            "prevent_self_review": no_own,
            "reviewers": [{"type": kind, "id": number} for kind, number, _ in wanted] or None,
            "deployment_branch_policy": CUSTOM,
        }
        if found.get("can_admins_bypass") is False:
            body["can_admins_bypass"] = False  # stricter than the default, so it stays
        calls.append(Call("PUT", path, body))
    calls += [Call("POST", f"{path}/deployment-branch-policies", policy) for policy in missing]
    if custom:
        admitted = [f"{p.get('type', 'branch')} {p['name']}" for p in policies]
    else:
        admitted = ["protected branches only"] if policy else ["any ref"]
    kept = [*admitted, *(f"{p['type']} {p['name']}" for p in missing)] if custom else []
    then = kept or [f"{p['type']} {p['name']}" for p in missing]
    return Item(
        f"Environment {name}",
        f"{_people(reviewers, own=own)}; {', '.join(admitted) or 'no ref at all'}" if found else "missing",
        f"{_people(wanted, own=no_own)}; {', '.join(then)}",
        tuple(calls),
        new=not found,
    )


def _people(reviewers: list[tuple[str, int, str]], *, own: bool) -> str:
    if not reviewers:
        return "no reviewers"
    return (
        "approved by " + " or ".join(name for _, _, name in reviewers) + (", not by oneself" if own else "")
    )


def ruleset_item(host: GitHub, listed: list[dict[str, Any]], wanted: dict[str, Any], example: str) -> Item:
    """What to do about a ruleset.

    Args:
        host: GitHub.
        listed: The repository's rulesets, as its list shows them.
        wanted: The ruleset in .github/rulesets.
        example: A tag that it must apply to.
    """
    known = [r["id"] for r in listed if r["name"] == wanted["name"] and r.get("target") == "tag"]
    title = f"Tag rule '{wanted['name']}'"
    if not known:
        kinds = ", ".join(rule["type"] for rule in wanted["rules"])
        call = Call("POST", "rulesets", wanted)
        return Item(title, "missing", f"active for {example}: {kinds}", (call,), new=True)
    found = host.get(f"rulesets/{known[0]}")
    merged, changes = stricter(found, wanted, example)
    calls = (Call("PUT", f"rulesets/{known[0]}", merged),) if changes else ()
    return Item(title, "active" if not changes else "weaker", "; ".join(changes) or "active", calls)


def stricter(found: dict[str, Any], wanted: dict[str, Any], example: str) -> tuple[dict[str, Any], list[str]]:
    """The ruleset that is as strict as both, and what that changes in the one that was found."""
    merged = {key: found.get(key, wanted[key]) for key in wanted}
    changes = []
    if found["enforcement"] != "active":
        merged["enforcement"] = "active"
        changes.append(f"{found['enforcement']} -> active")
    kinds = {rule["type"] for rule in found.get("rules", [])}
    missing = [rule for rule in wanted["rules"] if rule["type"] not in kinds]
    if missing:
        merged["rules"] = [*found.get("rules", []), *missing]
        changes.append("forbids " + ", ".join(rule["type"] for rule in missing) + " too")
    names = (found.get("conditions") or {}).get("ref_name") or {}
    include, exclude = list(names.get("include", [])), list(names.get("exclude", []))
    absent = [p for p in wanted["conditions"]["ref_name"]["include"] if p not in include]
    if "~ALL" in include:
        absent = []
    holes = [p for p in exclude if fnmatchcase(f"refs/tags/{example}", p)]
    if absent or holes:
        left = [p for p in exclude if p not in holes]
        merged["conditions"] = {"ref_name": {"include": include + absent, "exclude": left}}
        changes += [f"applies to {p}" for p in absent] + [f"no exception for {p}" for p in holes]
    actors = found.get("bypass_actors") or []
    allowed = wanted["bypass_actors"] and [a for a in actors if not _writers(a)]
    if len(allowed) < len(actors):
        merged["bypass_actors"] = allowed
        changes.append("bypassed by maintainers only" if wanted["bypass_actors"] else "bypassed by nobody")
    return merged, changes


def _writers(actor: dict[str, Any]) -> bool:
    """Whether an entry of a bypass list stands for everybody who may push."""
    return actor.get("actor_type") == "RepositoryRole" and actor.get("actor_id") == WRITERS


def immutable_item(host: GitHub) -> Item:
    """What to do so that tag and files of a published release are frozen."""
    on = bool((host.get("immutable-releases") or {}).get("enabled"))
    calls = () if on else (Call("PUT", "immutable-releases"),)
    return Item("Immutable releases", "on" if on else "off", "on", calls)


def token_item(host: GitHub) -> Item:
    """What to do so that a workflow's token can only read unless a job says more."""
    found = host.get("actions/permissions/workflow") or {}
    now = found.get("default_workflow_permissions", "write")
    body = {
        "default_workflow_permissions": "read",
        "can_approve_pull_request_reviews": bool(found.get("can_approve_pull_request_reviews")),
    }
    calls = () if now == "read" else (Call("PUT", "actions/permissions/workflow", body),)
    return Item("Token of workflows", f"{now} by default", "read by default", calls)


def actions_item(host: GitHub, loose: list[str]) -> Item:
    """What to do so that Actions runs, with actions pinned to commits only.

    Args:
        host: GitHub.
        loose: Uses of actions that are not pinned; they would stop working.
    """
    found = host.get("actions/permissions") or {}
    enabled, pinned = bool(found.get("enabled")), bool(found.get("sha_pinning_required"))
    pin = pinned or not loose
    then = f"on; pinned to commits: {'required' if pin else 'not yet, ' + ', '.join(loose) + ' would stop'}"
    now = f"{'on' if enabled else 'off'}; pinned to commits: {'required' if pinned else 'not required'}"
    body = {"enabled": True, "sha_pinning_required": pin}
    if "allowed_actions" in found:
        body["allowed_actions"] = found["allowed_actions"]
    calls = () if enabled and pin == pinned else (Call("PUT", "actions/permissions", body),)
    return Item("Actions", now, then, calls)


def plan(host: GitHub, root: Path, settings: Settings, workflow: Workflow, wishes: Wishes) -> list[Item]:
    """Every setting, as it is and as it will be. Asks much and changes nothing.

    Raises:
        ReleaseError: GitHub does not show a setting, or a file of the repository is missing.
    """
    default = str(host.facts()["default_branch"])
    listed = host.get_all("rulesets")
    example = settings.tag("1.2.3")
    return [
        *(
            environment_item(
                host, workflow.environment(job), default, settings, wishes if index == "pypi" else None
            )
            for index, job in JOBS.items()
        ),
        *(ruleset_item(host, listed, wanted, example) for wanted in rulesets(root)),
        immutable_item(host),
        token_item(host),
        actions_item(host, unpinned(root)),
    ]


def rulesets(root: Path) -> list[dict[str, Any]]:
    """The rules for release tags that stand in the repository.

    Raises:
        ReleaseError: They are missing or are no JSON.
    """
    folder = root / ".github/rulesets"
    try:
        found = [
            json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("release-tags-*.json"))
        ]
        if not found:
            raise ValueError("no file release-tags-*.json")  # noqa: TRY301  (one sentence for all)
    except (OSError, ValueError) as error:
        raise ReleaseError(
            f"The tag rules in {folder} cannot be read: {error}",
            expected="the two files that the template renders",
            fix="copier update --defaults (renders them again)",
            see=SEE,
        ) from error
    return found


# ---- Who asks ---------------------------------------------------------------------------------------


def check_rights(host: GitHub, facts: dict[str, Any]) -> None:
    """Check that the login administers the repository, and that releases can run there.

    Raises:
        ReleaseError: It does not; those who do are named. Or the repository is a fork, or archived.
    """
    for kind in ("archived", "fork"):
        if facts.get(kind):
            raise ReleaseError(
                f"{host.repository} is {'a fork' if kind == 'fork' else 'archived'}: no release runs there",
                expected="the repository that releases are made from",
                fix=f"run this in a clone of the original ({host.page()}), or mend settings.toml",
                see=SEE,
            )
    held = facts.get("permissions") or {}
    if not held.get("admin"):
        best = next((r for r in ("maintain", "push", "triage", "pull") if held.get(r)), "no")
        try:
            people = [p["login"] for p in host.get_all("collaborators", permission="admin") if _is_admin(p)]
        except ReleaseError:  # only those who may push may see who administers
            people = []
        who = ", ".join(people) or f"the owner, {facts['owner']['login']}"
        raise ReleaseError(
            f"{host.login() or 'This login'} has the role {best} in {host.repository}, which may not change "
            "its settings",
            expected="the role admin",
            fix=f"ask {who} to run `{AGAIN}`, or for the role",
            see="RELEASING.md, 'What you need'",
        )


def _is_admin(person: dict[str, Any]) -> bool:
    return bool((person.get("permissions") or {}).get("admin"))


def find_reviewers(host: GitHub, names: list[str]) -> tuple[tuple[str, int, str], ...]:
    """Kind, id and name of the reviewers.

    Args:
        host: GitHub.
        names: Logins of people, and ``ORGANISATION/TEAM``.

    Raises:
        ReleaseError: One of them is no account, or may not see the repository.
    """
    found = []
    for login in names:
        if "/" in login:
            found.append(find_team(host, login))
            continue
        account = host.get(f"/users/{quoted(login)}")
        role = host.get(f"collaborators/{quoted(login)}/permission") if account else None
        if account is None or (role or {}).get("permission", "none") == "none":
            raise ReleaseError(
                f"{login!r} cannot approve releases: "
                + ("there is no such account" if account is None else "no access to the repository"),
                expected="the login of somebody with at least read access",
                fix=f"gh api --method PUT repos/{host.repository}/collaborators/{login}"
                if account
                else f"{AGAIN} --reviewer LOGIN",
                see=SEE,
            )
        found.append(("User", int(account["id"]), str(account["login"])))
    return tuple(found)


def find_team(host: GitHub, name: str) -> tuple[str, int, str]:
    """Kind, id and slug of a team that reviews.

    Args:
        host: GitHub.
        name: ``ORGANISATION/TEAM``.

    Raises:
        ReleaseError: No such team has access to the repository.
    """
    organisation, _, slug = name.partition("/")
    owner = host.repository.partition("/")[0]
    for team in host.get_all("teams") if organisation.casefold() == owner.casefold() else ():
        if team["slug"].casefold() == slug.casefold():
            return "Team", int(team["id"]), str(team["slug"])
    raise ReleaseError(
        f"The team {name!r} cannot approve releases: it has no access to {host.repository}",
        expected=f"a team of {owner} with at least read access",
        fix=f"gh api --method PUT orgs/{owner}/teams/{slug}/repos/{host.repository} --field permission=pull",
        see=SEE,
    )


def ask_person(question: str) -> str:
    """What somebody types.

    Raises:
        ReleaseError: There is nobody.
    """
    try:
        return input(question)
    except EOFError as error:
        print()
        raise ReleaseError(
            "There is nobody to ask: the standard input has no answer",
            expected="an answer to the plan",
            fix=f"{AGAIN} --dry-run to see the plan, {AGAIN} --yes to carry it out",
            see=SEE,
        ) from error


def choose_reviewers(host: GitHub, environment: str, given: list[str], *, ask: bool) -> list[str]:
    """The logins who shall approve: those given, else those there are, else asked for."""
    found = host.get(f"environments/{quoted(environment)}") or {}
    kinds = {rule["type"] for rule in found.get("protection_rules", [])}
    if given or "required_reviewers" in kinds:
        return given
    me = host.login()
    if ask:
        said = ask_person(f"Who approves a release to PyPI? Logins, with spaces between [{me}]: ")
        return said.replace(",", " ").split() or [me]
    return [me]


# ---- What is shown, and done ------------------------------------------------------------------------


def show(to: Console, host: GitHub, items: list[Item], wishes: Wishes) -> None:
    """Show the plan."""
    shown = table(f"{host.repository}: what is, and what will be", "Setting", "Now", "Then", "")
    for item in items:
        shown.add_row(item.title, item.now, item.then, marked(item.action))
    to.print(shown)
    if not wishes.no_self_review:
        lines(to, [WHY_SELF_REVIEW])


def apply(host: GitHub, items: list[Item], to: Console) -> None:
    """Make the changes, one after the other.

    Raises:
        ReleaseError: One was refused; what is done and what is not is named.
    """
    wanted = [item for item in items if item.calls]
    for number, item in enumerate(wanted):
        try:
            for call in item.calls:
                host.send(call.method, call.path, call.body)
        except ReleaseError as stop:
            done = ", ".join(i.title for i in wanted[:number]) or "nothing"
            left = ", ".join(i.title for i in wanted[number:])
            raise ReleaseError(
                f"{stop} - done: {done}; not done: {left}",
                expected=stop.lines[1].removeprefix("Expected: "),
                fix=f"{stop.lines[2].removeprefix('Fix: ')}; what is done stays, the rest follows",
                see=SEE,
            ) from stop
        lines(to, [f"done: {item.title}"], style="green")


def check_kept(host: GitHub, items: list[Item]) -> None:
    """Check, after the changes, that GitHub has kept them.

    Raises:
        ReleaseError: It has not, which is what it does where the plan of the account lacks a feature.
    """
    left = [item for item in items if item.calls]
    if left:
        raise ReleaseError(
            f"GitHub took these settings and did not keep them: {', '.join(i.title for i in left)}",
            expected="settings that stay; private repositories of a free plan have none of them",
            fix=f"gh repo edit {host.repository} --visibility public, or upgrade the plan; then {AGAIN}",
            see=SEE,
        )


def forms(settings: Settings, workflow: Workflow) -> list[str]:
    """What a person types into the form of each index, each value on a line of its own."""
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
        shown += [
            f"(where the project exists: {site}/manage/project/{settings.distribution}/settings/publishing/)"
        ]
        for field, value in fields.items():
            shown += [f"  {field}", f"{value}"]
    return shown


def by_hand(to: Console, settings: Settings, workflow: Workflow) -> None:
    """Show what only a person can do, and in which order."""
    to.print(
        "\nBy hand, because the indexes have no API for it: register the trusted publishers.", style="bold"
    )
    lines(
        to,
        [
            "Do it just before the first tag: a publisher of a new project expires after 30 days and does",
            "not reserve the name. Fill in the environment: left empty, any job here could publish.",
            *forms(settings, workflow),
            "",
            "Then: uv run .github/release/doctor.py, and RELEASING.md, 'Steps'.",
        ],
    )


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
        "with --yes you",
    )
    parser.add_argument(
        "--no-self-review",
        action="store_true",
        help="nobody approves a release that they started (needs two maintainers)",
    )


def run(options: argparse.Namespace) -> int:
    """Show the plan, ask, and carry it out."""
    root = find_root()
    settings, to = find_settings(root), console()
    workflow = load_release(root, settings)
    check_origin(root, settings)
    host = GitHub(settings.repository, find_token())
    facts = host.facts()
    check_rights(host, facts)
    asks = not (options.yes or options.dry_run)
    logins = choose_reviewers(host, workflow.environment(JOBS["pypi"]), options.reviewer, ask=asks)
    wishes = Wishes(find_reviewers(host, logins), options.no_self_review)
    items = plan(host, root, settings, workflow, wishes)
    show(to, host, items, wishes)
    changes = [item for item in items if item.calls]
    if options.dry_run:
        lines(to, [f"Nothing was changed. {len(changes)} to create or change."])
        return 0
    if changes:
        question = f"Carry it out on {SITE}/{host.repository}? [y/N] "
        if asks and ask_person(question).strip().lower() not in {"y", "yes"}:
            lines(to, ["Nothing was changed."])
            return 0
        apply(host, items, to)
        check_kept(host, plan(host, root, settings, workflow, wishes))
    else:
        lines(to, ["Everything is set up already."], style="green")
    by_hand(to, settings, workflow)
    return 0
