"""A release as a picture, drawn from the workflow: as Mermaid, which GitHub shows, and as SVG."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from copier_pypi_release.workflow_files import Workflow

WIDTH, HEIGHT, GAP, ROW = 168, 60, 28, 4  # of a box, between boxes; boxes in a row
BY_PEOPLE = ("You push a tag", "v1.2.3"), ("You publish it", "the draft is read first")
STYLE = """
    .job { fill: #f6f8fa; stroke: #57606a; } .person { fill: #ddf4ff; stroke: #0969da; }
    .upload { fill: #fff8c5; stroke: #9a6700; } .arrow { stroke: #57606a; fill: none; stroke-width: 1.5; }
    text { font: 13px sans-serif; fill: #1f2328; text-anchor: middle; }
    .small { font-size: 11px; fill: #57606a; }
"""


def jobs_of(workflow: Workflow) -> dict[str, tuple[str, str]]:
    """Title of each job of a release, but the one that reports, and what is said below it."""
    told = {
        job: (str(body["name"]).partition(" (")[0], "")
        for job, body in workflow.jobs.items()
        if "always()" not in str(body.get("if", ""))
    }
    waits = [job for job in told if workflow.environment(job)]
    for job in waits:
        reviewed = ", a reviewer approves" if job == waits[-1] else ""
        told[job] = (told[job][0], f"{workflow.environment(job)}{reviewed}")
    return told


def edges_of(workflow: Workflow, jobs: list[str]) -> list[tuple[str, str]]:
    """What follows what: the needs of the jobs, without those that another one has already."""
    needs = {job: {need for need in _listed(workflow.jobs[job].get("needs")) if need in jobs} for job in jobs}

    def before(job: str) -> set[str]:
        return needs[job].union(*(before(need) for need in needs[job]))

    return [
        (need, job)
        for job in jobs
        for need in sorted(needs[job], key=jobs.index)
        if not any(need in before(other) for other in needs[job])
    ]


def _listed(needs: object) -> list[str]:
    return [needs] if isinstance(needs, str) else list(needs or [])  # type: ignore[call-overload]


def mermaid(workflow: Workflow) -> str:
    """The picture in Mermaid's language."""
    jobs = jobs_of(workflow)
    edges = edges_of(workflow, list(jobs))
    (first,) = jobs.keys() - {job for _, job in edges}
    (last,) = jobs.keys() - {need for need, _ in edges}
    boxes = [
        f'    {job}["{title}{f"<br/>{below}" if below else ""}"]' for job, (title, below) in jobs.items()
    ]
    (tag, name), (publish, _) = BY_PEOPLE
    lines = [
        f'    tag(["{tag} {name}"]) --> {first}',
        *boxes,
        *(f"    {need} --> {job}" for need, job in edges),
        f'    {last} --> person(["{publish}"])',
    ]
    return "\n".join(["flowchart LR", *lines])


def svg(workflow: Workflow) -> str:
    """The picture as an image, in rows that are read to the right and to the left in turn."""
    jobs = jobs_of(workflow)
    boxes = {"tag": (*BY_PEOPLE[0], "person")}
    boxes |= {job: (*said, "upload" if workflow.environment(job) else "job") for job, said in jobs.items()}
    boxes["person"] = (*BY_PEOPLE[1], "person")
    places = {name: _place(number) for number, name in enumerate(boxes)}
    edges = edges_of(workflow, list(jobs))
    edges += [("tag", job) for job in jobs if job not in {later for _, later in edges}]
    edges += [(job, "person") for job in jobs if job not in {earlier for earlier, _ in edges}]
    drawn = [_arrow(places[one], places[other]) for one, other in edges]
    drawn += [_box(places[name], *box) for name, box in boxes.items()]
    width = ROW * (WIDTH + GAP) + GAP
    height = -(-len(boxes) // ROW) * (HEIGHT + GAP) + GAP
    said = escape("; ".join(title for title, _, _ in boxes.values()))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"  <title>A release: {said}</title>\n  <style>{STYLE}  </style>\n"
        '  <defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#57606a"/></marker></defs>\n'
        f'  <rect width="{width}" height="{height}" fill="#ffffff"/>\n'
    )
    return head + "\n".join(drawn) + "\n</svg>\n"


def _place(number: int) -> tuple[int, int]:
    row, column = divmod(number, ROW)
    column = column if row % 2 == 0 else ROW - 1 - column
    return GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + GAP)


def _arrow(one: tuple[int, int], other: tuple[int, int]) -> str:
    (x, y), (x2, y2) = one, other
    if y != y2:
        path = f"M{x + WIDTH // 2},{y + HEIGHT} V{y2}"
    else:
        path = f"M{x + (WIDTH if x2 > x else 0)},{y + HEIGHT // 2} H{x2 + (0 if x2 > x else WIDTH)}"
    return f'  <path class="arrow" d="{path}" marker-end="url(#end)"/>'


def _box(place: tuple[int, int], title: str, below: str, kind: str) -> str:
    x, y = place
    middle, line = x + WIDTH // 2, y + HEIGHT // 2 + (-2 if below else 5)
    small = f'<text class="small" x="{middle}" y="{line + 17}">{escape(below)}</text>' if below else ""
    return dedent(
        f"""\
          <rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>
          <text x="{middle}" y="{line}">{escape(title)}</text>{small}"""
    )
