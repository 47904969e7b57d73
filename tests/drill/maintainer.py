"""A rendered package on a sandbox's GitHub, with its maintainer: a clone, git and gh, and nothing else.

A scenario reads like this::

    def test_the_answer_to_an_upload_is_lost(built: Maintainer) -> None:
        '''The file is stored, but its answer is lost; the re-run finds it and goes on.'''
        built.spoil_uploads("pypi", "reset_after")
        built.approve()
        built.stopped_at("publish-pypi", testpypi="all", pypi="wheel")
        built.follow_runbook("re-run")
        built.is_released()
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import io
import re
import shlex
import shutil
import zipfile
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from copier_pypi_release.workflow_files import STAGES
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.https import Action
    from emulator.pypi import Hosts, Index
    from emulator.sandbox import IndexName, Sandbox, Where
    from markdown_it.token import Token

OWNER, NAME = "octo-org", "demo-pkg"
REPOSITORY = f"{OWNER}/{NAME}"
RUNBOOK = ("RELEASING.md", ".github/release/RECOVERY.md")
TOOL = "uv run .github/release/tool.py"
Files = Literal["none", "wheel", "sdist", "all"]


class Meeting(enum.Enum):
    """How `release` meets a scenario."""

    REFUSES = "stops before anything is pushed"
    REVIEW = "comes to the review"
    SHOWS = "shows the row"
    GOES_ON = "ends published"


def kinds(names: list[str]) -> Files:
    """Which of a release's two files a list of names has."""
    wheel = any(name.endswith(".whl") for name in names)
    sdist = any(name.endswith(".tar.gz") for name in names)
    if wheel and sdist:
        return "all"
    return "wheel" if wheel else "sdist" if sdist else "none"


def errors_of(log: str) -> str:
    """The lines of a log that tell of an error, with those before them."""
    lines = log.splitlines()
    near = {
        n
        for number, line in enumerate(lines)
        if "error" in line.lower()
        for n in range(number - 5, number + 1)
    }
    return "\n".join(lines[number] for number in sorted(near) if number >= 0)


@dataclasses.dataclass
class Maintainer:
    """The package and its maintainer.

    Attributes:
        sandbox: The sandbox it lives in.
        tag: The tag that a scenario releases.
        tag_prefix: What stands before the version.
        environments: Names of the environments, of TestPyPI and PyPI.
        workflow: File name of the workflow that releases.
        name: Name of the repository and of the distribution.
        meetings: How `release` has met what happened, as it was typed.
    """

    sandbox: Sandbox
    tag: str = "v0.1.0"
    tag_prefix: str = "v"
    environments: tuple[str, str] = ("testpypi", "pypi")
    workflow: str = "release.yml"
    name: str = NAME
    meetings: list[Meeting] = dataclasses.field(default_factory=list)

    # -- setting up ----------------------------------------------------------------------------

    @classmethod
    def create(cls, sandbox: Sandbox, package: Path, **attributes: Any) -> Self:  # noqa: ANN401
        """Put a rendered package on GitHub and set it up as its RELEASING.md says.

        Args:
            sandbox: A running sandbox.
            package: The rendered files, without a git repository.
            attributes: Attributes of the project that differ from the defaults.
        """
        project = cls(sandbox, **attributes)
        sandbox.github.create_repo(OWNER, NAME)
        shutil.copytree(package, project.clone)
        project.shell(
            "git init --quiet && git add --all && git commit --quiet --message 'feat: first'",
            f"git remote add origin https://github.com/{REPOSITORY}",
            "git config credential.helper '!gh auth git-credential'",
        )
        project.shell("git push --quiet --set-upstream origin main")
        set_up, doctor, *_ = project.shell_blocks("before-the-first-release")
        project.shell(f"printf '\\ny\\n' | {set_up}")  # who approves: oneself; whether to go on: yes
        project.register_publisher("testpypi", project.environments[0])
        project.register_publisher("pypi", project.environments[1])
        project.shell(doctor)
        return project

    @property
    def repository(self) -> str:
        """``owner/name`` on GitHub."""
        return f"{OWNER}/{self.name}"

    def set_reviewer(self, environment: str) -> None:
        """Let an environment wait for its reviewer; which refs it lets in stays."""
        github = self.sandbox.github
        policies = github.environments(self.repository)[environment]["policies"]
        tags, branches = (
            tuple(policy["name"] for policy in policies if policy["type"] == kind)
            for kind in ("tag", "branch")
        )
        github.set_environment(self.repository, environment, reviewers=(OWNER,), tags=tags, branches=branches)

    def register_publisher(self, index: IndexName, environment: str) -> None:
        """Register the release workflow as a trusted publisher of the package."""
        self.index(index).add_publisher(
            self.name,
            owner=OWNER,
            owner_id=str(self.sandbox.github.ids(self.repository)["owner"]),
            repository=self.name,
            workflow=self.workflow,
            environment=environment,
            pending=self.name not in self.index(index).projects(),
        )

    # -- what the maintainer does ---------------------------------------------------------------

    @property
    def clone(self) -> Path:
        """The maintainer's clone."""
        return self.sandbox.root / "home" / self.name

    def shell(self, *commands: str, check: bool = True, **variables: str) -> str:
        """Run commands in the clone, as a person would in one bash, and return what they print."""
        done = self.sandbox.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
            cwd=self.clone,
            env={"GH_TOKEN": self.sandbox.github.token(OWNER), **variables},
            check=check,
        )
        return done.stdout + ("" if check else done.stderr)

    def commit(self, message: str, files: dict[str, str] | None = None, *, ci: bool = False) -> None:
        """Change files of the clone, commit and bring the commit to GitHub.

        Args:
            message: The commit message.
            files: New contents by path.
            ci: Push it, so that CI runs; otherwise see `publish`.
        """
        for name, text in (files or {}).items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.shell("git add --all", f"git commit --quiet --allow-empty --message '{message}'")
        if ci:
            self.shell("git push --quiet")
        else:
            self.publish()

    def publish(self) -> None:
        """Bring the commits of main to GitHub as if CI had ended on them as it did on the first one.

        For scenarios that are not about CI: GitHub fetches instead of being pushed to, so no event
        starts CI, and the verdict is filed. CI is executed for the checkpoint and in test_variants.py.
        """
        github = self.sandbox.github
        self.shell(
            f"git -C '{github.git_dir(REPOSITORY)}' fetch --quiet --update-head-ok '{self.clone}' main:main",
            "git fetch --quiet",
        )
        for run in github.runs(REPOSITORY, workflow="ci.yml")[:1]:
            github.repeat_verdict(run["id"], self.shell("git rev-parse HEAD").strip())

    def edit(self, path: str, old: str, new: str, *, push: bool = True) -> None:
        """Replace a text that stands once in a file of the clone; commit, and, by default, `publish`."""
        file = self.clone / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.shell(f"git commit --quiet --all --message 'chore: edit {path}'")
        if push:
            self.publish()

    def release(self, tag: str | None = None) -> Self:
        """Tag HEAD, push the tag, and wait until the run ends or waits for a reviewer."""
        self.tag = tag or self.tag
        self.shell(
            f"git tag --annotate '{self.tag}' --message release", f"git push --quiet origin '{self.tag}'"
        )
        return self.wait()

    def type_release(self, *answers: str, arguments: str = "", check: bool = True, login: str = "") -> str:
        """Type the command `release`, and answer its questions; what it printed.

        Args:
            answers: What is typed, a line each.
            arguments: Arguments of the command.
            check: Whether a failure is an error.
            login: Who types it, the owner by default.
        """
        typed = "".join(f"{answer}\\n" for answer in answers)
        token = self.sandbox.github.token(login or OWNER)
        command = f"printf '{typed}' | {TOOL} release {arguments} 2>&1"
        return self.shell(command, check=check, GH_TOKEN=token)

    def refuses(self, arguments: str, saying: str) -> Self:
        """Type `release --yes`: it stops before anything is pushed.

        Args:
            arguments: Arguments of the command.
            saying: A text of the message.
        """
        before, tags = self._all_state(), self.shell("git tag")
        said = self.type_release(arguments=f"{arguments} --yes", check=False)
        assert saying in " ".join(said.split()), said
        assert "\nFix: " in said, said
        assert (self._all_state(), self.shell("git tag")) == (before, tags)
        self.meetings.append(Meeting.REFUSES)
        return self

    def comes_to_review(self, index: IndexName, *answers: str) -> Self:
        """Type `release --yes`: it begins or goes on, and asks for a review that nobody is there to give.

        Args:
            index: Whose review that is.
            answers: What is typed before, a line each.
        """
        said = self.type_release(*answers, arguments=f"{self.version} --yes", check=False)
        assert f"There is nobody to answer: Approve {index}?" in said, said
        self.meetings.append(Meeting.REVIEW)
        return self

    def shows(self, anchor: str, saying: str = "") -> Self:
        """Type `release` with nobody to answer: it shows where it stopped and the way on; nothing changes.

        Args:
            anchor: The row of the runbook; empty where nothing is left to do.
            saying: A text of the state; by default that it stopped at the job of the row.
        """
        before = self._all_state()
        self._met(anchor, saying, check=False)
        assert self._all_state() == before
        self.meetings.append(Meeting.SHOWS)
        return self

    def goes_on(self, *answers: str, anchor: str = "", saying: str = "") -> Self:
        """Type `release`, which offers the commands of the runbook's row, up to the published release.

        Args:
            answers: What is typed, a line each.
            anchor: The row of the runbook, where it has stopped.
            saying: A text of that state; by default that it stopped at the job of the row.
        """
        asked = self._met(anchor, saying, *answers)
        assert bool(asked) is bool(anchor)
        self.is_released(twice=False)
        assert not self.github_release()["draft"]  # type: ignore[index]
        self.meetings.append(Meeting.GOES_ON)
        return self

    def _met(self, anchor: str, saying: str, *answers: str, check: bool = True) -> list[str]:
        """Type `release`; assert that it shows the state and the row; return the commands that it offered."""
        known = {"TestPyPI": self._word_for("testpypi"), "PyPI": self._word_for("pypi")}
        printed = [
            command for row in (anchor, *self._links(anchor), "re-run") for command in self._commands(row)
        ]
        said = self.type_release(*answers, arguments=self.version, check=check)
        words = " ".join(said.split())
        assert (saying or (f"{self.tag} stopped at {anchor}" if anchor else "is released")) in words, said
        if anchor:
            page = RUNBOOK[anchor != "steps"]
            assert f"See: {page}#{anchor}" in words, said
            shown = {title: re.findall(rf"^ *{title} +(\w+)", said, re.MULTILINE)[0] for title in known}
            assert shown == known, said
        asked = re.findall(r"Run it now: (.+?)\? \[y/N\]", words)
        assert set(asked) <= set(printed), (asked, printed)
        return asked

    def _word_for(self, index: IndexName) -> str:
        """What there is of the version on an index, in the words of `status`."""
        served = self.served(index)
        try:
            built = self.built()
        except (AssertionError, LookupError, zipfile.BadZipFile):  # no run, or none that kept what it built
            return "there" if served else "absent"
        if not served.items() <= built.items():
            return "conflict"
        return "identical" if served == built else "partial" if served else "absent"

    def _commands(self, anchor: str) -> list[str]:
        """The commands below an anchor of the runbook, with this tag and its newest run put in."""
        run = str(self.run["id"]) if self.runs() else ""
        text = "\n".join(self.runbook().get(anchor, [])).replace("$TAG", self.tag).replace("$RUN", run)
        return [shlex.join(shlex.split(line)) for line in text.splitlines()]

    def _all_state(self) -> dict[str, Any]:
        """What nobody changes who only looks."""
        runs = [(run["id"], run["status"], run["conclusion"], len(run["jobs"])) for run in self.runs()]
        refs = self.sandbox.github.refs(self.repository)
        return self.public_state() | {
            "runs": runs,
            "refs": refs,
            "tree": self.shell("git status --porcelain"),
        }

    def approve(self) -> Self:
        """Approve whatever waits for a reviewer, again and again, until every run of the tag ends."""
        self.sandbox.wait_idle()
        while waiting := next((run for run in self.runs() if run["status"] == "waiting"), None):
            environment = next(job["environment"] for job in waiting["jobs"] if job["status"] == "waiting")
            self.sandbox.github.approve(waiting["id"], environment)
            self.sandbox.wait_idle()
        return self

    def spoil_uploads(self, index: IndexName, action: Action, **where: Unpack[Where]) -> None:
        """Put a fault in force for uploads to an index; see `emulator.https.Fault`."""
        uploads: Where = {"host": self.hosts(index).upload, "method": "POST", "path": "/legacy/"}
        uploads.update(where)
        self.sandbox.fault(action, **uploads)

    def wait(self) -> Self:
        """Wait until nothing runs."""
        self.sandbox.wait_idle()
        return self

    def rerun_all(self) -> Self:
        """Re-run every job of the newest run, and wait."""
        self.shell(f"gh run rerun {self.run['id']}")
        return self.approve()

    def push_unseen(self, tag: str) -> None:
        """Push a tag with three others, for which GitHub starts nothing; they were made long ago."""
        names = f"{tag} noise-1 noise-2 noise-3"
        self.shell(
            f"for name in {names}; do git tag --annotate --message release $name; done",
            f"git push --quiet origin {names}",
            GIT_COMMITTER_DATE="2026-01-01T00:00:00Z",
        )

    def delete_runs(self, workflow: str) -> None:
        """Delete every run of a workflow, as if it never ran."""
        runs = self.sandbox.github.runs(self.repository, workflow=workflow)
        self.shell(*(f"gh run delete {run['id']}" for run in runs))

    def follow_runbook(self, anchor: str, *, approve: bool = True) -> Self:
        """Run the first shell block that follows an anchor of the runbook, as printed, and wait.

        The block that sets its variables goes before it, with this scenario's tag put in.

        Args:
            anchor: the heading or ``<a id=...>``.
            approve: approve what waits for a reviewer.
        """
        first = re.sub(r"^TAG=\S+", f"TAG={self.tag}", self.variables_block, flags=re.MULTILINE)
        self.shell(first, self.shell_blocks(anchor)[0])
        return self.approve() if approve else self.wait()

    def runbook(self) -> dict[str, list[str]]:
        """The fenced shell blocks of both pages, by the heading or ``<a id=...>`` above them."""
        blocks: dict[str, list[str]] = {}
        for here, token in self._parts():
            if token.type == "fence" and token.info == "sh":
                blocks.setdefault(here, []).append(token.content)
        return blocks

    def _links(self, anchor: str) -> list[str]:
        """The anchors that a row of the runbook sends to."""
        texts = [token.content for here, token in self._parts() if here == anchor and token.type == "inline"]
        return [link for text in texts for link in re.findall(r"\]\(#([^)]+)\)", text)]

    def _parts(self) -> Iterator[tuple[str, Token]]:
        """What both pages consist of, each part with the heading or ``<a id=...>`` above it."""
        for page in RUNBOOK:
            path = self.clone / page
            here, heading = "", False
            for token in MarkdownIt().parse(path.read_text(encoding="utf-8") if path.exists() else ""):
                if token.type == "inline":
                    named = re.search('<a id="([^"]+)">', token.content)
                    slug = re.sub(r"[^\w -]", "", token.content.lower()).strip().replace(" ", "-")
                    here = named[1] if named else slug if heading else here
                yield here, token
                heading = token.type == "heading_open"

    def shell_blocks(self, anchor: str) -> list[str]:
        """The fenced shell blocks between a heading or ``<a id=...>`` of the runbook and the next one."""
        return self.runbook()[anchor]

    @property
    def variables_block(self) -> str:
        """The block of the runbook that sets the variables of the other ones."""
        (found,) = (block for blocks in self.runbook().values() for block in blocks if "\nRUN=" in block)
        return found

    # -- what there is to see ---------------------------------------------------------------------

    def index(self, name: IndexName) -> Index:
        """One of the indexes."""
        return self.sandbox.index(name)

    def hosts(self, name: IndexName) -> Hosts:
        """The public names of an index."""
        return self.sandbox.hosts(name)

    def runs(self) -> list[dict[str, Any]]:
        """The runs that release the tag, oldest first."""
        runs = self.sandbox.github.runs(self.repository, workflow=self.workflow)
        return [run for run in runs if run["title"] == f"Release {self.tag}"]

    @property
    def run(self) -> dict[str, Any]:
        """The newest run that releases the tag."""
        runs = self.runs()
        assert runs, f"no run was created for {self.tag}"
        return runs[-1]

    def jobs(self, key: str) -> list[dict[str, Any]]:
        """The jobs of the newest run with a key: one, or a leg of a matrix each."""
        return [job for job in self.run["jobs"] if job["key"] == key]

    def log(self, key: str) -> str:
        """What a job of the newest run printed, with its summary and annotations."""
        jobs = self.jobs(key)
        notes = [note["message"] for job in jobs for note in job["annotations"]]
        return "\n".join([*(job["log"] + job["summary"] for job in jobs), *notes])

    @property
    def version(self) -> str:
        """The version that the tag stands for."""
        return self.tag.removeprefix(self.tag_prefix)

    def served(self, name: IndexName) -> dict[str, str]:
        """SHA-256 by name of the files that an index has of the tag's version, listed or not."""
        files = self.index(name).files(self.name)
        return {f.filename: f.sha256 for f in files.values() if f.version == self.version}

    def built(self) -> dict[str, str]:
        """SHA-256 by name of the distributions that the newest run keeps as an artifact."""
        with zipfile.ZipFile(
            io.BytesIO(self.sandbox.github.artifact(self.run["id"], "distributions"))
        ) as archive:
            return {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()}

    def github_release(self) -> dict[str, Any] | None:
        """The GitHub Release of the tag, draft or not; there is never more than one."""
        found = [r for r in self.sandbox.github.releases(self.repository) if r["tag_name"] == self.tag]
        assert len(found) < 2, "more than one release of one tag"
        return found[0] if found else None

    def open_issues(self) -> list[str]:
        """Titles of the open issues about the tag."""
        issues = self.sandbox.github.issues(self.repository)
        titles = [issue["title"] for issue in issues if issue["state"] == "open"]
        return [title for title in titles if title.startswith(f"Release {self.tag} ")]

    # -- what must hold ---------------------------------------------------------------------------

    def stopped_at(
        self, stage: str, saying: str = "", *, testpypi: Files = "none", pypi: Files = "none"
    ) -> None:
        """Assert the state after a fault, exactly.

        Args:
            stage: The job that failed; every later one was skipped.
            saying: Text that its log has.
            testpypi: Files of the version on TestPyPI.
            pypi: Files of the version on PyPI.
        """
        run = self.run
        results = {key: fact["result"] for key, fact in run["results"].items()}
        assert run["conclusion"] == "failure", results
        assert next(key for key in STAGES if results[key] != "success") == stage, results
        assert results[stage] == "failure", results
        after = STAGES[STAGES.index(stage) + 1 :]
        assert {results[key] for key in after} <= {"skipped"}, results
        assert saying in self.log(stage), self.log(stage)[-3000:]
        assert kinds(list(self.served("testpypi"))) == testpypi
        assert kinds(list(self.served("pypi"))) == pypi
        if stage != "github-release":
            assert self.github_release() is None
        if "report" in results:
            assert self.open_issues() == [f"Release {self.tag} stopped at {stage}"]

    def waits_for(self, index: IndexName) -> None:
        """Assert that all before the publishing is green, and that it waits for a reviewer."""
        stage = f"publish-{index}"
        before = STAGES[: STAGES.index(stage)]
        found = {key: fact["result"] for key, fact in self.run["results"].items()}
        assert (self.run["status"], found) == ("waiting", dict.fromkeys(before, "success"))
        assert [job["key"] for job in self.run["jobs"] if job["status"] == "waiting"] == [stage]
        built = self.built()
        assert kinds(list(built)) == "all"
        assert self.served("testpypi") == (built if index == "pypi" else {})
        assert self.served("pypi") == {}

    def is_released(self, *, twice: bool = True) -> None:
        """Assert that the release is complete, and that one more re-run changes nothing.

        Nothing untested or mismatched is on PyPI; the same files are everywhere; the run is green.

        Args:
            twice: Re-run the publishing of the finished release, to see that nothing changes.
        """
        run = self.run
        assert run["conclusion"] == "success", {k: v["result"] for k, v in run["results"].items()}
        built = self.built()
        assert kinds(list(built)) == "all"
        assert self.served("testpypi") == built
        assert self.served("pypi") == built
        release = self.github_release()
        assert release is not None
        sums = release["assets"].pop("SHA256SUMS").decode()
        assert {n: hashlib.sha256(data).hexdigest() for n, data in release["assets"].items()} == built
        assert dict(reversed(line.split()) for line in sums.splitlines()) == built
        assert not self.open_issues()
        if twice:
            before = self.public_state()
            first = next(job["id"] for job in run["jobs"] if job["key"] == "publish-pypi")
            self.shell(f"gh run rerun --job {first}")
            self.approve()
            assert self.run["conclusion"] == "success"
            assert self.public_state() == before

    def public_state(self) -> dict[str, Any]:
        """Everything public about the version, to compare before and after."""
        return {
            "testpypi": self.served("testpypi"),
            "pypi": self.served("pypi"),
            "releases": self.sandbox.github.releases(self.repository),
            "issues": self.open_issues(),
        }
