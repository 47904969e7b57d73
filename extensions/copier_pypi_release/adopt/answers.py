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
    how_to_decide,
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
        kept_files: The workflows, or jobs, that a person has said do not publish this package.
        going: The jobs that go, by file: those that publish, and those that are of use to nothing else.
    """

    replaced: str
    kept: PublishingJob | None
    disarmed: tuple[PublishingJob, ...]
    own: tuple[PublishingJob, ...] = ()
    left: tuple[PublishingJob, ...] = ()
    kept_files: tuple[str, ...] = ()
    going: dict[str, set[str]] = field(default_factory=dict)


def choose_publisher(
    repository: Repository, publisher: Sequence[str] = (), keep: Sequence[str] = ()
) -> Choice:
    """Choose the publisher that is replaced in place, so that the index's registration keeps matching.

    What a person says of a job, as FILE:JOB, is stronger than what is said of its file.

    Args:
        repository: What the repository says about itself.
        publisher: The workflows, or jobs, that publish this package, as a person says.
        keep: Those that do not, as a person says.

    Raises:
        AdoptionError: Something else would be lost with the publisher, or nobody can tell what publishes.
    """
    workflows = {workflow.file: workflow for workflow in repository.workflows}
    named, kept = set(map(file_name, publisher)), set(map(file_name, keep))
    check_names(workflows, sorted(named | kept))
    kept |= repository.kept_workflows - named
    said_so = tuple(sorted(name for name in kept if name.partition(":")[0] in workflows))
    check_blanks((*repository.gate.files, *said_so))

    def stays(job: PublishingJob) -> bool:
        return job.name in kept or (job.file in kept and job.name not in named)

    every = (*repository.publishers, *all_doubts(repository))
    protected = {name for name in kept if ":" in name} | {job.name for job in every if stays(job)}
    doubtful = [job for job in all_doubts(repository) if not stays(job)]
    sure = [job for job in repository.publishers if not stays(job)]
    said = [job for job in (*sure, *doubtful) if job.named_in(named)]
    if idle := sorted(name for name in named if not any(job.named_in({name}) for job in said)):
        raise AdoptionError(
            f"No job of {FOLDER}/{idle[0]} uploads anything, or could"
            if ":" not in idle[0]
            else f"{idle[0]} uploads nothing, and could not",
            expected="a job that holds an identity or a secret of an index, or uploads",
            fix="adopt --dry-run without --publisher shows what was found",
        )
    rest = own_jobs(
        workflows, (j for j in sure if j not in said), members(repository.root, repository.folder)
    )
    own = (*said, *rest)
    replaced = best_of(workflows, own, repository.publishers, protected)
    publishing = {job.job for job in own if replaced and job.file == replaced.file}
    goes = {replaced.file} if replaced else set()
    check_doubts([job for job in doubtful if job.file not in goes and job not in said], workflows)
    cut = called_jobs(workflows, [job for job in own if job.file not in goes])
    going: dict[str, set[str]] = {}
    for file in dict.fromkeys(job.file for job in cut):
        jobs = {job.job for job in cut if job.file == file}
        going[file] = going_jobs(
            workflows[file], jobs, {key for key in workflows[file].jobs if f"{file}:{key}" in protected}
        )
        check_side_steps(workflows[file], going[file], jobs)
    if replaced and not replaced.ours:
        going[replaced.file] = set(workflows[replaced.file].jobs)
        check_side_steps(workflows[replaced.file], going[replaced.file], publishing)
    for file, jobs in going.items():
        check_tests(workflows[file], jobs)
    left = tuple(job for job in every if job not in own and job.file not in goes)
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
            fix="let a job of its own that needs the tests upload, commit, run this again",
        )


def all_doubts(repository: Repository) -> list[PublishingJob]:
    """Every job of which nobody but a person can say whether it publishes."""
    return [job for workflow in repository.workflows for job in workflow.doubtful_jobs()]


def file_name(path: str) -> str:
    """The name of a workflow file, however a person has written it."""
    return path.replace("\\", "/").rpartition("/")[2]


def check_names(workflows: Mapping[str, Workflow], names: Sequence[str]) -> None:
    """Check that the workflows and jobs that a person names are there.

    Raises:
        AdoptionError: One is not.
    """
    for name in names:
        file, _, job = name.partition(":")
        if file not in workflows:
            raise AdoptionError(
                f"There is no workflow {file}",
                expected=f"one of {', '.join(sorted(workflows)) or 'none: the repository has no workflow'}",
                fix=f"ls {FOLDER} shows their names",
            )
        if job and job not in workflows[file].jobs:
            raise AdoptionError(
                f"{file} has no job {job}",
                expected=f"one of {', '.join(f'{file}:{key}' for key in workflows[file].jobs)}",
                fix=f"name one of them, or {file} for all",
            )


def check_blanks(files: Sequence[str]) -> None:
    """Check that a list of files, with blanks between, is understood.

    Raises:
        AdoptionError: A name has a blank itself.
    """
    if odd := [file.partition(":")[0] for file in files if " " in file]:
        raise AdoptionError(
            f"The name of a workflow has a blank: {FOLDER}/{odd[0]}",
            expected="a name without blanks, because a release waits for it by this name",
            fix=f"git mv '{FOLDER}/{odd[0]}' {FOLDER}/{odd[0].replace(' ', '-')}, commit, run this again",
        )


def check_doubts(doubtful: list[PublishingJob], workflows: Mapping[str, Workflow]) -> None:
    """Check that no job is left that could publish.

    Raises:
        AdoptionError: One is, and only a person can say what it does.
    """
    if doubtful:
        raise AdoptionError(
            "Only a person can say whether this publishes: "
            + "; ".join(f"{job.place} {job.job} {job.how}" for job in doubtful),
            expected="a decision about each, because a second publisher that stays bypasses every check",
            fix=how_to_decide(doubtful, workflows),
        )


def best_of(
    workflows: Mapping[str, Workflow],
    own: Sequence[PublishingJob],
    every: Sequence[PublishingJob],
    protected: set[str],
) -> PublishingJob | None:
    """The publisher whose file the release takes over; None if each has something else that must stay.

    Nor does it take over a file whose name a trusted publisher's form and a shell would take otherwise.
    """
    files = {}
    for file in dict.fromkeys(job.file for job in own):
        workflow, jobs = workflows[file], {job.job for job in own if job.file == file}
        others = {job.job for job in every if job.file == file} - jobs
        others |= {key for key in workflow.jobs if f"{file}:{key}" in protected}
        stays = others or (not workflow.ours and side_jobs(workflow, jobs))
        if FILE.fullmatch(file) and workflow.only_releases and not stays:
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
            old = [
                v
                for v in versions
                if re.fullmatch(r"3\.\d+", v) and Version(v) < Version(SUPPORTED_PYTHONS[0])
            ]
            told = f", without {', '.join(sorted(old, key=Version))}, whose support has ended" if old else ""
            return found, f"{place}{told}"
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
            fix="widen `requires-python`, commit, run this again",
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
