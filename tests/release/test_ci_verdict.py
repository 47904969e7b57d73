"""ci_verdict.py: has CI passed on this very commit? Whatever is not plainly yes is no."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ci_verdict
import pytest
from release_lib.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings
    from support.clock import Clock

    from release.conftest import Gh, RunStep

COMMIT = "a" * 40
ADDRESS = "https://github.example/runs/{}"


def ci_run(number: int = 1, **facts: object) -> dict[str, Any]:
    """A CI run as GitHub describes it: passed, of a push of the commit, unless told otherwise."""
    run: dict[str, Any] = {
        "run_number": number,
        "run_attempt": 1,
        "head_sha": COMMIT,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "html_url": ADDRESS.format(number),
    }
    return run | facts


GOING = [ci_run(7, status="in_progress", conclusion=None)]
QUEUED = [ci_run(7, event="schedule", status="queued", conclusion=None)]
Answer = Callable[[list[dict[str, Any]], Callable[[], None]], tuple[int, dict[str, str]]]


@pytest.fixture
def answer(gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Ask while some runs are in progress, and let something happen in the third pause."""

    def ask(runs: list[dict[str, Any]], happens: Callable[[], None]) -> tuple[int, dict[str, str]]:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                happens()

        monkeypatch.setattr("ci_verdict.time.sleep", sleep)
        gh.answers(**{f"api_{asked()}": {"workflow_runs": runs}})
        outputs = run_step(ci_verdict, COMMIT).outputs
        return len(slept), dict(outputs)

    return ask


@pytest.fixture
def several(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workflows, whose verdicts both count."""
    two = dataclasses.replace(settings, ci_workflow=["ci.yml", "tests.yml"])
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: two)


@pytest.mark.requirement("S2")
@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch"])
def test_a_passed_run_of_the_commit_is_taken(event: str, gh: Gh, run_step: RunStep) -> None:
    gh.answers(**{f"api_{asked()}": {"workflow_runs": [ci_run(event=event)]}})
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (0, {"ci": "passed"})
    assert done.errors == (
        f"notice: CI has passed on this commit, so its suite is not run again: {ADDRESS.format(1)}\n"
    )
    assert gh.calls == [["api", asked()]]


def asked(repository: str = "demo-pkg/demo-pkg", workflow: str = "ci.yml") -> str:
    """What GitHub is asked for."""
    return f"repos/{repository}/actions/workflows/{workflow}/runs?head_sha={COMMIT}&per_page=100"


@pytest.mark.requirement("S2", "P1.1")
@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([], id="no run"),
        pytest.param([ci_run(conclusion="failure")], id="failed"),
        pytest.param([ci_run(conclusion="cancelled")], id="cancelled"),
        pytest.param([ci_run(conclusion="skipped")], id="skipped"),
        pytest.param([ci_run(conclusion="neutral")], id="neutral"),
        pytest.param([ci_run(1), ci_run(2, event="schedule", conclusion="failure")], id="one event failed"),
        pytest.param(
            [ci_run(1, conclusion="failure"), ci_run(2, event="workflow_dispatch")], id="push failed"
        ),
        pytest.param([ci_run(head_sha="b" * 40)], id="of another commit"),
        pytest.param([ci_run(event="pull_request")], id="of a pull request"),
        pytest.param([ci_run(event="pull_request_target")], id="of a pull request's target"),
        pytest.param([ci_run(event="merge_group")], id="of a merge queue"),
        pytest.param([ci_run(1), ci_run(2, conclusion="failure")], id="failed after success"),
        pytest.param([ci_run(2, conclusion="failure"), ci_run(1)], id="failed after success, listed first"),
        pytest.param([ci_run(1, event="schedule", conclusion="failure"), ci_run(2)], id="weekly run failed"),
        pytest.param([ci_run(), ci_run(run_attempt=2, conclusion="failure")], id="second attempt failed"),
    ],
)
def test_anything_else_lets_the_suite_run(runs: list[dict[str, Any]], gh: Gh, run_step: RunStep) -> None:
    gh.answers(**{f"api_{asked()}": {"workflow_runs": runs}})
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (0, {"ci": "absent"})
    assert done.errors == "notice: No passed CI run of this commit: the whole suite runs now\n"


@pytest.mark.requirement("S2", "P1.1")
@pytest.mark.parametrize(("conclusion", "verdict"), [("success", "passed"), ("failure", "absent")])
@pytest.mark.parametrize("going", [GOING, QUEUED, [ci_run(1), *GOING], [ci_run(1), *QUEUED]])
def test_a_run_in_progress_is_waited_for(
    going: list[dict[str, Any]], conclusion: str, verdict: str, gh: Gh, answer: Answer
) -> None:
    ended = [*going[:-1], going[-1] | {"status": "completed", "conclusion": conclusion}]
    pauses, done = answer(going, lambda: gh.answers(**{f"api_{asked()}": {"workflow_runs": ended}}))
    assert done == {"ci": verdict}
    assert pauses == 3


@pytest.mark.requirement("S2", "P1.1")
def test_waiting_for_ci_ends(
    gh: Gh, run_step: RunStep, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ci_verdict, "time", clock)
    going = ci_run(status="in_progress", conclusion=None)
    gh.answers(**{f"api_{asked()}": {"workflow_runs": [going]}})
    assert run_step(ci_verdict, COMMIT).outputs == {"ci": "absent"}
    assert 1800 <= sum(clock.pauses) < 1830


@pytest.mark.requirement("S2", "P1.1")
@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(("second", "verdict"), [("success", "passed"), ("failure", "absent")])
def test_of_several_workflows_each_must_have_passed(
    second: str, verdict: str, gh: Gh, run_step: RunStep
) -> None:
    runs = {"ci.yml": ci_run(), "tests.yml": ci_run(2, conclusion=second)}
    gh.answers(**{f"api_{asked(workflow=name)}": {"workflow_runs": [one]} for name, one in runs.items()})
    assert run_step(ci_verdict, COMMIT).outputs == {"ci": verdict}


@pytest.mark.requirement("S2")
@pytest.mark.parametrize(
    "runs",
    [
        [ci_run(1, conclusion="failure"), ci_run(2)],
        [ci_run(9, conclusion="failure"), ci_run(10)],
        [ci_run(1), ci_run(2, event="pull_request", conclusion="failure")],
        [ci_run(1, conclusion="failure"), ci_run(1, run_attempt=2)],
        [ci_run(1, event="schedule", conclusion="failure"), ci_run(2), ci_run(3, event="schedule")],
    ],
)
def test_the_newest_run_that_counts_decides(runs: list[dict[str, Any]], gh: Gh, run_step: RunStep) -> None:
    gh.answers(**{f"api_{asked()}": {"workflow_runs": runs}})
    assert run_step(ci_verdict, COMMIT).outputs == {"ci": "passed"}


@pytest.mark.requirement("S2", "P1.1")
@pytest.mark.parametrize("answer", [[], {}, None, "x", {"workflow_runs": None}, {"workflow_runs": [{}]}, 3])
def test_an_answer_that_cannot_be_read_lets_the_suite_run(answer: object, gh: Gh, run_step: RunStep) -> None:
    gh.prints(**{f"api_{asked()}": answer})
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (0, {"ci": "absent"})
    assert done.errors.startswith("warning: GitHub did not say whether CI passed: ")


@pytest.mark.requirement("S2", "P1.1", "B11")
def test_without_a_verdict_it_stops_where_no_script_could_run_the_suite(
    default_package: Path, gh: Gh, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adopted package with CI of its own: commands that somebody wrote into settings.toml run nowhere."""
    shutil.copy(default_package / ".github/release/settings.toml", tmp_path)  # alone, without run_checks.py
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: load_settings(tmp_path / "settings.toml"))
    gh.answers(**{f"api_{asked()}": {"workflow_runs": []}})
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (1, {})
    assert done.lines[0] == "CI has not passed on this commit: ci.yml"
    gh.answers(**{f"api_{asked()}": {"workflow_runs": [ci_run()]}})
    assert run_step(ci_verdict, COMMIT).outputs == {"ci": "passed"}


@pytest.mark.requirement("S2", "P1.1")
def test_a_failing_gh_lets_the_suite_run(gh: Gh, run_step: RunStep) -> None:
    gh.fails(f"api {asked()}", "gh: Resource not accessible by integration (HTTP 403)")
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (0, {"ci": "absent"})
    assert done.errors.startswith(
        "warning: GitHub did not say whether CI passed: "
        f"`gh api {asked()}` failed with status 1: gh: Resource not accessible by integration (HTTP 403)\n"
    )


@pytest.mark.requirement("S2", "P1.1")
def test_a_missing_gh_lets_the_suite_run(run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = run_step(ci_verdict, COMMIT)
    assert (done.status, done.outputs) == (0, {"ci": "absent"})
    assert "The program gh is not installed" in done.errors


def test_the_repository_of_the_run_and_the_workflow_of_the_settings_are_asked(
    gh: Gh, run_step: RunStep, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(settings, ci_workflow="tests.yml")
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: other)
    monkeypatch.setenv("GITHUB_REPOSITORY", "renamed/demo")
    monkeypatch.setenv("COMMIT", COMMIT)
    gh.answers(**{f"api_{asked('renamed/demo', 'tests.yml')}": {"workflow_runs": [ci_run()]}})
    assert run_step(ci_verdict).outputs == {"ci": "passed"}


def test_in_a_workflow_the_verdict_is_an_annotation(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    gh.answers(**{f"api_{asked()}": {"workflow_runs": []}})
    assert run_step(ci_verdict, COMMIT).printed == (
        "::notice title=CI verdict::No passed CI run of this commit: the whole suite runs now\nci=absent\n"
    )
