"""The draft, edited and published, and where the release is afterwards."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES
from release_lib.step import ReleaseError

from copier_pypi_release.commands import status
from copier_pypi_release.console import lines
from copier_pypi_release.release.desk import Desk, agrees
from copier_pypi_release.release.plan import show_notes

if TYPE_CHECKING:
    from packaging.version import Version

    from copier_pypi_release.recovery import NextStep
    from copier_pypi_release.release_state import ReleaseState


def publish(desk: Desk, state: ReleaseState, step: NextStep) -> int:
    """Let somebody edit the notes of the draft, and publish it on a yes."""
    release: dict[str, Any] = dict(state.release or {})
    path = f"releases/{release['id']}"
    notes = edited(desk, str(release["body"] or ""))
    if notes != (release["body"] or ""):
        desk.github.send("PATCH", path, {"body": notes})
    show_notes(desk, notes)
    latest = is_latest(desk, state.version)
    words = "as Latest" if latest else "not as Latest"
    if not agrees(f"Publish the GitHub Release of {state.tag.name}, {words}?", desk.again(state.tag.name)):
        lines(
            desk.to, [f"It stays a draft: {release.get('html_url', '')}", f"  {desk.again(state.tag.name)}"]
        )
        if desk.options.json:
            print(status.as_json(state, step))
        return 1
    body = {"draft": False, "make_latest": "true" if latest else "false"}
    desk.github.send("PATCH", path, body)
    return finish(desk, *desk.state(state.tag.name))


def is_latest(desk: Desk, version: Version) -> bool:
    """Whether GitHub should show a release as the latest: the highest final version that is published."""
    tags = [r["tag_name"] for r in desk.github.get_all("releases") if not (r["draft"] or r["prerelease"])]
    others = [v for v in map(desk.settings.tagged_version, tags) if v]
    return not version.is_prerelease and all(version >= other for other in others)


def edited(desk: Desk, notes: str) -> str:
    """The notes after a person has edited them; as they are where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return notes
    try:
        editor = shlex.split(desk.git("var", "GIT_EDITOR"))
    except ReleaseError:  # none is set, and this terminal has none by default
        editor = []
    if not editor or shutil.which(editor[0]) is None:
        lines(desk.to, ["There is no editor (git config core.editor); the notes stay as they are."])
        return notes
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        path = Path(folder) / "release-notes.md"
        path.write_text(notes, encoding="utf-8")
        if subprocess.run([*editor, str(path)], check=False).returncode:
            return notes
        return path.read_text(encoding="utf-8").rstrip("\n") or notes


def finish(desk: Desk, state: ReleaseState, step: NextStep) -> int:
    """Print where the release is, and a text to announce it."""
    if desk.options.json:
        print(status.as_json(state, step))
    else:
        status.show(state, step, desk.github, desk.settings)
    address = (state.release or {}).get("html_url", "")
    name, version = desk.settings.distribution, state.version
    page = INDEXES["pypi"].page(name, version)
    lines(
        desk.to, ["", "To announce:", f"  {name} {version} is on PyPI: {page}", f"  What is new: {address}"]
    )
    return 0
