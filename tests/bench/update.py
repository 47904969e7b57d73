"""How long `copier update` takes, beside an almost empty template: ``uv run tests/bench/update.py``.

The packages are untouched. Both are whole processes, run in turns, so that a busy machine is busy for both.
The ratio of the medians should be at most 1.2. A third template has as many files as ours, all empty: what
Copier needs for each file: for each of three copies it renders the parts of the path, and starts git.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import isolate_copier
from one_copy import almost_empty, empty_files, in_turns
from support.linting import program
from support.rendering import commit_all, copy_template, git

TARGET = 1.2


def two_versions(template: Path, file: str) -> Path:
    """Tag a template twice; the second version adds a line to one file."""
    answers = template / "template/{{_copier_conf.answers_file}}.jinja"
    if "_envops" not in (template / "copier.yml").read_text(encoding="utf-8"):
        answers.write_text("{{ _copier_answers | to_nice_yaml -}}\n", encoding="utf-8")
    commit_all(template, tag="v1.0.0")
    path = template / "template" / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\nMore.\n", encoding="utf-8")
    commit_all(template, tag="v1.1.0")
    return template


def package_of(template: Path, folder: Path) -> Path:
    """A committed package of the first version."""
    command = [
        program("copier"),
        "copy",
        "--quiet",
        "--defaults",
        "--data=project_name=demo-pkg",
        "--vcs-ref=v1.0.0",
    ]
    subprocess.run([*command, str(template), str(folder)], check=True, capture_output=True)
    commit_all(folder)
    return folder


def update(package: Path) -> float:
    """Seconds of one update; the package is as before afterwards."""
    started = time.monotonic()
    subprocess.run(
        [program("copier"), "update", "--quiet", "--defaults"], cwd=package, check=True, capture_output=True
    )
    seconds = time.monotonic() - started
    assert git(package, "status", "--porcelain")
    git(package, "reset", "--quiet", "--hard")
    git(package, "clean", "--quiet", "--force", "-d")
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=10, help="updates from each template; default: 10")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        isolate_copier(folder)
        templates = {
            "almost empty": two_versions(almost_empty(folder / "empty"), "README.md.jinja"),
            "empty files": two_versions(empty_files(folder / "files"), "README.md.jinja"),
            "ours": two_versions(copy_template(folder / "ours"), "RELEASING.md.jinja"),
        }
        packages = {
            title: package_of(template, folder / f"package-{number}")
            for number, (title, template) in enumerate(templates.items())
        }
        measured = in_turns(packages, lambda _, package: update(package), times)
    medians = {title: statistics.median(seconds) for title, seconds in measured.items()}
    for title, seconds in medians.items():
        print(
            f"{title:>12}: {seconds:.3f} s (median of {times}), "
            f"{seconds / medians['almost empty']:.2f} times as long"
        )
    print(f"The target is {TARGET}")


if __name__ == "__main__":
    main()
