"""A stand-in for gh: it records its arguments, and answers from the folder in FAKE_GH.

The folder has `answers.json` (what a command prints, by its first two words), `failures.json` (what it fails
with), and the assets of a release in `assets/`. The real gh is tried in the drills.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
from typing import Any

state = pathlib.Path(os.environ["FAKE_GH"])
arguments = sys.argv[1:]
command = " ".join(arguments[:2])
with (state / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\n")


def read(name: str, otherwise: Any) -> Any:  # noqa: ANN401  (JSON)
    """What a file of the folder says."""
    path = state / name
    return json.loads(path.read_text()) if path.exists() else otherwise


failures = read("failures.json", {})
if command in failures:
    sys.exit(failures[command])
answers = read("answers.json", {})
release = read("release.json", None)
assets = state / "assets"


def keep(file: str) -> None:
    """Store a file as GitHub does: characters that it does not like become dots in its name."""
    path = pathlib.Path(file)
    shutil.copy(path, assets / re.sub(r"[^A-Za-z0-9_+@.-]", ".", path.name))


if release and command != "release create" and release.get("lag"):
    lagging = {**release, "lag": release["lag"] - 1}
    (state / "release.json").write_text(json.dumps(lagging))
    release = None
    if command != "release list":
        sys.exit("release not found")
if command in answers:
    forced = {"CLICOLOR_FORCE", "GH_FORCE_TTY"} & set(os.environ)  # tried with the real gh
    print(f"\x1b[1;37m{answers[command]}\x1b[m" if forced else answers[command])
elif command == "release create":
    made = {"tagName": arguments[2], "isDraft": True, "lag": read("lag.json", 0)}
    (state / "release.json").write_text(json.dumps(made))
    (state / "notes").write_text(pathlib.Path(arguments[arguments.index("--notes-file") + 1]).read_text())
    for given in arguments[3 : arguments.index("--draft")]:
        keep(given)
elif command == "release list":
    print(
        json.dumps(
            [
                {"tagName": tag}
                for tag in [*read("others.json", []), *([release["tagName"]] if release else [])]
            ]
        )
    )
elif command == "release view":
    if release is None:
        sys.exit("release not found")
    listed = [
        {"name": p.name, "digest": "sha256:" + hashlib.sha256(p.read_bytes()).hexdigest()}
        for p in assets.iterdir()
    ]
    print(json.dumps({**release, "assets": listed, "url": "https://github.example/the-draft"}))
elif command == "release upload":
    keep(arguments[3])
elif command == "release download":
    shutil.copytree(assets, arguments[arguments.index("--dir") + 1], dirs_exist_ok=True)
