"""Each guard of the release workflow matters: without it, a scenario that passes comes out wrong.

A row takes one guard out of the rendered workflow and acts out the scenario that the guard is for. A
row whose scenario still passes would mean that nothing here notices when that guard is lost.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from emulator.sandbox import CommandFailed

from drill import test_scenarios as scenarios
from drill.maintainer import Maintainer

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = ".github/workflows/release.yml"
Edit = Callable[[str], str]
Row = tuple[str, tuple[Edit, ...], Callable[[Maintainer], None]]


def once(old: str, new: str) -> Edit:
    """An edit of a text that stands once in the workflow."""

    def edit(text: str) -> str:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        return text.replace(old, new)

    return edit


def job(name: str, old: str, new: str) -> Edit:
    """An edit of the last place of a text in one job."""

    def edit(text: str) -> str:
        head, start, rest = text.partition(f"\n  {name}:\n")
        body, following, tail = (
            re.split(r"(\n\n  # )", rest, maxsplit=1) if "\n\n  # " in rest else (rest, "", "")
        )
        before, found, after = body.rpartition(old)
        assert found, f"{old!r} is not in the job {name}"
        return head + start + before + new + after + following + tail

    return edit


def weaken(file: Path, edits: tuple[Edit, ...]) -> None:
    """Take a guard out of a workflow file."""
    text = file.read_text(encoding="utf-8")
    for edit in edits:
        text = edit(text)
    file.write_text(text, encoding="utf-8")


# Before the build: the weakened workflow is what the tag's commit has.
BEFORE: list[Row] = [
    (
        "publishing stands in no environment",
        (once('    environment: "pypi"\n', ""),),
        scenarios.test_a_tag_becomes_a_release,
    ),
    (
        "the tag is not checked",
        (job("gate", "run: uv run .github/release/check_tag.py", "run: true"),),
        scenarios.test_a_start_by_hand_from_another_branch,
    ),
    (
        "the commit is not checked",
        (
            job(
                "gate",
                "run: uv run ../.github/release/check_commit.py",
                'run: echo "commit=$(git rev-parse HEAD)" >> "$GITHUB_OUTPUT"',
            ),
        ),
        scenarios.test_a_commit_off_the_release_branch,
    ),
    (
        "the notes are not demanded",
        (
            job(
                "gate",
                "run: uv run ../.github/release/release_notes.py --output ../notes/release-notes.md",
                "run: mkdir ../notes && touch ../notes/release-notes.md",
            ),
        ),
        scenarios.test_there_are_no_notes,
    ),
    (
        "the history is not fetched",
        (job("gate", "fetch-depth: 0", "fetch-depth: 1"),),
        scenarios.test_a_noise_tag_beside_the_version,
    ),
    (
        "a fork is not kept out",
        (once("    if: ${{ !github.event.repository.fork }} # forks", "    # forks"),),
        scenarios.test_a_fork_pushes_a_tag,
    ),
    (
        "the versions in the files are not checked",
        (
            job(
                "build",
                "run: uv run .github/release/check_distributions.py dist --checksums checksums/SHA256SUMS",
                "run: |\n          mkdir checksums && (cd dist && sha256sum *) > checksums/SHA256SUMS\n"
                '          printf \'pythons=["3.11"]\\nnewest=3.11\\n\' >> "$GITHUB_OUTPUT"',
            ),
        ),
        scenarios.test_the_package_states_a_version_of_its_own,
    ),
    (
        "the indexes are not asked before the build is kept",
        (
            job(
                "build",
                "run: uv run .github/release/check_index.py testpypi pypi --checksums checksums/SHA256SUMS",
                "run: true",
            ),
        ),
        scenarios.test_testpypi_has_the_version_with_other_bytes,
    ),
    (
        "the build does not wait for the gate",
        (
            once("    needs: gate\n", ""),
            once("COMMIT: ${{ needs.gate.outputs.commit }}", 'COMMIT: ""'),
            once("ref: ${{ needs.gate.outputs.commit }}", "ref: refs/tags/${{ env.TAG }}"),
        ),
        scenarios.test_there_are_no_notes,
    ),
    (
        "CI's verdict is taken for granted",
        (
            job(
                "gate", "run: uv run .github/release/ci_verdict.py", 'run: echo ci=passed >> "$GITHUB_OUTPUT"'
            ),
        ),
        scenarios.test_ci_never_ran,
    ),
]

# After the build: the weakened workflow is what the waiting run goes on with.
AFTER: list[Row] = [
    (
        "publishing has no identity",
        (job("publish-pypi", "id-token: write", "contents: read"),),
        scenarios.test_the_index_lists_files_late,
    ),
    (
        "PyPI does not wait for TestPyPI's verification",
        (once("    needs: verify-testpypi", "    needs: build"),),
        scenarios.test_testpypi_is_down,
    ),
    (
        "PyPI is not asked again before publishing",
        (
            job(
                "verify-testpypi",
                "run: uv run .github/release/check_index.py pypi --checksums checksums/SHA256SUMS",
                "run: true",
            ),
        ),
        scenarios.test_other_bytes_appear_while_testpypi_is_verified,
    ),
    (
        "what PyPI serves is not verified",
        (
            job(
                "verify-pypi",
                "run: uv run .github/release/verify_index.py pypi --checksums checksums/SHA256SUMS",
                "run: true",
            ),
        ),
        scenarios.test_a_download_is_corrupted,
    ),
    (
        "the draft may not be written",
        (once("contents: write", "contents: read"),),
        scenarios.test_the_index_lists_files_late,
    ),
    (
        "a failure is not reported",
        (once("run: uv run .github/release/report_outcome.py", "run: true"),),
        scenarios.test_testpypi_is_down,
    ),
    (
        "the draft does not wait for PyPI's verification",
        (once("    needs: verify-pypi", "    needs: publish-pypi"),),
        scenarios.test_a_download_is_corrupted,
    ),
]


@pytest.mark.requirement("B1", "P1.1", "P8.1")
@pytest.mark.parametrize(("edits", "scenario"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
def test_a_guard_before_the_build(
    ready: Maintainer, edits: tuple[Edit, ...], scenario: Callable[[Maintainer], None]
) -> None:
    """Each guard before the build is taken out in turn, and its scenario comes out wrong."""
    weaken(ready.clone / WORKFLOW, edits)
    ready.commit("chore: weaken")
    if scenario is not scenarios.test_a_tag_becomes_a_release:  # the one about where a release waits
        ready.set_reviewer("testpypi")  # no further than it takes to see that the guard is missing
    with pytest.raises((AssertionError, CommandFailed, KeyError)):
        scenario(ready)


@pytest.mark.requirement("B1", "P8.1", "P8.2")
@pytest.mark.parametrize(("edits", "scenario"), [row[1:] for row in AFTER], ids=[row[0] for row in AFTER])
def test_a_guard_after_the_build(
    request: pytest.FixtureRequest, edits: tuple[Edit, ...], scenario: Callable[[Maintainer], None]
) -> None:
    """Each guard after the build is taken out in turn, and its scenario comes out wrong."""
    (fixture,) = inspect.signature(scenario).parameters  # where the scenario begins
    project: Maintainer = request.getfixturevalue(fixture)
    (file,) = project.sandbox.root.glob(f"github/**/runs/{project.run['id']}/workflow.yml")
    weaken(file, edits)
    with pytest.raises((AssertionError, CommandFailed, KeyError)):
        scenario(project)
