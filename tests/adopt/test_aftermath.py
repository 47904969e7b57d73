"""What an adoption has an effect on is named, with its line or its command."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt import aftermath
from copier_pypi_release.adopt.repository import Tags, read_repository
from support.rendering import commit_all, git
from uv import find_uv_bin

from adopt.adoption import run_adopt
from adopt.fixtures import CI, PROJECT, UV_TABLE, make, repository, write

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoptions

pytestmark = pytest.mark.requirement("B11")


def test_what_was_broken_or_made_stale_is_named(tmp_path: Path, template_repository: Path) -> None:
    root = make("setuptools-cfg", tmp_path)
    write(
        root,
        {
            "Makefile": "all:\n\tpython setup.py sdist\n\tgrep version src/demo_pkg/_version.py\n",
            "src/demo_pkg/_version.py": '__version__ = "1.4.2"\n',
            "uv.lock": "version = 1\n",
            ".pre-commit-config.yaml": "repos:\n- repo: x\n  hooks:\n  - id: black\n  - id: ruff-format\n",
            "tox.ini": "[testenv:lint]\ncommands =\n    flake8 --max-line-length 99 .\n    flake8 src\n",
            "CHANGELOG.md": "# Changelog\n\n#### [1.4.2]\n\n- First.\n",
        },
    )
    commit_all(root, "chore: more")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    assert "Correct what names setup.py, which is gone: Makefile:2 (python setup.py sdist)." in output
    written = "src/demo_pkg/_version.py, which is in no checkout, because the build writes it:"
    assert f"Correct what names {written} Makefile:3 (grep version src/demo_pkg/_version.py)." in output
    assert "Renew uv.lock, which does not fit pyproject.toml any more: uv lock" in output
    flat = " ".join(output.split())
    assert ".pre-commit-config.yaml:4 black; tox.ini:3 (flake8 --max-line-length 99 .) would look at" in flat
    assert "uv run .github/release/tool.py watch --list-known" in flat
    assert "No notes could be read for 1.4.2: There are no release notes for 1.4.2" in flat


def test_what_reads_a_version_that_was_text_is_named(tmp_path: Path, template_repository: Path) -> None:
    """A build hook goes on to make its files; news that waits is for the next version."""
    root = make("hatch-static", tmp_path)
    hook = """\
        from pathlib import Path

        from hatchling.builders.hooks.plugin.interface import BuildHookInterface


        class Messages(BuildHookInterface):
            def initialize(self, version, build_data):
                Path(self.root, "demo_pkg/messages.mo").write_bytes(b"compiled")
        """
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
    tables = """
[tool.hatch.build]
artifacts = ["*.mo"]

[tool.hatch.build.hooks.custom]

[tool.towncrier]
package = "demo_pkg"
directory = "news"
filename = "CHANGELOG.md"
"""
    write(
        root,
        {
            "pyproject.toml": pyproject + tables,
            "hatch_build.py": textwrap.dedent(hook),
            ".gitignore": "*.mo\n",
            "demo_pkg/meta.py": '__version__ = "1.4.2"\n',
            "demo_pkg/_version.py": "def parts() -> list[str]:\n    return ['1']\n",
            "demo_pkg/data/VERSION": "1.4.2\n",
            "news/7.feature.md": "- For the next version.\n",
            "CHANGELOG.md": "# Changelog\n\n## demo_pkg 1.4.2 (2026-01-01)\n\n- First.\n",
            ".bumpversion.cfg": "[bumpversion]\n\n[bumpversion:file:demo_pkg/__init__.py]\n",
            "Makefile": "lint:\n\truff check demo_pkg/__init__.py\n",
        },
    )
    commit_all(root, "chore: more")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    told = "Correct what reads or writes the version elsewhere than in the tag: .bumpversion.cfg:1 "
    assert f"{told}([bumpversion]), .bumpversion.cfg:3 ([bumpversion:file:demo_pkg/__init__.py])" in output
    # What the build writes has another name than a module of the package's own.
    assert "from ._scm_version import __version__" in (root / "demo_pkg/meta.py").read_text(encoding="utf-8")
    assert (root / "demo_pkg/_version.py").read_text(encoding="utf-8").startswith("def parts")
    ignored = (root / ".gitignore").read_text(encoding="utf-8")
    assert ignored == "*.mo\n/demo_pkg/_scm_version.py\n__pycache__/\n"
    why = (
        "the generated version file is not committed; what Python leaves beside the scripts is not committed"
    )
    assert f"- .gitignore: {why}" in " ".join(output.split())
    left = root / ".github/release/release_lib/__pycache__/step.pyc"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    git(root, "add", "--all")
    assert "__pycache__" not in git(root, "diff", "--cached", "--name-only")
    stale = "Take from importlib.metadata.version('demo-pkg') what demo_pkg/data/VERSION states"
    assert f"{stale}: as text it would go on to be 1.4.2, whatever is released." in output
    assert "No notes could be read" not in output


def test_a_lock_file_that_fits_is_not_named(tmp_path: Path) -> None:
    """Only a change of what it depends on makes it stale."""
    project = '[project]\nname = "demo"\nversion = "{}"\nrequires-python = ">=3.11"\n'
    files = {"pyproject.toml": project.format("1.0"), "poetry.lock": "x"}
    root = repository(tmp_path / "demo", files, tags=())
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=root, check=True)
    changed = tmp_path / "changed"
    shutil.copytree(root, changed)
    found: Any = SimpleNamespace(root=root, project=root, folder="")
    write(changed, {"pyproject.toml": f"{project.format('1.0')}[tool.hatch]\n"})
    assert aftermath.locks(found, changed) == []
    write(changed, {"pyproject.toml": project.format("1.1")})
    assert [line.rpartition(": ")[2] for line in aftermath.locks(found, changed)] == [
        "uv lock",
        "poetry lock",
    ]


# The package's own CI, documentation and tools would break. By shape: a file, and the line that is named.
READ = {
    "bump2version": (".bumpversion.cfg", "[bumpversion]\ncurrent_version = 1.4.2\n", 1),
    "bump-my-version": ("pyproject.toml", "[tool.bumpversion]\ncurrent_version = '1.4.2'\n", 1),
    "tbump": ("tbump.toml", "[[file]]\nsrc = 'setup.cfg'\n\n[version]\ncurrent = '1.4.2'\n", 4),
    "another's commitizen": ("y/pyproject.toml", "[tool.commitizen]\nversion = '1.4.2'\n", 1),
    "commitizen": (".cz.toml", "[tool.commitizen]\nversion_files = ['src/demo_pkg/__init__.py']\n", 2),
    "semantic-release": ("x/pyproject.toml", "[a]\nversion_toml = ['pyproject.toml:project.version']\n", 2),
    "poetry version": (".github/workflows/tag.yml", "# poetry version\nrun: poetry version -s\n", 2),
    "hatch version": ("Makefile", "bump:\n\thatch -q version minor\n", 2),
    "uv version": ("justfile", "bump:\n    uv version --bump minor\n", 2),
    "setup.py": ("ci/name.sh", "NAME=demo-$(python setup.py --version)\n", 1),
    "tomllib": ("docs/conf.py", "release = tomllib.load(file)['project']['version']\n", 1),
    "a pattern": ("doc/source/conf.py", "re.search(r'__version__ = (.*)', text)\n", 1),
    "exec": ("scripts/notes.py", "exec(open('src/demo_pkg/__about__.py').read())\n", 1),
    "grep": (".gitlab-ci.yml", "- V=$(grep -m1 '^version' pyproject.toml)\n", 1),
    "sed": ("tools/bump.sh", "sed -i s/version=.*/version=$1/ setup.cfg\n", 1),
    "yq": ("Taskfile.yml", "cmd: yq -r .project.version pyproject.toml\n", 1),
}
# And what reads no version that was written down.
HARMLESS = {
    "Makefile2.sh": "pip install demo-pkg==1.4.2\npython --version\nuv --version\nnode version.js\n",
    "tools/a.py": "print(demo_pkg.__version__)\nversion = importlib.metadata.version('demo-pkg')\n",
    "tox.ini": "[tox]\nskip_missing_interpreters = true\nminversion = 4\n",
    "src/demo_pkg/x.py": "re.search(r'version = (.*)', text)\n",
    "demo_pkg/read.py": "re.search(r'version = (.*)', text)\n",
    "z/pyproject.toml": "[tool.commitizen]\nversion_provider = 'scm'\n",
    ".copier-answers.yml": "project_name: tbump\nversion_file: tbump/_version.py\n",
}


def test_what_reads_or_raises_a_written_version_is_named(tmp_path: Path) -> None:
    files = {name: text for name, text, _ in READ.values()} | HARMLESS
    root = repository(tmp_path / "demo-pkg", files, tags=())
    found: Any = SimpleNamespace(root=root, folder="", name="demo-pkg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aftermath, "SHOWN", 99)
        (said,) = aftermath.readers(found, root, (), ("demo_pkg/",))
    places = {text.partition(" (")[0] for text in said.partition("than in the tag: ")[2].split("), ")}
    assert places == {f"{name}:{line}" for name, _, line in READ.values()}
    other = repository(tmp_path / "other", HARMLESS, tags=())
    assert aftermath.readers(found, other, (), ("demo_pkg/",)) == []


def test_a_package_that_is_such_a_tool_is_not_what_raises_its_version(tmp_path: Path) -> None:
    files = {"mypy.ini": "[mypy]\nfiles = tbump/**/*.py\n", "Makefile": "bump:\n\tbump2version x\n"}
    root = repository(tmp_path / "tbump", files, tags=())
    found: Any = SimpleNamespace(root=root, folder="", name="tbump")
    (said,) = aftermath.readers(found, root)
    assert said.endswith("than in the tag: Makefile:2 (bump2version x).")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"Dockerfile": "COPY . .\nRUN pip install --no-cache-dir .\n"}, "Dockerfile:2"),
        ({"docker/dev.Dockerfile": "RUN uv sync --frozen\n"}, "docker/dev.Dockerfile:1"),
        ({"Containerfile": "RUN pip install '.[all]'\n"}, "Containerfile:1"),
        ({"Dockerfile": "COPY .git .git\nRUN pip install .\n"}, ""),
        ({"Dockerfile": "RUN pip install demo-pkg\n"}, ""),
    ],
)
def test_a_container_that_builds_without_git_is_named(
    files: dict[str, str], place: str, tmp_path: Path
) -> None:
    root = repository(tmp_path / "demo-pkg", files, tags=())
    said = aftermath.copies(root)
    assert [line.partition("git now: ")[2].partition(" (")[0] for line in said] == [place] * bool(place)


@pytest.mark.parametrize(
    ("install", "alone"),
    [
        ("pip install -r requirements.txt", True),
        ("pip install pytest", True),
        ("pip install -r own.txt", False),
        ("pip install .", False),
        ("python -m pip install --editable .[test]", False),
        ("uv sync --locked", False),
        ("make install", False),
        ("./ci/setup.sh", False),
        ("scripts/install", False),
        ("scripts/prepare", True),
        (f"echo {'x' * 300}", True),
    ],
)
def test_tests_of_a_checkout_that_nobody_installs_are_named(
    install: str, alone: bool, tmp_path: Path
) -> None:
    files = {
        ".github/workflows/ci.yml": CI.replace("pip install -e . pytest", install),
        "requirements.txt": "pytest\n",
        "own.txt": "pytest\n-e .\n",
        "scripts/install": "#!/bin/sh -e\npip install -r own.txt\n",
        "scripts/prepare": "#!/bin/sh -e\npip install -r requirements.txt\n",
        "pyproject.toml": UV_TABLE + PROJECT,
        "docs/conf.py": "import sys\nsys.path.insert(0, '..')\n",
    }
    root = repository(tmp_path / "demo-pkg", files)
    (said,) = aftermath.uninstalled(read_repository(root), root, "demo_pkg/_version.py")
    assert "in no checkout: docs/conf.py:2 (sys.path.insert(0, '..'))" in said
    assert (".github/workflows/ci.yml:7 (test)" in said) is alone


def test_notes_are_read_in_the_folder_of_the_package(adoptions: Adoptions) -> None:
    made = adoptions["monorepo"]
    assert "No notes could be read" not in made.output


def test_notes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo-pkg", {"pyproject.toml": UV_TABLE + PROJECT})
    (root / "CHANGELOG.md").write_bytes("## 1.4.2\n\n- Größe.\n".encode("latin-1"))
    commit_all(root, "docs: notes")
    said = aftermath.unread_notes(read_repository(root), root)
    assert said.startswith("Save CHANGELOG.md as UTF-8, because a release stops where it cannot read it (")


@pytest.mark.requirement("P1.1")
def test_the_uv_of_this_tool_is_there_for_what_a_release_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ran the tool from an environment has no uv of their own, and a release has one."""
    git = shutil.which("git")
    assert git
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setenv("PATH", aftermath.with_uv()["PATH"])
    assert shutil.which("git") == str(bare / "git")
    assert {name for name in ("uv", "uvx") if shutil.which(name)} == {"uv", "uvx"}


def test_contents_that_dvc_keeps_are_named(tmp_path: Path) -> None:
    files = {".dvc/config": "[core]\n", "data/table.csv.dvc": "outs:\n- path: table.csv\n", "x.txt": "x"}
    found: Any = SimpleNamespace(root=repository(tmp_path / "demo-pkg", files, tags=()))
    (said,) = aftermath.elsewhere_kept(found)
    assert said == (
        "DVC keeps the content of data/table.csv.dvc outside of git: a release fetches none of that."
    )
    found = SimpleNamespace(root=repository(tmp_path / "other", {"x.txt": "x"}, tags=()))
    assert aftermath.elsewhere_kept(found) == []


def test_data_in_long_lines_takes_no_time(tmp_path: Path) -> None:
    files = {"data.txt": "setup.py " * 20_000, "data.sh": "grep " * 20_000}
    found: Any = SimpleNamespace(
        root=repository(tmp_path / "demo-pkg", files, tags=()),
        folder="",
        name="demo-pkg",
        tags=Tags("v", None, ()),
    )
    start = time.process_time()
    assert aftermath.documents(found) == aftermath.readers(found, found.root) == []
    assert time.process_time() - start < 5  # a minute, where each word begins the search anew


def test_pages_that_tell_another_way_to_release_are_named(tmp_path: Path) -> None:
    told = {
        "RELEASING.rst": "Releasing\n",
        "docs/how-to-release.md": "# How\n\nTag it.\n",
        "docs/maintainers.md": "# Maintainers\n\nBuild, then\n\n    twine upload dist/*\n",
        "CONTRIBUTING.rst": "To release:\n\n$ tbump 1.2.3\n",
        "docs/internal/releases.rst": "Releasing\n=========\n\nRun ``tox -e release``.\n",
    }
    others = {
        "CHANGELOG.md": "## 1.4.2\n\n- `twine upload` is gone.\n",
        "docs/releases/1.4.2.rst": "twine upload\n",
        "README.md": "Install it.\n",
        "docs/release-notes/7.md": "poetry publish\n",
        "docs/releases.md": "Versions.\n",
    }
    tags = Tags("v", None, ())
    root = repository(tmp_path / "demo-pkg", {**told, **others}, tags=())
    found: Any = SimpleNamespace(root=root, tags=tags)
    places = {"RELEASING.rst:1", "docs/how-to-release.md:1", "docs/maintainers.md:5", "CONTRIBUTING.rst:3"}
    places.add("docs/internal/releases.rst:4")
    (said,) = aftermath.documents(found)
    assert set(said.removeprefix("Correct what tells how to release: ").rstrip(".").split(", ")) == places
    found = SimpleNamespace(root=repository(tmp_path / "other", others, tags=()), tags=tags)
    assert aftermath.documents(found) == []
