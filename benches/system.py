"""The service, the peers and the load generators as processes: started, asked, stopped."""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release/mingjian"
PASSWORD = "correct horse battery staple"
ADMIN = "mingjian_root"


def postgres_program(name):
    """A program of PostgreSQL, where bootstrap looks for it too."""
    homes = [os.environ.get("MINGJIAN_PG_BIN", ""), *sorted(map(str, pathlib.Path("/usr/lib/postgresql").glob("*/bin")))[::-1]]
    return next((f"{home}/{name}" for home in homes if home and os.path.exists(f"{home}/{name}")), name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that answers HTTP on a port of its own."""

    def __init__(self, command, path, port, folder=ROOT, env=None):
        self.port = port
        self.process = subprocess.Popen(command, cwd=folder, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while True:
            try:
                if self.get(path)[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {command[0]} does not answer {path}")
            time.sleep(0.2)

    def get(self, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def resident_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


class Service(Server):
    """mingjian with its own PostgreSQL in a data folder, which goes with it unless the caller named it."""

    def __init__(self, kept=None):
        self.kept = kept is not None
        self.data = pathlib.Path(kept or pathlib.Path(tempfile.gettempdir()) / f"mingjian-bench-{os.getpid()}").absolute()
        self.start()

    def start(self):
        port = free_port()
        super().__init__(
            [PROGRAM, "serve", "--data", self.data, "--listen", f"127.0.0.1:{port}", "--max-upload-mb", "1024"],
            "/readyz", port, env={"MINGJIAN_CLOCK": "2026-03-18T09:00:00+08:00", "RUST_LOG": "error"},
        )

    def stop(self):
        super().stop()
        if not self.kept:
            shutil.rmtree(self.data, ignore_errors=True)

    def restart(self):
        """The same data, a fresh process."""
        super().stop()
        self.start()

    @property
    def sockets(self):
        return str(self.data / "run")

    def run(self, *arguments, stdin=""):
        """Runs a command of the program on the same data."""
        done = subprocess.run([PROGRAM, *arguments, "--data", self.data], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: mingjian {' '.join(map(str, arguments))}: {done.stderr[-400:]}{done.stdout[-400:]}")
        return done.stdout

    def sql(self, text, user=ADMIN):
        """Runs SQL; the rows, columns parted by a bar."""
        done = subprocess.run(
            [postgres_program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.sockets, "-U", user, "-d", "mingjian"],
            input=text, capture_output=True, text=True,
        )
        if done.returncode:
            raise SystemExit(f"bench: {text[:200]}: {done.stderr[-400:]}")
        return done.stdout.splitlines()

    def sign_in(self, role, region):
        """A new account's authorisation header."""
        name = f"bench.{role}.{region}.{time.time_ns()}"
        self.run("user", "add", "--role", role, "--region", region, "--password-stdin", "--second-factor", "off", name,
                 stdin=PASSWORD + "\n")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/api/v1/auth/login", json.dumps({"username": name, "password": PASSWORD}),
                           {"content-type": "application/json"})
        return {"authorization": "Bearer " + json.loads(connection.getresponse().read())["access_token"]}

    def logged(self, role, settings, work):
        """What PostgreSQL logs of a role's connections under these settings while `work` runs."""
        log = self.data / "postgres.log"
        self.reconnect(role, [f"ALTER ROLE {role} SET {setting}" for setting in settings])
        before = log.stat().st_size
        work()
        time.sleep(0.3)
        self.reconnect(role, [f"ALTER ROLE {role} RESET {setting.split(' =')[0]}" for setting in settings])
        with open(log, "rb") as file:
            file.seek(before)
            return file.read().decode("utf-8", "replace")

    def reconnect(self, role, statements):
        """Changes a role's settings and makes it connect anew."""
        self.sql(";".join(statements) + f";SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{role}'")
        time.sleep(0.5)


def wrk(port, paths, seconds, connections=16):
    """Requests a second, and the 99th percentile in milliseconds, over the paths in turn."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        quoted = ", ".join(json.dumps(path) for path in paths)
        script.write(
            f"local paths = {{{quoted}}}\nlocal at = 0\n"
            "function request() at = at % #paths + 1; return wrk.format('GET', paths[at]) end\n"
            "function done(summary, latency) io.write(string.format('RESULT %f %f %d\\n', summary.requests / summary.duration * 1e6,"
            " latency:percentile(99) / 1000, summary.errors.status)) end\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, f"http://127.0.0.1:{port}"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, p99, errors = re.search(r"RESULT (\S+) (\S+) (\d+)", text).groups()
    if int(errors):
        raise SystemExit(f"bench: {errors} requests were refused on port {port}")
    return float(rate), float(p99)


def pgbench(service, statements, seconds, clients=8):
    """Statements a second of the public role, prepared, planned as the service plans them; each statement as often as the others."""
    with tempfile.TemporaryDirectory() as folder:
        command = [postgres_program("pgbench"), "-n", "-M", "prepared", "-h", service.sockets, "-U", "mingjian_public",
                   "-c", str(clients), "-j", "1", "-T", str(seconds)]
        for at, (sql, values) in enumerate(statements):
            path = pathlib.Path(folder) / f"{at}.sql"
            path.write_text(re.sub(r"\$(\d+)", rf":v{at}x\1", sql) + ";\n", encoding="utf-8")
            command += ["-f", path]
            for number, value in enumerate(values, 1):
                command += ["-D", f"v{at}x{number}={value}"]
        env = {**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off"}
        text = subprocess.run([*command, "mingjian"], env=env, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"tps = (\S+)", text)[1])
