"""`rehearse` and `release` in a sandbox: one command from a commit to a published release."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drill.maintainer import TOOL, Maintainer

CHANGELOG = "CHANGELOG.md"
NOTES = "## Unreleased\n\n### Fixes\n\n- It starts again.\n"


def traces(project: Maintainer) -> str:
    """All that a command could leave behind in the clone and beside it."""
    return project.shell(
        "git status --porcelain --ignored",
        "git for-each-ref",
        "git worktree list",
        "git stash list",
        "ls -A ${TMPDIR:-/tmp}",
    )


def rehearse(project: Maintainer, *arguments: str) -> dict[str, Any]:
    """What a rehearsal found."""
    printed = project.shell(f"{TOOL} rehearse --json {' '.join(arguments)}", check=False)
    found: dict[str, Any]
    found, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
    return found


def results(found: dict[str, Any]) -> dict[str, str]:
    """The result of each step."""
    return {step["title"]: step["result"] for step in found["steps"]}


@pytest.mark.requirement("B8", "P4.4", "R2", "R6", "R9")
def test_a_rehearsal_runs_all_but_the_uploads(ready: Maintainer) -> None:
    """Every step passes, as often as wanted; nothing is uploaded, nothing is left behind."""
    rehearse(ready)  # warms the caches
    before, seen = traces(ready), len(ready.sandbox.journal())
    found = rehearse(ready)
    assert (found["version"], set(results(found).values())) == ("0.1.0", {"pass"}), found
    assert len(found["steps"]) == 8
    assert found["notes"].startswith("### Features")
    assert traces(ready) == before
    assert {entry["method"] for entry in ready.sandbox.journal()[seen:]} <= {"GET", "HEAD"}


@pytest.mark.requirement("B8", "R6", "R8", "R9")
def test_a_rehearsal_stops_where_a_release_would(ready: Maintainer) -> None:
    """The gate's own sentences: a version that is none, no notes, a build that fails."""
    found = rehearse(ready, "1.0-rc1")
    assert results(found)["Version and notes"] == "fail"
    assert "the index will call it 1.0rc1" in found["steps"][0]["found"]
    found = rehearse(ready, "0.7.0")
    assert found["steps"][0]["error_lines"][0] == "There are no release notes for 0.7.0"
    ready.shell("git tag v0.0.9")
    found = rehearse(ready, "0.1.0")
    assert results(found)["Gate"] == "fail"
    assert "v0.0.9" in found["steps"][1]["found"]
    ready.shell("git tag --delete v0.0.9")
    ready.edit("pyproject.toml", '"hatchling.build"', '"hatchling.nothing"', push=False)
    assert results(rehearse(ready))["Build, twice"] == "fail"
