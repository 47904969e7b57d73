"""News fragments that towncrier joins, where and how its own configuration says."""

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.version import Version
from release_lib.settings import Settings
from release_lib.step import ReleaseError

USUAL = ("feature", "bugfix", "doc", "removal", "misc")


def configuration(project: Path) -> Mapping[str, Any] | None:
    """Towncrier's table, of the file that towncrier takes; None if there is none."""
    for name in ("towncrier.toml", "pyproject.toml"):
        if (path := project / name).is_file():
            tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
            if "towncrier" in tool:
                table: Mapping[str, Any] = tool["towncrier"]
                return table
    return None


def folder_of(table: Mapping[str, Any]) -> Path:
    """The folder of the fragments, from the project's."""
    inside = Path(str(table.get("package_dir", ".")), *str(table.get("package", "")).split("."))
    return Path(table.get("directory") or inside / "newsfragments")


def kinds_of(table: Mapping[str, Any]) -> list[str]:
    """What fragments may be of."""
    listed = [kind.get("directory", kind["name"].lower()) for kind in table.get("type", [])]
    return listed or list(table.get("fragment", {})) or list(USUAL)


def waiting_in(project: Path, table: Mapping[str, Any]) -> list[str]:
    """Names of the fragments that wait to be joined."""
    ignored = {Path(str(table.get("template", ""))).name, *table.get("ignore", [])}
    names = (path.name for path in (project / folder_of(table)).glob("*"))
    return sorted(n for n in names if not n.startswith(("_", ".", "README")) and n not in ignored)


def check(version: Version, settings: Settings) -> str:
    """Check that towncrier has joined every news fragment; return the commands that do."""
    table = configuration(Path()) or {}
    kinds, folder, waiting = kinds_of(table), folder_of(table), waiting_in(Path(), table)
    runner = "uvx" if settings.conventions == "RELEASING.md" else "uv run"  # an adopted package may lack it
    fix = (
        f"{runner} towncrier build --yes --version {version} && "
        f"git commit --all --message 'Release notes of {version}', then make the tag again"
    )
    suffix = Path(settings.changelog).suffix
    usual = next((kind for kind in kinds if kind.endswith("fix")), kinds[-1])
    for name in waiting:
        nested = (folder / name).is_dir()
        if nested or not set(kinds) & set(name.split(".")[1:]):
            right = name if nested else f"{folder}/{name.split('.')[0]}.{usual}{suffix}"
            raise ReleaseError(
                f"The news fragment {name!r} has a name that towncrier does not join",
                expected=f"ISSUE.KIND{suffix} or +ANYTHING.KIND{suffix}, where KIND is {', '.join(kinds)}",
                fix=f"git mv {shlex.quote(f'{folder}/{name}')} {shlex.quote(right)}, commit, tag again",
                see=settings.see("Release notes"),
            )
    if waiting:
        raise ReleaseError(
            f"News fragments are not in {settings.changelog} yet: {', '.join(waiting)}",
            expected=f"an empty {folder}/; towncrier joins files named ISSUE.KIND{suffix} and no others",
            fix=fix,
            see=settings.see("Release notes"),
        )
    return fix
