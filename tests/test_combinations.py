"""Every combination of the choices gives a package that parses, lints, builds, installs and imports.

Nothing is sampled: all of them are inspected. What is equal is rendered and checked once. Answers in free
text are crossed with the choices, every value of each question with every value of each other. Builds of a
compiled package, which would be as many again, meet every value of each other question.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import itertools
import json
import math
import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from release_lib.settings import load_settings
from support.building import Built, build, build_and_import
from support.combinations import (
    ANSWERS,
    IMPORT_NAME,
    VERSION,
    Combination,
    Everything,
    crossed,
    inspect,
    make_everything,
    other_tables,
    parse,
    without_other_tables,
    write,
)
from support.documents import dead_links
from support.linting import actionlint, lint, program, schema, zizmor
from support.rendering import ALL_ANSWERS, BASE, ROOT, Renderer, choices_of, commit_all, git

if TYPE_CHECKING:
    from pathlib import Path

CHOICES = choices_of(ROOT)
PROJECT = BASE["project_name"]
CROSSED = crossed(CHOICES)
SCHEMAS = {
    ".github/workflows/ci.yml": "vendor.github-workflows",
    ".github/workflows/release.yml": "vendor.github-workflows",
    ".github/workflows/release-watch.yml": "vendor.github-workflows",
    ".github/dependabot.yml": "vendor.dependabot",
    "renovate.json": "vendor.renovate",
}
AUDITED = (*(path for path in SCHEMAS if path.startswith(".github/")), ".pre-commit-config.yaml")
LONG_NAMES = {"project_name": "a-" + 15 * "lng-" + "na", "import_name": "a_" + 15 * "lng_" + "na"}


@pytest.fixture(scope="module")
def everything(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """All combinations, rendered and built."""
    return make_everything(template, tmp_path_factory.mktemp("contents"))


@pytest.fixture(scope="module")
def renderer(template: Path) -> Renderer:
    """What renders a few more."""
    return Renderer(template)


# ---- The fast way to render is a true one -------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"layout": "flat", "license": "MPL-2.0", "lowest_python": "3.13", "type_checker": "none"},
        {
            "command_line": True,
            "release_notes": "towncrier",
            "update_bot": "renovate",
            "release_issues": False,
        },
        {
            "type_checker": "pyright",
            "release_notes": "git-cliff",
            "tag_prefix": "pkg@",
            "release_branches": "",
        },
    ],
    ids=lambda answers: " ".join(map(str, answers.values())) or "defaults",
)
@pytest.mark.requirement("B6")
def test_rendering_in_process_gives_the_bytes_of_the_command_line(
    template: Path, renderer: Renderer, tmp_path: Path, answers: dict[str, Any]
) -> None:
    """Also after other answers, when much of it is remembered."""
    plain, fast = tmp_path / "plain" / PROJECT, tmp_path / "fast" / PROJECT
    data = [f"--data={name}={value}" for name, value in {**BASE, **answers}.items()]
    command = [program("copier"), "copy", "--quiet", "--defaults", *data, str(template), str(plain)]
    subprocess.run(command, check=True, capture_output=True)
    for others in CROSSED[:8]:
        renderer.files(others)
    renderer.render(fast, answers)
    assert tree(fast) == tree(plain)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file below a folder, by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): (p.stat().st_mode, p.read_bytes()) for p in files}


# ---- All combinations ---------------------------------------------------------------------------------


@pytest.mark.requirement("B6")
def test_every_combination_is_rendered(everything: Everything, capsys: pytest.CaptureFixture[str]) -> None:
    expected = math.prod(len(values) for values in CHOICES.values())
    rendered = {tuple(c.answers[name] for name in CHOICES) for c in everything.combinations}
    assert len(rendered) == len(everything.combinations) == expected
    distinct = sum(len(everything.distinct(path)) for path in everything.paths)
    with capsys.disabled():
        print(
            f"\n{expected} combinations ({' x '.join(str(len(v)) for v in CHOICES.values())}): "
            f"{distinct} distinct files, {len(everything.builds)} distinct builds, "
            f"{everything.seconds:.0f} s, {expected / everything.seconds:.0f} combinations a second"
        )


@pytest.mark.requirement("B6")
def test_every_rendered_file_parses_and_is_tidy(everything: Everything) -> None:
    assert everything.problems == {}


def test_a_combination_is_rendered_to_what_it_was_assembled_of(everything: Everything) -> None:
    """A file is a function of the questions that its template looks up; tests/bench compares all of them."""
    met = {pair for c in everything.whole for pair in itertools.combinations(c.answers.items(), 2)}
    for one, other in itertools.combinations(CHOICES, 2):
        assert met >= {((one, a), (other, b)) for a in CHOICES[one] for b in CHOICES[other]}
    assembled = {tuple(c.answers.items()): c.files for c in everything.combinations}
    for whole in everything.whole:
        files = {path: digest for path, digest in whole.files.items() if path != ANSWERS}
        assert files == assembled[tuple(whole.answers.items())], whole.answers


def test_the_answers_file_has_the_answers(everything: Everything) -> None:
    """And nothing else of them: its template looks up the whole mapping, and no single answer."""
    for whole in everything.whole:
        stored = parse(ANSWERS, everything.content(whole.files[ANSWERS]).decode())
        assert stored.items() >= whole.answers.items()


@pytest.mark.requirement("B6")
def test_the_template_of_the_answers_file_looks_up_answers_as_a_whole(renderer: Renderer) -> None:
    """So it is not rendered for each combination; two answers say which pins an adopted package stores."""
    renderer.files()
    looked_up = renderer.lookups.names[renderer.lookups.sources[ANSWERS]]
    assert looked_up - {"pins", "namespace"} == {ALL_ANSWERS, "adopted", "release_notes"}
    assert renderer.lookups.names.keys() >= {"template/pyproject.toml.jinja"}  # the recording works


def test_every_link_in_every_document_resolves(everything: Everything) -> None:
    seen = set()
    for combination in everything.combinations:
        documents = tuple((p, digest) for p, digest in combination.files.items() if p.endswith(".md"))
        key = (documents, frozenset(combination.files))
        if key not in seen:
            seen.add(key)
            texts = {path: everything.content(digest).decode() for path, digest in documents}
            assert dead_links(texts, {*combination.files, ANSWERS}) == [], combination.answers


# ---- Linters ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linted(
    everything: Everything, renderer: Renderer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Path]]:
    """Every distinct content of the files that linters know, in a folder of its own each, by path."""
    folder = tmp_path_factory.mktemp("linted")
    number = itertools.count()
    crossed_files = [renderer.files(answers) for answers in CROSSED]
    contents: dict[str, set[bytes]] = {path: set() for path in (*SCHEMAS, *AUDITED)}
    for path, found in contents.items():
        found |= {everything.content(digest) for digest in everything.distinct(path)}
        found |= {files[path] for files in crossed_files if path in files}
    laid_out: dict[str, list[Path]] = {path: [] for path in contents}
    for path, found in contents.items():
        for content in sorted(found):
            root = folder / str(next(number))
            write(root, {path: content})
            laid_out[path].append(root / path)
    return laid_out


@pytest.mark.requirement("X12")
def test_actionlint_finds_nothing(linted: dict[str, list[Path]]) -> None:
    actionlint(file for path, files in linted.items() if "/workflows/" in path for file in files)


@pytest.mark.requirement("X12")
def test_zizmor_finds_nothing(linted: dict[str, list[Path]]) -> None:
    zizmor(file for path in AUDITED for file in linted[path])


@pytest.mark.requirement("X12")
@pytest.mark.parametrize("path", SCHEMAS)
def test_files_of_the_host_follow_their_schema(linted: dict[str, list[Path]], path: str) -> None:
    assert linted[path]
    schema(SCHEMAS[path], linted[path])


@pytest.fixture(scope="module", params=[{}, LONG_NAMES], ids=["short names", "names of 64 characters"])
def python_files(
    request: pytest.FixtureRequest,
    everything: Everything,
    renderer: Renderer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with every distinct set of Python files and settings, each in one of its own."""
    representatives: dict[object, Combination] = {}
    for combination in everything.combinations:
        modules = frozenset(item for item in combination.files.items() if item[0].endswith(".py"))
        settings = linters_of(everything.content(combination.files["pyproject.toml"]))
        representatives.setdefault((modules, settings), combination)
    folder = tmp_path_factory.mktemp("python")
    for number, combination in enumerate(representatives.values()):
        files = renderer.files({**combination.answers, **request.param})
        write(folder / str(number), {p: c for p, c in files.items() if p.endswith((".py", "pyproject.toml"))})
    return folder


@functools.cache
def linters_of(content: bytes) -> str:
    """What a pyproject.toml says to ruff, as text to compare."""
    project = tomllib.loads(content.decode())
    return json.dumps([project["tool"]["ruff"], project["project"]["requires-python"]])


@pytest.mark.parametrize("command", [("check",), ("format", "--diff")], ids=" ".join)
def test_the_packages_own_ruff_finds_nothing(python_files: Path, command: tuple[str, ...]) -> None:
    lint("ruff", *command, "--no-cache", ".", cwd=python_files)


# ---- Builds -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def builds(everything: Everything) -> list[tuple[Combination, Built]]:
    """Every distinct build, with the first combination that gives it."""
    first = {c.build_key: c for c in reversed(everything.to_build)}
    failed = {
        str(first[key].answers): built for key, built in everything.builds.items() if isinstance(built, str)
    }
    assert not failed, failed
    return [(first[key], built) for key, built in everything.builds.items() if isinstance(built, Built)]


@pytest.mark.requirement("B6")
def test_every_combination_builds_installs_and_imports(
    everything: Everything, builds: list[tuple[Combination, Built]]
) -> None:
    assert {c.build_key for c in everything.to_build} == {c.build_key for c, _ in builds}
    assert {built.imported for _, built in builds} == {VERSION}


def test_a_build_does_not_depend_on_the_other_tables_of_pyproject_toml(
    everything: Everything, tmp_path: Path
) -> None:
    """Every distinct set of them is left out once: names, versions and metadata stay as they are."""
    first = {other_tables(everything.content(c.files["pyproject.toml"])): c for c in everything.to_build}
    assert len(first) > 1
    for number, combination in enumerate(first.values()):
        source = tmp_path / str(number)
        files = {path: everything.content(digest) for path, digest in combination.files.items()}
        write(source, {**files, "pyproject.toml": without_other_tables(files["pyproject.toml"])})
        commit_all(source, tag=f"v{VERSION}")
        built, usual = build_and_import(source, IMPORT_NAME), everything.builds[combination.build_key]
        assert isinstance(usual, Built), usual
        said, expected = ([m.as_rfc822().as_bytes() for m in b.metadata] for b in (built, usual))
        assert said == expected
        assert dataclasses.replace(built, metadata=usual.metadata) == usual


@pytest.mark.requirement("P3.3", "P6.1")
def test_every_place_states_the_version_of_the_tag(builds: list[tuple[Combination, Built]]) -> None:
    names = {(built.sdist, built.wheel) for _, built in builds}
    assert names == {(f"demo_pkg-{VERSION}.tar.gz", f"demo_pkg-{VERSION}-py3-none-any.whl")}
    assert {built.version_files for _, built in builds} == {(VERSION, VERSION)}
    assert {m.version for _, built in builds for m in built.metadata} == {Version(VERSION)}


def test_metadata_says_what_was_answered(builds: list[tuple[Combination, Built]]) -> None:
    for combination, built in builds:
        answers = combination.answers
        lowest = Version(answers["lowest_python"])
        for metadata in built.metadata:
            classifiers = metadata.classifiers or []
            pythons = re.findall(
                r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE
            )
            assert min(map(Version, pythons)) == lowest
            assert metadata.requires_python == SpecifierSet(f">={lowest}")
            assert metadata.license_expression == answers["license"]
            assert metadata.license_files == ["LICENSE"]
            assert ("Typing :: Typed" in classifiers) == (answers["type_checker"] != "none")
            assert metadata.requires_dist is None


def test_the_wheel_has_the_package_and_nothing_else(builds: list[tuple[Combination, Built]]) -> None:
    for combination, built in builds:
        expected = {f"{IMPORT_NAME}/{name}" for name in ("__init__.py", "_version.py")}
        if combination.answers["type_checker"] != "none":
            expected.add(f"{IMPORT_NAME}/py.typed")
        if combination.answers["command_line"]:
            expected.add(f"{IMPORT_NAME}/__main__.py")
        assert {m for m in built.wheel_members if ".dist-info/" not in m} == expected


def test_a_command_is_there_if_it_was_asked_for(builds: list[tuple[Combination, Built]]) -> None:
    for combination, built in builds:
        expected = {PROJECT: f"{PROJECT} {VERSION}"} if combination.answers["command_line"] else {}
        assert built.commands == expected


def test_a_build_depends_on_nothing_but_what_makes_builds_distinct(
    builds: list[tuple[Combination, Built]],
) -> None:
    """The trees that were built had all files; none outside the key was opened or packed."""
    for combination, built in builds:
        package = f"src/{IMPORT_NAME}" if combination.answers["layout"] == "src" else IMPORT_NAME
        key = {path for path, _ in combination.build_key} | {f"{package}/_version.py"}
        assert built.opened <= key
        assert built.sdist_members <= key | {"PKG-INFO"}
        assert {"README.md", "pyproject.toml"} <= built.opened  # the recording works


# ---- Answers in free text -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Package:
    """A package rendered from one row of the crossing, committed and tagged as a release."""

    folder: Path
    answers: dict[str, Any]
    tag: str

    @property
    def import_name(self) -> str:
        """Name of its import package."""
        return load_settings(self.folder / ".github/release/settings.toml").import_name

    def read(self, path: str) -> Any:  # noqa: ANN401  (see parse)
        """What one of its files means; not to be changed."""
        return parsed(path, (self.folder / path).read_text(encoding="utf-8"))


@functools.cache
def parsed(path: str, text: str) -> Any:  # noqa: ANN401  (see parse)
    """What a file means, found out once for each text."""
    return parse(path, text)


@pytest.fixture(
    scope="module", params=CROSSED, ids=lambda row: f"{row['tag_prefix']}1.2.3-{CROSSED.index(row)}"
)
def package(
    request: pytest.FixtureRequest, renderer: Renderer, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """One package for each row."""
    folder = renderer.render(tmp_path_factory.mktemp("crossed") / "package", request.param)
    tag = f"{request.param['tag_prefix']}{VERSION}"
    commit_all(folder, tag=tag)
    return Package(folder, request.param, tag)


def test_every_two_answers_meet() -> None:
    values: dict[str, set[str]] = {}
    met = set()
    for row in CROSSED:
        for name, value in row.items():
            values.setdefault(name, set()).add(str(value))
        met |= set(itertools.combinations([(name, str(value)) for name, value in row.items()], 2))
    choices = [name for name in values if name in CHOICES or name in {"tag_prefix", "release_branches"}]
    for one, other in itertools.combinations(choices, 2):
        wanted = set(itertools.product(values[one], values[other]))
        assert wanted == {(a[1], b[1]) for a, b in met if (a[0], b[0]) == (one, other)}


def test_awkward_answers_parse_and_are_tidy(package: Package) -> None:
    files = {p: p.read_bytes() for p in package.folder.rglob("*") if p.is_file() and ".git" not in p.parts}
    for path, content in files.items():
        name = path.relative_to(package.folder).as_posix()
        # The description is the one answer that may look like a delimiter.
        problems = [p for p in inspect(name, content) if package.answers["description"] not in p]
        assert problems == [], name


@pytest.mark.requirement("P4.4")
def test_the_package_builds_from_a_tag_with_its_prefix(package: Package) -> None:
    built = build_and_import(package.folder, package.import_name)
    assert {built.imported, *built.version_files, *(str(m.version) for m in built.metadata)} == {VERSION}
    assert {metadata.summary for metadata in built.metadata} == {package.answers["description"]}


@pytest.mark.requirement("P4.4", "P6.3")
def test_a_source_archive_knows_its_version_without_git(package: Package, tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar"
    git(package.folder, "archive", "--output", str(archive), "HEAD")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run([program("tar"), "-xf", archive, "-C", unpacked], check=True)
    sdist, wheel, _ = build(unpacked, tmp_path)
    assert f"-{VERSION}.tar.gz" in sdist.name
    assert f"-{VERSION}-" in wheel.name


@pytest.mark.requirement("P4.4", "P3.7")
def test_the_version_pattern_takes_release_tags_only(package: Package) -> None:
    version = package.read("pyproject.toml")["tool"]["hatch"]["version"]
    prefix = package.answers["tag_prefix"]
    matched = re.match(version["tag-pattern"], package.tag)
    assert matched
    assert matched["version"] == VERSION
    for noise in ("nightly-3", "docs-2026", f"x{prefix}1.2.3", f"{prefix}next", f"{prefix}-1"):
        assert not re.match(version["tag-pattern"], noise), noise
        assert not fnmatch.fnmatchcase(noise, version["raw-options"]["scm"]["git"]["describe_command"][-1]), (
            noise
        )


@pytest.mark.requirement("P4.4", "X8")
def test_trigger_describe_and_rulesets_name_the_same_tags(package: Package) -> None:
    pattern = f"{package.answers['tag_prefix']}[0-9]*"
    assert fnmatch.fnmatchcase(package.tag, pattern)
    assert package.read(".github/workflows/release.yml")["on"]["push"]["tags"] == [pattern]
    options = package.read("pyproject.toml")["tool"]["hatch"]["version"]["raw-options"]
    assert options["scm"]["git"]["describe_command"][-2:] == ["--match", pattern]
    for name in ("create", "keep"):
        conditions = package.read(f".github/rulesets/release-tags-{name}.json")["conditions"]
        assert conditions == {"ref_name": {"include": [f"refs/tags/{pattern}"], "exclude": []}}


@pytest.mark.requirement("P4.4")
def test_the_notes_are_made_for_the_same_tags(package: Package) -> None:
    if package.answers["release_notes"] == "git-cliff":
        pattern = package.read("cliff.toml")["git"]["tag_pattern"]
        assert re.search(pattern, package.tag)
        assert not re.search(pattern, f"x{package.answers['tag_prefix']}1.2.3")
    else:
        assert not (package.folder / "cliff.toml").exists()


@pytest.mark.requirement("P3.9", "P4.4")
def test_the_release_scripts_know_the_answers(package: Package) -> None:
    settings = load_settings(package.folder / ".github/release/settings.toml")
    assert settings.tag_prefix == package.answers["tag_prefix"]
    assert list(settings.release_branches) == package.answers["release_branches"].split()
    assert settings.distribution == package.answers["project_name"]
    assert settings.release_notes == package.answers["release_notes"]
    assert settings.tag(VERSION) == package.tag


@pytest.mark.requirement("P2.3", "P9.2")
@pytest.mark.parametrize("index", ["testpypi", "pypi"])
def test_an_environment_links_to_the_version_on_its_index(package: Package, index: str) -> None:
    """The address is an output of a job that it waits for, because no rendered file names PyPI's host."""
    jobs = package.read(".github/workflows/release.yml")["jobs"]
    publish, output = jobs[f"publish-{index}"], f"{index}-page"
    assert publish["environment"] == {
        "name": package.answers[f"{index}_environment"],
        "url": f"${{{{ needs.build.outputs.{output} }}}}",
    }
    assert "build" in publish["needs"]
    (step,) = [s for s in jobs["build"]["steps"] if "check_index.py" in s.get("run", "")]
    assert jobs["build"]["outputs"][output] == f"${{{{ steps.{step['id']}.outputs.{output} }}}}"


@pytest.mark.requirement("X15")
def test_code_owners_guard_the_workflows_and_scripts(package: Package) -> None:
    path = package.folder / ".github/CODEOWNERS"
    owners = package.answers["code_owners"].split()
    assert path.exists() == bool(owners)
    if owners:
        rules = [r.split() for r in path.read_text(encoding="utf-8").splitlines() if not r.startswith("#")]
        assert rules == [["/.github/", *owners]]


def test_every_output_is_read(package: Package) -> None:
    """Of every job, by another one."""
    for name in ("ci", "release"):
        jobs = package.read(f".github/workflows/{name}.yml")["jobs"]
        outputs = {f"needs.{job}.outputs.{key}" for job in jobs for key in jobs[job].get("outputs", {})}
        read = re.findall(r"needs\.[\w-]+\.outputs\.[\w-]+", json.dumps(jobs))
        assert outputs == set(read)


@pytest.mark.requirement("P1.2")
def test_ci_runs_on_the_release_branches(package: Package) -> None:
    branches = package.read(".github/workflows/ci.yml")["on"]["push"]["branches"]
    assert branches == (package.answers["release_branches"].split() or ["**"])
