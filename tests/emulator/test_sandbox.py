"""A sandbox: what is inside, what is outside, and what is left behind."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator import sandbox as sandbox_module
from emulator.progress import Stalled
from emulator.sandbox import CommandFailed, Sandbox, SandboxUnavailable, unshare

pytestmark = pytest.mark.requirement("B1")

_INHERITED = {"PATH", "PYTHONPATH"}


def _machine() -> dict[str, object]:
    """Describe what a sandbox could change or leave behind on the machine."""
    return {
        "mounts": Path("/proc/self/mounts").read_text("utf-8"),
        "hosts": Path("/etc/hosts").read_text("utf-8"),
        "null": Path("/dev/null").stat().st_ino,
    }


def _processes_of(root: Path) -> list[str]:
    """Return the command lines of all processes that name the sandbox's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended in between
            continue
        if str(root) in words:
            found.append(" ".join(words))
    return found


@pytest.fixture(params=[False, True], ids=["root", "ordinary user"])
def user_namespace(request: pytest.FixtureRequest) -> bool:
    """Start a sandbox in both ways; who is not root has only one."""
    return bool(request.param) or os.geteuid() != 0


def test_it_answers_for_the_public_names_and_for_no_other(tmp_path: Path, user_namespace: bool) -> None:
    with Sandbox(tmp_path / "sandbox", user_namespace=user_namespace) as sandbox:
        web = sandbox.hosts("pypi").web
        answer = sandbox.run(["curl", "--silent", "--show-error", f"https://{web}/simple/"])
        assert json.loads(answer.stdout)["projects"] == []
        started = time.monotonic()
        other = sandbox.run(["curl", "--silent", "-S", "https://example.com/"], check=False)
        assert "Could not resolve host: example.com" in other.stderr
        assert time.monotonic() - started < 1, "it asked a name server outside"
        first, *others = [(r["method"], r["host"], r["path"], r["status"]) for r in sandbox.journal()]
        assert first == ("GET", web, "/simple/", 200)
        assert set(others) == {("DNS", "example.com", "", 0)}


@pytest.mark.parametrize(
    "client",
    [
        ["git", "ls-remote", "https://WEB/simple/.git"],
        ["uv", "pip", "install", "--target", "there", "nothing-of-that-name"],
        ["python", "-m", "pip", "download", "nothing-of-that-name"],
        ["gh", "api", "--hostname", "WEB", "simple"],
        ["curl", "https://WEB/simple/.git"],
    ],
    ids=lambda argv: argv[0] if argv[0] != "python" else "pip",
)
def test_the_real_clients_trust_its_authority(sandbox: Sandbox, client: list[str]) -> None:
    web = sandbox.hosts("pypi").web
    before = len(sandbox.journal())
    argv = [word.replace("WEB", web) for word in client]
    done = sandbox.run(argv, env={"GH_ENTERPRISE_TOKEN": "x"}, check=False)
    assert len(sandbox.journal()) > before, done.stderr
    assert "certificate" not in done.stderr


def test_the_environment_is_constructed_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "GIT_DIR", "GITHUB_TOKEN", "HOME"):
        monkeypatch.setenv(name, "leaked")
    root = tmp_path / "sandbox"
    with Sandbox(root) as sandbox:
        lines = sandbox.run(["env", "-0"]).stdout.split("\0")
    bundle, tools = str(root / "tls" / "ca.pem"), Path(sys.executable).parent
    assert dict(line.split("=", 1) for line in lines if line) == {
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "PATH": f"{tools}:{sys.base_prefix}/bin:/usr/bin:/bin",
        "XDG_CONFIG_DIRS": str(root / "etc" / "nothing"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "NO_COLOR": "1",
        "TWINE_NON_INTERACTIVE": "1",
        "GH_PROMPT_DISABLED": "1",
        "GH_TELEMETRY": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "PIP_COMPILE": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(root / "cache" / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON_PREFERENCE": "only-system",
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "PIP_CERT": bundle,
        "NODE_EXTRA_CA_CERTS": bundle,
        "GIT_SSL_CAINFO": bundle,
        "CURL_CA_BUNDLE": bundle,
    }


def test_settings_of_the_machine_do_not_reach_the_tools(sandbox: Sandbox) -> None:
    pip = sandbox.run([sys.executable, "-m", "pip", "config", "list"]).stdout
    assert pip.replace(f"global.cert='{sandbox.root}/tls/ca.pem'", "").split() == [
        ":env:.cert='" + str(sandbox.root / "tls" / "ca.pem") + "'",
        ":env:.compile='0'",
        ":env:.disable-pip-version-check='1'",
    ]
    system = sandbox.run(["git", "config", "--system", "--list"], check=False)
    assert system.stdout == ""


# What an administrator may have written, each with a word that must not reach a tool.
PLANTED = {
    "pip.conf": "[global]\ntimeout = 4711\n",
    "xdg/pip/pip.conf": "[global]\nretries = 4711\n",
    "uv/uv.toml": 'index-url = "https://4711.example"\n',
    "xdg/uv/uv.toml": 'index-url = "https://4711.example"\n',
    "gitconfig": "[drill]\n\tnote = 4711\n",
    "npmrc": "registry=https://4711.example\n",
}
# Shows a copy of /etc in which they stand, in a mount namespace of its own, and goes on there.
PLANT = """
cp -a /etc "$0/etc" 2> "$0/unreadable"
cp -a "$1/." "$0/etc"
mount --bind "$0/etc" /etc
shift && exec "$@"
"""


def test_settings_that_any_machine_may_have_do_not_reach_the_tools(
    tmp_path: Path, user_namespace: bool
) -> None:
    """On a machine with all of them, the tools say nothing of them, and the index is the emulated one."""
    for name, text in PLANTED.items():
        path = tmp_path / "planted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    look = (
        f"{sys.executable} -m pip config list; git config --list; cat /etc/npmrc; ls -R /etc/xdg /etc/uv;"
        "uv pip install --dry-run --target there nothing-of-that-name"
    )
    unshared = ["unshare", *(["--map-root-user"] if user_namespace else []), "--mount"]
    enter = [sys.executable, "-m", "emulator.sandbox", "--", "sh", "-c", look]
    done = subprocess.run(
        [*unshared, "sh", "-c", PLANT, str(tmp_path), str(tmp_path / "planted"), *enter],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(sandbox_module.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "nothing-of-that-name was not found in the package registry" in done.stderr
    assert "4711" not in done.stdout + done.stderr


def test_the_null_device_cannot_be_renamed_over(sandbox: Sandbox) -> None:
    """Root's tools that replace a file by renaming would destroy the device of the machine.

    A mount point cannot be replaced; trying it here would be the disaster if this test could fail.
    """
    mounts = sandbox.run(["cat", "/proc/self/mounts"]).stdout.splitlines()
    assert "/dev/null" in [line.split()[1] for line in mounts]


def test_a_failing_command_shows_what_it_said(sandbox: Sandbox) -> None:
    with pytest.raises(CommandFailed, match=r"ended with 3\s+out\s+err"):
        sandbox.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert sandbox.run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_input_directory_and_environment_are_given(sandbox: Sandbox, tmp_path: Path) -> None:
    script = 'cat; pwd; echo "${GREETING-none} ${LANG-none}"'
    done = sandbox.run(
        ["sh", "-c", script], cwd=tmp_path, stdin="hello\n", env={"GREETING": "hi", "LANG": None}
    )
    assert done.stdout == f"hello\n{tmp_path}\nhi none\n"


def test_a_command_that_hangs_is_ended(sandbox: Sandbox) -> None:
    with pytest.raises(Stalled, match=r"'sleep 60'\] has made no progress for 0\.2 s"):
        sandbox.run(["sh", "-c", "sleep 60"], patience=0.2)


def test_a_command_that_works_is_not_ended(sandbox: Sandbox) -> None:
    """By CPU time, by requests; each takes longer than the patience."""
    busy = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    sandbox.run([sys.executable, "-c", busy], patience=0.6)
    web = sandbox.hosts("pypi").web
    ask = f"for n in 1 2 3; do curl --silent --output /dev/null https://{web}/simple/; sleep 0.5; done"
    sandbox.run(["sh", "-c", ask], patience=1)


def test_nothing_is_left_behind(tmp_path: Path, user_namespace: bool) -> None:
    root = tmp_path / "sandbox"
    before = _machine()
    with Sandbox(root, user_namespace=user_namespace) as sandbox:
        sandbox.run(["sh", "-c", 'setsid sh -c "sleep 600; :" "$0" >&- 2>&- &', str(root)])
        sandbox.run(["git", "config", "--global", "--add", "drill.note", "here"])
        assert any("sleep 600" in line for line in _processes_of(root))
        assert _machine() == before, "the machine changed while the sandbox ran"
    assert _processes_of(root) == []
    assert _machine() == before


def test_nothing_is_left_behind_when_the_tests_are_killed(tmp_path: Path) -> None:
    root = tmp_path / "sandbox"
    script = (
        "import os, signal, sys; from pathlib import Path; from emulator.sandbox import Sandbox\n"
        "Sandbox(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {name: os.environ[name] for name in _INHERITED & set(os.environ)}
    environment["TMPDIR"] = str(tmp_path)
    environment["PYTHONPATH"] = str(Path(sandbox_module.__file__).parents[1])
    subprocess.run([sys.executable, "-c", script, str(root)], env=environment, check=False)
    assert (root / "journal.jsonl").parent.exists()
    deadline = time.monotonic() + 10
    while _processes_of(root):
        assert time.monotonic() < deadline, "the sandbox outlived its tests"
    assert list(tmp_path.iterdir()) == [root]


def test_a_checkpoint_is_continued_by_another_sandbox(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "first") as first:
        first.index("pypi").create_project("demo")
        first.run(["sh", "-c", "echo kept > file"])
        first.checkpoint(tmp_path / "checkpoint")
        first.index("pypi").create_project("later")
    second = Sandbox.from_checkpoint(tmp_path / "checkpoint", tmp_path / "second")
    with second:
        assert second.index("pypi").projects() == ["demo"]
        assert second.run(["cat", "file"]).stdout == "kept\n"
    with Sandbox.from_checkpoint(tmp_path / "checkpoint", tmp_path / "third") as third:
        assert third.index("pypi").projects() == ["demo"]


def test_two_sandboxes_at_once_know_nothing_of_each_other(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "one") as one, Sandbox(tmp_path / "two") as two:
        one.index("pypi").create_project("demo")
        assert two.index("pypi").projects() == []


def test_one_command_enters_a_sandbox_by_hand(tmp_path: Path) -> None:
    web = sandbox_module.INDEX_HOSTS["pypi"].web
    done = subprocess.run(
        [sys.executable, "-m", "emulator.sandbox", "--", "curl", "--silent", f"https://{web}/simple/"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(sandbox_module.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["projects"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_refuses_gets_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2; exit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    unshare.cache_clear()
    with pytest.raises(SandboxUnavailable) as refusal, Sandbox(tmp_path / "sandbox"):
        pass
    unshare.cache_clear()
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert "Operation not permitted" in sentence
    assert "run this as root, or allow user namespaces" in sentence


def test_it_starts_fast(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "warm"):
        pass
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Sandbox(tmp_path / "sandbox"):
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert spent < 2, "half a second is usual, however busy the machine is"
