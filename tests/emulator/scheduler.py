"""GitHub Actions without GitHub: which workflows an event starts, and how their jobs follow.

The scheduler keeps each run as a document of the store (`runs/ID/run.json`) and decides from it alone
what comes next, so that a run that waits for an approval survives a checkpoint, and a re-run works
in another process than the run it repeats. `github.act` executes the single job.

Life of a run: *queued* (its turn in a concurrency group is awaited: *pending*) - *in_progress* -
possibly *waiting* (for a reviewer of an environment) - *completed*.

Known to differ from GitHub: a failed leg does not cancel its siblings (`fail-fast`), an
environment's wait timer does not wait, `always()` jobs do not run after a cancellation, all legs
of a matrix share one token, every label is this Linux machine, and environment names with
expressions are refused with a sentence.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import os
import queue
import re
import secrets
import threading
import traceback
from typing import TYPE_CHECKING, Literal

import jwt

from .github import rules, triggers
from .github.act import (
    Act,
    Leg,
    Outcome,
    Settings,
    assert_faithful,
    check_actions,
    evaluate,
    job_copy,
    outcome,
    script,
)
from .github.git import GitRepo
from .github.protection import find_environment, may_review, new_environment
from .github.repository import repo_json, user_json
from .github.rest import OIDC_HOST, RESULTS_HOST
from .github.store import Actor, ApiError, Document, Json, Store, now
from .github.triggers import WorkflowError, ancestors, load, needs
from .progress import Progress, Stalled

if TYPE_CHECKING:
    from collections.abc import Callable

#: Days a run can be repeated. Source: "Re-running workflows and jobs", GitHub docs.
RERUN_DAYS = 30


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened in a repository and starts workflows.

    Attributes:
        name: "push", "workflow_dispatch", ...
        ref: full name of the ref that the runs are for.
        sha: its commit.
        payload: event.json, without what every event has.
        actor: who did it.
    """

    name: str
    ref: str
    sha: str
    payload: Json
    actor: Actor


class Scheduler:
    """Starts, continues, approves, cancels and repeats workflow runs.

    Args:
        store: the state; its events come here.
        settings: what the machine offers to jobs.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self._slots = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
        self._acts: dict[int, list[Act]] = {}
        self._arrivals: queue.SimpleQueue[int] = queue.SimpleQueue()
        store.on_event = self.on_event
        threading.Thread(target=self._admit_all, daemon=True).start()
        self._resume()

    # -- events -----------------------------------------------------------------------------

    def on_event(self, repo: Document, event: str, payload: Json, actor: Actor) -> None:
        """Start every workflow that an event of a repository starts."""
        if not repo["actions"]["enabled"] or payload.get("deleted"):
            return
        git = GitRepo(self.store, repo)
        ref = f"refs/tags/{payload['release']['tag_name']}" if event == "release" else str(payload["ref"])
        sha = str(payload.get("sha") or git.resolve(ref) or "")
        happened = Event(event, ref, sha, payload, actor)
        for path, text in git.workflows(sha).items() if sha else ():
            if repo["workflows"].get(path, {}).get("state", "active") != "active":
                continue
            try:
                workflow = load(text)
            except WorkflowError as error:
                if event == "push":
                    self._create(repo, path, text, {}, happened, problem=str(error))
                continue
            filters = triggers.events(workflow).get(event)
            if filters is None or not self._starts(git, path, event, filters, payload):
                continue
            self._create(repo, path, text, workflow, happened)

    @staticmethod
    def _starts(git: GitRepo, path: str, event: str, filters: Json, payload: Json) -> bool:
        if event == "push":
            before, after = payload["before"], payload["after"]
            changed: list[str] = []
            if any(key.startswith("paths") for key in filters) and before != rules.ZERO:
                changed = git.text("diff", "--name-only", before, after).splitlines()
            return triggers.push_starts(filters, payload["ref"], changed)
        if event == "pull_request":
            base = payload["pull_request"]["base"]["ref"]
            return triggers.pull_request_starts(filters, base, payload["action"])
        if event == "schedule":
            return bool(path.endswith(f"/{payload['workflow']}"))
        if event == "release":
            return payload["action"] in (filters.get("types") or [payload["action"]])
        return True

    def dispatch(self, repo: Document, path: str, ref: str, inputs: Json, actor: Actor) -> Document:
        """Start a workflow by hand, as the dispatch endpoint does.

        Args:
            repo: the repository.
            path: path of the workflow file.
            ref: branch or tag, short or full; the file of that ref is run.
            inputs: values for `on: workflow_dispatch: inputs:`.
            actor: who asks.

        Raises:
            ApiError: 422 with GitHub's sentence.
        """
        git = GitRepo(self.store, repo)
        for full in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
            sha = git.resolve(full) if full.startswith("refs/") else None
            if sha is not None:
                break
        else:
            raise ApiError(422, f"No ref found for: {ref}")
        text = git.file(sha, path)
        try:
            workflow = load(text.decode()) if text is not None else {"on": {}}
        except WorkflowError as error:
            raise ApiError(422, str(error)) from error
        declared = triggers.events(workflow)
        if text is None or "workflow_dispatch" not in declared:
            raise ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
        checked = triggers.dispatch_inputs(declared["workflow_dispatch"].get("inputs") or {}, inputs)
        # `github.event.inputs` has strings only; the `inputs` context types them again.
        words = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in checked.items()
        }
        payload: Json = {"ref": full, "inputs": words, "workflow": path}
        happened = Event("workflow_dispatch", full, sha, payload, actor)
        return self._create(repo, path, text.decode(), workflow, happened)

    def _create(
        self, repo: Document, path: str, text: str, workflow: Json, event: Event, *, problem: str = ""
    ) -> Document:
        """File a run and queue it."""
        with self.store.lock:
            record = register(self.store, repo, path, workflow)
            number = repo["next_run_number"].get(path, 1)
            repo["next_run_number"][path] = number + 1
            repo.save()
            sender = user_json(self.store, event.actor.login)
            full: Json = {"repository": repo_json(self.store, repo, event.actor.login), "sender": sender}
            subject = GitRepo(self.store, repo).text("log", "-1", "--format=%s", event.sha)
            run = self.store.add_run(
                repo,
                {
                    "id": self.store.new_id(),
                    "repository": repo["full_name"],
                    "workflow_id": record["id"],
                    "path": path,
                    "name": record["name"],
                    "title": event.payload.get("pull_request", {}).get("title") or subject,
                    "number": number,
                    "attempt": 1,
                    "event": event.name,
                    "ref": event.ref,
                    "head_branch": event.payload.get("head_branch") or event.ref.split("/", 2)[2],
                    "head_sha": event.payload.get("head_sha") or event.sha,
                    "sha": event.sha,
                    "actor": event.actor.login,
                    "triggering_actor": event.actor.login,
                    "status": "queued",
                    "conclusion": None,
                    "created_at": now(),
                    "run_started_at": now(),
                    "updated_at": now(),
                    "payload": {**event.payload, **full},
                    "group": None,
                    "cancel_in_progress": False,
                    "problem": problem,
                    "jobs": [],
                    "results": {},
                    "legs": {},
                    "reviews": {},
                    "approvals": [],
                    "previous": [],
                    "artifacts": [],
                    "cancelled": False,
                },
            )
            (run.path.parent / "workflow.yml").write_text(text, encoding="utf-8")
            self._place_jobs(run, workflow)
            self.store.touch(run)
            self._arrivals.put(run["id"])
            return run

    def _place_jobs(self, run: Document, workflow: Json) -> None:
        """Put a record for each job that has none yet."""
        have = {job["key"] for job in run["jobs"]}
        for key, job in workflow.get("jobs", {}).items():
            if key not in have:
                run["jobs"].append(self._job(run, key, job, {}))

    def _job(self, run: Json, key: str, job: Json, matrix: Json) -> Json:
        return {
            "id": self.store.new_id(),
            "key": key,
            "name": job_name(key, job, matrix),
            "matrix": matrix,
            "attempt": run["attempt"],
            "status": "queued",
            "conclusion": None,
            "started_at": now(),
            "completed_at": None,
            "steps": [],
            "annotations": [],
            "summary": "",
            "labels": [job["runs-on"]] if isinstance(job.get("runs-on"), str) else [],
            "environment": environment_name(job) or None,
        }

    def workflow(self, run: Document) -> Json:
        """Return the workflow of a run as it was when the run was made."""
        return load((run.path.parent / "workflow.yml").read_text(encoding="utf-8"))

    # -- admission: validity, concurrency ---------------------------------------------------

    def _admit_all(self) -> None:
        """Take runs in the order of their creation, one at a time, so that none overtakes."""
        while True:
            run = self.store.run(self._arrivals.get())
            try:
                self._admit(run)
            except Exception:  # noqa: BLE001 - the thread has to live; the run tells
                self._refuse(run, f"The emulator failed:\n{traceback.format_exc()}")

    def _refuse(self, run: Document, why: str) -> None:
        """End a run that cannot start."""
        with self.store.lock:
            run["problem"] = why
            for job in run["jobs"]:
                job |= {"status": "completed", "conclusion": "failure", "completed_at": now()}
            run |= {"status": "completed", "conclusion": "startup_failure"}
            self.store.touch(run)

    def _admit(self, run: Document) -> None:
        if run["status"] == "completed":
            return
        if run["problem"]:
            self._refuse(run, run["problem"])
            return
        try:
            workflow = self.workflow(run)
            check_actions(workflow, self.settings.actions)
            for key, job in workflow["jobs"].items():
                ancestors(workflow["jobs"], key)
                environment_name(job)
            self._evaluate_heading(run, workflow)
        except WorkflowError as error:
            self._refuse(run, str(error))
            return
        with self.store.lock:
            rivals = [
                other
                for other in self.store.all_runs()
                if other is not run
                and run["group"] is not None
                and other["repository"] == run["repository"]
                and (other["group"] or "").lower() == run["group"].lower()
                and other["status"] != "completed"
            ]
            for rival in rivals:
                # GitHub keeps one run waiting for a group: a newer one takes its place.
                if rival["status"] == "pending" or run["cancel_in_progress"]:
                    self.cancel(rival)
            if any(rival["status"] != "completed" for rival in rivals):
                run["status"] = "pending"
                self.store.touch(run)
                return
            run["status"] = "in_progress"
            self.store.touch(run)
        self._advance(run)

    def _evaluate_heading(self, run: Document, workflow: Json) -> None:
        """Work out the concurrency group and the run's name."""
        heading = workflow.get("concurrency")
        if isinstance(heading, str):
            heading = {"group": heading}
        heading = heading or {}
        wanted = {"group": str(heading["group"])} if "group" in heading else {}
        wanted["cancel"] = str(heading.get("cancel-in-progress", False)).lower()
        if "run-name" in workflow:
            wanted["title"] = str(workflow["run-name"])
        dynamic = {key: value for key, value in wanted.items() if "${{" in value}
        if dynamic:
            act = Act(self.settings, self.settings.scratch / f"{run['id']}-heading")
            try:
                facts = self._facts(run, workflow)
                wanted |= evaluate(act, workflow, dynamic, **facts)
            finally:
                act.close()
        with self.store.lock:
            run["group"] = wanted.get("group")
            run["cancel_in_progress"] = wanted["cancel"] == "true"
            run["title"] = wanted.get("title") or run["title"]

    # -- the order of jobs ------------------------------------------------------------------

    def _advance(self, run: Document) -> None:
        """Start every job whose needs are met; end the run when there is none left."""
        with self.store.lock:
            if run["status"] == "completed":
                return
            jobs = self.workflow(run)["jobs"]
            for key, job in jobs.items():
                ready = all(name in run["results"] for name in needs(job))
                records = [j for j in run["jobs"] if j["key"] == key and j["status"] == "queued"]
                if key in run["results"] or not records or not ready:
                    continue
                for record in records:
                    record |= {"status": "in_progress", "started_at": now()}
                threading.Thread(target=self._work, args=(run, key), daemon=True).start()
            if all(key in run["results"] for key in jobs):
                self._finish(run, jobs)
                return
            states = {job["status"] for job in run["jobs"]}
            waits = "waiting" in states and "in_progress" not in states
            run["status"] = "waiting" if waits else "in_progress"
            self.store.touch(run)

    def _finish(self, run: Document, jobs: Json) -> None:
        """Conclude a run and let the next of its concurrency group in."""
        results = {run["results"][key]["result"] for key in jobs}
        if run["cancelled"]:
            run["conclusion"] = "cancelled"
        elif "failure" in results or "cancelled" in results:
            run["conclusion"] = "failure" if "failure" in results else "cancelled"
        else:
            run["conclusion"] = "skipped" if results == {"skipped"} else "success"
        run["status"] = "completed"
        self.store.touch(run)
        for other in self.store.all_runs():
            if other["status"] == "pending" and other["group"] == run["group"]:
                other["status"] = "queued"
                self.store.touch(other)
                self._arrivals.put(other["id"])
                break

    def _work(self, run: Document, key: str) -> None:
        """Do one job, in a thread of its own."""
        attempt = run["attempt"]
        try:
            found = self._perform(run, key)
        except (WorkflowError, ApiError) as error:
            found = Outcome("failure", problem=str(error))
        except Exception:  # noqa: BLE001 - a defect of the emulator must show, not hang the run
            found = Outcome("failure", problem=f"The emulator failed:\n{traceback.format_exc()}")
        with self.store.lock:
            if run["attempt"] == attempt and key not in run["results"] and found is not None:
                self._record(run, key, found)
            self._advance(run)

    def _perform(self, run: Document, key: str) -> Outcome | None:
        """Return the outcome of a job; None when it waits for a reviewer."""
        workflow = self.workflow(run)
        job = workflow["jobs"][key]
        above = [run["results"][name]["result"] for name in ancestors(workflow["jobs"], key)]
        if "if" not in job and set(above) - {"success"}:
            return Outcome("skipped")
        name = environment_name(job)
        if name:
            gate = self._gate(run, workflow, key, name)
            if gate != "open":
                return gate
        found = self._execute(run, workflow, key)
        if name and found.result != "skipped":
            with self.store.lock:
                new_environment(self.store, self.store.repo(run["repository"]), name)
        if job.get("continue-on-error") is True and found.result == "failure":
            found.result = "success"
        return found

    def _gate(self, run: Document, workflow: Json, key: str, name: str) -> Outcome | Literal["open"] | None:
        """Ask an environment: "open", an outcome (skipped, refused), or None for waiting."""
        repo = self.store.repo(run["repository"])
        environment = find_environment(repo, name)
        if environment is None:
            return "open"
        barred = not admits_ref(environment, run["ref"])
        review = run["reviews"].get(environment["name"])
        if not barred and (not environment["reviewers"] or review == "approved"):
            return "open"
        if "if" in workflow["jobs"][key]:
            # GitHub looks at `if:` before it asks anybody: try the job with nothing in it.
            empty = copy.deepcopy(workflow)
            empty["jobs"][key]["steps"] = [script(":")]
            if self._execute(run, empty, key, trial=True).result == "skipped":
                return Outcome("skipped")
        kind, short = run["ref"].removeprefix("refs/").split("/", 1)
        if barred:
            word = {"tags": "Tag", "heads": "Branch"}.get(kind, "Ref")
            sentence = f'{word} "{short}" is not allowed to deploy to {environment["name"]} due to '
            sentence += "environment protection rules."
            return Outcome("failure", problem=sentence)
        with self.store.lock:
            for record in run["jobs"]:
                if record["key"] == key and record["status"] == "in_progress":
                    record["status"] = "waiting"
        return None

    def _execute(self, run: Document, workflow: Json, key: str, *, trial: bool = False) -> Outcome:
        """Run one job with act.

        Args:
            run: its run.
            workflow: the workflow.
            key: the job.
            trial: only to see whether the job would run: without credentials.
        """
        repo = self.store.repo(run["repository"])
        job = workflow["jobs"][key]
        legs = run["legs"].get(key)
        record = next(item for item in run["jobs"] if item["key"] == key)
        fork = bool(run["payload"].get("fork"))
        granted = triggers.permissions(
            workflow, job, repo["actions"]["default_workflow_permissions"], fork=fork
        )
        token = self.store.job_token(run["repository"], run["id"], record["id"], granted)
        facts = self._facts(run, workflow)
        facts["env"] |= {"GITHUB_JOB": key}
        passes: list[str] = []
        if not trial:
            passes = self._passes(run, record, granted, facts["env"])
            # The credentials of the services go in as secrets, too, so that logs never show them.
            hidden = {f"DRILL_PASS_{number}": value for number, value in enumerate(passes)}
            facts |= {"token": token, "secrets": hidden | ({} if fork else repo.get("secrets", {}))}
        limit = job.get("timeout-minutes")
        folder = self.settings.scratch / f"{run['id']}-{run['attempt']}-{key}"
        with self._slots:
            act = Act(self.settings, folder)
            with self.store.lock:
                self._acts.setdefault(run["id"], []).append(act)
            try:
                given = job_copy(workflow, key, run["results"], legs)
                minutes = float(limit) * 60 if isinstance(limit, int | float) else None
                if run["cancelled"]:
                    return Outcome("cancelled", problem="The run was canceled.")
                lines = act.run(given, limit=minutes, **facts)
                if not trial:
                    text = (run.path.parent / "workflow.yml").read_text(encoding="utf-8")
                    assert_faithful(text, act.folder / "workflow.yml", key, legs, facts["env"])
                return outcome(act, lines, workflow, key)
            finally:
                with self.store.lock:
                    self._acts[run["id"]].remove(act)
                    for pass_ in [token, *passes]:
                        self.store.revoke(pass_)
                act.close()

    def _facts(self, run: Document, workflow: Json) -> Json:
        """Return what act is told about a run."""
        repo = self.store.repo(run["repository"])
        owner = self.store.user(repo["owner"])
        file = f"{run['repository']}/{run['path']}@{run['ref']}"
        kind = "tag" if run["ref"].startswith("refs/tags/") else "branch"
        env = {
            "GITHUB_REPOSITORY": run["repository"],
            "GITHUB_REPOSITORY_ID": repo["id"],
            "GITHUB_REPOSITORY_OWNER_ID": owner["id"],
            "GITHUB_REF": run["ref"],
            "GITHUB_REF_TYPE": kind,
            "GITHUB_SHA": run["sha"],
            "GITHUB_RUN_ID": run["id"],
            "GITHUB_RUN_NUMBER": run["number"],
            "GITHUB_RUN_ATTEMPT": run["attempt"],
            "GITHUB_ACTOR": run["actor"],
            "GITHUB_TRIGGERING_ACTOR": run["triggering_actor"],
            "GITHUB_WORKFLOW": run["name"],
            "GITHUB_WORKFLOW_REF": file,
            "GITHUB_WORKFLOW_SHA": run["sha"],
            "GITHUB_REPOSITORY_VISIBILITY": "private" if repo["private"] else "public",
            "GITHUB_ACTOR_ID": user_json(self.store, run["actor"])["id"],
            "GITHUB_REF_PROTECTED": "false",
            "RUNNER_ENVIRONMENT": "github-hosted",
        }
        payload = {key: value for key, value in run["payload"].items() if key != "fork"}
        if payload.get("after") != run["sha"]:
            # An annotated tag: `after` names the tag object, and act would take it for the commit
            # if it saw that the event deletes nothing.
            payload.pop("deleted", None)
        return {
            "event": run["event"],
            "payload": payload,
            "sha": run["sha"],
            "actor": run["actor"],
            "env": {name: str(value) for name, value in env.items()},
            "variables": repo["variables"],
            "actions": check_actions(workflow, self.settings.actions),
        }

    def _passes(self, run: Document, record: Json, granted: dict[str, str], env: dict[str, str]) -> list[str]:
        """Put the job's service credentials into `env` and return them.

        The artifact service knows every job; the issuer of identity tokens only those with
        `id-token: write`.
        """
        base = {"run": run["id"], "job": record["id"], "repo": run["repository"]}
        # The artifact client reads the ids of run and job in the token itself; nobody checks its signature.
        scope = f"Actions.Results:{run['id']}:{record['id']}"
        runtime = jwt.encode({"scp": scope, "jti": secrets.token_hex(12)}, secrets.token_hex(32))
        tokens = {runtime: {"kind": "runtime", **base}}
        env["ACTIONS_RUNTIME_TOKEN"] = next(iter(tokens))
        env["ACTIONS_RESULTS_URL"] = f"https://{RESULTS_HOST}/"
        if granted.get("id-token") == "write":
            request = f"oidc_{secrets.token_hex(12)}"
            tokens[request] = {"kind": "oidc", **base}
            env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = request
            where = f"https://{OIDC_HOST}/{run['id']}/{record['id']}/idtoken?api-version=2.0"
            env["ACTIONS_ID_TOKEN_REQUEST_URL"] = where
        with self.store.lock:
            self.store.state["tokens"] |= tokens
            self.store.state.save()
        return list(tokens)

    def _record(self, run: Document, key: str, found: Outcome) -> None:
        """Write the outcome of a job into its run."""
        job = self.workflow(run)["jobs"][key]
        open_ = [j for j in run["jobs"] if j["key"] == key and j["status"] != "completed"]
        place = run["jobs"].index(open_[0])
        records = []
        legs = found.legs or [Leg({}, conclusion=found.result)]
        for number, leg in enumerate(legs):
            record = open_[0] if number == 0 else self._job(run, key, job, leg.matrix)
            if found.problem:
                note = {"path": ".github", "start_line": 1, "end_line": 1, "title": ""}
                note |= {"annotation_level": "failure", "message": found.problem}
                leg.annotations.append(note)
                leg.log.append((1, f"##[error]{found.problem}"))
            record |= {
                "status": "completed",
                "conclusion": leg.conclusion if found.legs else found.result,
                "completed_at": now(),
                "matrix": leg.matrix,
                "name": job_name(key, job, leg.matrix),
                "attempt": run["attempt"],
                "steps": leg.steps,
                "annotations": leg.annotations,
                "summary": leg.summary,
            }
            log = run.path.parent / "logs" / f"{record['id']}.txt"
            log.parent.mkdir(exist_ok=True)
            pairs = [(n, line) for n, text in leg.log for line in re.split("[\r\n]+", text)]
            lines = "".join(f"{number}\t{line}\n" for number, line in pairs)
            log.write_text(lines, encoding="utf-8")
            records.append(record)
        for record in open_:
            run["jobs"].remove(record)
        run["jobs"][place:place] = records
        outputs = found.outputs
        if run["legs"].get(key):  # the other legs were kept, with what they had handed on
            before = run["previous"][-1]["results"][key]["outputs"]
            outputs = before | {name: value for name, value in found.outputs.items() if value}
        run["results"][key] = {"result": found.result, "outputs": outputs}
        self.store.touch(run)

    # -- what people do to runs -------------------------------------------------------------

    def review(self, run: Document, environments: list[str], state: str, comment: str, login: str) -> None:
        """Approve or reject jobs that wait for environments.

        Args:
            run: the run.
            environments: names of the environments.
            state: "approved" or "rejected".
            comment: the reviewer's words.
            login: the reviewer.

        Raises:
            ApiError: 422, when nothing waits for the environment or the user may not review it.
        """
        with self.store.lock:
            repo = self.store.repo(run["repository"])
            for name in environments:
                environment = find_environment(repo, name)
                waiting = pending_jobs(run, name)
                if environment is None or not waiting:
                    raise ApiError(422, f"No pending deployment requests for {name}")
                if not may_review(repo, environment, login):
                    raise ApiError(422, f"{login} is not a required reviewer of {name}")
                if environment["prevent_self_review"] and login == run["triggering_actor"]:
                    raise ApiError(422, f"{login} started the run and may not review it")
                run["reviews"][environment["name"]] = state
                run["approvals"].append(
                    {"environment": name, "state": state, "comment": comment, "user": login}
                )
                for job in waiting:
                    job["status"] = "queued"
                    if state == "rejected":
                        sentence = f"The deployment to {name} was rejected by {login}: {comment}"
                        if job["key"] not in run["results"]:
                            refusal = Outcome("failure", problem=sentence)
                            self._record(run, job["key"], refusal)
            self._advance(run)

    def cancel(self, run: Document) -> None:
        """Cancel a run: kill what runs, drop what waits."""
        with self.store.lock:
            run["cancelled"] = True
            for act in self._acts.get(run["id"], []):
                act.kill("The run was canceled.")
            busy = {job["key"] for job in run["jobs"] if job["status"] == "in_progress"}
            jobs = self.workflow(run)["jobs"]
            for key in jobs:
                if key not in run["results"] and key not in busy:
                    self._record(run, key, Outcome("cancelled"))
            if not busy:
                self._finish(run, jobs)

    def rerun(self, run: Document, login: str, *, failed_only: bool = False, job: Json | None = None) -> None:
        """Repeat a run: its commit, its workflow file, its id, one attempt more.

        Args:
            run: the run.
            login: who asks.
            failed_only: keep jobs that succeeded, with their outputs and artifacts.
            job: repeat this job, and what depends on it, only.

        Raises:
            ApiError: 403, when it runs still, is too old, or has nothing to repeat.
        """
        with self.store.lock:
            if run["status"] != "completed":
                raise ApiError(403, "This workflow is already running")
            made = dt.datetime.fromisoformat(run["created_at"])
            if dt.datetime.now(dt.UTC) - made > dt.timedelta(days=RERUN_DAYS):
                why = "Unable to retry this workflow run because it was created over a month ago"
                raise ApiError(403, why)
            jobs = self.workflow(run)["jobs"] if not run["problem"] else {}
            bad = {"failure", "cancelled"}
            if job is not None:
                again = {job["key"]}
            else:
                again = {j["key"] for j in run["jobs"] if j["conclusion"] in bad}
            if failed_only and not again:
                raise ApiError(403, "This workflow run has no failed jobs")
            keys = ("attempt", "jobs", "conclusion", "triggering_actor", "run_started_at", "results")
            run["previous"].append({key: copy.deepcopy(run[key]) for key in keys})
            run["attempt"] += 1
            partly = failed_only or job is not None
            if partly:
                again |= {key for key in jobs if set(ancestors(jobs, key)) & again}
                self._keep(run, jobs, again, job)
            else:
                run |= {"jobs": [], "results": {}, "legs": {}, "artifacts": []}
            run |= {"status": "queued", "conclusion": None, "cancelled": False}
            run |= {"triggering_actor": login, "run_started_at": now(), "reviews": {}}
            self._place_jobs(run, {"jobs": jobs})
            run["jobs"].sort(key=lambda record: list(jobs).index(record["key"]))
            self.store.touch(run)
            self._arrivals.put(run["id"])

    def _keep(self, run: Document, jobs: Json, again: set[str], job: Json | None) -> None:
        """Drop the records and results of the jobs to be repeated; keep legs that succeeded."""
        run["legs"] = {}
        kept = []
        for record in run["jobs"]:
            key = record["key"]
            below = set(ancestors(jobs, key)) & again
            repeat = key in again and (bool(below) or record["conclusion"] != "success" or record is job)
            if not repeat:
                kept.append(record)
            elif record["matrix"] and not below:
                run["legs"].setdefault(key, []).append(record["matrix"])
        whole = {record["key"] for record in kept}
        run["legs"] = {key: legs for key, legs in run["legs"].items() if key in whole}
        run["results"] = {key: value for key, value in run["results"].items() if key not in again}
        run["jobs"] = kept
        for key in run["legs"]:
            # The legs to repeat get one record again; `_record` fills it and adds the others.
            first = next(record for record in kept if record["key"] == key)
            fresh = {"id": self.store.new_id(), "status": "queued", "conclusion": None}
            kept.append({**first, **fresh})

    # -- waiting and restarting -------------------------------------------------------------

    def wait_idle(self, patience: float) -> None:
        """Wait until no run is queued or running; one that waits for a reviewer is idle.

        Args:
            patience: seconds without any progress after which waiting is an error.

        Raises:
            Stalled: when a run is still busy; the message says which.
        """

        def busy() -> list[str]:
            return [
                f"{run['name']} #{run['number']} ({run['status']})"
                for run in self.store.all_runs()
                if run["status"] in {"queued", "in_progress"}
            ]

        self._wait(lambda: not busy(), lambda: f"These runs are still busy: {', '.join(busy())}", patience)

    def wait_status(self, run_id: int, statuses: set[str], patience: float) -> Document:
        """Wait until a run has one of some statuses and return it.

        Raises:
            Stalled: when nothing makes progress; the message has the run's status.
        """
        run = self.store.run(run_id)
        self._wait(
            lambda: run["status"] in statuses,
            lambda: f"Run {run_id} is {run['status']}, not {statuses}",
            patience,
        )
        return run

    def _wait(self, reached: Callable[[], bool], state: Callable[[], str], patience: float) -> None:
        progress = Progress(self.store.root.parent, patience)
        with self.store.changed:
            while not self.store.changed.wait_for(reached, progress.interval):
                if progress.stalled():
                    message = f"{state()}, and nothing has made progress for {patience:g} s."
                    raise Stalled(message)

    def _resume(self) -> None:
        """Take up runs that another process left: a job that was running then is lost."""
        for run in self.store.all_runs():
            if run["status"] == "queued":
                self._arrivals.put(run["id"])
            if run["status"] not in {"in_progress", "waiting"}:
                continue
            for key in {job["key"] for job in run["jobs"] if job["status"] == "in_progress"}:
                lost = "The hosted runner lost communication with the server."
                self._record(run, key, Outcome("failure", problem=lost))
            self._advance(run)


# -- small questions ------------------------------------------------------------------------


def register(store: Store, repo: Document, path: str, workflow: Json) -> Json:
    """Return the repository's record of a workflow file, made on first sight."""
    record: Json | None = repo["workflows"].get(path)
    if record is None:
        record = {"id": store.new_id(), "path": path, "state": "active", "created_at": now()}
        repo["workflows"][path] = record
    record["name"] = str(workflow.get("name") or path)
    repo.save()
    return record


def job_name(key: str, job: Json, matrix: Json) -> str:
    """Return the name GitHub shows for a job, or for one leg of its matrix."""
    name = str(job.get("name", key))
    if "${{" not in name:
        values = ", ".join(_word(value) for value in _leaves(matrix))
        return f"{name} ({values})" if values else name
    for field, value in matrix.items():
        for text in (f"${{{{ matrix.{field} }}}}", f"${{{{matrix.{field}}}}}"):
            name = name.replace(text, _word(value))
    return name


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [value]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def environment_name(job: Json) -> str:
    """Return the name of a job's environment, "" without one.

    Raises:
        WorkflowError: when the name has an expression.
    """
    said = job.get("environment") or ""
    name = str(said.get("name", "")) if isinstance(said, dict) else str(said)
    if "${{" in name:
        message = f"The environment name {name} has an expression; the emulator needs a plain name."
        raise WorkflowError(message)
    return name


def admits_ref(environment: Json, ref: str) -> bool:
    """Say whether an environment's deployment policy admits a ref."""
    policy = environment["deployment_branch_policy"]
    if not policy:
        return True
    kind, name = ref.removeprefix("refs/").split("/", 1)
    if policy["protected_branches"]:
        return kind == "heads"
    wanted = {"heads": "branch", "tags": "tag"}.get(kind, "branch")
    return any(
        entry["type"] == wanted and rules.fnmatch_ref(entry["name"], name)
        for entry in environment["policies"]
    )


def pending_jobs(run: Json, environment: str) -> list[Json]:
    """Return the jobs of a run that wait for a reviewer of an environment."""
    return [
        job
        for job in run["jobs"]
        if job["status"] == "waiting" and (job["environment"] or "").lower() == environment.lower()
    ]
