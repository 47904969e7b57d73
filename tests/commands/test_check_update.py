"""template_update.py: a newer version of the template becomes one pull request, or else one issue.

Real git, real Copier, a template repository with tags; GitHub's answers are those of the drills.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from copier import run_copy
from copier_pypi_release.commands import check_update
from release.kit import NOTHING_MADE_FOR
from ruamel.yaml import YAML
from support.rendering import commit_all, copy_template, git, render

from commands.local_github import OWNER, bench

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench, Outcome

ANSWERS, SETTINGS = ".copier-answers.yml", ".github/release/settings.toml"
WORKFLOW = ".github/workflows/template-update.yml"
NEWS = """\
# Changelog

## Unreleased

Not yet.

## 9.0.0 - planned

Later.

## 1.1.0 - 2026-02-01

### Fixes

- More patience, thanks to @octocat (#7).

## 1.0.0 - 2026-01-01

The first.
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the tag v1.0.0, and a package rendered from it beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("first")
    template = copy_template(folder / "template")
    commit_all(template, tag="v1.0.0")
    run_copy(str(template), folder / "demo-pkg", data={"project_name": OWNER}, defaults=True, quiet=True)
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
        package = folder / "copy/demo-pkg"
        edit(package / ANSWERS, str(first / "template"), str(self.template))
        commit_all(package, "chore: where the template is")
        self.bench: Bench = bench(package, folder / "bench", patch)
        self.clone, self.repo = self.bench.clone, self.bench.github.repo
        git(self.clone, "remote", "set-url", "origin", str(self.bench.github.bare))
        patch.chdir(self.clone)
        patch.setenv("GH_TOKEN", self.bench.github.token(check_update.BOT, "write"))
        self._capsys = capsys

    def template_says(self, tag: str, path: str, old: str, new: str) -> None:
        """Release a version of the template in which one text is another."""
        edit(self.template / "template" / path, old, new)
        (self.template / "CHANGELOG.md").write_text(NEWS, encoding="utf-8")
        commit_all(self.template, f"feat: {tag}", tag=tag)

    def more_patience(self, tag: str = "v1.1.0", seconds: int = 3600) -> None:
        """Release a version of the template that changes one line of settings.toml."""
        self.template_says(tag, f"{SETTINGS}.jinja", "patience = 1800", f"patience = {seconds}")

    def new_workflow(self, tag: str = "v1.2.0") -> None:
        """Release a version of the template that changes a workflow."""
        self.template_says(tag, ".github/workflows/ci.yml.jinja", "\nname: CI\n", "\nname: All of CI\n")

    def owner_says(self, old: str, new: str, path: str = SETTINGS) -> None:
        """Commit and push another text to the package."""
        edit(self.clone / path, old, new)
        commit_all(self.clone, "fix: ours")
        git(self.clone, "push", "--quiet", "origin", "main")

    def run(self) -> Outcome:
        """Run the script, which changes nothing in the clone."""
        head = git(self.clone, "rev-parse", "HEAD")
        done = self.bench.run(check_update, capsys=self._capsys)
        assert git(self.clone, "status", "--porcelain", "--branch") == "## main"
        assert git(self.clone, "rev-parse", "HEAD") == head
        return done

    def works(self) -> str:
        """Run the script, which ends well, and return what it printed."""
        done = self.run()
        assert done.status == 0, done.errors
        return done.printed

    def pulls(self, state: str = "open") -> list[dict[str, Any]]:
        """The pull requests in a state."""
        return [pull for pull in self.repo["pulls"] if pull["state"] == state]

    def issues(self, state: str = "open") -> list[dict[str, Any]]:
        """The issues in a state."""
        return [issue for issue in self.repo["issues"] if issue["state"] == state]

    def tip(self) -> str:
        """The newest commit of the branch."""
        return git(self.bench.github.bare, "rev-parse", check_update.BRANCH)

    def pushed(self, path: str) -> str:
        """A file of the branch."""
        return git(self.bench.github.bare, "show", f"{check_update.BRANCH}:{path}")


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that stands once in a file."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def desk(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """A package on the newest version of its template."""
    return Desk(first, tmp_path, monkeypatch, capsys)


# ---- One pull request -------------------------------------------------------------------------------


@pytest.mark.requirement("B3", "B5")
def test_an_update_becomes_a_pull_request(desk: Desk) -> None:
    desk.more_patience()
    desk.owner_says('tag-prefix = "v"', 'tag-prefix = "r"')
    printed = desk.works()
    (pull,) = desk.pulls()
    assert (pull["head"], pull["base"], pull["draft"]) == ("template-update", "main", False)
    assert pull["title"] == "Update the template to v1.1.0"
    assert "went from `v1.0.0` to `v1.1.0`" in pull["body"]
    assert pull["body"] in printed
    assert "patience = 3600" in desk.pushed(SETTINGS)
    assert 'tag-prefix = "r"' in desk.pushed(SETTINGS)
    assert "_commit: v1.1.0" in desk.pushed(ANSWERS)
    assert git(desk.bench.github.bare, "diff", "--name-only", "main", "template-update").split() == [
        ANSWERS,
        SETTINGS,
    ]
    assert desk.issues() == []
    # The changelog between both versions, which calls nobody and links nothing.
    shown = pull["body"].replace("\u200b", "")
    assert "## 1.1.0 - 2026-02-01\n\n### Fixes\n\n- More patience, thanks to @octocat (#7)." in shown
    assert not {"The first.", "Later.", "Not yet."} & set(shown.splitlines())
    assert "@octocat" not in pull["body"]
    assert "#7" not in pull["body"]


@pytest.mark.requirement("B3")
def test_there_is_one_pull_request_which_a_newer_version_refreshes(desk: Desk) -> None:
    desk.more_patience()
    desk.works()
    before, tip = desk.bench.github.state(), desk.tip()
    desk.works()
    assert desk.tip() == tip
    assert desk.bench.github.state() == before
    edit(desk.template / "template" / f"{SETTINGS}.jinja", "patience = 3600", "patience = 900")
    commit_all(desk.template, "fix: less", tag="v1.1.1")
    desk.works()
    (pull,) = desk.repo["pulls"]
    assert pull["title"] == "Update the template to v1.1.1"
    assert "patience = 900" in desk.pushed(SETTINGS)
    assert git(desk.bench.github.bare, "rev-list", "--count", "main..template-update") == "1"


@pytest.mark.requirement("B3")
def test_commits_of_a_person_on_the_branch_are_left_alone(desk: Desk) -> None:
    desk.more_patience()
    desk.works()
    git(desk.clone, "fetch", "--quiet", "origin", "template-update")
    git(desk.clone, "switch", "--quiet", "--detach", "FETCH_HEAD")
    commit_all(desk.clone, "fix: what the update needs")
    git(desk.clone, "push", "--quiet", "origin", "HEAD:template-update")
    git(desk.clone, "switch", "--quiet", "main")
    tip = desk.tip()
    desk.new_workflow()
    assert "has commits of tester@example.org: it is left alone" in desk.works()
    assert desk.tip() == tip
    assert desk.pulls()[0]["title"].endswith("v1.1.0")


@pytest.mark.requirement("B3")
def test_nothing_new_is_said_and_closes_what_is_open(desk: Desk) -> None:
    assert "on the newest version" in desk.works()
    assert desk.bench.github.changes == []
    desk.more_patience()
    desk.works()
    git(desk.clone, "pull", "--quiet", "--ff-only", "origin", "template-update")
    assert "on the newest version" in desk.works()
    assert len(desk.pulls("closed")) == 1


# ---- Conflicts --------------------------------------------------------------------------------------


@pytest.mark.requirement("B3")
def test_a_conflict_is_listed_and_never_committed(desk: Desk) -> None:
    desk.owner_says("patience = 1800", "patience = 60")
    edit(desk.template / "template/.github/release/step.py", "every release step shares", "all steps share")
    desk.more_patience()
    desk.works()
    (pull,) = desk.pulls()
    assert pull["draft"] is True
    assert f"**Conflicts** in `{SETTINGS}`" in pull["body"]
    assert "\n-patience = 1800\n" in pull["body"]
    assert "\n+patience = 3600\n" in pull["body"]
    assert "uvx copier update --defaults" in pull["body"]
    changed = git(desk.bench.github.bare, "diff", "--name-only", "main", "template-update").split()
    assert changed == [".github/release/step.py"]  # not the answers: the update is not done
    # When the conflict is gone, so is the draft.
    desk.owner_says("patience = 60", "patience = 1800")
    desk.works()
    (pull,) = desk.pulls()
    assert pull["draft"] is False
    assert [old["draft"] for old in desk.pulls("closed")] == [True]
    assert "Conflict" not in pull["body"]
    assert "_commit: v1.1.0" in desk.pushed(ANSWERS)


@pytest.mark.requirement("B3")
def test_an_update_that_is_nothing_but_a_conflict_becomes_an_issue(desk: Desk) -> None:
    desk.owner_says("patience = 1800", "patience = 60")
    desk.more_patience()
    desk.works()
    (issue,) = desk.issues()
    assert "Nothing of it merges by itself." in issue["body"]
    assert "\n+patience = 3600\n" in issue["body"]
    assert desk.repo["pulls"] == []


# ---- One issue --------------------------------------------------------------------------------------


@pytest.mark.requirement("B3", "B5")
def test_a_change_of_workflows_becomes_an_issue_with_the_commands(desk: Desk) -> None:
    desk.more_patience()
    desk.works()
    desk.new_workflow()
    desk.works()
    (issue,) = desk.issues()
    assert issue["title"] == "Update the template to v1.2.0"
    assert "no workflow may push" in issue["body"]
    assert "- More patience" in issue["body"]
    assert [len(desk.pulls(state)) for state in ("open", "closed")] == [0, 1]
    run_as_printed(issue["body"], desk)
    assert "on the newest version" in desk.works()
    assert desk.issues() == []


def run_as_printed(body: str, desk: Desk) -> None:
    """Run the commands of an issue, but Copier is the installed one and no pull request is opened; merge."""
    shim = 'uvx() { "$@"; }; gh() { echo "$@"; }\n'
    for block in re.findall(r"```sh\n(.*?)```", body, re.DOTALL):
        subprocess.run(["bash", "-euc", shim + block], cwd=desk.clone, check=True, capture_output=True)
    git(desk.clone, "switch", "--quiet", "main")
    git(desk.clone, "merge", "--quiet", "--ff-only", "@{-1}")


@pytest.mark.requirement("B3")
def test_where_no_pull_request_may_be_opened_an_issue_says_why(desk: Desk) -> None:
    message = "GitHub Actions is not permitted to create or approve pull requests."
    desk.more_patience()
    desk.bench.github.refusals.append(("POST", "/pulls$", 403, {"message": message}))
    desk.works()
    desk.works()
    (issue,) = desk.issues()
    assert message in issue["body"]
    assert "gh pr create" in issue["body"]
    assert "patience = 3600" in desk.pushed(SETTINGS)
    desk.bench.github.refusals.clear()
    desk.works()
    assert (len(desk.pulls()), len(desk.issues())) == (1, 0)


@pytest.mark.requirement("B2", "B3")
def test_beside_the_answers_of_another_template_ours_are_found(desk: Desk) -> None:
    """Adoption gives ours another name there."""
    git(desk.clone, "mv", ANSWERS, ".copier-answers.release.yml")
    (desk.clone / ANSWERS).write_text("_src_path: gh:octo-org/other\n_commit: v9\n", encoding="utf-8")
    commit_all(desk.clone, "feat: two templates")
    desk.new_workflow("v1.1.0")
    desk.works()
    assert (
        "uvx copier update --defaults --answers-file .copier-answers.release.yml" in desk.issues()[0]["body"]
    )


@pytest.mark.parametrize("title", ["Update the docs", "Update the template to v9"])
def test_an_issue_of_somebody_else_is_not_touched(desk: Desk, title: str) -> None:
    """Who could edit the text of the issue afterwards could put other commands into it."""
    desk.bench.github.host.send("POST", "issues", {"title": title, "body": "please"})
    desk.new_workflow("v1.1.0")
    desk.works()
    assert [issue["author"] for issue in desk.issues()] == [OWNER, check_update.BOT]
    assert desk.issues()[0]["body"] == "please"


def test_where_there_are_no_issues_the_run_is_red(desk: Desk) -> None:
    desk.new_workflow("v1.1.0")
    refusal = {"message": "Issues are disabled for this repo"}
    desk.bench.github.refusals.append(("POST", "/issues$", 410, refusal))
    done = desk.run()
    assert done.status == 1
    assert done.sentences[0] == "GitHub refuses to change issues (410): Issues are disabled for this repo"


def test_a_text_that_is_too_long_for_github_is_cut() -> None:
    update = check_update.Update(ANSWERS, "v1", "v2", ("a",), {"a": "+" * 70_000}, "")
    text = check_update.report_on(update)
    assert len(text) < 65_536
    assert text.endswith("(cut here: too long for this page)")


# ---- Sentences --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "- a list\n", "project_name: demo\n", "a: [\n", "", "_src_path: x\n"])
def test_answers_that_cannot_be_used_are_a_sentence(desk: Desk, text: str | None) -> None:
    if text is None:
        (desk.clone / ANSWERS).unlink()
    else:
        (desk.clone / ANSWERS).write_text(text, encoding="utf-8")
    commit_all(desk.clone, "fix: oops")
    done = desk.run()
    assert done.status == 1
    assert done.sentences[0].startswith(f"{ANSWERS} does not say which version of which template this is: ")
    assert done.sentences[3] == "See: RELEASING.md, 'Template updates'"


def test_a_commit_that_looks_like_a_number_is_read_as_copier_wrote_it(tmp_path: Path) -> None:
    (tmp_path / ANSWERS).write_text("_commit: 22933e8\n_src_path: gh:octo-org/template\n", encoding="utf-8")
    assert check_update.read_answers(tmp_path / ANSWERS) == ("gh:octo-org/template", "22933e8")


def test_a_template_that_is_gone_is_a_sentence(desk: Desk) -> None:
    shutil.rmtree(desk.template)
    done = desk.run()
    assert done.status == 1
    assert done.sentences[0].startswith(f"{desk.template} cannot be updated from v1.0.0: ")
    assert NOTHING_MADE_FOR not in done.errors
    assert desk.bench.github.changes == []


@pytest.mark.requirement("B5")
def test_a_template_that_would_run_code_is_refused(desk: Desk) -> None:
    with (desk.template / "copier.yml").open("a", encoding="utf-8") as file:
        file.write(f"\n_tasks:\n  - touch {desk.template}/ran\n")
    commit_all(desk.template, "feat: tasks", tag="v1.1.0")
    done = desk.run()
    assert done.status == 1
    assert "unsafe" in done.sentences[0]
    assert not (desk.template / "ran").exists()


def test_a_template_without_a_changelog_is_fine(desk: Desk) -> None:
    edit(desk.template / "template" / f"{SETTINGS}.jinja", "patience = 1800", "patience = 3600")
    commit_all(desk.template, "feat: more", tag="v1.1.0")
    desk.works()
    assert "Changes of the template" not in desk.pulls()[0]["body"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("1.2.3", "1.2.3"),
        ("v1.2.3-4-g0abcdef", "1.2.3"),
        ("[1.2.3] - 2026-11-22", "1.2.3"),
        ("v2.0.0rc1", "2.0.0rc1"),
        ("0abcdef", "None"),
        ("Unreleased", "None"),
        ("", "None"),
    ],
)
def test_versions_are_read_from_tags_and_headings(text: str, version: str) -> None:
    assert str(check_update.version_of(text)) == version


# ---- What is rendered -------------------------------------------------------------------------------


@pytest.mark.requirement("B3", "B5", "P2.5", "X6", "X10", "S4")
def test_the_scheduled_workflow_may_do_no_more_than_it_needs(default_package: Path) -> None:
    workflow = YAML(typ="safe").load(default_package / WORKFLOW)
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "write", "issues": "write", "pull-requests": "write"}
    assert job["if"] == "${{ !github.event.repository.fork }}"
    assert job["timeout-minutes"] <= 15
    checkout, uv, look = job["steps"]
    ci = YAML(typ="safe").load(default_package / ".github/workflows/ci.yml")["jobs"]["build"]["steps"]
    assert [checkout["uses"], uv["uses"]] == [step["uses"] for step in ci[:2]]
    assert checkout["with"] == {"persist-credentials": False}
    assert uv["with"] == {"version": ci[1]["with"]["version"], "enable-cache": False}
    assert look["env"] == {"GH_TOKEN": "${{ github.token }}"}
    assert look["run"] == "uv run .github/release/template_update.py"


@pytest.mark.requirement("B3", "X9")
def test_renovate_brings_updates_and_moves_every_stored_pin(template: Path, tmp_path: Path) -> None:
    """Its regular expressions, which take JavaScript's spelling of named groups, find all of them."""
    package = render(template, tmp_path / "demo-pkg", {"update_bot": "renovate"})
    assert not (package / WORKFLOW).exists()
    config = json.loads((package / "renovate.json").read_text(encoding="utf-8"))
    assert config["copier"] == {"enabled": True}
    text = (package / ANSWERS).read_text(encoding="utf-8")
    answers = YAML(typ="safe").load(text)
    stored = answers.get("stored_pins") or answers["pins"]
    patterns = [p.replace("(?<", "(?P<") for m in config["customManagers"] for p in m["matchStrings"]]
    found = [match.groupdict() for pattern in patterns for match in re.finditer(pattern, text)]
    written = {
        pin["depName"]: " # ".join(filter(None, [pin.get("currentDigest"), pin["currentValue"]]))
        for pin in found
    }
    assert written == stored
    assert len(found) == len(stored)
