"""What the system around the server can do to it: no space, read-only, taken or newer folders, few file handles."""

import contextlib
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from server import Server, Test
from wire import batch
from writers import RETRIABLE

MEBIBYTE = 1 << 20
DISK = 320 * MEBIBYTE  # room for the journal's files of 64 MiB and some segments
BALLAST = 160 * MEBIBYTE
VALUE = 900 << 10


@contextlib.contextmanager
def small_disk(size):
    """A file system of a few bytes, in memory."""
    with tempfile.TemporaryDirectory(prefix="kelpgate-disk-") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


def refused_start(test, data, *words, address=None):
    """The program must end by itself, not with code 0, and say each of the words on standard error."""
    with tempfile.TemporaryDirectory() as place:
        server = Server(test.options.program, data, test.options.runtime, test.options.shards, log=Path(place) / "log")
        server.address = address or server.address
        done = subprocess.run(server.command(), capture_output=True, text=True, timeout=30)
    assert done.returncode not in (0, None) and done.returncode > 0, f"exit code {done.returncode}: {done.stderr}"
    assert not done.stdout, f"it said {done.stdout!r} though it does not serve"
    for word in words:
        assert word in done.stderr, f"no {word!r} in: {done.stderr}"
    return done.stderr.strip().splitlines()[-1]


def write_until_refused(connection, topic):
    """Write a few random values in turn until an error comes; returns (values acknowledged, the error)."""
    ready = [(value, batch([value])) for value in (os.urandom(VALUE) for _ in range(7))]
    values = []
    for turn in range(2 * (DISK + BALLAST) // VALUE):
        value, records = ready[turn % len(ready)]
        error, offset = connection.produce(topic, 0, records)
        if error:
            return values, error
        assert offset == len(values), f"acknowledged at {offset} after {len(values)} records"
        values.append(value)
    raise AssertionError("a full disk refuses nothing")


def all_there(connection, topic, values):
    """Whether exactly these values are in the topic's one partition."""
    return connection.read_all(topic, 0, checksums=False) == list(enumerate(values))


def full_disk_refuses_and_loses_nothing(test):
    with small_disk(DISK + BALLAST) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(BALLAST))
        with test.server(data=disk / "data") as server:
            with server.connect() as connection:
                assert connection.create_topic("full", 1) == 0
                values, error = write_until_refused(connection, "full")
                assert error in RETRIABLE, f"error {error} is not one that clients retry"
                assert all_there(connection, "full", values), "not all is there while the disk is full"
                ballast.unlink()
                limit = time.monotonic() + 15
                while True:
                    error, offset = connection.produce("full", 0, batch([b"again"]))
                    if error == 0:
                        break
                    assert error in RETRIABLE and time.monotonic() < limit, f"error {error} after space was freed"
                    time.sleep(0.1)
                assert offset == len(values), f"goes on at {offset}, not {len(values)}"
            values.append(b"again")
            server.kill()
            server.start()
            with server.connect() as connection:
                assert all_there(connection, "full", values), "not all is there after a restart"
        return f"refused with error {error or 56} after {len(values) - 1} records of {VALUE} bytes"


def starts_on_a_full_disk_or_says_why_not(test):
    """After a crash the journal goes into segments, for which there may be no room: then that is said, and room helps."""
    with small_disk(DISK + BALLAST) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(BALLAST))
        with test.server(data=disk / "data") as server, server.connect() as connection:
            assert connection.create_topic("full", 1) == 0
            values, _ = write_until_refused(connection, "full")
            server.kill()
            said = "it starts"
            try:
                server.start()
            except AssertionError:
                said = server.words().strip().splitlines()[-1]
                assert "space" in said.lower(), said
                ballast.unlink()
                server.start()
            with server.connect() as connection:
                assert all_there(connection, "full", values)
        return said


def read_only_folder_is_refused(test):
    with small_disk(DISK) as disk:
        with test.server(data=disk / "data") as server:
            assert server.stop() == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused_start(test, disk / "new", str(disk / "new"), "ead-only")
        return refused_start(test, disk / "data", str(disk / "data"), "ead-only")


def second_process_is_refused(test):
    with test.server() as server:
        said = refused_start(test, server.data, str(server.data), "in use")
        with server.connect() as connection:
            assert connection.api_versions()
    return said


def taken_port_is_refused(test):
    with test.server() as server, tempfile.TemporaryDirectory() as other:
        return refused_start(test, Path(other) / "data", server.bootstrap, "in use", address=server.address)


def newer_data_is_refused(test):
    with test.server() as server:
        assert server.stop() == 0
        meta = server.data / "meta"
        known = meta.read_text()
        name, version = known.split()
        meta.write_text(f"{name} {int(version) + 1}\n")
        said = refused_start(test, server.data, f"version {int(version) + 1}")
        meta.write_text(known)
        server.start()
    return said


def foreign_folder_is_refused(test):
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "meta").write_text("something else\n")
        return refused_start(test, place, place)


def few_file_handles_serve_many_partitions(test):
    """With room for 96 open files, 400 partitions with records are written and read all the same."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
    with test.server() as server:
        assert server.stop() == 0
        server.start(preexec_fn=few)
        with server.connect() as connection:
            for number in range(4):
                assert connection.create_topic(f"t{number}", 100, {"segment.bytes": "1048576"}) == 0
            for turn in range(3):
                for number in range(400):
                    answer = connection.produce(f"t{number % 4}", number // 4, batch([b"%d" % number] * 20))
                    assert answer == (0, 20 * turn), f"partition {number}: {answer}"
        server.kill()
        server.start(preexec_fn=few)
        with server.connect() as connection:
            for number in range(400):
                found = connection.read_all(f"t{number % 4}", number // 4)
                assert found == [(n, b"%d" % number) for n in range(60)], f"partition {number}: {len(found)} records"


def few_file_handles_refuse_connections_only(test):
    """Too many connections for the file handles: those that are open are answered, and new ones work once others are closed."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
    with test.server() as server:
        assert server.stop() == 0
        server.start(preexec_fn=few)
        with server.connect() as first:
            assert first.create_topic("few", 2) == 0
            crowd = []
            for _ in range(200):
                with contextlib.suppress(OSError):
                    crowd.append(server.connect(timeout=2))
            error, _ = first.produce("few", 0, batch([b"x"]))
            assert error == 0 or error in RETRIABLE, f"error {error} is not one that clients retry"
            before = server.cpu()
            time.sleep(1)
            spent = server.cpu() - before
            assert spent < 0.5, f"{spent} s of processor time in a second without requests"
            for connection in crowd:
                connection.socket.close()
            limit = time.monotonic() + 10
            while True:
                try:
                    with server.connect(timeout=2) as late:
                        error, _ = late.produce("few", 1, batch([b"y"]))
                        assert error == 0 or error in RETRIABLE, f"error {error} is not one that clients retry"
                        if error == 0:
                            break
                        time.sleep(0.1)
                        assert time.monotonic() < limit, "no append succeeds"
                except (OSError, EOFError):
                    assert time.monotonic() < limit, "no new connection is served"
        return f"{len(crowd)} connections asked for"


if __name__ == "__main__":
    Test(__doc__).main(
        full_disk_refuses_and_loses_nothing, starts_on_a_full_disk_or_says_why_not, read_only_folder_is_refused,
        second_process_is_refused, taken_port_is_refused, newer_data_is_refused, foreign_folder_is_refused,
        few_file_handles_serve_many_partitions, few_file_handles_refuse_connections_only,
    )
