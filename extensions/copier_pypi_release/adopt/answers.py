"""What the repository answers to the template's questions, and which publisher is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from release_lib.distributions import SUPPORTED_PYTHONS

from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import side_jobs

if TYPE_CHECKING:
    from copier_pypi_release.adopt.package import Package
    from copier_pypi_release.adopt.repository import Repository
    from copier_pypi_release.workflow_files import PublishingJob

# Programs that workflows get from an action, and the projects that bring them.
INSTALLED_BY_ACTIONS = {
    **{name: name for name in ("poetry", "pdm", "hatch", "tox", "nox", "pre-commit", "pipenv")},
    "just": "rust-just",
    "task": "go-task-bin",
}


@dataclass(frozen=True)
class Choice:
    """Which publisher is replaced, and which ones are disarmed.

    Attributes:
        replaced: File name of the new workflow.
        kept: The publisher to PyPI whose file and environment stay; None if there is none to keep.
        disarmed: All others.
    """

    replaced: str
    kept: PublishingJob | None
    disarmed: tuple[PublishingJob, ...]


def choose_publisher(repository: Repository) -> Choice:
    """Choose the publisher that is replaced in place, so that the index's registration keeps matching.

    Raises:
        AdoptionError: The chosen workflow does something else besides, which would be lost.
    """
    workflows = {workflow.file: workflow for workflow in repository.workflows}
    for publisher in repository.publishers:
        if "workflow_call" in workflows[publisher.file].triggers:
            raise AdoptionError(
                f"The workflow {publisher.file} publishes, and is called by other workflows",
                expected="a publishing job in the workflow that starts, which the trusted publisher names",
                fix=f"move {publisher.job!r} into the workflow that calls it, commit, and run this again",
            )
    candidates = [p for p in repository.publishers if workflows[p.file].only_releases]
    best = max(
        candidates,
        key=lambda p: (p.index == "pypi", not p.ours, p.trusted, bool(p.environment), -len(p.file)),
        default=None,
    )
    if best is None:
        taken = {workflow.file for workflow in repository.workflows}
        free = next(n for n in ("release.yml", "release-pypi.yml", "pypi-release.yml") if n not in taken)
        return Choice(free, None, repository.publishers)
    workflow = workflows[best.file]
    publishing = {p.job for p in repository.publishers if p.file == best.file}
    if not best.ours and (others := side_jobs(workflow, publishing)):
        raise AdoptionError(
            f"The workflow {best.file} publishes, and its job {others[0]!r} does something else",
            expected="a workflow that only releases, because it is replaced as a whole",
            fix=f"move {others[0]!r} into a workflow of its own, commit, and run this again",
        )
    disarmed = tuple(p for p in repository.publishers if p.file != best.file)
    return Choice(best.file, best if best.index == "pypi" else None, disarmed)


def make_answers(repository: Repository, package: Package, choice: Choice) -> dict[str, Any]:
    """The answers that the repository gives.

    Raises:
        AdoptionError: The project supports no Python that a release runs on.
    """
    allowed = SpecifierSet(package.wheel.metadata.get("requires_python", ""))
    named = [
        c.rsplit(" ", 1)[-1]
        for c in package.wheel.metadata.get("classifiers", [])
        if c.startswith("Programming Language :: Python :: 3.")
    ]
    wanted = [v for v in repository.gate.pythons or named or SUPPORTED_PYTHONS if v in SUPPORTED_PYTHONS]
    pythons = [v for v in wanted or SUPPORTED_PYTHONS if allowed.contains(f"{v}.0")]
    if not pythons:
        raise AdoptionError(
            f"The project wants Python {allowed}, and none of {', '.join(SUPPORTED_PYTHONS)} is that",
            expected="a Python that is still supported",
            fix="widen requires-python, commit, and run this again",
        )
    pypi = choice.kept.environment if choice.kept else ""
    testing = [p for p in repository.publishers if p.index == "testpypi"]
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
        "ci_workflow": repository.gate.file,
        "ci_commands": ci_commands(repository, package),
        "ci_pythons": sorted(pythons, key=Version),
        "changelog_file": repository.changelog or "CHANGELOG.md",
        "version_file": package.version_file,
        "project_folder": repository.folder,
    }


def ci_commands(repository: Repository, package: Package) -> list[str]:
    """What checks this project in a clean clone: what its CI runs, and what only actions install there."""
    commands = list(repository.gate.commands)
    if repository.backend == "poetry":
        places = [n for n, command in enumerate(commands) if command.startswith("poetry install")]
        for place in reversed(places):
            commands.insert(place + 1, "poetry run pip install --editable .")
    programs = list(dict.fromkeys(command.split()[0] for command in commands))
    for program in programs:
        project = INSTALLED_BY_ACTIONS.get(program)
        first = next(n for n, command in enumerate(commands) if command.split()[0] == program)
        if project and not any("install" in c and program in c.split() for c in commands[:first]):
            commands.insert(0, f"pip install {project}")
    return commands or [f"python -m compileall -q {path}" for path in package.packages]
