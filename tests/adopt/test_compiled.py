"""Compiled packages: those that are adopted, with real compilers, and what their building jobs may say."""

from __future__ import annotations

import contextlib
import dataclasses
import tarfile
import tomllib
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.compiled import check_plan, read_building, says_compiled
from copier_pypi_release.adopt.package import read_package
from copier_pypi_release.adopt.plan import check_compiled
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.repository import read_repository
from copier_pypi_release.adopt.wheels import read_wheel
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from copier_pypi_release.workflow_files import load, unpinned
from support.archives import make_wheel
from support.rendering import commit_all

from adopt.adoption import contents_of, metadata_of
from adopt.fixtures import COMPILED, WHEELS, make, repository

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.adopt.compiled import Building

    from adopt.adoption import Adoption, Adoptions

pytestmark = pytest.mark.requirement("B2", "B10")


@pytest.fixture(params=COMPILED, scope="session")
def adopted(request: pytest.FixtureRequest, adoptions: Adoptions) -> Adoption:
    """Each compiled package in turn, adopted; not to be changed."""
    return adoptions[request.param]


def test_a_compiled_package_keeps_its_backend_and_loses_no_file(adopted: Adoption) -> None:
    assert adopted.status == 0, adopted.output
    before, after = contents_of(adopted.before), contents_of(adopted.after)
    assert any(name.startswith("demo_pkg/_native.") for name in before)
    assert set(before) <= set(after)
    written = set() if COMPILED[adopted.shape].kept else {"demo_pkg/_version.py"}
    assert {name for name in set(after) - set(before) if ".dist-info/" not in name} == written
    assert str(metadata_of(adopted.after).version) == "2.0"
    texts = adopted.original("pyproject.toml"), (adopted.root / "pyproject.toml").read_text()
    was, now = map(tomllib.loads, texts)
    assert now["build-system"]["build-backend"] == was["build-system"]["build-backend"]


def test_its_release_builds_wheels_and_keeps_every_rule(adopted: Adoption) -> None:
    findings = doctor.find(read_context(adopted.root, adopted.root))
    loose = unpinned(adopted.root)  # its own CI is left alone
    assert all(name.startswith(("ci.yml: ", "wheels.yml: ")) for name in loose)
    assert [f.check for f in findings if f.result is Result.FAIL] == ["pinned-actions"]
    release = load(adopted.root / ".github/workflows/publish.yml")
    assert {"sdist", "wheels", "build"} <= set(release.jobs)
    with tarfile.open(adopted.sdists[1]) as sdist:
        assert not [name for name in sdist.getnames() if ".github/release" in name or "RELEASING" in name]


@pytest.mark.parametrize("shape", ["scikit-build", "setuptools-compiled", "meson"])
def test_jobs_that_test_commits_stay_and_say_what_a_release_builds(shape: str, adoptions: Adoptions) -> None:
    made = adoptions[shape]
    assert set(load(made.root / ".github/workflows/wheels.yml").jobs) == {"wheels", "sdist"}
    settings = tomllib.loads((made.root / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    assert settings == {
        "build": "cp311-* cp312-* cp313-*",
        "skip": "*-musllinux_*",
        "test-command": 'python -c "import demo_pkg"',
        "windows": {"environment": "DEMO=1"},
    }
    release = load(made.root / ".github/workflows/publish.yml")
    names = [step.get("name") for step in release.steps("wheels")]
    assert names.index("Show the compiler") == names.index("Build the wheels from the sdist") - 1
    assert release.steps("wheels")[names.index("Show the compiler")]["run"] == "cc --version\n\necho here\n"


def test_what_a_hook_of_hatchling_compiles_is_in_the_wheel(adoptions: Adoptions) -> None:
    """And what it translates on the way is not: a module in C is no file of the package."""
    made = adoptions["hatch-hooks"]
    for wheel in (made.before, made.after):
        native = {name.partition(".")[0] for name in contents_of(wheel) if name.endswith(".so")}
        assert {"demo_pkg/_native", "demo_pkg/_typed"} <= native
        assert not [name for name in contents_of(wheel) if name.endswith(".c")]


@pytest.mark.parametrize(
    ("name", "text", "compiled"),
    [
        ("pyproject.toml", "[build-system]\nbuild-backend = 'mesonpy'\n", True),
        ("pyproject.toml", "[build-system]\nbuild-backend = 'maturin'\n", True),
        ("pyproject.toml", "[[tool.setuptools.ext-modules]]\nname = 'a._b'\n", True),
        ("pyproject.toml", "[tool.hatch.build.targets.wheel.hooks.mypyc]\n", True),
        ("pyproject.toml", "[tool.hatch.build.hooks.'cython']\n", True),
        ("pyproject.toml", "[build-system]\nrequires = ['setuptools-rust']\n", True),
        ("setup.py", "setup(ext_modules=cythonize('a/*.pyx'))\n", True),
        ("setup.py", "setup(cffi_modules=['build.py:ffi'])\n", True),
        ("setup.py", "setup(packages=['demo'])\n", False),
        ("pyproject.toml", "[tool.hatch.build.hooks.vcs]\nversion-file = 'a.py'\n", False),
    ],
)
def test_a_package_says_that_it_is_compiled_before_it_is_built(
    name: str, text: str, *, compiled: bool, tmp_path: Path
) -> None:
    root = repository(tmp_path / "demo-pkg", {name: text})
    assert says_compiled(read_repository(root)) is compiled


# ---- What a job may say, without a build --------------------------------------------------------------


def building(tmp_path: Path, workflow: str, table: str = "") -> Building:
    root = make("setuptools-compiled", tmp_path)
    with (root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(table)
    (root / ".github/workflows/wheels.yml").write_text(workflow)
    commit_all(root, "ci: other jobs")
    return read_building(read_repository(root))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("CIBW_ARCHS_MACOS: auto", "CIBW_ARCHS_LINUX: x86_64 ppc64le", "builds for linux ppc64le"),
        ("CIBW_ARCHS_MACOS: auto", "CIBW_ARCHS: auto32", "builds for linux auto32"),
        ("macos-13", "self-hosted", "runs on self-hosted, and no platform is known"),
        ("DEMO=1", "V=${{ github.ref_name }}", "sets CIBW_ENVIRONMENT_WINDOWS to V=${{ github.ref_name }}"),
        (
            "uses: pypa/cibuildwheel@v2.23.3",
            "run: cibuildwheel --only cp312-win32",
            "with only = cp312-win32",
        ),
        ("uses: pypa/cibuildwheel@v2.23.3", "run: uvx cibuildwheel other", "with package-dir = other"),
        ("if: runner.os == 'Linux'", "if: matrix.os == 'x'", "Show the compiler depends on its job"),
        (
            "      - name: Show the compiler",
            "      - uses: x/rust@v1\n      - name: S",
            "is not pinned: x/rust@v1",
        ),
    ],
)
def test_what_a_release_would_not_do_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert WHEELS.count(old) == 1
    with pytest.raises(AdoptionError) as caught:
        building(tmp_path, WHEELS.replace(old, new))
    assert caught.value.problem.startswith("Compiled: ")
    assert said in caught.value.problem


USES = "uses: pypa/cibuildwheel@v2.23.3"
SHA = "uses: pypa/cibuildwheel@5f22145df44122af0f5a201f93cf0207171beca7"


@pytest.mark.parametrize(
    ("changes", "machines"),
    [
        ({}, ["manylinux_i686", "win32"]),
        ({USES: "uses: pypa/cibuildwheel@v3.4.0"}, ["win32"]),
        ({USES: f"{SHA} # v2.23.3"}, ["manylinux_i686", "win32"]),
        ({USES: SHA}, ["win32"]),
        ({USES: "run: uvx cibuildwheel==2.23.3"}, ["manylinux_i686", "win32"]),
        ({"ubuntu-latest, ": "", "windows-latest": "windows-11-arm"}, []),
        ({"CIBW_ARCHS_MACOS": "CIBW_ARCHS_LINUX"}, ["manylinux_i686", "win32"]),
        ({"CIBW_ARCHS_MACOS: auto": "CIBW_ARCHS_LINUX: x86_64"}, ["win32"]),
        ({"CIBW_ARCHS_MACOS: auto": "CIBW_ARCHS: auto64"}, []),
        ({'"*-musllinux_*"': '"*-musllinux_* *-win32"'}, ["manylinux_i686"]),
        ({"CIBW_BUILD: cp311-* cp312-* cp313-*": 'CIBW_BUILD: "*x86_64 *win_amd64"'}, []),
    ],
)
def test_32_bits_that_only_a_job_builds_are_told(
    tmp_path: Path, changes: dict[str, str], machines: list[str]
) -> None:
    text = WHEELS
    for old, new in changes.items():
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    look = [line for line in building(tmp_path, text).look if "32 bits" in line]
    assert [line.partition(" builds for ")[2].partition(",")[0] for line in look] == machines


def test_32_bits_that_the_table_leaves_out_are_not_told(tmp_path: Path) -> None:
    table = '\n[tool.cibuildwheel]\narchs = ["auto64"]\n\n[tool.cibuildwheel.windows]\narchs = "auto"\n'
    look = building(tmp_path, WHEELS, table).look
    assert ["win32" in line for line in look if "32 bits" in line] == [True]


def test_steps_after_the_build_are_named(tmp_path: Path) -> None:
    """What a release leaves out, and nothing that it does by itself."""
    upload = "      - uses: actions/upload-artifact@v4\n"
    more = "      - name: Sign the wheels\n        run: sign wheelhouse/*.whl\n      - run: ls wheelhouse\n"
    head, _, rest = WHEELS.partition(upload)
    (said,) = [line for line in building(tmp_path, head + more + upload + rest).look if "goes on" in line]
    assert said.startswith(".github/workflows/wheels.yml:8 wheels goes on with Sign the wheels; a release")
    assert not [line for line in building(tmp_path / "other", WHEELS).look if "goes on" in line]


def test_a_wheel_for_all_beside_a_job_for_each_platform_is_refused(tmp_path: Path) -> None:
    """Its extension is optional, say, and this machine has no compiler: a release would lose it."""
    root = make("setuptools-compiled", tmp_path)
    wheel = make_wheel(tmp_path, "demo-pkg", "1.4.2")
    pure = read_wheel(wheel)
    with pytest.raises(AdoptionError, match=r"builds wheels for each platform, and the one of") as caught:
        check_compiled(read_repository(root), pure, kept=True)
    assert caught.value.problem.startswith("Compiled: .github/workflows/wheels.yml:8 wheels builds")
    assert wheel.name in caught.value.problem
    (root / ".github/workflows/wheels.yml").unlink()
    commit_all(root, "ci: none")
    assert check_compiled(read_repository(root), pure, kept=True) is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", ""),
        (
            "[tool.cibuildwheel]\nbogus = 3",
            "the wheels for linux: cibuildwheel: error: Option 'bogus'",
        ),
        ('[tool.cibuildwheel]\nskip = "*-win_arm64"', "cibuildwheel plans no wheel for windows ARM64"),
        ('[tool.cibuildwheel]\nbuild = "cp27-*"', "cibuildwheel plans no wheel for linux x86_64, aarch64"),
    ],
)
def test_what_cibuildwheel_cannot_plan_is_refused_before_the_first_release(
    tmp_path: Path, compiled_package: Path, table: str, said: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "1"\n{table}\n', "utf-8")
    with pytest.raises(AdoptionError) if said else contextlib.nullcontext() as caught:
        check_plan(compiled_package, tmp_path)
    if caught:
        assert caught.value.problem.startswith("Compiled: ")
        assert said in caught.value.problem


def test_sources_that_a_compiler_generates_into_the_wheel_are_refused(tmp_path: Path) -> None:
    """As a hook for Cython does; C code is no file of the package."""
    root = make("hatch-compiled", tmp_path)
    pure = read_wheel(make_wheel(tmp_path, "demo-pkg", "1.4.2"))
    files = dict.fromkeys(("demo_pkg/__init__.py", "demo_pkg/_fast.c", "demo_pkg/_fast.abi3.so"), "0")
    with pytest.raises(AdoptionError) as caught:
        read_package(read_repository(root), root, dataclasses.replace(pure, pure=False, files=files))
    assert caught.value.problem == (
        "Compiled: the wheel has files that are not in the repository: demo_pkg/_fast.c"
    )


def test_a_job_that_keeps_no_artifact_is_refused(tmp_path: Path) -> None:
    head, upload, rest = WHEELS.partition("      - uses: actions/upload-artifact@v4\n")
    text = head + rest[rest.index("  sdist:") :]
    assert upload
    with pytest.raises(AdoptionError, match="wheels keeps no wheels as an artifact") as caught:
        building(tmp_path, text)
    assert caught.value.problem.startswith("Compiled: ")


@pytest.mark.parametrize(
    "call",
    [
        "python -m cibuildwheel --output-dir wheelhouse",
        "pipx run cibuildwheel==2.23.3 . --archs auto",
        "pip install cibuildwheel && cibuildwheel --platform=auto",
    ],
)
def test_the_ways_to_call_it_are_known(tmp_path: Path, call: str) -> None:
    found = building(tmp_path, WHEELS.replace("uses: pypa/cibuildwheel@v2.23.3", f"run: {call}"))
    assert found.jobs == ("wheels.yml:8 wheels",)
    assert len(found.settings) == 4


def test_two_jobs_that_say_different_things_are_refused(tmp_path: Path) -> None:
    start, end = WHEELS.index("  wheels:"), WHEELS.index("  sdist:")
    other = WHEELS[start:end].replace("  wheels:", "  more:").replace("cp311-* cp312-* cp313-*", "cp314-*")
    with pytest.raises(
        AdoptionError, match=r"more sets tool\.cibuildwheel\.build to 'cp314-\*', and another"
    ):
        building(tmp_path, WHEELS[:end] + other + WHEELS[end:])
