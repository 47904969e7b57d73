"""report_outcome.py: a release that stopped opens one issue per tag, and one that went through closes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import report_outcome
from copier_pypi_release.workflow_files import STAGES
from markdown_it import MarkdownIt
from ruamel.yaml import YAML
from support.documents import anchors

if TYPE_CHECKING:
    from pathlib import Path

    from release.conftest import Gh, RunStep
    from release.local_index import LocalIndex
    from release.outcomes import Outcome

RUN = "https://github.example/runs/7"


@pytest.fixture(autouse=True)
def _nothing_on_the_indexes(indexes: dict[str, LocalIndex]) -> None:
    """Ask this machine's indexes."""
    assert indexes


def issue(number: int, title: str, author: str = "app/github-actions") -> dict[str, Any]:
    """An issue as gh lists it."""
    return {"number": number, "title": title, "author": {"login": author}}


def report(
    run_step: RunStep, monkeypatch: pytest.MonkeyPatch, results: dict[str, str], tag: str = "v0.1.0"
) -> Outcome:
    """Report a run in which every other job succeeded."""
    needs = {job: {"result": results.get(job, "success"), "outputs": {}} for job in STAGES}
    monkeypatch.setenv("NEEDS", json.dumps(needs))
    monkeypatch.setenv("RUN_URL", RUN)
    return run_step(report_outcome, tag)


def stopped(job: str, how: str = "failure") -> dict[str, str]:
    """The results where a job stopped and what follows was skipped."""
    return {job: how} | dict.fromkeys(STAGES[STAGES.index(job) + 1 :], "skipped")


def body(stage: str, testpypi: str = "no file of this version", pypi: str = "no file of this version") -> str:
    """The text of the issue; for a publishing job with the values that its trusted publisher must have."""
    values = {
        f"publish-{index}": f"""\
If the log says `invalid-publisher`: the form on {title} must have these values:
- Owner: `demo-pkg`
- Repository name: `demo-pkg`
- Workflow name: `release.yml`
- Environment name: `{index}`

"""
        for index, title in (("testpypi", "TestPyPI"), ("pypi", "PyPI"))
    }
    return f"""\
The release `v0.1.0` stopped at **{stage}**: {RUN}

State of the indexes:
- TestPyPI: {testpypi}
- PyPI: {pypi}

{values.get(stage, "")}What to do: [{stage} in RECOVERY.md](https://github.com/demo-pkg/demo-pkg/blob/HEAD/.github/release/RECOVERY.md#{stage}).
Do not upload by hand, and do not delete the tag once a file is on PyPI."""


@pytest.mark.requirement("B7", "P9.3")
@pytest.mark.parametrize("job", STAGES)
def test_a_failure_opens_an_issue_that_names_the_stage_the_indexes_and_the_runbook(
    job: str, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=[])
    done = report(run_step, monkeypatch, stopped(job))
    assert (done.status, done.summary) == (0, body(job) + "\n\n")
    title = f"Release v0.1.0 stopped at {job}"
    assert gh.calls[-1] == ["issue", "create", "--title", title, "--body", body(job)]


@pytest.mark.requirement("B7")
def test_the_issue_says_what_each_index_has(
    *,
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
    gh: Gh,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gh.answers(issue_list=[])
    indexes["testpypi"].add(wheel, sdist)
    indexes["pypi"].failures = [503] * 9
    report(run_step, monkeypatch, stopped("publish-pypi"))
    unknown = (
        "unknown: `PyPI did not answer 5 times: 503 Server Error: Service Unavailable for url: "
        f"{indexes['pypi'].address}/simple/demo-pkg/`"
    )
    assert gh.calls[-1][-1] == body("publish-pypi", f"`{wheel.name}`, `{sdist.name}`", unknown)


@pytest.mark.requirement("X17")
def test_names_of_an_index_are_no_markup_in_the_issue(
    *, indexes: dict[str, LocalIndex], gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build tag may be almost anything behind its first digit."""
    gh.answers(issue_list=[])
    name = "demo_pkg-0.1.0-1[x](https:`@octocat`)<img>-py3-none-any.whl"
    indexes["pypi"].files[name] = b""
    indexes["pypi"].uploaded[name] = "2026-11-20T12:00:00Z"
    report(run_step, monkeypatch, stopped("publish-pypi"))
    shown = next(line for line in gh.calls[-1][-1].splitlines() if "octocat" in line)
    (inline,) = MarkdownIt("commonmark").parseInline(shown)
    assert [token.type for token in inline.children or ()] == ["text", "code_inline"]


@pytest.mark.requirement("X17", "B7")
def test_more_files_than_an_issue_can_name_leave_the_issue(
    *, indexes: dict[str, LocalIndex], gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub refuses a body of more than 65,536 characters; whoever has a token of the index can fill one."""
    gh.answers(issue_list=[])
    for number in range(500):
        name = f"demo_pkg-0.1.0-{number}{'x' * 180}-py3-none-any.whl"
        indexes["pypi"].files[name] = b""
        indexes["pypi"].uploaded[name] = "2026-11-20T12:00:00Z"
    assert report(run_step, monkeypatch, stopped("publish-pypi")).status == 0
    text = gh.calls[-1][-1]
    assert len(text) < 65_536
    assert "-py3-none-any.whl`, 450 more\n" in text


@pytest.mark.requirement("B7")
def test_a_second_failure_is_a_comment_under_a_title_that_is_true(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(
        issue_list=[
            issue(3, "Release v0.1.0rc1 stopped at build"),
            issue(4, "Re: Release v0.1.0 stopped at build"),
            issue(5, "Release v0.1.0 stopped at gate"),
        ]
    )
    report(run_step, monkeypatch, stopped("build"))
    assert gh.calls[-2:] == [
        ["issue", "comment", "5", "--body", body("build")],
        ["issue", "edit", "5", "--title", "Release v0.1.0 stopped at build"],
    ]


@pytest.mark.requirement("B7")
@pytest.mark.parametrize("author", ["mallory", "github-actions", "app/other"])
def test_an_issue_of_somebody_else_is_left_alone(
    author: str, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=[issue(5, "Release v0.1.0 stopped at build", author)])
    report(run_step, monkeypatch, stopped("build"))
    assert [call[1] for call in gh.calls] == ["list", "create"]
    assert report(run_step, monkeypatch, {}).status == 0
    assert [call[1] for call in gh.calls] == ["list", "create", "list"]


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("issue list", "the 'demo-pkg/demo-pkg' repository has disabled issues"),
        ("issue list", "HTTP 403: API rate limit exceeded"),
        ("issue close", "HTTP 410: Issues are disabled for this repo"),
    ],
)
def test_a_complete_release_is_never_red(
    command: str, words: str, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=[issue(5, "Release v0.1.0 stopped at gate")])
    gh.fails(command, words)
    done = report(run_step, monkeypatch, {})
    assert done.status == 0
    assert words in done.errors


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    "answer",
    [
        [{"number": 5, "title": "Release v0.1.0 stopped at gate", "author": None}],  # who is gone from GitHub
        [{"number": 5}],
        {"message": "Server Error"},
        "<html>502 Bad Gateway</html>",
    ],
)
def test_an_answer_that_nobody_expects_makes_no_complete_release_red(
    answer: object, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=answer)
    done = report(run_step, monkeypatch, {})
    assert done.status == 0
    assert "Whether an issue about v0.1.0 is open is unknown: " in done.errors


@pytest.mark.requirement("B7", "X4")
def test_a_tag_that_is_text_commands_nothing(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=[])
    tag = "v1`\n::error::x\n\n# [Read](https://evil.example) @all"
    report(run_step, monkeypatch, stopped("gate"), tag)
    _, _, _, title, _, text = gh.calls[-1]
    assert title == "Release v1????error??x?????Read??https?//evil.example??@all stopped at gate"
    assert "The release `v1????error" in text


@pytest.mark.requirement("B7")
@pytest.mark.parametrize("failed_before", [True, False])
def test_a_success_closes_the_issue_if_there_is_one(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, *, failed_before: bool
) -> None:
    issues = [issue(5, "Release v0.1.0 stopped at gate")]
    gh.answers(issue_list=issues if failed_before else [])
    done = report(run_step, monkeypatch, {})
    assert (done.status, done.printed) == (0, "v0.1.0 is released up to its draft\n")
    close = ["issue", "close", "5", "--comment", f"Released by {RUN}"]
    assert gh.calls[1:] == ([close] if failed_before else [])


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("results", "stage"),
    [
        (stopped("publish-pypi", "cancelled"), "publish-pypi"),
        ({"build": "cancelled", "test": "failure", **dict.fromkeys(STAGES[3:], "skipped")}, "test"),
        ({"test": "failure", "build": "failure"}, "build"),
        (dict.fromkeys(STAGES[5:], "skipped"), "publish-pypi"),
        (dict.fromkeys(STAGES, "skipped"), "gate"),
        ({}, None),
    ],
)
def test_the_stage_is_the_first_that_failed_else_was_cancelled_else_skipped(
    results: dict[str, str], stage: str | None
) -> None:
    needs = {job: {"result": results.get(job, "success")} for job in STAGES}
    assert report_outcome.stopped_at(needs) == stage


@pytest.mark.requirement("B7")
def test_a_refusal_of_github_ends_in_four_lines(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(issue_list=[])
    gh.fails("issue create", "the 'demo-pkg/demo-pkg' repository has disabled issues")
    done = report(run_step, monkeypatch, stopped("gate"))
    assert done.status == 1
    assert done.lines[0].endswith("the 'demo-pkg/demo-pkg' repository has disabled issues")
    assert done.lines[0].startswith("`gh issue create --title Release v0.1.0 stopped at gate ")
    assert len(done.lines) == 4
    assert body("gate") in done.summary  # what the issue would have said


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(("name", "value"), [("NEEDS", None), ("NEEDS", "{"), ("RUN_URL", None)])
def test_a_missing_fact_about_the_run_is_named(
    name: str, value: str | None, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEEDS", "{}")
    monkeypatch.setenv("RUN_URL", RUN)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    done = run_step(report_outcome, "v0.1.0")
    assert done.status == 2
    assert "set NEEDS to the results of the jobs, and RUN_URL to the run's address" in done.errors


@pytest.mark.requirement("B7", "P8.4")
def test_every_job_of_the_release_has_its_row_in_the_runbook(default_package: Path) -> None:
    release = YAML(typ="safe").load((default_package / ".github/workflows/release.yml").read_text())
    assert tuple(release["jobs"]["report"]["needs"]) == STAGES
    runbook = (default_package / ".github/release/RECOVERY.md").read_text(encoding="utf-8")
    assert set(STAGES) <= anchors(runbook)
