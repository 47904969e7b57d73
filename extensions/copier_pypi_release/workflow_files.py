"""What the maintainer's commands read in a workflow file."""

from __future__ import annotations

import dataclasses
import functools
import re
import shlex
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings

FOLDER = ".github/workflows"
PINNED = re.compile(r"@[0-9a-f]{40}\Z")
# In the order in which they run; each is a heading of RELEASING.md.
STAGES = (
    *("gate", "build", "test", "publish-testpypi", "verify-testpypi"),
    *("publish-pypi", "verify-pypi", "github-release"),
)


@dataclasses.dataclass(frozen=True)
class Workflow:
    """A workflow.

    Attributes:
        path: Its file.
        text: Its text.
        data: Its text, parsed (YAML 1.2, where ``on`` is a word).
    """

    path: Path
    text: str
    data: dict[str, Any]

    @property
    def place(self) -> str:
        """Its path from the root of the repository."""
        return f"{FOLDER}/{self.path.name}"

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs by key."""
        found = self.data.get("jobs")
        return found if isinstance(found, dict) else {}

    def needs(self, job: str) -> set[str]:
        """The jobs that a job needs, and those that they need."""
        direct = self.jobs.get(job, {}).get("needs") or []
        found = {direct} if isinstance(direct, str) else set(direct)
        return found.union(*(self.needs(name) for name in found))

    def steps(self, job: str) -> list[dict[str, Any]]:
        """The steps of a job."""
        return list(self.jobs.get(job, {}).get("steps") or [])

    def scripts(self, job: str) -> list[list[str]]:
        """Name and arguments of each release script that a job runs and that can fail it."""
        found = []
        for step in self.steps(job):
            if "run" not in step or "if" in step or step.get("continue-on-error"):
                continue
            for line in str(step["run"]).splitlines():
                words = shlex.split(line, comments=True)
                for number, word in enumerate(words):
                    if ".github/release/" in word:
                        found.append([word.rpartition("/")[2], *words[number + 1 :]])
        return found

    def uses(self) -> list[str]:
        """Every action and workflow of another repository that is used."""
        steps = [step for job in self.jobs for step in self.steps(job)]
        named = [str(item["uses"]) for item in (*steps, *self.jobs.values()) if "uses" in item]
        return [name for name in named if not name.startswith(("./", "docker://"))]

    def environment(self, job: str) -> str:
        """Name of the environment of a job; empty if it has none."""
        found = self.jobs.get(job, {}).get("environment", "")
        return str(found.get("name", "")) if isinstance(found, dict) else str(found)

    def job_of(self, shown: str) -> str:
        """Key of the job that is shown by a name, which may have the values of a matrix."""
        for key, job in self.jobs.items():
            fixed = str(job.get("name", key)).split("${{")[0]
            if shown in (fixed, key) or ("${{" in str(job.get("name", "")) and shown.startswith(fixed)):
                return key
        return ""


@functools.lru_cache(maxsize=64)
def parse(text: str) -> Any:  # noqa: ANN401  (whatever the text says)
    """What a YAML text says; not to be changed, because the next who asks gets the same object."""
    return YAML(typ="safe", pure=True).load(text)


def load(path: Path) -> Workflow:
    """Read a workflow.

    Raises:
        ReleaseError: The file is missing or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = parse(text)
        if not isinstance(data, dict):
            raise ValueError("no mapping at its top")  # noqa: TRY301, TRY004  (one sentence for all)
    except (OSError, ValueError, YAMLError) as error:
        raise ReleaseError(
            f"The workflow {path} cannot be read: {' '.join(str(error).split())}",
            expected="a workflow as the template renders it",
            fix="copier update --defaults (renders the file again)",
            see="RELEASING.md, 'The release scripts'",
        ) from error
    return Workflow(path, text, data)


def load_release(root: Path, settings: Settings) -> Workflow:
    """Read the workflow that releases; see `load`."""
    return load(root / FOLDER / settings.release_workflow)


def workflows(root: Path) -> list[Workflow]:
    """Every workflow of a repository that can be read, by name of the file."""
    found = []
    for path in sorted((root / FOLDER).glob("*.y*ml")):
        try:
            found.append(load(path))
        except ReleaseError:
            continue  # GitHub cannot read it either
    return found


def unpinned(root: Path) -> list[str]:
    """``FILE: ACTION`` for every action that is not pinned to a full commit."""
    return [f"{w.path.name}: {name}" for w in workflows(root) for name in w.uses() if not PINNED.search(name)]
