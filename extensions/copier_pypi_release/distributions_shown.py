"""Distributions in words: a pure package has two, a compiled one a wheel for each platform."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from copier_pypi_release.console import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FEW = 4  # files that are named one by one
PLATFORM = re.compile(r"(manylinux|musllinux|linux|macosx|win)(?:_?\d+)*_?(.*)")
SYSTEMS = {"manylinux": "linux", "linux": "linux", "musllinux": "musl", "macosx": "macos", "win": "windows"}


def platform_of(name: str) -> str:
    """The platform of a wheel, as the plan has it, musl by itself; empty where there is none."""
    try:
        tags = parse_wheel_filename(name)[3]
    except InvalidWheelFilename:
        return ""
    for tag in sorted(tags, key=str):
        if found := PLATFORM.match(tag.platform):
            machine = found[2].upper() if found[1] == "win" else found[2]  # as cibuildwheel writes them
            return f"{SYSTEMS[found[1]]}-{machine or 'x86'}"
    return ""


def told(names: Iterable[str]) -> str:
    """Files in a few words: how many, and of wheels how many for each platform."""
    every = list(names)
    places = Counter(filter(None, map(platform_of, every)))
    listed = ", ".join(f"{place} {number}" for place, number in sorted(places.items()))
    return counted(len(every), "file") + (f"; wheels: {listed}" if listed else "")


def shortened(names: Collection[str]) -> str:
    """The names of files, the first of many."""
    first = ", ".join(sorted(names)[:FEW])
    return first + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def details(hashes: Mapping[str, str]) -> list[str]:
    """Lines about files with their hashes: each if they are few, or what they are."""
    if len(hashes) > FEW:
        return [told(hashes)]
    return [f"{name} {sha256}" for name, sha256 in sorted(hashes.items())]
