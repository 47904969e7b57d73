# /// script
# requires-python = ">=3.11.5"
# dependencies = []
# ///
"""Run copier-pypi-release, from the commit of the template that rendered this file.

`uv run .github/release/tool.py doctor`, and `--help` for the other commands. settings.toml, [template], has the
address and the commit. Once the tool is in uv's cache it starts without a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from release_lib.step import ReleaseError, git, step

# Nothing that was uploaded later is installed: what runs with an administrator's token is what was tested.
CUT_OFF = "2026-11-15T00:00:00Z"
SEE = "RELEASING.md, 'The release scripts'"
SHORT_FORMS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}  # Copier's


def source_of(url: str, commit: str) -> str:
    """The tool as a requirement (PEP 508): from a full commit, so that a moved tag changes nothing.

    Raises:
        ReleaseError: settings.toml names no commit, or a local folder without it.
    """
    local = Path(url).expanduser()
    if not re.fullmatch("[0-9a-f]{40}", commit):
        problem = f"settings.toml does not name the commit of the template at {url or 'no address'}"
    elif local.is_dir() and not _has(local, commit):
        problem = f"The template in the folder {url} does not have the commit {commit[:12]}"
    elif not local.is_dir() and re.match(r"[/\\.~]|[A-Za-z]:[/\\]", url):
        problem = f"The template was the folder {url}, which is not on this machine"
    else:
        address = local.resolve().as_uri() if local.is_dir() else url.removeprefix("git+")
        for short, whole in SHORT_FORMS.items():
            address = re.sub(rf"\A{short}(?=[^/])", whole, address)
        return f"copier-pypi-release @ git+{address}@{commit}"
    raise ReleaseError(
        problem,
        expected="an address that every maintainer reaches, and a full commit there",
        fix="set _src_path in the answers file to it, commit, uvx copier update --defaults",
        see=SEE,
    )


def _has(folder: Path, commit: str) -> bool:
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}", cwd=folder)
    except ReleaseError:
        return False
    return True


def installed(source: str) -> Path:
    """The Python of an environment with the tool, from uv's cache if it is there.

    Raises:
        ReleaseError: The template cannot be reached, or lacks the commit.
    """
    uv = os.environ.get("UV") or shutil.which("uv") or "uv"
    command = [uv, "tool", "run", "--no-config", "--quiet", "--python", sys.executable]
    command += [
        "--exclude-newer",
        CUT_OFF,
        "--from",
        source,
        "python",
        "-c",
        "import sys; print(sys.executable)",
    ]
    for offline in (["--offline"], []):
        done = subprocess.run(
            [*command[:3], *offline, *command[3:]], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return Path(done.stdout.strip())
    reason = " | ".join(line.strip(" ×╰─▶├│") for line in done.stderr.strip().splitlines()[-3:])
    raise ReleaseError(
        f"The tool cannot be installed from {source.partition(' @ git+')[2]}: {reason}",
        expected="a network, the right to read that repository, and the commit in it",
        fix="run this again with a network; if the template has moved, set its address as below",
        see=SEE,
    )


def main() -> None:
    """Run the tool with the arguments of this script."""
    settings = tomllib.loads(Path(__file__).with_name("settings.toml").read_text(encoding="utf-8"))
    python = installed(source_of(settings["template"]["url"], settings["template"]["commit"]))
    command = [str(python), "-m", "copier_pypi_release", *sys.argv[1:]]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    step(main)
