"""The style of charts, and their conversion from Vega-Lite to SVG for page and dashboard.

Colours are CSS variables, so that one picture serves light and dark pages. Text is measured with a
font that comes with vl-convert, not the machine's, so that the same chart is the same bytes
everywhere; the page then shows it in its own font.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import vl_convert

Chart = dict[str, Any]
"""A chart, or a part of one, in Vega-Lite's JSON: https://vega.github.io/vega-lite/docs/."""

FONT = "Liberation Sans"
"""The font that measures text; the style's `--fonts` are as wide."""

VEGA_LITE = "6.1"

TEXT, MUTED, GRID = "var(--text)", "var(--muted)", "var(--grid)"
FIRST, SECOND, BAND = "var(--first)", "var(--second)", "var(--band)"
GROUND = "var(--page)"
HEAT = tuple(f"var(--heat-{step})" for step in range(5))
NEW = "var(--new)"

CSS = Path(__file__).with_name("report.css").read_text()
LIGHT = CSS[CSS.index("{") + 1 : CSS.index("}")].strip()
"""The colours of the first rule, and its fonts."""

_SVG = "http://www.w3.org/2000/svg"
_NEEDLESS = {"class", "pointer-events", "role", "font-family", "stroke-miterlimit"}
_LONG = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True, slots=True)
class Size:
    """A chart's approximate width, and the room for labels beside it, in CSS pixels.

    `ticks` is how many fit on an axis of years.
    """

    width: int
    ticks: int
    labels: int


WIDE = Size(width=700, ticks=12, labels=220)
NARROW = Size(width=330, ticks=5, labels=110)


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart as SVG, for a page or paper (`wide`) and for a phone; described in words."""

    title: str
    description: str
    wide: str
    narrow: str

    @property
    def url(self) -> str:
        """The drawing for a page as a `data:` URL, for viewers of images but not of inline SVG."""
        return f"data:image/svg+xml;base64,{b64encode(standalone(self.wide).encode()).decode()}"


def picture(title: str, description: str, draw: Callable[[Size], Chart]) -> Picture:
    """Draw a chart for a page and for a phone; `draw` uses the colours above."""
    wide, narrow = (_to_svg(draw(size), title, description) for size in (WIDE, NARROW))
    return Picture(title, description, wide, narrow)


def _to_svg(chart: Chart, title: str, description: str) -> str:
    """Draw a chart as an SVG with a title and a description, without ids, scripts or fonts.

    The same chart gives the same bytes with the same version of vl-convert.
    """
    drawn = vl_convert.vegalite_to_svg({**chart, "config": _STYLE}, vl_version=VEGA_LITE)
    ET.register_namespace("", _SVG)
    root = ET.fromstring(drawn)  # noqa: S314 - what our own library has drawn a moment ago
    for element in root.iter():
        for hidden in element.findall("*[@display='none']"):
            element.remove(hidden)
        for name in [n for n in element.attrib if n in _NEEDLESS or n.startswith("aria-")]:
            del element.attrib[name]
        for name, value in element.attrib.items():
            element.attrib[name] = _LONG.sub(lambda m: f"{float(m[0]):.2f}", value)
    root.attrib |= {"role": "img", "aria-label": f"{title}. {description}"}
    for number, (name, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{name}")
        element.text = text
        root.insert(number, element)
    return ET.tostring(root, encoding="unicode")


def standalone(svg: str) -> str:
    """Return the picture with its own light colours, background and font, for use as an image."""
    style = f"svg{{{LIGHT} background:var(--page);color:var(--text);font-family:var(--fonts)}}"
    start = svg.index(">") + 1
    return f"{svg[:start]}<style>{style}</style>{svg[start:]}"


_LABELS = {"labelColor": TEXT, "titleColor": MUTED, "titleFontWeight": "normal"} | dict.fromkeys(
    ("labelFontSize", "titleFontSize"), 12
)
_STYLE = {
    "background": "transparent",
    "font": FONT,
    "aria": False,
    "padding": 2,
    "lineBreak": "\n",
    "axis": _LABELS | {"gridColor": GRID, "domainColor": MUTED, "tickColor": MUTED},
    "legend": _LABELS | {"orient": "top", "labelLimit": 0, "titleLimit": 0},
    "text": {"color": MUTED, "fontSize": 12},
    "view": {"stroke": None},
}
