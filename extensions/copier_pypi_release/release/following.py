"""The run of a release, followed live: its stages, its review, and what the runbook says where it stopped."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import shlex
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError

from copier_pypi_release.console import counted, indented, lines, paragraph, waiting
from copier_pypi_release.distributions_shown import FEW, told
from copier_pypi_release.github import GitHubError
from copier_pypi_release.recovery import SHORT
from copier_pypi_release.release.desk import SEE, UNTIL_IT_BEGINS, Desk, agrees, pauses
from copier_pypi_release.release_state import Run, find_built, find_runs, find_stages, find_tag
from copier_pypi_release.workflow_files import in_order

if TYPE_CHECKING:
    from rich.console import Console

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.recovery import NextStep
    from copier_pypi_release.workflow_files import Workflow

WORDS = {
    "gate": "may be released, its notes are written",
    "publish-testpypi": "uploaded",
    "publish-pypi": "uploaded",
    "verify-testpypi": "every file as built, installed from there",
    "verify-pypi": "every file as built, installed from there",
    "github-release": "a draft with every file",
}


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

    def until_it_needs_somebody(
        self, seen: Run | None = None, begins: float = UNTIL_IT_BEGINS
    ) -> Run | Review | None:
        """Wait until the run ends, or waits for a review; None if there is no run.

        Args:
            seen: The run, with its attempt, that has been dealt with already.
            begins: Seconds that its creation may take.
        """
        with waiting(self.to) as say:
            for slept in pauses():
                runs = find_runs(self.github, self.workflow, self.tag)
                ended = bool(runs) and runs[0].status == "completed"
                same = seen is not None and ended and (runs[0].id, runs[0].attempt) == (seen.id, seen.attempt)
                if (same or not runs) and slept < begins:
                    say(f"GitHub has created no run yet, {slept:.0f} s")
                    continue
                if not runs:
                    return None
                stage = self._print(runs[0])
                if runs[0].status == "completed":
                    return runs[0]
                if review := self._review(runs[0].id):
                    return review
                say(f"{stage or 'the last job'} goes on, {slept:.0f} s")
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

    def _print(self, run: Run) -> str:
        """Print a line for each stage that has passed since the last look; return the one that goes on."""
        jobs = self.github.get_all(f"actions/runs/{run.id}/jobs", "jobs")
        stages = find_stages(jobs, self.workflow)
        if (run.id, run.attempt, "") not in self._printed:
            self._printed.add((run.id, run.attempt, ""))
            again = f", attempt {run.attempt}" if run.attempt > 1 else ""
            place = self.github.page(f"actions/runs/{run.id}")
            paragraph(self.to, f"{self.tag} is released by {place}{again}")
        order = in_order(stages)
        for stage in order:
            key = (run.id, run.attempt, stage)
            if stages.get(stage) != "success" or key in self._printed:
                continue
            self._printed.add(key)
            mine = [job for job in jobs if self.workflow.job_of(job["name"]) == stage]
            lines(
                self.to, [f"  passed  {stage:17} {took(mine):>7}  {self._found(stage, run, mine)}".rstrip()]
            )
        return next((stage for stage in order if stages.get(stage) != "success"), "")

    def _found(self, stage: str, run: Run, jobs: list[dict[str, Any]]) -> str:
        if stage == "build":
            built = len(find_built(self.github, [run]))
            return counted(built, "file") if built else "built"
        if stage == "wheels":
            return f"of {counted(len(jobs), 'platform')}"
        if stage == "test":
            return f"{len(jobs)} of {counted(len(jobs), 'combination')}"
        return WORDS.get(stage, "")


def took(jobs: list[dict[str, Any]]) -> str:
    """How long jobs have taken together, in words; empty if GitHub does not say so."""
    times = [(job.get("started_at"), job.get("completed_at")) for job in jobs]
    known = [(dt.datetime.fromisoformat(a), dt.datetime.fromisoformat(b)) for a, b in times if a and b]
    if not known:
        return ""
    seconds = (max(end for _, end in known) - min(begin for begin, _ in known)).total_seconds()
    return f"{seconds:.0f} s"


def review(desk: Desk, tag: str, found: Review) -> None:
    """Show what waits, and approve it if this login may and somebody says yes.

    Raises:
        ReleaseError: It has to wait for somebody else, or the tag has moved since the run began.
    """
    run = find_runs(desk.github, desk.workflow, tag)[0]
    now = find_tag(desk.github, desk.root, tag).commit
    if run.commit and now != run.commit:  # approved, it would publish a commit that the tag is not on
        where = f"is on {now[:SHORT]} now" if now else "is gone from GitHub"
        raise ReleaseError(
            f"The tag {tag} {where}, and the run that waits was started for {run.commit[:SHORT]}",
            expected="the tag on the commit of the run that is approved",
            fix=f"gh run cancel {run.id}, then {desk.again(tag)}",
            see=".github/release/RECOVERY.md, 'Making a tag again'",
        )
    show_review(desk.github, found, run, desk.to)
    if found.mine and agrees(f"Approve {found.environment}?", desk.again(tag)):
        try:
            approve(desk.github, found)
        except GitHubError:
            pending = desk.github.get(f"actions/runs/{found.run}/pending_deployments") or []
            if found.id in {deployment["environment"]["id"] for deployment in pending}:
                raise
            lines(desk.to, ["Somebody else has decided on it meanwhile."])
        return
    raise ReleaseError(
        f"{tag} waits for a review of {found.environment} by {found.who or 'its reviewers'}",
        expected="an approval, or a rejection",
        fix=f"approve {desk.github.page(f'actions/runs/{run.id}')}, then {desk.again(tag)}",
        see=SEE,
    )


def show_review(github: GitHub, review: Review, run: Run, to: Console) -> None:
    """Print what waits, who may approve it and where, and what to look at."""
    paragraph(to, f"\nIt waits for a review of the environment {review.environment}.", style="bold")
    paragraph(to, f"Who may approve: {review.who or 'nobody is named'}{' (you)' if review.mine else ''}.")
    paragraph(to, f"Where: {github.page(f'actions/runs/{review.run}')}")
    lines(to, ["What would be published:"])
    built = find_built(github, [run])
    if len(built) > FEW:
        paragraph(to, f"{told(built)}. Their hashes are in the summary of the run.", first="  ", rest="  ")
    else:
        lines(to, (line for n, sha256 in built.items() for line in (f"  {n}", f"    SHA-256 {sha256}")))
    if notes := notes_of(github, review.run):
        lines(to, ["Its notes:"])
        indented(to, notes)


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


def approve(github: GitHub, review: Review) -> None:
    """Approve what waits."""
    body = {"environment_ids": [review.id], "state": "approved", "comment": "Approved with release"}
    github.send("POST", f"actions/runs/{review.run}/pending_deployments", body)


def run_commands(desk: Desk, tag: str, step: NextStep) -> bool:
    """Offer the commands of the runbook, each with a question of its own; whether all of them were run."""
    for command in step.commands:
        if not agrees(f"Run it now: {command}?", f"{command}, then {desk.again(tag)}"):
            return False
        words = shlex.split(command)
        if shutil.which(words[0]) is None:
            raise ReleaseError(
                f"The program {words[0]} is not installed",
                expected=f"{words[0]} on PATH, which runs: {command}",
                fix=f"install {words[0]}, then {desk.again(tag)}",
                see=step.see,
            )
        done = subprocess.run(words, cwd=desk.root, check=False)
        if done.returncode:
            raise ReleaseError(
                f"`{command}` ended with status {done.returncode}",
                expected="status 0",
                fix=f"read its output above, then {desk.again(tag)}",
                see=step.see,
            )
    return bool(step.commands)
