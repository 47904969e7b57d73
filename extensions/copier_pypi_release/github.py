"""The client for GitHub: a token, requests and their answers, errors in four lines.

The token comes from the environment (GH_TOKEN, GITHUB_TOKEN), or from gh and whoever is logged in there.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
import requests.auth
from release_lib.step import ReleaseError, run

from copier_pypi_release.repository import name_on_github, remotes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release_lib.settings import Settings

API = "https://api.github.com"
SITE = "https://github.com"
ATTEMPTS = 4
LONGEST_PAUSE = 10.0  # seconds between two of them
SERVER_ERROR = 500
PAGE = 100  # entries, the most that GitHub gives at once
SEE = "RELEASING.md, 'What you need'"


class NoAnswerError(ReleaseError):
    """GitHub cannot be reached, or is down.

    Args:
        reason: What came instead of an answer.
    """

    def __init__(self, reason: Exception | str) -> None:
        super().__init__(
            f"GitHub does not answer: {reason}",
            expected="an answer of api.github.com",
            fix="see https://www.githubstatus.com and your network, then run this again",
            see=SEE,
        )


class GitHubError(ReleaseError):
    """GitHub refused a request.

    Args:
        action: What was asked for, as in ``change environments/pypi``.
        status: The HTTP status.
        message: GitHub's own words.
        needed: The permissions of a fine-grained token that GitHub asks for, if it says so.
    """

    def __init__(self, action: str, status: int, message: str, needed: str = "") -> None:
        if "Upgrade to" in message or "billing plan" in message:
            expected = "a plan that has this for private repositories, or a public repository"
            fix = "change the plan or the visibility, then run this again"
        elif status in {requests.codes.unauthorized, requests.codes.forbidden, requests.codes.not_found}:
            expected = f"a token with the right {needed}" if needed else "a login that may do this"
            fix = "gh auth login --scopes repo (or GH_TOKEN with that right), then run this again"
        else:  # no right is missing: the request does not fit the repository, its plan or its state
            expected = "a request that GitHub accepts for this repository"
            fix = "change what GitHub's words above name, then run this again"
        super().__init__(
            f"GitHub refuses to {action} ({status}): {message}", expected=expected, fix=fix, see=SEE
        )
        self.status, self.message = status, message


def find_token() -> str:
    """The token of the environment, or that of gh.

    Raises:
        ReleaseError: gh is not installed, or nobody is logged in.
    """
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        return run("gh", "auth", "token", "--hostname", "github.com")
    except ReleaseError as error:
        missing = "not installed" in error.problem
        raise ReleaseError(
            "gh is not installed, and GH_TOKEN is not set"
            if missing
            else "gh is not logged in to github.com",
            expected="gh, logged in, or a token in the variable GH_TOKEN",
            fix="install gh (https://cli.github.com), then gh auth login" if missing else "gh auth login",
            see=SEE,
        ) from error


class Bearer(requests.auth.AuthBase):
    """A token in a request. As a header alone it would give way to a ~/.netrc.

    Args:
        token: The token.
    """

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put it in."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class GitHub:
    """A repository on GitHub, as one login sees it.

    Paths are relative to the repository; those that begin with ``/`` are not.

    Args:
        repository: ``owner/name``.
        token: The token of the login.

    Attributes:
        patience: Seconds for which it is asked again when it does not answer; some times in any case.
        say: What is told that it does not answer, once it takes long, and that it answers again.
    """

    def __init__(self, repository: str, token: str) -> None:
        self.repository = repository
        self.patience = 0.0
        self.say: Callable[[str], None] = lambda _: None
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
        )
        self._session.auth = Bearer(token)

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401  (JSON)
        """The JSON at a path, or None where GitHub has nothing.

        Raises:
            ReleaseError: GitHub refuses, the rate limit is used up, or GitHub cannot be reached.
        """
        return self._read(path, query)[0]

    def _read(self, path: str, query: dict[str, str | int]) -> tuple[Any, bool]:
        """The JSON at a path, or None where GitHub has nothing; and whether it says that a page follows."""
        answer = self._request("GET", path, params=query)
        if answer.status_code == requests.codes.gone:  # switched off, as issues can be
            raise self._refused(answer, "GET", path)
        if not answer.ok:
            return None, False
        try:
            return answer.json(), "next" in answer.links
        except ValueError as error:  # of a proxy, or a network that wants a login
            raise ReleaseError(
                f"GitHub's answer to {path or self.repository} is not JSON: {answer.text[:60]!r}",
                expected="an answer of api.github.com",
                fix="see https://www.githubstatus.com and your network, then run this again",
                see=SEE,
            ) from error

    def get_all(self, path: str, key: str = "", **query: str | int) -> list[Any]:
        """All entries of a list, page by page; empty if there is no such list.

        Args:
            path: The list.
            key: Where GitHub wraps the list in an object, its key.
            query: Filters.
        """
        found: list[Any] = []
        for number in itertools.count(1):
            page, more = self._read(path, {**query, "per_page": PAGE, "page": number})
            found += (page[key] if key else page) if page else []
            if not more:  # a page in between may be short: what a login does not see is left out of it
                break
        return found

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Create, change or delete something.

        Raises:
            ReleaseError: GitHub refuses, the rate limit is used up, or GitHub cannot be reached.
        """
        answer = self._request(method, path, json=body)
        if not answer.ok:
            raise self._refused(answer, method, path)

    def download(self, path: str, accept: str = "") -> bytes | None:
        """The bytes that a path leads to, or None if they are gone; of some type, if it leads to several."""
        answer = self._request("GET", path, headers={"Accept": accept} if accept else None)
        gone = answer.status_code in {requests.codes.not_found, requests.codes.gone}
        return None if gone else answer.content

    def repository_info(self) -> dict[str, Any]:
        """The repository: its permissions, default branch, visibility and more.

        Raises:
            ReleaseError: This login does not see it, or it has another name by now.
        """
        found: dict[str, Any] | None = self.get("")
        if found is None:
            raise ReleaseError(
                f"{self.repository} is not on GitHub, or this login may not see it",
                expected="the repository that settings.toml names",
                fix=f"gh repo view {self.repository}, and gh auth switch if you have another login",
                see=SEE,
            )
        owner, _, name = found["full_name"].partition("/")
        # The owner in any case, but PyPI looks a publisher up by the exact name of the repository.
        if (owner.casefold(), name) != (
            self.repository.partition("/")[0].casefold(),
            self.repository.partition("/")[2],
        ):
            raise ReleaseError(
                f"{self.repository} is called {found['full_name']} by now",
                expected="its present name in settings.toml, because the trusted publishers compare it",
                fix=f"copier update --data repository_owner={owner} --data repository_name={name}",
                see="RELEASING.md, 'Before the first release'",
            )
        return found

    def login(self) -> str:
        """The account that the token belongs to; empty for a token of a workflow or an app, which has none.

        Raises:
            ReleaseError: The rate limit is used up, or GitHub cannot be reached.
        """
        try:
            return str((self.get("/user") or {}).get("login", ""))
        except GitHubError:
            return ""

    def page(self, path: str = "") -> str:
        """Address of a page of the repository, for people."""
        return f"{SITE}/{self.repository}/{path}".rstrip("/")

    def _request(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401
        place = path if path.startswith("/") else f"/repos/{self.repository}/{path}".rstrip("/")
        begun = time.monotonic()
        for attempt in itertools.count(1):
            problem: Exception | str
            try:
                answer = self._session.request(method, API + place, timeout=30.0, **more)
            except requests.RequestException as error:
                problem = error
            else:
                if answer.status_code < SERVER_ERROR:
                    if attempt > ATTEMPTS:
                        self.say("GitHub answers again")
                    return self._checked(answer, method, path)
                problem = f"status {answer.status_code}"
            # A POST without an answer may have been carried out: only the next run can tell.
            late = attempt >= ATTEMPTS and time.monotonic() - begun >= self.patience
            if late or method == "POST":
                raise NoAnswerError(problem)
            if attempt == ATTEMPTS:
                self.say("GitHub does not answer; waiting for it ...")
            time.sleep(min(2**attempt / 8, LONGEST_PAUSE))
        raise AssertionError("unreachable")

    def _checked(self, answer: requests.Response, method: str, path: str) -> requests.Response:
        limited = answer.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in answer.headers
        if answer.status_code in {403, 429} and (limited or "rate limit" in answer.text):
            reset, wait = (answer.headers.get(n, "") for n in ("X-RateLimit-Reset", "Retry-After"))
            if wait.isdecimal():  # a secondary limit; the reset is that of the other one
                reset = str(int(time.time()) + int(wait))
            until = (
                f"{dt.datetime.fromtimestamp(int(reset), dt.UTC):%Y-%m-%d %H:%M} UTC" if reset else "later"
            )
            raise ReleaseError(
                f"GitHub's rate limit for this login is used up until {until}",
                expected="requests left",
                fix=f"wait until {until}, or use another login (gh auth switch), then run this again",
                see=SEE,
            )
        if answer.status_code == requests.codes.unauthorized:
            raise ReleaseError(
                "GitHub does not know this token (any more)",
                expected="a valid login",
                fix="gh auth login (and unset GH_TOKEN and GITHUB_TOKEN, which go first)",
                see=SEE,
            )
        gone = {requests.codes.not_found, requests.codes.gone}
        if not answer.ok and answer.status_code not in gone:
            raise self._refused(answer, method, path)
        return answer

    def _refused(self, answer: requests.Response, method: str, path: str) -> GitHubError:
        verb = {"GET": "show", "DELETE": "delete"}.get(method, "change")
        needed = answer.headers.get("X-Accepted-GitHub-Permissions", "")
        return GitHubError(f"{verb} {path or self.repository}", answer.status_code, words(answer), needed)


def words(answer: requests.Response) -> str:
    """What GitHub says in a refusal: its message, and its errors, which are texts, objects or one text."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    reason = answer.reason or "no reason given"
    if not isinstance(content, dict):
        return reason
    errors = content.get("errors") or []
    listed = errors if isinstance(errors, list) else [errors]
    shown = [e.get("message") or json.dumps(e) if isinstance(e, dict) else e for e in listed]
    return "; ".join(str(text) for text in (content.get("message"), *shown) if text) or reason


def quoted(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def check_origin(root: Path, settings: Settings) -> None:
    """Check that a clone belongs to the repository that settings.toml names.

    Raises:
        ReleaseError: Its remote "origin" is another repository on GitHub.
    """
    found = name_on_github(remotes(root).get("origin", ""))
    # No remote yet, or no git: GitHub itself will say whether the name is right.
    if found and found.casefold() != settings.repository.casefold():
        raise ReleaseError(
            f"This clone belongs to {found}, but settings.toml names {settings.repository}",
            expected="one and the same repository, because the trusted publishers compare it",
            fix=f"git remote set-url origin {SITE}/{settings.repository}.git, or copier update with the "
            "repository's real owner and name",
            see="RELEASING.md, 'Before the first release'",
        )
