"""The command ``copier-pypi-release``: one parser, and a module of `commands` for each command."""

from __future__ import annotations

import argparse
import errno
import importlib
import importlib.metadata
import io
import os
import shlex
import sys
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, folded, unexpected

from copier_pypi_release.console import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "copier-pypi-release"
# The module of a command is imported when it runs; it has `add_arguments(parser)` and `run(options) -> int`.
COMMANDS = {
    "adopt": "let a package that exists release by tag",
    "setup": "set the repository up on GitHub for releases",
    "doctor": "check that the repository is ready for releases",
    "release": "release a version, or go on with a release that has begun",
    "rehearse": "carry out a release on this machine, all but its uploads",
    "notes": "show the notes and the version of the next release",
    "status": "show the state of a release, and what to do next",
    "watch": "look for what the release workflow did not make",
    "reproduce": "build a release again and compare it with what is served",
    "pins": "bring the template's newer pins of actions and tools",
    "check-update": "tell of a newer release of the template, in one issue",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its status: 0 done, 1 stopped with a message, 2 misused, 130 interrupted.

    And 141 if whoever reads has read enough.

    Args:
        arguments: Arguments of the command line; those of the process by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # Windows has code pages that lack most letters
    name, rest = parse_command(list(sys.argv[1:] if arguments is None else arguments))
    try:
        status = run(name, rest)
        if sys.stdout:  # it may be closed
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read has read enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return 141
    except ModuleNotFoundError as error:
        return stop(missing_extra(name, rest, error))
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback reaches a user)
        return stop(error if isinstance(error, ReleaseError) else no_room(error) or unexpected(error))
    return status


def parse_command(arguments: list[str]) -> tuple[str, list[str]]:
    """The name of the command, and the arguments that are the command's own."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND ...",
        description="Releases to PyPI that cannot go wrong quietly.",
        epilog=f"commands:\n{listed}\n\n{PROGRAM} COMMAND --help explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {installed_version()}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    return parser.parse_args(arguments[:1]).command, arguments[1:]


def run(name: str, arguments: list[str]) -> int:
    """Run a command with its own arguments."""
    command = importlib.import_module(f"copier_pypi_release.commands.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {name}", description=command.__doc__)
    command.add_arguments(parser)
    status: int = command.run(parser.parse_args(arguments))
    return status


def installed_version() -> str:
    """The version of this tool."""
    try:
        return importlib.metadata.version(PROGRAM)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from a checkout)"


def stop(error: ReleaseError) -> int:
    """Print the four lines of an error, wrapped in a terminal, and return the status that goes with them."""
    for line in (printable(line.replace("\n", " ")) for line in error.lines):
        print(*(folded(line) if sys.stderr.isatty() else [line]), sep="\n", file=sys.stderr)
    return 1


def no_room(error: Exception) -> ReleaseError | None:
    """The error of a disk that is full, or that nobody may write to; None for any other."""
    if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        return None
    return ReleaseError(
        f"{error.strerror}: {error.filename or 'where this is printed to'}",
        expected="a disk with room that may be written to",
        fix="make room, or set TMPDIR to a folder that has some, then run this again",
        see="RELEASING.md, 'What you need'",
    )


def missing_extra(name: str, arguments: Sequence[str], error: ModuleNotFoundError) -> ReleaseError:
    """The error of a command that needs more than the base that is installed."""
    from copier_pypi_release.template_source import tool_requirement  # noqa: PLC0415  (an error needs it alone)

    return ReleaseError(
        f"The command {name} needs {error.name}, which is not installed",
        expected=f"{PROGRAM} with its extra 'adopt'",
        fix=f'uvx --from "{tool_requirement("adopt")}" {shlex.join([PROGRAM, name, *arguments])}',
        see="docs/adopting.md of the template",
    )
