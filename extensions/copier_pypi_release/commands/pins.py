"""Bring the template's newer pins into a package, where its bots have not been faster."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copier import run_copy
from packaging.version import Version
from ruamel.yaml import YAML

from copier_pypi_release.adopt.programs import AdoptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

ANSWERS = ".copier-answers.yml"
PINNED = ("pyproject.toml", ".pre-commit-config.yaml", ".github/workflows/*.yml", ".github/workflows/*.yaml")
# The three ways in which a pin is written: an action, a requirement, and the input of setup-uv.
ACTION = re.compile(r"(?P<before>uses: (?P<name>[\w.-]+/[\w.-]+)@)(?P<pin>[0-9a-f]{40} # v\S+)")
TOOL = re.compile(r"(?P<before>\b(?P<name>[a-z][a-z-]*)(?:\[[\w,-]+\])?==)(?P<pin>[0-9]+(?:\.[0-9]+)+)")
UV = re.compile(
    r"(?P<before>uses: astral-sh/setup-(?P<name>uv)@\S+ # \S+\n +with:\n +version: \")(?P<pin>[0-9.]+)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder of the package; default: here"
    )


def run(options: argparse.Namespace) -> int:
    """Bring newer pins, and say which."""
    print("\n".join(renew_pins(options.path)) or "Nothing to do: every pin is as new as the template's.")
    return 0


def renew_pins(root: Path) -> list[str]:
    """Write the template's newer pins into the files and the stored answers of a package, together.

    A pin that is as new as the template's, or newer, stays.

    Args:
        root: Folder of the package.

    Returns:
        A sentence for each pin that has changed, sorted.

    Raises:
        AdoptionError: The package has no stored answers.
    """
    answers = root / ANSWERS
    if not answers.is_file():
        raise AdoptionError(
            f"There is no {ANSWERS} in {root}",
            expected="the folder of a package that was made from the template, or adopted",
            fix="cd FOLDER_OF_THE_PACKAGE && copier-pypi-release pins",
            see="docs/updating.md of the template",
        )
    newest = newest_pins(YAML(typ="safe").load(answers))
    said: set[str] = set()

    def renewed(match: re.Match[str]) -> str:
        pin = newest.get(match["name"], match["pin"])
        if version_of(pin) <= version_of(match["pin"]):
            return match[0]
        said.add(f"{match['name']}: {version_of(match['pin'])} -> {version_of(pin)}")
        return match["before"] + pin

    for path in sorted(path for pattern in PINNED for path in root.glob(pattern)):
        before = path.read_text(encoding="utf-8")
        text = before
        for pattern in (ACTION, TOOL, UV):
            text = pattern.sub(renewed, text)
        if text != before:
            path.write_text(text, encoding="utf-8", newline="")
    text = answers.read_text(encoding="utf-8")
    for name, pin in newest.items():
        text = re.sub(rf"(?m)^( +{re.escape(name)}: ).*$", rf"\g<1>{json.dumps(pin)}", text)
    answers.write_text(text, encoding="utf-8", newline="")
    return sorted(said)


def newest_pins(answers: Mapping[str, Any]) -> dict[str, str]:
    """The pins with which the newest release of a package's template would render it."""
    source = answers["_src_path"]
    data = {
        name: answer
        for name, answer in answers.items()
        if name[0] != "_" and name not in {"pins", "stored_pins"}
    }
    with tempfile.TemporaryDirectory() as folder:
        run_copy(source, folder, data=data, defaults=True, quiet=True)
        pins: dict[str, str] = YAML(typ="safe").load(Path(folder, ANSWERS))["stored_pins"]
    return pins


def version_of(pin: str) -> Version:
    """The version of a pin, `1.2.3` or `COMMIT # v1.2.3`."""
    return Version(pin.rpartition(" ")[2])
