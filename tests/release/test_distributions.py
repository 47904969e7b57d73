"""distributions.py: the list of hashes that the build made is read strictly."""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from release_lib import distributions
from support.archives import hashes_of, write_checksums

from release.outcomes import recovery, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from release.conftest import RunStep

SEE = recovery("build")
V = Version("0.1.0")
NO_LIST = (
    "Expected: SHA256SUMS as check_distributions.py writes it, each file once",
    "Fix: uv run .github/release/check_distributions.py dist --checksums SHA256SUMS",
    SEE,
)


@pytest.mark.requirement("P8.7")
def test_the_list_of_hashes_is_read_back(tmp_path: Path, wheel: Path, sdist: Path) -> None:
    hashes = hashes_of(wheel, sdist)
    assert distributions.read_checksums(write_checksums(tmp_path / "SHA256SUMS", hashes)) == (V, hashes)


@pytest.mark.requirement("P8.7")
@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\n\n",
        b"garbage\n",
        b"\xff\xfe\x00\x01",
        b"abc  demo_pkg-0.1.0.tar.gz\n",
        b"a b c\n",
        b"g" * 64 + b"  demo_pkg-0.1.0.tar.gz\n",
        b"A" * 64 + b"  demo_pkg-0.1.0.tar.gz\n",
        b"a" * 64 + b"  README.md\n",
        b"a" * 64 + b"  ../../demo_pkg-0.1.0.tar.gz\n",
        b"a" * 64 + b"  demo_pkg-0.1.0.tar.gz\n" + b"a" * 64 + b"  demo_pkg-0.1.1.tar.gz\n",
        b"a" * 64 + b"  demo_pkg-0.1.0.tar.gz\nand more\n",
    ],
)
def test_a_list_of_hashes_that_is_none_is_refused(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "SHA256SUMS"
    if data is not None:
        path.write_bytes(data)
    assert refusal(lambda: distributions.read_checksums(path)) == (
        f"{path} is not a list of SHA-256 hashes",
        *NO_LIST,
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("demo_pkg-0.1.0-py3-none-any.whl", "0.1.0"),
        ("demo_pkg-0.1.0-1-py3-none-any.whl", "0.1.0"),
        ("demo-pkg-0.1.0.tar.gz", "0.1.0"),
        ("demo_pkg-0.1.0.zip", "0.1.0"),
        ("demo_pkg-0.1.0-py3.11.egg", None),
        ("demo_pkg-0.1.0.win32.exe", None),
        ("README.md", None),
    ],
)
def test_the_version_is_read_from_a_file_name(name: str, version: str | None) -> None:
    assert distributions.version_of(name) == (Version(version) if version else None)


def test_sha256() -> None:
    assert distributions.sha256_of(b"bytes") == hashlib.sha256(b"bytes").hexdigest()


@pytest.mark.requirement("P8.7")
@pytest.mark.parametrize("script", ["install_distribution", "run_checks", "check_distributions"])
@pytest.mark.parametrize("what", ["changed", "missing", "one too many", "no list"])
@pytest.mark.usefixtures("settings")
def test_files_that_were_not_built_are_refused(
    script: str,
    what: str,
    dist: Path,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every script that uses files compares them with what the build listed, before it acts."""
    listing = "\n".join(f"{sha256}  {name}" for name, sha256 in hashes_of(*dist.iterdir()).items())
    monkeypatch.setenv("HASHES", "" if what == "no list" else listing)
    wheel = next(dist.glob("*.whl"))
    if what == "changed":
        wheel.write_bytes(b"")
    elif what == "missing":
        wheel.unlink()
    elif what == "one too many":
        (dist / "demo_pkg-9.9.tar.gz").write_bytes(b"")
    done = run_step(importlib.import_module(script), *(["--dist"] if script == "run_checks" else []), dist)
    assert done.status == 1
    wanted = "$HASHES is not a list" if what == "no list" else "are not those that were built"
    assert wanted in done.lines[0]
