# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Run the project's checks, as settings.toml names them: lint, types, tests.

They run in the unpacked sdist, in a fresh environment where the built wheel is installed, so that they see
what users will get and nothing that only the repository has. With --clone they run in the current folder, a
clone, as this project's own CI runs them.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from install_distribution import Environment, fresh_environment, refusal
from release_lib.distributions import find_distributions, unpack
from release_lib.settings import Settings, load_settings
from release_lib.step import step

PIP = "pip<=26.3"  # some projects install with it, on an old Python with an older one


def run_commands(check: str, commands: tuple[str, ...], environment: Environment, folder: Path) -> None:
    """Run the commands of one check in a folder."""
    for command in commands:
        status = run_command(command, environment, folder)
        if status is None:
            program = command.split(maxsplit=1)[0]
            problem = f"The check {check!r} needs {program}, which is not installed"
            wanted = f"{program} on the runner, or from the dependency group {check!r}"
            fix = f"add it to [dependency-groups] {check} in pyproject.toml, or install it before"
            raise refusal(problem, expected=wanted, fix=fix)
        if status:
            problem = f"The check {check!r} failed: `{command}` ended with status {status}"
            fix = f"run `{command}` in a clone, and fix what it says"
            raise refusal(problem, expected="status 0; its report is in the log above", fix=fix)


def run_command(command: str, environment: Environment, folder: Path) -> int | None:
    """Run a command as in an activated environment; return its status, or None without such a program."""
    path = os.pathsep.join([str(environment.scripts), os.environ.get("PATH", "")])
    program, *arguments = shlex.split(command)
    found = shutil.which(program, path=path)
    if found is None:
        return None
    print(f"$ {command}", flush=True)
    own = {"PATH": path, "UV_PYTHON": str(environment.python), "VIRTUAL_ENV": str(environment.scripts.parent)}
    return subprocess.run([found, *arguments], cwd=folder, env=os.environ | own, check=False).returncode


def run_in_clone(settings: Settings, clone: Path) -> None:
    """Run every check in a clone; the gate stops where there is none."""
    with fresh_environment() as environment:
        environment.install("--quiet", PIP)
        for check, commands in settings.checks.items():
            run_commands(check, commands, environment, clone)


def run_on_distributions(check: str, settings: Settings, wheels: list[Path], source: Path) -> None:
    """Run one check in the unpacked sdist, with the wheel and the dependency group of its name installed."""
    with fresh_environment() as environment:
        wheel = environment.fitting(wheels)
        environment.install("--quiet", wheel, "--group", f"{source / 'pyproject.toml'}:{check}")
        run_commands(check, settings.checks[check], environment, source)


def main() -> None:
    """Run the named checks, or all of them."""
    settings = load_settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", nargs="*", help=f"of {', '.join(settings.checks)}; default: all")
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--clone", action="store_true", help="run all of them in the current folder")
    options = parser.parse_args()
    unknown = [name for name in options.check if name not in settings.checks]
    if unknown:
        parser.error(f"there is no check named {', '.join(unknown)}, only {', '.join(settings.checks)}")
    if options.clone:
        run_in_clone(settings, Path.cwd())
        return
    wheels, sdist = find_distributions(options.dist)
    with tempfile.TemporaryDirectory() as folder:
        for check in options.check or settings.checks:
            # Unpacked anew for each, so that no check sees what another one left.
            run_on_distributions(check, settings, wheels, unpack(sdist, Path(folder) / check))


if __name__ == "__main__":
    step(main)
