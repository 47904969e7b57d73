"""The settings on GitHub that releases need: their state, the state wanted, and the requests between.

`setup` applies them, `doctor` reports them. A setting that is stricter already stays as it is.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError

from copier_pypi_release.github import GitHubError, quoted
from copier_pypi_release.workflow_files import pattern_of_tags, unpinned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from release_lib.settings import Settings

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.workflow_files import Workflow

AGAIN = "uv run .github/release/tool.py setup"
JOBS = {"testpypi": "publish-testpypi", "pypi": "publish-pypi"}
FORBIDDEN = 403
MAINTAINERS = [
    {"actor_id": role, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    for role in (5, 2)  # admin and maintain
]
# It may enter both environments: whoever changes it changes what a release executes.
BRANCH_RULE: dict[str, Any] = {
    "name": "Default branch: changed by reviewed pull requests, or by maintainers",
    "target": "branch",
    "enforcement": "active",
    "bypass_actors": MAINTAINERS,
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": 1,
                "dismiss_stale_reviews_on_push": True,
                "require_code_owner_review": True,
                "require_last_push_approval": False,
                "required_review_thread_resolution": False,
            },
        },
    ],
}
NEEDED = {  # by the rule that forbids it: what nobody but maintainers shall do to a branch
    "pull_request": "change it without a review",
    "non_fast_forward": "rewrite it",
    "deletion": "delete it",
}
# Also to branches that are not there yet: a commit on a release branch passes the gate.
NEEDED_BEFORE = {"creation": "make it", **NEEDED}
EVERYBODY = "everybody who may push"
# Tags that start a release, behind the prefix: what covers these covers them all.
VERSIONS = [
    f"{d}{rest}" for d in range(10) for rest in ("", ".2.3", "0.1rc1", "!1.0.post1", "026.11.30", "x")
]
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


@dataclasses.dataclass(frozen=True)
class Call:
    """A request that changes something; see `GitHub.send`."""

    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Item:
    """A setting.

    Attributes:
        title: Its name, for people.
        now: Its present state, in words.
        then: Its state after the calls.
        calls: What to send; nothing when the setting is right already.
        new: Whether it is created rather than changed.
    """

    title: str
    now: str
    then: str
    calls: tuple[Call, ...] = ()
    new: bool = False

    @property
    def action(self) -> str:
        """``keep``, ``create`` or ``change``."""
        if not self.calls:
            return "keep"
        return "create" if self.new else "change"


@dataclasses.dataclass(frozen=True)
class Reviewer:
    """Who may approve deployments to an environment: kind is ``User`` or ``Team``."""

    kind: str
    id: int
    name: str


@dataclasses.dataclass(frozen=True)
class ReviewOptions:
    """The maintainer's choice.

    Attributes:
        reviewers: Who approves a release to PyPI.
        no_self_review: Whether nobody may approve a release that they started.
        branch_rule: Whether the default branch is protected, where it is not yet.
    """

    reviewers: tuple[Reviewer, ...] = ()
    no_self_review: bool = False
    branch_rule: bool = True


# What GitHub does not have for a private repository, by the plan of its owner.
LACKS = {
    "free": ("environments", "tag rules", "reviewers"),
    "pro": ("reviewers",),
    "team": ("reviewers",),
}


def plan_of(github: GitHub, info: dict[str, Any]) -> str:
    """The plan that limits a private repository, a key of `LACKS`; empty where no limit is known."""
    if not info.get("private"):
        return ""
    owner = info["owner"]
    organisation = owner.get("type") == "Organization"
    try:
        account = github.get(f"/orgs/{quoted(owner['login'])}" if organisation else "/user") or {}
    except GitHubError:  # the token of a workflow or an app belongs to nobody
        account = {}
    mine = str(account.get("login", "")).casefold() == owner["login"].casefold()
    name = str((account.get("plan") or {}).get("name", "")).casefold() if mine else ""
    if name:
        return name if name in LACKS else ""
    try:
        github.get("rulesets")
    except GitHubError as error:
        if error.status == FORBIDDEN:
            return "free"
        raise
    return ""


def matches(pattern: str, ref: str) -> bool:
    """Whether a pattern of GitHub matches: ``*`` stops at ``/``, and ``**/`` stands for any folders."""
    first, _, rest = pattern.partition("/")
    head, slash, tail = ref.partition("/")
    if first == "**" and "/" in pattern:
        return matches(rest, ref) or (bool(slash) and matches(pattern, tail))
    if bool(slash) != ("/" in pattern):
        return False
    return fnmatchcase(head, first) and (not slash or matches(rest, tail))


@functools.cache
def overlap(one: str, other: str) -> bool:
    """Whether a ref may match both patterns; ``*`` does not stop at ``/`` here, so rather yes than no."""
    if not one or not other:
        return not (one + other).strip("*")
    if "*" in {one[0], other[0]}:
        one, other = (one, other) if one[0] == "*" else (other, one)
        return overlap(one[1:], other) or overlap(one, _first(other)[1])
    (mine, left), (theirs, right) = _first(one), _first(other)
    return _together(mine, theirs) and overlap(left, right)


def _first(pattern: str) -> tuple[str, str]:
    """The first character or class of characters of a pattern, and the rest."""
    found = re.match(r"\[[!^]?[^\]]+\]|.", pattern, re.DOTALL)
    return (found[0], pattern[found.end() :]) if found else ("", "")


def _together(one: str, other: str) -> bool:
    return one == other or any(
        fnmatchcase(chr(c), one) and fnmatchcase(chr(c), other) for c in range(32, 127)
    )


def covers_tags(names: dict[str, Any], prefix: str) -> bool:
    """Whether a ruleset with these conditions is about every tag that starts a release."""
    refs = [f"refs/tags/{prefix}{version}" for version in VERSIONS]
    included = any(p == "~ALL" or all(matches(p, ref) for ref in refs) for p in names.get("include", []))
    return included and not any(
        _touches(p, f"refs/tags/{pattern_of_tags(prefix)}") for p in names.get("exclude", [])
    )


def _touches(exclude: str, wanted: str) -> bool:
    return exclude.startswith("~") or overlap(exclude, wanted)


def admits(policies: list[dict[str, Any]], kind: str, names: list[str]) -> bool:
    """Whether the deployment policies of an environment admit all of these tags or branches."""
    patterns = [p["name"] for p in policies if p.get("type", "branch") == kind]
    return all(any(matches(p, name) for p in patterns) for name in names)


def loose_policies(policies: list[dict[str, Any]], default_branch: str) -> list[dict[str, Any]]:
    """The policies that let in what nobody reviewed: other branches, and tags of any name.

    On another branch, whoever may push has a release workflow of their own, without its gate.
    """
    return [
        p
        for p in policies
        if (p["name"] != default_branch if _kind(p) == "branch" else re.fullmatch(r"[*?/]+", p["name"]))
    ]


def _kind(policy: dict[str, Any]) -> str:
    return str(policy.get("type", "branch"))


def environment_item(
    github: GitHub, name: str, default_branch: str, settings: Settings, review: ReviewOptions
) -> Item:
    """An environment that admits release tags and the default branch, and waits for its reviewers."""
    path = f"environments/{quoted(name)}"
    found = github.get(path) or {}
    rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
    required = rules.get("required_reviewers", {})
    reviewers = [reviewer_of(entry) for entry in required.get("reviewers", [])]
    wanted = reviewers + [one for one in review.reviewers if one not in reviewers]
    forbidden = bool(required.get("prevent_self_review"))
    forbid = forbidden or review.no_self_review
    policy = found.get("deployment_branch_policy")
    custom = bool(policy and policy.get("custom_branch_policies"))
    policies = github.get_all(f"{path}/deployment-branch-policies", "branch_policies") if custom else []
    loose = loose_policies(policies, default_branch)
    kept = [p for p in policies if p not in loose]
    missing = [
        {"name": pattern, "type": kind}
        for pattern, kind, examples in (
            (pattern_of_tags(settings.tag_prefix), "tag", [settings.tag("1.2.3"), settings.tag("1.0rc1")]),
            (default_branch, "branch", [default_branch]),
        )
        if not admits(kept, kind, examples)
    ]
    calls = []
    if not found or wanted != reviewers or forbid != forbidden or not custom:
        body: dict[str, Any] = {
            "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
            "prevent_self_review": forbid,
            "reviewers": [{"type": one.kind, "id": one.id} for one in wanted] or None,
            "deployment_branch_policy": CUSTOM,
        }
        body = {
            key: value for key, value in body.items() if value
        }  # a smaller plan refuses the others' names
        if found.get("can_admins_bypass") is False:
            body["can_admins_bypass"] = False  # stricter than the default, so it stays
        calls.append(Call("PUT", path, body))
    calls += [Call("POST", f"{path}/deployment-branch-policies", policy) for policy in missing]
    calls += [Call("DELETE", f"{path}/deployment-branch-policies/{p['id']}") for p in loose]
    added = [f"{p['type']} {p['name']}" for p in missing]
    if custom:
        admitted = [f"{_kind(p)} {p['name']}" for p in policies]
        then = [f"{_kind(p)} {p['name']}" for p in kept] + added
        then += [f"no longer {_kind(p)} {p['name']}" for p in loose]
    else:
        admitted, then = ["protected branches only"] if policy else ["any ref"], added
    return Item(
        f"Environment {name}",
        f"{_review(reviewers, forbid=forbidden)}; {', '.join(admitted) or 'no ref at all'}"
        if found
        else "missing",
        f"{_review(wanted, forbid=forbid)}; {', '.join(then)}",
        tuple(calls),
        new=not found,
    )


def reviewer_of(entry: dict[str, Any]) -> Reviewer:
    """A reviewer, as an environment lists it."""
    account = entry["reviewer"]
    return Reviewer(entry["type"], int(account["id"]), account.get("login") or account.get("slug", "?"))


def _review(reviewers: Sequence[Reviewer], *, forbid: bool) -> str:
    if not reviewers:
        return "no reviewers"
    names = " or ".join(reviewer.name for reviewer in reviewers)
    return f"approved by {names}{', self-review forbidden' if forbid else ''}"


def ruleset_item(github: GitHub, listed: list[dict[str, Any]], wanted: dict[str, Any], example: str) -> Item:
    """A ruleset, for tags or for branches.

    Args:
        github: The repository.
        listed: Its rulesets, as its list shows them.
        wanted: The ruleset as it should be.
        example: A tag or branch that the ruleset must apply to.
    """
    same = (wanted["name"], wanted["target"])
    known = [r["id"] for r in listed if (r["name"], r.get("target")) == same]
    title = f"{wanted['target'].capitalize()} rule '{wanted['name']}'"
    if not known:
        kinds = ", ".join(rule["type"] for rule in wanted["rules"])
        call = Call("POST", "rulesets", wanted)
        return Item(title, "missing", f"active for {example}: {kinds}", (call,), new=True)
    found = github.get(f"rulesets/{known[0]}")
    default = f"refs/heads/{example}" if wanted["target"] == "branch" else ""
    merged, changes = stricter(found, wanted, default)
    calls = (Call("PUT", f"rulesets/{known[0]}", merged),) if changes else ()
    return Item(title, "active" if not changes else "weaker", "; ".join(changes) or "active", calls)


def stricter(found: dict[str, Any], wanted: dict[str, Any], default: str) -> tuple[dict[str, Any], list[str]]:
    """The union of the restrictions of two rulesets, and the changes that it makes to the one found.

    `default` is the ref of the default branch, for which a ruleset has a name of its own.
    """
    merged = {key: found.get(key, wanted[key]) for key in wanted}
    changes = []
    if found["enforcement"] != "active":
        merged["enforcement"] = "active"
        changes.append(f"{found['enforcement']} -> active")
    kinds = {rule["type"] for rule in found.get("rules", [])}
    missing = [rule for rule in wanted["rules"] if rule["type"] not in kinds]
    rules = [_reviewed(rule) for rule in found.get("rules", [])]
    if missing or rules != found.get("rules", []):
        merged["rules"] = [*rules, *missing]
        changes += ["forbids " + ", ".join(rule["type"] for rule in missing) + " too"] if missing else []
        changes += ["asks for an approval of the last change"] if rules != found.get("rules", []) else []
    names = (found.get("conditions") or {}).get("ref_name") or {}
    include, exclude = list(names.get("include", [])), list(names.get("exclude", []))
    patterns = wanted["conditions"]["ref_name"]["include"]
    absent = [p for p in patterns if p not in include]
    if "~ALL" in include:
        absent = []
    refs = [default if p == "~DEFAULT_BRANCH" else p for p in patterns]
    holes = [p for p in exclude if any(_touches(p, ref) for ref in refs)]
    if absent or holes:
        left = [p for p in exclude if p not in holes]
        merged["conditions"] = {"ref_name": {"include": include + absent, "exclude": left}}
        changes += [f"applies to {p}" for p in absent] + [f"no exception for {p}" for p in holes]
    actors = found.get("bypass_actors") or []
    open_to = [a for a in actors if is_open(a) or not wanted["bypass_actors"]]
    if open_to:
        merged["bypass_actors"] = [a for a in actors if a not in open_to]
        changes.append(f"no longer bypassed by {', '.join(map(who, open_to))}")
    return merged, changes


# ---- Who bypasses a rule, and what is left open ------------------------------------------------------


def is_open(actor: dict[str, Any]) -> bool:
    """Whether an entry of a bypass list lets in others than maintainers, and persons named one by one.

    The role of everybody who may push, roles that an organisation made, deploy keys and apps: what acts
    there is a key or a token that anybody may hold.
    """
    return not is_maintainers(actor) and actor.get("actor_type") not in {"Team", "User"}


def is_maintainers(actor: dict[str, Any]) -> bool:
    """Whether an entry of a bypass list stands for maintainers or administrators."""
    return actor.get("actor_type") in {"OrganizationAdmin", "EnterpriseOwner"} or any(
        (actor.get("actor_type"), actor.get("actor_id")) == (m["actor_type"], m["actor_id"])
        for m in MAINTAINERS
    )


def who(actor: dict[str, Any]) -> str:
    """An entry of a bypass list, in words."""
    kind, number = str(actor.get("actor_type")), actor.get("actor_id")
    words = {
        "DeployKey": "deploy keys",
        "Integration": f"the app {number}",
        "RepositoryRole": EVERYBODY if number == 4 else f"the role {number}",  # noqa: PLR2004  (write)
        "OrganizationAdmin": "administrators of the organisation",
        "Team": f"the team {number}",
        "User": f"the account {number}",
    }
    roles = {5: "administrators", 2: "maintainers"}
    return roles[number] if kind == "RepositoryRole" and number in roles else words.get(kind, kind)


@dataclasses.dataclass
class Guard:
    """What the rules about a ref forbid, and to whom not.

    Attributes:
        holes: Who may do what nobody shall, by what it is.
        named: Teams and accounts that bypass a rule: whether they are maintainers is for a person to say.
        unseen: What is forbidden, and to whom not is shown to administrators only.
    """

    holes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    named: set[str] = dataclasses.field(default_factory=set)
    unseen: set[str] = dataclasses.field(default_factory=set)

    def problems(self, ref: str) -> list[str]:
        """The holes, a sentence for each kind of people."""
        by_people: dict[str, list[str]] = {}
        for act, people in self.holes.items():
            for one in people:
                by_people.setdefault(one, []).append(act)
        return [f"{one} can {' and '.join(acts)}: {ref}" for one, acts in by_people.items()]

    def doubt(self, ref: str) -> str:
        """What only a person can say; empty if nothing."""
        if self.unseen:
            return f"who may {', '.join(sorted(self.unseen))} all the same is shown to administrators: {ref}"
        if self.named:
            return f"{', '.join(sorted(self.named))} may bypass the rules of {ref}: are they maintainers?"
        return ""


def guard_of(needed: dict[str, str], rules: list[tuple[str, list[dict[str, Any]] | None]]) -> Guard:
    """What rules forbid of what is needed: each is a type, and who bypasses it, None if that is not shown."""
    guard = Guard()
    for kind, act in needed.items():
        lists = [actors for of, actors in rules if of == kind]
        shown = [actors for actors in lists if actors is not None]
        closed = [actors for actors in shown if not any(map(is_open, actors))]
        if closed:
            best = min(closed, key=lambda actors: sum(not is_maintainers(a) for a in actors))
            guard.named |= {who(a) for a in best if not is_maintainers(a)}
        elif len(shown) < len(lists):
            guard.unseen.add(act)
        else:
            among = [{who(a) for a in actors if is_open(a)} for actors in shown]
            guard.holes[act] = sorted(set.intersection(*among)) if among else [EVERYBODY]
            if among and not guard.holes[act]:  # each rule has others who bypass it
                guard.holes[act] = sorted(among[0])
    return guard


def _reviewed(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule, so that what is merged was approved as it is by somebody else; others stay."""
    asked = rule.get("parameters") or {}
    if rule["type"] != "pull_request" or is_reviewed(asked):
        return rule
    count = max(1, int(asked.get("required_approving_review_count") or 0))
    more = {"required_approving_review_count": count, "dismiss_stale_reviews_on_push": True}
    return {**rule, "parameters": {**BRANCH_RULE["rules"][-1]["parameters"], **asked, **more}}


def is_reviewed(asked: dict[str, Any]) -> bool:
    """Whether a rule about pull requests asks for an approval, and of the last change."""
    last = asked.get("dismiss_stale_reviews_on_push") or asked.get("require_last_push_approval")
    return bool((asked.get("required_approving_review_count") or 0) > 0 and last)


def tag_guard(github: GitHub, prefix: str) -> Guard:
    """Who may make release tags, besides maintainers; and who may move or delete them."""
    rules: list[tuple[str, list[dict[str, Any]] | None]] = []
    for listed in github.get_all("rulesets"):
        if listed.get("target") != "tag" or listed["enforcement"] != "active":
            continue
        found = github.get(f"rulesets/{listed['id']}") or {}
        if covers_tags((found.get("conditions") or {}).get("ref_name") or {}, prefix):
            rules += [(rule["type"], found.get("bypass_actors")) for rule in found.get("rules", [])]
    made = guard_of({"creation": "make one"}, rules)
    # Nobody moves one: whoever bypasses a rule that forbids it does.
    strangers = [
        (k, None if actors is None else [{"actor_type": who(a)} for a in actors]) for k, actors in rules
    ]
    kept = guard_of({"update": "move one", "deletion": "delete one"}, strangers)
    return Guard({**made.holes, **kept.holes}, made.named, made.unseen | kept.unseen)


def branch_guard(github: GitHub, branch: str, *, pattern: bool = False) -> Guard:
    """Who may do what to a branch besides maintainers; `pattern`: it is an example of a release branch's."""
    place = quoted(branch)
    rules: list[tuple[str, list[dict[str, Any]] | None]] = []
    for rule in github.get_all(f"rules/branches/{place}"):
        if rule["type"] != "pull_request" or is_reviewed(rule.get("parameters") or {}):
            ruleset = github.get(f"rulesets/{rule['ruleset_id']}") or {}
            rules.append((rule["type"], ruleset.get("bypass_actors")))
    needed = NEEDED_BEFORE if pattern else NEEDED
    guard = guard_of(needed, rules)
    if guard.holes and not pattern and (github.get(f"branches/{place}") or {}).get("protected"):
        return guard_of(needed, rules + older_rules(github, place))
    return guard


def asks_owners(github: GitHub, branch: str) -> bool:
    """Whether a change of a branch waits for who owns the changed file by CODEOWNERS."""
    place = quoted(branch)
    asked = [rule.get("parameters") or {} for rule in github.get_all(f"rules/branches/{place}")]
    if any(one.get("require_code_owner_review") for one in asked):
        return True
    try:
        found = github.get(f"branches/{place}/protection") or {}
    except GitHubError:  # only administrators see it
        return False
    older = found.get("required_pull_request_reviews") or {}
    return bool(older.get("require_code_owner_reviews"))


def older_rules(github: GitHub, place: str) -> list[tuple[str, list[dict[str, Any]] | None]]:
    """What a branch protection of the older kind forbids, as `guard_of` takes it."""
    try:
        found = github.get(f"branches/{place}/protection")
    except GitHubError:
        found = None
    if found is None:
        admin = ((github.get("") or {}).get("permissions") or {}).get("admin")
        return [] if admin else [(kind, None) for kind in NEEDED]  # only administrators see it
    asked = found.get("required_pull_request_reviews") or {}
    allowed = asked.get("bypass_pull_request_allowances") or {}
    kinds = {"users": "User", "teams": "Team", "apps": "Integration"}
    actors = [
        {"actor_type": kind, "actor_id": one.get("login") or one.get("slug")}
        for key, kind in kinds.items()
        for one in allowed.get(key) or []
    ]
    asked = {**asked, "dismiss_stale_reviews_on_push": asked.get("dismiss_stale_reviews")}

    def on(key: str) -> bool:
        return bool((found.get(key) or {}).get("enabled"))

    locked = on("lock_branch")
    rules: list[tuple[str, list[dict[str, Any]] | None]] = []
    rules += [("pull_request", [] if locked else actors)] if locked or is_reviewed(asked) else []
    rules += [("non_fast_forward", [])] if locked or not on("allow_force_pushes") else []
    return rules + ([("deletion", [])] if not on("allow_deletions") else [])


def guarded_branches(default_branch: str, release_branches: Sequence[str]) -> dict[str, bool]:
    """The branches whose commits are released, and whether each is only an example of a pattern."""
    found = {default_branch: False}
    for pattern in release_branches:
        example = re.sub(r"\*+", "1.0", pattern)
        found.setdefault(example, example != pattern)
    return found


def branch_rule(default_branch: str, release_branches: Sequence[str]) -> dict[str, Any]:
    """The rule for the branches whose commits are released."""
    others = [p for p in release_branches if p != default_branch]
    if not others:
        return BRANCH_RULE
    refs = ["~DEFAULT_BRANCH", *(f"refs/heads/{p.replace('**', '**/*')}" for p in others)]
    rules = [*([{"type": "creation"}] if any("*" in p for p in others) else []), *BRANCH_RULE["rules"]]
    return {**BRANCH_RULE, "conditions": {"ref_name": {"include": refs, "exclude": []}}, "rules": rules}


def branch_item(
    github: GitHub, listed: list[dict[str, Any]], default_branch: str, settings: Settings, *, wanted: bool
) -> Item:
    """Release branches are protected by something: by the rule of this module where nothing else does."""
    branches = guarded_branches(default_branch, settings.release_branches)
    guards = {name: branch_guard(github, name, pattern=pattern) for name, pattern in branches.items()}
    problems = [problem for name, guard in guards.items() for problem in guard.problems(name)]
    if problems and wanted:
        rule = branch_rule(default_branch, settings.release_branches)
        return ruleset_item(github, listed, rule, default_branch)
    now = "; ".join(problems) or "protected"
    return Item(f"Release branches: {', '.join(branches)}", now, now)


def immutable_item(github: GitHub) -> Item:
    """Tag and files of a published release are frozen."""
    on = bool((github.get("immutable-releases") or {}).get("enabled"))
    calls = () if on else (Call("PUT", "immutable-releases"),)
    return Item("Immutable releases", "on" if on else "off", "on", calls)


def token_item(github: GitHub) -> Item:
    """A workflow's token can only read, unless a job is given more; and it is no reviewer."""
    found = github.get("actions/permissions/workflow") or {}
    now = found.get("default_workflow_permissions", "write")
    approves = bool(found.get("can_approve_pull_request_reviews"))
    body = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    calls = () if now == "read" and not approves else (Call("PUT", "actions/permissions/workflow", body),)
    said = f"{now} by default{', may approve pull requests' if approves else ''}"
    return Item("Token of workflows", said, "read by default", calls)


def actions_item(github: GitHub, loose: Sequence[str]) -> Item:
    """Actions is on and runs only actions pinned to commits, unless the unpinned ones in use would stop."""
    found = github.get("actions/permissions") or {}
    enabled, pinned = bool(found.get("enabled")), bool(found.get("sha_pinning_required"))
    pin = pinned or not loose
    then = f"on; pinned to commits: {'required' if pin else 'not yet, ' + ', '.join(loose) + ' would stop'}"
    now = f"{'on' if enabled else 'off'}; pinned to commits: {'required' if pinned else 'not required'}"
    body = {"enabled": True, "sha_pinning_required": pin}
    if "allowed_actions" in found:
        body["allowed_actions"] = found["allowed_actions"]
    calls = () if enabled and pin == pinned else (Call("PUT", "actions/permissions", body),)
    return Item("Actions", now, then, calls)


def plan(
    github: GitHub, root: Path, settings: Settings, workflow: Workflow, review: ReviewOptions
) -> list[Item]:
    """Every setting. Reads much and changes nothing.

    Raises:
        ReleaseError: GitHub does not show a setting, or a file of the repository is missing.
    """
    info = github.repository_info()
    default_branch, name = str(info["default_branch"]), plan_of(github, info)
    lacks = LACKS.get(name, ())
    absent = f"not on the plan {name.title()}"
    example = settings.tag("1.2.3")
    reviews = {"testpypi": ReviewOptions(), "pypi": ReviewOptions() if "reviewers" in lacks else review}
    environments = {index: workflow.environment(job) for index, job in JOBS.items()}
    listed = [] if "tag rules" in lacks else github.get_all("rulesets")
    return [
        *(
            Item(f"Environment {environments[index]}", absent, absent)
            if "environments" in lacks
            else environment_item(github, environments[index], default_branch, settings, reviews[index])
            for index in JOBS
        ),
        *(
            Item(f"Tag rule '{wanted['name']}'", absent, absent)
            if "tag rules" in lacks
            else ruleset_item(github, listed, wanted, example)
            for wanted in rulesets(root)
        ),
        immutable_item(github),
        token_item(github),
        actions_item(github, unpinned(root)),
        branch_item(github, listed, default_branch, settings, wanted=review.branch_rule),
    ]


def rulesets(root: Path) -> list[dict[str, Any]]:
    """The rulesets for release tags in .github/rulesets.

    Raises:
        ReleaseError: They are missing, or not JSON.
    """
    folder = root / ".github/rulesets"
    try:
        found = [
            json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("release-tags-*.json"))
        ]
        if not found:
            raise ValueError("no file release-tags-*.json")  # noqa: TRY301  (one message for all)
    except (OSError, ValueError) as error:
        raise ReleaseError(
            f"The tag rules in {folder} cannot be read: {error}",
            expected="the two files that the template renders",
            fix="copier update --defaults (renders them again)",
            see="RELEASING.md, 'Before the first release'",
        ) from error
    return found
