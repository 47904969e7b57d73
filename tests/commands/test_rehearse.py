"""rehearse: its steps and what it shows of them; the scripts themselves run in tests/drill."""

from __future__ import annotations

import json
import os
import shutil
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.workbench import Workbench, newest_python
from release_lib.distributions import read_checksums, write_checksums
from release_lib.step import ReleaseError
from support.compiled import PLAN
from support.rendering import git

from commands.local_github import Bench, bench

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT = dict.fromkeys(("demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"), "0" * 64)
NOTES = "### Features\n\n- The first release.\n"


def scripts(
    failing: str = "", problem: str = "It is wrong", used: list[tuple[str, str]] | None = None
) -> Callable[..., str]:
    """What stands for the release scripts: each does its part, or one of them stops."""
    used = [] if used is None else used

    def script(self: Workbench, name: str, *arguments: str | Path, tag: str = "", python: str = "") -> str:
        used.append((name, python))
        if name == failing:
            raise ReleaseError(problem, expected="what is right", fix="mend it", see="RELEASING.md")
        if name == "release_notes.py":
            Path(arguments[-1]).write_text(NOTES, encoding="utf-8")
        if name == "build_sdist.py":
            return f"hashes=x\nplan={json.dumps(PLAN)}\n"
        if name == "check_distributions.py":
            write_checksums(self.checksums, BUILT)
            return 'pythons=["3.8", "3.9", "99.1"]\nnewest=99.1\n'
        return tag

    return script


def rehearse(desk: Bench, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a rehearsal says to machines."""
    found: dict[str, Any] = json.loads(desk.run("rehearse", "--json", *arguments, capsys=capsys).printed)
    return found


@pytest.mark.requirement("B8")
def test_every_step_is_in_one_table(
    desk: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "script", scripts())
    (desk.clone / "new.txt").write_text("x", encoding="utf-8")
    before = git(desk.clone, "for-each-ref")
    outcome = desk.run("rehearse", capsys=capsys)
    assert outcome.status == 0
    shown = " ".join(outcome.printed.split())
    assert "Rehearsal of demo-pkg 0.1.0" in shown
    assert "- The first release." in shown
    assert "A release of 0.1.0 would go through up to here" in shown
    assert "Not committed, and so left out: new.txt." in shown
    assert all(len(line) <= 80 for line in outcome.printed.splitlines())
    assert git(desk.clone, "for-each-ref") == before
    assert [step["result"] for step in rehearse(desk, capsys)["steps"]] == ["pass"] * 8
    assert len(rehearse(desk, capsys, "--offline", "--no-checks")["steps"]) == 6


@pytest.mark.requirement("B8")
def test_what_follows_a_failure_is_not_run(
    desk: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "script", scripts("check_commit.py"))
    outcome = desk.run("rehearse", capsys=capsys)
    assert outcome.status == 1
    assert outcome.error_lines[-4:] == (
        "It is wrong",
        "Expected: what is right",
        "Fix: mend it",
        "See: RELEASING.md",
    )
    steps = rehearse(desk, capsys)["steps"]
    assert [step["result"] for step in steps] == ["pass", "fail", *["not run"] * 6]
    assert steps[1]["error_lines"] == list(outcome.error_lines[-4:])


@pytest.mark.requirement("B8")
def test_a_long_message_is_brief_in_the_table_and_whole_below(
    desk: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As uv's is where it cannot fetch a Python: the first failure is the error, others stand below."""
    problem = "install_distribution.py ended with status 1: " + " | ".join(["cannot fetch that Python"] * 20)
    monkeypatch.setattr(Workbench, "script", scripts("install_distribution.py", problem))
    outcome = desk.run("rehearse", "--offline", "--no-checks", capsys=capsys)
    table, _, below = outcome.printed.partition("  | Sdist installed: ")
    assert "fetch" not in table
    assert len(table.partition("Wheel installed")[2].splitlines()) <= 8
    assert " ".join(f"Sdist installed: {below}".replace("\n  |   ", " ").split()).count(problem) == 1
    assert outcome.error_lines[-4] == problem
    assert [s["found"] for s in rehearse(desk, capsys, "--offline", "--no-checks")["steps"][-2:]] == [
        problem
    ] * 2


@pytest.mark.parametrize("committed", [True, False], ids=["adopted-not-committed", "no-commit"])
def test_what_is_not_committed_is_not_rehearsed(
    desk: Bench, capsys: pytest.CaptureFixture[str], *, committed: bool
) -> None:
    git(desk.clone, "update-ref", "-d", "HEAD")
    git(desk.clone, "rm", "--cached", "--quiet", "-r", ".github")
    if committed:
        git(desk.clone, "commit", "--quiet", "--message", "before")
    outcome = desk.run("rehearse", "--offline", capsys=capsys)
    assert outcome.error_lines[0] == "The commit that is checked out has no .github/release/settings.toml"
    assert outcome.error_lines[2] == "Fix: git add --all && git commit, then run this again"


@pytest.mark.requirement("B8")
def test_without_a_network_it_says_what_to_leave_out(
    desk: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = "TestPyPI did not answer 5 times: HTTPSConnectionPool(host='x'): Max retries"
    monkeypatch.setattr(Workbench, "script", scripts("check_index.py", silent))
    outcome = desk.run("rehearse", capsys=capsys)
    assert outcome.error_lines[-4] == "TestPyPI did not answer 5 times"
    assert "--offline" in outcome.error_lines[-2]
    assert outcome.error_lines[-1] == "See: RELEASING.md, 'Steps'"


@pytest.mark.requirement("B8")
@pytest.mark.parametrize("released", [False, True])
def test_a_name_that_is_taken_is_told_from_a_version_that_is_taken(
    desk: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, released: bool
) -> None:
    """Before the first release, another version would not help."""
    taken = "PyPI already has other files for demo-pkg 0.1.0: demo_pkg-0.1.0.tar.gz"
    monkeypatch.setattr(Workbench, "script", scripts("check_index.py", taken))
    if released:
        git(desk.clone, "tag", "v0.0.1", "HEAD")
    outcome = desk.run("rehearse", capsys=capsys)
    assert outcome.status == 1
    assert outcome.error_lines[-4] == taken
    assert ("--data project_name=" in outcome.error_lines[-2]) is not released
    assert ("A name of somebody else" in outcome.error_lines[-1]) is not released


@pytest.mark.requirement("B8")
def test_a_python_that_is_only_an_environment_is_none_to_test_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As uv's own environment of the first command: `uv venv` would look for another one, and fetch it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/uv").symlink_to(shutil.which("uv") or "uv")
    environment, base = tmp_path / "environment", Path(sys.base_prefix, "bin")
    venv.create(environment, symlinks=True)
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", f"{environment / 'bin'}{os.pathsep}{tmp_path / 'programs'}")
    assert newest_python([version]) == ""
    monkeypatch.setenv("PATH", f"{environment / 'bin'}{os.pathsep}{base}{os.pathsep}{tmp_path / 'programs'}")
    assert newest_python([version, "99.1"]) == version


@pytest.mark.requirement("B8", "B10")
def test_a_compiled_package_is_rehearsed_with_the_plan_of_its_wheels(
    compiled_package: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wheel of this machine is none that an index takes: only the sdist is compared with both."""
    stub, compared = scripts(), list[str]()

    def script(self: Workbench, name: str, *arguments: str | Path, tag: str = "", python: str = "") -> str:
        if name == "check_index.py":
            compared.extend(read_checksums(Path(arguments[-1]))[1])
        return stub(self, name, *arguments, tag=tag, python=python)

    monkeypatch.setattr(Workbench, "script", script)
    outcome = bench(compiled_package, tmp_path, monkeypatch).run("rehearse", capsys=capsys)
    assert compared == ["demo_pkg-0.1.0.tar.gz"]
    assert outcome.status == 0
    assert all(len(line) <= 80 for line in outcome.printed.splitlines())
    shown = " ".join(outcome.printed.split())
    assert "Wheels planned pass" in shown
    assert "for 56 Pythons: linux-x86_64 14," in shown
    assert "The wheels of other platforms are built by CI and by the release." in shown


@pytest.mark.requirement("B8", "P1.3")
@pytest.mark.parametrize(("here", "python"), [(("3.8", "3.9"), "3.9"), ((), "")])
def test_the_package_is_tried_on_the_newest_of_its_pythons_that_is_here(
    desk: Bench,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    here: tuple[str, ...],
    python: str,
) -> None:
    """Whatever Python the scripts run on; without any of them it is theirs."""
    used: list[tuple[str, str]] = []

    def find(*words: str) -> str:
        if words[-1] not in here:
            raise ReleaseError("none", expected="", fix="", see="")
        return words[-1]

    monkeypatch.setattr(Workbench, "script", scripts(used=used))
    monkeypatch.setattr("copier_pypi_release.workbench.run", find)
    steps = {step["title"]: step["found"] for step in rehearse(desk, capsys)["steps"]}
    assert steps["Wheel installed"] == "imported as demo_pkg" + (f" on Python {python}" if python else "")
    tried = {name: with_ for name, with_ in used if name in {"install_distribution.py", "run_checks.py"}}
    assert tried == dict.fromkeys(("install_distribution.py", "run_checks.py"), python)
