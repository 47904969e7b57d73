"""Pins, by hash, of what a package builds with, where that is more or other than the template's own backend.

They stand in a file of the package's own, which a release takes instead of the template's. No update of the
template touches it; `copier-pypi-release pins` renews it.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OWN = "build-constraints-own.txt"
HEAD = "# What this package builds with. It is yours: no update changes it; `tool.py pins` renews it, from:\n"
BLOCK = re.compile(r"^([A-Za-z0-9][\w.-]*)==(?:.*\\\n)*.*\n", re.MULTILINE)  # a requirement and its hashes
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)
WANTED = re.compile(r"^# - (.+)$", re.MULTILINE)  # what the file was made from
USUAL = ("setuptools>=40.8",)  # without a build table: PEP 518
UNPINNED = re.compile(
    r"(?:hash was provided for|--require-hashes.*?found): `?([A-Za-z0-9][\w.-]*)"
)  # uv's words


def covers(constraints: Path, requires: Iterable[str]) -> bool:
    """Whether constraints pin every requirement, at a version that it takes."""
    text = constraints.read_text(encoding="utf-8")
    pinned = {canonicalize_name(name): version for name, version in PIN.findall(text)}
    try:
        wanted = [Requirement(line) for line in requires]
    except InvalidRequirement:
        return False
    names = [(canonicalize_name(one.name), one.specifier) for one in wanted]
    return all(name in pinned and specifier.contains(pinned[name]) for name, specifier in names)


def pin_build(folder: Path, requires: Sequence[str]) -> Path:
    """Resolve what a package builds with, to the newest versions, and write it with hashes.

    Args:
        folder: Of the release's constraints.
        requires: The package's ``[build-system] requires``, and what its backend asks for besides.

    Returns:
        The file.

    Raises:
        AdoptionError: They cannot be resolved.
    """
    with tempfile.TemporaryDirectory() as place:
        wanted = Path(place) / "requires.in"
        wanted.write_text("".join(f"{line}\n" for line in requires), encoding="utf-8")
        how = ("--no-config", "--quiet", "--generate-hashes", "--universal", "--no-header", "--no-annotate")
        try:
            text = run(uv_program(), "pip", "compile", *how, wanted, cwd=Path(place))
        except ReleaseError as error:
            raise AdoptionError(
                f"What the project builds with cannot be pinned: {error.problem}",
                expected="build requirements that can be installed",
                fix="correct [build-system] requires, commit, run this again",
            ) from error
    path = folder / OWN
    path.write_text(
        HEAD
        + "".join(f"# - {line}\n" for line in requires)
        + "".join(block[0] for block in BLOCK.finditer(f"{text}\n")),
        encoding="utf-8",
        newline="\n",
    )
    return path


def renew(root: Path, folder: str = "") -> set[str]:
    """Resolve anew what a package builds with, where it has pins of its own for that.

    What [build-system] asks for by now counts, and what its backend was found to ask for besides.

    Args:
        root: Root of the repository.
        folder: The project's folder in it.

    Returns:
        A line for each pin that has changed.
    """
    path = root / ".github/release" / OWN
    if not path.is_file():
        return set()
    said = path.read_bytes()
    before = dict(PIN.findall(said.decode()))
    wanted = {named(line): line for line in WANTED.findall(said.decode())}
    wanted |= {named(line): line for line in build_requires(root / folder / "pyproject.toml")}
    pin_build(path.parent, [*wanted.values()])
    after = dict(PIN.findall(path.read_text(encoding="utf-8")))
    comments = [line for line in said.decode().splitlines(keepends=True) if line.startswith("#")]
    head = "".join(line for line in comments if not WANTED.match(line))
    head += "".join(f"# - {line}\n" for line in wanted.values())
    blocks = "".join(block[0] for block in BLOCK.finditer(path.read_text(encoding="utf-8")))
    path.write_bytes(
        said if before == after else f"{head}{blocks}".encode()
    )  # its comments are the package's
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return {f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}" for name in changed}


def named(line: str) -> str:
    """The name that a requirement is of; the line itself where it is none."""
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return line


def build_requires(path: Path) -> list[str]:
    """The build requirements in a pyproject.toml; the usual ones where it says none."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise AdoptionError(
            f"{path.name} is not TOML: {error}",
            expected="a file that every build tool can read",
            fix=f"correct {path.name} at that place, and run this again",
        ) from error
    requires = said.get("build-system", {}).get("requires")
    return [str(line) for line in (USUAL if requires is None else requires)]


def uv_program() -> str:
    """The uv beside this tool, where adoption's extra is installed; else the one that runs it."""
    try:
        return str(import_module("uv").find_uv_bin())
    except ImportError:
        return os.environ.get("UV") or "uv"


def unpinned_in(problem: str) -> list[str]:
    """The requirement that a build wanted and no constraint pins, from what uv said."""
    return UNPINNED.findall(problem)
