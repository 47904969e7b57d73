"""environment.py: a fresh environment that nothing of the machine, the project or the user reaches."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from emulator.wheelhouse import write_wheel
from install_distribution import fresh_environment
from support.archives import make_wheel

from release.outcomes import refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.requirement("P1.3")
def test_it_is_empty_of_this_pythons_version_and_removed_afterwards() -> None:
    code = "import importlib.metadata, sys; print(sys.version, *importlib.metadata.distributions())"
    with fresh_environment() as environment:
        said = subprocess.run(
            [environment.python, "-I", "-c", code], check=True, capture_output=True, text=True
        ).stdout
        folder = environment.python.parents[2]
        assert folder.is_dir()
    assert said.strip() == sys.version
    assert not folder.exists()


@pytest.mark.requirement("P1.3")
def test_it_is_removed_when_the_step_stops() -> None:
    folders: list[Path] = []

    def broken() -> None:
        with fresh_environment() as environment:
            folders.append(environment.python.parents[2])
            environment.install("--no-index", "demo-nowhere")

    assert "demo-nowhere" in refusal(broken)[0]
    assert not folders[0].exists()


@pytest.mark.requirement("P1.3", "P10.1")
@pytest.mark.parametrize("where", ["project", "user"])
def test_settings_of_a_project_or_user_do_not_change_what_is_installed(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, version in (("good", "1.0"), ("bad", "2.0")):
        (tmp_path / folder).mkdir()
        make_wheel(tmp_path / folder, "demo-pkg", version)
    config = tmp_path / ("config/uv" if where == "user" else "")
    config.mkdir(parents=True, exist_ok=True)
    (config / "uv.toml").write_text(f'find-links = ["{tmp_path}/bad"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    with fresh_environment() as environment:
        environment.install("--no-index", "--find-links", tmp_path / "good", "demo-pkg")
        environment.smoke_test("demo-pkg", "demo_pkg", "1.0")


@pytest.mark.requirement("P6.2")
@pytest.mark.parametrize("hidden", [True, False])
def test_programs_can_be_hidden(*, hidden: bool) -> None:
    code = "import shutil; print(shutil.which('git'))"
    with fresh_environment(hide_programs=hidden) as environment:
        path = environment.variables.get("PATH")
        env = {"PATH": path} if path else None
        said = subprocess.run(
            [environment.python, "-c", code], check=True, capture_output=True, text=True, env=env
        )
    assert (said.stdout.strip() == "None") is hidden


@pytest.mark.requirement("P1.3", "B2")
def test_a_single_module_is_imported(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo-pkg", "1.0", code='__version__ = "1.0"\n')
    with fresh_environment() as environment:
        environment.install("--no-index", wheel)
        environment.smoke_test("demo-pkg", "demo_pkg", "1.0")


@pytest.mark.requirement("P3.3")
def test_the_installed_version_is_compared(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "demo-pkg", "1.0")
    with fresh_environment() as environment:
        environment.install("--no-index", wheel)
        lines = refusal(lambda: environment.smoke_test("demo-pkg", "demo_pkg", "1.1"))
    assert lines[0] == (
        "demo-pkg 1.1 does not work where it is installed: "
        "AssertionError: the installed version is 1.0, not 1.1"
    )
