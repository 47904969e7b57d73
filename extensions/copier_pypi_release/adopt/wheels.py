"""What a built wheel says and holds, how it compares with another one, and the [project] table behind it."""

from __future__ import annotations

import configparser
import re
import tarfile
import zipfile
from dataclasses import dataclass, field, replace
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import uv
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version, parse_wheel_filename
from packaging.version import Version
from release_lib.distributions import BROKEN, metadata_name, sha256_of
from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.build_pins import build_requires, named
from copier_pypi_release.adopt.programs import AdoptionError, try_git
from copier_pypi_release.adopt.versions import states
from copier_pypi_release.console import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.metadata import RawMetadata

MAY_GROW = {"license files", "license", "author", "maintainer"}  # what no installer acts on
UNREADABLE = (*BROKEN, ValueError, configparser.Error)
# What `contents_of` compares, the version, and what only says how the backend works.
COMPARED = {
    *("name", "version", "summary", "description", "requires_python", "requires_dist", "provides_extra"),
    *(
        "classifiers",
        "project_urls",
        "home_page",
        "download_url",
        "keywords",
        "license",
        "license_expression",
    ),
    *("author", "author_email", "maintainer", "maintainer_email"),
    *("metadata_version", "dynamic", "license_files"),
}
# The fields that a conversion carries over.
FIELDS = {
    *("name", "version", "summary", "description", "requires-python", "requires-dist", "provides-extra"),
    *("classifier", "project-url", "home-page", "download-url", "keywords", "license", "license-expression"),
    *("author", "author-email", "maintainer", "maintainer-email"),
}
# What programs say that ask the network and get no answer.
OFFLINE = re.compile(
    r"\b(?:URLError|gaierror|ConnectionError|ConnectError|ConnectTimeout|ReadTimeout|MaxRetryError|NewConnectionError)\b"
)
# Build requirements that fetch nothing themselves.
BACKENDS = re.compile(
    r"(?:setuptools|wheel|hatchling|hatch|flit|poetry|pdm|uv|scikit-build|meson|versioningit|versioneer|pbr)(?:-.*)?"
)
OF_GIT = "/.git"  # where git keeps the rest of a submodule; some backends take it for a file of the package
CAUSES = 5  # lines of a failed build's output that a message has
Markers = Any  # the parsed tree of packaging.markers


@dataclass(frozen=True)
class Wheel:
    """A wheel, read.

    Attributes:
        name: Its file name.
        pure: Whether it runs on every system.
        metadata: Its core metadata, as its backend wrote them: an older one's are not always valid today.
        entry_points: Objects by group and name.
        files: SHA-256 of each file, by path, without the .dist-info folder.
        licenses: Paths of the licence files below .dist-info/licenses.
        sdist: Sizes of the files of the sdist that was built with it, by path.
        source_metadata: Those of the sdist.
        stated: Files that state the version as text, by path: what modules give to ``__version__``, too.
        commit: What it was built from, if that is known.
    """

    name: str
    pure: bool
    metadata: RawMetadata
    entry_points: Mapping[str, Mapping[str, str]]
    files: Mapping[str, str]
    licenses: frozenset[str] = field(default_factory=frozenset)
    sdist: Mapping[str, int] = field(default_factory=dict)
    source_metadata: RawMetadata = field(default_factory=lambda: parse_email(b"")[0])
    stated: tuple[str, ...] = ()
    commit: str = ""

    @property
    def version(self) -> Version:
        """The version in its metadata."""
        return Version(self.metadata["version"])


class _CaseKept(configparser.ConfigParser):
    """A parser that keeps the case of names, as entry_points.txt needs it."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_wheel(path: Path, commit: str = "") -> Wheel:
    """Read a wheel.

    Args:
        path: The wheel.
        commit: What it was built from; where a file names it, that is no part of its hash.

    Raises:
        AdoptionError: It is broken, or a field of its metadata has no meaning.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            inside = metadata_name(names)
            info = inside.partition("/")[0]
            metadata, others = parse_email(archive.read(inside))
            entries = _CaseKept(delimiters=("=",), interpolation=None)
            if f"{info}/entry_points.txt" in names:
                entries.read_string(archive.read(f"{info}/entry_points.txt").decode())
            if unread := sorted(FIELDS & set(others)):
                raise ValueError(f"the metadata's {', '.join(unread)} cannot be understood")
            Version(metadata["version"])
            for line in metadata.get("requires_dist", []):
                Requirement(line)
            own = [n for n in names if not n.startswith(f"{info}/") and not n.endswith(OF_GIT)]
            contents = {n: archive.read(n) for n in own}
            named = re.compile(re.escape(commit[:7].encode()) + rb"[0-9a-f]*" if commit else rb"(?!)")
            return Wheel(
                name=path.name,
                pure=all(tag.platform == "any" for tag in parse_wheel_filename(path.name)[3]),
                metadata=metadata,
                entry_points={group: dict(entries[group]) for group in entries.sections() if entries[group]},
                files={n: sha256_of(named.sub(b"", data)) for n, data in contents.items()},
                licenses=frozenset(n.split("/")[-1] for n in names if n.startswith(f"{info}/licenses/")),
                stated=tuple(n for n, data in contents.items() if states(n, data, metadata["version"])),
                commit=commit,
            )
    except UNREADABLE as error:
        raise AdoptionError(
            f"The wheel {path.name} cannot be read: {error}",
            expected="a wheel with metadata that an index accepts",
            fix="correct what `uvx twine check` says about it, commit, run this again",
        ) from error


def build_wheel(project: Path, out: Path, *, constraints: Path | None = None) -> Wheel:
    """Build an sdist and a wheel, isolated; with pinned tools the one from the other, like a release.

    Args:
        project: Folder of pyproject.toml or setup.py.
        out: Folder for what is built.
        constraints: Requirements with hashes for the build tools; without, the newest ones are taken.

    Raises:
        AdoptionError: The build fails.
    """
    how = ["--sdist", "--wheel"]  # both from the source
    if constraints is not None:
        how = [f"--build-constraint={constraints}", "--require-hashes"]
    try:
        run(uv.find_uv_bin(), "build", "--no-config", *how, "--out-dir", out, project, cwd=project)
    except ReleaseError as error:
        cause = _cause(error.problem)
        if unanswered := [line for line in cause.split(" | ") if OFFLINE.search(line)]:
            raise offline(unanswered[-1], project) from error
        raise AdoptionError(
            f"The build failed: {cause}",
            expected="a package that builds",
            fix="correct what `uv build` says in full, commit, run this again",
        ) from error
    wheel = read_wheel(next(out.glob("*.whl")), try_git(project, "rev-parse", "HEAD") or "")
    sizes, metadata = read_sdist(next(out.glob("*.tar.gz")))
    return replace(wheel, sdist=sizes, source_metadata=metadata)


class OfflineError(AdoptionError):
    """A build wants something that is in no file of the repository, and that nothing gives it here."""


def offline(cause: str, project: Path) -> OfflineError:
    """The refusal of a build that asks the network, with what it runs besides its backend."""
    requires = build_requires(project / "pyproject.toml")
    others = [line for line in requires if not BACKENDS.fullmatch(named(line))]
    return OfflineError(
        f"The build fetches something and gets no answer: {cause}"
        + (f"; it runs {', '.join(others)}, too" if others else ""),
        expected="a build of the repository's files and [build-system] requires, and of nothing else",
        fix="commit what it fetches (a licence, say), or run this where it gets an answer",
    )


def read_sdist(path: Path) -> tuple[dict[str, int], RawMetadata]:
    """Sizes of an sdist's files, by path from the root of the source; and its metadata."""
    with tarfile.open(path, "r:gz") as archive:
        files = {m.name.partition("/")[2]: m for m in archive.getmembers() if not m.isdir()}
        inside = archive.extractfile(files["PKG-INFO"]) if "PKG-INFO" in files else None
        metadata = parse_email(inside.read() if inside else b"")[0]
    sizes = {name: member.size for name, member in files.items()}
    own = [n for n in sizes if n != "PKG-INFO" and ".egg-info/" not in n and not n.endswith(OF_GIT)]
    return {n: sizes[n] for n in own}, metadata


def _cause(problem: str) -> str:
    """What a failed build says, without the places in its backend's code and what uv says of every build."""
    said = problem.partition(": ")[2].split(" | ")
    known = (
        "error: Failed to build",
        "cause: The build backend returned",
        "Caused by: The build backend returned",
        "Caused by: Call to",
        "hint:",
        "warning:",
        "Traceback",
        "Building ",
    )
    lines = [line.strip() for line in said]
    told = [line.removeprefix("cause: ") for line in lines if line and not line.startswith(known)]
    return " | ".join([line for line in told if not line.startswith(("File ", "^", "~"))][-CAUSES:])


# ---- Comparison -------------------------------------------------------------------------------------


def contents_of(wheel: Wheel) -> dict[str, set[str]]:
    """What a wheel's metadata says, in a form in which equal things are equal.

    Specifications: https://packaging.python.org/en/latest/specifications/core-metadata/
    """
    fields = wheel.metadata
    own = wheel.commit or "\0"  # a link to the source of the very build
    urls = {
        (label.strip(), url.strip().replace(own, "COMMIT"))
        for label, url in fields.get("project_urls", {}).items()
    }
    urls |= {("homepage", url) for url in [_stated(fields.get("home_page"))] if url}
    urls |= {("download", url) for url in [_stated(fields.get("download_url"))] if url}
    return {
        "name": {canonicalize_name(fields["name"])},
        "summary": {fields.get("summary", "")},
        "description": {_plain(fields.get("description", ""))},
        "requires-python": {_canonical(SpecifierSet(fields.get("requires_python", "")))},
        "dependencies": _expanded(
            {r for line in fields.get("requires_dist", []) for r in _requirements(line, fields)},
            fields["name"],
        ),
        "extras": {canonicalize_name(extra) for extra in fields.get("provides_extra", [])},
        "classifiers": set(fields.get("classifiers", [])),
        "urls": {f"{label.casefold()}: {url}" for label, url in urls},
        "keywords": {word for text in fields.get("keywords", []) for word in text.split()},
        "author": {f"{name} <{mail}>" for name, mail in authors_of(fields)},
        "maintainer": {f"{name} <{mail}>" for name, mail in maintainers_of(fields)},
        "license": {fields.get("license_expression") or _unfolded(fields.get("license", ""))},
        "license files": set(wheel.licenses),
        "entry points": {
            f"{group}: {name} = {''.join(target.split())}"
            for group, entries in wheel.entry_points.items()
            for name, target in entries.items()
        },
    }


def _stated(text: str | None) -> str:
    """A field's text; empty if an old setuptools says that it has none."""
    return "" if text in {None, "UNKNOWN"} else str(text)


def _versionless(wheel: Wheel) -> str:
    return _plain(wheel.metadata.get("description", "").replace(str(wheel.version), "VERSION"))


def _unfolded(text: str) -> str:
    """A text of several lines, however a backend has marked those after the first."""
    return "\n".join(filter(None, (line.strip().removeprefix("|").strip() for line in text.splitlines())))


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _canonical(specifiers: SpecifierSet) -> str:
    """Specifiers as one text, the same for all spellings that `packaging` calls equal."""
    return ",".join(sorted({_canonical_one(one) for one in specifiers}))


def _canonical_one(one: Specifier) -> str:
    if one.operator == "===":
        return str(one)
    version, wildcard = one.version.removesuffix(".*"), ".*" if one.version.endswith(".*") else ""
    # 1.0 and 1 are the same version, but ~=1.0 and 1.0.* are not ~=1 and 1.*.
    stripped = one.operator != "~=" and not wildcard
    return f"{one.operator}{canonicalize_version(version, strip_trailing_zero=stripped)}{wildcard}"


def _requirements(line: str, fields: RawMetadata) -> set[str]:
    """One dependency as one line for each extra that brings it, spelled the same by every backend."""
    requirement = Requirement(line)
    found = set()
    for extra in ("", *fields.get("provides_extra", [])):
        fits, marker = without_extra(requirement.marker, extra)
        if fits and not (extra and without_extra(requirement.marker, "")[0]):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            source = f" @ {requirement.url}" if requirement.url else _canonical(requirement.specifier)
            # uv writes the one for the other; they differ for pre-releases of Python only.
            marker = re.sub(r'python_full_version (<|>=) "(\d+\.\d+)"', r'python_version \1 "\2"', marker)
            when = f" ; {marker}" if marker else ""
            whose = f" (extra {canonicalize_name(extra)})" if extra else ""
            found.add(f"{canonicalize_name(requirement.name)}{extras}{source}{when}{whose}")
    return found


def _expanded(lines: set[str], name: str) -> set[str]:
    """Dependencies with what the package's own extras stand for, which some backends write out."""
    own = re.compile(rf"{re.escape(canonicalize_name(name))}\[([^\]]+)\] \(extra ([^)]+)\)")
    found, waiting, seen = set(), sorted(lines), set(lines)
    while waiting:
        line = waiting.pop()
        if not (match := own.fullmatch(line)):
            found.add(line)
            continue
        for extra in match[1].split(","):
            whose = f" (extra {canonicalize_name(extra)})"
            more = {f"{one.removesuffix(whose)} (extra {match[2]})" for one in lines if one.endswith(whose)}
            waiting += more - seen
            seen |= more
    return found


def compare(before: Wheel, after: Wheel, *, edited: frozenset[str], generated: frozenset[str]) -> list[str]:
    """What the wheel after lost or changed, as sentences; empty if nothing.

    Args:
        before: The wheel as the project builds it now.
        after: The wheel as it will be built.
        edited: Paths in the wheel of files whose contents are meant to change.
        generated: Paths in the wheel that the build writes.
    """
    found = []
    was, now = contents_of(before), contents_of(after)
    if _versionless(before) == _versionless(after):  # a plugin may write the version into the description
        now["description"] = was["description"]
    for what, values in was.items():
        lost = sorted(values - now[what] - {""})
        new = sorted(now[what] - values - {""})
        if lost:
            instead = f" (instead: {', '.join(new)})" if new else ""
            found.append(f"the {what} would lose {', '.join(map(repr, lost))}{instead}"[:400])
        elif new and what not in MAY_GROW:
            found.append(f"the {what} would gain {', '.join(map(repr, new))}"[:400])
    old, fresh = set(before.files) - generated, set(after.files) - generated
    found += [f"the wheel would lose {path}" for path in sorted(old - fresh)]
    found += [f"the wheel would gain {path}" for path in sorted(fresh - old)]
    kept = sorted((old & fresh) - edited)
    found += [f"{path} in the wheel would change" for path in kept if before.files[path] != after.files[path]]
    return found


def differences(before: Wheel, after: Wheel, *, expected: frozenset[str]) -> list[tuple[str, str, str]]:
    """What differs between two builds and loses nothing, as rows of a table: what, before, after.

    Args:
        before: What the project builds now.
        after: What it will build.
        expected: Paths in the sdist of files that the build writes.
    """
    was, now = contents_of(before), contents_of(after)
    rows = [
        (f"wheel, {what}", ", ".join(sorted(was[what] - {""})), f"also {', '.join(map(_brief, new))}")
        for what in sorted(MAY_GROW)
        if (new := sorted(now[what] - was[what] - {""}))
    ]
    for key in sorted({*before.metadata, *after.metadata} - COMPARED):
        one, other = (_shown(wheel.metadata.get(key)) for wheel in (before, after))
        if one != other:
            rows.append((f"wheel, {key.replace('_', '-')}", one, other))
    for key in sorted({*before.source_metadata, *after.source_metadata} - {"version", "metadata_version"}):
        one, other = (_shown(wheel.source_metadata.get(key)) for wheel in (before, after))
        # What the wheel says too was compared there, in a form in which equal things are equal.
        if one != other and _shown(after.metadata.get(key)) != other:
            rows.append((f"sdist, {key.replace('_', '-')}", one, other))
    lost = sorted(set(before.sdist) - set(after.sdist) - {"setup.cfg", "pyproject.toml.orig"})
    gained = sorted(set(after.sdist) - set(before.sdist) - expected)
    if lost or gained:
        rows.append(("sdist, files", ", ".join(lost), ", ".join(gained)))
    one, other = (
        f"{counted(len(w.sdist), 'file')}, {sum(w.sdist.values()):,} bytes" for w in (before, after)
    )
    rows.append(("sdist", one, other))
    by_path = {
        path: after.sdist.get(path, 0) - before.sdist.get(path, 0) for path in {*before.sdist, *after.sdist}
    }
    most = sorted((path for path in by_path if by_path[path]), key=lambda path: (-abs(by_path[path]), path))
    if most:
        shown = ", ".join(f"{path} {by_path[path]:+,}" for path in most[:3])
        rows.append(("sdist, bytes by file", "", f"{shown}, ..." if most[3:] else shown))
    return rows


def _brief(text: str) -> str:
    """The first line of a text, such as a whole licence."""
    first, more, _ = text.partition("\n")
    return f"{first} ..." if more else first


def _shown(value: object) -> str:
    """A field's value as text; the same for parameters of a content type in another order."""
    if isinstance(value, list | tuple):
        return ", ".join(sorted(map(str, value)))
    return "; ".join(sorted(str(value or "").split("; ")))


# ---- From metadata to [project] ----------------------------------------------------------------------


def without_extra(marker: Marker | None, extra: str) -> tuple[bool, str]:
    """Whether a requirement belongs to an extra, and the rest of its marker.

    Args:
        marker: The requirement's marker.
        extra: Name of the extra; empty for the requirements of the package itself.
    """
    if marker is None:
        return True, ""
    tree = _simplified(marker._markers, canonicalize_name(extra))  # noqa: SLF001  (no public tree)
    if isinstance(tree, bool):
        return tree, ""
    rest = Marker("python_version > '0'")
    rest._markers = tree if isinstance(tree, list) else [tree]  # noqa: SLF001
    return True, str(rest)


def _simplified(tree: Markers, extra: str) -> Markers:
    """A marker tree with everything about extras decided: a tree, True or False."""
    if isinstance(tree, tuple):
        left, operator, right = (str(getattr(part, "value", part)) for part in tree)
        if "extra" not in (left, right):
            return tree
        named = canonicalize_name(right if left == "extra" else left)
        return (named == extra) if operator == "==" else (named != extra)
    alternatives: list[list[Markers]] = [[]]
    for part in tree:
        if part == "or":
            alternatives.append([])
        elif part != "and":
            alternatives[-1].append(_simplified(part, extra))
    # What is False ends an alternative; what is True says nothing more in it.
    kept = [
        [c for c in group if c is not True] for group in alternatives if not any(c is False for c in group)
    ]
    if not kept or not all(kept):
        return bool(kept)
    joined = _joined([_joined(group, "and") for group in kept], "or")
    return joined[0] if len(joined) == 1 else joined


def _joined(parts: list[Markers], word: str) -> list[Markers]:
    """Conditions with a word between each two; those of an inner list keep their place in it."""
    found: list[Markers] = []
    for number, part in enumerate(parts):
        found += [word] if number else []
        found += part if word == "or" and isinstance(part, list) else [part]
    return found


def authors_of(fields: RawMetadata) -> list[tuple[str, str]]:
    """Names and addresses of the authors, in order."""
    return _people(fields.get("author", ""), fields.get("author_email", ""))


def maintainers_of(fields: RawMetadata) -> list[tuple[str, str]]:
    """Names and addresses of the maintainers, in order."""
    return _people(fields.get("maintainer", ""), fields.get("maintainer_email", ""))


def _people(names: str, addresses: str) -> list[tuple[str, str]]:
    found = [(name.strip(), mail.strip()) for name, mail in getaddresses([addresses])]
    named = [name.strip() for name in names.split(",") if name.strip()]
    if len(found) == 1 and not found[0][0] and len(named) == 1:
        return [(named[0], found[0][1])]
    known = {name for name, _ in found}
    return [(n, m) for n, m in found if n or m] + [(n, "") for n in named if n not in known]


def project_table(wheel: Wheel, readme: str | None) -> dict[str, Any]:
    """The [project] table (PEP 621) that gives a wheel with this metadata.

    Args:
        wheel: The wheel.
        readme: Path of the file that holds the description, if there is one.
    """
    fields = wheel.metadata
    people = {"authors": authors_of(fields), "maintainers": maintainers_of(fields)}
    stated = {
        "name": fields["name"],
        "dynamic": ["version"],
        "description": _stated(fields.get("summary")),
        "readme": _readme(fields, readme),
        "requires-python": fields.get("requires_python", "").replace(" ", ""),
        **_license(fields),
        **_license_files(fields),
        **{key: [_person(name, mail) for name, mail in found] for key, found in people.items()},
        "keywords": _keywords(fields.get("keywords", [])),
        "classifiers": fields.get("classifiers"),
        **dependency_tables(wheel),
        "urls": _urls(fields),
        **entry_point_tables(wheel),
    }
    return {key: value for key, value in stated.items() if value}


def _person(name: str, mail: str) -> dict[str, str]:
    return {key: value for key, value in (("name", name), ("email", mail)) if value}


def _readme(fields: RawMetadata, path: str | None) -> str | dict[str, str] | None:
    """The file with the description; with what it is written in, where its name does not say so."""
    if path is None or "." in path.rpartition("/")[2]:
        return path
    # What says nothing is shown as reStructuredText by the index.
    return {"file": path, "content-type": fields.get("description_content_type") or "text/x-rst"}


def _urls(fields: RawMetadata) -> dict[str, str]:
    urls = dict(fields.get("project_urls", {}))
    for label, text in (("Homepage", fields.get("home_page")), ("Download", fields.get("download_url"))):
        if _stated(text) and text != urls.get(label):
            urls = {label: _stated(text), **urls}
    return urls


def _keywords(found: list[str]) -> list[str]:
    """Keywords, which an old backend may have put blanks between instead of commas."""
    return [k.strip() for k in (found if len(found) > 1 else " ".join(found).split()) if k.strip()]


def _license(fields: RawMetadata) -> dict[str, Any]:
    if fields.get("license_expression"):
        return {"license": fields["license_expression"]}
    text = _stated(fields.get("license"))
    if text and not any(c.startswith("License ::") for c in fields.get("classifiers", [])):
        try:
            return {"license": str(canonicalize_license_expression(text))}
        except InvalidLicenseExpression:
            pass
    # An expression beside licence classifiers is refused by the indexes (PEP 639); the text form is not.
    return {"license": {"text": text}} if text else {}


def _license_files(fields: RawMetadata) -> dict[str, Any]:
    """The licence files, where hatchling would not find them by itself, and may be told (PEP 639)."""
    files = fields.get("license_files", [])
    usual = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*", re.IGNORECASE)
    told = not isinstance(_license(fields).get("license"), dict)
    return {"license-files": files} if told and not all(map(usual.fullmatch, files)) else {}


def dependency_tables(wheel: Wheel) -> dict[str, Any]:
    """``dependencies`` and ``optional-dependencies``, as the metadata has them."""
    lines = [Requirement(line) for line in wheel.metadata.get("requires_dist", [])]
    extras = wheel.metadata.get("provides_extra", [])
    found: dict[str, list[str]] = {extra: [] for extra in ("", *extras)}
    for requirement in lines:
        base = without_extra(requirement.marker, "")[0]
        for extra in ("",) if base else extras:
            fits, marker = without_extra(requirement.marker, extra)
            if fits:
                bare = Requirement(str(requirement))
                bare.marker = Marker(marker) if marker else None
                found[extra].append(str(bare).replace('"', "'"))
    own = found.pop("")
    tables: dict[str, Any] = {"dependencies": own} if own else {}
    return tables | ({"optional-dependencies": found} if extras else {})


def entry_point_tables(wheel: Wheel) -> dict[str, Any]:
    """``scripts``, ``gui-scripts`` and ``entry-points``, as the metadata has them."""
    names = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}
    tables: dict[str, Any] = {
        names[group]: dict(entries) for group, entries in wheel.entry_points.items() if group in names
    }
    others = {group: dict(e) for group, e in wheel.entry_points.items() if group not in names}
    return tables | ({"entry-points": others} if others else {})
