# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "tomlkit==0.15.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Build the wheels of one platform from the sdist, or test those that were built.

cibuildwheel builds, repairs and audits them, from a folder with the unpacked sdist and nothing else: no clone and
no git. Everything that builds is pinned by hash; files carry the time of the commit. Tests install whatever the
package depends on, so cibuildwheel is called for them a second time, after the wheels were kept: with a build
backend that gives it the wheel which is there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
from install_distribution import fresh_environment
from release_lib.distributions import (
    BUILD,
    hashes_of,
    listed,
    parse_checksums,
    read_checksums,
    refuse_other_files,
    unpack,
)
from release_lib.settings import PATH
from release_lib.step import ReleaseError, output, step
from release_lib.wheels import SEE, best_wheels, check_wheels, read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TOOLS = PATH.parent / "wheel-tools.txt"  # cibuildwheel and all below it, by hash
PINS = "constraints.txt"  # beside the unpacked sdist; cibuildwheel takes both into its containers
GIVEN = "given-wheels"  # in the sdist, for tests
DONE = ("BEFORE_BUILD", "REPAIR_WHEEL_COMMAND", "AUDIT_COMMAND")  # of what is given
BACKEND = """import os, pathlib, shutil
def build_wheel(folder, *_):
    name = {}[os.environ["CIBUILDWHEEL_BUILD_IDENTIFIER"]]
    shutil.copy(pathlib.Path(__file__).parent / name, folder)
    return name
"""


def cibuildwheel(
    calls: Iterable[Iterable[str | Path]], folder: Path, variables: Mapping[str, str], *, show: bool = False
) -> Iterator[str]:
    """Call cibuildwheel in a folder, some times in one environment, and yield what each call printed.

    With `show` that goes to the log instead.
    """
    with fresh_environment() as environment:
        environment.install("--quiet", "--require-hashes", "-r", TOOLS)
        for arguments in calls:
            command = [str(environment.python), "-m", "cibuildwheel", *map(str, arguments)]
            env = {**os.environ, **variables}
            done = subprocess.run(
                command, cwd=folder, env=env, check=False, stdout=None if show else -1, encoding="utf-8"
            )
            if done.returncode:
                raise ReleaseError(
                    f"cibuildwheel failed with status {done.returncode}",
                    expected="a wheel for each Python, built and tested; its report is in the log above",
                    fix="fix what it says; where a tool or a library is missing, install it in 'Your own steps'",
                    see=SEE,
                )
            yield done.stdout or ""


def call_on_platform(
    sdist: Path, platform: str, time: str, out: Path, given: Mapping[str, Path] | None = None
) -> None:
    """Build the wheels of a platform, on that platform, or test the given ones; they are in a folder then."""
    system, _, architecture = platform.partition("-")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        source = unpack(sdist, folder)
        shutil.copy(sorted(PATH.parent.glob("build-constraints*.txt"))[0], folder / PINS)
        place = f"/project/{PINS}" if system == "linux" else (folder / PINS).as_posix()
        variables = {
            "CIBW_BUILD_FRONTEND": f"uv; args: --no-config --require-hashes --build-constraint '{place}'",
            "SOURCE_DATE_EPOCH": time,
        }
        if given is None:
            variables["CIBW_TEST_SKIP"] = "*"
        else:
            give(source, given)
            variables |= {f"CIBW_{does}_{system.upper()}": "" for does in DONE}
        options: list[str | Path] = [
            "--platform",
            system,
            "--archs",
            architecture,
            "--output-dir",
            out.resolve(),
            source.name,
        ]
        list(cibuildwheel([options], folder, variables, show=True))


def give(source: Path, wheels: Mapping[str, Path]) -> None:
    """Let an unpacked sdist "build" the wheel that is given for an identifier."""
    folder = source / GIVEN
    folder.mkdir()
    for wheel in set(wheels.values()):
        shutil.copy(wheel, folder)
    names = {identifier: wheel.name for identifier, wheel in wheels.items()}
    (folder / "backend.py").write_text(BACKEND.format(names), encoding="utf-8")
    path = source / "pyproject.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    document.pop("build-system", None)
    document["build-system"] = {"requires": [], "build-backend": "backend", "backend-path": [GIVEN]}
    path.write_text(tomlkit.dumps(document), encoding="utf-8", newline="\n")


def find_sdist(folder: Path) -> Path:
    """The sdist in a folder, as it was built."""
    refuse_other_files(folder, read_checksums(None)[1])
    sdists = sorted(folder.glob("*.tar.gz"))
    if len(sdists) != 1:
        raise ReleaseError(
            f"The folder {folder} has {len(sdists)} sdists",
            expected="exactly one sdist (.tar.gz)",
            fix=BUILD,
            see=SEE,
        )
    return sdists[0]


def main() -> None:
    """Build the wheels of $PLATFORM, as $PLAN has them, with the time in $SOURCE_DATE_EPOCH; or test $WHEELS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("dist"), help="of the sdist; default: dist"
    )
    parser.add_argument("--out", type=Path, default=Path("wheels"), help="default: wheels")
    parser.add_argument("--test", action="store_true", help="test the wheels that are there, by $WHEELS")
    options = parser.parse_args()
    platform, time, plan = (
        os.environ.get("PLATFORM", ""),
        os.environ.get("SOURCE_DATE_EPOCH", ""),
        read_plan(),
    )
    if platform not in plan or not time.isdecimal():
        raise ReleaseError(
            f"$PLATFORM is {platform!r}, and $SOURCE_DATE_EPOCH is {time!r}",
            expected=f"one of {', '.join(plan)}, and the seconds of the commit's time",
            fix="take both from the matrix and from the job sdist, as the workflow is rendered",
            see=SEE,
        )
    sdist = find_sdist(options.folder)
    if not options.test:
        call_on_platform(sdist, platform, time, options.out)
        wheels = sorted(options.out.glob("*.whl"))
        check_wheels([path.name for path in wheels], {platform: plan[platform]})
        output(hashes=listed(hashes_of(wheels)).rstrip())
        return
    built = parse_checksums(os.environ.get("WHEELS", ""), "$WHEELS")[1]
    refuse_other_files(options.out, built)
    best = best_wheels(built, plan[platform])
    with tempfile.TemporaryDirectory() as name:
        tested = Path(name) / "tested"
        given = {identifier: options.out / wheel for identifier, wheel in best.items()}
        call_on_platform(sdist, platform, time, tested, given)
        refuse_other_files(tested, built)


if __name__ == "__main__":
    step(main)
