"""Output: pleasant in a terminal, plain elsewhere, and text of others is shown as text."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from copier_pypi_release.console import WIDTH, printable
from support.rendering import ROOT

SHOW = """
from copier_pypi_release.console import console, lines, marked, table
shown = table("Title [with brackets]", "A", "B")
shown.add_row("[bold]plain[/bold] \\x1b[31m\\u202e", marked("fail"))
shown.add_row("word " * 30, "x" * 30)
console().print(shown)
lines(console(), ["  " + "long-command " * 12 + "\\x07"])
"""


def printed(*, terminal: bool, **variables: str) -> str:
    """What a table and a line look like, in a terminal or not."""
    paths = [str(ROOT / "extensions"), str(ROOT / "template/.github/release")]
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(paths),
        "TERM": "xterm",
        "COLUMNS": "60",
        **variables,
    }
    command = [sys.executable, "-c", SHOW]
    if not terminal:
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    ours, theirs = pty.openpty()
    subprocess.run(command, env=env, check=True, stdout=theirs)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    return text


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[1;31mfail" in printed(terminal=True)


@pytest.mark.parametrize(("terminal", "variables"), [(False, {}), (True, {"NO_COLOR": "1"})])
def test_nothing_else_gets_colour(terminal: bool, variables: dict[str, str]) -> None:
    assert "\x1b[1;31m" not in printed(terminal=terminal, **variables)


def test_tables_fit_80_columns_and_lines_stay_whole() -> None:
    *shown, line = printed(terminal=False).splitlines()
    assert max(map(len, shown)) <= WIDTH == 80
    assert line.count("long-command") == 12


@pytest.mark.requirement("X17")
def test_text_of_others_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    shown = printed(terminal=True, NO_COLOR="1", COLUMNS="120")
    assert "[bold]plain[/bold] \\x1b[31m\\u202e" in shown
    assert "\\x07" in shown


@pytest.mark.requirement("X17")
@pytest.mark.parametrize("code", [0x00, 0x07, 0x0D, 0x1B, 0x7F, 0x9B, 0x061C, 0x200F, 0x2028, 0x202E, 0x2066])
def test_control_characters_become_escapes(code: int) -> None:
    assert printable(f"a{chr(code)}b").isprintable()
    assert printable("é ü\n✓ 版") == "é ü\n✓ 版"
