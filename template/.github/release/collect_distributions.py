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
from pathlib import Path

from release_lib.distributions import listed, read_checksums, refuse_other_files
from release_lib.step import output, step
from release_lib.wheels import check_contents, check_wheels, read_plan


def main() -> None:
    """Compare the distributions in a folder with $PLAN, and with the hashes of all jobs in $HASHES."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    options = parser.parse_args()
    plan, built = read_plan(), read_checksums(None)[1]
    refuse_other_files(options.folder, built)
    wheels = [name for name in built if name.endswith(".whl")]
    check_wheels(wheels, plan)
    check_contents([options.folder / name for name in wheels])
    output(hashes=listed(built).rstrip())


if __name__ == "__main__":
    step(main)
