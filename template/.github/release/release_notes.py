# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging==26.3"]
# ///
"""Write the notes of one version: Breaking changes first, then Migration, Features, Fixes, Known issues.

The notes come from CHANGELOG.md (kept by hand or joined by towncrier), or from conventional commits by
git-cliff, as settings.toml says. No notes, no release. Run it from the root of the source.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from check_tag import check_tag
from packaging.version import InvalidVersion, Version
from step import Settings, Stop, git, load_settings, run, step, summary

GIT_CLIFF = "git-cliff==2.14.2"
SECTIONS = ("Breaking changes", "Migration", "Features", "Fixes", "Known issues")
FRAGMENTS = Path("changelog.d")
READ = "CONTRIBUTING.md, 'Release notes'"


def release_notes(tag: str, version: Version, settings: Settings) -> str:
    """The notes of a version, in Markdown, empty sections left out.

    Args:
        tag: The release tag, for the tools that read commits.
        version: The version.
        settings: The project's settings.

    Raises:
        Stop: There is nothing to say about the version, or fragments are still waiting to be joined.
    """
    if settings.release_notes == "git-cliff":
        text = from_commits(tag)
        mend = "git commit --allow-empty -m 'fix: what users notice', and make the tag again"
        wanted = f"at least one feat:, fix:, migration: or known-issue: commit since the tag before {tag}"
    else:
        if settings.release_notes == "towncrier":
            check_fragments(version)
        text = from_changelog(Path("CHANGELOG.md"), version)
        mend = {
            "towncrier": f"uvx towncrier build --yes --version {version}, commit, make the tag again",
            "changelog": f"write a section '## {version}' in CHANGELOG.md, commit, make the tag again",
        }[settings.release_notes]
        wanted = f"a section '## {version}' in CHANGELOG.md with at least one entry"
    notes = arrange(text)
    if not notes:
        raise Stop(f"There are no release notes for {version}", expected=wanted, mend=mend, read=READ)
    return notes


def check_fragments(version: Version) -> None:
    """Check that towncrier has joined every news fragment.

    Raises:
        Stop: Fragments are left; they are named.
    """
    waiting = [p for p in FRAGMENTS.glob("*.md") if not p.name.startswith(("_", ".", "README"))]
    if waiting:
        raise Stop(
            f"{len(waiting)} news fragment(s) are not in CHANGELOG.md yet: "
            + ", ".join(sorted(p.name for p in waiting)),
            expected=f"an empty {FRAGMENTS}/ on the tagged commit",
            mend=f"uvx towncrier build --yes --version {version}, commit, and make the tag again",
            read=READ,
        )


def from_changelog(path: Path, version: Version) -> str:
    """What stands below the heading of a version, down to the next version; empty if there is none.

    The heading is any second-level one that begins with the version, with or without brackets or a
    link: ``## 1.2.3``, ``## [1.2.3] - 2026-11-22``, ``## v1.2.3 (2026-11-22)``.
    """
    taken: list[str] = []
    taking = False
    fence = ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        heading = None if fence else re.match(r"#{1,2}\s+\[?v?([^\s\]()]+)", line)
        if heading:
            taking = line.startswith("##") and same_version(heading[1], version)
        elif taking:
            taken.append(line)
    return "\n".join(taken)


def same_version(text: str, version: Version) -> bool:
    """Whether a text is a spelling of a version (PEP 440 equality)."""
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def from_commits(tag: str) -> str:
    """What git-cliff, by cliff.toml, makes of the commits of a tag, or of those it would release."""
    tagged = git("tag", "--list", tag)
    which = ("--current",) if tagged else ("--unreleased", "--tag", tag)
    command = ("uv", "tool", "run", "--quiet", GIT_CLIFF, "--offline", *which, "--strip", "all")
    return run(*command, env={"NO_COLOR": "1"})


def arrange(text: str) -> str:
    """Put third-level sections in the order of `SECTIONS`, others after them, and drop empty ones."""
    opening, *parts = re.split(r"^### +", text, flags=re.MULTILINE)
    sections: dict[str, str] = {}
    for part in parts:
        title, _, body = part.partition("\n")
        known = {name.casefold(): name for name in SECTIONS}
        title = known.get(title.strip().casefold(), title.strip())
        sections[title] = f"{sections.get(title, '')}\n{body}"
    order = [*SECTIONS, *(title for title in sections if title not in SECTIONS)]
    bodies = {title: without_comments(sections.get(title, "")) for title in order}
    written = [f"### {title}\n\n{body}" for title, body in bodies.items() if body]
    return "\n\n".join(filter(None, [without_comments(opening), *written]))


def without_comments(text: str) -> str:
    """The text that a reader sees: HTML comments and outer blank lines removed."""
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip()


def main() -> None:
    """Write the notes of the tag's version to a file and the job summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tag", nargs="?", default=os.environ.get("TAG"), help="default: $TAG")
    parser.add_argument("--output", type=Path, help="file to write; only shown by default")
    options = parser.parse_args()
    if not options.tag:
        parser.error("name a tag, or set TAG")
    settings = load_settings()
    version = check_tag(options.tag, settings)
    notes = release_notes(options.tag, version, settings)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(notes + "\n", encoding="utf-8")
    summary(f"## {settings.distribution} {version}\n\n{notes}")


if __name__ == "__main__":
    step(main)
