"""Converting a project to versions from git tags, and to hatchling, one module for each build backend.

What a project means is taken from the wheel that its own backend builds, not from a second reading of its
configuration. A converter says which tables and files of the old backend go, and refuses what it would lose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from copier_pypi_release.adopt.convert import flit, hatchling, pdm, poetry, scikit_build, setuptools, uv_build
from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from copier_pypi_release.adopt.convert.conversion import Conversion, Project

CONVERTERS: dict[str, Callable[[Project], Conversion]] = {
    "hatchling": hatchling.convert,
    "setuptools": setuptools.convert,
    "poetry": poetry.convert,
    "flit": flit.convert,
    "pdm": pdm.convert,
    "uv_build": uv_build.convert,
    "scikit-build-core": scikit_build.convert,
}


def converter_for(backend: str) -> Callable[[Project], Conversion]:
    """The converter of a build backend.

    Raises:
        AdoptionError: There is none.
    """
    if backend in CONVERTERS:
        return CONVERTERS[backend]
    raise AdoptionError(
        f"The build backend {backend} is not one that this tool can convert",
        expected=f"one of {', '.join(CONVERTERS)}; for compiled parts, a backend of their own",
        fix="move the project to one of these, commit, run this again",
    )
