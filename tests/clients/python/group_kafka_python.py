"""A group member with kafka-python."""

import time

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError

from member import HEARTBEAT

# Milliseconds. Long, since kafka-python 3.0.12 loses its place if this ends between the arrival of its assignment and its
# use: it does not join again, and sends no heartbeat. A poll ends as soon as there are records, which there always are.
POLL = 5000

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
             "cooperative-sticky": CooperativeStickyAssignor, "static": RangePartitionAssignor}


class Listener(ConsumerRebalanceListener):
    """Tells what is gained and given up."""

    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        self.member.gives_up(revoked)

    def on_partitions_assigned(self, assigned):
        self.member.gains(assigned)


def poll(member, consumer):
    """The next records; none if the server is away."""
    try:
        return [message for batch in consumer.poll(POLL).values() for message in batch]
    except KafkaError as error:
        member.tell(note=type(error).__name__)
        time.sleep(0.1)
        return []


def take_part(member):
    """Read and commit until it is time to leave."""
    consumer = KafkaConsumer(
        bootstrap_servers=member.bootstrap, group_id=member.group, group_instance_id=member.instance,
        partition_assignment_strategy=[ASSIGNORS[member.way]], session_timeout_ms=member.session,
        heartbeat_interval_ms=HEARTBEAT, auto_offset_reset="earliest", enable_auto_commit=False, reconnect_backoff_max_ms=200)
    consumer.subscribe(member.topics, listener=Listener(member))
    while not member.leaving.is_set():
        messages = poll(member, consumer)
        if messages:
            member.got([(message.topic, message.partition, message.offset) for message in messages])
            try:
                consumer.commit()
            except KafkaError as error:  # too late, or the server is away: the records are read again
                member.tell(note=type(error).__name__)
            else:
                member.committed([(message.topic, message.partition, message.offset + 1) for message in messages])
    consumer.close()
