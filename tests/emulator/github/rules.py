"""Which updates of a ref the rulesets and immutable releases of a repository forbid.

Imports the standard library alone: git runs this file as the `update` hook of each emulated
repository (see `git.py`), where every millisecond is paid per pushed ref.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

ZERO = "0" * 40

#: Names of the roles a ruleset's bypass list gives by number. Source: "Create a repository ruleset",
#: REST reference: 5 is admin, 4 write, 2 maintain.
BYPASS_ROLES = {5: "admin", 4: "write", 2: "maintain"}


def fnmatch_ref(pattern: str, ref: str) -> bool:
    """Say whether a ruleset's or environment's pattern matches a ref, as Ruby's File.fnmatch does.

    `*` stops at a slash (FNM_PATHNAME), `**/` crosses them, `?` is one character, `[...]` a set.
    """
    out = ""
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**/", index):
            out += "(?:.*/)?"
            index += 3
            continue
        if pattern.startswith("**", index):
            out += ".*"
            index += 2
            continue
        if char == "[" and "]" in pattern[index + 1 :]:
            end = pattern.index("]", index + 1)
            body = pattern[index + 1 : end].replace("\\", "\\\\")
            out += "[" + ("^" + body[1:] if body[:1] in {"!", "^"} else body) + "]"
            index = end + 1
            continue
        out += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        index += 1
    return re.fullmatch(out, ref) is not None


def applies(ruleset: Json, ref: str, default_branch: str) -> bool:
    """Say whether a ruleset is active and meant for this ref."""
    prefix = {"tag": "refs/tags/", "branch": "refs/heads/"}.get(ruleset.get("target", "branch"))
    if ruleset.get("enforcement") != "active" or prefix is None or not ref.startswith(prefix):
        return False
    names = (ruleset.get("conditions") or {}).get("ref_name") or {"include": ["~ALL"]}

    def hit(pattern: str) -> bool:
        if pattern == "~ALL":
            return True
        if pattern == "~DEFAULT_BRANCH":
            return ref == f"refs/heads/{default_branch}"
        return fnmatch_ref(pattern, ref)

    return any(map(hit, names.get("include", []))) and not any(map(hit, names.get("exclude", [])))


def bypasses(ruleset: Json, role: str, user_id: int) -> bool:
    """Say whether a user of that role is on a ruleset's bypass list.

    A role on the list stands for that role alone, save that an administrator is meant by
    "admin" only. Source: REST reference, `bypass_actors`.
    """
    for entry in ruleset.get("bypass_actors") or []:
        kind = entry.get("actor_type")
        if kind == "RepositoryRole" and BYPASS_ROLES.get(entry.get("actor_id")) == role:
            return True
        if kind == "OrganizationAdmin" and role == "admin":
            return True
        if kind == "User" and entry.get("actor_id") == user_id:
            return True
    return False


def violations(
    facts: Json,
    ref: str,
    update: tuple[str, str],
    is_fast_forward: Callable[[str, str], bool],
) -> list[str]:
    """Return why an update of a ref is refused, one sentence each; empty when it is allowed.

    Args:
        facts: `rulesets` (those of the repository that the pusher does not bypass), `frozen_tags`
            (tags of published immutable releases) and `default_branch`.
        ref: full name of the ref.
        update: object names before and after; `ZERO` stands for "not there".
        is_fast_forward: whether the second object descends from the first.
    """
    old, new = update
    found = []
    if old != ZERO and ref.removeprefix("refs/tags/") in facts["frozen_tags"]:
        verb = "deleted" if new == ZERO else "moved"
        found.append(f"Cannot be {verb}: the tag belongs to an immutable release.")
    for ruleset in facts["rulesets"]:
        if not applies(ruleset, ref, facts["default_branch"]):
            continue
        kinds = {rule["type"] for rule in ruleset.get("rules", [])}
        if old == ZERO and "creation" in kinds:
            found.append("Cannot create ref due to creations being restricted.")
        if new == ZERO and "deletion" in kinds:
            found.append("Cannot delete this ref")
        if ZERO not in update:
            if "update" in kinds:
                found.append("Cannot update this protected ref.")
            if "pull_request" in kinds:
                found.append("Changes must be made through a pull request.")
            if "non_fast_forward" in kinds and not is_fast_forward(old, new):
                found.append("Cannot force-push to this ref")
    return list(dict.fromkeys(found))


def fast_forward(old: str, new: str) -> bool:
    """Say whether commit `new` descends from `old`, in the repository of the current process."""
    command = ["git", "merge-base", "--is-ancestor", old, new]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def changed_workflows(new: str) -> list[str]:
    """Return the workflow files that the commits of a push change, in the repository of this process."""
    listed = ["git", "rev-list", new, "--not", "--all"]
    commits = subprocess.run(listed, check=True, capture_output=True).stdout
    command = ["git", "diff-tree", "-r", "--root", "--name-only", "--no-commit-id", "--stdin"]
    done = subprocess.run(
        [*command, "--", ".github/workflows/"], input=commits, check=True, capture_output=True
    )
    return sorted(set(done.stdout.decode().splitlines()))


def main() -> int:
    """Be the `update` hook: arguments are ref, old and new; facts come in DRILL_RULES (JSON)."""
    ref, old, new = sys.argv[1:]
    facts = json.loads(os.environ["DRILL_RULES"])
    if facts["of_a_job"] and new != ZERO and (paths := changed_workflows(new)):
        refusal = "refusing to allow a GitHub App to create or update workflow"
        print(f"{refusal} `{paths[0]}` without `workflows` permission", file=sys.stderr)
        return 1
    found = violations(facts, ref, (old, new), fast_forward)
    if not found:
        return 0
    where = f"https://github.com/{facts['repository']}/rules?ref={ref.replace('/', '%2F')}"
    lines = [f"error: GH013: Repository rule violations found for {ref}."]
    lines += [f"Review all repository rules at {where}", ""]
    lines += [f"- {sentence}" for sentence in found]
    print("\n".join(lines), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
