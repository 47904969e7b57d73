"""A change is made in full or not at all, whenever the process is killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from copier_pypi_release.adopt import apply
from copier_pypi_release.adopt.plan import Change
from copier_pypi_release.adopt.programs import AdoptionError
from support.rendering import git

from adopt.fixtures import repository
from adopt.test_target import tree_of

CHANGES = [
    Change("new/one.txt", None, b"1\n"),
    Change("new/two.sh", None, b"2\n", executable=True),
    Change("pyproject.toml", b"old\n", b"new\n"),
    Change("setup.py", b"gone\n", None),
    Change("publish.yml", b"armed\n", b"safe\n"),
]
FILES = {"pyproject.toml": "old\n", "setup.py": "gone\n", "publish.yml": "armed\n", "README.md": "ours\n"}
DONE = {
    "README.md": b"ours\n",
    "new/one.txt": b"1\n",
    "new/two.sh": b"2\n",
    "publish.yml": b"safe\n",
    "pyproject.toml": b"new\n",
}


def killed_at(root: Path, operation: int) -> bool:
    """Apply the change in a child that dies before an operation on the file system; whether it died."""
    child = os.fork()
    if child == 0:
        count = 0
        replace, unlink = Path.replace, Path.unlink

        def counted() -> None:
            nonlocal count
            if count == operation:
                os._exit(9)
            count += 1

        def dying_replace(self: Path, target: Path) -> Path:
            counted()
            return replace(self, target)

        def dying_unlink(self: Path, missing_ok: bool = False) -> None:
            counted()
            unlink(self, missing_ok=missing_ok)

        Path.replace, Path.unlink = dying_replace, dying_unlink  # type: ignore[method-assign,assignment]
        apply.apply(root, CHANGES)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("operation", range(8))
def test_killed_at_any_point_the_tree_is_as_before_or_the_next_run_completes_it(
    operation: int, tmp_path: Path
) -> None:
    root = repository(tmp_path / "demo", FILES, tags=())
    before = tree_of(root)
    died = killed_at(root, operation)
    assert died == (operation < 7)  # the journal, five files, the journal's end
    if apply.unfinished(root):
        assert apply.finish(root) == len(CHANGES)
        assert tree_of(root) == DONE
    else:
        assert tree_of(root) == (before if operation == 0 else DONE)
    assert not apply.unfinished(root)


def test_a_file_that_was_edited_meanwhile_is_left_alone(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo", FILES, tags=())
    (root / "pyproject.toml").write_text("mine\n")
    before = tree_of(root)
    with pytest.raises(AdoptionError, match=r"pyproject\.toml has changed"):
        apply.apply(root, CHANGES)
    assert tree_of(root) == before
    assert not apply.unfinished(root)


def test_modes_are_kept(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo", FILES, tags=())
    (root / "publish.yml").chmod(0o755)
    apply.apply(root, CHANGES)
    assert (root / "publish.yml").stat().st_mode & 0o777 == 0o755
    assert (root / "new/two.sh").stat().st_mode & 0o111
    assert git(root, "status", "--porcelain", "--", "README.md") == ""
