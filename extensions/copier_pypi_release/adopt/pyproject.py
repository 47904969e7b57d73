"""The tables of pyproject.toml that adoption owns: version and build; and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomlkit

from copier_pypi_release.adopt.toml_text import Document, as_toml, statements
from copier_pypi_release.adopt.wheels import project_table

if TYPE_CHECKING:
    from copier_pypi_release.adopt.convert.conversion import Conversion
    from copier_pypi_release.adopt.wheels import Wheel

REQUIRES = ["hatchling>=1.27", "hatch-vcs>=0.5"]
VERSION = ("tool", "hatch", "version")
WHEEL = ("tool", "hatch", "build", "targets", "wheel")


def own_version(document: Document, *, name: str, prefix: str, version_file: str, nested: bool) -> None:
    """Let the version come from the git tag, by hatch-vcs, with every way to a wrong version closed.

    Args:
        document: The text to edit.
        name: Name of the distribution.
        prefix: What stands before the version in a tag.
        version_file: The file that the build writes, from the project's folder.
        nested: Whether the project is in a sub-directory of its repository.
    """
    dynamic = document.get("project", "dynamic") or []
    if document.get("project", "version") is not None:
        if document.get("project", "dynamic") is not None:
            document.remove(("project", "version"))
        else:
            document.rename(("project", "version"), "dynamic", ["version"])
    if document.get("project") is not None and "version" not in (document.get("project", "dynamic") or []):
        document.set(("project", "dynamic"), [*dynamic, "version"])
    document.set((*VERSION, "source"), "vcs")
    document.set((*VERSION, "tag-pattern"), f"^{re.escape(prefix)}(?P<version>[0-9][0-9A-Za-z.!]*)$")
    raw = (*VERSION, "raw-options")
    document.set((*raw, "dist_name"), name)
    match = ["git", "describe", "--dirty", "--tags", "--long", "--match", f"{prefix}[0-9]*"]
    document.set((*raw, "git_describe_command"), match)
    document.set((*raw, "scm", "git", "pre_parse"), "fail_on_shallow")
    if nested:
        document.set((*raw, "search_parent_directories"), True)
    for key in ("fallback_version", "version_scheme"):  # a version that no tag has given
        document.remove((*raw, key)) if document.get(*raw, key) else None
    document.set(("tool", "hatch", "build", "hooks", "vcs", "version-file"), version_file)


def own_build(document: Document) -> None:
    """Let hatchling build, with hatch-vcs."""
    requires = document.get("build-system", "requires") or []
    backend = document.get("build-system", "build-backend")
    if backend == "hatchling.build":
        if not any(re.match(r"hatch[-_]vcs\b", text) for text in requires):
            document.set(("build-system", "requires"), [*requires, "hatch-vcs>=0.5"])
        return
    if document.get("build-system") is None:
        block = f'[build-system]\nrequires = {as_toml(REQUIRES)}\nbuild-backend = "hatchling.build"\n'
        first = statements(document.text)
        at = first[0].start if first and first[0].header else 0
        document.insert(at, block + ("\n" if document.text[at:] else ""))
        return
    document.set(("build-system", "requires"), REQUIRES)
    document.set(("build-system", "build-backend"), "hatchling.build")
    document.remove(("build-system", "backend-path"))


def own_wheel(document: Document, packages: list[str], excluded: list[str]) -> None:
    """Say which files the wheel has: the same as before.

    Args:
        document: The text to edit.
        packages: Top-level packages and modules, from the project's folder.
        excluded: Tracked files below them that the wheel never had.
    """
    document.set((*WHEEL, "packages"), packages)
    if excluded:
        document.set((*WHEEL, "exclude"), excluded)


def convert_project(document: Document, conversion: Conversion, wheel: Wheel, readme: str | None) -> None:
    """Take the old backend's tables out, and write down in [project] what it knew.

    Args:
        document: The text to edit.
        conversion: What the converter said.
        wheel: What the old backend builds.
        readme: The file that the description is.
    """
    # Where the old backend's tables begin; nothing above that place changes.
    old = [
        s.start for s in statements(document.text) if s.path[:2] in {path[:2] for path in conversion.remove}
    ]
    for path in conversion.remove:
        document.remove(path)
    for path, value in conversion.settings.items():
        document.set(path, value)
    for path in sorted({path[:2] for path in conversion.remove}):
        document.drop_header(path)
    table = project_table(wheel, readme) | conversion.override
    if conversion.whole:
        after_build = document.end_of(("build-system",))
        at = old[0] if old else after_build if after_build is not None else len(document.text)
        text = document.text
        lead = "\n" if text[:at].strip() and not text[:at].endswith(("\n\n", "\n\r\n")) else ""
        tail = "\n" if text[at:].strip() and not text[at:].startswith(("\n", "\r\n")) else ""
        document.insert(at, lead + project_text(table) + tail)
        return
    if conversion.static:
        kept = [key for key in document.get("project", "dynamic") if key not in conversion.static]
        document.set(("project", "dynamic"), kept)
        for key in conversion.static:
            if table.get(key):
                document.set(("project", key), table[key])


def project_text(table: dict[str, Any]) -> str:
    """The [project] table as people write it: one line an item, sub-tables below."""
    document = tomlkit.document()
    project = tomlkit.table()
    below: dict[str, Any] = {}
    for key, value in table.items():
        if key in {"urls", "scripts", "gui-scripts", "entry-points", "optional-dependencies"}:
            below[key] = value
        elif key in {"classifiers", "dependencies", "authors", "maintainers"} and len(value) > 1:
            project.add(key, _lines(value))
        else:
            project.add(key, tomlkit.item(_inline(value)))
    for key, value in below.items():
        inner = tomlkit.table(is_super_table=key == "entry-points")
        for name, item in value.items():
            inner.add(name, item if not isinstance(item, list) else _lines(item) if len(item) > 2 else item)  # noqa: PLR2004
        project.add(key, inner)
    document.add("project", project)
    return tomlkit.dumps(document)


def _inline(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            array.append(_inline(item))
        return array
    return value


def _lines(items: list[Any]) -> tomlkit.items.Array:
    array = tomlkit.array()
    for item in items:
        array.append(_inline(item))
    return array.multiline(True)
