"""The repository that a command runs in."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from release_lib.settings import Settings, load_settings
from release_lib.step import PLAIN, ReleaseError, git, run

SETTINGS = ".github/release/settings.toml"
ON_GITHUB = re.compile(r"(?:^|[/@.])github\.com[:/]+([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?(?:[#?].*)?$")


def find_root(folder: Path | None = None) -> Path:
    """The root of the git repository that a folder, by default the current one, is in.

    Raises:
        ReleaseError: It is in none, or in one that git does not trust.
    """
    folder = (folder or Path()).resolve()
    try:
        english = {**PLAIN, "LC_ALL": "C"}
        return Path(run("git", "-C", folder, "rev-parse", "--show-toplevel", env=english)).resolve()
    except ReleaseError as error:
        if "not installed" in error.problem:
            raise
        if foreign := re.search(r"dubious ownership in repository at '(.+?)'", error.problem):
            raise ReleaseError(
                f"Git reads nothing in {foreign[1]}, because it belongs to another user",
                expected="a clone of your own, or one that git was told to trust",
                fix=f"git config --global --add safe.directory {shlex.quote(foreign[1])}, then again",
                see="RELEASING.md, 'What you need'",
            ) from error
        raise ReleaseError(
            f"The folder {folder} is not in a git repository",
            expected="a clone of the repository that is released",
            fix="cd FOLDER_OF_THE_CLONE, then run this again",
            see="RELEASING.md, 'What you need'",
        ) from error


def remotes(root: Path) -> dict[str, str]:
    """Addresses of the remotes of a repository by name, "origin" first; none without git."""
    try:
        names = sorted(git("remote", cwd=root).split(), key=lambda name: name != "origin")
        return {name: git("remote", "get-url", name, cwd=root) for name in names}
    except ReleaseError:
        return {}


def name_on_github(address: str) -> str:
    """``owner/name`` of a repository on GitHub by its address; empty for another host's."""
    found = ON_GITHUB.search(address)
    return found[1] if found else ""


def find_settings(root: Path) -> Settings:
    """The settings of the package in a repository.

    Raises:
        ReleaseError: There are none, or they cannot be used.
    """
    path = root / SETTINGS
    if not path.exists():
        raise ReleaseError(
            f"There is no {SETTINGS} in {root}",
            expected="a package that was made from the template, or adopted",
            fix="cd FOLDER_OF_THE_PACKAGE, or copier-pypi-release adopt --dry-run (shows what would change)",
            see="docs/adopting.md of the template",
        )
    return load_settings(path)
