"""docs/commands.md shows what the maintainer's commands print, as they print it.

``uv run pytest tests/commands/test_recorded.py --refresh-docs`` writes it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import recovery
from copier_pypi_release.commands import status
from support.rendering import ROOT

from commands.local_github import ADDRESS, bench
from commands.test_status import BUILT, NO_RUN, files, release_of, run_of, state

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench

PATH = ROOT / "docs/commands.md"
TOOL = "uv run .github/release/tool.py"
SDIST = "demo_pkg-1.2.3.tar.gz"
TRUNCATED = hashlib.sha256(b"truncated on the way").hexdigest()
ERROR_LINES = [
    f"PyPI delivers {SDIST} with SHA-256 {TRUNCATED}",
    f"Expected: {BUILT[SDIST]}",
    "Fix: gh run rerun --failed",
    "See: .github/release/RECOVERY.md, 'verify-pypi'",
]
# What has happened, and the state that status shows.
STATES = {
    "no run was created for the tag": state(**NO_RUN),
    "the upload to PyPI stopped in the middle": state(
        "publish-pypi", served={"testpypi": files(), "pypi": files(0)}, release=None
    ),
    "PyPI delivers other contents than were built": state(
        "verify-pypi", release=None, error_lines=ERROR_LINES
    ),
    "the draft waits to be read": state(release=release_of(draft=True)),
    "it was yanked": state(served={"testpypi": files(), "pypi": files(yanked="Broken: use 1.2.4.")}),
}


@pytest.fixture
def desk(default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A maintainer's clone and an empty repository."""
    return bench(default_package, tmp_path, monkeypatch)


def block(command: str, printed: str) -> list[str]:
    """A command and what it printed, in Markdown; the indexes' host is left out."""
    text = "\n".join(line.rstrip() for line in printed.replace(ADDRESS, "https://INDEX").splitlines())
    return ["", "```text", f"$ {command}", text.strip("\n"), "```"]


@pytest.mark.requirement("P9.5", "P8.5")
def test_the_commands_print_what_the_document_shows(
    desk: Bench, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    page = [
        "# What the maintainer's commands print",
        "",
        "Recorded by tests/commands/test_recorded.py; in a terminal with colour. `INDEX`",
        "stands for the host of the index.",
        "",
        "## setup",
        "",
        "An empty repository:",
    ]
    page += block(f"{TOOL} setup --yes", desk.run("setup", "--yes", capsys=capsys).printed)
    page += ["", "## doctor", "", "The same repository, after somebody has switched a tag rule off:"]
    desk.github.ruleset("never")["enforcement"] = "disabled"
    page += block(f"{TOOL} doctor", desk.run("doctor", capsys=capsys).printed)
    page += ["", "## status"]
    for title, seen in STATES.items():
        runs = [run_of(id=4711, conclusion=run.conclusion) for run in seen.runs]
        known = dataclasses.replace(seen, runs=runs)
        capsys.readouterr()
        step = recovery.next_step(known, desk.settings, "main")
        status.show(known, step, desk.github.client, desk.settings)
        page += ["", f"When {title}:", *block(f"{TOOL} status v1.2.3", capsys.readouterr().out)]
    wanted = "\n".join(page) + "\n"
    if request.config.getoption("--refresh-docs"):
        PATH.write_text(wanted, encoding="utf-8")
    found = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    assert found == wanted, "refresh it: uv run pytest tests/commands/test_recorded.py --refresh-docs"
