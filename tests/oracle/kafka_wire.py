"""What the oracles need of the Kafka protocol: old, inflexible versions that every server still speaks, in plain Python."""
import socket
import struct
import time
import uuid

TIMESTAMP = 1_700_000_000_000


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def field(value):
    return varint(-1) if value is None else varint(len(value)) + value


def batch(records, timestamp=TIMESTAMP, producer=-1, epoch=-1, sequence=-1):
    """A record batch of format v2; records are pairs of key and value, either may be None."""
    written = b""
    for delta, (key, value) in enumerate(records):
        body = b"\0" + varint(delta) + varint(delta) + field(key) + field(value) + varint(0)
        written += varint(len(body)) + body
    last = len(records) - 1
    fields = (0, last, timestamp, timestamp + last, producer, epoch, sequence, len(records))
    covered = struct.pack(">hiqqqhii", *fields) + written
    return struct.pack(">qiibI", 0, len(covered) + 9, -1, 2, crc32c(covered)) + covered


def cut(stored):
    """The batches in stored bytes."""
    batches = []
    while len(stored) >= 12:
        size = 12 + struct.unpack(">i", stored[8:12])[0]
        if size > len(stored):
            break
        batches.append(stored[:size])
        stored = stored[size:]
    return batches


class Server:
    """One connection and one new topic."""

    def __init__(self, address, partitions=1, **configs):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.correlation = 0
        self.topic = "oracle-" + uuid.uuid4().hex
        self.create(partitions, configs)

    def call(self, key, version, body):
        self.correlation += 1
        frame = struct.pack(">hhi", key, version, self.correlation) + string("oracle") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", self.read(4))[0]
        answer = self.read(size)
        assert struct.unpack(">i", answer[:4])[0] == self.correlation
        return answer[4:]

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise SystemExit("the server closed the connection")
            data += more
        return data

    def create(self, partitions, configs):
        topic = string(self.topic) + struct.pack(">ihii", partitions, 1, 0, len(configs))
        for name, value in configs.items():
            topic += string(name.replace("_", ".")) + string(str(value))
        answer = self.call(19, 2, struct.pack(">i", 1) + topic + struct.pack(">i?", 30_000, False))
        error = struct.unpack(">h", answer[10 + len(self.topic):12 + len(self.topic)])[0]
        assert error == 0, f"the topic was not created: {error}"
        for partition in range(partitions):
            while self.send(batch([(b"first", b"v")]), partition)[0] in (3, 5, 6):
                time.sleep(0.1)

    def configure(self, **configs):
        body = struct.pack(">ib", 1, 2) + string(self.topic) + struct.pack(">i", len(configs))
        for name, value in configs.items():
            body += string(name.replace("_", ".")) + b"\0" + string(str(value))
        answer = self.call(44, 0, body + b"\0")
        error = struct.unpack(">h", answer[8:10])[0]
        assert error == 0, f"the configuration was refused: {error}"

    def send(self, records, partition=0):
        """Appends a batch; error code and base offset of the answer."""
        partition = struct.pack(">ii", partition, len(records)) + records
        topic = string(self.topic) + struct.pack(">i", 1) + partition
        answer = self.call(0, 8, struct.pack(">hhi", -1, -1, 30_000) + struct.pack(">i", 1) + topic)
        at = 4 + 2 + len(self.topic) + 4 + 4
        return struct.unpack(">hq", answer[at:at + 10])
