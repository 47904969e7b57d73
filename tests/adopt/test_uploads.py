"""Which jobs upload: by any client, in any spelling, through any file of the repository."""

from __future__ import annotations

import configparser
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.uploads import elsewhere
from copier_pypi_release.workflow_files import load, workflows

from adopt.fixtures import write

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.workflow_files import PublishingJob

pytestmark = [pytest.mark.requirement("B2", "P9.2")]


def judged(root: Path, job: str, files: dict[str, str] | None = None) -> list[PublishingJob]:
    """The jobs of a workflow of one job that publish, or could."""
    body = indent(dedent(job), "    ")
    write(root, {".github/workflows/x.yml": f"on: push\njobs:\n  one:\n{body}", **(files or {})})
    workflow = load(root / ".github/workflows/x.yml")
    return [*workflow.publishing_jobs(), *workflow.doubtful_jobs()]


def run(command: str, **more: str) -> str:
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"{lines}steps:\n  - run: {command}\n"


@pytest.mark.parametrize(
    "command",
    [
        "python -m twine --no-color upload dist/*",
        "python3.12 -m twine upload --skip-existing dist/*",
        "uvx --from twine twine upload dist/*",
        "pipx run twine upload dist/*",
        "uv run --with twine twine --config-file .pypirc upload dist/*",
        "poetry -n publish",
        "poetry --no-interaction publish --build",
        "python -m poetry publish",
        "hatch -v publish",
        "python -m hatch --no-color publish",
        "flit -f flit.toml publish",
        "python -m flit publish",
        "uv --no-config publish",
        "pdm -v publish --no-build",
        "rye publish --yes",
        "maturin upload target/wheels/*",
        "maturin publish --no-sdist",
        "twine.exe upload dist/*",
        "$TWINE upload dist/*",
        "cd dist && twine upload *",
        "make dist; twine upload dist/*",
        "conda run -n build python3 -m twine upload dist/*",
        "py -m twine upload dist/*",
        "${{ env.PYTHON }} -m twine upload dist/*",
        "ls dist/*.whl | xargs twine upload",
        "docker run --rm -v $PWD:/w python:3 sh -c 'pip install twine && twine upload /w/dist/*'",
        "if [ -n $TOKEN ]; then twine upload dist/*; fi",
        "pipx run --spec twine==6.2 twine upload --non-interactive dist/*",
        ">-\n      python -m twine\n      upload\n      dist/*",
        "|\n      poetry config repositories.own https://test.pypi.org/legacy/\n      poetry publish -r own",
    ],
)
def test_every_client_in_every_spelling_is_seen(command: str, tmp_path: Path) -> None:
    index = "testpypi" if "test.pypi" in command else "pypi"
    assert [(j.index, j.certain) for j in judged(tmp_path, run(command))] == [(index, True)]


def using(action: str, **inputs: str) -> str:
    return f"steps:\n  - uses: {action}\n    with: {inputs}\n"


@pytest.mark.parametrize(
    "job",
    [
        using("nick-fields/retry@v3", command="twine upload dist/*", max_attempts="3"),
        using("docker://python:3.14", args="sh -c 'twine upload dist/*'"),
        using("someone/docker-run-action@v3", image="python", run="uv publish"),
        using("actions/github-script@v8", script="await exec.exec('twine upload dist/*')"),
        using("PyO3/maturin-action@v1", command="upload", args="--non-interactive *"),
        using("PyO3/maturin-action@v1", command="publish"),
        using("someone/actions-poetry@v1", args="publish --build"),
        "steps:\n  - run: $PUBLISH dist/*\n    env: {PUBLISH: twine upload}\n",
    ],
)
def test_commands_that_are_handed_over_are_seen(job: str, tmp_path: Path) -> None:
    assert [j.certain for j in judged(tmp_path, job)] == [True]


@pytest.mark.parametrize(
    "job",
    [
        using("PyO3/maturin-action@v1", command="build", args="--release --out dist"),
        using("nick-fields/retry@v3", command="pytest", timeout_minutes="5"),
        using("someone/actions-poetry@v1", args="install"),
        using("actions/upload-artifact@v7", name="publish", path="dist"),
    ],
)
def test_what_is_handed_over_and_uploads_nothing_is_left_alone(job: str, tmp_path: Path) -> None:
    assert judged(tmp_path, job) == []


@pytest.mark.parametrize(
    "uses",
    [
        "PyPA/GH-action-PyPI-Publish@v1",
        "octo-org/gh-action-pypi-publish@v1",
        "docker://ghcr.io/pypa/gh-action-pypi-publish:v1",
        "someone/publish-to-pypi@v2",
        "someone/poetry-publish@v2",
        "someone/pypi-upload-action@main",
        "someone/twine-upload@v1",
        "someone/pypi-auto-publish@v1",
        "someone/actions/release-pypi-public@v8",
        "relekang/python-semantic-release@master",
    ],
)
def test_actions_of_any_owner_and_letter_case_are_seen(uses: str, tmp_path: Path) -> None:
    assert [j.certain for j in judged(tmp_path, f"steps:\n  - uses: {uses}\n")] == [True]


TOX = """\
    [tox]
    envlist = py311, lint

    [testenv]
    commands = pytest {posargs}

    [testenv:release]
    skip_install = True
    deps = build
        twine
    commands =
        python -m build
        python -m twine upload dist/*
    """
NOX = """\
    import nox

    @nox.session
    def tests(session):
        session.install("pytest", "twine")
        session.run("pytest")

    @nox.session(name="ship-it", default=False)
    def ship(session):
        session.run("python", "-m", "twine", "upload", "dist/*")
    """
MAKE = """\
    .PHONY: test release
    test:
    \tpytest
    dist: clean
    \tpython -m build
    release: dist upload
    upload:
    \t@twine upload dist/*
    """
SH = "#!/bin/sh\nset -e\npython -m build\ntwine \\\n  --verbose upload dist/*\n"
SETUP = "import os, sys\n\nif sys.argv[-1] == 'publish':\n    os.system('twine upload dist/*')\n"
PY = 'import subprocess\n\nsubprocess.run(["twine", "upload", "dist/*"], check=True)\n'


@pytest.mark.parametrize(
    ("command", "files", "place"),
    [
        ("tox -e release", {"tox.ini": TOX}, "tox.ini:13"),
        ("uvx tox run -e lint,release", {"tox.ini": TOX}, "tox.ini:13"),
        (
            "tox -e release",
            {"pyproject.toml": "[tool.tox.env.release]\ncommands = [['twine', 'upload', 'dist/*']]\n"},
            "pyproject.toml:2",
        ),
        ("nox -s ship-it", {"noxfile.py": NOX}, "noxfile.py:10"),
        ("uvx nox --session=ship-it", {"noxfile.py": NOX}, "noxfile.py:10"),
        ("make release", {"Makefile": MAKE}, "Makefile:8"),
        ("make -C tools release", {"tools/Makefile": MAKE}, "tools/Makefile:8"),
        ("just publish", {"justfile": "publish:\n    uv publish\n"}, "justfile:2"),
        ("./scripts/release.sh", {"scripts/release.sh": SH}, "scripts/release.sh:4"),
        ("cd scripts && bash release.sh", {"scripts/release.sh": SH}, "scripts/release.sh:4"),
        ("python tools/publish.py", {"tools/publish.py": PY}, "tools/publish.py:3"),
        ("python -m tools.publish", {"tools/publish.py": PY}, "tools/publish.py:3"),
        ("inv release", {"tasks.py": 'def release(c):\n    c.run("uv publish")\n'}, "tasks.py:2"),
        ("make ship", {"Makefile": "ship:\n\ttox -e release\n", "tox.ini": TOX}, "tox.ini:13"),
        (
            "poe release",
            {"pyproject.toml": '[tool.poe.tasks]\nrelease = "flit publish"\n'},
            "pyproject.toml:2",
        ),
        (
            "hatch run release:upload",
            {"pyproject.toml": '[tool.hatch.envs.release.scripts]\nupload = "twine upload dist/*"\n'},
            "pyproject.toml:2",
        ),
        (
            "hatch run publish",
            {"hatch.toml": '[envs.default.scripts]\npublish = "twine upload dist/*"\n'},
            "hatch.toml:2",
        ),
        (
            "pdm release",
            {"pyproject.toml": "[tool.pdm.scripts]\nrelease = {composite = ['up']}\nup = 'uv publish'\n"},
            "pyproject.toml:3",
        ),
        ("uv run scripts/release.py", {"scripts/release.py": PY}, "scripts/release.py:3"),
        (
            "python tools/upload.py",
            {"tools/upload.py": "from twine.commands.upload import main\n\nmain(['dist/*'])\n"},
            "tools/upload.py:1",
        ),
    ],
)
def test_an_upload_behind_a_file_of_the_repository_is_seen_with_its_line(
    command: str, files: dict[str, str], place: str, tmp_path: Path
) -> None:
    (found,) = judged(tmp_path, run(command), files)
    assert found.certain
    assert found.how.startswith(place), found.how


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("tox", {"tox.ini": TOX}),
        ("tox -e lint", {"tox.ini": TOX}),
        ("pip install tox nox && tox -e py311", {"tox.ini": TOX, "noxfile.py": NOX}),
        ("nox", {"noxfile.py": NOX}),
        ("nox -s tests", {"noxfile.py": NOX}),
        ("make test", {"Makefile": MAKE}),
        ("make", {"Makefile": MAKE}),
        ("python scripts/check.py", {"scripts/check.py": 'print("now run twine upload dist/*")\n'}),
        ('echo "twine upload dist/*"', {}),
        ("poetry publish --dry-run", {}),
        ("pytest tests/test_upload.py", {"tests/test_upload.py": PY}),
        ("pip install twine uv", {}),
        ("gh release upload v1 dist/*", {}),
        ("npm run release-notes", {}),
        ("npm publish", {}),
        ("task test", {}),
        ("docker compose run tests", {}),
        ("gh workflow run publish.yml", {}),
        ("anaconda upload dist/*", {}),
        ("python setup.py test", {"setup.py": SETUP}),
        ("python setup.py sdist bdist_wheel", {"setup.py": SETUP}),
        ("twine upload --repository-url https://pypi.corp.example/simple dist/*", {}),
    ],
)
def test_what_uploads_nothing_to_pypi_is_left_alone(
    command: str, files: dict[str, str], tmp_path: Path
) -> None:
    assert judged(tmp_path, run(command), files) == []


def test_an_upload_in_a_local_action_is_seen(tmp_path: Path) -> None:
    action = "runs:\n  using: composite\n  steps:\n    - run: uv publish\n      shell: bash\n"
    (found,) = judged(
        tmp_path,
        "steps:\n  - uses: ./.github/actions/publish\n",
        {".github/actions/publish/action.yml": action},
    )
    assert (found.certain, found.how) == (True, ".github/actions/publish/action.yml:4 `uv publish`")


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("entrypoint.sh", "#!/bin/sh\ntwine upload dist/*\n", 2),
        ("index.js", "exec('twine upload dist/*');\n", 1),
        ("Dockerfile", "FROM python\nCMD twine upload dist/*\n", 2),
    ],
)
@pytest.mark.parametrize("using", ["docker", "node24", ""])
def test_an_upload_in_an_action_of_docker_or_node_is_seen(
    file: str, text: str, line: int, using: str, tmp_path: Path
) -> None:
    action = {"ship/action.yml": f"runs: {{using: {using}, main: index.js}}\n"} if using else {}
    (found,) = judged(tmp_path, "steps:\n  - uses: ./ship\n", {f"ship/{file}": text, **action})
    assert (found.certain, found.how.partition(" ")[0]) == (False, f"ship/{file}:{line}")


def test_an_environment_of_tox_that_the_job_names_is_seen(tmp_path: Path) -> None:
    (found,) = judged(tmp_path, "env: {TOXENV: release}\n" + run("tox"), {"tox.ini": TOX})
    assert found.how.startswith("tox.ini:13")


def test_all_secrets_for_a_called_linter_are_no_doubt(tmp_path: Path) -> None:
    job = "uses: o/r/.github/workflows/lint.yml@v1\nsecrets: inherit\n"
    assert judged(tmp_path, job) == []


def test_an_upload_in_a_called_workflow_is_one_of_the_caller_too(tmp_path: Path) -> None:
    called = "on: workflow_call\njobs:\n  up:\n    steps:\n      - run: twine upload dist/*\n"
    (found,) = judged(
        tmp_path, "uses: ./.github/workflows/called.yml\n", {".github/workflows/called.yml": called}
    )
    assert found.certain
    assert found.how.startswith(".github/workflows/called.yml:3")
    assert {j.file for w in workflows(tmp_path) for j in w.publishing_jobs()} == {"x.yml", "called.yml"}


# Runners whose files nobody reads here.
FOREIGN = (
    *("task publish", "duty release", "doit publish", "pants publish ::", "bazel run //:wheel.publish"),
    *(
        "pixi run publish",
        "mise run publish",
        "npm run release",
        "rye run release",
        "earthly --push +publish",
    ),
)


@pytest.mark.parametrize(
    ("job", "files", "why"),
    [
        (run("make wheels", permissions="{id-token: write}"), {}, "may ask for an identity"),
        (
            "steps:\n  - uses: someone/ship@v1\n    with: {key: '${{ secrets.PYPI_TOKEN }}'}\n",
            {},
            "holds a secret of an index",
        ),
        (run("./go", env="{TWINE_PASSWORD: '${{ secrets.KEY }}'}"), {}, "holds a secret of an index"),
        (
            "uses: other/repo/.github/workflows/publish.yml@v1\nsecrets: inherit\n",
            {},
            "calls other/repo/.github/workflows/publish.yml@v1",
        ),
        (run("make publish"), {}, "`make publish`"),
        (run("python ci.py test"), {"ci.py": PY}, "ci.py:3"),
        (run("python setup.py publish"), {"setup.py": SETUP}, "setup.py:4"),
        *((run(f"'{command}'"), {}, f"`{command}`") for command in FOREIGN),
        ("uses: o/r/.github/workflows/python.yml@v1\nsecrets: inherit\n", {}, "hands all secrets to o/r/"),
        (
            "uses: o/r/.github/workflows/test.yml@v1\nwith: {publish: true}\nsecrets: inherit\n",
            {},
            "hands all secrets to o/r/",
        ),
        (using("someone/do-it@v1", secrets="${{ toJson(secrets) }}"), {}, "hands over all secrets"),
        (run("./go", env="{P: \"${{ secrets['PYPI_TOKEN'] }}\"}"), {}, "holds a secret of an index"),
        (
            run("tox -e ${{ matrix.env }}", strategy="{matrix: {env: [py311, release]}}"),
            {"tox.ini": TOX},
            "tox.ini:13",
        ),
        (
            run("tox -e ${{ matrix.env }}", strategy="{matrix: '${{ fromJSON(needs.a.outputs.m) }}'}"),
            {"tox.ini": TOX},
            "tox.ini:13",
        ),
    ],
)
def test_what_is_not_certain_is_a_doubt_with_its_line(
    job: str, files: dict[str, str], why: str, tmp_path: Path
) -> None:
    (found,) = judged(tmp_path, job, files)
    assert not found.certain
    assert why in found.how
    assert found.place == ".github/workflows/x.yml:3"


@pytest.mark.parametrize(
    "step",
    [
        "uses: actions/deploy-pages@v4",
        "uses: codecov/codecov-action@v5",
        "uses: actions/attest-build-provenance@v2",
        "uses: aws-actions/configure-aws-credentials@v4",
    ],
)
def test_an_identity_for_something_else_is_no_doubt(step: str, tmp_path: Path) -> None:
    assert judged(tmp_path, f"permissions: {{id-token: write}}\nsteps:\n  - {step}\n") == []


def test_a_script_is_certain_where_the_job_holds_the_secret(tmp_path: Path) -> None:
    secret = run("python ci.py", env="{TWINE_PASSWORD: '${{ secrets.KEY }}'}")
    (found,) = judged(tmp_path, secret, {"ci.py": PY})
    assert (found.certain, found.trusted, found.secrets) == (True, False, ("KEY",))


def test_another_index_is_named_and_is_not_pypi() -> None:
    action = {
        "uses": "pypa/gh-action-pypi-publish@v1",
        "with": {"repository-url": "https://pypi.corp.example/up"},
    }
    assert elsewhere(action) == "https://pypi.corp.example/up"
    action["with"] = {"repository-url": "https://pypi.corp.example/${{ needs.build.outputs.name }}/upload"}
    assert elsewhere(action) == "https://pypi.corp.example/${{ needs.build.outputs.name }}/upload"
    action["with"] = {"repository-url": "https://${{ vars.INDEX }}/upload"}
    assert elsewhere(action) == ""  # nobody knows: it may be PyPI
    assert elsewhere({"run": "twine upload -r internal dist/*"}) == "internal"
    assert elsewhere({"run": "twine upload -r testpypi dist/*"}) == ""


@pytest.mark.parametrize("text", ["def x(:\n", "\x00\n", "(" * 500])
def test_a_script_that_cannot_be_read_breaks_nothing(text: str, tmp_path: Path) -> None:
    assert judged(tmp_path, run("python ci.py"), {"ci.py": text, "Makefile": text, "tox.ini": text}) == []


def test_files_outside_the_repository_and_loops_end(tmp_path: Path) -> None:
    write(tmp_path, {"outside/release.sh": SH})
    root = tmp_path / "repo"
    loop = {"a.sh": "./b.sh\n", "b.sh": "./a.sh\n", "Makefile": "release:\n\t$(MAKE) release\n"}
    assert judged(root, run("../outside/release.sh; ./a.sh; make release"), loop) == []


def test_a_script_that_a_matrix_calls_often_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script with hundreds of calls of tox, for each entry of a matrix: minutes, if each is read anew."""
    read: list[str] = []
    parse = configparser.RawConfigParser.read_string

    def counted(parser: configparser.RawConfigParser, text: str) -> None:
        read.append(text)
        parse(parser, text)

    monkeypatch.setattr(configparser.RawConfigParser, "read_string", counted)
    names = [f"py-web{number}" for number in range(30)]
    files = {
        "test.sh": "".join(f"tox -e {name}\n" for name in names),
        "tox.ini": "".join(f"[testenv:{name}]\ncommands = pytest\n" for name in names),
    }
    job = f"strategy:\n  matrix:\n    web: {names}\n" + run("./test.sh ${{ matrix.web }}")
    assert judged(tmp_path, job, files) == []
    assert read.count(files["tox.ini"]) == 1


@pytest.mark.parametrize(
    "command",
    [
        "sleep 60 # give the index time to make the new release available",
        "pytest  # then twine upload dist/*",
        "echo 'a' # make release",
    ],
)
def test_a_comment_that_ends_a_line_runs_nothing(command: str, tmp_path: Path) -> None:
    assert judged(tmp_path, f"steps:\n  - run: |\n      {command}\n", {"Makefile": "x:\n\ttrue\n"}) == []


@pytest.mark.parametrize(
    "command", ["echo '# x'; twine upload d", "X=a#b twine upload d", 'a " # " && uv publish']
)
def test_a_sign_inside_of_a_word_begins_no_comment(command: str, tmp_path: Path) -> None:
    assert len(judged(tmp_path, f"steps:\n  - run: |\n      {command}\n")) == 1
