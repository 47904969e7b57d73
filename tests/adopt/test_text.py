"""Names and texts of every language, and files in other encodings, go through adoption as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt.wheels import contents_of, read_wheel
from release_lib.settings import load_settings
from support.rendering import ROOT, commit_all, git

from adopt.adoption import adopt_repository, run_adopt
from adopt.fixtures import CI, PACKAGES, PROJECT, TRUSTED, UV_TABLE, make, write

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


def test_names_in_every_alphabet_are_kept(tmp_path: Path, template_repository: Path) -> None:
    """Of modules, data, workflows, notes, people; and texts of git's in another encoding."""
    root = make("no-tests", tmp_path)
    (root / "src/demo_pkg").rename(root / "src/größe")
    for name, text in {
        "pyproject.toml": UV_TABLE.replace("uv_build>=0.9", "hatchling").replace(
            '"uv_build"', '"hatchling.build"'
        )
        + PROJECT.replace("demo_pkg", "größe").replace("Ada Lovelace", 'Müller, \\"Zoë\\" (山田)')
        + '\n[tool.hatch.build.targets.wheel]\npackages = ["src/größe"]\n',
        "src/größe/data/ключ и замок.json": "{}\n",
        "src/größe/data/日本.txt": "x\n",
        'tests/ü "q"\tt.txt': "x\n",
        "docs/изменения.md": "# Изменения\n\n## 1.4.2\n\n- Одно.\n\n## 1.4.1\n\n- Ноль.\n",
        ".github/workflows/тесты.yml": CI.replace("name: CI", "name: Тесты"),
        ".github/workflows/veröffentlichen an alle.yml": TRUSTED,
    }.items():
        write(root, {name: text})
    (root / "LICENSE").write_bytes("© Jürgen\n".encode("latin-1"))
    commit_all(root, "feat: größer")
    git(root, "-c", "i18n.commitEncoding=latin-1", "commit", "--allow-empty", "--quiet", "-m", "fix: ü")
    git(root, "tag", "v1.4.2", "-m", "für 山田")
    made = adopt_repository("no-tests", root, tmp_path, template_repository)
    assert made.status == 0, made.output
    before, after = (read_wheel(path) for path in (made.before, made.after))
    assert set(after.files) - set(before.files) == {"größe/_version.py"}
    assert {"größe/data/ключ и замок.json", "größe/data/日本.txt"} <= set(before.files) <= set(after.files)
    assert contents_of(before)["author"] == contents_of(after)["author"]
    settings = load_settings(root / ".github/release/settings.toml")
    assert (settings.import_name, settings.changelog) == ("größe", "docs/изменения.md")
    assert settings.ci_workflows == ("тесты.yml",)
    # A trusted publisher's form takes no such file name, so that the release has one of its own.
    files = sorted(path.name for path in (root / ".github/workflows").iterdir())
    assert files == ["release.yml", "тесты.yml"]
    assert "No notes could be read" not in made.output


@pytest.mark.parametrize(
    ("change", "problem", "fix"),
    [
        ({"tag": "версия-1.4.3"}, "the tag prefix 'версия-' has a character", "git tag v1.2.3 OLD"),
        ({"tag": "demo=1.4.3"}, "the tag prefix 'demo=' has a character", "git tag v1.2.3 OLD"),
        ({"branch": "релиз"}, "the release branches 'релиз' have a character", "git branch --move"),
        ({"environment": "продакшн"}, "the environment 'продакшн' is not a name", "rename the environment"),
        (
            {"ci": "unit tests.yml"},
            "a workflow has a blank: .github/workflows/unit tests.yml",
            "unit-tests.yml",
        ),
        ({"bytes": b"\xef\xbb\xbf"}, "pyproject.toml begins with a byte order mark", "without a byte order"),
        ({"bytes": "# Größe\n".encode("latin-1")}, "pyproject.toml is not UTF-8", "save pyproject.toml as"),
    ],
    ids=str,
)
def test_a_name_that_a_release_cannot_use_is_named(
    change: dict[str, Any], problem: str, fix: str, tmp_path: Path, template_repository: Path
) -> None:
    root = make("uv-build", tmp_path)
    workflows = root / ".github/workflows"
    match change:
        case {"tag": tag}:
            git(root, "rm", "--quiet", "CHANGELOG.md")
            for old in ("1.4.0", "1.4.2"):
                git(root, "tag", "--delete", old)
            git(root, "tag", tag)
        case {"branch": branch}:
            git(root, "branch", "--move", "main", branch)
        case {"environment": name}:
            path = workflows / "publish.yml"
            path.write_text(path.read_text().replace("environment: pypi", f"environment: {name}"))
        case {"ci": name}:
            (workflows / "ci.yml").rename(workflows / name)
        case {"bytes": data}:
            path = root / "pyproject.toml"
            path.write_bytes(data + path.read_bytes())
    commit_all(root, "chore: odd")
    status, output = run_adopt(root, "--dry-run", "--template", str(template_repository))
    lines = [line for line in output.splitlines() if not line.endswith(" ...")]  # what it is doing
    assert (status, len(lines)) == (1, 4), output
    assert problem in lines[0]
    assert "adopt without --template" not in output
    assert fix in lines[2]


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
    assert (done.returncode, {line[-4:] for line in done.stderr.splitlines()}) == (0, {b" ..."}), done.stderr
