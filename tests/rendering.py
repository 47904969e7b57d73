"""Render the template in this process, and make git histories of what was rendered."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from copier import run_copy

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("copier.yml", "extensions", "template")


def copy_template(destination: Path) -> Path:
    """Copy what Copier reads of this repository into a plain folder, with uncommitted changes.

    A plain folder renders faster than a git checkout, which Copier clones for every copy.
    """
    destination.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
            shutil.copytree(source, destination / name, ignore=ignored)
        else:
            shutil.copy2(source, destination / name)
    return destination


def render(template: Path, destination: Path, answers: dict[str, Any] | None = None) -> Path:
    """Render the template with some answers, the rest by default, and return the folder.

    Args:
        template: Folder or repository of the template.
        destination: Folder to render into.
        answers: Answers by question; the others take their defaults.
    """
    data = {"project_name": "demo-pkg", **(answers or {})}
    run_copy(str(template), destination, data=data, defaults=True, quiet=True)
    return destination


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it printed, without the last newline."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ.copy())
    return done.stdout.rstrip("\n")


def commit_all(folder: Path, message: str = "feat: first", *, tag: str | None = None) -> str:
    """Commit everything in a folder (a new repository if it is none yet) and return the commit's id."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")
