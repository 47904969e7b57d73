"""Wheels and sdists to tamper with, and the smallest ones."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def rewrite_wheel(wheel: Path, to: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Copy a wheel, with some members replaced, added or (None) left out.

    Args:
        wheel: The wheel.
        to: Path of the copy.
        changes: New contents by member; a name that ends a member's path stands for that member.
    """
    with zipfile.ZipFile(wheel) as old:
        members: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(to, "w") as new:
        for name, data in (members | resolved(members, changes)).items():
            if data is not None:
                new.writestr(name, data)
    return to


def rewrite_sdist(sdist: Path, to: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Copy an sdist; see `rewrite_wheel`. Added members go below the top folder."""
    with tarfile.open(sdist) as old:
        files = [(m.name, old.extractfile(m)) for m in old.getmembers() if m.isfile()]
        members: dict[str, bytes | None] = {name: file.read() for name, file in files if file}
    top = next(iter(members)).split("/")[0]
    placed = {name: name if name in members else f"{top}/{name}" for name in changes}
    with tarfile.open(to, "w:gz") as new:
        for name, data in (members | {placed[n]: data for n, data in changes.items()}).items():
            if data is not None:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return to


def resolved(
    members: Mapping[str, bytes | None], changes: Mapping[str, bytes | None]
) -> dict[str, bytes | None]:
    """The changes by the full path of each member."""
    return {next((m for m in members if m.endswith(name)), name): data for name, data in changes.items()}


def member(archive: Path, name: str) -> bytes:
    """The contents of the member of a wheel or sdist whose path ends with a name."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(n for n in wheel.namelist() if n.endswith(name)))
    with tarfile.open(archive) as sdist:
        top = archive.name.removesuffix(".tar.gz")
        file = sdist.extractfile(f"{top}/{name}")
        assert file is not None
        return file.read()


def make_wheel(folder: Path, name: str, version: str, *, requires: tuple[str, ...] = ()) -> Path:
    """Write the smallest wheel that installs: one package of the name, with ``__version__``."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {r}\n" for r in requires)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", f'__version__ = "{version}"\n')
        wheel.writestr(f"{module}/_version.py", f'__version__ = "{version}"\n')
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def hashes_of(*files: Path) -> dict[str, str]:
    """SHA-256 of some files, by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_checksums(path: Path, hashes: Mapping[str, str]) -> Path:
    """Write a list of hashes as the build does."""
    path.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items()), encoding="utf-8")
    return path
