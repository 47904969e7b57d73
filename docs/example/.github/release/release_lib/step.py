"""How a release step runs programs, hands values on, and stops with four lines.

In a workflow the four lines appear as an annotation and in the job summary.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from traceback import extract_tb

WHEN_IT_STOPS = "RELEASING.md, 'When it stops'"
LAST_LINES = 12  # of a failed program's output, in a message
# A word, or a command: in backticks, or where a clause begins with a program. Quotes hold a command's word together.
PARTS = re.compile(
    r"`[^`]*`\S*|(?:^|(?<=[:,;] )|(?<=[(])|(?<=then )|(?<=or )|(?<=&& ))(?:git|gh|uvx?|copier|adopt|cd|rm)[ -]"
    r".*?(?: &&(?= )|[,;](?= )|(?= [(])|$)|\S+"
)
BARE = re.compile(r"\s*(?:[-*>|•]|\d+[.)])?\s*")  # the begin of a line, where nothing stands alone
WORDS = re.compile(r"(?:'[^']*'|\"[^\"]*\"|\S)+")
# Variables that a caller (a git hook, say) sets: they would point git at another repository, or colour gh's JSON.
FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}
FOREIGN |= {"CLICOLOR_FORCE", "GH_FORCE_TTY"}
# Lists and logs of git are read here, and not by a person; who only reads writes no index anew.
PLAIN = {"GIT_CONFIG_PARAMETERS": "'column.ui=never' 'log.showSignature=false'", "GIT_OPTIONAL_LOCKS": "0"}


class ReleaseError(Exception):
    """A release, or a command of the tool, cannot go on.

    The problem has the wrong value in it, the fix is a command or one action, `see` a page and its heading.
    """

    def __init__(self, problem: str, *, expected: str, fix: str, see: str) -> None:
        self.problem = visible(" | ".join(problem.splitlines()))  # a library's message can have several lines
        super().__init__(self.problem)
        self.expected, self.fix, self.see = map(shown, (expected, fix, see))

    @property
    def lines(self) -> tuple[str, str, str, str]:
        """The message."""
        return self.problem, f"Expected: {self.expected}", f"Fix: {self.fix}", f"See: {self.see}"


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program, without a shell, and return what it printed, without the last newline.

    `env` has variables besides the inherited ones. A failure's message has the program's last lines.
    """
    words = [str(word) for word in command]
    kept = {name for name in os.environ if name not in FOREIGN and not name.startswith("GIT_CLIFF_")}
    own = {name: os.environ[name] for name in kept} | dict(env or {})
    try:
        done = subprocess.run(
            words, cwd=cwd, env=own, capture_output=True, encoding="utf-8", errors="replace", check=True
        )
    except FileNotFoundError as error:
        raise ReleaseError(
            f"The program {words[0]} is not installed",
            expected=f"{words[0]} on PATH",
            fix=f"install {words[0]} and run this again",
            see="RELEASING.md, 'What you need'",
        ) from error
    except subprocess.CalledProcessError as error:
        noise = r'(?m)\x1b\[[\d;]*m|^( *)File\s+".*?",\s+line .*\n(?:\1 .*\n)*|^ *\n'  # colours, frames, gaps
        printed = re.sub(noise, "", error.stderr or error.stdout or "no output").strip()
        raise ReleaseError(
            f"`{' '.join(words)}` failed with status {error.returncode}: "
            + " | ".join(printed.splitlines()[-LAST_LINES:]),
            expected="status 0",
            fix="read the output above, then run this again",
            see=WHEN_IT_STOPS,
        ) from error
    return done.stdout.rstrip("\n")


def git(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run git; see `run`."""
    return run("git", *arguments, cwd=cwd, env=PLAIN)


def output(**values: str) -> None:
    """Hand values to later steps and jobs (and show them when there is no workflow)."""
    for key, value in values.items():
        name, word = key.replace("_", "-"), os.urandom(16).hex()
        several = "\n" in value or "\r" in value  # no line of a value may end it, or begin another output
        append("GITHUB_OUTPUT", f"{name}<<{word}\n{value}\n{word}\n" if several else f"{name}={value}\n")
        print(f"{name}={value}")


def summary(markdown: str) -> None:
    """Add a paragraph to the job summary, and print it."""
    append("GITHUB_STEP_SUMMARY", f"{markdown}\n\n")
    word = os.urandom(16).hex()
    # Notes are made of what others wrote: a line like "::add-mask::" must not command the runner.
    quiet = f"::stop-commands::{word}\n{markdown}\n::{word}::"
    print(quiet if os.environ.get("GITHUB_ACTIONS") == "true" else markdown, flush=True)


def fenced(text: str) -> str:
    """A code block in Markdown that nothing in the text can end."""
    fence = "`" * (max([2, *map(len, re.findall("`+", text))]) + 1)
    return f"{fence}\n{shown(text)}\n{fence}"


def as_code(text: str) -> str:
    """A text as Markdown code, in which nothing is markup, a link or a mention."""
    text = visible(" ".join(text.split()))
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " * (text.startswith("`") or text.endswith("`"))
    return f"{ticks}{space}{text}{space}{ticks}"


def shown(text: str) -> str:
    """The lines of a text, each `visible`."""
    return "\n".join(map(visible, text.splitlines()))


def visible(text: str) -> str:
    """A text with escape sequences in place of characters that are not visible as themselves.

    What others wrote, like a tag or a file name, must not move the cursor, or begin a workflow command.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def folded(text: str, first: str = "", rest: str = "  ", width: int = 80) -> list[str]:
    """A text in lines of a width; a command stays whole, or goes on behind a backslash, to be copied."""
    lines = [first]
    for part in PARTS.findall(text):
        words = WORDS.findall(part) if " " in part and len(rest + part) > width else [part]
        for n, word in enumerate(words, 1):
            room = width if n == len(words) else width - 2  # for the backslash
            if not BARE.fullmatch(lines[-1]) and len(lines[-1] + word) > room:
                lines[-1:] = [lines[-1] + "\\" * (n > 1), rest]
            lines[-1] += f"{word} "
    return [line.rstrip() for line in lines]


def append(variable: str, text: str) -> None:
    """Add a text to the file that a variable of GitHub's names, if there is one."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            size = file.tell() + len(text.encode("utf-8", "backslashreplace"))
            if variable == "GITHUB_STEP_SUMMARY" and size > 1_000_000:  # above 1 MiB GitHub shows nothing
                text = "GitHub takes 1 MiB of a summary: a part of it is in the log of this step alone.\n\n"
            file.write(text)


def annotate(kind: str, title: str, text: str) -> None:
    """Print a text that GitHub shows as an annotation: an ``error``, a ``warning`` or a ``notice``."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        safe = shown(text).replace("%", "%25").replace("\n", "%0A")
        print(f"::{kind} title={title}::{safe}", flush=True)
    else:
        lines = f"{kind}: {shown(text)}".splitlines()
        print(*(chain(*map(folded, lines)) if sys.stderr.isatty() else lines), sep="\n", file=sys.stderr)


def step(body: Callable[[], None]) -> None:
    """Run a step so that every failure ends in four lines and status 1."""
    title = Path(sys.argv[0]).stem.replace("_", " ").capitalize()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What GitHub reads; Windows would refuse most letters, and a tag can have bytes that are none.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        body()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback reaches a user)
        lines = (error if isinstance(error, ReleaseError) else unexpected(error)).lines
        annotate("error", title, "\n".join(lines))
        append("GITHUB_STEP_SUMMARY", f"### :x: {title}\n\n{fenced(chr(10).join(lines))}\n")
        sys.exit(1)


def unexpected(error: Exception) -> ReleaseError:
    """The message for an error that nobody foresaw: its type, place and text."""
    places = [f"{Path(p.filename).name}:{p.lineno}" for p in extract_tb(error.__traceback__)]
    return ReleaseError(
        f"Unexpected {type(error).__name__} at {places[-1] if places else '?'}: {error}",
        expected="no error, or one that is explained here",
        fix="run this again; if it stays, report these lines to the template's issue tracker",
        see=WHEN_IT_STOPS,
    )
