"""Writes what was measured into docs/benchmarks.md and the README, between their marks, and draws the charts beside it."""

import sys

from . import chart, rows as table
from .servers import PROJECT

BEGIN, END = "<!-- measured: begin (scripts/bench) -->", "<!-- measured: end -->"
CHARTS = PROJECT / "docs/benchmarks"
OURS = "registry"
GROUPS = {
    "pulls": ("Pulls", ["pull", "pull-copied", "pull-8", "pull-1000", "pull-tls"]),
    "pushes": ("Large pushes", ["push-128", "push-128-4", "push-chunks", "push-stream"]),
    "small-pushes": ("Small pushes", ["push-1", "push-small", "manifest-put"]),
    "requests": ("Small requests", ["manifest-get", "manifest-head", "blob-head", "ping"]),
    "lists": ("Lists and handshakes", ["tags", "catalog", "referrers", "handshake", "handshake-resumed"]),
}


def write(figures):
    """Writes the pages; they must have the marks."""
    if set(figures["rows"]) != {row.key for row in table.ROWS}:
        sys.exit("the last run left rows out; pages are written from a whole one")
    CHARTS.mkdir(exist_ok=True)
    for name, (title, keys) in {**GROUPS, "first": ("Where we stand", table.FIRST)}.items():
        (CHARTS / f"{name}.svg").write_text(chart.bars(title, [group(figures, key) for key in keys]))
    between(PROJECT / "docs/benchmarks.md", page(figures))
    between(PROJECT / "README.md", summary(figures))


def between(path, measured):
    before, rest = path.read_text().split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}")


def group(figures, key):
    row = row_of(key)
    names = [server["name"] for server in figures["servers"]]
    values = [(name, value(figures, row, name)) for name in names]
    return row.title, row.unit, [(name, number) for name, number in values if number is not None]


def row_of(key):
    return next(row for row in table.ROWS if row.key == key)


def value(figures, row, name):
    """The figure of a row at a server; None where it has none."""
    return figures["rows"][row.key].get(name, {}).get(row.figure)


def rivals(figures, group):
    """The names that a target is about."""
    registries = [server for server in figures["servers"] if server["registry"] and server["name"] != OURS]
    if group == table.BEST:
        return [server["name"] for server in registries]
    if group == table.BEST_DURABLE:
        return [server["name"] for server in registries if server["durable"]]
    return [group]


def ratio(figures, row, group):
    """Our figure divided by the best of a group's."""
    ours = value(figures, row, OURS)
    theirs = [value(figures, row, name) for name in rivals(figures, group)]
    theirs = [number for number in theirs if number]
    return ours / max(theirs) if ours and theirs else None


def page(figures):
    """Everything, as Markdown."""
    names = [server["name"] for server in figures["servers"]]
    parts = [
        f"{figures['date']}, registry at {figures['commit']}, {figures['machine']}; the data on {figures['disk']}. "
        f"Medians of {figures['rounds']} rounds of {figures['seconds']} s in turns.",
        servers(figures),
        *(f"![{title}](benchmarks/{name}.svg)" for name, (title, _) in GROUPS.items()),
        "### Rates",
        rates(figures, names),
        "### Targets",
        targets(figures),
        "### Latency, 50th and 99th percentile in ms",
        latencies(figures, names),
        "### Processor time of the server",
        "Microseconds for each request, or seconds for each GB where it is megabytes that count.",
        processors(figures, names),
        "### Memory, start, syncs",
        others(figures, names),
    ]
    return "\n\n".join(parts) + "\n"


def servers(figures):
    lines = ["| server | version | program | |", "|---|---|---|---|"]
    for server in figures["servers"]:
        lines.append(f"| {server['name']} | {server['version']} | {server['bytes'] / 1e6:.1f} MB | {server['note']} |")
    lines += [f"| {name} | left out | | {why} |" for name, why in figures["left_out"]]
    return "\n".join(lines)


def grid(figures, names, first, cell):
    lines = [f"| {first} | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in table.ROWS:
        if row.key in figures["rows"]:
            lines.append(f"| {row.title} | " + " | ".join(cell(row, name) for name in names) + " |")
    return "\n".join(lines)


def rates(figures, names):
    def cell(row, name):
        kept = figures["rows"][row.key].get(name, {})
        number = kept.get(row.figure)
        if number is None:
            return "failed" if "failed" in kept else ""
        return f"{number:,.0f} {row.unit}"

    failures = [
        f"- {name}, {row.title}: {kept['failed']}"
        for row in table.ROWS
        for name, kept in figures["rows"].get(row.key, {}).items()
        if "failed" in kept
    ]
    return "\n".join([grid(figures, names, "work", cell), *(["", *failures] if failures else [])])


def targets(figures):
    lines = ["| work | compared with | at least | measured | |", "|---|---|---|---|---|"]
    for row in table.ROWS:
        for group, wanted in row.targets.items() if row.key in figures["rows"] else ():
            found = ratio(figures, row, group)
            told = "not measured" if found is None else f"{found:.2f}"
            met = "" if found is None else "met" if found >= wanted else "**not met**"
            lines.append(f"| {row.title} | {group} | {wanted} | {told} | {met} |")
    for title, wanted, found, is_met in own_targets(figures):
        lines.append(f"| {title} | | {wanted} | {found} | {'met' if is_met else '**not met**'} |")
    return "\n".join(lines)


def own_targets(figures):
    """What we aim at by itself: title, target, figure, whether it is met."""
    kept = figures["rows"]
    if "push-128-4" in kept:
        seconds = kept["push-128-4"][OURS]["processor_seconds_per_gb"]
        yield "processor seconds for each GB pushed, 4 at once", "at most 0.85", f"{seconds:.2f}", seconds <= 0.85
    if "manifest-get-users" in kept:
        users = kept["manifest-get-users"]
        share = users[OURS]["rps"] / users[f"{OURS} without"]["rps"]
        yield "GET of a manifest with users and rules, of the rate without", "0.9", f"{share:.2f}", share >= 0.9
    if "referrers" in kept:
        median = kept["referrers"][OURS]["p50_ms"]
        yield "referrers of one of 10,000 manifests, ms", "at most 0.5", f"{median:.2f}", median <= 0.5
    if "pull-1000" in kept:
        all_of_them = kept["pull-1000"]
        ours = all_of_them[OURS].get("p99_ms", float("inf"))
        best = min(all_of_them[name].get("p99_ms", float("inf")) for name in rivals(figures, table.BEST) if name in all_of_them)
        yield "1,000 pulls at once, 99th percentile in ms", f"at most {best:.0f}", f"{ours:.0f}", ours <= best
    memory = figures["memory"].get(OURS, {})
    for kind, most in (("idle", 6), ("highest", 16)):
        if kind in memory:
            yield f"memory, {kind}, MB", f"under {most}", f"{memory[kind]:.1f}", memory[kind] < most
    if OURS in figures["start"]:
        start = figures["start"][OURS]
        yield "start to first answer with 100,000 blobs, ms", "at most 15", f"{start:.1f}", start <= 15


def latencies(figures, names):
    def cell(row, name):
        kept = figures["rows"][row.key].get(name, {})
        return f"{kept['p50_ms']:.2f} / {kept['p99_ms']:.2f}" if "p50_ms" in kept else ""

    return grid(figures, names, "work", cell)


def processors(figures, names):
    def cell(row, name):
        kept = figures["rows"][row.key].get(name, {})
        if row.figure not in kept:
            return ""
        if row.figure == "rps":
            return f"{kept['microseconds_each']:,.0f} µs"
        return f"{kept['processor_seconds_per_gb']:.2f} s/GB"

    return grid(figures, names, "work", cell)


def others(figures, names):
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]

    def line(title, kept, form):
        cells = [format(kept[name], form) if kept.get(name) is not None else "" for name in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")

    memory = figures["memory"]
    line("memory, idle, MB", {name: kept.get("idle") for name, kept in memory.items()}, ".1f")
    line("memory, highest, MB", {name: kept.get("highest") for name, kept in memory.items()}, ".1f")
    line("start with 100,000 blobs, ms", figures["start"], ".1f")
    for title, kept in figures["syncs"].items():
        line(f"syncs for {title}", kept, ".1f")
    return "\n".join(lines)


def summary(figures):
    """The chart for the README, and its figures as a table for who does not see it."""
    names = [server["name"] for server in figures["servers"]]
    lines = ["![Where we stand](docs/benchmarks/first.svg)", "", "| | " + " | ".join(names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for key in table.FIRST:
        row = row_of(key)
        numbers = [value(figures, row, name) for name in names]
        cells = ["" if number is None else f"{number:,.0f} {row.unit}" for number in numbers]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    for kind in ("idle", "highest"):
        cells = [f"{figures['memory'][name][kind]:.0f} MB" for name in names]
        lines.append(f"| memory, {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
