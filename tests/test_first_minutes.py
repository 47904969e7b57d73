"""From nothing to a green rehearsal: the commands of docs/start.md, with nothing in any cache."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from release.local_index import LocalIndex, serving
from support.documents import shell_blocks, table
from support.rendering import ROOT, git

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def clone(template_repository: Path, tmp_path: Path) -> Path:
    """A clone of the template, as somebody gets it."""
    git(tmp_path, "clone", "--quiet", str(template_repository), "template")
    return tmp_path / "template"


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


def lead_to(indexes: tuple[LocalIndex, LocalIndex], package: Path) -> None:
    """Lead a package's scripts to indexes of this machine, by the one table of addresses that they have."""
    addresses = {name: local.index for name, local in zip(("testpypi", "pypi"), indexes, strict=True)}
    with (package / ".github/release/release_lib/index.py").open("a", encoding="utf-8") as module:
        module.write(f"\n\nINDEXES.update({addresses!r})\n")


def followed(
    first: str, clone: Path, bare: dict[str, str], indexes: tuple[LocalIndex, LocalIndex]
) -> tuple[tuple[str, str], tuple[int, str], tuple[int, str]]:
    """The commands that the first one prints, what came of the tests, and of the rehearsal."""
    ((status, printed),) = pasted([f'{first} && echo "PATH $PATH"'], clone, bare)
    assert status == 0, printed
    message = printed[printed.index("my-package is rendered") :].partition("PATH ")[0]
    lines = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    assert lines[0] == "cd ../my-package"
    second, third = " ".join([lines[0], "&&", *lines[1:3]]), lines[3]
    environment = {**bare, "PATH": printed.rpartition("PATH ")[2].strip()}
    package = clone.parent / "my-package"
    (tested,) = pasted([second], clone, environment)
    assert git(package, "status", "--porcelain") == ""
    lead_to(indexes, package)
    (rehearsed,) = pasted([third], package, environment)
    return (second, third), tested, rehearsed


@pytest.fixture
def indexes() -> Iterator[tuple[LocalIndex, LocalIndex]]:
    """Two indexes that have nothing of the package."""
    with serving("TestPyPI") as test, serving("PyPI") as real:
        yield test, real


def read(rehearsal: str) -> dict[str, str]:
    """The result of each step."""
    shown = rehearsal[rehearsal.index("Rehearsal of my-package 0.1.0") :]
    return dict(re.findall(r"(?m)^ (\S.*?) +(pass|fail|not run) +[\d.]* ", shown))


@pytest.mark.requirement("U7", "B4", "B5")
def test_from_nothing_to_a_green_rehearsal(
    clone: Path,
    bare: dict[str, str],
    indexes: tuple[LocalIndex, LocalIndex],
) -> None:
    """Three commands, and every step is green. Only the indexes are of this machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    first = readme_command()
    (second, third), (tested, suite), (status, rehearsal) = followed(first, clone, bare, indexes)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (tested, suite.count("2 passed")) == (0, 1), suite
    assert not list(clone.glob("*.egg-info"))
    results = read(rehearsal)
    assert (status, list(results.values())) == (0, ["pass"] * 8), rehearsal
    assert [local.asked for local in indexes] == [["/simple/my-package/"]] * 2
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < PROCESSOR_SECONDS, f"{used:.0f} s"

    page = PAGE.read_text(encoding="utf-8")
    assert [block.strip() for block in shell_blocks(page)] == [first, second, third]
    assert [row["Step"] for row in table(page, "Step", "Green when")] == list(results)
    assert f"`{COMPILED}`" in page


@pytest.mark.requirement("B10", "S1")
def test_a_compiled_package_builds_tests_and_rehearses(
    clone: Path,
    bare: dict[str, str],
    indexes: tuple[LocalIndex, LocalIndex],
) -> None:
    """The same commands with one answer more; caches are those of the tests."""
    warm = {name: value for name, value in bare.items() if not name.endswith("_CACHE_DIR")}
    first = readme_command().replace("--defaults", f"--defaults {COMPILED}")
    _, (tested, suite), (status, rehearsal) = followed(first, clone, warm, indexes)
    assert tested == 0, suite
    assert "tests/test_native.py" in suite, suite
    assert list((clone.parent / "my-package/src/my_package").glob("_native*.so"))
    results = read(rehearsal)
    assert results["Wheels planned"] == "pass", rehearsal
    assert (status, list(results.values())) == (0, ["pass"] * 9), rehearsal
    assert "my_package-0.1.0-cp311-abi3-" in "".join(rehearsal.split())
    assert re.search(r"for \d+ Pythons: linux-x86_64 \d+", " ".join(rehearsal.split()))
