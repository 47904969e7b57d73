"""A folder of wheels: "the rest of the index", which a closed sandbox cannot download.

``fill`` downloads a list of requirements with everything they need, once for each list, into a
cache folder; ``fill_all`` joins several; ``catalogue`` describes a folder as the index shows it.
``write_wheel`` and ``write_sdist`` make the smallest distributions that an index accepts, for a
scene to be set.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CATALOGUE = "catalogue.json"
# Long ago, so that no rule about young releases ("exclude-newer") ever meets these files.
_UPLOADED = 1577836800.0  # 2020-01-01


def fill(requirements: Iterable[str], cache: Path, *, pure: bool = False) -> Path:
    """Return a folder with wheels for ``requirements`` and all they depend on.

    The folder is named by its list and this interpreter, and is downloaded from the real registry
    the first time only; several processes may ask at once.

    Args:
        requirements: PEP 508 requirements.
        cache: folder for such folders; keep it out of version control.
        pure: only the wheels in pure Python, for any interpreter, and no dependencies.

    Raises:
        RuntimeError: the download failed; the message is what pip said.
    """
    wanted = sorted(set(requirements))
    tag = "any" if pure else sys.implementation.cache_tag or sys.implementation.name
    only = ["--no-deps", "--implementation=py", "--abi=none", "--platform=any"] if pure else []
    key = hashlib.sha256("\n".join([tag, sys.platform, *wanted]).encode()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", "utf-8")
    folder = cache / key
    with (cache / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = cache / f"{key}.part"
            shutil.rmtree(draft, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
            done = subprocess.run(
                [*pip, "download", "--quiet", "--only-binary=:all:", *only, "--dest", str(draft), *wanted],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"the wheels for {', '.join(wanted)} could not be had: {done.stderr}")
            catalogue(draft)
            draft.rename(folder)
    return folder


def fill_all(lists: Iterable[Iterable[str]], cache: Path, *, pure: Iterable[str] = ()) -> Path:
    """Return a folder with what ``fill`` brings for each list; the lists need not agree on versions.

    Args:
        lists: requirements.
        cache: as for ``fill``.
        pure: requirements whose wheels in pure Python are wanted, too.
    """
    folders = [fill(requirements, cache) for requirements in lists]
    folders += [fill(pure, cache, pure=True)] if pure else []
    names = "-".join(sorted(folder.name for folder in folders))
    joined = cache / hashlib.sha256(names.encode()).hexdigest()[:16]
    with (cache / f"{joined.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not joined.exists():
            draft = cache / f"{joined.name}.part"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            known: dict[str, dict[str, object]] = {}
            for folder in folders:
                known |= catalogue(folder)
                for file in [*folder.glob("*.whl"), *folder.glob("*.metadata")]:
                    (draft / file.name).unlink(missing_ok=True)
                    (draft / file.name).symlink_to(file)
            (draft / _CATALOGUE).write_text(json.dumps(dict(sorted(known.items())), indent=1), "utf-8")
            draft.rename(joined)
    return joined


def catalogue(folder: Path) -> dict[str, dict[str, object]]:
    """Return the wheels of a folder by file name, described as ``pypi.File`` wants them.

    The description is kept in the folder, with each wheel's metadata file (PEP 658) beside it, and
    made anew when wheels came or went.
    """
    record = folder / _CATALOGUE
    wheels = sorted(folder.glob("*.whl"))
    if record.exists():
        known: dict[str, dict[str, object]] = json.loads(record.read_text("utf-8"))
        if list(known) == [wheel.name for wheel in wheels]:
            return known
    known = {wheel.name: _describe(wheel) for wheel in wheels}
    record.write_text(json.dumps(known, indent=1), "utf-8")
    return known


def wheel_metadata(wheel: Path) -> bytes:
    """Return the METADATA file of a wheel.

    Raises:
        KeyError: it has none where the wheel's file name says it should be.
        zipfile.BadZipFile: it is not a wheel at all.
    """
    name, version, *_ = wheel.name.split("-")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"{name}-{version}.dist-info/METADATA")


def write_wheel(
    folder: Path, name: str, version: str, *, headers: str = "", code: str = "", tag: str = "any"
) -> Path:
    """Write the smallest wheel that can be installed; same arguments, same bytes.

    Args:
        folder: where to.
        name: name of the distribution and of its only module.
        version: PEP 440 version.
        headers: further lines of its metadata.
        code: content of the module.
        tag: platform tag.

    Returns:
        The wheel.
    """
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    wheel = folder / f"{stem}-py3-none-{tag}.whl"
    info = f"{stem}.dist-info"
    members = {
        f"{name.replace('-', '_')}.py": code,
        f"{info}/METADATA": _metadata(name, version, headers),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{tag}\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in {**members, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return wheel


def write_sdist(folder: Path, name: str, version: str, *, headers: str = "") -> Path:
    """Write the smallest sdist that an index accepts; same arguments, same bytes.

    It has nothing to build.

    Args:
        folder: where to.
        name: name of the distribution.
        version: PEP 440 version.
        headers: further lines of its metadata.

    Returns:
        The sdist.
    """
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    members = {"PKG-INFO": _metadata(name, version, headers), "pyproject.toml": ""}
    sdist = folder / f"{stem}.tar.gz"
    with (
        sdist.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for member, content in members.items():
            entry = tarfile.TarInfo(f"{stem}/{member}")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return sdist


def _metadata(name: str, version: str, headers: str) -> str:
    return f"Metadata-Version: 2.5\nName: {name}\nVersion: {version}\n{headers}\n"


def _describe(wheel: Path) -> dict[str, object]:
    content = wheel.read_bytes()
    raw = wheel_metadata(wheel)
    wheel.with_name(f"{wheel.name}.metadata").write_bytes(raw)
    requires_python = Metadata.from_email(raw, validate=False).requires_python
    name, version, *_ = parse_wheel_filename(wheel.name)
    return {
        "filename": wheel.name,
        "project": canonicalize_name(name),
        "version": str(version),
        "packagetype": "bdist_wheel",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "uploaded": _UPLOADED,
        "requires_python": str(requires_python) if requires_python is not None else None,
    }
