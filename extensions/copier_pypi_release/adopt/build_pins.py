"""Pins, by hash, of what a package builds with beside the template's own backend.

They stand in a file of the package's own, which no update of the template touches.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN = "build-constraints-own.txt"
BLOCK = re.compile(r"^([A-Za-z0-9][\w.-]*)==(?:.*\\\n)*.*\n", re.MULTILINE)  # a requirement and its hashes


def pin_plugins(constraints: Path, requires: Sequence[str]) -> Path | None:
    """Resolve what the template's constraints do not pin, and write it beside them.

    Args:
        constraints: The template's constraints.
        requires: The package's ``[build-system] requires``.

    Returns:
        The file; None if nothing else is needed.

    Raises:
        AdoptionError: They cannot be resolved.
    """
    pinned = {canonicalize_name(name) for name in BLOCK.findall(constraints.read_text(encoding="utf-8"))}
    if all(canonicalize_name(_name(line)) in pinned for line in requires):
        return None
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requires.in"
        wanted.write_text("".join(f"{line}\n" for line in requires), encoding="utf-8")
        how = ("--no-config", "--quiet", "--generate-hashes", "--universal", "--no-header", "--no-annotate")
        try:
            text = run(
                uv.find_uv_bin(),
                "pip",
                "compile",
                *how,
                "--constraint",
                constraints,
                wanted,
                cwd=Path(folder),
            )
        except ReleaseError as error:
            raise AdoptionError(
                f"What the project builds with cannot be pinned: {error.problem}",
                expected="build requirements that work with the template's hatchling and hatch-vcs",
                fix="correct [build-system] requires, commit, and run this again",
            ) from error
    blocks = [b[0] for b in BLOCK.finditer(f"{text}\n") if canonicalize_name(b[1]) not in pinned]
    path = constraints.with_name(OWN)
    path.write_text(
        "# What this package builds with, beside build-constraints.txt. It is yours: no update changes it.\n"
        + "".join(blocks),
        encoding="utf-8",
        newline="\n",
    )
    return path


def _name(line: str) -> str:
    try:
        return Requirement(line).name
    except InvalidRequirement:
        return line
