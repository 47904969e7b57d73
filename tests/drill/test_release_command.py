"""`rehearse` and `release` in a sandbox: one command from a commit to a published release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.workflow_files import STAGES
from emulator.wheelhouse import write_wheel
from support.recorded import block, check_recorded
from support.rendering import ROOT

from drill import test_scenarios as scenarios
from drill.maintainer import TOOL, Maintainer, Meeting

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

CHANGELOG = "CHANGELOG.md"
NOTES = "## Unreleased\n\n### Fixes\n\n- It starts again.\n"


def traces(project: Maintainer) -> str:
    """All that a command could leave behind in the clone and beside it."""
    return project.shell(
        "git status --porcelain --ignored",
        "git for-each-ref",
        "git worktree list",
        "git stash list",
        "ls -A ${TMPDIR:-/tmp}",
    )


def rehearse(project: Maintainer, *arguments: str) -> dict[str, Any]:
    """What a rehearsal found."""
    printed = project.shell(f"{TOOL} rehearse --json {' '.join(arguments)}", check=False)
    found: dict[str, Any]
    found, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
    return found


def results(found: dict[str, Any]) -> dict[str, str]:
    """The result of each step."""
    return {step["title"]: step["result"] for step in found["steps"]}


@pytest.mark.requirement("B8", "P4.4", "R2", "R6", "R9")
def test_a_rehearsal_runs_all_but_the_uploads(ready: Maintainer, pytestconfig: pytest.Config) -> None:
    """Every step passes, as often as wanted; nothing is uploaded, nothing is left behind."""
    printed = ready.shell(f"{TOOL} rehearse 2>/dev/null")  # warms the caches
    assert max(map(len, printed.splitlines())) <= 80
    recorded, refresh = block(f"{TOOL} rehearse", printed), pytestconfig.getoption("--refresh-docs")
    check_recorded(ROOT / "docs/start.md", "rehearse", recorded, refresh=refresh)
    before, seen = traces(ready), len(ready.sandbox.journal())
    found = rehearse(ready)
    assert (found["version"], set(results(found).values())) == ("0.1.0", {"pass"}), found
    assert len(found["steps"]) == 8
    assert found["notes"].startswith("### Features")
    assert traces(ready) == before
    assert {entry["method"] for entry in ready.sandbox.journal()[seen:]} <= {"GET", "HEAD"}


@pytest.mark.requirement("B8", "R6", "R8", "R9")
def test_a_rehearsal_stops_where_a_release_would(ready: Maintainer) -> None:
    """The gate's own sentences: a version that is none, no notes, a build that fails."""
    found = rehearse(ready, "1.0-rc1")
    assert results(found)["Version and notes"] == "fail"
    assert "the index will call it 1.0rc1" in found["steps"][0]["found"]
    found = rehearse(ready, "0.7.0")
    assert found["steps"][0]["error_lines"][0] == "There are no release notes for 0.7.0"
    ready.shell("git tag v0.0.9")
    found = rehearse(ready, "0.1.0")
    assert results(found)["Gate"] == "fail"
    assert "v0.0.9" in found["steps"][1]["found"]
    ready.shell("git tag --delete v0.0.9")
    ready.edit("pyproject.toml", '"hatchling.build"', '"hatchling.nothing"', push=False)
    assert results(rehearse(ready))["Build, twice"] == "fail"


# -- release ------------------------------------------------------------------------------------------


@pytest.mark.requirement("B8", "P7.1", "P7.2", "P9.5", "R1", "R2", "R3", "R6")
def test_from_an_empty_repository_to_a_published_release(
    new_sandbox: Sandbox, package: Path, pytestconfig: pytest.Config
) -> None:
    """One command, three answers: the plan, the review, the notes; and again for the next version."""
    project = Maintainer.create(new_sandbox, package)
    printed = project.type_release("y", "y", "y")
    assert "is released: both indexes and GitHub serve what was built" in " ".join(printed.split())
    project.is_released(twice=False)
    (published,) = project.sandbox.github.releases(project.repository)
    assert (published["draft"], published["make_latest"]) == (False, "true")
    stages = [line.split()[1] for line in printed.splitlines() if line.startswith("  passed")]
    assert stages == list(STAGES)
    recorded = block(f"{TOOL} release", printed)
    check_recorded(ROOT / "README.md", "release", recorded, refresh=pytestconfig.getoption("--refresh-docs"))
    assert "There is nothing to release after 0.1.0" in project.type_release(check=False)


def has_unreleased(project: Maintainer) -> None:
    """Leave a changelog whose notes all wait for a version."""
    project.commit("fix: it starts again", {CHANGELOG: f"# Changelog\n\n{NOTES}"})


def killed_by_hook(project: Maintainer, hook: str, arguments: str) -> None:
    """Run `release`, which is killed where git runs a hook; the hook is gone afterwards."""
    path = project.clone / ".git/hooks" / hook
    path.parent.mkdir(exist_ok=True)
    # The parent of git, which runs the hook, is the command.
    path.write_text("#!/bin/sh\nkill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\nexit 1\n", encoding="utf-8")
    path.chmod(0o755)
    project.type_release(arguments=arguments, check=False)
    path.unlink()


def killed_at(project: Maintainer, pattern: str, arguments: str, typed: str = "") -> None:
    """Run `release`, which is killed with all that it has started at the first line that has a pattern."""
    project.shell(
        f"exec 3< <(exec setsid bash -c \"printf '{typed}' | {TOOL} release {arguments} 2>&1\")",
        "started=$!",
        "while IFS= read -r line <&3; do",
        '  printf "%s\\n" "$line"',
        "  if [[ $line =~ $PATTERN ]]; then kill -9 -- -$started; exit 0; fi",
        "done",
        "exit 1",
        PATTERN=pattern,
    )


@pytest.mark.requirement("B8", "P8.4", "R1", "R3")
def test_killed_after_each_stage_it_goes_on(ready: Maintainer) -> None:
    """The same command each time; a second person in between, who may not approve, and publishes."""
    has_unreleased(ready)
    ready.tag, same = "v0.1.0rc1", "--pre rc --yes"
    before = ready.sandbox.github.refs(ready.repository)
    for hook in ("post-commit", "pre-push"):
        killed_by_hook(ready, hook, same)
        assert ready.shell("git status --porcelain") == ""
        assert ready.sandbox.github.refs(ready.repository) == before
    # What runs meanwhile can be further than that by the next time.
    for line in (
        "^Pushed: main",
        "^Waiting for CI|^CI has passed",
        "^CI has passed|^Going on",
        "^Pushed: v0.1.0rc1|^Going on",
        "is released by",
    ):
        killed_at(ready, line, same)
    text = ready.shell(f"git show {ready.tag}:{CHANGELOG}")
    assert "## Unreleased\n\n## 0.1.0rc1 - " in text
    for stage in STAGES[: STAGES.index("publish-pypi")]:
        killed_at(ready, f"^  passed  {stage} ", same)
    killed_at(ready, "It waits for a review", same)
    assert "There is nobody to answer: Approve pypi?" in ready.type_release(arguments=same, check=False)
    ready.sandbox.github.add_collaborator(ready.repository, "second", "maintain")
    said = ready.type_release(arguments=same, check=False, login="second")
    assert "v0.1.0rc1 waits for a review of pypi by octo-org" in said
    killed_at(ready, "^  passed  publish-pypi ", same, "y\\n")
    for stage in ("verify-pypi", "github-release"):
        killed_at(ready, f"^  passed  {stage} ", same)
    said = ready.type_release(arguments=same, check=False)
    assert "There is nobody to answer: Publish the GitHub Release of v0.1.0rc1, not as Latest?" in said
    ready.type_release("y", login="second")
    ready.is_released(twice=False)
    assert len(ready.runs()) == 1
    published = ready.github_release()
    assert published is not None
    assert (published["draft"], published["prerelease"], published["make_latest"]) == (False, True, "false")
    assert "It starts again" in published["body"]


@pytest.mark.requirement("B8", "P8.4")
def test_killed_before_its_tag_is_pushed(ready: Maintainer) -> None:
    """The tag is in the clone alone, and is offered to be pushed; a reviewer declines: nothing is on PyPI."""
    killed_by_hook(ready, "pre-push", "--yes")
    assert ready.shell("git tag").strip() == ready.tag
    said = ready.type_release("y", check=False)
    assert "Run it now: git push origin v0.1.0?" in said
    ready.sandbox.github.reject(ready.run["id"], "pypi")
    ready.wait()
    said = ready.type_release(arguments="0.1.0", check=False)
    assert "a reviewer rejected it before publish-pypi" in " ".join(said.split())
    assert "nobody to answer: Run it now: gh run rerun" in said
    assert ready.served("pypi") == {}


@pytest.mark.requirement("B8", "P2.1", "P5.5", "P8.4", "R1", "R11")
def test_a_post_release_whose_upload_is_cut_off(released: Maintainer) -> None:
    """The draft of the last time first; then the runbook's row is shown, its command run, and it goes on."""
    released.type_release("y")
    section = "## 0.1.0.post1\n\n### Fixes\n\n- Its metadata.\n"
    released.commit("fix: its metadata", {CHANGELOG: f"# Changelog\n\n## Unreleased\n\n{section}"})
    released.tag = "v0.1.0.post1"
    released.spoil_uploads("pypi", "reset_mid", skip=1, times=None)
    said = released.type_release("y", "y", "y", arguments="--post", check=False)  # the plan, both reviews
    command = f"gh run rerun {released.run['id']} --failed"
    for part in (
        "v0.1.0.post1 stopped at publish-pypi; complete on TestPyPI, partial on PyPI.",
        "lacks demo_pkg-0.1.0.post1.tar.gz",
        f"  {command}",
        "See: .github/release/RECOVERY.md#publish-pypi",
        f"There is nobody to answer: Run it now: {command}?",
    ):
        assert part in said, said
    released.sandbox.clear_faults()
    said = released.type_release("y", "y", "y", arguments="--post")
    stages = [line.split()[1] for line in said.splitlines() if line.startswith("  passed")]
    assert stages[-3:] == ["publish-pypi", "verify-pypi", "github-release"]
    released.is_released(twice=False)
    drafts = [release["draft"] for release in released.sandbox.github.releases(released.repository)]
    assert drafts == [False, False]
    assert len(released.runs()) == 1


@pytest.mark.requirement("B8", "P8.4", "R9")
def test_the_network_is_lost_while_it_follows(ready: Maintainer) -> None:
    """It waits for GitHub, says so once, and goes on; a yes whose answer is lost ends in a sentence."""
    runs = "/actions/workflows/{}/runs"
    github, calls = "api.github.com", 5  # more than are tried before it is said
    ready.sandbox.fault(
        "reset", host=github, path=runs.format("ci.yml"), skip=1, times=calls
    )  # after the plan
    ready.sandbox.fault("status", host=github, path=runs.format("release.yml"), status=502, times=calls)
    ready.sandbox.fault("reset_after", host=github, method="POST", path="/pending_deployments")
    said = ready.type_release("y", "y", check=False)  # the plan, the review
    told = [line for line in said.splitlines() if line.startswith("GitHub ")]
    assert told[:4] == ["GitHub does not answer; waiting for it ...", "GitHub answers again"] * 2, said
    words = " ".join(said.split())
    assert "Approve pypi? [y/N] y GitHub does not answer: " in words, said
    assert "what has begun at GitHub goes on there meanwhile Fix: see https://www.githubstatus.com" in words
    assert "your network, then uv run .github/release/tool.py release 0.1.0" in words
    ready.wait().is_released(twice=False)  # the review was approved, and its run has gone on
    ready.goes_on("y")


@pytest.mark.requirement("B8", "P2.1")
def test_a_branch_that_takes_only_pull_requests(ready: Maintainer) -> None:
    """The notes go into a pull request; after its merge the same command tags and goes on."""
    has_unreleased(ready)
    rules = ready.sandbox.github.settings(ready.repository)["rulesets"]
    protected = {
        "id": 1,
        "name": "main",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "bypass_actors": [],
        "rules": [{"type": "pull_request"}],
    }
    ready.sandbox.github.settings(ready.repository, rulesets=[*rules, protected])
    before = ready.sandbox.github.refs(ready.repository)["refs/heads/main"]
    said = ready.type_release(arguments="--yes", check=False)
    address = "https://github.com/octo-org/demo-pkg/pull/1"
    assert f"main takes only pull requests. Merge this one: {address}" in " ".join(said.split())
    assert ready.sandbox.github.refs(ready.repository)["refs/heads/main"] == before
    assert ready.shell("git status --porcelain", "git tag") == ""
    other = "git fetch --quiet && git push --quiet origin origin/release-notes/v0.1.0:main"
    ready.sandbox.github.settings(ready.repository, rulesets=rules)
    ready.shell(other)  # the merge, by somebody else
    ready.sandbox.github.settings(ready.repository, rulesets=[*rules, protected])
    ready.shell("git update-ref refs/remotes/origin/main HEAD")
    said = ready.type_release("y", "y", arguments="--yes")
    assert "main was brought to the newest commit, 1 further" in said
    ready.is_released(twice=False)


@pytest.mark.requirement("B8", "R1", "R9")
def test_what_would_stop_it_stops_it_with_nothing_pushed(ready: Maintainer) -> None:
    """A file on PyPI, a changed tree, an answer that is no yes; the rest is in the scenarios."""
    before = ready.sandbox.github.refs(ready.repository)

    def says(text: str, *answers: str, arguments: str = "") -> None:
        assert text in " ".join(ready.type_release(*answers, arguments=arguments, check=False).split())
        assert ready.sandbox.github.refs(ready.repository) == before
        assert ready.shell("git tag") == ""

    says("Nothing was changed (--dry-run)", arguments="--dry-run")
    says("Nothing was released.", "n")
    says("There is nobody to answer: Release 0.1.0?")
    plan, _ = json.JSONDecoder().raw_decode(
        ready.shell(f"{TOOL} release --dry-run --json 2>/dev/null", check=False)
    )
    assert (plan["version"], plan["branch"], plan["rolls"]) == ("0.1.0", "main", False)
    ready.index("pypi").put(write_wheel(ready.clone.parent, ready.name, "0.1.0", code="x = 1"))
    says("has files of 0.1.0 already", "y")
    (ready.clone / "README.md").write_text("changed", encoding="utf-8")
    says("Not committed, 1 file: README.md", "y")


@pytest.mark.requirement("B8", "R1", "R9")
@pytest.mark.parametrize("scenario", scenarios.REFUSED)
def test_what_the_gate_would_refuse_is_refused_before_the_tag(ready: Maintainer, scenario: str) -> None:
    """Nothing is pushed where a tag would come to a stop before anything is built."""
    happens, arguments, saying = scenarios.REFUSED[scenario]
    happens(ready)
    ready.refuses(arguments, saying)


@pytest.mark.requirement("B8")
def test_every_scenario_is_met_by_release() -> None:
    """The table of meetings has every scenario; each of them but a pull request is met."""
    assert set(scenarios.MEETINGS) == {name for name in vars(scenarios) if name.startswith("test_")}
    assert [name for name, met in scenarios.MEETINGS.items() if not met] == [
        "test_a_pull_request_from_a_fork"
    ]
    assert {name for name, met in scenarios.MEETINGS.items() if Meeting.REFUSES in met} >= set(
        scenarios.REFUSED
    )
