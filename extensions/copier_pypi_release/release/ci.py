"""What CI says of the commit to release: asked as the gate asks, waited for, or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from release_lib.settings import newest_runs
from release_lib.step import ReleaseError

from copier_pypi_release.console import counted, lines, waiting
from copier_pypi_release.release.desk import SEE, UNTIL_IT_BEGINS, Desk, agrees, pauses
from copier_pypi_release.workflow_files import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.release.plan import Plan


def newest_ci(github: GitHub, workflow: str, commit: str) -> list[dict[str, Any]]:
    """The newest run of each event by which CI tests a commit, as the gate counts them."""
    found = github.get(f"actions/workflows/{workflow}/runs", head_sha=commit, per_page=100) or {}
    return newest_runs(found.get("workflow_runs", []), commit)


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
    with waiting(to) as say:
        for slept in pauses():
            verdict = check_ci(github, workflows, commit)
            if verdict == "passed" or (verdict == "absent" and slept >= UNTIL_IT_BEGINS):
                return verdict
            if slept == 0.0:
                lines(to, [f"Waiting for CI on {commit[:10]} ..."])
            if to.is_terminal:
                say(f"{progress_of(github, workflows, commit)}, {slept:.0f} s")
    raise AssertionError("unreachable")


def progress_of(github: GitHub, workflows: Sequence[str], commit: str) -> str:
    """How far CI is on a commit: how many jobs are done, and which go on."""
    runs = [run for workflow in workflows for run in newest_ci(github, workflow, commit)]
    jobs = [job for run in runs for job in github.get_all(f"actions/runs/{run['id']}/jobs", "jobs")]
    done = sum(job["status"] == "completed" for job in jobs)
    going = ", ".join(job["name"] for job in jobs if job["status"] == "in_progress")
    return f"{done} of {counted(len(jobs), 'job')} done{f', {going} in progress' if going else ''}"


def start_ci(desk: Desk, plan: Plan, commit: str) -> bool:
    """Offer to start the workflows of CI that did not run on a commit; whether all of them were started."""
    missing = [name for name in desk.settings.ci_workflows if not newest_ci(desk.github, name, commit)]
    folder = desk.workflow.path.parent
    if not all("workflow_dispatch" in load(folder / name).triggers for name in missing):
        return False
    again = desk.again(desk.settings.tag(plan.version))
    for name in missing:
        command = f"gh workflow run {name} --ref {plan.branch}"
        question = f"CI has not run on {commit[:10]}. Start it now: {command}?"
        if not desk.options.yes and not agrees(question, f"{command}, then {again}"):
            return False
        desk.github.send("POST", f"actions/workflows/{name}/dispatches", {"ref": plan.branch})
        lines(desk.to, [f"Started: {name} on {plan.branch}"])
    return bool(missing)
