"""status: every state of a release has a name and a next step."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from copier_pypi_release import recovery, release_state, workflow_files
from copier_pypi_release.commands import status
from packaging.version import Version
from pypi_simple import DistributionPackage
from release_lib.index import compare
from release_lib.settings import Settings, load_settings
from support.compiled import FILES, WHEELS
from support.documents import anchors
from support.rendering import git

from commands.local_github import NAME, REPOSITORY, Bench, Command, Outcome, bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TAG, VERSION = "v1.2.3", Version("1.2.3")
COMMIT = hashlib.sha1(b"1.2.3", usedforsecurity=False).hexdigest()
BUILT = {
    name: hashlib.sha256(name.encode()).hexdigest()
    for name in ("demo_pkg-1.2.3-py3-none-any.whl", "demo_pkg-1.2.3.tar.gz")
}
GREEN = dict.fromkeys(workflow_files.STAGES, "success")


def package(name: str, sha256: str, *, days: float = 0, yanked: str | None = None) -> DistributionPackage:
    """A file of an index."""
    return DistributionPackage(
        project=NAME,
        version="1.2.3",
        package_type="wheel",
        digests={"sha256": sha256},
        requires_python=None,
        has_sig=False,
        is_yanked=yanked is not None,
        yanked_reason=yanked,
        has_metadata=None,
        metadata_digests=None,
        provenance_sha256=None,
        filename=name,
        url=f"https://files.example/{name}",
        size=1,
        upload_time=NOW - dt.timedelta(days=days),
        provenance_url=None,
    )


def files(*numbers: int, sha256: str = "", **facts: Any) -> dict[str, DistributionPackage]:  # noqa: ANN401
    """Some of the built files, as an index serves them."""
    names = [list(BUILT)[number] for number in numbers or (0, 1)]
    return {name: package(name, sha256 or BUILT[name], **facts) for name in names}


def run_of(**facts: Any) -> release_state.Run:  # noqa: ANN401
    """A run of the tag."""
    known = release_state.Run(7, "completed", "success", COMMIT, NOW, 1, by_hand=False)
    return dataclasses.replace(known, **facts)


def release_of(*, draft: bool, without: str = "") -> dict[str, Any]:
    """The GitHub Release."""
    hashes = {**BUILT, "SHA256SUMS": "0"}
    assets = [{"name": n, "digest": f"sha256:{h}"} for n, h in hashes.items() if n != without]
    return {"draft": draft, "assets": assets}


def state(stop: str = "", result: str = "failure", **facts: Any) -> release_state.ReleaseState:  # noqa: ANN401
    """A complete release but for what a test says; it may have stopped at a job."""
    order = list(workflow_files.STAGES)
    after = order[order.index(stop) + 1 :] if stop else []
    stages = GREEN | ({stop: result} if stop else {}) | dict.fromkeys(after, "skipped")
    served = facts.pop("served", {"testpypi": files(), "pypi": files()})
    runs = [run_of(conclusion=result)] if stop else [run_of()]
    known = release_state.ReleaseState(
        tag=release_state.Tag(TAG, COMMIT, "not signed", COMMIT),
        version=VERSION,
        runs=runs,
        stages=stages,
        waits_for={},
        error_lines=[],
        rejected=False,
        job_ids={"github-release": 8},
        built=BUILT,
        served=served,
        compared={key: compare(BUILT, found) for key, found in served.items()},
        release=None if stop else release_of(draft=False),
        releases=[TAG],
        now=NOW,
    )
    return dataclasses.replace(known, **facts)


NOTHING: dict[str, dict[str, DistributionPackage]] = {"testpypi": {}, "pypi": {}}
TESTED = {"testpypi": files(), "pypi": {}}
UNBORN: dict[str, Any] = {"served": NOTHING, "compared": {}, "built": {}, "release": None}
NO_RUN: dict[str, Any] = {**UNBORN, "runs": [], "stages": {}}
EARLY = "the-github-release-was-published-too-early"
RERUN, DISPATCH = "gh run rerun 7 --failed", "gh workflow run release.yml --ref main --field tag=v1.2.3"

# Name, state, heading of the runbook, words of the sentence, the first command.
STATES: list[tuple[str, release_state.ReleaseState, str, str, str]] = [
    ("nowhere", state(**NO_RUN, tag=release_state.Tag(TAG)), "steps", "does not exist", ""),
    (
        "in the clone only",
        state(**NO_RUN, tag=release_state.Tag(TAG, local=COMMIT)),
        "steps",
        "in this clone only",
        "git push origin v1.2.3",
    ),
    (
        "in the clone only, beside a branch of its name",
        state(**NO_RUN, tag=release_state.Tag(TAG, local=COMMIT, twin=True)),
        "steps",
        "in this clone only",
        "git push origin tag v1.2.3",
    ),
    ("no run", state(**NO_RUN), "no-run-was-created", "no run was created", DISPATCH),
    (
        "queued",
        state(**UNBORN, runs=[run_of(status="queued", conclusion="")], stages={}),
        "steps",
        "is in progress (queued)",
        "gh run watch 7",
    ),
    (
        "waiting",
        state(
            "publish-pypi",
            "waiting",
            served=TESTED,
            runs=[run_of(status="waiting", conclusion="")],
            waits_for={"pypi": True},
        ),
        "steps",
        "waits for a review of pypi",
        "gh run view 7 --web",
    ),
    ("gate", state("gate", **UNBORN), "gate", "stopped at the gate", ""),
    ("a fork", state("gate", "skipped", **UNBORN), "gate", "v1.2.3 was skipped: a fork releases only", ""),
    ("build", state("build", **UNBORN), "build", "stopped at build", RERUN),
    ("test", state("test", served=NOTHING, release=None), "test", "stopped at test", RERUN),
    (
        "TestPyPI refused",
        state("publish-testpypi", served=NOTHING, release=None),
        "publish-testpypi",
        "nothing on TestPyPI, nothing on PyPI",
        RERUN,
    ),
    (
        "half on TestPyPI",
        state("publish-testpypi", served={"testpypi": files(0), "pypi": {}}, release=None),
        "publish-testpypi",
        "partial on TestPyPI, nothing on PyPI",
        RERUN,
    ),
    (
        "TestPyPI not verified",
        state("verify-testpypi", served=TESTED, release=None),
        "verify-testpypi",
        "complete on TestPyPI, nothing on PyPI",
        RERUN,
    ),
    (
        "PyPI refused",
        state("publish-pypi", served=TESTED, release=None),
        "publish-pypi",
        "complete on TestPyPI, nothing on PyPI",
        RERUN,
    ),
    (
        "half on PyPI",
        state("publish-pypi", served={"testpypi": files(), "pypi": files(0, days=13)}, release=None),
        "publish-pypi",
        "partial on PyPI",
        RERUN,
    ),
    (
        "half on PyPI, late",
        state("publish-pypi", served={"testpypi": files(), "pypi": files(0, days=15)}, release=None),
        "a-part-of-the-files-is-there",
        "lacks demo_pkg-1.2.3.tar.gz",
        "",
    ),
    (
        "rejected",
        state("publish-pypi", served=TESTED, release=None, rejected=True),
        "publish-pypi",
        "a reviewer rejected it",
        RERUN,
    ),
    (
        "cancelled",
        state("publish-pypi", "cancelled", served=TESTED, release=None),
        "publish-pypi",
        "was cancelled at publish-pypi",
        RERUN,
    ),
    (
        "too old to re-run",
        state(
            "publish-pypi",
            served=TESTED,
            release=None,
            runs=[run_of(conclusion="failure", created=NOW - dt.timedelta(days=31))],
        ),
        "publish-pypi",
        "stopped at publish-pypi",
        DISPATCH,
    ),
    (
        "published too early",
        state("publish-pypi", served=TESTED, release=release_of(draft=False)),
        EARLY,
        "nothing on PyPI",
        "gh release edit v1.2.3 --draft",
    ),
    (
        "published too early, frozen",
        state("publish-pypi", served=TESTED, release={**release_of(draft=False), "immutable": True}),
        EARLY,
        "nothing on PyPI",
        RERUN,
    ),
    (
        "frozen for ever",
        state("github-release", release=release_of(draft=False, without="SHA256SUMS") | {"immutable": True}),
        EARLY,
        "complete on PyPI",
        "",
    ),
    (
        "made by hand on the web",
        state("gate", **UNBORN | {"release": {"draft": False, "assets": []}}),
        EARLY,
        "v1.2.3 stopped at gate, and its GitHub Release is published; nothing on TestPyPI",
        "gh release edit v1.2.3 --draft",
    ),
    (
        "made by hand on the web, frozen",
        state("gate", **UNBORN | {"release": {"draft": False, "assets": [], "immutable": True}}),
        EARLY,
        "v1.2.3 stopped at gate, and its GitHub Release is published; nothing on TestPyPI",
        "",
    ),
    (
        "a second run of a published release",
        state("publish-testpypi", release=release_of(draft=False)),
        "publish-testpypi",
        "stopped at publish-testpypi; complete on TestPyPI, complete on PyPI",
        RERUN,
    ),
    (
        "a second run, when the files of the first are gone",
        state("gate", release=release_of(draft=False) | {"immutable": True}, compared={}, built={}),
        "gate",
        "v1.2.3 stopped at the gate",
        "",
    ),
    (
        "an index is down",
        state("publish-pypi", served=TESTED, unknown={"pypi": "PyPI did not answer 5 times: reset"}),
        "when-it-stops",
        "PyPI did not answer, so what is published of v1.2.3 is unknown",
        "",
    ),
    (
        "an index is down while it waits",
        state(
            "publish-pypi",
            "waiting",
            served=NOTHING,
            runs=[run_of(status="waiting", conclusion="")],
            waits_for={"pypi": True},
            unknown={"testpypi": "TestPyPI did not answer 5 times: reset"},
        ),
        "steps",
        "waits for a review of pypi",
        "gh run view 7 --web",
    ),
    ("PyPI not verified", state("verify-pypi", release=None), "verify-pypi", "complete on PyPI", RERUN),
    ("no draft", state("github-release", release=None), "github-release", "complete on PyPI", RERUN),
    (
        "green, no release",
        state(release=None),
        "github-release",
        "its GitHub Release is missing",
        "gh run rerun --job 8",
    ),
    (
        "green, file missing",
        state(release=release_of(draft=True, without="demo_pkg-1.2.3.tar.gz")),
        "github-release",
        "lacks demo_pkg-1.2.3.tar.gz",
        "gh run rerun --job 8",
    ),
    (
        "published, file missing",
        state(release=release_of(draft=False, without="demo_pkg-1.2.3.tar.gz")),
        "github-release",
        "published GitHub Release lacks",
        "",
    ),
    (
        "green, not listed",
        state(served={"testpypi": files(), "pypi": {}}, release=release_of(draft=True)),
        "uploaded-but-not-listed",
        "PyPI does not list all of it",
        "gh run rerun 7",
    ),
    ("draft", state(release=release_of(draft=True)), "steps", "complete draft", "gh release view v1.2.3"),
    ("released", state(), "", "is released", ""),
    (
        "yanked",
        state(served={"testpypi": files(), "pypi": files(yanked="Broken.")}),
        "a-wrong-version-is-published",
        "yanked on PyPI: Broken.",
        "",
    ),
    (
        "other contents",
        state("verify-pypi", served={"testpypi": files(), "pypi": files(0, sha256="f" * 64)}),
        "the-version-is-there-with-other-contents",
        "PyPI has other files for 1.2.3",
        "",
    ),
    (
        "published by somebody else",
        state(runs=[], built={}, compared={}),
        "the-version-is-there-with-other-contents",
        "no run of release.yml is known",
        "",
    ),
    (
        "moved",
        state("publish-pypi", served=TESTED, tag=release_state.Tag(TAG, "d" * 40, "not signed", COMMIT)),
        "making-a-tag-again",
        "was moved",
        "",
    ),
    (
        "tag gone, on PyPI",
        state(tag=release_state.Tag(TAG)),
        "making-a-tag-again",
        "its tag is gone",
        f"git tag --force --annotate v1.2.3 {COMMIT} --message v1.2.3",
    ),
    (
        "tag gone, not on PyPI",
        state("gate", **UNBORN, tag=release_state.Tag(TAG)),
        "making-a-tag-again",
        "nothing of it is on PyPI",
        "",
    ),
]


@pytest.mark.requirement("P8.4", "P8.5", "R1", "R2", "R5", "R8", "R11", "U6")
@pytest.mark.parametrize("known", STATES, ids=[known[0] for known in STATES])
def test_each_state_has_a_name_and_a_next_step(
    known: tuple[str, release_state.ReleaseState, str, str, str], settings: Settings
) -> None:
    _, seen, anchor, words, command = known
    found = recovery.next_step(seen, settings, "main")
    assert found.anchor == anchor
    assert words in found.state
    assert (found.commands[0] if found.commands else "") == command


@pytest.mark.requirement("U5", "P8.10")
def test_a_draft_behind_a_higher_version_is_not_published_as_the_latest(settings: Settings) -> None:
    known = state(release=release_of(draft=True), releases=["v1.10.0", "v1.2.3"])
    assert recovery.next_step(known, settings, "main").commands[1].endswith("--draft=false --latest=false")
    known = state(release=release_of(draft=True), releases=["v1.10.0rc1", "v1.2.3"])
    assert recovery.next_step(known, settings, "main").commands[1].endswith("--draft=false")


@pytest.mark.requirement("P8.7")
def test_files_are_found_by_the_names_that_github_gives() -> None:
    name, sha256 = "demo_pkg-1!2.0.tar.gz", "a" * 64
    asset = {"name": "demo_pkg-1.2.0.tar.gz", "digest": f"sha256:{sha256}"}
    release = {"draft": True, "assets": [asset, {"name": "SHA256SUMS"}]}
    assert state(built={name: sha256}, release=release).missing_assets == []


@pytest.mark.requirement("P8.6", "P9.2")
def test_an_adopted_package_keeps_the_file_name_of_its_workflow(settings: Settings) -> None:
    kept = dataclasses.replace(settings, release_workflow="publish.yml")
    assert recovery.next_step(state(**NO_RUN), kept, "main").commands == (
        "gh workflow run publish.yml --ref main --field tag=v1.2.3",
    )


@pytest.mark.requirement("P8.4", "C9")
def test_each_heading_is_on_its_page(settings: Settings, default_package: Path) -> None:
    steps = [recovery.next_step(known[1], settings, "main") for known in STATES]
    for page, _, anchor in {step.see.partition("#") for step in steps if step.anchor}:
        assert anchor in anchors((default_package / page).read_text(encoding="utf-8")), f"{page}#{anchor}"


@pytest.mark.parametrize(
    ("steps", "reviews", "rejected"),
    [
        ([], ["rejected"], True),
        ([{}], ["rejected"], False),
        ([], ["rejected", "approved"], False),
        ([], [], False),
    ],
)
def test_an_earlier_rejection_is_not_taken_for_a_new_one(
    steps: list[dict[str, str]], reviews: list[str], rejected: bool
) -> None:
    jobs = [{"conclusion": "success", "steps": [{}]}, {"conclusion": "failure", "steps": steps}]
    assert release_state.was_rejected(jobs, [{"state": state} for state in reviews]) is rejected


OURS = "There are no release notes for 1.2.3\nExpected: a section\nFix: write it\nSee: CONTRIBUTING.md"
EXIT = "Process completed with exit code 1."


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("messages", "lines"), [([EXIT, OURS], OURS.splitlines()), ([EXIT], [EXIT]), ([], [])], ids=len
)
def test_the_error_lines_are_those_of_the_first_failed_job(
    desk: Bench, messages: list[str], lines: list[str]
) -> None:
    notes = [{"annotation_level": "warning", "message": f"Old\nFix: {OURS}"}]
    notes += [{"annotation_level": "failure", "message": message} for message in messages]
    desk.github.answers("GET", "/check-runs/1/annotations$", notes)
    desk.github.answers("GET", "/check-runs/2/annotations$", [{**notes[0], "annotation_level": "failure"}])
    workflow = workflow_files.load_release(desk.clone, desk.settings)
    names = {job: workflow.jobs[job].get("name", job) for job in ("gate", "build")}
    jobs = [
        {"id": 2, "name": names["build"], "conclusion": "failure"},
        {"id": 1, "name": names["gate"], "conclusion": "failure"},
    ]
    if not messages:
        jobs.pop(0)
    assert release_state.find_error_lines(desk.github.client, jobs, workflow) == lines


def many(*without: str) -> dict[str, DistributionPackage]:
    """The files of a compiled package, as an index serves them."""
    return {name: package(name, sha256) for name, sha256 in FILES.items() if name not in without}


def test_long_words_of_others_are_brief_in_the_table(
    settings: Settings, desk: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why a version was yanked, and why an index did not answer, which stands whole below."""
    name, (silent, why) = next(iter(BUILT)), ("TestPyPI did not answer 5 times: " + "no " * 99, "why " * 99)
    served = {"testpypi": {}, "pypi": {name: package(name, BUILT[name], yanked=why.strip())}}
    known = state(served=served, unknown={"testpypi": silent.strip()})
    status.show(known, recovery.next_step(known, settings, "main"), desk.github.client, settings)
    table, _, below = capsys.readouterr().out.partition("  | TestPyPI did not answer 5 times: no no")
    words = " ".join(table.split())
    assert "TestPyPI unknown TestPyPI did not answer 5 times ..." in words
    assert words.count("why") < 50
    assert "why ..." in words
    assert below.count("no ") + below.count("no\n") >= 97


@pytest.mark.requirement("B10", "P9.2")
def test_many_files_are_few_lines_and_a_missing_one_is_named(
    settings: Settings, desk: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    served = {"testpypi": many(), "pypi": many(WHEELS[7])}
    assets = [{"name": n, "digest": f"sha256:{h}"} for n, h in FILES.items() if n != WHEELS[3]]
    known = state(
        built=FILES,
        served=served,
        compared={key: compare(FILES, found) for key, found in served.items()},
        release={"draft": True, "assets": [*assets, {"name": "SHA256SUMS"}]},
    )
    status.show(known, recovery.next_step(known, settings, "main"), desk.github.client, settings)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert len(shown.splitlines()) <= 45
    words = "".join(shown.split())
    assert "TestPyPIidentical25files;wheels:linux-aarch643,linux-x86_643," in words
    assert "PyPIpartial24files;wheels:linux-aarch642,linux-x86_643," in words
    assert f"lacks{WHEELS[7]}" in words
    assert f"lacks{WHEELS[3]}" in words


@pytest.mark.requirement("B10", "P9.2")
def test_a_compiled_release_that_stops_at_a_platform_says_so(
    compiled_package: Path, settings: Settings, desk: Bench
) -> None:
    workflow = workflow_files.load_release(compiled_package, settings)
    jobs = [
        {"id": 1, "name": "Gate", "conclusion": "success"},
        {"id": 2, "name": "Sdist", "conclusion": "success"},
        {"id": 3, "name": "Wheels (linux-x86_64)", "conclusion": "success"},
        {"id": 4, "name": "Wheels (macos-arm64)", "conclusion": "failure"},
        {"id": 5, "name": "Build", "conclusion": "skipped"},
    ]
    notes = [{"annotation_level": "failure", "message": OURS}]
    desk.github.answers("GET", "/check-runs/4/annotations$", notes)
    stages = release_state.find_stages(jobs, workflow)
    assert stages == {"gate": "success", "sdist": "success", "wheels": "failure", "build": "skipped"}
    assert release_state.find_error_lines(desk.github.client, jobs, workflow) == OURS.splitlines()
    known = state(**UNBORN, runs=[run_of(conclusion="failure")], stages=stages)
    step = recovery.next_step(known, settings, "main")
    assert step.state == "v1.2.3 stopped at wheels; nothing on TestPyPI, nothing on PyPI"
    assert step.see.endswith("RECOVERY.md#wheels")
    assert "wheels" in anchors((compiled_package / ".github/release/RECOVERY.md").read_text(encoding="utf-8"))
    assert [row for row in status.rows(known) if row[0] == "Jobs"] == [("Jobs", "2 of 10", "wheels failure")]


def test_no_proposed_command_uploads_by_hand(settings: Settings) -> None:
    commands = [c for known in STATES for c in recovery.next_step(known[1], settings, "main").commands]
    assert {command.split()[0] for command in commands} == {"gh", "git"}


# ---- Collecting -------------------------------------------------------------------------------------


@pytest.fixture
def settings(default_package: Path) -> Settings:
    """The settings of the default package."""
    return load_settings(default_package / ".github/release/settings.toml")


@pytest.fixture
def run(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run status."""

    def command(*arguments: str) -> Outcome:
        return desk.run("status", *arguments, capsys=capsys)

    return command


def test_a_tag_that_is_only_here(run: Command) -> None:
    shown = run("v0.1.0").printed
    assert "v0.1.0 is in this clone only.\n" in shown
    assert "\n  git push origin v0.1.0\n" in shown
    assert "See: RELEASING.md#steps" in shown


@pytest.mark.parametrize(("annotated", "signature"), [(False, "lightweight"), (True, "not signed")])
def test_a_tag_on_github(desk: Bench, run: Command, annotated: bool, signature: str) -> None:
    git(desk.clone, "tag", *(["--annotate", "--message", "x"] if annotated else []), "v0.2.0")
    git(desk.github.bare, "fetch", "--quiet", str(desk.clone), "refs/tags/v0.2.0:refs/tags/v0.2.0")
    found = json.loads(run("v0.2.0", "--json").printed)
    assert found["commit"] == git(desk.clone, "rev-parse", "HEAD")
    assert found["next"]["anchor"] == "no-run-was-created"
    assert signature in run("v0.2.0").printed


@pytest.mark.requirement("P4.2", "R9")
@pytest.mark.parametrize(("tag", "right"), [("v1.2.3-beta1", "v1.2.3b1"), ("1.2.3", "v1.2.3")])
def test_a_tag_that_is_no_version_ends_in_four_lines(run: Command, tag: str, right: str) -> None:
    outcome = run(tag)
    assert outcome.status == 1
    assert right in outcome.error_lines[2]


def no_access(desk: Bench) -> None:
    desk.github.repo["private"] = True
    desk.patch.setenv("GH_TOKEN", desk.github.token("stranger"))


def rate_limit(desk: Bench) -> None:
    desk.github.store.state["rate_limited"] = True


def network_gone(desk: Bench) -> None:
    desk.patch.setattr(requests.Session, "get_adapter", broken)


def broken(*_: object, **__: object) -> None:
    """No network."""
    raise requests.ConnectionError("no route to host")


def another_clone(desk: Bench) -> None:
    git(desk.clone, "remote", "set-url", "origin", "https://github.com/somebody/demo-pkg")


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (no_access, f"{REPOSITORY} is not on GitHub, or this login may not see it"),
        (rate_limit, "GitHub's rate limit"),
        (network_gone, "GitHub does not answer: no route to host"),
        (another_clone, "This clone belongs to somebody/demo-pkg"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_input_ends_in_four_lines(
    desk: Bench, run: Command, spoil: Callable[[Bench], None], wrong: str
) -> None:
    spoil(desk)
    outcome = run("v0.1.0")
    assert outcome.status == 1
    assert outcome.error_lines[0].startswith(wrong)
    assert len(outcome.error_lines) == 4


@pytest.mark.requirement("P5.4", "P8.4")
@pytest.mark.parametrize(
    ("states", "first"),
    [
        (("waiting", "pending"), 1),  # the second of a version waits for the first, which waits for somebody
        (("in_progress", "pending", "pending"), 1),
        (("completed", "pending"), 2),
        (("completed", "queued"), 2),
        (("pending",), 1),
        (("waiting", "queued"), 2),
    ],
)
def test_the_run_that_counts(desk: Bench, states: tuple[str, ...], first: int) -> None:
    """The newest one, but one that waits for the end of another only after that."""
    runs = [
        {
            "id": number,
            "status": state,
            "conclusion": "success" if state == "completed" else None,
            "display_title": "Release v1.2.3",
            "head_branch": "main",
            "head_sha": COMMIT,
            "event": "workflow_dispatch",
            "created_at": "2026-11-22T00:00:00Z",
        }
        for number, state in enumerate(states, 1)
    ]
    workflow = workflow_files.load_release(desk.clone, desk.settings)

    class Runs:
        def get(self, *_: object, **__: object) -> dict[str, Any]:
            return {"workflow_runs": runs}

    known: Any = Runs()
    assert release_state.find_runs(known, workflow, "v1.2.3")[0].id == first


# -- without a tag ---------------------------------------------------------------------------------------


@pytest.mark.requirement("P8.5", "B8")
def test_without_a_tag_it_shows_what_is_unreleased(
    default_package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = bench(default_package, tmp_path, monkeypatch)
    monkeypatch.delenv("TAG", raising=False)
    for tag in git(desk.clone, "tag").split():
        git(desk.clone, "tag", "--delete", tag)
    known = json.loads(desk.run("status", "--json", capsys=capsys).printed)
    assert (known["newest"], known["waits"]) == ("", {})
    assert known["commits"] >= 1
    assert known["unreleased"] == "0.1.0: CHANGELOG.md has its section"
    git(desk.clone, "tag", TAG)
    shown = " ".join(desk.run("status", capsys=capsys).printed.split())
    assert "Newest release v1.2.3; its GitHub Release is not published" in shown
    assert "Unreleased 0 commits since then" in shown
