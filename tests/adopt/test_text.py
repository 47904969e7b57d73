"""Names and texts of every language, and files in other encodings, go through adoption as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.wheels import contents_of, read_wheel
from support.rendering import ROOT, commit_all

from adopt.adoption import adopt_repository, run_adopt
from adopt.fixtures import PACKAGES, make

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B2")

PYTHONPATH = (ROOT / "extensions", ROOT / "template/.github/release")
AUTHOR, SUMMARY = "Zoë Łukasz 山田", "Macht aus Zeitplänen Kalender, für „alle“ 日本語."
OTHERS = {  # by encoding: neither is UTF-8
    "tests/latin.txt": "Prüfung\n".encode("latin-1"),
    "docs/wide.md": "# 1.0\n".encode("utf-16"),
    "docs/README.txt": b"\xff\xfe\x00 nothing\n",
}


def in_other_languages(shape: str, folder: Path) -> Path:
    """The package of a shape, with letters of many alphabets wherever a person can write some."""
    root = make(shape, folder)
    project = root / PACKAGES[shape].folder
    for path in sorted(project.rglob("*")):
        if path.is_file() and ".git" not in path.parts and not path.is_relative_to(root / ".github"):
            text = path.read_bytes().decode()
            text = text.replace("Ada Lovelace", AUTHOR).replace("Turns timetables into calendars.", SUMMARY)
            path.write_bytes(text.encode())
    for name, data in OTHERS.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    inside = next(p for p in project.rglob("table.json") if ".git" not in p.parts)
    inside.with_name("latin.json").write_bytes('{"a": "ü"}'.encode("latin-1"))
    commit_all(root, "feat: ä, ü")
    return root


@pytest.mark.parametrize("shape", ["hatch-static", "setuptools-scm", "poetry-1", "flit", "pdm", "no-tests"])
def test_text_of_every_language_is_kept(shape: str, tmp_path: Path, template_repository: Path) -> None:
    made = adopt_repository(shape, in_other_languages(shape, tmp_path), tmp_path, template_repository)
    assert made.status == 0, made.output
    before, after = (contents_of(read_wheel(path)) for path in (made.before, made.after))
    assert before["summary"] == after["summary"] == {SUMMARY}
    assert SUMMARY in next(iter(after["description"]))
    assert any(AUTHOR in one for one in after["author"])


def test_files_in_other_encodings_are_edited_as_they_are(tmp_path: Path, template_repository: Path) -> None:
    """A module says what it is written in, a list of attributes does not, and nobody asks a Makefile."""
    root = make("no-tests", tmp_path)
    module = root / "src/demo_pkg/__init__.py"
    coded = f"# coding: latin-1\n# Größe\x0c\n{module.read_text()}".encode("latin-1")
    module.write_bytes(coded)
    (root / "src/demo_pkg/other.py").write_bytes("# coding: latin-1\nNAME = 'ü'\n".encode("latin-1"))
    attributes = "/für-mich/ -text".encode("latin-1")
    (root / ".gitattributes").write_bytes(attributes)
    (root / "Makefile").write_bytes("all:  # für alle\n".encode("latin-1"))
    commit_all(root, "feat: old files")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    assert (root / ".gitattributes").read_bytes().startswith(attributes + b"\n")
    literal, imported = b'__version__ = "1.4.2"', b"from ._version import __version__ as __version__"
    assert module.read_bytes() == coded.replace(literal, imported)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_terminal_without_these_letters_is_no_reason_to_stop(
    locale: str, tmp_path: Path, template_repository: Path
) -> None:
    root = in_other_languages("no-tests", tmp_path)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "copier_pypi_release", "adopt", "--dry-run", str(root)),
            *("--template", str(template_repository)),
        ],
        env=os.environ
        | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        | {"PYTHONPATH": os.pathsep.join(map(str, PYTHONPATH))},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
