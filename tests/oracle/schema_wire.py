"""Kafka's wire format, driven by the message schemas inside a kafka-clients jar."""
import json
import re
import select
import socket
import struct
import uuid
import zipfile
from collections import deque

ZERO = uuid.UUID(int=0)


def load(jar, kinds=("request", "response")):
    """The schemas of a jar: (key, "request" or another of the kinds) -> schema."""
    schemas = {}
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("common/message/") and name.endswith(".json"):
                text = re.sub(r"^\s*//.*$", "", archive.read(name).decode(), flags=re.M)
                schema = json.loads(text)
                if schema["type"] in kinds:
                    schemas[schema["apiKey"], schema["type"]] = schema
    return schemas


def within(versions, version):
    if not versions or versions == "none":
        return False
    low, plus, high = versions.partition("+") if "+" in versions else versions.partition("-")
    if plus == "+":
        return version >= int(low)
    return int(low) <= version <= int(high or low)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise EOFError("the answer ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


NUMBERS = {"int8": "b", "int16": "h", "uint16": "H", "int32": "i", "int64": "q", "float64": "d", "bool": "?"}


class Message:
    """One schema in one version."""

    def __init__(self, schema, version):
        self.fields, self.version = schema["fields"], version
        self.flexible = within(schema["flexibleVersions"], version)
        self.common = {s["name"]: s["fields"] for s in schema.get("commonStructs", [])}

    def default(self, field):
        # A null without quotes is no default in Kafka's generator either.
        if field.get("default") is not None:
            text = field["default"]
            if text == "null":
                return None
            kind = field["type"]
            if kind == "bool":
                return text in (True, "true")
            return int(text, 0) if isinstance(text, str) and kind in NUMBERS else text
        kind = field["type"]
        if kind in NUMBERS:
            return NUMBERS[kind] == "?" and False or 0
        return {"string": "", "uuid": ZERO, "bytes": b"", "records": None}.get(kind, [])

    def structure(self, field):
        return field.get("fields") or self.common[field["type"].removeprefix("[]")]

    def length(self, count, short=False):
        if self.flexible:
            return varint(0 if count is None else count + 1)
        return struct.pack(">h" if short else ">i", -1 if count is None else count)

    def encode(self, values, fields=None):
        fields = self.fields if fields is None else fields
        unknown = set(values) - {field["name"] for field in fields}
        assert not unknown, f"no such field: {unknown}"
        out, tagged = b"", []
        for field in fields:
            if not within(field["versions"], self.version):
                continue
            value = values.get(field["name"], self.default(field))
            if within(field.get("taggedVersions"), self.version):
                if value != self.default(field):
                    tagged.append((field["tag"], self.put(field, field["type"], value)))
            else:
                out += self.put(field, field["type"], value)
        if self.flexible:
            out += varint(len(tagged))
            for tag, body in sorted(tagged):
                out += varint(tag) + varint(len(body)) + body
        return out

    def put(self, field, kind, value):
        if kind.startswith("[]"):
            head = self.length(None if value is None else len(value))
            return head + b"".join(self.put(field, kind[2:], item) for item in value or [])
        if kind in NUMBERS:
            return struct.pack(">" + NUMBERS[kind], value)
        if kind == "uuid":
            return value.bytes
        if kind == "string":
            data = None if value is None else value.encode()
            return self.length(None if data is None else len(data), short=True) + (data or b"")
        if kind in ("bytes", "records"):
            return self.length(None if value is None else len(value)) + (value or b"")
        if self.is_nullable_structure(field):
            return b"\xff" if value is None else b"\x01" + self.encode(value, self.structure(field))
        return self.encode(value, self.structure(field))

    def decode(self, reader, fields=None):
        values = {}
        fields = self.fields if fields is None else fields
        tags = {}
        for field in fields:
            if within(field.get("taggedVersions"), self.version):
                tags[field["tag"]] = field
            elif within(field["versions"], self.version):
                values[field["name"]] = self.get(field, field["type"], reader)
        if self.flexible:
            for _ in range(reader.varint()):
                tag, body = reader.varint(), Reader(reader.take(reader.varint()))
                field = tags.get(tag)
                if field:
                    values[field["name"]] = self.get_tagged(field, body)
                else:
                    values[f"tag{tag}"] = body.data.hex()
        return values

    def get_tagged(self, field, body):
        """The content of a tagged field, where null is another byte for structs than elsewhere."""
        if self.is_nullable_structure(field):
            return self.decode(body, self.structure(field)) if body.varint() else None
        return self.get(field, field["type"], body)

    def is_nullable_structure(self, field):
        known = {*NUMBERS, "uuid", "string", "bytes", "records"}
        return within(field.get("nullableVersions"), self.version) and field["type"] not in known and not field["type"].startswith("[]")

    def count(self, reader, short=False):
        count = reader.varint() - 1 if self.flexible else reader.number("h" if short else "i")
        return None if count < 0 else count

    def get(self, field, kind, reader):
        if kind.startswith("[]"):
            count = self.count(reader)
            return None if count is None else [self.get(field, kind[2:], reader) for _ in range(count)]
        if kind in NUMBERS:
            return reader.number(NUMBERS[kind])
        if kind == "uuid":
            return uuid.UUID(bytes=reader.take(16))
        if kind == "string":
            count = self.count(reader, short=True)
            return None if count is None else reader.take(count).decode()
        if kind in ("bytes", "records"):
            count = self.count(reader)
            return None if count is None else reader.take(count)
        if self.is_nullable_structure(field):
            return None if reader.number("b") < 0 else self.decode(reader, self.structure(field))
        return self.decode(reader, self.structure(field))


class Connection:
    """Sends requests and reads their answers, which come in the order of the requests."""

    def __init__(self, address, schemas, client="oracle"):
        host, port = address.rsplit(":", 1)
        self.address = host, int(port)
        self.schemas = schemas
        self.client = client
        self.by_name = {s["name"].removesuffix("Request"): s["apiKey"] for (_, k), s in schemas.items() if k == "request"}
        self.correlation = 0
        self.socket = None
        # Name and version of each request without an answer.
        self.waiting = deque()

    def call(self, api, version, **values):
        """The decoded answer, or "closed" when the server closes the connection instead."""
        self.send(api, version, **values)
        return self.answer()

    def send(self, api, version, **values):
        """Send a request without waiting for its answer."""
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=30)
        key = self.by_name[api]
        request = Message(self.schemas[key, "request"], version)
        self.correlation += 1
        client = self.client.encode()
        header = struct.pack(">hhi", key, version, self.correlation) + struct.pack(">h", len(client)) + client
        frame = header + (b"\0" if request.flexible else b"") + request.encode(values)
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        self.waiting.append((api, version, self.correlation))

    def answer(self):
        """The decoded answer to the oldest request without one, or "closed"."""
        answer = self.receive()
        if answer is None:
            self.close()
            return "closed"
        api, version, correlation = self.waiting.popleft()
        response = Message(self.schemas[self.by_name[api], "response"], version)
        reader = Reader(answer)
        assert reader.number("i") == correlation
        if response.flexible and api != "ApiVersions":
            assert reader.varint() == 0
        values = response.decode(reader)
        assert reader.at == len(answer), f"{len(answer) - reader.at} bytes are left over"
        return values

    def has_answer(self, seconds):
        """Whether an answer, or the end of the connection, arrives within this time."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def close(self):
        """Forget the connection; the next request makes a new one."""
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.waiting.clear()

    def receive(self):
        def exactly(count):
            data = b""
            while len(data) < count:
                part = self.socket.recv(count - len(data))
                if not part:
                    return None
                data += part
            return data

        try:
            head = exactly(4)
            return head and exactly(struct.unpack(">i", head)[0])
        except ConnectionError:
            return None
