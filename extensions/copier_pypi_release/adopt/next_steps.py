"""What adoption leaves to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version

from copier_pypi_release.adopt.publishing_jobs import find_bots, release_makers, release_steps
from copier_pypi_release.adopt.repository import read_text
from copier_pypi_release.answers_file import USUAL, free_name
from copier_pypi_release.notes import unreleased

RELEASE = "Release"  # name of the workflow that is rendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copier_pypi_release.adopt.answers import Choice
    from copier_pypi_release.adopt.repository import Repository


LATER = "After the first release, "


def next_steps(
    repository: Repository,
    choice: Choice,
    answers: dict[str, Any],
    version: Version | None,
    *,
    unread: bool,
) -> list[str]:
    """What a person must still do, in order, each with its reason and its command.

    Args:
        repository: What the repository says about itself.
        choice: Which publishing job was replaced.
        answers: The answers for the template.
        version: The version that the project had written down.
        unread: Whether no notes of the newest tag could be read.
    """
    secrets = sorted({s for job in choice.own for s in job.secrets if s != "GITHUB_TOKEN"})
    slug = f"{answers['repository_owner']}/{answers['repository_name']}"
    steps = [
        "Create the environments and tag rules before any tag: uv run .github/release/tool.py setup.",
        *_trusted_publishers(bool(choice.own), choice, answers),
    ]
    steps += [*_first_release(repository, version, unread=unread), *_ci(repository)]
    if secrets:
        commands = " && ".join(f"gh secret delete {name} --repo {slug}" for name in secrets)
        steps.append(f"{LATER}revoke the token on the index and delete it here: {commands}.")
    if choice.own:
        steps.append(
            f"{LATER}list the files from before it, which today's workflow did not upload: "
            "uv run .github/release/tool.py watch --list-known."
        )
    return steps


def _trusted_publishers(published: bool, choice: Choice, answers: dict[str, Any]) -> list[str]:
    """What to register on the indexes."""
    owner, name = answers["repository_owner"], answers["repository_name"]
    testpypi, pypi = answers["testpypi_environment"], answers["pypi_environment"]
    values = f"owner {owner}, repository {name}, workflow {choice.replaced}"
    first = (
        f"Register the publisher on TestPyPI, where a release goes first: {values}, environment {testpypi}."
    )
    kept = choice.kept
    if kept and kept.trusted and kept.environment:
        return [first, f"Leave PyPI's publisher as it is ({values}, environment {pypi}): it keeps matching."]
    if kept and kept.trusted:
        why = "while it is empty, any job of the repository can publish"
        return [first, f"On PyPI, fill in the environment {pypi} in the publisher: {why}."]
    why = "no publishing job could be kept" if published else "nothing published from here before"
    why = f"{kept.file} used a token" if kept else why
    return [first, f"Register the publisher on PyPI ({why}): {values}, environment {pypi}."]


def _first_release(repository: Repository, version: Version | None, *, unread: bool) -> list[str]:
    """What the next release needs."""
    steps = []
    name, tags = repository.changelog or "CHANGELOG.md", repository.tags
    if not repository.changelog and repository.release_notes == "changelog":
        steps.append(
            f"Write {name} with a section '## VERSION' for the next release: without notes none starts."
        )
    elif repository.release_notes == "changelog" and unreleased(read_text(repository.project / name)) is None:
        mark = "## " if name.endswith(".md") else ""
        steps.append(
            f"Write the notes of the next release in {name}, below the title '{mark}Unreleased' or "
            f"'{mark}VERSION': without notes none starts."
        )
    elif unread:
        how = {
            "changelog": f"Head the notes of the next release in {name} with its version",
            "towncrier": "Add a fragment for the next release",
            "git-cliff": "Write a commit `feat: ...` or `fix: ...` for the next release",
        }[repository.release_notes]
        steps.append(f"{how}, as 'Release notes' in RELEASING.md says: those of {tags.newest} are not read.")
    if tags.off_branch:
        steps.append(
            f"Switch on the check that a tag is on {repository.default_branch}, if it is to be there "
            f"({', '.join(tags.off_branch)} are not): "
            f"{_update(repository)} --data release_branches={repository.default_branch}"
        )
    spelled = f"{tags.prefix}{tags.newest}"
    if tags.newest_tag not in ("", spelled):
        steps.append(
            f"Spell tags as the index spells versions: {spelled}, where the newest tag is {tags.newest_tag}."
        )
    version = version and Version(version.public)  # a tag has no local part
    if version and not version.is_devrelease and (tags.newest is None or tags.newest < version):
        steps.append(
            f"Give the next tag a higher version than {version}, which the package had and no tag says "
            f"({tags.prefix}X with X > {version})."
        )
    return steps


def _ci(repository: Repository) -> list[str]:
    """What a person should know about the tests of a release."""
    gate = repository.gate
    steps = []
    if not gate.files and not gate.commands:
        steps.append(
            "Say what tests this package, because nothing was found and nothing is released untested: "
            f"{_update(repository)} --data 'ci_commands=[\"COMMAND\"]' (or --data ci_workflow=FILE)"
        )
    return steps


def look_at(repository: Repository, choice: Choice) -> list[str]:
    """What a person should look at, because adoption does not decide it: each with its file and line."""
    bots = [bot.advice for bot in find_bots(repository.workflows, {choice.replaced})]
    stays = [f"{job.place} {job.job} stays, and publishes or could: {job.how}" for job in choice.left]
    gone, others = [], []
    for workflow in repository.workflows:
        going = choice.going.get(workflow.file, set())
        gone += release_steps(workflow, going)
        if not workflow.ours:
            others += release_makers(workflow, going)
    if gone:
        now = "a tag starts the release now, and its last job drafts the GitHub Release"
        gone = [f"{'; '.join(gone)}: gone, because {now}, with the files of the index and no others."]
    looks = [*repository.gate.others, *bots, *stays, *gone, *others, *followers(repository, choice)]
    return [*looks, *starts(repository, choice)]


def starts(repository: Repository, choice: Choice) -> list[str]:
    """How a release was started until now, where a tag was not what did it."""
    publishing = {job.file for job in choice.own}
    found = []
    for workflow in repository.workflows:
        if workflow.file in publishing and not workflow.ours and "release" in workflow.triggers:
            found.append(
                f"{workflow.place} was started by a GitHub Release: from now on push the tag, and publish "
                "the Release last, from its draft."
            )
        elif workflow.file in publishing and set(workflow.triggers) == {"workflow_dispatch"}:
            found.append(f"{workflow.place} was started by hand: from now on push the tag.")
    return found


def followers(repository: Repository, choice: Choice) -> list[str]:
    """The workflows that wait for one that has another name now, or is gone."""
    names = {
        str(w.data.get("name") or w.place)
        for w in repository.workflows
        if not w.ours and (w.file == choice.replaced or choice.going.get(w.file, set()) >= set(w.jobs))
    }
    found = []
    for workflow in repository.workflows:
        waits = workflow.triggers.get("workflow_run")
        for name in (waits.get("workflows") or []) if isinstance(waits, dict) else []:
            if name in names and name != RELEASE:
                line = next(n for n, text in enumerate(workflow.text.splitlines(), 1) if str(name) in text)
                found.append(f"{workflow.place}:{line} waits for the workflow {name}: name {RELEASE} there.")
    return found


def grouped(before: Sequence[str], after: Sequence[str]) -> dict[str, list[str]]:
    """Steps below the headings that say when they are due; no heading without a step."""
    groups = {
        "Before the merge:": list(before),
        "After the merge, before the first tag:": [step for step in after if not step.startswith(LATER)],
        "After the first release:": [step.removeprefix(LATER) for step in after if step.startswith(LATER)],
    }
    return {heading: [f"{s[0].upper()}{s[1:]}" for s in steps] for heading, steps in groups.items() if steps}


def message(title: str, changed: Mapping[str, str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines of a text for the commit and for the pull request.

    Args:
        title: What the change is for.
        changed: Why each file or folder changes.
        before: What a person must do before it is merged.
        after: What a person must do afterwards.
    """
    return [
        "build: release by tag",
        "",
        title,
        "",
        *(f"- {path}: {why}" for path, why in changed.items()),
        *(
            line
            for heading, steps in grouped(before, after).items()
            for line in ("", heading, "", *(f"- [ ] {step}" for step in steps))
        ),
    ]


def _update(repository: Repository) -> str:
    """The command that renders the template again, to which answers can be added."""
    name = free_name(repository.root)
    return "uvx copier update --defaults" + ("" if name == USUAL else f" --answers-file {name}")
