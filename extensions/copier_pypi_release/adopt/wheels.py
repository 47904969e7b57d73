"""What a built wheel says and holds, how it compares with another one, and the [project] table behind it."""

from __future__ import annotations

import configparser
import hashlib
import re
import zipfile
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import uv
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from release_lib.step import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from pathlib import Path

MAY_GROW = {"license files", "license", "author", "maintainer"}  # what no installer acts on
Markers = Any  # the parsed tree of packaging.markers


@dataclass(frozen=True)
class Wheel:
    """A wheel, read.

    Attributes:
        name: Its file name.
        pure: Whether it runs on every system.
        metadata: Its core metadata.
        entry_points: Objects by group and name.
        files: SHA-256 of each file, by path, without the .dist-info folder.
        licenses: Paths of the licence files below .dist-info/licenses.
    """

    name: str
    pure: bool
    metadata: Message
    entry_points: Mapping[str, Mapping[str, str]]
    files: Mapping[str, str]
    licenses: frozenset[str] = field(default_factory=frozenset)

    @property
    def version(self) -> str:
        """The version in its metadata."""
        return str(self.metadata["Version"])


class _CaseKept(configparser.ConfigParser):
    """A parser that keeps the case of names, as entry_points.txt needs it."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_wheel(path: Path) -> Wheel:
    """Read a wheel.

    Args:
        path: The file.
    """
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        info = next(n.split("/")[0] for n in names if n.endswith(".dist-info/METADATA"))
        metadata = BytesParser(policy=compat32).parsebytes(archive.read(f"{info}/METADATA"))
        entries = _CaseKept(delimiters=("=",), interpolation=None)
        if f"{info}/entry_points.txt" in names:
            entries.read_string(archive.read(f"{info}/entry_points.txt").decode())
        outside = [n for n in names if not n.startswith(f"{info}/")]
        return Wheel(
            name=path.name,
            pure=all(tag.platform == "any" for tag in parse_wheel_filename(path.name)[3]),
            metadata=metadata,
            entry_points={group: dict(entries[group]) for group in entries.sections() if entries[group]},
            files={n: hashlib.sha256(archive.read(n)).hexdigest() for n in outside},
            licenses=frozenset(n.split("/")[-1] for n in names if n.startswith(f"{info}/licenses/")),
        )


def build_wheel(project: Path, out: Path, *, constraints: Path | None = None) -> Wheel:
    """Build a wheel, in an isolated environment; with pinned tools by way of the sdist, like a release.

    Args:
        project: Folder of pyproject.toml or setup.py.
        out: Folder for what is built.
        constraints: Requirements with hashes for the build tools; without, the newest ones are taken.

    Raises:
        AdoptionError: The build fails.
    """
    how = ["--wheel"] if constraints is None else ["--build-constraint", str(constraints), "--require-hashes"]
    run(uv.find_uv_bin(), "build", "--no-config", "--quiet", *how, "--out-dir", out, project, cwd=project)
    return read_wheel(next(out.glob("*.whl")))


# ---- Comparison -------------------------------------------------------------------------------------


def facts_of(wheel: Wheel) -> dict[str, set[str]]:
    """What a wheel's metadata says, in a form in which equal things are equal.

    Specifications: https://packaging.python.org/en/latest/specifications/core-metadata/
    """
    get = wheel.metadata.get_all
    urls = {tuple(part.strip() for part in url.split(",", 1)) for url in get("Project-URL", [])}
    home, download = wheel.metadata["Home-page"], wheel.metadata["Download-URL"]
    urls |= {("homepage", home)} if home and home != "UNKNOWN" else set()
    urls |= {("download", download)} if download and download != "UNKNOWN" else set()
    people = {
        kind: set(people_of(wheel.metadata, kind, kind + "-email")) for kind in ("Author", "Maintainer")
    }
    description = wheel.metadata["Description"] or wheel.metadata.get_payload() or ""
    return {
        "name": {canonicalize_name(wheel.metadata["Name"])},
        "summary": {wheel.metadata["Summary"] or ""},
        "description": {_plain(str(description))},
        "requires-python": {str(SpecifierSet(wheel.metadata["Requires-Python"] or ""))},
        "dependencies": {r for line in get("Requires-Dist", []) for r in _requirements(line, wheel)},
        "extras": {canonicalize_name(extra) for extra in get("Provides-Extra", [])},
        "classifiers": set(get("Classifier", [])),
        "urls": {f"{label.casefold()}: {url}" for label, url in urls},
        "keywords": {k.strip() for k in re.split(r"[,\s]+", wheel.metadata["Keywords"] or "") if k.strip()},
        "author": {f"{name} <{mail}>" for name, mail in people["Author"]},
        "maintainer": {f"{name} <{mail}>" for name, mail in people["Maintainer"]},
        "license": {wheel.metadata["License-Expression"] or wheel.metadata["License"] or ""},
        "license files": set(wheel.licenses),
        "entry points": {
            f"{group}: {name} = {''.join(target.split())}"
            for group, entries in wheel.entry_points.items()
            for name, target in entries.items()
        },
    }


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _requirements(line: str, wheel: Wheel) -> set[str]:
    """One dependency as one line for each extra that brings it, spelled the same by every backend."""
    requirement = Requirement(line)
    found = set()
    for extra in ("", *wheel.metadata.get_all("Provides-Extra", [])):
        fits, marker = without_extra(requirement.marker, extra)
        if fits and not (extra and without_extra(requirement.marker, "")[0]):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            source = f" @ {requirement.url}" if requirement.url else str(requirement.specifier)
            # uv writes the one for the other; they differ for pre-releases of Python only.
            marker = re.sub(r'python_full_version (<|>=) "(\d+\.\d+)"', r'python_version \1 "\2"', marker)
            when = f" ; {marker}" if marker else ""
            whose = f" (extra {canonicalize_name(extra)})" if extra else ""
            found.add(f"{canonicalize_name(requirement.name)}{extras}{source}{when}{whose}")
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
    was, now = facts_of(before), facts_of(after)
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


def people_of(metadata: Message, name_key: str, mail_key: str) -> list[tuple[str, str]]:
    """Names and addresses of authors or maintainers, in order."""
    found = [(n.strip(), m.strip()) for n, m in getaddresses(metadata.get_all(mail_key, []))]
    names = [n.strip() for n in ", ".join(metadata.get_all(name_key, [])).split(",") if n.strip()]
    if len(found) == 1 and not found[0][0] and len(names) == 1:
        return [(names[0], found[0][1])]
    known = {name for name, _ in found}
    return [(n, m) for n, m in found if n or m] + [(n, "") for n in names if n not in known]


def project_table(wheel: Wheel, readme: str | None) -> dict[str, Any]:
    """The [project] table (PEP 621) that gives a wheel with this metadata.

    Args:
        wheel: The wheel.
        readme: Path of the file that holds the description, if there is one.
    """
    table: dict[str, Any] = {"name": wheel.metadata["Name"], "dynamic": ["version"]}
    if wheel.metadata["Summary"] and wheel.metadata["Summary"] != "UNKNOWN":
        table["description"] = wheel.metadata["Summary"]
    if readme:
        table["readme"] = readme
    if wheel.metadata["Requires-Python"]:
        table["requires-python"] = wheel.metadata["Requires-Python"].replace(" ", "")
    table |= _license(wheel.metadata) | _people(wheel.metadata)
    if wheel.metadata["Keywords"]:
        table["keywords"] = _keywords(wheel.metadata["Keywords"])
    if wheel.metadata.get_all("Classifier"):
        table["classifiers"] = wheel.metadata.get_all("Classifier")
    return table | dependency_tables(wheel) | _urls(wheel.metadata) | entry_point_tables(wheel)


def _people(metadata: Message) -> dict[str, Any]:
    table = {}
    for key, kind in (("authors", "Author"), ("maintainers", "Maintainer")):
        people = [
            {k: v for k, v in (("name", name), ("email", mail)) if v}
            for name, mail in people_of(metadata, kind, kind + "-email")
        ]
        if people:
            table[key] = people
    return table


def _urls(metadata: Message) -> dict[str, Any]:
    urls: dict[str, str] = {}
    for url in metadata.get_all("Project-URL", []):
        label, _, address = url.partition(",")
        urls[label.strip()] = address.strip()
    for key, label in (("Home-page", "Homepage"), ("Download-URL", "Download")):
        if metadata[key] and metadata[key] not in {"UNKNOWN", urls.get(label)}:
            urls = {label: metadata[key], **urls}
    return {"urls": urls} if urls else {}


def _keywords(text: str) -> list[str]:
    return [k.strip() for k in (text.split(",") if "," in text else text.split()) if k.strip()]


def _license(metadata: Message) -> dict[str, Any]:
    expression, text = metadata["License-Expression"], metadata["License"]
    if expression:
        return {"license": expression}
    if not text or text == "UNKNOWN":
        return {}
    if not any(c.startswith("License ::") for c in metadata.get_all("Classifier", [])):
        try:
            return {"license": str(canonicalize_license_expression(text))}
        except InvalidLicenseExpression:
            pass
    # An expression beside licence classifiers is refused by the indexes (PEP 639); the text form is not.
    return {"license": {"text": text}}


def dependency_tables(wheel: Wheel) -> dict[str, Any]:
    """``dependencies`` and ``optional-dependencies``, as the metadata has them."""
    lines = [Requirement(line) for line in wheel.metadata.get_all("Requires-Dist", [])]
    extras = wheel.metadata.get_all("Provides-Extra", [])
    found: dict[str, list[str]] = {extra: [] for extra in ("", *extras)}
    for requirement in lines:
        base = without_extra(requirement.marker, "")[0]
        for extra in ("",) if base else extras:
            fits, marker = without_extra(requirement.marker, extra)
            if fits:
                bare = Requirement(str(requirement))
                bare.marker = Marker(marker) if marker else None
                found[extra].append(str(bare).replace('"', "'"))
    tables: dict[str, Any] = {"dependencies": found.pop("")} if found[""] else {}
    return tables | ({"optional-dependencies": found} if extras else {})


def entry_point_tables(wheel: Wheel) -> dict[str, Any]:
    """``scripts``, ``gui-scripts`` and ``entry-points``, as the metadata has them."""
    names = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}
    tables: dict[str, Any] = {
        names[group]: dict(entries) for group, entries in wheel.entry_points.items() if group in names
    }
    others = {group: dict(e) for group, e in wheel.entry_points.items() if group not in names}
    return tables | ({"entry-points": others} if others else {})
