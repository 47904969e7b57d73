"""The commands are pleasant to look at in a terminal, and plain elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from support.rendering import ROOT

SCRIPTS = ROOT / "template/.github/release"
SHOW = """
from copier_pypi_release.console import console, marked, table
shown = table("Title [with brackets]", "A", "B")
shown.add_row("[bold]plain[/bold]", marked("fail"))
console().print(shown)
"""


def printed(*, terminal: bool, **variables: str) -> str:
    """What a table looks like, in a terminal or not."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SCRIPTS),
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


def test_there_is_colour_in_a_terminal() -> None:
    assert "\x1b[1;31mfail" in printed(terminal=True)


@pytest.mark.parametrize(("terminal", "variables"), [(False, {}), (True, {"NO_COLOR": "1"})])
def test_there_is_no_colour_elsewhere(terminal: bool, variables: dict[str, str]) -> None:
    assert "\x1b[1;31m" not in printed(terminal=terminal, **variables)


def test_brackets_in_a_text_are_brackets() -> None:
    assert "[bold]plain[/bold]" in printed(terminal=False)


@pytest.mark.parametrize("script", ["set_up.py", "doctor.py", "status.py"])
def test_each_command_explains_itself(script: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, "--help"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith(f"usage: {script}")
