"""What servers write into `__consumer_offsets`, read back as clients can and decoded with the schemas of Kafka's coordinator."""
import struct

from kafka_wire import cut
from schema_wire import Message, Reader

TOPIC = "__consumer_offsets"
CONTROL, COMPRESSION = 0x20, 0x07
HEADER = 61


def partition_of(group, count):
    """As Java computes it (Utils.abs of String.hashCode)."""
    code = 0
    for unit in struct.unpack(f">{len(group.encode('utf-16-be')) // 2}H", group.encode("utf-16-be")):
        code = (31 * code + unit) & 0xFFFFFFFF
    signed = code - (1 << 32) if code >= 1 << 31 else code
    return (0 if signed == -(1 << 31) else abs(signed)) % count


def zigzag(reader):
    value = reader.varint()
    return (value >> 1) ^ -(value & 1)


def data(reader):
    size = zigzag(reader)
    return None if size < 0 else reader.take(size)


def records(batch):
    """Offset, key and value of each record of a batch."""
    base, attributes, count = struct.unpack(">q", batch[:8])[0], struct.unpack(">h", batch[21:23])[0], struct.unpack(">i", batch[57:61])[0]
    assert not attributes & COMPRESSION, "compressed"
    reader = Reader(batch[HEADER:])
    for _ in range(0 if attributes & CONTROL else count):
        zigzag(reader), reader.take(1), zigzag(reader)
        offset = base + zigzag(reader)
        yield offset, data(reader), data(reader)
        for _ in range(zigzag(reader)):
            data(reader), data(reader)


class Partition:
    """The partition that a group is kept in, from now on."""

    def __init__(self, connection, group, schemas):
        self.connection, self.group, self.schemas = connection, group, schemas
        (topic,) = connection.call("Metadata", 12, Topics=[{"Name": TOPIC}])["Topics"]
        self.number = partition_of(group, len(topic["Partitions"]))
        asked = {"PartitionIndex": self.number, "Timestamp": -1, "CurrentLeaderEpoch": -1}
        (answer,) = connection.call("ListOffsets", 6, ReplicaId=-1, Topics=[{"Name": TOPIC, "Partitions": [asked]}])["Topics"]
        self.at = answer["Partitions"][0]["Offset"]

    def fetch(self):
        """Bytes from where the last fetch ended."""
        asked = {"Partition": self.number, "FetchOffset": self.at, "PartitionMaxBytes": 1 << 24}
        answer = self.connection.call("Fetch", 12, MaxWaitMs=0, MinBytes=0, MaxBytes=1 << 24,
                                      Topics=[{"Topic": TOPIC, "Partitions": [asked]}])
        (partition,) = answer["Responses"][0]["Partitions"]
        assert partition["ErrorCode"] == 0, partition
        return partition["Records"] or b""

    def read(self):
        """Records of the group since: the name of the key's schema, the key, and the value or none."""
        while batches := cut(self.fetch()):
            for batch in batches:
                for offset, key, value in records(batch):
                    if offset < self.at:
                        continue
                    self.at = offset + 1
                    decoded = self.decoded(key, value)
                    if self.group in decoded[1].values():
                        yield decoded
                self.at = max(self.at, struct.unpack(">q", batch[:8])[0] + struct.unpack(">i", batch[23:27])[0] + 1)

    def decoded(self, key, value):
        kind = struct.unpack(">h", key[:2])[0]
        schema = self.schemas[kind, "coordinator-key"]
        shown = None
        if value is not None:
            version = struct.unpack(">h", value[:2])[0]
            shown = {"ValueVersion": version, **whole(self.schemas[kind, "coordinator-value"], version, value[2:])}
        return schema["name"].removesuffix("Key"), whole(schema, 0, key[2:]), shown


def whole(schema, version, encoded):
    reader = Reader(encoded)
    fields = Message(schema, version).decode(reader)
    assert reader.at == len(encoded), f"{len(encoded) - reader.at} bytes are left over in {schema['name']}"
    return fields
