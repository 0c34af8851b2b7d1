"""What the checks of groups ask of a server besides membership, in the words of confluent-kafka-python; and the load."""

import threading
import time
from collections import Counter

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

WAIT = 30.0


def results(futures):
    """The results of a dictionary of futures."""
    return {key: future.result(WAIT) for key, future in futures.items()}


class Broker:
    """An administrator's view."""

    def __init__(self, bootstrap):
        self.settings = {"bootstrap.servers": bootstrap, "broker.address.family": "v4", "reconnect.backoff.max.ms": 200}
        self.admin = AdminClient(self.settings)

    def create(self, topics):
        """Make topics of {name: number of partitions}."""
        results(self.admin.create_topics([NewTopic(name, count, 1) for name, count in topics.items()]))

    def delete(self, topics):
        results(self.admin.delete_topics(list(topics)))

    def committed(self, group):
        """The committed offsets of a group by "topic-partition"."""
        (found,) = results(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])).values()
        return {f"{part.topic}-{part.partition}": part.offset for part in found.topic_partitions}

    def states(self):
        """The state of each group that is listed, by name."""
        listed = self.admin.list_consumer_groups(request_timeout=WAIT).result(WAIT)
        if listed.errors:
            raise listed.errors[0]
        return {group.group_id: group.state.name for group in listed.valid}

    def set_session(self, group, milliseconds):
        """The session timeout of the members of the new protocol in one group."""
        entry = ConfigEntry("consumer.session.timeout.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
        results(self.admin.incremental_alter_configs([ConfigResource(ResourceType.GROUP, group, incremental_configs=[entry])]))

    def delete_group(self, group):
        results(self.admin.delete_consumer_groups([group]))


class Load(threading.Thread):
    """An idempotent producer that writes to all partitions until it is told to finish, also while the server restarts."""

    def __init__(self, broker, partitions, rate=50, pause=0.02):
        """`rate` is in records a second for each partition; `pause` in seconds."""
        super().__init__(daemon=True)
        self.producer = Producer({**broker.settings, "enable.idempotence": True, "linger.ms": 5,
                                  "delivery.timeout.ms": 120_000, "queue.buffering.max.messages": 2_000_000})
        self.partitions = [partition.rsplit("-", 1) for partition in partitions]
        self.rate, self.pause = rate, pause
        self.over = threading.Event()
        self.failure = None
        self.written = 0
        self.acknowledged = Counter()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(self.pause):
            due = int((time.monotonic() - began) * self.rate)
            for number in range(self.written, due):
                for topic, partition in self.partitions:
                    self.producer.produce(topic, b"%d" % number, partition=int(partition), on_delivery=self.delivered)
            self.written = due
            self.producer.poll(0)
        self.producer.flush(WAIT)

    def delivered(self, error, message):
        if error:
            self.failure = error
        else:
            self.acknowledged[f"{message.topic()}-{message.partition()}"] = message.offset() + 1

    def finish(self):
        """Stop writing; returns how many records each partition holds."""
        self.over.set()
        self.join(2 * WAIT)
        if self.failure:
            raise KafkaException(self.failure)
        return dict(self.acknowledged)
