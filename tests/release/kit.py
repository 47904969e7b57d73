"""What the tests of the release scripts share: repositories, archives to tamper with, a step's outcome."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from release_lib.step import ReleaseError
from support.rendering import commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WHEN_IT_STOPS = "See: RELEASING.md, 'When it stops'"
VERSION_TAGS = "See: CONTRIBUTING.md, 'Version tags'"
NOTHING_MADE_FOR = "This step met something that it was not made for"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a step did.

    Attributes:
        status: Its exit status.
        outputs: What it handed to later steps.
        summary: What it added to the job summary.
        printed: Its standard output.
        errors: Its standard error.
    """

    status: int
    outputs: Mapping[str, str]
    summary: str
    printed: str
    errors: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """The four lines that it stopped with."""
        return tuple(self.errors.strip().removeprefix("error: ").splitlines())


def refusal(body: Callable[[], object]) -> tuple[str, ...]:
    """The four lines that a function stops with."""
    with pytest.raises(ReleaseError) as caught:
        body()
    return caught.value.lines


def mend(lines: tuple[str, ...]) -> str:
    """The command that mends it, by the third line, without the words that follow it."""
    return lines[2].removeprefix("Fix: ").partition(", ")[0]


def shell(command: str, folder: Path) -> None:
    """Run a command as a user pastes it."""
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True, capture_output=True)


class Repository:
    """A clone and its bare origin, which has the first commit on its branch main.

    Args:
        root: Empty folder for both.
    """

    def __init__(self, root: Path) -> None:
        self.origin = root / "origin.git"
        self.folder = root / "clone"
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.origin)], check=True)
        self.folder.mkdir()
        self.commit(**{"README.md": "first\n"})
        self.git("remote", "add", "origin", str(self.origin))
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        return git(self.folder, *arguments)

    def commit(self, message: str = "feat: more", **files: str) -> str:
        """Commit everything, after writing some files, and return the commit's id."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return commit_all(self.folder, message)

    def tag(self, name: str, *options: str) -> None:
        """Tag a commit and push the tag."""
        self.git("tag", *options, name)
        self.git("push", "--quiet", "origin", f"refs/tags/{name}")

    def remote_tags(self) -> set[str]:
        """Names of the tags of the origin."""
        return set(git(self.origin, "tag").splitlines())


def rewrite_wheel(wheel: Path, to: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Copy a wheel, with some members replaced, added or (None) left out.

    Args:
        wheel: The wheel.
        to: Path of the copy.
        changes: New contents by member; a name that ends a member's path stands for that member.
    """
    with zipfile.ZipFile(wheel) as old:
        members: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(to, "w") as new:
        for name, data in (members | resolved(members, changes)).items():
            if data is not None:
                new.writestr(name, data)
    return to


def rewrite_sdist(sdist: Path, to: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Copy an sdist; see `rewrite_wheel`. Added members go below the top folder."""
    with tarfile.open(sdist) as old:
        files = [(m.name, old.extractfile(m)) for m in old.getmembers() if m.isfile()]
        members: dict[str, bytes | None] = {name: file.read() for name, file in files if file}
    top = next(iter(members)).split("/")[0]
    placed = {name: name if name in members else f"{top}/{name}" for name in changes}
    with tarfile.open(to, "w:gz") as new:
        for name, data in (members | {placed[n]: data for n, data in changes.items()}).items():
            if data is not None:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return to


def resolved(
    members: Mapping[str, bytes | None], changes: Mapping[str, bytes | None]
) -> dict[str, bytes | None]:
    """The changes by the full path of each member."""
    return {next((m for m in members if m.endswith(name)), name): data for name, data in changes.items()}


def member(archive: Path, name: str) -> bytes:
    """The contents of the member of a wheel or sdist whose path ends with a name."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(n for n in wheel.namelist() if n.endswith(name)))
    with tarfile.open(archive) as sdist:
        top = archive.name.removesuffix(".tar.gz")
        file = sdist.extractfile(f"{top}/{name}")
        assert file is not None
        return file.read()


def make_wheel(folder: Path, name: str, version: str, *, requires: tuple[str, ...] = ()) -> Path:
    """Write the smallest wheel that installs: one package of the name, with ``__version__``."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {r}\n" for r in requires)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", f'__version__ = "{version}"\n')
        wheel.writestr(f"{module}/_version.py", f'__version__ = "{version}"\n')
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def hashes_of(*files: Path) -> dict[str, str]:
    """SHA-256 of some files, by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_checksums(path: Path, hashes: Mapping[str, str]) -> Path:
    """Write a list of hashes as the build does."""
    path.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items()), encoding="utf-8")
    return path
