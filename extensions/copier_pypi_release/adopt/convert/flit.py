"""Projects that flit builds, with [project] or with [tool.flit.metadata]."""

from __future__ import annotations

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, static_keys


def convert(project: Project) -> Conversion:
    """Say what of a flit project goes.

    Raises:
        AdoptionError: Fields are dynamic that flit does not know.
    """
    conversion = Conversion(remove=[("tool", "flit")])
    if project.document.get("project"):
        conversion.static = static_keys(project, {"description"})
    else:
        conversion.whole = True
    return conversion
