"""Release notes from conventional commits, by git-cliff."""

import dataclasses
import json
import re
import tomllib

from packaging.version import Version
from release_lib.settings import Settings
from release_lib.step import ReleaseError, git, run

GIT_CLIFF = "git-cliff==2.14.2"
CUT_OFF = "2026-11-15T00:00:00Z"  # as in every script
TOOL = ("uv", "tool", "run", "--no-config", "--quiet", "--exclude-newer", CUT_OFF)
CLIFF = (*TOOL, GIT_CLIFF, "--offline", "--ignore-tags", ".*")
MARKUP = re.compile(r"(?s:```.*?```)|(`+)[^\n]+?\1|<(?!https?://)")  # code, or what Markdown reads as HTML


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
    """A list of the commits that git-cliff leaves out: it does so without a word, with "Fix: x" for example."""
    commits = commits_of(tag, version, settings)
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
