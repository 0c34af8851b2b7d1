"""What a server owes to peers that do not keep to the protocol, and what the protocol leaves to the server."""

import os
import random
import struct

from server import Test
from wire import API_VERSIONS, METADATA, PRODUCE, batch, string

UNSUPPORTED_VERSION = 35
UNKNOWN_TOPIC_OR_PARTITION = 3


def closes(server, data):
    """Send some bytes on a connection of their own; the server must close it, and go on serving."""
    with server.connect(timeout=10) as connection:
        connection.socket.sendall(data)
        assert connection.closed(), f"{data[:20]} was answered"
    with server.connect() as connection:
        assert connection.api_versions()


def framed(key, version, body=b"", correlation=7):
    """A request as bytes."""
    request = struct.pack(">hhi", key, version, correlation) + string("odd") + body
    return struct.pack(">i", len(request)) + request


def unknown_keys_close(test):
    with test.server() as server:
        served = None
        with server.connect() as connection:
            served = connection.api_versions()
        for key in (-1, 4, 5, 6, 7, 58, 1000, 32767):
            assert key not in served, f"key {key} is advertised"
            closes(server, framed(key, 0))
        return f"{len(served)} keys are served"


def unsupported_versions_close(test):
    with test.server() as server:
        with server.connect() as connection:
            served = connection.api_versions()
        for key, (lowest, highest) in served.items():
            for version in (lowest - 1, highest + 1, -1, 32767):
                if key != API_VERSIONS and not lowest <= version <= highest:
                    closes(server, framed(key, version, bytes(64)))


def too_new_api_versions_get_an_answer(test):
    """The answer has the body of version 0, error 35 and the list of keys, and the connection stays open."""
    with test.server() as server, server.connect() as connection:
        for version in (6, 99, 32767):
            reader = connection.ask(API_VERSIONS, version, b"\xff\xfe not a body that can be read")
            error = reader.take("h")
            assert error == UNSUPPORTED_VERSION, f"version {version}: error {error}"
            listed = dict(reader.array(lambda r: (r.take("h"), (r.take("h"), r.take("h")))))
            assert API_VERSIONS in listed, listed
            assert reader.at == len(reader.data), "bytes after a body of version 0"
        return connection.api_versions()[API_VERSIONS]


def broken_frames_close(test):
    with test.server() as server:
        for size in (-1, -2**31, 2**31 - 1, 200 << 20):
            closes(server, struct.pack(">i", size))
        for size in range(8):
            closes(server, struct.pack(">i", size) + bytes(size))
        closes(server, framed(METADATA, 5, b"\x7f\xff\xff\xff" + bytes(20)))
        closes(server, framed(PRODUCE, 7, struct.pack(">hhi", -1, -1, 1000) + b"\x7f\xff\xff\xff"))


def garbage_closes_or_is_refused(test):
    """Random bytes and requests with random bytes in them leave the server alive and its memory bounded."""
    chance = random.Random(test.options.seed)
    good = framed(PRODUCE, 7, b"" + string(None) + struct.pack(">hi", -1, 1000))
    with test.server() as server:
        before = server.memory()
        for _ in range(400):
            data = bytearray(good if chance.random() < 0.5 else os.urandom(chance.randrange(1, 300)))
            for _ in range(chance.randrange(8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with server.connect(timeout=10) as connection:
                connection.socket.sendall(data)
                connection.socket.shutdown(1)
                while True:
                    try:
                        if not connection.socket.recv(65536):
                            break
                    except ConnectionError:
                        break
        with server.connect() as connection:
            assert connection.api_versions()
        grown = server.memory() - before
        assert grown < 16 << 20, f"memory grew by {grown >> 10} KiB"
        return f"memory grew by {grown >> 10} KiB"


def half_a_frame_harms_nobody(test):
    with test.server() as server:
        for cut in range(1, 20):
            with server.connect() as connection:
                connection.socket.sendall(framed(METADATA, 5, struct.pack(">ib", -1, 0))[:cut])
        with server.connect() as connection:
            for byte in framed(METADATA, 5, struct.pack(">ib", -1, 0)):
                connection.socket.sendall(bytes([byte]))
            assert connection.receive()[0] == 7


def answers_come_in_the_order_of_requests(test):
    with test.server() as server, server.connect() as connection:
        assert connection.create_topic("ordered", 3) == 0
        sent = []
        for number in range(300):
            if number % 3:
                sent.append(connection.send(API_VERSIONS, 0, b""))
            else:
                body = connection.produce_body("ordered", number % 3, batch([b"%d" % number]))
                sent.append(connection.send(PRODUCE, 7, body))
        assert [connection.receive()[0] for _ in sent] == sent
        found = connection.read_all("ordered", 0)
        assert found == [(n, b"%d" % (3 * n)) for n in range(100)], found[:5]


def unacknowledged_errors_close(test):
    """A failed Produce with acks=0 has no answer: the connection closes, so that the client asks for metadata."""
    with test.server() as server:
        with server.connect(timeout=10) as connection:
            connection.send(PRODUCE, 7, connection.produce_body("absent", 0, batch([b"x"]), acks=0))
            assert connection.closed(), "an answer to acks=0"
        with server.connect() as connection:
            assert connection.create_topic("present", 1) == 0
            connection.send(PRODUCE, 7, connection.produce_body("present", 0, batch([b"x"]), acks=0))
            assert connection.ask(API_VERSIONS, 0, b"").take("h") == 0
            assert connection.read_all("present", 0) == [(0, b"x")]


def topics_are_made_when_asked_for(test):
    """Auto-creation is Kafka's default, happens only where the request allows it, and keeps to the rules of names."""
    with test.server() as server, server.connect() as connection:
        (error, _), = connection.metadata(["wished-for"], auto_create=False).values()
        assert error == UNKNOWN_TOPIC_OR_PARTITION, error
        (error, _), = connection.metadata(["wished-for"], auto_create=True).values()
        assert error in (0, 3, 5), error
        (error, parts), = connection.metadata(["wished-for"], auto_create=True).values()
        assert error == 0 and parts == {0: (0, parts[0][1])}, (error, parts)
        (error, _), = connection.metadata(["not a name"], auto_create=True).values()
        assert error == 17, error
        assert connection.produce("wished-for", 0, batch([b"x"])) == (0, 0)
    with test.server(settings=["auto.create.topics.enable=false"]) as server, server.connect() as connection:
        for _ in range(2):
            (error, _), = connection.metadata(["wished-for"], auto_create=True).values()
            assert error == UNKNOWN_TOPIC_OR_PARTITION, error


def changes_are_seen_at_once(test):
    """An answered change of a topic is seen by every connection, whichever shard it is on."""
    with test.server() as server, server.connect() as maker:
        others = [server.connect() for _ in range(8)]
        for number in range(20):
            name = f"t{number}"
            assert maker.create_topic(name, 2) == 0
            for turn, other in enumerate(others):
                assert other.metadata([name])[name][0] == 0, f"connection {turn} does not see {name}"
                error, _ = other.produce(name, turn % 2, batch([b"x"]))
                assert error == 0, f"connection {turn}: error {error}"
            assert maker.delete_topic(name) == 0
            for other in others:
                assert other.metadata([name])[name][0] == UNKNOWN_TOPIC_OR_PARTITION
                assert other.produce(name, 0, batch([b"x"]))[0] == UNKNOWN_TOPIC_OR_PARTITION


if __name__ == "__main__":
    Test(__doc__).main(
        unknown_keys_close, unsupported_versions_close, too_new_api_versions_get_an_answer, broken_frames_close,
        garbage_closes_or_is_refused, half_a_frame_harms_nobody, answers_come_in_the_order_of_requests,
        unacknowledged_errors_close, topics_are_made_when_asked_for, changes_are_seen_at_once,
    )
