"""What a workflow file says about when it runs: YAML as GitHub reads it, filters, inputs."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .store import ApiError, Json

if TYPE_CHECKING:
    from collections.abc import Sequence


class WorkflowError(Exception):
    """A workflow that GitHub, or this harness, cannot run; the message is a sentence."""


@functools.lru_cache(maxsize=64)
def load(text: str) -> Json:
    """Return a workflow as data, read as YAML 1.2 (in which `on` is a word and no boolean).

    The result is shared between callers: copy it before changing it.

    Raises:
        WorkflowError: when the text is no mapping with `on` and `jobs`.
    """
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        message = f"The workflow is not valid YAML: {error}"
        raise WorkflowError(message) from error
    if not isinstance(data, dict) or "on" not in data or not isinstance(data.get("jobs"), dict):
        message = "The workflow has no `on:` or no `jobs:`; GitHub refuses to run it."
        raise WorkflowError(message)
    return data


def events(workflow: Json) -> dict[str, Json]:
    """Return the events of `on:` with their filters, whichever of its three forms it has."""
    on = workflow["on"]
    if isinstance(on, str):
        return {on: {}}
    if isinstance(on, list):
        return {str(name): {} for name in on}
    return {
        str(name): {"cron": filters} if name == "schedule" else (filters or {})
        for name, filters in on.items()
    }


@functools.lru_cache(maxsize=256)
def glob(pattern: str) -> re.Pattern[str]:
    """Return a filter pattern as a regular expression.

    The language is GitHub's own: `*` stops at a slash, `**` does not, `?` makes the character
    before it optional, `+` repeats it, `[]` is a set. Source: "Filter pattern cheat sheet",
    workflow syntax, GitHub docs.
    """
    out, index = "", 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and index + 1 < len(pattern):
            index += 1
            out += re.escape(pattern[index])
        elif pattern.startswith("**", index):
            index += 1
            out += ".*"
        elif char == "*":
            out += "[^/]*"
        elif char in "?+" and out:
            out += char
        elif char == "[" and "]" in pattern[index:]:
            end = pattern.index("]", index)
            out += pattern[index : end + 1]
            index = end
        else:
            out += re.escape(char)
        index += 1
    return re.compile(out)


def admits(patterns: Sequence[str], name: str) -> bool:
    """Say whether a list of patterns admits a name: the last one that matches decides, `!` bars."""
    verdict = False
    for pattern in patterns:
        barred = pattern.startswith("!")
        if glob(pattern.removeprefix("!")).fullmatch(name):
            verdict = not barred
    return verdict


def _listed(filters: Json, key: str) -> list[str] | None:
    value = filters.get(key)
    if value is None:
        return None
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def _passes(filters: Json, key: str, names: Sequence[str]) -> bool | None:
    """Judge names by `key` and `key-ignore`; None when the filter has neither."""
    wanted, ignored = _listed(filters, key), _listed(filters, f"{key}-ignore")
    if wanted is not None:
        return any(admits(wanted, name) for name in names)
    if ignored is not None:
        return any(not admits(ignored, name) for name in names)
    return None


def push_starts(filters: Json, ref: str, changed: Sequence[str]) -> bool:
    """Say whether a push of a ref passes the filters of `on: push`.

    A filter on one kind of ref alone bars the other kind. Path filters are not applied to tags.

    Args:
        filters: what stands below `push:`.
        ref: full name of the ref.
        changed: paths the push changed.
    """
    kind, name = ref.removeprefix("refs/").split("/", 1)
    this, other = ("tags", "branches") if kind == "tags" else ("branches", "tags")
    verdict = _passes(filters, this, [name])
    if verdict is None and _passes(filters, other, [""]) is not None:
        return False
    if verdict is False:
        return False
    return kind == "tags" or _passes(filters, "paths", changed) is not False


def pull_request_starts(filters: Json, base: str, action: str) -> bool:
    """Say whether a pull request against a branch passes the filters of `on: pull_request`."""
    types = _listed(filters, "types") or ["opened", "synchronize", "reopened"]
    return action in types and _passes(filters, "branches", [base]) is not False


def dispatch_inputs(declared: Json, given: Json) -> Json:
    """Return the inputs of a dispatch, checked and with defaults filled in.

    Args:
        declared: what stands below `workflow_dispatch: inputs:`.
        given: what the request sent.

    Raises:
        ApiError: 422 with GitHub's sentence.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ApiError(422, f"Unexpected inputs provided: {unknown}".replace("'", '"'))
    values: Json = {}
    for name, said in declared.items():
        rule = said or {}  # `tag:` with nothing below it is a string input
        value = given.get(name, rule.get("default"))
        if value in (None, "") and rule.get("required"):
            raise ApiError(422, f"Required input '{name}' not provided")
        values[name] = _input(name, rule, value)
    return values


def _input(name: str, rule: Json, value: object) -> object:
    kind = rule.get("type", "string")
    if kind == "boolean":
        text = str(value if value is not None else False).lower()
        if text not in {"true", "false"}:
            raise ApiError(422, f"Provided value '{value}' for input '{name}' is not a boolean")
        return text == "true"
    if value is None:
        return ""
    if kind == "choice" and value not in rule.get("options", []):
        listed = "not in the list of allowed values"
        raise ApiError(422, f"Provided value '{value}' for input '{name}' {listed}")
    return value if kind == "number" else str(value)


def permissions(workflow: Json, job: Json, default: str, *, fork: bool) -> dict[str, str]:
    """Return what the token of a job may do: scope to "read" or "write".

    Args:
        workflow: the workflow.
        job: the job.
        default: the repository's setting for workflows that say nothing, "read" or "write".
        fork: whether the run is of a fork's pull request, whose token may at most read.
    """
    said = job.get("permissions", workflow.get("permissions"))
    scopes = (
        *("actions", "attestations", "checks", "contents", "deployments", "discussions"),
        *("issues", "packages", "pages", "pull-requests", "security-events", "statuses"),
    )
    if said is None and default == "read":
        said = {"contents": "read", "packages": "read"}
    elif said is None:
        said = dict.fromkeys(scopes, "write")  # without id-token: that is never a default
    elif said in ("read-all", "write-all"):
        level = str(said).removesuffix("-all")
        said = dict.fromkeys(scopes, level)
        if level == "write":
            said["id-token"] = "write"
    if not isinstance(said, dict):
        message = f"`permissions: {said}` is neither a mapping nor read-all nor write-all."
        raise WorkflowError(message)
    granted = {scope: str(level) for scope, level in said.items() if level in ("read", "write")}
    if fork:
        granted = {scope: "read" for scope in granted if scope != "id-token"}
    return granted


def needs(job: Json) -> list[str]:
    """Return the keys of the jobs a job waits for."""
    value = job.get("needs") or []
    return [value] if isinstance(value, str) else list(value)


def ancestors(jobs: Json, key: str) -> list[str]:
    """Return every job that a job depends on, directly or not, each once."""
    found: list[str] = []
    queue = needs(jobs[key])
    while queue:
        name = queue.pop(0)
        if name not in jobs:
            message = f"Job {key} needs {name}, which the workflow does not have."
            raise WorkflowError(message)
        if name not in found:
            found.append(name)
            queue += needs(jobs[name])
        if name == key:
            message = f"Job {key} needs itself."
            raise WorkflowError(message)
    return found
