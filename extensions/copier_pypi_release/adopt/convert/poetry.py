"""Projects that poetry-core builds, with [project] (Poetry 2) or without (Poetry 1)."""

from __future__ import annotations

from email.utils import getaddresses

from copier_pypi_release.adopt.convert.conversion import FIXED, Conversion, Project, refuse, static_keys

# What Poetry still uses for development; everything else in [tool.poetry] describes the distribution.
KEPT = {"group", "dev-dependencies", "source", "requires-poetry", "requires-plugins", "package-mode"}
DYNAMIC = FIXED | {
    "authors",
    "maintainers",
    "dependencies",
    "optional-dependencies",
    "scripts",
    "entry-points",
}


def convert(project: Project) -> Conversion:
    """Say what of a Poetry project goes; its dependency groups stay.

    Raises:
        AdoptionError: It has a build script, or versions from Poetry plugins.
    """
    document = project.document
    poetry = document.get("tool", "poetry") or {}
    if poetry.get("build"):
        raise refuse(
            "The project builds with a script of its own ([tool.poetry] build)",
            expected="a build without a script",
            fix="take what the script does out of the build",
        )
    conversion = Conversion()
    conversion.remove = [("tool", "poetry", key) for key in poetry if key not in KEPT]
    conversion.remove += [
        ("tool", name) for name in ("poetry-dynamic-versioning",) if document.get("tool", name)
    ]
    if document.get("project"):
        conversion.static = static_keys(project, DYNAMIC)
        if "dependencies" not in (document.get("project", "dynamic") or []):
            # It only enriches what [project] names, for Poetry's own resolver.
            conversion.remove.remove(("tool", "poetry", "dependencies")) if "dependencies" in poetry else None
    else:
        conversion.whole = True
        # poetry-core writes the first of several people into the metadata.
        for key in ("authors", "maintainers"):
            people = getaddresses(poetry.get(key, []))
            if len(people) > 1:
                conversion.override[key] = [
                    {k: v for k, v in (("name", name), ("email", mail)) if v} for name, mail in people
                ]
    if poetry.get("group") or poetry.get("dev-dependencies") or (project.folder / "poetry.lock").is_file():
        # Poetry installs no package whose version it does not know.
        conversion.settings[("tool", "poetry", "package-mode")] = False
        conversion.notes.append(
            "Let `poetry run pip install --editable .` follow `poetry install` wherever that runs (CI, "
            "contributors): Poetry goes on to install dependency groups, and no longer the package itself."
        )
    return conversion
