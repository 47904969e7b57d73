# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "tomlkit==0.15.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Build the sdist of a compiled package, and plan the wheels that runners of every platform build from it.

The build backend is pinned by hash, and so is cibuildwheel, which knows the Pythons of each platform without
being there. Run it from the root of the source.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from build_distributions import build_distributions, check_reproducible, check_shipped
from build_wheels import cibuildwheel
from check_commit import check_clean, check_commit, check_complete, check_present
from check_distributions import pythons_of
from release_lib.distributions import listed, unpack
from release_lib.settings import load_settings
from release_lib.step import fenced, git, output, step, summary
from release_lib.wheels import check_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_lib.wheels import Plan


def make_plan(source: Path, platforms: Sequence[str]) -> Plan:
    """What cibuildwheel would build on each platform; it asks no other machine for that."""
    calls: list[list[str | Path]] = []
    for name in platforms:
        system, _, architecture = name.partition("-")
        calls.append(["--print-build-identifiers", "--platform", system, "--archs", architecture, source])
    found = [text.split() for text in cibuildwheel(calls, source, {})]
    return check_plan(dict(zip(platforms, found, strict=True)))


def main() -> None:
    """Build the sdist of the commit in the current folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="+", help="system and architecture, like linux-x86_64")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--twice", action="store_true", help="build a second time and compare")
    options = parser.parse_args()
    tag, settings, source = os.environ.get("TAG"), load_settings(), Path.cwd()
    if tag:
        check_commit(tag, settings, os.environ.get("COMMIT"))
    else:
        check_complete(settings)
        check_clean()
        check_present()
    built = build_distributions(source, options.out, "--sdist")
    sdist = options.out / next(iter(built))
    check_shipped(sdist, settings)
    if options.twice:
        check_reproducible(source, built, "--sdist")
    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(unpack(sdist, Path(folder)), options.platform)
    lines = [f"{name}: {' '.join(identifiers)}" for name, identifiers in plan.items()]
    summary(f"## Planned wheels\n\n{fenced(chr(10).join(lines))}")
    pythons = pythons_of(sdist, settings)
    output(hashes=listed(built).rstrip(), plan=json.dumps(plan), time=git("log", "-1", "--format=%ct"))
    output(pythons=json.dumps(pythons), newest=pythons[-1])


if __name__ == "__main__":
    step(main)
