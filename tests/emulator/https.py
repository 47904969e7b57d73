"""HTTPS for every public name of the sandbox: dispatch by host, a journal, faults as data.

One listener on loopback answers for all names. A request is read whole, its fault (if one is
due) is looked up, the WSGI application of its host answers, the journal gets a line, and only
then does the first byte of the answer leave: whoever has an answer finds it in the journal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import socket
import socketserver
import ssl
import struct
import threading
import time
import traceback
from fnmatch import fnmatchcase
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Action = Literal["status", "reset", "reset_mid", "reset_after", "delay", "corrupt", "truncate"]
_NO_BODY = {204, 304}
PATIENCE = 5.0  # seconds between two pieces of a request's body, then it is 408


@dataclasses.dataclass
class Fault:
    """What goes wrong, where, and how often.

    Attributes:
        action: ``status`` answers with ``status`` and processes nothing; ``reset`` drops the
            connection before reading the body; ``reset_mid`` drops it half-way through the
            upload, or half-way through the answer where nothing is uploaded; ``reset_after``
            processes the request and drops the connection instead of answering; ``delay`` waits
            ``seconds`` and goes on as usual; ``corrupt`` flips one bit in the middle of the
            answer's body; ``truncate`` sends half of the body as if it were all.
        host: name of the host, shell wildcards allowed.
        method: HTTP method, or ``*``.
        path: regular expression searched in path and query as the client sent them.
        status: HTTP status of the action ``status``.
        seconds: length of the action ``delay``.
        times: how many matching requests are hit; None means every one.
        skip: how many matching requests pass unharmed first.
        hits: how many requests were hit so far (kept by the server).
    """

    action: Action
    host: str = "*"
    method: str = "*"
    path: str = ""
    status: int = 503
    seconds: float = 0.0
    times: int | None = 1
    skip: int = 0
    hits: int = 0

    def matches(self, host: str, method: str, path: str) -> bool:
        """Tell whether the fault is about this request, used up or not."""
        return (
            fnmatchcase(host, self.host)
            and self.method in ("*", method)
            and re.search(self.path, path) is not None
        )


class Faults:
    """The faults in force; the first one due wins."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)

    def all(self) -> list[Fault]:
        """Return every fault added since the last ``clear``, with its ``hits``."""
        with self._lock:
            return [dataclasses.replace(fault) for fault in self._faults]

    def clear(self) -> None:
        """Take every fault away."""
        with self._lock:
            self._faults.clear()

    def due(self, host: str, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.times == fault.hits or not fault.matches(host, method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None


class Journal:
    """One JSON line for each request, and for each name that is asked for and does not exist.

    It is a file below the sandbox's root.

    Keys: ``time`` (seconds since the epoch), ``method``, ``host``, ``path`` (with query, as sent),
    ``status`` (0 where no answer was given), ``received`` and ``sent`` (bytes of the bodies),
    ``agent`` (user agent), ``fault`` (the action, or null) and ``error`` (traceback of a defect of
    the emulator itself, or null). A name has the method ``DNS`` and neither path nor status.
    """

    def __init__(self, path: Path) -> None:
        """Append to the file at ``path``."""
        self.path = path
        self._lock = threading.Lock()

    def write(self, **entry: object) -> None:
        """Append one entry."""
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time(), **entry}) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Return all entries, oldest first."""
        if not self.path.exists():
            return []
        with self._lock:
            return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


class NameServer(socketserver.UDPServer):
    """A name server that knows no name at all, and writes down each that it is asked for.

    The names that the sandbox answers for stand in its hosts file, which comes first.

    Args:
        journal: where names are written.
        port: to listen on, at 127.0.0.1.
    """

    def __init__(self, journal: Journal, port: int = 53) -> None:
        self.journal = journal
        super().__init__(("127.0.0.1", port), _Question)


class _Question(socketserver.BaseRequestHandler):
    """One question, answered with "no such name". Source: RFC 1035, section 4.1."""

    server: NameServer

    def handle(self) -> None:
        data, sender = self.request
        labels, at = [], 12  # behind the header
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode(errors="replace"))
            at += 1 + length
        self.server.journal.write(
            method="DNS",
            host=".".join(labels),
            path="",
            status=0,
            received=0,
            sent=0,
            agent=None,
            fault=None,
            error=None,
        )
        question = data[12 : at + 5]  # with its type and class
        sender.sendto(data[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question, self.client_address)


class Server(ThreadedWSGIServer):
    """An HTTPS server on 127.0.0.1 for several hosts, one thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        apps: Mapping[str, WSGIApplication],
        context: ssl.SSLContext,
        *,
        journal: Journal,
        faults: Faults,
        port: int = 443,
        patience: float = PATIENCE,
    ) -> None:
        """Bind the port.

        Args:
            apps: application of each host; any other host is answered 421.
            context: server-side TLS context with a certificate for every host.
            journal: where requests are written.
            faults: what goes wrong.
            port: TCP port.
            patience: how long to wait for the next piece of a body, in seconds. Real servers do
                not wait for ever either, and clients rely on it: urllib3 sends a request again
                when TLS breaks, but a body that was a stream is used up by then.
        """
        super().__init__("127.0.0.1", port, _misdirected, handler=_Handler)
        self.apps, self.journal, self.faults = apps, journal, faults
        self.patience = patience
        self.ssl_context = context


class _Handler(WSGIRequestHandler):
    """Answers one connection; connections are kept alive because bodies are always read whole."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Do the TLS handshake here, in the connection's own thread."""
        assert isinstance(self.server.ssl_context, ssl.SSLContext)
        self.request = self.server.ssl_context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        """Serve the connection until either side drops it."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: the socket was reset by us
            super().handle()

    def finish(self) -> None:
        """Close the connection, which a fault may have reset already."""
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet: the journal is the log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet: the journal is the log."""

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
        fault = self.server.faults.due(host, self.command, self.path)
        answer = _Answer()
        if fault and fault.action == "delay":
            time.sleep(fault.seconds)
        if self._receive(answer, environ, fault.action if fault else None):
            if fault and fault.action == "status":
                answer.refuse(fault.status)
            else:
                answer.ask(self.server.apps.get(host, _misdirected), environ)
            answer.spoil(fault.action if fault else None)
        self.server.journal.write(
            method=self.command,
            host=host,
            path=self.path,
            status=0 if answer.cut == "reset" else answer.status,
            received=answer.received,
            sent=len(answer.sendable),
            agent=self.headers.get("User-Agent"),
            fault=fault.action if fault else None,
            error=answer.error,
        )
        self._send(answer)

    def _receive(self, answer: _Answer, environ: WSGIEnvironment, action: Action | None) -> bool:
        """Read the body into ``environ``; False where the request ends there."""
        self.connection.settimeout(self.server.patience)
        try:
            if action == "reset" or (action == "reset_mid" and _read_half(environ)):
                answer.cut = "reset"
                return False
            answer.received = _read_whole(environ)
        except TimeoutError:
            answer.refuse(408)
            self.close_connection = True
            return False
        except OSError:  # the client went away
            answer.cut = "reset"
            return False
        self.connection.settimeout(None)
        return True

    def _send(self, answer: _Answer) -> None:
        if answer.cut != "reset":
            self.send_response(answer.status, answer.reason)
            for key, value in answer.headers:
                self.send_header(key, value)
            if answer.status not in _NO_BODY and self.command != "HEAD":
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.sendable)
            self.wfile.flush()
        if answer.cut:
            self.close_connection = True
            _reset(self.connection)


@dataclasses.dataclass
class _Answer:
    """What will be sent: an answer of an application, spoiled by a fault or not."""

    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    body: bytes = b""
    received: int = 0
    error: str | None = None
    cut: Literal["reset", "half"] | None = None

    @property
    def sendable(self) -> bytes:
        """The part of the body that leaves before the connection is cut."""
        return {None: self.body, "half": self.body[: len(self.body) // 2], "reset": b""}[self.cut]

    def ask(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        """Let the application answer; its defects become status 500 and ``error``."""
        try:
            chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
            self.body = b"".join(chunks)
        except Exception:  # noqa: BLE001  # whatever it is, the journal has to have it
            self.error = traceback.format_exc()
            self.status, self.reason, self.body = 500, "", self.error.encode()
            return
        code, _, self.reason = status.partition(" ")
        self.status = int(code)
        drop = {"connection", "transfer-encoding"}
        if environ["REQUEST_METHOD"] != "HEAD":
            drop.add("content-length")
        self.headers = [(key, value) for key, value in headers if key.lower() not in drop]

    def refuse(self, status: int) -> None:
        """Answer with a bare status, as a load balancer in trouble does."""
        self.status = status
        self.headers = [("Content-Type", "text/plain")]
        self.body = f"{status}: fault of the emulator\n".encode()

    def spoil(self, action: Action | None) -> None:
        """Do to the answer what the fault says."""
        middle = len(self.body) // 2
        if action == "reset_after":
            self.cut = "reset"
        elif action == "reset_mid":
            self.cut = "half"
        elif action == "truncate":
            self.body = self.body[:middle]
        elif action == "corrupt" and self.body:
            flipped = bytes([self.body[middle] ^ 1])
            self.body = self.body[:middle] + flipped + self.body[middle + 1 :]


def _read_half(environ: WSGIEnvironment) -> bool:
    """Read half of the body; False where there is none."""
    stream: IO[bytes] = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):  # chunked: only its end tells its length
        return bool(stream.read(1))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    stream.read((length + 1) // 2)
    return length > 0


def _read_whole(environ: WSGIEnvironment) -> int:
    """Read the body and leave it in ``environ`` to be read again; return its length.

    Raises:
        TimeoutError: the client stopped in the middle.
        OSError: the client went away.
    """
    stream: IO[bytes] = environ["wsgi.input"]
    if environ.pop("wsgi.input_terminated", False):
        body = b"".join(iter(lambda: stream.read(1 << 16), b""))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
    else:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = stream.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)
    return len(body)


def _reset(connection: socket.socket) -> None:
    """Close a connection with RST, so that the other side sees an error and not an end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())


def _misdirected(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer for a host that nobody emulates."""
    start_response("421 Misdirected Request", [("Content-Type", "text/plain")])
    return [f"nobody emulates the host {environ.get('HTTP_HOST')!r}\n".encode()]


def oidc_key(root: Path) -> rsa.RSAPrivateKey:
    """Return the key that signs the identity tokens of a sandbox's workflow jobs.

    GitHub's side signs with it and publishes the public half; the indexes verify with it. Whoever
    asks first makes it.

    Args:
        root: root folder of the sandbox; the key is ``github/oidc-key.pem`` below it.
    """
    path = root / "github" / "oidc-key.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        draft.write_bytes(pem)
        with contextlib.suppress(FileExistsError):  # somebody else was first: theirs counts
            os.link(draft, path)
        draft.unlink()
    # Made by us a moment ago: checking its primes would take longer than everything else.
    key = serialization.load_pem_private_key(
        path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
