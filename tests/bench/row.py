"""What a row of the table is, and how far it has to get."""
from typing import NamedTuple, Optional

MORE, LESS, SAME = "more", "less", ""  # what is better; SAME: the figure is there to be known


class Row(NamedTuple):
    key: str
    what: str
    unit: str
    better: str
    reach: tuple = ()


class Figure(NamedTuple):
    """Of one server: the median of its runs, and the least and the greatest."""
    median: float
    least: float
    most: float
    runs: int


def times_better(row, ours: Optional[Figure], theirs: Optional[Figure]):
    if not ours or not theirs or not row.better:
        return None
    above, below = (ours.median, theirs.median) if row.better == MORE else (theirs.median, ours.median)
    return above / below if below else None


# A target: text, and a function of (row, figures) that says whether it was reached; None: not known.
# figures: {(key, server): Figure}


class Times:
    """So many times better than Postfix."""

    def __init__(self, n):
        self.n = n
        self.text = "%g x" % n

    def reached(self, row, figures):
        ratio = times_better(row, figures.get((row.key, "sluice")), figures.get((row.key, "postfix")))
        return None if ratio is None else ratio >= self.n


class NoMore:
    """Than Postfix."""

    text = "<= Postfix"

    @staticmethod
    def reached(row, figures):
        ours, theirs = figures.get((row.key, "sluice")), figures.get((row.key, "postfix"))
        return None if not ours or not theirs else ours.median <= theirs.median


class AtMost:
    def __init__(self, n):
        self.n = n
        self.text = "<= %g" % n

    def reached(self, row, figures):
        ours = figures.get((row.key, "sluice"))
        return None if not ours else ours.median <= self.n


class AtLeast(AtMost):
    def __init__(self, n):
        self.n = n
        self.text = ">= %g" % n

    def reached(self, row, figures):
        ours = figures.get((row.key, "sluice"))
        return None if not ours else ours.median >= self.n


class Beyond:
    """A tool does so many times what the faster server does in other rows: it is not the tool that these measure."""

    def __init__(self, n, *keys):
        self.n, self.keys = n, keys
        self.text = "%g x %s" % (n, ", ".join(keys))

    def reached(self, row, figures):
        tool = figures.get((row.key, "machine"))
        theirs = [figures[key, server].median for key in self.keys for server in ("sluice", "postfix")
                  if (key, server) in figures]
        return tool.median >= self.n * max(theirs) if tool and theirs else None


class Close:
    """To what sluice has in another row: so many percent more, and so much besides."""

    def __init__(self, percent, besides, key):
        self.percent, self.besides, self.key = percent, besides, key
        self.text = "%s + %g %% + %g" % (key, percent, besides)

    def reached(self, row, figures):
        ours, other = figures.get((row.key, "sluice")), figures.get((self.key, "sluice"))
        return None if not ours or not other else ours.median <= other.median * (1 + self.percent / 100) + self.besides


class Share:
    """So many percent of what sluice has in another row, or of what the machine has."""

    def __init__(self, percent, key, server="sluice"):
        self.percent, self.key, self.server = percent, key, server
        self.text = "%g %% of %s" % (percent, key)

    def reached(self, row, figures):
        ours, other = figures.get((row.key, "sluice")), figures.get((self.key, self.server))
        return None if not ours or not other else ours.median >= other.median * self.percent / 100
