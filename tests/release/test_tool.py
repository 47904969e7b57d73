"""tool.py: the template's tool, from the recorded address and commit, with a network or without."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tool
from release_lib import step
from support.programs import write_program
from support.rendering import ROOT, commit_all, git

from release.outcomes import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT = "0123456789" * 4
README = "See: .github/release/README.md"
EXPECTED = "Expected: in settings.toml, [template], an address that you can read, and a full commit there"
# A template whose tool says how it was started. Its build backend stands in the tree: nothing is downloaded.
BACKEND = """
import zipfile

INFO = "copier_pypi_release-1.dist-info/"
NAME = "copier_pypi_release-1-py3-none-any.whl"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/{NAME}", "w") as wheel:
        wheel.write("main.py", "copier_pypi_release/__main__.py")
        wheel.writestr(INFO + "METADATA", "Metadata-Version: 2.1\\nName: copier-pypi-release\\nVersion: 1\\n")
        wheel.writestr(INFO + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "RECORD", "")
    return NAME
"""
MAIN = """
import os, sys
print(os.getcwd(), sys.argv[1:], os.environ.get("VIRTUAL_ENV"), sep="|")
sys.exit(7)
"""


def make_repository(folder: Path, url: str, commit: str = COMMIT) -> Path:
    """A repository with nothing but the launcher and its settings; return the launcher."""
    release = folder / ".github/release"
    shutil.copytree(
        ROOT / "template/.github/release", release, ignore=shutil.ignore_patterns("*.jinja", "__pycache__")
    )
    (release / "settings.toml").write_text(f"[template]\nurl = '{url}'\ncommit = '{commit}'\n")
    return release / "tool.py"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str | Path]:
    """Where the launcher looks for a template, by the address in settings.toml."""
    monkeypatch.setattr(tool, "ROOT", tmp_path / "package")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my template").mkdir()

    def find(url: str) -> str | Path:
        path = tmp_path / "settings.toml"
        path.write_text(f"[template]\nurl = '{url}'\ncommit = '{COMMIT}'\n")
        found, commit = tool.find_template(path)
        assert commit == COMMIT
        return found

    return find


@pytest.mark.requirement("B9")
@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/o/t.git",
        "ssh://git@git.example:22/o/t.git",
        "https://user:word@git.example/o/t.git",
        "file://server/share/t.git",
        "file:///my%20template",
    ],
)
def test_a_url_is_what_uv_is_given(url: str, address: Callable[[str], str | Path]) -> None:
    assert address(url) == url


@pytest.mark.requirement("B9")
@pytest.mark.parametrize("url", ["{}/my template", "~/my template", "../my template", "{}/my template/"])
def test_a_local_folder_is_found(url: str, address: Callable[[str], str | Path], tmp_path: Path) -> None:
    assert address(url.format(tmp_path)) == tmp_path / "my template"


@pytest.mark.parametrize("url", [r"C:\templates\t", "C:/templates/t", r"..\t", r"\\server\share\t", "./t"])
def test_a_path_of_another_system_is_a_folder_and_no_address(
    url: str, address: Callable[[str], str | Path]
) -> None:
    assert isinstance(address(url), Path)


@pytest.mark.requirement("B9")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "settings.toml does not say where the template is: "),
        ("x = 1", "settings.toml does not say where the template is: 'template'"),
        ("template = 1", "settings.toml does not say where the template is: "),
        ("[template]\nurl = 'gh:o/t'", "settings.toml does not say where the template is: 'commit'"),
        ("[template]\nurl = 1\ncommit = ''", "settings.toml does not say where the template is: "),
        (
            "[template]\nurl = '~nobody-here/t'\ncommit = ''",
            "settings.toml does not say where the template is: ",
        ),
        (
            "[template]\nurl = 'gh:o/t'\ncommit = ''",
            "settings.toml does not name a commit of the template: ''",
        ),
        (
            "[template]\nurl = 'gh:o/t'\ncommit = 'v1.0'",
            "settings.toml does not name a commit of the template: 'v1.0'",
        ),
        ("[template]\nurl = 'gh:o/t'\ncommit = 7", "settings.toml does not name a commit of the template: 7"),
    ],
)
def test_settings_without_address_or_commit_end_in_four_lines(
    text: str | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    if text is not None:
        path.write_text(text)
    lines = refusal(lambda: tool.find_template(path))
    assert lines[0].startswith(said)
    assert lines[1] == EXPECTED
    assert lines[2].endswith("uvx copier update --defaults")
    assert lines[3] == README


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A stand-in for uv, which notes its arguments in a file and says what a test wants."""

    def install(printed: str, status: int = 0) -> Path:
        log, program = tmp_path / "arguments", tmp_path / "uv"
        write_program(
            program,
            "import sys\n"
            f"open({str(log)!r}, 'a').write('\\0'.join(sys.argv[1:]) + '\\n')\n"
            f"print({printed!r}, file=sys.stderr if {status} else sys.stdout)\nsys.exit({status})\n",
        )
        monkeypatch.setenv("UV", str(program))
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        return log

    return install


@pytest.mark.requirement("B9", "X11")
def test_the_tool_is_installed_from_the_commit_as_it_was_on_one_day(uv: Callable[..., Path]) -> None:
    log = uv(sys.executable)
    assert tool.find_python("https://git.example/t.git", COMMIT) == Path(sys.executable)
    arguments = log.read_text().strip().split("\0")
    assert arguments[:2] == ["tool", "run"]
    assert arguments[arguments.index("--from") + 1] == (
        f"copier-pypi-release @ git+https://git.example/t.git@{COMMIT}"
    )
    assert arguments[arguments.index("--exclude-newer") + 1] == tool.CUT_OFF
    assert "--offline" in arguments


@pytest.mark.requirement("B9")
def test_a_network_is_used_only_for_what_the_cache_lacks(uv: Callable[..., Path]) -> None:
    log = uv(sys.executable)
    tool.find_python("https://git.example/t.git", COMMIT)
    tool.find_python("https://git.example/t.git", COMMIT)
    assert len(log.read_text().splitlines()) == 1  # uv's answer was kept
    tool.find_python("https://git.example/t.git", "f" * 40)
    assert len(log.read_text().splitlines()) == 2
    uv("no such commit in the cache", 2)
    refusal(lambda: tool.find_python("https://git.example/other.git", COMMIT))
    assert ["--offline" in line for line in log.read_text().splitlines()[2:]] == [True, False]


def test_an_environment_that_was_removed_is_asked_for_again(uv: Callable[..., Path], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch()
    log = uv(str(python))
    tool.find_python("https://git.example/t.git", COMMIT)
    python.unlink()
    tool.find_python("https://git.example/t.git", COMMIT)
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.requirement("B9", "X3")
@pytest.mark.parametrize("user", ["", "token@", "user:word@", "user:w%40rd@"])
def test_an_address_that_cannot_be_reached_ends_in_four_lines_without_a_password(
    user: str, uv: Callable[..., Path]
) -> None:
    url = f"https://{user}git.example/t.git"
    uv(f"  \u00d7 Failed to resolve\n  ├─▶ Git operation failed\n  ╰─▶ unable to reach '{url}/'", 2)
    problem = "The template's tool cannot be installed from https://git.example/t.git"
    reason = "Failed to resolve | Git operation failed | unable to reach 'https://git.example/t.git/'"
    lines = refusal(lambda: tool.find_python(url, COMMIT))
    assert lines == (
        f"{problem}: {reason}",
        EXPECTED,
        f"Fix: run this again online; if the template has moved, {tool.MOVED}",
        README,
    )


@pytest.mark.requirement("B4", "B9")
@pytest.mark.parametrize(
    ("version", "printed", "old"),
    [
        (
            (3, 11, 2, "final", 0),
            "error: failed to download\n  cause: `https://x/cpython-3.15.2.tar.gz`",
            True,
        ),
        ((3, 11, 4, "final", 0), "error: No interpreter found for Python >=3.11.5 in managed ones", True),
        ((3, 11, 4, "final", 0), "error: Git operation failed", False),
        ((3, 11, 5, "final", 0), "error: failed to download `https://x/cpython-3.15.2.tar.gz`", False),
    ],
)
def test_an_older_python_starts_the_launcher_and_uv_brings_a_newer_one(
    version: tuple[object, ...],
    printed: str,
    *,
    old: bool,
    uv: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Debian 12 has 3.11.2. Where uv cannot fetch another, it is the launcher that says what to do."""
    monkeypatch.setattr(sys, "version_info", version)
    log = uv(printed, 2)
    lines = refusal(lambda: tool.find_python("https://git.example/t.git", COMMIT))
    arguments = log.read_text().splitlines()[-1].split("\0")
    wanted = arguments[arguments.index("--python") + 1]
    assert wanted == (sys.executable if version[2] == 5 else ">=3.11.5")
    assert lines[0].startswith("Python 3.11.") is old
    assert ("Fix: uv python install 3.14, or" in lines[2]) is old
    assert (lines[1] == EXPECTED) is not old


@pytest.mark.requirement("B9")
def test_a_folder_that_is_gone_ends_in_four_lines(uv: Callable[..., Path], tmp_path: Path) -> None:
    uv("not found", 2)
    assert refusal(lambda: tool.find_python(tmp_path / "gone", COMMIT)) == (
        f"The template's folder is not on this machine: {tmp_path}/gone",
        EXPECTED,
        f"Fix: {tool.MOVED}",
        README,
    )


@pytest.mark.requirement("B9")
@pytest.mark.parametrize("repository", [True, False])
def test_a_folder_without_the_commit_ends_in_four_lines(
    uv: Callable[..., Path], tmp_path: Path, *, repository: bool
) -> None:
    uv("not found", 2)
    folder = tmp_path / "template"
    folder.mkdir()
    if repository:
        (folder / "copier.yml").touch()
        commit_all(folder)
    assert refusal(lambda: tool.find_python(folder, COMMIT)) == (
        f"The template's folder lacks the commit {COMMIT[:12]}: {folder}",
        EXPECTED,
        f"Fix: {tool.UPDATE}",
        README,
    )


@pytest.fixture(scope="module")
def template_with_a_tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template's repository, in a folder with a blank in its name, with a tool that says how it runs."""
    folder = tmp_path_factory.mktemp("launcher") / "my template"
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND)
    (folder / "main.py").write_text(MAIN)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "copier-pypi-release"\nversion = "1"\n'
    )
    commit_all(folder)
    return folder


@pytest.mark.requirement("B9")
def test_the_tool_runs_in_the_root_and_keeps_running_when_its_address_is_gone(
    template_with_a_tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments and exit status pass through; code of the repository is never imported."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("UV", raising=False)
    repository = tmp_path / "the package"
    script = make_repository(
        repository, str(template_with_a_tool), git(template_with_a_tool, "rev-parse", "HEAD")
    )
    (repository / "copier_pypi_release").mkdir()
    (repository / "copier_pypi_release/__main__.py").write_text("raise SystemExit('of the repository')\n")
    (repository / "docs").mkdir()
    said = f"{repository}|['status', 'v1.0', '--a b']|None\n"
    command = ["uv", "run", "--no-config", "--quiet", str(script), "status", "v1.0", "--a b"]
    monkeypatch.chdir(repository / "docs")
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (first.returncode, first.stdout) == (7, said), first.stderr
    template_with_a_tool.rename(tmp_path / "moved away")
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (7, said, "")
    (answer,) = (tmp_path / "cache").rglob("environments-v*/tool-*/copier-pypi-release")
    answer.unlink()  # uv's own cache has it still
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (7, said, "")


@pytest.mark.requirement("B9")
def test_an_interrupted_tool_ends_in_its_own_way(uv: Callable[..., Path], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\ntrap 'sleep 0.6; echo done; exit 5' INT\necho ready\nwhile :; do sleep 0.05; done\n"
    )
    python.chmod(0o755)
    uv(str(python))
    script = make_repository(tmp_path / "package", "https://git.example/t.git")
    base = Path(sys.base_prefix) / "bin/python3"  # no environment to keep uv's answer in
    with subprocess.Popen(
        [str(base), str(script), "setup"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        assert running.communicate(timeout=20)[0] == "done\n"
        assert running.returncode == 5


@pytest.mark.parametrize(("status", "seen"), [(0, 0), (3, 3), (-15, 143)])
def test_the_status_of_the_tool_is_the_launchers(
    status: int, seen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = f"import os; os._exit({status}) if {status} >= 0 else os.kill(os.getpid(), -({status}))"
    run, handler = subprocess.run, signal.getsignal(signal.SIGINT)

    def start(_: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401
        return run([sys.executable, "-c", ends], **options)

    monkeypatch.setattr(tool, "find_template", lambda _: ("https://git.example/t.git", COMMIT))
    monkeypatch.setattr(tool, "find_python", lambda *_: Path(sys.executable))
    monkeypatch.setattr("tool.subprocess.run", start)
    with pytest.raises(SystemExit) as end:
        step.step(tool.main)
    signal.signal(signal.SIGINT, handler)
    assert end.value.code == seen


@pytest.mark.requirement("B9")
def test_a_rendered_package_records_where_its_tool_comes_from(
    template_repository: Path, tmp_path: Path
) -> None:
    from copier import run_copy  # noqa: PLC0415  (only here)

    package = tmp_path / "demo-pkg"
    run_copy(str(template_repository), package, data={"project_name": "demo-pkg"}, defaults=True, quiet=True)
    table = tomllib.loads((package / ".github/release/settings.toml").read_text())["template"]
    assert table == {"url": str(template_repository), "commit": git(template_repository, "rev-parse", "HEAD")}
    assert tool.find_template(package / ".github/release/settings.toml") == (
        template_repository,
        table["commit"],
    )
