"""GitHub's side as one object: the application for its hosts, and what a test asks of it."""

from __future__ import annotations

import copy
import datetime as dt
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from emulator.progress import PATIENCE

from . import actions_api, issues, protection, pulls, queries, releases, repository
from .act import Settings
from .actions_api import BLOB_HOST, find_job, log_lines
from .git import GitHost, GitRepo
from .pulls import open_pull
from .releases import ASSET_HOST, asset_path
from .rest import OIDC_HOST, RESULTS_HOST, RestApi, failure
from .services import ISSUER_HOST, Services
from .store import ROLES, Actor, ApiError, Document, Json, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Importing these modules registered their routes.
RESOURCES = (actions_api, issues, protection, pulls, queries, releases, repository)

#: Every host name of GitHub's that is answered here.
HOSTS = (
    "github.com",
    "api.github.com",
    "uploads.github.com",
    OIDC_HOST,
    RESULTS_HOST,
    ISSUER_HOST,
    BLOB_HOST,
    ASSET_HOST,
)

#: The stand-in of each action.
ACTIONS = {
    "actions/checkout": "checkout",
    "actions/upload-artifact": "upload-artifact",
    "actions/download-artifact": "download-artifact",
    "astral-sh/setup-uv": "setup-uv",
    "pypa/gh-action-pypi-publish": "gh-action-pypi-publish",
}

#: Folder of a sandbox with the code of real actions, by the names of their stand-ins, and a node for them.
REAL = "real-actions"

#: Before every step act asks where node is, which no stand-in needs. To start it costs 65 ms, together
#: a fifth of the time that a release takes here.
NODE = """#!/bin/sh
test "$*" = "--no-warnings -e console.log(process.execPath)" && exec echo "$0"
echo "There is no node on the emulator's machine: $*" >&2
exit 127
"""

#: What a GitHub-hosted Ubuntu has beside the system's own commands, of what a release needs. uv is
#: not among it: a workflow that forgets to set it up has to fail.
PREINSTALLED = ("gh", "jq", "curl", "git")


def prepare(root: Path, env: dict[str, str], pythons: Sequence[str]) -> Settings:
    """Lay out what jobs find on their machine, below the sandbox's `tmp` folder.

    Args:
        root: the sandbox's root.
        env: environment of commands in this sandbox; its PATH names the tools.
        pythons: directories of Pythons beside the runner's own, which comes first.

    Raises:
        FileNotFoundError: when a tool is missing; the message says which.
    """

    def tool(name: str) -> str:
        found = shutil.which(name, path=env["PATH"])
        if found is None:
            message = f"The emulator needs {name} on the sandbox's PATH ({env['PATH']})."
            raise FileNotFoundError(message)
        return found

    bin_ = root / "tmp" / "runner" / "bin"
    shutil.rmtree(bin_.parent, ignore_errors=True)
    bin_.mkdir(parents=True)
    python = Path(getattr(sys, "_base_executable", sys.executable))
    links = {name: Path(tool(name)) for name in PREINSTALLED if shutil.which(name, path=env["PATH"])}
    links |= {"python3": python, "python": python}
    for name, target in links.items():
        (bin_ / name).symlink_to(target)
    real = root / REAL
    if (real / "node").exists():
        (bin_ / "node").symlink_to((real / "node").resolve())
    else:
        (bin_ / "node").write_text(NODE, encoding="utf-8")
        (bin_ / "node").chmod(0o755)
    here, actions = Path(__file__).parents[1] / "actions", bin_.parent / "actions"
    uv = tool("uv")
    said = subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout
    known = f"UV={shlex.quote(uv)} UV_VERSION={said.split()[1]}"  # asked once, and not by every job
    for name in ACTIONS.values():
        # The one that publishes needs twine, which the tests depend on; the others only the standard library.
        start = [sys.executable] if name == "gh-action-pypi-publish" else [str(python), "-S"]
        command = shlex.join([*start, "-E", str(here)])
        text = f'stand_in() {{ {known} exec {command} "$1"; }}\n'
        (actions / name).mkdir(parents=True)
        shutil.copy(here / name / "action.yml", actions / name)
        (actions / name / "harness.env").write_text(text, encoding="utf-8")
    own = {"HOME", "PATH", "TMPDIR", "GH_TELEMETRY"}
    kept = {key: value for key, value in env.items() if key not in own}
    kept["GH_TELEMETRY_SAMPLE_RATE"] = "100"  # gh tells of one command in a hundred; here of each that may
    return Settings(
        act=tool("act"),
        path=":".join([str(bin_), "/usr/local/bin", "/usr/bin", "/bin", *pythons]),
        env=kept,
        actions={
            name: (real / folder).resolve() if (real / folder).exists() else actions / folder
            for name, folder in ACTIONS.items()
        },
        scratch=bin_.parent / "jobs",
    )


class GitHub:
    """WSGI application of all `HOSTS`; its public methods are what `sandbox.github` offers.

    All arguments and results are plain data, so that they cross into another process.

    Args:
        root: the sandbox's root folder; state is in `root/github`.
        settings: what the machine offers to jobs.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        from emulator.scheduler import Scheduler  # noqa: PLC0415 - the scheduler is built on this package

        self._store = Store(root)
        self._scheduler = Scheduler(self._store, settings)
        api = RestApi(self._store, self._scheduler)
        self._services = Services(self._store)
        self._apps: dict[str, Any] = {
            "github.com": GitHost(self._store),
            "api.github.com": api,
            "uploads.github.com": api,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request for any of the hosts."""
        host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
        if host in self._apps:
            found: Iterable[bytes] = self._apps[host](environ, start_response)
            return found
        request = Request(environ)
        try:
            response: Response = self._services.hosts[host](request)
        except ApiError as error:
            response = failure(error)
        return response(environ, start_response)

    # -- people and repositories ------------------------------------------------------------

    def create_repo(
        self, owner: str, name: str, default_branch: str = "main", *, private: bool = False
    ) -> str:
        """Make an empty repository whose owner administers it; return "owner/name"."""
        repo = self._store.create_repo(owner, name, default_branch, private=private)
        GitRepo(self._store, repo).create()
        return str(repo["full_name"])

    def token(self, login: str, scopes: str | None = None) -> str:
        """Return a user's personal access token; the user is made on first mention.

        Args:
            login: the user.
            scopes: OAuth scopes, to change the token's ("gist, read:org, repo, workflow").
        """
        token = str(self._store.user(login)["token"])
        if scopes is not None:
            self._store.state["tokens"][token]["scopes"] = scopes
            self._store.state.save()
        return token

    def ids(self, repo: str) -> dict[str, int]:
        """Return `repository` and `owner` ids, as a trusted publisher compares them."""
        found = self._repo(repo)
        return {"repository": found["id"], "owner": self._store.user(found["owner"])["id"]}

    def add_collaborator(self, repo: str, login: str, role: str) -> None:
        """Give a user a role in a repository: one of read, triage, write, maintain, admin."""
        if role not in ROLES:
            message = f"The role {role} is none of {', '.join(ROLES)}."
            raise ValueError(message)
        self._store.user(login)
        found = self._repo(repo)
        found["roles"][login] = role
        found.save()

    def settings(self, repo: str, **changes: object) -> Json:
        """Change and return a repository's document; for what only a website could do.

        Args:
            repo: "owner/name".
            changes: keys of the document, such as `fork`, `private`, `variables` or `secrets`.
        """
        found = self._repo(repo)
        with self._store.lock:
            found.update(changes)
            found.save()
            return copy.deepcopy(dict(found))

    def rename(self, repo: str, name: str) -> str:
        """Rename a repository; return its new full name. Its id stays."""
        return self._store.rename(self._repo(repo), name)["full_name"]  # type: ignore[no-any-return]

    def plan(self, owner: str, name: str) -> None:
        """Let an account have a plan (free, pro, team); it limits private repositories."""
        self._store.user(owner)["plan"] = name
        self._store.state.save()

    def rate_limit(self, *, exhausted: bool) -> None:
        """Answer every request as over the rate limit from now on, or do so no longer."""
        self._store.state["rate_limited"] = exhausted
        self._store.state.save()

    def refs(self, repo: str) -> dict[str, str]:
        """Return every ref of a repository with the object it names."""
        return GitRepo(self._store, self._repo(repo)).refs()

    def git_dir(self, repo: str) -> str:
        """Return the folder of the bare repository."""
        return str(GitRepo(self._store, self._repo(repo)).path)

    # -- runs -------------------------------------------------------------------------------

    def runs(
        self, repo: str | None = None, *, workflow: str | None = None, event: str | None = None
    ) -> list[Json]:
        """Return runs, oldest first, of all repositories or one; see `run` for their keys.

        Args:
            repo: "owner/name".
            workflow: file name or name of the workflow.
            event: "push", "workflow_dispatch", ...
        """
        return [
            self.run(run["id"])
            for run in self._store.all_runs()
            if repo in {None, run["repository"]}
            and workflow in {None, run["name"], run["path"].rpartition("/")[2]}
            and event in {None, run["event"]}
        ]

    def run(self, run_id: int) -> Json:
        """Return a run with its jobs.

        Keys: `id`, `status`, `conclusion`, `attempt`, `event`, `ref`, `sha`, `name`, `path`,
        `title`, `actor`, `group`, `problem` (why it could not start), `artifacts`, `results`
        (of each job by its key: `result`, `outputs`), `previous` (earlier attempts) and `jobs`;
        of a job: `id`, `key`, `name`, `matrix`, `status`, `conclusion`, `steps`, `annotations`,
        `summary`, `log`.
        """
        run = self._store.run(run_id)
        with self._store.lock:
            shown = copy.deepcopy(dict(run))
        for job in shown["jobs"]:
            job["log"] = "\n".join(text for _, text in log_lines(run, job))
        return shown

    def log(self, run_id: int) -> str:
        """Return everything a run printed: a line is `job | step | text`."""
        run = self._store.run(run_id)
        lines = []
        for job in run["jobs"]:
            names = {step["number"]: step["name"] for step in job["steps"]}
            for number, text in log_lines(run, job):
                lines.append(f"{job['name']} | {names.get(number, '')} | {text}")
        return "\n".join(lines)

    def conclusions(self, run_id: int) -> dict[str, str | None]:
        """Return the conclusion of each job of a run by its shown name."""
        return {job["name"]: job["conclusion"] for job in self._store.run(run_id)["jobs"]}

    def wait_idle(self, patience: float = PATIENCE) -> None:
        """Wait until no run is queued or running; one that waits for a reviewer is idle."""
        self._scheduler.wait_idle(patience)

    def wait_status(self, run_id: int, *statuses: str, patience: float = PATIENCE) -> Json:
        """Wait until a run has one of the statuses and return it."""
        self._scheduler.wait_status(run_id, set(statuses), patience)
        return self.run(run_id)

    def dispatch(self, repo: str, workflow: str, *, ref: str = "", login: str = "", **inputs: str) -> int:
        """Start a workflow by hand and return the run's id.

        Args:
            repo: "owner/name".
            workflow: name of the file.
            ref: branch or tag; the default branch if left out.
            login: who does it; the owner if left out.
            inputs: the workflow's inputs.
        """
        found = self._repo(repo)
        path = f".github/workflows/{workflow}"
        actor = Actor(login or found["owner"])
        run = self._scheduler.dispatch(found, path, ref or found["default_branch"], inputs, actor)
        return int(run["id"])

    def schedule(self, repo: str, workflow: str) -> int:
        """Let the clock strike for a workflow with `on: schedule`; return the run's id."""
        found = self._repo(repo)
        before = {run["id"] for run in self._store.runs(found)}
        ref = f"refs/heads/{found['default_branch']}"
        payload = {"ref": ref, "schedule": "", "workflow": workflow}
        self._store.emit(found, "schedule", payload, Actor(found["owner"]))
        return self._new_run(found, before, workflow)

    def pull_request(
        self, repo: str, head: str, *, base: str = "", fork: bool = False, login: str = ""
    ) -> int:
        """Open a pull request of a branch, which starts workflows; return its number.

        Args:
            repo: "owner/name".
            head: the branch, pushed before.
            base: the branch it is for; the default branch if left out.
            fork: whether to treat the branch as an outsider's: read-only token, no secrets.
            login: who opens it; the owner if left out.
        """
        found = self._repo(repo)
        data = {"head": head, "base": base, "fork": fork}
        return int(open_pull(self._store, found, data, Actor(login or found["owner"]))["number"])

    def pulls(self, repo: str) -> list[Json]:
        """Return pull requests, oldest first."""
        with self._store.lock:
            return copy.deepcopy(list(self._repo(repo)["pulls"]))

    def _new_run(self, repo: Document, before: set[int], workflow: str) -> int:
        for run in self._store.runs(repo):
            if run["id"] not in before and run["path"].endswith(f"/{workflow}"):
                return int(run["id"])
        message = f"The event started no run of {workflow}."
        raise LookupError(message)

    def rerun(self, run_id: int, *, failed: bool = False, login: str = "") -> None:
        """Repeat a run, or with `failed` its failed jobs and what depends on them."""
        run = self._store.run(run_id)
        self._scheduler.rerun(run, login or run["actor"], failed_only=failed)

    def repeat_verdict(self, run_id: int, sha: str) -> None:
        """File a finished run once more, for another commit, as if it had ended there in the same way."""
        run, store = self._store.run(run_id), self._store
        with store.lock:
            data = copy.deepcopy(dict(run)) | {"id": store.new_id(), "sha": sha, "head_sha": sha}
            repeated = store.add_run(store.repo(run["repository"]), data)
            shutil.copytree(run.path.parent, repeated.path.parent, dirs_exist_ok=True)
            store.touch(repeated)

    def cancel(self, run_id: int) -> None:
        """Cancel a run."""
        self._scheduler.cancel(self._store.run(run_id))

    def approve(self, run_id: int, environment: str, *, login: str = "", comment: str = "") -> None:
        """Approve the jobs of a run that wait for an environment, as one of its reviewers."""
        self._review(run_id, environment, "approved", login, comment)

    def reject(self, run_id: int, environment: str, *, login: str = "", comment: str = "") -> None:
        """Reject the jobs of a run that wait for an environment."""
        self._review(run_id, environment, "rejected", login, comment)

    def _review(self, run_id: int, name: str, state: str, login: str, comment: str) -> None:
        run = self._store.run(run_id)
        who = login or self._store.repo(run["repository"])["owner"]
        self._scheduler.review(run, [name], state, comment, who)

    def age_run(self, run_id: int, days: float) -> None:
        """Make a run older by some days, as far as GitHub's limit for re-runs is concerned."""
        run = self._store.run(run_id)
        made = dt.datetime.fromisoformat(run["created_at"]) - dt.timedelta(days=days)
        run["created_at"] = made.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._store.touch(run)

    def artifact(self, run_id: int, name: str) -> bytes:
        """Return the ZIP of a run's artifact.

        Raises:
            LookupError: when there is none of that name.
        """
        run = self._store.run(run_id)
        for item in run["artifacts"]:
            if item["name"] == name:
                return (run.path.parent / "artifacts" / str(item["id"])).read_bytes()
        have = ", ".join(item["name"] for item in run["artifacts"]) or "none"
        message = f"Run {run_id} has no artifact {name}; it has {have}."
        raise LookupError(message)

    def corrupt_artifact(self, run_id: int, name: str) -> None:
        """Flip a bit of a stored artifact; its recorded digest stays."""
        data = bytearray(self.artifact(run_id, name))
        data[len(data) // 2] ^= 1
        run = self._store.run(run_id)
        item = next(item for item in run["artifacts"] if item["name"] == name)
        (run.path.parent / "artifacts" / str(item["id"])).write_bytes(bytes(data))

    # -- releases, issues, settings ---------------------------------------------------------

    def releases(self, repo: str) -> list[Json]:
        """Return releases, drafts included, oldest first; `assets` maps names to bytes."""
        found = self._repo(repo)
        with self._store.lock:
            shown = copy.deepcopy(found["releases"])
        for release in shown:
            release["assets"] = {
                asset["name"]: asset_path(self._store, found, asset).read_bytes()
                for asset in release["assets"]
            }
        return list(shown)

    def issues(self, repo: str) -> list[Json]:
        """Return issues, oldest first, with `title`, `body`, `state`, `labels`, `comments`."""
        return copy.deepcopy(list(self._repo(repo)["issues"]))

    def add_team(self, repo: str, slug: str, *members: str) -> None:
        """Give a team of the owner's organisation access to a repository."""
        found = self._repo(repo)
        with self._store.lock:
            number = self._store.new_id()
            found["teams"][slug] = {"id": number, "slug": slug, "name": slug.title(), "members": members}
            found.save()

    def environments(self, repo: str) -> dict[str, Json]:
        """Return environments by name: `reviewers` (logins, and teams as "@slug"), `policies`, ..."""
        return copy.deepcopy(dict(self._repo(repo)["environments"]))

    def set_environment(
        self,
        repo: str,
        name: str,
        *,
        reviewers: tuple[str, ...] = (),
        prevent_self_review: bool = False,
        tags: tuple[str, ...] = (),
        branches: tuple[str, ...] = (),
    ) -> None:
        """Make or change an environment; without tags and branches every ref may deploy."""
        found = self._repo(repo)
        with self._store.lock:
            environment = protection.new_environment(self._store, found, name)
            custom = {"protected_branches": False, "custom_branch_policies": True}
            patterns = [("tag", item) for item in tags] + [("branch", item) for item in branches]
            environment.update(
                reviewers=list(reviewers),
                prevent_self_review=prevent_self_review,
                deployment_branch_policy=custom if patterns else None,
                policies=[
                    {"id": self._store.new_id(), "type": kind, "name": item} for kind, item in patterns
                ],
            )
            found.save()

    def rulesets(self, repo: str) -> list[Json]:
        """Return rulesets."""
        return copy.deepcopy(list(self._repo(repo)["rulesets"]))

    def job_tokens(self) -> list[Json]:
        """Return the tokens of jobs that run now: `repo`, `run`, `job`, `permissions`."""
        with self._store.lock:
            records = self._store.state["tokens"].values()
            return [dict(record) for record in records if record["kind"] == "job"]

    def job(self, repo: str, job_id: int) -> Json:
        """Return a job by its id."""
        return copy.deepcopy(find_job(self._store, self._repo(repo), job_id)[1])

    def _repo(self, full_name: str) -> Document:
        return self._store.repo(full_name)


def create_app(root: Path, pythons: Sequence[str]) -> GitHub:
    """Return GitHub's side of the sandbox below `root`, going on from whatever is there.

    Args:
        root: the sandbox's root.
        pythons: as for `prepare`.
    """
    from emulator.init_process import environment  # noqa: PLC0415 - that module loads this one

    return GitHub(root, prepare(root, environment(root), pythons))
