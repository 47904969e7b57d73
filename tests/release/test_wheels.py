"""The plan of wheels: what covers it, what is missing by name, what was not planned."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
from packaging.tags import parse_tag
from release_lib.wheels import check_plan, check_wheels, covers, read_plan

from release.outcomes import recovery, refusal

LINUX = ["cp311-manylinux_x86_64", "cp312-manylinux_x86_64", "cp315t-manylinux_x86_64"]
PLAN = {"linux-x86_64": LINUX, "windows-ARM64": ["cp311-win_arm64"]}
WHEELS = [
    "demo_pkg-1.0-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "demo_pkg-1.0-cp315-cp315t-manylinux_2_28_x86_64.whl",
    "demo_pkg-1.0-cp311-abi3-win_arm64.whl",
]


@pytest.mark.requirement("B10", "S1")
@pytest.mark.parametrize(
    ("tag", "identifier", "covered"),
    [
        ("cp311-abi3-manylinux_2_28_x86_64", "cp311-manylinux_x86_64", True),
        ("cp311-abi3-manylinux_2_28_x86_64", "cp315-manylinux_x86_64", True),
        ("cp312-abi3-manylinux_2_28_x86_64", "cp311-manylinux_x86_64", False),
        ("cp311-abi3-manylinux_2_28_x86_64", "cp314t-manylinux_x86_64", False),
        ("cp311-abi3-manylinux_2_28_x86_64", "cp311-manylinux_aarch64", False),
        ("cp311-abi3-manylinux_2_28_x86_64", "cp311-musllinux_x86_64", False),
        ("cp311-abi3-linux_x86_64", "cp311-manylinux_x86_64", False),
        ("cp311-abi3-musllinux_1_2_x86_64", "cp311-musllinux_x86_64", True),
        ("cp314-cp314t-musllinux_1_2_x86_64", "cp314t-musllinux_x86_64", True),
        ("cp314-cp314-musllinux_1_2_x86_64", "cp314t-musllinux_x86_64", False),
        ("cp315-abi3t-musllinux_1_2_x86_64", "cp315t-musllinux_x86_64", True),
        ("cp315-abi3t-musllinux_1_2_x86_64", "cp315-musllinux_x86_64", False),
        ("cp311-cp311-macosx_11_0_universal2", "cp311-macosx_x86_64", True),
        ("cp311-cp311-macosx_11_0_universal2", "cp311-macosx_arm64", True),
        ("cp311-cp311-macosx_11_0_arm64", "cp311-macosx_x86_64", False),
        ("cp311-cp311-win_amd64", "cp311-win_amd64", True),
        ("cp311-cp311-win_arm64", "cp311-win_amd64", False),
        ("cp311-cp311-win_amd64", "cp312-win_amd64", False),
        ("py3-none-win_amd64", "cp312-win_amd64", True),
    ],
)
def test_a_tag_covers_what_an_installer_would_take_it_for(
    tag: str, identifier: str, *, covered: bool
) -> None:
    (parsed,) = parse_tag(tag)
    assert covers(parsed, identifier) is covered


@pytest.mark.requirement("B10", "S1")
def test_a_complete_plan_passes_and_each_missing_wheel_is_named() -> None:
    check_wheels(WHEELS, PLAN)
    missing = {
        0: ("linux-x86_64", "cp311-manylinux_x86_64, cp312-manylinux_x86_64"),
        1: ("linux-x86_64", "cp315t-manylinux_x86_64"),
        2: ("windows-ARM64", "cp311-win_arm64"),
    }
    for number, kept in enumerate(itertools.combinations(reversed(WHEELS), 2)):
        platform, identifiers = missing[number]
        lines = refusal(partial(check_wheels, kept, PLAN))
        assert lines[0] == f"The platform {platform} lacks the wheel for {identifiers}"
        assert lines[3] == recovery("build")


@pytest.mark.requirement("B10")
def test_a_wheel_that_was_not_planned_is_named() -> None:
    strange = "demo_pkg-1.0-cp310-cp310-win_arm64.whl"
    lines = refusal(lambda: check_wheels([*WHEELS, strange], PLAN))
    assert lines[0] == f"No wheel like this was planned: {strange}"


def test_a_platform_without_a_wheel_is_named() -> None:
    lines = refusal(lambda: check_plan({"linux-x86_64": LINUX, "macos-arm64": []}))
    assert lines[0] == "No wheel is planned for macos-arm64"
    assert refusal(lambda: check_plan({}))[0] == "No wheel is planned for any platform"


@pytest.mark.parametrize("other", ["pp311-manylinux_x86_64", "gp311_242-manylinux_x86_64"])
def test_other_pythons_are_refused_before_anything_is_built(other: str) -> None:
    lines = refusal(lambda: check_plan({"linux-x86_64": [*LINUX, other]}))
    assert lines[0] == f"Wheels are planned for other Pythons than CPython: {other}"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"linux-x86_64": 1}', "null"])
def test_a_plan_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAN", text)
    assert refusal(read_plan)[0].startswith("$PLAN is not a plan of wheels")
