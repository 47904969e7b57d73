"""A change is made in full or not at all, whenever the process is killed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from copier_pypi_release.adopt import apply
from copier_pypi_release.adopt.plan import Change
from copier_pypi_release.adopt.programs import AdoptionError
from support.rendering import git

from adopt.adoption import run_adopt
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


@pytest.mark.parametrize(
    "path", ["../outside/x.txt", "link/x.txt", ".git/hooks/pre-commit", "new/../../x.txt"]
)
def test_nothing_is_written_outside_the_repository(path: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "demo", {**FILES, ".gitignore": "/link\n"}, tags=())
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)  # ignored, so the tree is clean
    with pytest.raises(AdoptionError, match="is not a place inside the repository"):
        apply.apply(root, [Change(path, None, b"planted\n")])
    assert not apply.unfinished(root)
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "x.txt").exists()
    assert not (root / ".git/hooks/x").exists()


@pytest.mark.requirement("X17")
@pytest.mark.parametrize("change", CHANGES[:3], ids=[c.path for c in CHANGES[:3]])
def test_nothing_is_written_through_a_link_planted_for_the_temporary_file(
    change: Change, tmp_path: Path
) -> None:
    root = repository(tmp_path / "demo", {**FILES, "new/README.md": "", ".gitignore": "*.adopt\n"}, tags=())
    target = tmp_path / "authorized_keys"
    target.write_text("mine\n")
    path = root / change.path
    planted = path.with_name(f".{path.name}.{hashlib.sha256(change.after or b'').hexdigest()[:8]}.adopt")
    planted.symlink_to(target)
    apply.apply(root, [change])
    assert target.read_text() == "mine\n"
    assert path.read_bytes() == change.after
    assert not path.is_symlink()


def planted(root: Path, text: str) -> Path:
    apply.journal_of(root).write_text(text)
    return root


def entry(path: str, after: str | None) -> dict[str, object]:
    data = None if after is None else base64.b64encode(after.encode()).decode()
    return {"path": path, "before": None, "after": data, "executable": True}


@pytest.mark.parametrize("option", ["--dry-run", ""])
def test_a_planted_journal_is_shown_and_not_carried_out(option: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "demo", FILES, tags=())
    planted(root, json.dumps([entry("conftest.py", "import os\n")]))
    before = tree_of(tmp_path)
    status, output = run_adopt(root, *filter(None, [option]))
    assert status == (0 if option else 1)
    assert "new: conftest.py" in output
    assert ("Nothing has changed." if option else "Nobody can be asked") in output
    assert tree_of(tmp_path) == before
    assert apply.unfinished(root)
    status, output = run_adopt(root, "--yes")
    assert (status, "It is complete now: 1 file." in output) == (0, True)
    assert (root / "conftest.py").read_text() == "import os\n"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]\x00",
        '[{"path": 1}]',
        "null",
        '["x"]',
        "[" * 100_000,
        '[{"path": "x", "before": "?", "after": 1}]',
    ],
)
def test_a_journal_that_says_nonsense_is_no_traceback(text: str, tmp_path: Path) -> None:
    root = planted(repository(tmp_path / "demo", FILES, tags=()), text)
    status, output = run_adopt(root, "--yes")
    assert status == 1
    assert output.startswith("The record of an unfinished adoption cannot be read")
    assert "Unexpected" not in output


@pytest.mark.parametrize("path", ["../planted.py", ".git/hooks/pre-commit", "ABSOLUTE"])
def test_a_planted_journal_writes_nothing_outside(path: str, tmp_path: Path) -> None:
    path = path.replace("ABSOLUTE", str(tmp_path / "absolute"))
    root = planted(repository(tmp_path / "demo", FILES, tags=()), json.dumps([entry(path, "x\n")]))
    status, output = run_adopt(root, "--yes")
    assert status == 1
    assert "is not a place inside the repository" in output
    assert not (tmp_path / "planted.py").exists()
    assert not (tmp_path / "absolute").exists()
