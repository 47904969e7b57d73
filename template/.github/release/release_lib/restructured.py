"""Changelogs in reStructuredText, read as the Markdown that a GitHub Release shows.

What stands in changelogs, and no more: a full parser stops at the directives and roles of Sphinx's that it
does not know. Nothing of the text is left out except comments and targets.
"""

import re

LINE = re.compile(r"([!-/:-@[-`{-~])\1{2,}\s*")  # below, and perhaps above, a title
DIRECTIVE = re.compile(r"( *)\.\. ([\w-]+)::(?: +(.*))?")
HIDDEN = re.compile(r" *\.\.(?: |$)")  # a comment, a target, a footnote
CODE = {"code", "code-block", "sourcecode"}
INLINE = (
    (r"``(.+?)``", r"`\1`"),
    (r":[\w:+-]+:`[~!]?([^`<]+?)(?: ?<[^`>]*>)?`", r"`\1`"),
    (r"(?<!`)`([^`<]+?)\s*<(https?://[^`>]+)>`__?", r"[\1](\2)"),
    (r"(?<!`)`([^`]+)`__?(?!\w)", r"\1"),
)


def markdown(text: str) -> str:
    """The same text in Markdown: headings, code, links; a directive becomes its name and what it holds."""
    lines, styles, written = text.expandtabs(4).splitlines(), list[str](), list[str]()
    number, hidden, fenced, code = 0, -1, -1, 0  # indents of what encloses the line
    while number < len(lines):
        line = lines[number]
        indent, below = len(line) - len(line.lstrip()), "".join(lines[number + 1 : number + 2])
        number += 1
        if line.strip() and indent <= hidden:
            hidden = -1
        if line.strip() and indent <= fenced:
            written.append(f"{' ' * fenced}```\n")
            fenced = -1
        over = LINE.fullmatch(line) and below.strip() and "".join(lines[number + 1 : number + 2]) == line
        if hidden >= 0 or (LINE.fullmatch(line) and not over):
            continue
        if fenced >= 0:
            code = code or indent
            written.append(line and " " * fenced + line[min(code, indent) :])
        elif over or (line.strip() and not indent and LINE.fullmatch(below)):
            style = f"{line[0]}over" if over else below[0]
            styles += [] if style in styles else [style]
            title = below if over else line
            written += ["", f"{'#' * (styles.index(style) + 1)} {inline(title.strip())}", ""]
            number += 2 if over else 1
        elif found := DIRECTIVE.fullmatch(line):
            if found[2] in CODE:
                fenced, code = indent, 0
                written.append(f"{found[1]}```{found[3] or ''}")
            else:
                written.append(f"{found[1]}**{found[2].capitalize()}** {inline(found[3] or '')}\n")
        elif HIDDEN.match(line):
            hidden = indent
        else:
            written.append(inline(re.sub(r"::\s*$", ":", line)))
    return "\n".join([*written, "```" if fenced >= 0 else ""])


def inline(text: str) -> str:
    """A line with Markdown's marks for code and links."""
    for pattern, replacement in INLINE:
        text = re.sub(pattern, replacement, text)
    return text
