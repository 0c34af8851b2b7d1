"""Writers that go on through crashes and remember exactly what was acknowledged, and the proof that all of it is there."""

import random
import threading
import time

from wire import PRODUCE, batch

IN_FLIGHT = 5
DUPLICATE_SEQUENCE = 46
# What a server may say while it starts or stops, and a producer tries again: LEADER_NOT_AVAILABLE,
# NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR,
# KAFKA_STORAGE_ERROR.
RETRIABLE = {5, 6, 7, 14, 15, 16, 56}


class Writer(threading.Thread):
    """A thread that writes until it is told to stop; what goes wrong in it is kept in `failure`."""

    def __init__(self, server, topic, partition, seed):
        super().__init__(daemon=True)
        self.server, self.topic, self.partition = server, topic, partition
        self.random = random.Random(f"{seed}/{topic}/{partition}")
        self.ended = threading.Event()
        self.failure = None
        self.acknowledged = {}

    def run(self):
        try:
            while not self.ended.is_set():
                try:
                    with self.server.connect(timeout=10) as connection:
                        self.write(connection)
                except (OSError, EOFError):
                    time.sleep(0.02)
        except Exception as error:  # shown by `finish`, in the test's own thread
            self.failure = error

    def finish(self):
        """Stop writing and say what went wrong, if anything did."""
        self.ended.set()
        self.join(30)
        assert not self.is_alive(), f"the writer of {self.topic}-{self.partition} hangs"
        if self.failure:
            raise self.failure


class IdempotentWriter(Writer):
    """Keeps five requests in flight, and sends what was not acknowledged again with its old sequence numbers."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.producer = None
        self.unacknowledged = []
        self.next = 0

    def batch_from(self, first):
        """The next batch: one to ten values that count up."""
        values = [b"%d" % number for number in range(first, first + self.random.randrange(1, 11))]
        return first, values, batch(values, (*self.producer, first))

    def write(self, connection):
        if self.producer is None:
            error, *producer = connection.init_producer_id()
            if error in RETRIABLE:
                return time.sleep(0.02)
            assert error == 0, f"InitProducerId: error {error}"
            self.producer = tuple(producer)
        for _, _, records in self.unacknowledged:
            connection.send(PRODUCE, 7, connection.produce_body(self.topic, self.partition, records))
        while not self.ended.is_set() or self.unacknowledged:
            while len(self.unacknowledged) < IN_FLIGHT and not self.ended.is_set():
                first, values, records = self.batch_from(self.next)
                self.next += len(values)
                self.unacknowledged.append((first, values, records))
                connection.send(PRODUCE, 7, connection.produce_body(self.topic, self.partition, records))
            error, offset = connection.produced(connection.receive()[1])
            if error in RETRIABLE:
                return time.sleep(0.02)
            assert error == 0, f"{self.topic}-{self.partition}: sequence {self.unacknowledged[0][0]}: error {error}"
            first, values, _ = self.unacknowledged.pop(0)
            self.acknowledged.update((first + n, offset + n) for n in range(len(values)))

    def verify(self, records):
        """Everything acknowledged is there at its offset; every number once, in order, without a gap."""
        found = [int(value) for _, value in records]
        assert found == list(range(len(found))), first_oddity(found)
        at = {int(value): offset for offset, value in records}
        for number, offset in self.acknowledged.items():
            assert at.get(number) == offset, f"{self.topic}-{self.partition}: {number} was acknowledged at {offset}, is at {at.get(number)}"


class PlainWriter(Writer):
    """Writes one record at a time without idempotence; after a failure it goes on with the next number."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.next = 0

    def write(self, connection):
        while not self.ended.is_set():
            number = self.next
            self.next += 1
            error, offset = connection.produce(self.topic, self.partition, batch([b"%d" % number]))
            if error in RETRIABLE:
                return time.sleep(0.02)
            assert error == 0, f"{self.topic}-{self.partition}: error {error}"
            self.acknowledged[number] = offset

    def verify(self, records):
        """Everything acknowledged is there at its offset; numbers rise, so nothing is there twice."""
        found = [int(value) for _, value in records]
        assert all(a < b for a, b in zip(found, found[1:])), first_oddity(found)
        at = {int(value): offset for offset, value in records}
        for number, offset in self.acknowledged.items():
            assert at.get(number) == offset, f"{self.topic}-{self.partition}: {number} was acknowledged at {offset}, is at {at.get(number)}"


def first_oddity(numbers):
    """Where a list of numbers stops counting up by one."""
    for place, (a, b) in enumerate(zip(numbers, numbers[1:])):
        if b != a + 1:
            return f"after {a} comes {b} (place {place} of {len(numbers)})"
    return f"begins with {numbers[:3]}"


def start_writers(server, topics, partitions, seed):
    """One writer per partition, idempotent in all topics but the last."""
    writers = [kind(server, topic, partition, seed)
               for topic, kind in zip(topics, [IdempotentWriter] * (len(topics) - 1) + [PlainWriter])
               for partition in range(partitions)]
    for writer in writers:
        writer.start()
    return writers


def prove(server, writers):
    """End the writers, read all partitions and check them; returns what was found in a few words."""
    for writer in writers:
        writer.finish()
    total = 0
    with server.connect() as connection:
        for writer in writers:
            records = connection.read_all(writer.topic, writer.partition)
            writer.verify(records)
            total += len(records)
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    assert all(writer.acknowledged for writer in writers), "a writer got nothing acknowledged"
    return f"{acknowledged} acknowledged, {total} found"
