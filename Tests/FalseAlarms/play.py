"""
An hour of ordinary traffic without a fault, in two minutes: doctor must find nothing worse than a note.

    python3 Tests/FalseAlarms/play.py TCPLINGER [SECONDS]

nginx serves curl and a client that keeps its connections, and is a proxy with upstream keep-alive; PostgreSQL is used
by a pool of psql-like clients, Redis by a pool, ssh by short and long sessions. All run in a network namespace and a
temporary folder of their own, as other users where they insist on it, and are gone at the end.

Needs root, and the Debian packages nginx, postgresql, redis-server, openssh-server, openssh-client, curl, iproute2.
Exit status 1: there was a false alarm, which is printed.
"""

import glob
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


class Stage:
    """Programs that end with the play."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tcplinger-play."))
        self.folder.chmod(0o755)
        self.programs = []

    def start(self, *words, user=None, **options):
        log = open(self.folder / "log", "ab")
        program = subprocess.Popen(
            [str(word) for word in words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=user,
            group=user and pwd.getpwnam(user).pw_gid, extra_groups=[] if user else None,
            start_new_session=True, **options)
        self.programs.append(program)
        return program

    def end(self):
        for program in reversed(self.programs):
            try:
                os.killpg(program.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens at port {port}")


def start_nginx(stage):
    pages = stage.folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("hello\n" * 100)
    pages.chmod(0o755)
    conf = stage.folder / "nginx.conf"
    conf.write_text(f"""
        daemon off; worker_processes 2; pid {stage.folder}/nginx.pid; error_log {stage.folder}/nginx.log;
        events {{ worker_connections 256; }}
        http {{
          access_log off; client_body_temp_path {stage.folder}/body; proxy_temp_path {stage.folder}/proxy;
          fastcgi_temp_path {stage.folder}/f; uwsgi_temp_path {stage.folder}/u; scgi_temp_path {stage.folder}/s;
          upstream app {{ server 127.0.0.1:8081; keepalive 8; }}
          server {{ listen 127.0.0.1:8081; root {pages}; keepalive_requests 100000; }}
          server {{ listen 127.0.0.1:8080; root {pages};
            location /app/ {{ proxy_pass http://app/; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
        }}""")
    stage.start("nginx", "-c", conf)
    wait_for(8080)


def start_postgresql(stage):
    programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
    cluster = stage.folder / "postgresql"
    cluster.mkdir()
    shutil.chown(cluster, "postgres", "postgres")
    subprocess.run(
        [programs / "initdb", "-D", cluster, "-A", "trust", "-N"], user="postgres",
        group=pwd.getpwnam("postgres").pw_gid, extra_groups=[], check=True, stdout=subprocess.DEVNULL,
        cwd=cluster)
    stage.start(
        programs / "postgres", "-D", cluster, "-p", 5432, "-k", cluster, "-c", "listen_addresses=127.0.0.1",
        user="postgres", cwd=cluster)
    wait_for(5432)
    for _ in range(100):
        if subprocess.run(["psql", "-h", "127.0.0.1", "-U", "postgres", "-c", "select 1"], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    sys.exit("PostgreSQL does not answer")


def start_redis(stage):
    stage.start("redis-server", "--port", 6379, "--bind", "127.0.0.1", "--save", "", "--dir", stage.folder)
    wait_for(6379)


def start_sshd(stage):
    key = stage.folder / "key"
    for name in (key, stage.folder / "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name], check=True)
    shutil.copy(f"{key}.pub", stage.folder / "allowed")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    stage.start(
        "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", 2222, "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no",
        "-h", stage.folder / "host", "-o", f"AuthorizedKeysFile={stage.folder}/allowed", "-o", "StrictModes=no",
        "-o", "PermitRootLogin=yes")
    wait_for(2222)
    return [
        "ssh", "-F", "/dev/null", "-p", "2222", "-i", key, "-o", "StrictHostKeyChecking=no", "-o",
        "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1"]


def until(end, pause):
    """Now and then, never at the same moment twice."""
    while time.time() < end:
        yield
        time.sleep(pause * random.uniform(0.5, 1.5))


def curl(end):
    for _ in until(end, 0.4):
        subprocess.run(
            ["curl", "-s", "-o", "/dev/null", random.choice(["http://127.0.0.1:8080/", "http://127.0.0.1:8080/app/"])])


def keep_alive(end):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", 8080)
    for _ in until(end, 0.05):
        connection.request("GET", "/app/")
        connection.getresponse().read()
    connection.close()


def psql_pool(end):
    """Four sessions that stay, as those of a pool; now and then one is made anew."""
    words = ["psql", "-q", "-h", "127.0.0.1", "-U", "postgres", "-o", "/dev/null"]
    pool = [subprocess.Popen(words, stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for _ in until(end, 0.05):
        session = random.choice(pool)
        session.stdin.write("select count(*) from pg_class;\n")
        session.stdin.flush()
        if random.random() < 0.01:
            pool.remove(session)
            session.communicate("\\q\n")
            pool.append(subprocess.Popen(words, stdin=subprocess.PIPE, text=True))
    for session in pool:
        session.communicate("\\q\n")


def redis_pool(end):
    pool = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(8)]
    for _ in until(end, 0.02):
        one = random.choice(pool)
        one.sendall(b"INCR visits\r\n")
        one.recv(64)
    for one in pool:
        one.close()


def ssh(words, end):
    for _ in until(end, 3):
        subprocess.run([*words, f"sleep {random.uniform(0, 3)}"], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def main():
    tcplinger, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 120
    if "TCPLINGER_PLAY" not in os.environ:
        inside = f"ip link set lo up && exec {sys.executable} {os.path.abspath(__file__)} {tcplinger} {seconds}"
        os.environ["TCPLINGER_PLAY"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "sh", "-c", inside])
    stage = Stage()
    try:
        start_nginx(stage)
        start_postgresql(stage)
        start_redis(stage)
        remote = start_sshd(stage)
        end = time.time() + seconds
        players = [threading.Thread(target=curl, args=(end,)) for _ in range(3)]
        players += [threading.Thread(target=body, args=(end,)) for body in (keep_alive, keep_alive, psql_pool, redis_pool)]
        players += [threading.Thread(target=ssh, args=(remote, end)) for _ in range(2)]
        for player in players:
            player.start()
        time.sleep(3)
        alarms = 0
        while (left := end - time.time()) > 8:
            watch = min(30, left - 4)
            netns = os.stat("/proc/self/ns/net").st_ino
            run = subprocess.run(
                [tcplinger, "doctor", "--json", "--netns", str(netns), "--duration", f"{watch:.0f}s"],
                capture_output=True, text=True, check=True)
            report = json.loads(run.stdout)
            rules = ", ".join(finding["rule"] for finding in report["findings"]) or "nothing"
            print(f"{watch:.0f} s watched: {rules}", flush=True)
            for finding in report["findings"]:
                if finding["severity"] != "note":
                    alarms += 1
                    print(json.dumps(finding, indent=1), flush=True)
        for player in players:
            player.join()
        print(f"false alarms: {alarms}")
        return 1 if alarms else 0
    finally:
        stage.end()


sys.exit(main())
