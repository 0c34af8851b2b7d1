"""Recording: a node under load is recorded, killed, and its recording replayed to the same outputs; limits and damage."""

import shutil
import stat
import subprocess
import threading
import time
from pathlib import Path

from crash import PARTITIONS, TOPICS, make_topics
from server import Test
from writers import prove, start_writers


class Recorded:
    """A server that records into a folder beside its data."""

    def __init__(self, server, *more):
        self.server, self.program = server, server.program
        self.folder = Path(str(server.data) + ".recordings")
        plain = server.command
        server.command = lambda: [*plain(), "--record", str(self.folder), *more]

    def restart(self):
        """Begin to record."""
        assert self.server.stop() == 0
        self.server.start()

    def replay(self, *options, folder=None, good=True):
        """Replay the newest recording; gives what was printed."""
        run = subprocess.run([self.program, "replay", str(folder or self.folder), *options],
                             capture_output=True, text=True, timeout=300, check=False)
        assert (run.returncode == 0) == good, f"exit code {run.returncode}: {run.stdout[-600:]} {run.stderr[-600:]}"
        return run.stdout if good else run.stderr

    def files(self):
        """All files of all recordings."""
        return sorted(self.folder.glob("start-*/*.kgr"))

    def size(self):
        """Their bytes."""
        return sum(path.stat().st_size for path in self.files())


def read_as_member(server, group, topic, seconds):
    """A real client reads as a member of a group, and leaves."""
    subprocess.run(["timeout", str(seconds), "kcat", "-b", server.bootstrap, "-G", group,
                    "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000", topic],
                   capture_output=True, timeout=seconds + 20, check=False)


def a_killed_node_is_replayed_to_the_same_outputs(test):
    """Writers and two members of a group, kill -9, replay; then the same after a clean stop."""
    with test.server() as server:
        recorded = Recorded(server)
        recorded.restart()
        make_topics(server)
        writers = start_writers(server, TOPICS, PARTITIONS, test.options.seed)
        members = [threading.Thread(target=read_as_member, args=(server, "readers", "plain", seconds))
                   for seconds in (9, 5)]
        for member in members:
            member.start()
            time.sleep(2)
        for member in members:
            member.join()
        time.sleep(0.5)
        server.kill()
        out = recorded.replay("--show", "group:readers", "--show", "partition:plain-0")
        assert "all with the outputs that were recorded" in out, out[-800:]
        assert "cut off, as when the process is killed" in out, out[-800:]
        joins = out.count(" joins (client")
        assert joins >= 2, f"{joins} members joined"
        for words in ("rebalance after generation 1: a new member", "is gone: it left", "committed plain-"):
            assert words in out, f"no {words!r} in {out[-3000:]}"
        assert "high-watermark" in out, out[-800:]
        server.start()
        time.sleep(0.5)
        found = prove(server, writers)
        assert server.stop() == 0
        out = recorded.replay()
        assert "all with the outputs that were recorded" in out and "the shard stopped" in out, out[-800:]
        steps = [line for line in out.splitlines() if "all with the outputs" in line][0].split()[0]
        return f"{found}, {joins} joins, {steps} steps after the restart, {recorded.size()} bytes"


def a_moment_can_be_looked_at(test):
    """--until shows a state on the way, and steps are readable."""
    with test.server() as server:
        recorded = Recorded(server)
        recorded.restart()
        make_topics(server, ["t"])
        with server.connect() as connection:
            assert connection.offset("t", 0, -1) == 0
        assert server.stop() == 0
        out = recorded.replay("--steps")
        made = [line for line in out.splitlines() if line and line[0].isdigit() and "connection" in line]
        step = int(made[0].split()[0])
        out = recorded.replay("--until", str(step), "--show", "all", "--show", "partition:t-0")
        assert f"all after step {step}" in out and "connection " in out, out[-800:]
        assert "there is none" in out, out[-800:]
        assert "high-watermark 0" in recorded.replay("--show", "partition:t-0")
        return f"{step} of the steps"


def recordings_are_private_and_bounded(test):
    """Nobody else may read them; they never take more than they may, and say so in the log."""
    limit = 2_000_000
    with test.server() as server:
        recorded = Recorded(server, "--record-max-bytes", str(limit))
        recorded.restart()
        make_topics(server)
        writers = start_writers(server, TOPICS, PARTITIONS, test.options.seed)
        most, until = 0, time.monotonic() + 60
        while "the recording ends, the node goes on" not in server.words() and time.monotonic() < until:
            most = max(most, recorded.size())
            time.sleep(0.05)
        time.sleep(0.5)
        for path in recorded.files():
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == 0o600, f"{path} has mode {mode:o}"
            assert b"SECRET" in path.read_bytes()[:100]
        assert recorded.size() <= limit, f"{recorded.size()} bytes"
        out = recorded.replay()
        assert f"reached its limit of {limit} bytes" in out, out[-800:]
        found = prove(server, writers)
        for _ in range(3):
            recorded.restart()
            assert recorded.size() <= limit, f"{recorded.size()} bytes after a restart"
        return f"{found}, at most {most} bytes of {limit}"


def damage_is_named(test):
    """A flipped bit and a missing file give an error that says where; a cut file is a shorter recording."""
    with test.server() as server:
        recorded = Recorded(server)
        recorded.restart()
        make_topics(server)
        assert server.stop() == 0
        start = recorded.files()[-1].parent
        copy = start.parent / "start-9999999999"
        shutil.copytree(start, copy)
        part = copy / "shard-0-000001.kgr"
        whole = part.read_bytes()
        part.write_bytes(whole[:-25])
        assert "cut off" in recorded.replay(folder=copy)
        middle = len(whole) * 2 // 3
        part.write_bytes(whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1:])
        error = recorded.replay(folder=copy, good=False)
        assert "is damaged at byte" in error and "of shard 0" in error, error
        part.unlink()
        gone = recorded.replay(folder=copy, good=False)
        assert "holds no recording" in gone, gone
        return error.strip()[-200:]


if __name__ == "__main__":
    Test(__doc__).main(
        a_killed_node_is_replayed_to_the_same_outputs,
        a_moment_can_be_looked_at,
        recordings_are_private_and_bounded,
        damage_is_named,
    )
