"""The maintainer's three commands in a closed sandbox: set up, look, recover."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest
from emulator.wheelhouse import write_wheel
from support.documents import shell_blocks

from drill.maintainer import NAME, OWNER, REPOSITORY, Maintainer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

SET_UP = "uv run .github/release/set_up.py"
UPLOAD = {"method": "POST", "path": "/legacy/"}
RELEASE = ".github/workflows/release.yml"
BY_HAND = {"C2", "pins", "template"}


def status(project: Maintainer) -> dict[str, Any]:
    """What status.py says about the project's tag."""
    found: dict[str, Any] = json.loads(
        project.shell(f"uv run .github/release/status.py --json '{project.tag}'")
    )
    return found


def doctor(project: Maintainer) -> dict[str, str]:
    """The result of each check of doctor.py."""
    printed = project.shell("uv run .github/release/doctor.py --json", check=False)
    found, _ = json.JSONDecoder().raw_decode(printed)
    return {finding["check"]: finding["result"] for finding in found}


def failing(project: Maintainer) -> set[str]:
    """The checks of doctor.py that fail."""
    return {check for check, result in doctor(project).items() if result == "fail"}


def is_at(project: Maintainer, anchor: str, state: str) -> list[str]:
    """Assert what status.py names, and return the commands that it gives."""
    found = status(project)["next"]
    assert (found["anchor"], state in found["state"]) == (anchor, True), found
    return list(found["commands"])


def go_on(project: Maintainer, anchor: str, state: str) -> None:
    """Assert what status.py names, and do what it says; then wait for runs to end."""
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
    assert {"C1", "C13", "hardened"} <= failing(project)
    new_sandbox.github.add_team(REPOSITORY, "releasers", OWNER)
    printed = project.shell(f"{SET_UP} --yes --reviewer {OWNER}/releasers")
    assert new_sandbox.github.environments(REPOSITORY)["pypi"]["reviewers"] == ["@releasers"]
    assert "Everything is set up already" in project.shell(f"{SET_UP} --yes")
    assert {check for check, result in doctor(project).items() if result != "pass"} == BY_HAND
    for index, form in zip(("testpypi", "pypi"), forms(printed), strict=True):
        project.index(index).add_publisher(  # type: ignore[arg-type]
            form["PyPI Maintainer Name"],
            owner=form["Owner"],
            owner_id=str(new_sandbox.github.ids(REPOSITORY)["owner"]),
            repository=form["Repository name"],
            workflow=form["Workflow name"],
            environment=form["Environment name"],
            pending=True,
        )
    project.wait().release().approve()
    is_complete(project)
    assert {check for check, result in doctor(project).items() if result != "pass"} == BY_HAND - {"C2"}


def forms(printed: str) -> list[dict[str, str]]:
    """The values for the form of each index, as set_up.py prints them: a label, and the value below it."""
    lines = printed.splitlines()
    found: list[dict[str, str]] = []
    for number, line in enumerate(lines):
        if line == "  PyPI Maintainer Name":
            pairs = lines[number : number + 10]
            found.append({k.strip(): v for k, v in zip(pairs[::2], pairs[1::2], strict=True)})
    return found


# -- the doctor ---------------------------------------------------------------------------------------

BROKEN: list[tuple[str, str, str, str]] = [
    ("C2", "RELEASING.md", "| `testpypi`    | `pypi` ", "| `testpypi`    | `prod` "),
    ("C3", RELEASE, "check_distributions.py dist", "check_commit.py dist"),
    ("C4", RELEASE, "verify_index.py testpypi", "verify_index.py pypi"),
    ("C5", RELEASE, "verify_index.py pypi", "verify_index.py testpypi"),
    ("C6", RELEASE, "needs: verify-testpypi", "needs: publish-testpypi"),
    ("C7", RELEASE, "permissions: {}", "permissions: write-all"),
    ("C8", RELEASE, "draft_release.py", "check_tag.py"),
    ("C9", "RELEASING.md", "### verify-pypi\n", "### later\n"),
    ("C10", RELEASE, "report_outcome.py", "check_tag.py"),
    ("C11", RELEASE, '- "v[0-9]*"', '- "*"'),
    ("C12", RELEASE, "cancel-in-progress: false", "cancel-in-progress: true"),
]


@pytest.mark.requirement(*(f"C{n}" for n in range(1, 14)))
def test_each_line_of_the_list_is_named_when_it_is_broken(ready: Maintainer) -> None:
    """Each of C1 to C13 is broken on purpose; the doctor names exactly it, and is content afterwards."""
    github = ready.sandbox.github
    assert failing(ready) == set()
    for check, path, old, new in BROKEN:
        file = ready.clone / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        assert failing(ready) == {check}
        file.write_text(text, encoding="utf-8")
    rules = github.rulesets(REPOSITORY)
    github.settings(REPOSITORY, rulesets=[rules[0]])
    assert failing(ready) == {"C1"}
    github.settings(REPOSITORY, rulesets=rules)
    github.set_environment(REPOSITORY, "pypi", tags=("v*",), branches=("main",))
    assert failing(ready) == {"C13"}
    ready.shell(f"{SET_UP} --yes")
    assert failing(ready) == set()


@pytest.mark.requirement("C2", "R4", "P9.3", "P9.1")
def test_a_publisher_of_another_environment_shows_in_the_provenance(released: Maintainer) -> None:
    """The newest files say who published them: another environment, another repository are named."""
    assert doctor(released)["C2"] == "pass"
    released.index("pypi").remove_publishers(NAME)
    released.register_publisher("pypi", "production")
    assert failing(released) == {"C2"}
    released.index("pypi").remove_publishers(NAME)
    released.index("pypi").add_publisher(
        NAME, owner="somebody", owner_id="9", repository="else", workflow="release.yml", environment="pypi"
    )
    printed = released.shell("uv run .github/release/doctor.py", check=False)
    assert "taken by somebody/else" in " ".join(printed.split())
    assert failing(released) == {"C2", "name-pypi"}


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


@pytest.mark.requirement("P8.4", "P8.5", "R5", "R11")
def test_states_of_a_run_that_stops_again_and_again(built: Maintainer) -> None:
    """Every stage after the build fails in turn; what status.py says carries on each time, to the end."""
    sandbox, upload = built.sandbox, built.hosts("testpypi").upload
    is_at(built, "steps", "waits for a review of testpypi")
    sandbox.fault("status", host=upload, times=None, **UPLOAD)  # type: ignore[arg-type]
    built.approve()
    sandbox.clear_faults()
    sandbox.fault("corrupt", host=built.hosts("testpypi").files, path=r"\.whl$", times=None)
    go_on(built, "publish-testpypi", "stopped at publish-testpypi; nothing on TestPyPI, nothing on PyPI")
    built.approve()
    sandbox.clear_faults()
    sandbox.fault("reset_mid", host=built.hosts("pypi").upload, skip=1, times=None, **UPLOAD)  # type: ignore[arg-type]
    go_on(built, "verify-testpypi", "stopped at verify-testpypi; complete on TestPyPI, nothing on PyPI")
    built.approve()
    sandbox.clear_faults()
    sandbox.fault("corrupt", host=built.hosts("pypi").files, path=r"\.whl$", times=None)
    go_on(built, "publish-pypi", "stopped at publish-pypi; complete on TestPyPI, partial on PyPI")
    built.approve()
    sandbox.clear_faults()
    sandbox.fault("status", host="uploads.github.com", status=502, skip=1, times=None)
    assert "delivers demo_pkg" in status(built)["said"][0]
    go_on(built, "verify-pypi", "stopped at verify-pypi; complete on TestPyPI, complete on PyPI")
    sandbox.clear_faults()
    go_on(built, "github-release", "stopped at github-release; complete on TestPyPI, complete on PyPI")
    is_complete(built)


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
    """Somebody uploads the version to PyPI while ours waits: other bytes, the number is spent."""
    built.index("pypi").put(write_wheel(built.clone.parent, NAME, "0.1.0", code="x = 1"))
    assert is_at(built, "the-version-is-there-with-other-bytes", "PyPI has other files for 0.1.0") == []


@pytest.mark.requirement("P8.5", "R2")
def test_a_version_that_no_run_has_made(ready: Maintainer) -> None:
    """On PyPI, and no run of the workflow is known: published by something else."""
    ready.index("pypi").put(write_wheel(ready.clone.parent, NAME, "0.1.0", code="x = 1"))
    is_at(ready, "the-version-is-there-with-other-bytes", "no run of release.yml is known")
    assert doctor(ready)["name-pypi"] == "cannot know"  # files without attestations: whose are they?


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
    assert found["said"][0] == "There are no release notes for 0.2.0"
    said = ready.shell("uv run .github/release/status.py v0.1.0-rc1", check=False)
    assert "the index will call it 0.1.0rc1" in said


# -- the runbook's commands, as printed -------------------------------------------------------------------


class Runbook:
    """The page RELEASING.md, whose commands are run exactly as they stand there.

    Args:
        project: Whose page it is.

    Attributes:
        left: The shell blocks that have not been run yet.
    """

    def __init__(self, project: Maintainer) -> None:
        self.project = project
        self.left = shell_blocks((project.clone / "RELEASING.md").read_text(encoding="utf-8"))
        (self.first, _) = project.shell_blocks("when-it-stops")

    def run(self, anchor: str, *numbers: int, **variables: Any) -> str:  # noqa: ANN401
        """Run all shell blocks below a heading or ``<a id=...>``, or some of them; return what they print.

        Behind the heading "When it stops", the block that sets the variables goes before them.
        """
        blocks = self.project.shell_blocks(anchor)
        chosen = [blocks[number] for number in numbers or range(len(blocks))]
        if anchor not in {"before-the-first-release", "steps"}:
            chosen = [self.first, *(block for block in chosen if block != self.first)]
        printed = self.project.shell(*chosen, **variables)
        self.left = [block for block in self.left if block not in chosen]
        return printed


@pytest.mark.requirement("P8.4", "P7.1", "P9.5", "C9", *(f"R{n}" for n in (1, 2, 5, 6, 8, 9, 10, 11)))
def test_every_command_of_the_runbook_runs_as_printed(ready: Maintainer) -> None:
    """From set-up to an exposed token, through a release that stops: no block of the page is left out."""
    sandbox, page = ready.sandbox, Runbook(ready)
    ready.tag = "v1.2.3"  # the one that the page names
    page.run("before-the-first-release")
    changelog = ready.clone / "CHANGELOG.md"
    changelog.write_text(changelog.read_text("utf-8").replace("## Unreleased", "## 1.2.3\n\n- New."), "utf-8")
    _, _, _, tag, watch, publish = range(6)
    bare = sandbox.github.git_dir(REPOSITORY)
    assert "## demo-pkg 1.2.3" in page.run("steps", *range(tag))
    ready.shell(f"git -C {bare} tag v1.2.2 main")  # a second version of this commit
    page.run("steps", tag)
    for anchor in ("when-it-stops", "re-run-everything", "dispatch", "making-a-tag-again"):
        ready.wait().stopped_at("gate", "v1.2.2")
        page.run(anchor)
    ready.shell(f"git -C {bare} tag --delete v1.2.2")
    ready.spoil_uploads("testpypi", "reset", times=None)
    page.run("steps", tag)
    is_at(ready.wait(), "publish-testpypi", "stopped at publish-testpypi")
    page.run("re-run")
    is_at(ready.wait(), "publish-testpypi", "stopped at publish-testpypi")
    sandbox.clear_faults()
    sandbox.github.settings(REPOSITORY, immutable_releases=False)
    ready.shell("gh release create v1.2.3 --verify-tag --notes early")
    page.run("the-github-release-was-published-too-early")
    ready.approve().is_released(twice=False)
    page.run("steps", watch, publish, GH_BROWSER="true")
    assert "is released" in status(ready)["next"]["state"]
    editor = ready.clone.parent / "editor"
    editor.write_text('#!/bin/sh\necho "- Mended." >> "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    page.run("the-release-notes-are-wrong", EDITOR=str(editor))
    release = ready.github_release()
    assert release is not None
    assert release["body"].rstrip().endswith("- Mended.")
    page.run("a-wrong-version-is-published")
    sandbox.github.settings(REPOSITORY, immutable_releases=True)
    assert "Release v1.2.3" in page.run("the-version-is-there-with-other-bytes")
    sandbox.github.settings(REPOSITORY, secrets={"PYPI_API_TOKEN": "x"})
    assert "PYPI_API_TOKEN" in page.run("a-token-or-an-account-was-exposed")
    assert failing(ready) == {"actions", "old-secrets"}
    assert page.left == ready.shell_blocks("template-updates")  # test_updates.py runs it


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


@pytest.mark.requirement("P9.5", "P8.5")
@pytest.mark.parametrize("command", ["set_up.py --yes", "status.py v0.1.0", "doctor.py"])
def test_bad_input_is_a_sentence(ready: Maintainer, command: str) -> None:
    """No gh, no login, a wrong token, no rights, the limit, GitHub gone, another clone: a sentence each."""
    sandbox = ready.sandbox
    programs = ready.clone.parent / "programs"  # uv is here, gh is not
    programs.mkdir()
    uv = sandbox.run(["which", "uv"]).stdout.strip()
    (programs / "uv").symlink_to(uv)
    before = sandbox.github.settings(REPOSITORY)

    def says(text: str, **variables: str | None) -> None:
        env = {"GH_TOKEN": sandbox.github.token(OWNER), **variables}
        done = sandbox.run(
            ["uv", "run", f".github/release/{command.split(maxsplit=1)[0]}", *command.split()[1:]],
            cwd=ready.clone, env=env, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        shown = " ".join((done.stdout + done.stderr).replace("│", " ").split())
        assert text in shown, shown
        assert "Traceback" not in shown

    bare = {"PATH": f"{programs}:/usr/bin:/bin", "UV_PYTHON": sys.executable}
    says("gh is not installed, and GH_TOKEN is not set", GH_TOKEN=None, **bare)
    says("gh is not logged in to github.com", GH_TOKEN=None)
    says("GitHub does not know this token", GH_TOKEN="gho_gone")  # noqa: S106  (no secret)
    if command.startswith("set_up"):
        says("has the role pull", GH_TOKEN=sandbox.github.token("guest"))
    sandbox.github.rate_limit(exhausted=True)
    says("GitHub's rate limit for this login is used up")
    sandbox.github.rate_limit(exhausted=False)
    sandbox.fault("reset", host="api.github.com", times=None)
    says("GitHub does not answer")
    sandbox.clear_faults()
    ready.shell("git remote set-url origin https://github.com/somebody/demo-pkg")
    says("This clone belongs to somebody/demo-pkg")
    assert sandbox.github.settings(REPOSITORY) == before
