"""What the repository answers to the template's questions, and which publisher is replaced."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from release_lib.distributions import SUPPORTED_PYTHONS

from copier_pypi_release.adopt.ci import runs_tests
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import (
    check_side_steps,
    going_jobs,
    members,
    own_jobs,
    shown_step,
    side_jobs,
)
from copier_pypi_release.workflow_files import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copier_pypi_release.adopt.package import Package
    from copier_pypi_release.adopt.repository import Repository
    from copier_pypi_release.workflow_files import PublishingJob, Workflow


FILE = re.compile(r"[A-Za-z0-9_][\w.-]*\.ya?ml", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """Which publisher is replaced, and which ones are disarmed.

    Attributes:
        replaced: File name of the new workflow.
        kept: The publisher to PyPI whose file and environment stay; None if there is none to keep.
        disarmed: All others.
        own: Every job that publishes this package now.
        left: The jobs that publish, or could, and stay: of other packages, or because a person said so.
        kept_files: The workflows that a person has said do not publish this package.
        going: The jobs that go, by file: those that publish, and those that are of use to nothing else.
    """

    replaced: str
    kept: PublishingJob | None
    disarmed: tuple[PublishingJob, ...]
    own: tuple[PublishingJob, ...] = ()
    left: tuple[PublishingJob, ...] = ()
    kept_files: tuple[str, ...] = ()
    going: dict[str, set[str]] = field(default_factory=dict)


def choose_publisher(repository: Repository, publisher: str = "", keep: Sequence[str] = ()) -> Choice:
    """Choose the publisher that is replaced in place, so that the index's registration keeps matching.

    Args:
        repository: What the repository says about itself.
        publisher: The workflow that publishes this package, as a person says.
        keep: Workflows that do not, as a person says.

    Raises:
        AdoptionError: Something else would be lost with the publisher, or nobody can tell what publishes.
    """
    workflows = {workflow.file: workflow for workflow in repository.workflows}
    named = file_name(publisher)
    kept_files = {file_name(file) for file in keep}
    check_files(workflows, {named, *kept_files} - {""})
    kept_files |= repository.kept_workflows - {named}
    said_so = tuple(sorted(kept_files & set(workflows)))
    check_blanks((*repository.gate.files, *said_so))
    doubtful = [job for w in repository.workflows for job in w.doubtful_jobs() if job.file not in kept_files]
    sure = [job for job in repository.publishers if job.file not in kept_files]
    said = [job for job in (*sure, *doubtful) if job.file == named]
    if named and not said:
        raise AdoptionError(
            f"No job of {FOLDER}/{named} uploads anything, or could",
            expected="the file of a job that holds an identity or a secret of an index, or uploads",
            fix="adopt --dry-run without --publisher shows what was found",
        )
    rest = own_jobs(
        workflows, (j for j in sure if j.file != named), members(repository.root, repository.folder)
    )
    own = (*said, *rest)
    replaced = best_of(workflows, own, repository.publishers)
    publishing = {job.job for job in own if replaced and job.file == replaced.file}
    goes = {replaced.file} if replaced else set()
    check_doubts([job for job in doubtful if job.file not in {*goes, named}])
    cut = called_jobs(workflows, [job for job in own if job.file not in goes])
    going: dict[str, set[str]] = {}
    for file in dict.fromkeys(job.file for job in cut):
        jobs = {job.job for job in cut if job.file == file}
        going[file] = going_jobs(workflows[file], jobs)
        check_side_steps(workflows[file], going[file], jobs)
    if replaced and not replaced.ours:
        going[replaced.file] = set(workflows[replaced.file].jobs)
        check_side_steps(workflows[replaced.file], going[replaced.file], publishing)
    for file, jobs in going.items():
        check_tests(workflows[file], jobs)
    left = tuple(
        j for j in (*repository.publishers, *all_doubts(repository)) if j not in own and j.file not in goes
    )
    if replaced is None:
        free = next(n for n in ("release.yml", "release-pypi.yml", "pypi-release.yml") if n not in workflows)
        return Choice(free, None, tuple(cut), own, left, said_so, going)
    in_place = replaced.index == "pypi" and "uses" not in workflows[replaced.file].jobs[replaced.job]
    return Choice(replaced.file, replaced if in_place else None, tuple(cut), own, left, said_so, going)


def check_tests(workflow: Workflow, going: set[str]) -> None:
    """Check that no test of commits goes with an upload.

    Raises:
        AdoptionError: A job tests each commit, and uploads where a tag or a branch says so.
    """
    places = [
        shown_step(workflow, job, number)
        for job in sorted(going)
        for number, step in enumerate(workflow.steps(job))
        if workflow.tests_commits and runs_tests(str(step.get("run", "")))
    ]
    if places:
        raise AdoptionError(
            f"A job that publishes tests every commit, too, and its tests would be lost: {'; '.join(places)}",
            expected="an upload in a job of its own",
            fix="move the upload into a job of its own that needs the tests, commit, run this again",
        )


def all_doubts(repository: Repository) -> list[PublishingJob]:
    """Every job of which nobody but a person can say whether it publishes."""
    return [job for workflow in repository.workflows for job in workflow.doubtful_jobs()]


def file_name(path: str) -> str:
    """The name of a workflow file, however a person has written it."""
    return path.replace("\\", "/").rpartition("/")[2]


def check_files(workflows: Mapping[str, Workflow], files: set[str]) -> None:
    """Check that the workflows that a person names are there.

    Raises:
        AdoptionError: One is not.
    """
    if unknown := sorted(files - set(workflows)):
        raise AdoptionError(
            f"There is no workflow {unknown[0]}",
            expected=f"one of {', '.join(sorted(workflows)) or 'none: the repository has no workflow'}",
            fix=f"ls {FOLDER} shows their names",
        )


def check_blanks(files: Sequence[str]) -> None:
    """Check that a list of files, with blanks between, is understood.

    Raises:
        AdoptionError: A name has a blank itself.
    """
    if odd := [file for file in files if " " in file]:
        raise AdoptionError(
            f"The name of a workflow has a blank: {FOLDER}/{odd[0]}",
            expected="a name without blanks, because a release waits for it by this name",
            fix=f"git mv '{FOLDER}/{odd[0]}' {FOLDER}/{odd[0].replace(' ', '-')}, commit, run this again",
        )


def check_doubts(doubtful: list[PublishingJob]) -> None:
    """Check that no job is left that could publish.

    Raises:
        AdoptionError: One is, and only a person can say what it does.
    """
    if doubtful:
        file = doubtful[0].file
        raise AdoptionError(
            "Only a person can say whether this publishes: "
            + "; ".join(f"{job.place} {job.job} {job.how}" for job in doubtful),
            expected="a decision about each file, because a second publisher that stays bypasses every check",
            fix=f"adopt --keep {file} if it does not publish this package, --publisher {file} if it does",
        )


def best_of(
    workflows: Mapping[str, Workflow], own: Sequence[PublishingJob], every: Sequence[PublishingJob]
) -> PublishingJob | None:
    """The publisher whose file the release takes over; None if each has something else that must stay.

    Nor does it take over a file whose name a trusted publisher's form and a shell would take otherwise.
    """
    files = {}
    for file in dict.fromkeys(job.file for job in own):
        workflow, jobs = workflows[file], {job.job for job in own if job.file == file}
        others = {job.job for job in every if job.file == file} - jobs
        if (
            FILE.fullmatch(file)
            and workflow.only_releases
            and not others
            and (workflow.ours or not side_jobs(workflow, jobs))
        ):
            files[file] = workflow
    return max(
        (job for job in own if job.file in files),
        key=lambda p: (p.index == "pypi", not p.ours, p.trusted, bool(p.environment), -len(p.file)),
        default=None,
    )


def called_jobs(workflows: Mapping[str, Workflow], jobs: list[PublishingJob]) -> list[PublishingJob]:
    """The jobs to cut: not the call of a workflow that loses only its upload and goes on."""
    stays = {
        job.file
        for job in jobs
        if "workflow_call" in workflows[job.file].triggers
        and side_jobs(workflows[job.file], {j.job for j in jobs if j.file == job.file})
    }
    calls = {f"./{FOLDER}/{file}" for file in stays}
    return [job for job in jobs if str(workflows[job.file].jobs[job.job].get("uses", "")) not in calls]


def pythons_of(repository: Repository, metadata: Mapping[str, Any]) -> tuple[list[str], str]:
    """The Pythons that a release tests on, and where they were found."""
    wanted = str(metadata.get("requires_python", ""))
    named = [
        line.rsplit(" ", 1)[-1]
        for line in metadata.get("classifiers", [])
        if line.startswith("Programming Language :: Python :: 3.")
    ]
    sources = {
        ", ".join(repository.gate.files): repository.gate.pythons,
        "its classifiers": named,
        f"Requires-Python {wanted}" if wanted else "no limit": SUPPORTED_PYTHONS,
    }
    for place, versions in sources.items():
        if found := [
            v for v in versions if v in SUPPORTED_PYTHONS and SpecifierSet(wanted).contains(f"{v}.0")
        ]:
            return found, place
    return [], ""


def make_answers(repository: Repository, package: Package, choice: Choice) -> dict[str, Any]:
    """The answers that the repository gives.

    Raises:
        AdoptionError: The project supports no Python that a release runs on.
    """
    pythons, _ = pythons_of(repository, package.wheel.metadata)
    wanted = package.wheel.metadata.get("requires_python", "")
    if not pythons:
        raise AdoptionError(
            f"The project wants Python {wanted}, and none of {', '.join(SUPPORTED_PYTHONS)} is that",
            expected="a Python that is still supported",
            fix="widen requires-python, commit, and run this again",
        )
    pypi = choice.kept.environment if choice.kept else ""
    testing = [p for p in choice.own if p.index == "testpypi"]
    testpypi = testing[0].environment if testing else ""
    pypi = pypi or "pypi"
    testpypi = testpypi if testpypi and testpypi.lower() != pypi.lower() else "testpypi"
    return {
        "adopted": True,
        "project_name": package.name,
        "import_name": package.imports,
        "repository_owner": repository.owner,
        "repository_name": repository.name,
        "release_notes": repository.release_notes,
        "tag_prefix": repository.tags.prefix,
        "release_branches": "" if repository.tags.off_branch else repository.default_branch,
        "testpypi_environment": testpypi,
        "pypi_environment": pypi if pypi != testpypi else "pypi",
        "release_workflow": choice.replaced,
        "ci_workflow": " ".join(repository.gate.files),
        "ci_commands": list(repository.gate.commands),
        "ci_pythons": sorted(pythons, key=Version),
        "changelog_file": repository.changelog or "CHANGELOG.md",
        "version_file": package.version_file,
        "project_folder": repository.folder,
        "kept_workflows": " ".join(choice.kept_files),
    }
