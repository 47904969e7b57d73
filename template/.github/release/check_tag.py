# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# ///
"""Check that a tag is a version, spelled as the index will spell it, and that it may start a release.

The first step of a release: it needs nothing but the name of the tag. Versions are read by
``packaging.version``, the parser that the index itself uses (PEP 440).
"""

from __future__ import annotations

import argparse
import os
import shlex

from packaging.version import InvalidVersion, Version
from step import Settings, Stop, event, load_settings, output, step

CONVENTION = "CONTRIBUTING.md, 'Version tags'"


def check_tag(tag: str, settings: Settings) -> Version:
    """The version that a release tag stands for.

    Args:
        tag: Name of the tag, without ``refs/tags/``.
        settings: The project's settings.

    Raises:
        Stop: The prefix is missing, the rest is no PEP 440 version, it is not in canonical form, or it
            is a local version, which no index accepts.
    """
    example = settings.tag("1.2.3")
    if not tag.startswith(settings.tag_prefix):
        raise Stop(
            f"The tag {tag!r} does not begin with {settings.tag_prefix!r}",
            expected=f"{settings.tag_prefix!r} and then the version, as in {example}",
            mend=retag(tag, settings.tag(version_at_end(tag))),
            read=CONVENTION,
        )
    spelled = tag.removeprefix(settings.tag_prefix)
    try:
        version = Version(spelled)
    except InvalidVersion as error:
        raise Stop(
            f"{spelled!r} in the tag {tag!r} is not a version (PEP 440)",
            expected=f"a version after {settings.tag_prefix!r}, as in {example}",
            mend=f"{untag(tag)}, then tag a version",
            read=CONVENTION,
        ) from error
    if version.local is not None:
        raise Stop(
            f"The tag {tag!r} has a local part, +{version.local}, and indexes refuse local versions",
            expected=f"{settings.tag(version.public)}",
            mend=retag(tag, settings.tag(version.public)),
            read=CONVENTION,
        )
    if str(version) != spelled:
        raise Stop(
            f"The tag {tag!r} spells its version {spelled!r}; the index will call it {version}",
            expected=f"the canonical spelling, {settings.tag(version)}",
            mend=retag(tag, settings.tag(version)),
            read=CONVENTION,
        )
    return version


def version_at_end(tag: str) -> str:
    """The version that a tag of another convention ends with, like 1.2.3 in ``release-1.2.3``."""
    for start in range(len(tag)):
        try:
            return Version(tag[start:]).public
        except InvalidVersion:
            continue
    return "1.2.3"


def retag(wrong: str, right: str) -> str:
    """The commands that replace a tag nothing was released from."""
    return f"git tag {right} {shlex.quote(wrong + '^{}')} && {untag(wrong)} && git push origin {right}"


def untag(tag: str) -> str:
    """The commands that remove a tag nothing was released from; it may have any name that git allows."""
    return f"git push --delete origin {shlex.quote(tag)} && git tag -d {shlex.quote(tag)}"


def check_trigger(tag: str, settings: Settings) -> None:
    """Check that this run was started by the tag itself, or by hand from the default branch.

    A workflow file of any other branch is not the one that was reviewed.

    Raises:
        Stop: It was started from somewhere else.
    """
    kind = os.environ.get("GITHUB_EVENT_NAME")
    if kind is None:  # by hand, in a clone
        return
    ref = os.environ.get("GITHUB_REF", "")
    default = event().get("repository", {}).get("default_branch", "main")
    allowed = {"push": f"refs/tags/{tag}", "workflow_dispatch": f"refs/heads/{default}"}
    if ref != allowed.get(kind):
        raise Stop(
            f"This release was started by {kind!r} from {ref!r}",
            expected=f"a push of the tag {tag}, or a start by hand from the branch {default}",
            mend=f"gh workflow run {settings.release_workflow} --ref {default} -f tag={tag}",
            read="RELEASING.md, 'When it stops'",
        )


def main() -> None:
    """Read the tag from the command line or the environment and check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tag", nargs="?", default=os.environ.get("TAG"), help="default: $TAG")
    tag = parser.parse_args().tag
    if not tag:
        parser.error("name a tag, or set TAG")
    settings = load_settings()
    version = check_tag(tag, settings)
    check_trigger(tag, settings)
    output(version=str(version), prerelease=str(version.is_prerelease).lower())


if __name__ == "__main__":
    step(main)
