"""A person at a clone: the real `git` and `gh`, logged in as one user of the emulated GitHub.

    clone = Clone(sandbox, "octo/demo", "octo")
    clone.commit({"README.md": "# Demo"}, "First")
    clone.push("main")
    clone.gh("release", "list")

and `TrialRepository`, which runs a few steps in a workflow of a repository of their own.
"""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .sandbox import Sandbox

Json = dict[str, Any]

_COUNT = itertools.count(1)

#: A pin of each action that has a stand-in; the emulator takes whatever commit is pinned.
PINS = {
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
    "upload": "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
    "download": "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
    "uv": "astral-sh/setup-uv@20cfd1bf945f4377ade1205e4dbc17946fc9a30d",
    "publish": "pypa/gh-action-pypi-publish@dc37677b2e1c63e2034f94d8a5b11f265b73ba33",
}
WORKFLOW = ".github/workflows/try.yml"


class Clone:
    """A working tree in a sandbox.

    Args:
        sandbox: the sandbox.
        repo: "owner/name".
        login: who works here; the owner if left out.
        folder: where; a new folder below the sandbox's HOME if left out.
    """

    def __init__(self, sandbox: Sandbox, repo: str, login: str = "", folder: Path | None = None) -> None:
        self.sandbox = sandbox
        self.repo = repo
        self.login = login or repo.partition("/")[0]
        self.folder = folder or sandbox.root / "home" / f"clone-{next(_COUNT)}"
        token = sandbox.github.token(self.login)
        basic = base64.b64encode(f"{self.login}:{token}".encode()).decode()
        self.env = {
            "GH_TOKEN": token,
            # By environment, so that nothing is written to any configuration; and a header, since
            # a credential helper costs a refused request and a process each time.
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "http.https://github.com/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            "GIT_CONFIG_KEY_1": "user.name",
            "GIT_CONFIG_VALUE_1": self.login,
            "GIT_CONFIG_KEY_2": "user.email",
            "GIT_CONFIG_VALUE_2": f"{self.login}@example.invalid",
        }
        if not (self.folder / ".git").exists():
            address = f"https://github.com/{repo}"
            sandbox.run(["git", "clone", "--quiet", address, self.folder], env=self.env)

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        return self.sandbox.run(argv, cwd=self.folder, env=self.env, check=check)

    def git(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run git in the clone."""
        return self.run("git", *args, check=check)

    def gh(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run gh in the clone."""
        return self.run("gh", *args, check=check)

    def commit(self, files: dict[str, str], message: str = "Change") -> str:
        """Write files, commit everything and return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        """Return the commit at HEAD."""
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *refs: str, force: bool = False) -> subprocess.CompletedProcess[str]:
        """Push refs (`main`, `v1.0.0`, `:v1.0.0` to delete)."""
        return self.git("push", "--quiet", *(["--force"] if force else []), "origin", *refs)

    def tag(self, name: str, *, annotated: bool = True) -> None:
        """Tag HEAD and push the tag."""
        self.git("tag", *(["--annotate", "--message", name] if annotated else []), name)
        self.push(name)


class TrialRepository:
    """Runs steps in a repository's workflow.

    Args:
        sandbox: the sandbox.
        name: name of the repository to make.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.repo = sandbox.github.create_repo("octo", name)
        self.clone = Clone(sandbox, self.repo)

    def steps(self, *steps: Json, on: object = "push", **job: object) -> None:
        """Commit a workflow of one job with these steps."""
        jobs = {"only": {"runs-on": "ubuntu-24.04", "steps": list(steps), **job}}
        self.workflow(jobs, on)

    def workflow(self, jobs: Json, on: object = "push") -> None:
        """Commit a workflow with these jobs."""
        permissions = {"contents": "read"}
        text = json.dumps({"name": "try", "on": on, "permissions": permissions, "jobs": jobs})
        self.clone.commit({WORKFLOW: text})

    def result(self, ref: str = "main") -> dict[str, Any]:
        """Push a ref and return the run it started."""
        self.clone.push(ref)
        self.sandbox.wait_idle(60)
        found: dict[str, Any] = self.sandbox.github.runs(self.repo)[-1]
        return found

    def log(self, ref: str = "main", conclusion: str = "success") -> str:
        """Push a ref, and return what the run printed when it ended as expected."""
        run = self.result(ref)
        text: str = self.sandbox.github.log(run["id"])
        assert run["conclusion"] == conclusion, run["problem"] or text
        return text
