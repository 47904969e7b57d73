"""Each guard of the release workflow matters: without it, a scenario that passes comes out wrong.

A row takes one guard out of the rendered workflow and acts out the scenario that the guard is for. A
row whose scenario still passes would mean that nothing here notices when that guard is lost.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from emulator.fixtures import HERE
from emulator.github.triggers import load
from emulator.sandbox import CommandFailed

from drill import test_scenarios as scenarios
from drill.maintainer import Maintainer

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = ".github/workflows/release.yml"
Edit = Callable[[dict[str, Any]], None]
Row = tuple[str, Edit, Callable[[Maintainer], None]]


def instead_of(job: str, script: str, run: str = "true") -> Edit:
    """Run something else in the (last) step of a job that runs a release script."""

    def edit(jobs: dict[str, Any]) -> None:
        steps = [step for step in jobs[job]["steps"] if f"/{script}" in step.get("run", "")]
        steps[-1]["run"] = run

    return edit


def without(job: str, key: str) -> Edit:
    """Take a key out of a job."""
    return lambda jobs: jobs[job].pop(key)


def not_waiting(job: str, *others: str, but: str = "") -> Edit:
    """Let a job wait no longer for some others, but for another one instead."""

    def edit(jobs: dict[str, Any]) -> None:
        needs = jobs[job]["needs"]
        before = {needs} if isinstance(needs, str) else set(needs)
        assert before >= set(others)
        jobs[job]["needs"] = sorted(before - set(others) | ({but} if but else set()))

    return edit


def the_build_without_the_gate(jobs: dict[str, Any]) -> None:
    """Let the build begin at once, with the commit that the tag names."""
    del jobs["build"]["needs"]
    text = json.dumps(jobs["build"])
    jobs["build"] = json.loads(text.replace("${{ needs.gate.outputs.commit }}", "refs/tags/${{ env.TAG }}"))
    jobs["build"]["env"]["COMMIT"] = ""


def without_history(jobs: dict[str, Any]) -> None:
    """Let the gate fetch the newest commit alone."""
    steps = [step for step in jobs["gate"]["steps"] if step.get("with", {}).get("fetch-depth") == 0]
    steps[-1]["with"]["fetch-depth"] = 1


def rights(job: str, **permissions: str) -> Edit:
    """Give a job other permissions."""
    return lambda jobs: jobs[job].update(permissions=permissions)


def weaken(file: Path, edit: Edit) -> None:
    """Take a guard out of a workflow file."""
    before = json.dumps(load(file.read_text(encoding="utf-8")))
    workflow = json.loads(before)
    edit(workflow["jobs"])
    after = json.dumps(workflow)  # which is YAML, too
    assert after != before
    file.write_text(after, encoding="utf-8")


# Before the build: the weakened workflow is what the tag's commit has.
BEFORE: list[Row] = [
    (
        "publishing stands in no environment",
        without("publish-pypi", "environment"),
        scenarios.test_a_tag_becomes_a_release,
    ),
    (
        "the tag is not checked",
        instead_of("gate", "check_tag.py"),
        scenarios.test_a_start_by_hand_from_another_branch,
    ),
    (
        "the commit is not checked",
        instead_of("gate", "check_commit.py", 'echo "commit=$(git rev-parse HEAD)" >> "$GITHUB_OUTPUT"'),
        scenarios.test_a_commit_off_the_release_branch,
    ),
    (
        "the notes are not demanded",
        instead_of("gate", "release_notes.py", "mkdir ../notes && touch ../notes/release-notes.md"),
        scenarios.test_there_are_no_notes,
    ),
    (
        "the history is not fetched",
        without_history,
        scenarios.test_a_noise_tag_beside_the_version,
    ),
    (
        "a fork is not kept out",
        without("gate", "if"),
        scenarios.test_a_fork_pushes_a_tag,
    ),
    (
        "the versions in the files are not checked",
        instead_of(
            "build",
            "check_distributions.py",
            f"""printf 'pythons=["{HERE}"]\\nnewest={HERE}\\n' >> "$GITHUB_OUTPUT"\n""",
        ),
        scenarios.test_the_package_states_a_version_of_its_own,
    ),
    (
        "the indexes are not asked before the build is kept",
        instead_of("build", "check_index.py"),
        scenarios.test_testpypi_has_the_version_with_other_bytes,
    ),
    (
        "the build does not wait for the gate",
        the_build_without_the_gate,
        scenarios.test_there_are_no_notes,
    ),
    (
        "CI's verdict is taken for granted",
        instead_of("gate", "ci_verdict.py", 'echo ci=passed >> "$GITHUB_OUTPUT"'),
        scenarios.test_ci_never_ran,
    ),
]

# After the build: the weakened workflow is what the waiting run goes on with.
AFTER: list[Row] = [
    (
        "publishing has no identity",
        rights("publish-pypi", contents="read"),
        scenarios.test_the_index_lists_files_late,
    ),
    (
        "PyPI does not wait for TestPyPI's verification",
        not_waiting("publish-pypi", "verify-testpypi", but="build"),
        scenarios.test_testpypi_is_down,
    ),
    (
        "PyPI is not asked again before publishing",
        instead_of("verify-testpypi", "check_index.py"),
        scenarios.test_other_bytes_appear_while_testpypi_is_verified,
    ),
    (
        "what PyPI serves is not verified",
        instead_of("verify-pypi", "verify_index.py"),
        scenarios.test_a_download_is_corrupted,
    ),
    (
        "the draft may not be written",
        rights("github-release", contents="read"),
        scenarios.test_the_index_lists_files_late,
    ),
    (
        "a failure is not reported",
        instead_of("report", "report_outcome.py"),
        scenarios.test_testpypi_is_down,
    ),
    (
        "the draft does not wait for PyPI's verification",
        not_waiting("github-release", "verify-pypi", but="publish-pypi"),
        scenarios.test_a_download_is_corrupted,
    ),
]


@pytest.mark.requirement("B1", "P1.1", "P8.1")
@pytest.mark.parametrize(("edit", "scenario"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
def test_a_guard_before_the_build(
    ready: Maintainer, edit: Edit, scenario: Callable[[Maintainer], None]
) -> None:
    """Each guard before the build is taken out in turn, and its scenario comes out wrong."""
    weaken(ready.clone / WORKFLOW, edit)
    ready.commit("chore: weaken")
    if scenario is not scenarios.test_a_tag_becomes_a_release:  # the one about where a release waits
        ready.set_reviewer("testpypi")  # no further than it takes to see that the guard is missing
    with pytest.raises((AssertionError, CommandFailed, KeyError)):
        scenario(ready)


@pytest.mark.requirement("B1", "P8.1", "P8.2")
@pytest.mark.parametrize(("edit", "scenario"), [row[1:] for row in AFTER], ids=[row[0] for row in AFTER])
def test_a_guard_after_the_build(
    request: pytest.FixtureRequest, edit: Edit, scenario: Callable[[Maintainer], None]
) -> None:
    """Each guard after the build is taken out in turn, and its scenario comes out wrong."""
    (fixture,) = inspect.signature(scenario).parameters  # where the scenario begins
    project: Maintainer = request.getfixturevalue(fixture)
    (file,) = project.sandbox.root.glob(f"github/**/runs/{project.run['id']}/workflow.yml")
    weaken(file, edit)
    with pytest.raises((AssertionError, CommandFailed, KeyError)):
        scenario(project)
