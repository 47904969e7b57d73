"""A rendered package from its first commit on: its documents' commands, its version, its distributions."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.metadata import Metadata
from packaging.version import Version
from release_lib.settings import load_settings, read_tag
from support import documents
from support.building import build
from support.rendering import Renderer, commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
UV = shutil.which("uv", path=PROGRAMS) or "uv is not installed"

# Packages whose documents are followed word by word; together they have every tool that a document names.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "by default": {},
    "pyright, towncrier, prefix": {
        "type_checker": "pyright",
        "release_notes": "towncrier",
        "command_line": True,
        "layout": "flat",
        "tag_prefix": "demo-pkg/v",
    },
    "untyped, git-cliff, no prefix": {"type_checker": "none", "release_notes": "git-cliff", "tag_prefix": ""},
}


@pytest.fixture(scope="module")
def renderer(template: Path) -> Renderer:
    """Renders quickly."""
    return Renderer(template)


@pytest.fixture
def package(default_package: Path, tmp_path: Path) -> Path:
    """The default package, committed, not tagged, to be changed."""
    folder = Path(shutil.copytree(default_package, tmp_path / "demo-pkg"))
    git(folder, "tag", "--delete", "v0.1.0")
    return folder


def environment(**variables: str) -> dict[str, str]:
    """What a program of a person's sees: the tools on PATH, no foreign environment, and these variables."""
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return {**inherited, "PATH": PROGRAMS, "NO_COLOR": "1", **variables}


def attempt(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program, whatever its end."""
    return subprocess.run(
        command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, check=False
    )


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a program, which must succeed, and return what it printed."""
    done = attempt(*command, cwd=cwd, **variables)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def derived(source: Path) -> str:
    """The version that the package's own build configuration gives to a source tree."""
    return str(ProjectMetadata(str(source), PluginManager()).version)


def refusal(source: Path) -> str:
    """The message with which a build stops that cannot know its version."""
    with pytest.raises((ValueError, LookupError)) as caught:
        derived(source)
    return str(caught.value)


# ---- Its documents ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def followed(
    renderer: Renderer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Status and output of following the documents of a package; all of them run at the same time."""
    root = tmp_path_factory.mktemp("documents")
    running: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
    for number, (kind, answers) in enumerate(DOCUMENTED.items()):
        home = root / str(number)
        origin = renderer.render(home / "origin", answers)
        commit_all(origin, "feat: the first version", tag=f"{answers.get('tag_prefix', 'v')}0.1.0")
        commit_all(origin, "feat: timetables may span midnight")
        read = {
            name: (origin / f"{name}.md").read_text(encoding="utf-8") for name in ("CONTRIBUTING", "README")
        }
        blocks = documents.shell_blocks(read["README"])
        develop = [block for block in blocks if "git clone" in block and "pytest" in block]
        assert len(develop) == 1
        clone, *blocks = documents.shell_blocks(read["CONTRIBUTING"])
        script = [
            clone,
            "mkdir dist && touch dist/demo_pkg-0.0.1.tar.gz",  # of a build before
            *blocks,
            # Nothing that was generated, changed by a formatter, or built, waits to be committed.
            'git status --porcelain | { ! grep --invert-match "^?? changelog.d/+midnight.feature.md$"; }',
            "cd .. && rm -rf demo-pkg",
            *develop,
        ]
        log = home / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-euxc", "\n".join(script)],
                cwd=home,
                env=environment(
                    GIT_CONFIG_COUNT="1",  # the repository on GitHub is the one here
                    GIT_CONFIG_KEY_0=f"url.{origin.as_uri()}.insteadOf",
                    GIT_CONFIG_VALUE_0="https://github.com/demo-pkg/demo-pkg",
                ),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        running[kind] = process, log

    def result(kind: str) -> tuple[int, str]:
        process, log = running[kind]
        return process.wait(), log.read_text(encoding="utf-8")

    yield result
    for process, _ in running.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.requirement("P4.1", "P6.4", "B4")
@pytest.mark.parametrize("kind", DOCUMENTED)
def test_the_commands_of_the_documents_run_as_printed(
    followed: Callable[[str], tuple[int, str]], kind: str
) -> None:
    """CONTRIBUTING.md from the clone to the tag check, then the development install of README.md."""
    status, log = followed(kind)
    assert status == 0, log
    commands = {
        line.lstrip("+ ").partition(" .github")[0] for line in log.splitlines() if line.startswith("+ ")
    }
    checker = DOCUMENTED[kind].get("type_checker", "mypy")
    expected = {"uv sync", "uv run", "uv run ruff check", "uv run ruff format", "uv run pytest"}
    expected |= {f"uv run {checker}"} - {"uv run none"}
    assert expected <= commands
    assert log.count(" passed in ") == 3, "the suite ran in the clone, on the wheel, and by README.md"
    match DOCUMENTED[kind].get("release_notes"):
        case "towncrier":
            assert "- Timetables may span midnight." in log
        case "git-cliff":
            assert "- Timetables may span midnight" in log


# ---- Its distributions ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def distributions(default_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m build` makes of the first version, in its own isolated environment."""
    root = tmp_path_factory.mktemp("built")
    clone = root / "a clone"
    git(root, "clone", "--quiet", str(default_package), str(clone))
    command = (sys.executable, "-m", "build", "--outdir", root / "dist", clone)
    run(*command, cwd=root, SOURCE_DATE_EPOCH="1000000000")
    return root / "dist"


def test_a_build_warns_of_nothing_in_the_package(package: Path, tmp_path: Path) -> None:
    """Of no deprecated option above all. What build tools say of each other begins with a path of theirs."""
    done = attempt(UV, "build", "--out-dir", tmp_path, package, cwd=tmp_path, PYTHONWARNINGS="always")
    assert done.returncode == 0, done.stderr
    assert "Successfully built" in done.stderr
    warnings = [line for line in done.stderr.splitlines() if re.search("(?i)warning", line)]
    assert [line for line in warnings if "site-packages" not in line] == []
    silent = attempt(UV, "build", "--out-dir", tmp_path, package, cwd=tmp_path)
    assert not re.search("(?i)warning|deprecat", silent.stdout + silent.stderr)


def contents(distribution: Path) -> dict[str, bytes]:
    """Files of a wheel or an sdist by path, the sdist's without its top folder."""
    if distribution.suffix == ".whl":
        with zipfile.ZipFile(distribution) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(distribution) as sdist:
        members = {
            member.name.partition("/")[2]: sdist.extractfile(member) for member in sdist if member.isfile()
        }
        return {name: file.read() for name, file in members.items() if file}


@pytest.mark.requirement("P3.3", "P6.1")
def test_the_first_tag_is_the_version_of_both_distributions(distributions: Path) -> None:
    names = sorted(path.name for path in distributions.iterdir())
    assert names == ["demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"]
    wheel, sdist = (contents(distributions / name) for name in names)
    metadata = wheel["demo_pkg-0.1.0.dist-info/METADATA"], sdist["PKG-INFO"]
    assert [Metadata.from_email(text).version for text in metadata] == [Version("0.1.0")] * 2
    for code in (wheel["demo_pkg/_version.py"], sdist["src/demo_pkg/_version.py"]):
        assert {"__version__": "0.1.0"}.items() <= assigned(code).items()


def assigned(code: bytes) -> dict[str, Any]:
    """Constants that a module assigns, by every name that it gives them."""
    return {
        target.id: statement.value.value
        for statement in ast.parse(code).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.requirement("P6.2", "P1.3")
@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_a_distribution_installs_where_there_is_no_git(
    distributions: Path, tmp_path: Path, pattern: str
) -> None:
    (distribution,) = distributions.glob(pattern)
    (tmp_path / "nothing").mkdir()
    run(UV, "venv", "--quiet", "--python", sys.executable, "fresh", cwd=tmp_path)
    python = tmp_path / "fresh/bin/python"
    nothing = {"PATH": str(tmp_path / "nothing")}
    assert shutil.which("git", path=nothing["PATH"]) is None
    # Refreshed: a wheel that was built from the same sdist before, with git, proves nothing.
    install = f"pip install --quiet --refresh-package demo-pkg --python {python}".split()
    run(UV, *install, distribution, cwd=tmp_path, **nothing)
    said = run(python, "-I", "-c", "import demo_pkg; print(demo_pkg.__version__)", cwd=tmp_path, **nothing)
    assert said == "0.1.0\n"


@pytest.mark.requirement("P5.5")
def test_clones_elsewhere_and_later_give_the_same_bytes(
    default_package: Path, distributions: Path, tmp_path: Path
) -> None:
    """By another front end, in another time zone and language, with other times and modes of the files."""
    clone = tmp_path / "somewhere/else entirely"
    git(tmp_path, "-c", "core.sharedRepository=0600", "clone", "--quiet", str(default_package), str(clone))
    for path in clone.rglob("*"):
        if ".git" not in path.relative_to(clone).parts[:1]:
            os.utime(path, (86400, 86400))
            path.chmod(0o700 if path.is_dir() else 0o600)
    elsewhere = {
        "SOURCE_DATE_EPOCH": "1000000000",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
    }
    run(UV, "build", "--quiet", "--out-dir", tmp_path / "dist", clone, cwd=tmp_path, **elsewhere)
    assert hashes(tmp_path / "dist") == hashes(distributions)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the distributions in a folder."""
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.requirement("P6.3")
def test_a_source_archive_of_the_tag_builds_the_version_without_git(
    default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = exported(default_package, tmp_path / "export", "v0.1.0")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    sdist, wheel, _ = build(source, tmp_path)
    assert (sdist.name, wheel.name) == ("demo_pkg-0.1.0.tar.gz", "demo_pkg-0.1.0-py3-none-any.whl")


def exported(repository: Path, folder: Path, ref: str) -> Path:
    """The source archive of a ref, unpacked, as GitHub offers it for download."""
    git(repository, "archive", "--format", "tar", "--output", str(folder.with_suffix(".tar")), ref)
    with tarfile.open(folder.with_suffix(".tar")) as archive:
        archive.extractall(folder, filter="data")
    return folder


# ---- Its version: right, or an error ----------------------------------------------------------------


@pytest.mark.requirement("P4.4", "P3.3")
@pytest.mark.parametrize(
    ("prefix", "version"),
    [
        *((prefix, "1.2.3") for prefix in ("v", "", "release-", "demo-pkg/v", "demo-pkg@", "a.b_")),
        *(("v", version) for version in ("1!2.0", "1.3.0rc1", "1.2.3.post1", "2026.11.22", "1.0.dev0")),
    ],
)
def test_a_tag_with_any_prefix_is_the_version(
    renderer: Renderer, tmp_path: Path, prefix: str, version: str
) -> None:
    """In a clone, and in a source archive of it."""
    package = renderer.render(tmp_path / "demo-pkg", {"tag_prefix": prefix})
    tag = f"{prefix}{version}"
    commit_all(package, tag=tag)
    assert derived(package) == version
    assert derived(exported(package, tmp_path / "export", tag)) == version


@pytest.mark.requirement("P3.7")
@pytest.mark.parametrize(
    "noise", ["nightly-3", "docs-2026", "2.0.0", "version-9", "x/v9.0", "v", "vnext", "V3.0"]
)
def test_a_noise_tag_never_becomes_a_version(package: Path, noise: str) -> None:
    git(package, "tag", "v1.0.0")
    git(package, "tag", noise)
    assert derived(package) == "1.0.0"
    later = commit_all(package, "fix: more")
    git(package, "tag", "--force", "--annotate", "--message", "noise", noise)
    assert derived(package) == f"1.0.1.dev1+g{later[:7]}"


@pytest.mark.requirement("P4.2")
@pytest.mark.parametrize("tag", ["v2026-11-22", "v1.0.0-beta-2", "v1.0.0+local", "v1_0_0", "v1.x"])
def test_a_tag_like_a_version_that_is_none_stops_the_build_and_is_named(package: Path, tag: str) -> None:
    git(package, "tag", tag)
    assert repr(tag) in refusal(package)


@pytest.mark.requirement("P3.8", "P4.5")
def test_a_changed_tree_never_has_the_version_of_the_tag(package: Path) -> None:
    git(package, "tag", "v1.0.0")
    (package / "README.md").write_text("changed\n", encoding="utf-8")
    assert re.fullmatch(r"1\.0\.1\.dev0\+g[0-9a-f]{7,}\.d\d{8}", derived(package))


@pytest.mark.requirement("P4.5", "P3.6")
def test_a_commit_after_the_tag_never_has_the_version_of_the_tag(package: Path) -> None:
    first = git(package, "rev-parse", "HEAD")
    git(package, "tag", "v1.0.0")
    later = commit_all(package, "fix: more")
    assert derived(package) == f"1.0.1.dev1+g{later[:7]}"
    git(package, "checkout", "--quiet", first)
    assert derived(package) == "1.0.0"


@pytest.mark.requirement("P4.6")
@pytest.mark.parametrize(
    "version",
    [
        *("0.0.0", "1.2", "1.2.3.4.5", "2026.11.27", "1!2.0", "1.2.3.post1", "1!1.0rc1.post1"),
        *("1.2a1", "1.2b0", "1.2.3rc1", "1.2.dev0", "1.2a0.dev0", "1.2.post1.dev0"),
    ],
)
def test_after_every_tag_that_is_admitted_the_next_commit_builds(package: Path, version: str) -> None:
    settings = load_settings(package / ".github/release/settings.toml")
    assert str(read_tag(f"v{version}", settings)) == version
    git(package, "tag", f"v{version}")
    assert derived(package) == version
    commit_all(package, "fix: more")
    after = Version(derived(package))
    assert after.is_devrelease
    assert after > Version(version)


@pytest.mark.requirement("P3.10")
def test_a_shallow_clone_stops_the_build_and_says_what_to_do(package: Path, tmp_path: Path) -> None:
    git(package, "tag", "v1.0.0")
    commit_all(package, "fix: more")
    git(tmp_path, "clone", "--quiet", "--depth", "1", package.as_uri(), str(tmp_path / "shallow"))
    assert 'is shallow, please correct with "git fetch --unshallow"' in refusal(tmp_path / "shallow")


@pytest.mark.requirement("P6.3")
def test_without_git_and_metadata_the_build_stops_and_says_what_to_do(package: Path) -> None:
    shutil.rmtree(package / ".git")
    message = refusal(package)
    assert "unable to detect version" in message
    assert "fully intact git repository or PyPI tarballs" in message


@pytest.mark.requirement("P3.7")
def test_two_version_tags_on_one_commit_stop_the_documented_build(package: Path, tmp_path: Path) -> None:
    """hatch-vcs takes one of them; the release script does not."""
    for tag in ("v1.0.0", "v1.1.0"):
        git(package, "tag", tag)
    assert derived(package) in {"1.0.0", "1.1.0"}
    script = ".github/release/build_distributions.py"
    done = attempt(UV, "run", script, "--out", tmp_path / "dist", cwd=package, TAG="v1.1.0")
    assert done.returncode == 1
    assert "more than one version tag: v1.1.0 and v1.0.0" in done.stderr
    assert not (tmp_path / "dist").exists()


# ---- Each guard matters -----------------------------------------------------------------------------


def a_date_is_tagged(package: Path, _: pytest.MonkeyPatch) -> Path:
    git(package, "tag", "v2026-11-22")
    return package


def a_noise_tag_is_newer(package: Path, _: pytest.MonkeyPatch) -> Path:
    git(package, "tag", "v1.0.0")
    commit_all(package, "fix: more")
    git(package, "tag", "nightly-3")
    return package


def the_clone_is_shallow(package: Path, _: pytest.MonkeyPatch) -> Path:
    git(package, "tag", "v1.0.0")
    commit_all(package, "fix: more")
    clone = package.with_name("shallow")
    git(package, "clone", "--quiet", "--depth", "1", package.as_uri(), str(clone))
    return clone


def a_packager_states_the_version(package: Path, patch: pytest.MonkeyPatch) -> Path:
    git(package, "tag", "v1.0.0")
    patch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO_PKG", "1.0.0.post7")
    return package


def the_source_is_an_archive(package: Path, _: pytest.MonkeyPatch) -> Path:
    git(package, "tag", "v1.0.0")
    return exported(package, package.with_name("export"), "v1.0.0")


# Lines of a file; the situation in which they matter; the version with them and without ("!": an error).
GUARDS = {
    "tag-pattern": ("pyproject.toml", r"tag-pattern = ", a_date_is_tagged, r"!2026-11-22", r"22"),
    "--match and tag-pattern": (
        "pyproject.toml",
        r"(scm\.git\.describe_command = \[$(\n  .*)*\n\]|tag-pattern = )",
        a_noise_tag_is_newer,
        r"1\.0\.1\.dev1\+g\w+",
        r"3",
    ),
    "--match": (
        "pyproject.toml",
        r"scm\.git\.describe_command = \[$(\n  .*)*\n\]",
        a_noise_tag_is_newer,
        r"1\.0\.1\.dev1\+g\w+",
        r"!nightly-3",
    ),
    "fail_on_shallow": (
        "pyproject.toml",
        r"scm\.git\.pre_parse = ",
        the_clone_is_shallow,
        r"!git fetch --unshallow",
        r"0\.1\.dev1\+g\w+",
    ),
    "dist_name": (
        "pyproject.toml",
        r"dist_name = ",
        a_packager_states_the_version,
        r"1\.0\.0\.post7",
        r"1\.0\.0",
    ),
    "export-subst": (
        ".gitattributes",
        r"\.git_archival\.txt ",
        the_source_is_an_archive,
        r"1\.0\.0",
        r"!unable to detect version",
    ),
    "describe-name": (
        ".git_archival.txt",
        r"describe-name: ",
        the_source_is_an_archive,
        r"1\.0\.0",
        r"!tag '0.0'",
    ),
}


@pytest.mark.requirement("P3.3", "P3.7", "P3.10", "P6.3", "T3")
@pytest.mark.parametrize("guarded", [True, False], ids=["with it", "without it"])
@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_prevents_a_wrong_version(
    package: Path, monkeypatch: pytest.MonkeyPatch, guard: str, guarded: bool
) -> None:
    name, line, situation, right, wrong = GUARDS[guard]
    if not guarded:
        remove_lines(package / name, line)
        commit_all(package, "chore: without a guard")
    source = situation(package, monkeypatch)
    expected = right if guarded else wrong
    try:
        said = derived(source)
    except (ValueError, LookupError) as error:
        said = f"!{error}"
    if expected.startswith("!"):
        assert said.startswith("!")
        assert re.search(expected[1:], said), said
    else:
        assert re.fullmatch(expected, said), said


def remove_lines(path: Path, pattern: str) -> None:
    """Remove the lines of a file that begin with a pattern; there must be some."""
    text, count = re.subn(rf"(?m)^(?:{pattern}).*\n", "", path.read_text(encoding="utf-8"))
    assert count
    path.write_text(text, encoding="utf-8")


@pytest.mark.requirement("P3.4", "P6.1")
@pytest.mark.parametrize("hook", [True, False], ids=["with the hook", "without it"])
def test_the_version_file_is_generated_and_ignored(package: Path, tmp_path: Path, hook: bool) -> None:
    git(package, "tag", "v1.0.0")
    if not hook:
        remove_lines(package / "pyproject.toml", r"\[tool\.hatch\.build\.hooks\.vcs\]|version-file = ")
    sdist, wheel, _ = build(package, tmp_path)
    assert ("demo_pkg/_version.py" in contents(wheel)) is hook
    assert ("src/demo_pkg/_version.py" in contents(sdist)) is hook
    assert git(package, "ls-files", ":(glob)**/_version.py") == ""
    if hook:
        assert git(package, "status", "--porcelain") == ""
        assert git(package, "check-ignore", "src/demo_pkg/_version.py")


# ---- Its editable install ---------------------------------------------------------------------------


@pytest.mark.requirement("P6.5")
@pytest.mark.parametrize("guarded", [True, False], ids=["with cache-keys", "without them"])
def test_uv_renews_the_version_at_every_tag(package: Path, guarded: bool) -> None:
    if not guarded:
        remove_lines(package / "pyproject.toml", "cache-keys = ")
        commit_all(package, "chore: without a guard")
    ask = [UV, "run", "--no-dev", "python", "-c", "import demo_pkg; print(demo_pkg.__version__)"]
    git(package, "tag", "v0.1.0")
    assert run(*ask, cwd=package) == "0.1.0\n"
    commit_all(package, "fix: more", tag="v0.2.0")
    assert run(*ask, cwd=package) == ("0.2.0\n" if guarded else "0.1.0\n")
    # The same commit under another version: only the tag tells.
    git(package, "tag", "--delete", "v0.2.0")
    git(package, "tag", "v0.3.0")
    assert run(*ask, cwd=package) == ("0.3.0\n" if guarded else "0.1.0\n")


@pytest.mark.requirement("P6.5")
def test_the_suite_says_when_an_editable_install_is_stale(package: Path) -> None:
    """Before the first tag and at one, a later commit needs `pip install --editable .` again."""
    run(UV, "venv", "--quiet", "--python", sys.executable, cwd=package)
    install = [
        "pip",
        "install",
        "--quiet",
        "--reinstall-package",
        "demo-pkg",
        "--group",
        "test",
        "--editable",
        ".",
    ]
    suite = package / ".venv/bin/pytest"
    for number, tag in enumerate(("", "v1.0.0")):
        if tag:
            git(package, "tag", tag)
        run(UV, *install, cwd=package)
        assert "2 passed" in run(suite, cwd=package)
        commit_all(package, f"fix: more, {number}")
        stale = attempt(suite, cwd=package)
        assert stale.returncode == 1
        assert "run `uv sync` (or `pip install --editable .`)" in stale.stdout
