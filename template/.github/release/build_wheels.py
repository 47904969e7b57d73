# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Build the wheels of one platform from the sdist, and test each where it was built.

cibuildwheel builds, repairs, audits and tests them, from a folder with the unpacked sdist and nothing else: no
clone and no git. Everything that builds is pinned by hash; files carry the time of the commit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from install_distribution import fresh_environment
from release_lib.distributions import BUILD, read_checksums, refuse_other_files, unpack
from release_lib.settings import PATH
from release_lib.step import ReleaseError, step
from release_lib.wheels import SEE, check_wheels, read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TOOLS = PATH.parent / "wheel-tools.txt"  # cibuildwheel and all below it, by hash
PINS = "constraints.txt"  # beside the unpacked sdist; cibuildwheel takes both into its containers


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


def build_wheels(sdist: Path, platform: str, time: str, out: Path) -> None:
    """Build the wheels of a platform, on that platform."""
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


def main() -> None:
    """Build the wheels of $PLATFORM, as $PLAN has them, with the time in $SOURCE_DATE_EPOCH."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("dist"), help="of the sdist; default: dist"
    )
    parser.add_argument("--out", type=Path, default=Path("wheels"), help="default: wheels")
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
    refuse_other_files(options.folder, read_checksums(None)[1])
    sdists = sorted(options.folder.glob("*.tar.gz"))
    if len(sdists) != 1:
        raise ReleaseError(
            f"The folder {options.folder} has {len(sdists)} sdists",
            expected="exactly one sdist (.tar.gz)",
            fix=BUILD,
            see=SEE,
        )
    build_wheels(sdists[0], platform, time, options.out)
    check_wheels(sorted(path.name for path in options.out.glob("*.whl")), {platform: plan[platform]})


if __name__ == "__main__":
    step(main)
