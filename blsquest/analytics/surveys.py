"""The particulars of single surveys; needs no polars."""

from dataclasses import dataclass

from blsquest.analytics import By


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey.

    Attributes:
        subject: Its subject, for headings; "" for the survey's own words.
        series: The series that a report shows beside the population unless another is named.
        period: Its period.
        by: The rule for the best year: by sum only where the quest says so.
        sentence: The title of series without one, with codes in braces for their words: `{Sector}`
            for the words as they are, `{class}` in small letters.
        remark: A needed fact about its values that its files don't state; "" for none.
        unit: The unit of all its values, if its files don't state it; "" otherwise.
        measure: The column whose codes have the units in `units`.
    """

    subject: str = ""
    series: str | None = None
    period: str | None = None
    by: By = "mean"
    sentence: str = ""
    remark: str = ""
    unit: str = ""
    measure: str = ""
    units: tuple[tuple[str, str], ...] = ()


SURVEYS = {
    "pr": Survey(
        subject="US productivity",
        series="PRS30006032",
        period="Q01",
        by="sum",
        sentence="{Sector}, {class}: {Measure}, {duration}, {seasonal}",
        # BLS Handbook of Methods, Productivity measures: as 99.840 to 87.955 is -39.8 percent.
        remark="Changes from the previous quarter are at annual rates; the annual figure of a "
        "change is the change of the annual averages, not the average of the changes.",
    ),
    # ap.txt: "Average consumer prices"; of gasoline and the like in dollars too.
    "ap": Survey(subject="Average prices", unit="dollars"),
    # la.measure: rates and ratios in percent, all else counts people.
    "la": Survey(
        subject="Local area unemployment",
        measure="measure_code",
        units=(
            ("03", "percent"),
            ("04", "persons"),
            ("05", "persons"),
            ("06", "persons"),
            ("07", "percent"),
            ("08", "percent"),
            ("09", "persons"),
        ),
    ),
    # jl.txt, jt.txt: levels are in thousands.
    "jl": Survey(subject="Job openings", measure="ratelevel_code", units=(("L", "thousands"),)),
    "jt": Survey(subject="Job openings", measure="ratelevel_code", units=(("L", "thousands"),)),
}


def survey(code: str) -> Survey:
    """Return a survey's particulars; most surveys have none."""
    return SURVEYS.get(code, Survey())
