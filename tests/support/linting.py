"""Run the linters of this environment on files, with no configuration and no exemption."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Programs of this environment first, also when it is not activated.
PROGRAMS = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])


def program(name: str) -> str:
    """Path of a program of this environment."""
    path = shutil.which(name, path=PROGRAMS)
    assert path, f"{name} is not installed: it belongs to the dependency group 'test'"
    return path


def lint(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a linter; what it reports is in the failure.

    Raises:
        AssertionError: It found something.
    """
    words = [program(str(command[0])), *map(str, command[1:])]
    environment = {**os.environ, "PATH": PROGRAMS}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def actionlint(workflows: Iterable[Path]) -> None:
    """Lint workflows, the shell inside them included.

    Raises:
        AssertionError: It found something.
    """
    lint("actionlint", "-shellcheck", program("shellcheck"), *workflows)


def zizmor(files: Iterable[Path]) -> None:
    """Audit workflows and bot configurations at the pedantic persona, whatever comments they bring.

    Raises:
        AssertionError: It found something.
    """
    strict = ("--strict-collection", "--no-config", "--no-ignores", "--persona", "pedantic")
    lint("zizmor", "--offline", "--quiet", "--color", "never", *strict, *files)


def schema(name: str, files: Iterable[Path]) -> None:
    """Validate files by a schema that check-jsonschema brings.

    Args:
        name: Such as ``vendor.github-workflows``.
        files: The files; none is fine.

    Raises:
        AssertionError: A file is not valid.
    """
    if listed := list(files):
        lint("check-jsonschema", "--builtin-schema", name, *listed)
