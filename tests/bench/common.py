"""What the benches share. Importing it first, as its name makes it, lets a script find the tests' modules."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "extensions", "template/.github/release")]


def isolate_copier(folder: Path) -> None:
    """Let Copier have settings of its own, in a folder."""
    settings = folder / "settings.yml"
    settings.write_text("{}\n", encoding="utf-8")
    os.environ["COPIER_SETTINGS_PATH"] = str(settings)


def package_of_the_drills(folder: Path) -> Path:
    """A package with default answers, rendered into a folder from a template beside it, for one Python."""
    from drill.maintainer import OWNER  # noqa: PLC0415  (of the tests)
    from emulator.fixtures import claim_one_python  # noqa: PLC0415
    from support.rendering import commit_all, copy_template, render  # noqa: PLC0415

    commit_all(copy_template(folder / "template"), tag="v1.0.0")
    package = render(folder / "template", folder / "package", {"repository_owner": OWNER})
    claim_one_python(package)
    return package
