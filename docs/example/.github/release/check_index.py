# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "pypi-simple==1.8.0", "requests==2.34.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Ask indexes what they have of the built version, before anything is uploaded to them.

Uploads skip files that are there already, by name, whatever is in them. So digests are compared here first:
absent, partial and identical go on; a conflict stops the release. So does what the index would refuse anyway.
"""

import argparse
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import requests
from packaging.version import Version
from pypi_simple import ProjectPage
from release_lib import index as indexes
from release_lib.distributions import add_checksums_argument, read_checksums
from release_lib.index import INDEXES, Comparison, Index, State
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError, annotate, output, step, summary

MIB = 1 << 20
FAMILIES = "win|macosx|manylinux|musllinux|ios|android|pyodide|pyemscripten"
PLATFORMS = re.compile(rf"any|linux_armv[67]l|({FAMILIES})\w+")
WHAT_FOLLOWS = {
    State.ABSENT: "no file is there yet; all files will be uploaded",
    State.PARTIAL: "an earlier upload was interrupted; the missing files will be uploaded",
    State.IDENTICAL: "all files are there, as built; the upload will skip them",
}


def refusals(
    index: Index, page: ProjectPage | None, found: Comparison, files: dict[str, int], settings: Settings
) -> Iterator[tuple[str, str, str]]:
    """What the index would refuse, of files by name and size (0: not known): why, the fix, and a page."""
    title, raised = index.title, "have the limit raised, then set {}-limit in settings.toml"
    if found.first_upload and dt.datetime.now(dt.UTC) - found.first_upload > indexes.OPEN_FOR:
        why = f"{title} has only a part of this version, and takes no more after {indexes.OPEN_FOR.days} days; it lacks "
        why += ", ".join(files)
        fix = "yank this version on the web, with the reason 'incomplete', and release the next one"
        yield why, fix, ".github/release/RECOVERY.md, 'A part of the files is there'"
    for name, size in files.items():
        tags = name.removesuffix(".whl").split("-")[-1].split(".") if name.endswith(".whl") else ()
        if not all(map(PLATFORMS.fullmatch, tags)):
            why, fix = f"{title} takes no wheel of this platform: {name}", "build it with cibuildwheel"
            yield why, fix, "/help/#supported-platforms"
        if size > settings.file_limit * MIB:
            why = f"{name} has {size / MIB:.1f} MiB, and {title} takes {settings.file_limit}"
            yield why, f"make it smaller, or {raised.format('file')}", "/help/#file-size-limit"
    new = sum(files.values())
    whole = new + sum(p.size or 0 for p in (page.packages if page else ()))
    if new and whole > settings.project_limit * MIB:
        why = f"{title} would have {whole / MIB:.1f} MiB of the project, and takes {settings.project_limit}"
        yield why, raised.format("project"), "/help/#project-size-limit"


def remarks(index: Index, page: ProjectPage, version: Version, settings: Settings) -> Iterator[str]:
    """What the index would take all the same, or refuse in words that do not say why."""
    there = indexes.files_in(page, version).values()
    for reason in {p.yanked_reason or "no reason given" for p in there if p.is_yanked}:
        yield f"{settings.distribution} {version} is yanked on {index.title}: {reason}"
    dated = {p.upload_time: p for p in page.packages if p.upload_time}
    if not there and dated:
        newest = dated[max(dated)]
        try:
            found = indexes.publishers_of(newest)
        except (requests.RequestException, ValueError):
            return
        if not any(p.repository.casefold() == settings.repository.casefold() for p in found):
            who = f"by {', and by '.join(map(str, found))}" if found else "without an attestation"
            yield (
                f"{newest.filename} came to {index.title} {who}. If that project is somebody else's, an upload ends "
                "with 403 or invalid-publisher. See: .github/release/RECOVERY.md, 'A name of somebody else'"
            )


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
        page = indexes.project_page(index, settings.distribution)
        found = indexes.compare(built, indexes.files_in(page, version))
        found.refuse_conflict(index, settings.distribution, version)
        paths = [options.dist / file for file in found.missing]
        sizes = {path.name: path.stat().st_size if path.is_file() else 0 for path in paths}
        if sizes:
            indexes.refuse_closed(index, page, settings.distribution)
        for why, fix, place in refusals(index, page, found, sizes, settings) if sizes else ():
            see = urljoin(index.simple, place) if place.startswith("/") else place
            raise ReleaseError(why, expected="files that the index takes", fix=fix, see=see)
        for remark in remarks(index, page, version, settings) if page else ():
            annotate("warning", "Check index", remark)
        summary(
            f"**{settings.distribution} {version} on {index.title}: {found.state.value}** - "
            f"{WHAT_FOLLOWS[found.state]}"
        )
        output(**{f"{name}_page": index.page(settings.distribution, version)})  # release.yml links to it


if __name__ == "__main__":
    step(main)
