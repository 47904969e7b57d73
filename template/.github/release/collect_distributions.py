# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that the sdist and every planned wheel are here, and list the hashes that all later stages compare with."""

from __future__ import annotations

import argparse
from pathlib import Path

from release_lib.distributions import hashes_of, listed, read_checksums, refuse_other_files
from release_lib.step import output, step
from release_lib.wheels import check_wheels, read_plan


def main() -> None:
    """Compare the distributions in a folder with $PLAN, and the sdist in it with $HASHES."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    options = parser.parse_args()
    plan, wheels = read_plan(), sorted(options.folder.glob("*.whl"))
    built = hashes_of(wheels) | read_checksums(None)[1]
    refuse_other_files(options.folder, built)
    check_wheels([path.name for path in wheels], plan)
    output(hashes=listed(built).rstrip())


if __name__ == "__main__":
    step(main)
