# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that the sdist and every planned wheel are here, as they were handed on, and list all hashes.

Runners of six platforms have made the wheels, so what an installer believes is compared too: each wheel's list of
its own files, the tags in it, and that all of them say the same of the project.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from release_lib.distributions import listed, read_checksums, refuse_other_files
from release_lib.step import ReleaseError, output, step
from release_lib.wheels import SEE, check_contents, check_wheels, read_plan


def refuse_one_name(hashes: str) -> None:
    """Stop where two jobs made a file of one name: only one of the two is in the folder, and released."""
    names = [line.partition("  ")[2] for line in hashes.splitlines()]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise ReleaseError(
            f"Two jobs made a file of one name: {', '.join(twice)}",
            expected="a wheel for the platform of each job, and of macOS either universal2 or two architectures",
            fix="let each job build for its own architecture, or take one out of the matrix of wheels",
            see=SEE,
        )


def main() -> None:
    """Compare the distributions in a folder with $PLAN, and with the hashes of all jobs in $HASHES."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    options = parser.parse_args()
    plan = read_plan()
    refuse_one_name(os.environ.get("HASHES", ""))
    built = read_checksums(None)[1]
    refuse_other_files(options.folder, built)
    wheels = [name for name in built if name.endswith(".whl")]
    check_wheels(wheels, plan)
    check_contents([options.folder / name for name in wheels])
    output(hashes=listed(built).rstrip())


if __name__ == "__main__":
    step(main)
