"""A compiled package is released: 25 files, of six platforms.

The extension module is compiled for real on this machine, once, and in the job that installs the sdist. The
wheels of all platforms are a stand-in's (`cibuildwheel_stand_in`), which the package pins for cibuildwheel.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import zipfile
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.distributions_shown import told
from emulator.fixtures import compile_cached, rest_of_the_index, run_one_leg
from emulator.sandbox import Sandbox
from emulator.wheelhouse import write_wheel
from support.compiled import PLAN
from support.rendering import render
from support.sharing import once

from drill import cibuildwheel_stand_in, hostile
from drill.maintainer import OWNER, Maintainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 25


def stand_in(folder: Path, compiled: Path) -> Path:
    """The stand-in as a distribution, with a module that was compiled."""
    with zipfile.ZipFile(next(compiled.glob("*.whl"))) as archive:
        module = base64.b64encode(archive.read("demo_pkg/_native.abi3.so")).decode()
    code = inspect.getsource(cibuildwheel_stand_in)
    for empty, filled in (
        ("PLAN: dict[str, list[str]] = {}", f"PLAN = {PLAN!r}"),
        ('MODULE = ""', f"MODULE = {module!r}"),
    ):
        assert code.count(empty) == 1
        code = code.replace(empty, filled)
    return write_wheel(folder, "cibuildwheel", "0+stand.in", code=code)


@pytest.fixture(scope="module")
def rest(template_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rest of the index, for a compiled package."""
    folder = tmp_path_factory.mktemp("rest") / "demo-pkg"
    return rest_of_the_index(render(template_repository, folder, {"compiled": True}))


@pytest.fixture(scope="module")
def checkpoint(
    template_repository: Path,
    compiled_distributions: Path,
    rest: Path,
    uv_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A compiled package that is set up, with CI green on its only commit."""
    with once(tmp_path_factory, __name__, "ready") as (checkpoint, missing):
        if missing:
            folder = tmp_path_factory.mktemp("compiled")
            package = render(
                template_repository, folder / "demo-pkg", {"repository_owner": OWNER, "compiled": True}
            )
            run_one_leg(package)
            wheel = stand_in(folder, compiled_distributions)
            pin = f"cibuildwheel==0+stand.in --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
            (package / ".github/release/wheel-tools.txt").write_text(pin)
            with Sandbox(folder / "sandbox", wheelhouse=rest, uv_cache=uv_cache) as sandbox:
                sandbox.index("pypi").put(wheel)
                Maintainer.create(sandbox, package).wait()
                (ci,) = sandbox.github.runs(workflow="ci.yml")
                assert ci["conclusion"] == "success", sandbox.github.log(ci["id"])[-5000:]
                compile_cached(uv_cache)
                sandbox.checkpoint(checkpoint)
    return checkpoint


@pytest.fixture
def ready(checkpoint: Path, rest: Path, uv_cache: Path, tmp_path: Path) -> Iterator[Maintainer]:
    """That package, to be released."""
    with Sandbox.from_checkpoint(
        checkpoint, tmp_path / "sandbox", wheelhouse=rest, uv_cache=uv_cache
    ) as sandbox:
        yield Maintainer(sandbox)


def stopped_at(project: Maintainer, job: str, saying: str) -> None:
    """Assert that a release is red at a job, in these words, and that nothing is on PyPI."""
    results = {key: fact["result"] for key, fact in project.run["results"].items()}
    assert results[job] == "failure", results
    assert saying in project.log(job), project.log(job)[-3000:]
    assert project.open_issues() == [f"Release {project.tag} stopped at {job}"]
    assert project.served("pypi") == {}


def is_short(said: str, wanted: str) -> bool:
    """Whether a command says this, with how many files there are of each platform, and lists none of them."""
    words = " ".join(said.split())
    assert wanted in words, said
    assert f"{FILES} files; wheels: linux-aarch64 3, linux-x86_64 3, macos-arm64 3" in words, said
    return ".whl" not in said


@pytest.mark.requirement("B10", "S1", "P5.1", "P5.5", "P8.1", "P8.2", "P8.7", "R1")
def test_every_planned_wheel_is_released(ready: Maintainer) -> None:
    """Two uploads are cut off half-way; re-runs of what failed, of everything and of one job finish them."""
    ready.spoil_uploads("testpypi", "reset_mid", skip=10, times=None)
    ready.release().approve()
    stopped_at(ready, "publish-testpypi", "")
    assert 0 < len(ready.served("testpypi")) < FILES
    ready.sandbox.clear_faults()
    ready.spoil_uploads("pypi", "reset_mid", skip=12, times=None)
    said = ready.type_release("y", "y", check=False)  # the runbook's command, and the review
    assert ready.run["results"]["publish-pypi"]["result"] == "failure"
    built = ready.built()
    missing = sorted(built.keys() - ready.served("pypi").keys())
    assert is_short(said, f"lacks {told(missing)}")
    assert (len(built), ready.served("testpypi")) == (FILES, built)
    assert 0 < len(ready.served("pypi")) < FILES
    assert f"{FILES} files downloaded, every hash as built" in ready.log("verify-testpypi")
    ready.sandbox.clear_faults()
    ready.rerun_all()  # builds all of it again
    assert "A stand-in makes the wheels for macos-arm64" in ready.log("wheels")
    assert ready.built() == built
    ready.is_released(twice=False)
    sdist = next(job["id"] for job in ready.run["jobs"] if job["key"] == "sdist")
    before = ready.public_state()
    ready.shell(f"gh run rerun --job {sdist}")
    ready.approve().is_released(twice=False)
    assert ready.public_state() == before
    for platform in PLAN:
        assert f"The wheels for {platform} are those of an earlier attempt" in ready.log("wheels")
    assert "A stand-in makes" not in ready.log("wheels")
    assert "A stand-in has tested" not in ready.log("wheels")
    said = ready.type_release("y")
    assert is_short(said, "is released: both indexes and GitHub serve what was built")


@pytest.mark.requirement("B10", "P5.7", "S1")
def test_what_is_missing_or_would_be_refused_stops_before_an_index(ready: Maintainer) -> None:
    """A platform lacks a wheel, by name, another has a tag that no index takes; then it is a file's size."""
    faults = (
        '\n[tool.stand-in]\nmacos-arm64 = "misses one at first"\nlinux-x86_64 = "a tag of this machine"\n'
    )
    pyproject = ready.clone / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    ready.commit("test: faults", {"pyproject.toml": text + faults})
    ready.release().approve()
    stopped_at(ready, "wheels", "The platform macos-arm64 lacks the wheel for cp315t-macosx_arm64")
    legs = {job["name"]: job["conclusion"] for job in ready.jobs("wheels")}
    at_fault = {"Wheels (linux-x86_64)", "Wheels (macos-arm64)"}
    assert {name for name, said in legs.items() if said != "success"} == at_fault, legs
    before = {job["id"] for job in ready.jobs("wheels")}
    ready.follow_runbook("re-run")
    again = {job["name"]: job["conclusion"] for job in ready.jobs("wheels") if job["id"] not in before}
    assert again == {"Wheels (linux-x86_64)": "failure", "Wheels (macos-arm64)": "success"}
    stopped_at(ready, "wheels", "No wheel like this was planned: demo_pkg-0.1.0-cp311-abi3-manylinux")
    settings = (ready.clone / ".github/release/settings.toml").read_text(encoding="utf-8")
    ready.commit(
        "test: a large file",
        {
            "pyproject.toml": f'{text}\n[tool.stand-in]\nwindows-ARM64 = "too large"\n',
            ".github/release/settings.toml": settings.replace(
                "patience = 1800", "patience = 1800\nfile-limit = 1"
            ),
            "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n## 0.1.1\n\n### Fixes\n\n- A fix.\n",
        },
    )
    ready.release("v0.1.1").approve()
    stopped_at(ready, "build", "demo_pkg-0.1.1-cp311-abi3-win_arm64.whl has 1.0 MiB, and TestPyPI takes 1")
    assert ready.served("testpypi") == {}


# The test command of each wheel; it acts where no other platform's job is likely to come later.
ATTACK = """
identifier, attempt = os.environ["CIBUILDWHEEL_BUILD_IDENTIFIER"], os.environ["GITHUB_RUN_ATTEMPT"]
if (identifier, attempt) == ("cp311-win_arm64", "1"):
    change_wheels()
"""


@pytest.mark.requirement("P8.7", "P8.9", "B10")
def test_what_the_tests_of_a_wheel_import_changes_none(ready: Maintainer) -> None:
    """It changes files, outputs and the log of its job, and the artifact of another platform.

    So that artifact is gone, and the release red before an index. A re-run takes the wheels of five
    platforms, as they were before their tests, and builds the sixth.
    """
    pyproject = (ready.clone / "pyproject.toml").read_text(encoding="utf-8")
    command = 'test-command = "pytest {package}/tests"'
    assert command in pyproject
    ready.commit(
        "test: an attack",
        {
            "pyproject.toml": pyproject.replace(command, 'test-command = "python {package}/tests/attack.py"'),
            "tests/attack.py": f"{inspect.getsource(hostile)}\n{ATTACK}",
        },
    )
    ready.release().approve()
    assert "The wheels are changed" in ready.log("wheels")
    stopped_at(
        ready, "build", "are not those that were built: demo_pkg-0.1.0-cp311-abi3-manylinux_2_17_x86_64"
    )
    sdist = next(job["id"] for job in ready.run["jobs"] if job["key"] == "sdist")
    ready.shell(f"gh run rerun --job {sdist}")
    ready.approve()
    told = ready.log("wheels")
    for platform in PLAN:
        taken = f"The wheels for {platform} are those of an earlier attempt" in told
        assert taken is (platform != "linux-x86_64"), told
    ready.is_released(twice=False)
