"""What cibuildwheel plans for a package whose lowest Python is 3.11, and the 25 files that fulfil it.

test_build_sdist.py compares the plan with the real one.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t")
BUILT = ("cp311-abi3", "cp314-cp314t", "cp315-cp315t")  # the stable ABI is one wheel for five of them
# By platform: what identifiers end with, and the tag of its wheels.
PLACES = {
    "linux-x86_64": {
        "manylinux_x86_64": "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "musllinux_x86_64": "musllinux_1_2_x86_64",
    },
    "linux-aarch64": {
        "manylinux_aarch64": "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "musllinux_aarch64": "musllinux_1_2_aarch64",
    },
    "macos-x86_64": {"macosx_x86_64": "macosx_11_0_x86_64"},
    "macos-arm64": {"macosx_arm64": "macosx_11_0_arm64"},
    "windows-AMD64": {"win_amd64": "win_amd64"},
    "windows-ARM64": {"win_arm64": "win_arm64"},
}
PLAN = {name: [f"{p}-{place}" for place in places for p in PYTHONS] for name, places in PLACES.items()}
SDIST = "demo_pkg-1.2.3.tar.gz"
WHEELS = [
    f"demo_pkg-1.2.3-{built}-{tag}.whl"
    for places in PLACES.values()
    for tag in places.values()
    for built in BUILT
]
FILES = {name: hashlib.sha256(name.encode()).hexdigest() for name in (SDIST, *WHEELS)}


def make_compiled_wheel(
    folder: Path,
    tag: str = "cp311-abi3-win_amd64",
    *,
    more: Mapping[str, str] | None = None,
    unlisted: Mapping[str, str] | None = None,
    inside: str | None = None,
    metadata: str = "",
    record: str | None = None,
) -> Path:
    """Write a small wheel of a platform, as a build backend does, but for what is said.

    Args:
        folder: Where to.
        tag: The tag in its name.
        more: Members besides; one that is there already is another one then.
        unlisted: Members that RECORD does not list, or a second time.
        inside: The tag in it, if it is another one.
        metadata: Another line of the metadata.
        record: The whole RECORD.
    """
    info = "demo_pkg-1.0.dist-info"
    files = {
        "demo_pkg/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 1.0\n{metadata}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {inside or tag}\n",
    }
    files |= more or {}
    hashes = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    lines = [f"{n},sha256={base64.urlsafe_b64encode(h).rstrip(b'=').decode()}," for n, h in hashes.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]) if record is None else record
    path = folder / f"demo_pkg-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in [*files.items(), *(unlisted or {}).items()]:
            wheel.writestr(name, text)
    return path
