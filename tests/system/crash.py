"""`kill -9` under load, again and again: what was acknowledged is there, once and in order."""

import random
import time

from server import Test
from writers import prove, start_writers

TOPICS = ["pipelined", "also-pipelined", "plain"]
PARTITIONS = 3
OTHER_SHARDS = {1: 3, 3: 1}


def make_topics(server, topics=TOPICS):
    """Make the topics that the writers write to."""
    with server.connect() as connection:
        for topic in topics:
            error = connection.create_topic(topic, PARTITIONS)
            assert error == 0, f"CreateTopics of {topic}: error {error}"


def crash_loop(test, server, between):
    """Kill and start the server over and over while writers write; `between` runs while it is down."""
    chance = random.Random(test.options.seed)
    make_topics(server)
    writers = start_writers(server, TOPICS, PARTITIONS, test.options.seed)
    slowest = 0.0
    for crash in range(test.options.rounds):
        time.sleep(chance.uniform(0.2, 1.2))
        server.kill()
        between(crash)
        slowest = max(slowest, server.start())
    time.sleep(0.5)
    found = prove(server, writers)
    return f"{found}, {test.options.rounds} crashes, slowest start {slowest * 1000:.0f} ms"


def every_acknowledged_record_is_there_once_and_in_order(test):
    with test.server() as server:
        return crash_loop(test, server, lambda crash: None)


def crashes_with_another_number_of_shards_each_time(test):
    with test.server() as server:
        def other_shards(_):
            server.shards = OTHER_SHARDS[server.shards]
        return crash_loop(test, server, other_shards)


def crashes_with_the_other_runtime_each_time(test):
    with test.server() as server:
        def other_runtime(_):
            server.runtime = {"mio": "glommio", "glommio": "mio"}[server.runtime]
        return crash_loop(test, server, other_runtime)


def administration_survives_crashes(test):
    """Topics that were made are there, those deleted are not, and no producer id is handed out twice."""
    chance = random.Random(test.options.seed)
    there, gone, producers, number = set(), set(), [], 0
    with test.server() as server:
        for _ in range(test.options.rounds):
            with server.connect() as connection:
                for _ in range(chance.randrange(3, 20)):
                    number += 1
                    assert connection.create_topic(f"t{number}", chance.randrange(1, 5)) == 0
                    there.add(f"t{number}")
                    if chance.random() < 0.4:
                        victim = chance.choice(sorted(there))
                        assert connection.delete_topic(victim) == 0
                        there.remove(victim)
                        gone.add(victim)
                    error, producer, _ = connection.init_producer_id()
                    assert error == 0, f"InitProducerId: error {error}"
                    producers.append(producer)
            server.kill()
            server.start()
            with server.connect() as connection:
                listed = {name for name in connection.metadata() if not name.startswith("__")}
            assert listed == there, f"lost {sorted(there - listed)}, back from the dead {sorted(listed & gone)}"
        assert len(producers) == len(set(producers)), "a producer id was handed out twice"
        return f"{len(there)} topics, {len(gone)} deleted, {len(producers)} producer ids"


if __name__ == "__main__":
    Test(__doc__).main(
        every_acknowledged_record_is_there_once_and_in_order,
        crashes_with_another_number_of_shards_each_time,
        crashes_with_the_other_runtime_each_time,
        administration_survives_crashes,
    )
