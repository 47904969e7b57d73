"""How many combinations a second are rendered, linted and built: ``uv run tests/bench/combinations_rate.py``.

It runs the test module of the combinations as it is, its start included. The target is 14 a second.
With ``--compare`` it renders every combination as a whole instead, and compares each with the files that the
tests assemble it of.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT
from support.combinations import ANSWERS
from support.rendering import Renderer, choices_of, copy_template, product_of

TARGET = 14


def main() -> None:
    """Measure and print."""
    if "--compare" in sys.argv[1:]:
        sys.exit(compare())
    count = math.prod(len(values) for values in choices_of(ROOT).values())
    before, started = os.times(), time.monotonic()
    command = [sys.executable, "-m", "pytest", "--quiet", "tests/test_combinations.py"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    wall, after = time.monotonic() - started, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{count} combinations in {wall:.0f} s ({used:.0f} s of a processor): {count / wall:.0f} a second")
    print(f"The target is {TARGET} a second")
    sys.exit(done.returncode)


def compare() -> int:
    """Tell how many combinations are not what they are assembled of."""
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        renderer = Renderer(copy_template(Path(folder) / "template"))
        parts = renderer.parts()
        combinations = product_of(renderer.choices)
        for answers in combinations:
            assembled: dict[str, bytes] = {}
            for part in parts:
                assembled |= part.files[tuple(answers[name] for name in part.names)]
            whole = {path: content for path, content in renderer.files(answers).items() if path != ANSWERS}
            different += assembled != whole
    print(f"{len(combinations)} combinations, {different} of them different")
    return bool(different)


if __name__ == "__main__":
    main()
