"""draft_release.py: the draft of a GitHub Release, complete with every file that was built."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import draft_release
import pytest
from support.archives import hashes_of, write_checksums

if TYPE_CHECKING:
    from pathlib import Path

    from support.clock import Clock

    from release.conftest import Gh, RunStep
    from release.outcomes import Outcome

WHEEL, SDIST, SUMS = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz", "SHA256SUMS"
SEE = "See: .github/release/RECOVERY.md, 'github-release'"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The release notes."""
    path = tmp_path / "release-notes.md"
    path.write_text("### Features\n\n- New.\n")
    return path


def draft(run_step: RunStep, dist: Path, notes: Path, *, tag: str = "v0.1.0") -> Outcome:
    """Draft the release of the distributions in a folder."""
    sums = write_checksums(dist.parent / SUMS, hashes_of(*dist.iterdir()))
    return run_step(draft_release, tag, "--dist", dist, "--checksums", sums, "--notes", notes)


def uploads(gh: Gh) -> list[str]:
    """Names of the files that were uploaded one by one, in order."""
    return [call[3].rpartition("/")[2] for call in gh.calls if call[:2] == ["release", "upload"]]


def created(gh: Gh) -> list[list[str]]:
    """The calls that create a release; of paths, the names."""
    return [[word.rpartition("/")[2] for word in call] for call in gh.calls if call[1] == "create"]


COMPLETE = (
    "**The draft of demo-pkg 0.1.0 is complete** with 3 files. Read and edit its notes "
    "(https://github.example/the-draft), then publish it: `gh release edit v0.1.0 --draft=false`\n\n"
)


@pytest.mark.requirement("P8.1", "R11")
@pytest.mark.parametrize(
    ("draft", "immutable", "stops"), [(False, False, True), (False, True, True), (True, False, False)]
)
def test_a_release_that_was_published_by_hand_is_found_before_anything_is_uploaded(
    gh: Gh, wheel: Path, run_step: RunStep, *, draft: bool, immutable: bool, stops: bool
) -> None:
    gh.has_release("v0.1.0", draft=draft, immutable=immutable, assets=(wheel,))
    fix = "edit v0.1.0 --draft, then `gh run rerun --failed` this run"
    if immutable:
        fix = "delete v0.1.0, then release the next version"
    done = run_step(draft_release, "v0.1.0", "--check")
    assert done.status == stops
    if stops:
        assert done.lines == (
            "The GitHub Release of v0.1.0 was published by hand: https://github.example/the-draft",
            "Expected: no GitHub Release of it, or a draft; this workflow drafts it at its end",
            f"Fix: gh release {fix}",
            "See: .github/release/RECOVERY.md, 'The GitHub Release was published too early'",
        )
    assert {tuple(call[:2]) for call in gh.calls} == {("release", "view")}


@pytest.mark.requirement("P5.1")
def test_a_release_that_this_workflow_drafted_may_be_published_and_run_again(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    assert run_step(draft_release, "v0.1.0", "--check").status == 0  # there is none yet
    draft(run_step, dist, notes)
    gh.has_release("v0.1.0", draft=False)
    assert run_step(draft_release, "v0.1.0", "--check").status == 0


@pytest.mark.requirement("P3.2", "P8.7")
@pytest.mark.parametrize("moved", [False, True])
def test_a_tag_that_has_moved_since_the_build_gets_no_release(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    """PyPI has what was built from the commit of the gate; the release would show another one."""
    built, now = "a" * 40, ("b" if moved else "a") * 40
    monkeypatch.setenv("COMMIT", built)
    gh.prints({"api_repos/{owner}/{repo}/commits/tags/v0.1.0": now})
    done = draft(run_step, dist, notes)
    assert done.status == moved
    assert bool(created(gh)) is not moved
    if moved:
        assert done.lines == (
            "The tag v0.1.0 has moved: this run was started for aaaaaaaaaaaa, now it is on bbbbbbbbbbbb",
            "Expected: a tag that stays on its commit",
            f"Fix: git tag -f v0.1.0 {built} && git push -f origin v0.1.0, or release a new version",
            SEE,
        )


@pytest.mark.requirement("P8.3")
@pytest.mark.parametrize("said", ["HTTP 503: Service Unavailable", "HTTP 403: Resource not accessible"])
def test_an_answer_that_says_nothing_stops_a_release_before_it_begins(
    gh: Gh, run_step: RunStep, said: str
) -> None:
    """Nothing has been uploaded yet; a release published by hand would be red for ever after PyPI."""
    gh.fails("release view", said)
    done = run_step(draft_release, "v0.1.0", "--check")
    assert done.status == 1
    assert said in done.lines[0]


@pytest.mark.requirement("P7.1", "P8.1", "P8.7")
def test_a_draft_is_made_with_notes_files_and_hashes(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    done = draft(run_step, dist, notes)
    assert (done.status, done.summary) == (0, COMPLETE)
    assert created(gh) == [
        [
            "release",
            "create",
            "v0.1.0",
            WHEEL,
            SDIST,
            SUMS,
            "--draft",
            "--verify-tag",
            "--title",
            "demo-pkg 0.1.0",
            "--notes-file",
            "release-notes.md",
        ]
    ]
    assert (gh.state / "notes").read_text() == notes.read_text()
    assert uploads(gh) == []  # one call: a look-up right after the creation may miss the draft
    assert hashes_of(*gh.assets.iterdir()) == hashes_of(*dist.iterdir(), dist.parent / SUMS)
    assert gh.calls[-1][:3] == ["release", "download", "v0.1.0"]


@pytest.mark.requirement("U5")
@pytest.mark.parametrize(
    ("tag", "marked"), [("v0.1.0rc1", True), ("v0.1.dev0", True), ("v0.1.0.post1", False)]
)
def test_a_prerelease_is_marked_and_never_the_latest(
    tag: str, gh: Gh, dist: Path, notes: Path, run_step: RunStep, *, marked: bool
) -> None:
    draft(run_step, dist, notes, tag=tag)
    (call,) = (call for call in gh.calls if call[1] == "create")
    assert ("--prerelease" in call and "--latest=false" in call) is marked
    assert ("--prerelease" in call or "--latest=false" in call) is marked


@pytest.mark.requirement("P8.8", "P8.3", "R11")
def test_a_draft_that_was_interrupted_is_finished(gh: Gh, dist: Path, notes: Path, run_step: RunStep) -> None:
    broken = dist.parent / SDIST
    broken.write_bytes(b"the first half")
    gh.has_release("v0.1.0", draft=True, assets=(dist / WHEEL, broken))
    done = draft(run_step, dist, notes)
    assert (done.status, done.summary) == (0, COMPLETE)
    assert sorted(uploads(gh)) == sorted([SDIST, SUMS])
    assert all("--clobber" in call for call in gh.calls if call[1] == "upload")
    assert created(gh) == []  # the notes that a person has edited stay


@pytest.mark.requirement("P8.8")
def test_a_complete_draft_is_left_alone(gh: Gh, dist: Path, notes: Path, run_step: RunStep) -> None:
    assert draft(run_step, dist, notes).status == 0
    before = len(gh.calls)
    assert draft(run_step, dist, notes).summary == COMPLETE
    assert [call[1] for call in gh.calls[before:]] == ["list", "view", "download"]


@pytest.mark.requirement("P8.8")
def test_a_published_release_that_is_complete_is_a_success(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    sums = write_checksums(dist.parent / SUMS, hashes_of(*dist.iterdir()))
    gh.has_release("v0.1.0", draft=False, assets=(dist / WHEEL, dist / SDIST, sums))
    done = draft(run_step, dist, notes)
    assert (done.status, done.summary) == (
        0,
        "**The GitHub Release of demo-pkg 0.1.0 is published and complete**\n\n",
    )


@pytest.mark.requirement("P8.8")
def test_a_published_release_that_lacks_files_is_refused(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    gh.has_release("v0.1.0", draft=False, assets=(dist / WHEEL,))
    done = draft(run_step, dist, notes)
    assert done.lines == (
        f"The GitHub Release of v0.1.0 is published, and lacks or changes {SDIST}, {SUMS}",
        "Expected: a draft, or a published release that is complete",
        "Fix: gh release download v0.1.0 --dir released (shows what is there)",
        SEE,
    )
    assert uploads(gh) == []


@pytest.mark.requirement("P8.7")
def test_a_file_too_many_is_refused(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep, tmp_path: Path
) -> None:
    (tmp_path / "extra.exe").write_bytes(b"from somebody")
    gh.has_release("v0.1.0", draft=True, assets=(tmp_path / "extra.exe",))
    assert draft(run_step, dist, notes).lines == (
        "The GitHub Release of v0.1.0 does not serve what was built: extra.exe",
        "Expected: every built file with the hash of SHA256SUMS, and no other file",
        "Fix: gh release delete-asset v0.1.0 extra.exe, then `gh run rerun --failed` this run",
        SEE,
    )


@pytest.mark.requirement("P8.7")
def test_other_contents_than_the_build_listed_are_refused(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    sums = write_checksums(dist.parent / SUMS, hashes_of(*dist.iterdir()))
    (dist / SDIST).write_bytes(b"changed on the way")
    done = run_step(draft_release, "v0.1.0", "--dist", dist, "--checksums", sums, "--notes", notes)
    assert done.status == 1
    assert done.lines[0] == f"The files in {dist} are not those that were built: {SDIST}"
    assert gh.calls == []


@pytest.mark.requirement("P8.7")
def test_the_hashes_that_the_build_hands_on_become_the_list(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = "".join(f"{sha256}  {name}\n" for name, sha256 in hashes_of(*dist.iterdir()).items())
    monkeypatch.setenv("HASHES", listing.rstrip())  # an output has no last newline
    done = run_step(draft_release, "v0.1.0", "--dist", dist, "--notes", notes)
    assert done.status == 0, done.errors
    assert (gh.assets / SUMS).read_text() == listing


@pytest.mark.requirement("P8.8")
def test_a_release_of_another_tag_does_not_count(gh: Gh, dist: Path, notes: Path, run_step: RunStep) -> None:
    gh.has_release("v0.1.0rc1", draft=False)
    draft(run_step, dist, notes)
    assert len(created(gh)) == 1


@pytest.mark.requirement("P8.8", "P8.3")
@pytest.mark.parametrize("command", ["release list", "release create", "release view", "release download"])
def test_whatever_gh_cannot_do_ends_in_four_lines(
    command: str, gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    gh.fails(command, "HTTP 502: Server Error\ntry again")
    done = draft(run_step, dist, notes)
    assert done.status == 1
    assert done.lines[0].startswith(f"`gh {command}")
    assert done.lines[0].endswith(" failed with status 1: HTTP 502: Server Error | try again")
    assert len(done.lines) == 4


@pytest.mark.requirement("P8.2", "P8.8")
@pytest.mark.parametrize("looks", [1, 5])
def test_a_draft_that_is_found_late_is_waited_for(
    looks: int, gh: Gh, dist: Path, notes: Path, run_step: RunStep, *, clock: Clock
) -> None:
    gh.lags(looks)
    assert draft(run_step, dist, notes).summary == COMPLETE
    assert len(created(gh)) == 1
    assert len(clock.pauses) == looks


@pytest.mark.requirement("P8.2", "P8.3")
def test_the_wait_for_a_draft_ends(gh: Gh, dist: Path, notes: Path, run_step: RunStep, clock: Clock) -> None:
    gh.lags(1000)
    done = draft(run_step, dist, notes)
    assert "release not found" in done.lines[0]
    assert sum(clock.pauses) == draft_release.PATIENCE


@pytest.mark.requirement("P8.8")
def test_a_rerun_does_not_make_a_second_draft_while_github_lags(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep, *, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.has_release("v0.1.0", draft=True, assets=(dist / WHEEL,), lag=2)
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    assert draft(run_step, dist, notes).summary == COMPLETE
    assert created(gh) == []
    assert clock.pauses


@pytest.mark.requirement("P8.7")
def test_an_epoch_is_compared_by_the_names_that_github_gives(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    for name in (WHEEL, SDIST):
        (dist / name).rename(dist / name.replace("-0.1.0", "-1!2.0"))
    assert draft(run_step, dist, notes, tag="v1!2.0").status == 0
    (gh.assets / SDIST.replace("-0.1.0", "-1.2.0")).write_bytes(b"the first half")
    assert draft(run_step, dist, notes, tag="v1!2.0").status == 0
    assert uploads(gh) == [SDIST.replace("-0.1.0", "-1!2.0")]


@pytest.mark.requirement("U5", "P8.10")
@pytest.mark.parametrize(
    ("others", "behind"),
    [
        (("v0.2.0", "v0.1.0rc1"), True),
        (("v0.0.9", "v0.2.0rc1", "nightly"), False),
        (("v1!0.0.1",), True),
        ((), False),
    ],
)
def test_latest_is_left_to_a_higher_final_version(
    others: tuple[str, ...], gh: Gh, dist: Path, notes: Path, run_step: RunStep, *, behind: bool
) -> None:
    gh.has_others(*others)
    done = draft(run_step, dist, notes)
    assert ("`gh release edit v0.1.0 --draft=false --latest=false`" in done.summary) is behind
    assert ("`gh release edit v0.1.0 --draft=false`" in done.summary) is not behind


@pytest.mark.requirement("P4.2")
def test_a_tag_that_is_not_canonical_has_no_release(
    gh: Gh, dist: Path, notes: Path, run_step: RunStep
) -> None:
    assert draft(run_step, dist, notes, tag="v0.1-rc1").status == 1
    assert gh.calls == []


@pytest.mark.requirement("P8.8")
def test_a_missing_file_is_never_reported_done(gh: Gh, dist: Path, notes: Path, run_step: RunStep) -> None:
    sums = write_checksums(dist.parent / SUMS, hashes_of(dist / WHEEL, dist / SDIST))
    shutil.rmtree(dist)
    done = run_step(draft_release, "v0.1.0", "--dist", dist, "--checksums", sums, "--notes", notes)
    assert done.lines == (
        f"The files in {dist} are not those that were built: {WHEEL}, {SDIST}",
        "Expected: every file of the build with its hash, and no other file",
        "Fix: gh run rerun RUN (the number of this run; builds the same files again)",
        "See: .github/release/RECOVERY.md, 'build'",
    )
    assert gh.calls == []
