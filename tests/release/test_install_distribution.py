"""install_distribution.py: what was built installs into a fresh environment and works there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import install_distribution
import pytest
from emulator.fixtures import CACHE
from emulator.interpreters import stand_in
from emulator.wheelhouse import write_wheel
from install_distribution import fresh_environment
from run_checks import run_command
from support.archives import make_wheel, member, rewrite_sdist, rewrite_wheel
from support.linting import program

from release.outcomes import WHEN_IT_STOPS, recovery, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings

    from release.conftest import RunStep

WHEEL, SDIST = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"
SEE = recovery("test")
# A build hook that fails where a program or repository of git could be found.
NO_GIT = """
import os, pathlib, shutil
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        folders = [pathlib.Path(self.root), *pathlib.Path(self.root).parents]
        assert not [f for f in folders if (f / ".git").is_dir()], "there is a repository"
        assert not shutil.which("git"), "git is on PATH"
"""


ENDED = "importing it ended Python, with status {}"


def change(dist: Path, name: str, changes: dict[str, bytes | None]) -> None:
    """Replace members of a distribution in a folder."""
    rewrite = rewrite_wheel if name.endswith(".whl") else rewrite_sdist
    shutil.move(rewrite(dist / name, dist.parent / "changed", changes), dist / name)


@pytest.mark.requirement("P1.3")
def test_the_wheel_is_installed_and_imported(dist: Path, run_step: RunStep) -> None:
    done = run_step(install_distribution, dist)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n")


@pytest.mark.requirement("P6.2")
def test_the_sdist_is_installed_where_there_is_no_git(dist: Path, run_step: RunStep) -> None:
    hook = b"\n[tool.hatch.build.hooks.custom]\n"
    pyproject = member(dist / SDIST, "pyproject.toml") + hook
    change(dist, SDIST, {"pyproject.toml": pyproject, "hatch_build.py": NO_GIT.encode()})
    done = run_step(install_distribution, "--sdist", dist)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n"), done.errors


@pytest.mark.requirement("P6.2")
def test_an_sdist_that_needs_git_is_refused(dist: Path, run_step: RunStep) -> None:
    hook = b"\n[tool.hatch.build.hooks.custom]\n"
    pyproject = member(dist / SDIST, "pyproject.toml") + hook
    needs = NO_GIT.replace("assert not shutil", "assert shutil").replace("git is on PATH", "git is needed")
    change(dist, SDIST, {"pyproject.toml": pyproject, "hatch_build.py": needs.encode()})
    done = run_step(install_distribution, "--sdist", dist)
    assert done.status == 1
    assert "git is needed" in done.lines[0]
    assert done.lines[1:] == (
        "Expected: status 0",
        "Fix: read the output above, then run this again",
        WHEN_IT_STOPS,
    )


@pytest.mark.requirement("B10", "P6.2")
def test_an_sdist_that_is_compiled_says_what_is_missing(
    compiled_distributions: Path, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no compiler; where there is one, git is hidden and the sdist is installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("uv", "sh", "strip", "git"):
        (programs / name).symlink_to(program(name))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs))
        done = run_step(install_distribution, "--sdist", compiled_distributions)
    assert done.status == 1
    assert "No C compiler is installed" in done.lines[0]
    done = run_step(install_distribution, "--sdist", compiled_distributions)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n"), done.errors


@pytest.mark.requirement("P1.3", "P3.3")
@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (
            "demo_pkg/__init__.py",
            "import numpy_that_is_nowhere\n",
            "ModuleNotFoundError: No module named 'numpy_that_is_nowhere'",
        ),
        ("demo_pkg/__init__.py", "raise RuntimeError('boom\\nand more')\n", "and more"),
        ("demo_pkg/__init__.py", "def (\n", "SyntaxError: invalid syntax"),
        (
            "demo_pkg/__init__.py",
            "__version__ = '9.9'\n",
            "AssertionError: demo_pkg.__version__ is 9.9, not 0.1.0",
        ),
        (
            "demo_pkg/_version.py",
            "__version__ = '9.9'\n",
            "AssertionError: demo_pkg.__version__ is 9.9, not 0.1.0",
        ),
        ("demo_pkg/__init__.py", "import sys; sys.exit(3)\n", ENDED.format(3)),
        ("demo_pkg/__init__.py", "import sys; sys.exit(0)\n", ENDED.format(0)),
        ("demo_pkg/__init__.py", "import os; print('fine', flush=True); os._exit(0)\n", ENDED.format(0)),
        ("demo_pkg/__init__.py", "import sys; sys.stderr.write('a warning'); sys.exit(0)\n", ENDED.format(0)),
    ],
)
def test_a_package_that_does_not_work_is_refused(
    path: str, code: str, said: str, dist: Path, run_step: RunStep
) -> None:
    change(dist, WHEEL, {path: code.encode()})
    assert run_step(install_distribution, dist).lines == (
        f"demo-pkg 0.1.0 does not work where it is installed: {said}",
        "Expected: `import demo_pkg` to work and to state version 0.1.0",
        "Fix: fix the package and release the next version",
        SEE,
    )


@pytest.mark.requirement("P1.3")
@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("demo_pkg:main", "AttributeError: module 'demo_pkg' has no attribute 'main'"),
        ("demo_pkg.cli:main", "ModuleNotFoundError: No module named 'demo_pkg.cli'"),
        ("demo_pkg:__version__", "AssertionError: the command demo is not callable"),
    ],
)
def test_a_command_that_does_not_load_is_refused(
    target: str, said: str, group: str, dist: Path, run_step: RunStep
) -> None:
    info = "demo_pkg-0.1.0.dist-info/entry_points.txt"
    change(dist, WHEEL, {info: f"[{group}]\ndemo = {target}\n".encode()})
    assert run_step(install_distribution, dist).lines[0] == (
        f"demo-pkg 0.1.0 does not work where it is installed: {said}"
    )


@pytest.mark.requirement("P1.3")
@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.stdout = None\n",
        "import sys, atexit; sys.argv[1:] and sys.exit(9); atexit.register(print, 'goodbye')\n",
        "print('demo-pkg 9.9 was installed and imported', end='')\n",
    ],
)
def test_whatever_a_package_prints_or_closes_it_is_the_test_that_speaks(
    code: str, dist: Path, run_step: RunStep
) -> None:
    stated = member(dist / WHEEL, "demo_pkg/__init__.py")
    change(dist, WHEEL, {"demo_pkg/__init__.py": stated + b"\n" + code.encode()})
    done = run_step(install_distribution, dist)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n"), done.errors


@pytest.mark.requirement("P1.3")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import click_nowhere", "No module named 'click_nowhere'"),
        ("raise ImportError('install demo-pkg[cli]')", "install demo-pkg[cli]"),
        ("import sys; sys.exit('install demo-pkg[cli]')", "install demo-pkg[cli]"),
    ],
)
def test_a_command_whose_extra_is_missing_is_named_and_goes_on(
    code: str, said: str, dist: Path, run_step: RunStep
) -> None:
    info = "demo_pkg-0.1.0.dist-info"
    changes: dict[str, bytes | None] = {
        f"{info}/entry_points.txt": b"[console_scripts]\ndemo = demo_pkg.cli:main\n",
        "demo_pkg/cli.py": code.encode(),
    }
    change(dist, WHEEL, changes)
    assert said in run_step(install_distribution, dist).lines[0]  # no extra could bring it
    described = member(dist / WHEEL, f"{info}/METADATA")
    extra = described.replace(b"\nName:", b"\nProvides-Extra: cli\nName:", 1)
    change(dist, WHEEL, {f"{info}/METADATA": extra})
    done = run_step(install_distribution, dist)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n")
    assert done.errors == (f"warning: The command demo was not tested, because it needs an extra: {said}\n")
    if "cli" not in said:  # what is missing is the package's own
        change(dist, WHEEL, {"demo_pkg/cli.py": None})
        assert "No module named 'demo_pkg.cli'" in run_step(install_distribution, dist).lines[0]


@pytest.mark.requirement("P1.3")
def test_a_plugin_that_only_another_program_can_load_does_not_count(dist: Path, run_step: RunStep) -> None:
    info = "demo_pkg-0.1.0.dist-info/entry_points.txt"
    change(dist, WHEEL, {info: b"[pytest11]\ndemo = demo_pkg.plugin\n"})
    assert run_step(install_distribution, dist).status == 0


@pytest.mark.requirement("P1.3")
def test_a_dependency_that_does_not_exist_is_refused(
    dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    metadata = member(dist / WHEEL, ".dist-info/METADATA")
    needy = metadata.replace(b"\nName:", b"\nRequires-Dist: demo-nowhere\nName:")
    change(dist, WHEEL, {".dist-info/METADATA": needy})
    done = run_step(install_distribution, dist)
    assert done.status == 1
    assert "demo-nowhere" in done.lines[0]


@pytest.mark.requirement("P1.3")
def test_the_package_in_the_current_folder_is_not_the_one_that_is_tested(
    dist: Path, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo_pkg").mkdir()
    (tmp_path / "demo_pkg/__init__.py").write_text("__version__ = '7'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_step(install_distribution, dist).status == 0


@pytest.mark.requirement("S1")
def test_the_wheel_that_fits_here_is_taken(tmp_path: Path) -> None:
    here = make_wheel(tmp_path, "demo-pkg", "0.1.0")
    other = tmp_path / WHEEL.replace("py3-none-any", "cp27-cp27m-win_arm64")
    with fresh_environment() as environment:
        assert environment.fitting([other, here]) == here
        lines = refusal(lambda: environment.fitting([other]))
    assert lines == (
        f"No wheel fits this Python and system: {other.name}",
        "Expected: a wheel for each system that the workflow tests on",
        "Fix: take the system out of the matrix, or build a wheel for it",
        SEE,
    )


@pytest.fixture
def _old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that is older than the scripts' own, for the package."""
    folder = stand_in("3.9", CACHE / "pythons")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PACKAGE_PYTHON", "3.9")


@pytest.mark.requirement("P1.6")
@pytest.mark.usefixtures("_old_python")
@pytest.mark.parametrize("options", [(), ("--sdist",)])
def test_a_package_is_tested_on_a_python_older_than_the_scripts(
    options: tuple[str, ...], dist: Path, run_step: RunStep
) -> None:
    for name, path, value in (
        (WHEEL, ".dist-info/METADATA", ": <3.10"),
        (SDIST, "pyproject.toml", '="<3.10"'),
    ):
        text = re.sub("(?mi)^(requires-python).*", rf"\1{value}", member(dist / name, path).decode())
        change(dist, name, {path: text.encode()})
    done = run_step(install_distribution, *options, dist)
    assert (done.status, done.printed) == (0, "demo-pkg 0.1.0 was installed and imported\n"), done.errors


@pytest.mark.requirement("P1.6")
@pytest.mark.usefixtures("_old_python")
def test_commands_run_on_the_python_of_the_package(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever starts it: `python`, or a `uv run` that looks for one."""
    show = "-c 'import platform; print(platform.python_version())'"
    with fresh_environment() as environment:
        for command in (f"python {show}", f"uv run --no-project python {show}"):
            assert run_command(command, environment, tmp_path) == 0
    assert capfd.readouterr().out.splitlines()[1::2] == ["3.9.0", "3.9.0"]


@pytest.mark.requirement("P1.3")
def test_letters_that_the_console_lacks_end_nothing(
    dist: Path, default_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where Python writes to a pipe in an old code page."""
    change(dist, WHEEL, {"demo_pkg/__init__.py": "print('→ 漢')\nraise RuntimeError('→ 漢')\n".encode()})
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    script = default_package / ".github/release/install_distribution.py"
    done = subprocess.run([sys.executable, str(script), str(dist)], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: demo-pkg 0.1.0 does not work where it is installed: ")
    assert b"Traceback" not in done.stdout + done.stderr


@pytest.mark.requirement("P1.3")
def test_the_environment_is_removed_afterwards(
    settings: Settings, dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with fresh_environment() as environment:
        install_distribution.try_distribution(dist / WHEEL, settings, environment)
    assert list((tmp_path / "temporary").iterdir()) == []


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
@pytest.mark.parametrize(("hidden", "seen"), [(None, "git sh"), ("git", "sh"), ("", "")])
def test_programs_can_be_hidden(hidden: str | None, seen: str) -> None:
    """Git alone, where an sdist needs a compiler, or all."""
    code = "import shutil; print(*filter(shutil.which, ['git', 'sh']))"
    with fresh_environment(hidden=hidden) as environment:
        path = environment.variables.get("PATH")
        env = {"PATH": path} if path else None
        said = subprocess.run(
            [environment.python, "-c", code], check=True, capture_output=True, text=True, env=env
        )
    assert said.stdout.strip() == seen


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


@pytest.mark.requirement("P1.3")
def test_a_package_that_is_imported_from_elsewhere_is_refused(tmp_path: Path) -> None:
    """As an editable install is: what works is the source, whatever was built."""
    wheel = make_wheel(tmp_path, "demo-pkg", "1.0")
    with fresh_environment() as environment:
        environment.install("--no-index", wheel)
        (information,) = environment.scripts.parent.rglob("demo_pkg*.dist-info")
        (tmp_path / "src").mkdir()
        shutil.move(information.with_name("demo_pkg"), tmp_path / "src")
        information.with_name("demo_pkg.pth").write_text(f"{tmp_path / 'src'}\n")
        lines = refusal(lambda: environment.smoke_test("demo-pkg", "demo_pkg", "1.0"))
    assert f"demo_pkg was imported from {tmp_path / 'src'}" in lines[0]
