"""One job of a workflow, executed by act as GitHub's runner would.

Each job gets an act process of its own. The copy of the workflow given to it holds the job word
for word, a *stub* for each job it needs, which replays that job's recorded result and outputs, and
a *collector* behind it, which writes down what later jobs would see of it. Thereby everything that
belongs to a job - its token, its identity, its environment's approval, its time limit - is real,
a job that succeeded is never run twice for a re-run, and a run may wait for days between two jobs.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from .triggers import WorkflowError, ancestors, load, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import Json

#: Key of the job that writes down results; a leading underscore cannot clash with a template's.
COLLECTOR = "_emulator_collector"

#: Labels of GitHub-hosted runners; every one is this machine. Source: "GitHub-hosted runners".
LABELS = (
    *("ubuntu-latest", "ubuntu-26.04", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-24.04-arm"),
    *("ubuntu-22.04-arm", "ubuntu-slim", "windows-latest", "windows-2025", "windows-2022"),
    *("windows-11-arm", "macos-latest", "macos-26", "macos-15", "macos-14", "macos-15-intel"),
)

#: Properties of the `github` context that act 0.2.89 leaves empty.
UNKNOWN_TO_ACT = (
    *("workflow_ref", "workflow_sha", "triggering_actor", "repository_id", "repository_owner_id"),
    *("repository_visibility", "actor_id", "ref_protected"),
)

_RUNS_ON = "ubuntu-24.04"
_MARK = {"error": "failure", "warning": "warning", "notice": "notice"}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the machine offers to jobs.

    Attributes:
        act: the program act.
        path: PATH of a job's steps.
        env: environment of act and of the steps, complete but for HOME, TMPDIR and PATH.
        actions: folder of each stand-in by "owner/repo".
        scratch: folder for workspaces; nothing in it outlives a job.
        limit: seconds after which any job is killed.
    """

    act: str
    path: str
    env: dict[str, str]
    actions: dict[str, Path]
    scratch: Path
    limit: float = 900.0


@dataclasses.dataclass
class Leg:
    """What happened in one leg of a job's matrix, or in a job without one.

    Attributes:
        matrix: the leg's values; empty without a matrix.
        conclusion: "success", "failure" or "cancelled".
        steps: `name`, `conclusion`, `started_at` and `completed_at` of each, in order.
        log: (number of the step, line) in order, secrets masked.
        annotations: in the form of the check-run API.
        summary: what the steps wrote to GITHUB_STEP_SUMMARY.
    """

    matrix: Json
    conclusion: str = "failure"
    steps: list[Json] = dataclasses.field(default_factory=list)
    log: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    annotations: list[Json] = dataclasses.field(default_factory=list)
    summary: str = ""


@dataclasses.dataclass
class Outcome:
    """What later jobs see of a job, and its legs.

    Attributes:
        result: "success", "failure", "skipped" or "cancelled".
        outputs: the job's outputs.
        legs: empty when the job was skipped.
        problem: why there is no proper result, one sentence; empty when there is one.
    """

    result: str
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    legs: list[Leg] = dataclasses.field(default_factory=list)
    problem: str = ""


def literal(value: str) -> str:
    """Return a value such that evaluating it as a workflow string gives the value back."""
    return "${{ '" + value.replace("'", "''") + "' }}" if "${{" in value else value


def script(text: str, **keys: object) -> Json:
    """Return a step of the harness's own, which no `defaults:` of the workflow can change."""
    return {"run": text, "shell": "bash", "working-directory": ".", **keys}


def _stub(result: str, outputs: dict[str, str]) -> Json:
    """Return a job that ends with this result and has these outputs."""
    return {
        "runs-on": _RUNS_ON,
        "if": "false" if result == "skipped" else "always()",
        "outputs": {key: literal(value) for key, value in outputs.items()},
        "steps": [script("exit 1" if result in {"failure", "cancelled"} else ":")],
    }


def job_copy(workflow: Json, key: str, results: dict[str, Json], legs: list[Json] | None) -> Json:
    """Return the workflow to give to act for one job.

    Args:
        workflow: the workflow as loaded.
        key: key of the job.
        results: `result` and `outputs` of each job it depends on.
        legs: the only legs to run, for re-running a matrix in part; None for all.
    """
    jobs: Json = {}
    direct = needs(workflow["jobs"][key])
    # `success()` and `failure()` look at all ancestors, not only at the jobs in `needs`: those
    # further up that did not succeed stand behind the direct ones as two more stubs.
    above: list[str] = []
    for name in set(ancestors(workflow["jobs"], key)) - set(direct):
        result = results[name]["result"]
        if result != "success":
            jobs[f"_emulator_{result}"] = _stub(result, {})
            above = list(jobs)
    for name in direct:
        jobs[name] = _stub(results[name]["result"], results[name]["outputs"])
        if above:
            jobs[name]["needs"] = above
    jobs[key] = copy.deepcopy(workflow["jobs"][key])
    if legs is not None:
        jobs[key].setdefault("strategy", {})["matrix"] = {"include": legs}
    jobs[COLLECTOR] = {
        "runs-on": _RUNS_ON,
        "needs": [key],
        "if": "always()",
        "steps": [script('printf %s "$SEEN" > "$DRILL_COLLECTED"', env={"SEEN": "${{ toJSON(needs) }}"})],
    }
    return {**workflow, "jobs": jobs}


@contextlib.contextmanager
def without_blanks(folder: Path) -> Iterator[Path]:
    """A path of a folder without a blank; act takes a script's path for two where it has one."""
    if not re.search(r"\s", str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="act-", dir="/tmp") as place:
        link = Path(place, folder.name)
        link.symlink_to(folder)
        yield link


def complete(value: Any, env: dict[str, str], *, expression: bool = False) -> Any:  # noqa: ANN401 - any part of a workflow
    """Return a workflow in which the `github.*` values that act does not know are literals.

    Args:
        value: the workflow, or a part of it.
        env: the GITHUB_* variables of the run, which have the values.
        expression: whether a string is an expression all through, as behind `if:`.
    """
    if isinstance(value, dict):
        return {k: complete(v, env, expression=k == "if") for k, v in value.items()}
    if isinstance(value, list):
        return [complete(item, env) for item in value]
    if not isinstance(value, str) or "github." not in value:
        return value

    def fill(found: re.Match[str]) -> str:
        return "'" + env[f"GITHUB_{found[1].upper()}"].replace("'", "''") + "'"

    pattern = rf"\bgithub\.({'|'.join(UNKNOWN_TO_ACT)})\b"
    if expression and "${{" not in value:
        return re.sub(pattern, fill, value)
    return re.sub(r"\$\{\{.*?\}\}", lambda part: re.sub(pattern, fill, part[0]), value, flags=re.DOTALL)


def _plain(workflow: Json) -> Json:
    """Return a workflow as JSON has it."""
    found: Json = json.loads(json.dumps(workflow, default=str))
    return found


def assert_faithful(source: str, given: Path, key: str, legs: list[Json] | None, env: dict[str, str]) -> None:
    """Make sure that act gets the job, and all that stands above it, as the file has it.

    Raises:
        AssertionError: when the copy differs by more than stubs, collector, legs and `complete`.
    """
    theirs = _plain(complete(load(source), env))
    ours = json.loads(given.read_text(encoding="utf-8"))
    job = dict(ours["jobs"][key])
    if legs is not None:
        job["strategy"] = theirs["jobs"][key]["strategy"]
    shared = {name: value for name, value in ours.items() if name != "jobs"}
    wanted = {name: value for name, value in theirs.items() if name != "jobs"}
    if job != theirs["jobs"][key] or shared != wanted:
        message = f"The copy of job {key} given to act differs from its source."
        raise AssertionError(message)


def check_actions(workflow: Json, known: dict[str, Path]) -> dict[str, Path]:
    """Return the stand-in for each pinned action that a workflow uses.

    Raises:
        WorkflowError: when a step uses what cannot be stood in for.
    """
    found: dict[str, Path] = {}
    for key, job in workflow["jobs"].items():
        if "uses" in job:
            message = f"Job {key} calls the workflow {job['uses']}; the emulator runs plain jobs only."
            raise WorkflowError(message)
        for step in job.get("steps") or []:
            uses = step.get("uses", "")
            if not uses or uses.startswith("./"):
                continue
            name, _, pin = uses.partition("@")
            if uses.startswith("$/"):
                message = f"Job {key} uses {uses}; the emulator knows ./ paths and pinned actions."
                raise WorkflowError(message)
            if not re.fullmatch("[0-9a-f]{40}", pin):
                message = f"Job {key} uses {uses}, which is not pinned to a full commit SHA."
                raise WorkflowError(message)
            if name.lower() not in known:
                have = ", ".join(sorted(known))
                message = f"Job {key} uses {name}, which the emulator has no stand-in for ({have})."
                raise WorkflowError(message)
            found[uses] = known[name.lower()]
            manifest = (found[uses] / "action.yml").read_text(encoding="utf-8")
            unknown = sorted(set(step.get("with") or {}) - set(_inputs(manifest)))
            if unknown:
                message = f"Job {key} gives {name} {', '.join(unknown)}: the stand-in has no such "
                raise WorkflowError(message + "input.")
    return found


@functools.lru_cache(maxsize=16)
def _inputs(manifest: str) -> Json:
    """Return the inputs an action declares."""
    return YAML(typ="safe", pure=True).load(manifest).get("inputs") or {}


class Act:
    """One run of act.

    Args:
        settings: what the machine offers.
        folder: scratch folder of this run; removed by `close`.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.errors = ""
        self.killed = ""
        self._process: subprocess.Popen[bytes] | None = None
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("home", "tmp", "checkout/.git/objects", "checkout/.git/refs"):
            (folder / name).mkdir(parents=True)

    def run(
        self,
        workflow: Json,
        event: str,
        payload: Json,
        sha: str,
        env: dict[str, str],
        *,
        actor: str = "",
        token: str = "",
        secrets: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
        actions: dict[str, Path] | None = None,
        limit: float | None = None,
    ) -> list[Json]:
        """Run the workflow to its end and return act's log, one object a line.

        Args:
            workflow: what to run, from `job_copy`.
            event: name of the event.
            payload: its event.json.
            sha: commit the run is for.
            env: GITHUB_* and ACTIONS_* variables of the job.
            actor: who started the run.
            token: the job's GITHUB_TOKEN.
            secrets: secrets by name.
            variables: configuration variables by name.
            actions: folder of each `owner/repo@sha`.
            limit: seconds until it is killed, if less than the settings'.
        """
        file, event_file = self.folder / "workflow.yml", self.folder / "event.json"
        # JSON is YAML. What YAML alone has, like dates, goes in as the text it was.
        file.write_text(json.dumps(_plain(complete(workflow, env))), encoding="utf-8")
        event_file.write_text(json.dumps(payload), encoding="utf-8")
        # act asks its working directory which commit it is at; a bare HEAD answers that.
        (self.folder / "checkout/.git/HEAD").write_text(sha, encoding="utf-8")
        command = [self.settings.act, event, "-C", str(self.folder / "checkout")]
        command += ["-W", str(file), "-e", str(event_file), "-a", actor or "nobody"]
        command += ["--json", "--verbose", "--no-skip-checkout", "--action-offline-mode"]
        command += ["--pull=false", "--no-cache-server", "--rm"]
        command += ["-s", f"GITHUB_TOKEN={token}"]
        flags: list[tuple[str, dict[str, Any]]] = [
            ("-P", dict.fromkeys(LABELS, "-self-hosted")),
            ("-s", secrets or {}),
            ("--var", variables or {}),
            ("--local-repository", actions or {}),
            ("--env", {**env, "DRILL_COLLECTED": str(self.folder / "collected")}),
        ]
        for flag, values in flags:
            for name, value in values.items():
                command += [flag, f"{name}={value}"]
        (self.folder / "cache").mkdir(exist_ok=True)
        with without_blanks(self.folder / "cache") as cache:
            command += ["--action-cache-path", str(cache)]
            return self._read(command, min(limit or self.settings.limit, self.settings.limit))

    def _read(self, command: list[str], limit: float) -> list[Json]:
        home, temporary = str(self.folder / "home"), str(self.folder / "tmp")
        env = {**self.settings.env, "PATH": self.settings.path, "HOME": home, "TMPDIR": temporary}
        lines: list[Json] = []
        with (
            (self.folder / "stderr").open("w+b") as errors,
            subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            ) as process,
        ):
            self._process = process
            sentence = f"The job has exceeded the maximum execution time of {limit / 60:g} minutes."
            timer = threading.Timer(limit, self.kill, [sentence])
            timer.start()
            try:
                for raw in process.stdout or ():
                    with contextlib.suppress(ValueError):
                        lines.append(json.loads(raw))
            finally:
                timer.cancel()
            process.wait()
            errors.seek(0)
            self.errors = errors.read().decode(errors="replace")
        return lines

    def kill(self, why: str) -> None:
        """End act and everything it started; `why` becomes the job's annotation."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self.killed = why
        # Steps have sessions of their own: signalling act's group would miss them.
        for pid in [process.pid, *_descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def collected(self) -> Json:
        """Return what the collector saw, empty when it did not run."""
        file = self.folder / "collected"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def close(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process started, directly or not."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def outcome(act: Act, lines: list[Json], workflow: Json, key: str) -> Outcome:
    """Read the result of a job from act's log and the collector.

    A job without a result is a failure with a sentence: act skips what it cannot run and exits 0.
    """
    job = workflow["jobs"][key]
    legs: dict[str, _LegReader] = {}
    for line in lines:
        if line.get("jobID") != key:
            continue
        matrix = line.get("matrix") or {}
        index = json.dumps(matrix, sort_keys=True)
        legs.setdefault(index, _LegReader(Leg(matrix), job)).feed(line)
    declared = (job.get("strategy") or {}).get("matrix") or {}
    found = [reader.finish() for reader in legs.values()]
    found.sort(key=lambda leg: _place(leg.matrix, declared if isinstance(declared, dict) else {}))
    seen = act.collected().get(key)
    if act.killed:
        for leg in found:
            leg.conclusion = "cancelled"
        return Outcome("cancelled", {}, found, act.killed)
    if seen is None:
        last = "\n".join(act.errors.strip().splitlines()[-5:]) or "act said nothing"
        problem = f"Job {key} has no result: {last}"
        return Outcome("failure", {}, found, problem)
    outputs = {name: str(value) for name, value in (seen["outputs"] or {}).items()}
    if job.get("strategy"):
        # act evaluates the outputs of a job once, in the leg that ends first; GitHub merges all.
        for reader in legs.values():
            outputs |= reader.outputs(job.get("outputs") or {})
    if seen["result"] == "skipped":
        return Outcome("skipped")
    if not any(reader.ended for reader in legs.values()):
        return Outcome("failure", {}, found, f"Job {key} was not run: no runner has its label.")
    return Outcome(seen["result"], outputs, found)


def _place(matrix: Json, declared: Json) -> list[tuple[int, str]]:
    """Return a key that sorts legs as the matrix declares them; by value where it is computed."""
    found = []
    for name, value in matrix.items():
        values = declared.get(name)
        listed = values if isinstance(values, list) and value in values else [value]
        found.append((listed.index(value), json.dumps(value)))
    return found


class _LegReader:
    """Turns the log lines of one leg into a `Leg`.

    Args:
        leg: what to fill.
        job: the job as the workflow has it.
    """

    def __init__(self, leg: Leg, job: Json) -> None:
        self.leg = leg
        self.steps: list[Json] = job.get("steps") or []
        self.ended = False
        self._result = "failure"
        self._at = 1
        self._index = {str(step.get("id", i)): i for i, step in enumerate(self.steps)}
        self._outcomes: dict[int, Json] = {}
        self._names: dict[int, str] = {}
        self._began: dict[int, str] = {}
        self._first = self._last = ""
        self._set: dict[str, str] = {}  # outputs of steps, as an expression names them

    def outputs(self, declared: Json) -> dict[str, str]:
        """The outputs of the job that are outputs of steps of this leg, and not empty."""
        found = {name: self._set.get(str(wanted).strip(), "") for name, wanted in declared.items()}
        return {name: value for name, value in found.items() if value}

    def feed(self, line: Json) -> None:
        """Take one line."""
        self._last = line.get("time", "")
        self._first = self._first or self._last
        path = line.get("stepID") or []
        if line.get("jobResult"):
            self.ended, self._result = True, line["jobResult"]
        if not path:
            if line["level"] == "error":
                self._note("failure", line["msg"], {})
            return
        index = self._index.get(path[0])
        if index is None or line.get("stage") != "Main":
            if line["level"] == "error":
                self._note("failure", line["msg"], {})
            return
        self._at = index + 2
        self._step(line, index, top=len(path) == 1)

    def _step(self, line: Json, index: int, *, top: bool) -> None:
        text = line["msg"].rstrip("\n")
        if top and text.startswith("⭐ Run Main "):
            self._names[index] = text.removeprefix("⭐ Run Main ")
            self._began[index] = line["time"]
        if top and line.get("stepResult"):
            self._outcomes[index] = {"result": line["stepResult"], "time": line["time"]}
        command = line.get("command")
        if command == "set-output" and top:
            name = f"steps.{self.steps[index].get('id')}.outputs.{line['name']}"
            self._set[f"${{{{ {name} }}}}"] = line["arg"]
        if command in _MARK:
            kind = _MARK[command]
            self._note(kind, line["arg"], line.get("kvPairs") or {}, f"##[{command}]{line['arg']}")
        elif command == "group":
            self.leg.log.append((self._at, f"##[group]{line['arg']}"))
        elif command == "endgroup":
            self.leg.log.append((self._at, "##[endgroup]"))
        elif command == "summary":
            self.leg.summary += line["content"] if top else ""
        elif line.get("raw_output"):
            self.leg.log.append((self._at, text))
        elif line["level"] == "error" and top:
            code = re.fullmatch(r"exit status (\d+)", text)
            said = f"Process completed with exit code {code[1]}." if code else text
            self._note("failure", said, {}, f"##[error]{said}")

    def _note(self, kind: str, text: str, where: Json, logged: str = "") -> None:
        line = int(where.get("line", 1))
        self.leg.annotations.append(
            {
                "path": where.get("file", ".github"),
                "start_line": line,
                "end_line": int(where.get("endLine", line)),
                "annotation_level": kind,
                "title": where.get("title", ""),
                "message": text,
                "raw_details": "",
                "blob_href": "",
            }
        )
        self.leg.log.append((self._at, logged or f"##[error]{text}"))

    def finish(self) -> Leg:
        """Return the leg after its last line."""
        steps = [self._entry("Set up job", "success", self._first, self._first)]
        failed = cut = False
        for index, step in enumerate(self.steps):
            found = self._outcomes.get(index)
            result = found["result"] if found else "skipped"
            tolerated = step.get("continue-on-error") in (True, "true")
            failed = failed or (result == "failure" and not tolerated)
            cut = cut or (not found and "if" not in step)
            began = self._began.get(index, self._last)
            ended = found["time"] if found else began
            shown = "success" if result == "failure" and tolerated else result
            entry = self._entry(self._name(index), shown, began, ended)
            steps.append(entry | {"outcome": result, "id": step.get("id", "")})
        steps.append(self._entry("Complete job", "success", self._last, self._last))
        self.leg.steps = [{"number": n, **step} for n, step in enumerate(steps, 1)]
        # act gives every leg that ends after a failed one "failure" too: look at its own steps.
        whole = self._result == "success" or (bool(self.leg.matrix) and self.ended and not failed)
        self.leg.conclusion = "success" if whole else "failure"
        if whole and cut and self._result != "success":  # act leaves steps out when another leg has failed
            self.leg.conclusion = "cancelled"
        return self.leg

    def _name(self, index: int) -> str:
        step = self.steps[index]
        if "${{" not in str(step.get("name", "${{")):
            return str(step["name"])
        first = str(step.get("uses") or str(step.get("run", "")).strip().partition("\n")[0])
        return self._names.get(index) if "name" in step else f"Run {first}"  # type: ignore[return-value]

    @staticmethod
    def _entry(name: str, conclusion: str, began: str, ended: str) -> Json:
        times = {"started_at": began, "completed_at": ended}
        return {"name": name, "status": "completed", "conclusion": conclusion, **times}


def evaluate(act: Act, workflow: Json, expressions: dict[str, str], **facts: Any) -> dict[str, str]:  # noqa: ANN401 - as Act.run has them
    """Return the values of strings with expressions that see `github`, `inputs` and `vars`.

    Args:
        act: an unused run of act.
        workflow: gives `name` and `on`.
        expressions: strings by any key.
        facts: as for `Act.run`.

    Raises:
        WorkflowError: when act cannot evaluate one.
    """
    names = list(expressions)
    step = {
        "env": {f"VALUE_{i}": expressions[name] for i, name in enumerate(names)},
        "run": "\n".join(f'printf "%s\\0" "$VALUE_{i}" >> "$DRILL_COLLECTED"' for i in range(len(names))),
    }
    whole: Json = {key: workflow[key] for key in ("name", "on") if key in workflow}
    act.run({**whole, "jobs": {"values": {"runs-on": _RUNS_ON, "steps": [step]}}}, **facts)
    file = act.folder / "collected"
    if not file.is_file():
        message = f"None of {sorted(expressions.values())} can be evaluated: {act.errors[-500:]}"
        raise WorkflowError(message)
    values = file.read_text(encoding="utf-8").split("\0")
    return dict(zip(names, values, strict=False))
