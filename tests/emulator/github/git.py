"""github.com as git sees it: smart HTTP through `git http-backend`, and what a push sets off."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from . import rules
from .store import ROLES, Actor, ApiError, Document, Json, Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: A push of more tags than this starts no workflow. Source: "Events that trigger workflows: push".
MAX_TAGS_IN_ONE_PUSH = 3

#: Identity of commits and tags that the harness itself makes.
IDENTITY = {
    "GIT_AUTHOR_NAME": "GitHub",
    "GIT_AUTHOR_EMAIL": "noreply@github.com",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@github.com",
}


def clean_env(home: Path) -> dict[str, str]:
    """Return an environment in which git reads no configuration but the repository's own."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
        **IDENTITY,
    }


class GitRepo:
    """The bare repository behind one emulated repository.

    Args:
        store: where it belongs.
        repo: its document.
    """

    def __init__(self, store: Store, repo: Document) -> None:
        self.store = store
        self.repo = repo
        self.path = store.folder(repo) / "git"
        self.env = clean_env(store.root / "home")

    def run(self, *args: str, data: bytes | None = None) -> bytes:
        """Run git in the repository and return what it printed.

        Raises:
            subprocess.CalledProcessError: when git fails.
        """
        command = ["git", "--git-dir", str(self.path), *args]
        done = subprocess.run(command, input=data, env=self.env, check=True, capture_output=True)
        return done.stdout

    def text(self, *args: str) -> str:
        """Run git and return its output as text without the last newline."""
        return self.run(*args).decode().rstrip("\n")

    def create(self) -> None:
        """Make the repository, empty, with the hook that enforces rulesets."""
        branch = self.repo["default_branch"]
        command = ["git", "init", "--quiet", "--bare", f"--initial-branch={branch}"]
        subprocess.run([*command, str(self.path)], env=self.env, check=True, capture_output=True)
        with (self.path / "config").open("a", encoding="utf-8") as config:
            config.write(
                "[http]\n\treceivepack = true\n[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n"
                "[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n"
            )
        shutil.rmtree(self.path / "hooks", ignore_errors=True)
        (self.path / "hooks").mkdir()

    def install_hook(self) -> None:
        """Write the `update` hook; anew before each push, since a checkpoint may have moved."""
        hook = self.path / "hooks" / "update"
        hook.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I -S "{rules.__file__}" "$@"\n', encoding="utf-8"
        )
        hook.chmod(0o755)

    def refs(self) -> dict[str, str]:
        """Return every ref with the object it names (a tag object for an annotated tag)."""
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a ref or abbreviated object name stands for, None if none."""
        try:
            return self.text("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except subprocess.CalledProcessError:
            return None

    def file(self, revision: str, path: str) -> bytes | None:
        """Return a file's bytes at a revision, None where there is no such file."""
        try:
            return self.run("cat-file", "blob", f"{revision}:{path}")
        except subprocess.CalledProcessError:
            return None

    def workflows(self, revision: str) -> dict[str, str]:
        """Return the text of each workflow file at a revision by its path."""
        folder = ".github/workflows/"
        try:
            names = self.text("ls-tree", "--name-only", revision, folder).splitlines()
        except subprocess.CalledProcessError:
            return {}
        names = [name for name in names if name.endswith((".yml", ".yaml"))]
        return {name: (self.file(revision, name) or b"").decode() for name in names}

    def is_fast_forward(self, old: str, new: str) -> bool:
        """Say whether commit `new` descends from `old`."""
        try:
            self.run("merge-base", "--is-ancestor", old, new)
        except subprocess.CalledProcessError:
            return False
        return True

    def merge(self, base: str, head: str) -> str:
        """Return a new commit that merges one branch into another, as a pull request's ref has."""
        sides = [self.text("rev-parse", f"refs/heads/{name}") for name in (base, head)]
        tree = self.text("merge-tree", "--write-tree", *sides)
        parents = [word for side in sides for word in ("-p", side)]
        return self.text("commit-tree", tree, *parents, "-m", f"Merge {head} into {base}")

    # -- updates of refs --------------------------------------------------------------------

    def rule_facts(self, actor: Actor) -> Json:
        """Return what the hook needs to judge a push of this actor (see `rules.main`)."""
        role = self.store.role(self.repo, actor.login)
        user = {} if actor.job else self.store.state["users"].get(actor.login, {})
        return {
            "repository": self.repo["full_name"],
            "default_branch": self.repo["default_branch"],
            "of_a_job": actor.job is not None,
            "frozen_tags": [
                release["tag_name"]
                for release in self.repo["releases"]
                if release["immutable"] and not release["draft"]
            ],
            "rulesets": [
                ruleset
                for ruleset in self.repo["rulesets"]
                if actor.job is not None or not rules.bypasses(ruleset, role, user.get("id", 0))
            ],
        }

    def update_ref(self, ref: str, new: str, actor: Actor, old: str | None = None) -> None:
        """Create, move or delete (`new` is `rules.ZERO`) a ref for the REST API.

        Raises:
            ApiError: 422, when a ruleset forbids it.
        """
        with self.store.lock:
            before = self.refs()
            old = old or before.get(ref, rules.ZERO)
            facts = self.rule_facts(actor)
            found = rules.violations(facts, ref, (old, new), self.is_fast_forward)
            if found:
                sentence = f"Repository rule violations found\n\n{' '.join(found)}\n\n"
                raise ApiError(422, sentence)
            if new == rules.ZERO:
                self.run("update-ref", "-d", ref)
            else:
                self.run("update-ref", ref, new)
            self.announce(before, self.refs(), actor)

    def announce(self, before: dict[str, str], after: dict[str, str], actor: Actor) -> None:
        """Emit a `push` event for each ref that differs, save when too many tags came at once."""
        moved = sorted(ref for ref in {*before, *after} if before.get(ref) != after.get(ref))
        tags = [ref for ref in moved if ref.startswith("refs/tags/")]
        for ref in moved:
            if ref in tags and len(tags) > MAX_TAGS_IN_ONE_PUSH:
                continue
            if not ref.startswith(("refs/tags/", "refs/heads/")):
                continue
            old, new = before.get(ref, rules.ZERO), after.get(ref, rules.ZERO)
            both = rules.ZERO not in {old, new}
            self.store.emit(
                self.repo,
                "push",
                {
                    "ref": ref,
                    "before": old,
                    "after": new,
                    "created": old == rules.ZERO,
                    "deleted": new == rules.ZERO,
                    "forced": both and not self.is_fast_forward(old, new),
                    "base_ref": None,
                    "head_commit": self._head_commit(new),
                },
                actor,
            )

    def _head_commit(self, new: str) -> Json | None:
        commit = None if new == rules.ZERO else self.resolve(new)
        if commit is None:
            return None
        subject = self.text("log", "-1", "--format=%B", commit)
        return {"id": commit, "message": subject, "timestamp": commit_time(self, commit)}


def commit_time(repo: GitRepo, commit: str) -> str:
    """Return the committer date of a commit, ISO 8601."""
    return repo.text("log", "-1", "--format=%cI", commit)


class GitHost:
    """WSGI application of github.com: git's transport, and release assets for a browser.

    Args:
        store: the state.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            response = self.answer(request)
        except ApiError as error:
            response = Response(error.message + "\n", error.status, content_type="text/plain")
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Route a request."""
        owner, _, rest = request.path.lstrip("/").partition("/")
        name, _, rest = rest.partition("/")
        repo = self._repository(request, f"{owner}/{name.removesuffix('.git')}")
        if rest.startswith("releases/download/"):
            return self._asset(repo, rest.removeprefix("releases/download/"))
        services = {"git-upload-pack", "git-receive-pack"}
        service = request.args.get("service", "") if rest == "info/refs" else rest
        if service not in services:
            raise ApiError(404, "Not Found")
        actor = self._actor(request)
        self._authorise(repo, actor, write=service == "git-receive-pack")
        git = GitRepo(self.store, repo)
        if request.method == "POST" and service == "git-receive-pack":
            return self._push(git, request, actor, rest)
        return self._backend(git, request, actor, rest)

    def _actor(self, request: Request) -> Actor:
        """Return who is asking; git sends the token as a password, whatever the user name."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.store.actor(value)
        if scheme.lower() != "basic":
            return Actor()
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ApiError(401, "Bad credentials") from None
        try:
            return self.store.actor(password or user)
        except ApiError:
            raise ApiError(
                401, "Invalid username or token. Password authentication is not supported."
            ) from None

    def _repository(self, request: Request, full_name: str) -> Document:
        """Return the repository; one that does not exist asks a nobody to log in, as GitHub does."""
        try:
            return self.store.repo(full_name)
        except ApiError:
            if not request.headers.get("Authorization"):
                raise ApiError(401, "Repository not found.") from None
            raise ApiError(404, "Repository not found.") from None

    def _authorise(self, repo: Document, actor: Actor, *, write: bool) -> None:
        """Refuse whoever may not read, or not write, this repository."""
        if actor.anonymous:
            if write or repo["private"]:
                raise ApiError(401, "No anonymous write access.")
            return
        denied = f"Permission to {repo['full_name']}.git denied to {actor.login}."
        if actor.job is not None:
            granted = actor.job["permissions"].get("contents", "none")
            mine = actor.job["repo"] == repo["full_name"]
            if not mine and (write or repo["private"]):
                raise ApiError(403, denied)
            if mine and granted not in ({"write"} if write else {"read", "write"}):
                raise ApiError(403, denied)
            return
        role = ROLES.index(self.store.role(repo, actor.login))
        if role < ROLES.index("read"):
            raise ApiError(404, "Repository not found.")
        if write and (role < ROLES.index("write") or "repo" not in actor.scopes.split(", ")):
            raise ApiError(403, denied)
        if write and repo["archived"]:
            raise ApiError(403, "This repository was archived so it is read-only.")

    def _push(self, git: GitRepo, request: Request, actor: Actor, rest: str) -> Response:
        with self.store.lock:
            before = git.refs()
            git.install_hook()
            response = self._backend(git, request, actor, rest)
            git.announce(before, git.refs(), actor)
        return response

    def _backend(self, git: GitRepo, request: Request, actor: Actor, rest: str) -> Response:
        """Hand a request to `git http-backend`, a CGI program, and return its answer."""
        env = {
            **git.env,
            "GIT_PROJECT_ROOT": str(git.path),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{rest}",
            "QUERY_STRING": request.query_string.decode(),
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(request.content_length or 0),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_USER": actor.login,
            "REMOTE_ADDR": "127.0.0.1",
            "DRILL_RULES": json.dumps(git.rule_facts(actor)),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=request.get_data(),
            env=env,
            check=True,
            capture_output=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        status = next((value for key, value in headers if key == "Status"), "200 OK")
        pairs: Any = [pair for pair in headers if pair[0] != "Status"]
        return Response(body, status, headers=pairs)

    def _asset(self, repo: Document, rest: str) -> Response:
        """Serve `releases/download/TAG/NAME` of a published release to anybody."""
        tag, _, name = rest.rpartition("/")
        for release in repo["releases"]:
            for asset in release["assets"]:
                if release["tag_name"] == tag and not release["draft"] and asset["name"] == name:
                    path = self.store.folder(repo) / "assets" / str(asset["id"])
                    return Response(path.read_bytes(), content_type="application/octet-stream")
        raise ApiError(404, "Not Found")
