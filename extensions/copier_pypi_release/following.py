"""Waiting for GitHub, live: CI on a commit, a pull request, the run of a release."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import time
import zipfile
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError

from copier_pypi_release.console import lines, paragraph, printable
from copier_pypi_release.release_state import Run, find_built, find_runs, find_stages
from copier_pypi_release.workflow_files import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.workflow_files import Workflow

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two questions
UNTIL_IT_BEGINS = 60.0  # seconds that GitHub may take to create a run
COUNTED_EVENTS = {"push", "schedule", "workflow_dispatch"}  # a pull request's run tested a merge
AGAIN = "uv run .github/release/tool.py release"
SEE = "RELEASING.md, 'Steps'"
WORDS = {
    "gate": "may be released, its notes are written",
    "publish-testpypi": "uploaded",
    "publish-pypi": "uploaded",
    "verify-testpypi": "every file as built, installed from there",
    "verify-pypi": "every file as built, installed from there",
    "github-release": "a draft with every file",
}


def pauses() -> Iterator[float]:
    """Sleep, longer each time, and say how many seconds have been slept; without an end."""
    slept, pause = 0.0, SHORTEST_PAUSE
    while True:
        yield slept
        time.sleep(pause)
        slept += pause
        pause = min(pause * 1.5, LONGEST_PAUSE)


# ---- CI ----------------------------------------------------------------------------------------------


def newest_ci(github: GitHub, workflow: str, commit: str) -> list[dict[str, Any]]:
    """The newest run of each event by which CI tests a commit, as the gate counts them."""
    found = github.get(f"actions/workflows/{workflow}/runs", head_sha=commit, per_page=100) or {}
    runs = [run for run in found.get("workflow_runs", []) if run["head_sha"] == commit]
    runs.sort(key=lambda run: (run["run_number"], run["run_attempt"]))
    return list({run["event"]: run for run in runs if run["event"] in COUNTED_EVENTS}.values())


def check_ci(github: GitHub, workflows: Sequence[str], commit: str) -> str:
    """What CI says about a commit: ``passed``, ``running`` or ``absent``.

    Raises:
        ReleaseError: It failed.
    """
    found = [newest_ci(github, workflow, commit) for workflow in workflows]
    for run in (run for runs in found for run in runs):
        if run["status"] == "completed" and run["conclusion"] != "success":
            raise ci_failed(run)
    if any(run["status"] != "completed" for runs in found for run in runs):
        return "running"
    return "passed" if all(found) else "absent"


def ci_failed(run: Mapping[str, Any]) -> ReleaseError:
    """What is said of a run of CI that did not pass."""
    return ReleaseError(
        f"CI ended with {run['conclusion']} on {run['head_sha'][:10]}: {run['html_url']}",
        expected="a passed run of CI; nothing is tagged before",
        fix=f"gh run view {run['id']} --log-failed; fix the cause, or gh run rerun {run['id']} --failed; "
        "then run this again",
        see=SEE,
    )


def wait_for_ci(github: GitHub, workflows: Sequence[str], commit: str, to: Console) -> str:
    """Wait until CI has passed on a commit; ``absent`` if it does not begin."""
    for slept in pauses():
        verdict = check_ci(github, workflows, commit)
        if verdict == "passed" or (verdict == "absent" and slept >= UNTIL_IT_BEGINS):
            return verdict
        if slept == 0.0:
            lines(to, [f"Waiting for CI on {commit[:10]} ..."])
    raise AssertionError("unreachable")


# ---- The run of a release ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Review:
    """An environment that a run waits for.

    Attributes:
        run: The id of the run.
        environment: Its name.
        id: Its id.
        who: Who may approve.
        mine: Whether this login may.
    """

    run: int
    environment: str
    id: int
    who: str
    mine: bool


class Followed:
    """The newest run of a tag, followed while it goes on.

    Args:
        github: The repository.
        workflow: The release workflow.
        tag: The tag.
        to: Where its stages are printed.
    """

    def __init__(self, github: GitHub, workflow: Workflow, tag: str, to: Console) -> None:
        self.github, self.workflow, self.tag, self.to = github, workflow, tag, to
        self._printed: set[tuple[int, int, str]] = set()

    def until_it_needs_somebody(self, seen: int = 0) -> Run | Review | None:
        """Wait until the run ends, or waits for a review; None if there is no run.

        Args:
            seen: Attempts of the newest run that have been dealt with already.
        """
        for slept in pauses():
            runs = find_runs(self.github, self.workflow, self.tag)
            begins = not runs or (runs[0].status == "completed" and runs[0].attempt <= seen)
            if begins and slept < UNTIL_IT_BEGINS:
                continue
            if not runs:
                return None
            self._print(runs[0])
            if runs[0].status == "completed":
                return runs[0]
            if review := self._review(runs[0].id):
                return review
        raise AssertionError("unreachable")

    def _review(self, run: int) -> Review | None:
        for pending in self.github.get(f"actions/runs/{run}/pending_deployments") or []:
            names = [
                r["reviewer"].get("login") or f"the team {r['reviewer'].get('slug')}"
                for r in pending.get("reviewers", [])
            ]
            environment = pending["environment"]
            mine = bool(pending["current_user_can_approve"])
            return Review(run, environment["name"], environment["id"], ", ".join(names), mine)
        return None

    def _print(self, run: Run) -> None:
        """Print a line for each stage that has passed since the last look."""
        jobs = self.github.get_all(f"actions/runs/{run.id}/jobs", "jobs")
        stages = find_stages(jobs, self.workflow)
        if (run.id, run.attempt, "") not in self._printed:
            self._printed.add((run.id, run.attempt, ""))
            again = f", attempt {run.attempt}" if run.attempt > 1 else ""
            lines(self.to, [f"{self.tag} is released by {self.github.page(f'actions/runs/{run.id}')}{again}"])
        for stage in STAGES:
            key = (run.id, run.attempt, stage)
            if stages.get(stage) != "success" or key in self._printed:
                continue
            self._printed.add(key)
            mine = [job for job in jobs if self.workflow.job_of(job["name"]) == stage]
            lines(
                self.to, [f"  passed  {stage:17} {took(mine):>7}  {self._found(stage, run, mine)}".rstrip()]
            )

    def _found(self, stage: str, run: Run, jobs: list[dict[str, Any]]) -> str:
        if stage == "build":
            built = len(find_built(self.github, [run]))
            return f"{built} files" if built > 1 else "built"
        if stage == "test":
            return f"{len(jobs)} of {len(jobs)} combinations"
        return WORDS.get(stage, "")


def took(jobs: list[dict[str, Any]]) -> str:
    """How long jobs have taken together, in words; empty if GitHub does not say so."""
    times = [(job.get("started_at"), job.get("completed_at")) for job in jobs]
    known = [(dt.datetime.fromisoformat(a), dt.datetime.fromisoformat(b)) for a, b in times if a and b]
    if not known:
        return ""
    seconds = (max(end for _, end in known) - min(begin for begin, _ in known)).total_seconds()
    return f"{seconds:.0f} s"


def notes_of(github: GitHub, run: int) -> str:
    """The notes that a run has written; empty if they are gone."""
    for artifact in github.get_all(f"actions/runs/{run}/artifacts", "artifacts", name="release-notes"):
        data = None if artifact.get("expired") else github.download(f"actions/artifacts/{artifact['id']}/zip")
        try:
            with zipfile.ZipFile(io.BytesIO(data or b"")) as archive:
                return archive.read("release-notes.md").decode(errors="replace").strip()
        except (zipfile.BadZipFile, KeyError):
            continue
    return ""


def show_review(github: GitHub, review: Review, run: Run, to: Console) -> None:
    """Print what waits, who may approve it and where, and what to look at."""
    lines(to, ["", f"It waits for a review of the environment {review.environment}."], style="bold")
    paragraph(to, f"Who may approve: {review.who or 'nobody is named'}{' (you)' if review.mine else ''}.")
    lines(to, [f"Where: {github.page(f'actions/runs/{review.run}')}", "What would be published:"])
    lines(to, [f"  {sha256}  {name}" for name, sha256 in find_built(github, [run]).items()])
    if notes := notes_of(github, review.run):
        lines(to, ["Its notes:", *(f"  {line}".rstrip() for line in printable(notes).splitlines())])


def approve(github: GitHub, review: Review) -> None:
    """Approve what waits."""
    body = {"environment_ids": [review.id], "state": "approved", "comment": "Approved with release"}
    github.send("POST", f"actions/runs/{review.run}/pending_deployments", body)


# ---- A pull request ----------------------------------------------------------------------------------


def wait_for_merge(github: GitHub, branch: str, is_there: Callable[[], bool], to: Console) -> None:
    """Wait until what a pull request brings is on the branch.

    Raises:
        ReleaseError: It was closed without a merge.
    """
    owner = github.repository.partition("/")[0]
    for slept in pauses():
        if is_there():
            return
        if not github.get_all("pulls", head=f"{owner}:{branch}", state="open"):
            if is_there():
                return
            raise ReleaseError(
                f"The pull request of {branch} was closed, and its notes are not on the release branch",
                expected="a merge",
                fix=f"git push --delete origin {branch}, then {AGAIN}",
                see=SEE,
            )
        if slept == 0.0:
            lines(to, ["Waiting for its merge ... (this can be stopped, and run again after it)"])
