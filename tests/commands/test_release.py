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
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from copier_pypi_release import github
from copier_pypi_release.commands.release import check_rights, go_on
from copier_pypi_release.recovery import next_step
from copier_pypi_release.release.ci import check_ci, start_ci
from copier_pypi_release.release.commit import bring_commit, is_merged
from copier_pypi_release.release.desk import Desk, agrees
from copier_pypi_release.release.following import Followed
from copier_pypi_release.release.plan import Plan
from copier_pypi_release.release.publish import edited, is_latest
from copier_pypi_release.workflow_files import load_release
from packaging.version import Version
from pypi_simple import ProjectPage
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError
from rich.console import Console
from support.rendering import git

from commands.local_github import Bench, ready_bench
from commands.test_status import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from copier_pypi_release.release_state import ReleaseState

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
    plan = Plan(Version("0.2.0"), "", "main", "", False, 1, True, ())
    assert not is_merged(at, plan, ahead)
    git(origin, "pull", "--quiet", str(clone), "main")
    git(clone, "fetch", "--quiet")
    assert is_merged(at, plan, ahead)
    rolls = Plan(Version("0.2.0"), "", "main", "", True, 0, True, ())
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


PLAN = Plan(Version("0.2.0"), "", "main", "", False, 0, False, ())


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
    slept: list[float] = []
    clock = type("Clock", (), {"sleep": staticmethod(slept.append)})
    monkeypatch.setattr("copier_pypi_release.release.desk.time", clock)
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


@pytest.mark.requirement("B8", "P8.5")
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("where", ["a terminal", "a file"])
def test_its_output_fits(ready: Bench, capsys: pytest.CaptureFixture[str], where: str, width: int) -> None:
    """The plan in the width of the terminal, in 80 columns without one; colour on it alone."""
    ready.edit(
        "CHANGELOG.md", "- The first release.", f"- The first release.\n- {'A long line of notes. ' * 3}"
    )
    git(ready.clone, "commit", "--quiet", "--all", "--message", "docs: notes")
    git(ready.clone, "push", "--quiet", "origin", "main")
    ready.github.ci_ends(None)
    with ready.patch.context() as here:
        here.setenv("COLUMNS", str(width))
        here.setenv("TERM", "xterm-256color")
        if where == "a terminal":
            here.setenv("FORCE_COLOR", "1")
        shown = ready.run("release", "--dry-run", capsys=capsys).printed
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    longest = max(len(line) for line in text.splitlines())
    assert longest <= (width if where == "a terminal" else 80), text
    assert (text != shown) == (where == "a terminal")
    assert "Tag       v0.1.0, annotated, pushed alone" in text
    assert "CI        has to pass on that commit" in text


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
    monkeypatch.setattr(Followed, "until_it_needs_somebody", lambda *_: None)
    monkeypatch.setattr("copier_pypi_release.release.following.subprocess", None)  # it runs nothing
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\nn\n"))
    status = go_on(at, known.tag.name)
    shown = capsys.readouterr()
    assert status == (0 if not anchor else 1)
    draft = bool(known.release and known.release["draft"])
    if anchor == "steps" and draft:
        assert f"Publish the GitHub Release of {known.tag.name}" in shown.err
    else:
        assert shown.err == "".join(f"Run it now: {c}? [y/N] n\n" for c in step.commands[:1])
        assert words in " ".join(shown.out.split())
        assert not step.see or f"See: {step.see}" in shown.out


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
        shown = os.read(keyboard, 1000).decode()
        os.write(keyboard, b"\x04")  # the end of the input
        with pytest.raises(ReleaseError, match="nobody to answer"):
            agrees("Approve pypi?", "again")
    assert shown.count("yes") == 1  # as typed, not once more
    assert "Approve pypi? [y/N] " in shown


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
    plan = Plan(Version("0.2.0"), "", "main", "- Notes.", False, 1, True, ())
    return bring_commit(desk(pulls, load_settings(clone / ".github/release/settings.toml"), clone), plan)


@pytest.mark.requirement("B8", "P2.1")
def test_on_a_terminal_it_waits_for_the_merge(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pull request is opened; after its merge it goes on by itself."""
    origin, clone = clones
    pulls, asked = Pulls(), []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 3:
            git(origin, "update-ref", "refs/heads/main", "refs/heads/release-notes/v0.2.0")

    monkeypatch.setattr("copier_pypi_release.release.desk.time.sleep", sleep)
    with terminal(monkeypatch) as keyboard:
        commit = by_pull_request(clone, pulls)
        shown = os.read(keyboard, 4000)
    assert b"Waiting for its merge" in shown
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
