"""The reader of workflow files: jobs, steps, what they need, what they may, which of them publish."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_lib.settings import Settings

FOLDER = ".github/workflows"
SCRIPTS = ".github/release/"
PINNED = re.compile(r"@[0-9a-f]{40}\Z")
# In the order in which they run; each is a heading of RECOVERY.md.
STAGES = (
    *("gate", "build", "test", "publish-testpypi", "verify-testpypi"),
    *("publish-pypi", "verify-pypi", "github-release"),
)

# ---- What uploads to an index -----------------------------------------------------------------------

PUBLISH_ACTION = "pypa/gh-action-pypi-publish"
_OPTIONS = r"(?:\s+-\S+(?:\s+(?!upload\b|publish\b)[^-\s]\S*)?)*\s+"
UPLOAD_COMMAND = re.compile(
    rf"\btwine{_OPTIONS}upload\b"
    rf"|\b(?:uv|flit|poetry|hatch|pdm|rye|maturin){_OPTIONS}publish\b"
    rf"|\bmaturin{_OPTIONS}upload\b"
    r"|\bsetup\.py\s.*\bupload\b"
)
# The release bot uploaded by itself until its version 7.
UPLOADING_BOT = re.compile(r"python-semantic-release/python-semantic-release@v?[1-7](?:\.|\Z)", re.IGNORECASE)
DEPLOYMENT = re.compile(r"^\s*provider:\s*[\"']?pypi\b", re.MULTILINE)  # of Travis
TEST_INDEX = re.compile(
    r"test\.pypi\.org|\btestpypi\b|\btest-pypi\b|publish\s+(?:-r|--repo\S*|--index)[ =]test", re.IGNORECASE
)
SECRET = re.compile(r"secrets\.([A-Za-z_][A-Za-z0-9_]*)")


def upload_command(script: str) -> bool:
    """Whether a script, of a step or of another CI system, uploads to an index."""
    lines = [line for line in script.replace("\\\n", " ").splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines)
    return bool(UPLOAD_COMMAND.search(text) or DEPLOYMENT.search(text))


def upload_action(uses: str) -> bool:
    """Whether an action uploads to an index, whoever keeps a copy of it."""
    name = uses.partition("@")[0].lower()
    same = name.rpartition("/")[2] == PUBLISH_ACTION.rpartition("/")[2]
    return same or bool(UPLOADING_BOT.match(uses))


def index_of(step: Mapping[str, Any]) -> str | None:
    """The index that a step uploads to, ``pypi`` or ``testpypi``; None if it uploads nothing."""
    if upload_action(str(step.get("uses", ""))):
        return "testpypi" if TEST_INDEX.search(repository_url(step)) else "pypi"
    script = str(step.get("run", ""))
    if upload_command(script):
        return "testpypi" if TEST_INDEX.search(f"{script} {step.get('env') or ''}") else "pypi"
    return None


def repository_url(step: Mapping[str, Any]) -> str:
    """The address that the publish action is given; empty for PyPI, its default."""
    inputs = step.get("with") or {}
    return str(inputs.get("repository-url") or inputs.get("repository_url") or "")


@dataclass(frozen=True)
class PublishingJob:
    """A job that uploads to an index.

    Attributes:
        file: File name of its workflow.
        job: Its key there.
        index: ``pypi`` or ``testpypi``.
        environment: The GitHub environment that it runs in; empty without one, or with a computed one.
        trusted: Whether it needs no token.
        secrets: Names of the secrets that it uses.
        ours: Whether this template rendered it.
    """

    file: str
    job: str
    index: str
    environment: str
    trusted: bool
    secrets: tuple[str, ...] = ()
    ours: bool = False


@dataclass(frozen=True)
class Script:
    """A release script that a step runs.

    Attributes:
        name: Its file name.
        arguments: Its arguments.
        words: The whole command.
        step: The step.
    """

    name: str
    arguments: tuple[str, ...]
    words: tuple[str, ...]
    step: Mapping[str, Any] = field(compare=False)

    @property
    def condition(self) -> str:
        """When the step runs; empty if it always does."""
        return str(self.step.get("if", ""))

    @property
    def counts(self) -> bool:
        """Whether it always runs and its failure fails the job."""
        return not self.condition and not self.step.get("continue-on-error")


# ---- Workflows --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workflow:
    """A workflow file.

    Attributes:
        path: The file.
        text: Its contents.
        data: Its contents, parsed (YAML 1.2, where ``on`` is a word) by a loader that knows the lines.
    """

    path: Path
    text: str
    data: Any = field(compare=False, hash=False)

    @property
    def file(self) -> str:
        """File name."""
        return self.path.name

    @property
    def place(self) -> str:
        """Path from the root of the repository."""
        return f"{FOLDER}/{self.file}"

    @property
    def jobs(self) -> Mapping[str, Any]:
        """The jobs by key."""
        found = self.data.get("jobs")
        return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    @property
    def triggers(self) -> Mapping[str, Any]:
        """What starts it."""
        on = self.data.get("on")
        if isinstance(on, str):
            return {on: None}
        if isinstance(on, list):
            return dict.fromkeys(on)
        return on if isinstance(on, dict) else {}

    @property
    def only_releases(self) -> bool:
        """Whether nothing but a tag, a GitHub Release or a person starts it."""
        push = self.triggers.get("push", {"tags": []})
        by_tag = isinstance(push, dict) and "tags" in push and "branches" not in push
        return by_tag and set(self.triggers) <= {"push", "release", "workflow_dispatch", "create"}

    @property
    def tests_commits(self) -> bool:
        """Whether commits or pull requests start it."""
        push = self.triggers.get("push", {"tags": []})
        by_branch = not (isinstance(push, dict) and "tags" in push and "branches" not in push)
        return by_branch or "pull_request" in self.triggers

    @property
    def ours(self) -> bool:
        """Whether this template rendered it, to release."""
        return f"{SCRIPTS}check_tag.py" in self.text

    def needs(self, *jobs: str) -> set[str]:
        """The jobs that some jobs need, directly or not."""
        found: set[str] = set()
        waiting = list(jobs)
        while waiting:
            direct = self.jobs.get(waiting.pop(), {}).get("needs") or []
            new = ({direct} if isinstance(direct, str) else set(direct)) - found
            waiting += sorted(new)
            found |= new
        return found

    def steps(self, job: str) -> list[Mapping[str, Any]]:
        """The steps of a job; none for a call of another workflow."""
        found = self.jobs.get(job, {}).get("steps") or []
        return [step for step in found if isinstance(step, dict)]

    def using(self, action: str) -> list[tuple[str, Mapping[str, Any]]]:
        """The steps that use an action, with the key of their job."""
        return [
            (job, step)
            for job in self.jobs
            for step in self.steps(job)
            if str(step.get("uses", "")).partition("@")[0] == action
        ]

    def scripts(self, job: str) -> list[Script]:
        """The release scripts that a job runs, in order."""
        found = []
        for step in self.steps(job):
            for line in str(step.get("run", "")).splitlines():
                try:
                    words = shlex.split(line, comments=True)
                except ValueError:
                    continue  # a line of the user's own, of a shell of their own
                for number, word in enumerate(words):
                    if SCRIPTS in word:
                        name, arguments = word.rpartition("/")[2], tuple(words[number + 1 :])
                        found.append(Script(name, arguments, tuple(words), step))
        return found

    def uses(self) -> list[str]:
        """Every action and workflow of another repository that is used."""
        steps = [step for job in self.jobs for step in self.steps(job)]
        named = [str(item["uses"]) for item in (*steps, *self.jobs.values()) if "uses" in item]
        return [name for name in named if not name.startswith(("./", "docker://"))]

    def environment(self, job: str) -> str:
        """Name of the environment of a job; empty if it has none."""
        found = self.jobs.get(job, {}).get("environment", "")
        return str(found.get("name", "")) if isinstance(found, dict) else str(found or "")

    def permissions(self, job: str) -> Mapping[str, Any] | str | None:
        """What a job's token may, inherited or not; None where the repository's setting decides."""
        found: Mapping[str, Any] | str | None = self.jobs.get(job, {}).get(
            "permissions", self.data.get("permissions")
        )
        return found

    def identified(self, job: str) -> bool:
        """Whether a job can ask for an identity token."""
        found = self.permissions(job)
        return found == "write-all" or (isinstance(found, dict) and found.get("id-token") == "write")

    def job_of(self, shown: str) -> str:
        """Key of the job that is shown by a name, which may have the values of a matrix."""
        for key, job in self.jobs.items():
            fixed = str(job.get("name", key)).split("${{")[0]
            if shown in (fixed, key) or ("${{" in str(job.get("name", "")) and shown.startswith(fixed)):
                return key
        return ""

    def publishing_jobs(self) -> list[PublishingJob]:
        """Every job that uploads to an index; once for each index."""
        found = []
        for key, job in self.jobs.items():
            steps = self.steps(key)
            for index in dict.fromkeys(filter(None, map(index_of, steps))):
                uploading = [step for step in steps if index_of(step) == index]
                text = " ".join(str(dict(step)) for step in uploading) + str(job.get("env") or "")
                secrets = tuple(dict.fromkeys(SECRET.findall(text)))
                environment = self.environment(key)
                found.append(
                    PublishingJob(
                        file=self.file,
                        job=str(key),
                        index=index,
                        environment="" if "${{" in environment else environment,
                        trusted=self.identified(key) and not secrets,
                        secrets=secrets,
                        ours=self.ours,
                    )
                )
        return found


@functools.lru_cache(maxsize=64)
def _data(text: str) -> Any:  # noqa: ANN401  (whatever the text says)
    """What a YAML text says; not to be changed, because the next who asks gets the same object."""
    return YAML(typ="rt").load(text)


def parse(file: str | Path, text: str) -> Workflow:
    """Parse the text of a workflow.

    Raises:
        ReleaseError: It is not YAML, or no mapping.
    """
    path = Path(file)
    try:
        data = _data(text)
    except (YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise _unreadable(path, f"is not YAML{where}: {reason}") from error
    if not isinstance(data, dict):
        raise _unreadable(path, "is not a workflow: it has no keys")
    return Workflow(path, text, data)


def load(path: Path) -> Workflow:
    """Read a workflow.

    Raises:
        ReleaseError: It is missing, is not UTF-8, is not YAML, or no mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8")  # line breaks as they are
    except FileNotFoundError as error:
        raise _unreadable(path, "is missing") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"cannot be read: {error}") from error
    return parse(path, text)


def _unreadable(path: Path, problem: str) -> ReleaseError:
    place = f"{FOLDER}/{path.name}"
    return ReleaseError(
        f"{place} {problem}",
        expected="workflows that can be read, so that no publishing job is overlooked",
        fix=f"git log -p -- {place} shows what changed; correct it, commit, and run this again",
        see="https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax",
    )


def load_release(root: Path, settings: Settings) -> Workflow:
    """Read the workflow that releases; see `load`."""
    return load(root / FOLDER / settings.release_workflow)


def workflow_paths(root: Path) -> list[Path]:
    """The files that GitHub takes for workflows, by name."""
    return sorted(p for p in (root / FOLDER).glob("*") if p.suffix in {".yml", ".yaml"} and p.is_file())


def workflows(root: Path) -> list[Workflow]:
    """Every workflow of a repository that can be read, by name of the file."""
    found = []
    for path in workflow_paths(root):
        try:
            found.append(load(path))
        except ReleaseError:
            continue  # GitHub cannot read it either
    return found


def unpinned(root: Path) -> list[str]:
    """``FILE: ACTION`` for every action that is not pinned to a full commit."""
    return loose(workflows(root))


def loose(read: Iterable[Workflow]) -> list[str]:
    """``FILE: ACTION`` for every action of some workflows that is not pinned to a full commit."""
    return [f"{w.file}: {name}" for w in read for name in w.uses() if not PINNED.search(name)]
