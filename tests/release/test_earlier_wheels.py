"""earlier_wheels.py: a runner takes the wheels that an earlier attempt has kept, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import earlier_wheels
import pytest

if TYPE_CHECKING:
    from release.conftest import Gh, RunStep

RUN = "repos/demo-pkg/demo-pkg/actions/runs/7"
PLATFORM = "linux-x86_64"
KEEP = "Keep the wheels"


def kept(name: str = f"Wheels ({PLATFORM})", step: str = KEEP, conclusion: str = "success") -> dict[str, Any]:
    """A job that kept wheels from 12:00:10 to 12:00:15."""
    times = {"started_at": "2026-11-20T12:00:10Z", "completed_at": "2026-11-20T12:00:15Z"}
    told = {"number": 8, "name": step, "status": "completed", "conclusion": conclusion, **times}
    return {"id": 1, "name": name, "run_attempt": 1, "steps": [told]}


def artifact(time: str = "12:00:12", *, expired: bool = False) -> dict[str, Any]:
    """An artifact with the wheels' name."""
    return {"id": 77, "name": f"wheels-{PLATFORM}", "created_at": f"2026-11-20T{time}Z", "expired": expired}


@pytest.fixture
def asked(gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401  (a function)
    """Run the step in the second attempt, with what GitHub has of the first; the output and what it said."""
    monkeypatch.setenv("GITHUB_REPOSITORY", "demo-pkg/demo-pkg")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")

    def ask(artifacts: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> tuple[str, str]:
        gh.prints(
            **{
                f"api_{RUN}/artifacts?name=wheels-{PLATFORM}&per_page=100": {"artifacts": artifacts},
                f"api_{RUN}/attempts/1/jobs?per_page=100": {"jobs": jobs},
            }
        )
        done = run_step(earlier_wheels, PLATFORM)
        assert done.status == 0, done.errors
        return done.outputs["artifact"], done.errors

    return ask


@pytest.mark.requirement("P5.5", "B10")
def test_what_the_job_of_the_platform_has_kept_is_taken(asked: Any) -> None:  # noqa: ANN401
    found, said = asked([artifact()], [kept("Gate", "Check"), kept()])
    assert found == "77"
    assert f"notice: The wheels for {PLATFORM} are those of an earlier attempt (artifact 77)" in said


@pytest.mark.requirement("P5.5", "P8.9")
@pytest.mark.parametrize(
    ("artifacts", "jobs"),
    [
        pytest.param([], [kept()], id="none"),
        pytest.param([artifact(expired=True)], [kept()], id="expired"),
        pytest.param([artifact("12:00:16")], [kept()], id="put in its place by a later job"),
        pytest.param([artifact("12:00:09")], [kept()], id="there before the wheels were"),
        pytest.param([artifact()], [kept("Wheels (windows-AMD64)")], id="kept by another platform"),
        pytest.param([artifact()], [kept("Test")], id="kept by another job"),
        pytest.param([artifact()], [kept(step="Run the tests")], id="in another step"),
        pytest.param([artifact()], [kept(conclusion="failure")], id="in a step that failed"),
    ],
)
def test_anything_else_is_built_again(
    asked: Any,  # noqa: ANN401
    artifacts: list[dict[str, Any]],
    jobs: list[dict[str, Any]],
) -> None:
    found, said = asked(artifacts, jobs)
    assert found == ""
    assert f"notice: No earlier attempt has kept wheels for {PLATFORM}: they are built now" in said


@pytest.mark.requirement("P5.5")
def test_the_first_attempt_asks_nobody(gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")
    done = run_step(earlier_wheels, PLATFORM)
    assert (done.status, done.outputs) == (0, {"artifact": ""})
    assert gh.calls == []


@pytest.mark.requirement("P5.5")
def test_without_an_answer_the_wheels_are_built(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    gh.fails("api", "gh: Bad Gateway (HTTP 502)")
    done = run_step(earlier_wheels, PLATFORM)
    assert (done.status, done.outputs) == (0, {"artifact": ""})
    assert "warning: GitHub did not say which wheels are there: " in done.errors
