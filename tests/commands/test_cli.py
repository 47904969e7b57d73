"""The command line: its commands, its errors, and what it imports."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import cli
from copier_pypi_release.commands import status
from copier_pypi_release.template_source import Source
from release_lib.step import ReleaseError
from support.rendering import git

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

EXTRA = ("copier", "tomlkit", "uv", "jinja2")
BASE_COMMANDS = sorted(set(cli.COMMANDS) - {"adopt"})
COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1"
# Runs the tool where nothing of the extra can be imported, and tells which modules it has loaded.
WITHOUT_EXTRA = """
import json, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extra}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from copier_pypi_release.cli import main
try:
    status = main({arguments})
except SystemExit as end:
    status = end.code
print(json.dumps([status, sorted(sys.modules)]))
"""


def run_without_extra(*arguments: str) -> tuple[int, set[str], subprocess.CompletedProcess[str]]:
    """Run the tool without its extra; its status and the modules that were loaded."""
    script = WITHOUT_EXTRA.format(extra=set(EXTRA), arguments=list(arguments))
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:] = {paths!r}\n{script}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    returned, modules = json.loads(done.stdout.splitlines()[-1])
    return int(returned), set(modules), done


@pytest.mark.requirement("B9")
@pytest.mark.parametrize("command", ["", *BASE_COMMANDS])
def test_the_base_install_explains_each_command(command: str) -> None:
    returned, modules, done = run_without_extra(*command.split(), "--help")
    assert returned == 0
    assert done.stdout.startswith(f"usage: {cli.PROGRAM} {command}".rstrip())
    assert not modules & set(EXTRA)


@pytest.mark.requirement("B9")
def test_the_base_install_brings_pins(default_package: Path) -> None:
    """As far as a package whose template is a plain folder allows."""
    returned, modules, done = run_without_extra("pins", str(default_package))
    assert returned == 1
    assert "cannot be read from here" in done.stderr.splitlines()[0]
    assert not modules & set(EXTRA)


@pytest.mark.requirement("B9")
def test_only_the_module_of_the_command_is_imported() -> None:
    _, modules, _ = run_without_extra("status", "--help")
    loaded = {name for name in modules if name.startswith("copier_pypi_release.commands.")}
    assert loaded == {"copier_pypi_release.commands.status"}


def test_a_missing_extra_ends_in_the_command_that_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: object) -> int:
        raise ModuleNotFoundError("No module named 'copier'", name="copier")

    source = Source("git+https://github.com/octo-org/template", COMMIT)
    monkeypatch.setattr(status, "run", missing)
    monkeypatch.setattr("copier_pypi_release.template_source.find_source", lambda: source)
    assert cli.main(["status", "v1.0 beta"]) == 1
    requirement = f"copier-pypi-release[adopt] @ git+https://github.com/octo-org/template@{COMMIT}"
    assert capsys.readouterr().err.splitlines() == [
        "The command status needs copier, which is not installed",
        "Expected: copier-pypi-release with its extra 'adopt'",
        f"Fix: uvx --from \"{requirement}\" copier-pypi-release status 'v1.0 beta'",
        "See: docs/adopting.md of the template",
    ]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"copier-pypi-release {cli.installed_version()}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    listed = re.findall(r"^  ([a-z-]+)  +\S", capsys.readouterr().out, re.MULTILINE)
    assert [name for name in listed if not name.startswith("-")] == list(cli.COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["publish"], ["--frobnicate"], ["status", "v1", "v2"]])
def test_a_misuse_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "usage: copier-pypi-release" in capsys.readouterr().err


HOSTILE = "[red]\x1b[2J\u202ea\nb"


@pytest.mark.requirement("X17")
@pytest.mark.parametrize(
    "error", [ReleaseError(HOSTILE, expected=HOSTILE, fix=HOSTILE, see=HOSTILE), KeyError(HOSTILE)]
)
def test_every_error_is_four_printable_lines(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(status, "run", fails)
    assert cli.main(["status", "v1.0"]) == 1
    printed, errors = capsys.readouterr()
    problem, expected, fix, see, end = errors.split("\n")
    assert printed == end == ""
    assert "[red]\\x1b[2J\\u202ea" in problem.replace("\\\\", "\\")
    assert expected.startswith("Expected: ")
    assert fix.startswith("Fix: ")
    assert see.startswith("See: ")
    assert errors.replace("\n", "").isprintable()


def test_an_interrupt_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "run", interrupted)
    assert cli.main(["status", "v1.0"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["setup", "doctor --offline", "status v1.0", "pins", "check-update"])
def test_outside_of_a_repository_it_tells_where_to_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.split()) == 1
    assert capsys.readouterr().err.startswith(f"The folder {tmp_path} is not in a git repository\n")


def test_a_clone_that_git_does_not_trust_is_told_how_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It belongs to another user, as in many containers: git says no more than that there is none."""
    clone, settings = tmp_path / "a clone", tmp_path / "gitconfig"
    clone.mkdir()
    git(clone, "init", "--quiet")
    settings.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.chdir(clone)
    assert cli.main(["status", "v1.0"]) == 1
    problem, _, fix, _ = capsys.readouterr().err.splitlines()
    assert problem == f"Git reads nothing in {clone}, because it belongs to another user"
    command = fix.removeprefix("Fix: ").partition(", then")[0]
    subprocess.run(shlex.split(command), check=True)
    assert cli.main(["status", "v1.0"]) == 1
    assert capsys.readouterr().err.startswith("There is no .github/release/settings.toml")


@pytest.mark.parametrize("command", ["setup", "status v1.0"])
def test_a_repository_that_was_not_adopted_is_told_how_to_be(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.split()) == 1
    problem, _, fix, _ = capsys.readouterr().err.splitlines()
    assert problem == f"There is no .github/release/settings.toml in {tmp_path}"
    assert "copier-pypi-release adopt --dry-run" in fix


NOISY = """
import os, sys
sys.path[:] = {paths!r}
from copier_pypi_release import cli
def run(name, rest):
    print("a line that is longer than a pipe" * 4000)
    {then}
    return 0
cli.run = run
sys.exit(cli.main(["status"]))
"""


def noisy(then: str, **streams: int) -> subprocess.CompletedProcess[str]:
    """Run a command that prints much, and then does something."""
    program = NOISY.format(paths=[path for path in sys.path if path], then=then)
    return subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, **streams)  # type: ignore[call-overload,no-any-return]  # noqa: PLW1510


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    """As in `... | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = noisy("pass", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "plan"
    done = noisy(f"raise OSError(28, 'No space left on device', {str(missing)!r})", stdout=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"No space left on device: {missing}",
        "Expected: a disk with room that may be written to",
        "Fix: make room, or set TMPDIR to a folder that has some, then run this again",
        "See: RELEASING.md, 'What you need'",
    ]
