"""What the workflows of a repository do: which of them publish, which one is CI, and what CI runs."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBLISH_ACTION = "pypa/gh-action-pypi-publish"
PUBLISH_COMMAND = re.compile(
    r"\b(?:twine\s+upload|(?:uv|flit|poetry|hatch|pdm|maturin)\s+publish|setup\.py\s+.*\bupload)\b"
)
TEST_INDEX = re.compile(
    r"test\.pypi\.org|\btestpypi\b|\btest-pypi\b|publish\s+(?:-r|--repo\S*|--index)[ =]test", re.IGNORECASE
)
# Steps that make a GitHub Release or sign for it: the new workflow does that.
RELEASE_STEP = re.compile(
    r"action-gh-release|create-release|release-drafter|upload-release-action|ncipollo/release-action|"
    r"gh-action-sigstore|gh release (?:create|upload|edit)|attest-build-provenance",
    re.IGNORECASE,
)
SECRET = re.compile(r"secrets\.([A-Za-z_][A-Za-z0-9_]*)")
PYTHON = re.compile(r"3\.\d+")
WRAPPERS = (
    "uv run",
    "poetry run",
    "pdm run",
    "rye run",
    "hatch run",
    "pipenv run",
    "python -m",
    "python3 -m",
)
GATES = {
    *(
        "make",
        "just",
        "task",
        "tox",
        "nox",
        "pytest",
        "py.test",
        "coverage",
        "ruff",
        "mypy",
        "flake8",
        "black",
    ),
    *(
        "isort",
        "pylint",
        "pyright",
        "basedpyright",
        "ty",
        "pre-commit",
        "prek",
        "unittest",
        "stestr",
        "trial",
    ),
    *("invoke", "inv"),
}
HATCH_GATES = ("hatch test", "hatch run", "hatch fmt")
QUIET = ("echo", "cd", "export", "source", ".", "git", "ls", "set", "python -V", "python --version")


@dataclass(frozen=True)
class Publisher:
    """A job that uploads to an index.

    Attributes:
        file: File name of its workflow.
        job: Its key there.
        index: ``pypi`` or ``testpypi``.
        environment: The GitHub environment it runs in; empty if none.
        trusted: Whether it needs no token.
        secrets: Names of the secrets it uses.
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
class Workflow:
    """A workflow file.

    Attributes:
        file: Its name.
        text: Its contents.
        data: Its contents, parsed, with positions.
    """

    file: str
    text: str
    data: Any = field(compare=False, hash=False)  # a mapping that knows its lines

    @property
    def jobs(self) -> Mapping[str, Any]:
        """The jobs, by key."""
        jobs = self.data.get("jobs")
        return jobs if isinstance(jobs, dict) else {}

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
        """Whether nothing but a release starts it: a tag, a GitHub Release, or a hand."""
        push = self.triggers.get("push", {"tags": []})
        by_tag = isinstance(push, dict) and "tags" in push and "branches" not in push
        return by_tag and set(self.triggers) <= {"push", "release", "workflow_dispatch", "create"}

    @property
    def tests_commits(self) -> bool:
        """Whether commits or pull requests start it."""
        push = self.triggers.get("push", {"tags": []})
        by_branch = not (isinstance(push, dict) and "tags" in push and "branches" not in push)
        return by_branch or "pull_request" in self.triggers


@dataclass(frozen=True)
class Gate:
    """What a repository's own CI runs.

    Attributes:
        file: File name of the CI workflow; empty if there is none.
        commands: What it runs, without a shell.
        pythons: The Python versions it runs on.
        left_out: Lines that need a shell or a runner, and are not carried over.
        main: The command to show: the last one.
    """

    file: str = ""
    commands: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The command to show."""
        return self.commands[-1] if self.commands else ""


def parse_workflow(file: str, text: str) -> Workflow:
    """Parse one workflow file (YAML 1.2: ``on`` is no boolean).

    Raises:
        AdoptionError: It is not YAML, or no mapping.
    """
    try:
        data = YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise AdoptionError(
            f".github/workflows/{file} is not YAML{where}: {getattr(error, 'problem', None) or error}",
            expected="workflows that can be read, so that no publisher is overlooked",
            fix=f"mend .github/workflows/{file} or delete it, commit, and run this again",
        ) from error
    if not isinstance(data, dict):
        raise AdoptionError(
            f".github/workflows/{file} is not a workflow: it has no keys",
            expected="workflows that can be read, so that no publisher is overlooked",
            fix=f"mend .github/workflows/{file} or delete it, commit, and run this again",
        )
    return Workflow(file, text, data)


def steps_of(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps of a job; none for a call of another workflow."""
    steps = job.get("steps") if isinstance(job, dict) else None
    return [step for step in steps or [] if isinstance(step, dict)]


def publishes(step: Mapping[str, Any]) -> str | None:
    """The index that a step uploads to, or None."""
    uses, script = str(step.get("uses", "")), str(step.get("run", ""))
    if uses.partition("@")[0] == PUBLISH_ACTION:
        options = step.get("with") or {}
        url = str(options.get("repository-url") or options.get("repository_url") or "")
        return "testpypi" if TEST_INDEX.search(url) else "pypi"
    if PUBLISH_COMMAND.search(script):
        return "testpypi" if TEST_INDEX.search(f"{script} {step.get('env') or ''}") else "pypi"
    return None


def publishers_of(workflow: Workflow) -> Iterator[Publisher]:
    """Every job of a workflow that uploads to an index; once for each index."""
    ours = ".github/release/check_tag.py" in workflow.text
    for key, job in workflow.jobs.items():
        steps = steps_of(job)
        for index in dict.fromkeys(filter(None, map(publishes, steps))):
            environment = job.get("environment") or ""
            name = environment.get("name", "") if isinstance(environment, dict) else environment
            uploading = [step for step in steps if publishes(step) == index]
            text = " ".join(str(dict(step)) for step in uploading) + str(job.get("env") or "")
            secrets = tuple(dict.fromkeys(SECRET.findall(text)))
            permissions = job.get("permissions", workflow.data.get("permissions")) or {}
            trusted = isinstance(permissions, dict) and permissions.get("id-token") == "write"
            yield Publisher(
                file=workflow.file,
                job=str(key),
                index=index,
                environment="" if "${{" in str(name) else str(name),
                trusted=trusted and not secrets,
                secrets=secrets,
                ours=ours,
            )


def needed_by(workflow: Workflow, jobs: set[str]) -> set[str]:
    """The jobs that some jobs need, directly or not."""
    found: set[str] = set()
    waiting = list(jobs)
    while waiting:
        needs = (workflow.jobs.get(waiting.pop()) or {}).get("needs") or []
        new = {needs} if isinstance(needs, str) else set(needs)
        waiting += sorted(new - found)
        found |= new
    return found


def side_jobs(workflow: Workflow, publishing: set[str]) -> list[str]:
    """Jobs that do something besides building, testing, publishing and making a GitHub Release."""
    known = publishing | needed_by(workflow, publishing)
    found = []
    for key, job in workflow.jobs.items():
        text = " ".join(f"{s.get('uses', '')} {s.get('run', '')}" for s in steps_of(job))
        if key not in known and not RELEASE_STEP.search(text):
            found.append(str(key))
    return found


def without_jobs(workflow: Workflow, doomed: set[str]) -> str:
    """The text of a workflow without some jobs, every other byte as it was.

    Raises:
        AdoptionError: Another job needs one of them, or the file is laid out in a way that cannot be cut.
    """
    text = workflow.text
    for job in doomed:
        dependants = [
            str(key)
            for key, other in workflow.jobs.items()
            if key not in doomed and job in needed_by(workflow, {str(key)})
        ]
        if dependants:
            raise AdoptionError(
                f"The job {job!r} in {workflow.file} publishes, and {dependants[0]!r} needs it",
                expected="a publishing job that can be taken out",
                fix=f"take {job!r} out of the `needs` of {dependants[0]!r}, commit, and run this again",
            )
        text = _cut(parse_workflow(workflow.file, text), "jobs", job)
    meant = {key: value for key, value in workflow.data.items() if key != "jobs"}
    meant["jobs"] = {key: value for key, value in workflow.jobs.items() if key not in doomed}
    left = parse_workflow(workflow.file, text)
    if left.data != meant:
        raise AdoptionError(
            f"The job {min(doomed)!r} cannot be cut out of .github/workflows/{workflow.file} safely",
            expected="a workflow in block style",
            fix=f"delete that job from {workflow.file} by hand, commit, and run this again",
        )
    return _without_identity(left)


def _cut(workflow: Workflow, table: str, key: str) -> str:
    """The text of a workflow without one key of a table, and without the comments that lead it."""
    lines = workflow.text.splitlines(keepends=True)
    parent = workflow.data[table]
    line, column = parent.lc.key(key)
    keys = list(parent)
    following = keys[keys.index(key) + 1 :]
    if following:
        end = parent.lc.key(following[0])[0]
    else:
        later = [workflow.data.lc.key(k)[0] for k in workflow.data if workflow.data.lc.key(k)[0] > line]
        end = min(later, default=len(lines))

    # Comments above a key belong to it; those above the next key stay.
    def leads(at: int) -> bool:
        stripped = lines[at].strip()
        return not stripped or (stripped.startswith("#") and lines[at].index("#") <= column)

    while end > line + 1 and leads(end - 1) and (following or end < len(lines)):
        end -= 1
    while line > 0 and lines[line - 1].strip().startswith("#") and lines[line - 1].index("#") == column:
        line -= 1
    if not following:
        while line > 0 and not lines[line - 1].strip():
            line -= 1
    else:
        while end < len(lines) and not lines[end].strip():
            end += 1
    return "".join(lines[:line] + lines[end:])


def _without_identity(workflow: Workflow) -> str:
    """The text of a workflow that publishes no more, without a workflow-wide identity token."""
    permissions: Any = workflow.data.get("permissions")
    if not isinstance(permissions, dict) or permissions.get("id-token") != "write":
        return workflow.text
    lines = workflow.text.splitlines(keepends=True)
    if len(permissions) == 1:
        start = workflow.data.lc.key("permissions")[0]
        end = workflow.data["permissions"].lc.key("id-token")[0]
        return "".join([*lines[:start], "permissions: {}\n", *lines[end + 1 :]])
    return _cut(workflow, "permissions", "id-token")


# ---- CI ---------------------------------------------------------------------------------------------


def simple_commands(script: str) -> tuple[list[str], list[str]]:
    """The lines of a script that run without a shell, and those that do not.

    A line that only talks, or activates an environment, is neither.
    """
    simple: list[str] = []
    complex_: list[str] = []
    for whole in script.replace("\\\n", " ").splitlines():
        for line in whole.split("&&"):
            command = " ".join(line.split())
            if not command or command.startswith("#"):
                continue
            try:
                words = shlex.split(command)
            except ValueError:
                words = []
            plain = words and "=" not in words[0] and not re.search(r"[|;<>$`*]|\$\{\{|\{\{", command)
            if words and (words[0] in QUIET or command in QUIET):
                continue
            (simple if plain else complex_).append(command)
    return simple, complex_


def is_gate(command: str) -> bool:
    """Whether a command checks the project, and does not only prepare for that."""
    if command.startswith(HATCH_GATES):
        return True
    changed = True
    while changed:
        changed = False
        for wrapper in WRAPPERS:
            if command.startswith(wrapper + " "):
                command = re.sub(r"^(?:--?\S+(?:[ =](?![a-z]+ )\S+)?\s+)*", "", command[len(wrapper) + 1 :])
                changed = True
    word = command.partition(" ")[0] if command else ""
    return word in GATES and not re.match(
        r"make (?:install|setup|dev|init|deps|docs?|build|dist|clean)\b", command
    )


def gate_of(workflow: Workflow, folder: str) -> Gate:
    """What a CI workflow runs to check a project.

    Args:
        workflow: The workflow.
        folder: The project's folder in the repository; empty for its root.
    """
    commands: list[str] = []
    left_out: list[str] = []
    pythons: list[str] = []
    wide = ((workflow.data.get("defaults") or {}).get("run") or {}).get("working-directory")
    for job in workflow.jobs.values():
        if not isinstance(job, dict) or any(publishes(step) for step in steps_of(job)):
            continue
        own = ((job.get("defaults") or {}).get("run") or {}).get("working-directory", wide)
        lines: list[str] = []
        odd: list[str] = []
        for step in steps_of(job):
            place = str(step.get("working-directory", own) or "").strip("./")
            if "run" in step and place in {"", folder}:
                if place != folder:
                    continue
                simple, complex_ = simple_commands(str(step["run"]))
                lines, odd = lines + simple, odd + complex_
        last = max((n for n, line in enumerate(lines) if is_gate(line)), default=-1)
        if last < 0:
            continue
        commands += lines[: last + 1]
        left_out += odd
        pythons += _pythons(job)
    return Gate(workflow.file, tuple(dict.fromkeys(commands)), tuple(dict.fromkeys(pythons)), tuple(left_out))


def _pythons(job: Mapping[str, Any]) -> list[str]:
    """The Python versions that a job runs on."""
    matrix = (job.get("strategy") or {}).get("matrix") or {}
    found: list[str] = []
    if isinstance(matrix, dict):
        for key, values in matrix.items():
            if "python" in str(key).lower() and isinstance(values, list):
                found += [str(value) for value in values]
            if key == "include" and isinstance(values, list):
                found += [
                    str(v) for i in values if isinstance(i, dict) for k, v in i.items() if "python" in str(k)
                ]
    if not found:
        for step in steps_of(job):
            version = str((step.get("with") or {}).get("python-version", ""))
            found += version.split() if "${{" not in version else []
    return [version for version in found if PYTHON.fullmatch(version)]


def choose_ci(workflows: list[Workflow], folder: str) -> Gate:
    """The CI workflow: of those that commits start, the one that checks the most; then the best name."""
    best = Gate()
    rank = (0, 0)
    for workflow in workflows:
        gate = gate_of(workflow, folder) if workflow.tests_commits else Gate()
        named = sum(word in workflow.file.lower() for word in ("ci", "test", "check", "build"))
        gates = sum(map(is_gate, gate.commands))
        if gates and (min(gates, 3) + 2 * named, len(gate.commands)) > rank:
            best, rank = gate, (min(gates, 3) + 2 * named, len(gate.commands))
    return best
