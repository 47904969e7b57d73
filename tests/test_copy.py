"""Copier's own commands on this template, as a person runs them: copy, update, recopy."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from copier import run_copy
from copier._main import Worker
from packaging.requirements import Requirement
from packaging.version import Version
from support.rendering import ROOT, commit_all, copy_template, git, questions_of, render

if TYPE_CHECKING:
    from pytest_copier.plugin import CopierFixture

HERE = Path(sys.executable).parent
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # colours and movements of a terminal
AWKWARD = {
    "description": """{= 1 / 0 =} {% raw %} ${{ github.token }} "quoted" C:\\new 📅 לוח #1 *x* <b> & 'y'""",
    "author_name": 'Zoë "O\'Neil" \\',
    "tag_prefix": "my-package/v",
    "release_branches": "main release/**",
    "pypi_environment": "Release (PyPI)",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a git checkout with two versions, the second of which changes two files."""
    repository = copy_template(tmp_path_factory.mktemp("git") / "template")
    commit_all(repository, tag="v1.0.0")
    for name in ("RELEASING.md.jinja", "pyproject.toml.jinja"):
        with (repository / "template" / name).open("a", encoding="utf-8") as file:
            file.write("# Newer\n")
    commit_all(repository, "fix: newer", tag="v1.1.0")
    return repository


def copier(
    *arguments: str | Path, cwd: Path, status: int = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Copier as a process with nobody at the keyboard; it must end with the status."""
    command = [sys.executable, "-m", "copier", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def data(answers: dict[str, str]) -> list[str]:
    """Answers as options of Copier's command line."""
    return [word for name, answer in answers.items() for word in ("--data", f"{name}={answer}")]


def files(folder: Path) -> dict[str, bytes]:
    """The files of a package by their paths, without git's own."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    inside = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {path: content for path, content in inside.items() if not path.startswith(".git/")}


# ---- Copy -------------------------------------------------------------------------------------------


@pytest.mark.requirement("B5")
def test_a_copy_from_a_git_checkout_needs_no_trust(checkout: Path, template: Path, tmp_path: Path) -> None:
    copier("copy", "--defaults", "--vcs-ref", "v1.0.0", checkout, "demo-pkg", cwd=tmp_path)
    copied, rendered = files(tmp_path / "demo-pkg"), files(render(template, tmp_path / "plain"))
    stored, expected = (
        yaml.safe_load(copied.pop(".copier-answers.yml")),
        rendered.pop(".copier-answers.yml"),
    )
    recorded, plain = (template_in(package) for package in (copied, rendered))
    assert copied == rendered
    assert stored.pop("_commit") == "v1.0.0"
    assert stored == {**yaml.safe_load(expected), "_src_path": str(checkout)}
    assert recorded == {"url": str(checkout), "commit": git(checkout, "rev-parse", "v1.0.0")}
    assert plain == {"url": str(template), "commit": ""}, "a plain folder has no commit"


def template_in(package: dict[str, bytes]) -> dict[str, str]:
    """What settings.toml says about the template; the rest of the file stays in the package."""
    path = ".github/release/settings.toml"
    text = package[path].decode()
    table: dict[str, str] = tomllib.loads(text)["template"]
    package[path] = text.partition("[template]")[0].encode()
    return table


@pytest.mark.requirement("B9")
@pytest.mark.parametrize("tagged", [True, False])
def test_a_draft_of_the_template_is_not_recorded_as_a_commit(tmp_path: Path, tagged: bool) -> None:
    """Copier commits what is not committed in a clone of its own: no repository has that commit."""
    repository = copy_template(tmp_path / "template")
    commit = commit_all(repository, tag="v1.0.0" if tagged else None)
    copy = ("copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", repository)
    copier(*copy, "clean", cwd=tmp_path)
    (repository / "template/README.md.jinja").write_text("A draft\n", encoding="utf-8")
    copier(*copy, "draft", cwd=tmp_path)
    assert (tmp_path / "draft/README.md").read_text(encoding="utf-8") == "A draft\n"
    assert template_in(files(tmp_path / "clean"))["commit"] == commit
    assert template_in(files(tmp_path / "draft"))["commit"] == ""


def test_a_commit_is_recorded_from_any_kind_of_clone(checkout: Path, tmp_path: Path) -> None:
    """From a folder whose last commit was made there, from a clone of it, and from an address."""
    git(tmp_path, "clone", "--quiet", str(checkout), "clone")
    commit = git(checkout, "rev-parse", "v1.1.0")
    for number, address in enumerate([str(checkout), str(tmp_path / "clone"), f"git+{checkout.as_uri()}"]):
        copier("copy", "--quiet", "--defaults", address, str(number), cwd=tmp_path)
        url = address.removeprefix("git+")
        assert template_in(files(tmp_path / str(number))) == {"url": url, "commit": commit}


@pytest.mark.requirement("B5")
def test_the_template_asks_copier_for_nothing_that_runs_code() -> None:
    config = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    assert {key for key in config if key.startswith("_")} == {
        "_answers_file",
        "_envops",
        "_exclude",
        "_message_after_copy",
        "_message_after_update",
        "_min_copier_version",
        "_skip_if_exists",
        "_subdirectory",
        "_templates_suffix",
    }


def test_the_oldest_copier_that_is_declared_renders_the_same(template: Path, tmp_path: Path) -> None:
    oldest = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))["_min_copier_version"]
    assert Version(oldest) >= Version("9.18"), "older ones ignore some patterns of _exclude"
    command = ["uv", "tool", "run", "--quiet", f"copier=={oldest}", "copy", "--quiet", "--defaults"]
    subprocess.run([*command, *data(AWKWARD), template, "demo-pkg"], cwd=tmp_path, env=path(), check=True)
    assert files(tmp_path / "demo-pkg") == files(render(template, tmp_path / "new", AWKWARD))


def path() -> dict[str, str]:
    """The environment, with the programs beside this Python on PATH."""
    return {**os.environ, "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.requirement("B3")
def test_two_copies_are_the_same_bytes(template: Path, tmp_path: Path) -> None:
    """A value that differs for every copy would be a conflict in every update."""
    one, two = (files(render(template, tmp_path / name, AWKWARD)) for name in ("one", "two folders/deep"))
    assert one == two


def test_personal_settings_of_copier_give_defaults_and_no_more(checkout: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text(
        "defaults: {author_name: 'Ada, or not', repository_owner: octo-org}\n", encoding="utf-8"
    )
    variables = {"COPIER_SETTINGS_PATH": str(settings)}
    refused = copier("copy", "--defaults", checkout, "demo-pkg", cwd=tmp_path, status=1, env=variables)
    assert refused.stderr.splitlines()[-1].endswith("two authors")
    assert [file.name for file in tmp_path.iterdir()] == ["settings.yml"]
    settings.write_text(
        "defaults: {author_name: Ada Lovelace, repository_owner: octo-org}\n", encoding="utf-8"
    )
    copier("copy", "--defaults", checkout, "demo-pkg", cwd=tmp_path, env=variables)
    stored = yaml.safe_load((tmp_path / "demo-pkg/.copier-answers.yml").read_text(encoding="utf-8"))
    assert (stored["author_name"], stored["repository_owner"]) == ("Ada Lovelace", "octo-org")


def test_a_copy_over_a_package_stops_before_it_changes_a_file(checkout: Path, tmp_path: Path) -> None:
    """Without --overwrite Copier asks for each differing file; with nobody to ask it stops there."""
    package = tmp_path / "demo-pkg"
    run_copy(str(checkout), package, defaults=True, quiet=True, vcs_ref="v1.0.0")
    for name in ("README.md", "pyproject.toml", "src/demo_pkg/__init__.py"):
        (package / name).write_text("# mine\n", encoding="utf-8")
    mine = files(package)
    done = copier(
        "copy", "--quiet", "--defaults", "--vcs-ref", "v1.0.0", checkout, package, cwd=tmp_path, status=1
    )
    assert "--overwrite" in done.stderr
    assert files(package) == mine


def test_pytest_copier_gets_what_a_checkout_gives(
    copier: CopierFixture, template: Path, tmp_path: Path
) -> None:
    copied = files(copier.copy(tmp_path / "demo-pkg", **AWKWARD).path)
    rendered = files(render(template, tmp_path / "plain", AWKWARD))
    assert copied.pop(".copier-answers.yml") != rendered.pop(".copier-answers.yml"), "where it came from"
    assert template_in(copied)["commit"] != template_in(rendered)["commit"]
    assert copied == rendered


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """What pytest-copier takes of this repository."""
    return ["copier.yml", "extensions", "template"]


def test_a_person_is_asked_every_question_with_its_help_and_corrected(checkout: Path, tmp_path: Path) -> None:
    """Enter takes each default; a bad answer is not taken, and is told why, before the next question."""
    questions = {
        n: q for n, q in questions_of(checkout).items() if q.get("when", True) and q.get("ask", True)
    }
    keyboard, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))  # lines, columns
    command = [sys.executable, "-m", "copier", "copy", "--vcs-ref", "v1.0.0", str(checkout), "demo-pkg"]
    environment = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "dumb"}
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        try:
            for name, question in questions.items():
                read_until(keyboard, *question["help"].splitlines())
                if name == "import_name":
                    os.write(keyboard, b" class\r")
                    read_until(keyboard, "like my_package; the import name 'demo_pkg class'")
                    os.write(keyboard, b"\x15demo_pkg")  # Ctrl-U takes back what was typed
                os.write(keyboard, b"\r")
            read_until(keyboard, 'RELEASING.md, "Before the first release"')
            with contextlib.suppress(OSError):  # the end of the program
                while os.read(keyboard, 4096):
                    pass
        finally:
            os.close(keyboard)  # ends a program that still waits for an answer
        assert process.wait() == 0
    by_hand = files(tmp_path / "demo-pkg")
    run_copy(str(checkout), tmp_path / "again/demo-pkg", defaults=True, quiet=True, vcs_ref="v1.0.0")
    assert by_hand == files(tmp_path / "again/demo-pkg")


def read_until(terminal: int, *texts: str) -> None:
    """Read what a terminal shows until all texts were there; fail with it if they do not come."""
    shown = ""
    while not all(text in (plain := CONTROL.sub("", shown)) for text in texts):
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"nothing more came after:\n{plain}"
        try:
            shown += os.read(terminal, 4096).decode("utf-8", errors="replace")
        except OSError:
            pytest.fail(f"the program ended after:\n{plain}")


# ---- What to do next --------------------------------------------------------------------------------


def commands_in(message: str) -> list[str]:
    """The indented lines of a message, which a reader pastes."""
    return [line.strip() for line in message.splitlines() if line.startswith("  ")]


def rendered_message(done: subprocess.CompletedProcess[str]) -> str:
    """What a copy of demo-pkg says at its end."""
    return done.stderr[done.stderr.index("demo-pkg is rendered") :]


@pytest.mark.requirement("U7")
def test_the_commands_that_a_copy_ends_with_run_as_printed(checkout: Path, tmp_path: Path) -> None:
    """The last one creates a repository on GitHub: gh takes it and asks for a login."""
    folder = "it's a new package"
    done = copier("copy", "--defaults", "--data", "project_name=demo-pkg", checkout, folder, cwd=tmp_path)
    message = rendered_message(done)
    commands = commands_in(message)
    words = [shlex.split(command) for command in commands]
    assert [word[0] for word in words] == ["cd", "git", "git", "uv", "uvx", "gh"]
    assert words[3][2:] == [".github/release/tool.py", "rehearse"]  # tests/test_first_minutes.py
    assert max(map(len, message.splitlines())) <= 80
    ran = run_as_pasted(commands[:3] + commands[5:], tmp_path)
    assert ran.returncode == 4, ran.stdout + ran.stderr  # no login; gh knows every option
    assert "gh auth login" in ran.stderr
    assert "2 passed" in ran.stdout
    assert git(tmp_path / folder, "log", "--format=%s") == "feat: the first version"
    assert git(tmp_path / folder, "status", "--porcelain") == ""


@pytest.mark.requirement("U7")
@pytest.mark.parametrize(("named", "committed"), [("{}", False), ("../{}", True)], ids=["folder", "relative"])
def test_a_guessed_owner_is_corrected_by_the_printed_command(
    checkout: Path, tmp_path: Path, named: str, committed: bool
) -> None:
    """With the other answers, from the package's folder, wherever the template was named from."""
    source = named.format(os.path.relpath(checkout, tmp_path) if committed else checkout)
    (tmp_path / "here").mkdir()
    answers = data({"project_name": "demo-pkg", "license": "Apache-2.0"})
    done = copier("copy", "--defaults", *answers, source, "../demo-pkg", cwd=tmp_path / "here")
    message, package = rendered_message(done), tmp_path / "demo-pkg"
    assert "The owner on GitHub, demo-pkg, is a guess." in message
    (command,) = (line for line in commands_in(message) if line.endswith(" --data repository_owner=NAME"))
    assert command.startswith("uvx copier ")
    if committed:
        commit_all(package)
    again = shlex.split(command.replace("NAME", "octo-org"))[2:]
    message = rendered_message(copier(*again, cwd=package))
    assert "guess" not in message
    assert [shlex.split(line)[0] for line in commands_in(message)] == ["git", "git", "uv", "gh"]
    assert "gh repo create octo-org/demo-pkg" in message
    stored = yaml.safe_load((package / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (stored["repository_owner"], stored["license"]) == ("octo-org", "Apache-2.0")
    pyproject = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["urls"]["Source"] == "https://github.com/octo-org/demo-pkg"


@pytest.mark.requirement("U7")
def test_what_is_missing_is_said_and_nothing_is_rehearsed_of_a_draft(tmp_path: Path, template: Path) -> None:
    """A plain folder has no commit that the tool could be run from."""
    done = copier("copy", "--defaults", "--data", "project_name=demo-pkg", template, "new", cwd=tmp_path)
    message = rendered_message(done)
    assert "rehearse" not in message
    assert "This needs gh (https://cli.github.com)" in message
    (tmp_path / "programs").mkdir()
    for name in ("bash", "git"):
        (tmp_path / "programs" / name).symlink_to(shutil.which(name) or name)
    ran = run_as_pasted(commands_in(message), tmp_path, PATH=str(tmp_path / "programs"))
    assert [line for line in ran.stderr.splitlines() if "not found" in line] == [
        f"bash: line {number}: {name}: command not found"
        for number, name in ((3, "uv"), (4, "uvx"), (5, "gh"))
    ]


def run_as_pasted(commands: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, as a shell does with what is pasted, whatever fails."""
    environment = {**path(), **variables}
    environment |= {"GH_CONFIG_DIR": str(folder / "gh"), "GH_PROMPT_DISABLED": "1"}
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(
        ["bash", "-c", "\n".join(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.requirement("U7")
def test_without_a_git_identity_git_says_so_and_nothing_goes_on(checkout: Path, tmp_path: Path) -> None:
    nobody = tmp_path / "gitconfig"
    nobody.write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    owner = ("--data", "repository_owner=octo-org")
    done = copier(
        "copy", "--defaults", "--data", "project_name=demo-pkg", *owner, checkout, "new", cwd=tmp_path
    )
    message = rendered_message(done)
    assert "guess" not in message
    ran = run_as_pasted(commands_in(message)[:3], tmp_path, GIT_CONFIG_GLOBAL=str(nobody))
    assert ran.returncode != 0
    assert "git config --global user.email" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert not (tmp_path / "new/.venv").exists()  # uv run did not even begin


@pytest.mark.requirement("B2")
def test_a_copy_over_a_package_ends_with_the_command_that_adopts_it(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "it's a package"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "demo-pkg"\nversion = "1"\n', encoding="utf-8")
    done = copier("copy", "--defaults", checkout, folder.name, cwd=tmp_path)
    message = done.stderr[done.stderr.index("This folder had a package in it") :]
    enter, adopt = (shlex.split(line) for line in message.splitlines() if line.startswith("  "))
    assert enter == ["cd", folder.name]
    assert adopt == ["uvx", "--from", f"{checkout.resolve()}[adopt]", "copier-pypi-release", "adopt"]


ADDRESSES = {
    "gh:octo-org/template": "https://github.com/octo-org/template",
    "gh:/octo-org/template.git": "https://github.com/octo-org/template.git",
    "gl:octo-org/sub/template": "https://gitlab.com/octo-org/sub/template",
    "https://git.example.org/template.git": "https://git.example.org/template.git",
    "git+https://git.example.org/template": "https://git.example.org/template",
    "git@git.example.org:octo-org/template.git": "ssh://git@git.example.org/octo-org/template.git",
    "ssh://git@git.example.org/octo-org/template.git": "ssh://git@git.example.org/octo-org/template.git",
}


@pytest.mark.requirement("B2")
@pytest.mark.parametrize(("address", "expected"), ADDRESSES.items())
def test_the_tool_comes_from_the_address_and_the_commit_of_the_template(
    template: Path, tmp_path: Path, address: str, expected: str
) -> None:
    environment = Worker(src_path=str(template), dst_path=Path("unused"), quiet=True).jinja_env
    source = environment.from_string(
        "{% from pathjoin('extensions', 'rules.jinja') import tool_source %}"
        "{= tool_source(url, 'adopt', {'src_path': folder, 'vcs_ref_hash': commit}) =}"
    )
    told = Requirement(source.render(url=address, folder=tmp_path, commit="a" * 40))
    assert (told.name, told.extras) == ("copier-pypi-release", {"adopt"})
    assert told.url == f"git+{expected}@{'a' * 40}"
    assert Requirement(source.render(url=address, folder=tmp_path, commit=None)).url == f"git+{expected}"
    recorded = environment.from_string(
        "{% from pathjoin('extensions', 'rules.jinja') import address_of %}{= address_of(url) =}"
    )
    assert recorded.render(url=address) == expected  # in settings.toml, for tool.py
    again = environment.from_string(
        "{% from pathjoin('extensions', 'rules.jinja') import rendered_again %}{= rendered_again(url) =}"
    )
    assert again.render(url=address) == "uvx copier recopy --overwrite --defaults"


@pytest.mark.parametrize("way", ["{}", "./template", "../{parent}/template"])
def test_the_tool_comes_from_a_folder_however_it_is_named(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = Worker(src_path=str(template), dst_path=Path("unused"), quiet=True).jinja_env
    source = environment.from_string(
        "{% from pathjoin('extensions', 'rules.jinja') import tool_source %}"
        "{= tool_source(url, 'adopt', {'src_path': '/', 'vcs_ref_hash': None}) =}"
    )
    address = way.format(tmp_path / "template", parent=tmp_path.name)
    assert source.render(url=address) == f"{tmp_path / 'template'}[adopt]"


# ---- Update -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rendered(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package with awkward answers, committed, by the version of the template; not to be changed."""
    root = tmp_path_factory.mktemp("rendered")
    packages = {version: root / version / "demo-pkg" for version in ("v1.0.0", "v1.1.0")}
    for version, folder in packages.items():
        run_copy(str(checkout), folder, data=AWKWARD, defaults=True, quiet=True, vcs_ref=version)
        commit_all(folder)
    return packages


@pytest.fixture
def package(rendered: dict[str, Path], tmp_path: Path) -> Path:
    """A package of the template's first version."""
    return Path(shutil.copytree(rendered["v1.0.0"], tmp_path / "demo-pkg"))


@pytest.fixture(scope="module")
def fresh(rendered: dict[str, Path]) -> dict[str, bytes]:
    """The files of the same package, rendered from the template's second version."""
    return files(rendered["v1.1.0"])


@pytest.mark.requirement("U7")
def test_an_update_ends_with_commands_that_run_as_printed(package: Path) -> None:
    done = copier("update", "--defaults", cwd=package)
    message = done.stderr[done.stderr.index("What the update changed is in your working tree") :]
    assert max(map(len, message.splitlines())) <= 80
    diff, check, commit = commands_in(message)
    assert shlex.split(check)[-4:] == ["run", ".github/release/tool.py", "doctor", "--offline"]
    ran = run_as_pasted([f"{diff} --stat", commit], package)
    assert ran.returncode == 0, ran.stderr
    assert "RELEASING.md" in ran.stdout
    assert git(package, "status", "--porcelain") == ""


@pytest.mark.requirement("B3", "B5")
def test_an_update_of_an_untouched_package_equals_a_fresh_one(package: Path, fresh: dict[str, bytes]) -> None:
    copier("update", "--quiet", "--defaults", cwd=package)
    assert files(package) == fresh
    changed = git(package, "diff", "--name-only").splitlines()
    assert changed == [
        ".copier-answers.yml",
        ".github/release/settings.toml",  # the commit of the template
        "RELEASING.md",
        "pyproject.toml",
    ]


@pytest.mark.requirement("B3")
def test_an_update_keeps_the_edits_of_the_user(package: Path, fresh: dict[str, bytes]) -> None:
    readme = (package / "README.md").read_text(encoding="utf-8") + "\nMine.\n"
    pyproject = (
        (package / "pyproject.toml")
        .read_text(encoding="utf-8")
        .replace("dependencies = []", 'dependencies = ["rich"]')
    )
    (package / "README.md").write_text(readme, encoding="utf-8")
    (package / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    commit_all(package, "feat: mine")
    copier("update", "--quiet", "--defaults", cwd=package)
    edited = {"README.md": readme.encode(), "pyproject.toml": (pyproject + "# Newer\n").encode()}
    assert files(package) == {**fresh, **edited}


@pytest.mark.requirement("B3")
def test_a_recopy_of_an_untouched_package_equals_a_fresh_one(package: Path, fresh: dict[str, bytes]) -> None:
    copier("recopy", "--quiet", "--defaults", "--overwrite", cwd=package)
    assert files(package) == fresh


def test_answers_are_kept_by_an_update_and_changed_by_asking(package: Path) -> None:
    copier("update", "--quiet", "--defaults", "--data", "release_notes=towncrier", cwd=package)
    stored = yaml.safe_load((package / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert {name: stored[name] for name in AWKWARD} == AWKWARD
    assert stored["release_notes"] == "towncrier"
    assert (package / "changelog.d").is_dir()


def test_a_package_rendered_by_the_command_of_the_readme_can_be_updated(
    checkout: Path, tmp_path: Path
) -> None:
    """A relative path of the template would be looked for inside the package."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if " copier copy " in line)
    arguments = command.partition(" copier copy ")[2]
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(checkout), str(clone))
    run = f"{shlex.quote(sys.executable)} -m copier copy --quiet --vcs-ref v1.0.0 {arguments}"
    subprocess.run(["bash", "-euc", run], cwd=clone, check=True)
    package = tmp_path / "my-package"
    commit_all(package)
    copier("update", "--quiet", "--defaults", cwd=package)
    assert b"# Newer" in (package / "RELEASING.md").read_bytes()
