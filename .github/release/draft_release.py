# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Make the GitHub Release of a tag, as a draft that a person edits and publishes.

What an interrupted run left is finished: missing and broken files are uploaded again, notes that a person
has edited stay. It is done when every file, downloaded again, has the hash that the build listed.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from release_lib import distributions
from release_lib.distributions import asset_name, hashes_of, write_checksums
from release_lib.settings import add_tag_argument, load_settings, read_tag, refuse_moved
from release_lib.step import ReleaseError, run, step, summary

SEE = ".github/release/RECOVERY.md, 'github-release'"
SUMS = "SHA256SUMS"
PATIENCE = 60.0  # seconds until a release that is not found does not exist
PAUSE = 3.0


def look_up(*command: str | Path) -> str:
    """What `gh release` answers; for a minute "not found" means not yet, because GitHub's look-ups lag."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return run("gh", "release", *command)
        except ReleaseError as error:
            if "release not found" not in error.problem or time.monotonic() >= end:
                raise
        time.sleep(PAUSE)


def find_releases(tag: str) -> list[str]:
    """The tags of all releases; a re-run looks again for the draft that the run before may have just made."""
    left = 0 if os.environ.get("GITHUB_RUN_ATTEMPT", "1") == "1" else 3
    while True:
        listed = json.loads(run("gh", "release", "list", "--limit", "1000", "--json", "tagName"))
        tags = [item["tagName"] for item in listed]
        if tag in tags or not left:
            return tags
        left -= 1
        time.sleep(PAUSE)


def refuse_handmade(tag: str) -> None:
    """Stop, before any upload, if a person has published the release of a tag: only ours lists hashes."""
    try:
        release = json.loads(run("gh", "release", "view", tag, "--json", "isDraft,isImmutable,assets,url"))
    except ReleaseError as error:
        if "release not found" in error.problem:
            return
        raise  # unknown: nothing has been uploaded yet, and the failed job can be run again
    if not release["isDraft"] and SUMS not in {asset["name"] for asset in release["assets"]}:
        again = f"gh release edit {tag} --draft, then `gh run rerun --failed` this run"
        anew = f"gh release delete {tag}, then release the next version"
        raise ReleaseError(
            f"The GitHub Release of {tag} was published by hand: {release['url']}",
            expected="no GitHub Release of it, or a draft; this workflow drafts it at its end",
            fix=anew if release["isImmutable"] else again,
            see=".github/release/RECOVERY.md, 'The GitHub Release was published too early'",
        )


def upload_missing(tag: str, release: dict[str, Any], files: list[Path], hashes: dict[str, str]) -> None:
    """Upload the files that the release lacks or has with other contents, unless it is published already."""
    there = {asset["name"]: asset.get("digest") for asset in release["assets"]}
    wanted = [path for path in files if there.get(asset_name(path.name)) != f"sha256:{hashes[path.name]}"]
    if wanted and not release["isDraft"]:
        raise ReleaseError(
            f"The GitHub Release of {tag} is published, and lacks or changes "
            f"{', '.join(path.name for path in wanted)}",
            expected="a draft, or a published release that is complete",
            fix=f"gh release download {tag} --dir released (shows what is there)",
            see=SEE,
        )
    for path in wanted:
        look_up("upload", tag, path, "--clobber")


def check_assets(tag: str, hashes: dict[str, str]) -> None:
    """Download every file of the release and compare it with what was built."""
    with tempfile.TemporaryDirectory() as folder:
        look_up("download", tag, "--dir", folder)
        found = hashes_of(list(Path(folder).iterdir()))
    wanted = {asset_name(name): sha256 for name, sha256 in hashes.items()}
    if wrong := sorted(n for n in wanted | found if wanted.get(n) != found.get(n)):
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
    distributions.add_checksums_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--notes", type=Path, help="the release notes, Markdown")
    what.add_argument("--check", action="store_true", help="only look for one that was published by hand")
    options = parser.parse_args()
    if options.check:
        refuse_handmade(options.tag)
        return
    settings = load_settings()
    version = read_tag(options.tag, settings)
    _, built = distributions.read_checksums(options.checksums)
    distributions.refuse_other_files(options.dist, built)
    checksums = options.checksums or write_checksums(options.notes.with_name(SUMS), built)
    hashes = built | hashes_of([checksums])
    files = [*(options.dist / name for name in built), checksums]
    releases = find_releases(options.tag)
    if commit := os.environ.get("COMMIT"):
        now = run("gh", "api", f"repos/{{owner}}/{{repo}}/commits/tags/{quote(options.tag)}", "--jq", ".sha")
        refuse_moved(options.tag, commit, now, SEE)
    if options.tag not in releases:
        how = ["--draft", "--verify-tag", "--title", f"{settings.distribution} {version}", "--notes-file"]
        # Pre-releases (PEP 440) are marked, and never become "latest".
        marked = ["--prerelease", "--latest=false"] if version.is_prerelease else []
        run("gh", "release", "create", options.tag, *files, *how, options.notes, *marked)
    release = json.loads(look_up("view", options.tag, "--json", "isDraft,assets,url"))
    upload_missing(options.tag, release, files, hashes)
    check_assets(options.tag, hashes)
    if release["isDraft"]:
        summary(
            f"**The draft of {settings.distribution} {version} is complete** with {len(hashes)} files. "
            f"Read and edit its notes ({release['url']}), then publish it: "
            f"`{settings.publish_command(options.tag, version, releases)}`"
        )
    else:
        summary(f"**The GitHub Release of {settings.distribution} {version} is published and complete**")


if __name__ == "__main__":
    step(main)
