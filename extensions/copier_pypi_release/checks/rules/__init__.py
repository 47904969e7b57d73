"""What a rule for workflows is, and what rules ask a workflow; one module for each subject."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copier_pypi_release.checks import RENDERS, Check, CheckSkipped, require
from copier_pypi_release.uploads import index_of
from copier_pypi_release.workflow_files import COMPILING, FOLDER, STAGES, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from copier_pypi_release.checks.context import Context

    Errors = Callable[[Workflow, Context], Iterator[str]]

TAG = "inputs.tag || github.ref_name"
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
# The job that builds and its script, by whether the package is compiled.
BUILDS = {False: ("build", "build_distributions.py"), True: ("sdist", "build_sdist.py")}


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


def rule(name: str, title: str, **more: Any) -> Callable[[Errors], Rule]:  # noqa: ANN401  (see `Rule`)
    """Make a rule of a function that tells errors."""

    def made(errors: Errors) -> Rule:
        return Rule(name, title, errors=errors, **more)

    return made


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
