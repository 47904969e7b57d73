"""`doctor`: what it prints, for people and for programs, adopted or not, with and without a network."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from adopt.fixtures import make
from copier_pypi_release import cli, github, github_settings
from copier_pypi_release.checks import Finding, Result
from release_lib import index
from release_lib.step import ReleaseError
from support.rendering import ROOT, commit_all, git, render

from commands.local_github import REPOSITORY, Bench, Command, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELEASE = ".github/workflows/release.yml"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def run(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `doctor`."""

    def command(*arguments: str) -> Outcome:
        return desk.run("doctor", *arguments, capsys=capsys)

    return command


def without_network(desk: Bench) -> None:
    """Nobody answers."""
    desk.patch.setattr(github, "API", NOWHERE)
    for key, known in index.INDEXES.items():
        desk.patch.setitem(index.INDEXES, key, index.Index(known.title, f"{NOWHERE}/simple/"))


# ---- Each line of the list --------------------------------------------------------------------------

LISTED: dict[str, tuple[str, str, str, str]] = {
    "C2": ("publisher-form", "RELEASING.md", "| `testpypi`    | `pypi` ", "| `testpypi`    | `prod` "),
    "C3": ("version-check", RELEASE, "check_distributions.py dist", "check_commit.py dist"),
    "C4": ("install-testpypi", RELEASE, "verify_index.py testpypi", "verify_index.py pypi"),
    "C5": ("install-pypi", RELEASE, "verify_index.py pypi", "verify_index.py --help"),
    "C6": ("order", RELEASE, "needs: [build, verify-testpypi]", "needs: [build, publish-testpypi]"),
    "C7": (
        "isolation",
        RELEASE,
        "      - name: Publish to PyPI\n",
        "      - run: echo\n      - name: Publish to PyPI\n",
    ),
    "C8": ("notes", RELEASE, "release_notes.py --output", "release_notes.py --print"),
    "C10": ("report", RELEASE, "always() && ", ""),
    "C11": ("triggers", RELEASE, '- "v[0-9]*"', '- "*"'),
    "C12": ("skip-existing", RELEASE, "          skip-existing: true\n", ""),
    "C13": ("environment-names", RELEASE, '  name: "pypi"', "  name: testpypi"),
}


@pytest.mark.parametrize(
    ("check", "edit"),
    [
        pytest.param(check, edit, marks=pytest.mark.requirement(row), id=row)
        for row, (check, *edit) in LISTED.items()
    ],
)
def test_what_is_broken_is_named_and_nothing_else(
    desk: Bench, run: Command, check: str, edit: list[str]
) -> None:
    desk.edit(*edit)
    outcome = run("--offline", "--json")
    assert outcome.status == 1
    failed = {f["check"] for f in json.loads(outcome.printed) if f["result"] == "fail"}
    # The documents name the environments, too.
    assert failed - {"publisher-form"} == {check} - {"publisher-form"}
    assert check in failed


def test_the_findings_are_there_for_programs(set_up_desk: Bench, run: Command) -> None:
    found = json.loads(run("--json").printed)
    assert {f["result"] for f in found} == {"pass", "unknown"}
    assert set(found[0]) == {f.name for f in dataclasses.fields(Finding)}
    assert len({f["check"] for f in found}) == len(found)
    assert set_up_desk.github.changes


# ---- What it looks like -----------------------------------------------------------------------------


def test_each_failure_says_what_why_and_how_to_fix(set_up_desk: Bench, run: Command) -> None:
    set_up_desk.github.environment("pypi", reviewers=[])
    outcome = run()
    assert outcome.status == 1
    lines = outcome.printed.splitlines()
    assert lines[0] == f"Release readiness of {REPOSITORY}"
    assert lines[2] == "FAIL Environments: pypi waits for no reviewer"
    assert f"     Fix: {github_settings.AGAIN}" in lines
    assert lines[-1].endswith("passed (--all shows them)")
    assert "\x1b[" not in outcome.printed


def test_passes_are_folded_unless_all_is_wanted(set_up_desk: Bench, run: Command) -> None:
    assert "PASS" not in run().printed
    outcome = run("--all")
    assert outcome.status == 0
    (passed,) = re.findall(r"(\d+) passed", outcome.printed)
    assert outcome.printed.count("\nPASS ") == int(passed)
    assert set_up_desk.clone


def test_unknowns_alone_are_no_failure_and_the_last_line_says_so(desk: Bench, run: Command) -> None:
    outcome = run("--offline")
    *_, counts, last = outcome.printed.splitlines()
    unknown = re.search(r"(\d+) unknown", counts)
    assert (outcome.status, bool(unknown)) == (0, True)
    assert unknown
    assert last == (
        f"The exit status is 0, because nothing failed; {unknown[1]} checks could not be answered."
    )
    assert len(last) <= 80
    desk.edit(RELEASE, "cancel-in-progress: false", "cancel-in-progress: true")
    assert "exit status" not in run("--offline").printed


def test_failures_come_first_then_what_is_unknown(desk: Bench, run: Command) -> None:
    desk.edit(RELEASE, "cancel-in-progress: false", "cancel-in-progress: true")
    words = [line.split()[0] for line in run("--all").printed.splitlines() if line[:1].isupper()]
    marks = [word for word in words if word in {"FAIL", "UNKNOWN", "PASS"}]
    assert marks == sorted(marks, key=["FAIL", "UNKNOWN", "PASS"].index)
    assert set(marks) == {"FAIL", "UNKNOWN", "PASS"}


def test_a_page_of_several_findings_is_named_once(desk: Bench, run: Command) -> None:
    desk.edit(RELEASE, "cancel-in-progress: false", "cancel-in-progress: true")
    desk.edit(RELEASE, "verify_index.py pypi", "verify_index.py --help")
    desk.edit(RELEASE, 'GH_TELEMETRY: "false"', 'GH_TELEMETRY: "true"')
    printed = run("--offline").printed
    assert printed.count("FAIL ") == 3
    assert printed.count(f"See: git log -p -- {RELEASE}") == 1


@pytest.mark.parametrize("shape", ["target", "several-publishers", "monorepo", "no-tests", "setuptools-cfg"])
def test_a_repository_that_was_never_adopted_is_checked(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(shape, tmp_path)
    before = git(root, "status", "--porcelain")
    monkeypatch.chdir(root)
    status = cli.main(["doctor", "--offline"])
    printed = capsys.readouterr().out
    assert status == ("FAIL " in printed)
    assert max(map(len, printed.splitlines())) <= 80
    assert "What `copier-pypi-release adopt` would change" in printed or "FAIL" not in printed
    assert "Traceback" not in printed
    assert git(root, "status", "--porcelain") == before


def test_outside_of_a_repository_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor", "--offline"]) == 1
    assert "is not in a git repository" in capsys.readouterr().err


def test_brackets_and_control_characters_are_shown_as_text(desk: Bench, run: Command) -> None:
    desk.edit(RELEASE, '- "v[0-9]*"', '- "[bold]\\e[31m"')
    printed = run("--offline").printed
    assert "[bold]" in printed
    assert "\x1b" not in printed


# ---- With and without a network ---------------------------------------------------------------------


def test_offline_nothing_is_asked_and_nothing_fails(desk: Bench, run: Command) -> None:
    without_network(desk)
    desk.patch.delenv("GH_TOKEN")
    outcome = run("--offline")
    assert outcome.status == 0, outcome.printed
    assert "0 failed, " in outcome.printed
    assert "GitHub was not asked (--offline). Not checked: " in outcome.printed


def test_offline_no_client_is_loaded(default_package: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(default_package, clone)
    code = (
        "import sys; from copier_pypi_release import cli; status = cli.main(['doctor', '--offline']);"
        "print({'requests', 'pypi_simple', 'copier', 'tomlkit'} & set(sys.modules), status, file=sys.stderr)"
    )
    path = [ROOT / "extensions", ROOT / "template/.github/release"]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {list(map(str, path))}; {code}"],
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == "set() 0\n"


def rate_limit(desk: Bench) -> None:
    desk.github.store.state["rate_limited"] = True


def no_program(*command: str) -> str:
    """Say what a missing program says."""
    raise ReleaseError(f"The program {command[0]} is not installed", expected="", fix="", see="")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_network, "GitHub does not answer. Not checked: Release branches, Repository, Tag rules, "),
        (rate_limit, "GitHub's rate limit for this login is used up until "),
    ],
)
def test_without_github_one_line_says_what_was_not_checked(
    set_up_desk: Bench, run: Command, spoil: Callable[[Bench], None], said: str
) -> None:
    spoil(set_up_desk)
    outcome = run()
    assert outcome.status == 0
    text = " ".join(outcome.printed.split())
    assert text.count(said) == 1
    assert "HTTPConnectionPool" not in text
    assert "Max retries" not in text
    found = {f["check"]: f["result"] for f in json.loads(run("--json").printed)}
    assert (found["order"], found["tag-rules"]) == ("pass", "unknown")


def test_without_a_network_each_index_is_named_once(set_up_desk: Bench, run: Command) -> None:
    without_network(set_up_desk)
    text = " ".join(run().printed.split())
    for title in ("TestPyPI", "PyPI"):
        names = ", ".join(f"{check} on {title}" for check in ("Publisher", "Name", "Attestations"))
        assert f" {title} could not be reached. Not checked: {names}." in text


def test_without_a_login_the_files_are_checked_all_the_same(set_up_desk: Bench, run: Command) -> None:
    set_up_desk.patch.delenv("GH_TOKEN")
    set_up_desk.patch.setattr(github, "run", no_program)
    outcome = run()
    assert outcome.status == 0
    assert "gh is not installed, and GH_TOKEN is not set. Not checked: " in " ".join(outcome.printed.split())


# ---- Every kind of package --------------------------------------------------------------------------


@pytest.mark.requirement("B6")
@pytest.mark.parametrize(
    "answers",
    [
        {"tag_prefix": "demo/v"},
        {"release_issues": False},
        {"release_branches": ""},
        {"release_workflow": "publish.yml"},
        {"type_checker": "none", "testpypi_environment": "staging"},
    ],
)
def test_a_fresh_package_of_any_kind_has_nothing_wrong(
    template: Path,
    tmp_path: Path,
    answers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    package = render(template, tmp_path / "package", answers)
    commit_all(package)
    monkeypatch.chdir(package)
    cli.main(["doctor", "--offline", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [f for f in found if f["result"] == Result.FAIL.value] == []
