"""build_distributions.py: the same commit gives the same files, from an unchanged tree."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import build_distributions
import check_commit
import pytest
import release_notes
from release_lib.settings import PATH
from release_lib.step import ReleaseError
from support.archives import hashes_of
from support.rendering import commit_all, git

from release.outcomes import WHEN_IT_STOPS, fix_command, recovery, shell

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings

    from release.conftest import RunStep

SEE = recovery("build")
RANDOM_FILE = """
import os
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        path = os.path.join(self.root, "src", "demo_pkg", "noise.txt")
        with open(path, "w") as file:
            file.write(os.urandom(8).hex())
"""


@pytest.fixture
def clone(package_clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the default package at v0.1.0, with its remote branch; the current folder."""
    folder = shutil.copytree(package_clone, tmp_path / "clone", symlinks=True)
    git(folder, "clean", "--quiet", "-fdx")
    git(folder, "reset", "--quiet", "--hard")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.requirement("P1.4", "P3.3", "P6.1")
def test_both_distributions_are_built_and_listed(built: Path) -> None:
    names = {path.name for path in built.iterdir() if not path.name.startswith(".")}
    assert names == {"demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"}


@pytest.mark.requirement("P5.5", "P5.2")
def test_another_clone_at_another_place_and_time_gives_the_same_files(
    built: Path, clone: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in clone.rglob("*"):
        if ".git" not in path.parts[len(clone.parts) :]:
            os.utime(path, (1_000_000_000, 1_000_000_000))
            path.chmod(0o700 if path.is_dir() else 0o600)
    git(clone, "config", "core.fileMode", "false")
    for name, value in {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "TAG": "v0.1.0"}.items():
        monkeypatch.setenv(name, value)
    done = run_step(build_distributions, "--out", "../dist")
    assert done.status == 0, done.errors
    first = hashes_of(*built.glob("demo*"))
    lines = [f"{first[name]}  {name}" for name in sorted(first)]
    assert done.printed.removeprefix("hashes=").splitlines() == lines
    assert hashes_of(*(clone.parent / "dist").glob("demo*")) == first


@pytest.mark.requirement("P3.7", "P5.5")
def test_a_clone_without_the_contents_of_older_commits_is_enough(
    clone: Path, tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the workflows get it (`filter: blob:none`); its origin is gone, so nothing can be fetched later."""
    old = git(clone, "rev-parse", "HEAD:CHANGELOG.md").strip()
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## 0.2.0\n\n- More.\n")
    commit_all(clone, tag="v0.2.0")
    git(clone, "config", "uploadpack.allowFilter", "true")
    clone.chmod(0o755)
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{clone}", "partial")
    clone.rename(tmp_path / "gone")
    partial = tmp_path / "partial"
    present = git(partial, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert old not in present
    monkeypatch.chdir(partial)
    monkeypatch.setenv("TAG", "v0.2.0")
    assert run_step(check_commit).status == 0
    assert run_step(release_notes, "--output", tmp_path / "notes.md").status == 0
    done = run_step(build_distributions, "--out", "../dist", "--twice")
    assert done.status == 0, done.errors


@pytest.mark.requirement("P1.6")
def test_settings_of_the_package_for_uv_do_not_reach_the_build(clone: Path, run_step: RunStep) -> None:
    (clone / ".python-version").write_text("3.99\n")
    lines = "required-version = '==0.0.1'\nbuild-constraint-dependencies = ['hatchling<1']\n"
    index = "[[tool.uv.index]]\nurl = 'file:///nowhere'\ndefault = true\n"
    text = (clone / "pyproject.toml").read_text()
    (clone / "pyproject.toml").write_text(text.replace("[tool.uv]\n", "[tool.uv]\n" + lines) + index)
    commit_all(clone)
    done = run_step(build_distributions)
    assert done.status == 0, done.errors


@pytest.mark.requirement("P1.6", "X11")
def test_blanks_in_paths_hide_no_pins(
    clone: Path, tmp_path: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the value of such an option has a blank, uv takes it for several files."""
    folder = tmp_path / "my work"
    shutil.copytree(PATH.parent, folder / "release scripts")
    monkeypatch.setattr(build_distributions, "PATH", folder / "release scripts/settings.toml")
    monkeypatch.chdir(clone.rename(folder / "a clone"))
    done = run_step(build_distributions, "--out", "../a dist")
    assert done.status == 0, done.errors
    assert len(list((folder / "a dist").glob("demo*"))) == 2


@pytest.mark.requirement("P3.11")
def test_contents_that_git_keeps_elsewhere_are_not_built_in_ci_either(clone: Path, run_step: RunStep) -> None:
    (clone / "src/demo_pkg/zones").write_text("version https://git-lfs.github.com/spec/v1\n")
    commit_all(clone)
    lines = run_step(build_distributions, "--out", "../dist").lines
    assert lines[0].startswith("This checkout lacks the contents of src/demo_pkg/zones (")
    assert not (clone.parent / "dist").exists()


@pytest.mark.requirement("P3.11")
def test_what_git_has_of_the_package_and_the_sdist_has_not_is_named(
    clone: Path, settings: Settings, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hatchling leaves out what .gitignore names, tracked or not; and, behind a link, what it has seen."""
    package = clone / "src/demo_pkg"
    for name in ("build/__init__.py", "de.mo"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("")
        git(clone, "add", "--force", f"src/demo_pkg/{name}")
    (clone / "data").mkdir()
    (clone / "data/europe").write_text("")
    (package / "zones").symlink_to("../../data")
    ignored = clone / ".gitignore"
    ignored.write_text(f"{ignored.read_text()}build/\n*.mo\nnotes.log\n")
    (clone / "notes.log").write_text("")  # tracked, ignored, and no part of the package
    git(clone, "add", "--force", "notes.log")
    commit_all(clone)
    lines = run_step(build_distributions, "--out", "../dist").lines
    absent = [f"src/demo_pkg/{name}" for name in ("build/__init__.py", "de.mo", "zones")]
    assert lines[0].endswith(f".tar.gz lacks what git has of the package: {', '.join(absent)}")
    assert lines[3] == SEE
    adopted = replace(settings, conventions="RELEASING.md")  # it may mean it
    with monkeypatch.context() as patch:
        patch.setattr(build_distributions, "load_settings", lambda: adopted)
        done = run_step(build_distributions, "--out", "../warned")
    assert (done.status, "lacks what git has of the package" in done.errors) == (0, True), done.errors
    ignored.write_text(f"{ignored.read_text()}!/src/demo_pkg/build/\n!/src/demo_pkg/de.mo\n")
    (package / "zones").unlink()
    (clone / "data").rename(package / "zones")
    commit_all(clone)
    done = run_step(build_distributions, "--out", "../again")
    assert done.status == 0, done.errors


@pytest.mark.requirement("P3.11")
@pytest.mark.parametrize(
    ("file", "text"), [("src/demo_pkg/.gitignore", "!/gen.json\n"), (".hgignore", "syntax: glob\n*.json\n")]
)
def test_what_hatchling_ignores_and_git_does_not_is_named(
    file: str, text: str, clone: Path, run_step: RunStep
) -> None:
    """It reads the .gitignore of the root alone, and .hgignore, from before a move to git."""
    ignored, found = clone / ".gitignore", clone / "src/demo_pkg/gen.json"
    found.write_text("{}\n")
    (clone / file).write_text(text)
    if "hg" not in file:
        ignored.write_text(f"{ignored.read_text()}gen.json\n")
    commit_all(clone)
    assert git(clone, "ls-files", "--cached", "--ignored", "--exclude-standard") == ""
    done = run_step(build_distributions, "--out", "../dist")
    assert done.lines[0].endswith(" lacks what git has of the package: src/demo_pkg/gen.json")
    ignored.write_text(f"{ignored.read_text()}!/src/demo_pkg/gen.json\n")
    (clone / ".hgignore").unlink(missing_ok=True)
    commit_all(clone)
    done = run_step(build_distributions, "--out", "../again")
    assert done.status == 0, done.errors


@pytest.mark.requirement("P3.11")
def test_what_a_package_excludes_by_name_is_not_missed(clone: Path, run_step: RunStep) -> None:
    (clone / "src/demo_pkg/notes.md").write_text("For developers.\n")
    project = clone / "pyproject.toml"
    whole = 'include = ["/src/demo_pkg", "/tests", "/CHANGELOG.md"]\n'
    assert whole in project.read_text()
    project.write_text(project.read_text().replace(whole, f'{whole}exclude = ["notes.md"]\n'))
    commit_all(clone)
    done = run_step(build_distributions, "--out", "../dist")
    assert done.status == 0, done.errors


@pytest.mark.requirement("P3.11")
@pytest.mark.parametrize(
    ("line", "change", "is_missed"),
    [
        (
            "[tool.hatch.build.targets.sdist]\n",
            '[tool.hatch.build]\ntargets.sdist.exclude = ["a.md"]\n',
            False,
        ),
        (
            "[tool.hatch.build.targets.sdist]\n",
            '[tool.hatch.build]\nexclude = ["a.md"]\ntargets.sdist.',
            False,
        ),
        (
            "[tool.hatch.build.targets.wheel]\n",
            '[tool.hatch.build.targets.wheel]\nexclude = ["a.md"]\n',
            True,
        ),
        ("[tool.ruff]\n", '[tool.ruff]\nexclude = ["a.md"]\n', True),
    ],
)
def test_what_others_than_an_sdist_exclude_is_missed(
    line: str, change: str, *, is_missed: bool, built: Path, clone: Path, settings: Settings
) -> None:
    project = clone / "pyproject.toml"
    assert line in project.read_text()
    project.write_text(project.read_text().replace(line, change))
    (clone / "src/demo_pkg/a.md").write_text("For developers.\n")
    git(clone, "add", "src/demo_pkg/a.md")
    with pytest.raises(ReleaseError, match=r"src/demo_pkg/a\.md") if is_missed else nullcontext():
        build_distributions.check_shipped(next(built.glob("*.tar.gz")), settings)


@pytest.mark.requirement("P5.5", "B4")
def test_a_package_that_builds_other_files_each_time_is_caught(clone: Path, run_step: RunStep) -> None:
    (clone / "hatch_build.py").write_text(RANDOM_FILE)
    with (clone / "pyproject.toml").open("a") as pyproject:
        pyproject.write('\n[tool.hatch.build.hooks.custom]\n[tool.hatch.build]\nartifacts = ["noise.txt"]\n')
    with (clone / ".gitignore").open("a") as ignored:
        ignored.write("noise.txt\n")
    commit_all(clone)
    done = run_step(build_distributions, "--out", "../dist", "--twice")
    assert (done.status, *done.lines) == (
        1,
        "Two builds of one commit differ: "
        + ", ".join(path.name for path in sorted((clone.parent / "dist").glob("demo*"))),
        "Expected: the same files, or a re-run could never finish a release",
        "Fix: take what changes between builds (times, random order, paths) out of the build",
        "See: https://reproducible-builds.org/docs/",
    )


@pytest.mark.requirement("P5.5", "B11")
def test_an_sdist_of_another_time_gets_that_of_the_commit(tmp_path: Path) -> None:
    """As setuptools writes them: the clock, the umask and the owner of the machine are in it."""
    made = []
    for number, names in enumerate((("b/", "b/run.sh", "a.txt"), ("a.txt", "b/", "b/run.sh"))):
        made.append(tmp_path / f"{number}-1.0.tar.gz")
        with tarfile.open(made[-1], "w:gz") as archive:
            for name in names:
                member = tarfile.TarInfo(name.rstrip("/"))
                member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                member.mode = (0o755, 0o700)[number] if name != "a.txt" else (0o664, 0o600)[number]
                member.mtime, member.uid, member.uname = 1e9 + number + 0.5, number, f"user{number}"
                member.size = 0 if member.isdir() else len(name)
                archive.addfile(member, io.BytesIO(name.encode()))
        build_distributions.date_sdist(made[-1], 1_700_000_000)
    first, second = (path.read_bytes() for path in made)
    assert first == second
    with tarfile.open(made[0]) as archive:
        assert {member.mtime for member in archive} == {1_700_000_000}
        assert [(m.name, m.mode) for m in archive] == [
            ("a.txt", 0o644),
            ("b", 0o755),
            ("b/run.sh", 0o755),
        ]
    build_distributions.date_sdist(made[0], 1_700_000_000)
    assert made[0].read_bytes() == first


@pytest.mark.requirement("P1.4", "P5.5")
def test_a_folder_with_files_is_refused_and_can_be_fixed(clone: Path, run_step: RunStep) -> None:
    (clone.parent / "dist").mkdir()
    (clone.parent / "dist/demo_pkg-0.0.9.tar.gz").touch()
    done = run_step(build_distributions, "--out", "../dist")
    assert done.lines == (
        "The folder ../dist already has files in it",
        "Expected: an empty folder, so that only this build's files are published",
        "Fix: rm -r ../dist",
        SEE,
    )
    shell(fix_command(done.lines), clone)
    (clone.parent / "dist").mkdir()
    (clone.parent / "dist/.gitignore").write_text("*")  # what uv leaves there is no file of an earlier build
    assert run_step(build_distributions, "--out", "../dist", "--twice").status == 0
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.requirement("P3.8")
@pytest.mark.parametrize("tag", ["v0.1.0", None], ids=["release", "rehearsal"])
def test_a_changed_tree_is_not_built(
    tag: str | None, clone: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tag:
        monkeypatch.setenv("TAG", tag)
    (clone / "src/demo_pkg/forgotten.py").touch()
    done = run_step(build_distributions)
    assert done.lines[0] == "The tree differs from its commit: src/demo_pkg/forgotten.py"
    assert not (clone / "dist").exists()


@pytest.mark.requirement("P3.1", "P3.10")
def test_a_shallow_clone_is_not_built(
    clone: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = clone.parent / "shallow"
    git(clone, "clone", "--quiet", "--depth=1", f"file://{clone}", str(shallow))
    (shallow / ".git/shallow").touch()
    if git(shallow, "rev-parse", "--is-shallow-repository") == "false":  # one commit is the whole history
        (shallow / ".git/shallow").write_text(git(shallow, "rev-parse", "HEAD") + "\n")
    monkeypatch.chdir(shallow)
    assert run_step(build_distributions).lines[0].startswith("This clone is shallow: ")


@pytest.mark.requirement("P3.2", "P3.6")
def test_another_commit_than_the_gates_is_not_built(
    clone: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "v0.1.0")
    monkeypatch.setenv("COMMIT", "c0ffee" * 6 + "c0ff")
    head = git(clone, "rev-parse", "HEAD")
    assert run_step(build_distributions).lines[0] == (
        f"The tag v0.1.0 has moved: this run was started for c0ffeec0ffee, now it is on {head[:12]}"
    )


@pytest.mark.requirement("X11")
def test_a_backend_with_another_hash_than_pinned_is_refused(
    clone: Path, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (PATH.parent / "build-constraints.txt").read_text().splitlines()
    pinned = [line if "--hash" not in line else f"    --hash=sha256:{'0' * 64}" for line in lines]
    (tmp_path / "build-constraints.txt").write_text(
        "\n".join(line for number, line in enumerate(pinned) if number == 0 or line != pinned[number - 1])
    )
    monkeypatch.setattr(build_distributions, "PATH", tmp_path / "settings.toml")
    done = run_step(build_distributions)
    assert done.status == 1
    assert done.lines[0].startswith("`uv build --no-config --build-constraint ")
    assert "sha256:" + "0" * 64 in done.lines[0]
    assert done.lines[1:] == (
        "Expected: status 0",
        "Fix: read the output above, then run this again",
        WHEN_IT_STOPS,
    )
    assert not list(clone.glob("dist/demo*"))


@pytest.mark.requirement("X11")
def test_a_backend_that_is_not_pinned_is_refused(clone: Path, run_step: RunStep) -> None:
    text = (clone / "pyproject.toml").read_text()
    (clone / "pyproject.toml").write_text(text.replace('"hatch-vcs>=0.5"', '"hatch-vcs>=0.5", "flit-core"'))
    commit_all(clone)
    done = run_step(build_distributions)
    assert done.status == 1
    assert "flit-core" in done.lines[0]


@pytest.mark.requirement("P6.3")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project", "TOML"),
        ('[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n', "project"),
        ('[build-system]\nrequires = []\nbuild-backend = "nothing"\n', "nothing"),
    ],
)
def test_a_broken_pyproject_ends_in_four_lines(text: str, said: str, clone: Path, run_step: RunStep) -> None:
    (clone / "pyproject.toml").write_text(text)
    commit_all(clone)
    done = run_step(build_distributions)
    assert done.status == 1
    assert done.lines[0].startswith("`uv build --no-config --build-constraint ")
    assert said in done.lines[0]
    assert len(done.lines) == 4


@pytest.mark.requirement("P3.3")
def test_the_time_of_the_files_is_that_of_the_commit(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    def run(*_: object, env: dict[str, str], cwd: Path) -> str:
        assert cwd.is_dir()
        seen.update(env)
        (tmp_path / "dist").mkdir()
        return ""

    monkeypatch.setattr(build_distributions, "run", run)
    build_distributions.build_distributions(clone, tmp_path / "dist")
    assert seen == {"SOURCE_DATE_EPOCH": git(clone, "log", "-1", "--format=%ct")}
