"""What a converter takes for granted, and what it refuses."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt import plan
from copier_pypi_release.adopt.convert.conversion import Project
from copier_pypi_release.adopt.convert.setuptools import convert, read_setup
from copier_pypi_release.adopt.package import read_package
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.pyproject import Pyproject
from copier_pypi_release.adopt.repository import read_repository
from copier_pypi_release.adopt.wheels import contents_of, read_sdist, read_wheel
from copier_pypi_release.workflow_files import load
from support.archives import make_wheel
from support.rendering import commit_all, git

from adopt.adoption import adopt_repository, run_adopt
from adopt.fixtures import PROJECT, UV_TABLE, common, make, repository, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B2")

GUARD = (
    "import sys\nfrom setuptools import setup\n\nif sys.version_info < (3, 8):\n    sys.exit('too old')\n\n"
)
FANCY = """\
[build-system]
requires = ["hatchling", "hatch-vcs", "hatch-fancy-pypi-readme>=24"]
build-backend = "hatchling.build"

[tool.hatch.version]
source = "vcs"

[tool.hatch.metadata.hooks.fancy-pypi-readme]
content-type = "text/markdown"

[[tool.hatch.metadata.hooks.fancy-pypi-readme.fragments]]
path = "README.md"

[[tool.hatch.metadata.hooks.fancy-pypi-readme.fragments]]
text = "And more, in $HFPR_VERSION."

[tool.hatch.build.targets.wheel]
packages = ["src/demo_pkg"]

"""


@pytest.mark.parametrize(
    "before",
    [
        GUARD,
        "try:\n    from setuptools import setup\nexcept ImportError:\n    from distutils.core import setup\n",
        "if found:\n    V = found[1]\nelse:\n    raise RuntimeError\n",
        "if sys.argv[-1] == 'publish':\n    os.system('twine upload dist/*')\n    sys.exit()\n",
    ],
)
def test_what_only_ends_a_setup_script_decides_nothing(before: str) -> None:
    assert read_setup(f"{before}setup()\n") == {}
    assert read_setup(f"{before}setup(name='demo')\n") == {"name": "demo"}


@pytest.mark.parametrize(
    "before",
    [
        "if sys.version_info < (3, 13):\n    requires.append('tomli')\n",
        "if windows:\n    requires = ['a']\nelse:\n    requires = ['b']\n",
        "try:\n    import numpy\nexcept ImportError:\n    requires = []\n",
        "for name in names:\n    print(name)\n",
    ],
)
def test_what_decides_in_a_setup_script_is_refused(before: str) -> None:
    with pytest.raises(AdoptionError, match="decides while it runs"):
        read_setup(f"{before}setup(name='demo')\n")


def test_build_plugins_stay_and_are_pinned_by_hash(tmp_path: Path, template_repository: Path) -> None:
    project = PROJECT.replace(
        'version = "1.4.2"  # keep in step with the code', 'dynamic = ["version", "readme"]'
    )
    project = project.replace('readme = "README.md"\n', "")
    root = repository(
        tmp_path / "demo-pkg",
        {**common(), "pyproject.toml": FANCY + project, ".github/release.yml": "changelog:\n"},
    )
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    pins = (root / ".github/release/build-constraints-own.txt").read_text()
    assert "hatch-fancy-pypi-readme==" in pins
    assert "--hash=sha256:" in pins
    assert "hatchling==" in pins  # a release takes this file instead of the template's
    commit_all(root, "build: release by tag", tag="v2.0.0")
    done = subprocess.run(
        ["uv", "run", "--quiet", ".github/release/build_distributions.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "demo_pkg-2.0.0-py3-none-any.whl" in done.stdout
    assert git(root, "status", "--porcelain") == ""


def with_submodules(folder: Path, pyproject: str) -> Path:
    """A package with another repository in it, which has one itself; what is built has the files of both."""
    added = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    for name, inner in (("names", ""), ("zones", "names")):
        repository(folder / name, {f"{name}.json": "{}\n"}, tags=())
        if inner:
            git(folder / name, *added, str(folder / inner), inner)
            commit_all(folder / name, "feat: more")
    root = repository(folder / "demo-pkg", {**common(), "pyproject.toml": pyproject})
    git(root, *added, str(folder / "zones"), "src/demo_pkg/zones")
    fetch = ("submodule", "--quiet", "update", "--init", "--recursive")
    git(root, "-c", "protocol.file.allow=always", *fetch)
    commit_all(root, "feat: zones")
    git(root, "tag", "--force", "v1.4.2")
    return root


@pytest.mark.requirement("P3.11")
def test_what_a_submodule_brings_is_there_afterwards(tmp_path: Path, template_repository: Path) -> None:
    root = with_submodules(tmp_path, UV_TABLE + PROJECT)
    made = adopt_repository("no-tests", root, tmp_path, template_repository)
    assert made.status == 0, made.output
    inside = {"demo_pkg/zones/zones.json", "demo_pkg/zones/names/names.json"}
    before, after = (read_wheel(wheel) for wheel in (made.before, made.after))
    assert inside <= set(before.files)
    assert set(after.files) - set(before.files) == {"demo_pkg/_version.py"}
    with tarfile.open(made.sdists[1]) as sdist:
        assert {f"demo_pkg-2.0/src/{name}" for name in inside} <= set(sdist.getnames())
    release = load(root / ".github/workflows/publish.yml")
    checkouts = [dict(step["with"]) for _, step in release.using("actions/checkout")]
    fetched = {(one.get("path"), one.get("submodules")) for one in checkouts}
    assert fetched == {("source", "recursive"), (None, None)}  # the others get the release's scripts alone
    assert "- .github/workflows/publish.yml: replaced in place: a trusted publisher" in made.output
    assert "; it fetches the submodules" in made.output
    assert git(root, "submodule", "status", "--recursive").count("\n") == 1  # as they were


def test_a_submodule_that_was_not_fetched_is_not_missed(tmp_path: Path) -> None:
    """What users build of that tree has no file of it."""
    root = with_submodules(tmp_path, UV_TABLE + PROJECT)
    git(root, "submodule", "--quiet", "deinit", "--all", "--force")
    clone = plan._clone(root, tmp_path / "clone")  # noqa: SLF001  (what an adoption builds)
    assert list((clone / "src/demo_pkg/zones").iterdir()) == []
    assert plan.submodules(clone) == ["src/demo_pkg/zones"]


# One package with many of them; by kind.
OLD = {
    # Metadata: a readme without a suffix; several people; extras with marks, dots and capitals; scripts that
    # want an extra; URLs that differ in case; fields that no backend of today writes; a licence by a pattern.
    "README": "Demo\n====\n\nTurns **timetables** into calendars.\n",
    "setup.cfg": """\
        [metadata]
        name = Demo.Pkg_X
        version = attr: demo_pkg.__version__
        description = Turns timetables into calendars.
        long_description = file: README
        author = Ada Lovelace, Charles Babbage
        author_email = ada@example.org, Charles Babbage <charles@example.org>
        maintainer = The Team (of two)
        keywords = calendar, timetable of buses
        license = MIT
        license_files =
            LICEN[CS]E*
            licenses/*.txt
        platforms = any
        provides = demo_x
        url = https://demo.example.org
        download_url = https://demo.example.org/all
        project_urls =
            Source Code = https://github.com/octo-org/demo-pkg
            issues = https://github.com/octo-org/demo-pkg/issues

        [options]
        package_dir =
            =src
        packages = find:
        python_requires = ~=3.11
        zip_safe = False
        install_requires =
            packaging (>=23,<99); (os_name == "posix")

        [options.packages.find]
        where = src

        [options.package_data]
        * = *.json, py.typed

        [options.extras_require]
        Web_UI = rich[jupyter]>=13
        test.x =
            pytest; python_version < "3.14"

        [options.entry_points]
        console_scripts =
            demo = demo_pkg:main [Web_UI]
            demo.x-y = demo_pkg : main
        gui_scripts =
            Demo = demo_pkg:main

        [bdist_wheel]
        universal = 1
        """,
    "licenses/a.txt": "A\n",
    # Sdists: lists that include, leave out, and name what goes.
    "MANIFEST.in": "graft tests\nprune tests/data\nrecursive-include docs *.md\nexclude docs/secret.md\n"
    "global-exclude *.py[cod]\ninclude MANIFEST.in setup.py CHANGELOG.md\n",
    "setup.py": "from setuptools import setup\nsetup()\n",
    "tests/data/big.bin": "x\n",
    "docs/a.md": "A\n",
    "docs/b.rst": "B\n",
    "docs/secret.md": "S\n",
}


def test_metadata_and_sources_of_an_old_package_are_kept(tmp_path: Path, template_repository: Path) -> None:
    plain = {name: text for name, text in common().items() if name != "README.md"}
    root = repository(tmp_path / "demo-pkg", plain | OLD)
    made = adopt_repository("no-tests", root, tmp_path, template_repository)
    assert made.status == 0, made.output
    before, after = (read_wheel(wheel) for wheel in (made.before, made.after))
    was, now = contents_of(before), contents_of(after)
    for key, value in was.items():
        assert now[key] == value, key
    assert set(after.files) - set(before.files) == {"demo_pkg/_version.py"}
    files = [read_sdist(path)[0] for path in made.sdists]
    assert set(files[0]) - set(files[1]) == {"setup.py", "setup.cfg"}
    assert not {"docs/b.rst", "docs/secret.md", "tests/data/big.bin"} & {*files[0], *files[1]}
    document = tomllib.loads((root / "pyproject.toml").read_text())
    assert document["project"]["readme"] == {"file": "README", "content-type": "text/x-rst"}
    lists = document["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert not {"/setup.py", "/setup.cfg"} & {*lists["include"], *lists["exclude"]}


def test_a_description_that_is_written_out_in_setup_cfg_is_kept(
    tmp_path: Path, template_repository: Path
) -> None:
    root = make("setuptools-cfg", tmp_path)
    config = (root / "setup.cfg").read_text(encoding="utf-8")
    text = '\n    Turns *timetables* into "calendars".\n\n    .. _a: https://demo.example.org/\\n\n'
    config = config.replace("file: README.md", text).replace("text/markdown", "text/x-rst")
    write(root, {"setup.cfg": config})
    commit_all(root, "docs: short")
    made = adopt_repository("setuptools-cfg", root, tmp_path, template_repository)
    assert made.status == 0, made.output
    before, after = (read_wheel(wheel).metadata for wheel in (made.before, made.after))
    assert '*timetables* into "calendars".\n\n.. _a: https://demo.example.org/\\n' in before["description"]
    assert before["description"] == after["description"]
    assert before["description_content_type"] == after["description_content_type"] == "text/x-rst"


@pytest.mark.parametrize(
    ("config", "script", "kept"),
    [
        ("long_description = One.\n", "", True),
        ("long-description =\n  One.\n", "", True),
        ("description = One.\n", "", False),
        ("long_description = Two.\n", "", False),
        ("long_description = file: ONE, TWO\n", "", False),
        ("", "TEXT = 'One.'\nsetup(long_description=TEXT)\n", True),
        ("", "setup(long_description=open('ONE').read())\n", False),
    ],
)
def test_only_a_description_that_is_written_out_is_taken_over(
    config: str, script: str, *, kept: bool, tmp_path: Path
) -> None:
    """One that setuptools puts together would stay as it is today."""
    script = f"from setuptools import setup\n{script or 'setup()'}"
    root = write(
        tmp_path / "demo", {"setup.cfg": f"[metadata]\nname = demo-pkg\n{config}", "setup.py": script}
    )
    metadata = {"description": "One.\n", "description_content_type": "text/x-rst; charset=UTF-8"}
    wheel: Any = SimpleNamespace(metadata=metadata)
    found = convert(Project(root, Pyproject(""), wheel, readme=None)).override
    assert found == ({"readme": {"text": "One.\n", "content-type": "text/x-rst"}} if kept else {})


@pytest.mark.parametrize(
    ("table", "known"),
    [
        ('[tool.hatch.build.targets.wheel.force-include]\nLICENSE = "demo_pkg/LICENSE.txt"\n', True),
        ('[tool.hatch.build.targets.wheel.force-include]\n"../data" = "/demo_pkg/"\n', True),
        ('[tool.hatch.build.force-include]\nLICENSE = "demo_pkg/LICENSE.txt"\n', True),
        ('[tool.hatch.build.force-include]\nLICENSE = "demo_pkg/LICENSE"\n', False),
        ("", False),
    ],
)
def test_files_that_hatchling_takes_from_elsewhere_are_known(
    table: str, *, known: bool, tmp_path: Path
) -> None:
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
    files = {**common(), "pyproject.toml": f"{build}{PROJECT}\n{table}"}
    root = repository(tmp_path / "demo-pkg", files)
    plain = read_wheel(make_wheel(tmp_path, "demo-pkg", "1.4.2"))
    wheel = replace(plain, files=dict.fromkeys(("demo_pkg/__init__.py", "demo_pkg/LICENSE.txt"), "0"))
    with (
        nullcontext()
        if known
        else pytest.raises(AdoptionError, match=r"not in the repository: .*LICENSE\.txt")
    ):
        read_package(read_repository(root), root, wheel)
