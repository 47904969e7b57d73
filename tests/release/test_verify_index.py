"""verify_index.py: an index serves what was built, and installing from it works."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
import verify_index
from packaging.version import Version
from release_lib.distributions import sha256_of
from support.archives import hashes_of, make_wheel, member, rewrite_wheel, write_checksums
from support.compiled import FILES, WHEELS

from release.outcomes import recovery

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings
    from support.clock import Clock

    from release.conftest import RunStep
    from release.local_index import LocalIndex

WHEEL, SDIST = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"
V = Version("0.1.0")
FIX_PUBLISHER = (
    "Fix: if it is not yours, yank the version and follow the runbook; if it is, correct the publisher's "
    "form on the index, and release the next version"
)
RERUN = "gh run rerun --failed RUN (the number of this run; nothing is uploaded twice)"


@pytest.fixture
def served(
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, LocalIndex]:
    """Both indexes with 0.1.0; installers take PyPI's as theirs, and remember nothing of other tests."""
    for local in indexes.values():
        local.add(wheel, sdist)
    monkeypatch.setenv("UV_DEFAULT_INDEX", indexes["pypi"].index.simple)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return indexes


@pytest.mark.requirement("P8.2", "P8.7", "P10.1", "P10.3", "P5.3")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
def test_what_is_served_is_downloaded_compared_installed_and_imported(
    name: str, served: dict[str, LocalIndex], checksums: Path, clock: Clock, run_step: RunStep
) -> None:
    done = run_step(verify_index, name, "--checksums", checksums)
    assert done.status == 0, done.errors
    assert done.summary == (
        f"**demo-pkg 0.1.0 is on {served[name].index.title}**: 2 files downloaded, every hash as built, "
        "installed and imported in a fresh environment; every file attested by release.yml of "
        f"demo-pkg/demo-pkg, environment {name}, on GitHub\n\n"
    )
    assert done.printed.startswith("demo-pkg 0.1.0 was installed and imported\n")
    assert clock.pauses == []
    asked, others = served[name].asked, served["pypi" if name == "testpypi" else "testpypi"].asked
    assert {f"/files/{WHEEL}", f"/files/{SDIST}"} <= set(asked)
    assert others == []


@pytest.mark.requirement("P8.2")
def test_a_file_that_is_listed_late_is_waited_for(
    served: dict[str, LocalIndex], checksums: Path, clock: Clock, run_step: RunStep
) -> None:
    local = served["testpypi"]
    local.hidden = {WHEEL: 4, SDIST: 2}
    local.failures = [503]
    done = run_step(verify_index, "testpypi", "--checksums", checksums)
    assert done.status == 0, done.errors
    assert clock.pauses == [0.5, 1, 2, 4, 8]  # the first one is the 503's
    said = "demo-pkg 0.1.0 was uploaded, but TestPyPI does not list"
    assert done.printed.splitlines()[:4] == [
        f"{said} {WHEEL}, {SDIST}; asking again in 1 s",
        f"{said} {WHEEL}, {SDIST}; asking again in 2 s",
        f"{said} {WHEEL}; asking again in 4 s",
        f"{said} {WHEEL}; asking again in 8 s",
    ]


def patient(seconds: float, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the settings say how long to wait."""
    other = dataclasses.replace(settings, patience=seconds)
    monkeypatch.setattr(verify_index, "load_settings", lambda: other)


@pytest.mark.requirement("P8.2", "R5")
def test_patience_has_an_end_that_is_said(
    *,
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    settings: Settings,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient(1000, settings, monkeypatch)
    served["pypi"].hidden = {SDIST: 9999}
    began = clock.now
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines == (
        f"demo-pkg 0.1.0 was uploaded, but PyPI does not list {SDIST} (after 1000 seconds)",
        "Expected: every file to be listed within minutes",
        f"Fix: {RERUN}",
        "See: .github/release/RECOVERY.md, 'Uploaded but not listed'",
    )
    assert clock.now - began == pytest.approx(1000)
    assert max(clock.pauses) == 60


@pytest.mark.requirement("P8.2")
def test_the_settings_say_how_long_the_patience_is(
    served: dict[str, LocalIndex], checksums: Path, settings: Settings, run_step: RunStep
) -> None:
    served["pypi"].hidden = {SDIST: 9999}
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines[0].endswith(f"does not list {SDIST} (after {settings.patience:.0f} seconds)")
    assert settings.patience >= 30 * 60  # the longest that PyPI has needed


@pytest.mark.requirement("P8.2")
def test_without_patience_it_is_asked_once(
    *,
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    settings: Settings,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient(0, settings, monkeypatch)
    served["pypi"].files.clear()
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines[0] == (
        f"demo-pkg 0.1.0 was uploaded, but PyPI does not list {WHEEL}, {SDIST} (after 0 seconds)"
    )
    assert clock.pauses == []


@pytest.mark.requirement("P5.2", "P8.7")
def test_other_contents_are_refused_without_waiting(
    served: dict[str, LocalIndex], checksums: Path, clock: Clock, run_step: RunStep
) -> None:
    served["pypi"].files[WHEEL] += b"!"
    served["pypi"].hidden = {SDIST: 9999}
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines == (
        f"PyPI already has other files for demo-pkg 0.1.0: {WHEEL}",
        "Expected: no file of this version there, or exactly the files that were built",
        "Fix: release the next version (no file name can be reused), or take another name if it is not yours",
        "See: .github/release/RECOVERY.md, 'The version is there with other contents'",
    )
    assert clock.pauses == []


@pytest.mark.requirement("P8.7", "P8.2")
def test_a_file_that_differs_from_its_listed_hash_are_refused(
    served: dict[str, LocalIndex], checksums: Path, sdist: Path, run_step: RunStep
) -> None:
    served["testpypi"].delivered[SDIST] = b"something else"
    done = run_step(verify_index, "testpypi", "--checksums", checksums)
    assert done.lines == (
        f"TestPyPI delivers {SDIST} with SHA-256 {sha256_of(b'something else')}",
        f"Expected: the file that was built and tested, SHA-256 {hashes_of(sdist)[SDIST]}",
        f"Fix: {RERUN}; if it stays, yank the version and report it to the index",
        "See: .github/release/RECOVERY.md, 'The version is there with other contents'",
    )


@pytest.fixture
def many(indexes: dict[str, LocalIndex], tmp_path: Path) -> tuple[dict[str, LocalIndex], Path]:
    """Both indexes with the files of a compiled package, and the list of their hashes."""
    paths = []
    for name in FILES:
        paths.append(tmp_path / name.replace("1.2.3", "0.1.0"))
        paths[-1].write_bytes(name.encode())
    for local in indexes.values():
        local.add(*paths)
    return indexes, write_checksums(tmp_path / "SHA256SUMS", hashes_of(*paths))


@pytest.mark.requirement("B10", "P8.7", "P8.2")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
@pytest.mark.parametrize("fault", ["damaged", "replaced", "not listed", "not attested", "in addition"])
def test_the_one_wheel_of_many_that_is_at_fault_is_named(
    many: tuple[dict[str, LocalIndex], Path], name: str, fault: str, run_step: RunStep
) -> None:
    """Of 25 files; the twenty others that are right are not told."""
    (indexes, checksums), wheel = many, WHEELS[13].replace("1.2.3", "0.1.0")
    local = indexes[name]
    if fault == "damaged":
        local.delivered[wheel] = local.files[wheel][:-1]
    elif fault == "replaced":
        local.files[wheel] += b"!"
    elif fault == "not listed":
        local.hidden[wheel] = 9999
    elif fault == "not attested":
        local.publishers.pop(wheel)
    else:
        wheel = wheel.replace("macosx_11_0", "macosx_12_0")
        local.files[wheel], local.uploaded[wheel] = b"x", "2026-11-20T12:00:00Z"
    done = run_step(verify_index, name, "--checksums", checksums)
    assert done.status == 1
    title = local.index.title
    assert done.lines[0].startswith(
        {
            "damaged": f"{title} delivers {wheel} with SHA-256 ",
            "replaced": f"{title} already has other files for demo-pkg 0.1.0: {wheel}",
            "not listed": f"demo-pkg 0.1.0 was uploaded, but {title} does not list {wheel} (after",
            "not attested": f"{title} has no attestation for {wheel}: ",
            "in addition": f"{title} already has other files for demo-pkg 0.1.0: {wheel}",
        }[fault]
    )
    assert sum(other in done.errors for other in local.files) == 1
    assert ("installed" in done.summary) is False


@pytest.mark.requirement("P8.2")
@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_file_that_does_not_arrive_is_asked_for_again(
    status: int, served: dict[str, LocalIndex], checksums: Path, clock: Clock, run_step: RunStep
) -> None:
    local = served["pypi"]
    local.troubles = {"/files/": [status, status]}
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.status == 0, done.errors
    assert clock.pauses == [1, 2]
    assert done.printed.startswith(f"PyPI lists {WHEEL} but does not deliver it: {status} ")


@pytest.mark.requirement("P8.2", "R5")
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/simple/", "PyPI did not answer 5 times: 503 "),
        ("/integrity/", f"PyPI does not show who uploaded {WHEEL}: 503 "),
        ("/files/", f"PyPI lists {WHEEL} but does not deliver it: 503 "),
    ],
)
def test_an_index_that_stays_down_ends_the_one_patience(
    *,
    path: str,
    problem: str,
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    settings: Settings,
    run_step: RunStep,
) -> None:
    served["pypi"].troubles = {path: [503] * 9999}
    began = clock.now
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines[0].startswith(problem)
    assert done.lines[0].endswith(f" (after {settings.patience:.0f} seconds)")
    assert done.lines[2:] == (f"Fix: {RERUN}", recovery("Uploaded but not listed"))
    assert settings.patience <= clock.now - began <= settings.patience + 8, "and one last look"


@pytest.mark.requirement("P8.2", "P10.3")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
@pytest.mark.parametrize(
    ("status", "hidden"), [(503, {}), (404, {}), (200, {WHEEL: 3, SDIST: 3})], ids=["503", "404", "stale"]
)
def test_an_installer_whose_mirror_lags_is_waited_for(
    *,
    name: str,
    status: int,
    hidden: dict[str, int],
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another host of the same network may be behind the one that listed the files."""
    local = served[name]
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    download = verify_index.download

    def lag(*arguments: Any) -> None:  # noqa: ANN401  (passed on)
        download(*arguments)
        local.hidden = dict(hidden)
        local.troubles = {"/simple/": [status] * 2} if status != 200 else {}

    monkeypatch.setattr(verify_index, "download", lag)
    done = run_step(verify_index, name, "--checksums", checksums)
    assert done.status == 0, done.errors
    assert len(clock.pauses) >= 2
    assert "; asking again in 1 s" in done.printed


@pytest.mark.requirement("P8.2", "P10.3", "R7")
def test_what_waiting_cannot_change_is_not_waited_for(
    *,
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
    tmp_path: Path,
    clock: Clock,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dependency that no index has is the package's fault."""
    metadata = member(wheel, ".dist-info/METADATA").replace(b"\nName:", b"\nRequires-Dist: no-such\nName:")
    needy = rewrite_wheel(wheel, tmp_path / wheel.name, {".dist-info/METADATA": metadata})
    indexes["pypi"].add(needy, sdist)
    monkeypatch.setenv("UV_DEFAULT_INDEX", indexes["pypi"].index.simple)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    checksums = write_checksums(tmp_path / "SUMS", hashes_of(needy, sdist))
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert "no-such was not found in the package registry" in done.lines[0]
    assert clock.pauses == []


# -- who uploaded -------------------------------------------------------------------------------------


@pytest.mark.requirement("X13", "P8.2")
def test_an_attestation_that_is_shown_late_is_waited_for(
    served: dict[str, LocalIndex], checksums: Path, clock: Clock, run_step: RunStep
) -> None:
    served["pypi"].unproved = {WHEEL: 2, SDIST: 3}
    served["pypi"].troubles = {"/integrity/": [503]}
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.status == 0, done.errors
    assert clock.pauses == [1, 2, 4]


@pytest.mark.requirement("X13")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
@pytest.mark.parametrize("file", [WHEEL, SDIST])
def test_a_file_without_attestation_is_refused(
    *,
    name: str,
    file: str,
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    settings: Settings,
    run_step: RunStep,
) -> None:
    """Same contents, but uploaded by somebody with a token, and not by this workflow."""
    del served[name].publishers[file]
    began, title = clock.now, served[name].index.title
    done = run_step(verify_index, name, "--checksums", checksums)
    assert done.lines == (
        f"{title} has no attestation for {file}: who uploaded it is not known (after 1800 seconds)",
        f"Expected: an attestation by release.yml of demo-pkg/demo-pkg, environment {name}, on GitHub",
        FIX_PUBLISHER,
        recovery("A file that this workflow did not upload"),
    )
    assert clock.now - began == pytest.approx(settings.patience)
    assert not [path for path in served[name].asked if path.startswith("/files/")], "nothing of it is run"


@pytest.mark.requirement("X13", "R4")
@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("repository", "somebody/else", "release.yml of somebody/else, environment pypi, on GitHub"),
        ("workflow", "other.yml", "other.yml of demo-pkg/demo-pkg, environment pypi, on GitHub"),
        ("environment", "testpypi", "release.yml of demo-pkg/demo-pkg, environment testpypi, on GitHub"),
        ("environment", None, "release.yml of demo-pkg/demo-pkg, environment (none), on GitHub"),
        ("kind", "GitLab", "release.yml of demo-pkg/demo-pkg, environment pypi, on GitLab"),
    ],
)
def test_a_file_of_another_publisher_is_refused_without_waiting(
    *,
    field: str,
    value: str | None,
    found: str,
    served: dict[str, LocalIndex],
    checksums: Path,
    clock: Clock,
    run_step: RunStep,
) -> None:
    served["pypi"].publishers[SDIST] = {**served["pypi"].publishers[SDIST], field: value}
    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.lines == (
        f"PyPI says that {SDIST} was uploaded by {found}",
        "Expected: an attestation by release.yml of demo-pkg/demo-pkg, environment pypi, on GitHub",
        FIX_PUBLISHER,
        recovery("A file that this workflow did not upload"),
    )
    assert clock.pauses == []


@pytest.mark.requirement("X13")
def test_an_index_without_attestations_is_named_in_settings_and_said_aloud(
    *,
    served: dict[str, LocalIndex],
    checksums: Path,
    settings: Settings,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for local in served.values():
        local.publishers.clear()
    other = dataclasses.replace(settings, without_attestations=("testpypi",), patience=0)
    monkeypatch.setattr(verify_index, "load_settings", lambda: other)
    done = run_step(verify_index, "testpypi", "--checksums", checksums)
    assert done.status == 0, done.errors
    said = "who uploaded them was not checked"
    assert f"**{said}**: without-attestations in settings.toml has testpypi" in done.summary
    assert f"warning: {said}" in done.errors
    assert run_step(verify_index, "pypi", "--checksums", checksums).status == 1, "only there"


@pytest.mark.requirement("P10.1", "P10.2")
def test_from_testpypi_comes_the_package_alone_and_from_pypi_what_it_needs(
    *,
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
    tmp_path: Path,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anybody can register the name of a dependency on TestPyPI, with a higher version."""
    needs = b'\nRequires-Dist: helper-lib>=1\nRequires-Dist: never-lib; extra == "more"\nName:'
    metadata = member(wheel, ".dist-info/METADATA").replace(b"\nName:", needs)
    needy = rewrite_wheel(
        wheel,
        tmp_path / wheel.name,
        {".dist-info/METADATA": metadata, "demo_pkg/__init__.py": b"import helper_lib\n"},
    )
    for name, version in (("pypi", "1.0"), ("testpypi", "99.0")):
        folder = tmp_path / name
        folder.mkdir()
        indexes[name].add(make_wheel(folder, "helper-lib", version), needy, sdist)
    monkeypatch.setenv("UV_DEFAULT_INDEX", indexes["pypi"].index.simple)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    checksums = write_checksums(tmp_path / "SHA256SUMS", hashes_of(needy, sdist))

    done = run_step(verify_index, "testpypi", "--checksums", checksums)
    assert done.status == 0, done.errors
    assert not [path for path in indexes["testpypi"].asked if "helper" in path]
    assert "/files/helper_lib-1.0-py3-none-any.whl" in indexes["pypi"].asked
    assert not [path for path in indexes["pypi"].asked if "never" in path or "demo" in path]

    done = run_step(verify_index, "pypi", "--checksums", checksums)
    assert done.status == 0, done.errors


@pytest.mark.requirement("P10.3", "R7")
def test_a_package_that_lacks_a_dependency_is_refused_on_pypi(
    *,
    indexes: dict[str, LocalIndex],
    wheel: Path,
    sdist: Path,
    tmp_path: Path,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needy = rewrite_wheel(wheel, tmp_path / wheel.name, {"demo_pkg/__init__.py": b"import helper_lib\n"})
    indexes["pypi"].add(needy, sdist)
    monkeypatch.setenv("UV_DEFAULT_INDEX", indexes["pypi"].index.simple)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    done = run_step(
        verify_index, "pypi", "--checksums", write_checksums(tmp_path / "SUMS", hashes_of(needy, sdist))
    )
    assert done.lines[0] == (
        "demo-pkg 0.1.0 does not work where it is installed: "
        "ModuleNotFoundError: No module named 'helper_lib'"
    )
    assert done.summary.startswith("### :x: Verify index\n\n")


@pytest.mark.requirement("P10.2")
@pytest.mark.parametrize(
    ("requires", "wanted"),
    [
        ((), []),
        (("helper-lib",), ["helper-lib"]),
        (("helper-lib[fast]>=1,<2",), ["helper-lib[fast]<2,>=1"]),
        (('helper-lib; extra == "more"', "other"), ["other"]),
        (('helper-lib; python_version < "4" and extra == "more"',), []),
        (('helper-lib; sys_platform == "win32"',), ['helper-lib; sys_platform == "win32"']),
    ],
)
def test_what_a_wheel_needs_is_read_from_its_own_metadata(
    requires: tuple[str, ...], wanted: list[str], tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, "demo-pkg", "0.1.0", requires=requires)
    assert verify_index.runtime_dependencies(wheel) == wanted
