"""Bring the template's newer pins of actions and tools into a package.

They are those of the template's newest release. A pin that is as new, or newer, stays.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from copier_pypi_release.adopt.build_pins import renew
from copier_pypi_release.console import console, lines
from copier_pypi_release.repository import find_root
from copier_pypi_release.template_source import newest_release, read_files, recorded_template

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

ACTIONS, TOOLS = "extensions/pins/action.yml", "extensions/pins/requirements.txt"
PINNED = ("pyproject.toml", ".pre-commit-config.yaml", ".github/workflows/*.yml", ".github/workflows/*.yaml")
CHECKSUM_OF_UV = "uv-checksum"
# How the template's two files write a pin; copier.yml reads them with the same expressions.
LISTED_ACTION = re.compile(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40} # v[0-9][0-9.]*)$", re.MULTILINE)
LISTED_CHECKSUM = re.compile(r"checksum: ([0-9a-f]{64} # v[0-9.]+)$", re.MULTILINE)
LISTED_TOOL = re.compile(r"^([a-z][a-z-]*)==([0-9]+(?:\.[0-9]+)*)$", re.MULTILINE)
# How a package writes it: an action, a requirement, and the inputs of setup-uv.
ACTION = re.compile(r"(?P<before>uses: (?P<name>[\w.-]+/[\w.-]+)@)(?P<pin>[0-9a-f]{40} # v\S+)")
TOOL = re.compile(r"(?P<before>\b(?P<name>[a-z][a-z-]*)(?:\[[\w,-]+\])?==)(?P<pin>[0-9]+(?:\.[0-9]+)+)")
UV = re.compile(
    r"(?P<before>uses: astral-sh/setup-(?P<name>uv)@\S+ # \S+\n +with:\n +version: \")(?P<pin>[0-9.]+)"
)
CHECKSUM = re.compile(r"(?P<before>\bchecksum: )(?P<pin>[0-9a-f]{64} # v[0-9.]+)")
# How the answers file stores it, in any quotes; the checksum right below uv, without its version.
ANSWER = re.compile(
    r"^(?P<before> +(?P<name>[\w./-]+): )(?P<q>['\"]?)(?P<pin>(?:[0-9a-f]{40} # v)?[0-9][0-9.]*)(?P=q)"
    r"(?=\r?$)",
    re.MULTILINE,
)
STORED_UV = re.compile(
    r"^(?P<before> +uv: )['\"]?(?P<pin>[0-9.]+)['\"]?"
    r"(?P<between>\r?\n +uv-checksum: )['\"]?[0-9a-f]{64}['\"]?(?=\r?$)",
    re.MULTILINE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder of the package; default: here"
    )


def run(options: argparse.Namespace) -> int:
    """Bring newer pins, and print which."""
    changed = renew_pins(find_root(options.path))
    lines(console(), changed or ["Nothing to do: every pin is as new as the template's."])
    return 0


def renew_pins(root: Path) -> list[str]:
    """Write the template's newer pins into the files and the stored answers of a package, together.

    Returns:
        A line for each pin that has changed, sorted.

    Raises:
        ReleaseError: The package has no answers to this template's questions, or the template cannot be read.
    """
    answers = recorded_template(root)
    newest = newest_pins(answers.url)
    checksum = newest.get(CHECKSUM_OF_UV, "")
    changed: set[str] = set()

    def renewed(match: re.Match[str]) -> str:
        pin = newest.get(match["name"], "")
        if not is_newer(pin, match["pin"]):
            return match[0]
        changed.add(f"{match['name']}: {version_of(match['pin'])} -> {version_of(pin)}")
        return match["before"] + pin

    def renewed_answer(match: re.Match[str]) -> str:
        pin = newest.get(match["name"], "")
        return match["before"] + json.dumps(pin) if is_newer(pin, match["pin"]) else match[0]

    def renewed_checksum(match: re.Match[str]) -> str:
        return match["before"] + checksum if is_newer(checksum, match["pin"]) else match[0]

    def renewed_together(match: re.Match[str]) -> str:
        if not is_newer(checksum, match["pin"]):
            return match[0]
        digest, _, version = checksum.partition(" # v")
        return match["before"] + json.dumps(version) + match["between"] + json.dumps(digest)

    for path in sorted(path for pattern in PINNED for path in root.glob(pattern) if not path.is_symlink()):
        rewrite(path, renewed, (ACTION, TOOL, UV))
        rewrite(path, renewed_checksum, (CHECKSUM,))
    rewrite(answers.path, renewed_together, (STORED_UV,))
    rewrite(answers.path, renewed_answer, (ANSWER,))
    return sorted(changed | renew(root, str(answers.values.get("project_folder", ""))))


def rewrite(path: Path, renewed: Callable[[re.Match[str]], str], patterns: Iterable[re.Pattern[str]]) -> None:
    """Write a file again with newer pins, if there are any; line ends stay."""
    before = text = path.read_bytes().decode("utf-8")
    for pattern in patterns:
        text = pattern.sub(renewed, text)
    if text != before:
        path.write_bytes(text.encode("utf-8"))


def newest_pins(url: str) -> dict[str, str]:
    """The pins of the template's newest release, or of its default branch while it has no release."""
    files = read_files(url, newest_release(url), (ACTIONS, TOOLS))
    checksums = [(CHECKSUM_OF_UV, pin) for pin in LISTED_CHECKSUM.findall(files[ACTIONS])]
    return dict(LISTED_ACTION.findall(files[ACTIONS]) + LISTED_TOOL.findall(files[TOOLS]) + checksums)


def is_newer(pin: str, than: str) -> bool:
    """Whether one pin has a later version than another; not if either has none."""
    ours, theirs = version_of(pin), version_of(than)
    return ours is not None and theirs is not None and ours > theirs


def version_of(pin: str) -> Version | None:
    """The version of a pin, `1.2.3` or `COMMIT # v1.2.3`; None if it has none."""
    try:
        return Version(pin.rpartition(" ")[2])
    except InvalidVersion:
        return None
