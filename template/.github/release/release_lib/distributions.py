"""Wheels and sdists: their names, what is in them, and SHA256SUMS.

SHA256SUMS is the one list of hashes, made by the build, that every later stage is compared with.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.metadata import Metadata
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from packaging.version import Version

# The Pythons of CPython's calendar at the time of this template: https://devguide.python.org/versions/
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
SEE = "RELEASING.md, 'When it stops'"
BUILD = "uv run .github/release/build_distributions.py"
BROKEN_ARCHIVE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError)


def find_distributions(folder: Path) -> tuple[list[Path], Path]:
    """The wheels and the sdist in a folder.

    Raises:
        ReleaseError: There is no wheel, not exactly one sdist, or something else besides.
    """
    files = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    wheels = [p for p in files if p.suffix == ".whl"]
    sdists = [p for p in files if p.name.endswith(".tar.gz")]
    if not wheels or len(sdists) != 1 or len(files) != len(wheels) + 1:
        raise ReleaseError(
            f"The folder {folder} has {', '.join(p.name for p in files) or 'nothing'} in it",
            expected="at least one wheel, exactly one sdist (.tar.gz), and nothing else",
            fix=BUILD,
            see=SEE,
        )
    return wheels, sdists[0]


def name_and_version(filename: str) -> tuple[str, Version] | None:
    """The normalized name and the version in a file name; None for names that no index accepts today."""
    try:
        return parse_wheel_filename(filename)[:2]
    except InvalidWheelFilename:
        pass
    try:
        return parse_sdist_filename(filename)
    except InvalidSdistFilename:
        return None


def version_of(filename: str) -> Version | None:
    """The version in a file name; see `name_and_version`."""
    found = name_and_version(filename)
    return found[1] if found else None


def metadata_in(wheel: zipfile.ZipFile) -> bytes:
    """The core metadata of a wheel, as they are written."""
    return wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")))


def read_metadata(path: Path) -> Metadata:
    """The core metadata of a wheel or an sdist.

    Raises:
        ReleaseError: The file is broken, or has no valid metadata.
    """
    return read_distribution(path)[0]


def read_distribution(path: Path, member: str = "") -> tuple[Metadata, bytes]:
    """The core metadata of a wheel or an sdist, and the contents of one file in it.

    Args:
        path: The distribution.
        member: Path of the file from the root of the source; a wheel has it without the folder that the
            sources are in, often src.

    Raises:
        ReleaseError: The distribution is broken, or lacks the metadata or the file.
    """
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                metadata = Metadata.from_email(metadata_in(wheel))
                inside = [n for n in wheel.namelist() if member and f"/{PurePosixPath(member)}".endswith(f"/{n}")]
                return metadata, wheel.read(max(inside, key=len, default=member)) if member else b""
        with tarfile.open(path, "r:gz") as sdist:
            root = path.name.removesuffix(".tar.gz")
            found = [sdist.extractfile(f"{root}/{n}") for n in ("PKG-INFO", *([member] if member else []))]
            contents = [file.read() if file else b"" for file in found]  # None stands for a folder
            return Metadata.from_email(contents[0]), contents[-1] if member else b""
    except (*BROKEN_ARCHIVE, KeyError, StopIteration, ExceptionGroup) as error:
        reasons = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        raise ReleaseError(
            f"{path.name} cannot be read as a distribution: "
            f"{'; '.join(map(str, reasons)) or 'it has no metadata'}",
            expected=f"valid metadata{f', and {member}' if member else ''}",
            fix=BUILD,
            see=SEE,
        ) from error


def sha256_of(data: bytes) -> str:
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def hashes_of(paths: list[Path]) -> dict[str, str]:
    """SHA-256 of files, by file name."""
    return {path.name: sha256_of(path.read_bytes()) for path in paths}


def listed(hashes: dict[str, str]) -> str:
    """Hashes by file name, as the lines of SHA256SUMS."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())


def write_checksums(path: Path, hashes: dict[str, str]) -> None:
    """Write SHA256SUMS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(listed(hashes), encoding="utf-8", newline="\n")


def read_checksums(path: Path) -> tuple[Version, dict[str, str]]:
    """The version that was built, and the hashes that the build listed, by file name.

    Raises:
        ReleaseError: See `parse_checksums`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    return parse_checksums(text, str(path))


def parse_checksums(text: str, name: str = "SHA256SUMS") -> tuple[Version, dict[str, str]]:
    """The version and the hashes in the text of SHA256SUMS.

    Raises:
        ReleaseError: It is no list of SHA-256 hashes of one version's distributions.
    """
    lines = text.splitlines()
    pairs = [re.fullmatch(r"([0-9a-f]{64})  ([^\s/\\]+)", line) for line in lines]
    hashes = {pair[2]: pair[1] for pair in pairs if pair}
    version, *others = {version_of(name) for name in hashes} or {None}
    if version is None or others or len(hashes) != len(lines):
        raise ReleaseError(
            f"{name} is not a list of SHA-256 hashes",
            expected="SHA256SUMS as check_distributions.py writes it",
            fix="uv run .github/release/check_distributions.py dist --checksums SHA256SUMS",
            see=SEE,
        )
    return version, hashes
