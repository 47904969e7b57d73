# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# ///
"""Run the project's checks on what was built: lint, types, tests, as settings.toml names them.

They run in the unpacked sdist, in a fresh environment where the built wheel is installed, so that they see
what users will get and nothing that only the repository has.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
from pathlib import Path

from check_distributions import BROKEN_ARCHIVE, distributions
from environment import fresh_environment
from install_distribution import wheel_for_here
from step import Settings, Stop, load_settings, step

READ = "CONTRIBUTING.md, 'Checks'"


def run_check(check: str, settings: Settings, wheel: Path, source: Path) -> None:
    """Run the commands of one check.

    Args:
        check: Name of the check and of its dependency group.
        settings: The project's settings.
        wheel: The built wheel; it is installed.
        source: The unpacked sdist; the commands run there.

    Raises:
        Stop: A command is missing or fails.
    """
    with fresh_environment() as environment:
        environment.install("--quiet", wheel, "--group", f"{source / 'pyproject.toml'}:{check}")
        for command in settings.checks[check]:
            status = environment.run_command(command, source)
            if status is None:
                raise Stop(
                    f"The check {check!r} needs {command.split()[0]}, which is not installed",
                    expected=f"{command.split()[0]} in the dependency group {check!r}",
                    mend=f"add it to [dependency-groups] {check} in pyproject.toml",
                    read=READ,
                )
            if status:
                raise Stop(
                    f"The check {check!r} failed: `{command}` ended with status {status}",
                    expected="status 0; its report is in the log above",
                    mend=f"run `uv run --group {check} {command}` in a clone, and mend what it says",
                    read=READ,
                )


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist and return the folder with its contents.

    Raises:
        Stop: It is broken, or would write outside the folder.
    """
    try:
        with tarfile.open(sdist, "r:gz") as archive:
            archive.extractall(folder, filter="data")
    except BROKEN_ARCHIVE as error:
        raise Stop(
            f"{sdist.name} cannot be unpacked: {error}",
            expected="an sdist as the build backend makes it",
            mend="uv run .github/release/build_distributions.py",
            read=READ,
        ) from error
    return folder / sdist.name.removesuffix(".tar.gz")


def main() -> None:
    """Run the named checks, or all of them."""
    settings = load_settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", nargs="*", help=f"of {', '.join(settings.checks)}; default: all")
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="default: dist")
    options = parser.parse_args()
    unknown = [name for name in options.check if name not in settings.checks]
    if unknown:
        raise Stop(
            f"There is no check named {', '.join(unknown)}",
            expected=f"one of {', '.join(settings.checks)}",
            mend="uv run .github/release/run_checks.py --help",
            read=READ,
        )
    wheels, sdist = distributions(options.dist)
    wheel = wheel_for_here(wheels).resolve()
    with tempfile.TemporaryDirectory() as folder:
        for check in options.check or settings.checks:
            # Unpacked anew for each, so that no check sees what another one left.
            run_check(check, settings, wheel, unpack(sdist, Path(folder) / check))


if __name__ == "__main__":
    step(main)
