"""run_checks.py: lint, types and tests of what was built, not of what lies around."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest
import run_checks
from install_distribution import fresh_environment
from support.archives import member, rewrite_sdist, rewrite_wheel

from release.outcomes import recovery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from install_distribution import Environment
    from release_lib.settings import Settings

    from release.conftest import RunStep

WHEEL, SDIST = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"
SEE = recovery("test")
GROUPS = """
[dependency-groups]
one = []
two = []
"""


@pytest.fixture
def checks(dist: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """Checks of this test's own, "one" and "two", whose groups need nothing from an index."""
    head = member(dist / SDIST, "pyproject.toml").decode().partition("[dependency-groups]")[0]
    change_sdist(dist, {"pyproject.toml": (head + GROUPS).encode()})
    made: dict[str, tuple[str, ...]] = {"one": ("python -c pass",), "two": ("python -c pass",)}
    monkeypatch.setattr(run_checks, "load_settings", lambda: dataclasses.replace(settings, checks=made))
    return made


def change_sdist(dist: Path, changes: dict[str, bytes | None]) -> None:
    """Replace members of the sdist."""
    shutil.move(rewrite_sdist(dist / SDIST, dist.parent / "changed", changes), dist / SDIST)


@pytest.fixture(scope="module")
def shared_environment(wheel: Path) -> Iterator[Environment]:
    """An environment with the wheel; the programs of the checks come from the environment of these tests."""
    with fresh_environment() as environment:
        environment.install("--no-deps", wheel)
        yield environment


@pytest.fixture
def _no_installation(shared_environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests whose question is another one the time to install what a check needs."""
    shared = contextlib.nullcontext(shared_environment)
    monkeypatch.setattr(run_checks, "fresh_environment", lambda: shared)
    monkeypatch.setattr(shared_environment, "install", lambda *_: None)


@pytest.mark.requirement("P1.1", "B4")
def test_the_default_package_passes_its_own_checks(dist: Path, run_step: RunStep) -> None:
    done = run_step(run_checks, "--dist", dist)
    assert done.status == 0, done.errors
    assert done.printed.splitlines() == ["$ ruff check", "$ ruff format --check", "$ mypy", "$ pytest"]


@pytest.mark.requirement("P1.1")
@pytest.mark.parametrize(
    ("check", "command", "path", "code"),
    [
        ("lint", "ruff check", "src/demo_pkg/more.py", "import os\n"),
        ("lint", "ruff format --check", "src/demo_pkg/more.py", '"""More."""\n\nX  =  1\n'),
        ("types", "mypy", "src/demo_pkg/more.py", '"""More."""\n\nX: int = "one"\n'),
        ("test", "pytest", "tests/test_more.py", "def test_more() -> None:\n    assert False\n"),
    ],
)
def test_a_failing_check_is_refused(
    *,
    check: str,
    command: str,
    path: str,
    code: str,
    dist: Path,
    run_step: RunStep,
    request: pytest.FixtureRequest,
) -> None:
    if check != "test":  # the tests import the package
        request.getfixturevalue("_no_installation")
    change_sdist(dist, {path: code.encode()})
    assert run_step(run_checks, check, "--dist", dist).lines == (
        f"The check '{check}' failed: `{command}` ended with status 1",
        "Expected: status 0; its report is in the log above",
        f"Fix: run `{command}` in a clone, and fix what it says",
        SEE,
    )


@pytest.mark.requirement("P1.1")
def test_a_check_that_is_not_known_is_refused(dist: Path, run_step: RunStep) -> None:
    done = run_step(run_checks, "lint", "tpyes", "--dist", dist)
    assert done.status == 2
    assert done.errors.endswith("error: there is no check named tpyes, only lint, types, test\n")


@pytest.mark.requirement("P1.1")
@pytest.mark.usefixtures("_no_installation")
def test_a_program_that_is_not_installed_is_refused(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    checks["one"] = ("a-program-of-nobody --strict",)
    assert run_step(run_checks, "one", "--dist", dist).lines == (
        "The check 'one' needs a-program-of-nobody, which is not installed",
        "Expected: a-program-of-nobody on the runner, or from the dependency group 'one'",
        "Fix: add it to [dependency-groups] one in pyproject.toml, or install it before",
        SEE,
    )


@pytest.mark.requirement("P1.1")
def test_a_check_without_its_dependency_group_ends_in_four_lines(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    checks["three"] = ("python -c pass",)
    done = run_step(run_checks, "three", "--dist", dist)
    assert done.status == 1
    assert "three" in done.lines[0]
    assert len(done.lines) == 4


@pytest.mark.requirement("P1.1")
@pytest.mark.usefixtures("_no_installation")
def test_all_commands_of_all_checks_run_until_one_fails(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    checks["one"] = ("python -c 'print(1)'", "python -c 'raise SystemExit(7)'", "python -c 'print(3)'")
    done = run_step(run_checks, "--dist", dist)
    assert done.printed.splitlines() == ["$ python -c 'print(1)'", "$ python -c 'raise SystemExit(7)'"]
    assert done.lines[0] == ("The check 'one' failed: `python -c 'raise SystemExit(7)'` ended with status 7")


@pytest.mark.requirement("P1.4", "P8.7")
def test_the_wheel_is_what_is_tested(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    changed = rewrite_wheel(
        dist / WHEEL, dist.parent / "changed", {"demo_pkg/mark.py": b"HERE = 'the wheel'\n"}
    )
    shutil.move(changed, dist / WHEEL)
    checks["one"] = (
        """python -c "from demo_pkg.mark import HERE; assert HERE == 'the wheel'" """,
        """python -c "import pathlib; assert pathlib.Path('src/demo_pkg/__init__.py').exists()" """,
    )
    assert run_step(run_checks, "one", "--dist", dist).status == 0


@pytest.mark.requirement("P1.1")
def test_no_check_sees_what_another_one_left(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    checks["one"] = ("""python -c "open('left', 'x')" """,)
    checks["two"] = ("""python -c "open('left', 'x')" """,)
    assert run_step(run_checks, "one", "two", "--dist", dist).status == 0


@pytest.mark.requirement("P1.1")
def test_an_sdist_that_writes_outside_its_folder_is_refused(
    checks: dict[str, tuple[str, ...]], dist: Path, run_step: RunStep
) -> None:
    assert checks
    change_sdist(dist, {"../../harm.txt": b"harm"})
    done = run_step(run_checks, "one", "--dist", dist)
    assert done.lines[0].startswith(f"{SDIST} cannot be read as a distribution: ")
    assert done.lines[1:] == (
        "Expected: an sdist as the build backend makes it",
        "Fix: uv run .github/release/build_distributions.py",
        recovery("build"),
    )
    assert not list(dist.parent.rglob("harm.txt"))


@pytest.mark.requirement("P1.1")
def test_without_distributions_nothing_is_checked(tmp_path: Path, run_step: RunStep) -> None:
    done = run_step(run_checks, "--dist", tmp_path / "none")
    assert done.lines[0] == f"The folder {tmp_path / 'none'} contains nothing"
