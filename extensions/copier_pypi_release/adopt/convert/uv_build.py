"""Projects that uv_build builds."""

from __future__ import annotations

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, refuse, static_keys


def convert(project: Project) -> Conversion:
    """Say what of a uv_build project goes.

    Raises:
        AdoptionError: It installs files outside its package.
    """
    if project.document.get("tool", "uv", "build-backend", "data"):
        raise refuse(
            "The wheel installs files outside the package ([tool.uv.build-backend] data)",
            expected="files inside the package only",
            fix="move these files into the package",
        )
    return Conversion(remove=[("tool", "uv", "build-backend")], static=static_keys(project, set()))
