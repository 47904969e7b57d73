"""How long one `copier copy` takes, beside an almost empty template: ``uv run tests/bench/one_copy.py``.

Both are whole processes, run in turns, so that a busy machine is busy for both. The ratio of the medians
should be at most 1.1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from common import isolate_copier
from support.linting import program
from support.rendering import Renderer, copy_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGET = 1.1
Subject = TypeVar("Subject")
Result = TypeVar("Result")


def almost_empty(folder: Path) -> Path:
    """A template with one question and one file."""
    (folder / "template").mkdir(parents=True)
    (folder / "copier.yml").write_text("_subdirectory: template\nproject_name:\n  type: str\n  default: x\n")
    (folder / "template/README.md.jinja").write_text("# {{ project_name }}\n")
    return folder


def empty_files(folder: Path) -> Path:
    """The almost empty template with as many files as ours, all empty: what Copier needs for each file."""
    almost_empty(folder)
    for path in Renderer(copy_template(folder / "ours")).files():
        (folder / "template" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "template" / path).touch()
    return folder


def copy(template: Path, destination: Path) -> tuple[float, float]:
    """Wall time and processor time of one copy, in seconds."""
    command = [program("copier"), "copy", "--quiet", "--defaults", "--data=project_name=demo-pkg"]
    before, started = os.times(), time.monotonic()
    subprocess.run([*command, str(template), str(destination)], check=True, capture_output=True)
    wall, after = time.monotonic() - started, os.times()
    used = (after.children_user, after.children_system)
    return wall, sum(used) - before.children_user - before.children_system


def in_turns(
    subjects: Mapping[str, Subject], measure: Callable[[str, Subject], Result], times: int
) -> dict[str, list[Result]]:
    """What is measured of each subject, by title; the first time, which warms the caches, does not count."""
    measured: dict[str, list[Result]] = {title: [] for title in subjects}
    for number in range(times + 1):
        for title, subject in subjects.items():
            result = measure(f"{title}-{number}", subject)
            if number:
                measured[title].append(result)
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=10, help="copies of each template; default: 10")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        isolate_copier(folder)
        templates = {
            "almost empty": almost_empty(folder / "empty"),
            "empty files": empty_files(folder / "files"),
            "ours": copy_template(folder / "ours"),
        }
        measured = in_turns(templates, lambda name, template: copy(template, folder / name), times)
    medians = {
        title: [statistics.median(column) for column in zip(*rows, strict=True)]
        for title, rows in measured.items()
    }
    for title, (wall, used) in medians.items():
        print(f"{title:>12}: {wall:.3f} s, {used:.3f} s of a processor (medians of {times})")
    base_wall, base_used = medians["almost empty"]
    for title in ("empty files", "ours"):
        wall, used = medians[title]
        print(f"{title:>12}: {wall / base_wall:.2f} times as long, {used / base_used:.2f} in processor time")
    print(f"The target is {TARGET}")


if __name__ == "__main__":
    main()
