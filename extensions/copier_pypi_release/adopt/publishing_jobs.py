"""Publishing jobs in an adoption: what stands beside them, and how they are cut out of a workflow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.workflow_files import parse

if TYPE_CHECKING:
    from copier_pypi_release.workflow_files import Workflow

# Steps that make a GitHub Release or sign for it: the new workflow does that.
RELEASE_STEP = re.compile(
    r"action-gh-release|create-release|release-drafter|upload-release-action|ncipollo/release-action|"
    r"gh-action-sigstore|gh release (?:create|upload|edit)|attest-build-provenance",
    re.IGNORECASE,
)


def side_jobs(workflow: Workflow, publishing: set[str]) -> list[str]:
    """Jobs that do something besides building, testing, publishing and making a GitHub Release."""
    known = publishing | workflow.needs(*publishing)
    found = []
    for key in workflow.jobs:
        text = " ".join(f"{s.get('uses', '')} {s.get('run', '')}" for s in workflow.steps(key))
        if key not in known and not RELEASE_STEP.search(text):
            found.append(str(key))
    return found


def without_jobs(workflow: Workflow, doomed: set[str]) -> str:
    """The text of a workflow without some jobs, every other byte as it was.

    Raises:
        AdoptionError: Another job needs one of them, or the file is laid out in a way that cannot be cut.
    """
    text = workflow.text
    for job in doomed:
        dependants = [
            str(key) for key in workflow.jobs if key not in doomed and job in workflow.needs(str(key))
        ]
        if dependants:
            raise AdoptionError(
                f"The job {job!r} in {workflow.file} publishes, and {dependants[0]!r} needs it",
                expected="a publishing job that can be taken out",
                fix=f"take {job!r} out of the `needs` of {dependants[0]!r}, commit, and run this again",
            )
        text = _cut(parse(workflow.path, text), "jobs", job)
    meant = {key: value for key, value in workflow.data.items() if key != "jobs"}
    meant["jobs"] = {key: value for key, value in workflow.jobs.items() if key not in doomed}
    left = parse(workflow.path, text)
    if left.data != meant:
        raise AdoptionError(
            f"The job {min(doomed)!r} cannot be cut out of .github/workflows/{workflow.file} safely",
            expected="a workflow in block style",
            fix=f"delete that job from {workflow.file} by hand, commit, and run this again",
        )
    return _without_identity(left)


def _cut(workflow: Workflow, table: str, key: str) -> str:
    """The text of a workflow without one key of a table, and without the comments that lead it."""
    lines = workflow.text.splitlines(keepends=True)
    parent = workflow.data[table]
    line, column = parent.lc.key(key)
    keys = list(parent)
    following = keys[keys.index(key) + 1 :]
    if following:
        end = parent.lc.key(following[0])[0]
    else:
        later = [workflow.data.lc.key(k)[0] for k in workflow.data if workflow.data.lc.key(k)[0] > line]
        end = min(later, default=len(lines))

    # Comments above a key belong to it; those above the next key stay.
    def leads(at: int) -> bool:
        stripped = lines[at].strip()
        return not stripped or (stripped.startswith("#") and lines[at].index("#") <= column)

    while end > line + 1 and leads(end - 1) and (following or end < len(lines)):
        end -= 1
    while line > 0 and lines[line - 1].strip().startswith("#") and lines[line - 1].index("#") == column:
        line -= 1
    if not following:
        while line > 0 and not lines[line - 1].strip():
            line -= 1
    else:
        while end < len(lines) and not lines[end].strip():
            end += 1
    return "".join(lines[:line] + lines[end:])


def _without_identity(workflow: Workflow) -> str:
    """The text of a workflow that publishes no more, without a workflow-wide identity token."""
    permissions: Any = workflow.data.get("permissions")
    if not isinstance(permissions, dict) or permissions.get("id-token") != "write":
        return workflow.text
    lines = workflow.text.splitlines(keepends=True)
    if len(permissions) == 1:
        start = workflow.data.lc.key("permissions")[0]
        end = workflow.data["permissions"].lc.key("id-token")[0]
        return "".join([*lines[:start], "permissions: {}\n", *lines[end + 1 :]])
    return _cut(workflow, "permissions", "id-token")
