"""setup: it plans, asks, applies, and shows the forms."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import github, github_settings, workflow_files
from copier_pypi_release.commands import setup
from release_lib.index import INDEXES
from support.rendering import git

from commands.local_github import NAME, OWNER, REPOSITORY, Bench, Command, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = 8  # settings: two environments, two rules, releases, tokens, actions, default branch


@pytest.fixture
def run(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run setup."""

    def command(*arguments: str) -> Outcome:
        return desk.run("setup", *arguments, capsys=capsys)

    return command


def plan_of(desk: Bench) -> dict[str, github_settings.Item]:
    """The plan for a bench, by title."""
    release = workflow_files.load_release(desk.clone, desk.settings)
    me = desk.github.store.user(OWNER)
    review = github_settings.ReviewOptions((github_settings.Reviewer("User", me["id"], me["login"]),))
    items = github_settings.plan(desk.github.client, desk.clone, desk.settings, release, review)
    return {item.title: item for item in items}


# ---- Private repositories ---------------------------------------------------------------------------


@pytest.mark.requirement("P9.5", "P2.3")
@pytest.mark.parametrize("plan", ["free", "pro", "team"])
def test_a_private_repository_gets_what_its_plan_has_and_the_rest_is_named(
    desk: Bench, run: Command, plan: str
) -> None:
    desk.github.repo["private"] = True
    desk.github.store.user(OWNER)["plan"] = plan
    outcome = run("--yes")
    assert outcome.status == 0, outcome.errors
    said = " ".join(outcome.printed.split())
    assert f"is private, and its owner's plan is {plan.title()}: GitHub has no" in said
    assert "whoever may push a tag releases" in said
    made = desk.github.repo
    assert made["immutable_releases"] is True
    if plan == "free":
        assert (made["environments"], made["rulesets"]) == ({}, [])
        assert "not on the plan Free" in said
    else:
        assert [e["reviewers"] for e in made["environments"].values()] == [[], []]
        assert all(e["policies"] for e in made["environments"].values())
        assert [rule["target"] for rule in made["rulesets"]] == ["tag", "tag", "branch"]
    assert "Everything is set up already" in run("--yes").printed


@pytest.mark.requirement("P9.5")
def test_a_plan_that_is_not_shown_is_known_by_what_github_refuses(desk: Bench, run: Command) -> None:
    desk.github.repo["private"] = True
    desk.github.store.user(OWNER)["plan"] = "free"
    desk.github.answers("GET", "/user", {"message": "Resource not accessible by integration"}, 403)
    assert "its owner's plan is Free" in " ".join(run("--yes").printed.split())


# ---- From nothing -----------------------------------------------------------------------------------


@pytest.mark.requirement("P2.3", "P9.5", "X2", "C13")
def test_both_environments_admit_release_tags_and_the_default_branch_only(desk: Bench, run: Command) -> None:
    assert run("--yes").status == 0
    made = desk.github.repo["environments"]
    assert set(made) == {"testpypi", "pypi"}
    for environment in made.values():
        policies = {(p["type"], p["name"]) for p in environment["policies"]}
        assert policies == {("tag", "v[0-9]*"), ("branch", "main")}
    assert made["pypi"]["reviewers"] == [OWNER]
    assert made["pypi"]["prevent_self_review"] is False


@pytest.mark.requirement("P2.4", "X8", "C1")
def test_both_tag_rules_are_created_as_the_repository_has_them(desk: Bench, run: Command) -> None:
    run("--yes")
    files = sorted((desk.clone / ".github/rulesets").glob("*.json"))
    wanted = [json.loads(path.read_text()) for path in files]
    made = [{k: r[k] for k in wanted[0]} for r in desk.github.repo["rulesets"]]
    assert made == [*wanted, github_settings.BRANCH_RULE]


@pytest.mark.requirement("P9.5", "X6")
def test_releases_are_immutable_tokens_read_only_and_actions_pinned(desk: Bench, run: Command) -> None:
    desk.github.repo["actions"].update(default_workflow_permissions="write", enabled=False)
    run("--yes")
    actions = desk.github.repo["actions"]
    assert desk.github.repo["immutable_releases"] is True
    assert actions["default_workflow_permissions"] == "read"
    assert actions["sha_pinning_required"] is True
    assert actions["enabled"] is True


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of the command do not last."""
    monkeypatch.setattr(setup, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.mark.requirement("P9.5")
@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize(("lag", "status"), [(5, 0), (20, 0), (10_000, 1)])
def test_reads_that_are_behind_the_writes_are_waited_for(
    desk: Bench, run: Command, lag: int, status: int
) -> None:
    """A reader of GitHub's may answer from a copy, for some seconds after a change."""
    desk.github.lag = lag
    outcome = run("--yes")
    assert outcome.status == status, outcome.errors
    assert set(desk.github.repo["environments"]) == {"testpypi", "pypi"}


@pytest.mark.requirement("P9.5")
def test_a_second_run_has_nothing_to_do(desk: Bench, run: Command) -> None:
    run("--yes")
    before, desk.github.changes = desk.github.state(), []
    again = run("--yes")
    assert "Everything is set up already" in again.printed
    assert desk.github.changes == []
    assert desk.github.state() == before


def test_a_dry_run_shows_the_plan_and_changes_nothing(desk: Bench, run: Command) -> None:
    before = desk.github.state()
    shown = run("--dry-run")
    assert shown.status == 0
    assert "Nothing was changed (--dry-run). 7 to create or change." in shown.printed
    assert all(word in shown.printed for word in ("Environment testpypi", "Immutable releases", "create"))
    assert desk.github.changes == []
    assert desk.github.state() == before


@pytest.mark.requirement("P4.4")
@pytest.mark.parametrize(
    ("prefix", "pattern"), [("", "[0-9]*"), ("demo/v", "demo/v[0-9]*"), ("release-", "release-[0-9]*")]
)
def test_the_environments_follow_the_tag_prefix(desk: Bench, run: Command, prefix: str, pattern: str) -> None:
    desk.edit(".github/release/settings.toml", 'tag-prefix = "v"', f'tag-prefix = "{prefix}"')
    run("--yes")
    names = {p["name"] for p in desk.github.repo["environments"]["pypi"]["policies"]}
    assert names == {pattern, "main"}
    assert "Everything is set up already" in run("--yes").printed


def test_the_environments_are_named_as_in_the_workflow(desk: Bench, run: Command) -> None:
    """P9.2: at a retrofit the names are the maintainer's."""
    desk.edit(".github/workflows/release.yml", 'name: "pypi"', "name: release to PyPI")
    run("--yes")
    assert set(desk.github.repo["environments"]) == {"testpypi", "release to PyPI"}


# ---- The question -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "reviewers"),
    [("\ny\n", [OWNER]), ("ada grace\nyes\n", ["ada", "grace"]), ("ada, grace\nY\n", ["ada", "grace"])],
)
def test_it_asks_who_approves_and_whether_to_apply(
    desk: Bench, run: Command, typed: str, reviewers: list[str]
) -> None:
    for login in ("ada", "grace"):
        desk.github.token(login, "write")
    desk.patch.setattr(sys, "stdin", io.StringIO(typed))
    assert run().status == 0
    assert desk.github.repo["environments"]["pypi"]["reviewers"] == reviewers


@pytest.mark.parametrize("typed", ["\n\n", "\nn\n", "\nwhat?\n"])
def test_nothing_changes_without_a_yes(desk: Bench, run: Command, typed: str) -> None:
    desk.patch.setattr(sys, "stdin", io.StringIO(typed))
    assert run().printed.rstrip().endswith("Nothing was changed.")
    assert desk.github.changes == []


def test_without_anybody_to_ask_it_names_the_options(desk: Bench, run: Command) -> None:
    desk.patch.setattr(sys, "stdin", io.StringIO("\n"))
    outcome = run()
    assert outcome.status == 1
    assert outcome.error_lines[0].startswith("There is nobody to ask")
    assert "--yes" in outcome.error_lines[2]
    assert desk.github.changes == []


def test_self_review_can_be_switched_off(desk: Bench, run: Command) -> None:
    shown = run("--yes", "--no-self-review")
    assert desk.github.repo["environments"]["pypi"]["prevent_self_review"] is True
    assert "locked out" not in shown.printed


def test_it_explains_why_self_review_stays_possible(run: Command) -> None:
    assert "a single maintainer would be locked out" in " ".join(run("--dry-run").printed.split())


# ---- A stricter setting stays, a weaker one is changed ------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prevent_self_review", True),
        ("wait_timer", 30),
        ("can_admins_bypass", False),
        ("reviewers", ["ada", "grace"]),
    ],
)
def test_a_stricter_environment_stays(desk: Bench, run: Command, key: str, value: object) -> None:
    for login in ("ada", "grace"):
        desk.github.token(login, "write")
    desk.github.environment("pypi", reviewers=["ada"])  # and any ref gets in, so it has to be changed
    desk.github.environment("pypi", **{key: value})
    run("--yes")
    environment = desk.github.repo["environments"]["pypi"]
    assert environment[key] == value
    assert len(environment["policies"]) == 2


def test_a_team_can_be_a_reviewer_and_stays_one(desk: Bench, run: Command) -> None:
    desk.github.team("docs")
    desk.github.team("releasers")
    shown = run("--yes", "--reviewer", f"{OWNER}/Releasers", "--reviewer", OWNER)
    assert "releasers" in shown.printed
    pypi = desk.github.repo["environments"]["pypi"]
    assert pypi["reviewers"] == ["@releasers", OWNER]
    desk.github.environment("pypi", policies=[])  # something to change
    run("--yes")
    assert pypi["reviewers"] == ["@releasers", OWNER]
    assert len(pypi["policies"]) == 2


@pytest.mark.parametrize("team", [f"{OWNER}/nobody", "elsewhere/releasers"])
def test_a_team_without_access_cannot_review(desk: Bench, run: Command, team: str) -> None:
    desk.github.team("releasers")
    outcome = run("--yes", "--reviewer", team)
    assert outcome.error_lines[0] == (
        f"The team {team!r} cannot approve releases: it has no access to {REPOSITORY}"
    )
    assert f"repos/{REPOSITORY}" in outcome.error_lines[2]
    assert desk.github.changes == []


def test_reviewers_of_testpypi_stay(desk: Bench, run: Command) -> None:
    desk.github.token("ada", "write")
    desk.github.environment("testpypi", reviewers=["ada"])
    run("--yes")
    assert desk.github.repo["environments"]["testpypi"]["reviewers"] == ["ada"]


def test_refs_admitted_before_stay_admitted(desk: Bench, run: Command) -> None:
    """Another package of the same repository may publish through this environment."""
    custom = {"protected_branches": False, "custom_branch_policies": True}
    policies = [{"id": 7, "type": "tag", "name": "other-v*"}]
    desk.github.environment("pypi", deployment_branch_policy=custom, policies=policies)
    run("--yes")
    names = {p["name"] for p in desk.github.repo["environments"]["pypi"]["policies"]}
    assert names == {"other-v*", "v[0-9]*", "main"}


def test_a_broader_pattern_is_enough(desk: Bench, run: Command) -> None:
    run("--yes")
    for policy in desk.github.repo["environments"]["pypi"]["policies"]:
        policy["name"] = {"v[0-9]*": "v*"}.get(policy["name"], policy["name"])
    assert "Everything is set up already" in run("--yes").printed


WEAKER: list[tuple[str, str, dict[str, Any], str]] = [
    ("disabled", "created", {"enforcement": "disabled"}, "disabled -> active"),
    ("evaluated only", "never", {"enforcement": "evaluate"}, "evaluate -> active"),
    ("a rule is missing", "never", {"rules": [{"type": "update"}]}, "forbids deletion, non_fast_forward too"),
    (
        "bypassed by all who push",
        "created",
        {"bypass_actors": [{"actor_id": 4, "actor_type": "RepositoryRole", "bypass_mode": "always"}]},
        "no longer bypassed by everybody who may push",
    ),
    (
        "administrators move tags",
        "never",
        {"bypass_actors": [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]},
        "no longer bypassed by administrators",
    ),
    (
        "an exception",
        "never",
        {"conditions": {"ref_name": {"include": ["refs/tags/v[0-9]*"], "exclude": ["refs/tags/v1*"]}}},
        "no exception for refs/tags/v1*",
    ),
    (
        "other tags",
        "created",
        {"conditions": {"ref_name": {"include": ["refs/tags/rel-*"], "exclude": []}}},
        "applies to refs/tags/v[0-9]*",
    ),
]


@pytest.mark.requirement("X8", "C1")
@pytest.mark.parametrize(("part", "weak", "then"), [w[1:] for w in WEAKER], ids=[w[0] for w in WEAKER])
def test_a_weaker_tag_rule_is_tightened(
    desk: Bench, run: Command, part: str, weak: dict[str, Any], then: str
) -> None:
    run("--yes")
    desk.github.ruleset(part).update(weak)
    title = next(t for t in plan_of(desk) if part in t)
    assert plan_of(desk)[title].then == then
    run("--yes")
    assert not plan_of(desk)[title].calls


@pytest.mark.requirement("X15", "X8", "C1")
def test_the_plan_says_who_is_no_longer_let_through(desk: Bench, run: Command) -> None:
    run("--yes")
    strangers = [("DeployKey", None), ("Integration", 29110), ("RepositoryRole", 17)]
    desk.github.ruleset("created")["bypass_actors"] += [
        {"actor_id": number, "actor_type": kind, "bypass_mode": "always"} for kind, number in strangers
    ]
    loose = [{"id": 1, "type": "branch", "name": "*"}, {"id": 2, "type": "tag", "name": "*"}]
    desk.github.environment("pypi")["policies"] += loose
    thens = [item.then for item in plan_of(desk).values() if item.calls]
    assert "no longer bypassed by deploy keys, the app 29110, the role 17" in thens
    assert any(then.endswith("no longer branch *, no longer tag *") for then in thens)
    run("--yes")
    assert not any(item.calls for item in plan_of(desk).values())
    assert {p["name"] for p in desk.github.environment("pypi")["policies"]} == {"main", "v[0-9]*"}


STRICTER: list[tuple[str, str, dict[str, Any]]] = [
    ("for all tags", "never", {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": []}}}),
    ("created by nobody", "created", {"bypass_actors": []}),
    ("created by a team", "created", {"bypass_actors": [{"actor_id": 9, "actor_type": "Team"}]}),
    (
        "signed, too",
        "created",
        {"rules": [{"type": "creation"}, {"type": "required_signatures"}]},
    ),
]


@pytest.mark.parametrize(("part", "strict"), [s[1:] for s in STRICTER], ids=[s[0] for s in STRICTER])
def test_a_stricter_tag_rule_stays(desk: Bench, run: Command, part: str, strict: dict[str, Any]) -> None:
    run("--yes")
    desk.github.ruleset(part).update(strict)
    before = desk.github.state()
    assert "Everything is set up already" in run("--yes").printed
    assert desk.github.state() == before


def test_tightening_a_rule_keeps_its_stricter_parts(desk: Bench, run: Command) -> None:
    run("--yes")
    rule = desk.github.ruleset("never")
    rule.update(enforcement="disabled", rules=[*rule["rules"], {"type": "required_signatures"}])
    run("--yes")
    assert [r["type"] for r in rule["rules"]][-1] == "required_signatures"
    assert rule["enforcement"] == "active"


def test_a_rule_on_the_second_page_is_found(desk: Bench, run: Command) -> None:
    run("--yes")
    rules = desk.github.repo["rulesets"]
    rules[:0] = [
        {**rules[0], "id": 10_000 + number, "name": f"Other {number}"} for number in range(github.PAGE)
    ]
    assert "Everything is set up already" in run("--yes").printed
    assert len(rules) == github.PAGE + 3


def test_pinning_is_not_required_while_a_workflow_would_stop(desk: Bench, run: Command) -> None:
    other = desk.clone / ".github/workflows/docs.yml"
    other.write_text("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v7\n")
    shown = run("--yes")
    assert shown.status == 0
    assert "docs.yml: actions/checkout@v7 would stop" in plan_of(desk)["Actions"].then
    assert desk.github.repo["actions"]["sha_pinning_required"] is False


def test_the_selection_of_allowed_actions_stays(desk: Bench, run: Command) -> None:
    chosen = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": ["pypa/*"]}
    desk.github.repo["actions"].update(allowed_actions="selected", selected_actions=chosen)
    run("--yes")
    assert desk.github.repo["actions"]["allowed_actions"] == "selected"
    assert desk.github.repo["actions"]["selected_actions"] == chosen


# ---- Bad input --------------------------------------------------------------------------------------


def programs(folder: Path, **scripts: str) -> str:
    """A folder for PATH with git and some shell scripts."""
    folder.mkdir()
    git_program = subprocess.run(["sh", "-c", "command -v git"], check=True, capture_output=True, text=True)
    (folder / "git").symlink_to(git_program.stdout.strip())
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def no_gh(desk: Bench, folder: Path) -> None:
    desk.patch.delenv("GH_TOKEN")
    desk.patch.setenv("PATH", programs(folder / "bin"))


def not_logged_in(desk: Bench, folder: Path) -> None:
    desk.patch.delenv("GH_TOKEN")
    desk.patch.setenv("PATH", programs(folder / "bin", gh="echo 'no oauth token found' >&2; exit 1"))


def old_token(desk: Bench, folder: Path) -> None:
    desk.patch.setenv("GH_TOKEN", f"gone{folder.name}")
    desk.github.refusals.append(("GET", "^/repos", 401, {"message": "Bad credentials"}))


def another_clone(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    git(desk.clone, "remote", "set-url", "origin", "git@github.com:somebody/demo-pkg.git")


def not_on_github(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.edit(".github/release/settings.toml", REPOSITORY, "octo-org/nothing")
    git(desk.clone, "remote", "remove", "origin")


def renamed(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.store.rename(desk.github.repo, "new-name")


def other_case(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.repo.update(full_name=f"{OWNER}/Demo-Pkg", name="Demo-Pkg")


def archived(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.repo["archived"] = True


def no_rights(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.token("ada", "admin")
    desk.patch.setenv("GH_TOKEN", desk.github.token("grace", "write"))


def a_guest(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.patch.setenv("GH_TOKEN", desk.github.token("guest"))


def weak_token(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    answer = {"message": "Resource not accessible by personal access token"}
    desk.github.refusals.append(("GET", "immutable-releases", 403, answer))


def rate_limit(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.store.state["rate_limited"] = True


def network_gone(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.patch.setattr(github, "API", "http://127.0.0.1:9")


def github_down(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    desk.github.refusals.append(("GET", "^/repos", 502, {}))


def rules_missing(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    for path in (desk.clone / ".github/rulesets").iterdir():
        path.unlink()


def workflow_broken(desk: Bench, folder: Path) -> None:
    assert folder.exists()
    (desk.clone / ".github/workflows/release.yml").write_text("on: [\n")


BAD = [
    (no_gh, "gh is not installed", "gh auth login"),
    (not_logged_in, "gh is not logged in", "gh auth login"),
    (old_token, "GitHub does not know this token", "gh auth login"),
    (
        another_clone,
        "This clone belongs to somebody/demo-pkg",
        f"git remote set-url origin https://github.com/{REPOSITORY}.git",
    ),
    (not_on_github, "octo-org/nothing is not on GitHub", "gh repo view octo-org/nothing"),
    (
        renamed,
        "is called demo-pkg/new-name by now",
        "copier update --data repository_owner=demo-pkg --data repository_name=new-name",
    ),
    (other_case, "is called demo-pkg/Demo-Pkg by now", "--data repository_name=Demo-Pkg"),
    (archived, "is archived", "correct settings.toml"),
    (no_rights, "grace has the role write", "ask demo-pkg, ada to run"),
    (a_guest, "guest has the role read", "ask the owner, demo-pkg to run"),
    (weak_token, "Resource not accessible by personal access token", "gh auth login --scopes repo"),
    (rate_limit, "rate limit for this login is used up until 2100-01-01", "gh auth switch"),
    (network_gone, "GitHub does not answer", "https://www.githubstatus.com"),
    (github_down, "GitHub does not answer: status 502", "https://www.githubstatus.com"),
    (rules_missing, "no file release-tags-*.json", "copier update"),
    (workflow_broken, "release.yml is not YAML at line 2", "git log -p"),
]


@pytest.mark.requirement("P9.5")
@pytest.mark.parametrize(("spoil", "words"), [(b[0], b[1:]) for b in BAD], ids=[b[0].__name__ for b in BAD])
def test_bad_input_ends_in_four_lines_and_changes_nothing(
    desk: Bench, run: Command, tmp_path: Path, spoil: Callable[[Bench, Path], None], words: tuple[str, str]
) -> None:
    spoil(desk, tmp_path)
    before = desk.github.state()
    outcome = run("--yes")
    assert outcome.status == 1
    assert words[0] in outcome.error_lines[0]
    assert words[1] in outcome.error_lines[2]
    assert len(outcome.error_lines) == 4
    assert desk.github.changes == []
    assert desk.github.state() == before


@pytest.mark.parametrize("login", ["nobody-of-that-name", "stranger"])
def test_a_reviewer_must_exist_and_have_access(desk: Bench, run: Command, login: str) -> None:
    desk.github.token("stranger")
    desk.github.repo["private"] = True
    outcome = run("--yes", "--reviewer", login)
    assert outcome.error_lines[0].startswith(f"'{login}' cannot approve releases")
    assert desk.github.changes == []


def test_a_token_that_belongs_to_nobody_needs_a_named_reviewer(desk: Bench, run: Command) -> None:
    desk.github.answers("GET", "^/user$", {"message": "Resource not accessible by integration"}, 403)
    outcome = run("--yes")
    assert outcome.error_lines[0].startswith("Nobody is named who approves releases to PyPI")
    assert outcome.error_lines[2] == f"Fix: {github_settings.AGAIN} --reviewer LOGIN"
    assert desk.github.changes == []
    assert run("--yes", "--reviewer", OWNER).status == 0


@pytest.mark.parametrize(
    "refused", ["environments/pypi$", "rulesets$", "immutable-releases$", "actions/permissions$"]
)
def test_a_refusal_names_what_is_done_and_the_next_run_continues(
    desk: Bench, run: Command, refused: str
) -> None:
    for method in ("PUT", "POST"):
        desk.github.refusals.append((method, refused, 403, {"message": "Upgrade to GitHub Pro"}))
    outcome = run("--yes")
    assert outcome.status == 1
    assert "Upgrade to GitHub Pro" in outcome.error_lines[0]
    assert "done: Environment testpypi" in outcome.error_lines[0]
    desk.github.refusals.clear()
    assert run("--yes").status == 0
    assert not [item for item in plan_of(desk).values() if item.calls]


@pytest.mark.usefixtures("without_waiting")
def test_settings_that_github_does_not_keep_are_named(desk: Bench, run: Command) -> None:
    desk.github.answers("PUT", "immutable-releases$", None, 204)
    outcome = run("--yes")
    assert (
        outcome.error_lines[0] == "GitHub accepted these settings and did not keep them: Immutable releases"
    )


def test_the_token_of_gh_is_used_when_the_environment_has_none(
    desk: Bench, run: Command, tmp_path: Path
) -> None:
    token = desk.github.token()
    desk.patch.delenv("GH_TOKEN")
    desk.patch.setenv("PATH", programs(tmp_path / "bin", gh=f'[ "$1 $2" = "auth token" ] && echo {token}'))
    assert run("--yes").status == 0


# ---- What only a person can do ----------------------------------------------------------------------


@pytest.mark.requirement("P9.1", "P9.5", "C2")
@pytest.mark.parametrize("key", ["testpypi", "pypi"])
def test_each_value_of_the_forms_is_on_a_line_of_its_own(desk: Bench, run: Command, key: str) -> None:
    printed = run("--yes").printed.splitlines()
    page = INDEXES[key].simple.removesuffix("/simple/") + "/manage/account/publishing/"
    title = f"{INDEXES[key].title}: {page}"
    start = printed.index(title) + 3
    form = dict(zip(printed[start : start + 10 : 2], printed[start + 1 : start + 10 : 2], strict=True))
    release = workflow_files.load_release(desk.clone, desk.settings)
    assert form == {
        "  PyPI Project Name": NAME,
        "  Owner": OWNER,
        "  Repository name": NAME,
        "  Workflow name": release.path.name,
        "  Environment name": release.environment(f"publish-{key}"),
    }


@pytest.mark.requirement("P9.2")
def test_an_adopted_package_keeps_the_file_name_of_its_workflow(desk: Bench, run: Command) -> None:
    folder = desk.clone / ".github/workflows"
    (folder / "release.yml").rename(folder / "publish.yml")
    desk.edit(
        ".github/release/settings.toml",
        'release-workflow = "release.yml"',
        'release-workflow = "publish.yml"',
    )
    printed = run("--yes").printed.splitlines()
    forms = [value for field, value in itertools.pairwise(printed) if field == "  Workflow name"]
    assert forms == ["publish.yml", "publish.yml"]


def test_it_tells_when_to_register_the_publishers(run: Command) -> None:
    printed = " ".join(run("--yes").printed.split())
    assert "just before the first tag" in printed
    assert "expires after 30 days" in printed


def test_the_plan_has_a_line_for_every_setting(desk: Bench) -> None:
    assert len(plan_of(desk)) == EVERYTHING
