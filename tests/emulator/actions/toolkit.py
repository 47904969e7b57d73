"""What the stand-in actions share: inputs, outputs, annotations.

Standard library only, for the interpreter of the emulated runner.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def given(name: str) -> str:
    """Return an input of the action, "" when it is not set."""
    return os.environ.get("INPUT_" + name.upper().replace("-", "_"), "").strip()


def flag(name: str) -> bool:
    """Return a boolean input. Like @actions/core it takes only YAML 1.2's spellings."""
    value = given(name)
    if value.lower() not in {"true", "false", ""}:
        fail(f"Input does not meet YAML 1.2 Core Schema specification: {name}")
    return value.lower() == "true"


def say(text: str) -> None:
    """Print a line to the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(kind: str, text: str) -> None:
    """Print an annotation: kind is error, warning or notice."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    say(f"::{kind}::{escaped}")


def fail(text: str) -> NoReturn:
    """End the action with an error."""
    note("error", text)
    sys.exit(1)


def output(name: str, value: str) -> None:
    """Set an output of the action."""
    append("GITHUB_OUTPUT", f"{name}={value}")


def append(variable: str, line: str) -> None:
    """Append a line to one of the runner's command files."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
