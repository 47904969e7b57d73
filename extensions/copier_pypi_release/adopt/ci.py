"""What a repository's own CI runs."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copier_pypi_release.uploads import index_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copier_pypi_release.workflow_files import Workflow

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
    for key, job in workflow.jobs.items():
        steps = workflow.steps(key)
        if any(map(index_of, steps)):
            continue
        own = ((job.get("defaults") or {}).get("run") or {}).get("working-directory", wide)
        lines: list[str] = []
        odd: list[str] = []
        for step in steps:
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
        pythons += _pythons(job, steps)
    return Gate(workflow.file, tuple(dict.fromkeys(commands)), tuple(dict.fromkeys(pythons)), tuple(left_out))


def _pythons(job: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> list[str]:
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
        for step in steps:
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
