"""What git keeps elsewhere, in a temporary clone: there if the release workflow fetches it, too.

A clone of a clone has neither submodules nor the files of Git LFS, and a person's own settings of git can
bring some of them. Here it is what the checkouts of the release workflow say, taken from the clone that is
on this machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from copier_pypi_release.workflow_files import Workflow

CHECKOUT, BUILDING = "actions/checkout", ("gate", "sdist", "build")
SUBMODULE = "160000"  # git's mode of one


@dataclasses.dataclass(frozen=True)
class Fetched:
    """What the checkouts of the source fetch besides the files of the commit.

    Attributes:
        depth: How many levels of submodules: none, one, or all of them.
        lfs: Whether they fetch the files of Git LFS.
    """

    depth: float = 0
    lfs: bool = False


def fetched_by(workflow: Workflow) -> Fetched:
    """What all jobs that need the whole source fetch; inputs are read as the action reads them."""
    inputs = [step.get("with") or {} for job, step in workflow.using(CHECKOUT) if job in BUILDING]
    ours = [known for known in inputs if known.get("path") == "source"]
    depths = {"TRUE": 1, "RECURSIVE": float("inf")}
    return Fetched(
        min((depths.get(str(known.get("submodules")).upper(), 0) for known in ours), default=0),
        bool(ours) and all(str(known.get("lfs")).upper() == "TRUE" for known in ours),
    )


def clone(root: Path, tree: Path) -> None:
    """Clone a clone, without a work tree; of a partial clone, contents are fetched when they are needed."""
    git("clone", "--quiet", "--shared", "--no-checkout", root, tree)
    git("config", "submodule.recurse", "false", cwd=tree)
    for remote in promisors(root):
        git("config", "remote.contents.url", git("remote", "get-url", remote, cwd=root), cwd=tree)
        git("config", "remote.contents.promisor", "true", cwd=tree)
        git("config", "remote.contents.partialCloneFilter", "blob:none", cwd=tree)


def promisors(root: Path) -> list[str]:
    """The remotes that have the contents which a partial clone lacks."""
    with contextlib.suppress(ReleaseError):  # none is a failure of git config
        names = git("config", "--name-only", "--get-regexp", r"^remote\..*\.promisor$", cwd=root)
        return [name.removeprefix("remote.").removesuffix(".promisor") for name in names.splitlines()]
    return []


def check_out(commit: str, tree: Path, root: Path, fetched: Fetched) -> None:
    """Check a commit out with what is fetched, as far as the clone that it was cloned from has it."""
    if fetched.lfs:
        store = root / git("rev-parse", "--git-common-dir", cwd=root) / "lfs"
        git("config", "lfs.storage", store, cwd=tree)
        git("config", "lfs.skipDownloadErrors", "true", cwd=tree)  # the gate names what is missing
        with contextlib.suppress(ReleaseError):  # it is not installed: as if there were nothing in its store
            git("lfs", "install", "--local", "--skip-repo", cwd=tree)
    else:
        for key in ("process", "smudge", "clean", "required"):
            git("config", f"filter.lfs.{key}", "false" if key == "required" else "", cwd=tree)
    git("checkout", "--quiet", "--detach", commit, cwd=tree)
    if fetched.depth > 0:
        deeper = dataclasses.replace(fetched, depth=fetched.depth - 1)
        for name, inner in submodules(tree):
            with contextlib.suppress(ReleaseError):  # not here, or not in .gitmodules: the gate names it
                git("rev-parse", "--quiet", "--verify", f"{inner}^{{commit}}", cwd=root / name)
                clone(root / name, tree / name)
                check_out(inner, tree / name, root / name, deeper)
                git("submodule", "--quiet", "init", "--", name, cwd=tree)


def submodules(tree: Path) -> Iterator[tuple[str, str]]:
    """The submodules of a work tree by path, with their commits."""
    for line in git("-c", "core.quotePath=false", "ls-files", "--stage", cwd=tree).splitlines():
        facts, _, name = line.partition("\t")
        mode, commit, _ = facts.split()
        if mode == SUBMODULE:
            yield name, commit


def fix_here(problem: str, tree: Path, fetched: Fetched) -> str:
    """How a clone gets what it lacks by the gate's words; empty where the release would lack it, too."""
    names = [name for name, _ in submodules(tree)] if fetched.depth == 1 else [""]
    outer = fetched.depth > 0 and any(f"{name} (submodule)" in problem for name in names)
    ways = ["git submodule update --init --recursive"] if outer else []
    ways += ["git lfs install && git lfs pull"] if fetched.lfs and "(git-lfs," in problem else []
    return " && ".join(ways) + ", then run this again" if ways else ""
