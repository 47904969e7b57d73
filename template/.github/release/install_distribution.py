# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# ///
"""Install a built distribution into a fresh environment and test what was installed.

A wheel is installed as users will install it. The sdist is installed where there is no git, the way a
distributor builds it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from check_distributions import distributions, versions_of
from environment import fresh_environment
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename
from step import Settings, Stop, load_settings, step


def wheel_for_here(wheels: list[Path]) -> Path:
    """The wheel that fits this Python and this system.

    Raises:
        Stop: None fits.
    """
    tags = set(sys_tags())
    for wheel in wheels:
        if tags & parse_wheel_filename(wheel.name)[3]:
            return wheel
    raise Stop(
        f"No wheel fits this Python and system: {', '.join(w.name for w in wheels)}",
        expected="a wheel for each system that the workflow tests on",
        mend="take the system out of the matrix, or build a wheel for it",
        read="RELEASING.md, 'When it stops'",
    )


def try_distribution(path: Path, settings: Settings) -> None:
    """Install one distribution with its dependencies, and import it.

    Args:
        path: A wheel or an sdist.
        settings: The project's settings.

    Raises:
        Stop: It does not install, or does not work.
    """
    version = next(iter(versions_of(path, settings).values()))
    with fresh_environment(hide_programs=path.suffix != ".whl") as environment:
        environment.install(path)
        environment.smoke_test(settings.distribution, settings.import_name, version)


def main() -> None:
    """Install the wheel that fits here, or the sdist."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--sdist", action="store_true", help="install the sdist, with no git in reach")
    options = parser.parse_args()
    settings = load_settings()
    wheels, sdist = distributions(options.folder)
    try_distribution(sdist if options.sdist else wheel_for_here(wheels), settings)


if __name__ == "__main__":
    step(main)
