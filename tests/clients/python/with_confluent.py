"""confluent-kafka-python, the binding to librdkafka, said in the words of suite.py."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions,
                                   NewTopic, ResourceType)

from recordset import Record

WAIT = 30.0


def only(futures):
    """The result of a one-entry dictionary of futures."""
    (future,) = futures.values()
    return future.result(WAIT)


class Client:
    """What the suite asks of a client."""

    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    cannot_say = frozenset()
    idempotent = True
    spells = {"MESSAGE_TOO_LARGE": "MSG_SIZE_TOO_LARGE", "INVALID_TOPIC_EXCEPTION": "TOPIC_EXCEPTION"}

    def __init__(self, bootstrap):
        self.common = {"bootstrap.servers": bootstrap, "broker.address.family": "v4"}
        self.admin = AdminClient(self.common)

    def close(self):
        self.admin.poll(0)

    def brokers(self):
        cluster = self.admin.describe_cluster().result(WAIT)
        listed = self.admin.list_topics(timeout=WAIT)
        assert {node.id for node in cluster.nodes} == set(listed.brokers), "DescribeCluster and Metadata differ"
        assert cluster.cluster_id and cluster.controller.id in listed.brokers
        return sorted(str(broker) for broker in listed.brokers.values())

    def topics(self):
        return set(self.admin.list_topics(timeout=WAIT).topics)

    def create(self, topic, partitions, config):
        only(self.admin.create_topics([NewTopic(topic, partitions, 1, config=config)]))

    def delete(self, topics):
        for future in self.admin.delete_topics(topics).values():
            future.result(WAIT)

    def partitions(self, topic):
        described = only(self.admin.describe_topics(TopicCollection([topic])))
        assert all(part.leader is not None and part.isr for part in described.partitions)
        return {part.id for part in described.partitions}

    def add_partitions(self, topic, total):
        only(self.admin.create_partitions([NewPartitions(topic, total)]))

    def describe_configs(self, topic):
        entries = only(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
        return {name: entry.value for name, entry in entries.items()}

    def alter_configs(self, topic, config):
        entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                   for key, value in config.items()]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        only(self.admin.incremental_alter_configs([resource]))

    def delete_records(self, topic, before):
        parts = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
        for part, future in self.admin.delete_records(parts).items():
            assert future.result(WAIT).low_watermark == before[part.partition]

    def produce(self, topic, records, codec="none", idempotent=False, acks="all"):
        errors = []
        producer = Producer({**self.common, "compression.type": codec, "enable.idempotence": idempotent, "acks": acks,
                             "linger.ms": 20, "message.max.bytes": 4 << 20, "queue.buffering.max.kbytes": 64 << 10,
                             "delivery.timeout.ms": int(WAIT * 1000)})
        for record in records:
            producer.produce(topic, record.value, record.key, record.partition, timestamp=record.timestamp,
                             headers=list(record.headers),
                             on_delivery=lambda error, _: errors.append(error) if error else None)
            producer.poll(0)
        assert producer.flush(WAIT) == 0, "records were not delivered in time"
        if errors:
            raise KafkaException(errors[0])

    def consumer(self):
        return Consumer({**self.common, "group.id": "unused", "enable.auto.commit": False,
                         "auto.offset.reset": "error", "fetch.message.max.bytes": 4 << 20})

    def consume(self, topic, start, count):
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in start.items()])
        got = []
        while len(got) < count:
            messages = consumer.consume(min(500, count - len(got)), timeout=WAIT)
            assert messages, f"{len(got)} of {count} records came"
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                got.append(Record(message.partition(), message.timestamp()[1], message.key(), message.value(),
                                  tuple(message.headers() or ()), offset=message.offset()))
        consumer.close()
        return got

    def offsets_for_time(self, topic, times):
        consumer = self.consumer()
        found = consumer.offsets_for_times([TopicPartition(topic, p, t) for p, t in times.items()], timeout=WAIT)
        consumer.close()
        return {part.partition: part.offset if part.offset >= 0 else None for part in found}

    def watermarks(self, topic, partitions):
        consumer = self.consumer()
        marks = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT) for p in partitions}
        consumer.close()
        return marks
