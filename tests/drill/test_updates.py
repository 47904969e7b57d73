"""The scheduled workflow of a rendered package, executed: its owner hears of a newer template, in one issue.

The template is a repository of the same GitHub, and the tool is installed from there. The package is without
its CI, which is no part of this.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from copier import run_copy
from emulator.fixtures import claim_one_python
from support.rendering import commit_all, git
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
from updates.template_versions import ANSWERS, FIRST, TemplateVersions, conflicts

from drill.maintainer import NAME, OWNER, REPOSITORY, Maintainer, errors_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sandbox import Sandbox

TEMPLATE = f"https://github.com/{OWNER}/template"
WATCH = "release-watch.yml"
SETTINGS = ".github/release/settings.toml"
README = "template/README.md.jinja"  # any file that an update changes in a new place each time
LOGIN = "git config credential.helper '!gh auth git-credential'"
NO_PULL_REQUEST = 'gh() { test "$1" = pr || command gh "$@"; }'  # GitHub's side of it is not emulated


class Scene(Maintainer):
    """A package rendered from the template's v1.0.0, and the template, on a sandbox's GitHub."""

    @property
    def template(self) -> Path:
        """The clone of the template's maintainer."""
        return self.sandbox.root / "home" / "template"

    def begin(self, template_repository: Path, address: str = TEMPLATE) -> None:
        """Render the package, and put it and the template on GitHub.

        Args:
            template_repository: The template.
            address: What the package says where its template is.
        """
        git(template_repository, "clone", "--quiet", str(template_repository), str(self.template))
        data = {"project_name": NAME, "repository_owner": OWNER}
        run_copy(str(self.template), self.clone, data=data, defaults=True, quiet=True)
        for path in (self.clone / ANSWERS, self.clone / SETTINGS):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(str(self.template), address), encoding="utf-8")
        (self.clone / ".github/workflows/ci.yml").unlink()
        commit_all(self.clone)
        git(self.template, "remote", "remove", "origin")
        for name, clone in (("template", self.template), (NAME, self.clone)):
            self.sandbox.github.create_repo(OWNER, name)
            self.shell(f"cd {clone}", f"git remote add origin https://github.com/{OWNER}/{name}", LOGIN)
            self.shell(f"cd {clone}", "git push --quiet --set-upstream --tags origin main")

    def template_has(self, version: str) -> None:
        """Release a version of the template, in which a release script and a document are others."""
        for path in (self.template / "template/.github/release/verify_index.py", self.template / README):
            path.write_text(f"{path.read_text(encoding='utf-8')}\n# {version}\n", encoding="utf-8")
        commit_all(self.template, f"feat: {version}", tag=f"v{version}")
        self.shell(f"cd {self.template}", f"git push --quiet origin main v{version}")

    def look(self) -> str:
        """Let the clock strike for the workflow; it is green. Return what it printed and its summary."""
        run = self.sandbox.github.schedule(REPOSITORY, WATCH)
        self.wait()
        found = self.sandbox.github.run(run)
        printed = "\n".join(job["log"] + job["summary"] for job in found["jobs"])
        assert found["conclusion"] == "success", printed
        return printed

    def issues(self) -> list[dict[str, Any]]:
        """The open issues."""
        return [issue for issue in self.sandbox.github.issues(REPOSITORY) if issue["state"] == "open"]


@pytest.mark.requirement("B1", "B3", "B5", "X6")
def test_one_issue_tells_of_the_newest_version(new_sandbox: Sandbox, template_repository: Path) -> None:
    """Opened, refreshed by the next version; its commands run as printed, and end it."""
    scene = Scene(new_sandbox)
    scene.begin(template_repository)
    assert "newest release of the template is in use: `v1.0.0`" in scene.look().replace("v1.0.0", "`v1.0.0`")
    scene.template_has("1.1.0")
    scene.look()
    (first,) = scene.issues()
    assert first["title"] == "Update the template to v1.1.0"
    by_hand = scene.shell(*scene.shell_blocks("template-updates"), "git restore --staged --worktree .")
    assert "+# 1.1.0" in by_hand
    scene.template_has("1.1.1")
    scene.look()
    (issue,) = scene.issues()
    assert (issue["number"], issue["title"]) == (first["number"], "Update the template to v1.1.1")
    blocks = re.findall(r"```sh\n(.*?)```", issue["body"], re.DOTALL)
    scene.shell(NO_PULL_REQUEST, *blocks)
    scene.shell("git switch --quiet main", "git merge --quiet @{-1}", "git push --quiet")
    assert (scene.clone / ".github/release/verify_index.py").read_text(encoding="utf-8").endswith("# 1.1.1\n")
    scene.look()
    assert scene.issues() == []
    assert scene.sandbox.github.pulls(REPOSITORY) == []


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("address", ["/home/somebody/template", f"https://github.com/{OWNER}/private"])
def test_a_template_that_nobody_else_can_read_is_no_failure(
    new_sandbox: Sandbox, template_repository: Path, address: str
) -> None:
    """A folder of one machine, a private repository: the workflow is green, and its summary says why."""
    scene = Scene(new_sandbox)
    scene.begin(template_repository, address)
    assert "unknown" in scene.look()
    assert scene.issues() == []


# -- after an update ------------------------------------------------------------------------------------


def later(folder: Path) -> None:
    """A version of the template with changes of many kinds."""
    for change in (question_added, scripts_changed, documents_changed):
        change(folder)
    step = "      - name: Look around\n        run: pwd\n"
    edit(folder / WORKFLOW, r"^      - \*uv$", rf"{step}\g<0>")


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
    assert ci["conclusion"] == "success", errors_of(new_sandbox.github.log(ci["id"]))
    assert ci["results"]["docs"]["result"] == "success"  # the owner's new job
    project.release().approve().is_released(twice=False)
    for key in ("build", "verify-testpypi"):
        assert "Look around" in [step["name"] for step in project.jobs(key)[0]["steps"]]
