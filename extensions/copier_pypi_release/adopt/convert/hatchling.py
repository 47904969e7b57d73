"""Projects that hatchling builds already: only the version moves to the tag."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, refuse, static_keys

KNOWN = {"hatchling", "hatch-vcs"}


def convert(project: Project) -> Conversion:
    """Say what of a hatchling project changes besides the version tables.

    Raises:
        AdoptionError: It needs build plugins that a release cannot pin, or a version source of its own.
    """
    document = project.document
    requires = document.get("build-system", "requires") or []
    names = {re.split(r"[\s<>=!~;\[@]", text, maxsplit=1)[0].lower().replace("_", "-") for text in requires}
    if plugins := sorted(names - KNOWN):
        raise refuse(
            f"The build needs {', '.join(plugins)} besides hatchling",
            expected="hatchling and hatch-vcs, which a release pins by hash",
            fix=f"build without {', '.join(plugins)}",
        )
    static_keys(project, set())
    conversion = Conversion()
    version = document.get("tool", "hatch", "version") or {}
    if version.get("source") not in {None, "vcs", "regex"}:
        raise refuse(
            f"The version comes from the source {version['source']!r} ([tool.hatch.version])",
            expected="a version from git tags or from a file",
            fix="remove [tool.hatch.version] and write the version into [project]",
        )
    if version.get("source") != "vcs" and version:
        conversion.remove += [("tool", "hatch", "version", key) for key in version]
    hook = document.get("tool", "hatch", "build", "hooks", "vcs", "version-file")
    if hook:
        conversion.version_file = PurePosixPath(hook).as_posix()
    return conversion
