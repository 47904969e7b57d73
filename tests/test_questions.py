"""The questions: what their rules refuse, and that what they accept is found again in every file."""

from __future__ import annotations

import ast
import json
import keyword
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from email.parser import HeaderParser
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from copier._main import Worker
from hatchling.build import prepare_metadata_for_build_wheel
from markdown_it import MarkdownIt
from packaging.utils import InvalidName, canonicalize_name, is_normalized_name
from release_lib.distributions import SUPPORTED_PYTHONS
from ruamel.yaml import YAML
from support.rendering import ROOT, Renderer, commit_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUESTIONS: dict[str, dict[str, Any]] = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8")).items()
    if not name.startswith("_")
}
ASKED = {name: q for name, q in QUESTIONS.items() if q.get("when") is not False and q.get("ask") is not False}
FREE_TEXT = [name for name, q in ASKED.items() if q["type"] == "str" and "choices" not in q]
COLUMNS = 80  # of a terminal

# What people type, paste or attack with. Every free-text question meets every one of them.
AWKWARD = {
    "empty": "",
    "spaces": "   ",
    "leading space": " name",
    "trailing space": "name ",
    "no-break space": "name\u00a0",
    "leading newline": "\nname",
    "trailing newline": "name\n",
    "carriage return": "name\r",
    "tab": "na\tme",
    "NUL": "na\0me",
    "escape sequence": "\x1b[31mname",
    "C1 control": "na\x85me",
    "line separator": "na\u2028me",
    "bidi override": "na\u202eme",
    "bidi isolate": "na\u2066me",
    "byte order mark": "\ufeffname",
    "undecodable byte": "na\udcffme",
    "double quote": 'say "yes"',
    "single quote": "it's",
    "three quotes": '"""',
    "backslash": "C:\\new",
    "trailing backslash": "name\\",
    "expression": "${{ github.token }}",
    "block": "{% raw %}",
    "variable": "{= 1 / 0 =}",
    "comment": "{## gone ##}",
    "shell": "$(touch pwned); `touch pwned`",
    "TOML": 'x" }]\nevil = "1',
    "TOML comment": "a # b",
    "YAML": "a: [b, *c, &d]",
    "YAML tag": "!!python/object:os.system",
    "YAML boolean": "yes",
    "YAML null": "~",
    "YAML number": "0o17",
    "YAML float": "1e3",
    "date": "2026-11-22",
    "emoji": "calendar 📅 of 👩\u200d🚀",
    "right to left": "לוח שנה",
    "accents": "Zoë Ångström",
    "300 characters": "x" * 300,
    "1000 characters": "x" * 1000,
    "path traversal": "../x",
    "absolute path": "/etc/passwd",
    "leading dash": "-rf",
    "wildcard": "v*",
    "two dots": "a..b",
    "comma": "Lovelace, Ada",
    "HTML": "<script>alert(1)</script> &amp; &copy;",
    "Markdown": "*a* _b_ **c** `d` [e](f) ![g](h) <i@j.k> ~~l~~ | m",
    "Markdown heading": "# a",
    "Markdown list": "1. a",
    "Markdown list by parenthesis": "2) a",
    "Markdown list by dash": "- a",
    "Markdown rule": "===",
    "printf": "%s %d %%",
    "header": "Name: x",
}
# What each question takes of the above; it refuses the rest.
TAKES = {
    "project_name": {"YAML boolean", "YAML number", "YAML float", "date", "two dots"},
    "import_name": {"YAML boolean"},
    "description": {
        *AWKWARD,
    }
    - {"empty", "spaces", "leading space", "trailing space", "no-break space", "leading newline"}
    - {"trailing newline", "carriage return", "tab", "NUL", "escape sequence", "C1 control", "line separator"}
    - {"bidi override", "bidi isolate", "byte order mark", "undecodable byte", "TOML", "1000 characters"},
    "repository_owner": {"YAML boolean", "YAML float", "YAML number", "date"},
    "repository_name": {"YAML boolean", "YAML float", "YAML number", "date", "two dots", "leading dash"},
    "tag_prefix": {"empty", "YAML boolean"},
    "code_owners": {"empty"},
    "release_branches": {"empty", "YAML boolean", "YAML number", "YAML float", "date"}
    | {"leading space", "trailing space"},
}
TAKES["testpypi_environment"] = {
    "YAML boolean",
    "YAML number",
    "YAML float",
    "date",
    "two dots",
    "Markdown list",
    "header",
}
TAKES["testpypi_environment"].add("Markdown list by parenthesis")
TAKES["pypi_environment"] = TAKES["testpypi_environment"]
TAKES["author_name"] = TAKES["description"] - {"300 characters", "comma", "YAML"}

# Refused by one question for a reason of its own.
# fmt: off
REFUSED = {
    "project_name": [
        "my package", "_x", "x_", ".x", "x.", "email", "Email", "test", "urllib2", "future", "xml", "naïve",
        "\u017f", "py\u200bpi", "x" * 65,
    ],
    "import_name": [
        "my-package", "3d", "class", "None", "none", "False", "json", "JSON", "_thread", "__future__",
        "__main__", "_x", "tests", "Tests", "test", "src", "docs", "license", "build", "compression", "naïve",
        "x" * 65,
    ],
    "description": ["x" * 513, " " + "x" * 513],
    "author_name": ["Ada,", ",", "Ada,\nEve", "x" * 101, "x" * 90 + ", " + "y" * 20],
    "repository_owner": ["a--b", "-a", "a-", "a_b", "x" * 40, "octo/org", "octo.org", "NAME"],
    "repository_name": ["x.git", "x.GIT", ".git", "x.wiki", "x.git.git", ".", "..", "a/b", "a b", "x" * 101],
    "tag_prefix": [
        "v1", "1", "v 1", "a..", "a/.b", "a./b", "x.lock/", "a//b", "/v", "v.", "@", ".v", "_v", "v~", "v^",
        "v:", "v?", "v[", "v@{", "refs/tags/v", "tags/v", "heads/", "x" * 101, "x" * 99 + "1",
        "x" * 98 + ".1",
    ],
    "release_branches": [
        "*", "** main", "release/* main", "main -x", "main a..b", "main x.lock", "main a//b", "main ***",
        "main !x", "main [a]", "main x?", "main\trelease", "main /x", "main x.", "main x/", "x" * 201,
    ],
    "code_owners": [
        "octocat", "@", "@octo cat", "@octo-org/", "@octo-org/a/b", "@-a", "@a-", "@a--b", "ada@example", "#",
        "@octocat # for now", "/docs/ @octocat", "!@octocat", "@octocat\n* @eve", "x@y.z " * 84,
    ],
    "testpypi_environment": ["_x", "x-", "x ", "a;b", "a,b", "a`b", "a\\b", "x" * 101],
    "pypi_environment": ["testpypi", "TestPyPI", "_x", "x-"],
}
# fmt: on
ACCEPTED = {
    "project_name": ["a", "A", "my-package", "My.Package_2", "x" * 64, "3d-tools", "class", "tests", "a--b"],
    "import_name": ["a", "A", "my_package", "MyPackage", "x" * 64, "match", "case", "type", "py3"],
    "description": ["x" * 512, "🎉" * 300, "a\u200fb"],
    "author_name": ["Ada Lovelace", "Ada Lovelace <ada@example.org>", 'Łukasz; O\'Neil "Jr."', "x" * 100],
    "repository_owner": ["octo-org", "x" * 39, "A1"],
    "repository_name": ["my-package", ".github", "_x", "-x", "x.github.io", "x" * 100],
    "tag_prefix": [
        "v",
        "V",
        "release-",
        "release_",
        "my-package/v",
        "my-package@",
        "3d-tools/v",
        "x" * 100,
        "a.b-",
    ],
    "release_branches": [
        "main",
        "main release/*",
        "trunk 2.x **",
        "develop *.x",
        "main feature-",
        "  main  2.x  ",
    ],
    "code_owners": [
        "@octocat",
        "@octo-org/release_team-2",
        "@ada_acme",
        "ada.lovelace+py@mail.example.org",
        "  @octocat   @octo-org/releases ada@example.org ",
    ],
    "testpypi_environment": ["testpypi", "Test PyPI (index)", "a/b", "test:pypi@org+1"],
    "pypi_environment": ["pypi", "PyPI (production)", "release/pypi", "3"],
}


@pytest.fixture(scope="module")
def rule(template: Path) -> Callable[[str, str], str]:
    """The sentence with which Copier refuses an answer to a question, or nothing."""
    environment = Worker(src_path=str(template), dst_path=Path("unused"), quiet=True).jinja_env
    validators = {
        name: environment.from_string(q["validator"]) for name, q in QUESTIONS.items() if "validator" in q
    }

    def refusal(question: str, answer: str) -> str:
        others = {"adopted": False, "testpypi_environment": "testpypi"}
        return validators[question].render({**others, question: answer}).strip()

    return refusal


# ---- The questions themselves -----------------------------------------------------------------------


@pytest.mark.requirement("U1")
@pytest.mark.parametrize("name", ASKED)
def test_a_question_explains_itself_in_three_lines(name: str) -> None:
    what, the_rule, example = ASKED[name]["help"].splitlines()
    assert what.endswith((".", "?"))
    assert the_rule.endswith(".")
    assert re.fullmatch(r"Example: \S.*", example)
    before, behind = (
        len("🎤 ") + 1,
        len(" [press Enter]"),
    )  # what Copier puts around the lines; 🎤 is two columns wide
    assert len(what) <= COLUMNS - before
    assert len(the_rule) <= COLUMNS
    assert len(example) <= COLUMNS - behind


@pytest.mark.parametrize("name", ASKED)
def test_the_example_in_the_help_is_a_good_answer(rule: Callable[[str, str], str], name: str) -> None:
    example = ASKED[name]["help"].splitlines()[-1].removeprefix("Example: ").partition(", for ")[0]
    if name in FREE_TEXT:
        assert rule(name, example) == ""
    elif ASKED[name]["type"] == "bool":
        assert example in {"yes", "no"}
    else:
        choices = ASKED[name]["choices"]
        assert example in (choices.values() if isinstance(choices, dict) else choices)


def test_every_question_has_a_default_and_every_free_text_a_rule() -> None:
    assert all("default" in question for question in QUESTIONS.values())
    assert all("validator" in QUESTIONS[name] for name in FREE_TEXT)
    for examples in (TAKES.keys(), REFUSED.keys(), ACCEPTED.keys()):
        assert set(FREE_TEXT) - examples == set(), "each needs examples of what it takes and refuses"
    assert set(FREE_TEXT) == set(TAKES) == set(REFUSED) == set(ACCEPTED)


OF_ADOPTED = [
    "ci_workflow",
    "ci_commands",
    "ci_pythons",
    "changelog_file",
    "version_file",
    "kept_workflows",
    "project_folder",
]


def test_what_is_not_asked_is_computed_or_stored() -> None:
    assert {name: (q.get("when"), q.get("ask")) for name, q in QUESTIONS.items() if name not in ASKED} == {
        "adopted": (None, False),  # what adoption finds out (docs/adopting.md)
        "release_workflow": (None, False),
        **dict.fromkeys(OF_ADOPTED, ("{= adopted =}", False)),
        "stored_pins": (None, False),  # stored, so that an update never conflicts with a bot
        "pins": (False, None),
        "package_path": (False, None),
        "python_versions": (False, None),
        "default_branch": (False, None),
    }


# ---- What is refused --------------------------------------------------------------------------------


def cases(table: dict[str, list[str]]) -> list[Any]:
    return [
        pytest.param(question, answer, id=f"{question}-{answer[:24]!a}")
        for question, answers in table.items()
        for answer in answers
    ]


# What lacks its examples is named by a test, not by an error here.
REFUSED_ALL = {
    name: REFUSED.get(name, []) + [v for k, v in AWKWARD.items() if k not in TAKES.get(name, ())]
    for name in FREE_TEXT
}
ACCEPTED_ALL = {
    name: ACCEPTED.get(name, [""]) + [AWKWARD[key] for key in AWKWARD if key in TAKES.get(name, ())]
    for name in FREE_TEXT
}


@pytest.mark.requirement("X10")
@pytest.mark.parametrize(("question", "answer"), cases(REFUSED_ALL))
def test_a_bad_answer_is_refused_with_its_value_and_an_example_that_passes(
    rule: Callable[[str, str], str], question: str, answer: str
) -> None:
    sentence = rule(question, answer)
    assert sentence, f"{question} takes {answer!r}: TAKES names what it takes of what all questions meet"
    expected, example, wrong = re.fullmatch(r"(Enter .+?), like (.+?); (the .+)", sentence).groups()  # type: ignore[union-attr]
    assert len(f"{expected}, like ") <= 70 - len("my-package"), "a terminal shows the rule and an example"
    assert wrong.split()[1] in {*question.split("_"), "first"}
    assert any(
        text in wrong for text in (f"'{answer}'", json.dumps(answer), answer[:63], *quoted_words(answer))
    )
    assert sentence.isprintable(), "a message is one line that a terminal shows as it is"
    assert rule(question, example) == "", "the example passes the rule"


def quoted_words(answer: str) -> Iterator[str]:
    """One of several branches in an answer, as a message shows it."""
    return (f"'{word}'" for word in answer.split())


@pytest.mark.parametrize(("question", "answer"), cases(ACCEPTED_ALL))
def test_a_good_answer_is_accepted(rule: Callable[[str, str], str], question: str, answer: str) -> None:
    assert rule(question, answer) == ""


@pytest.mark.parametrize(
    "data", [{"description": "a\nb"}, {"project_name": "../x"}, {"author_name": "na\udcffme"}]
)
def test_a_bad_answer_on_the_command_line_ends_in_its_sentence_and_changes_nothing(
    rule: Callable[[str, str], str], template: Path, tmp_path: Path, data: dict[str, str]
) -> None:
    ((question, answer),) = data.items()
    copier = [sys.executable, "-m", "copier", "copy", "--defaults", "--data", f"{question}={answer}"]
    done = subprocess.run(
        [*copier, template, tmp_path / "new"],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(rule(question, answer))
    assert list(tmp_path.iterdir()) == []


# ---- Rules agree with those who judge in the end ----------------------------------------------------


def strings(example: list[str], alphabet: str, count: int) -> list[str]:
    """Good answers, changed at random in one to three places, and short random ones; always the same."""
    chance = random.Random(20261122)  # noqa: S311
    made = set(example)
    while len(made) < count:
        letters = list(chance.choice(example)) if chance.random() < 0.7 else []
        for _ in range(chance.randint(1, 3)):
            place = chance.randint(0, len(letters))
            letters[place : place + chance.randint(0, 1)] = chance.choice(alphabet)
        made.add("".join(letters))
    return sorted(made)


NAMES = "aAzZ09__--..  \n\r\tKéß٣²・-/\\'\"{}$"


def test_project_names_are_those_that_packaging_accepts(rule: Callable[[str, str], str]) -> None:
    def accepted(name: str) -> bool:
        try:
            canonicalize_name(name, validate=True)
        except InvalidName:
            return False
        return True

    names = strings(["my-package", "My.Package_2", "a", "x" * 62], NAMES, 4000)
    verdicts = {name: rule("project_name", name) == "" for name in names}
    assert verdicts == {name: accepted(name) and len(name) <= 64 for name in names}
    assert 300 < sum(verdicts.values()) < 3700, "the strings try both sides of the rule"


@pytest.mark.requirement("B2")
def test_import_names_are_public_ascii_identifiers(rule: Callable[[str, str], str]) -> None:
    names = strings(["my_package", "MyPackage2", "a", "x" * 62, "class", "None"], NAMES, 4000)
    verdicts = {name: rule("import_name", name) == "" for name in names}
    assert verdicts == {
        name: name.isascii()
        and name.isidentifier()
        and not name.startswith("_")
        and len(name) <= 64
        and not keyword.iskeyword(name)
        and name.lower() not in {"class", "none"}
        for name in names
    }
    assert 300 < sum(verdicts.values()) < 3700


def test_tag_prefixes_make_tags_that_git_keeps_and_filters_read_literally(
    rule: Callable[[str, str], str], tmp_path: Path
) -> None:
    alphabet = "aV0_-./@ ~^:?*[\\{\n!+lock"
    prefixes = strings(["v", "release-", "my-package/v", "a@", "x.lock/v", "refs/v"], alphabet, 3000)
    good = [prefix for prefix in prefixes if rule("tag_prefix", prefix) == ""]
    assert 100 < len(good) < 2900
    assert [p for p in good if re.search(r"[*?+!\[\]\\\s]", p)] == [], "GitHub's filter reads these as more"
    assert all(fnmatchcase(f"{p}1.2.3", f"{p}[0-9]*") for p in good)
    assert refused_by_git(tmp_path, "tags", [f"{prefix}1.2.3" for prefix in good]) == ""


@pytest.mark.requirement("P3.9")
def test_release_branches_are_names_that_git_accepts(rule: Callable[[str, str], str], tmp_path: Path) -> None:
    names = strings(["main", "release/2.x", "a-b_c", "x.lock"], "aZ0_-./@ ~^:?[\\{!+lock", 3000)
    good = [name for name in names if " " not in name and name and rule("release_branches", name) == ""]
    assert 100 < len(good) < 2900
    assert [name for name in good if name.startswith("-")] == [], "git reads these as options"
    assert refused_by_git(tmp_path, "heads", good) == ""


def refused_by_git(folder: Path, kind: str, names: list[str]) -> str:
    """What git says about the first name that it refuses; each has a folder of its own."""
    commit = commit_all(folder)
    lines = (
        f"verify refs/{kind}/{number}/{name}\0{'0' * len(commit)}\0" for number, name in enumerate(names)
    )
    command = ["git", "-C", str(folder), "update-ref", "--stdin", "-z"]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=False)
    return done.stderr


def test_every_reserved_name_of_this_python_is_refused(rule: Callable[[str, str], str]) -> None:
    words = {*keyword.kwlist, *sys.stdlib_module_names}
    assert [w for w in sorted(words) if not rule("import_name", w)] == []
    modules = {canonicalize_name(name.strip("_")) for name in sys.stdlib_module_names}  # how PyPI reads them
    assert [name for name in sorted(modules) if not rule("project_name", name)] == []


def test_what_stands_at_the_root_is_no_import_name(
    rule: Callable[[str, str], str], default_package: Path
) -> None:
    taken = {path.name.lower() for path in default_package.iterdir() if path.name.isidentifier()}
    assert taken == {"license", "src", "tests"}
    assert [name for name in taken if not rule("import_name", name)] == []


# ---- Defaults follow the other answers --------------------------------------------------------------

FOLDERS = {
    "my-package": "my-package",
    "My Package": "my-package",
    "my_package": "my-package",
    "Zeitpläne": "zeitpl-ne",
    "カレンダー": "example-package",
    "email": "example-package",
    "tests": "example-package",
    "3d": "example-package",
    "-x-": "x",
    "...": "example-package",
    "class": "example-package",
    "x" * 64: "x" * 64,
    "x" * 200: "example-package",
    "a'b\"c": "a-b-c",
    "{= 1 / 0 =}": "example-package",
    "${{ x }}": "x",
    "new\nline": "new-line",
    "x.git": "x-git",
}


@pytest.fixture(scope="module")
def default_answers(template: Path) -> Callable[..., dict[str, Any]]:
    """The answers that `--defaults` gives, without rendering a file."""

    def answers(folder: Path, **data: str) -> dict[str, Any]:
        with Worker(src_path=str(template), dst_path=folder, data=data, defaults=True, quiet=True) as worker:
            worker._ask()  # noqa: SLF001  (what run_copy does first)
            return dict(worker.answers.combined)

    return answers


@pytest.mark.parametrize(("folder", "name"), FOLDERS.items(), ids=ascii)
def test_any_folder_gives_a_good_project_name(
    default_answers: Callable[..., dict[str, Any]], tmp_path: Path, folder: str, name: str
) -> None:
    assert default_answers(tmp_path / folder)["project_name"] == name


def test_the_pythons_are_those_that_the_release_scripts_know(
    default_answers: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    choices = QUESTIONS["lowest_python"]["choices"]
    assert tuple(choices) == SUPPORTED_PYTHONS[: len(choices)]
    for number, lowest in enumerate(choices):
        answers = default_answers(tmp_path / "new", lowest_python=lowest)
        assert tuple(answers["python_versions"]) == SUPPORTED_PYTHONS[number:]


@pytest.mark.parametrize("way", [".", "./", "../My Package", "../My Package/"])
def test_the_folder_is_known_however_it_is_named(
    default_answers: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    (tmp_path / "My Package").mkdir()
    monkeypatch.chdir(tmp_path / "My Package")
    assert default_answers(Path(way))["project_name"] == "my-package"


@pytest.mark.parametrize(
    "name", [*ACCEPTED["project_name"], "x.git", "x.wiki.git", "a" + "-" * 40 + "b", "9" * 64]
)
def test_every_other_default_follows_from_any_project_name(
    rule: Callable[[str, str], str], default_answers: Callable[..., dict[str, Any]], tmp_path: Path, name: str
) -> None:
    answers = default_answers(tmp_path / "new", project_name=name)
    refused = {q: rule(q, answers[q]) for q in FREE_TEXT if rule(q, answers[q])}
    assert refused == {}
    assert is_normalized_name(answers["repository_owner"])


# ---- What is accepted means what was typed ----------------------------------------------------------


def awkward_packages() -> list[dict[str, str]]:
    """Answers to render: every accepted one at least once, as many as possible in one package."""
    rows = max(len(answers) for answers in ACCEPTED_ALL.values())
    shift = {"pypi_environment": 1}  # or both environments would be one
    return [
        {name: answers[(row + shift.get(name, 0)) % len(answers)] for name, answers in ACCEPTED_ALL.items()}
        for row in range(rows)
    ]


PACKAGES = awkward_packages()
CHOICES: list[dict[str, Any]] = [
    {"layout": "flat", "command_line": True, "type_checker": "pyright", "license": "LicenseRef-Proprietary"},
    {
        "release_notes": "towncrier",
        "update_bot": "renovate",
        "type_checker": "none",
        "license": "BSD-3-Clause",
    },
    {"release_notes": "git-cliff", "command_line": True, "lowest_python": "3.14", "release_issues": False},
]


@pytest.fixture(scope="module")
def awkward(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], tuple[dict[str, str], Path]]:
    """A package of awkward answers, by its number; rendered once."""
    folder = tmp_path_factory.mktemp("awkward")
    renderer = Renderer(template)

    def package(number: int) -> tuple[dict[str, str], Path]:
        answers = PACKAGES[number]
        path = folder / str(number)
        if not path.exists():
            renderer.render(path, {**answers, **CHOICES[number % len(CHOICES)]})
        return answers, path

    return package


@pytest.mark.requirement("X10")
@pytest.mark.parametrize("number", range(len(PACKAGES)))
def test_awkward_answers_are_found_again_exactly(
    awkward: Callable[[int], tuple[dict[str, str], Path]], number: int
) -> None:
    typed, package = awkward(number)
    found = read_back(package)
    lists = ("release_branches", "code_owners")
    assert found == {key: value.split() if key in lists else value for key, value in typed.items()}


def read_back(package: Path) -> dict[str, Any]:
    """The answers as the parsed files of a package state them; each must say the same everywhere."""
    files = {str(path.relative_to(package)): parsed(path) for path in package.rglob("*") if path.is_file()}
    project = files["pyproject.toml"]["project"]
    settings = files[".github/release/settings.toml"]
    stored = files[".copier-answers.yml"]
    release, ci = files[".github/workflows/release.yml"], files[".github/workflows/ci.yml"]
    title, description = readme(package / "README.md")
    owner, repository = settings["repository"].split("/")
    prefix = settings["tag-prefix"]
    environments = {
        name: job["environment"]["name"] for name, job in release["jobs"].items() if "environment" in job
    }
    module = next(path.parent.name for path in package.glob("**/__init__.py"))
    rules = [line.split() for line in files.get(".github/CODEOWNERS", "").splitlines() if line[:1] != "#"]
    assert [rule[0] for rule in rules] == ["/.github/"] * len(rules)
    said: dict[str, list[Any]] = {
        "project_name": [project["name"], settings["distribution"], stored["project_name"], title],
        "import_name": [settings["import-name"], module, stored["import_name"]],
        "description": [project["description"], description, stored["description"]],
        "author_name": [project["authors"][0]["name"], stored["author_name"]],
        "repository_owner": [owner, stored["repository_owner"]],
        "repository_name": [repository, stored["repository_name"]],
        "code_owners": [[owner for rule in rules for owner in rule[1:]], stored["code_owners"].split()],
        "tag_prefix": [prefix, stored["tag_prefix"]],
        "release_branches": [settings["release-branches"], stored["release_branches"].split()],
        "testpypi_environment": [environments["publish-testpypi"], stored["testpypi_environment"]],
        "pypi_environment": [environments["publish-pypi"], stored["pypi_environment"]],
    }
    if stored["license"] not in {"Apache-2.0", "MPL-2.0"}:  # whose texts name nobody
        line = next(line for line in files["LICENSE"].splitlines() if line.startswith("Copyright (c) "))
        said["author_name"].append(line.removeprefix("Copyright (c) ").removesuffix(". All rights reserved."))
    if settings["release-branches"]:
        said["release_branches"].append(ci["on"]["push"]["branches"])
    assert project["urls"]["Source"].endswith(f"/{owner}/{repository}")
    assert release["on"]["push"]["tags"] == [f"{prefix}[0-9]*"]
    pattern = files["pyproject.toml"]["tool"]["hatch"]["version"]["tag-pattern"]
    assert re.fullmatch(pattern, f"{prefix}1.2.3")["version"] == "1.2.3"  # type: ignore[index]
    for ruleset in ("create", "keep"):
        conditions = files[f".github/rulesets/release-tags-{ruleset}.json"]["conditions"]
        assert conditions["ref_name"]["include"] == [f"refs/tags/{prefix}[0-9]*"]
    differing = {name: values for name, values in said.items() if any(value != values[0] for value in values)}
    assert differing == {}
    return {name: values[0] for name, values in said.items()}


def parsed(path: Path) -> Any:  # noqa: ANN401
    """A rendered file as its own kind of parser reads it."""
    text = path.read_text(encoding="utf-8")
    if path.name == ".copier-answers.yml":
        return yaml.safe_load(text)  # Copier's own reader
    match path.suffix:
        case ".yml" | ".yaml":
            return YAML(typ="safe", pure=True).load(text)
        case ".toml":
            return tomllib.loads(text)
        case ".json":
            return json.loads(text)
        case ".py":
            return ast.parse(text)
    return text


def readme(path: Path) -> tuple[str, str]:
    """Title and first paragraph as a reader sees them, if they are nothing but text."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(path.read_text(encoding="utf-8"))
    kinds = [token.type for token in tokens[:6]]
    assert kinds == [
        f"{kind}_{end}" if end else "inline"
        for kind in ("heading", "paragraph")
        for end in ("open", "", "close")
    ]
    inline = tokens[1].children or [], tokens[4].children or []
    assert {token.type for tokens in inline for token in tokens} <= {"text"}
    title, description = ("".join(token.content for token in tokens) for tokens in inline)
    return title, description


@pytest.mark.requirement("X10")
@pytest.mark.parametrize("number", range(len(PACKAGES)))
def test_awkward_answers_reach_the_metadata_exactly(
    awkward: Callable[[int], tuple[dict[str, str], Path]],
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed, package = awkward(number)
    monkeypatch.chdir(package)
    monkeypatch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION", "1.2.3")
    folder = prepare_metadata_for_build_wheel(str(tmp_path))
    metadata = HeaderParser().parsestr((tmp_path / folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == typed["project_name"]
    assert metadata["Summary"] == typed["description"]
    assert metadata["Author"] == typed["author_name"]
    assert metadata["Version"] == "1.2.3"


@pytest.mark.requirement("X10", "X12")
def test_awkward_answers_pass_the_linters_of_code_and_workflows(
    awkward: Callable[[int], tuple[dict[str, str], Path]], tmp_path: Path
) -> None:
    packages = [awkward(number)[1] for number in range(len(PACKAGES))]
    workflows = [path for package in packages for path in (package / ".github/workflows").iterdir()]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "NO_COLOR": "1", "PATH": programs}
    for command in (
        ["ruff", "check", "--no-cache", "--quiet", *packages],
        ["ruff", "format", "--no-cache", "--check", "--quiet", *packages],
        ["actionlint", "-no-color", *workflows],
        ["zizmor", "--offline", "--persona", "pedantic", "--no-progress", "--quiet", *workflows],
    ):
        program = shutil.which(str(command[0]), path=programs)
        assert program, f"{command[0]} is not installed"
        done = subprocess.run(
            [program, *map(str, command[1:])],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
