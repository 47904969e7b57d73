"""build_wheels.py: the wheels of one platform, from the sdist alone, with everything pinned by hash.

A container with the Pythons of manylinux is on no machine that runs these tests: cibuildwheel is called for
real where it plans (test_build_sdist.py), and here a recorder stands in its place. What it would call, the
build of a wheel from the sdist with the same pins, compiles for real, and auditwheel and abi3audit see it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import build_wheels
import pytest
from release_lib.distributions import unpack
from release_lib.settings import PATH
from support.archives import hashes_of
from support.linting import program

from release.outcomes import recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

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
