"""What no workflow made is noticed, and what it made can be made again: `watch` and `reproduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator.wheelhouse import write_wheel

from drill.maintainer import NAME, REPOSITORY, TOOL

if TYPE_CHECKING:
    from drill.maintainer import Maintainer

WATCH = "release-watch.yml"
THEIRS = f"{NAME.replace('-', '_')}-9.9.9-py3-none-any.whl"


def look(project: Maintainer) -> list[dict[str, Any]]:
    """Let the clock strike for the workflow, which is green, and return the open issues."""
    run = project.sandbox.github.schedule(REPOSITORY, WATCH)
    project.wait()
    found = project.sandbox.github.run(run)
    printed = "\n".join(job["log"] + job["summary"] for job in found["jobs"])
    assert found["conclusion"] == "success", printed
    assert "is unknown" not in printed, printed
    return [issue for issue in project.sandbox.github.issues(REPOSITORY) if issue["state"] == "open"]


@pytest.mark.requirement("X14")
def test_a_file_uploaded_with_a_stolen_token_is_noticed(released: Maintainer) -> None:
    """All is well after a release; a file that no workflow made opens an issue; its deletion closes it."""
    assert look(released) == []
    pypi = released.index("pypi")
    pypi.put(write_wheel(released.clone.parent, NAME, "9.9.9", code="import os"))
    (issue,) = look(released)
    assert f"`{THEIRS}` on PyPI has no attestation" in issue["body"]
    said = released.shell(f"{TOOL} watch", check=False)
    assert f"`{THEIRS}` on PyPI has no attestation" in said
    pypi.delete(THEIRS)
    assert look(released) == []
