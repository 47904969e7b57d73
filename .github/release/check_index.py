# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "requests==2.34.2"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Ask indexes what they have of the built version, before anything is uploaded to them.

Uploads skip files that are there already, by name, whatever is in them. So digests are compared here first:
absent, partial and identical go on; a conflict stops the release. So does what the index would refuse anyway.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from release_lib.distributions import add_checksums_argument, read_checksums
from release_lib.index import INDEXES, OPEN_FOR, State, compare, files_in, project_page
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError, output, step, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version
    from release_lib.index import Comparison, Index, Page

MIB = 1 << 20
FAMILIES = "win|macosx|manylinux|musllinux|ios|android|pyodide|pyemscripten"
PLATFORMS = re.compile(rf"any|linux_armv[67]l|({FAMILIES})\w+")
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


def refusals(
    index: Index, page: Page | None, files: dict[str, int], settings: Settings
) -> Iterator[tuple[str, str, str]]:
    """What the index would refuse, of files by name and size (0: not known): why, the fix, and a page."""
    title, raised = index.title, "have the limit raised, then set {}-limit in settings.toml"
    if page and page.status in ("archived", "quarantined"):
        reason = page.reason or "no reason given"
        why = f"{settings.distribution} is {page.status} on {title}: {reason}"
        yield why, "an owner ends that on the index's web page; then re-run this", "/manage/projects/"
    for name, size in files.items():
        tags = name.removesuffix(".whl").split("-")[-1].split(".") if name.endswith(".whl") else ()
        if not all(map(PLATFORMS.fullmatch, tags)):
            why, fix = f"{title} takes no wheel of this platform: {name}", "build it with cibuildwheel"
            yield why, fix, "/help/#supported-platforms"
        if size > settings.file_limit * MIB:
            why = f"{name} has {size / MIB:.1f} MiB, and {title} takes {settings.file_limit}"
            yield why, f"make it smaller, or {raised.format('file')}", "/help/#file-size-limit"
    new = sum(files.values())
    whole = new + sum(p.size or 0 for p in (page.files if page else ()))
    if new and whole > settings.project_limit * MIB:
        why = f"{title} would have {whole / MIB:.1f} MiB of the project, and takes {settings.project_limit}"
        yield why, raised.format("project"), "/help/#project-size-limit"


def main() -> None:
    """Ask indexes about the version in the list of hashes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", choices=sorted(INDEXES), nargs="+", help="testpypi, pypi, or both")
    add_checksums_argument(parser)
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="for sizes; where it is not, none")
    options = parser.parse_args()
    settings = load_settings()
    version, built = read_checksums(options.checksums)
    for name in options.index:
        index = INDEXES[name]
        page = project_page(index, settings.distribution)
        found = compare(built, files_in(page, version))
        found.refuse_conflict(index, settings.distribution, version)
        refuse_late_upload(index, version, found, dt.datetime.now(dt.UTC))
        paths = [options.dist / file for file in found.missing]
        sizes = {path.name: path.stat().st_size if path.is_file() else 0 for path in paths}
        for why, fix, place in refusals(index, page, sizes, settings) if sizes else ():
            see = urljoin(index.simple, place)
            raise ReleaseError(why, expected="files that the index takes", fix=fix, see=see)
        summary(
            f"**{settings.distribution} {version} on {index.title}: {found.state.value}** - "
            f"{WHAT_FOLLOWS[found.state]}"
        )
        output(**{f"{name}_page": index.page(settings.distribution, version)})  # release.yml links to it


if __name__ == "__main__":
    step(main)
