"""The settings on GitHub that releases need: their state, the state wanted, and the requests between.

`setup` applies them, `doctor` reports them. A setting that is stricter already stays as it is.
"""

from __future__ import annotations

import dataclasses
import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError

from copier_pypi_release.github import GitHubError, quoted
from copier_pypi_release.workflow_files import unpinned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from release_lib.settings import Settings

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.workflow_files import Workflow

AGAIN = "uv run .github/release/tool.py setup"
JOBS = {"testpypi": "publish-testpypi", "pypi": "publish-pypi"}
WRITERS = 4  # GitHub's number of the role "write" in the list of those who may bypass a rule
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


def tag_pattern(settings: Settings) -> str:
    """The tags that start a release, as a pattern of GitHub."""
    return f"{settings.tag_prefix}[0-9]*"


def admits(policies: list[dict[str, Any]], kind: str, names: list[str]) -> bool:
    """Whether the deployment policies of an environment admit all of these tags or branches."""
    patterns = [p["name"] for p in policies if p.get("type", "branch") == kind]
    return all(
        any(fnmatchcase(name, p) and p.count("/") == name.count("/") for p in patterns) for name in names
    )


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
    missing = [
        {"name": pattern, "type": kind}
        for pattern, kind, examples in (
            (tag_pattern(settings), "tag", [settings.tag("1.2.3"), settings.tag("1.0rc1")]),
            (default_branch, "branch", [default_branch]),
        )
        if not admits(policies, kind, examples)
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
    added = [f"{p['type']} {p['name']}" for p in missing]
    if custom:
        admitted = [f"{p.get('type', 'branch')} {p['name']}" for p in policies]
        then = [*admitted, *added]
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
    """A ruleset, for tags or for the default branch.

    Args:
        github: The repository.
        listed: Its rulesets, as its list shows them.
        wanted: The ruleset as it should be.
        example: A tag or branch that the ruleset must apply to.
    """
    same = (wanted["name"], wanted["target"])
    known = [r["id"] for r in listed if (r["name"], r.get("target")) == same]
    title = f"{wanted['target'].capitalize()} rule '{wanted['name']}'"
    ref = f"refs/{'tags' if wanted['target'] == 'tag' else 'heads'}/{example}"
    if not known:
        kinds = ", ".join(rule["type"] for rule in wanted["rules"])
        call = Call("POST", "rulesets", wanted)
        return Item(title, "missing", f"active for {example}: {kinds}", (call,), new=True)
    found = github.get(f"rulesets/{known[0]}")
    merged, changes = stricter(found, wanted, ref)
    calls = (Call("PUT", f"rulesets/{known[0]}", merged),) if changes else ()
    return Item(title, "active" if not changes else "weaker", "; ".join(changes) or "active", calls)


def stricter(found: dict[str, Any], wanted: dict[str, Any], ref: str) -> tuple[dict[str, Any], list[str]]:
    """The union of the restrictions of two rulesets, and the changes that it makes to the one found."""
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
    holes = [p for p in exclude if fnmatchcase(ref, p)]
    if absent or holes:
        left = [p for p in exclude if p not in holes]
        merged["conditions"] = {"ref_name": {"include": include + absent, "exclude": left}}
        changes += [f"applies to {p}" for p in absent] + [f"no exception for {p}" for p in holes]
    actors = found.get("bypass_actors") or []
    allowed = [a for a in actors if not is_writers(a)] if wanted["bypass_actors"] else []
    if len(allowed) < len(actors):
        merged["bypass_actors"] = allowed
        changes.append("bypassed by maintainers only" if wanted["bypass_actors"] else "bypassed by nobody")
    return merged, changes


def branch_holes(github: GitHub, branch: str) -> list[str]:
    """What everybody who may push can do to a branch; nothing if it is protected."""
    place = quoted(branch)
    if (github.get(f"branches/{place}") or {}).get("protected"):  # by a rule of the older kind
        return []
    held = set()
    for rule in github.get_all(f"rules/branches/{place}"):
        ruleset = github.get(f"rulesets/{rule['ruleset_id']}") or {}
        if not any(map(is_writers, ruleset.get("bypass_actors") or [])):
            held.add(rule["type"])
    holes = {
        "pull_request": "change it without a review",
        "non_fast_forward": "rewrite it",
        "deletion": "delete it",
    }
    return [hole for kind, hole in holes.items() if kind not in held]


def branch_item(github: GitHub, listed: list[dict[str, Any]], branch: str, *, wanted: bool) -> Item:
    """The default branch is protected by something: by the rule of this module where nothing else does."""
    holes = branch_holes(github, branch)
    if holes and wanted:
        return ruleset_item(github, listed, BRANCH_RULE, branch)
    now = f"whoever may push can {', '.join(holes)}" if holes else "protected"
    return Item(f"Default branch {branch}", now, now)


def is_writers(actor: dict[str, Any]) -> bool:
    """Whether an entry of a bypass list stands for everybody who may push."""
    return actor.get("actor_type") == "RepositoryRole" and actor.get("actor_id") == WRITERS


def immutable_item(github: GitHub) -> Item:
    """Tag and files of a published release are frozen."""
    on = bool((github.get("immutable-releases") or {}).get("enabled"))
    calls = () if on else (Call("PUT", "immutable-releases"),)
    return Item("Immutable releases", "on" if on else "off", "on", calls)


def token_item(github: GitHub) -> Item:
    """A workflow's token can only read, unless a job is given more."""
    found = github.get("actions/permissions/workflow") or {}
    now = found.get("default_workflow_permissions", "write")
    body = {
        "default_workflow_permissions": "read",
        "can_approve_pull_request_reviews": bool(found.get("can_approve_pull_request_reviews")),
    }
    calls = () if now == "read" else (Call("PUT", "actions/permissions/workflow", body),)
    return Item("Token of workflows", f"{now} by default", "read by default", calls)


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
        branch_item(github, listed, default_branch, wanted=review.branch_rule),
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
