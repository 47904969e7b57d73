"""What commands print, recorded in documents; compared without what differs each time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pypi_simple import PYPI_SIMPLE_ENDPOINT

if TYPE_CHECKING:
    from pathlib import Path

INDEX = re.compile(re.escape(PYPI_SIMPLE_ENDPOINT.removesuffix("/simple/")))
# What no two runs have in common, and the spaces and lines that are as long as it is.
VARYING = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"\b[0-9a-f]{10}\b"), "SHORT"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}( \d{2}:\d{2} UTC)?"), "DAY"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "TIME"),
    (re.compile(r"(?<=pass) +\d+\.\d\b"), " TIME"),
    (re.compile(r"(?<=runs/)\d+|(?<=Run )\d+"), "RUN"),
    (re.compile(r"(?<=on Python )\d[\d.]*"), "VERSION"),
    (re.compile(r"[ ─]{2,}"), " "),
)


def block(command: str, printed: str) -> str:
    """A command and what it printed, in Markdown; no host of an index is named."""
    text = "\n".join(line.rstrip() for line in INDEX.sub("https://INDEX", printed).splitlines())
    return f"```console\n$ {command}\n{text.strip(chr(10))}\n```"


def comparable(text: str) -> str:
    """A text without what differs each time."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return "\n".join(line.strip() for line in text.splitlines())


def check_recorded(path: Path, name: str, wanted: str, *, refresh: bool) -> None:
    """Check that the block below the comment ``<!-- recorded: NAME -->`` is what was printed, or write it."""
    text = path.read_text(encoding="utf-8")
    marker = f"<!-- recorded: {name} -->\n\n"
    before, found, rest = text.partition(marker)
    assert found, f"{path.name} has no place for {name}"
    recorded, _, after = rest.partition("\n```\n")
    if comparable(f"{recorded}\n```") == comparable(wanted):
        return
    assert refresh, f"{name} in {path.name} is not what was printed; --refresh-docs records it:\n{wanted}"
    path.write_text(f"{before}{marker}{wanted}\n{after}", encoding="utf-8")
