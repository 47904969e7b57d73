"""Rules for what is built and published: the tag, the commit, the files, the notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks import CheckSkipped
from copier_pypi_release.checks.rules import (
    BUILDS,
    RUNNER,
    both,
    chain,
    compiles,
    condition,
    is_sparse,
    missing,
    own_ci,
    release_jobs,
    rendered,
    rule,
    runs,
)
from copier_pypi_release.checks.rules.compiled import handed, handed_late, hashes_for, places_of
from copier_pypi_release.workflow_files import COMPILING, STAGES, Workflow, publishes_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.checks.context import Context

RETENTION = 30  # days: as long as a run can be re-run
COMPARING = {  # scripts that compare what they get with what was built
    "build_wheels.py",
    "check_distributions.py",
    "check_index.py",
    "collect_distributions.py",
    "draft_release.py",
    "install_distribution.py",
    "run_checks.py",
    "verify_index.py",
}
# Begins each script of a release, so that nothing steers it. The package's own checks see it all.
UNSTEERED = 'unset "${!PIP_@}" "${!PYTHON@}" "${!UV_@}"'
BUILT_HERE = "${{ steps.build.outputs.hashes }}"
SKIPPED_WITH_CI = "needs.gate.outputs.ci != 'passed'"
ON_ONE_SYSTEM = f"matrix.os == '{RUNNER}'"
BUILD_COMMAND = re.compile(
    r"-m\s+build\b|\b(?:pipx\s+run\s+build|pyproject-build|(?:uv|hatch|poetry|flit|pdm|maturin)\s+build"
    r"|setup\.py\s.*\b(?:sdist|bdist_wheel))\b|build_(?:distributions|sdist)\.py"
)
FROM_TAGS = re.compile(
    r"hatch-vcs|setuptools[-_]scm|versioningit|dunamai|versioneer|flit[-_]scm", re.IGNORECASE
)


@rule(
    "tag-validation",
    "Tag validation",
    why="A tag that is no canonical version, or on the wrong commit, has to stop before anything is built.",
    fix="begin the job gate with `check_tag.py`, then `check_commit.py`",
    good="read by packaging.version, on one commit of a release branch",
    adopted=True,
)
def tag_validation(workflow: Workflow, context: Context) -> Iterator[str]:
    """The gate reads the tag first, then looks at its commit."""
    del context
    scripts = workflow.scripts("gate")
    if not scripts or scripts[0].name != "check_tag.py" or not scripts[0].counts:
        yield "the gate does not begin with check_tag.py"
    yield from missing(workflow, ("gate", "check_commit.py"))


@rule(
    "tagged-commit",
    "The tagged commit is built",
    why="A re-run, or a start by hand, must never release a newer commit than the tag names.",
    fix="`ref: refs/tags/${{ env.TAG }}` in the gate, `ref: ${{ needs.gate.outputs.commit }}` afterwards",
    good="the gate takes the tag, all others the commit that it found",
)
def tagged_commit(workflow: Workflow, context: Context) -> Iterator[str]:
    """The gate takes the tag, the build the commit that the gate found behind it."""
    if not context.settings:
        for job, step in workflow.using("actions/checkout"):
            ref = str((step.get("with") or {}).get("ref", ""))
            if job in chain(workflow) and ref and "${{" not in ref and not ref.startswith("refs/tags/"):
                yield f"{job} checks out {ref}, whatever was tagged"
        return
    for job, step in workflow.using("actions/checkout"):
        if not is_sparse(step):
            given = step.get("with") or {}
            ref, of = (str(given.get(key, "")) for key in ("ref", "repository"))
            if of not in {"", "${{ github.repository }}"}:
                yield f"{job} checks out another repository: {of}"
            wanted = "refs/tags/${{ env.TAG }}" if job == "gate" else "${{ needs.gate.outputs.commit }}"
            if ref != wanted:
                yield f"{job} checks out {ref or 'the default'}, not {wanted}"
    commit = (workflow.jobs.get("gate", {}).get("outputs") or {}).get("commit")
    ids = [script.step.get("id") for script in workflow.scripts("gate") if script.name == "check_commit.py"]
    if ids and (commit != "${{ steps.commit.outputs.commit }}" or ids != ["commit"]):
        yield "the gate does not hand on the commit that it checked"


@rule(
    "full-history",
    "Full history where a version is derived",
    why="A shallow clone has no tags, and its version is 0.1.dev1 without a word.",
    fix="`fetch-depth: 0` at the checkout of each job that builds",
    good="all commits and tags",
)
def full_history(workflow: Workflow, context: Context) -> Iterator[str]:
    """Where a version is derived, the checkout has all commits and tags."""
    deriving = {"build_distributions.py", "build_sdist.py", "check_commit.py", "release_notes.py"}
    if not context.settings and not FROM_TAGS.search(str(context.pyproject.get("build-system", ""))):
        return
    for place, read in both(workflow, context):
        for job in release_jobs(read) if read is workflow else list(read.jobs):
            builds = any(BUILD_COMMAND.search(str(step.get("run", ""))) for step in read.steps(job))
            if not deriving & {script.name for script in read.scripts(job)} and not (
                builds and not context.settings
            ):
                continue
            found = [
                s.get("with") or {}
                for j, s in read.using("actions/checkout")
                if j == job and not is_sparse(s)
            ]
            if not found or any(str(given.get("fetch-depth")) != "0" for given in found):
                yield f"{place}{job} derives a version from a shallow clone"
            elif any(
                "fetch-tags" in given or given.get("filter") not in (None, "blob:none") for given in found
            ):
                yield f"{place}{job} derives a version from a clone that lacks something"


@rule(
    "own-scripts",
    "Scripts come from the workflow's own commit",
    why="A start by hand is the way out of a fault in the workflow: the tagged scripts would fail again.",
    fix="check out .github/release without `ref:`, the source into the folder source, `uv run --no-config`",
    good="never from the tagged source",
    adopted=True,
)
def own_scripts(workflow: Workflow, context: Context) -> Iterator[str]:
    """Scripts are those of the workflow's commit, run without the configuration of the tagged source."""
    for job, step in workflow.using("actions/checkout"):
        given = step.get("with") or {}
        if is_sparse(step):
            if given["sparse-checkout"] != ".github/release" or {"ref", "repository", "path"} & set(given):
                yield f"{job} gets the scripts from elsewhere"
        elif given.get("path") != "source":
            yield f"{job} puts the tagged source where the scripts are"
    for place, read in rendered(workflow, context):
        for job in read.jobs:
            for script in read.scripts(job):
                folder = str(script.step.get("working-directory", ""))
                up = "../" * len([part for part in folder.split("/") if part])
                if script.words[:4] != ("uv", "run", "--no-config", f"{up}.github/release/{script.name}"):
                    yield f"{place}{job} runs {script.name} in another way than `uv run --no-config`"


@rule(
    "unsteered",
    "Nothing steers a script",
    why="`env:` or a step before that sets PYTHONPATH or UV_INDEX would choose what decides about a release.",
    fix=f"begin the `run:` of each such step with the line `{UNSTEERED}`",
    good="without what is set for pip, Python and uv",
    adopted=True,
)
def unsteered(workflow: Workflow, context: Context) -> Iterator[str]:
    """Scripts forget what is set for pip, Python and uv; the package's own checks are to see it."""
    for place, read in both(workflow, context):
        for job in read.jobs:
            for script in read.scripts(job):
                unset = str(script.step["run"]).startswith(f"{UNSTEERED}\n")
                if script.name not in {"run_checks.py", "tool.py"} and not unset:
                    yield f"{place}{job} runs {script.name} with what is set for pip, Python and uv"


@rule(
    "version-check",
    "Version check",
    why="A file with another version than the tag's can never be taken back from an index.",
    fix="run `check_distributions.py` in the job build",
    good="in the job build",
    adopted=True,
)
def version_check(workflow: Workflow, context: Context) -> Iterator[str]:
    """The versions in both distributions are the tag's, before anything is uploaded."""
    del context
    yield from missing(workflow, ("build", "check_distributions.py"))


@rule(
    "smoke-test",
    "Both distributions are installed first",
    why="A wheel or an sdist that does not install, or not import, must not reach an index.",
    fix="run `install_distribution.py` in the job test, once more with `--sdist` on one system",
    good="wheel and sdist, in the job test",
    adopted=True,
)
def smoke_test(workflow: Workflow, context: Context) -> Iterator[str]:
    """The wheel is installed and imported on every system, the sdist on one."""
    del context
    installs = [s for s in workflow.scripts("test") if s.name == "install_distribution.py"]
    if not any(s.counts and not s.arguments for s in installs):
        yield "no step of the job test always installs the wheel"
    sdists = [s for s in installs if s.arguments == ("--sdist",) and not s.step.get("continue-on-error")]
    if not any(condition(s.condition) in {"", ON_ONE_SYSTEM} for s in sdists):
        yield "no step of the job test installs the sdist"


@rule(
    "full-checks",
    "The suite runs unless CI has passed",
    why="A commit that CI has not passed must not be released untested; no answer counts as no.",
    fix=f"run `run_checks.py` in the job test, with the condition `{SKIPPED_WITH_CI}` or none",
    good="left out only if CI has passed on the tagged commit",
    adopted=True,
)
def full_checks(workflow: Workflow, context: Context) -> Iterator[str]:
    """Lint, types and tests run, unless CI has passed on this very commit."""
    ran = [s for s in workflow.scripts("test") if s.name == "run_checks.py"]
    sound = [s for s in ran if condition(s.condition) in {"", SKIPPED_WITH_CI}]
    settings = context.settings
    if settings and own_ci(context) and not ran and not any(settings.checks.values()):
        pass  # the gate stops without a verdict
    elif not sound or any(s.step.get("continue-on-error") for s in sound):
        yield "no step of the job test runs run_checks.py whenever CI has not passed"
    wanted = ["--clone"] if own_ci(context) else []
    if any(list(s.arguments) != wanted for s in ran):
        yield "run_checks.py does not run every check"
    yield from missing(workflow, ("gate", "ci_verdict.py"))
    verdict = (workflow.jobs.get("gate", {}).get("outputs") or {}).get("ci")
    if verdict != "${{ steps.verdict.outputs.ci }}":
        yield "the gate does not hand on what CI said"


@rule(
    "built-once",
    "Built once, handed on",
    why="What was tested has to be published; a second build, or a second upload, is something else.",
    fix="one job builds and uploads its artifact; each later job downloads it and needs that job",
    good="every later job gets the same files",
)
def built_once(workflow: Workflow, context: Context) -> Iterator[str]:
    """Built and handed on once; what a job downloads was uploaded by one that it waits for."""
    for place, read in both(workflow, context):
        build, script = BUILDS[compiles(read)]
        found = [(job, s.name) for job in read.jobs for s in read.scripts(job)]
        builders = [job for job, name in found if name in dict(BUILDS.values()).values()]
        if context.settings and builders != [build]:
            yield f"{place}{', '.join(builders) or 'no job'} builds, not {build} alone"
        elif context.settings and (build, script) not in found:
            yield f"{place}{build} does not build with {script}"
        uploads: dict[str, list[str]] = {}
        for job, step in read.using("actions/upload-artifact"):
            uploads.setdefault(str((step.get("with") or {}).get("name", "artifact")), []).append(job)
        twice = [name for name, jobs in uploads.items() if len(jobs) > 1]
        yield from (f"{place}the artifact {name} is uploaded by {', '.join(uploads[name])}" for name in twice)
        for job, step in read.using("actions/download-artifact"):
            given = step.get("with") or {}
            names = [str(given["name"])] if "name" in given else list(uploads)
            if {"artifact-ids", "pattern"} & set(given) or any("${{" in name for name in names):
                continue
            late = [n for n in names if not set(uploads.get(n, ["?"])) <= read.needs(job)]
            if late:
                yield f"{place}{job} downloads {', '.join(late)} from no job that it waits for"


@rule(
    "bound",
    "Files are handed on by id and hash",
    why="What runs in a job, any dependency of the package, can put another artifact in the place of a name.",
    fix="`artifact-ids: ${{ needs.JOB.outputs.NAME }}` at each download, `HASHES:` in each job that compares",
    good="by the id of what was uploaded, compared with hashes that the build hands on",
    adopted=True,
)
def bound(workflow: Workflow, context: Context) -> Iterator[str]:
    """Downloads name the id that the upload of another job gave; who uses the files has the build's hashes.

    An empty id would download everything, so it has to come from an upload that always happens.
    """
    for place, read in both(workflow, context):
        yield from (f"{place}{error}" for error in (*_downloads(read), *handed_late(read)))
    for job in workflow.jobs:
        for script in workflow.scripts(job):
            own = (workflow.jobs[job].get("env") or {}) | (script.step.get("env") or {})
            source = hashes_for(workflow, job, script.name)
            compares = script.name in COMPARING and "--check" not in script.arguments
            if compares and (own.get("HASHES") != source or "--checksums" in script.arguments):
                yield f"{job} runs {script.name} without `HASHES: {source}`"
    build = workflow.steps("build") if "build" in workflow.jobs else []
    first = "collect_distributions.py" if compiles(workflow) else "build_distributions.py"
    names = [first, "actions/upload-artifact", "check_distributions.py"]
    texts_of = [f"{step.get('uses', '')} {step.get('run', '')}" for step in build]
    order = [next((n for n, text in enumerate(texts_of) if name in text), len(build)) for name in names]
    if build and (order != sorted(order) or len(build) in order[:2] or build[order[0]].get("id") != "build"):
        yield "build does not keep the files before other tools read them"
    if build and (workflow.jobs["build"].get("outputs") or {}).get("hashes") != BUILT_HERE:
        yield "build does not hand on the hashes of what it built"


def _downloads(read: Workflow) -> Iterator[str]:
    for job, step in read.using("actions/download-artifact"):
        given = step.get("with") or {}
        if {"name", "pattern"} & set(given) or "artifact-ids" not in given:
            yield f"{job} downloads by name"
            continue
        for artifact in re.split(r",\s*", str(given["artifact-ids"])):
            if not uploaded(read, job, artifact):
                yield f"{job} downloads `{artifact}`, which no job that it needs uploads"


def uploaded(workflow: Workflow, job: str, ids: str) -> bool:
    """Whether an expression is the id of an artifact that a job, needed by this one, always uploads."""
    found = re.fullmatch(r"\$\{\{ needs\.([\w-]+)\.outputs\.([\w-]+) \}\}", ids)
    needed = workflow.jobs[job].get("needs") or []
    if not found or found[1] not in ([needed] if isinstance(needed, str) else needed):
        return False
    output = str((workflow.jobs.get(found[1], {}).get("outputs") or {}).get(found[2]))
    if output in handed(workflow, found[1]):
        return True
    return any(
        source == found[1]
        and output == f"${{{{ steps.{step.get('id')}.outputs.artifact-id }}}}"
        and not {"if", "continue-on-error"} & set(step)
        for source, step in workflow.using("actions/upload-artifact")
    )


@rule(
    "platforms",
    "A wheel for every platform",
    why="A platform that is planned and not built, or built and not released, is missing on the index.",
    fix="name each platform in the job sdist, in matrix and outputs of wheels, and where others take them",
    good="planned, built and released alike",
    adopted=True,
)
def platforms(workflow: Workflow, context: Context) -> Iterator[str]:
    """The platforms that are planned are those that are built, handed on and released; CI's are the same."""
    planned: dict[str, list[str]] = {}
    for place, read in both(workflow, context):
        present = set(COMPILING) & set(read.jobs)
        if present and not compiles(read):
            yield f"{place}there is no job {', '.join(sorted(set(COMPILING) - present))}"
        if not compiles(read):
            continue
        words = read.platforms
        for where, names in places_of(read).items():
            differing = sorted(set(words) ^ set(names))
            if differing:
                yield f"{place}{where} and the plan differ in {', '.join(differing)}"
        kept = "steps.earlier.outputs.artifact == ''"  # whose outputs are looked at by `handed`
        built = [
            s
            for s in read.scripts("wheels")
            if s.name == "build_wheels.py"
            and condition(s.step.get("if")) in {"", kept}
            and "continue-on-error" not in s.step
        ]
        if [s.arguments for s in built] != [(), ("--test",)]:
            yield f"{place}wheels are not built by build_wheels.py, and then tested by it"
        if not runs(read, "build", "collect_distributions.py"):
            yield f"{place}wheels are not collected"
        planned[read.file] = sorted(words)
    if len(set(map(str, planned.values()))) > 1:
        yield f"{' and '.join(planned)} build for other platforms"


@rule(
    "retention",
    "Artifacts outlive every re-run",
    why="A run can be re-run for 30 days, and without the first artifacts that means another build.",
    fix=f"`retention-days: {RETENTION}`, `overwrite: true` and `if-no-files-found: error` at each upload",
    good=f"{RETENTION} days, replaced when everything runs again",
)
def retention(workflow: Workflow, context: Context) -> Iterator[str]:
    """A re-run of failed jobs finds the artifacts of the first run, and a re-run of all replaces them."""
    for place, read in both(workflow, context):
        for job, step in read.using("actions/upload-artifact"):
            given = step.get("with") or {}
            days = given.get("retention-days", None if context.settings else RETENTION)
            if read is workflow and (not isinstance(days, int) or days < RETENTION):
                yield f"{job} keeps an artifact for {days or 'the default of'} days"
            if context.settings and read is workflow and given.get("overwrite") is not True:
                yield f"{job} cannot replace its artifact"
            if context.settings and given.get("if-no-files-found") != "error":
                yield f"{place}{job} uploads nothing without an error"


@rule(
    "notes",
    "Notes are reviewed",
    why="Nobody reads notes before they are published with the files, or edits them after a failed upload.",
    fix="write the notes in the first job, and end with a draft that a person publishes",
    good="written first, a draft at the end that a person publishes",
)
def notes(workflow: Workflow, context: Context) -> Iterator[str]:
    """The notes are kept by the first job; the GitHub Release comes last, as a draft."""
    if context.settings:
        yield from missing(workflow, ("gate", "release_notes.py", "--output"))
        yield from missing(workflow, ("github-release", "draft_release.py"))
        kept = [
            (job, (step.get("with") or {}).get("name"))
            for job, step in workflow.using("actions/upload-artifact")
        ]
        if ("gate", "release-notes") not in kept:
            yield "the gate does not keep the notes as an artifact"
    elif "release" in workflow.triggers:
        yield "the GitHub Release is published before the upload that it starts"
    for other in context.workflows:
        for job in other.jobs:
            for step in other.steps(job):
                if publishes_release(step):
                    yield f"{other.file} publishes a GitHub Release by itself"


@rule(
    "report",
    "A failed release tells someone",
    why="A release that stops at night is found out by users otherwise.",
    fix="a last job `report` with `always()`, all others in `needs:`, `issues: write`, and report_outcome.py",
    good="an issue that names the job",
    adopted=True,
)
def report(workflow: Workflow, context: Context) -> Iterator[str]:
    """An issue when it stopped, whatever stopped it; unless no issue was wanted."""
    del context
    if "report" not in workflow.jobs:
        raise CheckSkipped(
            "no issue was wanted; GitHub mails whoever pushed the tag",
            see="https://github.com/settings/notifications",
        )
    yield from missing(workflow, ("report", "report_outcome.py"))
    if "always()" not in condition(workflow.jobs["report"].get("if")):
        yield "report does not run after a failure (always())"
    lacking = [job for job in STAGES if job not in workflow.needs("report")]
    direct = workflow.jobs["report"].get("needs") or []
    if lacking or not set(STAGES) <= set(direct):
        yield f"report does not see {', '.join(lacking or sorted(set(STAGES) - set(direct)))}"
