"""check_index.py: before an upload, an index is asked what it has of the version."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import check_index
import pytest
from support.archives import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

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
    assert [len(local.asked) for local in indexes.values()] == [name == "testpypi", name == "pypi"]


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
        (
            f"PyPI has only a part of 0.1.0, lacks {WHEEL}, and takes no new files on a release older than "
            "14 days"
        ),
        "Expected: an interrupted upload to be finished within 14 days",
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
        "Fix: release the next version: a file name cannot be reused, not even after deletion",
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
