"""Files that this workflow did not upload, or whose provenance comes late, acted out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drill.maintainer import NAME, OWNER, REPOSITORY, Maintainer

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ".github/release/settings.toml"


@pytest.mark.requirement("X13", "P8.2")
def test_the_provenance_comes_late(waiting: Maintainer) -> None:
    """PyPI shows the attestations of its files only after a while: the verification waits, and is green."""
    waiting.index("pypi").set_delay(proofs=2)
    waiting.approve().is_released(twice=False)
    assert "PyPI has no attestation for demo_pkg" in waiting.log("verify-pypi")


@pytest.mark.requirement("X13", "R2", "R10")
def test_a_stolen_token_uploads_first(ready: Maintainer, tmp_path: Path) -> None:
    """Somebody with a token puts the files on PyPI before the workflow: it skips them, and is red."""
    ready.index("pypi").create_project(NAME)
    ready.index("pypi").remove_publishers(NAME)
    ready.register_publisher("pypi", "pypi")
    ready.edit(SETTINGS, "patience = 1800", "patience = 1")
    ready.set_reviewer("pypi")
    ready.wait().release().waits_for("pypi")
    for name in ready.served("testpypi"):
        (tmp_path / name).write_bytes(ready.index("testpypi").content(name))
        ready.index("pypi").put(tmp_path / name)
    ready.approve().stopped_at(
        "verify-pypi", "who uploaded it is not known (after 1 seconds)", testpypi="all", pypi="all"
    )


@pytest.mark.requirement("X13", "R4", "P9.3")
def test_the_form_names_no_environment(built: Maintainer) -> None:
    """Any job could have uploaded: red before PyPI; with the line in the settings, the tag is released."""
    index = built.index("testpypi")
    index.remove_publishers(NAME)
    index.add_publisher(
        NAME,
        owner=OWNER,
        owner_id=str(built.sandbox.github.ids(REPOSITORY)["owner"]),
        repository=NAME,
        workflow="release.yml",
        pending=True,
    )
    built.approve().stopped_at("verify-testpypi", "environment (none), on GitHub", testpypi="all")
    built.edit(SETTINGS, "patience =", 'without-attestations = ["testpypi"]\npatience =')
    built.follow_runbook("dispatch").is_released(twice=False)
    assert "who uploaded them was not checked" in built.log("verify-testpypi")
