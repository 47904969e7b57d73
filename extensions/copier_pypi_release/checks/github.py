"""Checks that ask GitHub: rules, environments, Actions, and the settings around them."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from packaging.version import InvalidVersion, Version
from release_lib.step import ReleaseError

from copier_pypi_release.checks import NOTHING, SETUP, Check, CheckFailed, CheckSkipped, require
from copier_pypi_release.checks.context import SITE
from copier_pypi_release.checks.rules import require_release
from copier_pypi_release.console import counted

if TYPE_CHECKING:
    from types import ModuleType

    from copier_pypi_release.checks.context import Context

KEPT = 30  # days, as the workflow keeps what it hands on, and as long as a run can be run again
OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # the first one counts
STALE = dt.timedelta(days=60)  # time for a bot's pull request to be merged
SECRETS = re.compile(r"PYPI|TWINE|UV_PUBLISH|FLIT|HATCH_INDEX", re.IGNORECASE)


def desired() -> ModuleType:
    """The module that knows how settings should be.

    Ask for `context.github` first: offline that stops a check, before a client is loaded.
    """
    from copier_pypi_release import github_settings  # noqa: PLC0415

    return github_settings


def by_setup(context: Context) -> str:
    """How to bring a setting to what it should be."""
    return str(desired().AGAIN) if context.settings else "change it in the settings of the repository"


def page(context: Context, path: str = "settings") -> str:
    """Address of a page of the repository."""
    return f"{SITE}/{context.repository}/{path}"


def repository(context: Context) -> str:
    """The repository is there under its name, and releases can run in it."""
    if not context.client.get(""):
        raise CheckFailed(
            f"{context.repository} is not on GitHub, or this login does not see it",
            fix=f"`gh repo view {context.repository}`, and `gh auth switch` if you have another login",
        )
    name = str(context.facts["full_name"])
    owner, _, new = name.partition("/")
    mine, _, old = context.repository.partition("/")
    if (owner.casefold(), new) != (mine.casefold(), old):  # PyPI compares the name by case
        raise CheckFailed(
            f"{context.repository} is called {name} by now, and the trusted publishers compare the name",
            fix=f"`copier update --data repository_owner={owner} --data repository_name={new}`"
            if context.settings
            else f"`git remote set-url origin {SITE}/{name}.git`, and correct the publishers' forms",
        )
    wrong = [f"it is {kind}" for kind in ("archived", "disabled") if context.facts.get(kind)]
    require(wrong, fix="release from the repository where Actions runs", see=page(context))
    branch = context.facts["default_branch"]
    absent = [w.place for w in context.releases if context.github.get(f"contents/{w.place}") is None]
    require((f"{place} is not on {branch}, so nothing would start" for place in absent), fix="`git push`")
    return f"{name}, {branch}; asked as {_login(context)}"


def _login(context: Context) -> str:
    try:
        return context.github.login() or "a workflow"
    except ReleaseError:  # the token of a workflow or an app belongs to nobody
        return "a workflow"


def tag_rules(context: Context) -> str:
    """Only maintainers create release tags, and nobody moves or deletes them."""
    ref = f"refs/tags/{context.tag_pattern}"
    github = context.github
    guard = desired().tag_guard(github, context.tag_prefix or "")
    require(guard.problems(ref), fix=by_setup(context), see=page(context, "rules"))
    if doubt := guard.doubt(ref):
        raise CheckSkipped(doubt, see=page(context, "rules"))
    return "created by maintainers only, never moved or deleted"


def default_branch(context: Context) -> str:
    """Nobody but maintainers changes a branch that is released from, the default one first."""
    require_release(context)
    of = context.settings.release_branches if context.settings else ()
    github, default = context.github, context.facts["default_branch"]
    branches = desired().guarded_branches(default, of)
    guards = {
        name: desired().branch_guard(github, name, pattern=pattern) for name, pattern in branches.items()
    }
    problems = [problem for name, guard in guards.items() for problem in guard.problems(name)]
    require(problems, fix=by_setup(context), see=page(context, "rules"))
    if doubts := list(filter(None, (guard.doubt(name) for name, guard in guards.items()))):
        raise CheckSkipped("; ".join(doubts), see=page(context, "rules"))
    owners = next((name for name in OWNERS if (context.root / name).is_file()), "")
    if owners and not desired().asks_owners(github, default):
        doubt = f"{owners} names who has to review, and no rule of {default} asks for it: is that meant?"
        raise CheckSkipped(doubt, see=page(context, "rules"))
    return f"{', '.join(branches)}: changed by reviewed pull requests, or by maintainers"


def environments(context: Context) -> str:
    """The environments exist; the production one waits for a reviewer; only release refs get in."""
    require_release(context)
    github = context.github
    wrong: list[str] = []
    others: list[str] = []
    named = {job.environment: job.index for job in context.publishing_jobs if job.environment}
    if not named:
        raise CheckSkipped("no publishing job names one")
    default = context.facts["default_branch"]
    for name, index in named.items():
        path = f"environments/{quote(name, safe='')}"
        found = github.get(path)
        if found is None:
            wrong.append(f"{name} does not exist; a release would create it unprotected")
            continue
        rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
        if index == "pypi" and not rules.get("required_reviewers", {}).get("reviewers"):
            wrong.append(f"{name} waits for no reviewer")
        if not (found.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            open_to = "any ref" if "branch_policy" not in rules else "no tag"
            wrong.append(f"{name} lets {open_to} in")
            continue
        policies = github.get_all(f"{path}/deployment-branch-policies", "branch_policies")
        known = {("branch", default)}
        if context.tag_prefix is not None:
            known |= {("tag", context.tag_pattern)}
            examples = [("tag", f"{context.tag_prefix}1.2.3")]
            examples += [("branch", default)] if context.settings else []
            wrong += [
                f"{name} does not let the {kind} {example} in"
                for kind, example in examples
                if not desired().admits(policies, kind, [example])
            ]
        foreign = {(p.get("type", "branch"), p["name"]) for p in policies} - known
        loose = sorted(
            f"{p.get('type', 'branch')} {p['name']}" for p in desired().loose_policies(policies, default)
        )
        wrong += [f"{name} lets in what nobody reviewed: {', '.join(loose)}"] if loose else []
        more = sorted(p for kind, p in foreign if f"{kind} {p}" not in loose)
        others += [f"{name} also lets in the tags {', '.join(more)}"] if more else []
    place = page(context, "settings/environments")
    require(wrong, fix=by_setup(context), see=place)
    return "; ".join(["reviewed, for release refs only", *others])


def actions_on(context: Context) -> str:
    """Actions is switched on, for every action of the release, and the workflow is too."""
    require_release(context)
    github = context.github
    places = {w.place: w.file for w in context.releases}
    for listed in github.get_all("actions/workflows", "workflows"):
        if listed["path"] in places and listed["state"] != "active":
            file = places[listed["path"]]
            raise CheckFailed(
                f"{file} is switched off ({listed['state']})",
                fix=f"`gh workflow enable {file} --repo {context.repository}`",
            )
    settings = "settings/actions"
    context.only_admins(settings)
    found = github.get("actions/permissions") or {}
    if not found.get("enabled"):
        raise CheckFailed("Actions is switched off", fix=by_setup(context), see=page(context, settings))
    kept = github.get("actions/permissions/artifact-and-log-retention") or {}
    days, most = (int(kept.get(key) or KEPT) for key in ("days", "maximum_allowed_days"))
    if days < KEPT:  # whatever a workflow asks for
        path = f"repos/{context.repository}/actions/permissions/artifact-and-log-retention"
        raise CheckFailed(
            f"artifacts are kept for {counted(days, 'day')} here: an approval after that finds no files",
            fix=f"`gh api --method PUT {path} --field days={min(KEPT, most)}`"
            if most > days
            else f"ask an owner to allow {KEPT} days, and until then approve within {counted(days, 'day')}",
            see=page(context, settings),
        )
    if found.get("allowed_actions") == "local_only":
        raise CheckFailed(
            "only actions of the same owner may run",
            fix="allow the actions of the release",
            see=page(context, settings),
        )
    if found.get("allowed_actions") != "selected":
        return "on, for every action"
    chosen = github.get("actions/permissions/selected-actions") or {}
    left = refused_actions([use for w in context.releases for use in w.uses()], chosen, context.repository)
    if left and chosen.get("verified_allowed"):
        raise CheckSkipped(
            f"may run if GitHub has verified their creators: {', '.join(left)}", see=page(context, settings)
        )
    # The call replaces the whole choice, so it has to repeat what is chosen already.
    patterns = [*chosen.get("patterns_allowed", []), *(f"{name}@*" for name in left)]
    fields = [
        f"--field github_owned_allowed={json.dumps(bool(chosen.get('github_owned_allowed')))}",
        f"--field verified_allowed={json.dumps(bool(chosen.get('verified_allowed')))}",
        *(f"--field 'patterns_allowed[]={pattern}'" for pattern in patterns),
    ]
    path = f"repos/{context.repository}/actions/permissions/selected-actions"
    require(
        (f"{name} may not run here" for name in left),
        fix=f"`gh api --method PUT {path} {' '.join(fields)}`",
    )
    return "on, for selected actions, all of the release's among them"


def refused_actions(uses: list[str], chosen: dict[str, Any], repository: str) -> list[str]:
    """The actions, without their commits, that a choice of allowed actions does not name.

    Args:
        uses: ``owner/name@commit`` of each.
        chosen: What GitHub says about selected actions.
        repository: ``owner/name``; actions of the same owner may run.
    """
    owners = {repository.partition("/")[0].casefold()}
    owners |= {"actions", "github"} if chosen.get("github_owned_allowed") else set()
    patterns = [pattern.casefold() for pattern in chosen.get("patterns_allowed", [])]
    blocked = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]

    def refused(use: str) -> bool:
        named = any(fnmatchcase(use, p if "@" in p else f"{p}@*") for p in patterns)
        return any(fnmatchcase(use, p if "@" in p else f"{p}@*") for p in blocked) or not (
            named or use.partition("/")[0] in owners
        )

    return sorted({use.partition("@")[0] for use in uses if refused(use.casefold())})


def hardened(context: Context) -> str:
    """Releases freeze, tokens read by default, actions have to be pinned."""
    github = context.github
    context.only_admins("settings/actions")
    wrong = [] if not desired().immutable_item(github).calls else ["published releases can be changed"]
    tokens = github.get("actions/permissions/workflow") or {}
    if tokens.get("default_workflow_permissions") != "read":
        wrong.append("tokens of workflows may write by default")
    if tokens.get("can_approve_pull_request_reviews"):  # whoever may push a branch then needs no reviewer
        wrong.append("workflows may approve pull requests")
    if not (github.get("actions/permissions") or {}).get("sha_pinning_required"):
        wrong.append("actions need not be pinned")
    require(wrong, fix=by_setup(context), see=page(context))
    return "immutable releases, read-only tokens, pinned actions"


def stored_tokens(context: Context) -> str:
    """No API token of an index is kept as a secret: trusted publishing needs none."""
    github = context.github
    context.only_admins("settings/secrets/actions")
    owner = context.repository.partition("/")[0]
    places = {  # where a job, or whoever may push, can get a secret from, and how one is named to gh
        "actions/secrets": ("", f"--repo {context.repository}"),
        "actions/organization-secrets": (" of the organisation", f"--org {owner}"),
        "dependabot/secrets": (" of Dependabot", f"--app dependabot --repo {context.repository}"),
        "codespaces/secrets": (" of codespaces", f"--app codespaces --repo {context.repository}"),
    }
    for environment in github.get_all("environments", "environments"):
        name = environment["name"]
        option = f"--repo {context.repository} --env {shlex.quote(name)}"
        places[f"environments/{quote(name, safe='')}/secrets"] = (f" of the environment {name}", option)
    found = [
        (secret["name"], of, option)
        for path, (of, option) in places.items()
        for secret in github.get_all(path, "secrets")
        if SECRETS.search(secret["name"])
    ]
    commands = "; ".join(f"gh secret delete {name} {option}" for name, _, option in found)
    require(
        (f"the secret {name}{of} is not needed for trusted publishing" for name, of, _ in found),
        fix=f"revoke the token on the index, then `{commands}`",
    )
    return "none"


def issues(context: Context) -> str:
    """A failed release can open an issue."""
    require_release(context)
    if not any("report" in w.jobs for w in context.releases):
        return "not used"
    if not context.facts.get("has_issues", True):
        raise CheckFailed(
            "issues are switched off, where a failed release opens one",
            fix=f"`gh repo edit {context.repository} --enable-issues`",
        )
    return "on"


def action_versions(context: Context) -> str:
    """The pinned actions are not left behind by their own releases."""
    require_release(context)
    text = "\n".join(w.text for w in context.releases)
    named = dict(re.findall(r"uses: (\S+)@[0-9a-f]{40} # v(\S+)", text))
    if not named:
        raise CheckSkipped("no action is pinned to a commit with its version")
    wrong, unasked = [], []
    for action, version in named.items():
        latest = context.github.get(f"/repos/{'/'.join(action.split('/')[:2])}/releases/latest")
        try:
            newest, mine = (Version(latest["tag_name"]), Version(version)) if latest else (None, None)
        except InvalidVersion:
            newest = mine = None
        if latest is None or newest is None or mine is None:
            unasked.append(action)
            continue
        age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(latest["published_at"])
        if newest > mine and age > STALE:
            wrong.append(f"{action} {version}, while {newest} is {age.days} days old")
    require(
        wrong,
        fix="merge the bot's pull request: `gh pr list --search 'author:app/dependabot author:app/renovate'`",
    )
    if unasked:
        reason = f"no release to compare with: {', '.join(unasked)}"
        raise CheckSkipped(reason, see=page(context, "pulls"))
    return f"{counted(len(named), 'action')}, none left behind"


CHECKS = (
    Check("repository", "Repository", "The trusted publishers compare its name.", repository, NOTHING),
    Check(
        "tag-rules",
        "Tag rules",
        "Whoever can push a tag can release; a tag that moves changes what was released.",
        tag_rules,
        SETUP,
    ),
    Check(
        "default-branch",
        "Default branch",
        "Its workflow is what a start by hand executes, with the rights of a release.",
        default_branch,
        SETUP,
    ),
    Check(
        "environments",
        "Environments",
        "An environment without rules lets any branch publish, and nobody is asked.",
        environments,
        SETUP,
    ),
    Check("actions-on", "Actions", "What may not run starts no release.", actions_on, SETUP),
    Check(
        "hardened",
        "Repository settings",
        "They limit what a stolen login or a changed action can do.",
        hardened,
        SETUP,
    ),
    Check(
        "stored-tokens",
        "Tokens of an index",
        "A token that is kept can be stolen and used from anywhere.",
        stored_tokens,
        NOTHING,
    ),
    Check("issues", "Issues", "A failed release has to be told to somebody.", issues, NOTHING),
    Check(
        "action-versions",
        "Versions of actions",
        "An old action fails one day, with the runner that it needs.",
        action_versions,
        "renders newer ones, and `pins` brings them later",
    ),
)
