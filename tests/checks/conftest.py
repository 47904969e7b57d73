"""Fixtures of the tests of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from commands.local_github import bench

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench


@pytest.fixture
def desk(default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A maintainer's clone and an empty repository."""
    return bench(default_package, tmp_path, monkeypatch)


@pytest.fixture
def set_up_desk(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The same, set up."""
    assert desk.run("setup", "--yes", capsys=capsys).status == 0
    return desk
