"""The wheels that a compiled package needs.

A platform is written as cibuildwheel has it, system and architecture: linux-x86_64. The *plan* names, for each,
the identifiers that cibuildwheel builds a wheel for, like cp312-manylinux_x86_64. It is made with the sdist, and
every later stage is compared with it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag

    Plan = dict[str, list[str]]

SEE = ".github/release/RECOVERY.md, 'build'"


def check_plan(plan: Plan) -> Plan:
    """Stop where nothing would be built for a platform."""
    empty = [name for name, identifiers in plan.items() if not identifiers]
    if empty or not plan:
        raise ReleaseError(
            f"No wheel is planned for {', '.join(empty) or 'any platform'}",
            expected="at least one Python for each platform in the matrix of the job wheels",
            fix="correct [tool.cibuildwheel] or requires-python, or take the platform out of the workflow",
            see=SEE,
        )
    return plan


def read_plan() -> Plan:
    """The plan in $PLAN, an output of the job that built the sdist."""
    try:
        plan = json.loads(os.environ.get("PLAN", "")).items()
        return check_plan({str(name): list(map(str, found)) for name, found in plan})
    except (ValueError, TypeError, AttributeError) as error:
        raise ReleaseError(
            f"$PLAN is not a plan of wheels: {error}",
            expected="the output `plan` of the job sdist",
            fix="set PLAN to it in the workflow",
            see=SEE,
        ) from error


def covers(tag: Tag, identifier: str) -> bool:
    """Whether a tag of a wheel is what an identifier stands for; the stable ABI counts for later Pythons."""
    python, _, platform = identifier.partition("-")
    family, _, machine = platform.partition("_")
    machines = (f"_{machine}", "_universal2") if family == "macosx" else (f"_{machine}",)
    if not (tag.platform.startswith(family) and tag.platform.endswith(machines)):
        return False
    number, free_threaded = int(python.removeprefix("cp").rstrip("t")), python.endswith("t")
    if tag.abi in {"abi3", "abi3t"}:
        return (tag.abi == "abi3t") is free_threaded and int(tag.interpreter[2:]) <= number
    return tag.interpreter == "py3" or (tag.interpreter == f"cp{number}" and tag.abi in {python, "none"})


def check_wheels(wheels: Iterable[str], plan: Plan) -> None:
    """Stop unless some wheel is there for each identifier of a plan, and no wheel for anything else."""
    tags = {name: parse_wheel_filename(name)[3] for name in wheels}
    for platform, identifiers in plan.items():
        every = [tag for found in tags.values() for tag in found]
        missing = [i for i in identifiers if not any(covers(tag, i) for tag in every)]
        if missing:
            raise ReleaseError(
                f"The platform {platform} lacks the wheel for {', '.join(missing)}",
                expected="a wheel for each planned Python; one with the stable ABI (abi3) is for several",
                fix=f"read the log of the job for {platform}; if it is not wanted, `skip` it in [tool.cibuildwheel]",
                see=SEE,
            )
    known = [identifier for identifiers in plan.values() for identifier in identifiers]
    strange = [
        name for name, found in tags.items() if not any(covers(tag, i) for tag in found for i in known)
    ]
    if strange:
        raise ReleaseError(
            f"No wheel like this was planned: {', '.join(strange)}",
            expected=f"wheels for {', '.join(plan)}",
            fix="add its platform to the workflow, or build no such wheel",
            see=SEE,
        )
