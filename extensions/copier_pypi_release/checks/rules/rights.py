"""Rules for rights: what each job may do, and which identity, token and credential it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks.rules import (
    READ,
    RIGHTS,
    by_action,
    release_jobs,
    rendered,
    rendered_ci,
    rule,
    texts,
    told,
    uploading,
)
from copier_pypi_release.workflow_files import COMPILING, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.checks.context import Context

WEBHOOK = "${{ secrets.RELEASE_WEBHOOK }}"  # the one secret, of the jobs that tell people


@rule(
    "permissions",
    "Least permissions",
    why="What a job may not do, an attacker in one of its dependencies cannot do either.",
    fix="`permissions: {}` at the top, and in each job the least that it needs",
    good="none by default, each job names its own",
)
def permissions(workflow: Workflow, context: Context) -> Iterator[str]:
    """No rights by default; each job names its own, a publishing job nothing but its identity."""
    for place, read in rendered(workflow, context):
        top = read.data.get("permissions", "the repository's default")
        if isinstance(top, str) or set(top or {}) - {"id-token"}:
            yield f"{place}permissions at the top are {told(top)}, not {{}}"
    for job in release_jobs(workflow):
        own = workflow.jobs[job].get("permissions")
        if own is None:
            yield f"{job} names no permissions"
            continue
        rights = {k: v for k, v in own.items() if k != "id-token"} if isinstance(own, dict) else own
        if isinstance(rights, str) or (job in uploading(workflow) and rights):
            yield f"{job} has more than it needs: {told(own)}"
        elif context.settings and job in RIGHTS and rights != RIGHTS[job]:
            yield f"{job} has {told(rights)}, and needs {told(RIGHTS[job])}"
    ci = rendered_ci(context)
    for job in ci.jobs if ci else ():
        rights = (
            {k: v for k, v in (ci.jobs[job].get("permissions") or {}).items() if k != "id-token"}
            if ci
            else {}
        )
        if ci and job in {"build", "quality", "test", *COMPILING} and rights != READ:
            yield f"{ci.file}: {job} has {told(rights)}, and needs {told(READ)}"


@rule(
    "identity",
    "Identity for uploads alone",
    why="Whoever holds the identity token of this workflow can publish in the name of the project.",
    fix="`id-token: write` on publishing jobs, on no other job and not at the top",
    good="on publishing jobs alone",
)
def identity(workflow: Workflow, context: Context) -> Iterator[str]:
    """`id-token` stands on publishing jobs, never on a workflow, never in CI."""
    for place, read in rendered(workflow, context):
        top = read.data.get("permissions")
        if isinstance(top, dict) and "id-token" in top:
            yield f"{place}every job has an identity token"
        publishing = uploading(workflow) if read is workflow else {}
        for job in read.jobs:
            own = read.jobs[job].get("permissions")
            named = own == "write-all" or (isinstance(own, dict) and own.get("id-token") == "write")
            if named and job not in publishing:
                yield f"{place}{job} has an identity token and publishes nothing"
            if job in publishing and not read.identified(job):
                yield f"{place}{job} has no identity token"


@rule(
    "tokens",
    "No stored token",
    why="A token can be stolen, and a password switches trusted publishing off.",
    fix="trusted publishing: no `password:`, no secret; the job's own token only where a step calls GitHub",
    good="none",
)
def tokens(workflow: Workflow, context: Context) -> Iterator[str]:
    """No secret is used; the job's own token reaches only steps that call GitHub, by environment."""
    for job, _, inputs in by_action(workflow):
        given = sorted({"password", "user"} & set(inputs))
        if given:
            yield f"{job} uploads with a {' and a '.join(given)}"
    publishing = uploading(workflow)
    for job in publishing:
        if not context.settings and any("secrets." in text for text in texts(workflow.jobs[job])):
            yield f"{job} uses a secret"
    if context.settings:
        for place, read in rendered(workflow, context):
            yield from (f"{place}{error}" for error in _tokens_of(read))


def _tokens_of(workflow: Workflow) -> Iterator[str]:
    own = "${{ github.token }}"
    suspicious = re.compile(r"\bsecrets\b|github\.token|GITHUB_TOKEN")
    used = [text for text in texts(workflow.data) if suspicious.search(text) and text != own]
    for job in {"announce", "announce-review"} & set(workflow.jobs):  # without an identity or the package
        told = [script.step for script in workflow.scripts(job) if script.name == "announce.py"]
        for step in workflow.steps(job):
            if step in told and (step.get("env") or {}).get("WEBHOOK") == WEBHOOK:
                used.remove(WEBHOOK)  # once for each step, however often it calls the script
    yield from (f"{text} is used" for text in sorted(set(used)))
    shared = [{k: v for k, v in workflow.data.items() if k != "jobs"}]
    shared += [{k: v for k, v in job.items() if k != "steps"} for job in workflow.jobs.values()]
    if any(own in texts(part) for part in shared):
        yield "the token reaches more than one step"
    for job in workflow.jobs:
        for step in workflow.steps(job):
            env = step.get("env") or {}
            names = [name for name, value in env.items() if value == own]
            calls = re.search(
                r"(announce|ci_verdict|draft_release|earlier_wheels|report_outcome)\.py|tool\.py",
                str(step.get("run", "")),
            )
            rest = {k: v for k, v in step.items() if k != "env"}
            if (names and not (calls and names == ["GH_TOKEN"])) or own in texts(rest):
                yield f"{job} gives the token to a step that does not call GitHub"


@rule(
    "credentials",
    "Checkouts keep no credentials",
    why="A token that stays in .git/config is read by whatever runs later in that job.",
    fix="`persist-credentials: false` at every checkout",
    good="every checkout leaves nothing behind",
)
def credentials(workflow: Workflow, context: Context) -> Iterator[str]:
    """No checkout leaves a token behind."""
    for place, read in rendered(workflow, context):
        jobs = release_jobs(read) if read is workflow else list(read.jobs)
        for job, step in read.using("actions/checkout"):
            if job in jobs and (step.get("with") or {}).get("persist-credentials") is not False:
                yield f"{place}{job} keeps the token of its checkout"
