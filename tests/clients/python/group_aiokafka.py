"""A group member with aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from member import HEARTBEAT

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
             "static": RangePartitionAssignor}


class Listener(ConsumerRebalanceListener):
    """Tells what is gained and given up."""

    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        self.member.gives_up(revoked)

    def on_partitions_assigned(self, assigned):
        self.member.gains(assigned)


async def read(member):
    """Read and commit until it is time to leave."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=member.bootstrap, group_id=member.group, group_instance_id=member.instance,
        partition_assignment_strategy=[ASSIGNORS[member.way]], session_timeout_ms=member.session,
        heartbeat_interval_ms=HEARTBEAT, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.subscribe(member.topics, listener=Listener(member))
    await consumer.start()
    while not member.leaving.is_set():
        messages = [message for batch in (await consumer.getmany(timeout_ms=100)).values() for message in batch]
        if messages:
            member.got([(message.topic, message.partition, message.offset) for message in messages])
            try:
                await consumer.commit()
            except KafkaError as error:  # too late, or the server is away: the records are read again
                member.tell(note=type(error).__name__)
            else:
                member.committed([(message.topic, message.partition, message.offset + 1) for message in messages])
    member.owns(())  # on its way out the client tells nobody
    await consumer.stop()


def take_part(member):
    """Run the client's event loop until it is time to leave."""
    asyncio.run(read(member))
