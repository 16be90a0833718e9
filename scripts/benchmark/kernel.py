"""What is asked of the kernel: its account of BPF programs, and a place of its own for each workload."""

import contextlib
import json
import pathlib
import subprocess

STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


def bpftool(*words):
    return json.loads(subprocess.check_output(["bpftool", "-j", *words]))


def programs():
    """Every loaded program by id: name, run_time_ns, run_cnt (absent until it has run with statistics on)."""
    return {program["id"]: program for program in bpftool("prog", "show")}


def programs_of(pid):
    """The ids of the programs that a process has on hooks. Iterators run in the reader, and are in its CPU time."""
    linked, loaded = set(), set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
        with contextlib.suppress(OSError):
            facts = dict(line.split(":", 1) for line in descriptor.read_text().splitlines() if ":" in line)
            if "prog_id" in facts:
                (linked if "link_type" in facts else loaded).add(int(facts["prog_id"]))
    return linked or loaded  # bpftrace attaches without links


def is_attached(pid):
    """Has the process a program on a hook: by a link, or, as bpftrace does, by a perf event?"""
    with contextlib.suppress(OSError):
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target in ("anon_inode:bpf_link", "anon_inode:[perf_event]") or "bpf-link" in target:
                    return True
    return False


def memory_of_maps(pid):
    """Bytes that the kernel has set aside for the maps that a process has open."""
    total = 0
    for descriptor in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
        with contextlib.suppress(OSError):  # an iterator's, closed meanwhile
            text = descriptor.read_text()
            if "map_id" in text:
                total += sum(int(line.split(":")[1]) for line in text.splitlines() if line.startswith("memlock:"))
    return total


@contextlib.contextmanager
def statistics(on=True):
    """The kernel times each run of a program while this is on, which costs some 20 ns a run."""
    before = STATISTICS.read_text()
    STATISTICS.write_text("1" if on else "0")
    try:
        yield
    finally:
        STATISTICS.write_text(before)


# Its TIME_WAITs end with the namespace. As many as the workload makes, or the limit would be what is measured; and
# none that a reset ends as it begins (docs/known-issues.md), or what the generator made could not be compared.
NAMESPACE = """
ip link set lo up
for i in $(seq {ipv6}); do printf 'addr add fd74:6370::%x/128 dev lo\\n' "$i"; done | ip -6 -batch -
echo 4000000 >/proc/sys/net/ipv4/tcp_max_tw_buckets
echo 1 >/proc/sys/net/ipv4/tcp_rfc1337
echo 4096 >/proc/sys/net/core/somaxconn
"""


def in_namespace(script, ipv6_addresses=16):
    """Words that run a shell script in a network namespace of its own, with so many more IPv6 addresses."""
    return ["unshare", "--net", "sh", "-ec", NAMESPACE.format(ipv6=ipv6_addresses) + script]
