"""The measurements. Each takes tracers as they are and gives back plain figures, by the tracer's name."""

import json
import statistics
import subprocess
import tempfile
import time

import kernel
import tracers
import workload


def traced(tracer, work):
    """Runs some work under a tracer. Gives what the work gives, and what it did to the tracer."""
    with tempfile.TemporaryDirectory() as directory:
        tracer.start(directory)
        try:
            tracer.wait_until_ready()
            cpu, before = tracer.cpu_seconds(), kernel.programs()
            outcome = work()
            after = kernel.programs()
            time.sleep(0.3)  # what is still in buffers
            figures = {
                "cpu_seconds": tracer.cpu_seconds() - cpu,
                "peak_memory": tracer.peak_memory(),
                "nanoseconds": nanoseconds(tracer, before, after),
                "programs": ran(tracer, before, after),
            }
        finally:
            tracer.stop()
        if isinstance(outcome, workload.Outcome) and tracer.words:
            figures["missing"] = tracer.missing(outcome)
            figures["admitted"] = tracers.admitted_losses(tracer)
    return outcome, figures


# The programs on inet_sock_set_state, as they begin: the kernel keeps 15 letters of a name.
SEES_STATES = ("empty", "handle_state", "count_state", "handle_set_stat", "inet_sock_set_s")


def nanoseconds(tracer, before, after):
    """A transition, by program. Divided by all that were seen, those of the host's own connections included."""
    programs = ran(tracer, before, after)
    seen = sum(program["runs"] for name, program in programs.items() if name.startswith(SEES_STATES))
    return {name: program["nanoseconds"] / max(1, seen) for name, program in programs.items()}


def ran(tracer, before, after):
    """Runs of each program that the tracer has on hooks, and the time of all of them: 0 with statistics off."""

    def grown(program, field):
        return after[program].get(field, 0) - before[program].get(field, 0)

    return {
        after[i]["name"]: {"runs": grown(i, "run_cnt"), "nanoseconds": grown(i, "run_time_ns")}
        for i in tracer.programs
    }


def turns(all_tracers, rounds):
    """Every tracer once a round, from the other end every other round."""
    for number in range(rounds):
        yield from all_tracers[:: -1 if number % 2 else 1]


def speed(all_tracers, connections, rounds):
    """Connections a second, statistics off, by tracer and round."""
    found = {tracer.name: [] for tracer in all_tracers}
    for tracer in turns(all_tracers, rounds):
        outcome, figures = traced(tracer, lambda: workload.run(connections))
        found[tracer.name].append({"per_second": outcome.per_second, **figures})
    return found


def cost(all_tracers, connections, rounds):
    """Nanoseconds a transition from the kernel's statistics, by tracer, round and program."""
    found = {tracer.name: [] for tracer in all_tracers}
    with kernel.statistics():
        for tracer in turns(all_tracers, rounds):
            _, figures = traced(tracer, lambda: workload.run(connections))
            found[tracer.name].append(figures["nanoseconds"])
    return found


def first_event(tracer, times):
    """Milliseconds from exec until a program is on its hook, so that an event can be seen; the median of so many."""
    return statistics.median(one_first_event(tracer) for _ in range(times))


def one_first_event(tracer):
    with tempfile.TemporaryDirectory() as directory:
        begin = time.monotonic()
        tracer.start(directory)
        try:
            while not kernel.is_attached(tracer.process.pid):
                if tracer.process.poll() is not None:
                    raise SystemExit(f"bench: {tracer.name} ended before it was attached: {tracer.text().strip()}")
                time.sleep(0.0005)
            attached = time.monotonic()
            tracer.wait_until_ready()
        finally:
            tracer.stop()
    return (attached - begin) * 1000


def steady(tracer, rate, seconds):
    """The reader's share of a core at so many origins a second."""
    outcome, figures = traced(tracer, lambda: workload.run(rate * seconds, "--rate", str(rate)))
    return {"core": figures["cpu_seconds"] / outcome.seconds, "rate": outcome.per_second, **figures}


def full_speed(tracer, seconds):
    """Lost of what the kernel has finished, and the peak of resident memory, over this time at full speed."""

    def work():
        begin, text = time.monotonic(), ""
        # Loopback has ports for some seconds only, and a namespace takes its TIME_WAITs along.
        while time.monotonic() < begin + seconds:
            text += subprocess.check_output(kernel.in_namespace(workload.script(160_000)), text=True)
        return workload.Outcome(text)

    outcome, figures = traced(tracer, work)
    return {"connections": outcome.finished, "seconds": outcome.seconds, **figures}


class Held:
    """Open connections in a namespace of their own, in processes of no more than 16,000 descriptors each."""

    def __init__(self, count):
        parts = [16_000] * (count // 16_000) + ([count % 16_000] if count % 16_000 else [])
        lines = [f"{workload.PROGRAM} hold --connections {part} --seconds 600 &" for part in parts]
        self.parts = len(parts)
        self.words = kernel.in_namespace("\n".join([*lines, "wait"]))

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.holders = [json.loads(self.process.stdout.readline())["pid"] for _ in range(self.parts)]
        return self

    def __exit__(self, *_):
        subprocess.run(["kill", *map(str, self.holders)], check=False)
        self.process.wait()


def tracked(tracer, count):
    """Memory with so many connections that began under the tracer and are open."""

    def work():
        with Held(count):
            time.sleep(1)
            # When they end, all at once, that is another matter.
            return {"maps": kernel.memory_of_maps(tracer.process.pid), "peak_memory": tracer.peak_memory()}

    return traced(tracer, work)[0]
