"""An answer that promises durability follows the sync of what it promises: seen in the server's system calls.

strace looks on, and holds syncs up or lets them fail. On mio the trace holds the answers, too; those of glommio go
through a ring that no trace shows, so there the order shows in how long an answer waits for a sync that is held up.
"""

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from server import Test
from wire import PRODUCE, batch

HELD = 0.5  # seconds that a held sync takes
PROMPT = 0.4  # an answer that waits for no sync comes within these seconds, although strace makes all slower
ANSWERS = 25
SENDS = ("write", "writev", "sendto", "sendmsg")
CALL = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")


def installed_strace():
    """The path of strace, installed if need be."""
    if not shutil.which("strace"):
        for command in (("apt-get", "-qq", "update"), ("apt-get", "-qq", "install", "-y", "strace")):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return shutil.which("strace")


class Call:
    """A system call: where in the trace it began and ended, its arguments, and what it returned."""

    def __init__(self, name, began, text):
        self.name, self.began, self.text, self.ended, self.returned = name, began, text, None, None

    def end(self, at, text):
        """It returned."""
        self.text += text
        self.ended, self.returned = at, text.rpartition(" = ")[2].split(" ")[0]


def calls_of(lines):
    """The calls in a trace. A thread goes on only when its call was written down, so their order is what happened."""
    under_way, calls = {}, []
    for at, line in enumerate(lines):
        found = CALL.match(line)
        if not found:
            continue
        thread, resumed, name, text = found.groups()
        if name:
            calls.append(Call(name, at, text))
            under_way[thread] = calls[-1]
        if resumed or "<unfinished ...>" not in text:
            under_way.pop(thread).end(at, text)
    return calls


@contextlib.contextmanager
def traced(server, *options):
    """Look at the server's system calls; yields a function that gives those so far."""
    strace = installed_strace()
    with tempfile.TemporaryDirectory(prefix="kelpgate-trace-") as place:
        trace, told = Path(place) / "trace", Path(place) / "told"
        watched = ",".join(("pwrite64", "pwritev", "fdatasync", "fsync", "sync_file_range", *SENDS))
        command = (strace, "-f", "-y", "-x", "-s", "4096", "-e", f"trace={watched}", "-o", str(trace), *options,
                   "-p", str(server.process.pid))
        with open(told, "wb") as stderr, subprocess.Popen(command, stderr=stderr) as process:
            limit = time.monotonic() + 10
            while "attached" not in told.read_text():
                assert time.monotonic() < limit and process.poll() is None, f"strace: {told.read_text()}"
                time.sleep(0.01)
            try:
                yield lambda: calls_of(trace.read_text().splitlines())
            finally:
                process.terminate()
                process.wait(10)


def escaped(data):
    """Bytes as strace -x writes those that are no text."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def is_journal(call):
    """Whether a call is about a file of the journal."""
    return "/journal/" in call.text


def each_answer_follows_a_sync_that_follows_its_records(test):
    """Write of the journal, then its sync, then the answer: each begun when the one before had ended."""
    with test.server() as server, server.connect() as connection:
        assert connection.create_topic("traced", 3) == 0
        sent = []
        with traced(server) as calls:
            for number in range(ANSWERS):
                value = b"the %d of them" % number
                error, _ = connection.produce("traced", number % 3, batch([value] * 3))
                assert error == 0, f"error {error}"
                sent.append((escaped(value), escaped(connection.correlation.to_bytes(4, "big"))))
            found = calls()
    for value, correlation in sent:
        write = next(call for call in found if call.name.startswith("pwrite") and is_journal(call) and value in call.text)
        # The length of the answer, then its number.
        answer = next(call for call in found if call.name in SENDS and "socket" in call.text
                      and re.search(r'"(\\x[0-9a-f]{2}){4}' + re.escape(correlation), call.text))
        syncs = [call for call in found if call.name in ("fdatasync", "fsync") and is_journal(call)
                 and call.returned == "0" and write.ended < call.began and call.ended < answer.began]
        assert syncs, f"lines {write.ended} to {answer.began} of the trace hold no sync"
    return f"{len(sent)} answers, {sum(call.name == 'fdatasync' for call in found)} syncs"


def answer_times(server, acks):
    """Seconds until a Produce is answered while syncs are held up, and until a question on another connection is."""
    with server.connect() as writer, server.connect() as other:
        assert other.create_topic("held", 4) == 0
        # All that is made at a first append is there.
        for partition in range(4):
            assert writer.produce("held", partition, batch([b"first"]))[0] == 0
        with traced(server, "-e", f"inject=fdatasync,fsync:delay_enter={int(HELD * 1_000_000)}") as calls:
            waits = []
            for partition in range(4):
                began = time.monotonic()
                writer.send(PRODUCE, 7, writer.produce_body("held", partition, batch([b"second"]), acks))
                asked = time.monotonic()
                other.api_versions()
                asked = time.monotonic() - asked
                error, _ = writer.produced(writer.receive()[1])
                waits.append((time.monotonic() - began, asked))
                assert error == 0, f"error {error}"
            syncs = [call for call in calls() if call.name in ("fdatasync", "fsync") and is_journal(call)]
    return [wait for wait, _ in waits], [asked for _, asked in waits], syncs


def an_answer_waits_for_a_sync_that_is_held_up(test):
    with test.server() as server:
        waits, asked, syncs = answer_times(server, -1)
    assert min(waits) >= HELD, f"answered after {waits} s, though a sync takes {HELD} s"
    assert max(asked) < PROMPT, f"another connection waited {asked} s"
    assert len(syncs) >= len(waits), f"{len(syncs)} syncs for {len(waits)} answers"
    return f"answers after {min(waits):.2f} to {max(waits):.2f} s, questions after at most {max(asked) * 1000:.0f} ms"


def with_sync_os_an_answer_waits_for_none(test):
    """So it is the sync that the answers of the check before wait for."""
    with test.server(settings=("kelpgate.sync=os",)) as server:
        waits, _, _ = answer_times(server, -1)
    assert max(waits) < PROMPT, f"answered after {waits} s"
    return f"answers after at most {max(waits) * 1000:.0f} ms"


def a_new_topic_is_answered_after_its_sync(test):
    with test.server() as server, server.connect() as connection:
        assert connection.create_topic("first", 1) == 0
        with traced(server, "-e", f"inject=fdatasync,fsync:delay_enter={int(HELD * 1_000_000)}"):
            began = time.monotonic()
            assert connection.create_topic("second", 1) == 0
            took = time.monotonic() - began
    assert took >= HELD, f"answered after {took} s, though a sync takes {HELD} s"


def a_failed_sync_is_not_answered_with_success(test):
    with test.server() as server:
        with server.connect() as connection:
            assert connection.create_topic("failed", 1) == 0
            assert connection.produce("failed", 0, batch([b"before"])) == (0, 0)
            with traced(server, "-e", "inject=fdatasync:error=EIO"):
                error, _ = connection.produce("failed", 0, batch([b"during"]))
        assert error != 0, "acknowledged although every sync failed"
        server.kill()
        server.start()
        with server.connect() as connection:
            found = [value for _, value in connection.read_all("failed", 0)]
        # Nothing was promised of the second: it may be there or not.
        assert found in ([b"before"], [b"before", b"during"]), found
    return f"error {error}"


if __name__ == "__main__":
    sync = Test(__doc__)
    in_trace = (each_answer_follows_a_sync_that_follows_its_records,) if sync.options.runtime == "mio" else ()
    sync.main(
        *in_trace, an_answer_waits_for_a_sync_that_is_held_up, with_sync_os_an_answer_waits_for_none,
        a_new_topic_is_answered_after_its_sync, a_failed_sync_is_not_answered_with_success,
    )
