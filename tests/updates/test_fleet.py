"""The loop over many packages, as docs/fleet.md prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.rendering import commit_all, git

from updates.changes import HANDED_OVER, everything
from updates.conftest import live_in
from updates.fleet import clones, run_loop
from updates.template_versions import GIVEN, TemplateVersions, conflicts, expected, files
from updates.test_by_hand import set_patience

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.requirement("B3", "B5")
def test_the_loop_proposes_what_is_clean_and_leaves_the_rest_to_a_person(tmp_path: Path) -> None:
    """Copier as people run it, a process for each package, with the newest tag."""
    versions = TemplateVersions(tmp_path / "versions")
    newest = versions.version("newest", everything)
    lived_in = live_in(versions, "lived-in")
    patient, current = (versions.folder / name / "demo-pkg" for name in ("patient", "current"))
    set_patience(versions.copy("v1.0.0", patient))
    versions.copy(newest, current)
    for package in (patient, current):
        commit_all(package)
    packages = [("current", current), ("lived-in", lived_in.root), ("patient", patient)]
    folder = clones(packages, tmp_path / "fleet")
    printed, asked = run_loop(folder)
    assert [words[1:] for words in asked] == [["lived-in", "pr", "create", "--fill"]], printed
    assert printed.splitlines() == ["patient/ waits for a person: .github/release/settings.toml"]
    for name, package in packages:
        assert conflicts(folder / name) == []
        assert git(folder / name, "status", "--porcelain") == ""
        if name != "lived-in":
            assert files(folder / name) == files(package)
    fresh = versions.fresh(newest, lived_in.answers)
    wanted = expected(lived_in.files, lived_in.base, fresh, GIVEN | {HANDED_OVER}, tmp_path)
    assert files(folder / "lived-in") == wanted
    pushed = git(folder / "lived-in", "rev-parse", "origin/template-update")
    assert pushed == git(folder / "lived-in", "rev-parse", "HEAD")
