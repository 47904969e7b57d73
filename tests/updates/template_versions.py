"""Versions of the template, packages rendered from them, and plain Copier between the two."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import yaml
from copier._main import Worker
from copier._template import Template
from support.rendering import BASE, PARTS, ROOT, RecordedWorker, commit_all, copy_template, git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Files = dict[str, bytes]
FIRST = "v1.0.0"
ANSWERS = ".copier-answers.yml"
SOURCES = {ANSWERS: b"_src_path: ", ".github/release/settings.toml": b"url = "}  # where the template is
MARKERS = re.compile(rb"^(?:<{7} before updating|>{7} after updating)$", re.MULTILINE)
# Given once; an update neither changes nor brings them back ("Who owns what" in docs/updating.md).
GIVEN = frozenset(
    {
        ".gitignore",
        ".pre-commit-config.yaml",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
        "demo_pkg/__init__.py",
        "src/demo_pkg/__init__.py",
        "tests/test_version.py",
    }
)


class QuickWorker(RecordedWorker):
    """Copier's worker, with the savings of `RecordedWorker`, and one clone of each version for all updates.

    The update itself, with all that it asks of git, is Copier's.
    """

    @functools.cached_property
    def template(self) -> Template:
        """The version of the template, as all workers share it."""
        known = self.subproject.template
        return shared_template(self.src_path or (known.url if known else ""), self.resolved_vcs_ref)

    @functools.cached_property
    def jinja_env(self) -> Any:  # noqa: ANN401  (a detail of Copier)
        """Copier's environment for the version, which remembers what it has compiled."""
        place = self.template.local_abspath
        if place not in ENVIRONMENTS:
            environment: Any = Worker.jinja_env.func(self)  # type: ignore[attr-defined]
            environment.auto_reload = False
            environment.from_string = functools.cache(environment.from_string)
            ENVIRONMENTS[place] = environment
        return ENVIRONMENTS[place]


QuickWorker.sources = {}  # what `RecordedWorker` records
ENVIRONMENTS: dict[Path, Any] = {}
TEMPLATES: list[Template] = []


@functools.cache
def shared_template(url: str, ref: str | None) -> Template:
    """One version of a template, whose clone stays until `TemplateVersions.close`."""
    template = Template(url=url, ref=ref)
    TEMPLATES.append(template)
    return template


class TemplateVersions:
    """A repository of the template with a tag for each version, and Copier at work on it.

    Its first version is this template; the others are made from that one, or from this repository's history.

    Args:
        folder: To work in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = copy_template(folder / "template")
        commit_all(self.template, tag=FIRST)
        self.tags: dict[str, str] = {}
        self._fresh: dict[tuple[str, str], Files] = {}

    def version(self, name: str, change: Callable[[Path], None]) -> str:
        """The tag of a later version, which a change makes from the first one."""
        if name not in self.tags:
            git(self.template, "checkout", "--quiet", FIRST)
            change(self.template)
            self.tags[name] = f"v1.{len(self.tags) + 1}.0"
            commit_all(self.template, f"feat: {name}", tag=self.tags[name])
        return self.tags[name]

    def earlier(self, commit: str) -> str:
        """The tag, below the first version's, of the template as a commit of this repository has it."""
        if commit not in self.tags:
            git(self.template, "checkout", "--quiet", FIRST)
            for entry in self.template.iterdir():
                if entry.name != ".git":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            export(commit, self.template)
            self.tags[commit] = f"v0.{len(self.tags) + 1}.0"
            commit_all(self.template, f"feat: {commit}", tag=self.tags[commit])
        return self.tags[commit]

    def same_again(self) -> str:
        """The tag, below the first version's, of the same template."""
        if "same" not in self.tags:
            git(self.template, "checkout", "--quiet", FIRST)
            self.tags["same"] = "v0.1.0"
            commit_all(self.template, "feat: the same", tag=self.tags["same"])
        return self.tags["same"]

    def excluded(self, version: str) -> frozenset[str]:
        """The paths that a version names to be left out, always or by an update."""
        patterns = " ".join(shared_template(str(self.template), version).exclude)
        return frozenset(re.findall(r"[ }]/([\w./-]+)", f" {patterns}"))

    def fresh(self, version: str, answers: Mapping[str, Any]) -> Files:
        """The files of a new package; each is rendered once."""
        key = version, json.dumps(answers, sort_keys=True)
        if key not in self._fresh:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                self._fresh[key] = files(self.copy(version, Path(folder) / "demo-pkg", answers))
        return self._fresh[key]

    def copy(self, version: str, folder: Path, answers: Mapping[str, Any] | None = None) -> Path:
        """A package as somebody who starts with a version gets it."""
        data = {**BASE, **(answers or {})}
        with QuickWorker(
            src_path=str(self.template),
            dst_path=folder,
            vcs_ref=version,
            data=data,
            defaults=True,
            overwrite=True,
            quiet=True,
        ) as worker:
            worker.run_copy()
        return folder

    def update(self, package: Path, version: str) -> None:
        """``copier update --defaults --vcs-ref VERSION``, in this process."""
        with (
            mock.patch("copier._subproject.Template", shared_template),
            QuickWorker(
                dst_path=package, vcs_ref=version, defaults=True, overwrite=True, quiet=True
            ) as worker,
        ):
            worker.run_update()

    def close(self) -> None:
        """Remove the clones."""
        for template in TEMPLATES:
            template._cleanup()  # noqa: SLF001


def export(commit: str, folder: Path) -> None:
    """Put the template of a commit of this repository into a folder."""
    names = git(ROOT, "ls-tree", "--name-only", commit, *PARTS).split()
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, *names], check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")


def files(package: Path) -> Files:
    """The files of a package by path, without git's own."""
    found: Files = {}
    for parent, folders, names in os.walk(package):
        if ".git" in folders:
            folders.remove(".git")
        for name in names:
            path = Path(parent, name)
            found[path.relative_to(package).as_posix()] = path.read_bytes()
    return found


def stored_answers(package: Path) -> dict[str, Any]:
    """What Copier has stored, without where the template is."""
    stored = yaml.safe_load((package / ANSWERS).read_text(encoding="utf-8"))
    return {name: answer for name, answer in stored.items() if not name.startswith("_")}


def merged(mine: bytes, base: bytes, theirs: bytes, folder: Path) -> bytes | None:
    """Both changes to a file, merged by git line by line; None if that is not possible.

    Copier merges by patches, which can land in a wrong place. This is what it must come to.
    """
    for name, content in (("mine", mine), ("base", base), ("theirs", theirs)):
        (folder / name).write_bytes(content)
    command = ["git", "merge-file", "--stdout", "mine", "base", "theirs"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True)
    return None if done.returncode else done.stdout


def expected(mine: Files, base: Files, fresh: Files, given: frozenset[str], folder: Path) -> Files:
    """What a package must be after an update.

    What people have edited, added or deleted stays so; what the template has changed or added is there; what
    the template has given, or gives no longer, stays as it is.

    Args:
        mine: The package before.
        base: The same, as it was rendered.
        fresh: The same, as the new version renders it with the same answers.
        given: Paths that people own alone.
        folder: To work in.
    """
    base, fresh = spelled_as(base, mine), spelled_as(fresh, mine)
    wanted = dict(mine)
    for path, content in fresh.items():
        if path == ANSWERS:
            wanted[path] = content
        elif path in given or (path in base and path not in mine):
            continue
        elif mine.get(path) == base.get(path):
            wanted[path] = content
        elif content != base.get(path):
            result = merged(mine[path], base.get(path, b""), content, folder)
            assert result is not None, (
                f"{path}: both sides change the same lines, or lines without one between"
            )
            wanted[path] = result
    return wanted


def spelled_as(rendered: Files, mine: Files) -> Files:
    """Rendered files that say where the template is as some other files do; adoption spells it otherwise."""
    spelled = dict(rendered)
    for path, start in SOURCES.items():
        if path in rendered and path in mine:
            line = re.compile(rb"(?m)^" + start + rb".*$")
            here = line.search(mine[path])
            assert here
            spelled[path] = line.sub(here[0].replace(b"\\", rb"\\"), rendered[path])
    return spelled


def conflicts(package: Path) -> list[str]:
    """Paths with conflict markers, with rejected hunks, or unmerged in git's index."""
    marked = [p for p, content in files(package).items() if MARKERS.search(content) or p.endswith(".rej")]
    return [*marked, *git(package, "diff", "--name-only", "--diff-filter=U").splitlines()]
