"""Sections as HTML tables. Publishers' text is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from blsquest.analytics.report.section import plain
from blsquest.core.text import printable, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blsquest.analytics.report.section import Cell, Section


MOST_OPEN = 40
"""More rows than this are folded: shown, and printed, once a person opens them."""

_TABLE = Markup("""\
<div class="scroll {kind}" role="region" aria-label="{title}" tabindex="0"><table{attributes}>
<caption>{lead}</caption>
<thead>{head}</thead>
{body}
</table></div>""")
_FOLDED = Markup(
    "<details><summary>{rows:,} rows: open to read, search or print</summary>\n{table}</details>"
)


def table(section: Section, kind: str = "", **attributes: str) -> Markup:
    """Write a section's rows as a table for the page, with its lead as the caption.

    The kind is the page's style for the region around the table; the attributes are the table's. In
    a table of `heads`, what names a row stands above its other cells, with its period and unit, and
    as wide as all of them: titles of series are long, and pages narrow.
    """
    numbers = section.numbers()
    sides = ['class="n"' if at in numbers else "" for at in range(len(section.columns))]
    if "heads" in kind.split():
        above = [at for at, name in enumerate(section.columns) if name in {"Period", "Unit"}]
        cells = [at for at in range(1, len(sides)) if at not in above]
        named = f'scope="rowgroup" colspan="{len(cells)}"'
        body = Markup("\n").join(
            Markup("<tbody>{}\n{}</tbody>").format(
                _row([_cell("th", named, _head(row[0], *(plain(row[at]) for at in above)))]),
                _row(_cell("td", sides[at], row[at]) for at in cells),
            )
            for row in section.rows
        )
    else:
        cells = list(range(len(sides)))
        rows = Markup("\n").join(_row(_cells(row, sides)) for row in section.rows)
        body = Markup("<tbody>\n{}\n</tbody>").format(rows)
    made = _TABLE.format(
        kind=kind,
        title=short(section.title),
        attributes=Markup().join(
            Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), printable(value))
            for name, value in attributes.items()
        ),
        lead=printable(section.lead),
        head=_row(_cell("th", f'scope="col" {sides[at]}', section.columns[at]) for at in cells),
        body=body,
    )
    if len(section.rows) <= MOST_OPEN:
        return made
    return _FOLDED.format(rows=len(section.rows), table=made)


def _head(name: Cell, *more: str) -> Cell:
    return (*(name if isinstance(name, tuple) else (plain(name),)), *more)


def _cells(row: Iterable[Cell], sides: Iterable[str]) -> Iterator[Markup]:
    for at, (side, given) in enumerate(zip(sides, row, strict=True)):
        yield _cell("td", side, given) if at else _cell("th", 'scope="row"', given)


def _cell(tag: str, attributes: str, given: Cell) -> Markup:
    if isinstance(given, tuple) and "failed" in given:
        attributes += ' class="failed"'
    attributes = attributes.strip()
    start = f"<{tag} {attributes}>" if attributes else f"<{tag}>"
    # Both are our own words, from above.
    return Markup(start) + cell(given) + Markup(f"</{tag}>")  # noqa: S704


def cell(given: Cell) -> Markup:
    """Write a cell's text, and what explains it, small."""
    if isinstance(given, tuple):
        first, *more = map(short, given)
        return Markup("{}").format(first) + Markup().join(
            Markup(" <small>{}</small>").format(text) for text in more
        )
    if given is None or isinstance(given, str):
        return Markup("{}").format(plain(given))
    return data(given, plain(given))


def data(value: object, shown: str) -> Markup:
    """Write a number for people, with its exact value for programs."""
    return Markup('<data value="{}">{}</data>').format(str(value), shown)


def _row(cells: Iterable[Markup]) -> Markup:
    return Markup("<tr>{}</tr>").format(Markup().join(cells))
