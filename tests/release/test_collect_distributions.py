"""collect_distributions.py: the sdist and every planned wheel, as they were handed on, or red."""

from __future__ import annotations

import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import collect_distributions
import pytest
from support.archives import hashes_of
from support.compiled import make_compiled_wheel

from release.outcomes import recovery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.conftest import RunStep

    Collect = Callable[[], list[str]]

SDIST, WHEEL = "demo_pkg-1.0.tar.gz", "demo_pkg-1.0-cp311-abi3-win_amd64.whl"
LINUX = "cp311-abi3-manylinux_2_28_x86_64"
PLAN = {
    "windows-AMD64": ["cp311-win_amd64", "cp312-win_amd64"],
    "linux-x86_64": ["cp311-manylinux_x86_64"],
}


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an sdist and the two wheels that are planned."""
    folder = tmp_path / "collected"
    folder.mkdir()
    (folder / SDIST).write_text(SDIST)
    make_compiled_wheel(folder)
    make_compiled_wheel(folder, LINUX)
    hand_on(folder, monkeypatch)
    monkeypatch.setenv("PLAN", json.dumps(PLAN))
    return folder


def hand_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the jobs hand on the hashes of what is in a folder."""
    hashes = "\n".join(f"{digest}  {name}" for name, digest in hashes_of(*sorted(folder.iterdir())).items())
    monkeypatch.setenv("HASHES", hashes)
    return hashes


@pytest.mark.requirement("B10", "P8.7")
def test_the_hashes_of_all_files_are_handed_on(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = hand_on(collected, monkeypatch)
    done = run_step(collect_distributions, collected)
    assert done.status == 0, done.errors
    assert done.outputs == {"hashes": hashes}


@pytest.mark.requirement("B10")
def test_a_missing_platform_is_red_by_name(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {**PLAN, "macos-arm64": ["cp311-macosx_arm64"]}
    monkeypatch.setenv("PLAN", json.dumps(plan))
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[0] == "The platform macos-arm64 lacks the wheel for cp311-macosx_arm64"


@pytest.mark.requirement("P8.7", "P8.9")
@pytest.mark.parametrize("name", [SDIST, WHEEL])
def test_another_file_than_was_handed_on_is_refused(collected: Path, run_step: RunStep, name: str) -> None:
    (collected / name).write_text("another")
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[0].endswith(f"are not those that were built: {name}")


@pytest.mark.requirement("P8.9", "B10")
def test_two_jobs_that_hand_on_one_name_are_refused(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the two files is in the folder, whichever was unpacked last."""
    hashes = hand_on(collected, monkeypatch)
    monkeypatch.setenv("HASHES", f"{hashes}\n{'0' * 64}  {WHEEL}")
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[:2] == (
        f"Two jobs made a file of one name: {WHEEL}",
        "Expected: a wheel for the platform of each job, and of macOS either universal2 or two architectures",
    )


@pytest.mark.requirement("P8.9", "B10")
@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_a_job_that_handed_no_hash_on_is_refused(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    """The line of its output is empty then."""
    monkeypatch.setenv("HASHES", f"{empty}\n{hand_on(collected, monkeypatch)}")
    done = run_step(collect_distributions, collected)
    assert (done.status, done.lines[0]) == (1, "$HASHES is not a list of SHA-256 hashes")


@pytest.mark.requirement("P8.1", "B10", "S1")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unlisted": {"demo_pkg/__init__.py": "1"}}, "has two files of one name: demo_pkg/__init__.py"),
        ({"unlisted": {"demo_pkg/more.py": ""}}, "has other files than its RECORD lists: demo_pkg/more.py"),
        ({"record": ""}, "has other files than its RECORD lists: demo_pkg-1.0.dist-info/METADATA, "),
        (
            {"unlisted": {"other-1.0.dist-info/METADATA": ""}},
            "has demo_pkg-1.0.dist-info, other-1.0.dist-info, and one folder of its own name belongs there",
        ),
        ({"inside": "cp311-abi3-win_arm64"}, "says inside that it is for cp311-abi3-win_arm64"),
        ({"inside": "-"}, "says inside that it is for nothing"),
        ({"metadata": "Requires-Dist: other\n"}, f"{WHEEL} has other metadata than demo_pkg-1.0-{LINUX}.whl"),
    ],
)
def test_a_wheel_that_installers_read_in_two_ways_is_refused(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of two members of one name
        wheel = make_compiled_wheel(collected, LINUX, **change)
    hand_on(collected, monkeypatch)
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert said in done.lines[0]
    assert wheel.name in done.lines[0]
    assert done.lines[3] == recovery("build")


@pytest.mark.requirement("B10", "S1")
@pytest.mark.parametrize(
    "more",
    [
        {"demo_pkg/_vendor/other-2.dist-info/METADATA": "Name: other\n"},
        {"demo_pkg-1.0.dist-info/METADATA": "Metadata-Version: 2.1\r\nName: demo-pkg\r\nVersion: 1.0\r\n"},
    ],
    ids=["vendored", "written on Windows"],
)
def test_what_backends_write_otherwise_is_no_difference(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]
) -> None:
    make_compiled_wheel(collected, LINUX, more=more)
    hand_on(collected, monkeypatch)
    done = run_step(collect_distributions, collected)
    assert done.status == 0, done.errors


@pytest.mark.requirement("B10", "P8.1")
@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (f"{LINUX}.win_amd64", "Two wheels are for cp311-abi3-"),
        (f"{LINUX}.macosx_11_0_arm64", "No wheel like this was planned: "),
        (f"1-{LINUX}", f"Two wheels are for {LINUX}: "),
    ],
)
def test_a_wheel_for_more_than_its_platform_is_refused(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch, tag: str, said: str
) -> None:
    """Installers would take it instead of the other platform's own, or by its build number."""
    make_compiled_wheel(collected, tag)
    hand_on(collected, monkeypatch)
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[0].startswith(said)


@pytest.mark.requirement("P8.1", "B10")
def test_real_wheels_pass(
    collected: Path,
    compiled_distributions: Path,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the compiler's backend makes them."""
    shutil.rmtree(collected)
    shutil.copytree(compiled_distributions, collected, ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setenv("PLAN", json.dumps({"linux-x86_64": ["cp311-linux_x86_64"]}))
    hand_on(collected, monkeypatch)
    done = run_step(collect_distributions, collected)
    assert done.status == 0, done.errors
