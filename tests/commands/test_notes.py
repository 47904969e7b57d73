"""notes: what the next release would say and be called, and whether a change brings notes."""

from __future__ import annotations

import json
import os
import sysconfig
from typing import TYPE_CHECKING, Any

import pytest
from support.rendering import commit_all, git, render
from support.sharing import once

from commands.local_github import Bench, bench
from commands.scripts import run_in_process

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("changelog", "towncrier", "git-cliff")
MODULE = "src/demo_pkg/__init__.py"
ENTRY = "It counts backwards."
# A change that brings notes: the commit's subject, and the file with what replaces a text of it.
CHANGES = {
    "changelog": ("feat: backwards", "CHANGELOG.md", f"## Unreleased\n\n### Features\n\n- {ENTRY}\n"),
    "towncrier": ("feat: backwards", "changelog.d/+back.feature.md", ENTRY),
    "git-cliff": (f"feat: {ENTRY}", "", ""),
}
WHERE = {
    "changelog": "an entry below the next version, or 'Unreleased', in CHANGELOG.md",
    "towncrier": "a news fragment changelog.d/ISSUE.KIND.md that says what users will notice",
    "git-cliff": "a commit feat:, fix:, migration: or known-issue: that says what users will notice",
}


@pytest.fixture(scope="session")
def packages(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package for each source of notes, released as v0.1.0; not to be changed."""
    with once(tmp_path_factory, __name__, "sources") as (folder, missing):
        for source in SOURCES if missing else ():
            commit_all(render(template, folder / source, {"release_notes": source}), tag="v0.1.0")
    return folder


def desk_of(source: str, packages: Path, tmp_path: Path, patch: pytest.MonkeyPatch) -> Bench:
    """A maintainer's clone of one of the packages."""
    patch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    run_in_process(patch)
    return bench(packages / source, tmp_path, patch)


@pytest.fixture(params=SOURCES)
def desk(
    request: pytest.FixtureRequest, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    """A clone, for each source of notes."""
    return desk_of(request.param, packages, tmp_path, monkeypatch)


@pytest.fixture
def by_hand(packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A clone with a changelog kept by hand."""
    return desk_of("changelog", packages, tmp_path, monkeypatch)


def commit(desk: Bench, subject: str, path: str = "", text: str = "") -> None:
    """Change a file, and commit; a text for the changelog replaces its empty section."""
    if path == "CHANGELOG.md":
        desk.edit(path, "## Unreleased\n", text)
    elif path:
        (desk.clone / path).write_text(text, encoding="utf-8")
    git(desk.clone, "add", "--all")
    git(desk.clone, "commit", "--quiet", "--allow-empty", "--message", subject)


def pull_request(desk: Bench, patch: pytest.MonkeyPatch, **facts: Any) -> None:  # noqa: ANN401  (JSON)
    """Let the change be that of a pull request."""
    known = {"id": 1, "number": 7, "title": "", "body": "", "state": "open", "draft": False}
    sides = {"head": "change", "base": "main", "author": "mallory", "created_at": "2026-11-27T00:00:00Z"}
    desk.github.repo["pulls"].append(known | sides | facts)
    patch.setenv("PULL_REQUEST", "7")


@pytest.mark.requirement("B8", "T5", "U2")
def test_a_change_that_brings_notes(desk: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The version and the notes, for every source of them; nothing is left behind."""
    source = desk.settings.release_notes
    assert "No notes of `demo-pkg` wait" in desk.run("notes", capsys=capsys).printed
    commit(desk, "chore: x", MODULE, "x = 1\n")
    commit(desk, *CHANGES[source])
    before = git(desk.clone, "for-each-ref"), git(desk.clone, "status", "--porcelain", "--ignored")
    done = desk.run("notes", "--since", "v0.1.0", capsys=capsys)
    assert done.status == 0, done.errors
    assert "## The next release would be demo-pkg 0.2.0\n\nFeatures since 0.1.0.\n" in done.printed
    assert "### Features" in done.printed
    assert ENTRY in done.printed
    assert "This change brings notes." in done.printed
    assert before == (git(desk.clone, "for-each-ref"), git(desk.clone, "status", "--porcelain", "--ignored"))
    found = json.loads(desk.run("notes", "--json", capsys=capsys).printed)
    assert (found["version"], found["why"]) == ("0.2.0", "features since 0.1.0")


@pytest.mark.requirement("B8", "T5", "R6")
def test_a_change_that_brings_none(desk: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It stops, and says where notes go, for every source of them."""
    source = desk.settings.release_notes
    commit(desk, *CHANGES[source])  # the notes of somebody else
    commit(desk, "chore: x", MODULE, "x = 1\n")
    commit(desk, "chore: y", "src/demo_pkg/other.py", "y = 1\n")
    done = desk.run("notes", "--since", "HEAD^^", capsys=capsys)
    assert done.status == 1
    assert ENTRY in done.printed
    assert done.error_lines[:2] == (
        f"The change of {MODULE} and 1 more brings no release notes",
        f"Expected: {WHERE[source]}",
    )


@pytest.mark.requirement("B8", "T5")
@pytest.mark.parametrize(
    ("facts", "allowed"),
    [
        ({"labels": ["bug"], "body": "There are no notes: sorry"}, ""),
        ({"labels": ["bug", "no-notes"]}, "its label no-notes"),
        ({"body": "Renames.\r\n\r\nNo notes: nobody sees it\r\n"}, "a line of its description"),
        ({"body": None}, ""),
    ],
)
def test_a_pull_request_can_be_spared(
    by_hand: Bench,
    facts: dict[str, Any],
    allowed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A label, or a line that says why."""
    commit(by_hand, "chore: x", MODULE, "x = 1\n")
    pull_request(by_hand, monkeypatch, **facts)
    done = by_hand.run("notes", "--since", "HEAD^", capsys=capsys)
    assert done.status == (0 if allowed else 1)
    assert f"This change brings no notes, which {allowed} allows." in done.printed or not allowed


@pytest.mark.requirement("B8", "T5")
def test_a_pull_request_is_of_the_repository_that_runs_the_workflow(
    by_hand: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maintained fork, or a repository that has moved, asks about its own and not about its origin's."""
    here = by_hand.settings.repository
    by_hand.edit(".github/release/settings.toml", here, "someone/else")
    commit(by_hand, "chore: x", MODULE, "x = 1\n")
    pull_request(by_hand, monkeypatch, labels=["no-notes"])
    monkeypatch.setenv("GITHUB_REPOSITORY", here)
    assert by_hand.run("notes", "--since", "HEAD^", capsys=capsys).status == 0


@pytest.mark.requirement("B8", "T5")
def test_only_changes_of_the_package_need_notes(by_hand: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    commit(by_hand, "test: more", "tests/test_more.py", "x = 1\n")
    done = by_hand.run("notes", "--since", "v0.1.0", capsys=capsys)
    assert done.status == 0
    assert "the package itself stays as it is" in done.printed


@pytest.mark.requirement("B8", "T5", "R6")
def test_a_fragment_that_towncrier_does_not_join_is_named(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = desk_of("towncrier", packages, tmp_path, monkeypatch)
    commit(desk, "feat: x", "changelog.d/12.feat.md", "Something.\n")
    done = desk.run("notes", "--since", "v0.1.0", capsys=capsys)
    assert done.status == 1
    assert done.error_lines[0] == "The news fragment '12.feat.md' has a name that towncrier does not join"


@pytest.mark.requirement("B8")
def test_a_checkout_of_no_branch_has_notes_too(by_hand: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """As a workflow sees a pull request: a merge that no branch names."""
    commit(by_hand, *CHANGES["changelog"])
    git(by_hand.clone, "switch", "--quiet", "--detach")
    git(by_hand.clone, "branch", "--quiet", "--delete", "--force", "main")
    assert ENTRY in by_hand.run("notes", capsys=capsys).printed


@pytest.mark.requirement("B8", "T5")
@pytest.mark.parametrize("module", ["src/demo_pkg/__init__.py", "demo_pkg/__init__.py", "demo_pkg.py", ""])
def test_without_a_version_file_the_import_package_counts(
    by_hand: Bench, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    """Wherever it is; a change of another file needs no notes, unless nobody knows what is the package."""
    by_hand.edit(".github/release/settings.toml", 'version-file = "', 'version-file = "" # "')
    if module != MODULE:
        git(by_hand.clone, "rm", "-r", "--quiet", "src")
    if module:
        (by_hand.clone / module).parent.mkdir(parents=True, exist_ok=True)
        (by_hand.clone / module).write_text("x = 0\n", encoding="utf-8")
    commit(by_hand, "chore: moved")
    start = git(by_hand.clone, "rev-parse", "HEAD").strip()
    commit(by_hand, "docs: more", "README.md", "More.\n")
    done = by_hand.run("notes", "--since", start, capsys=capsys)
    assert done.status == (0 if module else 1)
    assert ("This change needs no notes" in done.printed) == bool(module)
    commit(by_hand, "feat: x", module or "other.py", "x = 1\n")
    done = by_hand.run("notes", "--since", start, capsys=capsys)
    assert (done.status, done.error_lines[0].split(" brings ")[0]) == (
        1,
        f"The change of {module or 'README.md and 1 more'}",
    )
