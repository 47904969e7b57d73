"""Rules for the jobs that upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks.rules import Rule, by_action, missing, release_jobs, rendered, rule, uploading
from copier_pypi_release.uploads import repository_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.checks.context import Context
    from copier_pypi_release.workflow_files import Workflow

PUBLISHING = {"publish-testpypi": "testpypi", "publish-pypi": "pypi"}  # stages, by what they upload to

# What programs obey that no input of theirs names: where to upload, what to load first, whom to believe.
STEERING = re.compile(
    r"(TWINE|INPUT|ACTIONS|LD)_\w+|SSL_CERT_\w+|\w+_CA_BUNDLE|BASH_ENV|NODE_OPTIONS|(PYTHON)?(PATH|HOME)",
    re.IGNORECASE,
)


@rule(
    "isolation",
    "Isolation of the upload",
    why="Code of the package, or of a tool, that runs beside the upload can change what is uploaded.",
    fix="a publishing job of two steps: actions/download-artifact and pypa/gh-action-pypi-publish",
    good="two steps: download and publish",
)
def isolation(workflow: Workflow, context: Context) -> Iterator[str]:
    """A publishing job downloads and publishes: no checkout, no code, no shell, nothing switched on."""
    for name in (workflow.data.get("env") or {}) if context.settings else ():
        if STEERING.fullmatch(name):
            yield f"`env:` of the workflow sets {name}, for the jobs that publish, too"
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


def _installs(index: str, title: str) -> Rule:
    def errors(workflow: Workflow, context: Context) -> Iterator[str]:
        del context
        yield from missing(workflow, (f"verify-{index}", "verify_index.py", index))

    return Rule(
        f"install-{index}",
        f"Install from {title}",
        why=f"Only an installation shows that {title} serves what was built, and that it works from there.",
        fix=f"run `verify_index.py {index}` in the job verify-{index}",
        good=f"in the job verify-{index}",
        errors=errors,
        adopted=True,
    )


INSTALL_TESTPYPI = _installs("testpypi", "TestPyPI")
INSTALL_PYPI = _installs("pypi", "PyPI")
