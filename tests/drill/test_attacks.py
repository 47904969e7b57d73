"""Code that runs in a release cannot change what is released.

Any runtime dependency is imported in jobs of a release: it can use the runner's own token, with which it
reads, deletes and makes artifacts. Each attack here succeeds in what it does, and in every one indexes get
what was built, or the release is red before them.
"""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.workflow_files import STAGES
from emulator.wheelhouse import write_wheel

from drill import hostile

if TYPE_CHECKING:
    from pathlib import Path

    from drill.maintainer import Maintainer

GONE = "None of the provided artifact IDs were found"


def depend_on(project: Maintainer, folder: Path, jobs: str, *acts: str, attempt: int = 0) -> None:
    """Let the package depend on a project whose import acts in some jobs of a release.

    Args:
        project: The package and its maintainer.
        folder: Where to make the dependency.
        jobs: The jobs to act in, with blanks between them.
        acts: Functions of `hostile`, in the order to call them.
        attempt: The attempt of the run to act in; 0 for all.
    """
    when = f"os.environ.get('GITHUB_JOB') in {jobs.split()}"
    when += f" and os.environ['GITHUB_RUN_ATTEMPT'] == '{attempt}'" if attempt else ""
    calls = "".join(f"    {act}()\n" for act in acts)
    code = f"{inspect.getsource(hostile)}\n\nif {when}:\n{calls}"
    name = f"helpful_{hashlib.sha256(code.encode()).hexdigest()[:12]}"  # sandboxes share uv's cache
    project.index("pypi").put(write_wheel(folder, name, "1.0", code=code))
    project.edit("pyproject.toml", "dependencies = []", f'dependencies = ["{name}"]', push=False)
    project.edit("src/demo_pkg/__init__.py", '"""\n\nfrom', f'"""\n\nimport {name}  # noqa: F401\n\nfrom')


def built(project: Maintainer) -> dict[str, str]:
    """SHA-256 by name of what the newest run built, by its own word and not by an artifact's name."""
    lines = project.run["results"]["build"]["outputs"]["hashes"].splitlines()
    return dict(reversed(line.split()) for line in lines)


def is_released_as_built(project: Maintainer) -> None:
    """Assert that a release is complete, and that everybody gets what the build listed."""
    assert project.run["conclusion"] == "success", [project.log(stage)[-2000:] for stage in STAGES]
    assert project.served("testpypi") == project.served("pypi") == built(project)
    release = project.github_release()
    assert release is not None
    sums = release["assets"].pop("SHA256SUMS").decode()
    assert sums == project.run["results"]["build"]["outputs"]["hashes"].rstrip("\n") + "\n"
    assert {n: hashlib.sha256(data).hexdigest() for n, data in release["assets"].items()} == built(project)


@pytest.mark.requirement("P8.7", "P1.3", "P1.4")
@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(["delete_distributions"], id="deletes"),
        pytest.param(["empty_distributions"], id="empties"),
        pytest.param(["replace_distributions", "shadow_distributions"], id="makes-more"),
    ],
)
def test_a_dependency_attacks_in_the_tests(ready: Maintainer, tmp_path: Path, acts: list[str]) -> None:
    """The artifact that was built is gone after the tests: the release stops before the first index.

    That it is replaced is acted out by the next but one, which goes on from there.
    """
    depend_on(ready, tmp_path, "test", *acts)
    ready.release().approve().stopped_at("publish-testpypi", GONE)


@pytest.mark.requirement("P8.7", "P1.3", "P5.2")
@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(["replace_distributions"], id="replaces"),
        pytest.param(["delete_distributions"], id="deletes"),
        pytest.param(["empty_distributions"], id="empties"),
    ],
)
def test_a_dependency_attacks_in_the_verification(ready: Maintainer, tmp_path: Path, acts: list[str]) -> None:
    """The artifact that was built is gone after TestPyPI's verification: PyPI gets nothing."""
    depend_on(ready, tmp_path, "verify-testpypi", *acts)
    ready.release().approve().stopped_at("publish-pypi", GONE, testpypi="all")


@pytest.mark.requirement("P8.7", "R1")
def test_the_attacked_release_is_run_again(ready: Maintainer, tmp_path: Path) -> None:
    """Replaced in the tests: a re-run of the failed jobs finds none either, a whole one builds the same."""
    depend_on(ready, tmp_path, "test", "replace_distributions", attempt=1)
    ready.release().approve().stopped_at("publish-testpypi", GONE)
    before = built(ready)
    ready.shell(f"gh run rerun --failed {ready.run['id']}")
    ready.approve().stopped_at("publish-testpypi", GONE)
    ready.rerun_all()
    is_released_as_built(ready)
    assert built(ready) == before


@pytest.mark.requirement("P8.7", "R1")
def test_an_attack_waits_for_the_re_run(ready: Maintainer, tmp_path: Path) -> None:
    """An attack in the second attempt, after a complete release, stops that one and changes nothing."""
    depend_on(ready, tmp_path, "test", "replace_distributions", attempt=2)
    ready.release().approve()
    is_released_as_built(ready)
    before = ready.served("testpypi"), ready.served("pypi")
    ready.rerun_all()
    assert ready.run["conclusion"] == "failure"
    assert GONE in ready.log("publish-testpypi")
    assert (ready.served("testpypi"), ready.served("pypi")) == before


@pytest.mark.requirement("P8.7")
def test_a_dependency_changes_its_own_job(ready: Maintainer, tmp_path: Path) -> None:
    """Files, variables and programs that are left for later steps of a job change nothing after it."""
    jobs = ("test", "verify-testpypi", "verify-pypi")
    depend_on(ready, tmp_path, " ".join(jobs), "spoil_the_runner")
    ready.release().approve()
    is_released_as_built(ready)
    for job in jobs:
        assert f"{job} is spoiled" in ready.log(job)


@pytest.mark.requirement("P8.7", "P5.2")
def test_a_dependency_attacks_after_the_upload(ready: Maintainer, tmp_path: Path) -> None:
    """The artifact is replaced when PyPI has the files: the draft gets no other ones."""
    depend_on(ready, tmp_path, "verify-pypi", "replace_distributions")
    ready.release().approve().stopped_at("github-release", GONE, testpypi="all", pypi="all")
    assert ready.served("pypi") == built(ready)
    assert ready.github_release() is None
