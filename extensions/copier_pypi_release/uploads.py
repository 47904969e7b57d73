"""What uploads to a package index, directly or through a file of the repository: one list of rules."""

from __future__ import annotations

import ast
import configparser
import functools
import re
import shlex
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_OPTIONS = r"(?:\s+-\S+(?:\s+(?!upload\b|publish\b)[^-\s]\S*)?)*\s+"
UPLOAD_COMMAND = re.compile(
    rf"\btwine(?:\.exe)?[\s}})\"']*{_OPTIONS}upload\b"
    rf"|\b(?:uv|flit|poetry|hatch|pdm|rye|maturin)(?:\.exe)?{_OPTIONS}publish\b"
    rf"|\bmaturin{_OPTIONS}upload\b"
    r"|\bsetup\.py\s.*\bupload\b"
    r"|\bcurl\s.*(?:/legacy/?\b|:action=file_upload)",
    re.IGNORECASE,
)
# The commands of a line; what stands in an expression of the workflow's divides none.
SPLIT = re.compile(r"(?:\$\{\{.*?\}\}|(?<!&)&(?!&)|[^;|&])+")
REHEARSAL = re.compile(r"\s--(?:dry-run|help)\b")
TALK = re.compile(r"^\W*(?:echo|printf|grep|Write-(?:Host|Output))\s", re.IGNORECASE)
# An action of anybody's whose name says both what it does and to what.
UPLOAD_ACTION = re.compile(
    r"gh-action-pypi-publish|(?:publish|upload|deploy|release)[-\w/]*(?:pypi|twine|poetry|flit)"
    r"|(?:pypi|twine|poetry|flit|maturin)[-\w/]*(?:publish|upload|deploy|release)",
    re.IGNORECASE,
)
# The release bot uploaded by itself until its version 7.
UPLOADING_BOT = re.compile(
    r"python-semantic-release/python-semantic-release@v?[1-7](?:\.|\Z)|relekang/python-semantic-release@",
    re.IGNORECASE,
)
# An action that runs a client with the command that its inputs say.
CLIENT_ACTION = re.compile(r"\b(maturin|poetry|hatch|flit|pdm|rye|twine)\b", re.IGNORECASE)
DEPLOYMENT = re.compile(r"^\s*provider:\s*[\"']?pypi\b", re.MULTILINE)  # of Travis
TEST_INDEX = re.compile(
    r"test\.pypi\.org|\btestpypi\b|\btest-pypi\b|publish\s+(?:-r|--repo\S*|--index)[ =]test", re.IGNORECASE
)
NAMED_INDEX = re.compile(
    r"(?:\s(?:--repository(?:-url)?|--publish-url|--index(?:-url)?|--repo|-r)[ =]"
    r"|TWINE_REPOSITORY(?:_URL)?\W+)[\"']?([^\s\"',}]+)"
)
PUBLISHES = re.compile(r"release|publish|upload|pypi", re.IGNORECASE)
INDEX_SECRET = re.compile(r"pypi|twine|uv_publish|poetry_http|flit_|hatch_index|pdm_publish", re.IGNORECASE)
SUGGESTIVE = re.compile(r"release|publish|upload|deploy|pypi", re.IGNORECASE)
PREPARES = {"install", "add", "sync", "cache", "inject", "uninstall"}
SCRIPTS = {".sh", ".bash", ".zsh", ".py", ".ps1", ".bat", ".cmd", ""}
RUNNERS = {"tox", "nox", "make", "gmake", "just", "invoke", "inv", "poe", "hatch", "pdm"}
# Runners whose files are not read: what they are asked for tells whether they could publish.
FOREIGN = {
    *(
        "task",
        "duty",
        "doit",
        "paver",
        "fab",
        "pants",
        "bazel",
        "bazelisk",
        "buck2",
        "earthly",
        "dagger",
        "pixi",
    ),
    *("mise", "npm", "pnpm", "yarn", "rye", "compose", "docker-compose", "scons", "rake", "mage"),
}
NO_UPLOAD = re.compile(
    r"(?:release|publish)[-_]?(?:notes|draft)|\b(?:npm|pnpm|yarn)\s+(?:--\S+\s+)*publish\b"
)
# A client as a library.
CLIENT_MODULES = ("twine.commands", "twine.cli", "twine.__main__", "flit.upload", "poetry.publishing")
TOX_FILES = ("pyproject.toml", "tox.toml", "tox.ini", "setup.cfg")
OWN = ".github/release/"  # the release's own scripts check and never upload
UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # the last two: nested too deeply
DEEP = 6
MANY, LONG = 50, 200_000  # files of an action, and their length


@dataclass(frozen=True)
class Upload:
    """An upload, or what could be one.

    Attributes:
        what: The command or action.
        index: ``pypi`` or ``testpypi``.
        certain: Whether it uploads without any doubt.
        file: The file of the repository that has it; empty for the step itself.
        line: The line there.
    """

    what: str
    index: str = "pypi"
    certain: bool = True
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """Where it is written, and what."""
        return f"{self.file}:{self.line} `{self.what}`" if self.file else f"`{self.what}`"


def commands_of(script: str) -> Iterator[tuple[int, str]]:
    """The commands of a shell script, with the line that each begins at."""
    start, held = 0, ""
    for number, line in enumerate(map(without_comment, script.splitlines()), 1):
        start = start if held else number
        held += line.strip() + " "
        if line.rstrip().endswith("\\"):
            held = held.rstrip()[:-1]
            continue
        whole, held = held.strip(), ""
        if not whole.startswith(("#", "REM ", "::")):
            yield from ((start, found) for part in SPLIT.findall(whole) if (found := part.strip()))


def without_comment(line: str) -> str:
    """A line of a script without the comment that ends it; a sign between quotes begins none."""
    for comment in re.finditer(r"(?<=\s)#(?=[\s\w])", line):
        before = line[: comment.start()]
        if before.strip() and before.count('"') % 2 == before.count("'") % 2 == 0:
            return before
    return line


def uploads_itself(command: str) -> bool:
    """Whether a command uploads to PyPI or TestPyPI."""
    found = UPLOAD_COMMAND.search(command)
    return bool(found) and not TALK.search(command) and not REHEARSAL.search(command)


def upload_command(script: str) -> bool:
    """Whether a script, of a step or of another CI system, uploads to an index."""
    return any(uploads_itself(command) for _, command in commands_of(script)) or bool(
        DEPLOYMENT.search(script)
    )


def upload_action(uses: str) -> bool:
    """Whether an action uploads to an index, whoever keeps a copy of it."""
    name = uses.removeprefix("docker://").partition("@")[0]
    return bool(UPLOAD_ACTION.search(name.partition(":")[0]) or UPLOADING_BOT.match(uses))


def repository_url(step: Mapping[str, Any]) -> str:
    """The address that the publish action is given; empty for PyPI, its default."""
    inputs = step.get("with") or {}
    return str(inputs.get("repository-url") or inputs.get("repository_url") or "")


def is_elsewhere(name: str, script: str = "") -> bool:
    """Whether an address or a name of an index is neither PyPI's nor TestPyPI's.

    Args:
        name: The address or the name.
        script: The commands that use it, which may say what address the name has.
    """
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415  (it is slow, and few ask)

    host = name.partition("://")[2].partition("/")[0] or name
    if "CI_API_V4_URL" in name:  # of GitLab, whose repositories have indexes of their own
        return True
    if "$" in host or not name:
        return False
    own = str(urlsplit(PYPI_SIMPLE_ENDPOINT).hostname)
    if "://" not in name:
        given = re.search(rf"\b{re.escape(name)}\b[\"']?\s+(\w+://\S+)", script)
        return is_elsewhere(given[1].strip("\"'")) if given else "pypi" not in name.lower()
    return not f".{urlsplit(f'//{host}').hostname}".endswith(f".{own}")


def elsewhere(step: Mapping[str, Any]) -> str:
    """The other index that a step uploads to; empty if it uploads to PyPI, TestPyPI or nowhere."""
    name = repository_url(step) if upload_action(str(step.get("uses", ""))) else ""
    script = "\n".join([str(step.get("run", "")), handed_over(step)])
    if upload_command(script):
        named = NAMED_INDEX.search(script) or NAMED_INDEX.search(str(dict(step.get("env") or {})))
        name = named[1] if named else ""
    return name if is_elsewhere(name, script) else ""


def handed_over(step: Mapping[str, Any]) -> str:
    """The commands that a step hands to an action, or to a shell by a variable."""
    inputs, env = (part if isinstance(part := step.get(key), dict) else {} for key in ("with", "env"))
    texts = [str(value) for value in (*inputs.values(), *env.values())]
    if client := CLIENT_ACTION.search(str(step.get("uses", "")).partition("@")[0]):
        texts.append(f"{client[1]} {inputs.get('command', '')} {inputs.get('args', '')}")
    return "\n".join(texts)


def index_of(step: Mapping[str, Any]) -> str | None:
    """The index that a step itself uploads to, ``pypi`` or ``testpypi``; None if to neither."""
    if upload_action(str(step.get("uses", ""))):  # to another address as well: that is looked at by itself
        return "testpypi" if TEST_INDEX.search(repository_url(step)) else "pypi"
    script = "\n".join([str(step.get("run", "")), handed_over(step)])
    if upload_command(script) and not elsewhere(step):
        return "testpypi" if TEST_INDEX.search(f"{script} {step.get('env') or ''}") else "pypi"
    return None


# ---- Through files of the repository ----------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """Looks for uploads behind commands: in scripts, test runners, task runners and local actions.

    Attributes:
        root: Root of the repository.
        holder: Whether the job holds what an upload needs: an identity or an index's secret.
        files: What was found behind each script, by path and depth: a matrix calls one many times.
    """

    root: Path
    holder: bool = False
    files: dict[tuple[Path, int], list[Upload]] = field(default_factory=dict, compare=False)

    def step(
        self, step: Mapping[str, Any], values: Mapping[str, list[str]], folder: str = "", env: str = ""
    ) -> list[Upload]:
        """The uploads of a step, the most certain first.

        Args:
            step: The step.
            values: What the matrix of its job can put in, by expression.
            folder: Where its job runs commands, from the root of the repository.
            env: The variables of its job and workflow.
        """
        direct = index_of(step)
        if direct:
            said = f"{step.get('run', '')}\n{handed_over(step)}"
            what = str(
                step.get("uses") or next((c for _, c in commands_of(said) if uploads_itself(c)), "upload")
            )
            return [Upload(what, direct)]
        uses = str(step.get("uses", ""))
        if uses.startswith("./"):
            return self._action(uses, 0)
        script = str(step.get("run", ""))
        place = str(step.get("working-directory") or folder or "")
        found: list[Upload] = []
        texts = spell_out(script, values)
        for text in texts:
            found += self.script(text, place, 0)
        some = len(texts) > 1 and len({u.what for u in found}) and len(found) < len(texts)
        env = f"{dict(step.get('env') or {})}{env}"
        toxenv = re.search(r"'TOX_?ENV': '([^']+)'", env)
        if toxenv and re.search(r"\btox\b", script):
            found += self._tox(self.root / place, ["-e", toxenv[1]], 0)
        found = [replace(u, index="testpypi") if TEST_INDEX.search(env) else u for u in found]
        if some:  # one entry of a matrix uploads, and the others do their work
            found = [replace(u, certain=False) for u in found]
        return sorted(set(found), key=lambda u: (not u.certain, u.file, u.line))

    def script(self, text: str, folder: str, depth: int, file: str = "", offset: int = 0) -> list[Upload]:
        """The uploads of a shell script; those of its own lines have no file unless one is given."""
        found: list[Upload] = []
        here = self.root / folder
        for line, command in commands_of(text):
            if uploads_itself(command):
                if not (named := NAMED_INDEX.search(command)) or not is_elsewhere(named[1], text):
                    index = "testpypi" if TEST_INDEX.search(command) else "pypi"
                    found.append(Upload(command, index, certain=True, file=file, line=line + offset))
            elif not TALK.search(command):
                moved = re.match(r"(?:cd|pushd)\s+(\S+)\Z", command)
                if moved and (here / moved[1]).is_dir():
                    here /= moved[1]
                else:
                    found += self._command(command, here, depth)
        return found

    def _command(self, command: str, here: Path, depth: int) -> list[Upload]:
        """What a command runs out of files of the repository."""
        try:
            words = shlex.split(command)
        except ValueError:
            words = command.split()
        if depth > DEEP or PREPARES & set(words[:5]) or not words:
            return []
        for number, word in enumerate(words):
            name = word.rpartition("/")[2].removesuffix(".exe")
            if name in RUNNERS or name == "$(MAKE)":
                runner = "make" if name in {"gmake", "$(MAKE)"} else name
                return self._run(runner, here, words[number + 1 :], depth)
            if name in FOREIGN:
                return [] if NO_UPLOAD.search(command) else self._unknown(name, words[number + 1 :])
            if word == "-m" and number + 1 < len(words):
                module = words[number + 1].replace(".", "/")
                path = next(
                    (p for p in (here / f"{module}.py", here / module / "__main__.py") if p.is_file()), None
                )
                if path:
                    return self._file(path, depth)
            if (path := self._script_file(word, here)) and not path.name.startswith(("test_", "conftest")):
                asked = path.name != "setup.py" or PUBLISHES.search(" ".join(words[number + 1 :]))
                return self._file(path, depth) if asked else []
        return []

    def _script_file(self, word: str, here: Path) -> Path | None:
        """The script of the repository that a word names."""
        if word.startswith(("-", "$", "~")) or not re.fullmatch(r"[\w./\\-]+", word):
            return None
        for folder in (here, self.root):
            path = folder / word.replace("\\", "/")
            if (
                path.suffix in SCRIPTS
                and path.is_file()
                and OWN not in path.as_posix()
                and self._inside(path)
            ):
                return path
        return None

    def _inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.root.resolve())

    def _name(self, path: Path) -> str:
        return path.resolve().relative_to(self.root.resolve()).as_posix()

    def _file(self, path: Path, depth: int) -> list[Upload]:
        """The uploads of a script; certain if its name or the job's secrets say what it is for."""
        if (path, depth) not in self.files:
            self.files[path, depth] = self._read_file(path, depth)
        return self.files[path, depth]

    def _read_file(self, path: Path, depth: int) -> list[Upload]:
        text = read(path)
        file = self._name(path)
        python = path.suffix == ".py" or re.match(r"#!.*python", text)
        found = (
            self._python(text, file, path.parent, depth)
            if python
            else self.script(text, "", depth + 1, file=file)
        )
        sure = self.holder or bool(SUGGESTIVE.search(path.stem))
        return [replace(u, certain=u.certain and sure) for u in found]

    def own(self, path: Path) -> list[Upload]:
        """The uploads that a file itself names, whatever runs it, and none behind other files."""
        if path.suffix == ".py":
            return self._python(read(path), self._name(path), path.parent, DEEP)
        plain = re.sub(r"[\"',\[\]]+[ \t]*", " ", read(path))  # a command that is a list
        return self.script(plain, "", DEEP + 1, file=self._name(path))

    def _python(
        self, text: str, file: str, here: Path, depth: int, functions: Iterable[str] = ()
    ) -> list[Upload]:
        """The uploads of Python code: commands in the arguments of calls."""
        try:
            tree: ast.AST = ast.parse(text)
        except UNPARSABLE:
            return [Upload("upload", file=file, line=1, certain=False)] if upload_command(text) else []
        nodes = list(ast.walk(tree))
        if wanted := set(functions):
            bodies = [n for n in nodes if isinstance(n, ast.FunctionDef) and wanted & session_names(n)]
            nodes = [inner for body in bodies for inner in ast.walk(body)]
        found: list[Upload] = []
        for node in nodes:
            if isinstance(node, ast.Call):
                words = " ".join(
                    strings([*node.args, *(k.value for k in node.keywords if k.arg in {"args", "cmd"})])
                )
                quiet = ast.unparse(node.func).rpartition(".")[2] in {
                    "print",
                    "echo",
                    "log",
                    "info",
                    "install",
                }
                if words and not quiet:
                    found += [
                        replace(u, file=u.file or file, line=u.line if u.file else node.lineno)
                        for u in self.script(words, self._name(here), depth + 1)
                    ]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                if any(m.startswith(CLIENT_MODULES) for m in modules):
                    found.append(Upload(f"import {modules[0] or modules[1]}", file=file, line=node.lineno))
            elif isinstance(node, ast.List | ast.Tuple):
                words = " ".join(strings([node]))
                if uploads_itself(words):
                    found.append(Upload(words, file=file, line=node.lineno))
        unique = {(u.file, u.line): u for u in found}
        return list(unique.values())

    def _run(self, runner: str, here: Path, words: list[str], depth: int) -> list[Upload]:
        """What a test or task runner is asked to do."""
        if runner == "tox":
            found = self._tox(here, words, depth)
        elif runner == "nox":
            found = self._nox(here, words, depth)
        elif runner in {"make", "just"}:
            found = self._make(runner, here, words, depth)
        elif runner in {"invoke", "inv"}:
            path = here / "tasks.py"
            names = {w.replace("-", "_") for w in words if not w.startswith("-")}
            found = self._python(read(path), self._name(path), here, depth, names) if path.is_file() else []
        else:
            found = self._table(runner, here, words, depth)
        return found

    def _unknown(self, runner: str, words: list[str]) -> list[Upload]:
        """A doubt, if the words of a runner say that it publishes and no file says what it does."""
        return (
            [Upload(f"{runner} {' '.join(words)}", certain=False)]
            if PUBLISHES.search(" ".join(words))
            else []
        )

    def _tox(self, here: Path, words: list[str], depth: int) -> list[Upload]:
        sections = tox_sections(here)
        if not sections:
            return self._unknown("tox", words)
        names = options(words, "-e", "--env", "--envlist") or options(words, "-m")
        default = not names
        names = names or sections.get("", ("", 0, []))[2]
        certain = not default
        found: list[Upload] = []
        for name in names:
            if name == "ALL" or "$" in name:
                chosen, certain = [n for n in sections if n], False
            else:
                chosen = [n for n in sections if n and (n == name or (n != name and n in name.split("-")))]
            for one in chosen:
                file, line, commands = sections[one]
                for command in commands:
                    for upload in self.script(command.lstrip("- "), self._name(here), depth + 1):
                        at = upload.line if upload.file else line_of(read(here / file), command, line)
                        place = upload.file or self._name(here / file)
                        sure = upload.certain and certain
                        found.append(replace(upload, file=place, line=at, certain=sure))
        return found

    def _nox(self, here: Path, words: list[str], depth: int) -> list[Upload]:
        named = options(words, "-f", "--noxfile")
        path = here / (named[0] if named else "noxfile.py")
        if not path.is_file():
            return self._unknown("nox", words)
        text = read(path)
        names = options(words, "-s", "--session", "--sessions", "-e", "-t", many=True)
        sure = bool(names) and not any("$" in n for n in names)
        if not sure:
            names = default_sessions(text) if not names else all_sessions(text)
        found = self._python(
            text, self._name(path), here, depth, [n.partition("-")[0] for n in names] + names
        )
        return [replace(u, certain=u.certain and sure) for u in found] if names else []

    def _make(self, runner: str, here: Path, words: list[str], depth: int) -> list[Upload]:
        if folder := options(words, "-C", "--directory"):
            here /= folder[0]
        usual = (
            ("GNUmakefile", "makefile", "Makefile")
            if runner == "make"
            else ("justfile", "Justfile", ".justfile")
        )
        named = options(words, "-f", "--file", "--makefile", "--justfile")
        path = next((here / n for n in named or usual if (here / n).is_file()), None)
        if path is None or not self._inside(path):
            return self._unknown(runner, words)
        rules = make_rules(read(path))
        waiting = [w for w in words if not w.startswith("-") and "=" not in w and w in rules]
        waiting = waiting or ([] if any(not w.startswith("-") for w in words) else list(rules)[:1])
        found: list[Upload] = []
        seen: set[str] = set()
        while waiting:
            target = waiting.pop()
            if target in seen or target not in rules:
                continue
            seen.add(target)
            needed, recipe = rules[target]
            waiting += needed
            for line, command in recipe:
                for upload in self.script(command.lstrip("@-+ "), self._name(here), depth + 1):
                    found.append(  # noqa: PERF401
                        replace(
                            upload,
                            file=upload.file or self._name(path),
                            line=upload.line if upload.file else line,
                        )
                    )
        return found

    def _table(self, runner: str, here: Path, words: list[str], depth: int) -> list[Upload]:
        """Tasks in pyproject.toml: of Poe, PDM and Hatch."""
        text = read(here / "pyproject.toml")
        tools = toml(text).get("tool", {})
        plain = [w for w in words if not w.startswith("-") and w != "run"]
        if runner == "hatch":
            if "run" not in words and not any(":" in w for w in words):
                return []
            own = toml(read(here / "hatch.toml"))
            environments = {**tools.get("hatch", {}).get("envs", {}), **own.get("envs", {})}
            tasks = {
                k: v
                for e in environments.values()
                if isinstance(e, dict)
                for k, v in e.get("scripts", {}).items()
            }
            plain = [w.rpartition(":")[2] for w in plain]
        else:
            tasks = (
                tools.get("poe", {}).get("tasks", {})
                if runner == "poe"
                else tools.get("pdm", {}).get("scripts", {})
            )
        found: list[Upload] = []
        waiting, seen = plain[:1], set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in tasks:
                continue
            seen.add(name)
            for command in leaves(tasks[name]):
                waiting += [w for w in command.split() if w in tasks]
                name = next(
                    (n for n in ("hatch.toml", "pyproject.toml") if command in read(here / n)),
                    "pyproject.toml",
                )
                at = line_of(read(here / name), command, 1)
                for upload in self.script(command, self._name(here), depth + 1):
                    file, line = (upload.file, upload.line) if upload.file else (self._name(here / name), at)
                    found.append(replace(upload, file=file, line=line))
        return found

    def _folder(self, folder: Path, *, sure: bool) -> list[Upload]:
        """The uploads in the files of a folder."""
        found = []
        for path in sorted(p for p in folder.glob("*") if p.is_file() and self._inside(p))[:MANY]:
            for line, command in commands_of(read(path)[:LONG]):
                if UPLOAD_COMMAND.search(command) and not TALK.search(command) and path.suffix != ".md":
                    found.append(Upload(command[:80], certain=sure, file=self._name(path), line=line))
                    break
        return found

    def _action(self, uses: str, depth: int) -> list[Upload]:
        """The uploads of an action of the repository."""
        folder = self.root / uses
        path = next((folder / n for n in ("action.yml", "action.yaml") if (folder / n).is_file()), None)
        if depth > DEEP or not self._inside(folder):
            return []
        try:
            data = YAML(typ="rt").load(read(path)) if path else {"runs": {}}
            steps = data["runs"].get("steps") or []
        except (YAMLError, KeyError, TypeError, AttributeError, RecursionError):
            return []
        if path is None or not steps:  # of Docker or Node: whatever lies beside it may run
            return self._folder(folder, sure=bool(self.holder or SUGGESTIVE.search(uses)))
        found: list[Upload] = []
        for step in steps:
            if not isinstance(step, dict):
                continue
            inner = str(step.get("uses", ""))
            ups = self._action(inner, depth + 1) if inner.startswith("./") else self.step(step, {})
            at = int(getattr(step, "lc").line) + 1  # noqa: B009  (of ruamel.yaml, unknown to the type of a dict)
            found += [u if u.file else replace(u, file=self._name(path), line=at) for u in ups]
        sure = self.holder or bool(SUGGESTIVE.search(uses))
        return [replace(u, certain=u.certain and sure) for u in found]


# ---- Small readers ----------------------------------------------------------------------------------


def read(path: Path) -> str:
    """The text of a file, whatever its encoding; empty if it is none."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def toml(text: str) -> dict[str, Any]:
    """What a TOML text says; nothing if it cannot be read."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def spell_out(script: str, values: Mapping[str, list[str]]) -> list[str]:
    """A script as each entry of a matrix spells it."""
    texts = [script]
    for name, words in values.items():
        pattern = re.compile(r"\$\{\{\s*" + re.escape(name) + r"\s*\}\}")
        if words and pattern.search(script):
            texts = [word.join(pattern.split(text)) for text in texts for word in words]
    return texts


def options(words: list[str], *names: str, many: bool = False) -> list[str]:
    """The values of an option, those that commas divide too."""
    found: list[str] = []
    for number, word in enumerate(words):
        for name in names:
            if word == name:
                rest = words[number + 1 :]
                stop = next((n for n, w in enumerate(rest) if w.startswith("-")), len(rest))
                found += rest[:stop] if many else rest[:1]
            elif name.startswith("--") and word.startswith(f"{name}="):
                found.append(word.partition("=")[2])
            elif len(name) == 2 and word.startswith(name) and len(word) > 2 and not word.startswith("--"):  # noqa: PLR2004
                found.append(word[2:].lstrip("="))
    return [one for value in found for one in value.split(",") if one]


def line_of(text: str, command: str, otherwise: int) -> int:
    """The line that has a command, or its last words."""
    tail = command.splitlines()[-1].strip() if command.strip() else ""
    for wanted in (tail, *(w for w in ("upload", "publish") if w in tail)):
        for number, line in enumerate(text.splitlines(), 1):
            if wanted and number >= otherwise and wanted in line:
                return number
    return otherwise


def strings(nodes: Iterable[ast.expr]) -> Iterator[str]:
    """The texts in some arguments, those of lists too, in order."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.List | ast.Tuple):
            yield from strings(node.elts)
        elif isinstance(node, ast.Starred):
            yield from strings([node.value])
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
        elif isinstance(node, ast.BinOp):
            yield from strings([node.left, node.right])
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable":
            yield "python"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # "...".format(...)
            yield from strings([node.func.value])


def leaves(value: object) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)


def session_names(function: ast.FunctionDef) -> set[str]:
    """The names of a function that a runner knows it by."""
    found = {function.name, function.name.replace("_", "-")}
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            found |= {str(k.value.value) for k in decorator.keywords if isinstance(k.value, ast.Constant)}
            found |= {t for k in decorator.keywords if k.arg == "tags" for t in strings([k.value])}
    return found


def all_sessions(text: str) -> list[str]:
    """Every session of a noxfile."""
    try:
        nodes = ast.walk(ast.parse(text))
    except UNPARSABLE:
        return []
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef)]
    return [f.name for f in functions if any("session" in ast.unparse(d) for d in f.decorator_list)]


def default_sessions(text: str) -> list[str]:
    """The sessions that nox runs when none is named."""
    listed = re.search(r"nox\.options\.sessions\s*=\s*([\[(][^\])]*[\])])", text)
    if listed:
        return re.findall(r"[\"']([^\"']+)[\"']", listed[1])
    try:
        tree = ast.parse(text)
    except UNPARSABLE:
        return []
    off = {
        n.name
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef) and "default=False" in "".join(map(ast.unparse, n.decorator_list))
    }
    return [name for name in all_sessions(text) if name not in off]


def make_rules(text: str) -> dict[str, tuple[list[str], list[tuple[int, str]]]]:
    """What each target of a Makefile or a justfile needs and runs, with lines."""
    rules: dict[str, tuple[list[str], list[tuple[int, str]]]] = {}
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"([\w.@][\w./ @*%=\"'+-]*?)\s*::?(?!=)\s*([^#]*)", line)
        if line[:1] in {"\t", " "} and line.strip():
            for name in current:
                rules[name][1].append((number, line.strip()))
        elif head and not line.startswith("."):
            names = head[1].lstrip("@").split()
            current = names
            body, _, inline = head[2].partition(";")
            for name in current:
                known = rules.setdefault(name, ([], []))
                known[0].extend(body.split())
                if inline:
                    known[1].append((number, inline.strip()))
        elif line.strip() and not line.startswith("#"):
            current = []
    return rules


def tox_sections(here: Path) -> dict[str, tuple[str, int, list[str]]]:
    """The environments of tox: file, line and commands; under an empty name those that run by default."""
    return _tox_sections(*(read(here / name) for name in TOX_FILES))


@functools.lru_cache(maxsize=8)  # the same files are asked for by each command of each entry of a matrix
def _tox_sections(pyproject: str, own: str, ini: str, cfg: str) -> dict[str, tuple[str, int, list[str]]]:
    found: dict[str, tuple[str, int, list[str]]] = {}
    table = toml(own) or toml(pyproject).get("tool", {}).get("tox", {})
    file, text_of = (
        "tox.toml" if own else "pyproject.toml",
        dict(zip(TOX_FILES, (pyproject, own, ini, cfg), strict=True)),
    )
    if isinstance(table, dict) and table:
        text = text_of[file]
        found[""] = (file, 0, [e for e in table.get("env_list", []) if isinstance(e, str)])
        for name, one in table.get("env", {}).items():
            lines = (
                [c for key, c in one.items() if key.startswith("commands")] if isinstance(one, dict) else []
            )
            commands = [" ".join(leaves(c)) for group in lines if isinstance(group, list) for c in group]
            found[name] = (file, line_of(text, f"env.{name}", 1), commands)
        legacy = str(table.get("legacy_tox_ini", ""))
    else:
        legacy = ""
    for name, text in (
        ("tox.ini", ini),
        ("setup.cfg", cfg),
        (file, legacy),
    ):
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for section in parser.sections():
            inside = parser[section]
            if section in {"tox", "tox:tox"}:
                listed = inside.get("envlist") or inside.get("env_list") or ""
                found[""] = (name, 0, expand(re.sub(r"\s+", ",", listed.strip())))
            elif section.startswith("testenv"):
                joined = "\n".join(v or "" for k, v in inside.items() if k.startswith("commands"))
                commands = [c for _, c in commands_of(joined)]
                at = line_of(text_of[name], f"[{section}]", 1)
                for one in expand(section.partition(":")[2]) or ["testenv"]:
                    found[one] = (name, at, [re.sub(r"^[\w{},!-]+:\s+", "", c) for c in commands])
    return found


def expand(names: str) -> list[str]:
    """Names as braces and commas stand for them: ``{a,b}-c`` is ``a-c`` and ``b-c``."""
    parts = re.split(r",(?![^{]*\})", names)
    found: list[str] = []
    for part in parts:
        match = re.search(r"\{([^{}]*)\}", part)
        if match:
            found += [
                e
                for one in match[1].split(",")
                for e in expand(part[: match.start()] + one + part[match.end() :])
            ]
        elif part.strip():
            found.append(part.strip())
    return found
