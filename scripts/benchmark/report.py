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
        ("`trace --json`: ns a transition, of the empty program's", "at most 4", ours, "×", ours <= 4),
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
            f"`trace --json`: reader's share of a core at {steady['rate']:,.0f} origins a second", "under 5 %",
            100 * steady["core"], " %", steady["core"] < 0.05,
        ),
        (
            "`trace --json`: resident with 100,000 connections open", "under 30 MB", tracked["peak_memory"] / 1e6, " MB",
            tracked["peak_memory"] < 30e6,
        ),
        (
            "`trace --json`: from exec to the first event possible", "at most 100 ms", found["first"]["trace --json"],
            " ms", found["first"]["trace --json"] <= 100,
        ),
    ]
    if "top" in found["cost"]:
        top = cost_ratio(found, "top", "empty program")
        claims.append(("`top`: ns a transition, of the empty program's", "at most 2.5", top, "×", top <= 2.5))
    rows = [
        [what, bar, f"{value:,.1f}".removesuffix(".0") + unit, "met" if met else "**not met**"]
        for what, bar, value, unit, met in claims
    ]
    return table(["", "bar", "measured", ""], rows)


READS_HEAD = [
    "", "requests/s", "least – most", "of no tracer", "who accepted, by", "ns a read", "above empty", "ns a request",
]
READ_BAR = 40  # ns above an empty program


def paired(own, its, of):
    """The median over the rounds, each of which ran both."""
    return statistics.median(of(one, other) for one, other in zip(own, its))


def above_empty(found, name):
    """Nanoseconds a read above the same round's empty program; None: it has no program on reads."""
    own, empty = found["cost"][name], found["cost"]["empty program"]
    if any(sample["a_read"] is None for sample in own):
        return None
    return paired(own, empty, lambda one, other: one["a_read"] - other["a_read"])


def reads_row(found, name):
    rates = found["rates"][name]
    share = paired(rates, found["rates"]["no tracer"], lambda one, other: one / other)
    row = [
        f"`{name}`" if name.startswith("--") else name,
        f"{statistics.median(rates):,.0f}",
        f"{min(rates):,.0f} – {max(rates):,.0f}",
        f"{100 * share:.1f} %",
        f"`{found['hook'][name]}`" if "/" in found["hook"][name] else found["hook"][name],
    ]
    if name not in found["cost"]:
        return [*row, "-", "-", "-"]
    above, samples = above_empty(found, name), found["cost"][name]
    return [
        *row,
        "-" if above is None else f"{median(samples, 'a_read'):.0f}",
        "-" if above is None or name == "empty program" else f"{above:+.1f}",
        f"{median(samples, 'a_request'):.0f}",
    ]


READS_TEXT = """
The workload is `tcplinger-workload exchange`: {connections} connections over loopback that stay open. On each, a request
of {sent} bytes is answered with {answered:,} bytes, and then comes the next, as fast as a thread a connection can at each
end. They open after the tracer is attached. Both processes run on the same processor: the scheduler otherwise puts them
together or apart, and the rate differs by half from run to run.

- *requests/s*: the median of {rounds} rounds of {seconds} s, in random order within a round, with the kernel's statistics
  of BPF off. *of no tracer*: the median of the ratio to the same round's run without a tracer.
- *ns a read*: with `kernel.bpf_stats_enabled=1`, in {rounds_of_cost} rounds of their own, the time of one run of the
  program on `tp_btf/tcp_rcv_space_adjust`, the median. It runs at both ends of a request.
  tcplinger uses it where it does not hook accept(). *above empty*: the median of the difference to the same round's
  empty program. What the statistics add is in both.
- *ns a request*: the time of all programs that the tracer has on hooks, divided by the requests.
"""


def reads_claim(found):
    above = above_empty(found, "--json --hooks tracepoint")
    if above is None:
        return "`tcplinger --json --hooks tracepoint` had no program on reads: there is no figure for its bar.\n"
    claim = f"`{found['hook']['--json --hooks tracepoint']}`: ns a read above an empty program"
    return table(
        ["", "bar", "measured", ""],
        [[claim, f"at most {READ_BAR}", f"{above:.1f} ns", "met" if above <= READ_BAR else "**not met**"]],
    )


def reads(found):
    sent, answered = found["bytes"]
    asked, chosen = found["hook"]["--json --hooks tracepoint"], found["hook"]["--json"]
    choice = (
        "On this kernel `tcplinger --json` chooses the same hooks by itself: the last two rows differ by chance."
        if asked == chosen
        else f"On this kernel `tcplinger --json` learns who accepted by {chosen} and has no program on reads."
    )
    return "reads", "\n".join(
        [
            "### Connections that carry data\n",
            machine(found["began"]).rstrip(),
            READS_TEXT.format(**found, sent=sent, answered=answered),
            table(READS_HEAD, [reads_row(found, name) for name in found["rates"]]),
            choice + "\n",
            reads_claim(found),
        ]
    )


def nested(section, text):
    """A section within another one, which can be written alone."""
    begin, end = marks(section)
    return f"{begin}\n\n{text}\n{end}\n"


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
            nested(*reads(found["reads"])),
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


def marks(section):
    return f"<!-- {section}: written by make bench -->", f"<!-- {section} ends -->"


def write(section, text):
    """Between the marks of the section; what a person wrote around them stays."""
    page = PAGE.read_text()
    begin, end = marks(section)
    if begin not in page:  # a part of the comparison that the page has not had yet
        outer = marks("comparison")[1]
        page = page.replace(outer, f"{begin}\n{end}\n\n{outer}")
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}")
