"""How many combinations a second are rendered, linted and built: ``uv run tests/bench/combinations_rate.py``.

It runs the test module of the combinations as it is, its start included. The target is 14 a second.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support.rendering import choices_of  # noqa: E402  (a script finds the tests' modules by itself)

TARGET = 14


def main() -> None:
    """Measure and print."""
    count = math.prod(len(values) for values in choices_of(ROOT).values())
    before, started = os.times(), time.monotonic()
    command = [sys.executable, "-m", "pytest", "--quiet", "tests/test_combinations.py"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    wall, after = time.monotonic() - started, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{count} combinations in {wall:.0f} s ({used:.0f} s of a processor): {count / wall:.0f} a second")
    print(f"The target is {TARGET} a second")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
