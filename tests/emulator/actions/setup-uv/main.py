"""Stand-in for astral-sh/setup-uv v10: the uv of the emulator's machine, if it is the one that is asked for.

It contacts the hosts that the action contacts, and compares checksums as the action does. What it downloads
only stands for an archive: it says which digest the archive has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from toolkit import append, fail, given, note, output, say

PLATFORM = "x86_64-unknown-linux-gnu"
VERSIONS = "https://raw.githubusercontent.com/astral-sh/versions/main/v1/uv.ndjson"
RELEASES, MIRROR = "https://github.com/astral-sh/uv/releases", "https://releases.astral.sh/github/uv/releases"


def get(url: str) -> str:
    """Return what an address serves."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body.decode(errors="replace")


def download(version: str) -> None:
    """Ask for the archive of a version, from Astral's mirror first; another checksum is an error."""
    listed = {record["version"]: record for record in map(json.loads, get(VERSIONS).splitlines())}
    artifacts = listed.get(version, {"artifacts": []})["artifacts"]
    url = next((a["url"] for a in artifacts if a["platform"] == PLATFORM), None)
    if url is None:
        what = f"version {version}, arch x86_64, platform {PLATFORM}"
        fail(f"Could not find artifact for {what} in {VERSIONS} .")
    mirrored = given("download-from-astral-mirror").lower() != "false"
    first = url.replace(RELEASES, MIRROR) if mirrored else url
    say(f'Downloading uv from "{first}" ...')
    try:
        archive = get(first)
    except (OSError, urllib.error.URLError) as error:
        if first == url:
            fail(str(error))
        note("warning", f"Failed to download from mirror, falling back to GitHub Releases: {error}")
        archive = get(url)
    known = json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8"))
    wanted = given("checksum") or known["checksums"][PLATFORM]
    try:
        digest = json.loads(archive)["sha256"]
    except (ValueError, KeyError):
        digest = ""
    if digest != wanted:
        fail(f"Checksum for {first.rpartition('/')[2]} did not match {wanted}.")


def main() -> None:
    """Put uv and uvx on the PATH, and set UV_PYTHON."""
    if given("activate-environment") == "true":
        fail("The stand-in for setup-uv does not know `activate-environment: true`.")
    uv = Path(os.environ["UV"])
    folder = Path(os.environ["RUNNER_TEMP"]) / "setup-uv"
    folder.mkdir(parents=True, exist_ok=True)
    said = subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout
    version = said.split()[1]
    download(given("version") or version)
    if given("version") not in {"", version}:
        fail(f"The workflow asks for uv {given('version')}; the emulator's machine has uv {version}.")
    for name in ("uv", "uvx"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(uv.with_name(name))
    append("GITHUB_PATH", str(folder))
    output("uv-version", version)
    output("uv-path", str(folder / "uv"))
    python = given("python-version")
    if not python:
        return
    found = subprocess.run(
        [uv, "python", "find", "--no-project", "--no-python-downloads", python],
        check=False,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        here = ".".join(map(str, sys.version_info[:3]))
        note("notice", f"Python {python} is not on the emulator's machine; Python {here} stands in.")
        python = sys.executable
    append("GITHUB_ENV", f"UV_PYTHON={python}")
