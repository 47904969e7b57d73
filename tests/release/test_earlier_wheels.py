"""earlier_wheels.py: a runner takes the wheels that an earlier attempt has handed on, and no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import earlier_wheels
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.conftest import Gh, RunStep

REPOSITORY = "repos/demo-pkg/demo-pkg/actions"
PLATFORM = "linux-x86_64"
HASHES = "\n".join(f"{digit * 64}  demo_pkg-1.0-cp31{digit}-abi3-manylinux_2_28_x86_64.whl" for digit in "12")


def job(name: str = f"Wheels ({PLATFORM})", conclusion: str = "success") -> dict[str, Any]:
    """A job of the first attempt."""
    return {"id": 1, "name": name, "conclusion": conclusion, "steps": []}


def artifact(number: int = 77, *, expired: bool = False) -> dict[str, Any]:
    """An artifact with the wheels' name."""
    return {"id": number, "name": f"wheels-{PLATFORM}", "expired": expired}


def line(number: str = "77", hashes: str = HASHES) -> str:
    """What a job writes into its log when it hands wheels on."""
    return "Handed on: " + json.dumps({"artifact": number, "hashes": hashes})


def log(*lines: str) -> str:
    """A job's log, as GitHub gives it."""
    every = ["##[group]Run earlier_wheels.py --hand-on", "env:", "  ARTIFACT: 78", *lines, "Cleaning up"]
    return "\ufeff" + "\n".join(f"2026-11-20T12:00:15.1234567Z {text}" for text in every)


@pytest.fixture
def asked(gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401  (a function)
    """Run the step in the second attempt, with what GitHub has of the first; the outputs and what it said."""
    monkeypatch.setenv("GITHUB_REPOSITORY", "demo-pkg/demo-pkg")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")

    def ask(
        artifacts: list[dict[str, Any]], jobs: list[dict[str, Any]], text: str
    ) -> tuple[Mapping[str, str], str]:
        gh.prints(
            {f"api_{REPOSITORY}/jobs/1/logs": text},
            **{
                f"api_{REPOSITORY}/runs/7/artifacts?name=wheels-{PLATFORM}&per_page=100": {
                    "artifacts": artifacts
                },
                f"api_{REPOSITORY}/runs/7/attempts/1/jobs?per_page=100": {"jobs": jobs},
            },
        )
        done = run_step(earlier_wheels, PLATFORM)
        assert done.status == 0, done.errors
        return done.outputs, done.errors

    return ask


@pytest.mark.requirement("P5.5", "P8.9", "B10")
def test_what_the_job_of_the_platform_has_handed_on_is_taken(asked: Any) -> None:  # noqa: ANN401
    """What its tests write into the log comes later, and is another artifact at best."""
    found, said = asked(
        [artifact(), artifact(78)], [job("Gate"), job()], log(line(), line("78", HASHES.replace("1", "3")))
    )
    assert found == {"artifact": "77", "hashes": HASHES}
    assert f"notice: The wheels for {PLATFORM} are those of an earlier attempt (artifact 77)" in said


@pytest.mark.requirement("P5.5", "P8.9")
@pytest.mark.parametrize(
    ("artifacts", "jobs", "text"),
    [
        pytest.param([], [job()], log(line()), id="deleted"),
        pytest.param([artifact(expired=True)], [job()], log(line()), id="expired"),
        pytest.param([artifact(78)], [job()], log(line(), line("78")), id="another in its place"),
        pytest.param([artifact()], [job("Wheels (windows-AMD64)")], log(line()), id="of another platform"),
        pytest.param([artifact()], [job("Test")], log(line()), id="of another job"),
        pytest.param([artifact()], [job(conclusion="failure")], log(line()), id="whose tests failed"),
        pytest.param([artifact()], [job()], log("ARTIFACT: 77", f"note: {line()}"), id="not handed on"),
    ],
)
def test_anything_else_is_built_again(
    asked: Any,  # noqa: ANN401
    artifacts: list[dict[str, Any]],
    jobs: list[dict[str, Any]],
    text: str,
) -> None:
    found, said = asked(artifacts, jobs, text)
    assert found == {"artifact": "", "hashes": ""}
    assert f"notice: No earlier attempt has kept wheels for {PLATFORM}: they are built now" in said


@pytest.mark.requirement("P5.5")
def test_the_first_attempt_asks_nobody(gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")
    done = run_step(earlier_wheels, PLATFORM)
    assert (done.status, done.outputs) == (0, {"artifact": "", "hashes": ""})
    assert gh.calls == []


@pytest.mark.requirement("P5.5")
@pytest.mark.parametrize("text", ["", "Handed on: {", 'Handed on: {"artifact": "77"}', line(hashes="x")])
def test_without_an_answer_the_wheels_are_built(asked: Any, text: str) -> None:  # noqa: ANN401
    found, _ = asked([artifact()], [job()], text and log(text))
    assert found == {"artifact": "", "hashes": ""}


@pytest.mark.requirement("P5.5")
def test_where_github_does_not_answer_the_wheels_are_built(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    gh.fails("api", "gh: Bad Gateway (HTTP 502)")
    done = run_step(earlier_wheels, PLATFORM)
    assert (done.status, done.outputs) == (0, {"artifact": "", "hashes": ""})
    assert "warning: Which wheels are there is unknown: " in done.errors


@pytest.mark.requirement("P8.9", "B10")
def test_what_is_handed_on_is_found_again(
    asked: Any,  # noqa: ANN401
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By other jobs as outputs of the platform's name, and by a later attempt in the log."""
    for name, value in {"PLATFORM": PLATFORM, "ARTIFACT": "77", "WHEELS": HASHES}.items():
        monkeypatch.setenv(name, value)
    done = run_step(earlier_wheels, "--hand-on")
    assert (done.status, done.outputs) == (0, {PLATFORM: "77", f"{PLATFORM}-hashes": HASHES})
    found, _ = asked([artifact()], [job()], log(*done.printed.splitlines()))
    assert found == {"artifact": "77", "hashes": HASHES}


@pytest.mark.requirement("P8.9")
@pytest.mark.parametrize(("name", "value"), [("ARTIFACT", ""), ("WHEELS", ""), ("WHEELS", f"{HASHES}\nEND")])
def test_nothing_empty_is_handed_on(
    name: str, value: str, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, right in {"PLATFORM": PLATFORM, "ARTIFACT": "77", "WHEELS": HASHES, name: value}.items():
        monkeypatch.setenv(given, right)
    done = run_step(earlier_wheels, "--hand-on")
    assert (done.status, done.outputs) == (1, {})
    assert done.lines[0].startswith(f"${name} is ")
