# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Build the sdist, and the wheel from the sdist, so that the same commit gives the same files.

All that builds is pinned by hash (build-constraints-own.txt for a backend of its own, or build-constraints.txt);
files have the commit's time (SOURCE_DATE_EPOCH, https://reproducible-builds.org/specs/source-date-epoch/).
Run it from the root of the source.
"""

import argparse
import gzip
import io
import os
import re
import tarfile
import tempfile
import tomllib
from pathlib import Path

from check_commit import NAMED, check_clean, check_commit, check_complete, check_present
from release_lib.distributions import hashes_of, listed, read_distribution, refusal
from release_lib.settings import PATH, Settings, load_settings
from release_lib.step import ReleaseError, annotate, git, output, run, step


def build_distributions(source: Path, out: Path, *kinds: str) -> dict[str, str]:
    """Build the distributions of a commit, and return the SHA-256 of each file, by file name."""
    if out.is_dir() and any(not p.name.startswith(".") for p in out.iterdir()):
        problem = f"The folder {out} already has files in it"
        wanted = "an empty folder, so that only this build's files are published"
        raise refusal(problem, expected=wanted, fix=f"rm -r {out}")
    pins = sorted(PATH.parent.glob("build-constraints*.txt"))[0]  # "-own" comes first, then the compiled ones
    time = git("log", "-1", "--format=%ct", cwd=source)
    # By its name, in its folder: uv would take a path with a blank for two.
    how = ("--no-config", "--build-constraint", pins.name, "--require-hashes", "--out-dir", out.resolve())
    run("uv", "build", *kinds, *how, source.resolve(), cwd=pins.parent, env={"SOURCE_DATE_EPOCH": time})
    for sdist in out.glob("*.tar.gz"):
        date_sdist(sdist, int(time))
    return hashes_of(sorted(p for p in out.iterdir() if not p.name.startswith(".")))


def check_shipped(sdist: Path, settings: Settings) -> None:
    """Check that an sdist has what git has of the package, as far as it is not left out on purpose.

    Hatchling leaves out what the .gitignore at the root names, or .hgignore. An adopted package is warned.
    """
    adopted, names = settings.conventions == "RELEASING.md", git("ls-files", "-z").split("\0")
    table = {} if adopted else tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    build = table.get("tool", {}).get("hatch", {}).get("build", {})
    if adopted or {"exclude", "only-include"} & {*build, *build.get("targets", {}).get("sdist", {})}:
        hidden = git("ls-files", "-z", "--cached", "--ignored", "--exclude-standard").split("\0")
        names = [n for n in names if n in hidden or (Path(n).is_symlink() and Path(n).is_dir())]
    files = [f"{name.partition('/')[2]}/" for name in read_distribution(sdist).files]
    package = f"(src/)?{re.escape(settings.import_name.replace('.', '/'))}/"
    ours = [name for name in names if re.match(package, name)]
    if absent := [name for name in ours if not any(file.startswith(f"{name}/") for file in files)]:
        problem = f"{sdist.name} lacks what git has of the package: {', '.join(absent[:NAMED])}"
        if adopted:
            return annotate("warning", "Left out", problem)
        wanted = "every tracked file of the package: none that .gitignore names, or behind a link to a folder"
        fix = f"a line !/{absent[0]} at the end of .gitignore, no .hgignore; or files in place of the link"
        raise refusal(problem, expected=wanted, fix=fix)


def date_sdist(sdist: Path, time: int) -> None:
    """Give an sdist the time of the commit, if its backend (setuptools) has written another one."""
    if int.from_bytes(sdist.read_bytes()[4:8], "little") == time:  # RFC 1952
        return
    data = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=data, mode="w") as new:
        for file in sorted(old, key=lambda file: file.name):
            mode, file.pax_headers = 0o755 if file.mode & 0o100 else 0o644, {}
            plain = file.replace(mtime=time, mode=mode, uid=0, gid=0, uname="", gname="")
            new.addfile(plain, old.extractfile(file) if file.isfile() else None)
    sdist.write_bytes(gzip.compress(data.getvalue(), mtime=time))


def check_reproducible(source: Path, first: dict[str, str], *kinds: str) -> None:
    """Build once more and compare."""
    with tempfile.TemporaryDirectory() as folder:
        second = build_distributions(source, Path(folder) / "dist", *kinds)
    if differing := sorted(name for name in first | second if first.get(name) != second.get(name)):
        raise ReleaseError(
            f"Two builds of one commit differ: {', '.join(differing)}",
            expected="the same files, or a re-run could never finish a release",
            fix="take what changes between builds (times, random order, paths) out of the build",
            see="https://reproducible-builds.org/docs/",
        )


def main() -> None:
    """Build the distributions of the commit in the current folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--twice", action="store_true", help="build a second time and compare")
    options = parser.parse_args()
    tag, settings = os.environ.get("TAG"), load_settings()
    if tag:
        check_commit(tag, settings, os.environ.get("COMMIT"))
    else:
        check_complete(settings)
        check_clean()
        check_present()
    built = build_distributions(Path.cwd(), options.out)
    check_shipped(next(options.out.glob("*.tar.gz")), settings)
    if options.twice:
        check_reproducible(Path.cwd(), built)
    output(hashes=listed(built).rstrip())


if __name__ == "__main__":
    step(main)
