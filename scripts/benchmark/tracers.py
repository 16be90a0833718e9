"""What is compared: how each is started, when it is ready, how it is ended, and what it says that it saw."""

import json
import pathlib
import re
import signal
import subprocess
import time

import kernel

TCPLINGER = ".build/release/tcplinger"
COUNT_IN_A_MAP = "tracepoint:sock:inet_sock_set_state { @[args->oldstate, args->newstate] = count(); }"


class Tracer:
    """A program that is started, watched from outside, and ended by Ctrl-C. Its output goes to a file."""

    def __init__(self, name, *words, says_ready=True):
        self.name = name
        self.words = words
        self.says_ready = says_ready  # a line on standard output when its hooks are attached
        self.programs = set()

    def start(self, directory):
        self.output = pathlib.Path(directory, "output")
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(self.words, stdout=out, stderr=out)

    def wait_until_ready(self):
        end = time.monotonic() + 20
        while not (self.output.stat().st_size if self.says_ready else kernel.programs_of(self.process.pid)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"bench: cannot start {self.name}: {self.text().strip()}")
            time.sleep(0.02)
        time.sleep(0.3)
        self.programs = kernel.programs_of(self.process.pid)

    def text(self):
        return self.output.read_text(errors="replace")

    def lines(self):
        with open(self.output, errors="replace") as output:
            yield from output

    def cpu_seconds(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def peak_memory(self):
        """Bytes that were resident at the most."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # bpftrace, when the signal comes while it starts
            self.process.kill()
            self.process.wait()

    def missing(self, outcome):
        """Of what this tracer should have seen of the workload, how much its output lacks; None: it has no list."""
        return None


class Tcplinger(Tracer):
    def __init__(self, name, *options):
        super().__init__(name, TCPLINGER, *options)
        self.hooks = []

    def wait_until_ready(self):
        super().wait_until_ready()
        first = next(self.lines())
        self.hooks = json.loads(first)["hooks"] if first.startswith('{"event":"start"') else []

    def hook_on_accept(self):
        """Where it learns who accepted, by its own first line of JSON."""
        return next((hook for hook in self.hooks if hook.endswith(("/inet_csk_accept", "/tcp_rcv_space_adjust"))), "none")

    def missing(self, outcome):
        # Lines of any other connection have other ports, of processes that were there before.
        ports = [mark for port in outcome.ports for mark in (f'"port":{port},', f'"port":{port}}}', f":{port} ")]
        lines = (line for line in self.lines() if line.startswith('{"event":"time_wait"') or " TIME_WAIT " in line)
        return outcome.finished - sum(any(port in line for port in ports) for line in lines)


def admitted_losses(tracer):
    """What tcplinger itself says that it has lost, and where."""
    lost = re.findall(r'^\{"event":"lost".*"count":(\d+),"where":"(\w+)"', tracer.text(), re.MULTILINE)
    return ", ".join(f"{where} {count}" for count, where in lost) or "nothing"


def has_top():
    return b"tcplinger top" in subprocess.check_output([TCPLINGER, "top", "--help"])


class Top(Tracer):
    """Sees counts only: what its last table lacks is what is missing."""

    def __init__(self):
        super().__init__("top", TCPLINGER, "top", "--batch")


class Tcpstates(Tracer):
    def __init__(self):
        super().__init__("tcpstates", "tcpstates", says_ready=False)

    def missing(self, outcome):
        ports = set(map(str, outcome.ports))
        seen = (line.split() for line in self.lines() if " -> " in line)
        # SKADDR PID COMM LADDR LPORT RADDR RPORT …: what is lost was said between the lines, or within one.
        return outcome.connections * 10 - sum(len(words) == 11 and not ports.isdisjoint(words[4:7:2]) for words in seen)


class Bpftrace(Tracer):
    def __init__(self):
        super().__init__("bpftrace, count()", "bpftrace", "-e", COUNT_IN_A_MAP, says_ready=False)

    def missing(self, outcome):
        counts = re.findall(r"^@\[\d+, \d+\]: (\d+)$", self.text(), re.MULTILINE)
        return max(0, outcome.connections * 10 - sum(map(int, counts)))


class Empty(Tracer):
    """On the change of state, or on another trace point."""

    def __init__(self, *hook):
        super().__init__("empty program", ".build/bench/empty", *hook)


class Nothing(Tracer):
    def __init__(self):
        super().__init__("no tracer")

    def start(self, directory):
        pass

    def wait_until_ready(self):
        time.sleep(0.3)

    def cpu_seconds(self):
        return 0.0

    def peak_memory(self):
        return 0

    def stop(self):
        pass
