"""docs/commands.md shows what the maintainer's commands print, as they print it.

``uv run pytest tests/release/test_recorded.py --refresh-docs`` writes it again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.commands import doctor, setup, status
from support.rendering import ROOT

from commands.local_github import ADDRESS, bench
from commands.test_status import NO_RUN, files, picture, release_of, run_of

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench

PATH = ROOT / "docs/commands.md"
SAID = [
    "PyPI delivers demo_pkg-1.2.3.tar.gz with SHA-256 0000",
    "Expected: the bytes that were built",
    "Fix: gh run rerun --failed",
    "See: RELEASING.md, 'verify-pypi'",
]
# Command, what stands above it, what it shows of a state.
STATES = {
    "no run was created for the tag": picture(**NO_RUN),
    "the upload to PyPI broke off in the middle": picture(
        "publish-pypi", served={"testpypi": files(), "pypi": files(0)}, release=None
    ),
    "PyPI delivers something else than was built": picture("verify-pypi", release=None, said=SAID),
    "all is done but to read the draft": picture(release=release_of(draft=True)),
    "it was yanked": picture(served={"testpypi": files(), "pypi": files(yanked="Broken: use 1.2.4.")}),
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
        "# The maintainer's three commands",
        "",
        "What they print, recorded by tests/release/test_recorded.py; in a terminal with colour. `INDEX`",
        "stands for the host of the index.",
        "",
        "## Set up",
        "",
        "An empty repository:",
    ]
    page += block(f"{setup.AGAIN} --yes", desk.run(setup, "--yes", capsys=capsys).printed)
    page += ["", "## Look", "", "The same repository, where somebody has switched a tag rule off since:"]
    desk.github.ruleset("never")["enforcement"] = "disabled"
    page += block("uv run .github/release/doctor.py", desk.run(doctor, capsys=capsys).printed)
    page += ["", "## Recover"]
    for title, seen in STATES.items():
        runs = [run_of(number=4711, conclusion=run.conclusion) for run in seen.runs]
        known = dataclasses.replace(seen, runs=runs)
        capsys.readouterr()
        status.show(known, status.next_step(known, desk.settings, "main"), desk.github.host, desk.settings)
        page += [
            "",
            f"When {title}:",
            *block("uv run .github/release/status.py v1.2.3", capsys.readouterr().out),
        ]
    wanted = "\n".join(page) + "\n"
    if request.config.getoption("--refresh-docs"):
        PATH.write_text(wanted, encoding="utf-8")
    found = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    assert found == wanted, "refresh it: uv run pytest tests/release/test_recorded.py --refresh-docs"
