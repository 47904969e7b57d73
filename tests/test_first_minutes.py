"""From nothing to a green rehearsal: the commands of docs/start.md, with nothing in any cache."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import shell_blocks, table
from support.rendering import ROOT, git

PAGE = ROOT / "docs/start.md"
PROCESSOR_SECONDS = 90  # of half the three minutes that it may take on a machine with other work
END = "-- status"
COMPILED = "--data compiled=true"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has Python with pip, git, a shell, and nothing in a cache."""
    programs = tmp_path / "programs"
    programs.mkdir()
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    (programs / "python3").symlink_to(python)
    for path in (path for folder in ("/usr/bin", "/bin") for path in Path(folder).iterdir()):
        if not re.match("python|pip|uv|gh$", path.name) and not (programs / path.name).is_symlink():
            (programs / path.name).symlink_to(path)
    (programs / "git").unlink(missing_ok=True)
    (programs / "git").symlink_to(shutil.which("git") or "git")
    # Without what steers uv, but for where packages come from.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UV", "VIRTUAL_ENV")) or "INDEX" in name
    }
    caches = {"UV_CACHE_DIR": str(tmp_path / "uv"), "PIP_CACHE_DIR": str(tmp_path / "pip")}
    return kept | caches | {"PATH": str(programs), "COLUMNS": "80"}


def pasted(commands: list[str], folder: Path, environment: dict[str, str]) -> list[tuple[int, str]]:
    """Status and output of commands that are pasted into one shell, one after the other."""
    script = "\n".join(f"{command}\necho '{END}' $?" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    parts = re.split(rf"(?m)^{END} (\d+)\n", done.stdout)
    return [(int(status), output) for output, status in zip(parts[::2], parts[1::2], strict=False)]


def readme_command() -> str:
    """The first command of the README."""
    readme = shell_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    return next(block.strip() for block in readme if "copier copy" in block)


def followed(first: str, clone: Path, bare: dict[str, str]) -> tuple[tuple[str, str], tuple[int, str], str]:
    """The commands that the first one prints, what came of the tests, and the rehearsal."""
    ((status, printed),) = pasted([f'{first} && echo "PATH $PATH"'], clone, bare)
    assert status == 0, printed
    message = printed[printed.index("my-package is rendered") :].partition("PATH ")[0]
    lines = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    assert lines[0] == "cd ../my-package"
    second, third = " ".join([lines[0], "&&", *lines[1:3]]), lines[3]
    environment = {**bare, "PATH": printed.rpartition("PATH ")[2].strip()}
    tested, (_, rehearsal) = pasted([second, third], clone, environment)
    return (second, third), tested, rehearsal


@pytest.mark.requirement("U7", "B4", "B5")
def test_from_nothing_to_a_green_rehearsal(
    template_repository: Path, tmp_path: Path, bare: dict[str, str]
) -> None:
    """Three commands. Where an index cannot be reached, the rehearsal says so; everything else is green."""
    clone = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template_repository), str(clone))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    first = readme_command()
    (second, third), (tested, suite), rehearsal = followed(first, clone, bare)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (tested, suite.count("2 passed")) == (0, 1), suite
    assert git(tmp_path / "my-package", "status", "--porcelain") == ""
    assert not list(clone.glob("*.egg-info"))

    shown = rehearsal[rehearsal.index("Rehearsal of my-package 0.1.0") :]
    results = dict(re.findall(r"(?m)^ (\S.*?) +(pass|fail|not run) +[\d.]* ", shown))
    assert len(results) == 8, rehearsal
    assert {name for name, result in results.items() if result != "pass"} <= {"Both indexes"}, rehearsal
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < PROCESSOR_SECONDS, f"{used:.0f} s"

    page = PAGE.read_text(encoding="utf-8")
    assert [block.strip() for block in shell_blocks(page)] == [first, second, third]
    assert [row["Step"] for row in table(page, "Step", "Green when")] == list(results)
    assert f"`{COMPILED}`" in page


@pytest.mark.requirement("B10", "S1")
def test_a_compiled_package_builds_tests_and_rehearses(
    template_repository: Path, tmp_path: Path, bare: dict[str, str]
) -> None:
    """The same commands with one answer more; caches are those of the tests."""
    clone = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template_repository), str(clone))
    warm = {name: value for name, value in bare.items() if not name.endswith("_CACHE_DIR")}
    first = readme_command().replace("--defaults", f"--defaults {COMPILED}")
    _, (tested, suite), rehearsal = followed(first, clone, warm)
    assert tested == 0, suite
    assert "tests/test_native.py" in suite, suite
    assert list((tmp_path / "my-package/src/my_package").glob("_native*.so"))
    assert git(tmp_path / "my-package", "status", "--porcelain") == ""

    shown = rehearsal[rehearsal.index("Rehearsal of my-package 0.1.0") :]
    results = dict(re.findall(r"(?m)^ (\S.*?) +(pass|fail|not run) +[\d.]* ", shown))
    assert results.pop("Wheels planned") == "pass", rehearsal
    assert {name for name, result in results.items() if result != "pass"} <= {"Both indexes"}, rehearsal
    assert "my_package-0.1.0-cp311-abi3-" in "".join(shown.split())
    assert re.search(r"for \d+ Pythons: linux-x86_64 \d+", " ".join(shown.split()))
