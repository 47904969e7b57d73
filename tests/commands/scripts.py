"""The release scripts that commands start, in this process: as executed, without an interpreter for each."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from typing import TYPE_CHECKING

from copier_pypi_release.workbench import Workbench
from release_lib.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def run_in_process(patch: pytest.MonkeyPatch) -> None:
    """Let the scripts of a workbench run here, with the folder and the arguments that they would have."""

    def script(self: Workbench, name: str, *arguments: str | Path, tag: str = "", python: str = "") -> str:
        printed = io.StringIO()
        with patch.context() as here, contextlib.redirect_stdout(printed):
            here.chdir(self.project)
            here.setattr(sys, "argv", [name, *map(str, arguments)])
            for variable in ("TAG", "GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
                here.delenv(variable, raising=False)
            if python:
                here.setenv("PACKAGE_PYTHON", python)
            if tag:
                here.setenv("TAG", tag)
            module = importlib.import_module(name.removesuffix(".py"))
            here.setattr(module, "load_settings", lambda: load_settings(self._scripts / "settings.toml"))
            module.main()
        return printed.getvalue()

    patch.setattr(Workbench, "script", script)
