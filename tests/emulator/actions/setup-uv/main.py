"""Stand-in for astral-sh/setup-uv v10: the uv of the emulator's machine, if it is the one that is asked for.

It contacts the hosts that the action contacts, and compares checksums as the action does. What it downloads
only stands for an archive: it says which digest the archive has.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from toolkit import append, fail, given, note, output, say

PLATFORM = "x86_64-unknown-linux-gnu"
VERSIONS = "https://raw.githubusercontent.com/astral-sh/versions/main/v1/uv.ndjson"
RELEASES, MIRROR = "https://github.com/astral-sh/uv/releases", "https://releases.astral.sh/github/uv/releases"

ATTEMPTS = 3
MACHINE = ("UV_CACHE_DIR", "UV_PYTHON_DOWNLOADS", "UV_PYTHON_PREFERENCE")  # see init_process


def get(url: str) -> str:
    """Return what an address serves; a server in trouble is asked three times, as by @actions/tool-cache."""
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                body: bytes = answer.read()
                return body.decode(errors="replace")
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


def verified(url: str, wanted: str) -> None:
    """Download what stands for an archive, and compare its checksum.

    Raises:
        OSError: it cannot be had, or is another one.
    """
    say(f'Downloading uv from "{url}" ...')
    text = get(url)
    try:
        digest = json.loads(text)["sha256"]
    except (ValueError, KeyError):
        digest = ""
    if digest != wanted:
        raise OSError(f"Checksum for {url.rpartition('/')[2]} did not match {wanted}.")


def download(version: str) -> None:
    """Get the archive of a version: from Astral's mirror, and from GitHub whatever is wrong there."""
    listed = {record["version"]: record for record in map(json.loads, get(VERSIONS).splitlines())}
    artifacts = listed.get(version, {"artifacts": []})["artifacts"]
    url = next((a["url"] for a in artifacts if a["platform"] == PLATFORM), None)
    if url is None:
        what = f"version {version}, arch x86_64, platform {PLATFORM}"
        fail(f"Could not find artifact for {what} in {VERSIONS} .")
    known = json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8"))
    wanted = given("checksum") or known["checksums"][PLATFORM]
    try:
        if given("download-from-astral-mirror").lower() != "false":
            try:
                return verified(url.replace(RELEASES, MIRROR), wanted)
            except OSError as error:
                note("warning", f"Failed to download from mirror, falling back to GitHub Releases: {error}")
        return verified(url, wanted)
    except OSError as error:
        fail(str(error))


def is_here(uv: Path, python: str) -> bool:
    """Whether uv finds a Python on this machine; that it finds this one needs no question."""
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    command = [uv, "python", "find", "--no-project", "--no-python-downloads", python]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main() -> None:
    """Put uv and uvx on the PATH, and set UV_PYTHON."""
    if given("activate-environment") == "true":
        fail("The stand-in for setup-uv does not know `activate-environment: true`.")
    uv = Path(os.environ["UV"])
    folder = Path(os.environ["RUNNER_TEMP"]) / "setup-uv"
    folder.mkdir(parents=True, exist_ok=True)
    version = os.environ["UV_VERSION"]
    download(given("version") or version)
    if given("version") not in {"", version}:
        fail(f"The workflow asks for uv {given('version')}; the emulator's machine has uv {version}.")
    # What the emulator's machine is like stays, whatever a job unsets.
    here = [f"export {name}={shlex.quote(os.environ[name])}\n" for name in MACHINE if name in os.environ]
    for name in ("uv", "uvx"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(
            f'#!/bin/sh\n{"".join(here)}exec {shlex.quote(str(uv.with_name(name)))} "$@"\n'
        )
        (folder / name).chmod(0o755)
    append("GITHUB_PATH", str(folder))
    output("uv-version", version)
    output("uv-path", str(folder / "uv"))
    python = given("python-version")
    if not python:
        return
    if not is_here(uv, python):
        here = ".".join(map(str, sys.version_info[:3]))
        note("notice", f"Python {python} is not on the emulator's machine; Python {here} stands in.")
        python = sys.executable
    append("GITHUB_ENV", f"UV_PYTHON={python}")
