"""Render the template in this process, and make git histories of what was rendered."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import unittest.mock
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml
from copier import run_copy
from copier._main import Worker
from copier._user_data import CAST_STR_TO_NATIVE, parse_yaml_string
from jinja2 import Template, nodes
from jinja2.runtime import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

ROOT = Path(__file__).resolve().parents[2]
# What renders a package, and what builds the tool.
PARTS = ("copier.yml", "extensions", "template", "pyproject.toml", "README.md", "LICENSE")
BASE = {"project_name": "demo-pkg"}  # the one answer that would come from the name of the folder
ALL_ANSWERS = "_copier_answers"  # what templates call the mapping of them


def copy_template(destination: Path) -> Path:
    """Copy what Copier and the build of the tool read into a plain folder, uncommitted changes too.

    A plain folder renders faster than a git checkout, which Copier clones for every copy.
    """
    destination.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
            shutil.copytree(source, destination / name, ignore=ignored)
        else:
            shutil.copy2(source, destination / name)
    return destination


def render(template: Path, destination: Path, answers: dict[str, Any] | None = None) -> Path:
    """Render the template with some answers, the rest by default, and return the folder.

    Args:
        template: Folder or repository of the template.
        destination: Folder to render into.
        answers: Answers by question; the others take their defaults.
    """
    run_copy(str(template), destination, data={**BASE, **(answers or {})}, defaults=True, quiet=True)
    return destination


def choices_of(template: Path) -> dict[str, list[Any]]:
    """The values of every question that has a closed list of them, in the order of copier.yml.

    These are the questions with `choices` and the ones answered by yes or no; internal ones are never asked.
    """
    found = {}
    for name, question in questions_of(template).items():
        if question.get("ask") is False:
            continue
        choices = question.get("choices")
        if isinstance(choices, dict):
            found[name] = list(choices.values())
        elif choices:
            found[name] = list(choices)
        elif question.get("type") == "bool":
            found[name] = [False, True]
    return found


def questions_of(template: Path) -> dict[str, dict[str, Any]]:
    """The questions of copier.yml, without Copier's own settings."""
    config = yaml.safe_load((template / "copier.yml").read_text(encoding="utf-8"))
    return {name: question for name, question in config.items() if not name.startswith("_")}


def product_of(choices: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Every combination of some choices."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


class RecordedWorker(Worker):
    """Copier's worker, which also tells from which template each rendered file was made.

    It makes what all files of one copy share, the context and the path of the answers file, only once.
    """

    sources: dict[str, str]
    _shared_context: Any = None
    _answers_path: Path | None = None

    def _render_template(self) -> None:
        self._share()
        super()._render_template()

    def _share(self) -> None:
        self._answers_path = super().answers_relpath  # this one changes the context that it is given
        self._shared_context = super()._render_context()

    def _render_context(self) -> Any:  # noqa: ANN401  (Copier's own alias of a mapping)
        return super()._render_context() if self._shared_context is None else self._shared_context

    @property
    def answers_relpath(self) -> Path:
        """Path of the answers file in the copy."""
        return super().answers_relpath if self._answers_path is None else self._answers_path

    def _render_file(
        self, src_relpath: Path, dst_relpath: Path, extra_context: dict[str, Any] | None = None
    ) -> None:
        self.sources[dst_relpath.as_posix()] = src_relpath.as_posix()
        super()._render_file(src_relpath, dst_relpath, extra_context)

    def _sync_git_index_executable_bit(self, dst_relpath: Path, src_mode: int) -> None:
        """Nothing: this starts git for every file, and what is rendered into here is no repository."""


class CollectingWorker(RecordedWorker):
    """The same worker, which keeps the rendered files instead of writing them.

    Which files there are, and where, follows from the rendered names and exclusions: Copier works it out once
    for all copies in which these are equal.
    """

    contents: dict[str, bytes]
    names: list[str]
    layouts: dict[tuple[str, ...], list[tuple[str, str]]]
    _layout: list[tuple[str, str]]

    def _render_template(self) -> None:
        self._share()
        operation = {"_copier_operation": "copy"}
        texts = (*self.names, *self.all_exclusions)
        key = tuple(self._render_string(text, extra_context=operation) for text in texts)
        if key in self.layouts:
            for source, destination in self.layouts[key]:
                self._collect(source, destination)
        else:
            self._layout = []
            super()._render_template()
            self.layouts[key] = self._layout

    def _render_folder(self, dst_relpath: Path) -> None:
        """Nothing: git does not keep empty folders either."""

    def _render_file(
        self, src_relpath: Path, dst_relpath: Path, extra_context: dict[str, Any] | None = None
    ) -> None:
        assert not extra_context, "no name in the template is one of several"
        self._layout.append((src_relpath.as_posix(), dst_relpath.as_posix()))
        self._collect(*self._layout[-1])

    def _collect(self, source: str, destination: str) -> None:
        self.sources[destination] = source
        if source.endswith(self.template.templates_suffix):
            content = self.jinja_env.get_template(source).render(**self._render_context()).encode()
        else:
            content = (self.template.local_abspath / source).read_bytes()
        self.contents[destination] = content


@dataclasses.dataclass
class Lookups:
    """Which names templates looked up while they were rendered.

    Attributes:
        questions: The questions of copier.yml.
        names: Looked-up names by path of the template; for a template in a string, by that string.
        sources: Path of the template, by path of the rendered file.
        answers: What a template takes from the mapping of all answers, by path: single answers, or all of it.
        current: Names in the order in which the template that is being rendered looks them up.
    """

    questions: dict[str, dict[str, Any]]
    names: defaultdict[str, set[str]] = dataclasses.field(default_factory=lambda: defaultdict(set))
    sources: dict[str, str] = dataclasses.field(default_factory=dict)
    answers: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    current: dict[str, None] = dataclasses.field(default_factory=dict)

    def read_by(self, path: str) -> set[str]:
        """Questions that a rendered path depends on, as far as was recorded.

        These are the names that its template, the parts of its path, and anything included looked up, and
        those that the defaults and conditions of these questions looked up in turn.
        """
        return self.read_from(self.sources[path])

    def read_from(self, template: str, texts: Iterable[str] = ()) -> set[str]:
        """Questions that what is rendered from a template depends on; see `read_by`.

        Args:
            template: Its path.
            texts: Templates in a string that decide about it, too.
        """
        source = PurePosixPath(template)
        parts = (source.with_suffix("") if source.suffix == ".jinja" else source).parts[1:]
        included = {name for name in self.names if name.startswith("extensions/")}
        own = self.names[template]
        if ALL_ANSWERS in own and template in self.answers:
            own = own - {ALL_ANSWERS} | self.answers[template]
        waiting = own.union(*(self.names[name] for name in {*parts, *included, *texts}))
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name == ALL_ANSWERS:
                waiting |= self.questions.keys() - found
            elif name in self.questions and name not in found:
                found.add(name)
                for text in (self.questions[name].get("default"), self.questions[name].get("when")):
                    waiting |= self.names.get(text, set()) if isinstance(text, str) else set()
        return found


def _names_with_blanks(folder: Path, suffix: str) -> list[str]:
    """Names of files and folders of a template that answers fill in, as Copier renders them."""
    found = set()
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        found |= set((relative.with_suffix("") if relative.name.endswith(suffix) else relative).parts)
    return sorted(name for name in found if "{" in name)


def _taken_from_answers(tree: nodes.Template) -> set[str]:
    """What a template takes from the mapping of all answers: the items that it names, or all of it."""
    items = {id(i.node): i.arg.value for i in tree.find_all(nodes.Getitem) if isinstance(i.arg, nodes.Const)}
    uses = (name for name in tree.find_all(nodes.Name) if name.name == ALL_ANSWERS)
    return {items.get(id(use), ALL_ANSWERS) for use in uses}


def _templates_of(folder: Path, root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in folder.rglob("*") if not p.is_dir())


@functools.cache
def _parsed(text: str) -> Any:  # noqa: ANN401  (as in YAML)
    return parse_yaml_string(text)


def _parse_once(text: str) -> Any:  # noqa: ANN401  (as in YAML)
    """Read the YAML of a default once: most are the same for every copy."""
    return copy.deepcopy(_parsed(text))


@dataclasses.dataclass(frozen=True)
class Part:
    """What all combinations have of one template.

    Attributes:
        names: The choices that it depends on.
        files: The rendered file, if any, by path; by the values of these choices.
    """

    names: tuple[str, ...]
    files: dict[tuple[Any, ...], dict[str, bytes]]


class Renderer:
    """Renders one template many times, some ten times faster than `render` does, to the same bytes.

    Copier's own worker does it. Only what is the same for every copy is done once: copier.yml is read
    once, each template is compiled once. While it renders it records what templates look up; `files` renders
    a template once for all that it has looked up.

    Args:
        template: Folder of the template.
    """

    def __init__(self, template: Path) -> None:
        self.choices = choices_of(template)
        self.lookups = Lookups(questions_of(template))
        self._rendered: dict[str, dict[str, bytes]] = {}
        self._source = str(template)
        self._root = template
        worker = RecordedWorker(src_path=self._source)
        self._template = worker.template
        self._names = _names_with_blanks(worker.template_copy_root, worker.template.templates_suffix)
        self._layouts: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._exclusions = worker.all_exclusions
        self._matcher = worker._path_matcher  # noqa: SLF001  (how Copier reads exclusions)
        self._environment = worker.jinja_env
        self._environment.auto_reload = False
        self._templates = _templates_of(worker.template_copy_root, template)
        for name in self._templates:
            if name.endswith(worker.template.templates_suffix):
                text = (template / name).read_text(encoding="utf-8")
                self.lookups.answers[name] = _taken_from_answers(self._environment.parse(text))
        self._environment.context_class = recording_context(self.lookups)
        self._environment.template_class = remembering_template(self.lookups)
        self._environment.from_string = remembered(self._environment.from_string)  # type: ignore[assignment,method-assign]

    def render(self, destination: Path, answers: Mapping[str, Any] | None = None) -> Path:
        """Render with some answers, the rest by default, into a new folder, and return it."""
        for path, content in self.files(answers).items():
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod((self._root / self.lookups.sources[path]).stat().st_mode)
        return destination

    def files(self, answers: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """The rendered files, by path."""
        data = {**BASE, **(answers or {})}
        with (
            unittest.mock.patch.dict(CAST_STR_TO_NATIVE, yaml=_parse_once),
            tempfile.TemporaryDirectory() as folder,
            CollectingWorker(
                src_path=self._source,
                dst_path=Path(folder) / BASE["project_name"],
                data=data,
                defaults=True,
                quiet=True,
            ) as worker,
        ):
            worker.template = self._template
            worker.jinja_env = self._environment
            worker.sources = self.lookups.sources
            worker.names, worker.layouts = self._names, self._layouts
            worker.contents = {}
            worker.run_copy()
            return worker.contents

    def variants(self, path: str) -> list[tuple[dict[str, Any], dict[str, bytes]]]:
        """Answers and files that show every content that a rendered path can have.

        One for every combination of the choices that the path depends on; the other questions are at their
        defaults. A path that is not rendered by default has no variants here.
        """
        needed: set[str] = set()
        while True:
            projections = product_of({name: v for name, v in self.choices.items() if name in needed})
            variants = [(answers, self._remembered_files(answers)) for answers in projections]
            found = self.lookups.read_by(path) & self.choices.keys()
            if found <= needed:
                return variants
            needed |= found

    def parts(self) -> list[Part]:
        """What every combination of the choices is made of, without the answers file, which has them all.

        A template, the names in its path and the exclusions that meet it are rendered for every combination
        of those choices that they look up, while the others have their first value. Then they may have looked
        up more, so this is repeated until they have not.
        """
        for text in (*self._names, *self._exclusions):
            self._settled("", text)  # from here on, all that an exclusion can say is known
        templates = (t for t in self._templates if ALL_ANSWERS not in self.lookups.answers.get(t, ()))
        return [self._settled(template) for template in templates]

    def _settled(self, template: str, text: str = "") -> Part:
        names: list[str] = []
        while True:
            found = {}
            for chosen in product_of({name: self.choices[name] for name in names}):
                first = {name: values[0] for name, values in self.choices.items()}
                files = self._remembered_files({**first, **chosen})
                found[tuple(chosen.values())] = {
                    path: content for path, content in files.items() if self.lookups.sources[path] == template
                }
            texts = [text] if text else self._exclusions_of(found.values())
            more = (self.lookups.read_from(template, texts) & self.choices.keys()) - set(names)
            if not more:
                return Part(tuple(names), found)
            names = [name for name in self.choices if name in more or name in names]

    def _exclusions_of(self, rendered: Collection[Mapping[str, bytes]]) -> list[str]:
        """Exclusions that not every copy has and that meet what a template is rendered to.

        These are all of them, where it is not always rendered and its path not known.
        """
        paths: set[str] = set().union(*rendered)
        found = []
        for number, text in enumerate(self._exclusions, len(self._names)):
            said = {key[number] for key in self._layouts}
            meets = any(self._matcher([s.removeprefix("!")])(Path(p)) for s in said for p in paths)
            if len(said) > 1 and (meets or not all(rendered)):
                found.append(text)
        return found

    def _remembered_files(self, answers: dict[str, Any]) -> dict[str, bytes]:
        key = repr(sorted(answers.items()))
        if key not in self._rendered:
            self._rendered[key] = self.files(answers)
        return self._rendered[key]


def recording_context(lookups: Lookups) -> type[Context]:
    """A context for Jinja that records every name a template asks for."""

    class RecordingContext(Context):
        def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401  (as in Jinja)
            lookups.names[self.name or ""].add(key)
            lookups.current[key] = None
            return super().resolve_or_missing(key)

    return RecordingContext


@dataclasses.dataclass
class Known:
    """What is known of a template that has looked up some names: the next name, or the result."""

    name: str = ""
    after: dict[str, Known] = dataclasses.field(default_factory=dict)
    result: str | None = None


def remembering_template(lookups: Lookups) -> type[Template]:
    """A template that is rendered once for all values that it looks up.

    What a template renders, and the name that it looks up next, follow from the values that it has looked up
    before. All copies go into a new folder of the same name.
    """

    class RememberingTemplate(Template):
        known: Known

        def render(self, *args: Any, **context: Any) -> str:  # noqa: ANN401  (as in Jinja)
            if args:
                context = dict(*args, **context)
            place = self.__dict__.setdefault("known", Known())
            while place.name:
                place = place.after.setdefault(fingerprint(place.name, context), Known())
            if place.result is None:
                outer, lookups.current = lookups.current, {}  # Copier renders while it gives a value
                result = super().render(**context)
                names, lookups.current = lookups.current, outer
                place = self.known
                for name in names:
                    if (
                        place.name != name
                    ):  # as the first time, when a template that is imported looked up its own
                        place.name, place.after = name, {}
                    place = place.after.setdefault(fingerprint(name, context), Known())
                place.result = result
            return place.result

    return RememberingTemplate


def fingerprint(name: str, context: Mapping[str, Any]) -> str:
    """A text that is the same for equal values of a name; none for what the environment defines."""
    if name not in context:
        return ""
    value = context[name]
    if name == "_copier_conf":  # of the rest, templates use what is the same for every copy
        return repr([str(value[key]) for key in ("src_path", "vcs_ref_hash", "answers_file")])
    return repr(value)


def remembered(compile_string: Callable[[str], Template]) -> Callable[[str], Template]:
    """Compile each string once, and give the template its source as the name that lookups are recorded by."""

    @functools.cache
    def from_string(source: str) -> Template:
        compiled = compile_string(source)
        compiled.name = source
        return compiled

    return from_string


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it printed, without the last newline."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ.copy())
    return done.stdout.rstrip("\n")


def commit_all(folder: Path, message: str = "feat: first", *, tag: str | None = None) -> str:
    """Commit everything in a folder (a new repository if it is none yet) and return the commit's id."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--template=", "--initial-branch", "main")  # without sample hooks
    git(folder, "add", "--all")
    git(folder, "-c", "maintenance.auto=false", "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")
