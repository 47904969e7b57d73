"""Stand-ins for the Pythons that a runner gets beside its own.

A test machine has one Python. A *stand-in* is that Python once more, with a prefix of its own, which says
that it is of another version: by `platform.python_version()`, which uv, markers of dependencies and
`Requires-Python` go by. `sys.version_info` keeps the true one, so that libraries work. What it cannot show:
whether code runs on that version, and wheels that are made for it alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path

_SAYS = """\
import sys
sys.version = "{version} (a stand-in on " + sys.version.split()[0] + ")" + sys.version.partition(")")[2]
"""
#: What a prefix has of its own: installed packages, and the word that nothing may be installed.
_OWN = {"site-packages", "dist-packages", "EXTERNALLY-MANAGED", "sitecustomize.py", "__pycache__"}


def stand_in(version: str, cache: Path) -> Path:
    """The folder with the program of a stand-in, like ``python3.14``; it is made the first time only.

    Args:
        version: What it says it is, like 3.14.
        cache: Folder for stand-ins; keep it out of version control.
    """
    real = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(os.__file__).parent
    key = hashlib.sha256(f"{real} {real.stat().st_mtime_ns} {sys.version} {_SAYS}".encode()).hexdigest()[:8]
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", "utf-8")
    prefix = cache / f"{version}-{key}"
    with (cache / f"{prefix.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not prefix.exists():
            draft = cache / f"{prefix.name}.part"
            shutil.rmtree(draft, ignore_errors=True)
            modules = draft / library.relative_to(library.parents[1])  # lib/python3.11, lib64 on some systems
            modules.mkdir(parents=True)
            (draft / "bin").mkdir()
            shutil.copy2(real, draft / "bin" / f"python{version}")
            for entry in [*library.iterdir(), *library.parent.glob("libpython*")]:
                if entry.name not in _OWN:
                    (draft / entry.relative_to(library.parents[1])).symlink_to(entry)
            (modules / "sitecustomize.py").write_text(_SAYS.format(version=f"{version}.0"), "utf-8")
            draft.rename(prefix)
    return prefix / "bin"
