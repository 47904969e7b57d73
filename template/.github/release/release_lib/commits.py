"""Release notes from conventional commits, by git-cliff."""

import dataclasses
import json
import re
import tomllib
from typing import Any

from packaging.version import Version
from release_lib.settings import Settings
from release_lib.step import ReleaseError, git, run

GIT_CLIFF = "git-cliff==2.14.2"
CUT_OFF = "2026-11-15T00:00:00Z"  # as in every script
TOOL = ("uv", "tool", "run", "--no-config", "--quiet", "--exclude-newer", CUT_OFF)
CLIFF = (*TOOL, GIT_CLIFF, "--offline", "--ignore-tags", ".*")
MARKUP = re.compile(r"(?s:```.*?```)|(`+)[^\n]+?\1|<(?!https?://)")  # code, or what Markdown reads as HTML

# A line of a body that says what users notice.
TOLD = re.compile(
    r"(?:[*-] +)?((?:BREAKING[ -]CHANGE|(?:feat|fix|perf|migration|known-issue)(?:\(.+?\))?!?): *(.+))"
)


def notes_of(tag: str, version: Version, settings: Settings) -> str:
    """What git-cliff makes of a version's commits."""
    text = run(*CLIFF, "--strip", "all", commits_of(tag, version, settings), env={"NO_COLOR": "1"})
    return MARKUP.sub(lambda found: "\\<" if found[0] == "<" else found[0], text)


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


def left_out(tag: str, version: Version, settings: Settings) -> str:
    """A list of what git-cliff leaves out: it does so without a word.

    Commits, with "Fix: x" for example; and lines of a body that say what users notice, as a squashed pull
    request has them, or a merge.
    """
    commits = commits_of(tag, version, settings)
    told = [c for part in json.loads(run(*CLIFF, "--context", commits)) for c in part["commits"]]
    known = {c["id"] for c in told} | {text for c in told for text in texts(c)}
    missing = []
    for entry in git("log", "--format=%x00%H %P%n%B", commits).split("\0")[1:]:
        (identity, *parents), subject, *body = entry.splitlines()[0].split(), *entry.splitlines()[1:], ""
        missing += [] if identity in known or len(parents) > 1 else [subject or identity]
        said = [found for line in body if (found := TOLD.fullmatch(line.strip()))]
        missing += [found[1] for found in said if not {found[1], found[2]} & known]
    lines = [f"    {line}" for line in dict.fromkeys(missing)]
    return "\n".join(["Commits that these notes leave out:", "", *lines]) if lines else ""


def texts(commit: dict[str, Any]) -> list[str]:
    """What the notes tell of a commit: its subject without the request's number, and what it breaks."""
    lines = [str(commit[key]).partition("\n")[0] for key in ("raw_message", "breaking_description")]
    return [re.sub(r" \(#\d+\)$", "", line) for line in lines]


def former_version(tag: str, settings: Settings) -> Version | None:
    """The version of a tag from before the prefix changed, by the settings of its own commit."""
    try:
        old = tomllib.loads(git("show", f"{tag}:.github/release/settings.toml"))
    except (ReleaseError, ValueError):
        old = {"tag-prefix": "v" * (tag[0] == "v"), "distribution": settings.folder or settings.distribution}
    if old.get("distribution") != settings.distribution:
        return None
    return dataclasses.replace(settings, tag_prefix=str(old.get("tag-prefix", ""))).tagged_version(tag)
