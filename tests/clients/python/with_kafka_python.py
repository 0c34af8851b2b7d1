"""kafka-python said in the words of suite.py."""

import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from recordset import Record

WAIT = 30.0


class Client:
    """What the suite asks of a client."""

    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    cannot_say = frozenset({"nothing-but-headers", "null-header"})
    idempotent = True
    spells = {"MESSAGE_TOO_LARGE": "MessageSizeTooLarge", "INVALID_TOPIC_EXCEPTION": "InvalidTopic"}

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def close(self):
        self.admin.close()

    def brokers(self):
        cluster = self.admin.describe_cluster()
        assert cluster["cluster_id"]
        return [f"{node['host']}:{node['port']}" for node in cluster["brokers"]]

    def topics(self):
        return set(self.admin.list_topics())

    def create(self, topic, partitions, config):
        self.admin.create_topics(
            {topic: {"num_partitions": partitions, "replication_factor": 1, "configs": config}})

    def delete(self, topics):
        self.admin.delete_topics(topics)

    def partitions(self, topic):
        (described,) = self.admin.describe_topics([topic])
        assert all(part["leader_id"] >= 0 and part["isr_nodes"] for part in described["partitions"])
        return {part["partition_index"] for part in described["partitions"]}

    def add_partitions(self, topic, total):
        self.admin.create_partitions({topic: total})

    def describe_configs(self, topic):
        answer = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {name: entry["value"] for name, entry in answer["topic"][topic].items()}

    def alter_configs(self, topic, config):
        self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])

    def delete_records(self, topic, before):
        self.admin.delete_records({TopicPartition(topic, part): offset for part, offset in before.items()})

    def produce(self, topic, records, codec="none", idempotent=False, acks="all"):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, acks=acks,
            enable_idempotence=idempotent, linger_ms=20, max_request_size=4 << 20)
        try:
            sent = [producer.send(topic, record.value, record.key, list(record.headers), record.partition,
                                  record.timestamp) for record in records]
            producer.flush(WAIT)
            for future in sent:
                future.get(WAIT)
        finally:
            producer.close(WAIT)

    def consumer(self):
        return KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, auto_offset_reset="none",
                             max_partition_fetch_bytes=4 << 20)

    def consume(self, topic, start, count):
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, partition) for partition in start])
        for partition, offset in start.items():
            consumer.seek(TopicPartition(topic, partition), offset)
        got, limit = [], time.monotonic() + WAIT
        while len(got) < count:
            assert time.monotonic() < limit, f"{len(got)} of {count} records came"
            for messages in consumer.poll(1000).values():
                got.extend(Record(m.partition, m.timestamp, m.key, m.value, tuple(m.headers), offset=m.offset)
                           for m in messages)
        consumer.close()
        return got

    def offsets_for_time(self, topic, times):
        consumer = self.consumer()
        found = consumer.offsets_for_times({TopicPartition(topic, part): moment for part, moment in times.items()})
        consumer.close()
        return {part.partition: at.offset if at else None for part, at in found.items()}

    def watermarks(self, topic, partitions):
        consumer = self.consumer()
        parts = [TopicPartition(topic, partition) for partition in partitions]
        first, last = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
        consumer.close()
        return {part.partition: (first[part], last[part]) for part in parts}
