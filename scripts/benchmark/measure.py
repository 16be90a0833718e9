"""The measurements. Each takes tracers as they are and gives back plain figures, by the tracer's name."""

import json
import socket
import statistics
import subprocess
import tempfile
import threading
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
                "nanoseconds": {
                    after[i]["name"]: after[i].get("run_time_ns", 0) - before[i].get("run_time_ns", 0)
                    for i in tracer.programs
                },
            }
        finally:
            tracer.stop()
        if isinstance(outcome, workload.Outcome) and tracer.words:
            figures["missing"] = tracer.missing(outcome)
            figures["admitted"] = tracers.admitted_losses(tracer)
    return outcome, figures


def speed(all_tracers, connections, rounds):
    """Connections a second, statistics off: every tracer once a round, from the other end every other round."""
    found = {tracer.name: [] for tracer in all_tracers}
    for number in range(rounds):
        for tracer in all_tracers[:: -1 if number % 2 else 1]:
            outcome, figures = traced(tracer, lambda: workload.run(connections))
            found[tracer.name].append({"per_second": outcome.per_second, **figures})
    return found


def cost(all_tracers, connections, rounds):
    """Nanoseconds a transition, by program, from the kernel's statistics."""
    found = {tracer.name: [] for tracer in all_tracers}
    with kernel.statistics():
        for _ in range(rounds):
            for tracer in all_tracers:
                _, figures = traced(tracer, lambda: workload.run(connections))
                transitions = connections * workload.TRANSITIONS
                found[tracer.name].append({name: ns / transitions for name, ns in figures["nanoseconds"].items()})
    return {name: middle(samples) for name, samples in found.items()}


def middle(samples):
    """The median of each program."""
    return {name: statistics.median(sample.get(name, 0) for sample in samples) for name in samples[0]}


# The programs on inet_sock_set_state, as they begin: the kernel keeps 15 letters of a name.
SEES_STATES = ("empty", "handle_state", "handle_set_stat", "inet_sock_set_s")


class Connections:
    """One short connection a millisecond, each noted with its time."""

    def __init__(self):
        self.times = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.make)

    def make(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        while not self.ending.is_set():
            self.times.append(time.monotonic())
            client = socket.create_connection(listener.getsockname())
            server = listener.accept()[0]
            server.close()
            client.close()
            time.sleep(0.001)
        listener.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def first_event(tracer, times):
    """The median of so many starts, in milliseconds."""
    return statistics.median(one_first_event(tracer) for _ in range(times))


def one_first_event(tracer):
    """
    Milliseconds from exec to the first event that the tracer can see. While connections come steadily, the runs of
    its program tell how many of them it saw: those were the last ones.
    """
    with kernel.statistics(), Connections() as connections, tempfile.TemporaryDirectory() as directory:
        time.sleep(0.2)
        begin = time.monotonic()
        tracer.start(directory)
        try:
            tracer.wait_until_ready()
            connections.__exit__()
            account = kernel.programs()
            runs = max(account[i].get("run_cnt", 0) for i in tracer.programs if account[i]["name"].startswith(SEES_STATES))
        finally:
            tracer.stop()
    seen = min(len(connections.times), runs // workload.TRANSITIONS)
    return (connections.times[-seen] - begin) * 1000


def steady(tracer, rate, seconds):
    """The reader's share of a core at so many origins a second."""
    outcome, figures = traced(tracer, lambda: workload.run(rate * seconds, "--rate", str(rate)))
    return {"core": figures["cpu_seconds"] / outcome.seconds, "rate": outcome.per_second, **figures}


def full_speed(tracer, seconds):
    """Lost, and the peak of resident memory, over this time at full speed."""

    def work():
        begin, text = time.monotonic(), ""
        # Loopback has ports for some seconds only, and a namespace takes its TIME_WAITs along.
        while time.monotonic() < begin + seconds:
            text += subprocess.check_output(kernel.in_namespace(workload.script(160_000)), text=True)
        return workload.Outcome(text)

    outcome, figures = traced(tracer, work)
    return {"connections": outcome.connections, "seconds": outcome.seconds, **figures}


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
            return kernel.memory_of_maps(tracer.process.pid)

    maps, figures = traced(tracer, work)
    return {"maps": maps, **figures}
