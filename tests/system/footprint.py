"""How soon the server is ready, what it takes when idle, and what ten thousand partitions cost. Times are reports."""

import time

from server import Test
from wire import batch

MEBIBYTE = 1 << 20
PARTITIONS = 10_000
TOPICS = 50


def idle_cost(server, seconds=3):
    """Share of one processor that an idle server takes, in per cent."""
    before = server.cpu()
    time.sleep(seconds)
    return 100 * (server.cpu() - before) / seconds


def ready_soon_and_small_when_idle(test):
    with test.server() as server:
        took = []
        for _ in range(5):
            assert server.stop() == 0
            took.append(server.start() * 1000)
        time.sleep(0.5)
        idle = idle_cost(server)
        memory = server.memory()
        assert memory < 20 * MEBIBYTE, f"{memory / MEBIBYTE:.1f} MiB resident when idle"
        return f"ready after {min(took):.0f} to {max(took):.0f} ms, {memory / MEBIBYTE:.1f} MiB, {idle:.1f} % of a processor"


def ten_thousand_partitions(test):
    with test.server() as server:
        began = time.monotonic()
        with server.connect(timeout=120) as connection:
            for number in range(TOPICS):
                assert connection.create_topic(f"t{number}", PARTITIONS // TOPICS) == 0
            made = time.monotonic() - began
            for number in range(PARTITIONS):
                body = connection.produce_body(f"t{number % TOPICS}", number // TOPICS, batch([b"x"]))
                connection.send(0, 7, body)
                if number % 200 == 199:
                    for _ in range(200):
                        error, _ = connection.produced(connection.receive()[1])
                        assert error == 0, f"error {error}"
        assert server.stop(240) == 0
        ready = server.start()
        assert ready < 5, f"{ready:.1f} s until ready"
        server.kill()
        after_crash = server.start()
        assert after_crash < 5, f"{after_crash:.1f} s until ready after a crash"
        time.sleep(1)
        idle = idle_cost(server)
        assert idle < 5, f"{idle:.1f} % of a processor while idle"
        with server.connect() as connection:
            assert connection.read_all("t7", 3) == [(0, b"x")]
            listed = connection.metadata()
        assert sum(len(parts) for _, parts in listed.values()) == PARTITIONS
        return (f"made in {made:.1f} s, ready after {ready:.2f} s ({after_crash:.2f} s after a crash), "
                f"{server.memory() / MEBIBYTE:.0f} MiB, {idle:.1f} % of a processor")


if __name__ == "__main__":
    Test(__doc__).main(ready_soon_and_small_when_idle, ten_thousand_partitions)
