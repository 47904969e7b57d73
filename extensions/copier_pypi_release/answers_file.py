"""The file in which a package keeps its answers to the template's questions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

USUAL = ".copier-answers.yml"  # Copier's own name
BESIDE = ".copier-answers.release.yml"  # where another template has made the repository


@dataclasses.dataclass(frozen=True)
class Answers:
    """The answers of a package.

    Attributes:
        path: The file.
        values: Answers by question, with Copier's own ``_src_path`` and ``_commit``.
    """

    path: Path
    values: dict[str, Any]

    @property
    def url(self) -> str:
        """Address of the template, as Copier was given it."""
        return str(self.values.get("_src_path", ""))

    @property
    def version(self) -> str:
        """Version of the template: a tag, ``git describe`` after one, or empty."""
        return str(self.values.get("_commit", ""))

    @property
    def option(self) -> str:
        """What a command of Copier needs besides; empty for the usual file."""
        return "" if self.path.name == USUAL else f" --answers-file {self.path.name}"


def find_answers(root: Path) -> Answers | None:
    """The answers to our questions in a repository; None if it has none."""
    for name in (BESIDE, USUAL):
        values = _read(root / name)
        if "adopted" in values:
            return Answers(root / name, values)
    return None


def free_name(root: Path) -> str:
    """Name of the file for the answers of an adoption, beside another template's."""
    found = find_answers(root)
    if found:
        return found.path.name
    return BESIDE if (root / USUAL).exists() else USUAL


def _read(path: Path) -> dict[str, Any]:
    try:
        # PyYAML, as Copier: to YAML 1.2, the commit 22933e8 is a number.
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
