"""Which workflows test a package, and, only where none does, which command does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from copier_pypi_release.adopt.publishing_jobs import Member, owners
from copier_pypi_release.uploads import (
    Reader,
    commands_of,
    default_sessions,
    leaves,
    make_rules,
    read,
    toml,
    tox_sections,
)
from copier_pypi_release.workflow_files import FOLDER, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from copier_pypi_release.workflow_files import Workflow

PYTHON = re.compile(r"3\.\d+")
# A command that runs tests; a linter, a type checker or a build alone is none.
TESTS = re.compile(
    r"(?<![\w.-])(?<!import )(?:pytest|py\.test|unittest|stestr|trial|nose2?|behave|testify"
    r"|hatch test|hatch-test|pytester)(?![\w-]|\.(?!exe))"
    r"|\b(?:coverage|slipcover) run\b|\bmanage\.py test\b|\bsetup\.py test\b"
    r"|\b(?:scripts?|ci|tools|bin)/[\w-]*(?:test|check|coverage)[\w-]*(?=\s|$)"
    r"|\bpython\S* -m [\w.]*\.?tests?\b",
    re.IGNORECASE,
)
# A file of tests is one only where it is what runs.
TEST_FILE = re.compile(
    r"\A\W*(?:(?:then|do|else|time|exec|source|sudo|env|\w+=\S*|xvfb-run|python\S*|pypy\S*"
    r"|(?:uv|poetry|pdm|hatch) run|py|bash|sh|zsh|pwsh)\s+(?:-\S+\s+)*)*"
    r"[\w./\\-]*tests?[\w.-]*\.(?:sh|py|ps1|bat|cmd)\b",
    re.IGNORECASE,
)
TARGETS = re.compile(
    r"\b(?:make|just|task|inv|invoke|poe|pdm|doit|hatch|rye|duty|yarn|pixi|spin)\s([^\n]*)", re.IGNORECASE
)
TARGET = re.compile(r"\b(?:\w*(?:test|check)s?|ci)\b", re.IGNORECASE)
PREPARED = re.compile(
    r"deps|install|data|\benv\b|setup|requirements|lint", re.IGNORECASE
)  # with "test" beside
FOLDER_OPTION = re.compile(r"(?:\A|\s)(?:-C|-f|-e|--directory|--file)[ =]?(\S+)")
RUNNER = re.compile(r"\b(?:tox|nox)\b[^\n]*")
CHOSEN = re.compile(r"(?:-e|-s|--env|--sessions?)[ =]?(\S+)")
# Programs that install, show, move or look at what is named like tests.
NO_RUN = re.compile(
    r"\W*(?:sudo\s+)?(?:\S*pip\d?|uv pip|python\S* -m pip|apt\S*|apk|dnf|yum|brew|choco|pacman|echo|printf"
    r"|cat|cp|mv|rm|ls|test|which|grep|git|curl|wget|ruff|mypy|black|isort|flake8|pylint|pyright|codecov"
    r"|(?:conda|mamba|micromamba)(?!\s+run\b))\s"
    r"|.*\b(?:uv|pipx|poetry|pdm) (?:tool |self )?(?:install|add|sync|inject)\b"
    r"|\s*:\s"
)
ASKS = re.compile(
    r"\s--(?:version|help|collect-only|co|notest|list\S*|fixtures|markers|showconfig)(?=\s|$)"
    r"|\btox\s+(?:-l|-a|l|list|c|config|d|devenv)(?=\s|$)|\bnox\s+-l(?=\s|$)"
)
NO_TESTS = re.compile(
    r"lint|style|format|fmt|type|typing|mypy|pyright|docs?|doc8|flake8|pre-?commit|build|dist|package|pkg_meta|"
    r"release|publish|upload|deploy|bench|spell|manifest|twine|changelog|security|audit",
    re.IGNORECASE,
)
_OTHER = r"github\.event_name\s*==\s*'(?:pull_request\w*|schedule|release|workflow_dispatch|merge_group)'"
ONLY_ELSEWHERE = re.compile(
    rf"\A\W*{_OTHER}(?:\s*\|\|\s*{_OTHER})*\W*\Z|\A\W*false\W*\Z"
    r"|\A(?!.*\|\|).*(?:github\.event_name\s*!=\s*'push'|(?<!!)startsWith\(\s*github\.ref\s*,\s*'refs/tags)",
    re.IGNORECASE,
)
FORGIVEN = re.compile(r"(?m)^.*\|\|\s*(?:true|:|exit 0)\s*$")  # what may fail


@dataclass(frozen=True)
class Gate:
    """What tests a package before it is released.

    Attributes:
        files: The CI workflows whose verdict on the tagged commit counts, each of them.
        commands: What tests the package where no workflow does.
        pythons: The Python versions that CI runs on.
        found_in: Where that was found, with lines.
        others: Workflows that test something, but no push to the release branch, and why.
    """

    files: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    found_in: str = "nowhere"
    others: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What to show of it."""
        return ", ".join(self.files) or (f"`{self.commands[-1]}`" if self.commands else "none")


def runs_tests(script: str) -> bool:
    """Whether a script runs tests."""
    for _, command in commands_of(script):
        if NO_RUN.match(command) or ASKS.search(command):
            continue
        if TESTS.search(command) or TEST_FILE.match(command):
            return True
        if (found := TARGETS.search(command)) and _names_tests(found[1]):
            return True
        if runner := RUNNER.search(command):
            names = [n for value in CHOSEN.findall(runner[0]) for n in value.split(",")]
            if not names or any(not NO_TESTS.search(name) for name in names):
                return True
    return False


def _names_tests(arguments: str) -> bool:
    """Whether one of the targets of a task runner tests."""
    if any(NO_TESTS.search(folder) for folder in FOLDER_OPTION.findall(arguments)):
        return False
    words = FOLDER_OPTION.sub(" ", arguments).split()
    return any(
        TARGET.search(word)
        and not (PREPARED if "test" in word.lower() else NO_TESTS).search(word)
        and not word.startswith("-")
        for word in words
    )


def scripts_of(workflow: Workflow, script: str) -> Iterator[str]:
    """The shell scripts of the repository that a script calls."""
    if (root := workflow.root) is None:
        return
    for _, command in commands_of(script):
        for word in command.split():
            path = root / word.strip("\"'")
            if path.suffix in {".sh", ".bash", ".ps1", ".bat", ".cmd"} and path.is_file():
                yield read(path)


def recipes_of(workflow: Workflow, script: str) -> Iterator[str]:
    """What the targets of make and just and the tasks of other runners stand for, which a script asks for."""
    if workflow.root is None or not TARGETS.search(script):
        return
    known = tasks_of(workflow.root)
    for _, command in commands_of(script):
        if not (asked := TARGETS.search(command)):
            continue
        waiting, seen = [word.rpartition(":")[2] for word in asked[1].split()], set()
        while waiting:
            name = waiting.pop()
            if name not in seen and name in known:
                seen.add(name)
                needed, recipe = known[name]
                waiting += [*needed, *(word for line in recipe.splitlines() for word in line.split())]
                yield recipe


def tasks_of(root: Path) -> dict[str, tuple[list[str], str]]:
    """What each target or task of a repository needs and runs, by name."""
    found = {
        name: (needed, "\n".join(line for _, line in recipe))
        for file in ("Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", ".justfile")
        for name, (needed, recipe) in make_rules(read(root / file)).items()
    }
    project, hatch = toml(read(root / "pyproject.toml")), toml(read(root / "hatch.toml"))
    environments = table_at(project, "tool", "hatch", "envs") | table_at(hatch, "envs")
    tables = [table_at(project, "tool", "poe", "tasks"), table_at(project, "tool", "pdm", "scripts")]
    for table in [*tables, *(table_at(environments, name, "scripts") for name in environments)]:
        found |= {name: ([], "\n".join(leaves(value))) for name, value in table.items()}
    return found


def table_at(found: Any, *keys: str) -> dict[str, Any]:  # noqa: ANN401  (TOML)
    """The table below some keys; empty if there is none, or no table."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def testing_jobs(workflow: Workflow) -> list[str]:
    """The jobs of a workflow that test, and do not publish: by themselves or by what they call."""
    publishing = {job.job for job in (*workflow.publishing_jobs(), *workflow.doubtful_jobs())}
    found = []
    for key, job in workflow.jobs.items():
        if key in publishing or ONLY_ELSEWHERE.search(str(job.get("if", ""))):
            continue
        steps = [step for step in workflow.steps(key) if not ONLY_ELSEWHERE.search(str(step.get("if", "")))]
        texts = [str(step.get("run", "")) for step in steps]
        texts += [
            read(workflow.root / str(s["uses"]) / "action.yml")
            for s in steps
            if workflow.root and str(s.get("uses", "")).startswith("./")
        ]
        texts += [text for script in tuple(texts) for text in scripts_of(workflow, script)]
        texts += [text for script in tuple(texts) for text in recipes_of(workflow, script)]
        called = str(job.get("uses", ""))
        if called.startswith("./") and workflow.root:
            texts.append(read(workflow.root / called))
        elif called and re.search(r"test|\bci\b|tox|pytest|check", called, re.IGNORECASE):
            found.append(str(key))
            continue
        env = plain(job.get("env") or {})
        if (
            any(map(runs_tests, texts))
            or (called.startswith("./") and RUNNER.search(texts[-1]))
            or ("CIBW_TEST" in env)
        ):
            found.append(str(key))
    return found


def forgives(workflow: Workflow, job: str) -> bool:
    """Whether a job passes where its tests fail."""
    if workflow.jobs[job].get("continue-on-error") is True:
        return True
    steps = [step for step in workflow.steps(job) if runs_tests(str(step.get("run", "")))]
    return bool(steps) and all(
        step.get("continue-on-error") is True or not runs_tests(FORGIVEN.sub("", str(step["run"])))
        for step in steps
    )


def starts_for(workflow: Workflow, branch: str) -> bool:
    """Whether a push to a branch starts a workflow."""
    if "push" not in workflow.triggers:
        return False
    push = workflow.triggers["push"]
    if not isinstance(push, dict):
        return True
    if "branches-ignore" in push:
        return not any(matches(branch, pattern) for pattern in listed(push["branches-ignore"]))
    if "branches" not in push:
        return "tags" not in push and "tags-ignore" not in push
    wanted = False
    for pattern in listed(push["branches"]):
        if matches(branch, pattern.removeprefix("!")):
            wanted = not pattern.startswith("!")
    return wanted


def listed(value: object) -> list[str]:
    """What a key lists; one value is a list of one."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def matches(branch: str, pattern: str) -> bool:
    """Whether a branch matches a pattern of GitHub's."""
    return fnmatchcase(branch, pattern.replace("**", "*")) and (
        "**" in pattern or branch.count("/") <= pattern.count("/")
    )


def find_ci(workflows: Iterable[Workflow], branch: str, packages: list[Member]) -> Gate:
    """The workflows whose verdict on a commit of the release branch says that it was tested."""
    files, places, others = [], [], []
    pythons: list[list[str] | None] = []
    for workflow in workflows:
        every = testing_jobs(workflow)
        jobs = [job for job in every if not forgives(workflow, job)]
        places_of = {job: f"{FOLDER}/{workflow.file}:{workflow.line(job)}" for job in every}
        others += [f"{places_of[job]} {job} passes where its tests fail" for job in every if job not in jobs]
        if not jobs or list(workflow.triggers) == ["workflow_call"]:
            continue
        named = {one for job in jobs for one in owners(workflow, job, packages)} if packages[1:] else set()
        if named and packages[0] not in named:
            continue
        line = places_of[jobs[0]]
        if not starts_for(workflow, branch):
            if not workflow.only_releases:
                others.append(f"{line} tests no push to {branch}")
            continue
        files.append(workflow.file)
        places.append(line)
        push = workflow.triggers["push"]
        if isinstance(push, dict) and {"paths", "paths-ignore"} & set(push):
            others.append(f"{line} is skipped for some paths: the tagged commit must be one that it runs on")
        pythons += [pythons_of(workflow.jobs[job], workflow.steps(job)) for job in jobs]
    found = "; ".join(places) or "nowhere"
    versions = [] if None in pythons else [version for some in pythons for version in some or []]
    return Gate(tuple(files), (), tuple(dict.fromkeys(versions)), found, tuple(others))


def pythons_of(job: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> list[str] | None:
    """The Python versions that a job runs on; None if only a run knows."""
    matrix = (job.get("strategy") or {}).get("matrix") or {}
    found: list[str] = []
    if isinstance(matrix, dict):
        for key, values in matrix.items():
            if "py" in str(key).lower() and isinstance(values, list):
                found += [str(value) for value in values]
            if key == "include" and isinstance(values, list):
                found += [
                    str(v) for i in values if isinstance(i, dict) for k, v in i.items() if "py" in str(k)
                ]
    if not found:
        asked = [str((step.get("with") or {}).get("python-version", "")) for step in steps]
        if any("${{" in text for text in (*asked, str(matrix))):
            return None
        found = [version for text in asked for version in text.split()]
    return [version for version in found if PYTHON.fullmatch(version)]


def find_gate(
    workflows: Iterable[Workflow], root: Path, data: dict[str, Any], branch: str, packages: list[Member]
) -> Gate:
    """What tests the package: its CI; without any, a command of a test runner that uploads nothing.

    Args:
        workflows: All workflows of the repository.
        root: Its root.
        data: Its pyproject.toml.
        branch: The branch that releases come from.
        packages: The package, and after it every other one of the repository.
    """
    ci, folder = find_ci(workflows, branch, packages), packages[0].folder
    if ci.files:
        return ci
    for commands, place in suggestions(root / folder, data):
        if not any(Reader(root).script(command, folder, 0) for command in commands):
            return Gate((), commands, (), place, ci.others)
    return Gate(others=ci.others)


def suggestions(project: Path, data: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """The commands that may test a project, the best first, each with its place."""
    install = install_command(data)
    if sections := tox_sections(project):
        names = sections.get("", ("", 0, []))[2]
        if not names or any(not NO_TESTS.search(name) for name in names):
            yield ("uvx tox",), "tox"
    if (project / "noxfile.py").is_file():
        names = [n for n in default_sessions(read(project / "noxfile.py")) if not NO_TESTS.search(n)]
        if names:
            yield (f"uvx nox -s {' '.join(n for n in names if 'test' in n) or names[0]}",), "noxfile.py"
    rules = make_rules(read(project / "Makefile"))
    for target in ("test", "tests", "check"):
        if target in rules:
            yield (*install, f"make {target}"), "Makefile"
    for name in ("tests", "test"):
        if (project / name).is_dir():
            yield (*install, "pip install pytest", "pytest"), f"{name}/"


def install_command(data: dict[str, Any]) -> tuple[str, ...]:
    """How to install the project with what its tests need, judged by the names of extras and groups."""
    usual = ("dev", "test", "tests", "testing")
    extras = [e for e in data.get("project", {}).get("optional-dependencies", {}) if e in usual]
    groups = [g for g in data.get("dependency-groups", {}) if g in usual]
    install = f"pip install -e .[{','.join(extras)}]" if extras else "pip install -e ."
    return (install, *(f"pip install --group {group}" for group in groups))
