"""Whose verdict on a commit counts, and what tests a package where no workflow does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt.ci import Gate, runs_tests, starts_for, tasks_of
from copier_pypi_release.adopt.repository import read_repository
from copier_pypi_release.workflow_files import parse

from adopt.fixtures import CI, PROJECT, TRUSTED, UV_TABLE, common, publisher_of, repository, workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("S2", "P1.1")


@pytest.mark.parametrize(
    ("script", "tests"),
    [
        ("pytest", True),
        ("uv run --frozen pytest -q", True),
        ("python -m pytest tests", True),
        ("python -m unittest discover", True),
        ("tox", True),
        ("uvx --with tox-uv tox -e py311,lint", True),
        ("nox -s tests-3.11", True),
        ("make check", True),
        ("make -C src test", True),
        ("hatch test --cover", True),
        ("hatch run test:cov", True),
        ("hatch run +py=${{ matrix.py || matrix.python-version }} test:with-coverage", True),
        ("make lint-check test", True),
        ("make type-check", False),
        ("coverage run -m pytest", True),
        ("./ci/run_tests.sh", True),
        ("poe test", True),
        ("make ci", True),
        ("scripts/test", True),
        ("pip install pytest tox nox", False),
        ("uv tool install tox", False),
        ("tox -e lint", False),
        ("tox -e docs,mypy", False),
        ("tox -e release", False),
        ("nox -s lint", False),
        ("ruff check", False),
        ("pre-commit run --all-files", False),
        ("mypy src", False),
        ("make docs", False),
        ("echo pytest", False),
        ("exit 1", False),
        ("apk add git", False),
        ("Get-ChildItem | Remove-Item", False),
        # What only looks like a test: of files, of installers, of options, of targets.
        ("cat pytest.ini", False),
        ("git add tests/test_x.py", False),
        ("ruff check tests/test_a.py", False),
        ("black --check tests/test_x.py", False),
        ("apk add py3-pytest", False),
        ("sudo apt-get install python3-pytest", False),
        ("mamba install pytest", False),
        ("python -c 'import pytest'", False),
        (": pytest", False),
        ("pytest --version", False),
        ("pytest --collect-only -q", False),
        ("tox -l", False),
        ("tox -e py312 --notest", False),
        ("nox --list-sessions", False),
        ("hatch fmt --check", False),
        ("hatch run types:check", False),
        ("make typecheck", False),
        ("make check-manifest", False),
        ("make -C docs check", False),
        ("make test-deps", False),
        ("poe lint-check", False),
        # And what is one, in other words.
        ("conda run -n ci pytest", True),
        ("pixi run -e py312 tests", True),
        ("python tests/test_all.py", True),
        ("PYTHONPATH=src bash ci/run-tests.sh", True),
        ("make build-and-test", True),
    ],
)
def test_tests_are_told_from_linters_and_installers(script: str, *, tests: bool) -> None:
    assert runs_tests(script) is tests


@pytest.mark.parametrize(
    ("on", "tests"),
    [
        ("push", True),
        ("[push, pull_request]", True),
        ("pull_request", False),
        ("{push: {branches: [main]}}", True),
        ("{push: {branches: main}}", True),
        ("{push: {branches: ['**']}}", True),
        ("{push: {branches: ['**', '!main']}}", False),
        ("{push: {branches: [develop]}}", False),
        ("{push: {branches-ignore: [gh-readonly-queue/**], tags: ['**']}}", True),
        ("{push: {branches-ignore: [main]}}", False),
        ("{push: {tags: ['v*']}}", False),
        ("{push: {tags: ['v*'], branches: [main]}}", True),
        ("{push: {paths: [src/**]}}", True),
        ("{schedule: [{cron: '0 0 * * *'}]}", False),
    ],
)
def test_what_a_push_to_the_release_branch_starts(on: str, *, tests: bool) -> None:
    assert starts_for(parse("x.yml", f"on: {on}\njobs: {{}}\n"), "main") is tests


def gate_of(root: Path, files: dict[str, str], folder: str = "") -> Gate:
    plain = {k: v for k, v in common().items() if not k.startswith(".github")}
    made = repository(root / "demo-pkg", {**plain, "pyproject.toml": UV_TABLE + PROJECT, **files})
    return read_repository(made / folder).gate


def workflow(*commands: str, on: str = "push", **keys: str) -> str:
    more = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    steps = "".join(f"      - run: {command}\n" for command in commands)
    return f"on: {on}\njobs:\n  one:\n    runs-on: ubuntu-latest\n{more}    steps:\n{steps}"


@pytest.mark.parametrize(
    ("python", "more", "pythons"),
    [
        ("${{ matrix.python }}", {"strategy": "{matrix: {python: ['3.12', '3.13']}}"}, ("3.12", "3.13")),
        ("${{ matrix.python }}", {"strategy": "{matrix: {python: '${{ fromJSON(inputs.all) }}'}}"}, ()),
        ("${{ matrix.python }}", {"strategy": "{matrix: '${{ fromJSON(needs.plan.outputs.all) }}'}"}, ()),
        ("${{ env.PYTHON }}", {}, ()),
        ("3.11", {}, ("3.11",)),
    ],
)
def test_pythons_that_only_a_run_knows_are_not_replaced_by_those_of_another_job(
    python: str, more: dict[str, str], pythons: tuple[str, ...], tmp_path: Path
) -> None:
    setup = f"      - {{uses: actions/setup-python@v6, with: {{python-version: '{python}'}}}}\n"
    other = "  two:\n    steps:\n      - {uses: actions/setup-python@v6, with: {python-version: '3.11'}}\n"
    text = f"{workflow('pytest', **more)}{setup}{other}      - run: pytest\n"
    wanted = tuple(dict.fromkeys((*pythons, "3.11"))) if pythons else ()
    assert gate_of(tmp_path, named(ci=text)).pythons == wanted


def named(**texts: str) -> dict[str, str]:
    return {f".github/workflows/{name}.yml": text for name, text in texts.items()}


def test_every_workflow_that_tests_pushes_counts_and_nothing_else_does(tmp_path: Path) -> None:
    files = named(
        unit=workflow("pytest"),
        windows=workflow("nox -s tests", **{"runs-on-too": "windows"}),
        integration=workflow("make integration-test"),
        system=workflow("tox"),
        lint=workflow("ruff check", "pre-commit run -a"),
        docs=workflow("tox -e docs"),
        nightly=workflow("pytest", on="{schedule: [{cron: '0 0 * * *'}]}"),
        publish=TRUSTED,
    )
    gate = gate_of(tmp_path, files)
    assert gate.files == ("integration.yml", "system.yml", "unit.yml", "windows.yml")
    assert gate.commands == ()
    assert ".github/workflows/unit.yml:3" in gate.found_in
    assert gate.others == (".github/workflows/nightly.yml:3 tests no push to main",)


def test_nothing_of_a_workflow_becomes_a_command(tmp_path: Path) -> None:
    odd = workflow("exit 1", "apk add gcc", "rm poetry.lock", "pytest", container="alpine")
    gate = gate_of(tmp_path, named(odd=odd))
    assert (gate.files, gate.commands) == (("odd.yml",), ())


def test_a_linter_spares_no_tests(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, named(ci=workflow("pip install ruff pytest", "ruff check")))
    assert (gate.files, gate.commands[-1], gate.found_in) == ((), "pytest", "tests/")


def test_a_publisher_is_no_test(tmp_path: Path) -> None:
    tox = "[tox]\nenvlist = release\n\n[testenv:release]\ncommands = twine upload dist/*\n"
    job = (
        "  release:\n    if: startsWith(github.ref, 'refs/tags/')\n    steps:\n      - run: tox -e release\n"
    )
    gate = gate_of(tmp_path, {**named(ci=workflow("pytest") + job), "tox.ini": tox})
    assert (gate.files, gate.commands) == (("ci.yml",), ())


@pytest.mark.parametrize(
    ("files", "command", "place"),
    [
        ({"tox.ini": "[tox]\nenvlist = py311, lint\n[testenv]\ncommands = pytest\n"}, "uvx tox", "tox"),
        (
            {
                "noxfile.py": "import nox\n@nox.session\ndef tests(s):\n    s.run('pytest')\n"
                "@nox.session\ndef publish(s):\n    s.run('twine', 'upload', 'dist/*')\n"
            },
            "uvx nox -s tests",
            "noxfile.py",
        ),
        ({"Makefile": "test:\n\tpytest\nrelease: test\n\ttwine upload dist/*\n"}, "make test", "Makefile"),
        ({"Makefile": "check:\n\ttwine upload dist/*\n"}, "pytest", "tests/"),
        (
            {"tox.ini": "[tox]\nenvlist = release\n[testenv:release]\ncommands = uv publish\n"},
            "pytest",
            "tests/",
        ),
        ({}, "pytest", "tests/"),
    ],
)
def test_without_ci_a_command_is_found_that_uploads_nothing(
    files: dict[str, str], command: str, place: str, tmp_path: Path
) -> None:
    gate = gate_of(tmp_path, files)
    assert (gate.files, gate.commands[-1], gate.found_in) == ((), command, place)


def test_ci_that_tests_in_a_shell_script_counts(tmp_path: Path) -> None:
    files = named(ci=workflow("./.github/scripts/build.sh --all"), docs=workflow("bash docs/make.sh"))
    files |= {".github/scripts/build.sh": "set -e\npytest\n", "docs/make.sh": "mkdocs build\n"}
    assert gate_of(tmp_path, files).files == ("ci.yml",)


@pytest.mark.parametrize(
    ("command", "tests"),
    [
        ("just cov", True),
        ("just python=${{ format('python{0}', matrix.python-version) }} clean=false cov", True),
        ("make all", True),
        ("make docs", False),
        ("hatch run full", True),
        ("hatch run a:full", True),
        ("poe full", True),
        ("pdm run full", True),
        ("poe manual", False),
    ],
)
def test_ci_that_tests_behind_a_target_or_a_task_counts(command: str, tmp_path: Path, *, tests: bool) -> None:
    files = {
        "Justfile": "cov *args: clean\n    uv run coverage run -m pytest {{args}}\nclean:\n    rm -f x\n",
        "Makefile": "all: unit\nunit:\n\t$(PYTHON) -m pytest\ndocs:\n\tsphinx-build docs html\n",
        "pyproject.toml": PROJECT
        + UV_TABLE
        + '[tool.hatch.envs.a.scripts]\nfull = ["inner"]\ninner = "pytest"\n'
        + '[tool.poe.tasks]\nfull = ["inner"]\ninner.cmd = "pytest"\nmanual = "mkdocs"\n'
        + '[tool.pdm.scripts]\nfull = {composite = ["inner"]}\ninner = "pytest"\n',
    }
    gate = gate_of(tmp_path, {**named(ci=workflow(command)), **files})
    assert gate.files == (("ci.yml",) if tests else ())


@pytest.mark.parametrize(
    "odd", ["tool = 1", "tool.poe.tasks = 'x'", "tool.pdm = ['x']", "tool.hatch.envs.a = 1"]
)
def test_tables_that_are_none_have_no_tasks(odd: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"{odd}\n")
    assert tasks_of(tmp_path) == {}


def test_ci_that_tests_through_what_it_calls_counts(tmp_path: Path) -> None:
    caller = "on: push\njobs:\n  go:\n    uses: ./.github/workflows/suite.yml\n"
    suite = workflow("tox -e ${{ matrix.env }}", on="workflow_call")
    action = "runs:\n  using: composite\n  steps:\n    - run: pytest\n      shell: bash\n"
    through = "on: push\njobs:\n  one:\n    steps:\n      - uses: ./.github/actions/suite\n"
    files = named(caller=caller, suite=suite, through=through)
    gate = gate_of(tmp_path, {**files, ".github/actions/suite/action.yml": action})
    assert gate.files == ("caller.yml", "through.yml")


@pytest.mark.parametrize(
    ("job", "step", "result"),
    [
        ({"if": False}, {}, "nowhere"),
        ({"if": "${{ false }}"}, {}, "nowhere"),
        (
            {"if": "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"},
            {},
            "nowhere",
        ),
        ({"if": "github.event_name != 'push'"}, {}, "nowhere"),
        ({"if": "startsWith(github.ref, 'refs/tags/v')"}, {}, "nowhere"),
        ({}, {"if": "github.event_name == 'pull_request'"}, "nowhere"),
        ({}, {"if": False}, "nowhere"),
        ({"continue-on-error": True}, {}, "forgiven"),
        ({}, {"continue-on-error": True}, "forgiven"),
        ({}, {"run": "pytest || true"}, "forgiven"),
        ({"if": "github.ref == 'refs/heads/main' || startsWith(github.ref, 'refs/tags/')"}, {}, "counts"),
        ({"if": "${{ !startsWith(github.ref, 'refs/tags/') }}"}, {}, "counts"),
        ({"continue-on-error": "${{ matrix.experimental }}"}, {}, "counts"),
        ({"if": "github.event_name == 'push' || github.event_name == 'pull_request'"}, {}, "counts"),
        ({}, {"run": "pytest --durations=5 || exit 1"}, "counts"),
    ],
)
def test_tests_that_a_push_skips_or_forgives_count_for_nothing(
    job: dict[str, Any], step: dict[str, Any], result: str, tmp_path: Path
) -> None:
    one = {"runs-on": "ubuntu-latest", **job, "steps": [{"run": "pytest", **step}]}
    gate = gate_of(tmp_path, named(ci=json.dumps({"on": "push", "jobs": {"one": one}})))
    assert gate.files == (("ci.yml",) if result == "counts" else ())
    assert bool(gate.commands) is (result != "counts")
    said = (".github/workflows/ci.yml:1 one passes where its tests fail",)
    assert gate.others == (said if result == "forgiven" else ())


def test_a_workflow_that_some_paths_skip_is_said(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, named(ci=workflow("pytest", on="{push: {paths-ignore: [docs/**]}}")))
    assert gate.files == ("ci.yml",)
    assert gate.others[0].startswith(".github/workflows/ci.yml:3 is skipped for some paths")


def test_of_several_packages_the_own_ci_counts(tmp_path: Path) -> None:
    workflows = named(
        alpha=CI.replace("run: pytest", "run: pytest packages/alpha"),
        beta=CI.replace("run: pytest", "run: pytest packages/beta"),
        whole=CI,
        publish=publisher_of("alpha"),
    )
    root = workspace(tmp_path / "mono", "alpha", "beta", workflows=workflows)
    gate = read_repository(root / "packages/alpha").gate
    assert gate.files == ("alpha.yml", "ci.yml", "whole.yml")
