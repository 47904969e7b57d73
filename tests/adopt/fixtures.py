"""Packages that exist, in the shapes that people have them, written anew for each test.

Each maker writes a git repository into a folder and returns the root. `PACKAGES` names those that can be
adopted and `REFUSED` those that cannot, so that a drill can take any of them, adopt it and release it:

    root = make("poetry-2", folder)
    adopt(root)                # leaves an uncommitted change
    commit_all(root, "build: release by tag", tag=next_tag("poetry-2"))
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

from support.rendering import commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

REMOTE = "https://github.com/octo-org/{name}.git"

README = "# demo\n\nTurns timetables into calendars.\n"
LICENSE = "MIT License\n\nCopyright (c) 2024 Ada Lovelace\n\nPermission is hereby granted, free of charge.\n"
CODE = '"""Timetables."""\n\n__version__ = "1.4.2"\n\n\ndef main() -> None:\n    """Run."""\n    print("hello")\n'
TESTS = "from demo_pkg import main\n\n\ndef test_main(capsys):\n    main()\n    assert capsys.readouterr().out == 'hello\\n'\n"
CI = """\
name: CI
on:
  push:
    branches: [main]
  pull_request:
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python-version: ["3.11", "3.12"]
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python-version }}
      - run: pip install -e . pytest
      - run: pytest
"""
TRUSTED = """\
name: Publish
on:
  release:
    types: [published]
jobs:
  pypi:
    runs-on: ubuntu-latest
    environment: pypi
    permissions:
      id-token: write
    steps:
      - uses: actions/checkout@v4
      - run: pipx run build
      - uses: pypa/gh-action-pypi-publish@release/v1
"""
TOKEN = """\
name: Upload
on:
  push:
    tags: ["v*"]
jobs:
  upload:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          pip install build twine
          python -m build
          twine upload dist/*
        env:
          TWINE_USERNAME: __token__
          TWINE_PASSWORD: ${{ secrets.PYPI_API_TOKEN }}
"""

# The metadata that every converted package has, in the form of [project].
PROJECT = """\
[project]
name = "demo-pkg"
version = "1.4.2"  # keep in step with the code
description = "Turns timetables into calendars."
readme = "README.md"
requires-python = ">=3.11"
license = { text = "MIT" }
authors = [{ name = "Ada Lovelace", email = "ada@example.org" }]
keywords = ["calendar", "timetable"]
classifiers = [
    "Development Status :: 4 - Beta",
    "License :: OSI Approved :: MIT License",
    "Programming Language :: Python :: 3.11",
    "Programming Language :: Python :: 3.12",
]
dependencies = [
    "packaging>=23",
    "tomli>=2; python_version < '3.11'",
]

[project.optional-dependencies]
all = ["rich>=13"]

[project.urls]
Homepage = "https://demo.example.org"
Source = "https://github.com/octo-org/demo-pkg"

[project.scripts]
demo = "demo_pkg:main"

[project.entry-points."demo.plugins"]
plain = "demo_pkg.plain"
"""
LINTERS = """
# ---- ours: keep this comment ----
[tool.ruff]
line-length = 99   # wide screens

[tool.pytest.ini_options]
testpaths = ["tests"]
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, dedented."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dedent(text).encode())
    return root


def repository(
    root: Path, files: Mapping[str, str], *, tags: tuple[str, ...] = ("v1.4.2",), remote: str | None = REMOTE
) -> Path:
    """Make a git repository of files, with version tags on the commits of the default branch."""
    write(root, files)
    git(root.parent, "init", "--quiet", "--initial-branch", "main", str(root))
    if remote:
        git(root, "remote", "add", "origin", remote.format(name=root.name))
    commit_all(root, "feat: everything")
    for number, tag in enumerate(tags):
        if number:
            commit_all(root, f"fix: number {number}")
        git(root, "tag", tag)
    return root


def common(source: str = "src") -> dict[str, str]:
    """The files that every demonstration package has."""
    inside = f"{source}/demo_pkg" if source else "demo_pkg"
    return {
        "README.md": README,
        "LICENSE": LICENSE,
        "CHANGELOG.md": "# Changelog\n\n## 1.4.2\n\n- First.\n",
        ".gitignore": "__pycache__/\ndist/\n*.egg-info/\n.venv/\n",
        ".github/workflows/ci.yml": CI,
        ".github/workflows/publish.yml": TRUSTED,
        f"{inside}/__init__.py": CODE,
        f"{inside}/plain.py": '"""A plug-in."""\n',
        f"{inside}/py.typed": "",
        f"{inside}/data/table.json": '{"a": 1}\n',
        "tests/test_demo.py": TESTS,
    }


# ---- One maker a shape -------------------------------------------------------------------------------


def target(root: Path) -> Path:
    """The first target: hatch-vcs already, a publisher with a workflow-wide identity, 398 tests."""
    name = "semantic_model_generator"
    package = f"src/{name}"
    files = {
        "pyproject.toml": """\
            [build-system]
            requires = ["hatchling", "hatch-vcs"]
            build-backend = "hatchling.build"

            [project]
            name = "semantic-model-generator"
            dynamic = ["version"]
            description = "Generates semantic models from warehouse tables"
            requires-python = ">=3.11"
            dependencies = [
                "mssql-python>=0.13",
                "azure-identity>=1.15",  # Entra ID
                "tenacity>=8.2",
                "requests>=2.31",
            ]

            [project.optional-dependencies]
            dev = ["pytest>=8", "ruff>=0.8", "mypy>=1.13", "pre-commit>=4"]

            [tool.hatch.version]
            source = "vcs"

            [tool.hatch.build.hooks.vcs]
            version-file = "src/semantic_model_generator/_version.py"

            [tool.hatch.build.targets.wheel]
            packages = ["src/semantic_model_generator"]

            [tool.ruff]
            target-version = "py311"
            line-length = 100

            [tool.ruff.lint]
            select = ["E", "F", "I", "UP"]   # agreed on in review

            [tool.mypy]
            strict = true

            [tool.pytest.ini_options]
            testpaths = ["tests"]
            addopts = "-q"
            """,
        "Makefile": (
            ".PHONY: lint type test check\nlint:\n\truff check src tests\ntype:\n\tmypy src\n"
            "test:\n\tpytest\ncheck: lint type test\n"
        ),
        ".pre-commit-config.yaml": """\
            repos:
              - repo: local
                hooks:
                  - id: check
                    name: make check
                    entry: make check
                    language: system
                    pass_filenames: false
            """,
        ".gitignore": f"__pycache__/\n.venv/\ndist/\n/{package}/_version.py\n",
        ".github/workflows/ci.yml": """\
            name: CI
            on:
              push:
                branches: [main]
              pull_request:
                branches: [main]
            jobs:
              check:
                runs-on: ubuntu-latest
                strategy:
                  matrix:
                    python-version: ["3.11", "3.12"]
                steps:
                  - uses: actions/checkout@v4
                    with:
                      fetch-depth: 0
                  - uses: actions/setup-python@v5
                    with:
                      python-version: ${{ matrix.python-version }}
                  - name: Install
                    run: pip install -e ".[dev]"
                  - name: Check
                    run: make check
            """,
        ".github/workflows/publish.yml": """\
            name: Publish to PyPI
            on:
              push:
                tags: ["v*"]
            permissions:
              id-token: write
              contents: read
            jobs:
              build:
                runs-on: ubuntu-latest
                steps:
                  - uses: actions/checkout@v4
                    with:
                      fetch-depth: 0
                  - run: pip install build && python -m build
                  - uses: actions/upload-artifact@v4
                    with:
                      name: dist
                      path: dist/
              publish:
                needs: build
                runs-on: ubuntu-latest
                environment: pypi
                steps:
                  - uses: actions/download-artifact@v4
                    with:
                      name: dist
                      path: dist/
                  - uses: pypa/gh-action-pypi-publish@release/v1
            """,
        ".planning/MILESTONES.md": """\
            # Milestones

            ## v0.2.0 Relationships (shipped 2026-02-01)

            - Relationships are inferred from foreign keys.

            ## v0.1.0 First model (shipped 2025-11-20)

            - Tables become a model.
            """,
        f"{package}/__init__.py": (
            '"""Semantic models from tables."""\n\nfrom semantic_model_generator._version import __version__\n'
            'from semantic_model_generator.model import name_of\n\n__all__ = ["__version__", "name_of"]\n'
        ),
        f"{package}/model.py": (
            '"""Names."""\n\n\ndef name_of(number: int) -> str:\n    """Name of a table."""\n'
            '    return f"table_{number:03}"\n'
        ),
        f"{package}/py.typed": "",
        "tests/test_model.py": (
            "import pytest\n\nfrom semantic_model_generator import name_of\n\n\n"
            '@pytest.mark.parametrize("number", range(398))\ndef test_name(number: int) -> None:\n'
            '    assert name_of(number) == f"table_{number:03}"\n'
        ),
    }
    tags = ("v0.0.1", "v0.1.0", "v0.2.0", "v0.2.1", "v0.2.2", "v0.2.3")
    repository(root, files, tags=tags)
    main = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "--detach")
    for tag in ("v0.2.4", "v0.2.5"):
        commit_all(root, f"fix: on the way to {tag}", tag=tag)
    git(root, "checkout", "--quiet", "main")
    assert git(root, "rev-parse", "HEAD") == main
    return root


def hatch_static(root: Path) -> Path:
    """Hatchling with a version in a file, flat layout, CRLF line ends in pyproject.toml."""
    pyproject = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
    pyproject = f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n{pyproject}'
    pyproject += '\n[tool.hatch.version]\npath = "demo_pkg/__init__.py"\n\n[tool.hatch.build.targets.wheel]\n'
    pyproject += f'packages = ["demo_pkg"]\n{LINTERS}'
    return repository(root, {**common(""), "pyproject.toml": pyproject.replace("\n", "\r\n")})


def setuptools_pyproject(root: Path) -> Path:
    """setuptools, all in pyproject.toml, with the version taken from the code and package data."""
    pyproject = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
    pyproject = (
        '[build-system]\nrequires = ["setuptools>=68", "wheel"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'{pyproject}\n[tool.setuptools.packages.find]\nwhere = ["src"]\n\n[tool.setuptools.package-data]\n'
        'demo_pkg = ["data/*.json", "py.typed"]\n\n[tool.setuptools.dynamic]\n'
        f'version = {{ attr = "demo_pkg.__version__" }}\n{LINTERS}'
    )
    return repository(
        root, {**common(), "pyproject.toml": pyproject, "src/demo_pkg/notes.txt": "not shipped\n"}
    )


def setuptools_cfg(root: Path) -> Path:
    """setuptools, all in setup.cfg beside the settings of a linter."""
    files = {
        **common(),
        "setup.py": "from setuptools import setup\n\nsetup()\n",
        "setup.cfg": """\
            [metadata]
            name = demo-pkg
            version = attr: demo_pkg.__version__
            description = Turns timetables into calendars.
            long_description = file: README.md
            long_description_content_type = text/markdown
            author = Ada Lovelace
            author_email = ada@example.org
            license = MIT
            url = https://demo.example.org
            project_urls =
                Source = https://github.com/octo-org/demo-pkg
            classifiers =
                Programming Language :: Python :: 3.11
                Programming Language :: Python :: 3.12

            [options]
            package_dir =
                =src
            packages = find:
            python_requires = >=3.11
            install_requires =
                packaging>=23
                tomli>=2; python_version < "3.11"

            [options.packages.find]
            where = src

            [options.extras_require]
            all = rich>=13

            [options.package_data]
            demo_pkg = data/*.json, py.typed

            [options.entry_points]
            console_scripts =
                demo = demo_pkg:main
            demo.plugins =
                plain = demo_pkg.plain

            [flake8]
            max-line-length = 99
            """,
    }
    return repository(root, files)


def setuptools_scm(root: Path) -> Path:
    """setup.py with literals and setuptools_scm, a build table in pyproject.toml, a token-based publisher."""
    files = {
        **common(),
        "src/demo_pkg/__init__.py": CODE.replace(
            '__version__ = "1.4.2"', "from demo_pkg._version import version as __version__"
        ),
        ".gitignore": common()[".gitignore"] + "_version.py\n",
        "setup.py": """\
            from pathlib import Path

            from setuptools import find_packages, setup

            REQUIRES = ["packaging>=23", "tomli>=2; python_version < '3.11'"]

            setup(
                name="demo-pkg",
                use_scm_version={"write_to": "src/demo_pkg/_version.py"},
                description="Turns timetables into calendars.",
                long_description=Path(__file__).with_name("README.md").read_text(),
                long_description_content_type="text/markdown",
                author="Ada Lovelace",
                author_email="ada@example.org",
                license="MIT",
                url="https://github.com/octo-org/demo-pkg",
                package_dir={"": "src"},
                packages=find_packages("src"),
                package_data={"demo_pkg": ["data/*.json", "py.typed"]},
                python_requires=">=3.11",
                install_requires=REQUIRES,
                extras_require={"all": ["rich>=13"], "tables": ["rich>=13", "packaging>=24; os_name == 'posix'"]},
                entry_points={"console_scripts": ["demo = demo_pkg:main"], "demo.plugins": ["plain = demo_pkg.plain"]},
                classifiers=["Programming Language :: Python :: 3.11", "Programming Language :: Python :: 3.12"],
            )
            """,
        "pyproject.toml": (
            '[build-system]\nrequires = ["setuptools>=68", "setuptools_scm>=8"]\n'
            f'build-backend = "setuptools.build_meta"\n{LINTERS}'
        ),
        ".github/workflows/publish.yml": TOKEN,
        "MANIFEST.in": "include LICENSE\n",
    }
    return repository(root, files)


def poetry_1(root: Path) -> Path:
    """Poetry 1: everything in [tool.poetry], caret versions, extras, groups, an include."""
    pyproject = """\
        [tool.poetry]
        name = "demo-pkg"
        version = "1.4.2"
        description = "Turns timetables into calendars."
        authors = ["Ada Lovelace <ada@example.org>", "Charles Babbage <charles@example.org>"]
        license = "MIT"
        readme = "README.md"
        homepage = "https://demo.example.org"
        repository = "https://github.com/octo-org/demo-pkg"
        keywords = ["calendar", "timetable"]
        classifiers = ["Development Status :: 4 - Beta"]
        packages = [{ include = "demo_pkg", from = "src" }]

        [tool.poetry.dependencies]
        python = "^3.11"
        packaging = "^24.1"
        tomli = { version = ">=2", python = "<3.11" }
        rich = { version = ">=13", optional = true }
        click = { version = "~8.1", optional = true, markers = "os_name == 'posix'" }

        [tool.poetry.extras]
        all = ["rich", "click"]
        tables = ["rich"]

        [tool.poetry.group.dev.dependencies]
        pytest = "^8"

        [tool.poetry.urls]
        Changelog = "https://github.com/octo-org/demo-pkg/releases"

        [tool.poetry.scripts]
        demo = "demo_pkg:main"

        [tool.poetry.plugins."demo.plugins"]
        plain = "demo_pkg.plain"

        [build-system]
        requires = ["poetry-core>=1"]
        build-backend = "poetry.core.masonry.api"
        """
    return repository(root, {**common(), "pyproject.toml": dedent(pyproject) + LINTERS})


def poetry_2(root: Path) -> Path:
    """Poetry 2: [project], with classifiers left to Poetry."""
    pyproject = PROJECT.replace("  # keep in step with the code", "")
    start, end = pyproject.index("classifiers"), pyproject.index("dependencies =")
    pyproject = pyproject[:start] + 'dynamic = ["classifiers"]\n' + pyproject[end:]
    pyproject = pyproject.replace('{ text = "MIT" }', '"MIT"')
    pyproject += (
        '\n[tool.poetry]\npackages = [{ include = "demo_pkg", from = "src" }]\n'
        'classifiers = ["Development Status :: 4 - Beta"]\n\n[tool.poetry.group.dev.dependencies]\npytest = "^8"\n\n'
        '[build-system]\nrequires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    return repository(root, {**common(), "pyproject.toml": pyproject + LINTERS})


def flit(root: Path) -> Path:
    """Flit with [project]: version and description come from the module."""
    pyproject = PROJECT.replace('version = "1.4.2"  # keep in step with the code\n', "")
    pyproject = pyproject.replace(
        'description = "Turns timetables into calendars."', 'dynamic = ["version", "description"]'
    )
    pyproject = (
        f'[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n{pyproject}\n'
        '[tool.flit.module]\nname = "demo_pkg"\n\n[tool.flit.sdist]\ninclude = ["tests/"]\n'
    )
    code = CODE.replace('"""Timetables."""', '"""Turns timetables into calendars."""')
    files = {**common(), "src/demo_pkg/__init__.py": code, "pyproject.toml": pyproject + LINTERS}
    return repository(root, files)


def pdm(root: Path) -> Path:
    """PDM with a version from a file and development dependencies of its own."""
    pyproject = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
    pyproject = (
        f'[build-system]\nrequires = ["pdm-backend"]\nbuild-backend = "pdm.backend"\n\n{pyproject}\n'
        '[tool.pdm]\ndistribution = true\n\n[tool.pdm.version]\nsource = "file"\npath = "src/demo_pkg/__init__.py"\n\n'
        '[tool.pdm.build]\npackage-dir = "src"\n\n[tool.pdm.dev-dependencies]\ntest = ["pytest>=8"]\n'
    )
    return repository(root, {**common(), "pyproject.toml": pyproject + LINTERS})


def uv_build(root: Path) -> Path:
    """Uv's own backend, tags without a prefix."""
    pyproject = (
        f'{PROJECT}\n[build-system]\nrequires = ["uv_build>=0.9"]\nbuild-backend = "uv_build"\n\n'
        '[tool.uv.build-backend]\nmodule-name = "demo_pkg"\n\n[tool.uv]\ndefault-groups = []\n'
    )
    return repository(
        root, {**common(), "pyproject.toml": pyproject + LINTERS}, tags=("1.4.0", "nightly-3", "1.4.2")
    )


def flat(root: Path) -> Path:
    """A flat layout with tests inside the repository only, and no build table at all."""
    pyproject = PROJECT + '\n[tool.setuptools]\npackages = ["demo_pkg"]\n'
    return repository(root, {**common(""), "pyproject.toml": pyproject + LINTERS})


def namespace(root: Path) -> Path:
    """A package inside a namespace that others share."""
    files = {name.replace("src/demo_pkg", "src/octo/demo_pkg"): text for name, text in common().items()}
    pyproject = PROJECT.replace("demo_pkg", "octo.demo_pkg")
    pyproject = (
        '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'{pyproject}\n[tool.setuptools.packages.find]\nwhere = ["src"]\nnamespaces = true\n'
    )
    files["tests/test_demo.py"] = TESTS.replace("demo_pkg", "octo.demo_pkg")
    return repository(root, {**files, "pyproject.toml": pyproject + LINTERS})


def monorepo(root: Path) -> Path:
    """Two projects in one repository; the one in packages/demo is meant."""
    inside = {f"packages/demo/{n}": t for n, t in common().items() if not n.startswith(".github")}
    hatch = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
    ci = CI.replace("- run: pip", "- working-directory: packages/demo\n        run: pip")
    ci = ci.replace("- run: pytest", "- working-directory: packages/demo\n        run: pytest")
    files = {
        **inside,
        "packages/demo/pyproject.toml": f"{hatch}{PROJECT}{LINTERS}",
        "packages/other/pyproject.toml": f'{hatch}[project]\nname = "other"\nversion = "1"\n',
        "packages/other/other/__init__.py": "",
        ".github/workflows/ci.yml": ci,
    }
    return repository(root, files, tags=("other-v3.0.0", "demo-v1.4.2"))


def workspace(root: Path, *names: str, workflows: Mapping[str, str] | None = None) -> Path:
    """A repository of several packages below packages/, each with its publisher unless workflows are given."""
    files: dict[str, str] = {"README.md": README, ".github/workflows/ci.yml": CI, **(workflows or {})}
    for name in names:
        code = {k.replace("demo_pkg", name): v for k, v in common().items() if not k.startswith(".github")}
        project = PROJECT.replace("demo-pkg", f"demo-{name}").replace("demo_pkg", name)
        files |= {f"packages/{name}/{k}": v.replace("demo_pkg", name) for k, v in code.items()}
        files[f"packages/{name}/pyproject.toml"] = (
            f'{UV_TABLE}{project}\n[tool.uv.build-backend]\nmodule-name = "{name}"\n'
        )
        if workflows is None:
            files[f".github/workflows/publish-{name}.yml"] = publisher_of(name)
    return repository(root, files, tags=tuple(f"{name}-v1.4.2" for name in names))


def publisher_of(name: str) -> str:
    """The publisher of one package of several: a tag of its own starts it."""
    return f"""\
name: Publish {name}
on:
  push:
    tags: ["{name}-v*"]
jobs:
  pypi:
    runs-on: ubuntu-latest
    environment: pypi-{name}
    permissions:
      id-token: write
    steps:
      - uses: actions/checkout@v4
      - run: uv build packages/{name}
      - uses: pypa/gh-action-pypi-publish@release/v1
        with:
          packages-dir: packages/{name}/dist
"""


def no_tests(root: Path) -> Path:
    """No tests, no CI, no publisher, no changelog; conventional commits."""
    drop = ("tests/", ".github/", "CHANGELOG")
    files = {n: t for n, t in common().items() if not n.startswith(drop)}
    return repository(root, {**files, "pyproject.toml": f"{UV_TABLE}{PROJECT}{LINTERS}"}, tags=())


UV_TABLE = '[build-system]\nrequires = ["uv_build>=0.9"]\nbuild-backend = "uv_build"\n\n'


def several_publishers(root: Path) -> Path:
    """Trusted to PyPI by publish.yml, to TestPyPI by another file, and once more from a job of CI."""
    ci = CI + (
        "  upload:\n    needs: test\n    if: startsWith(github.ref, 'refs/tags/')\n    runs-on: ubuntu-latest\n"
        "    steps:\n      - uses: actions/checkout@v4\n      - run: uv build\n      - run: uv publish\n"
        "        env:\n          UV_PUBLISH_TOKEN: ${{ secrets.PYPI_TOKEN }}\n"
        "\n  # Says that all is well.\n  done:\n    needs: test\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ok\n"
    )
    testing = TRUSTED.replace("environment: pypi", "environment: staging").replace(
        "publish@release/v1\n",
        "publish@release/v1\n        with:\n          repository-url: https://test.pypi.org/legacy/\n",
    )
    files = {
        **common(),
        ".github/workflows/ci.yml": ci,
        ".github/workflows/test-pypi.yml": testing,
        ".github/workflows/publish.yml": TRUSTED.replace("environment: pypi", "environment: production"),
        "pyproject.toml": f"{UV_TABLE}{PROJECT}{LINTERS}",
    }
    return repository(root, files)


def no_remote(root: Path) -> Path:
    """No remote, but a URL of the project names the repository."""
    return repository(root, {**common(), "pyproject.toml": f"{UV_TABLE}{PROJECT}{LINTERS}"}, remote=None)


# ---- Those that are refused --------------------------------------------------------------------------


def broken_toml(root: Path) -> Path:
    """pyproject.toml is not TOML."""
    return repository(root, {**common(), "pyproject.toml": "[project\nname = 'demo-pkg'\n"})


def broken_workflow(root: Path) -> Path:
    """A workflow is not YAML."""
    files = {
        **common(),
        ".github/workflows/odd.yml": "on: push\njobs: [\n",
        "pyproject.toml": UV_TABLE + PROJECT,
    }
    return repository(root, files)


def nameless(root: Path) -> Path:
    """Neither a remote nor a URL names the repository."""
    pyproject = UV_TABLE + PROJECT.replace('Source = "https://github.com/octo-org/demo-pkg"\n', "")
    return repository(root, {**common(), "pyproject.toml": pyproject}, remote=None)


def shallow(root: Path) -> Path:
    """A clone without its history."""
    uv_build(root.parent / "whole")
    url = (root.parent / "whole").as_uri()
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, str(root)], check=True)
    return root


def dirty(root: Path) -> Path:
    """Something is not committed."""
    no_tests(root)
    return write(root, {"notes.txt": "not committed\n"})


def dynamic_dependencies(root: Path) -> Path:
    """Setuptools reads the dependencies from requirements.txt."""
    pyproject = PROJECT.replace('"1.4.2"', '"1.4.2"\ndynamic = ["dependencies"]', 1)
    start = pyproject.index("dependencies = [\n")
    pyproject = pyproject[:start] + pyproject[pyproject.index("[project.optional") :]
    pyproject += '[tool.setuptools.dynamic]\ndependencies = { file = "requirements.txt" }\n'
    return repository(root, {**common(), "pyproject.toml": pyproject, "requirements.txt": "packaging>=23\n"})


def computed_setup(root: Path) -> Path:
    """setup.py decides what is needed while it runs."""
    setup = (
        "import sys\nfrom setuptools import setup, find_packages\nrequires = ['packaging']\n"
        "if sys.version_info < (3, 13):\n    requires.append('tomli')\n"
        "setup(name='demo-pkg', version='1.4.2', package_dir={'': 'src'}, packages=find_packages('src'),\n"
        "      install_requires=requires)\n"
    )
    return repository(root, {**common(), "setup.py": setup})


def unknown_backend(root: Path) -> Path:
    """A backend that nobody has heard of, in the repository itself."""
    backend = (
        "import zipfile\n\ndef build_wheel(to, config_settings=None, metadata_directory=None):\n"
        "    name = 'demo_pkg-1-py3-none-any.whl'\n    with zipfile.ZipFile(to + '/' + name, 'w') as wheel:\n"
        "        wheel.writestr('demo_pkg/__init__.py', '')\n"
        "        wheel.writestr('demo_pkg-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo-pkg\\nVersion: 1\\n')\n"
        "        wheel.writestr('demo_pkg-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr('demo_pkg-1.dist-info/RECORD', '')\n    return name\n"
    )
    table = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n\n'
    return repository(root, {**common(), "backend.py": backend, "pyproject.toml": table + PROJECT})


def side_step(root: Path) -> Path:
    """The job that publishes deploys the documentation afterwards."""
    docs = "      - name: Documentation\n        run: mkdocs gh-deploy --force\n"
    files = {
        **common(),
        ".github/workflows/publish.yml": TRUSTED + docs,
        "pyproject.toml": UV_TABLE + PROJECT,
    }
    return repository(root, files)


def doubtful(root: Path) -> Path:
    """A job of another workflow holds an identity, and nothing says what for."""
    files = {
        **common(),
        ".github/workflows/nightly.yml": TRUSTED.replace(
            "uses: pypa/gh-action-pypi-publish@release/v1", "run: ship dist"
        ),
        "pyproject.toml": UV_TABLE + PROJECT,
    }
    return repository(root, files)


def single_module(root: Path) -> Path:
    """One module, no package."""
    table = '[build-system]\nrequires = ["flit_core>=3.9"]\nbuild-backend = "flit_core.buildapi"\n\n'
    pyproject = '[project]\nname = "demo-pkg"\ndynamic = ["version", "description"]\n[tool.flit.module]\nname = "demo_pkg"\n'
    return repository(root, {"demo_pkg.py": CODE, "pyproject.toml": table + pyproject})


# ---- Compiled packages ------------------------------------------------------------------------------

NATIVE = """\
#include <Python.h>
#include <stdlib.h>

static PyObject *size(PyObject *self, PyObject *number) {
    (void)self;
    return PyLong_FromLong(labs(PyLong_AsLong(number)));
}

static PyMethodDef methods[] = {{"size", size, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    return PyModule_Create(&module);
}
"""
CMAKE = """\
cmake_minimum_required(VERSION 3.15...4.0)
project(demo LANGUAGES C)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
Python_add_library(_native MODULE src/demo_pkg/_native.c WITH_SOABI)
install(TARGETS _native DESTINATION demo_pkg)
"""
# As many write it: wheels for each commit, and for a tag an upload of what the other jobs have kept.
WHEELS = """\
name: Wheels
on:
  push:
    branches: [main]
    tags: ["v*"]
  pull_request:
jobs:
  wheels:
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-latest, ubuntu-24.04-arm, windows-latest, macos-13, macos-latest]
    env:
      CIBW_BUILD: cp311-* cp312-* cp313-*
      CIBW_SKIP: "*-musllinux_*"
      CIBW_ARCHS_MACOS: auto
      CIBW_ENVIRONMENT_WINDOWS: DEMO=1
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - name: Show the compiler
        if: runner.os == 'Linux'
        run: |
          cc --version

          echo here
      - uses: pypa/cibuildwheel@v2.23.3
        env:
          CIBW_TEST_COMMAND: python -c "import demo_pkg"
      - uses: actions/upload-artifact@v4
        with:
          name: wheels-${{ matrix.os }}
          path: wheelhouse/*.whl
  sdist:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: pipx run build --sdist
      - uses: actions/upload-artifact@v4
        with:
          name: sdist
          path: dist/*.tar.gz
  upload:
    needs: [wheels, sdist]
    if: startsWith(github.ref, 'refs/tags/v')
    runs-on: ubuntu-latest
    environment: pypi
    permissions:
      id-token: write
    steps:
      - uses: actions/download-artifact@v4
        with:
          path: dist
          merge-multiple: true
      - uses: pypa/gh-action-pypi-publish@release/v1
"""
FROM_TAGS = PROJECT.replace('version = "1.4.2"  # keep in step with the code', 'dynamic = ["version"]')
COMPILED_CODE = CODE.replace(
    '__version__ = "1.4.2"', "from demo_pkg._native import size\n\n__all__ = ['main', 'size']"
)


def compiled(root: Path, build: str, project: str = FROM_TAGS, **files: str) -> Path:
    """A package with an extension module in C."""
    code = {"src/demo_pkg/_native.c": NATIVE, "src/demo_pkg/__init__.py": COMPILED_CODE}
    more = {name.replace("__", "/"): text for name, text in files.items()}
    return repository(root, {**common(), **code, "pyproject.toml": build + project, **more})


def scikit_build(root: Path) -> Path:
    """scikit-build-core with setuptools-scm, and jobs that build wheels with cibuildwheel."""
    build = """\
[build-system]
requires = ["scikit-build-core>=0.10", "setuptools-scm>=8"]
build-backend = "scikit_build_core.build"

[tool.scikit-build]
metadata.version.provider = "scikit_build_core.metadata.setuptools_scm"

[tool.setuptools_scm]

"""
    files = {"CMakeLists.txt": CMAKE, ".github/workflows/wheels.yml": WHEELS}
    return compiled(root, build, **files)


def hatch_compiled(root: Path) -> Path:
    """Hatchling with a hook that compiles, and a version that is written down."""
    build = """\
[build-system]
requires = ["hatchling", "scikit-build-core[hatchling]>=1.0"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/demo_pkg"]
exclude = ["*.c"]

[tool.hatch.build.targets.wheel.hooks.scikit-build]

"""
    return compiled(root, build, PROJECT, **{"CMakeLists.txt": CMAKE})


def setuptools_compiled(root: Path) -> Path:
    """setuptools with an extension module, whose version comes from tags; its jobs build wheels."""
    build = '[build-system]\nrequires = ["setuptools>=68", "setuptools-scm>=8"]\n'
    build += 'build-backend = "setuptools.build_meta"\n\n[tool.setuptools_scm]\n\n'
    setup = """\
        from setuptools import Extension, setup

        setup(ext_modules=[Extension("demo_pkg._native", ["src/demo_pkg/_native.c"])])
        """
    return compiled(root, build, **{"setup.py": setup, ".github/workflows/wheels.yml": WHEELS})


def setuptools_alone(root: Path) -> Path:
    """The same without a job that builds its wheels."""
    made = setuptools_compiled(root)
    (made / ".github/workflows/wheels.yml").unlink()
    commit_all(made, "ci: none")
    return made


def maturin(root: Path) -> Path:
    """A backend that takes the version from its own file."""
    build = '[build-system]\nrequires = ["maturin>=1"]\nbuild-backend = "maturin"\n\n'
    return compiled(root, build)


def written_setuptools(root: Path) -> Path:
    """setuptools with an extension module and a version that is written down."""
    setup = "from setuptools import Extension, setup\n"
    setup += "setup(ext_modules=[Extension('demo_pkg._native', ['src/demo_pkg/_native.c'])])\n"
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n'
    return compiled(root, build, PROJECT, **{"setup.py": setup})


def setuptools_broken(root: Path) -> Path:
    """The same where the compiler finds no library."""
    made = setuptools_compiled(root)
    write(made, {"src/demo_pkg/_native.c": "#error there is no library\n"})
    commit_all(made, "feat: a library")
    return made


def scikit_written(root: Path) -> Path:
    """scikit-build-core with a version that is written down."""
    build = '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n\n'
    return compiled(root, build, PROJECT, **{"CMakeLists.txt": CMAKE})


def meson_compiled(root: Path) -> Path:
    """meson-python, with the version that git describes; its jobs build wheels."""
    build = '[build-system]\nrequires = ["meson-python>=0.16"]\nbuild-backend = "mesonpy"\n\n'
    meson = """\
        project('demo-pkg', 'c', version: run_command('python3', 'version.py', check: true).stdout().strip())
        py = import('python').find_installation(pure: false)
        py.install_sources('src/demo_pkg/__init__.py', subdir: 'demo_pkg')
        py.extension_module('_native', 'src/demo_pkg/_native.c', install: true, subdir: 'demo_pkg')
        meson.add_dist_script('python3', files('version.py'), 'dist')
        """
    version = """\
        import os, pathlib, subprocess, sys
        here = pathlib.Path(__file__).parent
        kept = here / "VERSION"
        if kept.exists():
            text = kept.read_text()
        else:
            text = subprocess.run(
                ["git", "describe", "--tags"], cwd=here, capture_output=True, text=True, check=True
            ).stdout.strip().removeprefix("v")
        if sys.argv[1:] == ["dist"]:
            pathlib.Path(os.environ["MESON_DIST_ROOT"], "VERSION").write_text(text)
        print(text)
        """
    files = {"meson.build": meson, "version.py": version, ".github/workflows/wheels.yml": WHEELS}
    return compiled(root, build, **files)


def hatch_hooks(root: Path) -> Path:
    """Hatchling with two hooks that compile: one translates Cython to C, the other Python by mypyc."""
    build = """\
[build-system]
requires = ["hatchling", "hatch-cython", "hatch-mypyc", "setuptools"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/demo_pkg"]
exclude = ["*.c"]

[tool.hatch.build.targets.wheel.hooks.cython]
dependencies = ["hatch-cython", "setuptools"]

[tool.hatch.build.targets.wheel.hooks.cython.options]
src = "demo_pkg"
compile_py = false

[tool.hatch.build.targets.wheel.hooks.mypyc]
dependencies = ["hatch-mypyc"]
include = ["/src/demo_pkg/_typed.py"]

"""
    code = {
        "src/demo_pkg/_native.pyx": "def size(long number):\n    return abs(number)\n",
        "src/demo_pkg/_typed.py": "def twice(number: int) -> int:\n    return 2 * number\n",
    }
    return repository(root, {**common(), **code, "pyproject.toml": build + PROJECT})


@dataclass(frozen=True)
class Shape:
    """A package that can be adopted.

    Attributes:
        make: Writes it.
        folder: Of the project, from the root.
        module: What to import.
        tag: The tag of its next release.
        kept: Whether its version comes from tags already, so that its backend stays.
    """

    make: Callable[[Path], Path]
    folder: str = ""
    module: str = "demo_pkg"
    tag: str = "v2.0.0"
    kept: bool = False


PACKAGES: dict[str, Shape] = {
    "target": Shape(target, module="semantic_model_generator", tag="v0.2.6", kept=True),
    "hatch-static": Shape(hatch_static),
    "setuptools-pyproject": Shape(setuptools_pyproject),
    "setuptools-cfg": Shape(setuptools_cfg),
    "setuptools-scm": Shape(setuptools_scm, kept=True),
    "poetry-1": Shape(poetry_1),
    "poetry-2": Shape(poetry_2),
    "flit": Shape(flit),
    "pdm": Shape(pdm),
    "uv-build": Shape(uv_build, tag="2.0.0"),
    "flat": Shape(flat),
    "namespace": Shape(namespace, module="octo.demo_pkg"),
    "monorepo": Shape(monorepo, folder="packages/demo", tag="demo-v2.0.0"),
    "no-tests": Shape(no_tests),
    "several-publishers": Shape(several_publishers),
    "no-remote": Shape(no_remote),
}

# Compiled packages; their tests are in test_compiled.py.
COMPILED: dict[str, Shape] = {
    "scikit-build": Shape(scikit_build, kept=True),
    "scikit-written": Shape(scikit_written),
    "hatch-compiled": Shape(hatch_compiled),
    "setuptools-compiled": Shape(setuptools_compiled, kept=True),
    "meson": Shape(meson_compiled, kept=True),
    "hatch-hooks": Shape(hatch_hooks),
}
SHAPES = PACKAGES | COMPILED

# Those whose next release is executed: every release workflow and every setting that adoption renders is among
# them. What the others have of their own, the build, is looked at in this process; see test_adopted_packages.py.
EXECUTED = ("target", "namespace", "uv-build", "monorepo", "no-tests", "several-publishers")

REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "broken-toml": (broken_toml, "pyproject.toml is not TOML"),
    "broken-workflow": (broken_workflow, "odd.yml is not YAML"),
    "nameless": (nameless, "Nothing names the repository on GitHub"),
    "shallow": (shallow, "This clone is shallow"),
    "dirty": (dirty, "1 uncommitted change: notes.txt"),
    "dynamic-dependencies": (dynamic_dependencies, "leaves dependencies to its build backend"),
    "computed-setup": (computed_setup, "decides while it runs what is built (line 4)"),
    "unknown-backend": (unknown_backend, "build backend backend is not one"),
    "side-step": (side_step, ".github/workflows/publish.yml:15 Documentation"),
    "doubtful": (doubtful, ".github/workflows/nightly.yml:6 pypi may ask for an identity"),
    "single-module": (single_module, "The wheel has no package"),
    "setuptools-alone": (setuptools_alone, "Compiled: setuptools builds it, and no job here"),
    "setuptools-broken": (
        setuptools_broken,
        "Compiled: the project does not build at the tag v2.0, with the",
    ),
    "maturin": (maturin, "Compiled: maturin takes the version from Cargo.toml"),
    "written-setuptools": (
        written_setuptools,
        "Compiled: setuptools stays as the backend, and the version is",
    ),
}


def make(shape: str, folder: Path) -> Path:
    """Write the repository of a shape into a new folder below another one and return its root."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "semantic-model-generator" if shape == "target" else "demo-pkg"
    maker = SHAPES[shape].make if shape in SHAPES else REFUSED[shape][0]
    return maker(folder / name)
