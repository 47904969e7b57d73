"""How files are told where there are many."""

from __future__ import annotations

import pytest
from copier_pypi_release.distributions_shown import details, platform_of, shortened, told
from support.compiled import FILES, PLAN, SDIST, WHEELS

pytestmark = pytest.mark.requirement("B10")


@pytest.mark.parametrize(
    ("tag", "platform"),
    [
        ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", "linux-x86_64"),
        ("cp311-abi3-musllinux_1_2_aarch64", "musl-aarch64"),
        ("cp311-abi3-linux_x86_64", "linux-x86_64"),
        ("cp311-abi3-macosx_11_0_arm64", "macos-arm64"),
        ("cp311-abi3-win_amd64", "windows-AMD64"),
        ("cp311-abi3-win32", "windows-x86"),
        ("py3-none-any", ""),
    ],
)
def test_a_platform_is_a_word(tag: str, platform: str) -> None:
    assert platform_of(f"demo_pkg-1.2.3-{tag}.whl") == platform


def test_a_platform_is_the_word_of_the_plan() -> None:
    assert set(map(platform_of, WHEELS)) - {"musl-x86_64", "musl-aarch64"} == set(PLAN)


def test_many_files_are_counted_by_platform() -> None:
    assert len(FILES) == 25
    assert told(FILES) == (
        "25 files; wheels: linux-aarch64 3, linux-x86_64 3, macos-arm64 3, macos-x86_64 3, musl-aarch64 3, "
        "musl-x86_64 3, windows-AMD64 3, windows-ARM64 3"
    )
    assert details(FILES) == [told(FILES)]
    assert shortened(WHEELS).endswith(" and 20 more")


def test_few_files_are_named() -> None:
    assert details({SDIST: "ab"}) == [f"{SDIST} ab"]
    assert told([SDIST]) == "1 file"
    assert shortened(["b", "a"]) == "a, b"
