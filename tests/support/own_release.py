"""The release of this repository: the one that it renders, for itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from support.rendering import ROOT, Renderer

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = ".copier-answers.yml"
SETTINGS = ".github/release/settings.toml"
RECORDED = re.compile(r'(?m)^commit = "([0-9a-f]{40})"$')
FOLDERS = (".github/release", ".github/rulesets")


def rendered(template: Path, owner: str = "") -> dict[str, str]:
    """What an adoption of this repository renders, by path, with its stored answers.

    The template is this repository itself, and the pins are its newest.

    Args:
        template: Folder of the template.
        owner: Whose repository it is, if not that of the stored answers.
    """
    stored = yaml.safe_load((ROOT / ANSWERS).read_text(encoding="utf-8"))
    answers = {name: value for name, value in stored.items() if not name.startswith(("_", "stored_"))}
    if owner:
        answers["repository_owner"] = owner
    files = {path: data.decode() for path, data in Renderer(template).files(answers).items()}
    found = RECORDED.search((ROOT / SETTINGS).read_text(encoding="utf-8"))
    files[SETTINGS] = files[SETTINGS].replace('commit = ""', found[0] if found else "")
    return {path: text.replace(str(template), ".") for path, text in files.items()}
