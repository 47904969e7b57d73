"""release: who may, what CI says, which release is the latest; the rest is in tests/drill."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import os
import pty
import re
import select
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import tomlkit
from copier_pypi_release import github
from copier_pypi_release.commands import status
from copier_pypi_release.commands.release import check_rights, go_on
from copier_pypi_release.console import console
from copier_pypi_release.recovery import NextStep, next_step
from copier_pypi_release.release.ci import check_ci, start_ci
from copier_pypi_release.release.commit import bring_commit, is_merged
from copier_pypi_release.release.desk import PATIENCE, UNTIL_IT_BEGINS, Desk, agrees
from copier_pypi_release.release.following import Followed, Review, review, run_commands, show_review
from copier_pypi_release.release.plan import Plan, show_plan
from copier_pypi_release.release.publish import edited, finish, is_latest
from copier_pypi_release.release.sizes import MIB, estimate, near_limits
from copier_pypi_release.release_state import Tag
from copier_pypi_release.workflow_files import STAGES, load_release
from packaging.version import Version
from pypi_simple import ProjectPage
from release_lib.index import INDEXES, Index
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError
from rich.console import Console
from support.clock import Clock
from support.compiled import FILES
from support.rendering import commit_all, git

from commands.local_github import Bench, ready_bench
from commands.test_status import BUILT, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copier_pypi_release.release_state import ReleaseState
    from copier_pypi_release.workflow_files import Workflow

COMMIT = "a" * 40
RED = ["failure", "cancelled", "timed_out"]


def ci_run(number: int = 1, event: str = "push", conclusion: str | None = "success") -> dict[str, Any]:
    """A run of CI on the commit; in progress without a conclusion."""
    return {
        "id": number,
        "run_number": number,
        "run_attempt": 1,
        "head_sha": COMMIT,
        "html_url": f"https://github.com/o/r/actions/runs/{number}",
        "event": event,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
    }


class Ci:
    """A GitHub that has these runs, by workflow."""

    def __init__(self, **runs: list[dict[str, Any]]) -> None:
        self.runs = runs

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The runs of one workflow."""
        assert query["head_sha"] == COMMIT
        return {"workflow_runs": self.runs[path.split("/")[2].removesuffix(".yml")]}


def verdict_of(**runs: list[dict[str, Any]]) -> str:
    """What these runs, by workflow, say about the commit."""
    return check_ci(Ci(**runs), [f"{name}.yml" for name in runs], COMMIT)  # type: ignore[arg-type]


@pytest.mark.requirement("B8", "R2")
@pytest.mark.parametrize(
    ("ci", "verdict"),
    [
        ([], "absent"),
        ([ci_run(event="pull_request")], "absent"),
        ([ci_run(conclusion=None)], "running"),
        ([ci_run(), ci_run(2, "schedule", None)], "running"),
        ([ci_run(conclusion="failure"), ci_run(2)], "passed"),
        ([ci_run()], "passed"),
    ],
)
def test_what_ci_says(ci: list[dict[str, Any]], verdict: str) -> None:
    assert verdict_of(ci=ci) == verdict
    assert verdict_of(ci=[ci_run()], tests=ci) == verdict


@pytest.mark.requirement("B8", "R2")
@pytest.mark.parametrize("conclusion", RED)
def test_nothing_is_tagged_where_ci_is_red(conclusion: str) -> None:
    red = ci_run(7, conclusion=conclusion)
    for runs in (
        {"ci": [red]},
        {"ci": [red, ci_run(8, "workflow_dispatch")]},
        {"ci": [ci_run()], "tests": [red]},
    ):
        with pytest.raises(ReleaseError, match=f"CI ended with {conclusion} on aaaaaaaaaa") as stopped:
            verdict_of(**runs)
        assert "gh run view 7 --log-failed" in stopped.value.fix


@pytest.mark.requirement("B8")
def test_who_may_not_push_is_told_at_once() -> None:
    found = {"full_name": "o/r", "permissions": {"pull": True, "push": False}}
    with pytest.raises(ReleaseError, match="may not push to o/r"):
        check_rights(found)
    check_rights({"full_name": "o/r", "permissions": {"push": True}})


class Releases:
    """A GitHub that has releases of these tags."""

    def __init__(self, *tags: str) -> None:
        self.tags = tags

    def get_all(self, path: str) -> list[dict[str, Any]]:
        """The releases; the last one is a draft."""
        assert path == "releases"
        *published, draft = self.tags
        found = [{"tag_name": tag, "draft": False, "prerelease": "rc" in tag} for tag in published]
        return [*found, {"tag_name": draft, "draft": True, "prerelease": False}]


def desk(github: object, settings: Settings, root: Path) -> Desk:
    """A desk with nothing on it but a GitHub and the release workflow."""
    known: Any = github
    workflow, options = load_release(root, settings), argparse.Namespace(yes=False, json=False)
    return Desk(root, settings, workflow, known, "main", options, Console())


@pytest.mark.requirement("B8", "P7.1", "P8.10")
@pytest.mark.parametrize(
    ("published", "version", "latest"),
    [
        ((), "0.1.0", True),
        (("v0.1.0",), "0.2.0", True),
        (("v0.1.0", "v0.2.0"), "0.1.1", False),  # a series that is maintained
        (("v0.1.0", "v0.2.0rc1"), "0.1.1", True),
        (("v0.1.0",), "0.2.0rc1", False),
        (("v0.2.0",), "0.2.0.post1", True),
    ],
)
def test_latest_is_the_highest_final_version(
    default_package: Path, published: tuple[str, ...], version: str, latest: bool
) -> None:
    settings = load_settings(default_package / ".github/release/settings.toml")
    at = desk(Releases(*published, "v9.9.9"), settings, default_package)
    assert is_latest(at, Version(version)) is latest


@pytest.mark.requirement("B8")
@pytest.mark.parametrize(("typed", "yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False)])
def test_only_a_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, typed: str, yes: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert agrees("Release 0.1.0?", "--yes") is yes


@pytest.mark.requirement("B8")
def test_without_anybody_to_ask_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(ReleaseError, match="nobody to answer: Approve pypi") as stopped:
        agrees("Approve pypi?", "release 0.1.0")
    assert stopped.value.fix == "release 0.1.0"


@pytest.mark.requirement("B8", "R1")
def test_nothing_goes_on_before_the_commit_is_on_the_branch(default_package: Path, tmp_path: Path) -> None:
    """Without notes to commit, and with them: merged as it is, squashed, or not yet."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    for folder, source in ((origin, default_package), (clone, origin)):
        git(tmp_path, "clone", "--quiet", str(source), str(folder))
    settings = load_settings(clone / ".github/release/settings.toml")
    at = desk(Releases("v9.9.9"), settings, clone)
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "fix: ahead")
    ahead = git(clone, "rev-parse", "HEAD").strip()
    plan = Plan(Version("0.2.0"), "", "main", "", False, 1, True, "", ())
    assert not is_merged(at, plan, ahead)
    git(origin, "pull", "--quiet", str(clone), "main")
    git(clone, "fetch", "--quiet")
    assert is_merged(at, plan, ahead)
    rolls = Plan(Version("0.2.0"), "", "main", "", True, 0, True, "", ())
    changelog = origin / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace("## Unreleased", "## Unreleased\n\n- New."), encoding="utf-8")
    git(origin, "commit", "--quiet", "--all", "--message", "feat: new")
    git(clone, "fetch", "--quiet")
    assert not is_merged(at, rolls, "0" * 40)
    changelog.write_text(text.replace("## Unreleased", "## Unreleased\n\n## 0.2.0"), encoding="utf-8")
    git(origin, "commit", "--quiet", "--all", "--message", "Release notes of 0.2.0 (#1)")
    git(clone, "fetch", "--quiet")
    assert is_merged(at, rolls, "0" * 40)


class NobodyReviews(Releases):
    """A GitHub whose page of a run can be named, and that has no releases."""

    def __init__(self) -> None:
        super().__init__("v9.9.9")

    def page(self, path: str) -> str:
        """The address of a page."""
        return f"https://github.com/o/r/{path}"


class Dispatched(Ci):
    """A GitHub whose CI passes on the commit once it is started by hand."""

    def __init__(self) -> None:
        super().__init__(ci=[])
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Start it."""
        self.sent.append((method, path, body))
        self.runs["ci"] = [ci_run(event="workflow_dispatch")]


PLAN = Plan(Version("0.2.0"), "", "main", "", False, 0, False, "", ())


@pytest.mark.requirement("B8", "R2")
def test_ci_that_does_not_begin_is_offered_to_be_started(
    default_package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where it can be started by hand, and on a yes."""
    settings = load_settings(default_package / ".github/release/settings.toml")
    started = Dispatched()
    at = desk(started, settings, default_package)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\ny\n"))
    assert not start_ci(at, PLAN, COMMIT)
    assert not started.sent
    assert start_ci(at, PLAN, COMMIT)
    assert started.sent == [("POST", "actions/workflows/ci.yml/dispatches", {"ref": "main"})]
    assert "CI has not run on aaaaaaaaaa. Start it now: gh workflow run" in capsys.readouterr().err
    assert check_ci(at.github, settings.ci_workflows, COMMIT) == "passed"
    assert not start_ci(at, PLAN, COMMIT)  # it has run


@pytest.mark.requirement("B8", "R2")
def test_ci_that_cannot_be_started_by_hand_is_not_offered(default_package: Path, tmp_path: Path) -> None:
    clone = shutil.copytree(default_package, tmp_path / "clone")
    path = clone / ".github/workflows/ci.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("  workflow_dispatch:\n", ""), encoding="utf-8")
    settings = load_settings(clone / ".github/release/settings.toml")
    assert not start_ci(desk(Dispatched(), settings, clone), PLAN, COMMIT)


# ---- Before anything is pushed -------------------------------------------------------------------------


@pytest.fixture
def ready(
    default_package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    """A clone of a repository that is set up, whose first version has its notes and no tag yet."""
    made = ready_bench(default_package, tmp_path, monkeypatch, capsys)
    monkeypatch.setattr("copier_pypi_release.release.desk.time", made.clock)
    monkeypatch.setattr("release_lib.index.time", made.clock)
    return made


def stops(ready: Bench, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, ...]:
    """The four lines that `release` stops with; no ref of the clone or of GitHub has changed."""
    before = [git(place, "for-each-ref") for place in (ready.clone, ready.github.bare)]
    done = ready.run("release", "--yes", *arguments, capsys=capsys)
    assert done.status == 1, done.printed
    assert [git(place, "for-each-ref") for place in (ready.clone, ready.github.bare)] == before
    return done.error_lines[-4:]


def without_checks(ready: Bench, *, ci: str, checks: dict[str, list[str]]) -> None:
    """Let no script run commands that test a commit, and CI be this; bring that to GitHub."""
    path = ready.clone / ".github/release/settings.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["ci-workflow"], document["checks"] = ci, checks
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    if checks:
        path.with_name("run_checks.py").unlink()
    git(ready.clone, "commit", "--quiet", "--all", "--message", "ci: none")
    git(ready.clone, "push", "--quiet", "origin", "main")


@pytest.mark.requirement("B8", "P1.1", "R9")
@pytest.mark.parametrize(
    ("ci", "checks", "said"),
    [
        ("", {}, "nothing tests it"),
        ("ci.yml", {}, "ci.yml"),
        ("ci.yml", {"ci": ["pytest"]}, "ci.yml"),  # by hand; an adopted package has no script that runs it
    ],
)
def test_a_commit_that_nothing_tests_is_not_tagged(
    ready: Bench, capsys: pytest.CaptureFixture[str], ci: str, checks: dict[str, list[str]], said: str
) -> None:
    """As the gate says it: no workflow and no command; or CI that does not come, and no command."""
    without_checks(ready, ci=ci, checks=checks)
    ready.github.answers("POST", "/dispatches$", None, 204)  # accepted, and no run comes of it
    problem, expected, *_ = stops(ready, capsys)
    assert problem == f"CI has not passed on this commit: {said}"
    way = "copier update --data 'ci_commands=[\"COMMAND\"]'"
    assert expected == f"Expected: a passed run of each workflow, or {way}"


@pytest.mark.requirement("B8", "R2", "R9")
def test_ci_that_is_red_stops_it(ready: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ready.github.ci_ends("failure")
    problem, expected, fix, _ = stops(ready, capsys)
    assert problem.startswith("CI ended with failure on ")
    assert expected == "Expected: a passed run of CI; nothing is tagged before"
    assert fix.startswith("Fix: gh run view ")


@pytest.mark.requirement("B8", "R9")
def test_what_cannot_begin_says_why(ready: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No right to push, no gh to log in with, no network, no branch, a branch that is not on GitHub."""
    with ready.patch.context() as here:
        here.setenv("GH_TOKEN", ready.github.token("reader", "read"))
        assert stops(ready, capsys)[0] == "This login may not push to demo-pkg/demo-pkg"
    with ready.patch.context() as here:
        here.delenv("GH_TOKEN")
        here.setenv("PATH", str(only(tmp_path / "bin", "git")))
        assert "gh auth login" in stops(ready, capsys)[2]
    with ready.patch.context() as here:
        here.setattr(github, "API", "http://127.0.0.1:9")
        assert stops(ready, capsys)[0].startswith("GitHub does not answer")
    git(ready.clone, "switch", "--quiet", "--detach")
    assert stops(ready, capsys)[0] == "No branch is checked out"
    git(ready.clone, "switch", "--quiet", "--create", "own")
    assert stops(ready, capsys)[0] == "The branch own is not on GitHub"


@pytest.mark.requirement("B8", "P5.7", "R9")
@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_project_that_takes_no_files_stops_it(
    ready: Bench, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    """As the gate says it, before anything is pushed."""
    known = {"meta": {"api-version": "1.4"}, "name": "demo-pkg", "files": [], "versions": []}
    page = ProjectPage.from_json_data(known | {"project-status": {"status": status, "reason": "spam"}})
    ready.patch.setattr("copier_pypi_release.release.plan.project_page", lambda *_: page)
    problem, _, _, see = stops(ready, capsys)
    assert problem == f"demo-pkg is {status} on TestPyPI: spam"
    assert see.endswith("/manage/projects/")


def serves(**files: float | None) -> ProjectPage:
    """What an index says of a project with wheels of these versions, and their sizes in MiB."""
    known = [
        {
            "filename": f"demo_pkg-{version.replace('_', '.')}-py3-none-any.whl",
            "url": "x",
            "hashes": {},
            **({} if size is None else {"size": int(size * MIB)}),
        }
        for version, size in files.items()
    ]
    meta = {"meta": {"api-version": "1.1"}, "name": "demo-pkg", "versions": [], "files": known}
    return ProjectPage.from_json_data(meta)


@pytest.mark.requirement("B8", "P5.7")
@pytest.mark.parametrize(
    ("page", "size", "near"),
    [
        (None, "known after the build; the indexes take", []),
        (serves(**{"0_0_9": None}), "known after the build; the indexes take", []),  # it does not say sizes
        (
            serves(**{"0_0_10": 0.05, "0_0_9": 9}),
            "known after the build; like 0.0.10, probably: 1 file, 51 KiB. PyPI has 9.0 MiB of",
            [],
        ),
        (
            serves(**{"0_0_9": 90, "0_0_10": 96}),
            "known after the build; like 0.0.10, probably: 1 file, 96.0 MiB. PyPI has 186.0 MiB",
            [
                "PyPI has 186.0 MiB of the project, and takes 192 MiB; a release like 0.0.10 has 96.0 MiB",
                "demo_pkg-0.0.10-py3-none-any.whl on PyPI has 96.0 MiB; a file may have 100 MiB",
            ],
        ),
    ],
)
def test_limits_of_the_indexes_are_told_before_the_build(
    default_package: Path, page: ProjectPage | None, size: str, near: list[str]
) -> None:
    """By what they have, and by the last release: unknown, estimated, almost used up."""
    settings = load_settings(default_package / ".github/release/settings.toml")
    settings = dataclasses.replace(settings, project_limit=192)
    pages = {"testpypi": None, "pypi": page}
    assert estimate(pages, settings).startswith(size)
    assert estimate(pages, settings).endswith("the indexes take 100 MiB a file and 192 of a project")
    assert list(near_limits(pages, settings)) == near


@pytest.mark.requirement("B8", "P5.7", "R9")
def test_a_full_project_is_in_the_plan_and_stops_it_when_nothing_fits(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_used(size: float) -> None:
        page = serves(**{"0_0_9": size})
        ready.patch.setattr("copier_pypi_release.release.plan.project_page", lambda *_: page)

    with_used(9000)
    plan = planned(ready, capsys)
    full = "has 9,000.0 MiB of the project, and takes 10,240 MiB; a release like 0.0.9 has 9,000.0 MiB"
    assert {f"TestPyPI {full}", f"PyPI {full}"} <= set(plan["warnings"])
    assert "TestPyPI has 9,000.0 MiB of the project" in plan["size"]
    with_used(10241)
    problem, _, fix, see = stops(ready, capsys)
    assert problem == "TestPyPI has 10,241.0 MiB of the project, and takes 10,240 MiB"
    assert fix.endswith("set project-limit in .github/release/settings.toml")
    assert see.endswith("/help/#project-size-limit")


# ---- A maintainer in a hurry ------------------------------------------------------------------------------


def second_machine(ready: Bench) -> Path:
    """Another clone of the repository."""
    other = ready.clone.with_name("other")
    git(other.parent, "clone", "--quiet", str(ready.github.bare), str(other))
    return other


def meanwhile(ready: Bench, *commands: str) -> None:
    """Let git do something while the plan is shown and asked about."""

    def answer(*_: str) -> bool:
        for command in commands:
            git(second, *command.split())
        return True

    second = second_machine(ready)
    ready.patch.setattr("copier_pypi_release.commands.release.agrees", answer)


def follows_nothing(ready: Bench) -> list[str]:
    """End `release` after the tag; the tags that it would have followed."""
    seen: list[str] = []

    def end(_: Desk, tag: str) -> int:
        seen.append(tag)
        return 0

    ready.patch.setattr("copier_pypi_release.commands.release.go_on", end)
    return seen


@pytest.mark.requirement("B8", "P2.1", "R1", "R9")
def test_two_machines_release_at_once(ready: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose tag is there first counts; the other clone takes it over, and both follow one run."""
    meanwhile(ready, "tag --message=theirs v0.1.0", "push --quiet origin v0.1.0")
    seen = follows_nothing(ready)
    done = ready.run("release", capsys=capsys)
    assert (done.status, seen) == (0, ["v0.1.0"]), done.errors
    assert "Somebody else has pushed v0.1.0 meanwhile, on " in done.printed
    tags = [git(place, "rev-parse", "refs/tags/v0.1.0") for place in (ready.clone, ready.github.bare)]
    assert tags[0] == tags[1]


@pytest.mark.requirement("B8", "R1", "R9")
def test_a_branch_that_moved_while_it_asked_is_not_overwritten(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of this clone is pushed, and nothing of it has changed; the same command plans again."""
    notes = "# Changelog\n\n## Unreleased\n\n### Fixes\n\n- It starts again.\n"
    (ready.clone / "CHANGELOG.md").write_text(notes, encoding="utf-8")
    push(ready, "fix: it starts again")
    meanwhile(ready, "commit --quiet --allow-empty --message=theirs", "push --quiet origin")
    before = git(ready.clone, "for-each-ref", "refs/heads", "refs/tags")
    done = ready.run("release", capsys=capsys)
    assert done.error_lines[-4] == "Somebody else has pushed to main since the plan was made"
    assert done.error_lines[-2].startswith("Fix: uv run .github/release/tool.py release")
    assert git(ready.clone, "for-each-ref", "refs/heads", "refs/tags") == before
    assert git(ready.clone, "worktree", "list").count("\n") == 0
    ready.github.ci_ends()
    git(ready.clone, "pull", "--quiet", "origin", "main")
    assert planned(ready, capsys)["rolls"]


@pytest.mark.requirement("B8", "R1", "R9")
@pytest.mark.parametrize("why", ["no right", "offline"])
def test_a_push_that_github_does_not_take_says_what_to_do(
    ready: Bench, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    """The tag stays here; the same command offers to push it, and names it so that no branch is meant."""
    if why == "no right":
        git(ready.clone, "branch", "v0.1.0")
    if why == "offline":
        meanwhile(ready, f"-C {ready.clone} remote set-url --push origin /nowhere")
    else:
        path = ready.github.bare / "hooks/update"
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho GH013: only maintainers >&2\nexit 1\n", encoding="utf-8")
        path.chmod(0o755)
        meanwhile(ready)
    done = ready.run("release", capsys=capsys)
    problem, _, fix, _ = done.error_lines[-4:]
    assert problem.startswith("GitHub did not take the push of v0.1.0: "), done.errors
    assert ("GH013: only maintainers" in problem) == (why == "no right")
    assert fix.endswith("then uv run .github/release/tool.py release")
    assert git(ready.clone, "tag") == "v0.1.0"
    assert git(ready.github.bare, "tag") == ""
    done = ready.run("release", capsys=capsys)
    named = "tag v0.1.0" if why == "no right" else "v0.1.0"
    assert f"Run it now: git push origin {named}? [y/N] " in done.errors


@pytest.mark.requirement("B8", "R9")
def test_a_tag_that_moves_elsewhere_does_not_stop_a_release(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """As "nightly" does; this clone keeps its own. Without a remote it says what to look at."""
    other = second_machine(ready)
    git(ready.clone, "tag", "nightly")
    git(other, "tag", "--message=theirs", "nightly")
    git(other, "push", "--quiet", "origin", "nightly")
    mine = git(ready.clone, "rev-parse", "nightly")
    assert planned(ready, capsys)["version"] == "0.1.0"
    assert git(ready.clone, "rev-parse", "nightly") == mine
    git(ready.clone, "remote", "set-url", "origin", "/nowhere")
    problem, _, fix, _ = stops(ready, capsys)
    assert problem.startswith("Nothing can be fetched from origin: ")
    assert fix.startswith("Fix: git remote -v")


@pytest.mark.requirement("B8", "P2.1", "R9")
def test_what_the_last_release_has_left_is_in_the_plan(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """A draft, and a tag that was never pushed, with what to do about each."""
    git(ready.clone, "tag", "v0.0.8")
    git(ready.clone, "push", "--quiet", "origin", "v0.0.8")
    ready.github.client.send("POST", "releases", {"tag_name": "v0.0.8", "draft": True})
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "fix: more")
    git(ready.clone, "tag", "v0.0.9")
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "fix: and more")
    draft, tag = planned(ready, capsys)["warnings"][:2]
    again = "uv run .github/release/tool.py release 0.0.8"
    assert draft == f"The GitHub Release of v0.0.8 is a draft still; {again} goes on with it"
    how = "git push origin v0.0.9, or git tag --delete v0.0.9"
    assert tag == f"v0.0.9 is in this clone only, and its version counts as taken; {how}"
    git(ready.clone, "branch", "v0.0.9")
    assert "; git push origin tag v0.0.9, or" in planned(ready, capsys)["warnings"][1]


@pytest.mark.requirement("B8", "R9")
def test_a_fork_and_a_branch_of_its_own_are_not_released(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    git(ready.clone, "switch", "--quiet", "--create", "feature")
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "feat: mine")
    git(ready.clone, "push", "--quiet", "--set-upstream", "origin", "feature")
    problem, expected, *_ = stops(ready, capsys)
    assert problem == "The tagged commit is on feature, not on a release branch"
    assert expected == "Expected: a commit of main that is pushed"
    git(ready.clone, "remote", "set-url", "origin", "https://github.com/somebody/demo-pkg.git")
    problem, *_ = stops(ready, capsys)
    assert problem == "This clone belongs to somebody/demo-pkg, but settings.toml names demo-pkg/demo-pkg"


@pytest.mark.requirement("B8", "R9")
@pytest.mark.parametrize("where", ["the plan", "CI", "the run"])
def test_an_interrupt_ends_in_a_sentence(
    ready: Bench, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Before the yes nothing has changed; after it the same command goes on."""
    places = {"CI": "wait_for_ci", "the run": "go_on"}

    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    if where == "the plan":
        ready.patch.setattr(sys, "stdin", type("Keyboard", (), {"readline": interrupt})())
    else:
        ready.patch.setattr(f"copier_pypi_release.commands.release.{places[where]}", interrupt)
    done = ready.run("release", *([] if where == "the plan" else ["--yes"]), capsys=capsys)
    assert done.status == 130
    again = "What was done stays; uv run .github/release/tool.py release 0.1.0 goes on."
    asked = "Release 0.1.0? [y/N] " if where == "the plan" else ""
    left = "Nothing was released." if where == "the plan" else again
    assert done.errors == f"{asked}\nInterrupted. {left}\n"


@pytest.mark.requirement("B8", "R9")
def test_a_program_that_is_missing_is_named(
    default_package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """gh, of a command of the runbook; an editor is not needed."""
    settings = load_settings(default_package / ".github/release/settings.toml")
    at = desk(Releases("v1"), settings, default_package)
    monkeypatch.setenv("PATH", str(only(tmp_path / "bin", "git")))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    step = NextStep("stopped", "build", ("gh run rerun 7 --failed",))
    with pytest.raises(ReleaseError, match="The program gh is not installed") as stopped:
        run_commands(at, "v0.1.0", step)
    assert stopped.value.fix == "install gh, then uv run .github/release/tool.py release 0.1.0"
    monkeypatch.setenv("TERM", "dumb")
    for editor in ("no-such-editor --wait", None):
        monkeypatch.setenv("GIT_EDITOR", editor) if editor else monkeypatch.delenv("GIT_EDITOR")
        with terminal(monkeypatch):
            assert edited(at, "- Notes.") == "- Notes."


@pytest.mark.requirement("B8", "R9")
def test_an_index_that_does_not_answer_stops_it(ready: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is known of the version there, so nothing is pushed; the same command asks again."""
    ready.patch.setitem(INDEXES, "pypi", Index("PyPI", "http://127.0.0.1:9/simple/"))
    problem, _, fix, _ = stops(ready, capsys)
    assert problem.startswith("PyPI did not answer 5 times: ")
    assert fix.startswith("Fix: see whether the index is up, then run this again (")


@pytest.mark.requirement("B8", "P3.7", "R9")
def test_a_commit_that_has_a_version_is_not_released_again(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the gate says it; no tag is to be taken away, because there is none yet."""
    git(ready.clone, "tag", "v0.0.9")
    problem, _, fix, _ = stops(ready, capsys, "0.1.0")
    assert problem.endswith("has more than one version tag: v0.1.0 and v0.0.9")
    assert fix == "Fix: git commit --allow-empty -m 'Release v0.1.0', push, and tag that commit"


@pytest.mark.requirement("B8")
def test_one_version_is_asked_for(ready: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("0.2.0", "--post"), ("--pre", "rc", "--post"), ("0.2.0", "--pre", "rc")):
        done = ready.run("release", "--dry-run", *arguments, capsys=capsys)
        assert (done.status, "not allowed with" in done.errors) == (2, True)


# ---- What git keeps elsewhere ---------------------------------------------------------------------------

LFS = """#!/usr/bin/env python3
# Git LFS as far as a checkout needs it: files by their hash, in one store, or in that of a remote's folder.
import hashlib, pathlib, subprocess, sys

def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()

store = pathlib.Path(git("config", "lfs.storage") or git("rev-parse", "--absolute-git-dir") + "/lfs")
if sys.argv[1] == "install":
    for name in ("clean", "smudge"):
        git("config", sys.argv[2], f"filter.lfs.{name}", f"git-lfs {name} -- %f")
else:
    data = sys.stdin.buffer.read()
    if sys.argv[1] == "clean" and not data.startswith(b"version"):
        name = hashlib.sha256(data).hexdigest()
        store.mkdir(exist_ok=True)
        (store / name).write_bytes(data)
        text = f"version https://git-lfs.github.com/spec/v1\\noid sha256:{name}\\nsize {len(data)}\\n"
        data = text.encode()
    elif sys.argv[1] == "smudge":
        name = data.split()[3][7:].decode()
        remote = pathlib.Path(git("config", "remote.origin.url"), ".git/lfs")
        found = [place / name for place in (remote, store) if (place / name).exists()]
        data = found[0].read_bytes() if found else data
    sys.stdout.buffer.write(data)
"""
INSIDE = "src/demo_pkg/zones"


def keep_elsewhere(ready: Bench, kind: str, folder: Path) -> None:
    """Let the package have a file whose contents are in a submodule, or in Git LFS."""
    path = ready.clone / INSIDE
    if kind == "submodules: recursive":
        outside = folder / "outside"
        git(folder, "init", "--quiet", str(outside))
        (outside / "data").write_text("Europe", encoding="utf-8")
        commit_all(outside)
        allowed = ("-c", "protocol.file.allow=always")
        git(ready.clone, *allowed, "submodule", "--quiet", "add", str(outside), INSIDE)
    else:
        program = folder / "bin/git-lfs"
        program.parent.mkdir()
        program.write_text(LFS, encoding="utf-8")
        program.chmod(0o755)
        ready.patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        own = folder / "gitconfig"
        own.write_bytes(Path(os.environ["GIT_CONFIG_GLOBAL"]).read_bytes())
        ready.patch.setenv("GIT_CONFIG_GLOBAL", str(own))
        git(ready.clone, "lfs", "install", "--global")
        (ready.clone / ".gitattributes").write_text(f"{INSIDE} filter=lfs\n", encoding="utf-8")
        path.write_text("Europe", encoding="utf-8")
        os.utime(path, (10**9, 10**9))  # as new as the index, git would filter it again and store it anew
    push(ready, "feat: zones")


def push(ready: Bench, message: str) -> None:
    """Commit everything, and bring it to GitHub, where CI passes."""
    commit_all(ready.clone, message)
    git(ready.clone, "push", "--quiet", "origin", "main")
    ready.github.ci_ends()


@pytest.mark.requirement("B8", "P3.11", "R9")
@pytest.mark.parametrize(
    ("kind", "named", "fetch"),
    [
        ("submodules: recursive", f"{INSIDE} (submodule)", "git submodule update --init --recursive"),
        ("lfs: true", f"{INSIDE} (git-lfs, git-crypt or git-fat)", "git lfs install && git lfs pull"),
    ],
)
def test_contents_that_git_keeps_elsewhere_are_there_as_in_the_release(  # noqa: PLR0917  (fixtures)
    ready: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str, named: str, fetch: str
) -> None:
    """Not fetched by the workflow, fetched, and fetched but not in this clone; `rehearse` says the same."""
    keep_elsewhere(ready, kind, tmp_path)
    lacking = f"This checkout lacks the contents of {named}"
    problem, _, fix, _ = stops(ready, capsys)
    assert (problem, fix.partition(" at ")[0]) == (lacking, "Fix: `submodules: recursive` or `lfs: true`")
    workflow = ".github/workflows/release.yml"
    ready.edit(workflow, "          path: source\n", f"          path: source\n          {kind}\n")
    push(ready, "ci: fetch it")
    assert planned(ready, capsys)["version"] == "0.1.0"
    if kind == "lfs: true":
        shutil.rmtree(ready.clone / ".git/lfs")
    else:
        git(ready.clone, "submodule", "--quiet", "deinit", "--force", INSIDE)
    problem, _, fix, _ = stops(ready, capsys)
    assert (problem, fix) == (lacking, f"Fix: {fetch}, then run this again")
    done = ready.run("rehearse", capsys=capsys)
    assert (done.status, done.error_lines[-4], done.error_lines[-2]) == (1, problem, fix)


@pytest.mark.requirement("B8", "P3.11")
def test_a_partial_clone_is_released_from(ready: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Where most of the work tree is left out, too: the contents are fetched when they are needed."""
    git(ready.github.bare, "config", "uploadpack.allowFilter", "true")
    partial = ready.clone.with_name("partial")
    address = ready.github.bare.as_uri()
    git(partial.parent, "clone", "--quiet", "--filter=blob:none", "--sparse", address, str(partial))
    git(partial, "sparse-checkout", "set", ".github")
    assert not (partial / "src").exists()
    ready.clone = partial
    assert planned(ready, capsys)["version"] == "0.1.0"


def fixed(ready: Bench, branch: str) -> None:
    """Bring a fix, and its notes that wait, to a branch of GitHub."""
    path = ready.clone / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8").replace("# Changelog\n", "").replace("## Unreleased\n", "")
    new = "# Changelog\n\n## Unreleased\n\n### Fixes\n\n- It starts again.\n"
    path.write_text(f"{new}\n{text.strip()}\n", encoding="utf-8")
    git(ready.clone, "commit", "--quiet", "--all", "--message", "fix: it starts again")
    git(ready.clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    git(ready.clone, "fetch", "--quiet", "origin")


def planned(ready: Bench, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The plan, for machines."""
    done = ready.run("release", "--dry-run", "--json", *arguments, capsys=capsys)
    assert done.status == 0, done.errors
    found: dict[str, Any] = json.loads(done.printed)
    return found


@pytest.mark.requirement("B8", "P2.1", "U5")
def test_a_post_release_and_a_maintenance_series_are_planned(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a newer version, on a branch of its own, which may take pull requests alone."""
    start = git(ready.clone, "rev-parse", "HEAD").strip()
    git(ready.clone, "tag", "v0.1.0")
    fixed(ready, "main")
    found = planned(ready, capsys, "--post")
    assert (found["version"], found["rolls"], found["branch"]) == ("0.1.0.post1", True, "main")
    git(ready.clone, "tag", "v0.2.0")
    git(ready.clone, "switch", "--quiet", "--create", "release/0.1", start)
    path = ready.clone / ".github/release/settings.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["release-branches"] = ["main", "release/*"]
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    fixed(ready, "release/0.1")
    found = planned(ready, capsys)
    assert (found["version"], found["branch"], found["by_pull_request"]) == ("0.1.1", "release/0.1", False)
    protected = {
        "id": 99,
        "name": "series",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/heads/release/*"], "exclude": []}},
        "bypass_actors": [],
        "rules": [{"type": "pull_request"}],
    }
    ready.github.repo["rulesets"].append(protected)
    assert planned(ready, capsys)["by_pull_request"] is True


def only(folder: Path, *programs: str) -> Path:
    """A folder with these programs and no others."""
    folder.mkdir()
    for name in programs:
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


@pytest.mark.requirement("B8", "P4.2", "R9")
@pytest.mark.parametrize(
    ("named", "fix"),
    [("1.0.0-beta1", "1.0.0b1"), ("v01.2", "1.2"), ("1.0.dev3", "(suggests"), ("next", "(suggests")],
)
def test_the_fix_for_a_version_that_is_none_names_no_tag(
    ready: Bench, capsys: pytest.CaptureFixture[str], named: str, fix: str
) -> None:
    """There is no tag yet."""
    assert stops(ready, capsys, named)[2].startswith(f"Fix: uv run .github/release/tool.py release {fix}")


@pytest.mark.requirement("B8", "U5")
def test_the_same_command_goes_on_with_what_it_has_begun(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a pre-release and a post-release; after more commits, or of another kind, it is the next one."""

    def goes_on_with(*arguments: str) -> str:
        said = ready.run("release", "--dry-run", *arguments, capsys=capsys).printed.partition("\n")[0]
        return said.removeprefix("Going on with ") if said.startswith("Going on") else ""

    git(ready.clone, "tag", "v0.1.0rc1")
    assert goes_on_with("--pre", "rc") == goes_on_with() == "v0.1.0rc1"
    assert not goes_on_with("--pre", "a")
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "feat: more")
    assert not goes_on_with("--pre", "rc")
    git(ready.clone, "tag", "v0.1.0.post1")
    assert goes_on_with("--post") == "v0.1.0.post1"


def a_run(ready: Bench, tag: str, conclusion: str) -> None:
    """Let the newest run of the release workflow be one of a tag."""
    run = {
        "id": 7,
        "status": "completed",
        "conclusion": conclusion,
        "display_title": f"Release {tag}",
        "head_branch": tag,
        "head_sha": git(ready.clone, "rev-parse", f"{tag}^{{commit}}").strip(),
        "event": "push",
        "created_at": "2026-11-22T00:00:00Z",
    }
    request = github.GitHub.get

    def get(self: github.GitHub, path: str, **query: str | int) -> Any:  # noqa: ANN401
        return {"workflow_runs": [run]} if path.endswith("release.yml/runs") else request(self, path, **query)

    ready.patch.setattr(github.GitHub, "get", get)


@pytest.mark.requirement("B8", "P8.4", "R11")
def test_a_github_release_that_was_published_too_early_is_gone_on_with(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until PyPI has files of it; with commits after the tag, it says how to leave it."""
    git(ready.clone, "tag", "v0.1.0")
    git(ready.clone, "push", "--quiet", "origin", "v0.1.0")
    a_run(ready, "v0.1.0", "failure")
    ready.github.client.send("POST", "releases", {"tag_name": "v0.1.0", "draft": False})
    said = ready.run("release", "--dry-run", capsys=capsys).printed
    assert said.startswith("Going on with v0.1.0\n")
    assert "To leave it" not in said
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "feat: more")
    said = ready.run("release", "--dry-run", capsys=capsys).printed
    leave = "To leave it and release the next version: uv run .github/release/tool.py release VERSION"
    assert said.splitlines()[:2] == ["Going on with v0.1.0", leave]
    ready.patch.setattr("copier_pypi_release.commands.release.published", lambda *_: BUILT)
    assert not ready.run("release", "--dry-run", capsys=capsys).printed.startswith("Going on")


@pytest.mark.requirement("B8", "P8.6")
@pytest.mark.parametrize(("made", "waits"), [("2026-01-01T00:00:00Z", False), ("", True)])
def test_a_run_is_waited_for_while_it_can_come(
    ready: Bench, capsys: pytest.CaptureFixture[str], made: str, waits: bool
) -> None:
    """GitHub starts it within a minute of a push; for an old tag the command is offered at once."""
    if made:
        ready.patch.setenv("GIT_COMMITTER_DATE", made)
    git(ready.clone, "tag", "--annotate", "--message", "release", "v0.1.0")
    git(ready.clone, "push", "--quiet", "origin", "v0.1.0")
    said = ready.run("release", "0.1.0", capsys=capsys)
    assert "v0.1.0 is on GitHub, and no run was created for it" in said.printed
    assert "Run it now: gh workflow run release.yml --ref main --field tag=v0.1.0?" in said.errors
    assert (sum(ready.clock.pauses) >= UNTIL_IT_BEGINS) is waits


class Followable(NobodyReviews):
    """A GitHub whose run of the release has passed every job, the tests in three combinations."""

    def __init__(self, workflow: Workflow) -> None:
        super().__init__()
        self.workflow = workflow

    def get_all(self, path: str, *_: str, **__: object) -> list[dict[str, Any]]:
        """The jobs of the run; it keeps no artifact, and there is no release."""
        if not path.endswith("/jobs"):
            return []
        jobs = {key: str(job.get("name", key)).split("${{")[0] for key, job in self.workflow.jobs.items()}
        times = {"started_at": "2026-11-22T00:00:00Z", "completed_at": "2026-11-22T01:00:00Z"}
        facts = {"id": 1, "conclusion": "success", "status": "completed", **times}
        return [{**facts, "name": jobs[key]} for key in ("gate", "build", *["test"] * 3, *STAGES[3:])]


LONG_NOTES = f"### Features\n\n- {'A long line of notes. ' * 6}\n  - {'And one below. ' * 9}"


def every_part(package: Path, patch: pytest.MonkeyPatch, to: Console) -> None:
    """Print the plan, the stages, the review, each stop of the table, and the end, with long texts."""
    settings = load_settings(package / ".github/release/settings.toml")
    workflow = load_release(package, settings)
    at = dataclasses.replace(desk(Followable(workflow), settings, package), to=to)
    words = "Tag rules: everybody who may push can move one: " + "refs/tags/v[0-9]*, " * 5
    branch = "release/" + "-".join(["series"] * 9)
    why = "one of its sections is Features, and that is a minor version; " * 2
    show_plan(at, Plan(Version("1.2.3"), why, branch, LONG_NOTES, True, 3, False, words, (words, words)))
    run = STATES[-1][1].runs[0]
    patch.setattr("copier_pypi_release.release.following.find_runs", lambda *_: [run])
    assert Followed(at.github, workflow, "v1.2.3", to).until_it_needs_somebody() == run
    people = ", ".join(f"a-maintainer-{number}" for number in range(9))
    for built in (BUILT, FILES):
        patch.setattr("copier_pypi_release.release.following.find_built", lambda *_, b=built: b)
        patch.setattr("copier_pypi_release.release.following.notes_of", lambda *_: LONG_NOTES)
        show_review(at.github, Review(7, "pypi", 1, people, mine=True), run, to)
    for _, known, anchor, *_ in STATES:
        step = next_step(known, settings, "main")
        if anchor:
            status.show(known, step, at.github, settings)
        else:
            finish(at, known, step)


# What is to be copied stays whole: an address, a command, the lines of an error, a file with its hash.
WHOLE = re.compile(r"https?://|^  (?:\| |git |gh |uv )|SHA-256 [0-9a-f]{64}$")
RULE = re.compile(r" ?─+ ?")


@pytest.mark.requirement("B8", "P8.5")
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("where", ["a terminal", "a file"])
def test_its_output_fits(
    default_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
    width: int,
) -> None:
    """Every part in the width of the terminal, in 80 columns without one; colour on it alone."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    if where == "a terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
    every_part(default_package, monkeypatch, console())
    shown = capsys.readouterr().out
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert (text != shown) == (where == "a terminal")
    fits = width if where == "a terminal" else 80
    assert [line for line in text.splitlines() if len(line.rstrip()) > fits and not WHOLE.search(line)] == []
    parts = [[line.rstrip() for line in part.splitlines()] for part in re.split(r"\n *(?=\n)", text)]
    tables = [(n, part) for part in parts for n, line in enumerate(part) if RULE.fullmatch(line)]
    assert len(tables) == len(STATES)
    for rule, table in tables:  # no row is longer than the rule below its head
        assert max(map(len, table)) == len(table[rule]), table
    words = " ".join(text.split())
    for part in (
        "Tag v1.2.3, annotated, pushed alone",
        "CI has to pass on that commit",
        "passed test 3600 s 3 of 3 combinations",
        "25 files; wheels: linux-aarch64 3,",
        LONG_NOTES.splitlines()[2].strip(),
        "To announce: demo-pkg 1.2.3 is on PyPI:",
    ):
        assert part in words


# ---- After the tag ----------------------------------------------------------------------------------


@pytest.mark.requirement("B8", "P8.4", "R11")
@pytest.mark.parametrize("seen", STATES, ids=[seen[0] for seen in STATES])
def test_each_state_is_met_as_by_the_runbook(
    default_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seen: tuple[str, ReleaseState, str, str, str],
) -> None:
    """The row of the runbook and its first command, offered with a question; without a yes nothing is run."""
    _, known, anchor, words, _ = seen
    settings = load_settings(default_package / ".github/release/settings.toml")
    step = next_step(known, settings, "main")
    at = desk(NobodyReviews(), settings, default_package)
    if known.release:
        known = dataclasses.replace(known, release={"id": 1, "body": "- Notes.", **known.release})
    monkeypatch.setattr(Desk, "state", lambda *_: (known, step))
    monkeypatch.setattr("copier_pypi_release.commands.release.find_runs", lambda *_: [known])
    monkeypatch.setattr(Followed, "until_it_needs_somebody", lambda *_, **__: None)
    monkeypatch.setattr("copier_pypi_release.release.following.subprocess", None)  # it runs nothing
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\nn\n"))
    status = go_on(at, known.tag.name)
    shown = capsys.readouterr()
    assert status == (0 if not anchor else 1)
    machine = dataclasses.replace(
        at, options=argparse.Namespace(yes=False, json=True), to=Console(stderr=True)
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert go_on(machine, known.tag.name) == status
    assert json.loads(capsys.readouterr().out)["next"]["anchor"] == anchor
    draft = bool(known.release and known.release["draft"])
    if anchor == "steps" and draft:
        assert f"Publish the GitHub Release of {known.tag.name}" in shown.err
    else:
        assert shown.err == "".join(f"Run it now: {c}? [y/N] n\n" for c in step.commands[:1])
        assert words in " ".join(shown.out.split())
        assert not step.see or f"See: {step.see}" in shown.out


# ---- The network ---------------------------------------------------------------------------------------


def reset() -> requests.Response:
    """The network drops the connection."""
    raise requests.ConnectionError("Connection reset by peer")


def times_out() -> requests.Response:
    """Nothing comes."""
    raise requests.Timeout("timed out")


def bad_gateway() -> requests.Response:
    """GitHub is down."""
    made = requests.Response()
    made.status_code, made._content = 502, b"<html>"  # noqa: SLF001
    return made


def lost(
    ready: Bench, path: str, outage: Callable[[], requests.Response], *, skip: int, lasts: float
) -> None:
    """Let GitHub answer nothing from a request for a path on, after some that pass, for some seconds."""
    known, request = [0], requests.Session.request
    since: list[float] = []

    def unreliable(session: requests.Session, method: str, url: str, **more: Any) -> requests.Response:  # noqa: ANN401
        known[0] += path in url
        if known[0] > skip and not since:
            since.append(ready.clock.monotonic())
        if since and ready.clock.monotonic() - since[0] < lasts:
            return outage()
        return request(session, method, url, **more)

    ready.patch.setattr(requests.Session, "request", unreliable)


CI_RUNS, RELEASE_RUNS = "/actions/workflows/ci.yml/runs", "/actions/workflows/release.yml/runs"


@pytest.mark.requirement("B8", "R9")
@pytest.mark.parametrize("outage", [reset, times_out, bad_gateway])
@pytest.mark.parametrize(("path", "skip"), [(CI_RUNS, 1), (RELEASE_RUNS, 0)])  # the plan asks for CI once
def test_a_network_that_is_lost_for_minutes_is_waited_for(
    ready: Bench,
    capsys: pytest.CaptureFixture[str],
    path: str,
    skip: int,
    outage: Callable[[], requests.Response],
) -> None:
    """While CI or the run is followed; it is said once, and the release goes on."""
    lost(ready, path, outage, skip=skip, lasts=300.0)
    done = ready.run("release", "--yes", capsys=capsys)
    said = [line for line in done.printed.splitlines() if line.startswith("GitHub ")]
    assert said == ["GitHub does not answer; waiting for it ...", "GitHub answers again"]
    assert 300 <= sum(ready.clock.pauses) < 300 + 2 * UNTIL_IT_BEGINS
    assert git(ready.github.bare, "tag") == "v0.1.0"
    assert "v0.1.0 is on GitHub, and no run was created for it" in done.printed  # nothing runs here


@pytest.mark.requirement("B8", "P8.4", "R9")
@pytest.mark.parametrize("outage", [reset, times_out, bad_gateway])
@pytest.mark.parametrize(("path", "skip", "tags"), [(CI_RUNS, 1, ""), (RELEASE_RUNS, 0, "v0.1.0")])
def test_a_network_that_stays_lost_ends_in_a_sentence(  # noqa: PLR0917  (fixtures)
    ready: Bench,
    capsys: pytest.CaptureFixture[str],
    path: str,
    skip: int,
    tags: str,
    outage: Callable[[], requests.Response],
) -> None:
    """What has begun goes on without this machine, and the same command goes on with it."""
    lost(ready, path, outage, skip=skip, lasts=float("inf"))
    done = ready.run("release", "--yes", capsys=capsys)
    assert done.status == 1
    problem, expected, fix, see = done.error_lines[-4:]
    assert problem.startswith("GitHub does not answer: ")
    assert (
        expected == "Expected: an answer of api.github.com; what has begun at GitHub goes on there meanwhile"
    )
    assert fix.endswith("and your network, then uv run .github/release/tool.py release 0.1.0")
    assert see == "See: RELEASING.md, 'Steps'"
    assert done.printed.count("GitHub does not answer") == 1
    assert PATIENCE <= sum(ready.clock.pauses) < PATIENCE + UNTIL_IT_BEGINS
    assert git(ready.github.bare, "tag") == tags


@pytest.mark.requirement("B8", "R9")
def test_a_network_that_is_lost_before_the_plan_is_told_at_once(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing has begun, so nothing is waited for; nobody is told that something goes on."""
    lost(ready, CI_RUNS, reset, skip=0, lasts=float("inf"))
    problem, expected, *_ = stops(ready, capsys)
    assert problem.startswith("GitHub does not answer: ")
    assert expected == "Expected: an answer of api.github.com"
    assert sum(ready.clock.pauses) < 5


@pytest.mark.requirement("B8", "P8.4", "R5")
def test_an_index_that_does_not_answer_leaves_the_rest_known(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status` and `release` show what they know, and offer nothing that depends on the index."""
    git(ready.clone, "tag", "v0.1.0")
    git(ready.clone, "push", "--quiet", "origin", "v0.1.0")
    ready.patch.setitem(INDEXES, "testpypi", Index("TestPyPI", "http://127.0.0.1:9/simple/"))
    for command in (("status", "v0.1.0"), ("release", "0.1.0")):
        done = ready.run(*command, capsys=capsys)
        words = " ".join(done.printed.split())
        assert "TestPyPI unknown TestPyPI did not answer 5 times ... PyPI absent" in words
        assert "| TestPyPI did not answer 5 times: HTTPConnectionPool" in words  # the whole, below the table
        assert "TestPyPI did not answer, so what is published of v0.1.0 is unknown." in words
        assert "See: RELEASING.md#when-it-stops" in words
        assert not done.errors
    known = json.loads(ready.run("status", "v0.1.0", "--json", capsys=capsys).printed)
    assert known["indexes"]["testpypi"]["state"] == "unknown"
    assert known["next"]["commands"] == []


@pytest.mark.requirement("B8")
def test_a_new_run_that_ends_at_once_is_noticed(
    default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the first attempt of another run; of the old one, only the next attempt is new."""
    settings = load_settings(default_package / ".github/release/settings.toml")
    workflow, clock = load_release(default_package, settings), Clock()
    old = dataclasses.replace(STATES[-1][1].runs[0], status="completed", conclusion="failure")
    monkeypatch.setattr("copier_pypi_release.release.desk.time", clock)
    to = Console(file=io.StringIO())
    followed = Followed(Followable(workflow), workflow, "v1.2.3", to)  # type: ignore[arg-type]
    for run, waits in (
        (dataclasses.replace(old, id=old.id + 1), False),
        (dataclasses.replace(old, attempt=2), False),
        (old, True),
    ):
        monkeypatch.setattr("copier_pypi_release.release.following.find_runs", lambda *_, r=run: [r])
        clock.pauses.clear()
        assert followed.until_it_needs_somebody(old) == run
        assert (sum(clock.pauses) >= UNTIL_IT_BEGINS) is waits


@pytest.mark.requirement("B8")
def test_a_review_that_somebody_else_has_decided_is_no_error(
    default_package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say yes at once; and where it still waits, the refusal is shown."""

    class Decided(NobodyReviews):
        waits: tuple[dict[str, Any], ...] = ()

        def get(self, *_: object, **__: object) -> list[dict[str, Any]]:
            return list(self.waits)

        def get_all(self, *_: object, **__: object) -> list[Any]:
            return []

        def send(self, *_: object) -> None:
            raise github.GitHubError("change it", 422, "No pending deployment")

    settings = load_settings(default_package / ".github/release/settings.toml")
    at = desk(Decided(), settings, default_package)
    found = Review(7, "pypi", 1, "me", mine=True)
    monkeypatch.setattr("copier_pypi_release.release.following.find_runs", lambda *_: STATES[-1][1].runs)
    here = Tag("v1.2.3", STATES[-1][1].runs[0].commit)
    monkeypatch.setattr("copier_pypi_release.release.following.find_tag", lambda *_: here)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\ny\n"))
    review(at, "v1.2.3", found)
    assert "Somebody else has decided on it meanwhile." in capsys.readouterr().out
    monkeypatch.setattr(Decided, "waits", ({"environment": {"id": 1}},))
    with pytest.raises(github.GitHubError, match="No pending deployment"):
        review(at, "v1.2.3", found)


@pytest.mark.requirement("B8", "P3.2", "P3.6")
@pytest.mark.parametrize("now", ["b" * 40, ""])
def test_a_run_whose_tag_has_moved_is_not_approved(
    default_package: Path, monkeypatch: pytest.MonkeyPatch, now: str
) -> None:
    """It would publish a commit that the tag is not on; nobody is asked."""
    run = dataclasses.replace(STATES[-1][1].runs[0], commit=COMMIT)
    at = desk(Releases(), load_settings(default_package / ".github/release/settings.toml"), default_package)
    monkeypatch.setattr("copier_pypi_release.release.following.find_runs", lambda *_: [run])
    monkeypatch.setattr("copier_pypi_release.release.following.find_tag", lambda *_: Tag("v1.2.3", now))
    with pytest.raises(
        ReleaseError, match=r"The tag v1.2.3 is (on bbbbbbbbbb now|gone from GitHub)"
    ) as stopped:
        review(at, "v1.2.3", Review(7, "pypi", 1, "me", mine=True))
    assert stopped.value.fix.startswith(f"gh run cancel {run.id}, then ")


@pytest.mark.requirement("B8", "P3.7")
def test_a_tag_of_another_spelling_is_not_gone_on_with(
    ready: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """It releases nothing: the plan says so; `status` counts from it, and both spell it as it is."""
    git(ready.clone, "tag", "v0.1.0-rc1")
    problem, *_ = stops(ready, capsys)
    assert problem.endswith("has more than one version tag: v0.1.0 and v0.1.0-rc1")
    git(ready.clone, "commit", "--quiet", "--allow-empty", "--message", "feat: more")
    git(ready.clone, "push", "--quiet", "origin", "main")
    ready.github.ci_ends("success")
    done = ready.run("release", "--dry-run", capsys=capsys)
    assert "git push origin v0.1.0-rc1, or git tag --delete v0.1.0-rc1" in " ".join(done.printed.split())
    shown = " ".join(ready.run("status", capsys=capsys).printed.split())
    assert "Newest release v0.1.0-rc1; its GitHub Release is not published Unreleased 1 commit" in shown


# ---- On a terminal ------------------------------------------------------------------------------------


@contextlib.contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal that the command runs on, as seen by whoever types; pytest puts its own before each test."""
    person, program = pty.openpty()
    with (
        os.fdopen(program, "r", closefd=False) as typed,
        os.fdopen(program, "w", buffering=1) as printed,
        patch.context() as here,
    ):
        here.setattr(sys, "stdin", typed)
        here.setattr(sys, "stdout", printed)
        here.setattr(sys, "stderr", printed)
        yield person
    os.close(person)


def shown_on(person: int, wanted: str) -> str:
    """What a terminal shows, once it shows this: a busy machine brings it in pieces."""
    shown = ""
    while wanted not in shown:
        assert select.select([person], [], [], 30)[0], shown
        shown += os.read(person, 4000).decode()
    return shown


@pytest.mark.requirement("B8", "P7.1")
@pytest.mark.parametrize(
    ("editor", "notes"),
    [
        ("sed -i s/old/new/", "- Something new.\n"),
        ("false", "- Something old.\n"),  # it ended with a failure: nothing was meant
        ("truncate -s 0", "- Something old.\n"),
    ],
)
def test_notes_are_edited_on_a_terminal(
    editor: str, notes: str, default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(default_package / ".github/release/settings.toml")
    monkeypatch.setenv("GIT_EDITOR", editor)
    with terminal(monkeypatch):
        found = edited(desk(Releases("v1"), settings, default_package), "- Something old.\n")
    assert found.rstrip("\n") == notes.rstrip("\n")


@pytest.mark.requirement("B8")
def test_a_yes_is_typed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as keyboard:
        os.write(keyboard, b"yes\n")
        assert agrees("Approve pypi?", "again")
        shown = shown_on(keyboard, "Approve pypi? [y/N] ")
        os.write(keyboard, b"\x04")  # the end of the input
        with pytest.raises(ReleaseError, match="nobody to answer"):
            agrees("Approve pypi?", "again")
    assert shown.count("yes") == 1  # as typed, not once more


class Pulls(Releases):
    """A GitHub that opens pull requests, merges none, and may close them."""

    repository = "o/r"

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []

    def get_all(self, path: str, **query: object) -> list[dict[str, Any]]:
        """The open ones of a branch."""
        assert (path, query) == ("pulls", {"head": "o:release-notes/v0.2.0", "state": "open"})
        return [{"html_url": "https://github.com/o/r/pull/1"} for _ in self.opened]

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Open one."""
        assert (method, path) == ("POST", "pulls")
        self.opened.append(body)


@pytest.fixture
def clones(default_package: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A bare origin, and a clone with a commit that it lacks."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", str(default_package), str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "fix: ahead")
    return origin, clone


def by_pull_request(clone: Path, pulls: Pulls) -> str:
    """Bring the commit of a clone to a branch that takes pull requests alone."""
    plan = Plan(Version("0.2.0"), "", "main", "- Notes.", False, 1, True, "", ())
    return bring_commit(desk(pulls, load_settings(clone / ".github/release/settings.toml"), clone), plan)


@pytest.mark.requirement("B8", "P2.1")
def test_on_a_terminal_it_waits_for_the_merge(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pull request is opened; a lost network is waited for; after the merge it goes on by itself."""
    origin, clone = clones
    pulls, asked = Pulls(), []
    away = origin.with_name("away")
    # Asking GitHub waits for the network, see above.
    monkeypatch.setattr(Pulls, "repository_info", lambda _: away.rename(origin), raising=False)

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 2:
            origin.rename(away)
        if len(asked) == 3:
            git(origin, "update-ref", "refs/heads/main", "refs/heads/release-notes/v0.2.0")

    monkeypatch.setattr("copier_pypi_release.release.desk.time.sleep", sleep)
    with terminal(monkeypatch) as keyboard:
        commit = by_pull_request(clone, pulls)
        shown_on(keyboard, "Waiting for its merge")
    assert commit == git(origin, "rev-parse", "main").strip()
    assert [(p["head"], p["base"], p["body"]) for p in pulls.opened] == [
        ("release-notes/v0.2.0", "main", "- Notes.")
    ]
    assert len(asked) == 3


@pytest.mark.requirement("B8", "P2.1", "R9")
def test_a_pull_request_that_is_closed_ends_the_wait(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, clone = clones
    pulls, before = Pulls(), git(origin, "rev-parse", "main")
    monkeypatch.setattr("copier_pypi_release.release.desk.time.sleep", lambda _: pulls.opened.clear())
    with terminal(monkeypatch), pytest.raises(ReleaseError, match=r"v0[.]2[.]0 was closed") as stopped:
        by_pull_request(clone, pulls)
    assert stopped.value.fix.startswith("git push --delete origin release-notes/v0.2.0")
    assert git(origin, "rev-parse", "main") == before
    assert git(clone, "tag", "--list", "v0.2.0") == ""
