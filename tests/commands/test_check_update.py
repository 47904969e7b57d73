"""check-update: a newer release of the template becomes one issue, without Copier and with two rights.

Real git, a template repository with tags; GitHub's answers are those of the drills.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.answers_file import Answers
from copier_pypi_release.commands import check_update
from copier_pypi_release.issues import BOT
from markdown_it import MarkdownIt
from ruamel.yaml import YAML
from support.documents import anchors
from support.rendering import commit_all, copy_template, git, render

from commands.local_github import OWNER, bench

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench, Outcome

ANSWERS, SETTINGS = ".copier-answers.yml", ".github/release/settings.toml"
WORKFLOW = ".github/workflows/release-watch.yml"
USED = "The newest release of the template is in use"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the tag v1.0.0, and a package rendered from it beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("first")
    template = copy_template(folder / "template")
    commit_all(template, tag="v1.0.0")
    render(template, folder / "demo-pkg")
    commit_all(folder / "demo-pkg")
    return folder


class Desk:
    """A package of the template's v1.0.0, its GitHub, and a template that goes on.

    Args:
        first: See the fixture.
        folder: Empty folder.
        patch: Undone at the end of the test.
        capsys: Sees what is printed.
    """

    def __init__(
        self, first: Path, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(first, folder / "copy")
        self.template = folder / "copy/template"
        self.bench: Bench = bench(folder / "copy/demo-pkg", folder / "bench", patch)
        self.clone, self.repo = self.bench.clone, self.bench.github.repo
        self.bench.edit(SETTINGS, str(first / "template"), str(self.template))
        self.records(_src_path=str(self.template))
        git(self.clone, "push", "--quiet", str(self.bench.github.bare), "main:main")
        self.summary = folder / "summary.md"
        patch.setenv("GITHUB_ACTIONS", "true")
        patch.setenv("GITHUB_STEP_SUMMARY", str(self.summary))
        patch.setenv("GH_TOKEN", self.bench.github.token(BOT, "write"))
        self.bench.github.answers(
            "GET", "^/user$", {"message": "Resource not accessible by integration"}, 403
        )
        self.patch, self._capsys = patch, capsys

    def records(self, **values: str) -> None:
        """Commit other values to the answers file."""
        path = self.clone / ANSWERS
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^{key}: .*$", f"{key}: '{value}'", text)
            assert count == 1, key
        path.write_text(text, encoding="utf-8")
        commit_all(self.clone, "chore: answers")

    def template_releases(self, tag: str) -> None:
        """Release a version of the template that changes one line of settings.toml."""
        path = self.template / f"template/{SETTINGS}.jinja"
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?m)^patience = (\d+)$", r"patience = \g<1>0", text), encoding="utf-8")
        commit_all(self.template, f"feat: {tag}", tag=tag)

    def run(self) -> Outcome:
        """Run the command, which changes nothing in the clone."""
        before = git(self.clone, "rev-parse", "HEAD"), git(self.clone, "status", "--porcelain", "--branch")
        done = self.bench.run("check-update", capsys=self._capsys)
        after = git(self.clone, "rev-parse", "HEAD"), git(self.clone, "status", "--porcelain", "--branch")
        assert after == before
        return done

    def succeeds(self) -> str:
        """Run the command, which succeeds, and return what it printed."""
        done = self.run()
        assert done.status == 0, done.errors
        return done.printed

    def issues(self, state: str = "open") -> list[dict[str, Any]]:
        """The issues in a state."""
        return [issue for issue in self.repo["issues"] if issue["state"] == state]


@pytest.fixture
def desk(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """A package on the newest version of its template."""
    return Desk(first, tmp_path, monkeypatch, capsys)


# ---- One issue --------------------------------------------------------------------------------------


@pytest.mark.requirement("B3", "B5", "X6")
def test_a_newer_release_becomes_an_issue_whose_commands_update(desk: Desk) -> None:
    desk.template_releases("v1.1.0")
    printed = desk.succeeds()
    (issue,) = desk.issues()
    assert issue["title"] == "Update the template to v1.1.0"
    assert issue["author"] == BOT
    assert issue["body"] in printed
    assert issue["body"] in desk.summary.read_text(encoding="utf-8")
    assert set(desk.bench.github.changes) == {"POST /repos/demo-pkg/demo-pkg/issues"}
    run_as_printed(issue["body"], desk)
    assert "patience = 18000" in (desk.clone / SETTINGS).read_text(encoding="utf-8")
    assert USED in desk.succeeds()
    assert desk.issues() == []
    assert len(desk.issues("closed")) == 1


def run_as_printed(body: str, desk: Desk) -> None:
    """Run the commands of an issue; Copier is the installed one, no pull request is opened; merge."""
    git(desk.clone, "remote", "set-url", "origin", str(desk.bench.github.bare))
    shim = f'uvx() {{ "{sys.executable}" -m "$@"; }}; gh() {{ echo "$@"; }}\n'
    blocks = re.findall(r"```sh\n(.*?)```", body, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        subprocess.run(["bash", "-euc", shim + block], cwd=desk.clone, check=True, capture_output=True)
    assert git(desk.clone, "branch", "--show-current") == "template-update-v1.1.0"
    git(desk.clone, "switch", "--quiet", "main")
    git(desk.clone, "merge", "--quiet", "--ff-only", "@{-1}")


@pytest.mark.requirement("B3")
def test_there_is_one_issue_which_a_newer_release_refreshes(desk: Desk) -> None:
    desk.template_releases("v1.1.0")
    desk.succeeds()
    desk.bench.github.changes.clear()
    desk.succeeds()
    assert desk.bench.github.changes == []
    desk.template_releases("v1.2.0")
    desk.succeeds()
    (issue,) = desk.repo["issues"]
    assert issue["title"] == "Update the template to v1.2.0"
    assert "--vcs-ref v1.2.0" in issue["body"]


@pytest.mark.requirement("B3")
def test_an_issue_that_a_person_closed_is_not_opened_again_for_its_version(desk: Desk) -> None:
    desk.template_releases("v1.1.0")
    desk.succeeds()
    desk.bench.github.client.send("PATCH", f"issues/{desk.issues()[0]['number']}", {"state": "closed"})
    desk.succeeds()
    assert desk.issues() == []
    desk.template_releases("v1.2.0")
    desk.succeeds()
    assert [issue["title"] for issue in desk.issues()] == ["Update the template to v1.2.0"]
    assert [issue["title"] for issue in desk.issues("closed")] == ["Update the template to v1.1.0"]


@pytest.mark.requirement("B3")
def test_an_update_that_is_taken_back_is_told_again(desk: Desk) -> None:
    desk.template_releases("v1.1.0")
    desk.succeeds()
    desk.records(_commit="v1.1.0")
    desk.succeeds()
    assert desk.issues() == []
    desk.records(_commit="v1.0.0")
    desk.succeeds()
    assert [issue["title"] for issue in desk.issues()] == ["Update the template to v1.1.0"]


@pytest.mark.requirement("X17")
@pytest.mark.parametrize("title", ["Update the docs", "Update the template to v9"])
def test_an_issue_of_somebody_else_is_left_alone(desk: Desk, title: str) -> None:
    """Its author could edit the commands in it afterwards."""
    desk.bench.github.client.send("POST", "issues", {"title": title, "body": "please"})
    desk.template_releases("v1.1.0")
    desk.succeeds()
    assert [issue["author"] for issue in desk.issues()] == [OWNER, BOT]
    assert desk.issues()[0]["body"] == "please"
    desk.records(_commit="v1.1.0")
    desk.succeeds()
    assert [issue["author"] for issue in desk.issues()] == [OWNER]


def test_the_issue_of_a_login_is_found_again(desk: Desk) -> None:
    """Where a workflow uses a token of its owner's."""
    desk.bench.github.refusals.clear()
    desk.patch.setenv("GH_TOKEN", desk.bench.github.token())
    desk.template_releases("v1.1.0")
    desk.succeeds()
    desk.succeeds()
    (issue,) = desk.issues()
    assert issue["author"] == OWNER


def test_outside_of_a_workflow_it_only_prints(desk: Desk) -> None:
    desk.patch.delenv("GITHUB_ACTIONS")
    desk.patch.delenv("GITHUB_STEP_SUMMARY")
    desk.patch.delenv("GH_TOKEN")
    desk.template_releases("v1.1.0")
    assert "uvx copier update --defaults --vcs-ref v1.1.0\n" in desk.succeeds()
    assert desk.repo["issues"] == []


@pytest.mark.requirement("B2", "B3")
def test_answers_beside_those_of_another_template_are_found(desk: Desk) -> None:
    """Adoption gives them another name there."""
    git(desk.clone, "mv", ANSWERS, ".copier-answers.release.yml")
    (desk.clone / ANSWERS).write_text("_src_path: gh:octo-org/other\n_commit: v9\n", encoding="utf-8")
    commit_all(desk.clone, "feat: two templates")
    desk.template_releases("v1.1.0")
    desk.succeeds()
    assert (
        "uvx copier update --defaults --vcs-ref v1.1.0 --answers-file .copier-answers.release.yml\n"
        in desk.issues()[0]["body"]
    )


@pytest.mark.parametrize(
    ("recorded", "tag", "newer"),
    [
        ("v1.0.0", "v1.1.0", True),
        ("v1.0.0", "v1.0.0", False),
        ("v1.0.0-3-g0abcdef", "v1.0.0", False),
        ("v1.0.0-3-g0abcdef", "v1.0.1", True),
        ("v1.2.0rc1", "v1.1.0", False),
        ("0abcdef", "v1.0.0", True),
        ("", "v1.0.0", True),
    ],
)
def test_the_recorded_version_is_compared_with_the_release(recorded: str, tag: str, newer: bool) -> None:
    assert check_update.is_newer(tag, recorded) is newer


# ---- Nothing to compare with ------------------------------------------------------------------------


def local_and_gone(desk: Desk) -> str:
    shutil.rmtree(desk.template)
    return "was rendered from the local folder `"


def private(desk: Desk) -> str:
    desk.records(_src_path="https://ada:secret@127.0.0.1:9/octo-org/template.git")
    return "The template at https://127.0.0.1:9/octo-org/template.git cannot be read from here"


def without_releases(desk: Desk) -> str:
    git(desk.template, "tag", "--delete", "v1.0.0")
    git(desk.template, "tag", "v2.0.0rc1")
    git(desk.template, "tag", "nightly")
    return "has no release yet"


@pytest.mark.parametrize("spoil", [local_and_gone, private, without_releases])
def test_a_template_that_cannot_be_compared_is_no_failure(desk: Desk, spoil: Any) -> None:  # noqa: ANN401
    words = spoil(desk)
    printed = desk.succeeds()
    assert printed.count(words) == 1
    assert desk.summary.read_text(encoding="utf-8").count(words) == 1
    assert "secret" not in printed
    assert desk.bench.github.changes == []


def test_disabled_issues_make_the_run_red(desk: Desk) -> None:
    desk.template_releases("v1.1.0")
    desk.bench.github.answers("GET", "/issues$", {"message": "Issues are disabled for this repo"}, 410)
    done = desk.run()
    assert done.status == 1
    assert done.error_lines[0] == "GitHub refuses to show issues (410): Issues are disabled for this repo"


@pytest.mark.parametrize(
    "text", [None, "- a list\n", "project_name: demo\n", "a: [\n", "", "_src_path: x\n", "adopted: true\n"]
)
def test_unusable_answers_end_in_four_lines(desk: Desk, text: str | None) -> None:
    if text is None:
        (desk.clone / ANSWERS).unlink()
    else:
        (desk.clone / ANSWERS).write_text(text, encoding="utf-8")
    commit_all(desk.clone, "fix: oops")
    done = desk.run()
    assert done.status == 1
    assert "where this package has the template from" in done.error_lines[0]
    assert done.error_lines[3] == "See: RELEASING.md, 'Template updates'"
    assert len(done.error_lines) == 4


def test_errors_lead_to_a_heading_of_the_page(default_package: Path) -> None:
    text = (default_package / "RELEASING.md").read_text(encoding="utf-8")
    assert "template-updates" in anchors(text)


# ---- Text of others ---------------------------------------------------------------------------------


@pytest.mark.requirement("X17")
@pytest.mark.parametrize(
    "hostile",
    ["@octocat", "<img src=x>", "[a](https://b)", "``` \n# a", "`@a`", "a\u202e\x1b[2J", "#7", "**b**"],
)
def test_recorded_text_is_code_in_the_issue(hostile: str, tmp_path: Path) -> None:
    answers = Answers(tmp_path / ANSWERS, {"_src_path": f"https://a/{hostile}", "_commit": hostile})
    harmless = Answers(tmp_path / ANSWERS, {"_src_path": "https://a/b", "_commit": "c"})
    body = check_update.report_on(answers, "v1.0.0")
    assert kinds(body) == kinds(check_update.report_on(harmless, "v1.0.0"))
    assert body.replace("\n", "").isprintable()


def kinds(markdown: str) -> list[tuple[str, list[str]]]:
    """The kinds of the tokens of a Markdown text."""
    return [(t.type, [c.type for c in t.children or ()]) for t in MarkdownIt().parse(markdown)]


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("gh:octo-org/template", "https://github.com/octo-org/template"),
        ("https://github.com/octo-org/template.git", "https://github.com/octo-org/template"),
        ("git+https://github.com/octo-org/template", "https://github.com/octo-org/template"),
        ("git@github.com:octo-org/template.git", "https://github.com/octo-org/template"),
        ("gl:octo-org/template", ""),
        ("https://github.com.example/octo-org/template", ""),
        ("/home/ada/template", ""),
    ],
)
def test_the_changelog_is_linked_where_the_template_is_on_github(url: str, page: str, tmp_path: Path) -> None:
    answers = Answers(tmp_path / ANSWERS, {"_src_path": url, "_commit": "v1.0.0"})
    linked = re.findall(r"\]\((.*?)\)", check_update.report_on(answers, "v1.1.0"))
    assert linked == ([f"{page}/blob/v1.1.0/CHANGELOG.md"] if page else [])


# ---- What is rendered -------------------------------------------------------------------------------


@pytest.mark.requirement("B3", "B5", "P2.5", "X6", "X10", "S4")
def test_the_scheduled_workflow_may_read_and_write_issues_only(default_package: Path) -> None:
    workflow = YAML(typ="safe").load(default_package / WORKFLOW)
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "issues": "write"}
    assert job["if"] == "${{ !github.event.repository.fork }}"
    assert job["timeout-minutes"] <= 15
    checkout, uv, watch, check = job["steps"]
    assert checkout["with"] == {"persist-credentials": False}
    assert uv["with"]["enable-cache"] is False
    for step, command in ((watch, "watch"), (check, "check-update")):
        assert step["env"] == {"GH_TOKEN": "${{ github.token }}"}
        assert step["run"] == f"uv run --no-config .github/release/tool.py {command}"
    assert check["if"] == "${{ !cancelled() }}"
    (schedule,) = workflow["on"]["schedule"]
    assert schedule["cron"].split()[2:] == ["*", "*", "*"]  # every day


@pytest.mark.requirement("B3", "X14")
@pytest.mark.parametrize(
    ("answers", "commands"),
    [
        ({"update_bot": "renovate"}, ["watch"]),
        ({"release_issues": False}, None),
        ({"update_bot": "renovate", "release_issues": False}, None),
    ],
)
def test_one_question_decides_about_the_scheduled_workflow(
    template: Path, tmp_path: Path, answers: dict[str, Any], commands: list[str] | None
) -> None:
    """Renovate brings the template's updates by itself."""
    package = render(template, tmp_path / "demo-pkg", answers)
    path = package / WORKFLOW
    steps = YAML(typ="safe").load(path)["jobs"]["watch"]["steps"] if path.exists() else None
    assert (steps and [step["run"].split()[-1] for step in steps if "run" in step]) == commands


@pytest.mark.requirement("B3", "X9")
def test_renovate_brings_updates_and_moves_every_stored_pin(template: Path, tmp_path: Path) -> None:
    """Its regular expressions, which take JavaScript's spelling of named groups, find all of them."""
    package = render(template, tmp_path / "demo-pkg", {"update_bot": "renovate"})
    config = json.loads((package / "renovate.json").read_text(encoding="utf-8"))
    assert config["copier"] == {"enabled": True}
    text = (package / ANSWERS).read_text(encoding="utf-8")
    stored = YAML(typ="safe").load(text)["stored_pins"]
    patterns = [p.replace("(?<", "(?P<") for m in config["customManagers"] for p in m["matchStrings"]]
    found = [match.groupdict() for pattern in patterns for match in re.finditer(pattern, text)]
    written = {
        pin["depName"]: " # ".join(filter(None, [pin.get("currentDigest"), pin["currentValue"]]))
        for pin in found
    }
    assert written | {"uv-checksum": stored["uv-checksum"]} == stored
    alone = [rule["matchPackageNames"] for rule in config["packageRules"] if rule.get("enabled") is False]
    assert alone == [["uv", "astral-sh/uv"]]  # moves with its checksum, which Renovate cannot find
    assert len(found) == len(written)
