"""A folder of packages in assorted states, and the loop of docs/fleet.md that updates them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.rendering import ROOT, git

if TYPE_CHECKING:
    from collections.abc import Iterable

# Stands for gh: what it was asked, and when, a line for each pull request.
GH = '#!/bin/sh\necho "$(date +%s.%N) $(basename "$PWD") $*" >> ../../asked\n'


def clones(packages: Iterable[tuple[str, Path]], folder: Path) -> Path:
    """Clone packages, each under a name, into a folder, from bare repositories beside it."""
    for name, package in packages:
        origin = folder / "origins" / f"{name}.git"
        git(package, "clone", "--quiet", "--bare", str(package), str(origin))
        git(package, "clone", "--quiet", str(origin), str(folder / "clones" / name))
    return folder / "clones"


def loop() -> str:
    """The loop, as printed."""
    text = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"(?ms)^```sh\n(.*?)^```", text)
    return next(block for block in blocks if "copier update" in block)


def run_loop(folder: Path) -> tuple[str, list[list[str]]]:
    """Run it in a folder of clones.

    Returns:
        What it printed, and of each pull request time (seconds), package and words of the command.
    """
    programs = folder.parent / "programs"
    programs.mkdir()
    (programs / "gh").write_text(GH, encoding="utf-8")
    (programs / "gh").chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", loop()],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
    )
    asked = (folder.parent / "asked").read_text(encoding="utf-8")
    return done.stdout + done.stderr, [line.split() for line in asked.splitlines()]
