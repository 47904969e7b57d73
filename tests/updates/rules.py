"""What a version must not do to packages of an earlier one ("Evolution" in CONTRIBUTING.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from updates.template_versions import ANSWERS, GIVEN, Files, TemplateVersions, shared_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Together they render every file and every line that depends on a choice.
PACKAGES: tuple[dict[str, Any], ...] = (
    {},
    {
        "layout": "flat",
        "type_checker": "pyright",
        "command_line": True,
        "release_notes": "towncrier",
        "update_bot": "renovate",
    },
    {"type_checker": "none", "release_notes": "git-cliff", "release_issues": False, "tag_prefix": "demo/v"},
    {"adopted": True, "ci_commands": ["make check"], "project_folder": "packages/demo"},
)
PIN = re.compile(r"(?<=@)[0-9a-f]{40} # v\S+|(?<=version: \")[0-9.]+(?=\")")
# One pin with the version of uv above it: the two move together.
CHECKSUM = re.compile(r"(?<=\")\n +checksum: [0-9a-f]{64} # v\S+$", re.MULTILINE)
NAME = re.compile(r"      (?:- |  )name: ")  # below an anchor, it has no dash
PLACE = re.compile(r"(?:# |<!-- )(?:Your own|Names of your own) ")
OUTSIDE = (
    "project_name",
    "release_workflow",
    "testpypi_environment",
    "pypi_environment",
)  # publishers compare them


def is_templates(path: str) -> bool:
    """Whether a file belongs to the template, whose updates change it."""
    return path.startswith(".github/") or path in {
        ANSWERS,
        "RELEASING.md",
        ".gitattributes",
        ".git_archival.txt",
    }


def lines_of(content: bytes) -> list[str]:
    """Lines of a file, with all pins alike."""
    return [PIN.sub("PIN", line) for line in CHECKSUM.sub("", content.decode()).splitlines()]


def anchors(content: bytes) -> Iterator[tuple[str, ...]]:
    """Every line that others change (a pin, a place for users) between those that must stay beside it."""
    lines = ["", *lines_of(content), ""]
    for above, line, below in zip(lines, lines[1:], lines[2:], strict=False):
        if line.endswith("PIN") or '"PIN"' in line:
            yield above, line, below
        elif PLACE.search(line):
            yield (line,)


def own_part(path: str, content: bytes) -> bytes:
    """What of a user's file the template leaves alone: of pyproject.toml, all but the release's tables."""
    return content.partition(b"\n# ---- The project")[2] if path == "pyproject.toml" else content


def breaches(versions: TemplateVersions, old: str, new: str) -> list[str]:
    """Every rule that a later version breaks, as a sentence.

    Args:
        versions: Has both versions.
        old: Tag of the earlier version.
        new: Tag of the later version.
    """
    before, after = (shared_template(str(versions.template), tag).questions_data for tag in (old, new))
    defaults = " ".join(str(question.get("default", "")) for question in after.values())
    found = {
        f"The question {name} is gone: retire it with `ask: false`, or rename it with its default"
        for name in before.keys() - after.keys()
        if name not in defaults
    }
    for name in before.keys() & after.keys():
        if lost := set(choices(before[name])) - set(choices(after[name])):
            found.add(f"The question {name} has lost the choices {sorted(map(str, lost))}")
        if name in OUTSIDE and before[name].get("default") != after[name].get("default"):
            found.add(f"The question {name} has another default: what it names outside would be lost")
    found |= {
        f"The file {path} was left to its users, and is taken back"
        for path in versions.excluded(old) - versions.excluded(new)
    }
    if found:
        return sorted(found)  # answers may be refused
    for answers in PACKAGES:
        first = versions.fresh(old, answers)
        stored = yaml.safe_load(first[ANSWERS])
        stored = {name: answer for name, answer in stored.items() if not name.startswith("_")}
        found |= breaches_of(first, versions.fresh(new, stored), versions.excluded(new))
        renewed = yaml.safe_load(versions.fresh(new, stored)[ANSWERS])
        found |= {
            f"The answer {name} has become {renewed[name]!r}, and was {stored[name]!r}"
            for name in stored.keys() & renewed.keys() - {"stored_pins"}
            if stored[name] != renewed[name]
        }
    return sorted(found)


def breaches_of(first: Files, second: Files, excluded: frozenset[str]) -> set[str]:
    """The rules that the files of one package break from one version to the next."""
    found = {
        f"The file {path} is gone, and edits to it with it: hand it over or retire it with `_exclude`"
        for path in first.keys() - second.keys() - excluded
    }
    for path in first.keys() & second.keys() - GIVEN - excluded:
        if not is_templates(path) and own_part(path, first[path]) != own_part(path, second[path]):
            found.add(f"The file {path} says something else for the same answers, and belongs to its user")
        if path.startswith(".github/workflows/") or path == "RELEASING.md":
            rest = iter(anchors(second[path]))
            found |= {
                f"In {path} something has changed at {anchor[len(anchor) // 2].strip()!r}, or beside it"
                for anchor in anchors(first[path])
                if anchor not in rest  # in the same order
            }
    return found


def choices(question: Mapping[str, Any]) -> list[Any]:
    """The answers that a question offers, if it has a list of them."""
    offered = question.get("choices", [])
    return list(offered.values() if isinstance(offered, dict) else offered)


def loose_pins(content: bytes) -> list[str]:
    """The pinned lines of a workflow that do not stand as updates need them.

    Above the pin of an action is the name of its step, once in the file; with fewer lines between than a
    patch looks at, so that no patch lands at another step. Around a pin are lines that no bot changes.
    """
    lines = ["", *lines_of(content), ""]
    loose = []
    for number, line in enumerate(lines):
        if "checksum:" in line:
            loose.append(f"no version: {line.strip()}")
        if "PIN" not in line:
            continue
        step = next(
            (near for near in reversed(lines[max(0, number - 3) : number]) if NAME.match(near)), "no name"
        )
        above, below = lines[number - 1 : number + 2 : 2]
        open_below = not below.strip() or below.startswith(("      - ", "      #"))  # where steps are added
        if lines.count(step) != 1 or "PIN" in above + below or open_below:
            loose.append(f"{step.strip()}: {line.strip()}")
    return loose
