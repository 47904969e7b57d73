"""Where the files of the wheel come from, and what to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from copier_pypi_release.adopt.compiled import is_native
from copier_pypi_release.adopt.convert import converter_for
from copier_pypi_release.adopt.convert.conversion import Conversion, Project
from copier_pypi_release.adopt.programs import AdoptionError, git
from copier_pypi_release.adopt.pyproject import Pyproject
from copier_pypi_release.adopt.repository import Repository, read_text
from copier_pypi_release.adopt.version_source import ships_everything
from copier_pypi_release.adopt.versions import only_version, read_code
from copier_pypi_release.answers_file import free_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from copier_pypi_release.adopt.wheels import Wheel


@dataclass(frozen=True)
class Package:
    """Where the wheel's files come from.

    Attributes:
        name: Name of the distribution.
        imports: Name to import.
        packages: Top-level packages and modules, from the project's folder.
        version_file: The generated version file, from the project's folder.
        excluded: Tracked files below the packages that are not in the wheel.
        conversion: What the converter said.
        wheel: The wheel before.
        readme: The tracked file that is the wheel's description.
        tracked: Every tracked file, from the project's folder.
        sources: The wheel's files, from there.
    """

    name: str
    imports: str
    packages: list[str]
    version_file: str
    excluded: list[str]
    conversion: Conversion
    wheel: Wheel
    readme: str | None
    tracked: list[str]
    sources: list[str]


def read_package(repository: Repository, project: Path, wheel: Wheel, *, kept: bool = False) -> Package:
    """Find out where each file of the wheel comes from.

    Args:
        repository: What the repository says.
        project: A folder with the project's tracked files.
        wheel: What its own backend builds.
        kept: Whether that backend goes on to build it.

    Raises:
        AdoptionError: The wheel has no package, or has files that git does not track.
    """
    listed = git(project, "ls-files", "-z", "--recurse-submodules", "--", ".").split("\0")
    tracked = [name for name in listed if name]
    document = Pyproject(read_text(project / "pyproject.toml"))
    if kept:
        return _as_it_is(project, wheel, tracked)
    readme = _find_readme(project, tracked, wheel)
    conversion = converter_for(repository.backend)(Project(project, document, wheel, readme))
    known = readme is not None or "readme" in conversion.override or document.get("project") is not None
    if _description(wheel) and not known:
        raise AdoptionError(
            "The description of the package is no file of the repository, and not written out",
            expected="one file, such as README.md, whose text is the description",
            fix="let the description be one file as it is, commit, run this again",
        )
    written = [name for name in wheel.files if not is_native(name)]
    tops = sorted({name.split("/")[0] for name in written if not name.split("/")[0].endswith(".pth")})
    if odd := [name for name in wheel.files if ".data/" in name.split("/")[0] + "/" or name.endswith(".pth")]:
        raise AdoptionError(
            f"The wheel installs files outside its packages: {', '.join(odd[:5])}",
            expected="files inside the packages only",
            fix="move these files into the package, commit, run this again",
        )
    imports = import_name(wheel)
    where = _source_root(imports, set(tracked), wheel, conversion.version_file)
    prefix = f"{where}/" if where else ""
    generated = f"{prefix}{imports.replace('.', '/')}/_version.py"
    if generated in tracked and not only_version(read_code(project / generated)[0]):
        generated = generated.replace("/_version.py", "/_scm_version.py")
    version_file = conversion.version_file or generated
    there = {*tracked, version_file, *(f"{prefix}{name}" for name in written if _is_forced(name, document))}
    missing = [name for name in written if f"{prefix}{name}" not in there]
    compiled = any(map(is_native, wheel.files))
    if missing and (compiled or not _has_hooks(document)):  # hooks make them afterwards, too
        says = "Compiled: the" if compiled else "The"
        raise AdoptionError(
            f"{says} wheel has files that are not in the repository: {', '.join(missing[:5])}",
            expected=f"files below {where or 'the project'}/ that are tracked by git",
            fix="commit these files, or `exclude` what is generated; run this again",
        )
    packages = [f"{prefix}{name}" for name in tops]
    sources = [f"{prefix}{name}" for name in written]
    below = tuple(f"{p}/" for p in packages)
    files = {*sources, version_file}
    excluded = [n for n in tracked if n.startswith(below) and n not in files]
    return Package(
        name=wheel.metadata["name"],
        imports=imports,
        packages=packages,
        version_file=version_file,
        excluded=_shortened(excluded, sources),
        conversion=conversion,
        wheel=wheel,
        readme=readme,
        tracked=tracked,
        sources=sources,
    )


def _is_forced(name: str, document: Pyproject) -> bool:
    """Whether hatchling takes a file of the wheel from elsewhere, as its settings say."""
    tables = (_hatch(document, "targets", "wheel"), _hatch(document))
    forced = [str(to).strip("/") for table in tables for to in (table.get("force-include") or {}).values()]
    return any(f"{name}/".startswith(f"{to}/") for to in forced)


def _has_hooks(document: Pyproject) -> bool:
    """Whether hatchling runs hooks that can make files."""
    build = document.get("tool", "hatch", "build") or {}
    tables = (build, build.get("targets", {}).get("wheel", {}))
    return any(set(table.get("hooks", {})) - {"vcs"} for table in tables)


def _as_it_is(project: Path, wheel: Wheel, tracked: list[str]) -> Package:
    """A package whose own backend stays: what it makes of the sources is its own business."""
    tops = sorted({name.split("/")[0] for name in wheel.files})
    modules = [name for name in wheel.stated if name.endswith(".py")]
    stated = [name for name in modules if not any(f"/{one}".endswith(f"/{name}") for one in tracked)]
    inside = [one for name in stated[:1] for one in wheel.sdist if f"/{one}".endswith(f"/{name}")]
    return Package(
        name=wheel.metadata["name"],
        imports=import_name(wheel, kept=True),
        packages=tops,
        version_file=min(inside, key=len, default=""),
        excluded=[],
        conversion=Conversion(),
        wheel=wheel,
        readme=None,
        tracked=tracked,
        sources=[name for name in tracked if (project / name).is_file()],
    )


def _shortened(left_out: Iterable[str], kept: Iterable[str]) -> list[str]:
    """Patterns for files that are left out; a folder in which nothing is kept is named once."""
    used = {parent.as_posix() for name in kept for parent in PurePosixPath(name).parents} | {"."}
    found: dict[str, None] = {}
    for path in left_out:
        name = path
        for parent in map(PurePosixPath.as_posix, PurePosixPath(path).parents):
            if parent in used:
                break
            name = parent
        found[f"/{name}"] = None
    return list(found)


def machinery_of(repository: Repository, answers: Mapping[str, Any], *, kept: bool = False) -> list[str]:
    """What adoption adds, and no sdist needs, from the project's folder."""
    added = [] if kept else [".git_archival.txt", ".gitattributes"]
    if not repository.folder:
        added = [
            *(".github/release", ".github/rulesets", "RELEASING.md", free_name(repository.root)),
            *(["cliff.toml"] if answers["release_notes"] == "git-cliff" else []),
            *added,
        ]
        if (repository.root / ".github").is_dir():
            added.append(f".github/workflows/{answers['release_workflow']}")
            added += [".github/workflows/release-watch.yml"] if answers.get("release_issues") else []
    return [name for name in added if not (repository.project / name).is_file()]


def sources_of(package: Package, document: Pyproject, machinery: list[str]) -> tuple[list[str], list[str]]:
    """What the sdist includes, and what it leaves out of that: it has the files that it had.

    Args:
        package: The package.
        document: Its pyproject.toml.
        machinery: What adoption adds.

    Returns:
        Patterns for hatchling; without any of the first kind it takes every tracked file.
    """
    own = {"only-include", "include", "packages"} & {*_hatch(document, "targets", "sdist"), *_hatch(document)}
    shipped = {*package.wheel.sdist, *package.sources}
    stays = [name for name in package.tracked if name not in package.conversion.deleted]
    kept = [name for name in stays if name in shipped]
    tops = {name.split("/")[0] for name in kept}
    everything = tops >= {name.split("/")[0] for name in stays}
    hatch = document.get("build-system", "build-backend") == "hatchling.build"
    if hatch and own:  # its list says what it wants
        return [], _shortened([name for name in machinery if name.split("/")[0] in tops], kept)
    added = [n for n in machinery if hatch or everything or n.split("/")[0] in tops]
    if hatch:
        return [], _shortened(added, kept)
    left_out = [name for name in stays if name not in shipped and name.split("/")[0] in tops]
    include = [] if everything else [f"/{name}" for name in sorted(tops - {"pyproject.toml"})]
    return include, _shortened([*left_out, *added], kept)


def manifest_of(repository: Repository, document: Pyproject, machinery: list[str]) -> str:
    """MANIFEST.in without what adoption adds, where setuptools puts every tracked file into the sdist.

    Returns:
        The new text; empty if nothing changes.
    """
    if not ships_everything(document.data, repository.project):
        return ""
    text = read_text(repository.project / "MANIFEST.in")
    newline = "\r\n" if "\r\n" in text else "\n"
    lead = newline if text and not text.endswith("\n") else ""
    lines = [f"{'exclude' if '.' in name.rpartition('/')[2] else 'prune'} {name}" for name in machinery]
    return text + lead + "".join(f"{line}{newline}" for line in lines)


def _hatch(document: Pyproject, *path: str) -> dict[str, Any]:
    return document.get("tool", "hatch", "build", *path) or {}


def _description(wheel: Wheel) -> str:
    """The wheel's description; what older backends write of none is none."""
    text = wheel.metadata.get("description", "").strip()
    return "" if text == "UNKNOWN" else text


def _find_readme(project: Path, tracked: list[str], wheel: Wheel) -> str | None:
    """The tracked file that the wheel's description is, if there is one."""
    lines = [line.strip() for line in _description(wheel).splitlines()]
    if not lines:
        return None
    for name in sorted(tracked, key=lambda n: (not n.lower().startswith("readme"), n.count("/"), n)):
        if name.lower().endswith((".md", ".rst", ".txt")) or name.lower() == "readme":
            found = [line.strip() for line in read_text(project / name).strip().splitlines()]
            if found == lines:
                return name
    return None


def import_name(wheel: Wheel, *, kept: bool = False) -> str:
    """The name to import: the package named like the project, or the largest one.

    Args:
        wheel: The wheel.
        kept: Whether the backend stays, so that a module, or a folder without __init__.py, will do.

    Raises:
        AdoptionError: There is no package, only modules or nothing.
    """
    initial = {PurePosixPath(name).parent.as_posix() for name in wheel.files if name.endswith("/__init__.py")}
    roots = [p for p in initial if PurePosixPath(p).parent.as_posix() not in initial]
    if kept and not roots:
        modules = [name for name in wheel.files if name.endswith(".py")]
        roots = [n.removesuffix(".py") for n in modules if "/" not in n]
        roots = roots or list({PurePosixPath(name).parent.as_posix() for name in modules})
    if not roots:
        modules = [name for name in wheel.files if "/" not in name]
        raise AdoptionError(
            f"The wheel has no package: only {', '.join(modules[:5]) or 'nothing'}",
            expected="a package (a folder with __init__.py), which the generated _version.py goes into",
            fix="make NAME.py into NAME/__init__.py, commit, run this again",
        )
    wanted = canonicalize_name(wheel.metadata["name"]).replace("-", "")
    sizes = {root: sum(name.startswith(root + "/") for name in wheel.files) for root in roots}

    def rank(root: str) -> tuple[bool, int, str]:
        last = root.rpartition("/")[2]
        named = wanted in {part.replace("/", "").replace("_", "").lower() for part in (root, last)}
        return named, sizes[root], root

    return max(roots, key=rank).replace("/", ".")


def _source_root(imports: str, tracked: set[str], wheel: Wheel, version_file: str) -> str:
    """The folder that holds the packages, from the project's folder."""
    inside = f"{imports.replace('.', '/')}/__init__.py"
    places = sorted((n for n in tracked if n == inside or n.endswith(f"/{inside}")), key=len)
    for place in places:
        root = place[: -len(inside)].rstrip("/")
        prefix = f"{root}/" if root else ""
        if all(
            f"{prefix}{n}" in tracked or f"{prefix}{n}" == version_file
            for n in wheel.files
            if not is_native(n)
        ):
            return root
    return places[0][: -len(inside)].rstrip("/") if places else ""
