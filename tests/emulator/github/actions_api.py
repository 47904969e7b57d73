"""The Actions part of the REST API: workflows, runs, jobs, logs, artifacts, settings."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from werkzeug.utils import redirect

from emulator import scheduler as scheduling

from .protection import environment_json, find_environment, may_review
from .repository import check_json, user_json
from .rest import API, Answer, Call, choose, reply, route
from .store import ApiError, Document, Json, Store
from .triggers import WorkflowError, load

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

#: Where GitHub sends downloads of logs and artifacts.
BLOB_HOST = "productionresultssa0.blob.core.windows.net"

_RUNS = "/repos/<owner>/<name>/actions/runs"


def workflow_json(repo: Json, record: Json) -> Json:
    """Return a workflow as the REST API shows it."""
    base = f"{API}/repos/{repo['full_name']}/actions/workflows/{record['id']}"
    page = f"https://github.com/{repo['full_name']}/actions/workflows"
    file = record["path"].rpartition("/")[2]
    return {
        **record,
        "node_id": f"W_{record['id']}",
        "updated_at": record["created_at"],
        "url": base,
        "html_url": f"https://github.com/{repo['full_name']}/blob/{repo['default_branch']}/{record['path']}",
        "badge_url": f"{page}/{file}/badge.svg",
    }


def run_json(store: Store, repo: Json, run: Json, attempt: Json | None = None) -> Json:
    """Return a run as the REST API shows it, or one of its earlier attempts."""
    base = f"{API}/repos/{repo['full_name']}/actions/runs/{run['id']}"
    shown = {**run, "status": "completed", **attempt} if attempt else run
    keys = ("id", "name", "path", "event", "head_branch", "head_sha", "workflow_id", "created_at")
    return {
        **choose(shown, *keys, "status", "conclusion", "run_started_at", "updated_at"),
        "node_id": f"WFR_{run['id']}",
        "check_suite_id": run["id"],
        "check_suite_node_id": f"CS_{run['id']}",
        "display_title": run["title"],
        "run_number": run["number"],
        "run_attempt": shown["attempt"],
        "workflow_url": f"{API}/repos/{repo['full_name']}/actions/workflows/{run['workflow_id']}",
        "url": base,
        "html_url": f"https://github.com/{repo['full_name']}/actions/runs/{run['id']}",
        "jobs_url": f"{base}/jobs",
        "logs_url": f"{base}/logs",
        "artifacts_url": f"{base}/artifacts",
        "rerun_url": f"{base}/rerun",
        "cancel_url": f"{base}/cancel",
        "previous_attempt_url": None,
        "pull_requests": [],
        "actor": user_json(store, run["actor"]),
        "triggering_actor": user_json(store, shown["triggering_actor"]),
        "head_commit": {"id": run["head_sha"], "message": run["title"]},
        "head_repository": {
            "id": repo["id"],
            "full_name": repo["full_name"],
            "name": repo["name"],
            "owner": user_json(store, repo["owner"]),
        },
        "repository": {"id": repo["id"], "full_name": repo["full_name"], "name": repo["name"]},
    }


def job_json(repo: Json, run: Json, job: Json) -> Json:
    """Return a job as the REST API shows it."""
    base = f"{API}/repos/{repo['full_name']}"
    page = f"https://github.com/{repo['full_name']}/actions/runs/{run['id']}"
    keys = ("id", "name", "status", "conclusion", "started_at", "completed_at", "labels")
    shown = ("name", "status", "conclusion", "number", "started_at", "completed_at")
    return {
        **choose(job, *keys),
        "run_id": run["id"],
        "run_attempt": job["attempt"],
        "workflow_name": run["name"],
        "head_branch": run["head_branch"],
        "head_sha": run["head_sha"],
        "node_id": f"CR_{job['id']}",
        "url": f"{base}/actions/jobs/{job['id']}",
        "run_url": f"{base}/actions/runs/{run['id']}",
        "html_url": f"{page}/job/{job['id']}",
        "check_run_url": f"{base}/check-runs/{job['id']}",
        "steps": [choose(step, *shown) for step in job["steps"]],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
    }


def _run(call: Call, number: int) -> Document:
    run = call.store.run(number)
    if run["repository"] != call.repo["full_name"]:
        raise ApiError(404, "Not Found")
    return run


def _workflow(call: Call, name: str) -> Json:
    """Return the record of a workflow given by id or file name.

    Raises:
        ApiError: 404.
    """
    refresh_workflows(call)
    for record in call.repo["workflows"].values():
        if name in {str(record["id"]), record["path"], record["path"].rpartition("/")[2]}:
            found: Json = record
            return found
    raise ApiError(404, "Not Found")


def refresh_workflows(call: Call) -> None:
    """Register the workflows of the default branch, which GitHub lists before they ever ran."""
    branch = f"refs/heads/{call.repo['default_branch']}"
    for path, text in call.git.workflows(branch).items():
        if path not in call.repo["workflows"]:
            try:
                workflow = load(text)
            except WorkflowError:
                workflow = {}
            scheduling.register(call.store, call.repo, path, workflow)


# -- workflows ------------------------------------------------------------------------------


@route("GET", "/repos/<owner>/<name>/actions/workflows", permission="actions")
def list_workflows(call: Call) -> Answer:
    """List workflows."""
    refresh_workflows(call)
    records = call.repo["workflows"].values()
    return call.page([workflow_json(call.repo, record) for record in records], "workflows")


@route("GET", "/repos/<owner>/<name>/actions/workflows/<workflow>", permission="actions")
def get_workflow(call: Call, workflow: str) -> Answer:
    """Show a workflow."""
    return workflow_json(call.repo, _workflow(call, workflow))


@route("GET", "/repos/<owner>/<name>/actions/workflows/<workflow>/runs", permission="actions")
def workflow_runs(call: Call, workflow: str) -> Answer:
    """List the runs of a workflow."""
    return _list(call, _workflow(call, workflow)["id"])


@route("POST", "/repos/<owner>/<name>/actions/workflows/<workflow>/dispatches", permission="actions")
def dispatch(call: Call, workflow: str) -> Answer:
    """Start a workflow by hand."""
    record = _workflow(call, workflow)
    body = call.body
    if record["state"] != "active":
        raise ApiError(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    inputs = {name: str(value) for name, value in (body.get("inputs") or {}).items()}
    ref = str(body.get("ref", ""))
    run = call.api.scheduler.dispatch(call.repo, record["path"], ref, inputs, call.actor)
    if not body.get("return_run_details"):
        return None
    shown = run_json(call.store, call.repo, run)
    return {"workflow_run_id": run["id"], "run_url": shown["url"], "html_url": shown["html_url"]}


@route("PUT", "/repos/<owner>/<name>/actions/workflows/<workflow>/<verb>", permission="actions")
def switch_workflow(call: Call, workflow: str, verb: str) -> Answer:
    """Enable or disable a workflow."""
    states = {"enable": "active", "disable": "disabled_manually"}
    if verb not in states:
        raise ApiError(404, "Not Found")
    _workflow(call, workflow)["state"] = states[verb]
    call.repo.save()
    return None


# -- runs -----------------------------------------------------------------------------------


def _list(call: Call, workflow_id: int | None = None) -> Response:
    """List runs by the filters in the query."""
    args = call.request.args
    plain = {"event": "event", "head_sha": "head_sha", "branch": "head_branch", "actor": "actor"}
    found = []
    for run in call.store.runs(call.repo):
        status = args.get("status")
        if (
            workflow_id in {None, run["workflow_id"]}
            and all(run[key] == args[name] for name, key in plain.items() if args.get(name))
            and (not status or status in {run["status"], run["conclusion"]})
        ):
            found.append(run)
    # GitHub's created filter is a search range; only ">=DATE" is sent by what is run here.
    least = args.get("created", "").removeprefix(">=") if args.get("created", "")[:2] == ">=" else ""
    shown = [run_json(call.store, call.repo, run) for run in found if run["created_at"] >= least]
    return call.page(shown, "workflow_runs")


@route("GET", _RUNS, permission="actions")
def list_runs(call: Call) -> Answer:
    """List the runs of the repository."""
    return _list(call)


@route("GET", f"{_RUNS}/<int:number>", permission="actions")
def get_run(call: Call, number: int) -> Answer:
    """Show a run."""
    return run_json(call.store, call.repo, _run(call, number))


@route("DELETE", f"{_RUNS}/<int:number>", permission="actions")
def delete_run(call: Call, number: int) -> Answer:
    """Delete a run."""
    run = _run(call, number)
    if run["status"] != "completed":
        raise ApiError(403, "Could not delete the workflow run")
    call.store.drop_run(run)
    return None


def _attempt(run: Json, attempt: int) -> Json | None:
    """Return an earlier attempt of a run, None for the present one.

    Raises:
        ApiError: 404.
    """
    if attempt == run["attempt"]:
        return None
    for earlier in run["previous"]:
        if earlier["attempt"] == attempt:
            found: Json = earlier
            return found
    raise ApiError(404, "Not Found")


@route("GET", f"{_RUNS}/<int:number>/attempts/<int:attempt>", permission="actions")
def get_attempt(call: Call, number: int, attempt: int) -> Answer:
    """Show an attempt of a run."""
    run = _run(call, number)
    return run_json(call.store, call.repo, run, _attempt(run, attempt))


@route("GET", f"{_RUNS}/<int:number>/attempts/<int:attempt>/jobs", permission="actions")
def attempt_jobs(call: Call, number: int, attempt: int) -> Answer:
    """List the jobs of an attempt."""
    run = _run(call, number)
    jobs = (_attempt(run, attempt) or run)["jobs"]
    return call.page([job_json(call.repo, run, job) for job in jobs], "jobs")


@route("GET", f"{_RUNS}/<int:number>/jobs", permission="actions")
def list_jobs(call: Call, number: int) -> Answer:
    """List the jobs of a run: of its last attempt, or with `filter=all` of all."""
    run = _run(call, number)
    jobs = list(run["jobs"])
    if call.request.args.get("filter") == "all":
        known = {job["id"] for job in jobs}
        for earlier in run["previous"]:
            jobs += [job for job in earlier["jobs"] if job["id"] not in known]
    return call.page([job_json(call.repo, run, job) for job in jobs], "jobs")


def find_job(store: Store, repo: Json, number: int) -> tuple[Document, Json]:
    """Return a job and its run.

    Raises:
        ApiError: 404.
    """
    for run in store.runs(repo):
        for attempt in [run, *run["previous"]]:
            for job in attempt["jobs"]:
                if job["id"] == number:
                    return run, job
    raise ApiError(404, "Not Found")


@route("GET", "/repos/<owner>/<name>/actions/jobs/<int:number>", permission="actions")
def get_job(call: Call, number: int) -> Answer:
    """Show a job."""
    return job_json(call.repo, *find_job(call.store, call.repo, number))


@route("GET", "/repos/<owner>/<name>/check-runs/<int:number>", permission="checks")
def get_check_run(call: Call, number: int) -> Answer:
    """Show a job as a check run."""
    return check_json(call.repo, *find_job(call.store, call.repo, number))


@route("GET", "/repos/<owner>/<name>/check-runs/<int:number>/annotations", permission="checks")
def list_annotations(call: Call, number: int) -> Answer:
    """List the annotations of a job."""
    return call.page(find_job(call.store, call.repo, number)[1]["annotations"])


# -- logs -----------------------------------------------------------------------------------


def log_lines(run: Document, job: Json) -> list[tuple[int, str]]:
    """Return the log of a job: (number of the step, line)."""
    file = run.path.parent / "logs" / f"{job['id']}.txt"
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")
    pairs = (line.partition("\t") for line in lines if line)
    return [(int(step), text) for step, _, text in pairs]


def _stamped(job: Json, lines: list[str]) -> str:
    stamp = (job["completed_at"] or job["started_at"]).removesuffix("Z") + ".0000000Z"
    return "".join(f"{stamp} {line}\n" for line in lines)


@route("GET", "/repos/<owner>/<name>/actions/jobs/<int:number>/logs", permission="actions")
def job_log(call: Call, number: int) -> Answer:
    """Send the client to a job's log."""
    run, job = find_job(call.store, call.repo, number)
    if job["status"] != "completed":
        raise ApiError(404, "Not Found")
    text = _stamped(job, [line for _, line in log_lines(run, job)])
    return _blob(call, f"logs-{job['id']}.txt", text.encode())


@route("GET", f"{_RUNS}/<int:number>/logs", permission="actions")
def run_logs(call: Call, number: int) -> Answer:
    """Send the client to a ZIP of all logs: a file for each job, and a folder with one a step."""
    run = _run(call, number)
    return _logs(call, run, run)


@route("GET", f"{_RUNS}/<int:number>/attempts/<int:attempt>/logs", permission="actions")
def attempt_logs(call: Call, number: int, attempt: int) -> Answer:
    """Send the client to the logs of one attempt."""
    run = _run(call, number)
    return _logs(call, run, _attempt(run, attempt) or run)


def _logs(call: Call, run: Document, attempt: Json) -> Response:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, job in enumerate(attempt["jobs"]):
            lines = log_lines(run, job)
            if not lines:
                continue
            name = job["name"].replace("/", "")
            whole = _stamped(job, [line for _, line in lines])
            archive.writestr(f"{index}_{name}.txt", whole)
            for step in job["steps"]:
                mine = [line for number, line in lines if number == step["number"]]
                if mine:
                    title = step["name"].replace("/", "")
                    archive.writestr(f"{name}/{step['number']}_{title}.txt", _stamped(job, mine))
    return _blob(call, f"logs-{run['id']}-{attempt['attempt']}.zip", buffer.getvalue())


def _blob(call: Call, name: str, data: bytes) -> Response:
    """Put bytes where the blob host serves them and send the client there."""
    path = call.store.root / "blobs" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return redirect(f"https://{BLOB_HOST}/blobs/{name}?sig=emulator", 302)


# -- what people do to runs -----------------------------------------------------------------


@route("POST", f"{_RUNS}/<int:number>/rerun", permission="actions")
def rerun(call: Call, number: int) -> Answer:
    """Repeat a run."""
    call.api.scheduler.rerun(_run(call, number), call.actor.login)
    return 201, {}


@route("POST", f"{_RUNS}/<int:number>/rerun-failed-jobs", permission="actions")
def rerun_failed(call: Call, number: int) -> Answer:
    """Repeat the failed jobs of a run and what depends on them."""
    call.api.scheduler.rerun(_run(call, number), call.actor.login, failed_only=True)
    return 201, {}


@route("POST", "/repos/<owner>/<name>/actions/jobs/<int:number>/rerun", permission="actions")
def rerun_job(call: Call, number: int) -> Answer:
    """Repeat one job and what depends on it."""
    run, job = find_job(call.store, call.repo, number)
    call.api.scheduler.rerun(run, call.actor.login, job=job)
    return 201, {}


@route("POST", f"{_RUNS}/<int:number>/cancel", permission="actions")
@route("POST", f"{_RUNS}/<int:number>/force-cancel", permission="actions")
def cancel(call: Call, number: int) -> Answer:
    """Cancel a run."""
    run = _run(call, number)
    if run["status"] == "completed":
        raise ApiError(409, "Cannot cancel a workflow run that is completed.")
    call.api.scheduler.cancel(run)
    return 202, {}


@route("GET", f"{_RUNS}/<int:number>/pending_deployments", permission="actions")
def pending(call: Call, number: int) -> Answer:
    """List the environments a run waits for, and whether the sender may let it go on."""
    run = _run(call, number)
    names = {job["environment"] for job in run["jobs"] if job["status"] == "waiting"}
    found = []
    for name in sorted(names):
        environment = find_environment(call.repo, name) or {}
        shown = environment_json(call.store, call.repo, environment)
        reviewers = [reviewer for rule in shown["protection_rules"] for reviewer in rule.get("reviewers", [])]
        own = environment["prevent_self_review"] and call.actor.login == run["triggering_actor"]
        found.append(
            {
                "environment": choose(shown, "id", "name", "node_id", "url"),
                "wait_timer": environment["wait_timer"],
                "current_user_can_approve": may_review(call.repo, environment, call.actor.login) and not own,
                "reviewers": reviewers,
            }
        )
    return call.page(found)


@route("POST", f"{_RUNS}/<int:number>/pending_deployments", permission="deployments", role="read")
def review(call: Call, number: int) -> Answer:
    """Approve or reject what a run waits for."""
    run = _run(call, number)
    body = call.body
    by_id = {item["id"]: item["name"] for item in call.repo["environments"].values()}
    names = [by_id.get(int(key), "?") for key in body.get("environment_ids", [])]
    if body.get("state") not in {"approved", "rejected"} or not names:
        raise ApiError(422, "state must be approved or rejected, environment_ids a list of ids")
    comment = str(body.get("comment", ""))
    call.api.scheduler.review(run, names, body["state"], comment, call.actor.login)
    return reply(200, [])


@route("GET", f"{_RUNS}/<int:number>/approvals", permission="actions")
def approvals(call: Call, number: int) -> Answer:
    """List the reviews of a run."""
    entries = _run(call, number)["approvals"]
    return [
        {
            "state": entry["state"],
            "comment": entry["comment"],
            "user": user_json(call.store, entry["user"]),
            "environments": [{"name": entry["environment"]}],
        }
        for entry in entries
    ]


# -- artifacts ------------------------------------------------------------------------------


def artifact_json(repo: Json, run: Json, artifact: Json) -> Json:
    """Return an artifact as the REST API shows it."""
    base = f"{API}/repos/{repo['full_name']}/actions/artifacts/{artifact['id']}"
    keys = ("id", "name", "created_at", "updated_at", "expires_at", "digest")
    return {
        **choose(artifact, *keys),
        "size_in_bytes": artifact["size"],
        "node_id": f"A_{artifact['id']}",
        "url": base,
        "archive_download_url": f"{base}/zip",
        "expired": False,
        "workflow_run": {
            "id": run["id"],
            "head_branch": run["head_branch"],
            "head_sha": run["head_sha"],
        },
    }


@route("GET", f"{_RUNS}/<int:number>/artifacts", permission="actions")
def list_artifacts(call: Call, number: int) -> Answer:
    """List the artifacts of a run."""
    run = _run(call, number)
    name = call.request.args.get("name")
    found = [item for item in run["artifacts"] if name in {None, item["name"]}]
    return call.page([artifact_json(call.repo, run, item) for item in found], "artifacts")


@route("GET", "/repos/<owner>/<name>/actions/artifacts", permission="actions")
def all_artifacts(call: Call) -> Answer:
    """List the artifacts of all runs, newest first."""
    name = call.request.args.get("name")
    found = [
        artifact_json(call.repo, run, item)
        for run in call.store.runs(call.repo)
        for item in reversed(run["artifacts"])
        if name in {None, item["name"]}
    ]
    return call.page(found, "artifacts")


@route("GET", "/repos/<owner>/<name>/actions/artifacts/<int:number>", permission="actions")
def get_artifact(call: Call, number: int) -> Answer:
    """Show an artifact."""
    run, item = _artifact(call, number)
    return artifact_json(call.repo, run, item)


def _artifact(call: Call, number: int) -> tuple[Document, Json]:
    for run in call.store.runs(call.repo):
        for item in run["artifacts"]:
            if item["id"] == number:
                return run, item
    raise ApiError(404, "Not Found")


@route("GET", "/repos/<owner>/<name>/actions/artifacts/<int:number>/zip", permission="actions")
def download_artifact(call: Call, number: int) -> Answer:
    """Send the client to the ZIP of an artifact."""
    run, item = _artifact(call, number)
    inside = run.path.parent.relative_to(call.store.root) / "artifacts" / str(item["id"])
    return redirect(f"https://{BLOB_HOST}/{inside}?sig=emulator", 302)


@route("DELETE", "/repos/<owner>/<name>/actions/artifacts/<int:number>", permission="actions")
def delete_artifact(call: Call, number: int) -> Answer:
    """Delete an artifact."""
    run, item = _artifact(call, number)
    run["artifacts"].remove(item)
    call.store.touch(run)
    return None


# -- settings -------------------------------------------------------------------------------


@route("GET", "/repos/<owner>/<name>/actions/permissions", level="admin")
def get_permissions(call: Call) -> Answer:
    """Show whether Actions is on, and which actions may be used."""
    return choose(call.repo["actions"], "enabled", "allowed_actions", "sha_pinning_required")


@route("PUT", "/repos/<owner>/<name>/actions/permissions", level="admin")
def put_permissions(call: Call) -> Answer:
    """Change whether Actions is on, and which actions may be used."""
    if not isinstance(call.body.get("enabled"), bool):
        raise ApiError(422, 'Invalid request.\n\n"enabled" wasn\'t supplied.')
    call.repo["actions"].update(choose(call.body, "enabled", "allowed_actions", "sha_pinning_required"))
    call.repo.save()
    return None


_CHOICE_KEYS = ("github_owned_allowed", "verified_allowed", "patterns_allowed")


@route("GET", "/repos/<owner>/<name>/actions/permissions/selected-actions", level="admin")
def get_selected_actions(call: Call) -> Answer:
    """Show which actions may be used where only selected ones may."""
    if call.repo["actions"]["allowed_actions"] != "selected":
        raise ApiError(409, "Conflict")
    nothing: Json = {"github_owned_allowed": False, "verified_allowed": False, "patterns_allowed": []}
    return {**nothing, **call.repo["actions"].get("selected_actions", {})}


@route("PUT", "/repos/<owner>/<name>/actions/permissions/selected-actions", level="admin")
def put_selected_actions(call: Call) -> Answer:
    """Choose the actions that may be used."""
    if call.repo["actions"]["allowed_actions"] != "selected":
        raise ApiError(409, "Conflict")
    call.repo["actions"]["selected_actions"] = choose(call.body, *_CHOICE_KEYS)
    call.repo.save()
    return None


_TOKEN_KEYS = ("default_workflow_permissions", "can_approve_pull_request_reviews")


@route("GET", "/repos/<owner>/<name>/actions/permissions/workflow", level="admin")
def get_token_permissions(call: Call) -> Answer:
    """Show what a workflow's token may do by default."""
    return choose(call.repo["actions"], *_TOKEN_KEYS)


@route("PUT", "/repos/<owner>/<name>/actions/permissions/workflow", level="admin")
def put_token_permissions(call: Call) -> Answer:
    """Change what a workflow's token may do by default."""
    wanted: dict[str, Any] = choose(call.body, *_TOKEN_KEYS)
    if wanted.get("default_workflow_permissions", "read") not in {"read", "write"}:
        raise ApiError(422, "default_workflow_permissions must be read or write")
    call.repo["actions"].update(wanted)
    call.repo.save()
    return None


@route("GET", "/repos/<owner>/<name>/actions/secrets", level="admin")
def list_secrets(call: Call) -> Answer:
    """List the names of secrets."""
    names = [{"name": name} for name in call.repo.get("secrets", {})]
    return call.page(names, "secrets")


@route("GET", "/repos/<owner>/<name>/actions/organization-secrets", level="admin")
def list_organization_secrets(call: Call) -> Answer:
    """List the names of the organisation's secrets that the repository may use."""
    return call.page([{"name": name} for name in call.repo.get("organization_secrets", {})], "secrets")


@route("GET", "/repos/<owner>/<name>/dependabot/secrets", level="admin")
def list_dependabot_secrets(call: Call) -> Answer:
    """List the names of the secrets that jobs of Dependabot's pull requests get."""
    return call.page([{"name": name} for name in call.repo.get("dependabot_secrets", {})], "secrets")


@route("GET", "/repos/<owner>/<name>/codespaces/secrets", level="admin")
def list_codespaces_secrets(call: Call) -> Answer:
    """List the names of the secrets that every codespace of the repository gets."""
    return call.page([{"name": name} for name in call.repo.get("codespaces_secrets", {})], "secrets")


@route("GET", "/repos/<owner>/<name>/actions/permissions/artifact-and-log-retention", level="admin")
def get_retention(call: Call) -> Answer:
    """Show for how many days artifacts and logs are kept, whatever a workflow asks for."""
    return {"days": 90, "maximum_allowed_days": 90, **call.repo["actions"].get("retention", {})}


@route("GET", "/repos/<owner>/<name>/environments/<env>/secrets", level="admin")
def list_environment_secrets(call: Call, env: str) -> Answer:
    """List the names of an environment's secrets."""
    found = call.repo["environments"].get(env)
    if found is None:
        raise ApiError(404, "Not Found")
    return call.page([{"name": name} for name in found.get("secrets", {})], "secrets")


@route("GET", "/repos/<owner>/<name>/actions/variables", permission="actions")
def list_variables(call: Call) -> Answer:
    """List configuration variables."""
    items = [{"name": name, "value": text} for name, text in call.repo["variables"].items()]
    return call.page(items, "variables")
