"""Clean stops: SIGTERM with and without load, and starting again with the same and with other numbers of shards."""

import signal
import struct
import time

from crash import PARTITIONS, TOPICS, make_topics
from server import Test
from wire import EARLIEST, FETCH, LATEST, Connection, array, batch, string
from writers import prove, start_writers


def stops_when_idle(test):
    with test.server() as server:
        began = time.monotonic()
        code = server.stop()
        assert code == 0, f"exit code {code}"
        return f"{(time.monotonic() - began) * 1000:.0f} ms"


def stops_on_sigint(test):
    with test.server() as server:
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(30)
        assert code == 0, f"exit code {code}"


def stops_with_open_connections(test):
    """Idle connections, one that waits in a long fetch and one halfway through a frame do not hold it up."""
    with test.server() as server:
        make_topics(server, ["quiet"])
        idle = [server.connect() for _ in range(50)]
        part = struct.pack(">iiqqi", 0, -1, 0, -1, 1 << 20)
        asked = struct.pack(">iiiibii", -1, 60_000, 1, 1 << 20, 0, 0, -1) + array([string("quiet") + array([part])])
        idle[0].send(FETCH, 11, asked + array([]) + string(""))
        idle[1].socket.sendall(struct.pack(">ih", 100, 0))
        time.sleep(0.2)
        began = time.monotonic()
        code = server.stop()
        assert code == 0, f"exit code {code}"
        for connection in idle:
            connection.socket.close()
        return f"{(time.monotonic() - began) * 1000:.0f} ms"


def stops_under_load(test):
    """Several clean stops while writers write; nothing acknowledged is lost."""
    with test.server() as server:
        make_topics(server)
        writers = start_writers(server, TOPICS, PARTITIONS, test.options.seed)
        longest = 0.0
        for _ in range(4):
            time.sleep(0.7)
            began = time.monotonic()
            code = server.stop()
            longest = max(longest, time.monotonic() - began)
            assert code == 0, f"exit code {code}"
            server.start()
        time.sleep(0.3)
        return f"{prove(server, writers)}, longest stop {longest * 1000:.0f} ms"


def other_numbers_of_shards_keep_everything(test):
    """Records, offsets, topics, producers' sequences and start offsets, through 1, 3, 2, 4 and 1 shards."""
    with test.server() as server:
        with server.connect() as connection:
            for number in range(12):
                assert connection.create_topic(f"t{number}", 5, {"retention.ms": str(10**9 + number)}) == 0
            _, *producer = connection.init_producer_id()
        written, sent = {}, {}
        for turn, shards in enumerate((1, 3, 2, 4, 1)):
            assert server.stop() == 0
            server.shards = shards
            server.start()
            with server.connect() as connection:
                for topic in (f"t{number}" for number in range(12)):
                    for partition in range(5):
                        repeat_last(connection, topic, partition, sent)
                        write_more(connection, topic, partition, turn, producer, written, sent)
        with server.connect() as connection:
            listed = connection.metadata()
            assert sorted(listed) == sorted(f"t{number}" for number in range(12)), sorted(listed)
            for (topic, partition), values in written.items():
                found = connection.read_all(topic, partition)
                assert found == list(enumerate(values)), f"{topic}-{partition}: {found[:3]} ... {len(found)} records"
                assert connection.offset(topic, partition, EARLIEST) == 0
                assert connection.offset(topic, partition, LATEST) == len(values)
        return f"{sum(map(len, written.values()))} records in {len(written)} partitions"


def repeat_last(connection: Connection, topic, partition, sent):
    """A batch sent again after a restart is known, and answered with its first offset."""
    if (topic, partition) in sent:
        records, offset = sent[topic, partition]
        answer = connection.produce(topic, partition, records)
        assert answer == (0, offset), f"{topic}-{partition}: a duplicate was answered {answer}, not {(0, offset)}"


def write_more(connection: Connection, topic, partition, turn, producer, written, sent):
    """Three records more, in the producer's sequence."""
    values = [f"{topic}-{partition}-{turn}-{n}".encode() for n in range(3)]
    known = written.setdefault((topic, partition), [])
    records = batch(values, (*producer, len(known)))
    answer = connection.produce(topic, partition, records)
    assert answer == (0, len(known)), f"{topic}-{partition}: answered {answer}, expected offset {len(known)}"
    sent[topic, partition] = records, len(known)
    known += values


if __name__ == "__main__":
    Test(__doc__).main(stops_when_idle, stops_on_sigint, stops_with_open_connections, stops_under_load,
                       other_numbers_of_shards_keep_everything)
