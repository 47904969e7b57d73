"""Where the template is: the repository that this tool was installed from."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from copier_pypi_release.adopt.programs import AdoptionError

DISTRIBUTION = "copier-pypi-release"


@dataclass(frozen=True)
class Source:
    """A template.

    Attributes:
        url: What Copier is given, and what later updates read.
        ref: The commit or tag to render.
    """

    url: str
    ref: str


def find_source(given: str | None = None) -> Source:
    """The template that belongs to this tool.

    It is the repository and the commit that the tool was installed from (PEP 610), or the checkout that it
    runs in.

    Args:
        given: An address to use instead.

    Raises:
        AdoptionError: The tool was installed from somewhere else.
    """
    if given:
        return Source(given, "HEAD")
    try:
        recorded = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        recorded = None
    origin = json.loads(recorded) if recorded else {}
    if "vcs_info" in origin:
        return Source(f"git+{origin['url']}", origin["vcs_info"]["commit_id"])
    places = [Path(__file__).resolve().parents[2]]
    if origin.get("url", "").startswith("file:"):
        places.append(Path(unquote(urlsplit(origin["url"]).path)))
    for place in places:
        if (place / "copier.yml").is_file() and (place / "template").is_dir():
            return Source(str(place), "HEAD")
    raise AdoptionError(
        "This copy of the tool does not know which template it belongs to",
        expected="a tool that was installed from the template's repository",
        fix="uvx --from git+ADDRESS_OF_THE_TEMPLATE copier-pypi-release adopt",
    )
