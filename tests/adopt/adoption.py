"""Adopting the packages of `fixtures`, each once, on all processors; and looking at what came out."""

from __future__ import annotations

import fcntl
import io
import multiprocessing
import pickle
import re
import shutil
import zipfile
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from copier_pypi_release import cli
from copier_pypi_release.adopt.wheels import build_wheel
from packaging.metadata import Metadata
from support.rendering import git

from adopt.fixtures import SHAPES, make

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copier_pypi_release.adopt.wheels import Wheel


PASTED = "For the commit and the pull request:"
FOLDERS = (".github/release/", ".github/rulesets/")  # of a release, each named as one


@dataclass(frozen=True)
class Adoption:
    """What came out of adopting a package.

    Attributes:
        shape: Which one, of `SHAPES`.
        root: Its repository, with the change uncommitted.
        status: Status of the command.
        output: What it printed.
        before: The wheel that its own backend built.
        after: The wheel that a release would build of the same source, tagged.
    """

    shape: str
    root: Path
    status: int
    output: str
    before: Path
    after: Path

    @property
    def sdists(self) -> tuple[Path, Path]:
        """The sdists that were built with the wheels."""
        before, after = (next(wheel.parent.glob("*.tar.gz")) for wheel in (self.before, self.after))
        return before, after

    @property
    def project(self) -> Path:
        """Folder of pyproject.toml."""
        return self.root / SHAPES[self.shape].folder

    def original(self, path: str) -> str:
        """A file as it was."""
        return git(self.root, "show", f"HEAD:{path}") + "\n"


def run_adopt(folder: str | Path, *options: str) -> tuple[int, str]:
    """Run the command in this process and return its status and what it printed.

    Whatever is adopted, only files that the report names have changed, and every one that it names has.
    """
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = cli.main(["adopt", str(folder), *options])
    output = printed.getvalue()
    if status == 0 and PASTED in output:
        assert changed_files(Path(folder)) == named_files(output), output
    return status, output


def changed_files(folder: Path) -> set[str]:
    """The files of a repository that are not as they were committed; of the release's folders, the folder."""
    how = ("--porcelain", "-z", "--untracked-files=all", "--no-renames")
    listed = {entry[3:] for entry in git(folder, "--no-optional-locks", "status", *how).split("\0") if entry}
    return {next((ours for ours in FOLDERS if path.startswith(ours)), path) for path in listed}


def named_files(output: str) -> set[str]:
    """The files and folders that a report names as changed; none if nothing has."""
    if "Nothing has changed" in output:
        return set()
    _, _, pasted = output.partition(PASTED)
    return set(re.findall(r"(?m)^    - (?!\[ \])(.+?): ", pasted))  # the others are steps


def adopt(shape: str, folder: Path, template: Path) -> Adoption:
    """Make the package of a shape, adopt it, and keep the wheels that the tool has built.

    Args:
        shape: Which one, of `SHAPES`.
        folder: A new folder for it.
        template: A git repository of the template.
    """
    return adopt_repository(shape, make(shape, folder), folder, template)


def adopt_repository(shape: str, root: Path, folder: Path, template: Path) -> Adoption:
    """Adopt a repository that was made after a shape; see `adopt`."""
    kept: list[Path] = []

    def build_and_keep(project: Path, out: Path, *, constraints: Path | None = None) -> Wheel:
        wheel = build_wheel(project, out, constraints=constraints)
        to = folder / f"wheel-{len(kept)}"
        to.mkdir()
        kept.append(to / wheel.name)
        shutil.copy2(out / wheel.name, kept[-1])
        shutil.copy2(next(out.glob("*.tar.gz")), to)
        return wheel

    with mock.patch("copier_pypi_release.adopt.plan.build_wheel", build_and_keep):
        project = root / SHAPES[shape].folder
        status, output = run_adopt(project, "--yes", "--template", f"git+{template.as_uri()}")
    before, after = kept if len(kept) > 1 else (root, root)
    return Adoption(shape, root, status, output, before, after)


def adopt_once(shape: str, folder: Path, template: Path) -> Adoption:
    """Adopt the package of a shape, unless another worker of this test run has; see `adopt`."""
    known = folder.with_suffix(".pickle")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_bytes(pickle.dumps(adopt(shape, folder, template)))
    made = pickle.loads(known.read_bytes())  # noqa: S301  (our own)
    assert isinstance(made, Adoption)
    return made


class Adoptions:
    """The adopted packages of a test run, each made when it is first asked for or announced.

    Args:
        folder: Where they go.
        template: A git repository of the template.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        self.pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork"))
        self.made: dict[str, Future[Adoption]] = {}

    def announce(self, shape: str) -> Future[Adoption]:
        """Begin to adopt a shape."""
        if shape not in self.made:
            self.made[shape] = self.pool.submit(adopt_once, shape, self.folder / shape, self.template)
        return self.made[shape]

    def __getitem__(self, shape: str) -> Adoption:
        """An adopted package; not to be changed."""
        return self.announce(shape).result()

    def copy(self, shape: str, folder: Path) -> Adoption:
        """A copy of an adopted package, to be changed."""
        made = self[shape]
        root = folder / made.root.name
        shutil.copytree(made.root, root, symlinks=True)
        return Adoption(shape, root, made.status, made.output, made.before, made.after)


def environment_of(job: Mapping[str, Any]) -> str:
    """Name of the environment of a job."""
    environment = job["environment"]
    return str(environment["name"] if isinstance(environment, dict) else environment)


def metadata_of(wheel: Path) -> Metadata:
    """The core metadata of a wheel, validated."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Metadata.from_email(archive.read(name), validate=False)


def contents_of(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel, without its .dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        return {n: archive.read(n) for n in archive.namelist() if ".dist-info/" not in n and n[-1] != "/"}


def entry_points_of(wheel: Path) -> str:
    """The entry points of a wheel, as its file has them."""
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt")]
        return archive.read(names[0]).decode() if names else ""
