"""Projects that hatchling builds already: only the version moves to the tag."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, refuse

# Version sources that take the version from tags, as hatch-vcs does, by the project that brings them.
FROM_TAGS = {"uv-dynamic-versioning": "uv-dynamic-versioning", "versioningit": "versioningit"}


def convert(project: Project) -> Conversion:
    """Say what of a hatchling project changes besides the version tables; its plugins stay.

    Raises:
        AdoptionError: It has a version source of its own.
    """
    document = project.document
    conversion = Conversion()
    version = document.get("tool", "hatch", "version") or {}
    source = version.get("source")
    if source not in {None, "vcs", "regex", *FROM_TAGS}:
        raise refuse(
            f"The version comes from the source {source!r} ([tool.hatch.version])",
            expected=f"a version from git tags (vcs, {', '.join(FROM_TAGS)}) or from a file",
            fix="write the version into [project] instead",
        )
    if source in FROM_TAGS:
        conversion.settings["build-system", "requires"] = [
            line
            for line in document.get("build-system", "requires") or []
            if canonicalize_name(re.split(r"[\s<>=!~;\[@]", line, maxsplit=1)[0]) != FROM_TAGS[source]
        ]
        conversion.remove.append(("tool", source))
    if source != "vcs" and version:
        conversion.remove += [("tool", "hatch", "version", key) for key in version]
    hook = document.get("tool", "hatch", "build", "hooks", "vcs", "version-file")
    if hook:
        conversion.version_file = PurePosixPath(hook).as_posix()
    return conversion
