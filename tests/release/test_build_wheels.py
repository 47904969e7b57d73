"""build_wheels.py: the wheels of one platform, from the sdist alone, with everything pinned by hash.

A container with the Pythons of manylinux is on no machine that runs these tests: cibuildwheel is called for
real where it plans (test_build_sdist.py) and where it reads options, and else a recorder stands in its place.
What it would call is called for real: the build of a wheel from the sdist with the same pins compiles, and
auditwheel and abi3audit see it; the build of a wheel that is given, for its tests, gives that file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import build_wheels
import pytest
from install_distribution import fresh_environment
from release_lib.distributions import unpack
from release_lib.settings import PATH
from support.archives import hashes_of
from support.compiled import make_compiled_wheel
from support.linting import program

from release.outcomes import recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from release.conftest import RunStep

PLAN = {"linux-x86_64": ["cp311-manylinux_x86_64"], "windows-AMD64": ["cp311-win_amd64"]}
WHEELS = {
    "linux-x86_64": "demo_pkg-0.1.0-cp311-abi3-manylinux_2_28_x86_64.whl",
    "windows-AMD64": "demo_pkg-0.1.0-cp311-abi3-win_amd64.whl",
}


@pytest.fixture
def calls(sdist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Calls of cibuildwheel, which a recorder answers with the wheel of the platform; and an sdist."""
    made: list[dict[str, object]] = []

    def recorder(
        arguments: Iterable[Iterable[str | Path]], folder: Path, variables: Mapping[str, str], **_: bool
    ) -> Iterator[str]:
        (words,) = (list(map(str, call)) for call in arguments)
        files = sorted(path.name for path in folder.iterdir())
        made.append({"words": words, "variables": variables, "files": files})
        out, system = tmp_path / "wheels", words[words.index("--platform") + 1]
        out.mkdir(exist_ok=True)
        for platform, name in WHEELS.items():
            if platform.startswith(system):
                (out / name).touch()
        yield ""

    monkeypatch.setattr(build_wheels, "cibuildwheel", recorder)
    (tmp_path / "dist").mkdir()
    shutil.copy(sdist, tmp_path / "dist")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHES", f"{hashes_of(sdist)[sdist.name]}  {sdist.name}")
    monkeypatch.setenv("PLAN", json.dumps(PLAN))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return made


@pytest.mark.requirement("B10", "X11", "S1")
@pytest.mark.parametrize("platform", PLAN)
def test_a_platform_is_built_from_the_unpacked_sdist_with_every_pin(
    platform: str, calls: list[dict[str, object]], run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM", platform)
    done = run_step(build_wheels)
    assert done.status == 0, done.errors
    assert done.outputs == {"hashes": f"{hashlib.sha256(b'').hexdigest()}  {WHEELS[platform]}"}
    (call,) = calls
    system, architecture = platform.split("-")
    words = call["words"]
    assert isinstance(words, list)
    assert words[:4] == ["--platform", system, "--archs", architecture]
    assert words[-1] == "demo_pkg-0.1.0"
    assert call["files"] == ["constraints.txt", "demo_pkg-0.1.0"]
    variables = call["variables"]
    assert isinstance(variables, dict)
    assert variables["SOURCE_DATE_EPOCH"] == "1700000000"
    assert variables["CIBW_TEST_SKIP"] == "*", "what tests import is in reach of the wheels"
    frontend = variables["CIBW_BUILD_FRONTEND"]
    assert frontend.startswith("uv; args: --no-config --require-hashes --build-constraint '")
    assert ("'/project/constraints.txt'" in frontend) is (system == "linux")


@pytest.mark.requirement("B10")
def test_a_wheel_that_is_missing_stops_the_platform(
    calls: list[dict[str, object]], run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM", "linux-x86_64")
    monkeypatch.setenv("PLAN", json.dumps({"linux-x86_64": ["cp311-musllinux_x86_64"]}))
    done = run_step(build_wheels)
    assert done.lines[0] == "The platform linux-x86_64 lacks the wheel for cp311-musllinux_x86_64"
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("PLATFORM", "beos-x86_64"), ("PLATFORM", ""), ("SOURCE_DATE_EPOCH", "now")]
)
def test_a_job_that_was_set_up_wrongly_builds_nothing(
    name: str,
    value: str,
    calls: list[dict[str, object]],
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLATFORM", "linux-x86_64")
    monkeypatch.setenv(name, value)
    done = run_step(build_wheels)
    assert done.lines[0].startswith("$PLATFORM is ")
    assert done.lines[3] == recovery("build")
    assert calls == []


@pytest.mark.requirement("P8.7")
def test_another_sdist_is_not_built(
    calls: list[dict[str, object]], run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM", "linux-x86_64")
    next((tmp_path / "dist").iterdir()).write_bytes(b"another")
    assert "are not those that were built" in run_step(build_wheels).lines[0]
    assert calls == []


@pytest.mark.requirement("B10")
def test_what_is_pinned_for_a_compiled_package_is_pinned_alike_for_a_pure_one() -> None:
    pure, compiled = (
        set((PATH.parent / f"build-constraints{name}.txt").read_text(encoding="utf-8").split())
        for name in ("", "-with-compiler")
    )
    assert pure < compiled


@pytest.mark.requirement("B10", "S1", "P1.4")
def test_the_example_compiles_repaired_and_with_a_sound_stable_abi(
    compiled_distributions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the sdist, with the pins; by the tools that cibuildwheel runs."""
    (compiled,) = compiled_distributions.glob("*.whl")
    assert compiled.name == "demo_pkg-0.1.0-cp311-abi3-linux_x86_64.whl"
    source = unpack(next(compiled_distributions.glob("*.tar.gz")), tmp_path / "unpacked")
    assert not (source / ".git").exists()
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin", prepend=os.pathsep)
    for tool, *arguments in (
        ["auditwheel", "repair", "--wheel-dir", str(tmp_path / "wheels"), str(compiled)],
        ["abi3audit", "--strict", str(compiled)],
    ):
        done = subprocess.run([program(tool), *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert "-cp311-abi3-manylinux" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        assert "demo_pkg/_native.abi3.so" in archive.namelist()
        assert not [name for name in archive.namelist() if name.endswith(".c")]


# ---- Tests of the wheels that are there -------------------------------------------------------------------

ABI3, FREE = "demo_pkg-1.0-cp311-abi3-win_amd64.whl", "demo_pkg-1.0-cp314-cp314t-win_amd64.whl"
WINDOWS = {"windows-AMD64": ["cp311-win_amd64", "cp315-win_amd64", "cp314t-win_amd64"]}
# Prints what cibuildwheel understands of its environment for each identifier.
OPTIONS = """
import dataclasses, json, os, sys
from pathlib import Path
from cibuildwheel.options import CommandLineArguments, compute_options
system, source, *identifiers = sys.argv[1:]
given = dataclasses.replace(CommandLineArguments.defaults(), platform=system, package_dir=Path(source))
options = compute_options(system, given, os.environ)
for identifier in identifiers:
    found = options.build_options(identifier)
    tested = bool(found.test_command) and found.test_selector(identifier)
    print(json.dumps([tested, found.repair_command, found.audit_command, found.before_build]))
"""


@pytest.fixture
def tested(
    tmp_path: Path, calls: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Wheels to be tested by a cibuildwheel that takes what the backend builds, or changes it."""
    del calls  # the recorder has its place taken
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in (ABI3, FREE):
        make_compiled_wheel(folder, name.removeprefix("demo_pkg-1.0-").removesuffix(".whl"))
    hashes = "\n".join(f"{sha}  {name}" for name, sha in hashes_of(*folder.iterdir()).items())
    for variable, value in (
        ("PLAN", json.dumps(WINDOWS)),
        ("PLATFORM", "windows-AMD64"),
        ("WHEELS", hashes),
    ):
        monkeypatch.setenv(variable, value)

    def acts(change: str) -> None:
        def builds(
            arguments: Iterable[Iterable[str | Path]], folder: Path, variables: Mapping[str, str], **_: bool
        ) -> Iterator[str]:
            (words,) = (list(map(str, call)) for call in arguments)
            out = Path(words[words.index("--output-dir") + 1])
            frontend = shlex.split(variables["CIBW_BUILD_FRONTEND"].removeprefix("uv; args: "))
            for identifier in WINDOWS["windows-AMD64"]:
                env = {**os.environ, **variables, "CIBUILDWHEEL_BUILD_IDENTIFIER": identifier}
                build = ["uv", "build", "--quiet", f"--python={sys.executable}", words[-1], "--wheel"]
                subprocess.run([*build, f"--out-dir={out}", *frontend], cwd=folder, env=env, check=True)
            if change:
                (out / FREE).write_bytes(change.encode())
            yield ""

        monkeypatch.setattr(build_wheels, "cibuildwheel", builds)

    return acts


@pytest.mark.requirement("P8.7", "B10", "P1.3")
def test_the_wheel_that_is_there_is_the_one_that_is_tested(
    tested: Callable[[str], None], run_step: RunStep
) -> None:
    """For each Python, uv builds what the backend gives: each wheel, as it was built."""
    tested("")
    done = run_step(build_wheels, "--test")
    assert (done.status, done.outputs) == (0, {}), done.errors


@pytest.mark.requirement("P8.7", "P8.9")
def test_a_wheel_that_a_test_changes_is_red(tested: Callable[[str], None], run_step: RunStep) -> None:
    tested("other")
    assert run_step(build_wheels, "--test").lines[0].endswith(f"are not those that were built: {FREE}")


@pytest.mark.requirement("P8.7", "P8.9")
def test_another_wheel_than_was_handed_on_is_not_tested(
    tested: Callable[[str], None], run_step: RunStep, tmp_path: Path
) -> None:
    tested("")
    (tmp_path / "wheels" / ABI3).write_bytes(b"other")
    assert run_step(build_wheels, "--test").lines[0].endswith(f"are not those that were built: {ABI3}")


@pytest.mark.requirement("B10")
@pytest.mark.parametrize(
    "text",
    [
        '[build-system]\nrequires = [\n  "a[b]",\n]\n\n[project]\nname = "x"\n',
        '[project]\nname = "x"\n[build-system] # c\nrequires = []',
        '[project]\nname = "x"\n',
        '[build-system]\nbuild-backend = "y"\n[[tool.x]]\n[project]\nname = "x"\n',
        '[ build-system ]\nrequires = []\n\n[ project ]\nname = "x"\n',
        '["build-system"]\nrequires = [\n"a",\n]\n[project]\nname = "x"\n',
        'build-system.requires = ["x"]\nproject.name = "x"\n',
        'build-system = {requires = ["x"]}\n[project]\nname = "x"\n',
        '[tool.x]\nusage = """\n[build-system]\nrequires = []\n"""\n[project]\nname = "x"\n',
        "[build-system]\nrequires = []\n[build-system.more]\na = 1\n[tool.x]\ny = '''\n[build-system]\n'''\n",
    ],
)
def test_only_the_build_system_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / ABI3).touch()
    build_wheels.give(tmp_path, {"cp311-win_amd64": tmp_path / ABI3})
    made = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert made.pop("build-system") == {
        "requires": [],
        "build-backend": "backend",
        "backend-path": [build_wheels.GIVEN],
    }
    was = tomllib.loads(text)
    was.pop("build-system", None)
    assert made == was


def test_a_package_without_pyproject_gets_the_build_system_too(tmp_path: Path) -> None:
    build_wheels.give(tmp_path, {})
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["build-system"]["requires"] == []


@pytest.mark.requirement("P8.7", "B10")
@pytest.mark.parametrize(("given", "skipped"), [(None, True), ({}, False)])
def test_cibuildwheel_reads_the_variables_as_they_are_meant(
    given: dict[str, Path] | None,
    skipped: bool,
    compiled_distributions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real one: nothing is tested while wheels are built; then all are, and nothing is repaired."""
    said: list[str] = []

    def asks(
        arguments: Iterable[Iterable[str | Path]], folder: Path, variables: Mapping[str, str], **_: bool
    ) -> Iterator[str]:
        (words,) = (list(map(str, call)) for call in arguments)
        system = words[words.index("--platform") + 1]
        call = [str(environment.python), "-c", OPTIONS, system, words[-1], "cp312-manylinux_x86_64"]
        env = {**os.environ, "CIBW_REPAIR_WHEEL_COMMAND_LINUX": "x {wheel}", **variables}
        said.append(subprocess.check_output(call, cwd=folder, env=env, text=True))
        yield ""

    monkeypatch.setattr(build_wheels, "cibuildwheel", asks)
    (sdist,) = compiled_distributions.glob("*.tar.gz")
    with fresh_environment() as environment:
        environment.install("--quiet", "--require-hashes", "-r", build_wheels.TOOLS)
        build_wheels.call_on_platform(sdist, "linux-x86_64", "1700000000", tmp_path, given)
    (found,) = map(json.loads, said)
    if skipped:
        assert found[:2] == [False, "x {wheel}"]
    else:
        assert found == [True, "", [], ""]
