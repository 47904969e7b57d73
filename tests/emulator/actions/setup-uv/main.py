"""Stand-in for astral-sh/setup-uv v10: the uv of the emulator's machine, whatever version is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from toolkit import append, fail, given, note, output, say


def main() -> None:
    """Put uv and uvx on the PATH, and set UV_PYTHON."""
    if given("activate-environment") == "true":
        fail("The stand-in for setup-uv does not know `activate-environment: true`.")
    uv = Path(os.environ["UV"])
    folder = Path(os.environ["RUNNER_TEMP"]) / "setup-uv"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("uv", "uvx"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(uv.with_name(name))
    append("GITHUB_PATH", str(folder))
    said = subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout
    version = said.split()[1]
    if given("version") not in {"", version}:
        say(f"The workflow asks for uv {given('version')}; the emulator's machine has uv {version}.")
    output("uv-version", version)
    output("uv-path", str(folder / "uv"))
    python = given("python-version")
    if not python:
        return
    found = subprocess.run(
        [uv, "python", "find", "--no-project", "--no-python-downloads", python],
        check=False,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        here = ".".join(map(str, sys.version_info[:3]))
        note("notice", f"Python {python} is not on the emulator's machine; Python {here} stands in.")
        python = sys.executable
    append("GITHUB_ENV", f"UV_PYTHON={python}")
