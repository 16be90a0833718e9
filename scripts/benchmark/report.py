"""Figures to Markdown: the tables of docs/performance.md."""

import datetime
import os
import pathlib
import platform
import re
import statistics

import workload

PAGE = pathlib.Path("docs/performance.md")


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def machine(began):
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    date = datetime.datetime.fromtimestamp(began, datetime.timezone.utc).strftime("%Y-%m-%d")
    name = model[1] if model else platform.machine()
    return f"{date}, Linux {platform.release()}, {os.cpu_count()} processors ({name}).\n"


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def rate_ratio(found, name):
    """The median over the rounds of this tracer's rate to that of no tracer in the same round."""
    pairs = zip(found["speed"][name], found["speed"]["no tracer"])
    return statistics.median(own["per_second"] / bare["per_second"] for own, bare in pairs)


def costs(found, name):
    """Nanoseconds a transition, of all programs, by round."""
    return [sum(sample.values()) for sample in found["cost"][name]]


def cost_ratio(found, name, other):
    """The median over the rounds of this tracer's cost to that of the other one in the same round."""
    return statistics.median(own / its for own, its in zip(costs(found, name), costs(found, other)))


def cost_of_programs(samples):
    return {program: statistics.median(sample.get(program, 0) for sample in samples) for program in samples[0]}


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def comparison_row(found, name):
    samples = found["speed"][name]
    rates = [sample["per_second"] for sample in samples]
    row = [name, f"{statistics.median(rates):,.0f}", f"{min(rates):,.0f} – {max(rates):,.0f}"]
    if name == "no tracer":
        return [*row, "100 %", "-", "-", "-", "-", "-", "-"]
    missing = [sample["missing"] for sample in samples]
    return [
        *row,
        f"{100 * rate_ratio(found, name):.1f} %",
        f"{statistics.median(costs(found, name)):,.0f}",
        f"{cost_ratio(found, name, 'empty program'):.1f}",
        f"{median(samples, 'cpu_seconds'):.2f}",
        megabytes(max(sample["peak_memory"] for sample in samples)),
        "-" if missing[0] is None else f"{sum(missing):,}",
        f"{found['first'][name]:.0f} ms",
    ]


HEAD = [
    "", "connections/s", "least – most", "of no tracer", "ns a transition", "× empty", "CPU s", "resident", "missing",
    "first event",
]


def bars(found):
    ours, theirs = cost_ratio(found, "trace --json", "empty program"), cost_ratio(found, "tcpstates", "trace --json")
    full, tracked, steady = found["full_speed"], found["tracked"], found["steady"]["trace --json"]
    claims = [
        ("`trace --json`: ns a transition, of the empty program's", "at most 3", ours, "×", ours <= 3),
        ("tcpstates: ns a transition, of those of `trace --json`", "at least 25", theirs, "×", theirs >= 25),
        (
            "`trace --json`: connections a second, of no tracer (the empty program: "
            f"{100 * rate_ratio(found, 'empty program'):.1f} %)", "at least 97 %",
            100 * rate_ratio(found, "trace --json"), " %", rate_ratio(found, "trace --json") >= 0.97,
        ),
        (
            f"`trace --json`: missing of {full['connections']:,} connections in {full['seconds']:.0f} s at full speed",
            "0", full["missing"], "", full["missing"] == 0,
        ),
        (
            f"`trace --json`: reader's share of a core at {steady['rate']:,.0f} origins a second", "under 20 %",
            100 * steady["core"], " %", steady["core"] < 0.2,
        ),
        (
            "`trace --json`: resident with 100,000 connections open", "under 30 MB", tracked["peak_memory"] / 1e6, " MB",
            tracked["peak_memory"] < 30e6,
        ),
        (
            "`trace --json`: from exec to the first event possible", "at most 150 ms", found["first"]["trace --json"],
            " ms", found["first"]["trace --json"] <= 150,
        ),
    ]
    if "top" in found["cost"]:
        top = cost_ratio(found, "top", "empty program")
        claims.append(("`top`: ns a transition, of the empty program's", "at most 2", top, "×", top <= 2))
    rows = [
        [what, bar, f"{value:,.1f}".removesuffix(".0") + unit, "met" if met else "**not met**"]
        for what, bar, value, unit, met in claims
    ]
    return table(["", "bar", "measured", ""], rows)


def comparison(found):
    names = list(found["speed"])
    programs = [
        [name, f"`{program}`", f"{ns:,.0f}"]
        for name in names[1:]
        for program, ns in sorted(cost_of_programs(found["cost"][name]).items())
    ]
    steady = [[name, f"{100 * part['core']:.1f} %"] for name, part in found["steady"].items()]
    return "comparison", "\n".join(
        [
            machine(found["began"]),
            f"{found['rounds']} rounds of {found['connections']:,} connections, {workload.TRANSITIONS} transitions each.\n",
            table(HEAD, [comparison_row(found, name) for name in names]),
            table(["tracer", "program", "ns a transition"], programs),
            table(["at 20,000 origins a second", "reader, of one core"], steady),
            f"With 100,000 connections open the maps of `trace --json` take {megabytes(found['tracked']['maps'])} of the "
            "kernel's memory, beside its resident memory.\n",
            bars(found),
            f"At full speed `trace --json` says that it has lost: {found['full_speed']['admitted']}.\n",
        ]
    )


def growth(found):
    return "growth", "\n".join(
        [
            machine(found["began"]),
            table(
                ["TIME_WAITs present", "ns a transition"],
                [[f"{row['present']:,}", f"{row['nanoseconds']:,.0f}"] for row in found["time_waits"]],
            ),
            table(
                ["connections open at the start", "ns a transition", "from exec to the first line"],
                [[f"{row['present']:,}", f"{row['nanoseconds']:,.0f}", f"{row['start_ms']:,.0f} ms"] for row in found["open"]],
            ),
        ]
    )


def write(section, text):
    """Between the marks of the section; what a person wrote around them stays."""
    page = PAGE.read_text()
    begin, end = f"<!-- {section}: written by make bench -->", f"<!-- {section} ends -->"
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}")
