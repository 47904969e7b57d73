"""What cibuildwheel plans for a package whose lowest Python is 3.11, and the 25 files that fulfil it.

test_build_sdist.py compares the plan with the real one.
"""

from __future__ import annotations

import hashlib

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
