# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Run copier-pypi-release from the commit of the template that rendered this file.

`uv run .github/release/tool.py --help` shows its commands. The address and the commit stand in settings.toml,
[template]. Once the tool is in uv's cache it starts without a network.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

from release_lib.step import ReleaseError, annotate, git, step, summary

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Nothing that was uploaded later is installed: what runs with an administrator's token is what was tested.
CUT_OFF = "2026-11-15T00:00:00Z"
OLDEST = (3, 11, 5)  # that the tool runs on; this file starts on an older 3.11, to say what is missing
TELLING = {"check-update", "notes", "watch"}  # what workflows run
UPDATE = "uvx copier update --defaults"
MOVED = "write its new URL into settings.toml (url) and the answers file (_src_path), and commit both"


def find_template(settings: Path) -> tuple[str | Path, str]:
    """The template's URL, or its folder on this machine, and the commit in it."""
    try:
        table = tomllib.loads(settings.read_text(encoding="utf-8"))["template"]
        url, commit = table["url"], table["commit"]
        folder = None if "://" in url else (ROOT / Path(url).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise unusable("settings.toml does not say where the template is", error, UPDATE) from error
    if not re.fullmatch("[0-9a-f]{40}", str(commit)):
        raise unusable("settings.toml does not name a commit of the template", repr(commit), UPDATE)
    return folder or url, commit


def find_python(template: str | Path, commit: str) -> Path:
    """The Python of an environment with the tool, which is installed now if uv's cache does not have it."""
    address = template if isinstance(template, str) else template.as_uri()
    source = f"copier-pypi-release @ git+{address}@{commit}"
    # Asking uv takes longest. Its answer is kept in this script's environment, which goes when uv's cache goes.
    answer, key = Path(sys.prefix, "copier-pypi-release"), sha256(f"{source} {CUT_OFF}".encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError):
        known, python = answer.read_text(encoding="utf-8").splitlines()
        if known == key and Path(python).exists():
            return Path(python)
    uv = (os.environ.get("UV") or "uv", "tool", "run", "--quiet", "--isolated", "--compile-bytecode")
    wanted = ">=3.11.5" if sys.version_info[:3] < OLDEST else sys.executable
    environment = ("--python", wanted, "--exclude-newer", CUT_OFF, "--from", source)
    script = ("python", "-I", "-c", "import sys; print(sys.executable)")
    for offline in (("--offline",), ()):
        if not offline:
            print(f"Installing the template's tool, commit {commit[:12]}", file=sys.stderr)
        command = [*uv, *offline, *environment, *script]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode == 0:
            python = done.stdout.strip()
            if sys.prefix != sys.base_prefix:
                with contextlib.suppress(OSError):  # a cache that cannot be written to
                    answer.write_text(f"{key}\n{python}\n", encoding="utf-8")
            return Path(python)
    raise why_not(template, commit, done.stderr)


def why_not(template: str | Path, commit: str, printed: str) -> ReleaseError:
    """What to do where uv could not install the tool."""
    if isinstance(template, Path):
        if not template.is_dir():
            return unusable("The template's folder is not on this machine", template, MOVED)
        try:
            git("cat-file", "-e", f"{commit}^{{commit}}", cwd=template)
        except ReleaseError:
            return unusable(f"The template's folder lacks the commit {commit[:12]}", template, UPDATE)
    lines = [line.strip(" \u00d7╰─▶├│") for line in printed.strip().splitlines()[-3:]]
    if sys.version_info[:3] < OLDEST and re.search("cpython-|interpreter", printed):
        found = ".".join(map(str, sys.version_info[:3]))
        raise ReleaseError(
            f"Python {found} is too old for the template's tool, and uv got no newer one: {' | '.join(lines)}",
            expected="Python 3.11.5 or newer on this machine, or a network from which uv fetches one",
            fix="uv python install 3.14, or install one with your system's packages; then run this again",
            see=".github/release/README.md",
        )
    problem = f"The template's tool cannot be installed from {template}"
    return unusable(problem, " | ".join(lines), f"run this again online; if the template has moved, {MOVED}")


def unusable(problem: str, detail: object, fix: str) -> ReleaseError:
    """The message, without names and passwords in addresses."""
    return ReleaseError(
        re.sub(r"(?<=://)[^/@\s]*@", "", f"{problem}: {detail}"),
        expected="in settings.toml, [template], an address that you can read, and a full commit there",
        fix=fix,
        see=".github/release/README.md",
    )


def main() -> None:
    """Run the tool, in the root of the repository, with the arguments of this script."""
    try:
        python = find_python(*find_template(HERE / "settings.toml"))
    except ReleaseError as error:
        # A workflow that cannot read the template, a folder or a private repository, has nothing to tell.
        if not TELLING.intersection(sys.argv[1:2]) or os.environ.get("GITHUB_ACTIONS") != "true":
            raise
        annotate("warning", "Not checked", f"{error.problem}, so what `{sys.argv[1]}` looks for is unknown.")
        summary(f"{error.problem}, so what `{sys.argv[1]}` looks for is unknown.")
        return
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    variables["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    # -I: nothing is imported from the repository or from what PYTHONPATH names.
    command = [str(python), "-I", "-m", "copier_pypi_release", *sys.argv[1:]]
    signal.signal(signal.SIGINT, lambda *_: None)  # the tool gets it, too, and ends in its own way
    status = subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    step(main)
