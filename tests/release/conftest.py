"""Fixtures of the tests of the release scripts."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

import build_distributions
import draft_release
import pytest
import verify_index
from emulator.github.contract import operation_of
from release_lib import index, step
from release_lib.settings import Settings, load_settings
from support.archives import hashes_of, write_checksums
from support.clock import Clock
from support.clones import Repository
from support.programs import write_program
from support.rendering import git
from support.sharing import once

from release.local_index import LocalIndex, serving
from release.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True, scope="session")
def _tools() -> Iterator[None]:
    """Put the programs of this environment (uv, above all) on PATH, however pytest was started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
        yield


@pytest.fixture(scope="session")
def settings(default_package: Path) -> Settings:
    """The settings of the default package."""
    return load_settings(default_package / ".github/release/settings.toml")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the servers of this machine without a detour."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def first_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a clone and its bare origin; not to be changed."""
    root = tmp_path_factory.mktemp("repository")
    Repository.made(root)
    return root


@pytest.fixture
def repository(first_commit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A clone, the current folder, and its bare origin."""
    copied = Repository(shutil.copytree(first_commit, tmp_path / "repository", symlinks=True))
    monkeypatch.chdir(copied.folder)
    return copied


class RunStep(Protocol):
    """Run a step in this process, as its script would run."""

    def __call__(self, module: ModuleType, *arguments: str | Path) -> Outcome:
        """Run it with arguments, and return what it did."""


@pytest.fixture
def run_step(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunStep:
    """Run a step in this process, with the default package's settings unless the test has put others."""

    def run(module: ModuleType, *arguments: str | Path) -> Outcome:
        outputs, summary = tmp_path / "GITHUB_OUTPUT", tmp_path / "GITHUB_STEP_SUMMARY"
        with monkeypatch.context() as patch:
            for path in (outputs, summary):
                path.write_text("")
                patch.setenv(path.name, str(path))
            if getattr(module, "load_settings", None) is load_settings:
                patch.setattr(module, "load_settings", lambda: settings)
            patch.setattr(sys, "argv", [f"{module.__name__}.py", *map(str, arguments)])
            capsys.readouterr()
            try:
                step.step(module.main)
                status: str | int | None = 0
            except SystemExit as end:
                status = end.code
        assert isinstance(status, int)
        shown = capsys.readouterr()
        return Outcome(status, read_outputs(outputs.read_text()), summary.read_text(), shown.out, shown.err)

    return run


def read_outputs(text: str) -> dict[str, str]:
    """The outputs of a step, from its file: one line each, or several up to a word."""
    lines, found = iter(text.splitlines()), {}
    for line in lines:
        name, several, word = line.partition("<<")
        if several and "=" not in name:
            found[name] = "\n".join(itertools.takewhile(word.__ne__, lines))
        else:
            name, _, found[name] = line.partition("=")
    return found


@pytest.fixture(scope="session")
def package_clone(default_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the default package at its tag, with its remote branch; not to be changed."""
    clone = tmp_path_factory.mktemp("clone") / "demo-pkg"
    git(default_package, "clone", "--quiet", str(default_package), str(clone))
    return clone


@pytest.fixture(scope="session")
def built(package_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both distributions of the default package, 0.1.0; not to be changed."""
    with once(tmp_path_factory, __name__, "built") as (folder, missing):
        if missing:
            build_distributions.build_distributions(package_clone, folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """The wheel of the default package."""
    return next(built.glob("*.whl"))


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    """The sdist of the default package."""
    return next(built.glob("*.tar.gz"))


@pytest.fixture
def dist(wheel: Path, sdist: Path, tmp_path: Path) -> Path:
    """A folder with both distributions, to be tampered with."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for path in (wheel, sdist):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def checksums(wheel: Path, sdist: Path, tmp_path: Path) -> Path:
    """The list of the hashes of both distributions."""
    return write_checksums(tmp_path / "SHA256SUMS", hashes_of(wheel, sdist))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the release scripts live by."""
    made = Clock()
    monkeypatch.setattr(index, "time", made)
    monkeypatch.setattr(verify_index, "time", made)
    monkeypatch.setattr(draft_release, "time", made)
    return made


@pytest.fixture
def indexes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, LocalIndex]]:
    """TestPyPI and PyPI, on this machine, with time under control."""
    assert clock.now
    with serving("TestPyPI") as testpypi, serving("PyPI") as pypi:
        made = {"testpypi": testpypi, "pypi": pypi}
        for name, local in made.items():
            monkeypatch.setitem(index.INDEXES, name, local.index)
        yield made


class Gh:
    """The stand-in for gh, and what it was told.

    Args:
        state: Its folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.assets = state / "assets"
        self.assets.mkdir(parents=True)

    def answers(self, **by_command: object) -> None:
        """Set what a command prints, as JSON, by its first two words joined by '_', as GitHub describes."""
        for command, answer in by_command.items():
            if command.startswith("api_"):
                path, _, query = command.removeprefix("api_").partition("?")
                operation = operation_of("GET", f"/{path}")
                operation.check_request(dict(parse_qsl(query)), None)
                operation.check_answer(200, answer)
        self.prints(**by_command)

    def prints(self, texts: Mapping[str, str] | None = None, /, **by_command: object) -> None:
        """Set what a command prints, whatever it is: a text as it stands, or JSON."""
        printed = {**(texts or {}), **{name: json.dumps(value) for name, value in by_command.items()}}
        self._write("answers.json", {name.replace("_", " ", 1): text for name, text in printed.items()})

    def fails(self, command: str, text: str) -> None:
        """Let a command fail with a text."""
        self._write("failures.json", {command: text})

    def lags(self, looks: int) -> None:
        """Let a new release be missed by that many look-ups."""
        self._write("lag.json", looks)

    def has_others(self, *tags: str) -> None:
        """Let there be releases of other tags."""
        self._write("others.json", tags)

    def has_release(
        self, tag: str, *, draft: bool, immutable: bool = False, assets: tuple[Path, ...] = (), lag: int = 0
    ) -> None:
        """Let a release be there already."""
        state = {"tagName": tag, "isDraft": draft, "isImmutable": immutable, "lag": lag}
        self._write("release.json", state)
        for path in assets:
            shutil.copy(path, self.assets)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call, oldest first."""
        path = self.state / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _write(self, name: str, value: object) -> None:
        (self.state / name).write_text(json.dumps(value))


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gh:
    """A stand-in for gh on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(programs / "gh", (HERE / "fake_gh.py").read_text(encoding="utf-8"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), os.environ["PATH"]]))
    monkeypatch.setenv("FAKE_GH", str(tmp_path / "gh"))
    return Gh(tmp_path / "gh")
