# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Install a built distribution into a fresh environment and test what was installed.

A wheel is installed as users will install it. The sdist is installed where there is no git, the way a
distributor builds it.
"""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import packaging
from check_distributions import versions_of
from packaging.utils import parse_wheel_filename
from release_lib.distributions import find_distributions
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError, annotate, run, step

refusal = partial(ReleaseError, see=".github/release/RECOVERY.md, 'test'")
# Runs inside the fresh environment, isolated from the folder it is started in. It imports the package,
# compares both versions that it states with the expected one, and loads its commands. What it says begins with a
# word that the package does not know, and ends with a line that it reaches only if nothing ended it before.
SMOKE_TEST = """
import importlib, importlib.metadata, os, sys
word, distribution, module, expected = sys.argv[1:]
del sys.argv[1:]
said = [""]
installed = importlib.metadata.version(distribution)
assert installed == expected, f"the installed version is {installed}, not {expected}"
package = importlib.import_module(module)
stated = getattr(package, "__version__", expected)  # the version file was read before
assert stated == expected or not isinstance(stated, str), f"{module}.__version__ is {stated}, not {expected}"
place = package.__file__ or package.__path__[0]  # a namespace has no file, a single module no path
assert place.startswith(sys.prefix), f"{module} was imported from {place}"
extras = importlib.metadata.metadata(distribution).get_all("Provides-Extra")
for entry in importlib.metadata.distribution(distribution).entry_points:
    if entry.group in ("console_scripts", "gui_scripts"):
        try:
            assert callable(entry.load()), f"the command {entry.name} is not callable"
        except (ImportError, SystemExit) as error:
            asks = getattr(error, "code", str(error)) == str(error)  # sys.exit("install it with ...")
            own = f"{entry.module}.".startswith(f"{getattr(error, 'name', None)}.")
            if own or not asks or not extras:
                raise
            said.append(f"{word}The command {entry.name} was not tested, because it needs an extra: {error}")
said += [f"{word}{distribution} {installed} was installed and imported", ""]
os.write(1, "\\n".join(said).encode("utf-8", "backslashreplace"))
"""
TAGS = "import sys; sys.path.append(sys.argv[1]); import packaging.tags as t; print(*t.sys_tags())"


class Environment:
    """A virtual environment, and what its programs see besides the inherited variables."""

    def __init__(self, path: Path, variables: dict[str, str]) -> None:
        self.scripts = path / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")
        self.variables = variables

    def install(self, *arguments: str | Path) -> None:
        """Install with ``uv pip install``; files of no project and no user change what it does."""
        command = (uv(), "pip", "install", "--no-config", "--python", self.python)
        run(*command, *arguments, env=self.variables)

    def fitting(self, wheels: list[Path]) -> Path:
        """The wheel that fits the environment's Python, which may be older than this one, and this system."""
        tags = run(self.python, "-I", "-c", TAGS, Path(packaging.__file__).parents[1]).split()
        for wheel in wheels:
            if not {str(tag) for tag in parse_wheel_filename(wheel.name)[3]}.isdisjoint(tags):
                return wheel
        raise refusal(
            f"No wheel fits this Python and system: {', '.join(w.name for w in wheels)}",
            expected="a wheel for each system that the workflow tests on",
            fix="take the system out of the matrix, or build a wheel for it",
        )

    def smoke_test(self, distribution: str, module: str, version: str) -> None:
        """Import the package and compare the versions that it states."""
        word = secrets.token_hex()
        command = [str(self.python), "-I", "-c", SMOKE_TEST, word, distribution, module, version]
        env = {**os.environ, **self.variables}
        done = subprocess.run(
            command, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        told = [line.removeprefix(word) for line in done.stdout.splitlines() if line.startswith(word)]
        if done.returncode or not told:
            early = f"importing it ended Python, with status {done.returncode}"
            last = (done.returncode and done.stderr.strip() or early).splitlines()[-1]
            raise refusal(
                f"{distribution} {version} does not work where it is installed: {last}",
                expected=f"`import {module}` to work and to state version {version}",
                fix="fix the package and release the next version",
            )
        for warning in told[:-1]:
            annotate("warning", "Install distribution", warning)
        print(told[-1])


def uv() -> str:
    """The path of uv, for environments that do not see it."""
    return os.environ.get("UV") or shutil.which("uv") or "uv"


@contextmanager
def fresh_environment(*, hidden: str | None = None) -> Iterator[Environment]:
    """An environment with $PACKAGE_PYTHON or this one, for a while; PATH lacks what begins so, like git."""
    with tempfile.TemporaryDirectory() as folder:
        path, seen = Path(folder) / "environment", Path(folder) / "programs"
        seen.mkdir()
        for program in (p for place in os.get_exec_path() if hidden for p in Path(place).glob("*")):
            if not program.name.startswith(str(hidden)) and not (seen / program.name).is_symlink():
                (seen / program.name).symlink_to(program)
        python = os.environ.get("PACKAGE_PYTHON") or sys.executable
        run(uv(), "venv", "--no-config", "--quiet", "--python", python, path)
        yield Environment(path, {} if hidden is None else {"PATH": str(seen)})


def try_distribution(path: Path, settings: Settings, environment: Environment) -> None:
    """Install a wheel or an sdist with its dependencies, and import it."""
    version = next(iter(versions_of(path, settings).values()))
    environment.install(path)
    environment.smoke_test(settings.distribution, settings.import_name, version)


def main() -> None:
    """Install the wheel that fits here, or the sdist."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--sdist", action="store_true", help="install the sdist, with no git in reach")
    options = parser.parse_args()
    settings = load_settings()
    wheels, sdist = find_distributions(options.folder)
    hidden = "" if wheels[0].name.endswith("-none-any.whl") else "git"  # what compiles needs programs
    with fresh_environment(hidden=hidden if options.sdist else None) as environment:
        try_distribution(sdist if options.sdist else environment.fitting(wheels), settings, environment)


if __name__ == "__main__":
    step(main)
