"""A closed sandbox: fresh namespaces in which the public names are emulated on loopback.

In a test::

    with Sandbox(tmp_path / "sandbox") as sandbox:
        sandbox.fault("status", host=sandbox.hosts("pypi").files, times=2)
        sandbox.run(["uv", "pip", "install", "demo"])
        assert sandbox.index("pypi").files("demo") == {...}

By hand, a shell or one command in a sandbox (``--help`` for more)::

    PYTHONPATH=tests python -m emulator.sandbox -- curl https://github.com

Everything a sandbox knows lies in files below its root folder: a copy of the folder is a checkpoint.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, cast
from urllib.parse import urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.repository import LEGACY_PYPI
from twine.utils import DEFAULT_REPOSITORY, TEST_REPOSITORY

from emulator.https import Action, Fault, Journal
from emulator.init_process import READY, Manager, Settings
from emulator.progress import PATIENCE
from emulator.pypi import Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from emulator.github import GitHub
    from emulator.init_process import Control
    from emulator.pypi import Index

IndexName = Literal["pypi", "testpypi"]
_NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_TOOLS = (Path(sys.executable).parent, Path(sys.base_prefix, "bin"))
_FILES_OF_TESTPYPI = "test-files.pythonhosted.org"


class SandboxUnavailable(RuntimeError):  # noqa: N818  # it reads as the sentence it prints
    """This machine's kernel does not let the user make the namespaces of a sandbox."""


class CommandFailed(RuntimeError):  # noqa: N818  # it reads as the sentence it prints
    """A command run with ``check`` failed; the message has its output."""


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


#: The public names of both indexes, by the constants of the tools that talk to them.
INDEX_HOSTS: dict[str, Hosts] = {
    "pypi": Hosts(
        web=_host(PYPI_SIMPLE_ENDPOINT),
        upload=_host(DEFAULT_REPOSITORY),
        files=_FILES_OF_TESTPYPI.removeprefix("test-"),
        former=_host(LEGACY_PYPI),
    ),
    "testpypi": Hosts(web=_host(TEST_REPOSITORY), upload=_host(TEST_REPOSITORY), files=_FILES_OF_TESTPYPI),
}


class Options(TypedDict, total=False):
    """The options of a sandbox; see its constructor."""

    wheelhouse: Path | None
    path: Sequence[Path] | None
    uv_cache: Path | None
    user_namespace: bool | None
    pythons: Sequence[Path]


class Where(TypedDict, total=False):
    """The attributes of ``https.Fault`` beside its action."""

    host: str
    method: str
    path: str
    status: int
    seconds: float
    times: int | None
    skip: int


class Sandbox:
    """A context manager: inside it the sandbox runs, after it nothing is left but files.

    Attributes:
        root: the folder with everything the sandbox knows.
        real_actions: the folder that `emulator.real_actions` laid out; None has the stand-ins.
    """

    real_actions: Path | None = None

    def __init__(
        self,
        root: Path,
        *,
        wheelhouse: Path | None = None,
        path: Sequence[Path] | None = None,
        uv_cache: Path | None = None,
        user_namespace: bool | None = None,
        pythons: Sequence[Path] = (),
    ) -> None:
        """Prepare the folder; a folder with a sandbox's files continues that sandbox.

        Args:
            root: folder of the sandbox, made if it is missing.
            wheelhouse: folder of wheels that PyPI serves beside what is uploaded to it.
            path: directories of the tools; where not given, that of this interpreter and, for uv
                to find it, that of the interpreter its virtual environment was made from.
            uv_cache: uv's cache, which sandboxes may share; one below ``root`` where not given.
            user_namespace: True starts the sandbox as an ordinary user has to, False as root can;
                where not given, whatever works.
            pythons: directories of the Pythons that a job gets beside the runner's own; see
                ``interpreters``.
        """
        self.root = root.absolute()
        if self.real_actions:
            for name in ("real-actions", "outside"):
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                if not (self.root / name).exists():
                    (self.root / name).symlink_to(self.real_actions.resolve() / name)
        self._user_namespace = user_namespace
        self._open = contextlib.ExitStack()
        self._manager: Any = None
        home = self.root / "home"
        home.mkdir(parents=True, exist_ok=True)
        if not (home / ".gitconfig").exists():
            (home / ".gitconfig").write_text(
                "[user]\n\tname = Operator\n\temail = operator@example.invalid\n"
                "[init]\n\tdefaultBranch = main\n",
                "utf-8",
            )
        Settings(
            path=[str(folder) for folder in path or _TOOLS],
            uv_cache=str(uv_cache or self.root / "cache" / "uv"),
            wheelhouse=str(wheelhouse.absolute()) if wheelhouse else None,
            indexes=INDEX_HOSTS,
            pythons=[str(folder) for folder in pythons],
        ).save(self.root)

    @classmethod
    def from_checkpoint(cls, checkpoint: Path, root: Path, **options: Unpack[Options]) -> Self:
        """Return a sandbox that continues a copy of ``checkpoint`` in the new folder ``root``.

        Args:
            checkpoint: what ``checkpoint`` wrote, left as it is.
            root: folder of the new sandbox; it must not exist.
            options: as for the constructor.
        """
        shutil.copytree(checkpoint, root, symlinks=True)
        return cls(root, **options)

    def checkpoint(self, destination: Path) -> None:
        """Copy the sandbox's files; wait until it is idle first.

        Args:
            destination: folder to be made.
        """
        leave_out = shutil.ignore_patterns("tmp", "cache", "tls", "etc")

        def ignore(folder: str, names: list[str]) -> set[str]:
            return leave_out(folder, names) if Path(folder) == self.root else set()

        shutil.copytree(self.root, destination, symlinks=True, ignore=ignore)

    def __enter__(self) -> Self:
        """Start the sandbox.

        Raises:
            SandboxUnavailable: the kernel does not let this user make namespaces.
        """
        with contextlib.ExitStack() as stack:
            # Not below root: the path of a socket is short, about a hundred characters at most.
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
            )
            address, key = str(Path(folder, "socket")), secrets.token_bytes(16)
            stack.enter_context(_started(self.root, self._user_namespace, address, key))
            Manager.register("control")
            Manager.register("service")
            self._manager = Manager(address=address, authkey=key)
            self._manager.connect()
            self._control = cast("Control", self._manager.control())
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every process of the sandbox.

        Raises:
            RuntimeError: an emulator had a defect; whatever was observed may be its work.
        """
        self._open.close()
        self._manager = None
        defects = [entry["error"] for entry in self.journal() if entry["error"]]
        if defects and error is None:
            raise RuntimeError(f"an emulator failed on {len(defects)} request(s):\n{defects[0]}")

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str | None = None,
        check: bool = True,
        patience: float = PATIENCE,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the sandbox.

        Args:
            argv: the command; its program is looked up on the sandbox's PATH.
            cwd: working directory, the sandbox's HOME where not given.
            env: changes to the constructed environment; None takes a variable away.
            stdin: text for its standard input.
            check: whether a failure is an error.
            patience: seconds after which it is killed if nothing in the sandbox makes progress.

        Returns:
            The finished process with ``stdout`` and ``stderr`` as text.

        Raises:
            CommandFailed: it failed, and ``check`` is set.
            Stalled: nothing made progress.
        """
        words = [os.fspath(word) for word in argv]
        done = self._control.run(
            words,
            cwd=str(cwd or self.root / "home"),
            env=dict(env or {}),
            stdin=stdin,
            patience=patience,
        )
        if check and done.returncode:
            raise CommandFailed(f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def fault(self, action: Action, **where: Unpack[Where]) -> None:
        """Put a fault in force; ``where`` are the other attributes of ``https.Fault``."""
        self._control.fault(Fault(action, **where))

    def faults(self) -> list[Fault]:
        """Return the faults in force, each with how often it hit."""
        return self._control.faults()

    def clear_faults(self) -> None:
        """Take every fault away."""
        self._control.clear_faults()

    def journal(self) -> list[dict[str, Any]]:
        """Return every request made so far, as ``https.Journal`` describes."""
        return Journal(self.root / "journal.jsonl").read()

    def hosts(self, name: IndexName) -> Hosts:
        """Return the public names of an index."""
        return INDEX_HOSTS[name]

    def index(self, name: IndexName) -> Index:
        """Return a handle on an index: the public methods of ``pypi.Index``."""
        return cast("Index", self._manager.service(name))

    @property
    def github(self) -> GitHub:
        """A handle on GitHub's side: the public methods of ``github.GitHub``."""
        return cast("GitHub", self._manager.service("github"))

    def wait_idle(self, patience: float = PATIENCE) -> None:
        """Wait until no workflow run is queued or running.

        Args:
            patience: seconds without any progress after which waiting is an error.
        """
        self.github.wait_idle(patience)


@cache
def unshare(user_namespace: bool | None = None) -> tuple[str, ...]:
    """Return the start of a command line that runs the rest in namespaces of a sandbox.

    Args:
        user_namespace: as for ``Sandbox``.

    Raises:
        SandboxUnavailable: the kernel refuses every way that was allowed.
    """
    ways = [user_namespace] if user_namespace is not None else [False, True]
    if os.geteuid() and not user_namespace:
        ways = [True]
    reasons = []
    for user in ways:
        command = ("unshare", *(["--map-root-user"] if user else []), *_NAMESPACES)
        try:
            trial = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            reasons.append("the command unshare is missing")
            continue
        if trial.returncode == 0:
            return command
        reasons.append(trial.stderr.strip())
    raise SandboxUnavailable(
        f"A sandbox needs network, mount and PID namespaces, and this kernel refuses them to user "
        f"{os.geteuid()} ({'; '.join(reasons)}): run this as root, or allow user namespaces "
        "(sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, "
        "kernel.unprivileged_userns_clone=1 on Debian)."
    )


def _popen(
    root: Path,
    user_namespace: bool | None,
    *command: str,
    pipe: int | None = None,
    log: IO[str] | None = None,
) -> subprocess.Popen[str]:
    """Start the process inside; its own environment only has to let it find this package."""
    return subprocess.Popen(
        [*unshare(user_namespace), sys.executable, "-m", "emulator.init_process", str(root), *command],
        env={"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])},
        text=True,
        stdin=pipe,
        stdout=pipe,
        stderr=log,
        start_new_session=not command,  # Ctrl-C is for the tests, which then end the sandbox
    )


@contextlib.contextmanager
def _started(root: Path, user_namespace: bool | None, address: str, key: bytes) -> Iterator[None]:
    """Run a sandbox that serves ``address``; it ends when its standard input is closed."""
    path = root / "emulator.log"
    with (
        path.open("w", encoding="utf-8") as log,
        _popen(root, user_namespace, pipe=subprocess.PIPE, log=log) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, contextlib.suppress(BrokenPipeError):
            print(json.dumps([address, key.hex()]), file=process.stdin, flush=True)
            answer = process.stdout.readline().strip()
            if answer != READY:
                raise RuntimeError(answer or f"the sandbox did not start:\n{path.read_text('utf-8')}")
            yield


def main() -> int | str:
    """Open a shell, or run one command, in a sandbox."""
    parser = argparse.ArgumentParser(prog="python -m emulator.sandbox", description=main.__doc__)
    parser.add_argument("--root", type=Path, help="the sandbox's folder, kept (default: a fresh one)")
    parser.add_argument("--wheelhouse", type=Path, help="folder of wheels that PyPI serves, too")
    parser.add_argument("command", nargs="*", help="default: an interactive bash")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the command alone
    with tempfile.TemporaryDirectory(prefix="sandbox-") as temporary:
        sandbox = Sandbox(options.root or Path(temporary, "sandbox"), wheelhouse=options.wheelhouse)
        try:
            with _popen(sandbox.root, None, *(options.command or ["bash"])) as process:
                return process.wait()
        except SandboxUnavailable as error:
            return str(error)


if __name__ == "__main__":
    sys.exit(main())
