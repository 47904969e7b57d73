"""Packages that existed before, adopted, and their next release executed.

Six are released, each with everything real. They are all that differ in what a release runs:

- *target*: the changelog, the gate (`make check`), tags that are not on the default branch, the name;
- *setuptools-cfg*, for the ten that are rendered the same workflow and the same settings but for names
  of files (setuptools, Poetry, flit, PDM, hatchling and flat packages, and the one inside a namespace);
- *uv-build*: tags without a prefix;
- *monorepo*: a project in a sub-directory, a workflow and tags with names of their own;
- *no-tests*: no CI to ask, a gate that only compiles, notes made from the commits;
- *several-publishers*: its own names of both environments.

The ten differ in what is built. So each of them goes here through the job `build`, and through the step of
`test` that depends on what was built: the sdist, installed where there is no git. Their gate is that of
*setuptools-cfg*, also Poetry's: both shapes run pip and pytest, as their CI does. The CI of these packages
uses actions that have no stand-in, so it never passes here, and each release runs the gate itself.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from adopt.fixtures import PACKAGES
from rendering import commit_all, git

from drill.conftest import CACHE, TOOLS, compile_cached, once, script_requirements
from drill.project import OWNER, Project
from drill.test_commands import failing, forms, status
from drill.wheelhouse import fill, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoptions

    from drill.world import IndexName, World

# What the packages need to run, and their gates; hatchling asks for editables where `pip install -e` builds.
NEEDED = {
    *("mssql-python>=0.13", "azure-identity>=1.15", "tenacity>=8.2", "requests>=2.31"),
    *("pytest>=8", "ruff>=0.8", "mypy>=1.13", "pre-commit>=4", "pip==26.3", "editables"),
}
# The environment on PyPI's form, filled in long before the adoption; None: never published before.
RELEASED: dict[str, str | None] = {
    "target": "pypi",
    "setuptools-cfg": "pypi",
    "uv-build": "pypi",
    "monorepo": None,
    "no-tests": None,
    "several-publishers": "production",
}


OLDER = {"packaging>=23.1,<24"}  # Poetry's caret


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release scripts, the packages and their gates install: "the rest of the index"."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    for wanted in (script_requirements() | set(TOOLS) | NEEDED, OLDER):
        for wheel in fill(wanted, CACHE / "wheelhouse").glob("*.whl"):
            folder.joinpath(wheel.name).symlink_to(wheel)
    return folder


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of uv of its own: uv remembers what an index lists, and this one lists more."""
    folder = CACHE / "uv-adopted"
    folder.mkdir(parents=True, exist_ok=True)
    with once(tmp_path_factory, "bytecode") as (compiled, missing):
        if missing:
            compile_cached(folder)  # what an earlier session has left there
            compiled.mkdir()
    return folder


def settings_of(root: Path) -> dict[str, Any]:
    """What the release scripts know about an adopted package."""
    return tomllib.loads((root / ".github/release/settings.toml").read_text(encoding="utf-8"))


def machinery(root: Path) -> tuple[dict[str, Any], bytes]:
    """What a release does, but for what it builds: the settings without names of files, the workflow."""
    settings = settings_of(root)
    release = root / ".github/workflows" / settings["release-workflow"]
    return settings | {"import-name": "", "version-file": ""}, release.read_bytes()


def write_notes(root: Path, settings: dict[str, Any], version: str) -> None:
    """Write the section of a version into the changelog, if the notes come from there."""
    changelog = root / settings.get("folder", "") / settings["changelog"]
    if settings["release-notes"] == "changelog":
        title, _, rest = changelog.read_text(encoding="utf-8").partition("\n")
        changelog.write_text(f"{title}\n\n## {version}\n\n- Released by tag.\n{rest}", encoding="utf-8")


def register(project: Project, index: IndexName, form: dict[str, str]) -> None:
    """Fill in the form of an index, with the values that set_up.py prints."""
    assert form["Workflow name"] == project.workflow
    project.register_publisher(index, form["Environment name"])


@pytest.mark.requirement("B2", "P9.2", "P8.1", "P8.2", "P1.1", "P3.3", "B1")
@pytest.mark.parametrize("adopted", RELEASED)
def test_the_next_release_of_an_adopted_package(
    adopted: str, adoptions: Adoptions, new_world: World, tmp_path: Path
) -> None:
    """Adopted, committed, tagged: released through the publisher that PyPI has known all along."""
    made = adoptions.copy(adopted, tmp_path)
    settings = settings_of(made.root)
    version = PACKAGES[adopted].tag.removeprefix(settings["tag-prefix"])
    project = Project(
        new_world,
        tag=PACKAGES[adopted].tag,
        tag_prefix=settings["tag-prefix"],
        environments=(settings["environments"]["testpypi"], settings["environments"]["pypi"]),
        workflow="publish.yml" if RELEASED[adopted] else "release.yml",
        name=made.root.name,
    )
    new_world.github.create_repo(OWNER, project.name)
    # As it was before: pushed long ago, with a publisher on PyPI.
    bare = new_world.github.git_dir(project.repository)
    git(made.root, "push", "--quiet", bare, "main", "--tags")
    if before := RELEASED[adopted]:
        project.index("pypi").put(write_wheel(tmp_path, project.name, "0.0.1"))
        project.register_publisher("pypi", before)
    write_notes(made.root, settings, version)
    git(made.root, "remote", "remove", "origin")
    made.root.rename(project.clone)
    project.shell(
        f"git remote add origin https://github.com/{project.repository}",
        "git config credential.helper '!gh auth git-credential'",
        "git add --all && git commit --quiet --message 'feat!: release by tag'",
        "git push --quiet --set-upstream origin main",
    )
    set_up, _ = project.shell_blocks("before-the-first-release")
    testpypi, pypi = forms(project.shell(f"printf '\\ny\\n' | {set_up}"))
    register(project, "testpypi", testpypi)
    if before is None:
        register(project, "pypi", pypi)
    assert pypi["Environment name"] == (before or "pypi")
    project.release().approve().is_released(twice=False)
    assert settings["checks"]["gate"][-1] in project.log("test")
    if adopted == "target":
        assert "complete draft" in status(project)["next"]["state"]
        assert failing(project) == {"hardened"}  # its own CI, left alone, pins no action


@pytest.mark.requirement("B2", "P1.3", "P3.3", "P6.2")
@pytest.mark.parametrize("adopted", [shape for shape in PACKAGES if shape not in RELEASED])
def test_an_adopted_package_is_built_as_in_a_release(
    adopted: str, adoptions: Adoptions, world: World, tmp_path: Path
) -> None:
    """What a release builds of it has the version of the tag, and installs where there is no git."""
    root = adoptions.copy(adopted, tmp_path).root
    assert machinery(root) == machinery(adoptions["setuptools-cfg"].root)
    commit = commit_all(root, "feat!: release by tag", tag=PACKAGES[adopted].tag)
    git(root, "update-ref", "refs/remotes/origin/main", commit)  # as if it were pushed
    steps = (
        "build_distributions.py --out ../dist",
        "check_distributions.py ../dist",
        "install_distribution.py ../dist --sdist",
    )
    done = world.run(
        ["bash", "-euc", "\n".join(f"uv run .github/release/{step}" for step in steps)],
        cwd=root,
        env={"TAG": PACKAGES[adopted].tag, "COMMIT": commit},
    )
    assert "demo-pkg 2.0.0 was installed and imported" in done.stdout
