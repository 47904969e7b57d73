# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that the checked-out commit is the one that the tag releases, and that git says so clearly.

Each of these would otherwise give a wrong version without a word: a shallow clone, a tag that moved,
two version tags on one commit, a changed file. Run it from the root of the source.
"""

import argparse
import os
import re
from functools import partial
from pathlib import Path

from release_lib.settings import Settings, add_tag_argument, load_settings, refuse_moved, untag
from release_lib.step import ReleaseError, git, output, step

SEE = ".github/release/RECOVERY.md, 'gate'"
refusal = partial(ReleaseError, see=SEE)
LFS, FAT = (b"version https://git-lfs", b"version https://hawser"), b"#$# git-fat "
STAND_INS = (*LFS, FAT, b"/annex/objects/", b"\0GITCRYPT\0")  # how files begin instead
NAMED = 20  # changed files that a message names; more would hide the message


def check_complete(settings: Settings) -> None:
    """Check that the clone has its whole history."""
    if git("rev-parse", "--is-shallow-repository") != "false":
        raise ReleaseError(
            "This clone is shallow: it lacks the history that a version is counted from",
            expected="the full history and every tag (actions/checkout: fetch-depth: 0)",
            fix="git fetch --unshallow --tags",
            see=settings.see("Set up"),
        )


def check_clean() -> None:
    """Check that the tree is the commit, with nothing changed or added."""
    changed = git("status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none").splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:NAMED])
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise refusal(
            f"The tree differs from its commit: {names}{more}",
            expected="exactly the files of the commit",
            fix="git stash --include-untracked (or commit the changes and tag that commit)",
        )


def check_present() -> None:
    """Check that every file's contents are here: git calls a tree clean whose contents it keeps elsewhere."""
    absent, listed = [], git("ls-files", "-v", "-z", "--stage")
    if re.search(r"(^|\0)\w 160000 ", listed):  # git before 2.36 cannot list contents of submodules so
        listed += "\0" + git("ls-files", "-v", "-z", "--stage", "--recurse-submodules")
    for line in dict.fromkeys(filter(None, listed.split("\0"))):
        facts, _, name = line.partition("\t")
        path = Path(name)
        if facts.split()[1] == "160000":
            absent += [] if path.is_dir() and any(path.iterdir()) else [f"{name} (submodule)"]
        elif facts[0] in "Ssh":  # changes of such a file are hidden
            absent.append(f"{name} (sparse checkout, or assumed to be unchanged)")
        elif facts.split()[1] == "120000" and not path.is_symlink():
            absent.append(f"{name} (a symbolic link that is a text here)")
        elif "/annex/objects/" in (os.readlink(path) if path.is_symlink() else ""):
            absent += [] if path.exists() else [f"{name} (git-annex)"]
        elif path.is_file() and path.open("rb").read(32).startswith(STAND_INS):
            absent.append(f"{name} (git-lfs, git-crypt or git-fat)")
    if absent:
        raise refusal(
            f"This checkout lacks the contents of {', '.join(absent[:NAMED])}{', ...' * (len(absent) > NAMED)}",
            expected="every file with its contents, because the distributions are built from them",
            fix="`submodules: recursive` or `lfs: true` at the checkouts of the source in gate, build and CI",
        )


def check_tagged(tag: str, settings: Settings, pushed: str | None) -> str:
    """Check that the tag stands, alone, on the commit here, the one that was pushed if known; return it."""
    head = git("rev-parse", "HEAD^{commit}")
    listed = git("for-each-ref", "--format=%(refname)", f"refs/tags/{tag}")
    here = git("rev-parse", f"{listed}^{{commit}}") if listed else ""  # of a tag of a tag, too
    if here != head:
        raise refusal(
            f"The tag {tag} stands on {here[:12] or 'nothing'} here, and {head[:12]} is checked out",
            expected=f"the commit that {tag} stands on",
            fix=f"git fetch --tags && git checkout {tag}",
        )
    refuse_moved(tag, pushed or head, head, SEE)
    beside = set(git("tag", "--points-at", "HEAD").splitlines()) - {tag}
    if rivals := sorted(filter(settings.tagged_version, beside)):
        raise ReleaseError(
            f"The commit {head[:12]} has more than one version tag: {tag} and {', '.join(rivals)}",
            expected="one version tag on a commit; with two, either may be taken",
            fix=f"{untag(tag)}, then git commit --allow-empty -m 'Release {tag}', push, and tag that commit",
            see=".github/release/RECOVERY.md, 'Making a tag again'",
        )
    version = settings.tagged_version(tag)
    # Only a canonical spelling can have been released (check_tag.py), like v1.2 before v1.2.0.
    others = {name: settings.tagged_version(name) for name in git("tag").splitlines() if name != tag}
    if same := [name for name, v in others.items() if v and v == version and name == settings.tag(v)]:
        raise ReleaseError(
            f"The version of {tag} has another tag already: {', '.join(same)}",
            expected="one tag for a version, because PEP 440 reads both as the same number",
            fix=f"{untag(tag)}, then tag the next version",
            see=settings.see("Version tags"),
        )
    return head


def check_branch(settings: Settings) -> None:
    """Check that the commit is part of a release branch of the remote."""
    if not settings.release_branches:
        return
    names = git("branch", "--remotes", "--format=%(refname:lstrip=3)", "--contains", "HEAD")
    on = [name for name in names.splitlines() if name != "HEAD"]
    if not any(branch_pattern(p).fullmatch(name) for p in settings.release_branches for name in on):
        raise refusal(
            f"The tagged commit is on {', '.join(on) or 'no branch'}, not on a release branch",
            expected=f"a commit of {' or '.join(settings.release_branches)} that is pushed",
            fix=f"merge it into {settings.release_branches[0]} and push that branch first",
        )


def branch_pattern(pattern: str) -> re.Pattern[str]:
    """A branch filter as GitHub reads it: ``*`` stops at ``/``, ``**`` does not."""
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(p, re.escape(p)) for p in parts))


def check_commit(tag: str, settings: Settings, pushed: str | None = None) -> str:
    """All of the above, in the order in which one hides the next; return the commit's full id."""
    check_complete(settings)
    commit = check_tagged(tag, settings, pushed)
    check_branch(settings)
    check_clean()
    check_present()
    return commit


def main() -> None:
    """Check the commit in the current folder against the tag."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    tag = parser.parse_args().tag
    pushed = os.environ.get("GITHUB_SHA" if os.environ.get("GITHUB_EVENT_NAME") == "push" else "COMMIT")
    output(commit=check_commit(tag, load_settings(), pushed))


if __name__ == "__main__":
    step(main)
