"""The scheduled workflow of a rendered package, executed: its owner hears of a newer template, once.

The template is a repository of the same GitHub. The package is without its CI, which is no part of this.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from copier import run_copy
from emulator.fixtures import claim_one_python
from support.rendering import commit_all, copy_template
from updates.changes import (
    RELEASE as WORKFLOW,
)
from updates.changes import (
    documents_changed,
    edit,
    question_added,
    scripts_changed,
)
from updates.edits import add_job, bump_actions
from updates.template_versions import FIRST, TemplateVersions, conflicts

from drill.maintainer import NAME, OWNER, REPOSITORY, Maintainer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

TEMPLATE = f"https://github.com/{OWNER}/template"
SCRIPT, SETTINGS = "template/.github/release/step.py", "template/.github/release/settings.toml.jinja"
LOGIN = "git config credential.helper '!gh auth git-credential'"
CHANGES = "# Changelog\n\n## {version} - 2026-12-01\n\n### Features\n\n- News in {version}.\n"


class Scene(Maintainer):
    """A package rendered from the template's v1.0.0, and the template, on a sandbox's GitHub."""

    @property
    def template(self) -> Path:
        """The clone of the template's maintainer."""
        return self.sandbox.root / "home" / "template"

    def begin(self) -> None:
        """Render the package, and put it and the template on GitHub."""
        copy_template(self.template)
        commit_all(self.template, tag="v1.0.0")
        data = {"project_name": NAME, "repository_owner": OWNER}
        run_copy(str(self.template), self.clone, data=data, defaults=True, quiet=True)
        answers = self.clone / ".copier-answers.yml"
        text = answers.read_text(encoding="utf-8")
        answers.write_text(text.replace(str(self.template), TEMPLATE), encoding="utf-8")
        (self.clone / ".github/workflows/ci.yml").unlink()
        commit_all(self.clone)
        for name, clone in (("template", self.template), (NAME, self.clone)):
            self.sandbox.github.create_repo(OWNER, name)
            self.shell(f"cd {clone}", f"git remote add origin https://github.com/{OWNER}/{name}", LOGIN)
            self.shell(f"cd {clone}", "git push --quiet --set-upstream --tags origin main")

    def template_says(self, version: str, path: str, old: str, new: str) -> None:
        """Release a version of the template in which one text is another."""
        file = self.template / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")
        (self.template / "CHANGELOG.md").write_text(CHANGES.format(version=version), encoding="utf-8")
        commit_all(self.template, f"feat: {version}", tag=f"v{version}")
        self.shell(f"cd {self.template}", f"git push --quiet origin main v{version}")

    def look(self) -> str:
        """Let the clock strike for the workflow; it is green. Return its log."""
        run = self.sandbox.github.schedule(REPOSITORY, "template-update.yml")
        self.wait()
        log = self.sandbox.github.log(run)
        assert self.sandbox.github.run(run)["conclusion"] == "success", log
        return log

    def may_open_pull_requests(self) -> None:
        """Allow it to Actions, as the owner does on the page of settings."""
        actions = self.sandbox.github.settings(REPOSITORY)["actions"]
        self.sandbox.github.settings(
            REPOSITORY, actions={**actions, "can_approve_pull_request_reviews": True}
        )

    def pulls(self) -> list[dict[str, Any]]:
        """The open pull requests."""
        return [pull for pull in self.sandbox.github.pulls(REPOSITORY) if pull["state"] == "open"]

    def issues(self) -> list[dict[str, Any]]:
        """The open issues."""
        return [issue for issue in self.sandbox.github.issues(REPOSITORY) if issue["state"] == "open"]

    def branches(self) -> dict[str, str]:
        """The branches of the package on GitHub, with their commits."""
        refs = self.sandbox.github.refs(REPOSITORY).items()
        return {ref.removeprefix("refs/heads/"): sha for ref, sha in refs if ref.startswith("refs/heads/")}

    def pushed(self, path: str) -> str:
        """A file on the branch of the pull request."""
        return self.shell("git fetch --quiet origin template-update", f"git show FETCH_HEAD:{path}")


@pytest.fixture
def scene(new_sandbox: Sandbox) -> Scene:
    """A package that is on the newest version of its template."""
    scene = Scene(new_sandbox)
    scene.begin()
    return scene


@pytest.mark.requirement("B1", "B3", "B5")
def test_one_pull_request_brings_the_newest_version(scene: Scene) -> None:
    """Opened, refreshed by the next version, done when it is merged."""
    scene.may_open_pull_requests()
    scene.template_says("1.1.0", SCRIPT, "every release step shares", "all steps share")
    scene.look()
    (pull,) = scene.pulls()
    assert (pull["title"], pull["draft"]) == ("Update the template to v1.1.0", False)
    assert "- News in 1.1.0." in pull["body"]
    assert "all steps share" in scene.pushed(".github/release/step.py")
    scene.template_says("1.1.1", SCRIPT, "all steps share", "the steps share")
    scene.look()
    (refreshed,) = scene.pulls()
    assert (refreshed["number"], refreshed["title"]) == (pull["number"], "Update the template to v1.1.1")
    assert scene.sandbox.github.runs(REPOSITORY, event="pull_request") == []
    scene.shell("git pull --quiet --ff-only origin template-update", "git push --quiet")
    assert "is on the newest version of its template" in scene.look()
    assert scene.pulls() == scene.issues() == []


@pytest.mark.requirement("B1", "B3", "X6")
def test_where_no_pull_request_can_be_one_issue_says_what_to_run(scene: Scene) -> None:
    """Actions may not open any; then workflows change. The issue's commands run as printed, and end it."""
    scene.template_says("1.1.0", SCRIPT, "every release step shares", "all steps share")
    scene.look()
    (first,) = scene.issues()
    assert "GitHub Actions is not permitted to create or approve pull requests." in first["body"]
    by_hand = scene.shell(*scene.shell_blocks("template-updates"), "git restore --staged --worktree .")
    assert "all steps share" in by_hand
    scene.may_open_pull_requests()
    workflow = "template/.github/workflows/{= release_workflow =}.jinja"
    scene.template_says("1.2.0", workflow, "\npermissions: {}\n", "\npermissions: {} # none\n")
    before = scene.branches()
    scene.look()
    (issue,) = scene.issues()
    assert (issue["number"], issue["title"]) == (first["number"], "Update the template to v1.2.0")
    assert "no workflow may push" in issue["body"]
    assert "- News in 1.2.0." in issue["body"]
    assert (scene.pulls(), scene.branches()) == ([], before)
    (block,) = re.findall(r"```sh\n(.*?)```", issue["body"], re.DOTALL)
    gh = 'gh() { test "$1" = pr || command gh "$@"; }'  # GitHub's side of `gh pr create` is not emulated
    scene.shell(gh, block, "git switch --quiet main", "git merge --quiet @{-1}", "git push --quiet")
    assert "is on the newest version of its template" in scene.look()
    assert scene.pulls() == scene.issues() == []


@pytest.mark.requirement("B1", "B3")
def test_a_conflict_is_listed_in_a_draft_and_never_committed(scene: Scene) -> None:
    """Both sides changed a line: the owner's stands, the template's is shown, and the update stays open."""
    scene.may_open_pull_requests()
    scene.edit(".github/release/settings.toml", "patience = 1800", "patience = 60")
    scene.template_says("1.1.0", SCRIPT, "every release step shares", "all steps share")
    scene.template_says("1.1.1", SETTINGS, "patience = 1800", "patience = 3600")
    scene.look()
    (pull,) = scene.pulls()
    assert pull["draft"] is True
    assert "\n+patience = 3600\n" in pull["body"]
    assert "patience = 60\n" in scene.pushed(".github/release/settings.toml")
    assert "all steps share" in scene.pushed(".github/release/step.py")
    assert "_commit: v1.0.0" in scene.pushed(".copier-answers.yml")


# -- after an update ------------------------------------------------------------------------------------


def later(folder: Path) -> None:
    """A version of the template with changes of many kinds."""
    for change in (question_added, scripts_changed, documents_changed):
        change(folder)
    step = "      - name: Look around\n        run: pwd\n"
    edit(folder / WORKFLOW, r"^      - name: Install uv (for the build|to verify TestPyPI)$", rf"{step}\g<0>")


@pytest.mark.requirement("B3", "P8.1", "P9.2")
def test_an_updated_package_is_released(new_sandbox: Sandbox, tmp_path: Path) -> None:
    """Pins bumped and a job added here, workflows and scripts changed there: merged, and released."""
    versions = TemplateVersions(tmp_path / "versions")
    package = versions.copy(FIRST, tmp_path / NAME, {"repository_owner": OWNER})
    for change in (bump_actions, add_job, claim_one_python):
        change(package)
    commit_all(package)
    versions.update(package, versions.version("later", later))
    versions.close()
    assert conflicts(package) == []
    shutil.rmtree(package / ".git")
    project = Maintainer.create(new_sandbox, package).wait()
    (ci,) = new_sandbox.github.runs(workflow="ci.yml")
    assert ci["conclusion"] == "success"
    assert ci["results"]["docs"]["result"] == "success"  # the owner's new job
    project.release().approve().is_released(twice=False)
    for key in ("build", "verify-testpypi"):
        assert "Look around" in [step["name"] for step in project.jobs(key)[0]["steps"]]
