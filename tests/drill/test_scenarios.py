"""What can go wrong between a tag and its draft release, acted out, and the runbook's way back.

Each test is a scenario: a fault, the exact state after it, the recovery, and the invariants of
`Maintainer.is_released`. docs/drill.md has the table of them, made from their first lines; `MEETINGS` says
how the command `release` meets each.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from emulator import outside
from emulator.github.actions_api import BLOB_HOST
from emulator.github.releases import ASSET_HOST
from emulator.github.rest import OIDC_HOST, RESULTS_HOST
from emulator.sandbox import INDEX_HOSTS, IndexName
from emulator.wheelhouse import write_sdist, write_wheel

from drill.maintainer import NAME, REPOSITORY, Files, Maintainer, Meeting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSES, REVIEW, SHOWS, GOES_ON = Meeting
#: How `release` meets each scenario, in the order in which it is typed there.
MEETINGS: dict[str, tuple[Meeting, ...]] = {
    "test_a_tag_becomes_a_release": (GOES_ON,),
    "test_ci_never_ran": (REVIEW,),
    "test_a_prerelease": (GOES_ON,),
    "test_a_tag_that_is_no_canonical_version": (REFUSES,),
    "test_a_wrong_tag_is_made_again": (REVIEW,),
    "test_two_version_tags_on_one_commit": (REFUSES,),
    "test_the_version_was_tagged_under_another_spelling": (REFUSES,),
    "test_a_noise_tag_beside_the_version": (REVIEW,),
    "test_a_commit_off_the_release_branch": (REFUSES, SHOWS),
    "test_there_are_no_notes": (REFUSES,),
    "test_the_tag_moves_before_a_rerun": (SHOWS,),
    "test_ci_is_red_on_the_commit": (REFUSES,),
    "test_the_package_does_not_import": (SHOWS, REVIEW),
    "test_the_package_states_a_version_of_its_own": (SHOWS,),
    "test_a_file_changes_before_the_build": (SHOWS,),
    "test_pypi_refuses_the_connection": (GOES_ON,),
    "test_testpypi_is_down": (GOES_ON,),
    "test_the_second_upload_breaks_in_the_middle": (GOES_ON,),
    "test_the_answer_to_an_upload_is_lost": (GOES_ON,),
    "test_the_index_lists_files_late": (GOES_ON,),
    "test_the_index_does_not_list_files_in_time": (GOES_ON,),
    "test_a_download_is_corrupted": (GOES_ON,),
    "test_testpypi_has_the_version_with_other_bytes": (REFUSES,),
    "test_pypi_has_the_version_with_other_bytes": (REFUSES,),
    "test_other_bytes_appear_while_testpypi_is_verified": (SHOWS,),
    "test_the_version_is_there_already": (GOES_ON,),
    "test_a_rerun_after_fifteen_days": (SHOWS,),
    "test_a_dependency_is_missing_on_testpypi": (GOES_ON,),
    "test_the_publisher_has_another_environment": (GOES_ON,),
    "test_a_fork_pushes_a_tag": (REFUSES,),
    "test_the_repository_is_a_maintained_fork": (REVIEW,),
    "test_a_start_by_hand_from_another_branch": (SHOWS,),
    "test_a_pull_request_from_a_fork": (),  # nobody releases
    "test_the_second_file_of_the_release_fails": (GOES_ON,),
    "test_the_draft_is_found_late": (GOES_ON,),
    "test_the_github_release_was_made_by_hand": (GOES_ON,),
    "test_github_is_down_after_pypi": (GOES_ON,),
    "test_a_person_has_edited_the_draft": (GOES_ON,),
    "test_a_published_release_is_left_alone": (SHOWS,),
    "test_more_than_three_tags_at_once": (GOES_ON,),
    "test_the_workflow_is_at_fault": (SHOWS,),
    "test_the_reviewer_refuses": (SHOWS,),
    "test_an_artifact_is_corrupted": (SHOWS,),
    "test_two_runs_of_one_version": (REVIEW,),
}


@pytest.fixture(autouse=True)
def met(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold each scenario to what `MEETINGS` says of it."""
    yield
    name = request.node.originalname
    found = [value for value in request.node.funcargs.values() if isinstance(value, Maintainer)]
    typed = [meeting for project in found for meeting in project.meetings]
    assert ([REFUSES] if name in REFUSED else []) + typed == list(MEETINGS[name])


def add_notes(project: Maintainer, version: str) -> None:
    """Commit release notes for a version, and push."""
    changelog = (project.clone / "CHANGELOG.md").read_text(encoding="utf-8")
    section = f"## Unreleased\n\n## {version}\n\n### Fixes\n\n- A fix.\n"
    project.commit(
        f"docs: notes of {version}", {"CHANGELOG.md": changelog.replace("## Unreleased\n", section)}
    )


def leave_the_branch(project: Maintainer) -> None:
    """Push a commit to a branch that is none of a release."""
    project.shell(
        "git switch --quiet --create side",
        "git commit --quiet --allow-empty --message 'feat: side'",
        "git push --quiet --set-upstream origin side",
    )


def become_a_fork(project: Maintainer) -> None:
    """Be a fork of another repository, which alone releases."""
    files = (".github/workflows/release.yml", ".github/release/settings.toml")
    texts = {name: (project.clone / name).read_text(encoding="utf-8") for name in files}
    project.commit("ci: of upstream", {n: text.replace("octo-org", "upstream") for n, text in texts.items()})
    project.sandbox.github.settings(REPOSITORY, fork=True)
    project.wait()


def put_foreign(project: Maintainer, index: IndexName = "testpypi") -> None:
    """Put other distributions of the version on an index."""
    folder = project.sandbox.root / "foreign"
    folder.mkdir()
    for path in (write_wheel(folder, NAME, "0.1.0"), write_sdist(folder, NAME, "0.1.0")):
        project.index(index).put(path)


#: What `release` refuses, typed in test_release_command.py: these scenarios begin with a tag, because
#: test_guards.py acts them out, too. What has happened, arguments, and what it says.
REFUSED: dict[str, tuple[Callable[[Maintainer], object], str, str]] = {
    "test_there_are_no_notes": (Maintainer.wait, "0.2.0", "There are no release notes for 0.2.0"),
    "test_a_commit_off_the_release_branch": (leave_the_branch, "", "on side, not on a release branch"),
    "test_testpypi_has_the_version_with_other_bytes": (
        put_foreign,
        "",
        "TestPyPI has files of 0.1.0 already",
    ),
    "test_a_fork_pushes_a_tag": (become_a_fork, "", "settings.toml names upstream/demo-pkg"),
}


# -- all goes well --------------------------------------------------------------------------------


#: Every host that a release asks for anything, or asks a name server for: no more, and no fewer.
CONTACTED = {host for hosts in INDEX_HOSTS.values() for host in dataclasses.astuple(hosts) if host} | {
    "github.com",  # git
    "api.github.com",  # gh
    "uploads.github.com",  # files of the draft release
    OIDC_HOST,  # identities of the publishing jobs
    RESULTS_HOST,  # artifacts
    BLOB_HOST,  # their bytes
    *outside.HOSTS,  # setup-uv; Sigstore, and the image of the publish action
    ASSET_HOST,  # what the draft serves, compared with what was built
    "api.nektosact.com",  # no part of a release: act asks whether there is a newer act
}


@pytest.mark.requirement("P1.4", "P5.5", "P7.1", "P7.4", "P8.1", "P8.2", "P8.7", "P10.3", "S2", "B1", "X5")
def test_a_tag_becomes_a_release(ready: Maintainer) -> None:
    """A tag on a commit that CI has passed becomes a draft release; nobody else is ever contacted."""
    before = len(ready.sandbox.journal())
    ready.release()
    assert ready.run["status"] == "waiting"
    assert ready.served("pypi") == {}
    assert "- The first release." in ready.log("gate")
    ready.approve().is_released()
    assert {entry["host"] for entry in ready.sandbox.journal()[before:]} == CONTACTED
    assert ready.github_release()["draft"]  # type: ignore[index]
    skipped = [
        step["name"] for job in ready.jobs("test") for step in job["steps"] if step["conclusion"] == "skipped"
    ]
    assert any("Run every check" in name for name in skipped)
    assert all(file.attestations for file in ready.index("pypi").files(NAME).values())
    ready.goes_on("y")


@pytest.mark.requirement("S2", "P1.1")
def test_ci_never_ran(ready: Maintainer) -> None:
    """No CI run of the tagged commit: lint, types and the suite run in the release itself."""
    ready.delete_runs("ci.yml")
    ready.set_reviewer("testpypi")
    ready.release().comes_to_review("testpypi").waits_for("testpypi")
    assert "$ pytest" in ready.log("test")


@pytest.mark.requirement("U5", "P4.2")
def test_a_prerelease(ready: Maintainer) -> None:
    """A pre-release by PEP 440 is marked so on GitHub, and never "latest"."""
    add_notes(ready, "0.2.0rc1")
    ready.tag = "v0.2.0rc1"
    ready.wait().goes_on("y", "y", "y")  # the plan, the review, the notes
    release = ready.github_release()
    assert release is not None
    assert release["prerelease"]
    listed = json.loads(ready.shell("gh release list --json tagName,isLatest"))
    assert listed == [{"isLatest": False, "tagName": "v0.2.0rc1"}]


# -- the tag is wrong: nothing is built --------------------------------------------------------------


@pytest.mark.requirement("P4.2", "P4.3", "R9", "B7")
@pytest.mark.parametrize(
    ("tag", "right"), [("v0.1.0-beta1", "v0.1.0b1"), ("v00.1.0", "v0.1.0"), ("v0.1.0+x", "v0.1.0")]
)
def test_a_tag_that_is_no_canonical_version(ready: Maintainer, tag: str, right: str) -> None:
    """The tag is not spelled as the index will spell it: nothing is built, the right tag is named."""
    ready.refuses(tag.removeprefix("v"), right.removeprefix("v"))
    ready.release(tag)
    ready.stopped_at("gate", right)


@pytest.mark.requirement("R9", "P8.4")
def test_a_wrong_tag_is_made_again(ready: Maintainer) -> None:
    """A wrong tag is deleted, its rule lifted for the moment, and the right tag is released."""
    ready.release("v0.1.0-rc1").stopped_at("gate", "v0.1.0rc1")
    ready.follow_runbook("making-a-tag-again")
    assert "refs/tags/v0.1.0-rc1" not in ready.sandbox.github.refs(REPOSITORY)
    assert {rule["enforcement"] for rule in ready.sandbox.github.rulesets(REPOSITORY)} == {"active"}
    ready.set_reviewer("testpypi")
    ready.tag = "v0.1.0"
    ready.comes_to_review("testpypi").waits_for("testpypi")


@pytest.mark.requirement("P3.7")
def test_two_version_tags_on_one_commit(ready: Maintainer) -> None:
    """A second version tag on the commit stops the release before anything is built."""
    ready.shell("git tag v0.0.9", "git push --quiet origin v0.0.9")
    ready.wait().refuses("0.1.0", "more than one version tag")
    ready.release("v0.1.0").stopped_at("gate", "more than one version tag")


@pytest.mark.requirement("P3.7")
def test_the_version_was_tagged_under_another_spelling(ready: Maintainer) -> None:
    """v1.2 and v1.2.0 are one version: the second tag is refused."""
    ready.push_unseen("v0.1")
    ready.commit("feat: more")
    ready.wait().refuses("0.1.0", "has another tag already: v0.1")
    ready.release("v0.1.0").stopped_at("gate", "has another tag already: v0.1")


@pytest.mark.requirement("P3.7")
def test_a_noise_tag_beside_the_version(ready: Maintainer) -> None:
    """Tags that are no versions do not disturb: nightly-3 beside v0.1.0."""
    ready.shell("git tag nightly-3", "git tag docs-2026", "git push --quiet origin nightly-3 docs-2026")
    ready.set_reviewer("testpypi")
    ready.comes_to_review("testpypi").waits_for("testpypi")
    assert {name.split("-")[1].removesuffix(".tar.gz") for name in ready.built()} == {"0.1.0"}


@pytest.mark.requirement("P3.9")
def test_a_commit_off_the_release_branch(ready: Maintainer) -> None:
    """The tagged commit is on no release branch; once it is merged, the re-run builds it."""
    leave_the_branch(ready)
    ready.release().stopped_at("gate", "on side, not on a release branch")
    ready.shows("gate", "v0.1.0 stopped at the gate; nothing was built")
    ready.shell("git switch --quiet main", "git merge --quiet --ff-only side")
    ready.publish()
    ready.set_reviewer("testpypi")
    ready.follow_runbook("re-run", approve=False).waits_for("testpypi")


@pytest.mark.requirement("T5", "P7.4", "R6")
def test_there_are_no_notes(ready: Maintainer) -> None:
    """The changelog has no section for the version: nothing is built."""
    ready.release("v0.2.0").stopped_at("gate", "There are no release notes for 0.2.0")


@pytest.mark.requirement("P3.6")
def test_the_tag_moves_before_a_rerun(built: Maintainer) -> None:
    """A tag moves after a failure: a re-run never releases the newer commit, and PyPI gets nothing."""
    built.spoil_uploads("testpypi", "status", times=None)
    built.approve().stopped_at("publish-testpypi")
    built.sandbox.clear_faults()
    first = built.run["id"]
    built.follow_runbook("making-a-tag-again")
    built.commit("feat: newer")
    built.push_unseen("v0.1.0")
    built.wait().shows("making-a-tag-again", "v0.1.0 was moved")
    built.follow_runbook("re-run")
    assert built.sandbox.github.run(first)["conclusion"] == "failure"
    assert built.served("testpypi") == built.built()  # the commit that was tagged when the run began
    assert built.served("pypi") == {}
    assert "may have been updated after the workflow was triggered" in built.log("verify-testpypi")


# -- the commit is not fit ----------------------------------------------------------------------------


@pytest.mark.requirement("P1.1", "S2", "R2")
def test_ci_is_red_on_the_commit(ready: Maintainer) -> None:
    """CI failed on the tagged commit: the suite runs in the release, and stops it."""
    ready.commit(
        "feat: broken",
        {"tests/test_broken.py": '"""It fails."""\n\n\ndef test_it() -> None:\n    assert not "ok"\n'},
        ci=True,
    )
    ready.wait().refuses("", "CI ended with failure")
    ready.release().stopped_at("test", "The check 'test' failed")


@pytest.mark.requirement("P1.3")
def test_the_package_does_not_import(ready: Maintainer) -> None:
    """What was built cannot be imported, whatever CI says: nothing is uploaded; the next version goes out."""
    init = "src/demo_pkg/__init__.py"
    text = (ready.clone / init).read_text(encoding="utf-8")
    ready.commit("feat: broken", {init: text + "\nimport no_such_module\n"})
    ready.wait().release().stopped_at("test", "does not work where it is installed")
    ready.shows("test")
    ready.commit("fix: import", {init: text})
    add_notes(ready, "0.1.1")
    ready.set_reviewer("testpypi")
    ready.tag = "v0.1.1"
    ready.wait().comes_to_review("testpypi").waits_for("testpypi")


@pytest.mark.requirement("P3.3", "T3", "R3")
def test_the_package_states_a_version_of_its_own(ready: Maintainer) -> None:
    """A version written into pyproject.toml is not the tag's: nothing is uploaded."""
    ready.edit("pyproject.toml", 'dynamic = ["version"]', 'version = "9.9.9"')
    ready.wait().release().stopped_at("build", "The built version is not 0.1.0")
    ready.shows("build")


@pytest.mark.requirement("P3.8")
def test_a_file_changes_before_the_build(ready: Maintainer) -> None:
    """Something changes a committed file in the job that builds: the file is named, nothing is built."""
    step = "      - name: Build the sdist, and the wheel from it\n"
    meddle = "      - name: Meddle\n        run: echo more >> source/README.md\n"
    ready.edit(".github/workflows/release.yml", step, meddle + step)
    ready.wait().release().stopped_at("build", "README.md")
    ready.shows("build")


# -- between the indexes ---------------------------------------------------------------------------------


@pytest.mark.requirement("P5.1", "P8.3", "R5")
def test_pypi_refuses_the_connection(waiting: Maintainer) -> None:
    """On TestPyPI yes, on PyPI no: the connection drops; the re-run finishes."""
    waiting.spoil_uploads("pypi", "reset", times=None)
    waiting.approve().stopped_at("publish-pypi", testpypi="all")
    waiting.sandbox.clear_faults()
    waiting.goes_on("y", "y", "y", anchor="publish-pypi")  # the command, the review, the notes


@pytest.mark.requirement("P5.1", "P8.3", "B7")
def test_testpypi_is_down(built: Maintainer) -> None:
    """TestPyPI answers 503, and PyPI after it: an issue says where it stopped last; a re-run closes it."""
    built.spoil_uploads("testpypi", "status", times=None)
    built.approve().stopped_at("publish-testpypi")
    built.sandbox.clear_faults()
    built.spoil_uploads("pypi", "status", times=None)
    built.follow_runbook("re-run").stopped_at("publish-pypi", testpypi="all")
    built.sandbox.clear_faults()
    built.goes_on("y", "y", "y", anchor="publish-pypi")


@pytest.mark.requirement("P5.1", "P5.2")
def test_the_second_upload_breaks_in_the_middle(waiting: Maintainer) -> None:
    """Only the wheel arrives on PyPI; the re-run adds the sdist."""
    waiting.spoil_uploads("pypi", "reset_mid", skip=1, times=None)
    waiting.approve().stopped_at("publish-pypi", testpypi="all", pypi="wheel")
    waiting.sandbox.clear_faults()
    waiting.goes_on("y", "y", "y", anchor="publish-pypi")


@pytest.mark.requirement("P5.1", "P5.3")
def test_the_answer_to_an_upload_is_lost(waiting: Maintainer) -> None:
    """The file is stored but its answer is lost; the re-run finds it and goes on."""
    waiting.spoil_uploads("pypi", "reset_after")
    waiting.approve().stopped_at("publish-pypi", testpypi="all", pypi="wheel")
    waiting.goes_on("y", "y", "y", anchor="publish-pypi")


@pytest.mark.requirement("P8.2")
def test_the_index_lists_files_late(waiting: Maintainer) -> None:
    """PyPI lists the files only after a while: the verification waits, and is green."""
    waiting.index("pypi").set_delay(polls=2)
    waiting.goes_on("y", "y")
    assert "does not list" in waiting.log("verify-pypi")


@pytest.mark.requirement("P8.2", "P8.4")
def test_the_index_does_not_list_files_in_time(ready: Maintainer) -> None:
    """TestPyPI lists nothing within the stated time: red, with the command that goes on."""
    ready.edit(".github/release/settings.toml", "patience = 1800", "patience = 1")
    ready.index("testpypi").set_delay(seconds=3600)
    ready.wait().release().stopped_at("verify-testpypi", "does not list", testpypi="all")
    ready.index("testpypi").list_now()
    ready.goes_on("y", "y", "y", anchor="verify-testpypi")


@pytest.mark.requirement("P5.2", "P8.2", "P8.7")
def test_a_download_is_corrupted(waiting: Maintainer) -> None:
    """PyPI delivers other contents than were built: red until it delivers the right ones."""
    waiting.sandbox.fault("corrupt", host=waiting.hosts("pypi").files, path=r"\.whl$", times=None)
    waiting.approve().stopped_at("verify-pypi", "delivers demo_pkg", testpypi="all", pypi="all")
    waiting.sandbox.clear_faults()
    stop = "v0.1.0 stopped at verify-pypi; complete on TestPyPI, complete on PyPI. | PyPI delivers demo_pkg"
    waiting.goes_on("y", "y", anchor="verify-pypi", saying=stop)


@pytest.mark.requirement("P5.2", "P5.6", "R8")
def test_testpypi_has_the_version_with_other_bytes(ready: Maintainer) -> None:
    """Somebody uploaded this version to TestPyPI before: nothing is uploaded, not even to PyPI."""
    put_foreign(ready)
    ready.release().stopped_at("build", "TestPyPI already has other files for demo-pkg 0.1.0", testpypi="all")


@pytest.mark.requirement("P5.2", "P5.6", "R1", "R8")
def test_pypi_has_the_version_with_other_bytes(ready: Maintainer) -> None:
    """Somebody uploaded this version to PyPI before: it is told before TestPyPI gets anything."""
    put_foreign(ready, "pypi")
    ready.refuses("", "PyPI has files of 0.1.0 already")
    ready.release().stopped_at("build", "PyPI already has other files for demo-pkg 0.1.0", pypi="all")


@pytest.mark.requirement("P5.6", "R8")
def test_other_bytes_appear_while_testpypi_is_verified(built: Maintainer) -> None:
    """The version appears on PyPI after the build: the last look before publishing stops it."""
    put_foreign(built, "pypi")
    built.approve()
    assert "already has other files" in built.log("verify-testpypi")
    assert built.run["results"]["publish-pypi"]["result"] == "skipped"
    built.shows("the-version-is-there-with-other-contents", "PyPI has other files for 0.1.0")


@pytest.mark.requirement("P5.3")
def test_the_version_is_there_already(released: Maintainer) -> None:
    """All files are there with the same contents: a success that says so."""
    released.rerun_all()
    assert "all files are there, as built" in released.log("build")
    released.goes_on("y")


@pytest.mark.requirement("P5.6")
def test_a_rerun_after_fifteen_days(waiting: Maintainer) -> None:
    """A half-finished upload is older than 14 days: the next look says what that means."""
    waiting.spoil_uploads("pypi", "reset_mid", skip=1, times=None)
    waiting.approve().stopped_at("publish-pypi", testpypi="all", pypi="wheel")
    waiting.sandbox.clear_faults()
    waiting.index("pypi").age_release(NAME, "0.1.0", 15)
    waiting.follow_runbook("re-run").stopped_at("publish-pypi", testpypi="all", pypi="wheel")
    waiting.shows("a-part-of-the-files-is-there", "takes no new files for 0.1.0")
    waiting.rerun_all()
    assert "takes no more after 14 days" in waiting.log("build")


@pytest.mark.requirement("R7", "P10.1", "P10.2")
def test_a_dependency_is_missing_on_testpypi(ready: Maintainer) -> None:
    """Dependencies come from PyPI, also where TestPyPI has a newer one of the same name."""
    ready.index("testpypi").put(
        write_wheel(ready.clone.parent, "packaging", "99.0", code="raise SystemExit(9)")
    )
    ready.edit("pyproject.toml", "dependencies = []", 'dependencies = ["packaging"]')
    ready.wait().goes_on("y", "y", "y")


# -- trust ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("P9.3", "R4")
@pytest.mark.parametrize("index", ["testpypi", "pypi"])
def test_the_publisher_has_another_environment(built: Maintainer, index: IndexName) -> None:
    """The trusted publisher names another environment; once the form is right, the re-run is green."""
    built.index(index).remove_publishers(NAME)
    built.register_publisher(index, "production")
    before: Files = "none" if index == "testpypi" else "all"
    built.approve().stopped_at(f"publish-{index}", "invalid-publisher", testpypi=before)
    built.index(index).remove_publishers(NAME)
    built.register_publisher(index, index)
    (issue,) = built.sandbox.github.issues(REPOSITORY)
    values = ("Owner: `octo-org`", "Repository name: `demo-pkg`", "Workflow name: `release.yml`")
    assert all(value in issue["body"] for value in (*values, f"Environment name: `{index}`"))
    built.goes_on(*"yyyy", anchor=f"publish-{index}")  # the command, what is left of the reviews, the notes


@pytest.mark.requirement("P9.4")
def test_a_fork_pushes_a_tag(ready: Maintainer) -> None:
    """In a fork nothing runs, and nothing is published."""
    become_a_fork(ready)
    ready.release()
    assert {fact["result"] for fact in ready.run["results"].values()} == {"skipped"}


@pytest.mark.requirement("P9.4")
def test_the_repository_is_a_maintained_fork(ready: Maintainer) -> None:
    """A fork that is the project's own repository releases."""
    ready.sandbox.github.settings(REPOSITORY, fork=True)
    ready.set_reviewer("testpypi")
    ready.comes_to_review("testpypi").waits_for("testpypi")


@pytest.mark.requirement("X4", "X7")
def test_a_start_by_hand_from_another_branch(ready: Maintainer) -> None:
    """Started by hand from a feature branch, whose workflow nobody reviewed: refused at the gate."""
    ready.push_unseen("v0.1.0")
    ready.shell("git push --quiet origin HEAD:refs/heads/feature")
    ready.wait().shell("gh workflow run release.yml --ref feature --field tag=v0.1.0")
    ready.wait().stopped_at("gate", "started by 'workflow_dispatch' from 'refs/heads/feature'")
    ready.shows("gate", "v0.1.0 stopped at the gate; nothing was built")


@pytest.mark.requirement("X4")
def test_a_pull_request_from_a_fork(ready: Maintainer) -> None:
    """A fork's pull request runs CI alone, and may write nothing; CI says that it brings no notes."""
    ready.shell("git switch --quiet --create outside")
    ready.shell("echo '# More.' >> src/demo_pkg/__init__.py && git commit --quiet --all --message fix:x")
    ready.shell("git push --quiet origin outside")
    before = len(ready.sandbox.github.runs(REPOSITORY))
    ready.sandbox.github.pull_request(REPOSITORY, "outside", fork=True)
    ready.wait()
    new = ready.sandbox.github.runs(REPOSITORY)[before:]
    assert {run["name"] for run in new} == {"CI"}
    (notes,) = (job for job in new[0]["jobs"] if job["key"] == "notes")
    assert "## The next release would be demo-pkg 0.1.0" in notes["summary"]
    assert notes["conclusion"] == "failure"
    assert "The change of src/demo_pkg/__init__.py brings no release notes" in notes["log"]
    assert new[0]["results"]["ci"]["result"] == "success"  # it holds nothing up
    assert not ready.sandbox.github.runs(REPOSITORY, workflow="release.yml")


# -- GitHub is at fault ------------------------------------------------------------------------------------


@pytest.mark.requirement("P8.8", "R11")
def test_the_second_file_of_the_release_fails(waiting: Maintainer) -> None:
    """GitHub refuses the second file of the draft; the re-run adds what is missing."""
    waiting.sandbox.fault("status", host="uploads.github.com", status=502, skip=1, times=None)
    waiting.approve().stopped_at("github-release", testpypi="all", pypi="all")
    waiting.sandbox.clear_faults()
    waiting.goes_on("y", "y", anchor="github-release")


@pytest.mark.requirement("P8.2", "P8.8")
def test_the_draft_is_found_late(waiting: Maintainer) -> None:
    """GitHub's look-ups miss the new draft at first: the job waits, and makes no second one."""
    waiting.sandbox.github.settings(REPOSITORY, release_lag=2)
    waiting.goes_on("y", "y")
    assert len(waiting.sandbox.github.releases(REPOSITORY)) == 1


@pytest.mark.requirement("P8.1", "R11")
def test_the_github_release_was_made_by_hand(ready: Maintainer) -> None:
    """A tag and its published GitHub Release at once, as on the web: the gate stops, and a draft goes on."""
    ready.sandbox.github.settings(REPOSITORY, immutable_releases=False)
    ready.push_unseen("v0.1.0")
    ready.shell("gh release create v0.1.0 --verify-tag --notes 'By hand.'")
    ready.follow_runbook("dispatch")
    assert ready.run["results"]["gate"]["result"] == "failure"
    assert "was published by hand" in ready.log("gate")
    ready.goes_on(*"yyyy", anchor="the-github-release-was-published-too-early", saying="is published")


@pytest.mark.requirement("P8.3", "P8.8")
def test_github_is_down_after_pypi(waiting: Maintainer) -> None:
    """No release can be made; the version is on PyPI, and the re-run drafts it."""
    waiting.sandbox.fault("status", host="api.github.com", path="/releases|/graphql", times=None)
    waiting.approve()
    assert waiting.run["results"]["github-release"]["result"] == "failure"
    waiting.sandbox.clear_faults()
    waiting.goes_on("y", "y", anchor="github-release")


@pytest.mark.requirement("P8.8", "P7.1")
def test_a_person_has_edited_the_draft(waiting: Maintainer) -> None:
    """A re-run leaves edited notes alone."""
    waiting.sandbox.fault("status", host="uploads.github.com", status=502, skip=2, times=None)
    waiting.approve().stopped_at("github-release", testpypi="all", pypi="all")
    waiting.sandbox.clear_faults()
    waiting.shell("gh release edit v0.1.0 --notes 'Read by a person.'")
    waiting.goes_on("y", "y", anchor="github-release")
    assert waiting.github_release()["body"] == "Read by a person."  # type: ignore[index]


@pytest.mark.requirement("P8.8")
def test_a_published_release_is_left_alone(released: Maintainer) -> None:
    """A re-run after publishing changes nothing, although tag and files are frozen by then."""
    released.shell("gh release edit v0.1.0 --draft=false")
    released.is_released()
    released.shows("")


@pytest.mark.requirement("P8.6")
def test_more_than_three_tags_at_once(ready: Maintainer) -> None:
    """GitHub starts nothing for more than three tags in one push; the tag is released by hand."""
    ready.push_unseen("v0.1.0")
    ready.goes_on("y", "y", "y", anchor="no-run-was-created", saying="no run was created for it")


@pytest.mark.requirement("P8.6", "P8.4")
def test_the_workflow_is_at_fault(ready: Maintainer) -> None:
    """A bug in a release script: fixed on the default branch, the same tag is released by hand."""
    script = ".github/release/build_distributions.py"
    ready.edit(script, '"--require-hashes"', '"--no-such-option"')
    ready.wait().release().stopped_at("build", "no-such-option")
    ready.shows("build")
    ready.edit(script, '"--no-such-option"', '"--require-hashes"')
    ready.wait().follow_runbook("re-run").stopped_at("build", "no-such-option")
    ready.set_reviewer("testpypi")
    ready.follow_runbook("dispatch", approve=False).waits_for("testpypi")


@pytest.mark.requirement("P2.3")
def test_the_reviewer_refuses(waiting: Maintainer) -> None:
    """A rejected review stops before PyPI; nothing of the version is there."""
    waiting.sandbox.github.reject(waiting.run["id"], "pypi")
    waiting.wait().stopped_at("publish-pypi", testpypi="all")
    waiting.shows("publish-pypi", "v0.1.0: a reviewer rejected it before publish-pypi")


@pytest.mark.requirement("P1.4", "P8.7")
def test_an_artifact_is_corrupted(built: Maintainer) -> None:
    """The stored distributions are damaged between two jobs: the next job refuses them."""
    built.sandbox.github.corrupt_artifact(built.run["id"], "distributions")
    built.approve().stopped_at("publish-testpypi")
    built.shows("publish-testpypi")


@pytest.mark.requirement("P5.4")
def test_two_runs_of_one_version(waiting: Maintainer) -> None:
    """A second run of the same version waits for the first, and finds everything there."""
    waiting.shell("gh workflow run release.yml --ref main --field tag=v0.1.0")
    first, second = waiting.wait().runs()
    assert (first["status"], second["status"]) == ("waiting", "pending")
    waiting.comes_to_review("testpypi", "y")  # the yes is for the first one
    first, second = waiting.wait().runs()
    assert (first["conclusion"], second["status"]) == ("success", "waiting")
    assert "all files are there, as built" in waiting.log("build")
