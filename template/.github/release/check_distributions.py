# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "twine==7.0.0"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that every place in the built distributions that names a version names the tag's, and list hashes.

The places: both file names, the core metadata of wheel and sdist, and the generated version file in each.
The hashes become SHA256SUMS, the one list that every later stage is compared with.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
import os
import re
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from check_tag import check_tag
from packaging.metadata import Metadata
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from step import Settings, Stop, load_settings, output, run, step, summary

READ = "RELEASING.md, 'When it stops'"
# The Pythons of CPython's calendar at the time of this template: https://devguide.python.org/versions/
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
BROKEN_ARCHIVE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError)


def distributions(folder: Path) -> tuple[list[Path], Path]:
    """The wheels and the sdist in a folder.

    Raises:
        Stop: There is no wheel, not exactly one sdist, or something else besides.
    """
    files = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    wheels = [p for p in files if p.suffix == ".whl"]
    sdists = [p for p in files if p.name.endswith(".tar.gz")]
    if not wheels or len(sdists) != 1 or len(files) != len(wheels) + 1:
        raise Stop(
            f"The folder {folder} has {', '.join(p.name for p in files) or 'nothing'} in it",
            expected="at least one wheel, exactly one sdist (.tar.gz), and nothing else",
            mend="uv run .github/release/build_distributions.py",
            read=READ,
        )
    return wheels, sdists[0]


def versions_of(path: Path, settings: Settings) -> dict[str, str]:
    """Every version that a distribution names, by the place that names it.

    Args:
        path: A wheel or an sdist.
        settings: The project's settings.

    Raises:
        Stop: The file name, the metadata or the version file is missing, or of another project.
    """
    try:
        if path.suffix == ".whl":
            name, version, _, _ = parse_wheel_filename(path.name)
        else:
            name, version = parse_sdist_filename(path.name)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise Stop(
            f"{path.name} is not a file name that an index accepts: {error}",
            expected="a name as the build backend gives it",
            mend="uv run .github/release/build_distributions.py",
            read=READ,
        ) from error
    metadata, code = contents(path, settings)
    names = {canonicalize_name(metadata.name), name}
    if names != {canonicalize_name(settings.distribution)}:
        raise Stop(
            f"{path.name} is a distribution of {', '.join(sorted(names))}",
            expected=f"the project {settings.distribution}",
            mend="make the name in pyproject.toml and in .github/release/settings.toml the same",
            read=READ,
        )
    return {
        f"the file name {path.name}": str(version),
        f"the metadata of {path.name}": str(metadata.version),
        f"{settings.version_file} in {path.name}": version_in(code, path.name, settings),
    }


def contents(path: Path, settings: Settings) -> tuple[Metadata, bytes]:
    """The core metadata and the version file of a distribution."""
    version_file = PurePosixPath(settings.version_file)
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                names = wheel.namelist()
                info = next(n for n in names if n.endswith(".dist-info/METADATA"))
                # A wheel has the file without the folder that the sources are in, often src.
                inside = [n for n in names if f"/{version_file}".endswith(f"/{n}")]
                return Metadata.from_email(wheel.read(info)), wheel.read(
                    max(inside, key=len, default=str(version_file))
                )
        with tarfile.open(path, "r:gz") as sdist:
            root = path.name.removesuffix(".tar.gz")
            metadata = sdist.extractfile(f"{root}/PKG-INFO")
            code = sdist.extractfile(f"{root}/{version_file}")
            # None stands for a folder of that name.
            return Metadata.from_email(metadata.read() if metadata else b""), code.read() if code else b""
    except (*BROKEN_ARCHIVE, KeyError, StopIteration, ExceptionGroup) as error:
        reasons = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        raise Stop(
            f"{path.name} cannot be read as a distribution: "
            f"{'; '.join(map(str, reasons)) or 'it has no metadata'}",
            expected=f"metadata, and the generated {version_file}",
            mend="uv run .github/release/build_distributions.py",
            read=READ,
        ) from error


def version_in(code: bytes, name: str, settings: Settings) -> str:
    """The value that a version file gives to ``__version__``, found without running it."""
    with contextlib.suppress(SyntaxError, ValueError, TypeError):
        for statement in ast.parse(code).body:
            targets = statement.targets if isinstance(statement, ast.Assign) else ()
            if any(isinstance(t, ast.Name) and t.id == "__version__" for t in targets):
                text: str = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
                Version(text)  # or the sentence below
                return text
    raise Stop(
        f"{settings.version_file} in {name} does not set __version__ to a version",
        expected="the file that hatch-vcs writes",
        mend="git rm --cached --ignore-unmatch " + settings.version_file,
        read=READ,
    )


def check_versions(found: dict[str, str], expected: Version | None) -> Version:
    """Check that all places agree, by PEP 440 equality, and agree with the tag.

    Args:
        found: Versions by the place that names them.
        expected: The tag's version; without a tag it is enough that all places agree.

    Raises:
        Stop: Some place names another version; every such place is named.
    """
    wanted = expected if expected is not None else Version(next(iter(found.values())))
    wrong = [f"{place} says {text}" for place, text in found.items() if Version(text) != wanted]
    if wrong:
        raise Stop(
            f"The built version is not {wanted}: {'; '.join(wrong)}",
            expected=f"{wanted} in all {len(found)} places",
            mend="git describe --tags --long (shows what the version was made from)",
            read=READ,
        )
    return wanted


def pythons_of(wheel: Path, settings: Settings) -> list[str]:
    """The Python versions that a wheel says it supports, oldest first.

    Taken from the settings; if they name none, from its classifiers; without any, from Requires-Python.

    Raises:
        Stop: It supports none, so there is nothing to test it on.
    """
    if settings.pythons:
        return sorted(settings.pythons, key=Version)
    metadata, _ = contents(wheel, settings)
    pattern = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    named = [m[1] for c in metadata.classifiers or () if (m := pattern.fullmatch(c))]
    allowed = metadata.requires_python or SpecifierSet()
    found = named or [v for v in SUPPORTED_PYTHONS if allowed.contains(f"{v}.0")]
    if not found:
        raise Stop(
            f"{wheel.name} supports no Python: it requires {allowed}",
            expected=f"a requires-python that admits one of {', '.join(SUPPORTED_PYTHONS)}",
            mend="correct requires-python and the classifiers in pyproject.toml",
            read=READ,
        )
    return sorted(found, key=Version)


def main() -> None:
    """Check the distributions in a folder; with $TAG, against its version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--checksums", type=Path, help="file to write the list of hashes to")
    options = parser.parse_args()
    settings = load_settings()
    tag = os.environ.get("TAG")
    wheels, sdist = distributions(options.folder)
    found = {k: v for path in (*wheels, sdist) for k, v in versions_of(path, settings).items()}
    version = check_versions(found, check_tag(tag, settings) if tag else None)
    # An index takes a project without a README; twine would warn of nothing else then.
    strict = ["--strict"] if contents(wheels[0], settings)[0].description else []
    run(sys.executable, "-m", "twine", "check", *strict, *wheels, sdist)
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}" for p in (*wheels, sdist)]
    if options.checksums:
        options.checksums.parent.mkdir(parents=True, exist_ok=True)
        options.checksums.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    pythons = pythons_of(wheels[0], settings)
    output(version=str(version), pythons=json.dumps(pythons), newest=pythons[-1])
    listing = "\n".join(lines)
    summary(f"## Built {settings.distribution} {version}\n\n```\n{listing}\n```")


if __name__ == "__main__":
    step(main)
