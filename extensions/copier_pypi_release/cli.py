"""The command ``copier-pypi-release``."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "copier-pypi-release"
# Each is a module of `commands`, which is imported when it runs, with `add_arguments` and `run`.
COMMANDS = {
    "adopt": "let a package that exists release by tag",
    "setup": "set the repository up on GitHub for releases",
    "doctor": "check that the repository is ready for releases",
    "status": "show the state of a release, and what to do next",
    "pins": "bring the template's newer pins of actions and tools",
    "check-update": "tell of a newer version of the template, in one issue",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its status: 0 done, 1 stopped with a message, 2 misused, 130 interrupted.

    Args:
        arguments: Arguments of the command line; those of the process by default.
    """
    name, rest = choose(list(sys.argv[1:] if arguments is None else arguments))
    try:
        command = importlib.import_module(f"copier_pypi_release.commands.{name.replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=f"{PROGRAM} {name}", description=command.__doc__)
        command.add_arguments(parser)
        status: int = command.run(parser.parse_args(rest))
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        return say(missing_extra(name, error))
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback reaches a user)
        return say(error if isinstance(error, ReleaseError) else unexpected(error))
    return status


def choose(arguments: list[str]) -> tuple[str, list[str]]:
    """The command that is named first, and the arguments that are for it."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Releases to PyPI that cannot go wrong quietly.",
        epilog=f"commands:\n{listed}\n\n{PROGRAM} COMMAND --help tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    return parser.parse_args(arguments[:1]).command, arguments[1:]


def say(error: ReleaseError) -> int:
    """Print the four lines of an error, and return the status that goes with them."""
    print("\n".join(error.lines), file=sys.stderr)
    return 1


def missing_extra(name: str, error: ModuleNotFoundError) -> ReleaseError:
    """What to say when a command needs more than the small base that is installed."""
    return ReleaseError(
        f"The command {name} needs {error.name}, which is not installed",
        expected=f"{PROGRAM} with its extra 'adopt'",
        fix=f'uvx --from "{PROGRAM}[adopt] @ git+ADDRESS_OF_THE_TEMPLATE" {PROGRAM} {name}',
        see="docs/adopting.md of the template",
    )
