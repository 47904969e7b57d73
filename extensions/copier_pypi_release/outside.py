"""Uploads outside of GitHub's workflows: by another service, or by a command that somebody runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, git

from copier_pypi_release.uploads import (
    DEPLOYMENT,
    OWN,
    TEST_INDEX,
    UPLOAD_ACTION,
    Reader,
    commands_of,
    is_elsewhere,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Files that a service executes, by pattern from the root of the repository.
SERVICES = {
    ".gitlab-ci.yml": "GitLab CI",
    ".gitlab-ci.yaml": "GitLab CI",
    ".gitlab/*.y*ml": "GitLab CI",
    ".circleci/*.y*ml": "CircleCI",
    "*azure-pipelines*.y*ml": "Azure Pipelines",
    ".azure-pipelines/*.y*ml": "Azure Pipelines",
    ".ado/*.y*ml": "Azure Pipelines",
    ".travis.y*ml": "Travis CI",
    "*appveyor.y*ml": "AppVeyor",
    "bitbucket-pipelines.y*ml": "Bitbucket Pipelines",
    "*Jenkinsfile*": "Jenkins",
    ".drone.*": "Drone",
    ".woodpecker*.y*ml": "Woodpecker",
    ".woodpecker/*.y*ml": "Woodpecker",
    ".cirrus.y*ml": "Cirrus CI",
    ".semaphore/*.y*ml": "Semaphore",
    ".buildkite/*.y*ml": "Buildkite",
    "*cloudbuild*.y*ml": "Cloud Build",
    ".kokoro/*": "Kokoro",
    ".builds/*.y*ml": "SourceHut",
    ".zuul.y*ml": "Zuul",
    "zuul.d/*.y*ml": "Zuul",
    ".zuul.d/*.y*ml": "Zuul",
    ".forgejo/workflows/*.y*ml": "Forgejo",
    ".gitea/workflows/*.y*ml": "Gitea",
    ".craft.y*ml": "Craft",
}
# Files whose commands a person runs, by pattern of the name; documents are none.
COMMANDS = (
    *("Makefile", "makefile", "GNUmakefile", "*.mk", "justfile", "Justfile", ".justfile"),
    *("Taskfile.y*ml", "tox.ini", "tox.toml", "noxfile.py", "tasks.py", "fabfile.py", "dodo.py", "duties.py"),
    *("setup.py", "setup.cfg", "tbump.toml", "pyproject.toml", "hatch.toml", ".releaserc*", "package.json"),
    *("*.sh", "*.bash", "*.bat", "*.cmd", "*.ps1", "pavement.py", "*release*.py", "*publish*.py"),
)
# What stands before a command in a line of YAML, TOML, JSON, or Groovy.
BEFORE = re.compile(r"""^\s*(?:-\s+)*(?:["']?[\w.-]+["']?\s*[:=]\s+)?(?:-\s+)?(?:(?:sh|bat)\s+)?[\["'@&-]*""")
AFTER = " \"')]}"
# A part that somebody else wrote, by its name.
PART = re.compile(r"^\W*(?:-\s*)?[\"']?(?:uses|image|component|template|extends|jobs?)\b.*?:\s*(.+)$")
PLUGIN = re.compile(r"plugins?[-/]pypi\b", re.IGNORECASE)
TARGET = re.compile(r"^\s*-?\s*name:\s*[\"']?pypi\b")  # of Craft
# An index that is named for all commands of a job, or of a file.
WIDE_INDEX = re.compile(r"TWINE_REPOSITORY(?:_URL)?[\"']?\s*[:=]\s*[\"']?([^\s\"',}]+)")
TESTS = {"tests", "test", "testing", "docs", "doc", "examples", "example", "vendor", "_vendor"}


@dataclass(frozen=True)
class Outside:
    """An upload that no workflow of GitHub's makes.

    Attributes:
        file: The file that has it.
        line: The line there.
        what: The command, or what stands for it.
        service: What executes it; empty if a person does.
    """

    file: str
    line: int
    what: str
    service: str = ""

    @property
    def place(self) -> str:
        """Where it is written, and what."""
        return f"{self.file}:{self.line} ({self.what[:60]})"


def uploads_outside(root: Path) -> list[Outside]:
    """Every upload to PyPI that no workflow of GitHub's makes: those of services first, one for each file."""
    try:
        how = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        tracked = git(*how, cwd=root).split("\0")
    except ReleaseError:
        return []
    files = [name for name in tracked if name and not name.startswith((OWN, ".github/workflows/"))]
    run = {name: service for name in files if (service := service_of(name))}
    found = [next(by_service(root, name, service), None) for name, service in run.items()]
    typed = [name for name in files if name not in run and is_typed(name)]
    found += [next(by_person(root, name), None) for name in typed]
    return [one for one in dict.fromkeys(found) if one]


def service_of(path: str) -> str:
    """The service that executes a file; empty if none is known to."""
    return next((service for pattern, service in SERVICES.items() if fnmatch(path, pattern)), "")


def is_typed(path: str) -> bool:
    """Whether a file has commands that a person runs."""
    *folders, name = PurePosixPath(path).parts
    return not TESTS & set(folders) and any(fnmatch(name, pattern) for pattern in COMMANDS)


def by_service(root: Path, name: str, service: str) -> Iterator[Outside]:
    """What a service uploads, by itself or through a file of the repository."""
    reader, text = Reader(root, holder=True), read(root / name)
    spared = lines_with_another_index(text)
    for line, command in commands_of(text):
        part = PART.search(command)
        if command.startswith("//") or line in spared:
            continue
        if (
            DEPLOYMENT.search(command)
            or (service == "Craft" and TARGET.search(command))
            or (service == "Zuul" and UPLOAD_ACTION.search(command))
            or (part and (UPLOAD_ACTION.search(part[1]) or PLUGIN.search(part[1])))
        ):
            yield Outside(name, line, command.lstrip("- "), service)
        plain = BEFORE.sub("", command).rstrip(AFTER)
        for upload in reader.script(plain, "", 0):
            if upload.index == "pypi" and upload.certain:
                through = f": {upload.file}:{upload.line}" if upload.file else ""
                yield Outside(name, line, f"{plain}{through}", service)


def lines_with_another_index(text: str) -> set[int]:
    """The lines of the jobs, by their indentation, whose variables name another index than PyPI."""
    lines = text.splitlines()
    named: list[tuple[range, bool]] = []
    for number, line in enumerate(lines):
        if not (index := WIDE_INDEX.search(line)) or line.lstrip().startswith(("#", "//")):
            continue
        table = number if "{" in line[: index.start()] else block_around(lines, number)[0]
        first, last = block_around(lines, table)
        another = bool(TEST_INDEX.search(index[0])) or is_elsewhere(index[1], text)
        named.append((range(first + 1, last + 1), another))
    found: set[int] = set()
    for scope, another in sorted(named, key=lambda one: -len(one[0])):  # what is said further in counts
        found = found | {*scope} if another else found - {*scope}
    return found


def block_around(lines: Sequence[str], number: int) -> tuple[int, int]:
    """The line that a line stands below, by its indentation, and the end of that block; else all lines."""

    def depth(line: str) -> int:
        return len(line) - len(line.lstrip())

    def is_above(place: int, inner: int) -> bool:
        return bool(lines[place].strip()) and depth(lines[place]) < inner

    inner = depth(lines[number])
    first = next((n for n in range(number - 1, -1, -1) if is_above(n, inner)), None)
    if first is None:
        return 0, len(lines)
    outer = depth(lines[first]) + 1
    return first, next((n for n in range(number + 1, len(lines)) if is_above(n, outer)), len(lines))


def by_person(root: Path, name: str) -> Iterator[Outside]:
    """What a command of a file uploads, when somebody runs it."""
    for upload in Reader(root).own(root / name):
        if upload.index == "pypi":
            yield Outside(name, upload.line, " ".join(BEFORE.sub("", upload.what).rstrip(AFTER).split()))
