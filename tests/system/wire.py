"""Just enough of the Kafka protocol to write and read without a client library, so that a test sees every answer.

Versions are the last ones without compact fields: ApiVersions 0, Metadata 5, CreateTopics 3, DeleteTopics 1,
Produce 7, Fetch 11, ListOffsets 1, InitProducerId 1.
"""

import socket
import struct
import time

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 19, 20, 22
LATEST, EARLIEST = -1, -2


def _table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


_CRC = tuple(_table())


def crc32c(data):
    """CRC-32C of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def string(text):
    """A nullable string."""
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text.encode())) + text.encode()


def array(items):
    """An array of encoded items."""
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(value):
    """A signed varint, zigzag."""
    value, out = value << 1 ^ value >> 63, bytearray()
    while value & ~0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def batch(values, producer=(-1, -1, -1), timestamp=None):
    """A record batch of format 2 with null keys; `producer` is (id, epoch, first sequence)."""
    now = int(time.time() * 1000) if timestamp is None else timestamp
    records = b""
    for delta, value in enumerate(values):
        body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    checked = struct.pack(">hiqqqhii", 0, len(values) - 1, now, now, *producer, len(values)) + records
    return struct.pack(">qiibI", 0, len(checked) + 9, -1, 2, crc32c(checked)) + checked


class Reader:
    """Takes values off the front of an answer."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, shape):
        """One value of a struct format letter."""
        (value,) = struct.unpack_from(">" + shape, self.data, self.at)
        self.at += struct.calcsize(">" + shape)
        return value

    def string(self):
        """A nullable string."""
        size = self.take("h")
        self.at += max(size, 0)
        return None if size < 0 else self.data[self.at - size:self.at].decode()

    def bytes(self):
        """Nullable bytes with a length of four bytes."""
        size = self.take("i")
        self.at += max(size, 0)
        return b"" if size < 0 else self.data[self.at - size:self.at]

    def array(self, item):
        """An array, each item read by a function of this reader."""
        return [item(self) for _ in range(max(self.take("i"), 0))]


class Connection:
    """One connection; requests may be pipelined with `send` and `receive`."""

    def __init__(self, address, timeout=30.0):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, key, version, body):
        """Send one request with header version 1; returns its correlation id."""
        self.correlation += 1
        request = struct.pack(">hhi", key, version, self.correlation) + string("system-test") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        return self.correlation

    def exactly(self, size):
        """So many bytes; EOFError when the server closes before."""
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise EOFError("the server closed the connection")
            data += piece
        return bytes(data)

    def receive(self):
        """The next answer as (correlation id, Reader of what follows it)."""
        frame = self.exactly(struct.unpack(">i", self.exactly(4))[0])
        return struct.unpack_from(">i", frame)[0], Reader(frame[4:])

    def ask(self, key, version, body):
        """Send one request and wait for its answer."""
        sent = self.send(key, version, body)
        answered, reader = self.receive()
        assert sent == answered, f"request {sent} got the answer of {answered}"
        return reader

    def closed(self):
        """Whether the server closes this connection without sending anything more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def api_versions(self):
        """{key: (lowest, highest)}"""
        reader = self.ask(API_VERSIONS, 0, b"")
        assert reader.take("h") == 0
        return {entry[0]: entry[1:] for entry in reader.array(lambda r: (r.take("h"), r.take("h"), r.take("h")))}

    def create_topic(self, name, partitions, configs=None):
        """Error code of creating one topic."""
        entries = array([string(key) + string(value) for key, value in (configs or {}).items()])
        topic = string(name) + struct.pack(">ih", partitions, 1) + array([]) + entries
        reader = self.ask(CREATE_TOPICS, 3, array([topic]) + struct.pack(">ib", 30_000, 0))
        reader.take("i")
        return reader.array(lambda r: (r.string(), r.take("h"), r.string()))[0][1]

    def delete_topic(self, name):
        """Error code of deleting one topic."""
        reader = self.ask(DELETE_TOPICS, 1, array([string(name)]) + struct.pack(">i", 30_000))
        reader.take("i")
        return reader.array(lambda r: (r.string(), r.take("h")))[0][1]

    def metadata(self, names=None, auto_create=False):
        """{topic: (error, {partition: (error, leader)})}; `names` None asks for all topics."""
        asked = struct.pack(">i", -1) if names is None else array([string(name) for name in names])
        reader = self.ask(METADATA, 5, asked + struct.pack(">b", auto_create))
        reader.take("i")
        reader.array(lambda r: (r.take("i"), r.string(), r.take("i"), r.string()))
        reader.string()
        reader.take("i")

        def partition(r):
            error, number, leader = r.take("h"), r.take("i"), r.take("i")
            for _ in range(3):
                r.array(lambda replica: replica.take("i"))
            return number, (error, leader)

        def topic(r):
            error, name, _ = r.take("h"), r.string(), r.take("b")
            return name, (error, dict(r.array(partition)))
        return dict(reader.array(topic))

    def init_producer_id(self):
        """(error, producer id, epoch) of a new idempotent producer."""
        reader = self.ask(INIT_PRODUCER_ID, 1, string(None) + struct.pack(">i", 60_000))
        reader.take("i")
        return reader.take("h"), reader.take("q"), reader.take("h")

    @staticmethod
    def produce_body(topic, partition, records, acks=-1):
        """Body of a Produce request with one batch."""
        part = struct.pack(">ii", partition, len(records)) + records
        return string(None) + struct.pack(">hi", acks, 30_000) + array([string(topic) + array([part])])

    @staticmethod
    def produced(reader):
        """(error, base offset) from the answer to a Produce request with one batch."""
        def part(r):
            number, error, base = r.take("i"), r.take("h"), r.take("q")
            r.take("q")
            r.take("q")
            return number, error, base
        (_, ((_, error, base),)), = reader.array(lambda r: (r.string(), r.array(part)))
        return error, base

    def produce(self, topic, partition, records, acks=-1):
        """(error, base offset) of one batch."""
        return self.produced(self.ask(PRODUCE, 7, self.produce_body(topic, partition, records, acks)))

    def offset(self, topic, partition, moment):
        """Offset for a timestamp, LATEST or EARLIEST."""
        part = struct.pack(">iq", partition, moment)
        reader = self.ask(LIST_OFFSETS, 1, struct.pack(">i", -1) + array([string(topic) + array([part])]))
        (_, ((_, error, _, offset),)), = reader.array(
            lambda r: (r.string(), r.array(lambda p: (p.take("i"), p.take("h"), p.take("q"), p.take("q")))))
        assert error == 0, f"ListOffsets of {topic}-{partition}: error {error}"
        return offset

    def fetch(self, topic, partition, offset, wait_ms=500):
        """(error, high watermark, record bytes) of one fetch without a session."""
        part = struct.pack(">iiqqi", partition, -1, offset, -1, 4 << 20)
        body = (struct.pack(">iiiibii", -1, wait_ms, 1, 16 << 20, 0, 0, -1) + array([string(topic) + array([part])])
                + array([]) + string(""))
        reader = self.ask(FETCH, 11, body)
        reader.take("i")
        assert reader.take("h") == 0, "Fetch failed as a whole"
        reader.take("i")

        def answer(r):
            r.take("i")
            error, high = r.take("h"), r.take("q")
            r.take("q")
            r.take("q")
            r.array(lambda aborted: (aborted.take("q"), aborted.take("q")))
            r.take("i")
            return error, high, r.bytes()
        (_, (found,)), = reader.array(lambda r: (r.string(), r.array(answer)))
        return found

    def read_all(self, topic, partition, checksums=True):
        """Every record of a partition as (offset, value), from its first offset to its last."""
        at, end, found = self.offset(topic, partition, EARLIEST), self.offset(topic, partition, LATEST), []
        while at < end:
            error, _, data = self.fetch(topic, partition, at)
            assert error == 0, f"Fetch of {topic}-{partition} at {at}: error {error}"
            records = [record for record in records_of(data, checksums) if record[0] >= at]
            assert records, f"nothing at {topic}-{partition} offset {at} though the end is {end}"
            found += records
            at = records[-1][0] + 1
        return found


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), at


def records_of(data, checksums=True):
    """(offset, value) of the records in uncompressed batches; a batch cut short at the end is left out.

    Checksums of large values take Python long; a test that compares the values may do without.
    """
    found, at = [], 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        (crc,) = struct.unpack_from(">I", data, at + 17)
        assert not checksums or crc == crc32c(data[at + 21:at + 12 + length]), f"checksum of the batch at offset {base}"
        (count,) = struct.unpack_from(">i", data, at + 57)
        place = at + 61
        for _ in range(count):
            size, place = _varint(data, place)
            following = place + size
            _, place = _varint(data, place + 1)
            delta, place = _varint(data, place)
            key_size, place = _varint(data, place)
            value_size, place = _varint(data, place + max(key_size, 0))
            found.append((base + delta, bytes(data[place:place + max(value_size, 0)])))
            place = following
        at += 12 + length
    return found
