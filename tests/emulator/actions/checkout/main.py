"""Stand-in for actions/checkout v7.0.1.

The functions follow its `ref-helper.ts` and `git-source-provider.ts` one by one, so that the two
can be compared.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

from toolkit import fail, flag, given, output, say

WORKSPACE = Path(os.environ["GITHUB_WORKSPACE"])
MOVED = (
    "The ref '{ref}' does not point to the expected commit '{commit}'. "
    "The ref may have been updated after the workflow was triggered."
)


class Git:
    """git in one folder.

    Args:
        folder: the working tree.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *args: str) -> None:
        """Run a command whose output belongs into the log; its failure ends the action."""
        say(f"[command]git {' '.join(args)}")
        code = subprocess.run(["git", *args], cwd=self.folder, check=False).returncode
        if code:
            fail(f"The process 'git' failed with exit code {code}")

    def ask(self, *args: str) -> str | None:
        """Return what a command prints, None when it fails."""
        done = subprocess.run(["git", *args], cwd=self.folder, check=False, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None


def wanted() -> tuple[str, str]:
    """Return ref and commit to check out; either may be empty."""
    ref = given("ref")
    if re.fullmatch("[0-9a-fA-F]{40}", ref):
        return "", ref
    if ref or given("repository") != os.environ["GITHUB_REPOSITORY"]:
        return ref, ""
    ref, commit = os.environ["GITHUB_REF"], os.environ["GITHUB_SHA"]
    return (ref if ref.startswith("refs/") else f"refs/heads/{ref}"), commit


def refspec_all(ref: str, commit: str) -> list[str]:
    """Return what to fetch for the whole history (`fetch-depth: 0`)."""
    found = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    if ref.startswith("refs/pull/"):
        found.append(f"+{commit or ref}:refs/remotes/pull/{ref.removeprefix('refs/pull/')}")
    return found


def refspec(ref: str, commit: str, *, tags: bool) -> list[str]:
    """Return what to fetch for a shallow clone."""
    found = ["+refs/tags/*:refs/tags/*"] if tags else []
    branch, pull = ref.removeprefix("refs/heads/"), ref.removeprefix("refs/pull/")
    if ref.startswith("refs/heads/"):
        found.append(f"+{commit or ref}:refs/remotes/origin/{branch}")
    elif ref.startswith("refs/pull/"):
        found.append(f"+{commit or ref}:refs/remotes/pull/{pull}")
    elif ref.startswith("refs/tags/"):
        # By name, not by commit: only so does an annotated tag stay one (since v6.0.2).
        found += [] if tags else [f"+{ref}:{ref}"]
    elif commit:
        found.append(commit)
    elif ref.startswith("refs/"):
        found.append(f"+{ref}:{ref}")
    else:
        found.append(f"+refs/heads/{ref}*:refs/remotes/origin/{ref}*")
        found += [] if tags else [f"+refs/tags/{ref}*:refs/tags/{ref}*"]
    return found


def ref_matches(git: Git, ref: str, commit: str) -> bool:
    """Say whether the fetched ref points at the commit the workflow was started for."""
    if not commit:
        return True
    if ref.startswith("refs/heads/"):
        return git.ask("rev-parse", f"refs/remotes/origin/{ref[11:]}") == commit
    if ref.startswith("refs/tags/"):
        return git.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") == commit
    return True


def fetch(git: Git, ref: str, commit: str) -> None:
    """Fetch; refuse a ref that was moved after the workflow was started."""
    depth, patterns = int(given("fetch-depth") or 1), given("sparse-checkout")
    options = ["--no-progress", "--no-tags", "--prune", "--no-recurse-submodules"]
    partial = given("filter") or ("blob:none" if patterns else "")
    options += [f"--filter={partial}"] if partial else []
    if depth > 0:
        tags = flag("fetch-tags")
        git.run("fetch", *options, f"--depth={depth}", "origin", *refspec(ref, commit, tags=tags))
    else:
        if (git.folder / ".git" / "shallow").exists():
            options.append("--unshallow")
        git.run("fetch", *options, "origin", *refspec_all(ref, commit))
        if not ref_matches(git, ref, commit):
            git.run("fetch", *options, "origin", *refspec(ref, commit, tags=False))
    if not ref_matches(git, ref, commit):
        fail(MOVED.format(ref=ref, commit=commit))


def target(git: Git, ref: str, commit: str) -> list[str]:
    """Return the arguments of `git checkout`."""
    kind, _, name = ref.removeprefix("refs/").partition("/")
    if not ref:
        found = [commit]
    elif not ref.startswith("refs/"):
        found = unqualified(git, ref)
    elif kind == "heads":
        found = ["-B", name, f"refs/remotes/origin/{name}"]
    elif kind == "pull":
        found = [f"refs/remotes/pull/{name}"]
    else:
        found = [ref if kind == "tags" else commit or ref]
    return found


def unqualified(git: Git, name: str) -> list[str]:
    """Return the arguments of `git checkout` for a name that is a branch's or else a tag's."""
    if git.ask("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{name}"):
        return ["-B", name, f"refs/remotes/origin/{name}"]
    if not git.ask("rev-parse", "--verify", "--quiet", f"refs/tags/{name}"):
        fail(f"A branch or tag with the name '{name}' could not be found")
    return [f"refs/tags/{name}"]


def prepare(folder: Path, url: str) -> None:
    """Empty the folder, unless it is a clone of the same repository, which is cleaned."""
    git = Git(folder)
    if (folder / ".git").is_dir() and git.ask("config", "--get", "remote.origin.url") == url:
        if flag("clean"):
            git.run("clean", "-ffdx")
            git.ask("reset", "--hard", "HEAD")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def main() -> None:
    """Check out."""
    for name in ("submodules", "lfs"):
        if given(name) not in {"", "false"}:
            fail(f"The stand-in for actions/checkout knows only `{name}: false`.")
    folder = (WORKSPACE / given("path")).resolve()
    if not folder.is_relative_to(WORKSPACE.resolve()):
        fail(f"Repository path '{folder}' is not under '{WORKSPACE}'")
    url = f"https://github.com/{given('repository')}"
    prepare(folder, url)
    git = Git(folder)
    if not (folder / ".git").is_dir():
        git.run("init", "--quiet", "--initial-branch=main", str(folder))
        git.run("remote", "add", "origin", url)
    git.run("config", "--local", "gc.auto", "0")
    # As since v6: the credential lies outside the working tree, the clone only points to it.
    secret = Path(os.environ["RUNNER_TEMP"]) / f"git-credentials-{os.urandom(16).hex()}.config"
    basic = base64.b64encode(f"x-access-token:{given('token')}".encode()).decode()
    say(f"::add-mask::{basic}")
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(
        f'[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic {basic}\n',
        encoding="utf-8",
    )
    include = f"includeIf.gitdir:{folder / '.git'}.path"
    git.run("config", "--local", include, str(secret))
    ref, commit = wanted()
    if not ref and not commit:
        line = (git.ask("ls-remote", "--symref", "origin", "HEAD") or "").partition("\t")[0]
        ref = line.removeprefix("ref: ") or "refs/heads/main"
    fetch(git, ref, commit)
    patterns = given("sparse-checkout").split("\n")
    if patterns != [""]:
        mode = "--cone" if flag("sparse-checkout-cone-mode") else "--no-cone"
        git.run("sparse-checkout", "set", mode, *[line.strip() for line in patterns])
    git.run("checkout", "--quiet", "--force", *target(git, ref, commit))
    if not flag("persist-credentials"):
        git.run("config", "--local", "--unset-all", include)
        secret.unlink()
    output("commit", git.ask("rev-parse", "HEAD") or "")
    output("ref", ref)
