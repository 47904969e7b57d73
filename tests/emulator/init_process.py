"""The process inside a sandbox: its mounts, its servers and its command loop.

``emulator.sandbox`` starts it in fresh namespaces as ``python -m emulator.init_process ROOT``; with a command
after ROOT it runs that command in the foreground and ends with it. It is the first process of its
PID namespace, so the kernel ends everything else of the sandbox with it.

A *service* is a WSGI application (a callable object) for some hosts, whose public methods are what
``Sandbox.index(...)`` and ``Sandbox.github`` offer to tests through a proxy. Their arguments and
results are pickled: plain data. All state lies in files below ROOT, so that a copy is a checkpoint.
"""

from __future__ import annotations

import ctypes
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import trustme

from emulator import github, outside
from emulator.https import Fault, Faults, Journal, NameServer, Server
from emulator.progress import Progress, Stalled
from emulator.pypi import Hosts, Index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _typeshed.wsgi import WSGIApplication

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_MS_BIND = 4096
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
READY = "ready"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the outside decides about a sandbox; ``sandbox.json`` in its root.

    Attributes:
        path: directories of the tools, in order, before ``/usr/bin`` and ``/bin``.
        uv_cache: uv's cache folder, possibly shared with other sandboxes.
        wheelhouse: folder of wheels that PyPI also serves, or None.
        indexes: hosts of each index by the name of its instance.
        pythons: directories of the Pythons that a job gets beside the runner's own.
    """

    path: list[str]
    uv_cache: str
    wheelhouse: str | None
    indexes: Mapping[str, Hosts]
    pythons: list[str]

    def save(self, root: Path) -> None:
        """Write ``sandbox.json``."""
        (root / "sandbox.json").write_text(json.dumps(dataclasses.asdict(self), indent=2), "utf-8")

    @classmethod
    def load(cls, root: Path) -> Settings:
        """Read ``sandbox.json``."""
        data = json.loads((root / "sandbox.json").read_text("utf-8"))
        data["indexes"] = {name: Hosts(**hosts) for name, hosts in data["indexes"].items()}
        return cls(**data)


def environment(root: Path) -> dict[str, str]:
    """Return the environment of a command in the sandbox; nothing is inherited.

    Args:
        root: the sandbox's root folder.
    """
    settings = Settings.load(root)
    bundle = str(root / "tls" / "ca.pem")
    authorities = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
    return {
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "PATH": ":".join([*settings.path, "/usr/bin", "/bin"]),
        "XDG_CONFIG_DIRS": str(root / "etc" / "nothing"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "NO_COLOR": "1",
        "TWINE_NON_INTERACTIVE": "1",
        "GH_PROMPT_DISABLED": "1",
        "GH_TELEMETRY": "false",  # the operator's choice; a job has to say it for itself
        "GIT_TERMINAL_PROMPT": "0",
        "PIP_COMPILE": "0",  # of what a project's own gate installs, it imports little
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON_PREFERENCE": "only-system",
        "UV_CACHE_DIR": settings.uv_cache,
        **dict.fromkeys((*authorities, "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"), bundle),
    }


class Control:
    """What the outside can ask of a sandbox beside its services."""

    def __init__(self, root: Path, faults: Faults) -> None:
        """Control the sandbox below ``root``."""
        self._root, self._faults = root, faults
        self._environment = environment(root)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str | None],
        stdin: str | None,
        patience: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, as ``Sandbox.run`` describes."""
        full = self._environment | dict(env)
        progress = Progress(self._root, patience)
        with subprocess.Popen(
            list(argv),
            cwd=cwd,
            env={name: value for name, value in full.items() if value is not None},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            while True:
                try:
                    printed = process.communicate(stdin, timeout=progress.interval)
                    return subprocess.CompletedProcess(list(argv), process.returncode, *printed)
                except subprocess.TimeoutExpired:
                    stdin = None  # it is given once
                    if progress.stalled():
                        process.kill()
                        raise Stalled(f"{list(argv)} has made no progress for {patience:g} s") from None

    def fault(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._faults.add(fault)

    def faults(self) -> list[Fault]:
        """Return the faults, each with how often it hit."""
        return self._faults.all()

    def clear_faults(self) -> None:
        """Take every fault away."""
        self._faults.clear()


class Manager(BaseManager):
    """The command loop: hands out proxies of ``Control`` and of the services."""


def loopback_up() -> None:
    """Bring up ``lo``, which starts down in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(anything, _SIOCGIFFLAGS, request))
        fcntl.ioctl(anything, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def bind(source: Path, target: Path) -> None:
    """Let ``target`` show ``source``, in this mount namespace only.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


def mount_all(root: Path, hosts: Sequence[str]) -> None:
    """Replace what the machine says about names, authorities and tools' settings.

    What is not there cannot be replaced, and says nothing.
    """
    # First of all: a tool that renames a file over /dev/null (git config does, for a root user)
    # would destroy the device for the whole machine; a mount point cannot be renamed over.
    bind(Path("/dev/null"), Path("/dev/null"))
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    names = ["localhost", socket.gethostname(), *hosts]
    contents = {
        "hosts": "".join(f"127.0.0.1 {name}\n" for name in names),
        "resolv.conf": "nameserver 127.0.0.1\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    for name, content in contents.items():
        (etc / name).write_text(content, "utf-8")
        if (target := Path("/etc") / name).exists():
            bind(etc / name, target)
    hide_settings(etc, Settings.load(root).path)
    # act would give each step a terminal, which GitHub's runner does not; and the end of one sends a hangup,
    # which once in some thousand jobs met a step that was about to start.
    for terminals in (Path("/dev/ptmx"), Path("/dev/pts/ptmx")):
        if terminals.exists():
            bind(Path("/dev/null"), terminals)
    if CA_BUNDLE.exists():
        bind(root / "tls" / "ca.pem", CA_BUNDLE)


def hide_settings(etc: Path, tools: Sequence[str]) -> None:
    """Let pip, uv, git and npm find no settings of the machine's administrator or of a virtual environment.

    Those of the user are in HOME and in the environment, of which a sandbox has its own.

    Args:
        etc: The sandbox's folder of such files.
        tools: Directories of the tools.
    """
    empty, nothing = etc / "empty", etc / "nothing"
    empty.write_text("", "utf-8")
    nothing.mkdir(exist_ok=True)
    prefixes = [Path(folder).parent for folder in tools]
    files = ["/etc/pip.conf", "/etc/gitconfig", "/etc/gitattributes", "/etc/npmrc", "/usr/etc/npmrc"]
    for target in [*map(Path, files), *(prefix / "pip.conf" for prefix in prefixes)]:
        if target.exists():
            bind(empty, target)
    for folder in ("/etc/xdg", "/etc/uv"):
        if Path(folder).exists():
            bind(nothing, Path(folder))


def tls_context(root: Path, hosts: Sequence[str]) -> ssl.SSLContext:
    """Return a server context for ``hosts`` by an authority of the sandbox's own.

    ``tls/ca.pem`` below the root is the authority's certificate; its key is never written.
    """
    folder = root / "tls"
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return context


def services(root: Path) -> tuple[dict[str, Any], dict[str, WSGIApplication]]:
    """Return the services by name, and the application of each host.

    GitHub's side is what ``emulator.github.create_app`` returns, for its ``HOSTS``.
    """
    settings = Settings.load(root)
    by_name: dict[str, Any] = {}
    by_host: dict[str, WSGIApplication] = {}
    for name, hosts in settings.indexes.items():
        rest = settings.wheelhouse if name == "pypi" else None
        index = Index(root, name, hosts, Path(rest) if rest else None)
        by_name[name] = index
        by_host |= dict.fromkeys(filter(None, dataclasses.astuple(hosts)), index)
    by_name["github"] = github.create_app(root, settings.pythons)
    by_host |= dict.fromkeys(github.HOSTS, by_name["github"])
    elsewhere = outside.Outside(root, github=by_name["github"])
    by_host |= dict.fromkeys((*outside.HOSTS, "github.com"), elsewhere)
    return by_name, by_host


def start(root: Path) -> tuple[dict[str, Any], Control]:
    """Make this process's namespaces the sandbox below ``root`` and start its servers."""
    for name in ("home", "tmp"):
        (root / name).mkdir(exist_ok=True)
    by_name, by_host = services(root)
    hosts = sorted(by_host)
    context = tls_context(root, hosts)
    loopback_up()
    mount_all(root, hosts)
    faults, journal = Faults(), Journal(root / "journal.jsonl")
    for server in (Server(by_host, context, journal=journal, faults=faults), NameServer(journal)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return by_name, Control(root, faults)


def end_with(stream: IO[str], folder: Path) -> None:
    """Remove ``folder`` and end this process, thus the whole sandbox, when the other end lets go."""
    stream.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main(arguments: Sequence[str]) -> int:
    """Start the sandbox; run a command in it, or serve the outside until it lets go."""
    root, command = Path(arguments[0]), arguments[1:]
    try:
        by_name, control = start(root)
    except OSError as error:
        sys.stdout.write(f"the sandbox below {root} could not be set up: {error}\n")
        return 1
    if command:
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the command alone
        return subprocess.run(command, env=environment(root), check=False).returncode
    address, key = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with, args=[sys.stdin, Path(address).parent], daemon=True).start()
    Manager.register("control", callable=lambda: control)
    Manager.register("service", callable=by_name.__getitem__)
    loop = Manager(address=address, authkey=bytes.fromhex(key)).get_server()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    loop.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
