"""What rules ask a workflow that builds wheels of several platforms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks.rules import compiles, condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copier_pypi_release.workflow_files import Workflow

BUILT, BUILT_HERE = "${{ needs.build.outputs.hashes }}", "${{ steps.build.outputs.hashes }}"
SDIST = "${{ needs.sdist.outputs.hashes }}"
# In this order: what builds, what keeps, what hands on, and what imports dependencies of the package.
BUILDING, KEEPING, HANDING, TESTING = (
    r"build_wheels\.py(?![^\n]* --test)",
    "actions/upload-artifact",
    r"earlier_wheels\.py --hand-on",
    r"build_wheels\.py[^\n]* --test",
)


def hashes_for(workflow: Workflow, job: str, script: str) -> str:
    """The hashes that a script of a job compares with; wheels are collected and tested at the same time."""
    if script == "build_wheels.py":
        return SDIST
    if script == "collect_distributions.py" or (job == "test" and compiles(workflow)):
        listed = [f"${{{{ needs.wheels.outputs.{name} }}}}" for name in _hashes(workflow)]
        return "\n".join([SDIST, *listed])
    return BUILT_HERE if job == "build" else BUILT


def _hashes(workflow: Workflow) -> list[str]:
    """The outputs of the wheels that are hashes, one for each platform."""
    return [name for name in workflow.jobs.get("wheels", {}).get("outputs") or {} if name.endswith("-hashes")]


def handed_late(read: Workflow) -> Iterator[str]:
    """Where wheels are handed on after something that their tests import could change them."""
    if not compiles(read):
        return
    outputs, known = read.jobs["wheels"].get("outputs") or {}, set(handed(read, "wheels"))
    for name in _hashes(read):
        if outputs[name] not in known:
            yield f"wheels does not hand on {name}"
    steps = [f"{step.get('uses', '')} {step.get('run', '')}" for step in read.steps("wheels")]
    order = [
        next((number for number, text in enumerate(steps) if re.search(what, text)), len(steps))
        for what in (BUILDING, KEEPING, HANDING, TESTING)
    ]
    if order != sorted(order) or len(steps) in order:
        yield "wheels does not hand the wheels on before their tests"


def places_of(read: Workflow) -> dict[str, list[str]]:
    """The platforms that each place names, by the place."""
    wheels = read.jobs["wheels"]
    cells = ((wheels.get("strategy") or {}).get("matrix") or {}).get("include") or []
    outputs = list(wheels.get("outputs") or {})
    hashes = [name.removesuffix("-hashes") for name in _hashes(read)]
    places = {
        "the matrix": [str(cell.get("wheels")) for cell in cells],
        "the outputs of wheels": [name for name in outputs if not name.endswith("-hashes")],
        "the hashes of wheels": hashes,
    }
    for job, step in read.using("actions/download-artifact"):
        ids = str((step.get("with") or {}).get("artifact-ids", ""))
        if job == "build" or "needs.wheels." in ids:
            places[f"the download of {job}"] = re.findall(r"needs\.wheels\.outputs\.([\w-]+)", ids)
    return places


def handed(workflow: Workflow, job: str) -> Iterator[str]:
    """The outputs by which the cells of a matrix hand on id and hashes of an artifact, each by its own name.

    The runner merges the outputs of all cells, so that two which have one name would lose one artifact. An
    upload is left out only where an earlier attempt's artifact takes its place.
    """
    cells = ((workflow.jobs.get(job, {}).get("strategy") or {}).get("matrix") or {}).get("include") or []
    scripts = [s for s in workflow.scripts(job) if "continue-on-error" not in s.step]
    earlier = {
        f"steps.{s.step.get('id')}.outputs.artifact == ''": f"steps.{s.step.get('id')}.outputs.{{}} || "
        for s in scripts
        if s.name == "earlier_wheels.py" and "--hand-on" not in s.arguments and "if" not in s.step
    }
    without = {"": "", **earlier}
    kept = {
        f"${{{{ {before.format('artifact')}steps.{step.get('id')}.outputs.artifact-id }}}}"
        for source, step in workflow.using("actions/upload-artifact")
        if source == job and "continue-on-error" not in step
        if (before := without.get(condition(step.get("if")))) is not None
    }
    built = {
        f"${{{{ {before.format('hashes')}steps.{s.step.get('id')}.outputs.hashes }}}}"
        for s in scripts
        if s.name == "build_wheels.py" and "--test" not in s.arguments
        if (before := without.get(condition(s.step.get("if")))) is not None
    }
    for script in scripts:
        env = script.step.get("env") or {}
        if script.name != "earlier_wheels.py" or script.arguments != ("--hand-on",) or "if" in script.step:
            continue
        key = re.fullmatch(r"\$\{\{ matrix\.([\w-]+) \}\}", str(env.get("PLATFORM")))
        names = [str(cell.get(key[1])) for cell in cells] if key else []
        if env.get("ARTIFACT") in kept and env.get("WHEELS") in built and len(set(names)) == len(names):
            for name in names:
                yield f"${{{{ steps.{script.step.get('id')}.outputs.{name} }}}}"
                yield f"${{{{ steps.{script.step.get('id')}.outputs.{name}-hashes }}}}"
