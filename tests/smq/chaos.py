"""SeaweedMQ's broker and filer come and go under load: what was acknowledged with acks=all is there, once and in order.

To be run beside a stack: `tests/harness/seaweedfs.py --work tests/.work -- python3 tests/smq/chaos.py --program PATH`."""

import os
import random
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))

from server import Test  # noqa: E402
from writers import PlainWriter, prove, start_writers  # noqa: E402

TOPICS = ["pipelined", "also-pipelined", "plain"]
PARTITIONS = 2
# After a fault SeaweedMQ needs seconds to serve again, and a broker that stood still some more.
BACK_WITHIN = 60


def order(*lines):
    """Let the harness carry out orders such as `kill broker`, one after the other."""
    host, port = os.environ["SEAWEEDFS_CONTROL"].split(":")
    with socket.create_connection((host, int(port))) as control, control.makefile("rw") as talk:
        for line in lines:
            print(line, file=talk, flush=True)
            answer = talk.readline().strip()
            assert answer == "done", f"{line}: {answer}"


def make_topics(server, topics=TOPICS):
    """Make topics, which takes some tries while a broker starts."""
    for topic in topics:
        deadline = time.monotonic() + BACK_WITHIN
        with server.connect() as connection:
            while error := connection.create_topic(topic, PARTITIONS):
                assert time.monotonic() < deadline, f"CreateTopics of {topic}: error {error}"
                time.sleep(0.5)


def progress(writers):
    """Wait until every writer got something acknowledged since now; returns how long that took."""
    began, before = time.monotonic(), [len(writer.acknowledged) for writer in writers]
    while any(len(writer.acknowledged) == count for writer, count in zip(writers, before)):
        assert time.monotonic() - began < BACK_WITHIN, "a writer does not get on"
        time.sleep(0.05)
    return time.monotonic() - began


def under_load(test, fault, rounds):
    """Writers write through faults and get on after each; then everything is proved, before and after a restart."""
    chance = random.Random(test.options.seed)
    with test.server() as server:
        make_topics(server)
        writers = start_writers(server, TOPICS, PARTITIONS, test.options.seed)
        progress(writers)
        longest = 0.0
        for number in range(rounds):
            time.sleep(chance.uniform(0.2, 2.5))
            fault(server, number)
            longest = max(longest, progress(writers))
        found = prove(server, writers)
        server.kill()
        server.start()
        prove(server, writers)
        return f"{found}, {rounds} faults, on their way again after at most {longest:.1f} s"


def a_broker_killed_under_load_loses_nothing(test):
    return under_load(test, lambda server, number: order("kill broker", "start broker"), 4)


def a_broker_stopped_under_load_loses_nothing(test):
    return under_load(test, lambda server, number: order("term broker", "start broker"), 4)


def a_broker_that_stands_still_loses_nothing(test):
    def stand(server, number):
        order("pause broker")
        time.sleep(3)
        order("resume broker")
    return under_load(test, stand, 2)


def a_filer_killed_under_load_loses_nothing(test):
    return under_load(test, lambda server, number: order("kill filer", "start filer"), 4)


def a_gateway_killed_under_load_loses_nothing(test):
    def kill(server, _):
        server.kill()
        server.start()
    return under_load(test, kill, 6)


def a_gateway_and_a_broker_killed_together_lose_nothing(test):
    def kill(server, number):
        parts = [server.kill, lambda: order("kill broker")]
        for part in parts if number % 2 else reversed(parts):
            part()
        order("start broker")
        server.start()
    return under_load(test, kill, 4)


def everything_killed_at_once_loses_nothing(test):
    def kill(server, _):
        server.kill()
        order("kill broker", "kill filer", "kill server", "start server", "start filer", "start broker")
        server.start()
    return under_load(test, kill, 2)


def a_topic_made_again_shows_nothing_of_the_old_one(test):
    with test.server() as server:
        for generation in range(3):
            make_topics(server, ["again"])
            with server.connect() as connection:
                assert connection.read_all("again", 0) == [], f"generation {generation} shows old records"
            writers = [PlainWriter(server, "again", partition, test.options.seed) for partition in range(PARTITIONS)]
            for writer in writers:
                writer.start()
            progress(writers)
            if generation == 1:
                order("kill broker", "start broker")
                progress(writers)
            found = prove(server, writers)
            with server.connect() as connection:
                assert connection.delete_topic("again") == 0
        return f"in the last generation {found}"


class Careless(PlainWriter):
    """Asks for acks=1 only, and keeps each record's number."""

    def write(self, connection):
        from wire import batch
        while not self.ended.is_set():
            number = self.next
            self.next += 1
            error, offset = connection.produce(self.topic, self.partition, batch([b"%d" % number]), acks=1)
            if error:
                return time.sleep(0.02)
            self.acknowledged[number] = offset


def what_acks_1_loses_when_gateway_and_broker_die_is_told(test):
    with test.server() as server:
        make_topics(server, ["careless"])
        writer = Careless(server, "careless", 0, test.options.seed)
        writer.start()
        progress([writer])
        time.sleep(3)
        # The other way round the broker would write out what it has as soon as its publisher is gone.
        order("kill broker")
        server.kill()
        acknowledged = dict(writer.acknowledged)
        order("start broker")
        writer.ended.set()
        server.start()
        writer.finish()
        with server.connect() as connection:
            records = connection.read_all("careless", 0)
        found = {int(value) for _, value in records}
        lost = sorted(set(acknowledged) - found)
        assert found, "nothing is left"
        assert not lost or lost[-1] - lost[0] + 1 == len(lost), f"holes: {lost[:20]}"
        return f"{len(acknowledged)} acknowledged, {len(lost)} lost, the newest"


if __name__ == "__main__":
    Test(__doc__).main(
        a_broker_killed_under_load_loses_nothing,
        a_broker_stopped_under_load_loses_nothing,
        a_broker_that_stands_still_loses_nothing,
        a_filer_killed_under_load_loses_nothing,
        a_gateway_killed_under_load_loses_nothing,
        a_gateway_and_a_broker_killed_together_lose_nothing,
        everything_killed_at_once_loses_nothing,
        a_topic_made_again_shows_nothing_of_the_old_one,
        what_acks_1_loses_when_gateway_and_broker_die_is_told,
    )
