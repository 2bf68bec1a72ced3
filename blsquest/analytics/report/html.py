"""Sections as HTML tables. Publishers' text is escaped."""

from collections.abc import Iterable

from markupsafe import Markup

from blsquest.analytics.report.section import Cell, Section, plain
from blsquest.core.text import printable, short

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

    `kind` is the page's style for the region around the table; the attributes are the table's. In
    a table of `heads`, a row's name, period and unit are above its other cells, as wide as all of
    them: titles of series are long, and pages narrow.
    """
    numbers = section.numbers()
    sides = ['class="n"' if at in numbers else "" for at in range(len(section.columns))]
    cells, body = list(range(len(sides))), Markup("<tbody>\n{}\n</tbody>")
    if "heads" in kind.split():
        above = [at for at, name in enumerate(section.columns) if name in {"Period", "Unit"}]
        cells, body = [at for at in cells[1:] if at not in above], Markup("{}")
    rows = []
    for row in section.rows:
        if 0 in cells:
            first = _cell("th", 'scope="row"', row[0])
            rows.append(_row([first, *(_cell("td", sides[at], row[at]) for at in cells[1:])]))
        else:
            name = row[0] if isinstance(row[0], tuple) else (plain(row[0]),)
            head = (*name, *(plain(row[at]) for at in above))
            named = _cell("th", f'scope="rowgroup" colspan="{len(cells)}"', head)
            under = _row(_cell("td", sides[at], row[at]) for at in cells)
            rows.append(Markup("<tbody>{}\n{}</tbody>").format(_row([named]), under))
    made = _TABLE.format(
        kind=kind,
        title=short(section.title),
        attributes=Markup().join(
            Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), printable(value))
            for name, value in attributes.items()
        ),
        lead=printable(section.lead),
        head=_row(_cell("th", f'scope="col" {sides[at]}', section.columns[at]) for at in cells),
        body=body.format(Markup("\n").join(rows)),
    )
    if len(section.rows) <= MOST_OPEN:
        return made
    return _FOLDED.format(rows=len(section.rows), table=made)


def _cell(tag: str, attributes: str, given: Cell) -> Markup:
    if isinstance(given, tuple) and "failed" in given:
        attributes += ' class="failed"'
    attributes = attributes.strip()
    start = f"<{tag} {attributes}>" if attributes else f"<{tag}>"
    # Both are our own words, from above.
    return Markup(start) + cell(given) + Markup(f"</{tag}>")  # noqa: S704


def cell(given: Cell) -> Markup:
    """Write a cell's text, with its explanations in small print."""
    if isinstance(given, tuple):
        first, *more = map(short, given)
        return Markup("{}").format(first) + Markup().join(
            Markup(" <small>{}</small>").format(text) for text in more
        )
    if given is None or isinstance(given, str):
        return Markup("{}").format(plain(given))
    # A number for people, with its exact value for programs.
    return Markup('<data value="{}">{}</data>').format(str(given), plain(given))


def _row(cells: Iterable[Markup]) -> Markup:
    return Markup("<tr>{}</tr>").format(Markup().join(cells))
