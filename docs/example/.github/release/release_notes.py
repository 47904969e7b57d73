# /// script
# requires-python = ">=3.11.5"
# dependencies = ["markdown-it-py==4.3.0", "packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Write the notes of one version: Breaking changes first, then Migration, Features, Fixes, Known issues.

The notes come from CHANGELOG.md (kept by hand or joined by towncrier), or from conventional commits by
git-cliff, as settings.toml says. No notes, no release. Run it from the root of the source.
"""

import argparse
import dataclasses
import json
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from packaging.utils import canonicalize_version
from packaging.version import Version
from release_lib.settings import Settings, add_tag_argument, load_settings, read_tag
from release_lib.step import ReleaseError, git, run, step, summary

GIT_CLIFF = "git-cliff==2.14.2"
CLIFF = ("uv", "tool", "run", "--quiet", GIT_CLIFF, "--offline", "--ignore-tags", ".*")
SECTIONS = ("Breaking changes", "Migration", "Features", "Fixes", "Known issues")
FRAGMENTS = Path("changelog.d")
JOIN = "uv run towncrier build --yes --version {0} && git commit --all --message 'Release notes of {0}', "
JOIN += "then make the tag again"
LONGEST = 125_000  # characters that the body of a GitHub Release can have
MARKUP = re.compile(r"(?s:```.*?```)|(`+)[^\n]+?\1|<(?!https?://)")  # code, or what Markdown reads as HTML


def release_notes(tag: str, version: Version, settings: Settings) -> str:
    """The notes of a version, in Markdown, empty sections left out."""
    if settings.release_notes == "git-cliff":
        text = run(*CLIFF, "--strip", "all", commits_of(tag, version, settings), env={"NO_COLOR": "1"})
        text = MARKUP.sub(lambda found: "\\<" if found[0] == "<" else found[0], text)
        fix = "git commit --allow-empty -m 'fix: what users notice', and make the tag again"
        wanted = f"at least one feat:, fix:, migration: or known-issue: commit since the tag before {tag}"
    else:
        section = f"a section '## {version}' in {settings.changelog}"
        fix = f"write {section}, commit, make the tag again"
        if settings.release_notes == "towncrier":
            check_fragments(version, settings)
            fix = JOIN.format(version)
        text = from_changelog(Path(settings.changelog), version)
        wanted = f"{section} with at least one entry"
    notes = arrange(text)
    if not notes:
        problem = f"There are no release notes for {version}"
        raise ReleaseError(problem, expected=wanted, fix=fix, see=settings.see("Release notes"))
    if len(notes) > LONGEST:
        begun = notes[: LONGEST - 200].rpartition("\n")[0]
        place = "the commits" if settings.release_notes == "git-cliff" else settings.changelog
        notes = f"{begun}\n\nGitHub takes {LONGEST:,} characters of {len(notes):,}; the rest is in {place} of {tag}."
    return notes


def check_fragments(version: Version, settings: Settings) -> None:
    """Check that towncrier has joined every news fragment."""
    waiting = sorted(p.name for p in FRAGMENTS.glob("*") if not p.name.startswith(("_", ".", "README")))
    tables = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    types = tables.get("towncrier", {}).get("type", [])
    kinds = [kind.get("directory", kind["name"].lower()) for kind in types]
    usual = next((kind for kind in kinds if kind.endswith("fix")), "misc")
    for name in waiting if kinds else ():
        folder = (FRAGMENTS / name).is_dir()
        if folder or not set(kinds) & set(name.split(".")[1:]):
            right = name if folder else f"{FRAGMENTS}/{name.split('.')[0]}.{usual}.md"
            raise ReleaseError(
                f"The news fragment {name!r} has a name that towncrier does not join",
                expected=f"ISSUE.KIND.md or +ANYTHING.KIND.md, where KIND is {', '.join(kinds)}",
                fix=f"git mv {shlex.quote(f'{FRAGMENTS}/{name}')} {shlex.quote(right)}, commit, tag again",
                see=settings.see("Release notes"),
            )
    if waiting:
        raise ReleaseError(
            f"{len(waiting)} news fragment(s) are not in CHANGELOG.md yet: {', '.join(waiting)}",
            expected=f"an empty {FRAGMENTS}/; towncrier joins files named ISSUE.KIND.md and no others",
            fix=JOIN.format(version),
            see=settings.see("Release notes"),
        )


def from_changelog(path: Path, version: Version) -> str:
    """What stands below the heading of a version, down to the next version; empty if there is none.

    The heading is any second-level one that begins with the version, with or without brackets or a
    link: ``## 1.2.3``, ``## [1.2.3] - 2026-11-22``, ``## v1.2.3 (2026-11-22)``.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = sections(text, level=2)
    named = [(re.match(r"\[?v?([^\s\]()]+)", title), body) for title, body in parts]
    wanted = canonicalize_version(str(version))
    found = [body for heading, body in named if heading and canonicalize_version(heading[1]) == wanted]
    if len(found) > 1:
        raise ReleaseError(
            f"{path} has {len(found)} sections of {version}",
            expected=f"one '## {version}', or nobody knows which one is released",
            fix="make them one, commit, make the tag again",
            see="RELEASING.md, 'Steps'",
        )
    return linked("".join(found), text)


def linked(part: str, text: str) -> str:
    """A part of a text, with the targets of its links that stand elsewhere, as ``[#7]: https://...``."""
    known: dict[str, Any] = {}
    MarkdownIt().parse(text, known)
    targets = {f"[{label}]": found["href"] for label, found in known.get("references", {}).items()}
    said = part.upper()  # as labels are compared
    used = [f"{name}: {href}" for name, href in targets.items() if name in said and f"{name}:" not in said]
    return "\n".join([part.rstrip(), "", *used])


def sections(text: str, level: int) -> list[tuple[str, str]]:
    """Title and body of each part that a heading of this level or above opens, as Markdown has them.

    The first one has no title: it stands above all headings. A ``#`` in code or in a comment is none.
    """
    lines = text.split("\n")
    headings = [
        (opening.map[0], opening.map[1], inline.content)
        for opening, inline in pairwise(MarkdownIt().parse(text))
        if opening.type == "heading_open" and opening.level == 0 and opening.map
        if opening.tag <= f"h{level}"
    ]
    starts = [(0, 0, ""), *headings]
    ends = [*(begin for begin, _, _ in headings), len(lines)]
    return [(title, "\n".join(lines[top:end])) for (_, top, title), end in zip(starts, ends, strict=True)]


def commits_of(tag: str, version: Version, settings: Settings) -> str:
    """The commits since the version before, as git and git-cliff take them.

    A final release tells again what its pre-releases told: most users never saw those.
    """
    end = git("rev-parse", f"{tag if git('tag', '--list', tag) else 'HEAD'}^{{commit}}")
    names = git("tag", "--merged", end).splitlines()
    versions = {settings.tagged_version(name): name for name in names}
    if not any(v and v < version for v in versions):  # the first one with this prefix
        versions = {former_version(name, settings): name for name in names}
    before = [v for v in versions if v and v < version and (version.is_prerelease or not v.is_prerelease)]
    return f"{versions[max(before)]}..{end}" if before else end


def left_out(commits: str) -> str:
    """A list of the commits that git-cliff leaves out: it does so without a word, with "Fix: x" for example."""
    told = {c["id"] for part in json.loads(run(*CLIFF, "--context", commits)) for c in part["commits"]}
    every = git("log", "--no-merges", "--format=%H %s", commits).splitlines()
    subjects = [f"    {line.partition(' ')[2]}" for line in every if line.partition(" ")[0] not in told]
    return "\n".join(["Commits that these notes leave out:", "", *subjects]) if subjects else ""


def former_version(tag: str, settings: Settings) -> Version | None:
    """The version of a tag from before the prefix changed, by the settings of its own commit."""
    try:
        old = tomllib.loads(git("show", f"{tag}:.github/release/settings.toml"))
    except (ReleaseError, ValueError):
        old = {
            "tag-prefix": "v" * tag.startswith("v"),
            "distribution": settings.folder or settings.distribution,
        }
    if old.get("distribution") != settings.distribution:
        return None
    return dataclasses.replace(settings, tag_prefix=str(old.get("tag-prefix", ""))).tagged_version(tag)


def arrange(text: str) -> str:
    """Put third-level sections in the order of `SECTIONS`, others after them, and drop empty ones."""
    known = {name.casefold(): name for name in SECTIONS}
    bodies: dict[str, str] = dict.fromkeys(("", *SECTIONS), "")
    for title, body in sections(text, level=3):
        name = known.get(title.casefold(), title)
        bodies[name] = f"{bodies.get(name, '')}\n\n{without_comments(body)}".strip()
    return "\n\n".join(f"### {name}\n\n{body}" if name else body for name, body in bodies.items() if body)


def without_comments(text: str) -> str:
    """The text that a reader sees: HTML comments, but none in code, and outer blank lines removed."""
    lines = text.split("\n")
    for token in reversed(MarkdownIt().parse(text)):
        if token.type == "html_block" and token.map:
            block = slice(*token.map)
            lines[block] = [re.sub(r"<!--.*?-->", "", "\n".join(lines[block]), flags=re.DOTALL)]
    return "\n".join(lines).strip()


def main() -> None:
    """Write the notes of the tag's version to a file and the job summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    parser.add_argument("--output", type=Path, help="file to write; only shown by default")
    options = parser.parse_args()
    settings = load_settings()
    version = read_tag(options.tag, settings)
    notes = release_notes(options.tag, version, settings)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(notes + "\n", encoding="utf-8")
    summary(f"## {settings.distribution} {version}\n\n{notes}")
    left = settings.release_notes == "git-cliff" and left_out(commits_of(options.tag, version, settings))
    if left:
        summary(left)


if __name__ == "__main__":
    step(main)
