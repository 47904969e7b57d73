"""SHA256SUMS: the one list of hashes, made by the build, that every later stage is compared with."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from step import Stop

if TYPE_CHECKING:
    from packaging.version import Version


def read_checksums(path: Path) -> tuple[Version, dict[str, str]]:
    """The version that was built, and the hashes that the build listed, by file name.

    Raises:
        Stop: The list is missing or is no list of SHA-256 hashes of one version's distributions.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    pairs = [re.fullmatch(r"([0-9a-f]{64})  ([^\s/\\]+)", line) for line in lines]
    hashes = {pair[2]: pair[1] for pair in pairs if pair}
    version, *others = {version_of(name) for name in hashes} or {None}
    if version is None or others or len(hashes) != len(lines):
        raise Stop(
            f"{path} is not a list of SHA-256 hashes",
            expected="SHA256SUMS as check_distributions.py writes it",
            mend="uv run .github/release/check_distributions.py dist --checksums SHA256SUMS",
            read="RELEASING.md, 'When it stops'",
        )
    return version, hashes


def version_of(filename: str) -> Version | None:
    """The version in a file name; None for names that no longer can be uploaded."""
    try:
        return parse_wheel_filename(filename)[1]
    except InvalidWheelFilename:
        pass
    try:
        return parse_sdist_filename(filename)[1]
    except InvalidSdistFilename:
        return None


def sha256_of(data: bytes) -> str:
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
