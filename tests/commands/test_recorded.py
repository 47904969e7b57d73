"""docs/commands.md shows what the maintainer's commands print, as they print it.

``uv run pytest tests/commands/test_recorded.py --refresh-docs`` writes it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import recovery
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor, status
from copier_pypi_release.console import lines
from copier_pypi_release.github import GitHub
from release_lib.step import folded
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from support.rendering import ROOT

from commands.local_github import ADDRESS, ready_bench
from commands.test_status import BUILT, NO_RUN, files, release_of, run_of, state

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.checks.context import Context

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


def terminal() -> Console:
    """A terminal that remembers what is printed."""
    return Console(record=True, file=io.StringIO(), force_terminal=True, width=80, legacy_windows=False)


def picture(context: Context, title: str) -> str:
    """What `doctor` prints in a terminal, as an image."""
    screen = terminal()
    doctor.show(context, doctor.find(context), screen, everything=False)
    return svg_of(screen, title)


def svg_of(screen: Console, title: str) -> str:
    """What a terminal shows, as an image; the font is the reader's own."""
    shape = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    image = screen.export_svg(title=title, code_format=shape)
    return "\n".join(line.rstrip() for line in image.replace(ADDRESS, "https://INDEX").splitlines()) + "\n"


def block(command: str, printed: str) -> list[str]:
    """A command and what it printed, in Markdown; the indexes' host is left out."""
    text = "\n".join(line.rstrip() for line in printed.replace(ADDRESS, "https://INDEX").splitlines())
    return ["", "```text", f"$ {command}", text.strip("\n"), "```"]


def about_a_release(
    package: Path, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[list[str], str]:
    """What is printed before anything is released, and a stop as an image."""
    ready = ready_bench(package, folder, patch, capsys)
    page = ["", "Without a version: what is unreleased, and what waits."]
    page += block(f"{TOOL} status", ready.run("status", capsys=capsys).printed)
    page += ["", "## notes", "", "What the next release would say:"]
    page += block(f"{TOOL} notes", ready.run("notes", capsys=capsys).printed)
    page += [
        "",
        "## release",
        "",
        "The plan alone; the whole session is in the [README](../README.md#a-release):",
    ]
    page += block(f"{TOOL} release --dry-run", ready.run("release", "--dry-run", capsys=capsys).printed)
    command = f"{TOOL} release 1.0.0-beta1"
    stopped = ready.run("release", "1.0.0-beta1", capsys=capsys)
    page += ["", "What would stop it stops it with nothing pushed:", *block(command, stopped.errors)]
    screen = terminal()
    screen.print(f"$ {command}", style="bold")
    for line in stopped.error_lines:
        lines(screen, folded(line))
    return page, svg_of(screen, command)


@pytest.mark.requirement("P9.5", "P8.5")
def test_the_commands_print_what_the_document_shows(  # noqa: PLR0917  (fixtures)
    desk: Bench,
    default_package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
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
    context = read_context(desk.clone, desk.clone, lambda name: GitHub(name, desk.github.token()))
    pages = {ROOT / "docs/images/doctor.svg": picture(context, f"{TOOL} doctor")}
    page += ["", "## status"]
    for title, seen in STATES.items():
        runs = [run_of(id=4711, conclusion=run.conclusion) for run in seen.runs]
        known = dataclasses.replace(seen, runs=runs)
        capsys.readouterr()
        step = recovery.next_step(known, desk.settings, "main")
        status.show(known, step, desk.github.client, desk.settings)
        page += ["", f"When {title}:", *block(f"{TOOL} status v1.2.3", capsys.readouterr().out)]
    begun, stop = about_a_release(default_package, tmp_path / "release", monkeypatch, capsys)
    pages[ROOT / "docs/images/stop.svg"] = stop
    pages[PATH] = "\n".join([*page, *begun]) + "\n"
    if request.config.getoption("--refresh-docs"):
        for path, text in pages.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    found = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in pages}
    assert found == pages, "refresh it: uv run pytest tests/commands/test_recorded.py --refresh-docs"
