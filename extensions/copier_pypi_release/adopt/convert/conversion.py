"""What a converter is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.adopt.pyproject import Pyproject
    from copier_pypi_release.adopt.wheels import Wheel

# What hatchling can be given as a fixed value without a loss: it never depended on the building machine.
FIXED = {"description", "readme", "classifiers", "requires-python", "license", "urls", "keywords"}


@dataclass(frozen=True)
class Project:
    """A project to convert.

    Attributes:
        folder: Its folder.
        document: Its pyproject.toml; not to be changed here.
        wheel: What its own backend builds of it.
        readme: The tracked file that the wheel's description is, if there is one.
    """

    folder: Path
    document: Pyproject
    wheel: Wheel
    readme: str | None


@dataclass
class Conversion:
    """What is to be changed, besides the version and build tables.

    Attributes:
        remove: Tables and keys of pyproject.toml that belong to the old backend.
        whole: Whether [project] is to be written anew, from the wheel.
        static: Keys of [project] that were dynamic and get the value that the wheel has.
        settings: Keys of pyproject.toml that the old tool needs from now on.
        override: Keys of [project] that the project says more about than its wheel.
        files: Other files, by path from the project's folder: their new text, or None to delete them.
        version_file: The generated version file that the project has already, from its folder.
        notes: What a person should know.
    """

    remove: list[tuple[str, ...]] = field(default_factory=list)
    whole: bool = False
    static: list[str] = field(default_factory=list)
    settings: dict[tuple[str, ...], object] = field(default_factory=dict)
    override: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str | None] = field(default_factory=dict)
    version_file: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def deleted(self) -> list[str]:
        """Files that go."""
        return [name for name, text in self.files.items() if text is None]


def static_keys(project: Project, allowed: set[str]) -> list[str]:
    """The dynamic keys of [project] that become static, the version left out.

    Args:
        project: The project.
        allowed: Keys that can be written down as the wheel has them.

    Raises:
        AdoptionError: Others are dynamic too.
    """
    dynamic = [key for key in project.document.get("project", "dynamic") or [] if key != "version"]
    odd = [key for key in dynamic if key not in allowed]
    if odd:
        raise AdoptionError(
            f"pyproject.toml leaves {', '.join(odd)} to its build backend ([project] dynamic)",
            expected="fields that are written in pyproject.toml; how the backend finds them would be lost",
            fix=f"write {', '.join(odd)} into [project], not into dynamic, commit, run this again",
        )
    return dynamic


def refuse(what: str, *, expected: str, fix: str) -> AdoptionError:
    """A refusal to convert."""
    return AdoptionError(what, expected=expected, fix=f"{fix}, commit, run this again")
