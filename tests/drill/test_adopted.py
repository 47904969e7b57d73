"""Packages that existed before, adopted, and their next release executed with everything real.

These are the ones that are released in ways of their own: tests/adopt/test_adopted_packages.py proves that
every other one has the workflow and the settings of one of them.

Those that were published before have the trusted publisher that PyPI has known all along. The CI of these
packages uses actions that have no stand-in, so a shorter one stands for it here; each release waits for its
verdict. Those without CI are tested by their command.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import re
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from adopt.fixtures import EXECUTED, SHAPES
from copier_pypi_release.adopt.build_pins import OWN, PIN
from emulator.fixtures import CACHE, HERE, TOOLS, compile_cached, script_requirements, tool_requirements
from emulator.interpreters import stand_in
from emulator.sandbox import Sandbox
from emulator.wheelhouse import fill_all, write_wheel
from release_lib.settings import load_settings
from support.compiled import PLACES
from support.rendering import git
from support.sharing import once

from drill import cibuildwheel_stand_in
from drill.maintainer import OWNER, Maintainer
from drill.test_commands import failing, forms, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from adopt.adoption import Adoptions
    from emulator.sandbox import IndexName

# What the packages and their CI commands need; hatchling asks for editables where `pip install -e` builds.
NEEDED = {
    *("mssql-python>=0.13", "azure-identity>=1.15", "tenacity>=8.2", "requests>=2.31"),
    *("pytest>=8", "ruff>=0.8", "mypy>=1.13", "pre-commit>=4", "pip==26.3", "editables"),
}
SETTINGS = ".github/release/settings.toml"
ON_OLD, OLD = "no-tests", "3.10"  # an adopted package may support what the scripts do not run on
# The first of the commands of its CI then.
SHOW = """'''python -c "import platform; print('tested on', platform.python_version())"'''"""
SHORT_CI = """\
name: CI
on:
  push:
    branches: [main]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: echo pytest
"""
KEPT, ADDED = "setuptools-scm", "wheel==0.45.1"  # a backend that stays, and what it asks for one day
COMPILED = "setuptools-compiled"  # it builds with what KEPT builds with, and has a job that builds its wheels
PYTHONS = ("cp311", "cp312", "cp313")  # that this job says, and no musl; this machine has one of them
OLDER = {"packaging>=24.1,<25"}  # Poetry's caret
# The environment on PyPI's form, filled in long before the adoption; None: there was no trusted publisher.
REGISTERED: dict[str, str | None] = {
    **dict.fromkeys((*EXECUTED, COMPILED), "pypi"),
    **dict.fromkeys(("monorepo", "no-tests", KEPT)),
    "several-publishers": "production",
}


@pytest.fixture(scope="session")
def wheelhouse(adoptions: Adoptions) -> Path:
    """What the release scripts, the packages, their CI commands and the tool install."""
    own = (adoptions[KEPT].root / ".github/release" / OWN).read_text(encoding="utf-8")
    build = {f"{name}=={version}" for name, version in PIN.findall(own)}
    lists = [script_requirements() | set(TOOLS) | NEEDED, OLDER, tool_requirements(), build | {ADDED}]
    return fill_all(lists, CACHE / "wheelhouse", pure=["tomli>=2"])  # what builds on an old Python needs it


@pytest.fixture(scope="session")
def uv_cache(wheelhouse: Path) -> Path:
    """A cache of uv of its own: uv remembers what an index lists, and this one lists more."""
    folder = CACHE / f"uv-adopted-{wheelhouse.name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def new_sandbox(tmp_path: Path, wheelhouse: Path, uv_cache: Path) -> Iterator[Sandbox]:
    """A sandbox whose jobs can have a Python that is older than the scripts' own."""
    pythons = [stand_in(OLD, CACHE / "pythons")]
    with Sandbox(tmp_path / "sandbox", wheelhouse=wheelhouse, uv_cache=uv_cache, pythons=pythons) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _bytecode(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Iterator[None]:
    """After the first release, give what it has brought into the cache of uv its bytecode."""
    yield
    with once(tmp_path_factory, __name__, "bytecode") as (compiled, missing):
        if missing:
            compile_cached(uv_cache)
            compiled.mkdir()


def change(path: Path, pattern: str, line: str) -> None:
    """Replace what a pattern finds, once, in a file."""
    text, found = re.subn(pattern, line, path.read_text(encoding="utf-8"))
    assert found == 1
    path.write_text(text, encoding="utf-8")


def settings_of(root: Path) -> dict[str, Any]:
    """What the release scripts know about an adopted package."""
    return tomllib.loads((root / SETTINGS).read_text(encoding="utf-8"))


def write_notes(root: Path, settings: dict[str, Any], version: str) -> None:
    """Write the section of a version into the changelog, if the notes come from there."""
    changelog = root / settings.get("folder", "") / settings["changelog"]
    if settings["release-notes"] == "changelog":
        title, _, rest = changelog.read_text(encoding="utf-8").partition("\n")
        changelog.write_text(f"{title}\n\n## {version}\n\n- Released by tag.\n{rest}", encoding="utf-8")


def register(project: Maintainer, index: IndexName, form: dict[str, str]) -> None:
    """Fill in the form of an index, with the values that setup prints."""
    assert form["Workflow name"] == project.workflow
    project.register_publisher(index, form["Environment name"])


def ready_to_release(adopted: str, adoptions: Adoptions, new_sandbox: Sandbox, tmp_path: Path) -> Maintainer:
    """An adopted package, committed, pushed and set up, with notes of its next version."""
    made = adoptions.copy(adopted, tmp_path)
    settings = settings_of(made.root)
    version = SHAPES[adopted].tag.removeprefix(settings["tag-prefix"])
    project = Maintainer(
        new_sandbox,
        tag=SHAPES[adopted].tag,
        tag_prefix=settings["tag-prefix"],
        environments=(settings["environments"]["testpypi"], settings["environments"]["pypi"]),
        workflow=settings["release-workflow"],
        name=made.root.name,
    )
    # One leg of the matrix: with what this machine has, or with a Python that is too old for the scripts.
    change(made.root / SETTINGS, r"(?m)^pythons = .*", f'pythons = ["{OLD if adopted == ON_OLD else HERE}"]')
    if adopted == ON_OLD:
        change(made.root / "pyproject.toml", r"(?m)^requires-python = .*", f'requires-python = ">={OLD}"')
        change(made.root / SETTINGS, r"(?m)^ci = \[", f"ci = [\n  {SHOW},")
    new_sandbox.github.create_repo(OWNER, project.name)
    # As it was before: pushed long ago, with a publisher on PyPI.
    bare = new_sandbox.github.git_dir(project.repository)
    git(made.root, "push", "--quiet", bare, "main", "--tags")
    if before := REGISTERED[adopted]:
        assert project.workflow == "publish.yml"
        project.index("pypi").put(write_wheel(tmp_path, project.name, "0.0.1"))
        project.register_publisher("pypi", before)
    write_notes(made.root, settings, version)
    if not settings["ci-workflow"]:  # as adoption asks for it
        text = (made.root / SETTINGS).read_text(encoding="utf-8")
        settings["checks"]["ci"] = ["pip install .", "python -c 'import demo_pkg'"]
        lines = "".join(f'  "{command}",\n' for command in settings["checks"]["ci"])
        (made.root / SETTINGS).write_text(text.replace("ci = [\n", f"ci = [\n{lines}"), encoding="utf-8")
    else:
        for name in load_settings(made.root / SETTINGS).ci_workflows:
            (made.root / ".github/workflows" / name).write_text(SHORT_CI, encoding="utf-8")
    made.root.rename(project.clone)
    project.shell(
        "git remote remove origin || true",  # one shape has none
        f"git remote add origin https://github.com/{project.repository}",
        "git config credential.helper '!gh auth git-credential'",
        "git add --all && git commit --quiet --message 'feat!: release by tag'",
        "git push --quiet --set-upstream origin main",
    )
    set_up, *_ = project.shell_blocks("before-the-first-release")
    testpypi, pypi = forms(project.shell(f"printf '\\ny\\n' | {set_up}"))
    register(project, "testpypi", testpypi)
    if before is None:
        register(project, "pypi", pypi)
    assert pypi["Environment name"] == (before or "pypi")
    return project


@pytest.mark.requirement("B2", "P9.2", "P8.1", "P8.2", "P1.1", "P1.3", "P3.3", "P6.2", "B1")
@pytest.mark.parametrize("adopted", EXECUTED)
def test_the_next_release_of_an_adopted_package(
    adopted: str,
    adoptions: Adoptions,
    new_sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    """Adopted, committed, tagged: released through the publisher that PyPI has known all along."""
    project = ready_to_release(adopted, adoptions, new_sandbox, tmp_path)
    settings = settings_of(project.clone)
    project.release().approve().is_released(twice=False)
    if settings["ci-workflow"]:
        assert "CI has passed on this commit" in project.log("gate")
    else:
        assert settings["checks"]["ci"][-1] in project.log("test")
    if adopted == ON_OLD:
        assert f"\ntested on {OLD}.0" in project.log("test")
    if adopted == "target":
        assert "complete draft" in status(project)["next"]["state"]
        assert failing(project) == {"published-files"}  # the one from before the adoption


@pytest.mark.requirement("B2", "P5.4", "P8.1", "R1")
def test_a_package_that_keeps_its_backend_is_built_with_its_own_pins_alone(
    adoptions: Adoptions, new_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A build requirement that came later has no hash: nothing is built until `pins` gives it one."""
    project = ready_to_release(KEPT, adoptions, new_sandbox, tmp_path)
    pyproject, own = project.clone / "pyproject.toml", project.clone / ".github/release" / OWN
    change(pyproject, r'"setuptools_scm>=8"', f'"setuptools_scm>=8", "{ADDED}"')
    project.commit("build: one more", ci=True)
    project.release().approve()
    project.stopped_at("build", ADDED)
    pinned = dict(PIN.findall(own.read_text(encoding="utf-8")))
    project.shell("uv run .github/release/tool.py pins")
    assert dict(PIN.findall(own.read_text(encoding="utf-8"))) == pinned | {"wheel": ADDED.partition("==")[2]}
    write_notes(project.clone, settings_of(project.clone), "2.0.1")
    project.commit("build: pinned", ci=True)
    project.release("v2.0.1").approve().is_released(twice=False)


def wheel_builder(folder: Path, compiled: Path) -> Path:
    """The stand-in for cibuildwheel, with a module that was compiled for one Python, as a distribution."""
    with zipfile.ZipFile(compiled) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".so"))
        module = base64.b64encode(archive.read(name)).decode()
    plan = {
        platform: [f"{python}-{place}" for place in places if "musl" not in place for python in PYTHONS]
        for platform, places in PLACES.items()
    }
    code = inspect.getsource(cibuildwheel_stand_in)
    for empty, filled in (
        ("PLAN: dict[str, list[str]] = {}", f"PLAN = {plan!r}"),
        ('MODULE = ""', f"MODULE = {module!r}"),
        ('("cp311", "abi3")', "(python, python)"),
        ("_native.abi3.so", "_native.so"),  # a name that every Python of one system loads
    ):
        assert code.count(empty) == 1
        code = code.replace(empty, filled)
    return write_wheel(folder, "cibuildwheel", "0+stand.in", code=code)


@pytest.mark.requirement("B2", "B10", "S1", "P8.1", "P8.7")
def test_an_adopted_compiled_package_is_released_with_every_wheel_that_its_job_said(
    adoptions: Adoptions, new_sandbox: Sandbox, tmp_path: Path
) -> None:
    """It keeps setuptools; the sdist is built with its own pins, and compiled where no wheel is taken."""
    project = ready_to_release(COMPILED, adoptions, new_sandbox, tmp_path)
    wheel = wheel_builder(tmp_path, adoptions[COMPILED].after)
    new_sandbox.index("pypi").put(wheel)
    pin = f"cibuildwheel==0+stand.in --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    project.commit("test: a stand-in", {".github/release/wheel-tools.txt": pin}, ci=True)
    project.release().approve().is_released(twice=False)
    places = {name.rpartition("-")[2] for name in project.built() if name.endswith(".whl")}
    assert len(places) == len(PLACES)
    assert len(project.built()) == 1 + len(PLACES) * len(PYTHONS)
    assert "\nhere\n" in project.log("wheels")  # the step that its own job has
