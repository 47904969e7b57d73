"""What holds for every release script: its metadata, its usage, its references, its manners."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import random
import re
import subprocess
import sys
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import tool
from copier_pypi_release.checks.rules.content import UNSTEERED
from copier_pypi_release.workflow_files import load, workflow_paths
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from release_lib import commits
from release_lib.settings import PATH

from release.outcomes import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.specifiers import SpecifierSet
    from support.clones import Repository

    from release.conftest import Gh, RunStep

FOLDER = PATH.parent
MODULES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix().replace("/", ".")
    for path in (*FOLDER.glob("*.py"), *FOLDER.glob("release_lib/*.py"))
)
METADATA = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")  # the pattern of PEP 723
RUN_BY_NAME = {"check_distributions": {"check-wheel-contents", "twine"}}  # python -m
HEADINGS = {
    "RELEASING.md": {"Steps", "What you need", "When it stops"},
    "conventions": {"Release notes", "Set up", "Version tags"},  # in CONTRIBUTING.md, or in RELEASING.md
    ".github/release/RECOVERY.md": {
        "gate",
        "build",
        "test",
        "github-release",
        "Uploaded but not listed",
        "A file that this workflow did not upload",
        "A part of the files is there",
        "The version is there with other contents",
        "The GitHub Release was published too early",
        "Making a tag again",
    },
}


def source(module: str) -> str:
    """The source of a module."""
    return (FOLDER / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(source(module))


def is_script(module: str) -> bool:
    """Whether a module is run by itself."""
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        for node in tree(module).body
    )


SCRIPTS = [module for module in MODULES if is_script(module)]
ASK_AND_GO_ON = {"ci_verdict", "earlier_wheels"}  # without an answer more is done, and nothing stops
ASKED_FOR = {"announce"}  # not in a package with default answers
STEPS = [script for script in SCRIPTS if script != "tool"]  # what a workflow runs


def metadata(script: str) -> dict[str, Any]:
    """The inline metadata of a script (PEP 723)."""
    (block,) = METADATA.finditer(source(script))
    return tomllib.loads(re.sub(r"(?m)^# ?", "", block["content"]))


def pins(script: str) -> dict[str, SpecifierSet]:
    """The dependencies of a script, by name."""
    requirements = [Requirement(text) for text in metadata(script)["dependencies"]]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def imported(module: str) -> set[str]:
    """The modules that a module imports, for types too, its neighbours followed."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            names |= inside or {str(node.module)}
    return names.union(*(imported(name) for name in names & set(MODULES)))


def constant(module: str, name: str) -> ast.expr:
    """The value of a constant of a module, which may have imported it."""
    for node in tree(module).body:
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            return node.value
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return constant(str(node.module), name)
    raise AssertionError((module, name))


def references(module: str) -> Iterator[str]:
    """Where the messages of a module send their reader."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and re.fullmatch(r"[\w./]+\.md, '.+'", str(node.value)):
            yield str(node.value)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "see":
                yield f"conventions, '{ast.literal_eval(node.args[0])}'"
            for word in node.keywords:
                value = word.value
                if word.arg == "see" and isinstance(value, ast.Name) and value.id.isupper():
                    value = constant(module, value.id)
                if word.arg == "see" and isinstance(value, ast.Constant):
                    yield str(value.value)


@pytest.mark.requirement("B9")
def test_the_folder_stays_small_enough_to_review(default_package: Path) -> None:
    files = [path for path in (default_package / ".github/release").rglob("*") if path.is_file()]
    assert len(files) <= 22
    scripts = [path for path in files if path.suffix == ".py"]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in scripts) <= 2400


@pytest.mark.requirement("B9")
@pytest.mark.parametrize("package", ["default_package", "compiled_package"])
def test_workflows_execute_every_script_and_import_the_rest(
    package: str, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue(package)
    workflows = [load(path) for path in workflow_paths(root)]
    run = {
        script.name.removesuffix(".py")
        for workflow in workflows
        for job in workflow.jobs
        for script in workflow.scripts(job)
    }
    folder = root / ".github/release"
    rendered = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py")}
    unused = {path.as_posix().replace("/", ".") for path in rendered} - run.union(*map(imported, run))
    by_hand = {"build_distributions"} if package == "compiled_package" else set()  # see its README.md
    assert unused - by_hand == set()


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize("module", MODULES)
def test_messages_send_their_reader_to_a_page_and_a_heading(module: str) -> None:
    for reference in references(module):
        if reference.startswith("https://") or reference == ".github/release/README.md":
            continue
        page, _, heading = reference.removesuffix("'").partition(", '")
        assert heading in HEADINGS[page], reference


def test_every_heading_is_referred_to() -> None:
    named = {reference for module in MODULES for reference in references(module)}
    assert {f"{page}, '{heading}'" for page, headings in HEADINGS.items() for heading in headings} <= named


@pytest.mark.parametrize("module", MODULES)
def test_messages_name_files_that_exist(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in re.findall(r"\.github/release/([a-z_-]+\.\w+)", node.value):
                assert (FOLDER / name).exists() or (FOLDER / f"{name}.jinja").exists(), node.value


@pytest.mark.parametrize("module", MODULES)
def test_every_error_has_a_problem_what_is_expected_a_fix_and_a_place_to_read_on(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"ReleaseError", "refusal"}:
            known = (
                {"see"} if ast.unparse(node.func) == "refusal" else set()
            )  # partial(ReleaseError, see=SEE)
            assert len(node.args) == 1
            assert {word.arg for word in node.keywords} | known == {"expected", "fix", "see"}


@pytest.mark.requirement("X11", "B4")
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_dependency_is_pinned_exactly(script: str) -> None:
    for name, specifier in pins(script).items():
        assert [s.operator for s in specifier] == ["=="], name
        assert "*" not in str(specifier), name
    # Before 3.11.5 dependencies do not install; the launcher has none, and says so.
    assert metadata(script)["requires-python"] == (">=3.11" if script == "tool" else ">=3.11.5")


@pytest.mark.requirement("S3", "X11")
@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_imported_is_declared_and_nothing_else(script: str) -> None:
    by_module = importlib.metadata.packages_distributions()
    outside = {name.partition(".")[0] for name in imported(script) - set(MODULES)}
    needed = {canonicalize_name(by_module[name][0]) for name in outside - set(sys.stdlib_module_names)}
    assert set(pins(script)) == needed | RUN_BY_NAME.get(script, set())


@pytest.mark.requirement("X11")
def test_all_scripts_agree_on_their_pins() -> None:
    together = {(name, str(pin)) for script in SCRIPTS for name, pin in pins(script).items()}
    assert len(together) == len({name for name, _ in together})


@pytest.mark.requirement("X11")
def test_what_dependencies_and_the_tool_bring_along_is_of_one_day() -> None:
    days = {script: metadata(script).get("tool", {}).get("uv", {}).get("exclude-newer") for script in STEPS}
    assert set(days.values()) == {tool.CUT_OFF}
    assert commits.CLIFF[commits.CLIFF.index("--exclude-newer") + 1] == tool.CUT_OFF
    assert all(pins(script) for script in STEPS)
    assert not pins("tool")


@pytest.mark.parametrize("module", [m for m in MODULES if m not in SCRIPTS])
def test_what_is_no_script_has_no_metadata(module: str) -> None:
    assert not METADATA.search(source(module))


# What a tagged tree may have for uv, pip and Python; a script runs in that tree.
PLANTED = {
    ".env": "UV_PYTHON=3.99\nUV_INDEX_URL=file:///nowhere\nPIP_INDEX_URL=file:///nowhere\n",
    ".python-version": "3.99\n",
    "packaging/__init__.py": "raise SystemExit('planted')\n",
    "pip.conf": "[global]\nindex-url = file:///nowhere\n",
    "pyproject.toml": """\
[project]
name = "demo-pkg"
version = "1"
requires-python = ">=3.99"
[tool.uv]
required-version = "==0.0.1"
constraint-dependencies = ["packaging<1"]
[[tool.uv.index]]
url = "file:///nowhere"
default = true
""",
    "sitecustomize.py": "raise SystemExit('planted')\n",
    "uv.lock": "planted\n",
}
# What `env:` of a workflow, or a step before, may have set for them; each would stop every script.
STEERING = {
    "PYTHONHOME": "/nowhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSAFEPATH": "1",
    "UV_CONFIG_FILE": "/nowhere/uv.toml",
    "UV_ENV_FILE": "/nowhere/.env",
    "UV_PROJECT": "/nowhere",
    "UV_PYTHON": "3.9",
    "UV_WORKING_DIRECTORY": "/nowhere",
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings that would stop every script that minds them."""
    folder = tmp_path_factory.mktemp("planted")
    for name, text in PLANTED.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.requirement("S3", "X11", "P1.6")
@pytest.mark.parametrize("script", STEPS)
def test_help_is_shown_by_the_script_as_a_workflow_runs_it(
    script: str, compiled_package: Path, planted: Path
) -> None:
    """Nothing that the tagged tree, `env:` or other steps have for uv, pip or Python changes anything."""
    folder = FOLDER if script in ASKED_FOR else compiled_package / ".github/release"
    path = folder / f"{script}.py"
    own = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("UV_")]  # a mirror, say
    text = f'{UNSTEERED}\n[ $# = 0 ] || export "$@"\nuv run --no-config --quiet "$0" --help'
    done = subprocess.run(
        ["bash", "-c", text, str(path), *own],
        cwd=planted,
        env={**os.environ, "PYTHONPATH": str(planted), **STEERING},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}.py [-h]")
    assert (ast.get_docstring(tree(script)) or "").splitlines()[0] in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "script", ["check_tag", "check_commit", "release_notes", "ci_verdict", "draft_release", "report_outcome"]
)
def test_without_a_tag_or_commit_it_says_which_variable_to_set(script: str, run_step: RunStep) -> None:
    files = ["--checksums", "x", "--notes", "x"] if script == "draft_release" else []
    done = run_step(importlib.import_module(script), *files)
    missing = "name a commit, or set COMMIT"
    if script != "ci_verdict":
        missing = "the following arguments are required: tag"
    assert done.status == 2
    assert done.errors.startswith(f"usage: {script}.py [-h]")
    assert done.errors.endswith(f"{script}.py: error: {missing}\n")


@pytest.mark.parametrize("script", ["check_index", "verify_index", "draft_release"])
def test_without_an_argument_it_says_which_one(script: str, run_step: RunStep) -> None:
    done = run_step(importlib.import_module(script))
    assert done.status == 2
    assert "error: the following arguments are required: " in done.errors


@pytest.mark.parametrize("script", ["check_index", "verify_index"])
def test_an_unknown_index_is_refused(script: str, run_step: RunStep) -> None:
    done = run_step(importlib.import_module(script), "mypi", "--checksums", "x")
    assert done.status == 2
    assert "invalid choice: 'mypi'" in done.errors


def garbage(folder: Path) -> list[Path]:
    """Files and folders that are not what a script asks for."""
    noise = random.Random(7)  # noqa: S311  (the same noise for every run)
    contents = {
        "empty": b"",
        "binary": noise.randbytes(3000),
        "zeros": bytes(100),
        "text": b"No list, no archive, no notes.\n",
        "json": b'{"a": [1, 2]}',
        "utf-16": "\ufeffäöü".encode("utf-16"),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    for name in (*contents, "nothing"):
        (folder / f"of-{name}").mkdir()
    for name, data in contents.items():
        (folder / f"of-{name}" / "demo_pkg-0.1.0-py3-none-any.whl").write_bytes(data)
        (folder / f"of-{name}" / "demo_pkg-0.1.0.tar.gz").write_bytes(data)
    return [*sorted(folder.iterdir()), folder / "missing"]


def attempts(script: str, files: list[Path]) -> list[list[str | Path]]:
    """Arguments that no script can do anything with."""
    tags = ("v", "1.0", "v1.0-beta", "--", "v1.0\udcff", "v" * 300, "v1/..", "🎉", "refs/tags/v1.0")
    tagged: list[list[str | Path]] = [["--", tag] for tag in tags]
    of_index: list[list[str | Path]] = [["pypi", "--checksums", path] for path in files]
    by_script: dict[str, list[list[str | Path]]] = {
        "check_tag": tagged,
        "check_commit": tagged,
        "release_notes": tagged,
        "ci_verdict": [["--", commit] for commit in ("HEAD", "../..", "🎉", "a" * 40, "?&x=1")],
        "build_distributions": [["--out", path] for path in files[:3]],
        "build_sdist": [["linux-x86_64", "--out", path] for path in files[:3]],
        "build_wheels": [[*words, path] for path in files for words in ([], ["--test"])],
        "check_distributions": [[path] for path in files],
        "earlier_wheels": [["linux-x86_64"], ["🎉"]],
        "collect_distributions": [[path] for path in files],
        "install_distribution": [[path] for path in files],
        "run_checks": [["lint", "--dist", path] for path in files],
        "check_index": of_index,
        "verify_index": of_index,
        "draft_release": [["v1.0", "--checksums", path, "--notes", path] for path in files],
        "announce": [["v1.0"]],
        "report_outcome": [["v1.0"]],
    }
    assert script in by_script, f"say here what {script}.py is called with, some of it garbage"
    return by_script[script]


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize("script", STEPS)
def test_garbage_leads_to_four_lines(
    script: str, repository: Repository, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    gh.fails("api", "no")
    folder = repository.folder.parent / "garbage"
    folder.mkdir()
    repository.commit(**{"pyproject.toml": "\x00["})
    for arguments in attempts(script, garbage(folder)):
        done = run_step(importlib.import_module(script), *arguments)
        assert (done.status in {1, 2}) is (script not in ASK_AND_GO_ON), (arguments, done)
        assert "Traceback" not in done.errors
        assert UNEXPECTED not in done.printed, (arguments, done.printed)


def test_a_folder_of_scripts_without_settings_ends_in_four_lines(tmp_path: Path) -> None:
    for module in MODULES:
        path = tmp_path / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source(module), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "check_tag.py"), "v1.0"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The settings in {tmp_path}/settings.toml cannot be used: ")
