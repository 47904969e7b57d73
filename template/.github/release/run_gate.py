# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# ///
"""Run this project's own gate, as its CI does, on the commit that is about to be released.

The commands are those of settings.toml, [checks] gate. They run in the current folder, a clone of the commit,
where a fresh environment comes first on PATH, as if it were activated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from environment import Environment, fresh_environment
from step import Settings, Stop, load_settings, step

PIP = "pip==26.3"  # some gates install with it
READ = "RELEASING.md, 'test'"


def run_command(command: str, environment: Environment, source: Path) -> None:
    """Run one command of the gate.

    Args:
        command: A program and its arguments; there is no shell.
        environment: The environment that comes first on PATH.
        source: Folder to run it in.

    Raises:
        Stop: The program is missing, or fails.
    """
    status = environment.run_command(command, source)
    if status is None:
        raise Stop(
            f"The gate needs {command.split(maxsplit=1)[0]}, which is not installed",
            expected=f"{command.split(maxsplit=1)[0]} on the runner, or a command before it that installs it",
            mend="put that command into gate_commands: copier update --data-file FILE",
            read=READ,
        )
    if status:
        raise Stop(
            f"The gate failed: `{command}` ended with status {status}",
            expected="status 0; its report is in the log above",
            mend=f"run `{command}` in a clone, and mend what it says",
            read=READ,
        )


def run_gate(settings: Settings, source: Path) -> None:
    """Run all commands of the gate, in order.

    Raises:
        Stop: There is none, or one fails: nothing is released untested.
    """
    commands = settings.checks.get("gate", ())
    if not commands:
        raise Stop(
            "This project has no gate, and CI has not passed on this commit",
            expected="the command that tests this project, in settings.toml, [checks] gate",
            mend="push the commit to a branch that CI runs on, or put the command into gate_commands",
            read=READ,
        )
    with fresh_environment() as environment:
        environment.install("--quiet", PIP)
        for command in commands:
            run_command(command, environment, source)


def main() -> None:
    """Run the gate in the current folder."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    run_gate(load_settings(), Path.cwd())


if __name__ == "__main__":
    step(main)
