"""This repository keeps the rules that it gives to others."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import tomllib
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from copier_pypi_release import cli
from copier_pypi_release.checks import github, indexes, project, published, workflow
from copier_pypi_release.checks.rules import Rule, upload
from packaging.requirements import Requirement
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from release.guards import REMOVALS, Removal
from release_lib.step import WORDS, folded
from ruamel.yaml import YAML
from support.documents import code_spans, dead_links, headings, links, prose, shell_blocks
from support.linting import lint
from support.rendering import ROOT, Renderer, git
from twine.utils import DEFAULT_REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCRIPTS = ROOT / "template/.github/release"
PINS = ROOT / "extensions/pins"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGES = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", ".github/release/RECOVERY.md")
USES = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # (v\S+)")


def pinned_tools() -> dict[str, str]:
    """The pinned tools by name."""
    lines = (PINS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {r.name: str(r.specifier).removeprefix("==") for r in requirements}


def hooks() -> list[str]:
    """The commands of .pre-commit-config.yaml, by which a contributor and CI lint alike."""
    (repository,) = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    return [hook["entry"].removeprefix("uv run --quiet ") for hook in repository["hooks"]]


@pytest.mark.parametrize("command", hooks(), ids=lambda command: " ".join(command.split()[:4]))
def test_linters_find_nothing(command: str) -> None:
    lint(*command.split(), cwd=ROOT)


def test_hooks_cover_every_file_that_has_a_schema() -> None:
    named = {word for command in hooks() for word in command.split() if word.endswith(".yml")}
    files = [
        *WORKFLOWS,
        *sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")),
        ROOT / ".github/dependabot.yml",
    ]
    assert named == {path.relative_to(ROOT).as_posix() for path in files}


def test_each_test_belongs_to_one_job_of_ci() -> None:
    jobs = YAML(typ="safe").load(ROOT / ".github/workflows/ci.yml")["jobs"]
    included = jobs["test"]["strategy"]["matrix"]["include"]
    parts = [path for part in included for path in part["tests"].split()]
    modules = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(parts) == sorted(f"tests/{name}" for name in modules)
    assert jobs["ci"]["needs"] == "test"
    assert jobs["ci"]["if"] == "${{ always() }}"
    assert jobs["test"]["steps"][-1]["run"] == "bash .ci/run"


def test_the_part_to_run_while_working_starts_no_sandbox() -> None:
    """It takes about a minute: what is slow has another folder."""
    (line,) = [x for x in (ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines() if "about a minute" in x]
    folders = [word for word in line.partition("#")[0].split() if word.startswith("tests/")]
    modules = [path for folder in folders for path in (ROOT / folder).glob("**/*.py")]
    assert len(modules) > len(folders)
    slow = ("drill", "emulator.sandbox", "emulator.developer", "adopt.adoption")
    for module in modules:
        imported = re.findall(r"(?m)^ *(?:from|import) ([\w.]+)", module.read_text(encoding="utf-8"))
        assert not [name for name in imported if name.startswith(slow)], module


def test_an_assertion_in_a_helper_says_what_it_compared() -> None:
    """Modules of tests do so by themselves; others have to be registered before they are imported."""
    conftest = ast.parse((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (call,) = (
        node
        for node in ast.walk(conftest)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.register_assert_rewrite"
    )
    registered = [ast.literal_eval(argument) for argument in call.args]
    asserting = {
        ".".join(path.relative_to(ROOT / "tests").with_suffix("").parts).removesuffix(".__init__")
        for path in own_files("tests/**.py")
        if not re.match(r"test_|conftest|__main__", path.name)
        if not re.match(r"bench|emulator/actions", path.relative_to(ROOT / "tests").as_posix())
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_bytes())))
    }
    assert asserting
    covered = {name for name in asserting if any(f"{name}.".startswith(f"{r}.") for r in registered)}
    assert asserting == covered
    assert [r for r in registered if not any(f"{name}.".startswith(f"{r}.") for name in asserting)] == []


@pytest.mark.requirement("X9")
def test_our_own_workflows_use_the_pins_of_the_template() -> None:
    pins = {
        name: (commit, version) for name, commit, version in USES.findall((PINS / "action.yml").read_text())
    }
    used = [USES.findall(path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    assert any(used)
    for name, commit, version in (use for uses in used for use in uses):
        assert pins[name] == (commit, version), name


@pytest.mark.requirement("X11", "X16")
def test_action_version_and_checksum_of_uv_belong_together() -> None:
    """The pinned setup-uv knows the pinned uv, on every system of a runner; whoever moves one moves all."""
    known = json.loads((ROOT / "tests/emulator/actions/setup-uv/known.json").read_text(encoding="utf-8"))
    steps = YAML(typ="safe").load(PINS / "action.yml")["runs"]["steps"]
    (step,) = [step for step in steps if step["uses"].startswith("astral-sh/setup-uv@")]
    assert step["uses"] == known["action"]
    assert pinned_tools()["uv"] == known["newest"]
    assert step["with"]["checksum"] == known["checksums"]["x86_64-unknown-linux-gnu"]
    listed = re.findall(r"checksum: [0-9a-f]{64} # v(\S+)", (PINS / "action.yml").read_text(encoding="utf-8"))
    assert listed == [known["newest"]]
    for path in WORKFLOWS:
        for job in YAML(typ="safe").load(path)["jobs"].values():
            given = [s["with"] for s in job["steps"] if s.get("uses") == known["action"]]
            if "matrix" not in str(job["runs-on"]):  # of several systems, each has its own
                assert all(inputs["checksum"] == step["with"]["checksum"] for inputs in given), path.name


def dependencies() -> dict[str, list[str]]:
    """The requirements in pyproject.toml, by table: of the build, the tool, its extras, the groups."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    tables = {"build-system": document["build-system"]["requires"], "project": project["dependencies"]}
    tables |= {f"extra {name}": listed for name, listed in project["optional-dependencies"].items()}
    tables |= {f"group {name}": listed for name, listed in document["dependency-groups"].items()}
    return {name: [entry for entry in listed if isinstance(entry, str)] for name, listed in tables.items()}


@pytest.mark.requirement("X11", "X16")
def test_what_the_tool_pins_is_what_is_tested() -> None:
    """Its own dependencies are installed here anyway; those of its extras come with a group."""
    tables = dependencies()
    pinned = {Requirement(entry).name: entry for entry in tables["project"]}
    extras = [entry for name, listed in tables.items() if name.startswith("extra ") for entry in listed]
    assert set(extras) <= set(tables["group test"])
    assert all("==" in entry for entry in (*pinned.values(), *extras))
    assert f"uv=={pinned_tools()['uv']}" in extras
    named = [Requirement(entry).name for name, listed in tables.items() if name[0] == "g" for entry in listed]
    assert sorted(named) == sorted(set(named) - pinned.keys()), "each once, and none of the tool's own"


@pytest.mark.requirement("X9")
@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: removal.guard)
def test_each_guard_of_the_mutation_table_stands_where_it_says(removal: Removal) -> None:
    """So that `tests/release/guards.py`, which is no part of the tests, does not rot."""
    assert (ROOT / removal.path).read_text(encoding="utf-8").count(removal.old) == 1
    assert all((ROOT / path).is_file() for path in removal.tests.split())


def test_a_bot_keeps_every_folder_of_pins_fresh() -> None:
    updates = YAML(typ="safe").load(ROOT / ".github/dependabot.yml")["updates"]
    kept = {(u["package-ecosystem"], d) for u in updates for d in u.get("directories", [u.get("directory")])}
    assert kept >= {
        ("github-actions", "/"),
        ("github-actions", "/extensions/pins"),
        ("pip", "/extensions/pins"),
    }


@pytest.mark.requirement("X11")
def test_the_scripts_pin_the_same_tools_as_the_template() -> None:
    notes = ast.parse((SCRIPTS / "release_lib/commits.py").read_text(encoding="utf-8"))
    constants = {
        target.id: ast.literal_eval(statement.value)
        for statement in notes.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert constants["GIT_CLIFF"] == f"git-cliff=={pinned_tools()['git-cliff']}"


@pytest.mark.requirement("X11", "P5.5")
def test_the_build_backend_and_all_below_it_are_pinned_by_hash() -> None:
    text = (SCRIPTS / "build-constraints.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = {line.split("==")[0]: line.count("--hash=sha256:") for line in text.splitlines() if line.strip()}
    assert {"hatchling", "hatch-vcs", "packaging", "setuptools-scm"} <= set(pinned)
    assert all(pinned.values())


def own_files(*patterns: str) -> list[Path]:
    """The files of this repository, new ones included; nothing that git ignores, as environments."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_the_host_of_a_registry() -> None:
    hosts = {urlsplit(PYPI_SIMPLE_ENDPOINT).hostname, urlsplit(DEFAULT_REPOSITORY).hostname}
    pattern = re.compile("|".join(rf"(?<![\w.-]){re.escape(host)}" for host in hosts if host))
    naming = [p for p in own_files() if pattern.search(p.read_text(encoding="utf-8", errors="replace"))]
    assert naming == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    blocks = shell_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    command = next(block for block in blocks if "pytest" in block).strip()
    assert "\n" not in command
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == command


def test_the_readme_says_how_many_questions_are_asked() -> None:
    questions = YAML(typ="safe").load(ROOT / "copier.yml")
    asked = {
        name: question
        for name, question in questions.items()
        if not name.startswith("_") and question.get("when", True) and question.get("ask", True)
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"it asks {len(asked)} questions" in readme


def test_the_readme_lists_every_command_of_the_launcher() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [command for (command,), _ in code_spans(readme, "Command", "What it does")]
    assert [row.split()[3] for row in rows] == [name for name in cli.COMMANDS if name != "adopt"]


# ---- Documents --------------------------------------------------------------------------------------


def documents() -> dict[str, str]:
    """The Markdown files of this repository, by path."""
    pages = {p.relative_to(ROOT).as_posix(): p for p in own_files("*.md")}
    return {
        name: page.read_text(encoding="utf-8")
        for name, page in pages.items()
        if not name.startswith(("template/", "extensions/"))
    }


def test_every_link_of_a_document_leads_somewhere() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in own_files()}
    folders = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents}
    assert dead_links(documents(), files | folders) == []


def test_contributing_names_what_exists() -> None:
    """Every path of the table "Where things live", with NAME for any."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = code_spans(text, "You look for", "It is in", "Its test")
    paths = [span for _, places, tests in rows for span in [*places, *tests] if "/" in span or "." in span]
    assert len(paths) > 30
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/").replace("NAME", "*")))] == []


TESTED = [
    ("template/.github/release", "tests/release"),
    ("extensions/copier_pypi_release/commands", "tests/commands"),
    ("extensions/copier_pypi_release/checks", "tests/checks"),
    ("template/.github/release/release_lib", "tests/release"),
    ("extensions/copier_pypi_release/adopt", "tests/adopt"),
    ("extensions/copier_pypi_release", "tests/*"),
]
STEPS = ("answers", "build_pins", "next_steps", "package", "plan", "programs", "versions")
ELSEWHERE = {
    "pins": "tests/updates/test_pins.py",
    **dict.fromkeys(("adopt", *STEPS), "tests/adopt/test_adopted_packages.py"),
    **dict.fromkeys(("commits", "fragments", "restructured"), "tests/release/test_release_notes.py"),
    "answers_file": "tests/commands/test_check_update.py",
    "github_settings": "tests/commands/test_setup.py",
    **dict.fromkeys(("issues", "watching"), "tests/commands/test_watch.py"),
    **dict.fromkeys(("recovery", "release_state"), "tests/commands/test_status.py"),
    "workbench": "tests/commands/test_rehearse.py",
    "workflow_files": "tests/test_workflows.py",
}


@pytest.mark.parametrize(("code", "tests"), TESTED)
def test_each_module_has_a_test_of_its_name(code: str, tests: str) -> None:
    nothing_to_run = {"__init__", "__main__", "context"}
    names = {path.stem for path in (ROOT / code).glob("*.py")} - nothing_to_run
    assert len(names) > 2
    wanted = {ELSEWHERE.get(name, f"{tests}/test_{name}.py") for name in names}
    assert {path for path in wanted if not any(ROOT.glob(path))} == set()


def test_each_check_of_doctor_is_named_by_a_test_of_checks() -> None:
    """The rules for workflows have theirs in test_workflows.py, each with workflows that break it."""
    rules = {rule.name for rule in workflow.RULES}
    checks = (*project.CHECKS, *workflow.checks(), *github.CHECKS, *indexes.CHECKS, *published.CHECKS)
    named = {
        node.value
        for path in (ROOT / "tests/checks").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Constant)
    }
    assert {check.name for check in checks} - rules - named == set()


def test_contributing_says_which_module_has_its_tests_elsewhere() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    said = text[text.index("These are tested where they are used") : text.index("## Set up")]
    clauses = [set(re.findall(r"`([^`]+)`", clause)) for clause in said.split(";")]
    assert {
        (name, path) for name, path in ELSEWHERE.items() if not any({name, path} <= c for c in clauses)
    } == set()


def test_a_decision_says_what_it_gave_up() -> None:
    folder = ROOT / "docs/decide"
    records = [path for path in folder.glob("*.md") if path.name != "README.md"]
    assert len(records) >= 10
    for path in records:
        text = path.read_text(encoding="utf-8")
        title, *parts = headings(text)
        assert title.endswith("?"), path.name
        assert parts == ["Decision", "Reasons", "Given up", "Look again"], path.name
        assert len(text.splitlines()) <= 25, path.name
    assert links((folder / "README.md").read_text(encoding="utf-8")) == {path.name for path in records}


# What we do not write, and what stands for it.
AVOIDED = {
    r"\b(mend|mends|mended|mending)\b": "fix",
    r"\bRead on\b": "See",
    r"\b(same|other|those|these|different) bytes\b": "files, contents, digest",
    r"\b(number|name) is spent\b": "cannot be reused",
    r"\b(is|are) spent\b": "cannot be reused",
    r"\bpassing (failure|one)\b": "transient",
    r"\Acannot know\Z": "unknown",
    r"\blooks done\b": "release readiness",
    r"\b(one|two) (runs?|lines?|issues?|modules?|objects?|(pull )?requests?|fragments?) an? \w+": "per",
    r"\bown gate\b": "CI commands",
}
# A row of the requirements, which says nothing to a user.
ROW = r"(?-i:\b[BCPRSTUX]\d{1,2}(\.\d+)?\b)"
QUOTED = {"docs/requirements.md"}  # the customer's words


def avoided(texts: Iterable[str], *more: str) -> list[str]:
    """The places in prose that have a word which we avoid."""
    pattern = re.compile("|".join([*AVOIDED, *more]), re.IGNORECASE)
    return [text for text in texts if pattern.search(text)]


def test_documents_avoid_them() -> None:
    found = [
        f"{path}: {text}"
        for path, page in documents().items()
        if path not in QUOTED
        for text in avoided(prose(page))
    ]
    assert not found, "\n".join(found)


def test_rendered_documents_avoid_them_and_the_rows_of_the_requirements(template: Path) -> None:
    rendered = [files for name in PAGES for _, files in Renderer(template).variants(name)]
    pages = {data.decode() for files in rendered for path, data in files.items() if path.endswith(".md")}
    texts = {text for page in pages for text in prose(page)}
    assert len(texts) > 100
    found = avoided(texts, ROW)
    assert not found, "\n".join(found)


def test_comments_of_rendered_files_avoid_them(default_package: Path) -> None:
    found = [
        f"{path.relative_to(default_package)}: {text}"
        for path in default_package.rglob("*")
        if path.suffix in {".toml", ".yml", ".yaml"}
        for text in avoided(re.findall(r"(?m)(?:^|\s)#\s(.*)$", path.read_text(encoding="utf-8")), ROW)
    ]
    assert not found, "\n".join(found)


def spoken(source: str) -> Iterator[str]:
    """The strings and comments of Python code: what it says to users and to readers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


@pytest.mark.parametrize("folder", ["template", "extensions", ".ci"])
def test_messages_and_comments_avoid_them(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in own_files(f"{folder}/**.py")
        for text in avoided(spoken(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Mend it, then go on.", True),
        ("PyPI has other\nbytes for it.", True),
        ("Run `mend` first.", False),
        ("A file of 12 bytes is amended.", False),
        ("See `C1` in the list of X7.", True),
    ],
)
def test_an_avoided_word_is_found_in_prose_alone(said: str, *, found: bool) -> None:
    assert bool(avoided(prose(said), ROW)) is found


# ---- Messages ---------------------------------------------------------------------------------------

# How a message is made: the error itself, and the functions that give it its place.
MESSAGES = re.compile(r"(\w+\.)*(\w+Error|CheckFailed|NotYet|late|refusal|refuse|require)( if .*)?")
VALUE = "src/demo_pkg/a_module_of_it.py"  # stands for whatever goes in
PROGRAM = re.compile(r"\b(git|gh|uv|uvx|copier)( [\w./-]+)* -")  # and its options


def said_by(node: ast.expr | None) -> str:
    """A text of a message, with a value wherever one goes in; names of constants count as values."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(said_by, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return said_by(left) + said_by(right)
        case ast.IfExp(body=body, orelse=other):
            return max(said_by(body), said_by(other), key=len)
        case _:
            return VALUE


def messages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """The place of each message of the rendered scripts and the tool, its problem, and its other lines."""
    for path in own_files("template/**.py", "extensions/**.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_bytes())) if isinstance(n, ast.Call)):
            given = {k.arg: said_by(k.value) for k in call.keywords if k.arg}
            if "fix" in given and MESSAGES.fullmatch(ast.unparse(call.func).strip("()")):
                problem = said_by(call.args[0]) if call.args else VALUE
                yield f"{path.relative_to(ROOT)}:{call.lineno}", problem, given


def test_every_message_fits_80_columns() -> None:
    """A line is longer only where it is one word or one command, alone, as a path or an address can be."""
    found = list(messages())
    assert len(found) > 200
    for place, problem, given in found:
        assert not problem.endswith("."), place
        assert not PROGRAM.match(problem), f"{place}: a problem that begins like a command"
        assert given["fix"], place
        for name, text in {"problem": problem, **given}.items():
            title = "" if name == "problem" else f"{name.capitalize()}: "
            lines = [line for part in f"{title}{text}".splitlines() for line in folded(part)]
            long = [line for line in lines if len(line) > 80 and len(WORDS.findall(line.rstrip("\\"))) > 1]
            assert not long, f"{place}: {long}"
            if name == "fix":
                broken = [line for line in lines[1:] if re.match(r" +--?[a-z]", line)]
                cut = [before for before, after in pairwise(lines) if after in broken and before[-1] != "\\"]
                assert not cut, f"{place}: a command is broken: {lines}"


NOUNS = "actions|combinations|commits|files|jobs|packages|versions"
COUNTED = re.compile(rf" (?:(?:\w+ )?\w+\(s\)|(?:{NOUNS})\b)")


def test_a_number_of_things_is_said_by_one_function() -> None:
    """By `console.counted`, or one file is "1 files"."""
    found = [
        f"{path.relative_to(ROOT)}:{text.lineno}"
        for path in own_files("extensions/**.py")
        for text in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(text, ast.JoinedStr)
        for number, noun in pairwise(text.values)
        if isinstance(number, ast.FormattedValue) and not ast.unparse(number.value).startswith("counted(")
        if isinstance(noun, ast.Constant) and COUNTED.match(str(noun.value))
    ]
    assert found == []


def test_every_name_of_the_tool_is_used_by_it() -> None:
    """But overriding methods, what is decorated, and rules, which their list finds in the modules."""
    named: dict[str, str] = {}
    used = {name for name, value in vars(upload).items() if isinstance(value, Rule)}
    for path in own_files("extensions/**.py", "template/**.py"):
        tree = ast.parse(path.read_bytes())
        bodies = [n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and not n.bases]
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                    used.add(name)
        for node in (n for body in (tree.body, *bodies) for n in body):
            match node:
                case (
                    ast.FunctionDef(name=name, decorator_list=[] | [ast.Name(id="property")])
                    | ast.Assign(targets=[ast.Name(id=name)])
                ) if path.is_relative_to(ROOT / "extensions") and not name.startswith("__"):
                    named[name] = str(path.relative_to(ROOT))
    assert len(named) > 500
    assert {name: path for name, path in named.items() if name not in used} == {}


def test_every_dependency_says_why_it_is_there() -> None:
    """Behind it in its line."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    named = {entry for listed in dependencies().values() for entry in listed}
    said = {
        entry for entry in named for line in lines if f'"{entry}"' in line and re.search(r"[],] # \w", line)
    }
    assert named - said == set()


@pytest.mark.requirement("P8.7", "X14")
def test_the_page_about_protection_lists_every_attack_that_is_executed() -> None:
    """Each is a test that is there, under that name and id; and no test of attacks is left out."""
    page = (ROOT / "docs/protect.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)::(test_\w+)(?:\[([\w-]+)\])?`", page)
    assert len(named) >= 12
    assert len(set(named)) == len(named)
    there: set[tuple[str, str, str]] = set()
    for module in {module for module, _, _ in named}:
        tree = ast.parse((ROOT / f"tests/drill/{module}.py").read_text(encoding="utf-8"))
        for function in (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name[:5] == "test_"):
            marks = re.findall(r"id='([\w-]+)'", " ".join(map(ast.unparse, function.decorator_list)))
            there |= {(module, function.name, mark) for mark in marks or [""]}
    assert set(named) <= there
    assert {entry for entry in there if entry[0] == "test_attacks"} <= set(named)
