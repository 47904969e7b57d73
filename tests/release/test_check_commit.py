"""check_commit.py: the checked-out commit is the one that the tag releases."""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import TYPE_CHECKING

import check_commit
import pytest
from support.programs import write_program
from support.rendering import commit_all, git

from release.outcomes import VERSION_TAGS, WHEN_IT_STOPS, fix_command, recovery, refusal, shell

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings
    from support.clones import Repository

    from release.conftest import RunStep

SEE = recovery("gate")
ANNOTATED = ("--annotate", "--message", "the release")


@pytest.mark.requirement("P3.2", "P3.9")
@pytest.mark.parametrize("options", [(), ANNOTATED], ids=["lightweight", "annotated"])
def test_a_tagged_commit_of_a_release_branch_passes(
    options: tuple[str, ...], repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0", *options)
    done = run_step(check_commit, "v1.0.0")
    assert (done.status, done.outputs) == (0, {"commit": repository.git("rev-parse", "HEAD")})


@pytest.mark.requirement("P3.2")
def test_a_detached_checkout_of_an_older_tag_passes(repository: Repository, run_step: RunStep) -> None:
    repository.tag("v1.0.0")
    repository.commit()
    repository.tag("v1.1.0")
    repository.git("push", "--quiet", "origin", "main")
    repository.git("checkout", "--quiet", "v1.0.0")
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.1", "P3.10")
def test_a_shallow_clone_is_refused_and_can_be_fixed(
    repository: Repository, tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit()
    repository.tag("v1.0.0")
    repository.git("push", "--quiet", "origin", "main")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository.origin}", str(shallow))
    monkeypatch.chdir(shallow)
    done = run_step(check_commit, "v1.0.0")
    assert done.lines == (
        "This clone is shallow: it lacks the history that a version is counted from",
        "Expected: the full history and every tag (actions/checkout: fetch-depth: 0)",
        "Fix: git fetch --unshallow --tags",
        "See: CONTRIBUTING.md, 'Set up'",
    )
    shell(fix_command(done.lines), shallow)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.2")
def test_a_tag_that_is_not_fetched_is_refused_and_can_be_fixed(
    repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0")
    repository.git("tag", "--delete", "v1.0.0")
    done = run_step(check_commit, "v1.0.0")
    head = repository.git("rev-parse", "HEAD")[:12]
    assert done.lines == (
        f"The tag v1.0.0 stands on nothing here, and {head} is checked out",
        "Expected: the commit that v1.0.0 stands on",
        "Fix: git fetch --tags && git checkout v1.0.0",
        SEE,
    )
    shell(fix_command(done.lines), repository.folder)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.2", "P3.6")
@pytest.mark.parametrize("options", [(), ANNOTATED], ids=["lightweight", "annotated"])
def test_a_newer_commit_than_the_tags_is_refused_and_can_be_fixed(
    options: tuple[str, ...], repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0", *options)
    tagged = repository.git("rev-parse", "HEAD")
    head = repository.commit()
    done = run_step(check_commit, "v1.0.0")
    assert done.lines == (
        f"The tag v1.0.0 stands on {tagged[:12]} here, and {head[:12]} is checked out",
        "Expected: the commit that v1.0.0 stands on",
        "Fix: git fetch --tags && git checkout v1.0.0",
        SEE,
    )
    shell(fix_command(done.lines), repository.folder)
    assert run_step(check_commit, "v1.0.0").outputs == {"commit": tagged}


@pytest.mark.requirement("P3.2", "P3.6")
@pytest.mark.parametrize("known_by", ["a push", "the gate"])
def test_a_tag_that_moved_since_the_run_began_is_refused_and_can_be_put_back(
    known_by: str, repository: Repository, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = repository.git("rev-parse", "HEAD")
    repository.tag("v1.0.0")
    head = repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.git("tag", "--force", "v1.0.0")
    if known_by == "a push":
        monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
        monkeypatch.setenv("GITHUB_SHA", pushed)
    else:
        monkeypatch.setenv("COMMIT", pushed)
    done = run_step(check_commit, "v1.0.0")
    assert done.lines == (
        f"The tag v1.0.0 has moved: this run was started for {pushed[:12]}, now it is on {head[:12]}",
        "Expected: a tag that stays on its commit",
        f"Fix: git tag -f v1.0.0 {pushed} && git push -f origin v1.0.0, or release a new version",
        SEE,
    )
    shell(fix_command(done.lines), repository.folder)
    shell("git checkout v1.0.0", repository.folder)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P8.6")
def test_a_start_by_hand_does_not_compare_the_branch_it_was_started_from(
    repository: Repository, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.tag("v1.0.0")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_SHA", "0" * 40)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.7")
@pytest.mark.parametrize(
    ("rivals", "named"),
    [(("v1.0.1",), "v1.0.1"), (("v1.0.0rc1",), "v1.0.0rc1"), (("v2", "v1.0.0-1"), "v1.0.0-1, v2")],
)
def test_a_second_version_tag_on_the_commit_is_refused_and_can_be_fixed(
    rivals: tuple[str, ...], named: str, repository: Repository, run_step: RunStep
) -> None:
    for tag in (*rivals, "v1.0.0"):
        repository.tag(tag)
    done = run_step(check_commit, "v1.0.0")
    head = repository.git("rev-parse", "HEAD")
    assert done.lines == (
        f"The commit {head[:12]} has more than one version tag: v1.0.0 and {named}",
        "Expected: one version tag on a commit; with two, either may be taken",
        (
            "Fix: git push --delete origin v1.0.0 && git tag -d v1.0.0, then git commit --allow-empty "
            "-m 'Release v1.0.0', push, and tag that commit"
        ),
        "See: .github/release/RECOVERY.md, 'Making a tag again'",
    )
    shell(fix_command(done.lines), repository.folder)
    shell("git commit --allow-empty -m 'Release v1.0.0' && git push", repository.folder)
    repository.tag("v1.0.0")
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.7", "P4.4")
@pytest.mark.parametrize(
    ("prefix", "noise"),
    [
        (
            "v",
            (
                "nightly-3",
                "docs-2026",
                "latest",
                "1.0.0",
                "vnext",
                "v1.x",
                "release-1.0.0",
                "v1.0.0-deployed",
            ),
        ),
        ("", ("nightly-3", "docs-2026", "v9", "2026-nightly")),
        ("my-package/v", ("v1.0.0", "other/v1.0.0")),
    ],
)
def test_tags_that_are_no_versions_of_this_project_do_not_count(
    *,
    prefix: str,
    noise: tuple[str, ...],
    repository: Repository,
    settings: Settings,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        check_commit, "load_settings", lambda: dataclasses.replace(settings, tag_prefix=prefix)
    )
    for tag in (*noise, f"{prefix}1.0.0"):
        repository.tag(tag)
    assert run_step(check_commit, f"{prefix}1.0.0").status == 0


@pytest.mark.requirement("P3.7", "P4.2")
@pytest.mark.parametrize(("old", "new"), [("v1.2", "v1.2.0"), ("v1.2.0", "v1.2"), ("v1rc1", "v1.0rc1")])
def test_a_version_that_was_tagged_before_under_another_spelling_is_refused(
    old: str, new: str, repository: Repository, run_step: RunStep
) -> None:
    repository.tag(old)
    repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.tag(new)
    done = run_step(check_commit, new)
    assert done.lines == (
        f"The version of {new} has another tag already: {old}",
        "Expected: one tag for a version, because PEP 440 reads both as the same number",
        f"Fix: git push --delete origin {new} && git tag -d {new}, then tag the next version",
        VERSION_TAGS,
    )
    shell(fix_command(done.lines), repository.folder)
    repository.tag("v1.3.0")
    assert run_step(check_commit, "v1.3.0").status == 0


@pytest.mark.requirement("P4.2")
def test_an_older_tag_in_a_spelling_that_was_never_released_does_not_count(
    repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.2-beta1")
    repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.2b1")
    assert run_step(check_commit, "v1.2b1").status == 0


@pytest.mark.requirement("P3.9")
def test_a_commit_that_is_not_pushed_to_a_release_branch_is_refused_and_can_be_fixed(
    repository: Repository, run_step: RunStep
) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit()
    repository.tag("v1.0.0")
    done = run_step(check_commit, "v1.0.0")
    assert done.lines == (
        "The tagged commit is on no branch, not on a release branch",
        "Expected: a commit of main that is pushed",
        "Fix: merge it into main and push that branch first",
        SEE,
    )
    repository.git("push", "--quiet", "origin", "feature")
    assert run_step(check_commit, "v1.0.0").lines[0] == (
        "The tagged commit is on feature, not on a release branch"
    )
    shell("git checkout main && git merge --ff-only feature && git push", repository.folder)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.9")
@pytest.mark.parametrize(
    ("patterns", "branch", "passes"),
    [
        (("main", "release/*"), "release/1.0", True),
        (("main", "release/*"), "release/1.0/hotfix", False),
        (("main", "release/*"), "release", False),
        (("main", "release/*"), "prerelease/1.0", False),
        (("main", "release/**"), "release/1.0/hotfix", True),
        (("main", "*.x"), "1.x", True),
        (("main", "*.x"), "1yx", False),
        (("main", "*.x"), "old/1.x", False),
        (("main", "**.x"), "old/1.x", True),
        (("main", "v*-maint*"), "v1-maintained", True),
        (("trunk",), "main-2", False),
        ((), "anything", True),
    ],
)
def test_branch_patterns_are_read_as_github_reads_them(
    patterns: tuple[str, ...],
    branch: str,
    *,
    passes: bool,
    repository: Repository,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    run_step: RunStep,
) -> None:
    chosen = dataclasses.replace(settings, release_branches=patterns)
    monkeypatch.setattr(check_commit, "load_settings", lambda: chosen)
    repository.git("checkout", "--quiet", "-b", branch)
    repository.commit()
    repository.git("push", "--quiet", "origin", branch)
    repository.tag("v1.0.0")
    done = run_step(check_commit, "v1.0.0")
    assert (done.status == 0) is passes, done.errors


@pytest.mark.requirement("P3.9")
def test_a_commit_below_the_head_of_a_release_branch_is_on_it(
    repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0")
    repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.git("checkout", "--quiet", "v1.0.0")
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.9")
def test_the_remotes_default_branch_pointer_is_no_branch(
    repository: Repository, settings: Settings, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = dataclasses.replace(settings, release_branches=("*EAD",))
    monkeypatch.setattr(check_commit, "load_settings", lambda: chosen)
    repository.git("remote", "set-head", "origin", "main")
    repository.tag("v1.0.0")
    assert run_step(check_commit, "v1.0.0").lines[0] == (
        "The tagged commit is on main, not on a release branch"
    )


@pytest.mark.requirement("P3.8")
@pytest.mark.parametrize(
    "change", ["changed", "staged", "untracked", "untracked in a folder", "deleted", "renamed"]
)
def test_a_tree_that_differs_from_its_commit_is_refused_by_name_and_can_be_fixed(
    change: str, repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0")
    readme, new = repository.folder / "README.md", repository.folder / "new" / "file.txt"
    named = "README.md"
    if change in {"changed", "staged"}:
        readme.write_text("second\n")
    elif change == "deleted":
        readme.unlink()
    elif change == "renamed":
        repository.git("mv", "README.md", "SEE ME.md")
        named = 'README.md -> "SEE ME.md"'
    else:
        named = "new/file.txt" if change.endswith("folder") else "new.txt"
        new.parent.mkdir()
        (repository.folder / named).write_text("new\n")
    if change == "staged":
        repository.git("add", "--all")
    done = run_step(check_commit, "v1.0.0")
    assert done.lines == (
        f"The tree differs from its commit: {named}",
        "Expected: exactly the files of the commit",
        "Fix: git stash --include-untracked (or commit the changes and tag that commit)",
        SEE,
    )
    shell(fix_command(done.lines).partition(" (")[0], repository.folder)
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.8")
def test_of_many_changed_files_the_first_ones_are_named_and_the_rest_is_counted(
    repository: Repository, run_step: RunStep
) -> None:
    repository.tag("v1.0.0")
    for number in range(25):
        (repository.folder / f"file{number:02}").touch()
    names = ", ".join(f"file{number:02}" for number in range(20))
    assert run_step(check_commit, "v1.0.0").lines[0] == (
        f"The tree differs from its commit: {names} and 5 more"
    )


@pytest.mark.requirement("P3.8")
def test_the_users_own_settings_hide_no_untracked_file(repository: Repository, run_step: RunStep) -> None:
    repository.tag("v1.0.0")
    repository.git("config", "status.showUntrackedFiles", "no")
    (repository.folder / "new.txt").touch()
    assert run_step(check_commit, "v1.0.0").status == 1


@pytest.mark.requirement("P3.8")
def test_ignored_files_do_not_count(repository: Repository, run_step: RunStep) -> None:
    repository.commit(**{".gitignore": "/dist/\n"})
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    (repository.folder / "dist").mkdir()
    (repository.folder / "dist/old.whl").touch()
    assert run_step(check_commit, "v1.0.0").status == 0


def test_a_folder_that_is_no_repository_ends_in_four_lines(
    tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    done = run_step(check_commit, "v1.0.0")
    assert done.lines[0].startswith(
        "`git rev-parse --is-shallow-repository` failed with status 128: fatal: not a git repository"
    )
    assert done.lines[1:] == (
        "Expected: status 0",
        "Fix: read the output above, then run this again",
        WHEN_IT_STOPS,
    )


def test_a_repository_without_a_commit_ends_in_four_lines(
    tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    monkeypatch.chdir(tmp_path / "empty")
    assert run_step(check_commit, "v1.0.0").lines[1:] == (
        "Expected: status 0",
        "Fix: read the output above, then run this again",
        WHEN_IT_STOPS,
    )


def test_the_checks_can_be_called_one_by_one(repository: Repository, settings: Settings) -> None:
    (repository.folder / "new.txt").touch()
    check_commit.check_complete(settings)
    check_commit.check_branch(settings)
    assert refusal(check_commit.check_clean)[0] == "The tree differs from its commit: new.txt"


OLD_GIT = """
import os, sys
if {"--recurse-submodules", "--stage"} <= set(sys.argv):
    sys.exit("fatal: ls-files --recurse-submodules unsupported mode")
os.execv(os.environ["REAL_GIT"], ["git", *sys.argv[1:]])
"""


@pytest.mark.requirement("P1.6", "P3.8")
def test_an_older_git_checks_a_repository_without_submodules(
    repository: Repository, tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git before 2.36, of Ubuntu 22.04 and Debian 11, says so; runners of one's own have it, and people."""
    repository.tag("v1.0.0")
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(programs / "git", OLD_GIT)
    monkeypatch.setenv("REAL_GIT", str(shutil.which("git")))
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), os.environ["PATH"]]))
    done = run_step(check_commit, "v1.0.0")
    assert done.status == 0, done.errors


@pytest.mark.requirement("P1.6", "P3.8")
@pytest.mark.parametrize(
    "kind",
    [
        *("submodule", "submodule, initialised", "git-lfs", "git-lfs before 1.0"),
        *("git-crypt", "git-fat", "git-annex"),
        *("git-annex link", "sparse", "assumed", "link as text"),
    ],
)
def test_contents_that_git_keeps_elsewhere_are_named(
    kind: str, repository: Repository, run_step: RunStep
) -> None:
    path = repository.folder / "zones"
    if kind.startswith("submodule"):
        path.mkdir()
        if kind != "submodule":  # and not fetched: --recurse-submodules leaves it out
            (repository.folder / ".gitmodules").write_text('[submodule "zones"]\npath = zones\nurl = x\n')
            repository.git("add", ".gitmodules")
            repository.git("config", "submodule.zones.url", "x")
        entry = f"160000,{repository.git('rev-parse', 'HEAD')},zones"
        repository.git("update-index", "--add", "--cacheinfo", entry)
        repository.git("commit", "--quiet", "--message", "feat: zones")
    elif kind == "git-annex link":
        path.symlink_to(".git/annex/objects/xx/yy/SHA256E-s1--00")
    elif kind == "link as text":
        path.symlink_to("README.md")
    elif kind in {"sparse", "assumed"}:
        path.write_text("Europe")
    else:
        starts = {
            "git-lfs": b"version https://git-lfs.github.com/spec/v1\n",
            "git-lfs before 1.0": b"version https://hawser.github.com/spec/v1\n",  # which it reads still
            "git-crypt": b"\0GITCRYPT\0x",
            "git-fat": b"#$# git-fat 0123456789012345678901234567890123456789        1\n",
        }
        path.write_bytes(starts.get(kind, b"/annex/objects/SHA256E-s1--00\n"))
    if not kind.startswith("submodule"):
        repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    if kind == "sparse":
        repository.git("update-index", "--skip-worktree", "zones")
        path.unlink()
    elif kind == "assumed":
        repository.git("update-index", "--assume-unchanged", "zones")
        path.write_text("Asia")
    elif kind == "link as text":  # as git makes it on Windows
        repository.git("config", "core.symlinks", "false")
        path.unlink()
        repository.git("checkout", "--", "zones")
    assert repository.git("status", "--porcelain") == ""
    lines = run_step(check_commit, "v1.0.0").lines
    assert lines[0].startswith("This checkout lacks the contents of zones (")
    assert len(lines) == 4


@pytest.mark.requirement("P3.11")
@pytest.mark.parametrize("name", ["Zürich", 'a "quoted" zone', "tab\there", "new\nline"])
def test_contents_that_git_keeps_elsewhere_are_named_whatever_their_name(
    name: str, repository: Repository, run_step: RunStep
) -> None:
    repository.commit(**{name: "version https://git-lfs.github.com/spec/v1\n"})
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    lines = run_step(check_commit, "v1.0.0").lines
    assert lines[0].startswith("This checkout lacks the contents of ")


@pytest.mark.requirement("P3.11")
def test_of_many_files_without_their_contents_the_first_ones_are_named(
    repository: Repository, run_step: RunStep
) -> None:
    zones = [f"zone{number:02}" for number in range(21)]
    repository.commit(**dict.fromkeys(zones, "version https://git-lfs.github.com/spec/v1\n"))
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    named = ", ".join(f"{zone} (git-lfs, git-crypt or git-fat)" for zone in zones[:20])
    assert run_step(check_commit, "v1.0.0").lines[0] == f"This checkout lacks the contents of {named}, ..."


@pytest.mark.requirement("P1.6")
def test_a_submodule_of_a_submodule_that_was_not_fetched_is_named(
    repository: Repository, run_step: RunStep, tmp_path: Path
) -> None:
    """As `submodules: true` leaves it, which fetches the first level alone."""
    allowed = ("-c", "protocol.file.allow=always")
    for name, inner in (("inner", ""), ("zones", "inner")):
        source = tmp_path / name
        source.mkdir()
        (source / "data").write_text("x")
        if inner:
            git(source, "init", "--quiet")
            git(source, *allowed, "submodule", "--quiet", "add", str(tmp_path / inner), inner)
        commit_all(source)
    repository.git(*allowed, "submodule", "--quiet", "add", str(tmp_path / "zones"), "zones")
    repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    lines = run_step(check_commit, "v1.0.0").lines
    assert lines[0] == "This checkout lacks the contents of zones/inner (submodule)"
    repository.git(*allowed, "submodule", "--quiet", "update", "--init", "--recursive")
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.7")
def test_a_tag_of_a_tag_stands_on_the_commit_of_the_inner_one(
    repository: Repository, run_step: RunStep
) -> None:
    """As a tag that was signed again: git describes it as any other."""
    repository.git("tag", "--annotate", "--message", "first", "signed-first")
    repository.git("tag", "--annotate", "--message", "again", "v1.0.0", "signed-first")
    repository.git("push", "--quiet", "origin", "v1.0.0")
    assert run_step(check_commit, "v1.0.0").outputs == {"commit": repository.git("rev-parse", "HEAD")}


@pytest.mark.requirement("P3.9")
def test_a_commit_that_a_merge_brought_is_on_the_release_branch(
    repository: Repository, run_step: RunStep
) -> None:
    """Off the first parents of the branch: the tag is on a commit of a feature branch that was merged."""
    repository.git("switch", "--quiet", "--create", "feature")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "feat: a")
    repository.tag("v1.0.0")
    repository.git("switch", "--quiet", "main")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "fix: b")
    repository.git("merge", "--quiet", "--no-ff", "--message", "merge", "feature")
    repository.git("push", "--quiet", "origin", "main")
    repository.git("checkout", "--quiet", "v1.0.0")
    assert run_step(check_commit, "v1.0.0").status == 0


@pytest.mark.requirement("P3.8")
@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("x", None),
        ("version https://git-lfs.github.com/spec/v1\n", "zones/data (git-lfs, git-crypt or git-fat)"),
        ("changed", " zones"),
    ],
)
def test_a_submodule_that_was_fetched_is_there_as_its_commit_has_it(
    inside: str, said: str | None, repository: Repository, run_step: RunStep
) -> None:
    outside = repository.folder.parent / "outside"
    git(outside.parent, "init", "--quiet", str(outside))
    git(outside, "commit", "--quiet", "--allow-empty", "--message", "first")
    (outside / "data").write_text(inside)
    commit_all(outside)
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(outside), "zones")
    repository.git("config", "--file", ".gitmodules", "submodule.zones.ignore", "all")
    repository.commit()
    repository.git("push", "--quiet", "origin", "main")
    repository.tag("v1.0.0")
    if inside == "changed":
        (repository.folder / "zones/data").write_text("other")
    assert repository.git("status", "--porcelain") == ""
    done = run_step(check_commit, "v1.0.0")
    assert done.lines[0].endswith(said) if said else done.status == 0, done.errors
