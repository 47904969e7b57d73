"""Checks that ask GitHub: each setting is broken on purpose, and the check names it."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from commands.local_github import REPOSITORY, Bench
from copier_pypi_release import github_settings
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from copier_pypi_release.github import GitHub
from support.rendering import git

from checks.readiness import BY_HAND, RELEASE, failed, results

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.requirement("C1", "C13", "P9.5")
def test_after_set_up_only_what_a_person_has_to_see_is_unknown(set_up_desk: Bench) -> None:
    found = results(set_up_desk)
    assert {name for name, f in found.items() if f.result is not Result.PASS} == BY_HAND
    assert all(found[name].result is Result.UNKNOWN for name in BY_HAND)
    assert all(found[name].see for name in BY_HAND - {"template"})
    assert found["repository"].found == f"{REPOSITORY}, main; asked as demo-pkg"


# ---- Broken on purpose ------------------------------------------------------------------------------


def no_rule(desk: Bench) -> None:
    desk.github.repo["rulesets"][:] = [r for r in desk.github.repo["rulesets"] if r["target"] == "branch"]


def disabled_rule(desk: Bench) -> None:
    desk.github.ruleset("never")["enforcement"] = "disabled"


def bypassed_rule(desk: Bench) -> None:
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    desk.github.ruleset("never")["bypass_actors"] = [actor]


def writers_create(desk: Bench) -> None:
    actor = {"actor_id": 4, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    desk.github.ruleset("created")["bypass_actors"].append(actor)


def excluded_tags(desk: Bench) -> None:
    desk.github.ruleset("never")["conditions"]["ref_name"]["exclude"] = ["refs/tags/v1.*"]


def no_branch_rule(desk: Bench) -> None:
    desk.github.repo["rulesets"].remove(desk.github.ruleset("Default branch"))


def branch_without_review(desk: Bench) -> None:
    rule = desk.github.ruleset("Default branch")
    rule["rules"] = [r for r in rule["rules"] if r["type"] != "pull_request"]


def branch_that_is_rewritten(desk: Bench) -> None:
    rule = desk.github.ruleset("Default branch")
    rule["rules"] = [r for r in rule["rules"] if r["type"] != "non_fast_forward"]


def writers_change_the_branch(desk: Bench) -> None:
    actor = {"actor_id": 4, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    desk.github.ruleset("Default branch")["bypass_actors"].append(actor)


def bypassing(kind: str, number: int | None, rule: str) -> Callable[[Bench], None]:
    """A change: a ruleset is bypassed by somebody more."""

    def change(desk: Bench) -> None:
        actor = {"actor_id": number, "actor_type": kind, "bypass_mode": "always"}
        desk.github.ruleset(rule)["bypass_actors"].append(actor)

    change.__name__ = f"{kind}_{number or 'all'}_{rule.partition(' ')[0]}"
    return change


# Keys and tokens, and a role that an organisation made.
STRANGERS = [("DeployKey", None), ("Integration", 29110), ("RepositoryRole", 17)]
TAGS_BYPASSED = [bypassing(*actor, "created") for actor in STRANGERS]
BRANCH_BYPASSED = [bypassing(*actor, "Default branch") for actor in STRANGERS]


def some_tags(desk: Bench) -> None:
    desk.github.ruleset("never")["conditions"]["ref_name"]["include"] = ["refs/tags/v1.*"]


def tags_excluded_one_by_one(desk: Bench) -> None:
    desk.github.ruleset("never")["conditions"]["ref_name"]["exclude"] = ["refs/tags/v[7-9].*"]


def asked_of_nobody(desk: Bench) -> None:
    asked = desk.github.ruleset("Default branch")["rules"][-1]["parameters"]
    asked["required_approving_review_count"] = 0


def asked_before_the_last_change(desk: Bench) -> None:
    asked = desk.github.ruleset("Default branch")["rules"][-1]["parameters"]
    asked["dismiss_stale_reviews_on_push"] = False


def release_branches(desk: Bench) -> None:
    """The gate takes commits of branches that no rule is about."""
    settings = desk.clone / ".github/release/settings.toml"
    text = settings.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^release-branches = .*$", 'release-branches = ["main", "release/**"]', text)
    assert changed != text
    settings.write_text(changed, encoding="utf-8")


BRANCH: list[Callable[[Bench], None]] = [
    no_branch_rule,
    branch_without_review,
    branch_that_is_rewritten,
    writers_change_the_branch,
]
BRANCH += [asked_of_nobody, asked_before_the_last_change, release_branches, *BRANCH_BYPASSED]
TAGS: list[Callable[[Bench], None]] = [no_rule, disabled_rule, bypassed_rule, writers_create, excluded_tags]
TAGS += [some_tags, tags_excluded_one_by_one, *TAGS_BYPASSED]


def no_environment(desk: Bench) -> None:
    del desk.github.repo["environments"]["pypi"]


def no_reviewer(desk: Bench) -> None:
    desk.github.environment("pypi", reviewers=[])


def any_ref(desk: Bench) -> None:
    desk.github.environment("testpypi", deployment_branch_policy=None)


def any_branch(desk: Bench) -> None:
    desk.github.environment("pypi")["policies"].append({"id": 1, "type": "branch", "name": "*"})


def branch_like_a_tag(desk: Bench) -> None:
    """Whoever may push makes such a branch, with a release workflow that has no gate."""
    desk.github.environment("pypi")["policies"].append({"id": 1, "type": "branch", "name": "v[0-9]*"})


def feature_branches(desk: Bench) -> None:
    desk.github.environment("testpypi")["policies"].append({"id": 1, "type": "branch", "name": "feature/*"})


def any_tag(desk: Bench) -> None:
    desk.github.environment("pypi")["policies"].append({"id": 1, "type": "tag", "name": "*"})


def no_tags(desk: Bench) -> None:
    policies = desk.github.environment("pypi")["policies"]
    policies[:] = [p for p in policies if p["type"] == "branch"]


def protected_branches(desk: Bench) -> None:
    policy = {"protected_branches": True, "custom_branch_policies": False}
    desk.github.environment("pypi", deployment_branch_policy=policy)


def actions_off(desk: Bench) -> None:
    desk.github.repo["actions"]["enabled"] = False


def local_actions(desk: Bench) -> None:
    desk.github.repo["actions"]["allowed_actions"] = "local_only"


def choose_actions(desk: Bench, **chosen: Any) -> None:  # noqa: ANN401
    """Let only some actions run."""
    known = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": []}
    desk.github.repo["actions"].update(allowed_actions="selected", selected_actions=known | chosen)


def selected_actions(desk: Bench) -> None:
    choose_actions(desk, patterns_allowed=["pypa/*", "astral-sh/ruff-action"])


def no_selected_action(desk: Bench) -> None:
    choose_actions(desk, github_owned_allowed=False)


def blocked_action(desk: Bench) -> None:
    choose_actions(desk, patterns_allowed=["*", "!pypa/gh-action-pypi-publish@*"])


def release_off(desk: Bench) -> None:
    GitHub(REPOSITORY, desk.github.token()).get_all(
        "actions/workflows", "workflows"
    )  # GitHub knows them from now on
    desk.github.repo["workflows"][RELEASE]["state"] = "disabled_inactivity"


def releases_change(desk: Bench) -> None:
    desk.github.repo["immutable_releases"] = False


def tokens_write(desk: Bench) -> None:
    desk.github.repo["actions"]["default_workflow_permissions"] = "write"


def workflows_approve(desk: Bench) -> None:
    """Whoever may push a branch has a workflow on it that approves the pull request."""
    desk.github.repo["actions"]["can_approve_pull_request_reviews"] = True


def loose_actions(desk: Bench) -> None:
    desk.github.repo["actions"]["sha_pinning_required"] = False


def token_kept(desk: Bench) -> None:
    desk.github.repo["secrets"] = {"PYPI_API_TOKEN": "x", "CODECOV": "y"}


def token_of_an_environment(desk: Bench) -> None:
    desk.github.environment("pypi", secrets={"PYPI_TOKEN": "x", "SENTRY": "y"})


def token_of_the_organisation(desk: Bench) -> None:
    desk.github.repo["organization_secrets"] = {"TWINE_PASSWORD": "x"}


def token_of_dependabot(desk: Bench) -> None:
    desk.github.repo["dependabot_secrets"] = {"UV_PUBLISH_TOKEN": "x", "REGISTRY": "y"}


def token_of_codespaces(desk: Bench) -> None:
    desk.github.repo["codespaces_secrets"] = {"HATCH_INDEX_AUTH": "x"}


def files_that_go_before_an_approval(desk: Bench) -> None:
    """A repository's, or its organisation's, limit goes before the days that a workflow asks for."""
    desk.github.repo["actions"]["retention"] = {"days": 3}


def archived(desk: Bench) -> None:
    desk.github.repo["archived"] = True


def another_clone(desk: Bench) -> None:
    git(desk.clone, "remote", "set-url", "origin", "https://github.com/somebody/demo-pkg")


def not_pushed(desk: Bench) -> None:
    desk.github.answers("GET", "/contents/", {"message": "Not Found"}, 404)


BREAKS: list[tuple[str, Callable[[Bench], None]]] = [
    *(("tag-rules", change) for change in TAGS),
    *(("default-branch", change) for change in BRANCH),
    *(
        ("environments", change)
        for change in (no_environment, no_reviewer, any_ref, any_branch, no_tags, protected_branches)
    ),
    *(("environments", change) for change in (branch_like_a_tag, feature_branches, any_tag)),
    *(("actions-on", change) for change in (actions_off, local_actions, release_off)),
    *(("actions-on", change) for change in (selected_actions, no_selected_action, blocked_action)),
    *(("hardened", change) for change in (releases_change, tokens_write, loose_actions)),
    ("hardened", workflows_approve),
    ("actions-on", files_that_go_before_an_approval),
    *(
        ("stored-tokens", change)
        for change in (token_kept, token_of_an_environment, token_of_the_organisation)
    ),
    *(("stored-tokens", change) for change in (token_of_dependabot, token_of_codespaces)),
    ("repository", archived),
    ("repository", not_pushed),
    ("package", another_clone),
]


@pytest.mark.requirement("C1", "C13", "P2.3", "P2.4", "X2", "X8", "T2")
@pytest.mark.parametrize(("check", "change"), BREAKS, ids=[change.__name__ for _, change in BREAKS])
def test_what_is_broken_on_github_is_named(
    set_up_desk: Bench, check: str, change: Callable[[Bench], None]
) -> None:
    change(set_up_desk)
    assert failed(set_up_desk) == {check}
    assert results(set_up_desk)[check].fix


@pytest.mark.parametrize(
    "change",
    [
        *TAGS,
        *(no_environment, no_reviewer, any_ref, no_tags),
        *(any_branch, branch_like_a_tag, feature_branches, any_tag),
        *BRANCH,
        workflows_approve,
    ],
)
def test_what_the_doctor_finds_set_up_mends(
    set_up_desk: Bench, change: Callable[[Bench], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(set_up_desk)
    assert github_settings.AGAIN in {results(set_up_desk)[check].fix for check in failed(set_up_desk)}
    set_up_desk.run("setup", "--yes", capsys=capsys)
    assert failed(set_up_desk) == set()


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(
    ("most", "fix"),
    [
        (90, "--field days=30`"),
        (7, "--field days=7`"),
        (3, "ask an owner to allow 30 days, and until then approve within 3 days"),
    ],
)
def test_days_that_an_owner_does_not_allow_are_not_asked_for(set_up_desk: Bench, most: int, fix: str) -> None:
    set_up_desk.github.repo["actions"]["retention"] = {"days": 3, "maximum_allowed_days": most}
    found = results(set_up_desk)["actions-on"]
    assert found.found == "artifacts are kept for 3 days here: an approval after that finds no files"
    assert found.fix.endswith(fix)


@pytest.mark.requirement("X15", "X2")
def test_a_token_is_named_with_the_place_that_it_is_deleted_from(set_up_desk: Bench) -> None:
    tokens = (token_kept, token_of_an_environment, token_of_the_organisation)
    for change in (*tokens, token_of_dependabot, token_of_codespaces):
        change(set_up_desk)
    found = results(set_up_desk)["stored-tokens"]
    assert "the secret PYPI_TOKEN of the environment pypi is not needed" in found.found
    assert [command.strip("` ") for command in found.fix.partition("`")[2].split(";")] == [
        f"gh secret delete PYPI_API_TOKEN --repo {REPOSITORY}",
        f"gh secret delete TWINE_PASSWORD --org {REPOSITORY.partition('/')[0]}",
        f"gh secret delete UV_PUBLISH_TOKEN --app dependabot --repo {REPOSITORY}",
        f"gh secret delete HATCH_INDEX_AUTH --app codespaces --repo {REPOSITORY}",
        f"gh secret delete PYPI_TOKEN --repo {REPOSITORY} --env pypi",
    ]


def test_the_command_for_selected_actions_adds_those_of_the_release(set_up_desk: Bench) -> None:
    selected_actions(set_up_desk)
    found = results(set_up_desk)["actions-on"]
    assert found.found == "astral-sh/setup-uv may not run here"
    words = shlex.split(found.fix.strip("`"))
    fields = [words[number + 1] for number, word in enumerate(words) if word == "--field"]
    assert fields == [
        *("github_owned_allowed=true", "verified_allowed=false", "patterns_allowed[]=pypa/*"),
        *("patterns_allowed[]=astral-sh/ruff-action", "patterns_allowed[]=astral-sh/setup-uv@*"),
    ]
    choose_actions(set_up_desk, patterns_allowed=[f.partition("]=")[2] for f in fields[2:]])
    assert results(set_up_desk)["actions-on"].result is Result.PASS


def test_whether_a_creator_is_verified_is_for_a_person_to_see(set_up_desk: Bench) -> None:
    choose_actions(set_up_desk, verified_allowed=True)
    found = results(set_up_desk)["actions-on"]
    assert found.result is Result.UNKNOWN
    assert "astral-sh/setup-uv, pypa/gh-action-pypi-publish" in found.found


def test_a_pin_that_its_action_has_left_behind_is_named(set_up_desk: Bench) -> None:
    store = set_up_desk.github.store
    for name in ("checkout", "download-artifact", "upload-artifact"):
        repo = store.create_repo("actions", name)
        add_release(repo, "v99.0.0" if name == "checkout" else "v1.0.0", "2026-01-01T00:00:00Z")
    found = results(set_up_desk)["action-versions"]
    assert found.result is Result.FAIL
    assert found.found.startswith("actions/checkout 7.0.1, while 99.0.0 is")
    assert "artifact" not in found.found


def test_a_release_of_yesterday_leaves_no_pin_behind(set_up_desk: Bench) -> None:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    add_release(set_up_desk.github.store.create_repo("actions", "checkout"), "v99.0.0", now)
    assert results(set_up_desk)["action-versions"].result is Result.UNKNOWN


def add_release(repo: dict[str, Any], tag: str, published: str) -> None:
    """Let a repository have a release."""
    facts = {"draft": False, "prerelease": False, "make_latest": "true", "assets": [], "author": "x", "id": 1}
    repo["releases"].append({**facts, "tag_name": tag, "published_at": published})


OLDER: dict[str, Any] = {
    "required_pull_request_reviews": {"required_approving_review_count": 1, "dismiss_stale_reviews": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}


@pytest.mark.requirement("X15")
def test_a_branch_that_a_rule_of_the_older_kind_protects_is_left_alone(
    desk: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.github.repo["protections"] = {"main": OLDER}
    assert "Branch rule" not in desk.run("setup", "--yes", capsys=capsys).printed
    assert {r["target"] for r in desk.github.repo["rulesets"]} == {"tag"}
    assert failed(desk) == set()


@pytest.mark.requirement("X15", "C1")
@pytest.mark.parametrize(
    ("key", "weak", "problem"),
    [
        ("required_pull_request_reviews", {}, "change it without a review"),
        (
            "required_pull_request_reviews",
            {"required_approving_review_count": 0, "dismiss_stale_reviews": True},
            "change it without a review",
        ),
        (
            "required_pull_request_reviews",
            {"required_approving_review_count": 1, "dismiss_stale_reviews": False},
            "change it without a review",
        ),
        ("allow_force_pushes", {"enabled": True}, "rewrite it"),
        ("allow_deletions", {"enabled": True}, "delete it"),
    ],
)
def test_a_protected_branch_is_not_taken_for_a_guarded_one(
    desk: Bench, capsys: pytest.CaptureFixture[str], key: str, weak: dict[str, Any], problem: str
) -> None:
    """GitHub calls a branch protected whatever its protection asks for."""
    desk.run("setup", "--yes", "--no-branch-rule", capsys=capsys)
    desk.github.repo["protections"] = {"main": {**OLDER, key: weak}}
    assert f"everybody who may push can {problem}: main" in results(desk)["default-branch"].found
    desk.run("setup", "--yes", capsys=capsys)
    assert failed(desk) == set()


@pytest.mark.requirement("X8", "C13")
def test_owners_whom_no_rule_asks_are_named(set_up_desk: Bench) -> None:
    """The file alone asks nobody: whoever may write approves a change of the release workflow."""
    asked = set_up_desk.github.ruleset("Default branch")["rules"][-1]["parameters"]
    asked["require_code_owner_review"] = False
    assert results(set_up_desk)["default-branch"].result is Result.PASS
    (set_up_desk.clone / ".github/CODEOWNERS").write_text("/.github/ @demo-pkg\n", encoding="utf-8")
    found = results(set_up_desk)["default-branch"]
    assert found.result is Result.UNKNOWN
    assert found.found.startswith(".github/CODEOWNERS names who has to review, and no rule of main asks")
    asked["require_code_owner_review"] = True
    assert results(set_up_desk)["default-branch"].result is Result.PASS


@pytest.mark.requirement("X15", "C1")
@pytest.mark.parametrize("kind", ["Team", "User"])
def test_persons_who_bypass_a_rule_are_named_and_stay(
    set_up_desk: Bench, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """An administrator has chosen them; whether they are maintainers, only a person can say."""
    words = {"Team": "the team 9", "User": "the account 9"}[kind]
    for rule, check in {"created": "tag-rules", "Default branch": "default-branch"}.items():
        bypassing(kind, 9, rule)(set_up_desk)
        assert results(set_up_desk)[check].result is Result.UNKNOWN
        assert words in results(set_up_desk)[check].found
    assert "Everything is set up already" in set_up_desk.run("setup", "--yes", capsys=capsys).printed


@pytest.mark.requirement("X8")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("refs/tags/v[0-9]*", "refs/tags/v1.*", True),
        ("refs/tags/v[0-9]*", "refs/tags/*-beta", True),
        ("refs/tags/v[0-9]*", "refs/tags/vendor-*", False),
        ("refs/tags/v[0-9]*", "refs/tags/[a-u]*", False),
        ("refs/tags/v[0-9]*", "refs/tags/?9", True),
        ("refs/tags/v[0-9]*", "refs/**/*", True),
        ("refs/heads/main", "refs/heads/ma??", True),
        ("refs/heads/main", "refs/heads/mai", False),
        ("", "*", True),
        ("", "", True),
    ],
)
def test_an_exception_is_about_the_same_refs(one: str, other: str, same: bool) -> None:
    assert github_settings.overlap(one, other) is github_settings.overlap(other, one) is same


@pytest.mark.requirement("X8")
@pytest.mark.parametrize("pattern", ["~ALL", "refs/tags/*", "refs/tags/v*", "refs/tags/v[0-9]*", "refs/**/*"])
def test_a_rule_is_about_every_release_tag(pattern: str) -> None:
    assert github_settings.covers_tags({"include": [pattern]}, "v")


@pytest.mark.requirement("X8")
@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("refs/tags/v1.2.3", "v"),
        ("refs/tags/v[0-8]*", "v"),
        ("refs/tags/v*.*.*", "v"),
        ("refs/tags/v[0-9].*", "v"),
        ("refs/tags/*", "demo/v"),
        ("refs/heads/v*", "v"),
    ],
)
def test_a_rule_is_about_some_release_tags_only(pattern: str, prefix: str) -> None:
    assert not github_settings.covers_tags({"include": [pattern]}, prefix)


@pytest.mark.requirement("X15")
def test_a_maintainer_can_leave_the_branch_as_it_is(desk: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("setup", "--yes", "--no-branch-rule", capsys=capsys).status == 0
    assert {r["target"] for r in desk.github.repo["rulesets"]} == {"tag"}
    assert failed(desk) == {"default-branch"}


# ---- Who may not see everything ---------------------------------------------------------------------


def seen_by(desk: Bench, token: str) -> dict[str, Result]:
    """What the checks find for a login."""
    context = read_context(desk.clone, desk.clone, lambda repository: GitHub(repository, token))
    return {f.check: f.result for f in doctor.find(context)}


def test_what_only_an_administrator_sees_is_unknown(set_up_desk: Bench) -> None:
    found = seen_by(set_up_desk, set_up_desk.github.token("ada", "write"))
    hidden = {"actions-on", "hardened", "stored-tokens", "tag-rules", "default-branch"}
    assert {name for name, result in found.items() if result is Result.UNKNOWN} == BY_HAND | hidden
    assert Result.FAIL not in found.values()


def test_a_repository_that_the_login_does_not_see_fails_once(set_up_desk: Bench) -> None:
    set_up_desk.github.repo["private"] = True
    found = seen_by(set_up_desk, set_up_desk.github.token("stranger"))
    assert {name for name, result in found.items() if result is Result.FAIL} == {"repository"}
    assert found["tag-rules"] is Result.UNKNOWN
    assert found["order"] is Result.PASS


def test_a_refusal_is_no_finding_about_the_repository(set_up_desk: Bench) -> None:
    set_up_desk.github.answers("GET", "/rulesets", {"message": "Upgrade to GitHub Pro"}, 403)
    found = results(set_up_desk)["tag-rules"]
    assert found.result is Result.UNKNOWN
    assert "Upgrade to GitHub Pro" in found.found
