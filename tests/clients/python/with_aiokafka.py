"""aiokafka said in the words of suite.py; each call runs the client's event loop until it is done."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from recordset import Record

WAIT = 30.0


def refuse(errors):
    """Raise the first error among (name, code, ...) answers; the client leaves that to its callers."""
    for _, code, *_ in errors:
        if code:
            raise for_code(code)(code)


class Client:
    """What the suite asks of a client."""

    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    cannot_say = frozenset({"nothing-but-headers"})
    idempotent = True
    spells = {"MESSAGE_TOO_LARGE": "MessageSizeTooLarge", "INVALID_TOPIC_EXCEPTION": "InvalidTopic"}

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()
        self.admin = self.run(self.started(lambda: AIOKafkaAdminClient(bootstrap_servers=bootstrap)))

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, WAIT))

    @staticmethod
    async def started(make):
        """Make a client inside the event loop and start it."""
        client = make()
        await client.start()
        return client

    def close(self):
        self.run(self.admin.close())

    def brokers(self):
        cluster = self.run(self.admin.describe_cluster())
        return [f"{node['host']}:{node['port']}" for node in cluster["brokers"]]

    def topics(self):
        return set(self.run(self.admin.list_topics()))

    def create(self, topic, partitions, config):
        refuse(self.run(self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])).topic_errors)

    def delete(self, topics):
        refuse(self.run(self.admin.delete_topics(topics)).topic_error_codes)

    def partitions(self, topic):
        (described,) = self.run(self.admin.describe_topics([topic]))
        assert all(part["leader"] >= 0 and part["isr"] for part in described["partitions"])
        return {part["partition"] for part in described["partitions"]}

    def add_partitions(self, topic, total):
        self.run(self.admin.create_partitions({topic: NewPartitions(total)}))

    def describe_configs(self, topic):
        (answer,) = self.run(self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
        (resource,) = answer.resources
        assert resource[0] == 0, resource
        return {entry[0]: entry[1] for entry in resource[4]}

    def alter_configs(self, topic, config):
        (answer,) = self.run(self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)]))
        assert all(resource[0] == 0 for resource in answer.resources), answer

    def delete_records(self, topic, before):
        parts = {TopicPartition(topic, part): RecordsToDelete(offset) for part, offset in before.items()}
        assert set(self.run(self.admin.delete_records(parts)).values()) == set(before.values())

    def produce(self, topic, records, codec="none", idempotent=False, acks="all"):
        self.run(self.send_all(topic, records, codec, idempotent, acks))

    async def send_all(self, topic, records, codec, idempotent, acks):
        producer = await self.started(lambda: AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, acks=acks,
            enable_idempotence=idempotent, linger_ms=20, max_request_size=4 << 20))
        try:
            sent = [await producer.send(topic, record.value, record.key, record.partition, record.timestamp,
                                        list(record.headers)) for record in records]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    def consumer(self):
        return self.started(lambda: AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=None, auto_offset_reset="none",
            max_partition_fetch_bytes=4 << 20))

    def consume(self, topic, start, count):
        return self.run(self.receive(topic, start, count))

    async def receive(self, topic, start, count):
        consumer = await self.consumer()
        consumer.assign([TopicPartition(topic, partition) for partition in start])
        for partition, offset in start.items():
            consumer.seek(TopicPartition(topic, partition), offset)
        got = []
        while len(got) < count:
            for messages in (await consumer.getmany(timeout_ms=1000)).values():
                got.extend(Record(m.partition, m.timestamp, m.key, m.value, tuple(m.headers), offset=m.offset)
                           for m in messages)
        await consumer.stop()
        return got

    def asked(self, question):
        """Start a consumer, ask it, stop it."""
        async def ask():
            consumer = await self.consumer()
            answer = await question(consumer)
            await consumer.stop()
            return answer
        return self.run(ask())

    def offsets_for_time(self, topic, times):
        moments = {TopicPartition(topic, part): moment for part, moment in times.items()}
        found = self.asked(lambda consumer: consumer.offsets_for_times(moments))
        return {part.partition: at.offset if at else None for part, at in found.items()}

    def watermarks(self, topic, partitions):
        parts = [TopicPartition(topic, partition) for partition in partitions]
        first = self.asked(lambda consumer: consumer.beginning_offsets(parts))
        last = self.asked(lambda consumer: consumer.end_offsets(parts))
        return {part.partition: (first[part], last[part]) for part in parts}
