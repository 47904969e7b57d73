"""Programs that stand in for others on PATH."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_program(path: Path, code: str) -> None:
    """Make a program of Python code, without the packages of this environment, so that it starts quickly.

    Not by a `#!` of this Python: a blank in its path, or a path of more than 127 characters, breaks it.
    """
    script = path.with_name(f"{path.name}.py")
    script.write_text(code, encoding="utf-8")
    words = shlex.join([sys.executable, "-SE", str(script)])
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
