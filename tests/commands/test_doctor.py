"""What looks done but is not: every line of the list is broken on purpose, and the doctor names it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import github, workflow_files
from copier_pypi_release.commands import doctor, setup
from copier_pypi_release.commands.doctor import Result
from release_lib.settings import load_settings
from support.rendering import commit_all, git

from commands.local_github import ADDRESS, OWNER, REPOSITORY, Bench, Command, Outcome, bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELEASE = ".github/workflows/release.yml"
STEPS = "on: push\njobs:\n  a:\n    steps:\n"
BY_HAND = {"C2", "pins", "template"}  # before the first release, without a release of the template


@pytest.fixture
def desk(default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A maintainer's clone and an empty repository."""
    return bench(default_package, tmp_path, monkeypatch)


@pytest.fixture
def run(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run doctor.py."""

    def command(*arguments: str) -> Outcome:
        return desk.run(doctor, *arguments, capsys=capsys)

    return command


@pytest.fixture
def set_up_desk(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The same, set up."""
    assert desk.run(setup, "--yes", capsys=capsys).status == 0
    return desk


def results(desk: Bench, *, offline: bool = False) -> dict[str, doctor.Finding]:
    """What the doctor finds, by check."""
    release = workflow_files.load(desk.clone / RELEASE)
    asked = None if offline else desk.github.host
    patient = doctor.Patient(desk.clone, desk.settings, release, asked, "offline", offline)
    return {finding.check: finding for finding in doctor.examine(patient)}


def failed(desk: Bench, *, offline: bool = False) -> set[str]:
    """The checks that fail."""
    return {c for c, f in results(desk, offline=offline).items() if f.result is Result.FAIL}


# ---- Nothing wrong ----------------------------------------------------------------------------------


@pytest.mark.requirement("C1", "C13", "P9.5")
def test_after_set_up_all_is_green_but_what_only_a_person_can_see(set_up_desk: Bench) -> None:
    found = results(set_up_desk)
    assert {c for c, f in found.items() if f.result is not Result.PASS} == BY_HAND
    assert all(f.result is Result.UNKNOWN and f.mend for c, f in found.items() if c in BY_HAND)


def test_offline_nothing_is_asked_and_nothing_fails(desk: Bench, run: Command) -> None:
    desk.patch.setattr(github, "API", "http://127.0.0.1:9")
    desk.patch.setattr(doctor, "files_of", None)
    desk.patch.delenv("GH_TOKEN")
    outcome = run("--offline")
    assert outcome.status == 0, outcome.printed
    assert ", 0 fail, " in outcome.printed


@pytest.mark.requirement("B6")
@pytest.mark.parametrize(
    "answers",
    [
        {"tag_prefix": "demo/v"},
        {"failure_issue": False},
        {"release_branches": ""},
        {"release_workflow": "publish.yml"},
    ],
)
def test_a_fresh_package_of_any_kind_has_nothing_wrong(
    template: Path, tmp_path: Path, answers: dict[str, Any]
) -> None:
    from support.rendering import render  # noqa: PLC0415

    package = render(template, tmp_path / "package", answers)
    commit_all(package)
    settings = load_settings(package / ".github/release/settings.toml")
    release = workflow_files.load_release(package, settings)
    findings = doctor.examine(doctor.Patient(package, settings, release, None, "offline", offline=True))
    assert not [f for f in findings if f.result is Result.FAIL]


def test_the_findings_are_there_for_machines(set_up_desk: Bench, run: Command) -> None:
    found = json.loads(run("--json").printed)
    assert {f["check"] for f in found} >= {f"C{n}" for n in range(1, 14)}
    assert {f["result"] for f in found} == {"pass", "cannot know"}
    assert set(found[0]) == {f.name for f in dataclasses.fields(doctor.Finding)}
    assert set_up_desk.github.changes


@pytest.mark.parametrize("number", range(1, 14))
def test_the_list_is_complete(number: int) -> None:
    assert [check for check, _, _ in doctor.CHECKS].count(f"C{number}") == 1


# ---- Broken on purpose: the files -------------------------------------------------------------------

BUILD_INDEXES = "check_index.py"
FILES: list[tuple[str, str, str, str]] = [
    ("C1", ".github/rulesets/release-tags-create.json", '"creation"', '"required_signatures"'),
    ("C1", ".github/rulesets/release-tags-keep.json", '"update"', '"required_signatures"'),
    ("C1", ".github/rulesets/release-tags-keep.json", "refs/tags/v[0-9]*", "refs/tags/rel-*"),
    (
        "C2",
        "RELEASING.md",
        "| `testpypi`    | `pypi` ",
        "| `testpypi`    | `prod` ",
    ),
    ("C2", "RELEASING.md", "| Owner            | `demo-pkg` ", "| Owner            | `someone` "),
    ("C2", RELEASE, 'environment: "pypi"', 'environment: "production"'),
    ("C3", RELEASE, "check_distributions.py dist", "check_commit.py dist"),
    ("C3", RELEASE, "id: check\n        run:", "id: check\n        if: false\n        run:"),
    ("C3", RELEASE, "id: check\n        run:", "id: check\n        run: true #"),
    ("C4", RELEASE, "verify_index.py testpypi", "verify_index.py pypi"),
    ("C5", RELEASE, "verify_index.py pypi", "verify_index.py --help"),
    ("C6", RELEASE, "needs: verify-testpypi", "needs: publish-testpypi"),
    ("C6", RELEASE, "needs: publish-pypi", "needs: verify-testpypi"),
    ("C6", RELEASE, "    needs: verify-testpypi\n", "    needs: verify-testpypi\n    if: always()\n"),
    ("C6", RELEASE, "    needs: gate\n", "    needs: gate\n    continue-on-error: true\n"),
    ("C7", RELEASE, "permissions: {}", "permissions: read-all"),
    ("C7", RELEASE, "issues: write", "issues: write\n      id-token: write"),
    ("C7", RELEASE, "      - name: Publish to PyPI\n", "      - run: echo\n      - name: Publish to PyPI\n"),
    (
        "C7",
        RELEASE,
        "      id-token: write # the identity that PyPI's",
        "      contents: write\n      id-token: write #",
    ),
    ("C8", RELEASE, "release_notes.py --output ../notes/release-notes.md", "release_notes.py"),
    ("C8", RELEASE, "draft_release.py", "check_tag.py"),
    ("C9", "RELEASING.md", "### verify-pypi\n", "### after\n"),
    ("C10", RELEASE, "always() && ", ""),
    ("C10", RELEASE, "report_outcome.py", "check_tag.py"),
    ("C10", RELEASE, "issues: write", "issues: read"),
    ("C11", RELEASE, "run: uv run .github/release/check_tag.py", "run: echo"),
    ("C11", RELEASE, '- "v[0-9]*"', '- "*"'),
    ("C11", RELEASE, '- "v[0-9]*"', '- "v[0-9]*"\n    branches: [main]'),
    ("C11", RELEASE, "  workflow_dispatch:", "  pull_request:\n  workflow_dispatch:"),
    ("C12", RELEASE, "          skip-existing: true\n", ""),
    ("C12", RELEASE, "skip-existing: true\n", "skip-existing: true\n          password: ${{ secrets.T }}\n"),
    ("C12", RELEASE, "cancel-in-progress: false", "cancel-in-progress: true"),
    (
        "C12",
        RELEASE,
        "group: release-${{ inputs.tag || github.ref_name }}",
        "group: release-${{ github.run_id }}",
    ),
    ("C13", RELEASE, 'environment: "pypi"', "environment: testpypi"),
    ("hardened", RELEASE, "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7"),
    ("static-version", "pyproject.toml", 'dynamic = ["version"]', 'version = "1.0"'),
    ("static-version", "src/demo_pkg/__init__.py", '"""\n', '"""\n__version__ = "1.0"\n'),
]
ALSO = {
    ("C2", 'environment: "production"'): set(),
    ("C13", "environment: testpypi"): {"C2"},  # the documents name another one
    ("hardened", "actions/checkout@v7"): {"pins"},
}


NAMES = [f"{check}-{number}" for number, (check, *_) in enumerate(FILES)]


@pytest.mark.requirement(*(f"C{n}" for n in range(1, 14)))
@pytest.mark.parametrize(
    ("check", "path", "old", "new"), FILES, ids=[f"{c}-{i}" for i, (c, *_) in enumerate(FILES)]
)
def test_what_is_broken_in_a_file_is_named_without_a_network(
    desk: Bench, check: str, path: str, old: str, new: str
) -> None:
    assert failed(desk, offline=True) == set()
    desk.edit(path, old, new)
    assert failed(desk, offline=True) == {check} | ALSO.get((check, new), set())


@pytest.mark.requirement("P1.1", "C6")
@pytest.mark.parametrize("job", workflow_files.STAGES)
def test_no_job_can_go_missing(desk: Bench, job: str) -> None:
    desk.edit(RELEASE, f"\n  {job}:\n", f"\n  renamed-{job}:\n")
    assert "C6" in failed(desk, offline=True)


@pytest.mark.requirement("B2", "T2")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            ".github/workflows/publish.yml",
            STEPS + "      - run: twine upload dist/*\n",
        ),
        (
            ".github/workflows/pypi.yaml",
            f"{STEPS}      - uses: pypa/gh-action-pypi-publish@{'0' * 40}\n",
        ),
        (".gitlab-ci.yml", "publish:\n  script: uv publish\n"),
        (".travis.yml", "deploy:\n  provider: pypi\n"),
    ],
)
def test_another_publisher_that_is_still_armed_is_named(desk: Bench, path: str, text: str) -> None:
    (desk.clone / path).write_text(text)
    found = results(desk, offline=True)["old-publishers"]
    assert found.result is Result.FAIL
    assert path in found.found
    assert found.mend.startswith(f"git rm {path}")


@pytest.mark.requirement("P3.4")
def test_a_version_file_that_is_committed_is_named(desk: Bench) -> None:
    path = desk.clone / "src/demo_pkg/_version.py"
    path.write_text('__version__ = "1"\n')
    git(desk.clone, "add", "--force", str(path))
    assert failed(desk, offline=True) == {"version-file"}
    git(desk.clone, "commit", "--quiet", "--message", "oops")
    git(desk.clone, "rm", "--quiet", "--cached", "src/demo_pkg/_version.py")
    assert failed(desk, offline=True) == set()


def test_a_static_version_of_another_build_backend_is_named(desk: Bench) -> None:
    (desk.clone / "setup.cfg").write_text("[metadata]\nversion = 1.0\n")
    assert "setup.cfg" in results(desk, offline=True)["static-version"].found


@pytest.mark.requirement("C9")
def test_a_missing_runbook_is_named(desk: Bench) -> None:
    (desk.clone / "RELEASING.md").unlink()
    assert failed(desk, offline=True) == {"C2", "C9"}


# ---- Broken on purpose: the host --------------------------------------------------------------------


def no_rule(desk: Bench) -> None:
    desk.github.repo["rulesets"].clear()


def disabled_rule(desk: Bench) -> None:
    desk.github.ruleset("never")["enforcement"] = "disabled"


def bypassed_rule(desk: Bench) -> None:
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    desk.github.ruleset("never")["bypass_actors"] = [actor]


def excluded_tags(desk: Bench) -> None:
    desk.github.ruleset("never")["conditions"]["ref_name"]["exclude"] = ["refs/tags/v1.*"]


def no_environment(desk: Bench) -> None:
    del desk.github.repo["environments"]["pypi"]


def no_reviewer(desk: Bench) -> None:
    desk.github.environment("pypi", reviewers=[])


def any_ref(desk: Bench) -> None:
    desk.github.environment("testpypi", deployment_branch_policy=None)


def any_branch(desk: Bench) -> None:
    desk.github.environment("pypi")["policies"].append({"id": 1, "type": "branch", "name": "*"})


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
    desk.github.host.get_all("actions/workflows", "workflows")  # GitHub knows them from now on
    desk.github.repo["workflows"][RELEASE]["state"] = "disabled_inactivity"


def releases_change(desk: Bench) -> None:
    desk.github.repo["immutable_releases"] = False


def tokens_write(desk: Bench) -> None:
    desk.github.repo["actions"]["default_workflow_permissions"] = "write"


def loose_actions(desk: Bench) -> None:
    desk.github.repo["actions"]["sha_pinning_required"] = False


def token_kept(desk: Bench) -> None:
    desk.github.repo["secrets"] = {"PYPI_API_TOKEN": "x", "CODECOV": "y"}


def a_fork(desk: Bench) -> None:
    desk.github.repo["fork"] = True


def another_clone(desk: Bench) -> None:
    git(desk.clone, "remote", "set-url", "origin", "https://github.com/somebody/demo-pkg")


HOST: list[tuple[str, Callable[[Bench], None]]] = [
    *(("C1", change) for change in (no_rule, disabled_rule, bypassed_rule, excluded_tags)),
    *(
        ("C13", change)
        for change in (no_environment, no_reviewer, any_ref, any_branch, no_tags, protected_branches)
    ),
    *(("actions", change) for change in (actions_off, local_actions, release_off)),
    *(("actions", change) for change in (selected_actions, no_selected_action, blocked_action)),
    *(("hardened", change) for change in (releases_change, tokens_write, loose_actions)),
    ("old-secrets", token_kept),
    *(("repository", change) for change in (a_fork, another_clone)),
]


@pytest.mark.requirement("C1", "C13", "P2.3", "P2.4", "X2", "X8", "T2")
@pytest.mark.parametrize(("check", "change"), HOST, ids=[change.__name__ for _, change in HOST])
def test_what_is_broken_on_the_host_is_named(
    set_up_desk: Bench, check: str, change: Callable[[Bench], None]
) -> None:
    change(set_up_desk)
    assert failed(set_up_desk) == {check}


@pytest.mark.parametrize(
    "change", [no_rule, disabled_rule, bypassed_rule, no_environment, no_reviewer, any_ref, no_tags]
)
def test_what_the_doctor_finds_set_up_mends(
    set_up_desk: Bench, change: Callable[[Bench], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(set_up_desk)
    assert setup.AGAIN in {results(set_up_desk)[check].mend for check in failed(set_up_desk)}
    set_up_desk.run(setup, "--yes", capsys=capsys)
    assert failed(set_up_desk) == set()


def test_the_command_for_selected_actions_adds_those_of_the_release(set_up_desk: Bench) -> None:
    selected_actions(set_up_desk)
    found = results(set_up_desk)["actions"]
    assert found.found == "astral-sh/setup-uv may not run here"
    words = shlex.split(found.mend)
    fields = [words[number + 1] for number, word in enumerate(words) if word == "--field"]
    assert fields == [
        *("github_owned_allowed=true", "verified_allowed=false", "patterns_allowed[]=pypa/*"),
        *("patterns_allowed[]=astral-sh/ruff-action", "patterns_allowed[]=astral-sh/setup-uv@*"),
    ]
    choose_actions(set_up_desk, patterns_allowed=[f.partition("]=")[2] for f in fields[2:]])
    assert results(set_up_desk)["actions"].result is Result.PASS


def test_whether_a_creator_is_verified_is_for_a_person_to_see(set_up_desk: Bench) -> None:
    choose_actions(set_up_desk, verified_allowed=True)
    found = results(set_up_desk)["actions"]
    assert found.result is Result.UNKNOWN
    assert "astral-sh/setup-uv, pypa/gh-action-pypi-publish" in found.found


def test_a_pin_that_its_action_has_left_behind_is_named(set_up_desk: Bench) -> None:
    store = set_up_desk.github.store
    for name in ("checkout", "download-artifact", "upload-artifact"):
        repo = store.create_repo("actions", name)
        add_release(repo, "v99.0.0" if name == "checkout" else "v1.0.0", "2026-01-01T00:00:00Z")
    found = results(set_up_desk)["pins"]
    assert found.result is Result.FAIL
    assert found.found.startswith("actions/checkout 7.0.1, while 99.0.0 is")
    assert "artifact" not in found.found


def test_a_release_of_yesterday_leaves_no_pin_behind(set_up_desk: Bench) -> None:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    add_release(set_up_desk.github.store.create_repo("actions", "checkout"), "v99.0.0", now)
    assert results(set_up_desk)["pins"].result is Result.UNKNOWN


def add_release(repo: dict[str, Any], tag: str, published: str) -> None:
    """Let a repository have a release."""
    facts = {"draft": False, "prerelease": False, "make_latest": "true", "assets": [], "author": "x", "id": 1}
    repo["releases"].append({**facts, "tag_name": tag, "published_at": published})


@pytest.mark.parametrize(
    ("newer", "result"), [("v1.1.0", Result.FAIL), ("v1.0.0", Result.PASS), ("v2.0.0rc1", Result.PASS)]
)
def test_a_newer_release_of_the_template_is_named(
    set_up_desk: Bench, tmp_path: Path, newer: str, result: Result
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "copier.yml").write_text("{}\n")
    commit_all(source, tag="v1.0.0")
    if newer != "v1.0.0":
        git(source, "tag", newer)
    (set_up_desk.clone / ".copier-answers.yml").write_text(f"_src_path: {source}\n_commit: v1.0.0\n")
    found = results(set_up_desk)["template"]
    assert found.result is result
    assert found.mend == ("copier update --defaults" if result is Result.FAIL else "")


# ---- Who may not see everything ---------------------------------------------------------------------


def test_what_only_an_administrator_sees_is_said_to_be_unknown(set_up_desk: Bench) -> None:
    token = set_up_desk.github.token("ada", "write")
    release = workflow_files.load(set_up_desk.clone / RELEASE)
    asked = github.GitHub(REPOSITORY, token)
    patient = doctor.Patient(set_up_desk.clone, set_up_desk.settings, release, asked)
    found = {f.check: f.result for f in doctor.examine(patient)}
    assert {c for c, r in found.items() if r is Result.UNKNOWN} == BY_HAND | {
        "actions",
        "hardened",
        "old-secrets",
    }
    assert Result.FAIL not in found.values()


def rate_limit(desk: Bench) -> None:
    desk.github.store.state["rate_limited"] = True


def network_gone(desk: Bench) -> None:
    desk.patch.setattr(github, "API", "http://127.0.0.1:9")


def no_access(desk: Bench) -> None:
    desk.github.repo["private"] = True
    desk.patch.setenv("GH_TOKEN", desk.github.token("stranger"))


@pytest.mark.parametrize("spoil", [rate_limit, network_gone, no_access], ids=lambda f: f.__name__)
def test_without_github_the_files_are_checked_all_the_same(
    set_up_desk: Bench, run: Command, spoil: Callable[[Bench], None]
) -> None:
    spoil(set_up_desk)
    outcome = run("--json")
    found = {f["check"]: f for f in json.loads(outcome.printed)}
    assert outcome.status == 1
    assert {c for c, f in found.items() if f["result"] == "fail"} == {"github"}
    assert found["C6"]["result"] == "pass"
    assert found["C1"]["found"] == found["github"]["found"]


# ---- What it looks like -----------------------------------------------------------------------------


def test_each_failure_has_a_line_that_can_be_copied(set_up_desk: Bench, run: Command) -> None:
    no_reviewer(set_up_desk)
    outcome = run()
    assert outcome.status == 1
    assert f"  C13: {setup.AGAIN}" in outcome.printed.splitlines()
    assert "\x1b[" not in outcome.printed
    assert OWNER in outcome.printed
    assert ADDRESS  # the host that was asked
