"""check_index.py: before an upload, an index is asked what it has of the version."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import check_index
import pytest
from copier_pypi_release.workflow_files import load
from support.archives import make_wheel, write_checksums

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings

    from release.conftest import RunStep
    from release.local_index import LocalIndex

WHEEL, SDIST = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"
# Days, not minutes, from the limit: the tests may run long after these were computed.
OLD = dt.datetime.now(dt.UTC) - dt.timedelta(days=15)
YOUNG = OLD + dt.timedelta(days=2)


@pytest.mark.requirement("P5.6")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
def test_nothing_there_goes_on(
    name: str, indexes: dict[str, LocalIndex], checksums: Path, tmp_path: Path, run_step: RunStep
) -> None:
    indexes[name].add(make_wheel(tmp_path, "demo-pkg", "0.0.9"))
    done = run_step(check_index, name, "--checksums", checksums)
    assert done.status == 0
    assert done.summary == (
        f"**demo-pkg 0.1.0 on {indexes[name].index.title}: absent** - "
        "no file is there yet; all files will be uploaded\n\n"
    )
    assert done.errors == ""
    assert not indexes["pypi" if name == "testpypi" else "testpypi"].asked
    page = urljoin(indexes[name].index.simple, "/project/demo-pkg/0.1.0/")
    assert done.outputs == {f"{name}-page": page}, "where the environment of the job that uploads links to"


@pytest.mark.requirement("P5.1", "P5.6")
def test_a_part_goes_on(
    indexes: dict[str, LocalIndex], checksums: Path, wheel: Path, run_step: RunStep
) -> None:
    indexes["pypi"].add(wheel, uploaded=YOUNG.isoformat())
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert done.summary == (
        "**demo-pkg 0.1.0 on PyPI: partial** - "
        "an earlier upload was interrupted; the missing files will be uploaded\n\n"
    )


@pytest.mark.requirement("P5.6", "R5")
def test_a_part_of_a_release_older_than_14_days_is_refused(
    indexes: dict[str, LocalIndex], checksums: Path, sdist: Path, run_step: RunStep
) -> None:
    indexes["pypi"].add(sdist, uploaded=OLD.isoformat())
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert done.lines == (
        f"PyPI has only a part of this version, and takes no more after 14 days; it lacks {WHEEL}",
        "Expected: files that the index takes",
        "Fix: yank this version on the web, with the reason 'incomplete', and release the next one",
        "See: .github/release/RECOVERY.md, 'A part of the files is there'",
    )


@pytest.mark.requirement("P5.3", "P5.6", "R8")
@pytest.mark.parametrize("uploaded", [OLD, YOUNG])
def test_the_same_files_go_on_whatever_their_age(
    *,
    uploaded: dt.datetime,
    indexes: dict[str, LocalIndex],
    checksums: Path,
    wheel: Path,
    sdist: Path,
    run_step: RunStep,
) -> None:
    indexes["pypi"].add(wheel, sdist, uploaded=uploaded.isoformat())
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert done.summary == (
        "**demo-pkg 0.1.0 on PyPI: identical** - all files are there, as built; the upload will skip them\n\n"
    )


@pytest.mark.requirement("P5.2", "P5.6", "R8")
def test_other_contents_are_refused(
    indexes: dict[str, LocalIndex], checksums: Path, wheel: Path, sdist: Path, run_step: RunStep
) -> None:
    indexes["testpypi"].add(wheel, sdist)
    indexes["testpypi"].files[SDIST] += b"!"
    done = run_step(check_index, "testpypi", "--checksums", checksums)
    assert done.lines == (
        f"TestPyPI already has other files for demo-pkg 0.1.0: {SDIST}",
        "Expected: no file of this version there, or exactly the files that were built",
        "Fix: release the next version (no file name can be reused), or take another name if it is not yours",
        "See: .github/release/RECOVERY.md, 'The version is there with other contents'",
    )
    assert done.status == 1


@pytest.mark.requirement("P5.6")
def test_both_indexes_can_be_asked_at_once(
    indexes: dict[str, LocalIndex], checksums: Path, wheel: Path, sdist: Path, run_step: RunStep
) -> None:
    indexes["testpypi"].add(wheel, sdist)
    done = run_step(check_index, "testpypi", "pypi", "--checksums", checksums)
    assert [line.partition(": ")[2].partition("**")[0] for line in done.summary.splitlines() if line] == [
        "identical",
        "absent",
    ]
    indexes["pypi"].add(wheel)
    indexes["pypi"].files[WHEEL] += b"!"
    assert run_step(check_index, "testpypi", "pypi", "--checksums", checksums).status == 1


@pytest.mark.requirement("P5.6")
def test_an_index_that_does_not_answer_is_no_empty_one(
    indexes: dict[str, LocalIndex], checksums: Path, run_step: RunStep
) -> None:
    indexes["pypi"].failures = [503] * 9
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert (done.status, done.lines[0].partition(":")[0]) == (1, "PyPI did not answer 5 times")


@pytest.mark.requirement("P5.6")
def test_a_list_without_a_distribution_is_refused(
    indexes: dict[str, LocalIndex], tmp_path: Path, run_step: RunStep
) -> None:
    path = tmp_path / "SHA256SUMS"
    path.write_text(f"{'a' * 64}  README.md\n")
    assert run_step(check_index, "pypi", "--checksums", path).status == 1
    assert indexes["pypi"].asked == []


# -- what an index refuses ----------------------------------------------------------------------------


def sparse(folder: Path, *names: str, size: int) -> Path:
    """A folder with files of a size, which take no room."""
    folder.mkdir(exist_ok=True)
    for name in names:
        with (folder / name).open("wb") as file:
            file.truncate(size)
    return folder


def help_page(local: LocalIndex, anchor: str) -> str:
    """The line that names a page of the index."""
    return f"See: {urljoin(local.index.simple, anchor)}"


@pytest.mark.requirement("P5.7")
@pytest.mark.parametrize("name", ["testpypi", "pypi"])
def test_a_file_that_is_too_large_is_refused_before_anything_is_uploaded(
    name: str, indexes: dict[str, LocalIndex], checksums: Path, tmp_path: Path, run_step: RunStep
) -> None:
    limit = 100 * 1024 * 1024
    dist = sparse(tmp_path / "dist", WHEEL, SDIST, size=limit)
    assert run_step(check_index, name, "--checksums", checksums, "--dist", dist).status == 0, "just fits"
    sparse(dist, WHEEL, size=limit + 1024 * 1024)
    done = run_step(check_index, "testpypi", "pypi", "--checksums", checksums, "--dist", dist)
    assert done.lines == (
        f"{WHEEL} has 101.0 MiB, and TestPyPI takes 100",
        "Expected: files that the index takes",
        "Fix: make it smaller, or have the limit raised, then set file-limit in settings.toml",
        help_page(indexes["testpypi"], "/help/#file-size-limit"),
    )


@pytest.mark.requirement("P5.7")
def test_a_project_that_would_become_too_large_is_refused(
    indexes: dict[str, LocalIndex], checksums: Path, tmp_path: Path, run_step: RunStep
) -> None:
    local = indexes["pypi"]
    before = make_wheel(tmp_path, "demo-pkg", "0.0.9")
    local.add(before)
    local.sizes = {before.name: (10 * 1024 - 1) * 1024 * 1024}
    dist = sparse(tmp_path / "dist", WHEEL, SDIST, size=512 * 1024)
    assert run_step(check_index, "pypi", "--checksums", checksums, "--dist", dist).status == 0, "just fits"
    sparse(dist, SDIST, size=1024 * 1024)
    done = run_step(check_index, "pypi", "--checksums", checksums, "--dist", dist)
    assert done.lines == (
        "PyPI would have 10240.5 MiB of the project, and takes 10240",
        "Expected: files that the index takes",
        "Fix: have the limit raised, then set project-limit in settings.toml",
        help_page(local, "/help/#project-size-limit"),
    )


@pytest.mark.requirement("P5.7")
def test_a_limit_that_was_raised_is_in_the_settings(
    *,
    indexes: dict[str, LocalIndex],
    checksums: Path,
    tmp_path: Path,
    settings: Settings,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert indexes
    raised = dataclasses.replace(settings, file_limit=200)
    monkeypatch.setattr(check_index, "load_settings", lambda: raised)
    dist = sparse(tmp_path / "dist", WHEEL, size=150 * 1024 * 1024)
    assert run_step(check_index, "pypi", "--checksums", checksums, "--dist", dist).status == 0


@pytest.mark.requirement("P9.3")
@pytest.mark.parametrize(
    ("publisher", "said"),
    [
        ({"repository": "Demo-Pkg/demo-pkg", "workflow": "old.yml"}, None),  # by another workflow of ours
        (
            {"repository": "other/demo-pkg"},
            " by release.yml of other/demo-pkg, environment testpypi, on GitHub.",
        ),
        ({}, " without an attestation."),
    ],
)
def test_a_project_whose_files_came_from_elsewhere_is_named_before_the_upload(
    *,
    publisher: dict[str, str],
    said: str | None,
    indexes: dict[str, LocalIndex],
    checksums: Path,
    tmp_path: Path,
    run_step: RunStep,
) -> None:
    local = indexes["testpypi"]
    local.add(make_wheel(tmp_path, "demo-pkg", "0.0.8"), uploaded="2026-01-01T00:00:00Z")
    newest = make_wheel(tmp_path, "demo-pkg", "0.0.9")
    local.add(newest)
    local.publishers[newest.name] |= publisher
    if not publisher:
        del local.publishers[newest.name]
    done = run_step(check_index, "testpypi", "--checksums", checksums)
    assert done.status == 0
    see = "See: .github/release/RECOVERY.md, 'A name of somebody else'\n"
    assert done.errors == "" if said is None else done.errors.endswith(see)
    assert (said or "") in done.errors
    local.troubles["/integrity/"] = [503]  # nothing is known, nothing is said
    assert run_step(check_index, "testpypi", "--checksums", checksums).status == 0


@pytest.mark.requirement("P5.3", "U6")
def test_a_version_that_was_yanked_is_named_when_it_runs_again(
    indexes: dict[str, LocalIndex], checksums: Path, wheel: Path, sdist: Path, run_step: RunStep
) -> None:
    indexes["pypi"].add(wheel, sdist)
    indexes["pypi"].yanked = {wheel.name: "broken\n::error::", sdist.name: "broken\n::error::"}
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert done.status == 0
    assert done.errors == "warning: demo-pkg 0.1.0 is yanked on PyPI: broken\n::error::\n"


@pytest.mark.requirement("P5.7")
@pytest.mark.parametrize(
    ("status", "says"),
    [("archived", "no reason given"), ("quarantined", "malware")],
)
def test_a_project_that_takes_no_files_is_refused(
    *,
    status: str,
    says: str,
    indexes: dict[str, LocalIndex],
    checksums: Path,
    tmp_path: Path,
    run_step: RunStep,
) -> None:
    local = indexes["pypi"]
    local.add(make_wheel(tmp_path, "demo-pkg", "0.0.9"))
    local.status = {"status": status} | ({"reason": says} if says == "malware" else {})
    done = run_step(check_index, "pypi", "--checksums", checksums)
    assert done.lines[0] == f"demo-pkg is {status} on PyPI: {says}"
    assert done.lines[3] == help_page(local, "/manage/projects/")


@pytest.mark.requirement("P5.7", "P5.3")
def test_a_status_is_no_matter_when_nothing_is_left_to_upload(
    indexes: dict[str, LocalIndex], checksums: Path, wheel: Path, sdist: Path, run_step: RunStep
) -> None:
    indexes["pypi"].add(wheel, sdist)
    for status in ("archived", "deprecated", "active"):
        indexes["pypi"].status = {"status": status}
        assert run_step(check_index, "pypi", "--checksums", checksums).status == 0


@pytest.mark.requirement("P5.7")
@pytest.mark.parametrize(
    ("tag", "taken"),
    [
        ("any", True),
        ("win_amd64", True),
        ("macosx_11_0_arm64", True),
        ("manylinux_2_28_x86_64.manylinux2014_x86_64", True),
        ("musllinux_1_2_aarch64", True),
        ("linux_armv7l", True),
        ("ios_13_0_arm64_iphoneos", True),
        ("android_21_arm64_v8a", True),
        ("pyodide_2025_0_wasm32", True),
        ("linux_x86_64", False),
        ("manylinux_2_28_x86_64.linux_x86_64", False),
        ("freebsd_14_amd64", False),
    ],
)
def test_platforms_that_the_index_refuses_are_refused_first(
    *, tag: str, taken: bool, indexes: dict[str, LocalIndex], tmp_path: Path, run_step: RunStep
) -> None:
    name = f"demo_pkg-0.1.0-cp311-cp311-{tag}.whl"
    checksums = write_checksums(tmp_path / "SHA256SUMS", {name: "a" * 64, SDIST: "b" * 64})
    done = run_step(check_index, "testpypi", "--checksums", checksums)
    assert (done.status == 0) is taken
    if not taken:
        assert done.lines[0] == f"TestPyPI takes no wheel of this platform: {name}"
        assert done.lines[3] == help_page(indexes["testpypi"], "/help/#supported-platforms")


@pytest.mark.requirement("P5.7")
def test_the_build_asks_where_the_distributions_are(default_package: Path) -> None:
    """The sizes are those of dist, in the folder that the job works in."""
    workflow = load(default_package / ".github/workflows/release.yml")
    steps = workflow.jobs["build"]["steps"]
    asks = next(step for step in steps if "check_index.py testpypi pypi" in step.get("run", ""))
    assert "working-directory" not in asks
    assert "--dist" not in asks["run"]
    assert any(step.get("with", {}).get("path") == "dist/" for step in steps)


@pytest.mark.requirement("P8.9")
def test_nothing_is_decided_where_code_of_the_package_has_run(default_package: Path) -> None:
    """PyPI is asked before the version from TestPyPI is imported in the same job."""
    workflow = load(default_package / ".github/workflows/release.yml")
    for job in ("verify-testpypi", "verify-pypi"):
        names = [script.name for script in workflow.scripts(job)]
        assert names[-1] == "verify_index.py"
        assert names[:-1] == (["check_index.py"] if job == "verify-testpypi" else [])
