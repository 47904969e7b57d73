"""What git keeps elsewhere, in the clone that `release` and `rehearse` work in; see also test_release.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.contents import Fetched, check_out, clone, fetched_by, fix_here
from copier_pypi_release.workflow_files import load
from support.rendering import commit_all, git

if TYPE_CHECKING:
    from pathlib import Path

ALL = float("inf")


@pytest.mark.requirement("P3.11")
@pytest.mark.parametrize(
    ("gate", "build", "fetched"),
    [
        ((), (), Fetched()),
        (
            ("submodules: recursive", "lfs: true"),
            ("lfs: TRUE", "submodules: Recursive"),
            Fetched(ALL, lfs=True),
        ),
        (("submodules: true", "lfs: false"), ("submodules: recursive", "lfs: true"), Fetched(1)),
        (("submodules: recursive", "lfs: true"), (), Fetched()),  # the build would lack them
    ],
)
def test_what_every_job_of_the_source_fetches(
    default_package: Path, tmp_path: Path, gate: tuple[str, ...], build: tuple[str, ...], fetched: Fetched
) -> None:
    text = (default_package / ".github/workflows/release.yml").read_text(encoding="utf-8")
    place = "          path: source\n"
    before, of_gate, of_build = text.split(place)
    added = ["".join(f"          {line}\n" for line in lines) for lines in (gate, build)]
    path = tmp_path / "release.yml"
    path.write_text(f"{before}{place}{added[0]}{of_gate}{place}{added[1]}{of_build}", encoding="utf-8")
    assert fetched_by(load(path)) == fetched


@pytest.mark.requirement("P3.11")
@pytest.mark.parametrize(("depth", "there"), [(0, []), (1, ["outer"]), (ALL, ["outer", "inner"])])
def test_submodules_are_there_to_the_depth_of_the_release(
    tmp_path: Path, depth: float, there: list[str]
) -> None:
    """All of them are in the clone; what the release would lack is not blamed on the clone."""
    allowed = ("-c", "protocol.file.allow=always")
    for name, below in (("inner", ""), ("outer", "inner"), ("root", "outer")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.txt").write_text(name, encoding="utf-8")
        commit_all(folder)
        if below:
            git(folder, *allowed, "submodule", "--quiet", "add", str(tmp_path / below), below)
            commit_all(folder)
    root, tree, fetched = tmp_path / "root", tmp_path / "tree", Fetched(depth)
    git(root, *allowed, "submodule", "--quiet", "update", "--init", "--recursive")
    clone(root, tree)
    check_out(git(root, "rev-parse", "HEAD"), tree, root, fetched)
    assert git(tree, "status", "--porcelain") == ""
    assert [path.stem for path in sorted(tree.rglob("*.txt"), key=lambda p: len(p.parts))] == ["root", *there]
    update = "git submodule update --init --recursive, then run this again"
    for lacking, needs in (("outer (submodule)", 1), ("outer/inner (submodule)", ALL)):
        said = f"This checkout lacks the contents of {lacking}"
        assert fix_here(said, tree, fetched) == (update if depth >= needs else "")
