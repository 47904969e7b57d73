"""Projects that scikit-build-core builds: only the version moves to the tag, and the backend stays."""

from __future__ import annotations

from copier_pypi_release.adopt.convert.conversion import Conversion, Project

VERSION = ("tool", "scikit-build", "metadata", "version")


def convert(project: Project) -> Conversion:
    """Say what of the project changes besides the version: where its version was read from."""
    document = project.document
    conversion = Conversion()
    if document.get(*VERSION):
        conversion.remove.append(VERSION)
    for name in ("setuptools_scm", "setuptools-scm"):
        table = document.get("tool", name) or {}
        conversion.version_file = conversion.version_file or str(
            table.get("version_file") or table.get("write_to") or ""
        )
        if table:
            conversion.remove.append(("tool", name))
    return conversion
