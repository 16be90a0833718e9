"""Short connections from the project's own generator, the same for every tracer."""

import json
import subprocess

import kernel

PROGRAM = ".build/release/tcplinger-workload"
TRANSITIONS = 10  # of a connection's two sockets, from SYN_SENT and SYN_RECV to CLOSE


def script(connections, *options):
    """A quarter each: IPv4 and IPv6, the server closes first and the client does."""
    each = [str(connections // 4), *options]
    return "\n".join(
        " ".join([PROGRAM, "short", "--connections", *each, "--addresses 16 --family", family, "--closer", closer])
        for family in "46"
        for closer in ("server", "client")
    )


class Outcome:
    """What the generator says about itself, which nothing that traces has a part in."""

    def __init__(self, text):
        runs = [json.loads(line) for line in text.splitlines()]
        self.connections = sum(run["connections"] for run in runs)
        self.seconds = sum(run["seconds"] for run in runs)
        self.ports = {run["port"] for run in runs}

    @property
    def per_second(self):
        return self.connections / self.seconds


def run(connections, *options):
    words = kernel.in_namespace(script(connections, *options))
    return Outcome(subprocess.check_output(words, text=True))
