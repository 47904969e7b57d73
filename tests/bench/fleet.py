"""Update fifty packages in assorted states in one run: ``uv run tests/bench/fleet.py``.

The packages are the states of the tests in turn; the template's next version makes every kind of change at
once. The loop of docs/fleet.md updates them, as printed; each is then compared with what it must be.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

from common import isolate_copier
from updates.changes import HANDED_OVER, everything
from updates.conftest import live_in
from updates.edits import STATES
from updates.fleet import clones, run_loop
from updates.template_versions import GIVEN, TemplateVersions, conflicts, expected, files


def main() -> None:
    """Make the fleet, update it, check it, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=50, help="packages; default: 50")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        isolate_copier(folder)
        versions = TemplateVersions(folder / "versions")
        newest = versions.version("newest", everything)
        made = {state: live_in(versions, state) for state, _ in zip(STATES, range(count), strict=False)}
        fleet = {
            f"{n:03}-{state}": state for n, state in zip(range(count), itertools.cycle(made), strict=False)
        }
        packages = clones(((name, made[state].root) for name, state in fleet.items()), folder / "fleet")
        started = time.time()
        printed, asked = run_loop(packages)
        times = [started, *(float(words[0]) for words in asked)]
        waiting = [f"{name}: {path}" for name in fleet for path in conflicts(packages / name)]
        wrong = []
        for name, state in fleet.items():
            before = made[state]
            fresh = versions.fresh(newest, before.answers)
            wanted = expected(before.files, before.base, fresh, GIVEN | {HANDED_OVER}, folder)
            wrong += [name] if files(packages / name) != wanted else []
        versions.close()
    seconds = [after - before for before, after in itertools.pairwise(times)]
    print(printed, end="")
    print(f"{len(asked)} of {count} packages in {len(made)} states proposed; every kind of change at once")
    print(f"conflicts: {waiting or 0}; not what they must be: {wrong or 0}")
    print(
        f"{sum(seconds):.0f} s; a package: median {statistics.median(seconds):.1f} s, "
        f"slowest {max(seconds):.1f} s"
    )


if __name__ == "__main__":
    main()
