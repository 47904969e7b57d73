"""Rules for the order of jobs: what starts them, what each waits for, what nothing may bypass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks.context import tag_patterns
from copier_pypi_release.checks.rules import TAG, chain, compiles, condition, rendered_ci, rule, uploading
from copier_pypi_release.workflow_files import COMPILING, STAGES, Workflow, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.checks.context import Context

# Functions that let a job run although one that it needs has failed.
BYPASS = re.compile(r"\b(?:always|failure|cancelled)\s*\(")
# What lets a shell go on after a command that failed; `2>&1` does not.
IGNORING = re.compile(r"\|\||;|(?<![&>])&(?![&>])|\bset\s+\+|\btrap\s")


@rule(
    "order",
    "Order of the jobs",
    why="What is published cannot be taken back, so everything that can say no has to speak before it.",
    fix="give each job `needs:` with the job before it, the one for PyPI one that follows TestPyPI",
    good="tests, then TestPyPI, then PyPI, then GitHub",
)
def order(workflow: Workflow, context: Context) -> Iterator[str]:
    """Each stage waits for all before it; in any workflow, PyPI's upload for TestPyPI's."""
    if context.settings:
        absent = [job for job in STAGES if job not in workflow.jobs]
        yield from (f"there is no job {job}" for job in absent)
        for job in STAGES:
            lacking = [other for other in needed(workflow, job) if other not in workflow.needs(job)]
            if lacking:
                yield f"{job} does not wait for {', '.join(lacking)}"
        return
    publishing = uploading(workflow)
    testing = {job for job, index in publishing.items() if index == "testpypi"}
    for job, index in publishing.items():
        before = workflow.needs(job)
        if not before:
            yield f"{job} waits for no job that tests"
        if index == "pypi" and not before & testing:
            yield f"{job} uploads to PyPI without TestPyPI before it"


def needed(workflow: Workflow, job: str) -> list[str]:
    """The stages that a stage waits for: all before it, but wheels are tested while they are collected."""
    earlier = [stage for stage in in_order(workflow.jobs) if stage in workflow.jobs]
    found = earlier[: earlier.index(job)] if job in earlier else []
    return [stage for stage in found if not (compiles(workflow) and (stage, job) == ("build", "test"))]


@rule(
    "no-bypass",
    "A failure stops the release",
    why="A condition or `continue-on-error` lets an upload go on after a test has failed, or leaves it out.",
    fix="take the condition or `continue-on-error` out: a job runs when all that it needs has succeeded",
    good="no condition, no continue-on-error",
)
def no_bypass(workflow: Workflow, context: Context) -> Iterator[str]:
    """No job of a release goes on after a failure, and a rendered one is never left out."""
    ours = [job for job in workflow.jobs if job in {*STAGES, *COMPILING}]
    for job in ours if context.settings else chain(workflow):
        asked = condition(workflow.jobs[job].get("if"))
        guard = job == STAGES[0] and "repository.fork" in asked
        if BYPASS.search(asked) or (context.settings and asked and not guard):
            yield f"{job} has the condition `{asked}`"
        parts = [workflow.jobs[job], *workflow.steps(job)]
        if any(part.get("continue-on-error") for part in parts):
            yield f"{job} goes on after an error"
        for script in workflow.scripts(job):
            if IGNORING.search(str(script.step["run"])):
                yield f"{job} runs {script.name} and goes on whatever it says"


@rule(
    "fork-guard",
    "Forks release nothing",
    why="A tag in a fork starts the workflow there, which fails or, worse, is taken for the original.",
    fix="`if: ${{ !github.event.repository.fork }}` on the first job; a name would be wrong after a renaming",
    good="forks stop at the first job",
)
def fork_guard(workflow: Workflow, context: Context) -> Iterator[str]:
    """A job that every upload waits for asks whether this is a fork."""
    asked = {job: condition(workflow.jobs[job].get("if")) for job in chain(workflow)}
    for job in uploading(workflow):
        path = {job} | workflow.needs(job)
        if any("!github.event.repository.fork" in asked.get(j, "") for j in path):
            continue
        named = [j for j in path if re.search(r"github\.repository(?:_owner)?\s*==", asked.get(j, ""))]
        if named:
            yield f"{named[0]} compares the repository with a name, and is skipped after a renaming"
        else:
            yield f"{job} runs in forks too"
    for job in {"announce", "report"} & set(workflow.jobs) if context.settings else ():
        if "!github.event.repository.fork" not in condition(workflow.jobs[job].get("if")):
            yield f"{job} runs in forks too"


@rule(
    "triggers",
    "Only a release tag starts it",
    why="A branch, a pull request or a tag like `nightly-3` must not be able to publish.",
    fix="`on: push: tags:` with the pattern of release tags, and `workflow_dispatch` with the tag as input",
    good="a release tag, or a person who names one",
)
def triggers(workflow: Workflow, context: Context) -> Iterator[str]:
    """Release tags and a start by hand, and nothing else."""
    on = workflow.triggers
    patterns = tag_patterns(workflow)
    if not context.settings:
        yield from _other_triggers(workflow, patterns)
        return
    if patterns != [context.tag_pattern]:
        yield f"it starts for the tags {', '.join(patterns) or '(none)'}, not for {context.tag_pattern}"
    others = sorted(set(on) - {"push", "workflow_dispatch"}) + sorted(set(on.get("push") or {}) - {"tags"})
    if others:
        yield f"{', '.join(others)} start it too"
    inputs = (on.get("workflow_dispatch") or {}).get("inputs") or {}
    tag = inputs.get("tag") or {}
    if set(inputs) != {"tag"} or tag.get("required") is not True or tag.get("type") != "string":
        yield "a start by hand does not ask for the tag alone"


def _other_triggers(workflow: Workflow, patterns: list[str]) -> Iterator[str]:
    if set(workflow.triggers) & {"pull_request_target", "workflow_run"}:
        yield "it starts from what others send (pull_request_target, workflow_run)"
    push = workflow.triggers.get("push", {"tags": []})
    known = {"push", "release", "workflow_dispatch", "create", "workflow_call"}  # the last: see `one_file`
    if (
        isinstance(push, dict)
        and "tags" in push
        and "branches" not in push
        and set(workflow.triggers) <= known
    ):
        if {"*", "**"} & set(patterns):
            yield "every tag starts it, not release tags alone"
        return
    for job in uploading(workflow):
        asked = " ".join(str(workflow.jobs.get(j, {}).get("if", "")) for j in {job} | workflow.needs(job))
        if not re.search(r"refs/tags|ref_type\s*==\s*'tag'|event_name\s*==\s*'release'", asked):
            yield f"{job} runs for more than tags: {', '.join(map(str, workflow.triggers))}"


@rule(
    "one-run",
    "One run per version",
    why="Two runs that upload the same version at a time, or one that is cancelled, leave half a release.",
    fix="`concurrency:` with a `group:` that has the tag in it, and `cancel-in-progress: false`",
    good="runs for one tag wait for each other, nothing is cancelled",
)
def one_run(workflow: Workflow, context: Context) -> Iterator[str]:
    """Runs for a tag wait for each other, other tags are not held up, and nothing is cancelled half-way."""
    group = workflow.data.get("concurrency")
    name = str(group.get("group", "")) if isinstance(group, dict) else str(group or "")
    keyed = TAG in name if context.settings else re.search(r"github\.ref|github\.ref_name|inputs\.", name)
    if not name:
        yield "two runs for one tag can run at the same time"
    elif not keyed:
        yield f"the group {name} is not that of one tag"
    if isinstance(group, dict) and group.get("cancel-in-progress", False) is not False:
        yield "a run can be cancelled half-way"
    yield from (f"{job} has a queue of its own" for job, j in workflow.jobs.items() if "concurrency" in j)
    if context.settings and condition((workflow.data.get("env") or {}).get("TAG")) != TAG:
        yield "the variable TAG is not the tag of the run"
    ci = rendered_ci(context)
    if ci:
        group = ci.data.get("concurrency") or {}
        if condition(group.get("group", "").removeprefix("ci-")) != "github.ref":
            yield f"{ci.file}: runs of one branch do not wait for each other"
        if condition(group.get("cancel-in-progress")) != "github.event_name == 'pull_request'":
            yield f"{ci.file}: the verdict on a commit of a branch can be cancelled"
