"""How long a release takes in a sandbox: ``uv run tests/bench/one_release.py``.

The happy path, from the pushed tag to the draft, should take at most 12 seconds on two cores; from a
checkpoint after the build, at least 8 faults with their recoveries should fit into a minute.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import package_of_the_drills
from drill import test_scenarios as scenarios
from drill.maintainer import Maintainer
from emulator.fixtures import CACHE, compile_cached, rest_of_the_index
from emulator.sandbox import Sandbox

HAPPY_PATH, DRILLS_A_MINUTE, REPEATS = 12, 8, 3
FAULTS = (
    scenarios.test_pypi_refuses_the_connection,
    scenarios.test_the_second_upload_breaks_in_the_middle,
    scenarios.test_the_answer_to_an_upload_is_lost,
    scenarios.test_a_download_is_corrupted,
    scenarios.test_the_second_file_of_the_release_fails,
    scenarios.test_a_person_has_edited_the_draft,
    scenarios.test_other_bytes_appear_while_testpypi_is_verified,
    scenarios.test_an_artifact_is_corrupted,
)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        package = package_of_the_drills(root)
        wheelhouse, uv_cache = rest_of_the_index(package), CACHE / "uv"

        def go_on(checkpoint: str, name: str) -> Sandbox:
            source, target = root / checkpoint, root / name
            return Sandbox.from_checkpoint(source, target, wheelhouse=wheelhouse, uv_cache=uv_cache)

        with Sandbox(root / "first", wheelhouse=wheelhouse, uv_cache=uv_cache) as sandbox:
            Maintainer.create(sandbox, package).wait()
            sandbox.checkpoint(root / "ready")
        with go_on("ready", "second") as sandbox:
            project = Maintainer(sandbox)
            project.set_reviewer("testpypi")
            project.release()
            compile_cached(uv_cache)
            sandbox.checkpoint(root / "built")
        happy = []
        for number in range(REPEATS):
            with go_on("ready", f"happy{number}") as sandbox:
                started = time.monotonic()
                Maintainer(sandbox).release().approve().is_released(twice=False)
                happy.append(time.monotonic() - started)

        def drill(number: int) -> None:
            with go_on("built", f"fault{number}") as sandbox:
                FAULTS[number](Maintainer(sandbox))

        started = time.monotonic()
        with ThreadPoolExecutor(max_workers=2) as workers:  # two at a time
            list(workers.map(drill, range(len(FAULTS))))
        minute = 60 * len(FAULTS) / (time.monotonic() - started)
    print(f"Happy path: {statistics.median(happy):.1f} s (median of {REPEATS}; the target is {HAPPY_PATH} s)")
    print(f"Faults with their recoveries: {minute:.1f} a minute (the target is {DRILLS_A_MINUTE})")


if __name__ == "__main__":
    main()
