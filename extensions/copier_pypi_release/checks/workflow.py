"""The rules for workflows that release: what each demands, why, and how to keep it.

`doctor` holds a repository against them, adopted or not; the tests hold every workflow against them that
the template can render.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copier_pypi_release.checks import DISARMS, RENDERS, Check, CheckFailed, CheckSkipped, require
from copier_pypi_release.checks.context import tag_patterns
from copier_pypi_release.uploads import index_of, repository_url, upload_command
from copier_pypi_release.workflow_files import COMPILING, FOLDER, PINNED, STAGES, Workflow, publishes_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from copier_pypi_release.checks.context import Context

    Errors = Callable[[Workflow, Context], Iterator[str]]

PUBLISHING = {"publish-testpypi": "testpypi", "publish-pypi": "pypi"}  # stages, by what they upload to
TAG = "inputs.tag || github.ref_name"
RETENTION = 30  # days: as long as a run can be re-run
LONGEST = 60  # minutes
RUNNER = "ubuntu-24.04"
WATCH = "release-watch.yml"
READ = {"contents": "read"}
RIGHTS: dict[str, dict[str, str]] = {
    **dict.fromkeys((*STAGES, *COMPILING), READ),
    "gate": {"actions": "read", "contents": "read"},
    "wheels": {"actions": "read", "contents": "read"},
    "publish-testpypi": {},
    "publish-pypi": {},
    "github-release": {"contents": "write"},
    "report": {"contents": "read", "issues": "write"},
    "announce-review": READ,
    "announce": {"actions": "read", "contents": "read"},
}
# Functions that let a job run although one that it needs has failed.
BYPASS = re.compile(r"\b(?:always|failure|cancelled)\s*\(")
# Values that somebody else can choose: a tag, a branch, a title, what a start by hand is told.
CHOSEN = re.compile(r"\$\{\{[^}]*\b(?:github\.(?:event\.|head_ref|ref\b|ref_name|actor)|inputs\.)")
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
WEBHOOK = "${{ secrets.RELEASE_WEBHOOK }}"  # the one secret, of the jobs that tell people
BUILT, BUILT_HERE = "${{ needs.build.outputs.hashes }}", "${{ steps.build.outputs.hashes }}"
SDIST = "${{ needs.sdist.outputs.hashes }}"
# What a job of a matrix hands on by the name of its cell: what the same name of the matrix says.
HANDED = re.compile(r'echo "\$(\w+)=\$(\w+)" >> "\$GITHUB_OUTPUT"')
# The job that builds and its script, by whether the package is compiled.
BUILDS = {False: ("build", "build_distributions.py"), True: ("sdist", "build_sdist.py")}
SKIPPED_WITH_CI = "needs.gate.outputs.ci != 'passed'"
ON_ONE_SYSTEM = f"matrix.os == '{RUNNER}'"
BUILD_COMMAND = re.compile(
    r"-m\s+build\b|\b(?:pipx\s+run\s+build|pyproject-build|(?:uv|hatch|poetry|flit|pdm|maturin)\s+build"
    r"|setup\.py\s.*\b(?:sdist|bdist_wheel))\b|build_(?:distributions|sdist)\.py"
)
FROM_TAGS = re.compile(
    r"hatch-vcs|setuptools[-_]scm|versioningit|dunamai|versioneer|flit[-_]scm", re.IGNORECASE
)
ELSEWHERE = (".travis.yml", ".gitlab-ci.yml", ".circleci/config.yml", "azure-pipelines.yml", "appveyor.yml")


@dataclass(frozen=True)
class Rule:
    """A demand on the workflow that releases.

    Attributes:
        name: What programs call it.
        title: What people call it.
        why: What goes wrong otherwise.
        fix: How the workflow keeps it.
        good: What is said of a workflow that does.
        errors: Where a workflow does not.
        adopted: Whether it is about scripts that this template renders.
        ci: Whether it is about the CI workflow that this template renders.
    """

    name: str
    title: str
    why: str
    fix: str
    good: str
    errors: Errors
    adopted: bool = False
    ci: bool = False

    def run(self, context: Context) -> str:
        """Apply it to the workflows that release; see `Check`."""
        if self.ci and own_ci(context):
            return "the project's CI is its own"
        require_release(context)
        found, named = [], set()
        for workflow in context.releases:
            place = f"{workflow.file}: " if len(context.releases) > 1 else ""
            for error in self.errors(workflow, context):
                other = next((w.place for w in context.workflows if error.startswith(f"{w.file}: ")), "")
                found.append(error if other else f"{place}{error}")
                named.add(other or workflow.place)
        see = f"git log -p -- {' '.join(sorted(named))}" if context.settings else ""
        require(found, fix=self.fix, see=see)
        return self.good

    @property
    def check(self) -> Check:
        """The rule as a check."""
        return Check(self.name, self.title, self.why, self.run, RENDERS, self.adopted)


RULES: list[Rule] = []


def rule(name: str, title: str, **more: Any) -> Callable[[Errors], Errors]:  # noqa: ANN401  (see `Rule`)
    """Put a function that tells errors on the list of rules."""

    def added(errors: Errors) -> Errors:
        RULES.append(Rule(name, title, errors=errors, **more))
        return errors

    return added


def require_release(context: Context) -> None:
    """Check that there is a workflow that releases.

    Raises:
        CheckSkipped: There is none that can be read.
    """
    if not context.releases:
        reason = "No workflow here that can be read uploads a package"
        if context.settings:
            reason = f"{FOLDER}/{context.settings.release_workflow} cannot be read"
        raise CheckSkipped(reason[0].lower() + reason[1:], cause=f"{reason}. Not checked:")


# ---- What rules ask ---------------------------------------------------------------------------------


def own_ci(context: Context) -> bool:
    """Whether CI is the project's own, because it was there before the template."""
    return context.settings is None or set(context.settings.checks) == {"ci"}


def rendered_ci(context: Context) -> Workflow | None:
    """The CI workflow that this template renders."""
    if own_ci(context) or context.settings is None:
        return None
    return next((w for w in context.workflows if w.file == context.settings.ci_workflow), None)


def both(workflow: Workflow, context: Context) -> list[tuple[str, Workflow]]:
    """The workflow that releases and the rendered CI, each with what stands before an error in it."""
    ci = rendered_ci(context)
    return [("", workflow), *([(f"{ci.file}: ", ci)] if ci else [])]


def rendered(workflow: Workflow, context: Context) -> list[tuple[str, Workflow]]:
    """These two, and the scheduled one that may write issues."""
    scheduled = [w for w in context.workflows if context.settings and w.file == WATCH]
    return [*both(workflow, context), *((f"{w.file}: ", w) for w in scheduled)]


def uploading(workflow: Workflow) -> dict[str, str]:
    """The index of each publishing job of a workflow."""
    return {job.job: job.index for job in workflow.publishing_jobs()}


def chain(workflow: Workflow) -> list[str]:
    """The publishing jobs and all that they need, in the order of the file."""
    publishing = set(uploading(workflow))
    return [job for job in workflow.jobs if job in publishing | workflow.needs(*publishing)]


def release_jobs(workflow: Workflow) -> list[str]:
    """The jobs that rules are about: those of the chain; all of a workflow that this template renders."""
    return list(workflow.jobs) if workflow.ours else chain(workflow)


def publishing_steps(workflow: Workflow) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The steps that upload, with the key of their job."""
    for job in uploading(workflow):
        for step in workflow.steps(job):
            if index_of(step):
                yield job, step


def by_action(workflow: Workflow) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Key of the job, step and inputs of each use of an action that uploads."""
    for job, step in publishing_steps(workflow):
        if "uses" in step:
            yield job, step, step.get("with") or {}


def runs(workflow: Workflow, job: str, name: str, *arguments: str) -> bool:
    """Whether a job always runs a release script, with some arguments at least."""
    return any(
        script.name == name and script.counts and set(arguments) <= set(script.arguments)
        for script in workflow.scripts(job)
    )


def missing(workflow: Workflow, *wanted: tuple[str, ...]) -> Iterator[str]:
    """An error for each job and script that does not always run."""
    for job, name, *arguments in wanted:
        if not runs(workflow, job, name, *arguments):
            yield f"no step of the job {job} always runs `{' '.join([name, *arguments])}`"


def texts(value: object) -> Iterator[str]:
    """Every text inside a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(texts, itertools.chain(value, value.values())))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(texts, value))


def condition(text: object) -> str:
    """A condition without what is around the expression."""
    return re.sub(r"\A\$\{\{\s*|\s*\}\}\Z", "", str(text or "").strip())


def compiles(workflow: Workflow) -> bool:
    """Whether it builds wheels of several platforms."""
    return set(COMPILING) <= set(workflow.jobs)


def told(rights: Mapping[str, Any] | str) -> str:
    """Permissions, for people."""
    return rights if isinstance(rights, str) else ", ".join(f"{k}: {v}" for k, v in rights.items()) or "none"


def is_sparse(step: Mapping[str, Any]) -> bool:
    """Whether a checkout is of the release scripts alone."""
    return "sparse-checkout" in (step.get("with") or {})


# ---- Order ------------------------------------------------------------------------------------------


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
        for number, job in enumerate(STAGES):
            lacking = set(STAGES[:number]) - set(absent) - workflow.needs(job)
            if lacking and job not in absent:
                yield f"{job} does not wait for {', '.join(sorted(lacking, key=STAGES.index))}"
        return
    publishing = uploading(workflow)
    testing = {job for job, index in publishing.items() if index == "testpypi"}
    for job, index in publishing.items():
        before = workflow.needs(job)
        if not before:
            yield f"{job} waits for no job that tests"
        if index == "pypi" and not before & testing:
            yield f"{job} uploads to PyPI without TestPyPI before it"


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


# ---- Rights -----------------------------------------------------------------------------------------


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
    for job in {"announce", "announce-review"} & set(
        workflow.jobs
    ):  # no identity, nothing of the package runs
        for script in workflow.scripts(job):
            if script.name == "announce.py" and (script.step.get("env") or {}).get("WEBHOOK") == WEBHOOK:
                used.remove(WEBHOOK)
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


# ---- The upload -------------------------------------------------------------------------------------


@rule(
    "isolation",
    "Isolation of the upload",
    why="Code of the package, or of a tool, that runs beside the upload can change what is uploaded.",
    fix="a publishing job of two steps: actions/download-artifact and pypa/gh-action-pypi-publish",
    good="two steps: download and publish",
)
def isolation(workflow: Workflow, context: Context) -> Iterator[str]:
    """A publishing job downloads and publishes: no checkout, no code, no shell, nothing switched on."""
    for job in PUBLISHING if context.settings else uploading(workflow):
        steps = workflow.steps(job)
        used = [str(s.get("uses", s.get("run", ""))).partition("@")[0].strip() for s in steps]
        if used != ["actions/download-artifact", "pypa/gh-action-pypi-publish"]:
            shown = [text.partition("\n")[0] for text in used]
            yield f"{job} does more than download and publish: {', '.join(shown) or 'nothing'}"
            continue
        if any(set(step) - {"name", "uses", "with"} for step in steps):
            yield f"{job} has a step with a condition or variables"
        extras = {"container", "services", "env", "outputs", "strategy", "defaults"} & set(workflow.jobs[job])
        if extras:
            yield f"{job} has {', '.join(sorted(extras))}"
        if not str(workflow.jobs[job].get("runs-on", "")).startswith("ubuntu-"):
            yield f"{job} does not run on Linux, where the action runs"


@rule(
    "upload",
    "Uploads to the two indexes, attested",
    why="An attestation shows which workflow made a file; another address publishes to somebody else.",
    fix="no input but `skip-existing` and, for TestPyPI, `repository-url` with TestPyPI's address",
    good="with attestations, to TestPyPI and PyPI",
)
def upload(workflow: Workflow, context: Context) -> Iterator[str]:
    """Nothing is switched off, nothing is told in a log, and the address is that of the index."""
    known = {"skip-existing", "repository-url", "password", "user"}  # the last two: see `tokens`
    for job, _, inputs in by_action(workflow):
        off = [
            k for k in ("attestations", "verify-metadata") if str(inputs.get(k, "true")).lower() == "false"
        ]
        if off:
            yield f"{job} switches off {', '.join(off)}"
        if str(inputs.get("verbose", "")).lower() == "true":
            yield f"{job} logs what it sends"
        address = repository_url({"with": inputs})
        if address and address != "https://test.pypi.org/legacy/":
            yield f"{job} uploads to {address}"
        expected = PUBLISHING.get(job) if context.settings else None
        if expected and expected != uploading(workflow)[job]:
            yield f"{job} does not upload to {expected}"
        others = set(inputs) - known - {"attestations", "verify-metadata", "verbose"}
        if context.settings and others:
            yield f"{job} is told {', '.join(sorted(others))} too"


@rule(
    "environment-names",
    "Named environments",
    why="An environment is what a reviewer approves, and what the trusted publisher compares.",
    fix="`environment:` with a name of its own on each publishing job, and on no other job",
    good="each publishing job has its own",
)
def environment_names(workflow: Workflow, context: Context) -> Iterator[str]:
    """Each publishing job names one of its own, as settings.toml has it; no other job names it."""
    named = {job: workflow.environment(job) for job in workflow.jobs}
    seen: dict[str, str] = {}
    for job, seen_index in uploading(workflow).items():
        name, index = named[job], PUBLISHING.get(job, seen_index) if context.settings else seen_index
        if not name:
            yield f"{job} names no environment"
        elif "${{" in name:
            yield f"{job} computes its environment"
        elif seen.get(name.casefold(), index) != index:
            yield f"both indexes share the environment {name}"
        elif context.settings and name != context.settings.environments.get(index):
            yield f"{job} has {name}, settings.toml has {context.settings.environments.get(index)}"
        seen.setdefault(name.casefold(), index)
    others = [j for j, name in named.items() if name and j not in uploading(workflow)]
    yield from (f"{job} gets into {named[job]} too" for job in others if named[job].casefold() in seen)


@rule(
    "one-file",
    "Publishing jobs stand in the file that starts",
    why="A trusted publisher accepts jobs of the file that it names, never of a workflow that this calls.",
    fix="write the publishing jobs into the workflow that the tag starts, with actions of other repositories",
    good="nothing is called",
)
def one_file(workflow: Workflow, context: Context) -> Iterator[str]:
    """No reusable workflow and no local action."""
    if "workflow_call" in workflow.triggers:
        yield "other workflows call it"
    for place, read in rendered(workflow, context):
        for job in release_jobs(read) if read is workflow else list(read.jobs):
            if "uses" in read.jobs[job] and (context.settings or job in uploading(read)):
                yield f"{place}{job} calls a workflow"
            used = [str(step.get("uses", "")) for step in read.steps(job)]
            if any(name.startswith((".", "$", "docker:")) for name in used):
                yield f"{place}{job} uses a local action or an image"


@rule(
    "skip-existing",
    "Re-runs finish an upload",
    why="After half an upload only a re-run helps, which skips what is there and compares its contents.",
    fix="`skip-existing: true` at each upload, and the comparison of hashes before and after it",
    good="skipped by name, compared by hash before and after",
)
def skip_existing(workflow: Workflow, context: Context) -> Iterator[str]:
    """A re-run finishes what is there; other contents are refused before each upload and seen after it."""
    for job, _, inputs in by_action(workflow):
        if inputs.get("skip-existing") is not True:
            yield f"{job} fails at what is there already"
    if context.settings:
        yield from missing(
            workflow,
            ("build", "check_index.py", "testpypi", "pypi"),
            ("verify-testpypi", "check_index.py", "pypi"),
        )


def _installs(index: str) -> Errors:
    def errors(workflow: Workflow, context: Context) -> Iterator[str]:
        del context
        yield from missing(workflow, (f"verify-{index}", "verify_index.py", index))

    return errors


for _index, _title in (("testpypi", "TestPyPI"), ("pypi", "PyPI")):
    rule(
        f"install-{_index}",
        f"Install from {_title}",
        why=f"Only an installation shows that {_title} serves what was built, and that it works from there.",
        fix=f"run `verify_index.py {_index}` in the job verify-{_index}",
        good=f"in the job verify-{_index}",
        adopted=True,
    )(_installs(_index))


# ---- What is built ----------------------------------------------------------------------------------


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
            ref = str((step.get("with") or {}).get("ref", ""))
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
        yield from (f"{place}{error}" for error in _downloads(read))
    for job in workflow.jobs:
        for script in workflow.scripts(job):
            own = (workflow.jobs[job].get("env") or {}) | (script.step.get("env") or {})
            source = BUILT_HERE if job == "build" else BUILT
            if script.name in {"build_wheels.py", "collect_distributions.py"}:
                source = SDIST
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


def handed(workflow: Workflow, job: str) -> Iterator[str]:
    """The outputs by which the cells of a matrix hand the ids of their artifacts on, each by its own name.

    The runner merges the outputs of all cells, so that two which have one name would lose one artifact. An
    upload is left out only where an earlier attempt's artifact takes its place.
    """
    cells = ((workflow.jobs.get(job, {}).get("strategy") or {}).get("matrix") or {}).get("include") or []
    earlier = {
        f"steps.{s.step.get('id')}.outputs.artifact == ''": f"steps.{s.step.get('id')}.outputs.artifact || "
        for s in workflow.scripts(job)
        if s.name == "earlier_wheels.py" and not {"if", "continue-on-error"} & set(s.step)
    }
    kept = {
        f"${{{{ {earlier.get(condition(step.get('if')), '')}steps.{step.get('id')}.outputs.artifact-id }}}}"
        for source, step in workflow.using("actions/upload-artifact")
        if source == job and "continue-on-error" not in step and condition(step.get("if")) in {"", *earlier}
    }
    for step in workflow.steps(job):
        found, env = HANDED.fullmatch(str(step.get("run", "")).strip()), step.get("env") or {}
        if found and env.get(found[2]) in kept and not {"if", "continue-on-error"} & set(step):
            key = re.fullmatch(r"\$\{\{ matrix\.([\w-]+) \}\}", str(env.get(found[1])))
            names = [str(cell.get(key[1])) for cell in cells] if key else []
            if len(set(names)) == len(names):
                yield from (f"${{{{ steps.{step.get('id')}.outputs.{name} }}}}" for name in names)


@rule(
    "platforms",
    "A wheel for every platform",
    why="A platform that is planned and not built, or built and not released, is missing on the index.",
    fix="name each platform in the job sdist, in matrix and outputs of wheels, and in the download of build",
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
        scripts = [s for s in read.scripts("sdist") if s.name == "build_sdist.py"]
        words = [word for s in scripts for word in s.arguments if re.fullmatch(r"[a-z]+-\w+", word)]
        wheels = read.jobs["wheels"]
        cells = ((wheels.get("strategy") or {}).get("matrix") or {}).get("include") or []
        taken = [
            str((step.get("with") or {}).get("artifact-ids", ""))
            for job, step in read.using("actions/download-artifact")
            if job == "build"
        ]
        places = {
            "the matrix": [str(cell.get("wheels")) for cell in cells],
            "the outputs of wheels": list(wheels.get("outputs") or {}),
            "the download of build": re.findall(r"needs\.wheels\.outputs\.([\w-]+)", " ".join(taken)),
        }
        for where, names in places.items():
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
        if len(built) != 1 or not runs(read, "build", "collect_distributions.py"):
            yield f"{place}wheels are not built by build_wheels.py, or not collected"
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


# ---- How jobs run -----------------------------------------------------------------------------------


@rule(
    "pinned-actions",
    "Pinned actions",
    why="A tag of an action can be moved to other code, which then runs with the rights of the job.",
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
            if any(step.get("shell", "bash") != "bash" for step in read.steps(job) if _ours(step)):
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


# ---- CI, as the template renders it -----------------------------------------------------------------


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


# ---- Beside the release -----------------------------------------------------------------------------


def readable(context: Context) -> str:
    """Every workflow can be read, and the one that releases is there."""
    errors = [error.problem for error in context.unreadable]
    if (
        context.settings
        and not context.releases
        and not any(context.settings.release_workflow in e for e in errors)
    ):
        errors.append(f"{FOLDER}/{context.settings.release_workflow} is missing")
    if errors:
        fix = (
            context.unreadable[0].fix
            if context.unreadable
            else "`git log -- .github/workflows` shows who took it out"
        )
        raise CheckFailed(*errors, fix=fix)
    if not context.releases:
        raise CheckSkipped(
            "no workflow here uploads a package, a person or their script does; `adopt` renders one that does"
        )
    return ", ".join(w.file for w in context.releases)


def other_publishers(context: Context) -> str:
    """Nothing but the release workflow uploads to an index."""
    kept = set(context.settings.kept_workflows) if context.settings else set()
    ours = {w.file for w in context.releases}
    armed = [w.place for w in context.workflows if w.file not in ours | kept and w.publishing_jobs()]
    for name in ELSEWHERE:
        path = context.root / name
        if path.is_file() and upload_command(path.read_text(encoding="utf-8", errors="replace")):
            armed.append(name)
    files = list(dict.fromkeys(job.file for job in context.publishing_jobs if job.index == "pypi"))
    armed += [f"{FOLDER}/{file}" for file in files[1:]]
    require(
        [f"{name} uploads too" for name in armed],
        fix=f"`git rm {' '.join(armed)}`, or take the upload out",
    )
    others = [w for w in context.workflows if w.file not in kept]
    doubtful = [f"{job.place} {job.how}" for w in others for job in w.doubtful_jobs()]
    unknown = f"; unknown: {', '.join(doubtful)}" if doubtful else ""
    stays = f"; kept by adoption: {', '.join(sorted(kept))}" if kept else ""
    return f"none but {', '.join(sorted(ours)) or 'a person'}{stays}{unknown}"


@functools.cache
def checks() -> tuple[Check, ...]:
    """The rules, and what else can be read in workflows, as checks."""
    return (
        Check(
            "workflow-files",
            "Workflow files",
            "A workflow that cannot be read can hold an upload that is overlooked.",
            readable,
        ),
        *(one.check for one in RULES),
        Check(
            "other-publishers",
            "Other publishers",
            "A second upload keeps none of these rules.",
            other_publishers,
            DISARMS,
        ),
    )
