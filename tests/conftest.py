"""What every test stands on: no setting of the developer's reaches it, and the template to render."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Before they are imported, so that an assertion in them says what it compared.
pytest.register_assert_rewrite(
    "adopt.adoption",
    "adopt.fixtures",
    "commands.local_github",
    "drill.cibuildwheel_stand_in",
    "drill.maintainer",
    "emulator",
    "support",
    "updates.changes",
    "updates.template_versions",
)

from build_distributions import build_distributions  # noqa: E402
from support.marks import marked_tests  # noqa: E402
from support.rendering import ROOT, commit_all, copy_template, render  # noqa: E402
from support.sharing import once  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adopt.adoption import Adoptions


# Modules whose tests share nothing in memory, so that each goes to whoever is free.
ALONE = {
    f"tests/drill/test_{name}.py"
    for name in ("adopted", "variants", "updates", "commands", "scenarios", "guards")
}
# What is begun first, the longest first, so that no worker is alone at the end. Everything else follows, then
# the other scenarios, which are short and fill the gaps.
FIRST = (
    "tests/test_combinations.py",
    "tests/updates/test_matrix.py",
    "tests/drill/test_variants.py",
    "tests/drill/test_compiled.py",
    "tests/drill/test_adopted.py",
    "tests/test_questions.py",
    "tests/emulator/test_scheduler.py",
    "tests/drill/test_updates.py",
    "tests/emulator/test_actions.py",
    "tests/drill/test_commands.py::test_from_an_empty",
    "tests/drill/test_commands.py::test_the_commands",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of documents that are made (`up_to_date`), of their tests, and of docs/drill.md."""
    parser.addoption(
        "--refresh-docs", action="store_true", help="write the documents made from product and tests"
    )
    parser.addoption(
        "--real-actions", metavar="FOLDER", help="run the code that emulator.real_actions laid out"
    )
    parser.addoption(
        "--list-marks", action="store_true", help="print the rows that each collected test proves"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let sandboxes have the real actions."""
    if folder := config.getoption("real_actions"):
        from emulator.sandbox import Sandbox  # noqa: PLC0415  (tests without a sandbox need none of it)

        Sandbox.real_actions = Path(folder)


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Who gets which tests: a module stays on one worker, which makes its fixtures once; see `ALONE`.

    What takes long to make for several modules is shared between workers, too; see `support.sharing`.
    """

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False  # by number of tests, which says little
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if module in ALONE else module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest, and last the scenarios that take little."""

    def place(item: pytest.Item) -> int:
        for number, start in enumerate(FIRST):
            if item.nodeid.startswith(start):
                return number
        return len(FIRST) + (item.nodeid.partition("::")[0] in ALONE)

    items.sort(key=place)


def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than processors: of its time in a drill, a worker computes for half."""
    return (os.cpu_count() or 1) + 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Share out the tests between workers, see `Shares`."""
    return Shares(config, log)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print, as one line of JSON, what each test proves."""
    if session.config.getoption("--list-marks"):
        print("MARKS " + json.dumps(marked_tests(session.items)))


# Variables that change what git, pip, uv, Copier or a release script do; a test sets what it needs.
FOREIGN = ("GIT_", "GITHUB_", "GH_", "RUNNER_", "UV_PROJECT", "SETUPTOOLS_SCM_", "COPIER_", "TAG", "COMMIT")
# Those by which gh, pytest and others see that they run in CI, where they word things otherwise; and the part
# of the tests that a job of CI runs, which is not for the pytest of a rendered package.
AUTOMATION = {"CI", "BUILD_NUMBER", "RUN_ID", "PYTEST_ADDOPTS"}
# Those by which programs decide on colours, the width of lines, and the editor or pager that they open.
TERMINAL = {
    *("FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "TTY_COMPATIBLE"),
    *("TTY_INTERACTIVE", "COLUMNS", "LINES", "TERM", "EDITOR", "VISUAL", "PAGER"),
}


@pytest.fixture(autouse=True, scope="session")
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give git and Copier settings of the tests' own, and drop what would steer a release script."""
    settings = tmp_path_factory.mktemp("settings")
    gitconfig = settings / "gitconfig"  # a real file: git renames a new one over it
    gitconfig.write_text(
        "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    (settings / "copier.yml").write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name in AUTOMATION | TERMINAL:
                patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", str(gitconfig))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("COPIER_SETTINGS_PATH", str(settings / "copier.yml"))
        yield


@pytest.fixture
def up_to_date(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a document with what it should be, or write it when --refresh-docs is given."""

    def check(path: Path, wanted: str) -> None:
        if request.config.getoption("--refresh-docs"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        assert found == wanted, f"refresh it: uv run pytest {request.path.relative_to(ROOT)} --refresh-docs"

    return check


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a plain folder."""
    with once(tmp_path_factory, __name__, "template") as (folder, missing):
        if missing:
            copy_template(folder)
    return folder


@pytest.fixture(scope="session")
def default_package(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package rendered with the default answers, committed and tagged v0.1.0; not to be changed."""
    with once(tmp_path_factory, __name__, "default") as (folder, missing):
        if missing:
            commit_all(render(template, folder / "demo-pkg"), tag="v0.1.0")
    return folder / "demo-pkg"


@pytest.fixture(scope="session")
def compiled_package(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an extension module; not to be changed."""
    with once(tmp_path_factory, __name__, "compiled") as (folder, missing):
        if missing:
            commit_all(render(template, folder / "demo-pkg", {"compiled": True}), tag="v0.1.0")
    return folder / "demo-pkg"


@pytest.fixture(scope="session")
def compiled_distributions(compiled_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with its sdist and the wheel that this machine compiles of it; not to be changed."""
    with once(tmp_path_factory, __name__, "compiled-distributions") as (folder, missing):
        if missing:
            build_distributions(compiled_package, folder)
    return folder


@pytest.fixture(scope="session")
def template_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a git repository of its own, with a version."""
    with once(tmp_path_factory, __name__, "template-repository") as (repository, missing):
        if missing:
            commit_all(copy_template(repository), tag="v1.0.0")
    return repository


@pytest.fixture(scope="session")
def adoptions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template_repository: Path
) -> Iterator[Adoptions]:
    """The adopted packages; those that this run needs are begun at once."""
    from adopt.adoption import Adoptions  # noqa: PLC0415  (the tool, which most tests do not need)
    from adopt.fixtures import SHAPES  # noqa: PLC0415

    with once(tmp_path_factory, __name__, "adopted") as (folder, missing):
        if missing:
            folder.mkdir()
    made = Adoptions(folder, template_repository)
    for item in request.session.items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        shape = params.get("adoption") or params.get("adopted")
        if shape in SHAPES:
            made.announce(shape)
    yield made
    made.pool.shutdown(cancel_futures=True)
