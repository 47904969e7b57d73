"""The rules for workflows that release: what each demands, why, and how to keep it.

`doctor` holds a repository against them, adopted or not; the tests hold every workflow against them that
the template can render.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from copier_pypi_release.checks import DISARMS, Check, CheckFailed, CheckSkipped, require
from copier_pypi_release.checks.rules import Rule, ci, content, jobs, order, rights, upload
from copier_pypi_release.outside import uploads_outside
from copier_pypi_release.workflow_files import FOLDER

if TYPE_CHECKING:
    from copier_pypi_release.checks.context import Context

# In this order they are shown: by module, and as they stand there.
RULES: list[Rule] = [
    found
    for module in (order, rights, upload, content, jobs, ci)
    for found in vars(module).values()
    if isinstance(found, Rule)
]


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
    others = [w for w in context.workflows if w.file not in ours]
    armed = [w.place for w in others if any(not job.named_in(kept) for job in w.publishing_jobs())]
    outside = uploads_outside(context.root)
    armed += [one.file for one in outside if one.service]
    files = list(dict.fromkeys(job.file for job in context.publishing_jobs if job.index == "pypi"))
    armed += [f"{FOLDER}/{file}" for file in files[1:]]
    require(
        [f"{name} uploads too" for name in armed],
        fix=f"`git rm {' '.join(armed)}`, or take the upload out",
    )
    doubts = [job for w in context.workflows for job in w.doubtful_jobs() if not job.named_in(kept)]
    doubtful = [f"{job.place} {job.how}" for job in doubts]
    unknown = f"; unknown: {', '.join(doubtful)}" if doubtful else ""
    stays = f"; kept by adoption: {', '.join(sorted(kept))}" if kept else ""
    typed = [one.place for one in outside if not one.service]
    by_hand = f"; when somebody runs it: {', '.join(typed)}" if typed else ""
    return f"none but {', '.join(sorted(ours)) or 'a person'}{stays}{unknown}{by_hand}"


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
