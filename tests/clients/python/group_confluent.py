"""A group member with confluent-kafka-python."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from member import HEARTBEAT

def settings(member):
    """The settings of a way."""
    common = {"bootstrap.servers": member.bootstrap, "broker.address.family": "v4", "group.id": member.group,
              "enable.auto.commit": False, "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 200}
    if member.instance:
        common["group.instance.id"] = member.instance
    if member.way.endswith("consumer"):
        return {**common, "group.protocol": "consumer"}
    return {**common, "session.timeout.ms": member.session, "heartbeat.interval.ms": HEARTBEAT,
            "partition.assignment.strategy": "range" if member.instance else member.way}


def pairs(partitions):
    return [(part.topic, part.partition) for part in partitions]


def take_part(member):
    """Read and commit until it is time to leave."""
    consumer = Consumer(settings(member))
    gone = lambda _, partitions: member.gives_up(pairs(partitions))  # noqa: E731
    consumer.subscribe(member.topics, on_assign=lambda _, partitions: member.gains(pairs(partitions)),
                       on_revoke=gone, on_lost=gone)
    while not member.leaving.is_set():
        answers = consumer.consume(500, timeout=0.1)
        for error in filter(None, (answer.error() for answer in answers)):
            bear(member, error)
        messages = [answer for answer in answers if not answer.error()]
        if messages:
            member.got([(message.topic(), message.partition(), message.offset()) for message in messages])
            commit(member, consumer, messages)
    consumer.close()


def bear(member, error):
    """Take note of an error that the client gets over by itself, such as a server that is away."""
    if error.fatal():
        raise KafkaException(error)
    member.tell(note=error.name())


def commit(member, consumer, messages):
    """Commit what was read; if that comes too late, it is read again by whoever owns the partition then."""
    after = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
    asked = [TopicPartition(topic, partition, offset) for (topic, partition), offset in after.items()]
    try:
        done = consumer.commit(offsets=asked, asynchronous=False)
    except KafkaException as error:
        bear(member, error.args[0])
    else:
        member.committed([(part.topic, part.partition, part.offset) for part in done if not part.error])
