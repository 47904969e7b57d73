"""Running git and other programs, without a shell."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from copier_pypi_release.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Git variables of a caller (a hook, say) that would point git at another repository.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
SHOWN = 15  # lines of a failed program's output that a message quotes


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return its standard output, without the last newline.

    Args:
        command: The program and its arguments.
        cwd: Folder to run it in.
        env: Variables to set besides the inherited ones.

    Raises:
        Stop: The program is missing or failed; its last lines are in the sentence.
    """
    words = [str(word) for word in command]
    variables = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**variables, **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        )
    except FileNotFoundError as error:
        raise Stop(
            f"The program {words[0]} is not installed",
            expected=f"{words[0]} on PATH",
            mend=f"install {words[0]} and run this again",
        ) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "nothing").strip().splitlines()
        raise Stop(
            f"`{' '.join(words)}` failed with status {error.returncode}: {' | '.join(said[-SHOWN:])}",
            expected="status 0",
            mend="read the lines above, then run this again",
        ) from error
    return done.stdout.rstrip("\n")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; see `run`."""
    return run("git", "-c", "core.quotepath=off", *arguments, cwd=folder)


def git_says(folder: Path, *arguments: str) -> str | None:
    """What git answers, or None if it answers with a failure."""
    try:
        return git(folder, *arguments)
    except Stop:
        return None
