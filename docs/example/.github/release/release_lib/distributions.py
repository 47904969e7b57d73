"""Wheels and sdists: their names, what is in them, and their hashes.

One list of hashes is made by the build, and every later stage is compared with it. It travels as an output of
that job, $HASHES, which nothing that runs later can change; the GitHub Release has it as SHA256SUMS.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from packaging import utils
from packaging.metadata import Metadata
from packaging.version import Version
from release_lib.step import ReleaseError

# The Pythons of CPython's calendar at the time of this template: https://devguide.python.org/versions/
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
refusal = partial(ReleaseError, see=".github/release/RECOVERY.md, 'build'")
BUILD = "uv run .github/release/build_distributions.py"
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, KeyError, ExceptionGroup)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """What is in a wheel or an sdist."""

    files: dict[str, int]  # sizes, by path
    metadata: Metadata
    header: str  # the metadata as they are written, without the description
    member: bytes  # contents of the file that was asked for


def find_distributions(folder: Path) -> tuple[list[Path], Path]:
    """The wheels and the sdist in a folder: nothing else is there, in a release nothing but what was built."""
    if "HASHES" in os.environ:
        refuse_other_files(folder, read_checksums(None)[1])
    files = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    wheels = [p for p in files if p.suffix == ".whl"]
    sdists = [p for p in files if p.name.endswith(".tar.gz")]
    if not wheels or len(sdists) != 1 or len(files) != len(wheels) + 1:
        problem = f"The folder {folder} contains {', '.join(p.name for p in files) or 'nothing'}"
        wanted = "at least one wheel, exactly one sdist (.tar.gz), and nothing else"
        raise refusal(problem, expected=wanted, fix=BUILD)
    return wheels, sdists[0]


def name_and_version(filename: str) -> tuple[str, Version] | None:
    """The normalized name and the version in a file name; None for names that no index accepts today."""
    with contextlib.suppress(ValueError):
        return utils.parse_wheel_filename(filename)[:2]
    with contextlib.suppress(ValueError):
        return utils.parse_sdist_filename(filename)
    return None


def version_of(filename: str) -> Version | None:
    """The version in a file name; see `name_and_version`."""
    return found[1] if (found := name_and_version(filename)) else None


def metadata_name(files: Iterable[str]) -> str:
    """Path of the core metadata in a wheel; one that is not there if it has none."""
    return next((name for name in files if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), "METADATA")


def read_distribution(path: Path, member: str = "") -> Distribution:
    """Read a wheel or an sdist, and one file by its path in the source (in a wheel, without src or so)."""
    wanted = f"valid metadata{f', and {member}' if member else ''}"
    with readable(path, wanted):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                files = {info.filename: info.file_size for info in wheel.infolist() if not info.is_dir()}
                inside = [name for name in files if f"/{PurePosixPath(member)}".endswith(f"/{name}")]
                names = [metadata_name(files)]
                names += [max(inside, key=len, default=member)] if member else []
                contents = [wheel.read(name) for name in names]
        else:
            root = path.name.removesuffix(".tar.gz")
            with tarfile.open(path, "r:gz") as sdist:
                files = {info.name: info.size for info in sdist.getmembers() if not info.isdir()}
                names = [f"{root}/{name}" for name in ("PKG-INFO", member) if name]
                found = [sdist.extractfile(name) for name in names]
                contents = [file.read() if file else b"" for file in found]  # None stands for a folder
        header = re.split(rb"\r?\n\r?\n", contents[0])[0].decode(errors="replace")
        metadata = Metadata.from_email(contents[0])
    return Distribution(files, metadata, header, contents[1] if member else b"")


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist and return the folder with its contents."""
    with readable(sdist, "an sdist as the build backend makes it"), tarfile.open(sdist, "r:gz") as archive:
        archive.extractall(folder, filter="data")  # refuses what would be written outside the folder
    return folder / sdist.name.removesuffix(".tar.gz")


@contextlib.contextmanager
def readable(path: Path, expected: str) -> Iterator[None]:
    """Stop with a message if a distribution turns out to be broken."""
    try:
        yield
    except BROKEN as error:
        reasons = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        problem = f"{path.name} cannot be read as a distribution: {'; '.join(map(str, reasons))}"
        raise refusal(problem, expected=expected, fix=BUILD) from error


def asset_name(name: str) -> str:
    """The name that a file has in a GitHub Release, which knows no "!" of an epoch, for example."""
    return re.sub(r"[^A-Za-z0-9_+@.-]", ".", name)


def sha256_of(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def hashes_of(paths: list[Path]) -> dict[str, str]:
    """SHA-256 of files, by file name."""
    return {path.name: sha256_of(path.read_bytes()) for path in paths}


def listed(hashes: dict[str, str]) -> str:
    """Hashes by file name, as the lines of SHA256SUMS."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())


def write_checksums(path: Path, hashes: dict[str, str]) -> Path:
    """Write SHA256SUMS, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(listed(hashes), encoding="utf-8", newline="\n")
    return path


def add_checksums_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a list of hashes, for `read_checksums`."""
    parser.add_argument("--checksums", type=Path, help="a SHA256SUMS; default: $HASHES, the build's output")


def read_checksums(path: Path | None) -> tuple[Version, dict[str, str]]:
    """The version that was built and the build's hashes, by file name: from a file, or else from $HASHES."""
    if path is None:
        return parse_checksums(os.environ.get("HASHES", ""), "$HASHES")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    return parse_checksums(text, str(path))


def parse_checksums(text: str, name: str = "SHA256SUMS") -> tuple[Version, dict[str, str]]:
    """The version and the hashes in the text of SHA256SUMS, which lists one version's distributions."""
    lines = text.splitlines()
    pairs = [re.fullmatch(r"([0-9a-f]{64})  ([^\s/\\]+)", line) for line in lines]
    hashes = {pair[2]: pair[1] for pair in pairs if pair}
    version, *others = {version_of(name) for name in hashes} or {None}
    if version is None or others or len(hashes) != len(lines):
        raise refusal(
            f"{name} is not a list of SHA-256 hashes",
            expected="SHA256SUMS as check_distributions.py writes it, each file once",
            fix="uv run .github/release/check_distributions.py dist --checksums SHA256SUMS",
        )
    return version, hashes


def refuse_other_files(folder: Path, built: dict[str, str]) -> None:
    """Stop unless a folder has what the build listed, and nothing else."""
    found = hashes_of([path for path in folder.glob("*") if not path.name.startswith(".")])
    if wrong := sorted(name for name in built | found if built.get(name) != found.get(name)):
        raise refusal(
            f"The files in {folder} are not those that were built: {', '.join(wrong)}",
            expected="every file of the build with its hash, and no other file",
            fix="gh run rerun RUN (the number of this run; builds the same files again)",
        )
