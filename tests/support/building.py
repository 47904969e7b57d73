"""Build, install and import a package in this process, through its own build backend's hooks."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import importlib.metadata
import io
import os
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import installer
from hatchling.build import build_sdist, build_wheel
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from packaging.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

_opened: set[str] | None = None  # what is opened, while somebody wants to know


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str):
        _opened.add(os.path.abspath(arguments[0]))  # noqa: PTH100  (a hook must be quick)


sys.addaudithook(_note)


@contextlib.contextmanager
def opened_files() -> Iterator[set[str]]:
    """Absolute paths of the files that this process opens meanwhile (PEP 578)."""
    global _opened  # noqa: PLW0603  (an audit hook can never be removed, so it is one for the process)
    noted: set[str] = set()
    _opened = noted
    try:
        yield noted
    finally:
        _opened = None


@dataclasses.dataclass(frozen=True)
class Built:
    """A package that was built, installed and imported.

    Attributes:
        sdist: File name of the sdist.
        wheel: File name of the wheel, built from the unpacked sdist.
        metadata: Core metadata of sdist and wheel.
        version_files: `__version__` in `_version.py` of sdist and wheel.
        sdist_members: Paths in the sdist, without its top folder.
        wheel_members: Paths in the wheel.
        opened: Files of the source that the build of the sdist opened.
        imported: `__version__` of the imported package.
        commands: What each installed command prints for `--version`.
    """

    sdist: str
    wheel: str
    metadata: tuple[Metadata, Metadata]
    version_files: tuple[str, str]
    sdist_members: frozenset[str]
    wheel_members: frozenset[str]
    opened: frozenset[str]
    imported: str
    commands: dict[str, str]


def build(source: Path, out: Path) -> tuple[Path, Path, frozenset[str]]:
    """Build the sdist of a source tree, and the wheel from the unpacked sdist, as pip and uv do.

    Args:
        source: Root of the source, committed and tagged.
        out: Folder for the distributions.

    Returns:
        The sdist, the wheel, and the files of the source that building the sdist opened.
    """
    with contextlib.chdir(source), opened_files() as opened:
        sdist = out / build_sdist(str(out))
    root = f"{source.resolve()}{os.sep}"
    read = frozenset(Path(p).relative_to(root).as_posix() for p in opened if p.startswith(root))
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        with contextlib.chdir(Path(folder, sdist.name.removesuffix(".tar.gz"))):
            wheel = out / build_wheel(str(out))
    return sdist, wheel, read


def build_and_import(source: Path, import_name: str) -> Built:
    """Build a package, install the wheel into an empty folder, import it, and call its commands.

    Args:
        source: Root of the source, committed and tagged.
        import_name: Name of the import package.
    """
    with tempfile.TemporaryDirectory() as folder:
        sdist, wheel, opened = build(source, Path(folder))
        with tarfile.open(sdist) as archive:
            top = sdist.name.removesuffix(".tar.gz") + "/"
            in_sdist = {m.name.removeprefix(top): m for m in archive.getmembers() if m.isfile()}
            pkg_info = _bytes(archive, in_sdist["PKG-INFO"])
            version_file = next(n for n in in_sdist if n.endswith(f"{import_name}/_version.py"))
            version_in_sdist = _bytes(archive, in_sdist[version_file])
        with zipfile.ZipFile(wheel) as archive_of_wheel:
            in_wheel = frozenset(archive_of_wheel.namelist())
            metadata = archive_of_wheel.read(next(n for n in in_wheel if n.endswith(".dist-info/METADATA")))
            version_in_wheel = archive_of_wheel.read(f"{import_name}/_version.py")
        site = Path(folder, "site")
        install(wheel, site)
        imported, commands = import_installed(site, import_name)
        return Built(
            sdist=sdist.name,
            wheel=wheel.name,
            metadata=(Metadata.from_email(pkg_info), Metadata.from_email(metadata)),
            version_files=(_version(version_in_sdist), _version(version_in_wheel)),
            sdist_members=frozenset(in_sdist),
            wheel_members=in_wheel,
            opened=opened,
            imported=imported,
            commands=commands,
        )


def install(wheel: Path, site: Path) -> None:
    """Install a wheel into a folder, as its specification says; Requires-Python is not looked at."""
    schemes = {name: str(site / name) for name in ("headers", "data", "scripts")}
    schemes |= {"purelib": str(site), "platlib": str(site)}
    destination = SchemeDictionaryDestination(schemes, interpreter=sys.executable, script_kind="posix")
    with WheelFile.open(wheel) as source:
        installer.install(source, destination, additional_metadata={})


def import_installed(site: Path, import_name: str) -> tuple[str, dict[str, str]]:
    """Import a package from a folder, and forget it again.

    Returns:
        Its `__version__`, and what each of its commands prints for `--version`.
    """
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        package = importlib.import_module(import_name)
        assert Path(package.__file__ or "").is_relative_to(site), package.__file__
        (distribution,) = importlib.metadata.distributions(path=[str(site)])
        commands = {}
        for entry in distribution.entry_points:
            said = io.StringIO()
            main = entry.load()
            with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
                main(["--version"])
            commands[entry.name] = said.getvalue().strip()
        return package.__version__, commands
    finally:
        sys.dont_write_bytecode = writes_bytecode
        sys.path.remove(str(site))
        for name in [n for n in sys.modules if n.split(".")[0] == import_name]:
            del sys.modules[name]


def _bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None, member.name
    return file.read()


def _version(code: bytes) -> str:
    """The value that a version file gives to `__version__`, without running it."""
    for statement in ast.parse(code).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "__version__" for t in targets):
            return str(ast.literal_eval(statement.value))  # type: ignore[attr-defined]
    return ""
