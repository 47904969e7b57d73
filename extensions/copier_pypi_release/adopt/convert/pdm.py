"""Projects that pdm-backend builds."""

from __future__ import annotations

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, refuse, static_keys


def convert(project: Project) -> Conversion:
    """Say what of a PDM project goes; its scripts and development dependencies stay.

    Raises:
        AdoptionError: It has a build script, or dynamic fields besides the version.
    """
    document = project.document
    if document.get("tool", "pdm", "build", "custom-hook") or (project.folder / "pdm_build.py").is_file():
        raise refuse(
            "The project builds with a script of its own (pdm_build.py)",
            expected="a build without a script",
            fix="take what the script does out of the build",
        )
    conversion = Conversion(remove=[("tool", "pdm", "build"), ("tool", "pdm", "version")])
    conversion.static = static_keys(project, {"classifiers"})
    target = document.get("tool", "pdm", "version", "write_to")
    if target:
        folder = document.get("tool", "pdm", "build", "package-dir")
        inside = f"{folder}/{target}" if folder else target
        src = f"src/{target}"
        conversion.version_file = src if not folder and (project.folder / "src").is_dir() else inside
    return conversion
