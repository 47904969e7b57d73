"""The wheels that a compiled package needs.

A platform is written as cibuildwheel has it, system and architecture: linux-x86_64. The *plan* names, for each,
the identifiers that cibuildwheel builds a wheel for, like cp312-manylinux_x86_64. It is made with the sdist, and
every later stage is compared with it.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import re
import zipfile
from email import message_from_string
from typing import TYPE_CHECKING

from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename
from release_lib.distributions import metadata_name, name_and_version, readable
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.tags import Tag

    Plan = dict[str, list[str]]

SEE = ".github/release/RECOVERY.md, 'build'"


def check_plan(plan: Plan) -> Plan:
    """Stop where nothing would be built for a platform."""
    others = [i for found in plan.values() for i in found if not re.match(r"cp3\d+t?-", i)]
    if others:
        raise ReleaseError(
            f"Wheels are planned for other Pythons than CPython: {', '.join(others)}",
            expected="cp311-manylinux_x86_64 and the like: which wheel another Python takes is not known here",
            fix="take `enable` (pypy, graalpy) out of [tool.cibuildwheel]: these compile the sdist",
            see=SEE,
        )
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


def is_for(tag: Tag, identifier: str) -> bool:
    """Whether a tag of a wheel is for the system and machine of an identifier."""
    family, _, machine = identifier.partition("-")[2].partition("_")
    machines = (f"_{machine}", "_universal2") if family == "macosx" else (f"_{machine}",)
    return tag.platform.startswith(family) and tag.platform.endswith(machines)


def covers(tag: Tag, identifier: str) -> bool:
    """Whether a tag of a wheel is what an identifier stands for; the stable ABI counts for later Pythons."""
    python = identifier.partition("-")[0]
    if not is_for(tag, identifier):
        return False
    number, free_threaded = int(python.removeprefix("cp").rstrip("t")), python.endswith("t")
    if tag.abi in {"abi3", "abi3t"}:
        return (tag.abi == "abi3t") is free_threaded and int(tag.interpreter[2:]) <= number
    return tag.interpreter == "py3" or (tag.interpreter == f"cp{number}" and tag.abi in {python, "none"})


def best_wheels(wheels: Iterable[str], identifiers: Iterable[str]) -> dict[str, str]:
    """The name of the wheel that a Python takes, by its identifier: its own, or the newest stable ABI."""

    def rank(tag: Tag) -> tuple[bool, int]:
        return not tag.abi.startswith("abi3"), int(tag.interpreter[3:] or 0)

    tags = [(tag, name) for name in wheels for tag in parse_wheel_filename(name)[3]]
    best = {}
    for identifier in identifiers:
        fitting = [(rank(tag), name) for tag, name in tags if covers(tag, identifier)]
        best[identifier] = max(fitting)[1]
    return best


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
        name
        for name, found in tags.items()
        if not any(covers(tag, i) for tag in found for i in known)
        or not all(any(is_for(tag, i) for i in known) for tag in found)
    ]
    if strange:
        raise ReleaseError(
            f"No wheel like this was planned: {', '.join(strange)}",
            expected=f"tags of {', '.join(sorted({i.partition('-')[2] for i in known}))}, and no others",
            fix="add its platform to the workflow, or build no such wheel",
            see=SEE,
        )
    taken: dict[Tag, str] = {}
    for name, found in tags.items():
        for tag in found:
            other = taken.setdefault(tag, name)
            if other != name:
                raise ReleaseError(
                    f"Two wheels are for {tag}: {other} and {name}",
                    expected="one wheel for each tag; of two, installers choose",
                    fix="build one of them, without a build number",
                    see=SEE,
                )


def check_contents(wheels: Iterable[Path]) -> None:
    """Stop unless each wheel has what it lists and the tags of its name, and all say the same of the project.

    An index and an installer may read another one of two, or believe the name and not the contents.
    """
    stated: dict[bytes, str] = {}
    for path in wheels:
        with readable(path, "a wheel as a build backend makes it"), zipfile.ZipFile(path) as wheel:
            names = [info.filename for info in wheel.infolist() if not info.is_dir()]
            files = {name: wheel.read(name) for name in names}
        problem = problem_of(path.name, names, files)
        stated.setdefault(files.get(metadata_name(files), b"").replace(b"\r\n", b"\n"), path.name)
        if len(stated) > 1:
            problem = problem or f"has other metadata than {next(iter(stated.values()))}"
        if problem:
            raise ReleaseError(
                f"{path.name} {problem}",
                expected="files that RECORD lists with their hashes, the tags of its name, and the metadata of all",
                fix="read the log of its job; requirements of one platform are markers (PEP 508)",
                see=SEE,
            )


def problem_of(wheel: str, names: Sequence[str], files: Mapping[str, bytes]) -> str:
    """What is wrong inside a wheel, by the names in it and the contents of each; empty if nothing is."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"has two files of one name: {', '.join(twice)}"
    infos = sorted({n.partition("/")[0] for n in files if n.partition("/")[0].endswith(".dist-info")})
    called = [name_and_version(f"{info.removesuffix('.dist-info')}-py3-none-any.whl") for info in infos]
    if called != [name_and_version(wheel)]:
        return f"has {', '.join(infos) or 'no .dist-info'}, and one folder of its own name belongs there"
    record, text = f"{infos[0]}/RECORD", files.get(f"{infos[0]}/WHEEL", b"").decode(errors="replace")
    inside: set[Tag] = set()
    with contextlib.suppress(ValueError):
        inside.update(*map(parse_tag, message_from_string(text).get_all("Tag", ())))
    if inside != parse_wheel_filename(wheel)[3]:
        return f"says inside that it is for {', '.join(sorted(map(str, inside))) or 'nothing'}"
    rows = csv.reader(files.get(record, b"").decode(errors="replace").splitlines())
    listed = {row[0]: row[1] for row in rows if len(row) == 3}
    own = {record, f"{record}.jws", f"{record}.p7s"}
    wrong = [
        name
        for name in sorted((listed.keys() | files.keys()) - own)
        if name not in files or listed.get(name) != hash_in_record(files[name])
    ]
    return f"has other files than its RECORD lists: {', '.join(wrong)}" if wrong else ""


def hash_in_record(data: bytes) -> str:
    """A hash as RECORD has it: https://packaging.python.org/en/latest/specifications/recording-installed-packages/."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
