# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "pypi-simple==1.8.0", "requests==2.34.2"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Verify that an index serves exactly what was built, and that installing from it works.

It waits, with growing pauses and a stated end, until every file is listed; downloads each one and
compares its hash with the build's list; then installs from the index and imports the package.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from install_distribution import fresh_environment
from release_lib.distributions import (
    add_checksums_argument,
    find_distributions,
    read_checksums,
    read_distribution,
    sha256_of,
)
from release_lib.index import INDEXES, Index, State, compare, published, refuse_conflict
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError, step, summary

if TYPE_CHECKING:
    from packaging.version import Version
    from pypi_simple import DistributionPackage

RERUN = "gh run rerun --failed RUN (the number of this run; nothing is uploaded twice)"
LONGEST_PAUSE = 60.0


def wait_until_listed(
    index: Index, project: str, version: Version, built: dict[str, str], patience: float
) -> dict[str, DistributionPackage]:
    """Wait until an index lists every built file, at most for `patience` seconds."""
    end, pause = time.monotonic() + patience, 1.0
    while True:
        served = published(index, project, version)
        found = compare(built, served)
        refuse_conflict(index, project, version, found)
        if found.state is State.IDENTICAL:
            return served
        left = end - time.monotonic()
        if left <= 0:
            raise ReleaseError(
                f"{project} {version} was uploaded to {index.title}, but {', '.join(found.missing)} is "
                f"not listed after {patience:.0f} seconds",
                expected="every file to be listed within minutes",
                fix=RERUN,
                see=".github/release/RECOVERY.md, 'Uploaded but not listed'",
            )
        print(f"{index.title} does not list {', '.join(found.missing)} yet; asking again in {pause:.0f} s")
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)


def download(index: Index, served: dict[str, DistributionPackage], built: dict[str, str], to: Path) -> None:
    """Download every file and compare what arrives with the build's hashes."""
    for name, package in sorted(served.items()):
        try:
            answer = requests.get(package.url, timeout=60.0)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise ReleaseError(
                f"{index.title} lists {name} but does not deliver it: {error}",
                expected="the file",
                fix=RERUN,
                see=".github/release/RECOVERY.md, 'Uploaded but not listed'",
            ) from error
        data = answer.content
        if sha256_of(data) != built[name]:
            raise ReleaseError(
                f"{index.title} delivers {name} with SHA-256 {sha256_of(data)}",
                expected=f"the file that was built and tested, SHA-256 {built[name]}",
                fix=RERUN + "; if it stays, yank the version and report it to the index",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )
        (to / name).write_bytes(data)


def runtime_dependencies(wheel: Path) -> list[str]:
    """What the wheel itself says that it needs, extras left out."""
    required = read_distribution(wheel).metadata.requires_dist or ()
    return [str(r) for r in required if not (r.marker and "extra ==" in str(r.marker))]


def install_from(index: Index, settings: Settings, version: Version, folder: Path) -> None:
    """Install the version from an index into a fresh environment and import it.

    From TestPyPI comes this package alone (--no-deps): anybody can register a name there that is a
    dependency's name here. The dependencies come from PyPI, as the wheel's own metadata lists them.
    """
    wheels, _ = find_distributions(folder)
    requirement = f"{settings.distribution}=={version}"
    with fresh_environment() as environment:
        fresh = ("--refresh-package", settings.distribution)
        if index is INDEXES["pypi"]:
            environment.install(*fresh, requirement)
        else:
            if needed := runtime_dependencies(wheels[0]):
                environment.install(*needed)
            environment.install(*fresh, "--no-deps", "--default-index", index.simple, requirement)
        environment.smoke_test(settings.distribution, settings.import_name, str(version))


def main() -> None:
    """Verify the version in the list of hashes on one index."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", choices=sorted(INDEXES))
    add_checksums_argument(parser)
    options = parser.parse_args()
    index, settings = INDEXES[options.index], load_settings()
    version, built = read_checksums(options.checksums)
    served = wait_until_listed(index, settings.distribution, version, built, settings.patience)
    with tempfile.TemporaryDirectory() as folder:
        download(index, served, built, Path(folder))
        install_from(index, settings, version, Path(folder))
    summary(
        f"**{settings.distribution} {version} is on {index.title}**: {len(built)} files downloaded, every "
        "hash as built, installed and imported in a fresh environment"
    )


if __name__ == "__main__":
    step(main)
