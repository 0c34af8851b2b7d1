"""Starts and ends the program under test, and prints the outcome of checks."""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from wire import Connection

# Tries to listen again on the port of a process that was killed.
REBINDS = 20


def store(data):
    """The arguments that say where records are kept: a data folder, or, beside tests/harness/seaweedfs.py, SeaweedMQ in a
    namespace that is named after the folder."""
    master = os.environ.get("SEAWEEDFS_MASTER")
    if not master:
        return ["--data", str(data)]
    namespace = "-".join(Path(data).parts[-2:])
    return ["--engine", "smq", "--smq-master", master, "--smq-namespace", namespace]


class Server:
    """One running gateway on a data folder or on SeaweedMQ; restarts keep its port and what it stored."""

    def __init__(self, program, data, runtime="mio", shards=1, settings=(), log=None):
        self.program, self.data, self.runtime, self.shards = str(program), Path(data), runtime, shards
        self.settings = list(settings)
        self.address = ("127.0.0.1", 0)
        self.process = None
        self.log = open(log or self.data.parent / f"{self.data.name}.log", "ab")

    def command(self):
        """The command line that starts it."""
        host, port = self.address
        sets = [part for setting in self.settings for part in ("--set", setting)]
        return [self.program, "serve", "--listen", f"{host}:{port}", *store(self.data),
                "--runtime", self.runtime, "--shards", str(self.shards), *sets]

    def start(self, **options):
        """Start it and wait until it says that it listens; returns how many seconds that took."""
        for _ in range(REBINDS):
            began = time.monotonic()
            line = self.begin(**options)
            took = time.monotonic() - began
            if line or "Address already in use" not in self.words():
                break
            # A kernel closes the sockets of an io_uring some time after their process is gone.
            time.sleep(0.1)
        said, _, address = line.strip().rpartition(" ")
        assert said == "listening on", f"the server did not start: {line!r} {self.words()}"
        host, port = address.rsplit(":", 1)
        self.address = (host, int(port))
        return took

    def begin(self, **options):
        """Start the process; returns the first line that it says, empty if it ends without one."""
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=self.log, text=True, **options)
        limit = threading.Timer(60, self.process.kill)
        limit.start()
        line = self.process.stdout.readline()
        limit.cancel()
        return line

    def words(self):
        """The end of its log."""
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-600:]

    @property
    def bootstrap(self):
        """HOST:PORT"""
        return "%s:%d" % self.address

    def connect(self, timeout=30.0):
        """A raw connection."""
        return Connection(self.address, timeout)

    def kill(self):
        """End it as a power cut would, but for the page cache."""
        self.process.kill()
        self.process.wait(30)

    def stop(self, seconds=30):
        """End it with SIGTERM; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self):
        """Make sure that it has ended."""
        if self.process and self.process.poll() is None:
            self.kill()
        self.log.close()

    def memory(self):
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """Seconds of processor time spent so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    """A port that was free a moment ago, for restarts that must keep one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Test:
    """The arguments of a system test and the checks it has done; `main` of each test file makes one."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--program", required=True, help="the kelpgate binary")
        parser.add_argument("--runtime", default="mio")
        parser.add_argument("--shards", type=int, default=1)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--rounds", type=int, default=8, help="how often a loop of crashes is walked")
        parser.add_argument("--only", default="", help="run the checks whose name contains this")
        self.options = parser.parse_args()
        self.failed = 0

    @contextlib.contextmanager
    def server(self, data=None, **options):
        """A started server on a new folder (or on a given one), ended at last."""
        with tempfile.TemporaryDirectory(prefix="kelpgate-") as place:
            settled = {"runtime": self.options.runtime, "shards": self.options.shards, **options}
            server = Server(self.options.program, data or Path(place) / "data", **settled,
                            log=Path(place) / "server.log")
            try:
                server.start()
                yield server
            except Exception:
                print("--- the server's log ends:\n" + server.words(), file=sys.stderr)
                raise
            finally:
                server.close()

    def check(self, body):
        """Run one check, named by its function; an exception fails it."""
        name = body.__name__.replace("_", " ")
        if self.options.only not in name:
            return
        started, ok = time.monotonic(), True
        try:
            detail = body(self) or ""
        except Exception as error:
            traceback.print_exc()
            detail, ok = f"{type(error).__name__}: {error}", False
            self.failed += 1
        print(json.dumps({"check": name, "ok": ok, "detail": str(detail)[:600],
                          "seconds": round(time.monotonic() - started, 2)}), flush=True)

    def main(self, *checks):
        """Run the checks and exit."""
        for body in checks:
            self.check(body)
        sys.exit(1 if self.failed else 0)
