"""collect_distributions.py: the sdist as it was built, and every planned wheel, or red."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import collect_distributions
import pytest
from support.archives import hashes_of

if TYPE_CHECKING:
    from pathlib import Path

    from release.conftest import RunStep

SDIST, WHEEL = "demo_pkg-1.0.tar.gz", "demo_pkg-1.0-cp311-abi3-win_amd64.whl"


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an sdist and the one wheel that is planned."""
    folder = tmp_path / "collected"
    folder.mkdir()
    for name in (SDIST, WHEEL):
        (folder / name).write_text(name)
    monkeypatch.setenv("HASHES", f"{hashes_of(folder / SDIST)[SDIST]}  {SDIST}")
    monkeypatch.setenv("PLAN", json.dumps({"windows-AMD64": ["cp311-win_amd64", "cp312-win_amd64"]}))
    return folder


@pytest.mark.requirement("B10", "P8.7")
def test_the_hashes_of_all_files_are_handed_on(collected: Path, run_step: RunStep) -> None:
    done = run_step(collect_distributions, collected)
    assert done.status == 0, done.errors
    for name, digest in hashes_of(*collected.iterdir()).items():
        assert f"{digest}  {name}" in done.printed


@pytest.mark.requirement("B10")
def test_a_missing_platform_is_red_by_name(
    collected: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"windows-AMD64": ["cp311-win_amd64"], "macos-arm64": ["cp311-macosx_arm64"]}
    monkeypatch.setenv("PLAN", json.dumps(plan))
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[0] == "The platform macos-arm64 lacks the wheel for cp311-macosx_arm64"


@pytest.mark.requirement("P8.7")
def test_another_sdist_is_refused(collected: Path, run_step: RunStep) -> None:
    (collected / SDIST).write_text("another")
    done = run_step(collect_distributions, collected)
    assert done.status == 1
    assert done.lines[0].endswith(f"are not those that were built: {SDIST}")
