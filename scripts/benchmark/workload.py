"""Short connections from the project's own generator, the same for every tracer."""

import json
import subprocess

import kernel

PROGRAM = ".build/release/tcplinger-workload"
TRANSITIONS = 10  # of a connection's two sockets, from SYN_SENT and SYN_RECV to CLOSE

# How many the kernel itself has not finished, once it had the time: the second FIN was never answered. A TIME_WAIT that
# is found by looking must be there to be looked at, as it is elsewhere for a minute.
END = """sleep 0.3
echo "{\\"unfinished\\": $(ss -tanH state fin-wait-1 state fin-wait-2 state closing | wc -l)}"
"""


def script(connections, *options):
    """A quarter each: IPv4 and IPv6, the server closes first and the client does."""
    each = [str(connections // 4), *options]
    runs = [
        " ".join([PROGRAM, "short", "--connections", *each, "--addresses 16 --family", family, "--closer", closer])
        for family in "46"
        for closer in ("server", "client")
    ]
    return "\n".join([*runs, END])


class Outcome:
    """What the generator says about itself, and the kernel, which nothing that traces has a part in."""

    def __init__(self, text):
        lines = [json.loads(line) for line in text.splitlines()]
        runs = [line for line in lines if "connections" in line]
        self.connections = sum(run["connections"] for run in runs)
        self.finished = self.connections - sum(line["unfinished"] for line in lines if "unfinished" in line)
        self.seconds = sum(run["seconds"] for run in runs)
        self.ports = {run["port"] for run in runs}

    @property
    def per_second(self):
        return self.connections / self.seconds


def run(connections, *options):
    words = kernel.in_namespace(script(connections, *options))
    return Outcome(subprocess.check_output(words, text=True))
