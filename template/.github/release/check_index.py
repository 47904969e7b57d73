# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "pypi-simple==1.8.0", "requests==2.34.2"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Ask indexes what they have of the built version, before anything is uploaded to them.

Uploads skip files that are there already, by name, whatever is in them. So digests are compared here first:
absent, partial and identical go on; a conflict stops the release.
"""

from __future__ import annotations

import argparse
import datetime as dt
from typing import TYPE_CHECKING

from release_lib.distributions import add_checksums_argument, read_checksums
from release_lib.index import INDEXES, OPEN_FOR, Comparison, Index, State, compare, published, refuse_conflict
from release_lib.settings import load_settings
from release_lib.step import ReleaseError, output, step, summary

if TYPE_CHECKING:
    from packaging.version import Version

WHAT_FOLLOWS = {
    State.ABSENT: "no file is there yet; all files will be uploaded",
    State.PARTIAL: "an earlier upload was interrupted; the missing files will be uploaded",
    State.IDENTICAL: "all files are there, as built; the upload will skip them",
}


def refuse_late_upload(index: Index, version: Version, found: Comparison, now: dt.datetime) -> None:
    """Stop if files are missing on a release that takes no new files any more."""
    late = found.first_upload is not None and now - found.first_upload > OPEN_FOR
    if found.state is State.PARTIAL and late:
        raise ReleaseError(
            f"{index.title} has only a part of {version}, lacks {', '.join(found.missing)}, and takes no "
            f"new files on a release older than {OPEN_FOR.days} days",
            expected="an interrupted upload to be finished within 14 days",
            fix="yank this version on the web, with the reason 'incomplete', and release the next one",
            see=".github/release/RECOVERY.md, 'A part of the files is there'",
        )


def main() -> None:
    """Ask indexes about the version in the list of hashes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", choices=sorted(INDEXES), nargs="+", help="testpypi, pypi, or both")
    add_checksums_argument(parser)
    options = parser.parse_args()
    settings = load_settings()
    version, built = read_checksums(options.checksums)
    for name in options.index:
        index = INDEXES[name]
        found = compare(built, published(index, settings.distribution, version))
        refuse_conflict(index, settings.distribution, version, found)
        refuse_late_upload(index, version, found, dt.datetime.now(dt.UTC))
        summary(
            f"**{settings.distribution} {version} on {index.title}: {found.state.value}** - "
            f"{WHAT_FOLLOWS[found.state]}"
        )
        output(**{f"{name}_page": index.page(settings.distribution, version)})  # release.yml links to it


if __name__ == "__main__":
    step(main)
