"""A fresh virtual environment to install a distribution into, and the smoke test that runs in it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from step import Stop, run

if TYPE_CHECKING:
    from collections.abc import Iterator

# Runs inside the fresh environment, isolated from the folder it is started in. It imports the package,
# compares both versions that it states with the expected one, and loads its commands.
SMOKE_TEST = """
import importlib, importlib.metadata, sys
distribution, module, expected = sys.argv[1:]
installed = importlib.metadata.version(distribution)
assert installed == expected, f"the installed version is {installed}, not {expected}"
package = importlib.import_module(module)
stated = getattr(package, "__version__", None) or importlib.import_module(module + "._version").__version__
assert stated == expected, f"{module}.__version__ is {stated}, not {expected}"
place = package.__file__ or package.__path__[0]  # a namespace has no file, a single module no path
assert place.startswith(sys.prefix), f"{module} was imported from {place}"
for entry in importlib.metadata.distribution(distribution).entry_points:
    if entry.group in ("console_scripts", "gui_scripts"):
        assert callable(entry.load()), f"the command {entry.name} is not callable"
print(f"{distribution} {installed} was installed and imported")
"""


class Environment:
    """A virtual environment.

    Args:
        path: Folder of the environment.
        variables: What its programs see besides the inherited variables.
    """

    def __init__(self, path: Path, variables: dict[str, str]) -> None:
        bin_dir = path / ("Scripts" if os.name == "nt" else "bin")
        self.python = bin_dir / ("python.exe" if os.name == "nt" else "python")
        self.scripts = bin_dir
        self.variables = variables

    def install(self, *arguments: str | Path) -> None:
        """Install with ``uv pip install``; files of no project and no user change what it does."""
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        run(uv, "pip", "install", "--no-config", "--python", self.python, *arguments, env=self.variables)

    def run_command(self, command: str, folder: Path) -> int | None:
        """Run a command as in an activated environment, whose programs go first.

        Args:
            command: A program and its arguments; there is no shell.
            folder: Where to run it.

        Returns:
            Its status, or None if there is no such program.
        """
        path = os.pathsep.join([str(self.scripts), os.environ.get("PATH", "")])
        words = shlex.split(command)
        program = shutil.which(words[0], path=path)
        if program is None:
            return None
        print(f"$ {command}", flush=True)
        variables = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(self.scripts.parent)}
        return subprocess.run([program, *words[1:]], cwd=folder, env=variables, check=False).returncode

    def smoke_test(self, distribution: str, module: str, version: str) -> None:
        """Import the package and compare the versions that it states.

        Raises:
            Stop: The import fails, or a version differs.
        """
        command = [str(self.python), "-I", "-c", SMOKE_TEST, distribution, module, version]
        done = subprocess.run(
            command,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            raise Stop(
                f"{distribution} {version} does not work where it is installed: {said}",
                expected=f"`import {module}` to work and to state version {version}",
                mend="mend the package and release the next version",
                read="RELEASING.md, 'When it stops'",
            )
        print(done.stdout.strip())


@contextmanager
def fresh_environment(*, hide_programs: bool = False) -> Iterator[Environment]:
    """A new virtual environment with this Python, removed afterwards.

    Args:
        hide_programs: Give its programs a PATH with nothing on it: no git, above all.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "environment"
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        run(uv, "venv", "--no-config", "--quiet", "--python", sys.executable, path)
        nothing = Path(folder) / "nothing"
        nothing.mkdir()
        yield Environment(path, {"PATH": str(nothing)} if hide_programs else {})
