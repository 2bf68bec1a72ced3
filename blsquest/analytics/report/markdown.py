"""Sections as markdown, for the dashboard.

Text that comes from publishers is escaped: it can't become markup, links or control codes.
"""

import html
import re

from blsquest.analytics.report.chart_style import Picture
from blsquest.analytics.report.content import Content, as_json
from blsquest.analytics.report.section import Section, plain
from blsquest.analytics.report.sections import NOT_REAL, summary
from blsquest.core.text import printable

_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""Text that dashboards turn into a link despite any escape: a word joiner in it prevents that."""


def escape(text: str) -> str:
    """Make any text safe inside a line or a table cell of markdown, which may hold HTML."""
    plain = _ADDRESS.sub("\\1\N{WORD JOINER}", html.escape(printable(text), quote=False))
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", plain)


def markdown(*sections: Section) -> str:
    """Write sections as markdown."""
    return "\n\n".join("\n\n".join(filter(None, _parts(section))) for section in sections) + "\n"


def _parts(section: Section) -> tuple[str, ...]:
    return (
        f"## {escape(section.title)}",
        escape(section.lead),
        _table(section) if section.rows else "",
        "\n".join(f"- {escape(note)}" for note in section.notes),
    )


def _table(answer: Section) -> str:
    section = answer.figures_first()  # one of Prefect's dashboards wraps no cell
    numbers = section.numbers()
    rule = ["---:" if at in numbers else ":---" for at in range(len(section.columns))]
    rows = ([escape(plain(cell)) for cell in row] for row in (section.columns, *section.rows))
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([head, f"| {' | '.join(rule)} |", *body])


def report_markdown(content: Content, picture: Picture | None) -> str:
    """Write a report in short, with a picture for its first section."""
    first, *others = summary(as_json(content))
    image = ""
    if picture is not None:
        image = f"![{escape(picture.title)}]({picture.url})\n\n{escape(picture.description)}\n"
    banner = f"**{NOT_REAL}**\n\n" if content.sample else ""
    return f"{banner}{markdown(first)}\n{image}\n{markdown(*others)}"
