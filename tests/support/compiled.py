"""What cibuildwheel plans for a package whose lowest Python is 3.11; test_build_sdist.py compares."""

from __future__ import annotations

PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t")
PLACES = {
    "linux-x86_64": ("manylinux_x86_64", "musllinux_x86_64"),
    "linux-aarch64": ("manylinux_aarch64", "musllinux_aarch64"),
    "macos-x86_64": ("macosx_x86_64",),
    "macos-arm64": ("macosx_arm64",),
    "windows-AMD64": ("win_amd64",),
    "windows-ARM64": ("win_arm64",),
}
PLAN = {name: [f"{p}-{place}" for place in places for p in PYTHONS] for name, places in PLACES.items()}
