"""Rules for the CI workflow that this template renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copier_pypi_release.checks.rules import BUILDS, compiles, condition, rendered_ci, rule, runs, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.checks.context import Context
    from copier_pypi_release.workflow_files import Workflow


@rule(
    "ci-rehearsal",
    "CI rehearses the release",
    why="What a release does for the first time on its day fails on that day.",
    fix="build, check and install in CI as the release does, build twice, and leave no check out",
    good="the same build, tests and checks",
    adopted=True,
    ci=True,
)
def ci_rehearsal(workflow: Workflow, context: Context) -> Iterator[str]:
    """CI builds, checks and installs as a release does, builds twice, and leaves no check out."""
    ci, settings = rendered_ci(context), context.settings
    if ci is None or settings is None:
        yield "there is no CI workflow that can be read"
        return
    wanted = {"build_distributions.py", "check_distributions.py", "install_distribution.py"}
    seen = [
        [
            (script.name, "--sdist" in script.arguments)
            for job in ("build", "test")
            for script in read.scripts(job)
            if script.name in wanted
        ]
        for read in (workflow, ci)
    ]
    if set(seen[0]) - set(seen[1]):
        yield f"{ci.file} does not build and install as {workflow.file} does"
    if not runs(ci, *BUILDS[compiles(ci)], "--twice"):
        yield f"{ci.file} does not build twice"
    checked = [
        word for job in ci.jobs for s in ci.scripts(job) if s.name == "run_checks.py" for word in s.arguments
    ]
    lacking = [name for name in settings.checks if name not in checked]
    if lacking:
        yield f"{ci.file} does not check {', '.join(lacking)}"
    matrices = [(read.jobs.get("test", {}).get("strategy") or {}).get("matrix") for read in (workflow, ci)]
    if matrices[0] != matrices[1]:
        yield f"{ci.file} tests on other systems or Pythons than {workflow.file}"
    pushed = ci.triggers.get("push")
    wanted = {"pull_request", "merge_group", "schedule"}
    if not wanted <= set(ci.triggers) or "branches" not in (pushed or {}):
        yield f"{ci.file} does not run for every push, pull request and merge queue, and once a week"


@rule(
    "ci-name",
    "One name to require of CI",
    why="Branch protection waits for names; a job that was skipped counts as passed there.",
    fix="a last job `ci` with `always()` that needs every other job and fails unless all succeeded",
    good="the job ci",
    adopted=True,
    ci=True,
)
def ci_name(workflow: Workflow, context: Context) -> Iterator[str]:
    """The last job of CI waits for every other one, and looks at all results."""
    del workflow
    ci = rendered_ci(context)
    last = ci.jobs.get("ci") if ci else None
    if ci is None or last is None:
        yield "there is no job ci"
        return
    # A job of pull requests alone is skipped otherwise, and `ci` would take that for a failure.
    apart = "github.event_name == 'pull_request'"
    others = (name for name, job in ci.jobs.items() if condition(job.get("if")) != apart)
    lacking = [job for job in others if job != "ci" and job not in (last.get("needs") or [])]
    if lacking:
        yield f"{ci.file}: ci does not wait for {', '.join(lacking)}"
    if condition(last.get("if")) != "always()":
        yield f"{ci.file}: ci is skipped when another job fails"
    if "${{ join(needs.*.result, ' ') }}" not in set(texts(last.get("steps"))):
        yield f"{ci.file}: ci does not look at the results"
