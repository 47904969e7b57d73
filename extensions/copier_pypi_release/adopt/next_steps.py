"""What adoption leaves to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from copier_pypi_release.adopt.answers import Choice
    from copier_pypi_release.adopt.repository import Facts


def todo(facts: Facts, choice: Choice, answers: dict[str, Any], version: str) -> list[str]:
    """What a person must still do, in order, each with its reason and its command.

    Args:
        facts: What the repository said.
        choice: Which publisher was replaced.
        answers: The answers for the template.
        version: The version that the project had.
    """
    secrets = sorted({s for p in facts.publishers for s in p.secrets if s != "GITHUB_TOKEN"})
    slug = f"{answers['repository_owner']}/{answers['repository_name']}"
    found = [
        "Review the change and commit it: git diff; git add --all && git commit -m 'build: release by tag'.",
        "Create the environments and tag rules before any tag: RELEASING.md, 'Before the first release'.",
        *_publishers(facts, choice, answers),
    ]
    if secrets:
        commands = " && ".join(f"gh secret delete {name} --repo {slug}" for name in secrets)
        found.append(
            f"After the first release, revoke the token on the index and delete it here: {commands}."
        )
    return [*found, *_release(facts, version), *_gate(facts)]


def _publishers(facts: Facts, choice: Choice, answers: dict[str, Any]) -> list[str]:
    """What to do on the indexes."""
    owner, repository = answers["repository_owner"], answers["repository_name"]
    testpypi, pypi = answers["testpypi_environment"], answers["pypi_environment"]
    values = f"owner {owner}, repository {repository}, workflow {choice.replaced}"
    first = (
        f"Register the publisher on TestPyPI: {values}, environment {testpypi}. A release goes there first."
    )
    kept = choice.kept
    if kept and kept.trusted and kept.environment:
        return [first, f"Nothing on PyPI: its publisher ({values}, environment {pypi}) keeps matching."]
    if kept and kept.trusted:
        why = "left empty, any job of the repository could publish"
        return [first, f"On PyPI, fill in the environment {pypi} in the publisher: {why}."]
    why = "nothing here has published before" if not facts.publishers else "none is there that could be kept"
    why = f"{kept.file} used a token" if kept else why
    return [first, f"Register the publisher on PyPI ({why}): {values}, environment {pypi}."]


def _release(facts: Facts, version: str) -> list[str]:
    """What the next release needs."""
    found = []
    name = facts.changelog or "CHANGELOG.md"
    if not facts.changelog and facts.release_notes == "changelog":
        found.append(
            f"Write {name} with a section '## VERSION' for the next release: without notes none starts."
        )
    elif facts.changelog and name != "CHANGELOG.md":
        found.append(f"Give the next release its section '## VERSION' in {name}: without notes none starts.")
    if facts.tags.off_branch:
        tags = ", ".join(facts.tags.off_branch)
        found.append(
            f"The check that a tag is on {facts.default_branch} is off, because {tags} are not. To switch it "
            f"on: copier update --data release_branches={facts.default_branch}"
        )
    current = release_of(version)
    if current and not current.is_devrelease and (facts.tags.newest is None or facts.tags.newest < current):
        found.append(
            f"The version was {current}, and no tag says so: the next tag must be above it "
            f"({facts.tags.prefix}X with X > {current})."
        )
    return found


def _gate(facts: Facts) -> list[str]:
    """What the gate could not take over."""
    found = []
    if not facts.gate.commands:
        found.append(
            "No command was found that tests this project, so a release only compiles and imports it. When "
            "there is one: copier update --data-file with ci_commands."
        )
    if facts.gate.left_out:
        lines = "; ".join(facts.gate.left_out[:3])
        found.append(
            f"Lines of {facts.gate.file} that need a shell are not in the gate: {lines}. If the gate needs "
            "them, put them into a script."
        )
    return found


def release_of(text: str) -> Version | None:
    """A version, or None if the text is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None
