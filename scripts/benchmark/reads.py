"""What tracing costs connections that carry data: the hook on reads runs for every one of them."""

import json
import os
import random
import subprocess

import kernel
import measure
import tracers
import workload

READ_HOOK = "tcp_rcv_space_adjust"
READERS = ("empty", "handle_read")  # the programs on it
ROUNDS_OF_COST = 7


class Exchange:
    """What the generator says about itself, as one JSON line."""

    def __init__(self, text):
        account = json.loads(text)
        self.per_second = account["per_second"]
        self.requests = account["requests"]
        self.connections = account["connections"]
        self.bytes = account["request_bytes"], account["answer_bytes"]


def exchange(seconds):
    """On one processor. On two the scheduler keeps both ends together or apart, and the rate differs by half."""
    processor = max(os.sched_getaffinity(0))
    script = f"taskset -c {processor} {workload.PROGRAM} exchange --connections 8 --seconds {seconds}"
    return Exchange(subprocess.check_output(kernel.in_namespace(script), text=True))


def shuffled(all_tracers, rounds):
    for _ in range(rounds):
        yield from random.sample(all_tracers, len(all_tracers))


def read_cost(outcome, figures):
    """Nanoseconds a run of the program on reads, if there is one, and nanoseconds of all programs a request."""
    on_reads = [ran for name, ran in figures["programs"].items() if name in READERS and ran["runs"]]
    return {
        "a_read": on_reads[0]["nanoseconds"] / on_reads[0]["runs"] if on_reads else None,
        "a_request": sum(ran["nanoseconds"] for ran in figures["programs"].values()) / outcome.requests,
    }


def compare(rounds, seconds):
    """Requests a second with the statistics off, then costs with them on, by tracer and round."""
    by_reads = tracers.Tcplinger("--json --hooks tracepoint", "--json", "--hooks", "tracepoint")
    by_choice = tracers.Tcplinger("--json", "--json")
    everybody = [tracers.Nothing(), tracers.Empty(READ_HOOK), by_reads, by_choice]
    found = {
        "rounds": rounds,
        "seconds": seconds,
        "rounds_of_cost": ROUNDS_OF_COST,
        "rates": {tracer.name: [] for tracer in everybody},
        "cost": {tracer.name: [] for tracer in everybody[1:]},
    }
    with kernel.statistics(on=False):
        for tracer in shuffled(everybody, rounds):
            outcome, _ = measure.traced(tracer, lambda: exchange(seconds))
            found["rates"][tracer.name].append(outcome.per_second)
    with kernel.statistics():
        for tracer in shuffled(everybody[1:], ROUNDS_OF_COST):
            outcome, figures = measure.traced(tracer, lambda: exchange(seconds))
            found["cost"][tracer.name].append(read_cost(outcome, figures))
    found["hook"] = {
        "no tracer": "-",
        "empty program": f"tp_btf/{READ_HOOK}",
        **{tracer.name: tracer.hook_on_accept() for tracer in (by_reads, by_choice)},
    }
    found["connections"], found["bytes"] = outcome.connections, outcome.bytes
    return found
