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
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from release_lib.settings import PATH
from support.rendering import render

from release.outcomes import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.specifiers import SpecifierSet
    from support.clones import Repository

    from release.conftest import Gh, RunStep

MODULES = sorted(path.stem for path in PATH.parent.glob("*.py"))
METADATA = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")  # the pattern of PEP 723
OF_ADOPTED = {"run_gate"}  # only an adopted package has it
RUN_BY_NAME = {"check_distributions": {"twine"}}  # python -m twine


def source(module: str) -> str:
    """The source of a module."""
    return (PATH.parent / f"{module}.py").read_text(encoding="utf-8")


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


def metadata(script: str) -> dict[str, Any]:
    """The inline metadata of a script (PEP 723)."""
    (block,) = METADATA.finditer(source(script))
    return tomllib.loads(re.sub(r"(?m)^# ?", "", block["content"]))


def pins(script: str) -> dict[str, SpecifierSet]:
    """The dependencies of a script, by name."""
    requirements = [Requirement(text) for text in metadata(script)["dependencies"]]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def imported(module: str) -> set[str]:
    """The first names of all that a module imports, for types too, its neighbours followed."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names.union(*(imported(name) for name in names & set(MODULES)))


@pytest.fixture(scope="module")
def headings(
    default_package: Path, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, set[str]]]:
    """The headings of each page, by its name, for packages of different answers."""
    bare = {
        "release_notes": "git-cliff",
        "type_checker": "none",
        "failure_issue": False,
        "release_branches": "",
    }
    other = render(template, tmp_path_factory.mktemp("headings") / "demo-pkg", bare)
    return [
        {page: headings_of(package / page) for page in ("RELEASING.md", "CONTRIBUTING.md")}
        for package in (default_package, other)
    ]


def headings_of(page: Path) -> set[str]:
    """The headings of a Markdown page."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return {inline.content for token, inline in pairwise(tokens) if token.type == "heading_open"}


def references() -> Iterator[tuple[str, str]]:
    """Where to read on, by module, in every sentence that a script can stop with."""
    for module in MODULES:
        constants = {
            ast.unparse(target): node.value
            for node in tree(module).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
        }
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "See: " in node.value:
                yield module, node.value.partition("See: ")[2]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Stop":
                (read,) = (word.value for word in node.keywords if word.arg == "read")
                yield module, ast.literal_eval(constants.get(ast.unparse(read), read))


def test_there_are_seventeen_scripts() -> None:
    assert len(SCRIPTS) == 17


@pytest.mark.requirement("P8.4")
def test_every_reference_is_to_a_heading_that_exists(headings: list[dict[str, set[str]]]) -> None:
    checked = 0
    for module, reference in references():
        if reference.startswith("https://") or not reference:
            continue
        found = re.fullmatch(r"(RELEASING\.md|CONTRIBUTING\.md), '(.+)'", reference)
        assert found, (module, reference)
        checked += 1
        for pages in headings:
            assert found[2] in pages[found[1]], (module, reference)
    assert checked > 30


def test_every_sentence_names_files_that_exist() -> None:
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in re.findall(r"\.github/release/([a-z_-]+\.\w+)", node.value):
                    assert (PATH.parent / name).exists() or (PATH.parent / f"{name}.jinja").exists(), (
                        module,
                        node.value,
                    )


@pytest.mark.requirement("X11", "B4")
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_dependency_is_pinned_exactly(script: str) -> None:
    for name, specifier in pins(script).items():
        assert [s.operator for s in specifier] == ["=="], name
        assert "*" not in str(specifier), name
    assert metadata(script)["requires-python"] == ">=3.11.5"  # before it, dependencies do not install


@pytest.mark.requirement("S3", "X11")
@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_imported_is_declared_and_nothing_else(script: str) -> None:
    by_module = importlib.metadata.packages_distributions()
    third_party = imported(script) - set(sys.stdlib_module_names) - set(MODULES)
    needed = {canonicalize_name(by_module[name][0]) for name in third_party} | RUN_BY_NAME.get(script, set())
    assert set(pins(script)) == needed


@pytest.mark.requirement("X11")
def test_all_scripts_agree_on_their_pins_and_on_the_day_of_the_rest() -> None:
    together = {(name, str(pin)) for script in SCRIPTS for name, pin in pins(script).items()}
    assert len(together) == len({name for name, _ in together})
    days = {metadata(s)["tool"]["uv"]["exclude-newer"] for s in SCRIPTS if "tool" in metadata(s)}
    assert len(days) == 1


@pytest.mark.requirement("X11")
@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_dependency_brings_along_is_of_one_day(script: str) -> None:
    """Only packaging needs nothing; every other one could bring something newer than this script."""
    brings = [name for name in pins(script) if name != "packaging"]
    assert ("tool" in metadata(script)) is bool(brings)


@pytest.mark.parametrize("module", [m for m in MODULES if m not in SCRIPTS])
def test_what_is_no_script_has_no_metadata(module: str) -> None:
    assert not METADATA.search(source(module))


@pytest.mark.requirement("S3", "X11")
@pytest.mark.parametrize("script", [script for script in SCRIPTS if script not in OF_ADOPTED])
def test_help_is_shown_by_the_script_as_a_workflow_runs_it(script: str, default_package: Path) -> None:
    path = default_package / ".github/release" / f"{script}.py"
    done = subprocess.run(
        ["uv", "run", "--quiet", str(path), "--help"], check=False, capture_output=True, text=True
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
    variable = "commit, or set COMMIT" if script == "ci_verdict" else "tag, or set TAG"
    assert done.status == 2
    assert done.errors.startswith(f"usage: {script}.py [-h]")
    assert done.errors.endswith(f"{script}.py: error: name a {variable}\n")


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
        "check_distributions": [[path] for path in files],
        "install_distribution": [[path] for path in files],
        "run_gate": [["--", "lint"]],
        "run_checks": [["lint", "--dist", path] for path in files],
        "check_index": of_index,
        "verify_index": of_index,
        "draft_release": [["v1.0", "--checksums", path, "--notes", path] for path in files],
        "report_outcome": [["v1.0"]],
        "set_up": [["--reviewer"], ["--what"], []],
        "doctor": [["--what"], ["--offline"], []],
        "status": tagged,
        "template_update": [["--what"], []],
    }
    return by_script[script]


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize("script", SCRIPTS)
def test_no_garbage_leads_to_anything_but_a_sentence(
    script: str, repository: Repository, gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    gh.fails("api", "no")
    folder = repository.folder.parent / "garbage"
    folder.mkdir()
    repository.commit(**{"pyproject.toml": "\x00["})
    for arguments in attempts(script, garbage(folder)):
        done = run_step(importlib.import_module(script), *arguments)
        assert (done.status in {1, 2}) is (script != "ci_verdict"), (arguments, done)
        assert "Traceback" not in done.errors
        assert UNEXPECTED not in done.printed, (arguments, done.printed)


def test_a_folder_of_scripts_without_settings_ends_in_four_lines(tmp_path: Path) -> None:
    for path in PATH.parent.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = subprocess.run(
        [sys.executable, str(tmp_path / "check_tag.py"), "v1.0"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The settings in {tmp_path}/settings.toml cannot be used: ")
