"""The 25 files of a compiled package's version, and the plan that they fulfil."""

from __future__ import annotations

import hashlib

PLATFORMS = {
    "linux-x86_64": ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_x86_64"),
    "linux-aarch64": ("manylinux_2_17_aarch64.manylinux2014_aarch64", "manylinux_aarch64"),
    "macos-x86_64": ("macosx_10_13_x86_64", "macosx_x86_64"),
    "macos-arm64": ("macosx_11_0_arm64", "macosx_arm64"),
    "windows-AMD64": ("win_amd64", "win_amd64"),
    "windows-ARM64": ("win_arm64", "win_arm64"),
}
PYTHONS = ("cp312", "cp313", "cp314", "cp315")
SDIST = "demo_pkg-1.2.3.tar.gz"
WHEELS = [
    f"demo_pkg-1.2.3-{python}-{python}-{tag}.whl" for tag, _ in PLATFORMS.values() for python in PYTHONS
]
FILES = {name: hashlib.sha256(name.encode()).hexdigest() for name in (SDIST, *WHEELS)}
PLAN = {
    platform: [f"{python}-{machine}" for python in PYTHONS] for platform, (_, machine) in PLATFORMS.items()
}
