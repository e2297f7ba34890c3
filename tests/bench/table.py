"""From the single values of a run (runs.tsv) to results.tsv and the table."""
import statistics

from row import Figure, times_better

SERVERS = ("sluice", "postfix", "machine")


def read(path):
    """(lines about the machine, {(key, server): [value...]}, what failed)"""
    about, values, failed = [], {}, []
    with open(path) as f:
        for line in f:
            words = line.rstrip("\n").split("\t")
            if words[0] == "#":
                about.append(words[1])
            elif words[0] == "failed":
                failed.append("%s, %s: %s" % (words[2], words[1], words[3]))
            else:
                values.setdefault((words[2], words[1]), []).append(float(words[3]))
    return about, values, failed


def figures(values):
    return {at: Figure(statistics.median(v), min(v), max(v), len(v)) for at, v in values.items()}


def number(value):
    if value == 0 or value == int(value) and value < 1e7:
        return "{:,}".format(int(value))
    if abs(value) >= 100:
        return "{:,.0f}".format(value)
    return "%.2f" % value if abs(value) >= 1 else "%.3f" % value


def spread(figure):
    if not figure:
        return "", ""
    return number(figure.median), "" if figure.runs == 1 else "%s-%s" % (number(figure.least), number(figure.most))


def judged(row, found):
    """(targets, whether they were reached)"""
    answers = [target.reached(row, found) for target in row.reach]
    words = {True: "yes", False: "NO", None: "-"}
    return "; ".join(t.text for t in row.reach), ", ".join(words[a] for a in answers)


def ratio(row, found):
    times = times_better(row, found.get((row.key, "sluice")), found.get((row.key, "postfix")))
    return "" if times is None else "%.1f" % times


def lines_of(rows, found):
    for row in rows:
        ours = found.get((row.key, "sluice")) or found.get((row.key, "machine"))
        theirs = found.get((row.key, "postfix"))
        if ours or theirs:
            yield (row.what, row.unit, *spread(ours), *spread(theirs), ratio(row, found), *judged(row, found))


HEAD = ("figure", "unit", "sluice", "least-most", "Postfix", "least-most", "times", "to reach", "reached")


def table(rows, about, found, failed):
    body = [HEAD] + list(lines_of(rows, found))
    widths = [max(len(line[i]) for line in body) for i in range(len(HEAD))]
    left = (0, 1, 7, 8)
    text = "".join(line + "\n" for line in about) + "\n"
    for n, line in enumerate(body):
        cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
        text += "  ".join(cells).rstrip() + "\n"
        if not n:
            text += "  ".join("-" * w for w in widths) + "\n"
    return text + "".join("\nnot measured: " + line for line in failed) + ("\n" if failed else "")


def results(rows, found):
    """times, to reach, reached: in the lines of sluice and of the tools."""
    yield "key\tfigure\tunit\tserver\tmedian\tleast\tmost\truns\ttimes\tto reach\treached"
    for row in rows:
        for server in SERVERS:
            figure = found.get((row.key, server))
            if figure:
                numbers = ("%.6g" % n for n in figure[:3])
                yield "\t".join((row.key, row.what.strip(), row.unit, server, *numbers, str(figure.runs),
                                 *(("", "", "") if server == "postfix" else (ratio(row, found), *judged(row, found)))))
