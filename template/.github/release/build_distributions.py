# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# ///
"""Build the sdist, and the wheel from the sdist, so that the same commit gives the same bytes.

The build backend and everything below it is pinned by hash (build-constraints.txt), and files carry the
time of the commit (SOURCE_DATE_EPOCH, https://reproducible-builds.org/specs/source-date-epoch/).
Run it from the root of the source.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from pathlib import Path

from check_commit import check_clean, check_commit, check_complete
from step import HERE, Stop, git, load_settings, run, step


def build_distributions(source: Path, out: Path) -> dict[str, str]:
    """Build both distributions of a commit.

    Args:
        source: Root of the source, a git work tree.
        out: Folder for the distributions; must be empty or absent.

    Returns:
        SHA-256 of each file, by file name.

    Raises:
        Stop: The folder has files in it, or the build failed.
    """
    if out.is_dir() and any(not p.name.startswith(".") for p in out.iterdir()):
        raise Stop(
            f"The folder {out} already has files in it",
            expected="an empty folder, so that only this build's files are published",
            mend=f"rm -r {out}",
            read="RELEASING.md, 'When it stops'",
        )
    run(
        "uv",
        "build",
        "--build-constraint",
        HERE / "build-constraints.txt",
        "--require-hashes",
        "--out-dir",
        out,
        source,
        env={"SOURCE_DATE_EPOCH": git("-C", str(source), "log", "-1", "--format=%ct")},
    )
    built = sorted(p for p in out.iterdir() if not p.name.startswith("."))
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in built}


def check_reproducible(source: Path, first: dict[str, str]) -> None:
    """Build once more and compare.

    Raises:
        Stop: The second build gave other bytes; the files are named.
    """
    with tempfile.TemporaryDirectory() as folder:
        second = build_distributions(source, Path(folder) / "dist")
    differing = sorted(name for name in first | second if first.get(name) != second.get(name))
    if differing:
        raise Stop(
            f"Two builds of one commit differ: {', '.join(differing)}",
            expected="the same bytes, or a re-run of a release could never finish it",
            mend="take what changes between builds (times, random order, paths) out of the build",
            read="https://reproducible-builds.org/docs/",
        )


def main() -> None:
    """Build the distributions of the commit in the current folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--twice", action="store_true", help="build a second time and compare the bytes")
    options = parser.parse_args()
    tag = os.environ.get("TAG")
    if tag:
        check_commit(tag, load_settings(), os.environ.get("COMMIT"))
    else:
        check_complete()
        check_clean()
    built = build_distributions(Path.cwd(), options.out)
    if options.twice:
        check_reproducible(Path.cwd(), built)
    for name, sha256 in built.items():
        print(f"{sha256}  {name}")


if __name__ == "__main__":
    step(main)
