"""What a maintainer types, in a sandbox: setup, doctor, status, and every command of the runbook."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest
from emulator.wheelhouse import write_wheel

from drill.maintainer import NAME, OWNER, REPOSITORY, TOOL, Maintainer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

SET_UP = f"{TOOL} setup"
UPLOAD = {"method": "POST", "path": "/legacy/"}
OTHER_CONTENTS = "the-version-is-there-with-other-contents"  # an anchor of the runbook
# What doctor cannot find out here: the repositories of actions are not emulated, and until something is
# published nobody can read the forms of the indexes.
UNREADABLE = {"action-versions"}
UNPUBLISHED = {"publisher-testpypi", "publisher-pypi"}
UNKNOWN = "unknown"


def status(project: Maintainer) -> dict[str, Any]:
    """What the tool says about the state of the project's tag."""
    found: dict[str, Any] = json.loads(project.shell(f"{TOOL} status --json '{project.tag}'"))
    return found


def doctor(project: Maintainer) -> dict[str, str]:
    """The result of each check."""
    printed = project.shell(f"{TOOL} doctor --json", check=False)
    found, _ = json.JSONDecoder().raw_decode(printed)
    return {finding["check"]: finding["result"] for finding in found}


def failing(project: Maintainer) -> set[str]:
    """The checks that fail."""
    return {check for check, result in doctor(project).items() if result == "fail"}


def not_passed(project: Maintainer) -> set[str]:
    """The checks that fail, or that nobody can do but a person."""
    return {check for check, result in doctor(project).items() if result != "pass"}


def is_at(project: Maintainer, anchor: str, state: str) -> list[str]:
    """Assert what status names, and return the commands that it gives."""
    found = status(project)["next"]
    assert (found["anchor"], state in found["state"]) == (anchor, True), found
    return list(found["commands"])


def go_on(project: Maintainer, anchor: str, state: str) -> None:
    """Assert what status names, and do what it says; then wait for runs to end."""
    commands = is_at(project, anchor, state)
    assert commands
    project.shell(*commands)
    project.wait()


def is_complete(project: Maintainer) -> None:
    """Assert that nothing is left to do but to publish the draft, and publish it."""
    go_on(project, "steps", "complete draft")
    assert "is released" in status(project)["next"]["state"]
    project.is_released(twice=False)


# -- from nothing to a release ------------------------------------------------------------------------


@pytest.mark.requirement("P9.5", "P2.3", "P2.4", "X2", "X8", "C1", "C2", "C13", "B1")
def test_from_an_empty_repository_to_a_release(new_sandbox: Sandbox, package: Path) -> None:
    """An empty repository is set up by one command; the doctor finds nothing; the first release is green."""
    new_sandbox.github.create_repo(OWNER, NAME)
    project = Maintainer(new_sandbox)
    shutil.copytree(package, project.clone)
    project.shell(
        "git init --quiet && git add --all && git commit --quiet --message 'feat: first'",
        f"git remote add origin https://github.com/{REPOSITORY}",
        "git config credential.helper '!gh auth git-credential'",
        "git push --quiet --set-upstream origin main",
    )
    assert {"tag-rules", "environments", "hardened"} <= failing(project)
    new_sandbox.github.add_team(REPOSITORY, "releasers", OWNER)
    printed = project.shell(f"{SET_UP} --yes --reviewer {OWNER}/releasers")
    assert new_sandbox.github.environments(REPOSITORY)["pypi"]["reviewers"] == ["@releasers"]
    assert "Everything is set up already" in project.shell(f"{SET_UP} --yes")
    assert not_passed(project) == UNREADABLE | UNPUBLISHED
    for index, form in zip(("testpypi", "pypi"), forms(printed), strict=True):
        project.index(index).add_publisher(  # type: ignore[arg-type]
            form["PyPI Project Name"],
            owner=form["Owner"],
            owner_id=str(new_sandbox.github.ids(REPOSITORY)["owner"]),
            repository=form["Repository name"],
            workflow=form["Workflow name"],
            environment=form["Environment name"],
            pending=True,
        )
    project.wait().release().approve()
    is_complete(project)
    assert not_passed(project) == UNREADABLE


def forms(printed: str) -> list[dict[str, str]]:
    """The values for the form of each index, as setup prints them: a label, and the value below it."""
    lines = printed.splitlines()
    found: list[dict[str, str]] = []
    for number, line in enumerate(lines):
        if line == "  PyPI Project Name":
            pairs = lines[number : number + 10]
            found.append({k.strip(): v for k, v in zip(pairs[::2], pairs[1::2], strict=True)})
    return found


# -- the doctor ---------------------------------------------------------------------------------------


@pytest.mark.requirement("C2", "R4", "P9.3", "P9.1")
def test_a_publisher_of_another_environment_shows_in_the_provenance(released: Maintainer) -> None:
    """The newest files say who published them: another environment, another repository are named."""
    assert doctor(released)["publisher-pypi"] == "pass"
    released.index("pypi").change_provenance(NAME, environment="production")
    assert failing(released) == {"publisher-pypi", "published-files"}
    released.index("pypi").change_provenance(NAME, repository="somebody/else", environment="pypi")
    printed = released.shell(f"{TOOL} doctor", check=False)
    assert "taken by somebody/else" in " ".join(printed.split())
    assert failing(released) == {"publisher-pypi", "published-files", "name-pypi"}


# -- the state of a release, and the way on ------------------------------------------------------------


@pytest.mark.requirement("P8.5", "P8.6", "P8.4")
def test_states_before_the_first_run(ready: Maintainer) -> None:
    """No tag; a tag in the clone only; a tag without a run: dispatched, it waits for a review."""
    assert is_at(ready, "steps", "does not exist") == []
    ready.shell("git tag v0.1.0")
    assert is_at(ready, "steps", "is in this clone only") == ["git push origin v0.1.0"]
    ready.shell("git tag --delete v0.1.0")
    ready.push_unseen("v0.1.0")
    go_on(ready, "no-run-was-created", "no run was created for it")
    is_at(ready, "steps", "waits for a review of pypi")
    ready.waits_for("pypi")


@pytest.mark.requirement("P8.4", "P8.5", "P8.6")
def test_states_that_people_cause(waiting: Maintainer) -> None:
    """A rejected review, a cancelled run, a run too old to repeat: each is named and carried on."""
    github = waiting.sandbox.github
    github.reject(waiting.run["id"], "pypi")
    waiting.wait()
    go_on(waiting, "publish-pypi", "a reviewer rejected it before publish-pypi")
    is_at(waiting, "steps", "waits for a review of pypi")
    github.cancel(waiting.run["id"])
    waiting.wait()
    go_on(waiting, "publish-pypi", "was cancelled at publish-pypi")
    github.cancel(waiting.run["id"])
    waiting.wait()
    github.age_run(waiting.run["id"], 31)
    go_on(waiting, "publish-pypi", "was cancelled at publish-pypi")
    assert len(waiting.sandbox.github.runs(REPOSITORY, workflow="release.yml")) == 2
    waiting.approve()
    is_complete(waiting)


@pytest.mark.requirement("P8.5", "P8.8", "R11")
def test_states_after_a_green_run(released: Maintainer) -> None:
    """A draft that lost a file, a draft that is gone, a tag that is gone: named, and made whole again."""
    released.shell("gh release delete-asset v0.1.0 demo_pkg-0.1.0.tar.gz --yes")
    go_on(released, "github-release", "lacks demo_pkg-0.1.0.tar.gz")
    released.shell("gh release delete v0.1.0 --yes")
    go_on(released, "github-release", "its GitHub Release is missing")
    bare = released.sandbox.github.git_dir(REPOSITORY)
    released.shell(f"git -C {bare} update-ref -d refs/tags/v0.1.0")
    go_on(released, "making-a-tag-again", "is on PyPI, but its tag is gone")
    released.approve()
    is_complete(released)


@pytest.mark.requirement("P8.5", "U6", "P7.5", "R1")
def test_a_yanked_version(released: Maintainer) -> None:
    """Yanked: the state says so with the reason, and names the runbook's row."""
    released.index("pypi").yank(NAME, "0.1.0", "Broken: does not start. Use 0.1.1.")
    assert is_at(released, "a-wrong-version-is-published", "is yanked on PyPI: Broken: does not start.") == []


@pytest.mark.requirement("P5.2", "P5.6", "P8.5", "R8")
def test_the_version_appears_with_other_bytes(built: Maintainer) -> None:
    """Somebody uploads the version to PyPI while ours waits: other contents under its number."""
    built.index("pypi").put(write_wheel(built.clone.parent, NAME, "0.1.0", code="x = 1"))
    assert is_at(built, OTHER_CONTENTS, "PyPI has other files for 0.1.0") == []


@pytest.mark.requirement("P8.5", "R2")
def test_a_version_that_no_run_has_made(ready: Maintainer) -> None:
    """On PyPI, and no run of the workflow is known: published by something else."""
    ready.index("pypi").put(write_wheel(ready.clone.parent, NAME, "0.1.0", code="x = 1"))
    is_at(ready, OTHER_CONTENTS, "no run of release.yml is known")
    assert doctor(ready)["name-pypi"] == UNKNOWN  # files without attestations: whose are they?


@pytest.mark.requirement("P5.6", "P8.5")
def test_a_half_finished_upload_of_long_ago(waiting: Maintainer) -> None:
    """Half of it is on PyPI for fifteen days: no re-run helps, and none is proposed."""
    waiting.sandbox.fault("reset_mid", host=waiting.hosts("pypi").upload, skip=1, times=None, **UPLOAD)  # type: ignore[arg-type]
    waiting.approve()
    waiting.index("pypi").age_release(NAME, "0.1.0", 15)
    assert is_at(waiting, "a-part-of-the-files-is-there", "takes no new files for 0.1.0") == []


@pytest.mark.requirement("P8.5", "R9", "R6")
def test_a_release_that_stopped_at_the_gate(ready: Maintainer) -> None:
    """No notes: the state has the gate's own sentence. A tag that is no version is told at once."""
    ready.release("v0.2.0")
    found = status(ready)
    assert found["next"]["anchor"] == "gate"
    assert found["error_lines"][0] == "There are no release notes for 0.2.0"
    said = ready.shell(f"{TOOL} status v0.1.0-rc1", check=False)
    assert "the index will call it 0.1.0rc1" in said


# -- the runbook's commands, as printed -------------------------------------------------------------------


# Which test runs which blocks of the runbook: the anchor, and a text of each block, or none for all of them.
BEFORE_PUBLISHING: dict[str, tuple[str, ...]] = {
    "before-the-first-release": (),
    "steps": ("git pull", "git commit", "git tag --annotate"),
    "the variables": (),
    "re-run-everything": (),
    "dispatch": (),
    "making-a-tag-again": (),
}
WHILE_PUBLISHING: dict[str, tuple[str, ...]] = {
    "re-run": (),
    "the-github-release-was-published-too-early": (),
}
AFTER_PUBLISHING: dict[str, tuple[str, ...]] = {
    "steps": ("gh run watch", "--draft=false"),
    "the-release-notes-are-wrong": (),
    "a-wrong-version-is-published": (),
    OTHER_CONTENTS: (),
    "a-token-or-an-account-was-exposed": (),
}
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "template-updates": (),  # test_updates.py
    "when-it-stops": (),  # status, in every test of a state
}


def blocks_of(project: Maintainer, anchor: str, texts: tuple[str, ...]) -> list[str]:
    """The blocks below an anchor of the runbook, all of them or one for each text, with this tag put in."""
    pages, first = project.runbook(), project.variables_block
    if anchor == "the variables":
        anchor = next(here for here, blocks in pages.items() if first in blocks)
    chosen = [block for block in pages[anchor] if not texts or any(text in block for text in texts)]
    assert len(chosen) >= len(texts), f"{texts} under {anchor}: {pages[anchor]}"
    return [block for block in chosen if block != first]


def run_blocks(project: Maintainer, anchor: str, *texts: str, **variables: Any) -> str:  # noqa: ANN401
    """Run them, as printed but for the version; the block that sets the variables goes before a recovery."""
    blocks = blocks_of(project, anchor, texts)
    if anchor not in {"before-the-first-release", "steps"}:
        blocks.insert(0, project.variables_block)
    return project.shell(*(block.replace("1.2.3", project.version) for block in blocks), **variables)


def test_no_command_of_the_runbook_is_left_out(ready: Maintainer) -> None:
    left = [
        block for blocks in ready.runbook().values() for block in blocks if block != ready.variables_block
    ]
    for part in (BEFORE_PUBLISHING, WHILE_PUBLISHING, AFTER_PUBLISHING, ELSEWHERE):
        for anchor, texts in part.items():
            run = blocks_of(ready, anchor, texts) if anchor in {"the variables", *ready.runbook()} else []
            left = [block for block in left if block not in run]
    assert left == []


@pytest.mark.requirement("P8.4", "P9.5", "R9")
def test_the_commands_of_the_runbook_before_anything_is_published(ready: Maintainer) -> None:
    """From set-up to a tag that is made again."""
    version = ready.version
    changelog = ready.clone / "CHANGELOG.md"
    changelog.write_text(changelog.read_text("utf-8").replace(f"## {version}", "## 0.0.1"), "utf-8")
    ready.commit("docs: no notes yet")
    bare = ready.sandbox.github.git_dir(REPOSITORY)
    for anchor, texts in BEFORE_PUBLISHING.items():
        if anchor == "steps":
            text = changelog.read_text("utf-8")
            changelog.write_text(text.replace("## Unreleased", f"## {version}\n\n- New."), "utf-8")
            *before, tag = texts
            assert f"## {NAME} {version}" in run_blocks(ready, anchor, *before)
            ready.shell(f"git -C {bare} tag v0.0.9 main")  # a second version of this commit
            run_blocks(ready, anchor, tag)
            ready.wait().stopped_at("gate", "v0.0.9")
        elif anchor == "before-the-first-release":
            run_blocks(ready, anchor, *texts)
        else:
            run_blocks(ready, anchor, *texts)
            ready.wait().stopped_at("gate", "v0.0.9")
    assert f"refs/tags/{ready.tag}" not in ready.sandbox.github.refs(REPOSITORY)


@pytest.mark.requirement("P8.4", "R5", "R11")
def test_the_commands_of_the_runbook_while_it_is_published(waiting: Maintainer) -> None:
    """PyPI refuses twice, somebody publishes the GitHub Release; it is finished all the same."""
    again, too_early = WHILE_PUBLISHING
    waiting.spoil_uploads("pypi", "reset", times=None)
    waiting.approve()
    is_at(waiting, "publish-pypi", "stopped at publish-pypi")
    run_blocks(waiting, again)
    waiting.approve()
    is_at(waiting, "publish-pypi", "stopped at publish-pypi")
    waiting.sandbox.clear_faults()
    waiting.sandbox.github.settings(REPOSITORY, immutable_releases=False)
    waiting.shell(f"gh release create {waiting.tag} --verify-tag --notes early")
    run_blocks(waiting, too_early)
    waiting.approve().is_released(twice=False)


@pytest.mark.requirement("P8.4", "P7.1", "C9", *(f"R{n}" for n in (1, 2, 6, 8, 10)))
def test_the_commands_of_the_runbook_after_it_is_published(released: Maintainer) -> None:
    """From the draft to an exposed token."""
    github = released.sandbox.github
    steps, notes, wrong_version, other_contents, exposed = AFTER_PUBLISHING
    github.settings(REPOSITORY, immutable_releases=False)
    run_blocks(released, steps, *AFTER_PUBLISHING[steps], GH_BROWSER="true")
    assert "is released" in status(released)["next"]["state"]
    editor = released.clone.parent / "editor"
    editor.write_text('#!/bin/sh\necho "- Mended." >> "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    run_blocks(released, notes, EDITOR=str(editor))
    release = released.github_release()
    assert release is not None
    assert release["body"].rstrip().endswith("- Mended.")
    run_blocks(released, wrong_version)
    github.settings(REPOSITORY, immutable_releases=True)
    assert f"Release {released.tag}" in run_blocks(released, other_contents)
    github.settings(REPOSITORY, secrets={"PYPI_API_TOKEN": "x"})
    assert "PYPI_API_TOKEN" in run_blocks(released, exposed)
    assert failing(released) == {"actions-on", "stored-tokens"}


@pytest.mark.requirement("P8.4", "P8.5", "R11")
@pytest.mark.parametrize("frozen", [False, True])
def test_the_github_release_is_published_before_pypi(waiting: Maintainer, frozen: bool) -> None:
    """Published by hand while PyPI failed: a draft again and finished; or frozen, and PyPI gets it."""
    waiting.sandbox.github.settings(REPOSITORY, immutable_releases=frozen)
    waiting.sandbox.fault("reset", host=waiting.hosts("pypi").upload, times=None, **UPLOAD)  # type: ignore[arg-type]
    waiting.approve()
    waiting.sandbox.clear_faults()
    waiting.shell("gh release create v0.1.0 --verify-tag --notes early")
    row = "the-github-release-was-published-too-early"
    go_on(waiting, row, "stopped at publish-pypi, and its GitHub Release is published")
    waiting.approve()
    if frozen:
        assert is_at(waiting, row, "complete on PyPI") == []
        assert waiting.served("pypi") == waiting.built()
    else:
        is_complete(waiting)


# -- bad input ----------------------------------------------------------------------------------------


@pytest.mark.requirement("P9.5")
def test_without_gh_a_login_or_github_it_is_a_sentence(ready: Maintainer) -> None:
    """What the real gh and the real network do; all other bad input is in tests/commands."""
    sandbox = ready.sandbox
    programs = ready.clone.parent / "programs"  # uv is here, gh is not
    programs.mkdir()
    (programs / "uv").symlink_to(sandbox.run(["which", "uv"]).stdout.strip())

    def says(text: str, **variables: str | None) -> None:
        env = {"GH_TOKEN": sandbox.github.token(OWNER), **variables}
        done = sandbox.run([*SET_UP.split(), "--yes"], cwd=ready.clone, env=env, check=False)
        assert done.returncode == 1
        assert text in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr

    bare = {"PATH": f"{programs}:/usr/bin:/bin", "UV_PYTHON": sys.executable}
    says("gh is not installed, and GH_TOKEN is not set", GH_TOKEN=None, **bare)
    says("gh is not logged in to github.com", GH_TOKEN=None)
    sandbox.fault("reset", host="api.github.com", times=None)
    says("GitHub does not answer")
