"""How the cost of `trace --json` grows with what is there already."""

import subprocess
import tempfile
import time

import kernel
import measure
import workload

EACH = 20_000  # connections of a measurement


def nanoseconds(tracer, work):
    with kernel.statistics():
        _, figures = measure.traced(tracer, work)
    return sum(figures["nanoseconds"].values())


def with_time_waits(tracer, count):
    """In one namespace: first so many TIME_WAITs, then the tracer, then the workload."""
    script = f"""
{workload.PROGRAM} short --connections {count} --closer client --addresses {1 + count // 8000} >/dev/null
echo ready
read -r go
{workload.script(EACH)}
"""
    begin = time.monotonic()
    process = subprocess.Popen(
        kernel.in_namespace(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    made = time.monotonic() - begin

    def work():
        return workload.Outcome(process.communicate("go\n")[0])

    return {"present": count, "seconds_to_make": made, "nanoseconds": nanoseconds(tracer, work)}


def with_open_connections(tracer, count):
    with measure.Held(count):
        started = start_seconds(tracer)
        return {
            "present": count,
            "start_ms": started * 1000,
            "nanoseconds": nanoseconds(tracer, lambda: workload.run(EACH)),
        }


def start_seconds(tracer):
    """From exec to the first line: the hooks are attached, and what was open has been read."""
    with tempfile.TemporaryDirectory() as directory:
        begin = time.monotonic()
        tracer.start(directory)
        while not tracer.output.stat().st_size and tracer.process.poll() is None:
            time.sleep(0.002)
        seconds = time.monotonic() - begin
        tracer.stop()
    return seconds
