"""A clone and its origin, for tests that commit, tag and push."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support.rendering import commit_all, git

if TYPE_CHECKING:
    from pathlib import Path


class Repository:
    """A clone and its bare origin, which has the first commit on its branch main.

    Args:
        root: Empty folder for both.
    """

    def __init__(self, root: Path) -> None:
        self.origin = root / "origin.git"
        self.folder = root / "clone"
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.origin)], check=True)
        self.folder.mkdir()
        self.commit(**{"README.md": "first\n"})
        self.git("remote", "add", "origin", str(self.origin))
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        return git(self.folder, *arguments)

    def commit(self, message: str = "feat: more", **files: str) -> str:
        """Commit everything, after writing some files, and return the commit's id."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return commit_all(self.folder, message)

    def tag(self, name: str, *options: str) -> None:
        """Tag a commit and push the tag."""
        self.git("tag", *options, name)
        self.git("push", "--quiet", "origin", f"refs/tags/{name}")

    def remote_tags(self) -> set[str]:
        """Names of the tags of the origin."""
        return set(git(self.origin, "tag").splitlines())
