"""The small files of the generated `pr`: code tables in the real form, and texts that say sample.

The line ends here are Python's; the publisher sends CRLF.
"""

from __future__ import annotations

SECTORS = {
    "3000": "Manufacturing",
    "3100": "Manufacturing, Durable Goods",
    "3200": "Manufacturing, Nondurable Goods",
    "8400": "Business",
    "8500": "Nonfarm Business",
    "8800": "Nonfinancial Corporations",
}
MEASURES = {
    "01": "Employment",
    "03": "Hours worked",
    "08": "Nonlabor payments",
    "09": "Labor productivity (output per hour)",
    "10": "Hourly compensation",
    "11": "Unit labor costs",
}


def _table(code: str, text: str, rows: dict[str, str]) -> str:
    lines = [f"{code}\t{text}\tdisplay_level\tselectable\tsort_sequence"]
    lines += [f"{key}\t{name}\t0\tT\t{place}" for place, (key, name) in enumerate(rows.items(), 1)]
    return "".join(f"{line}\n" for line in lines)


TABLES = {
    "pr.class": _table("class_code", "class_text", {"3": "Employees", "6": "All workers"}),
    "pr.duration": _table(
        "duration_code",
        "duration_text",
        {
            "1": "% Change same quarter 1 year ago",
            "2": "% Change from previous quarter",
            "3": "Index (2017=100)",
        },
    ),
    "pr.footnote": "footnote_code\tfootnote_text\nR\trevised\n",
    "pr.measure": _table("measure_code", "measure_text", MEASURES),
    "pr.period": (
        "period\tperiod_abbr\tperiod_name\n"
        "Q01\tQTR1\t1st Quarter\n"
        "Q02\tQTR2\t2nd Quarter\n"
        "Q03\tQTR3\t3rd Quarter\n"
        "Q04\tQTR4\t4th Quarter\n"
        "Q05\tAN AV\tAnnual Average\n"
    ),
    # The real file has a mixed-case header and a blank last line too.
    "pr.seasonal": (
        "Seasonal_code\tSeasonal_text\nS\tSeasonal Adjusted\nU\tNot Seasonally Adjusted\n\n"
    ),
    "pr.sector": _table("sector_code", "sector_name", SECTORS),
}
"""File name → text."""

_SAMPLE = "Every number in this folder is a generated sample; none was published by BLS."

TEXT = f"""                Major Sector Productivity and Costs (PR)
                                    pr.txt

{_SAMPLE}

The files have the form of the BLS survey: tab-separated ASCII with CRLF line ends.

        pr.class                - Class codes                   mapping file
        pr.contacts             - Contacts
        pr.data.0.Current       - Data from 1995
        pr.data.1.AllData       - All data
        pr.duration             - Duration codes                mapping file
        pr.footnote             - Footnote codes                mapping file
        pr.measure              - Measure codes                 mapping file
        pr.period               - Period codes                  mapping file
        pr.seasonal             - Seasonal codes                mapping file
        pr.sector               - Sector codes                  mapping file
        pr.series               - All series and their beginning and end dates
        pr.txt                  - This text
"""

CONTACTS = f"""Productivity Contacts

{_SAMPLE}
E-mail: sample@example.org
"""

NOTICE = f"""Notice

{_SAMPLE}
The second release revises values from 2022 on.
"""
