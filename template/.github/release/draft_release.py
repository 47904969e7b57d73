# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Make the GitHub Release of a tag, as a draft that a person edits and publishes.

What an interrupted run left is finished: missing and broken files are uploaded again, notes that a person
has edited stay. It is done when every file, downloaded again, has the hash that the build listed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from packaging.version import Version
from release_lib.distributions import (
    add_checksums_argument,
    hashes_of,
    read_checksums,
    refuse_other_files,
    write_checksums,
)
from release_lib.settings import add_tag_argument, load_settings, read_tag
from release_lib.step import ReleaseError, run, step, summary

SEE = ".github/release/RECOVERY.md, 'github-release'"


def find_release(tag: str) -> dict[str, Any] | None:
    """The release of a tag, draft or published, or None."""
    listed = json.loads(run("gh", "release", "list", "--limit", "1000", "--json", "tagName"))
    if not any(item["tagName"] == tag for item in listed):
        return None
    release: dict[str, Any] = json.loads(run("gh", "release", "view", tag, "--json", "isDraft,assets,url"))
    return release


def create_draft(tag: str, version: Version, title: str, notes: Path) -> None:
    """Create the draft; pre-releases (PEP 440) are marked and never become "latest"."""
    options = ["--draft", "--verify-tag", "--title", title, "--notes-file", str(notes)]
    if version.is_prerelease:
        options += ["--prerelease", "--latest=false"]
    run("gh", "release", "create", tag, *options)


def upload_missing(tag: str, release: dict[str, Any], files: list[Path], hashes: dict[str, str]) -> None:
    """Upload the files that the release lacks or has with other contents, unless it is published already."""
    there = {asset["name"]: asset.get("digest") for asset in release["assets"]}
    wanted = [path for path in files if there.get(path.name) != f"sha256:{hashes[path.name]}"]
    if wanted and not release["isDraft"]:
        raise ReleaseError(
            f"The GitHub Release of {tag} is published, and lacks or changes "
            f"{', '.join(path.name for path in wanted)}",
            expected="a draft, or a published release that is complete",
            fix=f"gh release download {tag} --dir released (shows what is there)",
            see=SEE,
        )
    for path in wanted:
        run("gh", "release", "upload", tag, path, "--clobber")


def check_assets(tag: str, hashes: dict[str, str]) -> None:
    """Download every file of the release and compare it with what was built."""
    with tempfile.TemporaryDirectory() as folder:
        run("gh", "release", "download", tag, "--dir", folder)
        found = hashes_of(list(Path(folder).iterdir()))
    wrong = sorted(n for n in hashes | found if hashes.get(n) != found.get(n))
    if wrong:
        raise ReleaseError(
            f"The GitHub Release of {tag} does not serve what was built: {', '.join(wrong)}",
            expected="every built file with the hash of SHA256SUMS, and no other file",
            fix=f"gh release delete-asset {tag} {wrong[0]}, then `gh run rerun --failed` this run",
            see=SEE,
        )


def main() -> None:
    """Draft the release of a tag, or finish the draft that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="default: dist")
    add_checksums_argument(parser)
    parser.add_argument("--notes", type=Path, required=True, help="the release notes, Markdown")
    options = parser.parse_args()
    settings = load_settings()
    version = read_tag(options.tag, settings)
    _, built = read_checksums(options.checksums)
    refuse_other_files(options.dist, built)
    checksums = options.checksums or write_checksums(options.notes.with_name("SHA256SUMS"), built)
    release = find_release(options.tag)
    if release is None:
        create_draft(options.tag, version, f"{settings.distribution} {version}", options.notes)
        release = find_release(options.tag) or {"assets": [], "isDraft": True, "url": ""}
    hashes = built | hashes_of([checksums])
    upload_missing(options.tag, release, [*(options.dist / n for n in built), checksums], hashes)
    check_assets(options.tag, hashes)
    if release["isDraft"]:
        summary(
            f"**The draft of {settings.distribution} {version} is complete** with {len(hashes)} files. "
            f"Read and edit its notes, then publish it: {release['url']}"
        )
    else:
        summary(f"**The GitHub Release of {settings.distribution} {version} is published and complete**")


if __name__ == "__main__":
    step(main)
