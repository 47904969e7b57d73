"""Uploads that no workflow of GitHub's makes: another service's, and those that somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.outside import Outside, uploads_outside
from support.rendering import commit_all

from adopt.adoption import run_adopt
from adopt.fixtures import make, repository, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.requirement("B2", "P9.2")]


def found(root: Path, files: dict[str, str]) -> list[Outside]:
    """What uploads in a repository of some files."""
    return uploads_outside(repository(root / "demo", files, tags=()))


@pytest.mark.parametrize(
    ("file", "text", "line", "service"),
    [
        (".gitlab-ci.yml", "publish:\n  script:\n    - twine upload dist/*\n", 3, "GitLab CI"),
        (".gitlab-ci.yml", "publish:\n  script: make release\n", 2, "GitLab CI"),
        (".gitlab-ci.yml", "release:\n  script:\n    - twine \\\n      upload dist/*\n", 3, "GitLab CI"),
        (".gitlab/ci/release.yml", "release:\n  script: [uv publish]\n", 2, "GitLab CI"),
        (".circleci/config.yml", "jobs:\n  x:\n    steps:\n      - run: poetry publish\n", 4, "CircleCI"),
        (
            "azure-pipelines.yml",
            "steps:\n- script: |\n    twine upload -r pypi dist/*\n",
            3,
            "Azure Pipelines",
        ),
        (".azure-pipelines/out.yml", "steps:\n- bash: ci/out.sh\n", 2, "Azure Pipelines"),
        (".travis.yml", "deploy:\n  provider: pypi\n  on:\n    tags: true\n", 2, "Travis CI"),
        ("appveyor.yml", 'deploy_script:\n  - ps: "flit publish"\n', 2, "AppVeyor"),
        ("bitbucket-pipelines.yml", "- step:\n    script:\n      - tox -e out\n", 3, "Bitbucket Pipelines"),
        ("Jenkinsfile", "stage('out') {\n  sh 'twine upload dist/*'\n}\n", 2, "Jenkins"),
        ("ci/Jenkinsfile.release", "sh 'make release'\n", 1, "Jenkins"),
        (".drone.yml", "steps:\n- name: out\n  image: plugins/pypi\n", 3, "Drone"),
        (".woodpecker.yml", "steps:\n  out:\n    image: woodpeckerci/plugin-pypi\n", 3, "Woodpecker"),
        (".woodpecker/out.yaml", "steps:\n  out:\n    commands: [hatch publish]\n", 3, "Woodpecker"),
        (".cirrus.yml", "out_task:\n  script: twine upload dist/*\n", 2, "Cirrus CI"),
        (".forgejo/workflows/x.yml", "      - uses: pypa/gh-action-pypi-publish@v1\n", 1, "Forgejo"),
        (".zuul.yaml", "- project:\n    templates:\n      - publish-openstack-to-pypi\n", 3, "Zuul"),
        (".craft.yml", "targets:\n  - name: github\n  - name: pypi\n", 3, "Craft"),
        (".kokoro/release.sh", "#!/bin/sh\ntwine upload dist/*\n", 2, "Kokoro"),
    ],
)
def test_what_another_service_uploads_is_found(
    tmp_path: Path, file: str, text: str, line: int, service: str
) -> None:
    more = {
        "Makefile": "release:\n\ttwine upload dist/*\n",
        "ci/out.sh": "twine upload dist/*\n",
        "tox.ini": "[testenv:out]\ncommands = twine upload dist/*\n",
    }
    (one,) = [one for one in found(tmp_path, {file: text, **more}) if one.service]
    assert (one.file, one.line, one.service) == (file, line, service)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".gitlab-ci.yml", "test:\n  script: [tox, make test]\n"),
        (".gitlab-ci.yml", "# twine upload dist/*\nx:\n  script: echo twine upload\n"),
        (".gitlab-ci.yml", "x:\n  script: twine upload --repository-url ${CI_API_V4_URL}/pypi dist/*\n"),
        (
            ".gitlab-ci.yml",
            "x:\n  variables:\n    TWINE_REPOSITORY_URL: ${CI_API_V4_URL}/pypi\n  script: twine upload d/*\n",
        ),
        (".gitlab-ci.yml", "x:\n  script: twine upload --repository testpypi dist/*\n"),
        (".travis.yml", "deploy:\n  provider: pages\n"),
        ("Jenkinsfile", "// sh 'twine upload dist/*'\nsh 'make test'\n"),
        (".craft.yml", "targets:\n  - name: github\n  - name: registry\n    sdks: {'pypi:x': {}}\n"),
        (".zuul.yaml", "- project:\n    templates:\n      - publish-openstack-docs-pti\n"),
        ("Makefile", "test:\n\tpytest\nrelease:\n\tgit push --tags\n"),
        ("Makefile", "release:\n\t@echo run twine upload\n\ttwine upload --repository testpypi d/*\n"),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["twine", "uploader"]\n'),
        ("docs/release.sh", "twine upload dist/*\n"),
        ("tests/test_release.py", "import subprocess\nsubprocess.run(['twine', 'upload'])\n"),
        (".github/release/tool.py", "import subprocess\nsubprocess.run(['twine', 'upload'])\n"),
        ("release.py", "print('twine upload dist/*')\n"),
        ("noxfile.py", "- " * 20_000),  # too deep for Python
    ],
)
def test_what_uploads_nothing_to_pypi_is_not_named(tmp_path: Path, file: str, text: str) -> None:
    assert found(tmp_path, {file: text}) == []


ANOTHER = "TWINE_REPOSITORY_URL: ${CI_API_V4_URL}/pypi"


@pytest.mark.parametrize(
    ("file", "text", "lines"),
    [
        (".gitlab-ci.yml", f"x:\n  variables:\n    {ANOTHER}\n  script: uv build\ny:\n  script: {{}}\n", [6]),
        (".gitlab-ci.yml", f"y:\n  script: {{}}\nx:\n  script: {{}}\n  variables:\n    {ANOTHER}\n", [2]),
        (".gitlab-ci.yml", f"y:\n  script: {{}}\nvariables:\n  {ANOTHER}\n", []),
        (
            ".gitlab-ci.yml",
            f"y:\n  variables:\n    TWINE_REPOSITORY: pypi\n  script: {{}}\nvariables:\n  {ANOTHER}\n",
            [4],
        ),
        (
            ".circleci/config.yml",
            f"jobs:\n  x:\n    environment:\n      {ANOTHER}\n    run: {{}}\n  y:\n    run: {{}}\n",
            [7],
        ),
        (
            "Jenkinsfile",
            "a {\n b {\n  environment { TWINE_REPOSITORY = 'testpypi' }\n  sh '{}'\n }\n c {\n  sh '{}'",
            [7],
        ),
    ],
)
def test_an_index_that_one_job_names_says_nothing_of_another(
    tmp_path: Path, file: str, text: str, lines: list[int]
) -> None:
    upload = "twine upload dist/*"
    assert [one.line for one in found(tmp_path, {file: text.replace("{}", upload)})] == lines


@pytest.mark.parametrize(
    ("file", "text", "line", "what"),
    [
        ("Makefile", "release: dist\n\t@twine upload dist/*\n", 2, "twine upload dist/*"),
        ("justfile", "release:\n    uv publish\n", 2, "uv publish"),
        ("tox.ini", "[testenv:release]\ncommands =\n  twine upload d/*\n", 3, "twine upload d/*"),
        ("tox.toml", '[env.out]\ncommands = [["twine", "upload", "d/*"]]\n', 2, "twine upload d/*"),
        ("noxfile.py", "def out(session):\n    session.run('twine', 'upload', 'd')\n", 2, "twine upload d"),
        ("tasks.py", "def out(c):\n    c.run('flit publish')\n", 2, "flit publish"),
        (
            "setup.py",
            "import os, sys\nos.system('{0} -m twine upload d'.format(sys.executable))\n",
            2,
            "{0} -m twine upload d",
        ),
        ("tbump.toml", '[[after_push]]\nname = "Out"\ncmd = "poetry publish"\n', 3, "poetry publish"),
        ("pyproject.toml", '[tool.poe.tasks]\nout = "hatch publish"\n', 2, "hatch publish"),
        ("package.json", '{"scripts": {\n  "out": "twine upload dist/*"\n}}\n', 2, "twine upload dist/*"),
        (".releaserc.json", '{"plugins": [["x", {\n"publishCmd": "uv publish"}]]}\n', 2, "uv publish"),
        ("scripts/release.sh", "set -e\npython -m build\ntwine upload dist/*\n", 3, "twine upload dist/*"),
        ("release.ps1", "& $bin\\twine.exe upload d/*\n", 1, "$bin\\twine.exe upload d/*"),
        ("tools/release.py", "import os\nos.system('twine upload d')\n", 2, "twine upload d"),
    ],
)
def test_what_somebody_types_is_found(tmp_path: Path, file: str, text: str, line: int, what: str) -> None:
    assert found(tmp_path, {file: text}) == [Outside(file, line, what)]


def test_adoption_names_both_and_what_to_do(tmp_path: Path, template_repository: Path) -> None:
    """A service's is a step before the merge; a person's is told. Those of another package are its own."""
    root = make("setuptools-scm", tmp_path)
    write(
        root,
        {
            ".gitlab-ci.yml": "release:\n  script:\n    - twine upload dist/*\n",
            "Makefile": "release:\n\ttwine upload dist/*\n",
            "other/pyproject.toml": '[project]\nname = "other"\nversion = "1"\n',
            "other/Makefile": "release:\n\ttwine upload dist/*\n",
        },
    )
    commit_all(root, "chore: release by other means")
    status, output = run_adopt(root, "--yes", "--template", str(template_repository))
    assert status == 0, output
    step = "Take the upload out of .gitlab-ci.yml:3 (twine upload dist/*), which GitLab CI runs: it would"
    assert f" 1. {step} publish beside the release." in output
    flat = " ".join(output.split())
    told = (
        "- Makefile:2 (twine upload dist/*) uploads when somebody runs it: push a tag instead, and take the"
    )
    assert f"{told} upload out." in flat
    assert "other/Makefile" not in output
