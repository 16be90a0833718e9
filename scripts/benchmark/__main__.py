"""
Measures tcplinger against the alternatives, in one interleaved run on this machine, and writes docs/performance.md.

    python3 scripts/benchmark [--rounds N] [--connections N] [--seconds N] [--growth | --reads] [--print-only]

Everything runs in mount and network namespaces of its own. kernel.bpf_stats_enabled is put back.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

import growth
import measure
import reads
import report
import tracers

TIME_WAITS = (1_000, 100_000, 1_000_000)
OPEN = (10, 1_000, 50_000)
READS_ROUNDS, READS_SECONDS = 9, 1


def arguments():
    parser = argparse.ArgumentParser(prog="benchmark")
    parser.add_argument("--rounds", type=int, default=7, help="of rates, costs and starts; the median counts")
    parser.add_argument("--connections", type=int, default=40_000, help="a tracer and round")
    parser.add_argument("--seconds", type=int, default=60, help="at full speed without a loss")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--growth", action="store_true", help="only how cost grows with what is there already")
    parts.add_argument("--reads", action="store_true", help="only what connections that carry data pay")
    parser.add_argument("--print-only", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def enter_namespaces():
    """Trace points are found in tracefs, which need not be mounted; the host's mounts are left alone."""
    if os.environ.get("BENCHMARK_ISOLATED"):
        if not os.path.ismount("/sys/kernel/tracing"):
            mounted = subprocess.run(["mount", "-t", "tracefs", "nodev", "/sys/kernel/tracing"], check=False)
            if mounted.returncode:
                # Without it bpftrace and tcpstates have no figures, and the page would lose those that it has.
                raise SystemExit("bench: cannot mount tracefs; docs/performance.md is left as it is")
        subprocess.check_call(["ip", "link", "set", "lo", "up"])
        return
    os.environ["BENCHMARK_ISOLATED"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])


def build_yardstick():
    pathlib.Path(".build/bench").mkdir(parents=True, exist_ok=True)
    source = "scripts/benchmark/empty.c"
    subprocess.check_call(["cc", "-O2", "-Wall", "-Wextra", "-o", ".build/bench/empty", source, "-lbpf"])


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def compare(options):
    nothing, empty, as_json = tracers.Nothing(), tracers.Empty(), tracers.Tcplinger("trace --json", "trace", "--json")
    traces = [as_json, tracers.Tcplinger("trace", "trace")]
    if tracers.has_top():
        traces.append(tracers.Top())
    others = [tracers.Bpftrace(), tracers.Tcpstates()]
    everybody = [nothing, empty, *traces, *others]
    found = {"began": time.time(), "rounds": options.rounds, "connections": options.connections}

    say(f"connections a second: {options.rounds} rounds of {len(everybody)}")
    found["speed"] = measure.speed(everybody, options.connections, options.rounds)
    say("nanoseconds a transition")
    found["cost"] = measure.cost(everybody[1:], options.connections, options.rounds)
    say("time to the first event")
    found["first"] = {tracer.name: measure.first_event(tracer, options.rounds) for tracer in everybody[1:]}
    say("20,000 origins a second")
    found["steady"] = {tracer.name: measure.steady(tracer, 20_000, 5) for tracer in traces}
    say("100,000 connections")
    found["tracked"] = measure.tracked(as_json, 100_000)
    say(f"{options.seconds} s at full speed")
    found["full_speed"] = measure.full_speed(as_json, options.seconds)
    found["reads"] = exchange()
    return found


def exchange():
    say(f"requests a second: {READS_ROUNDS} rounds of 4")
    return {"began": time.time(), **reads.compare(READS_ROUNDS, READS_SECONDS)}


def grow():
    as_json = tracers.Tcplinger("trace --json", "trace", "--json")
    found = {"began": time.time(), "time_waits": [], "open": []}
    for count in TIME_WAITS:
        say(f"{count:,} TIME_WAITs")
        found["time_waits"].append(growth.with_time_waits(as_json, count))
    for count in OPEN:
        say(f"{count:,} open connections")
        found["open"].append(growth.with_open_connections(as_json, count))
    return found


def end_by(number, _):
    """As Ctrl-C does: what was changed is put back on the way out."""
    raise SystemExit(128 + number)


def main():
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    if os.geteuid():
        raise SystemExit("bench: run it as root: it loads BPF programs")
    options = arguments()
    enter_namespaces()
    signal.signal(signal.SIGTERM, end_by)
    signal.signal(signal.SIGHUP, end_by)
    build_yardstick()
    if options.growth:
        section, text = report.growth(grow())
    elif options.reads:
        section, text = report.reads(exchange())
    else:
        section, text = report.comparison(compare(options))
    print(text)
    if not options.print_only:
        report.write(section, text)


main()
