"""An Apache Kafka of one node, broker and controller in one process, from a folder of its jars."""
import base64
import socket
import subprocess
import time
import uuid
from pathlib import Path

PATIENCE = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class KafkaServer:
    """A new cluster on loopback; `settings` are lines of its server.properties."""

    def __init__(self, libs, folder, settings):
        self.libs, self.folder = libs, Path(folder)
        self.folder.mkdir(parents=True)
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.properties = self.folder / "server.properties"
        self.properties.write_text("\n".join((
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://{self.address}",
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            f"log.dirs={self.folder / 'data'}",
            "offsets.topic.replication.factor=1",
            "auto.create.topics.enable=false",
            *settings, "")))
        self.log = open(self.folder / "kafka.log", "ab")
        self.process = None

    def command(self, main, *arguments):
        return ["java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp", f"{self.libs}/*", main, *arguments]

    def start(self):
        """Start it and wait until it listens."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        subprocess.run(self.command("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.properties)), check=True,
                       stdout=self.log, stderr=self.log, timeout=PATIENCE)
        self.process = subprocess.Popen(self.command("kafka.Kafka", str(self.properties)), stdout=self.log, stderr=self.log)
        host, port = self.address.split(":")
        limit = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < limit:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"Kafka did not start: {(self.folder / 'kafka.log').read_text()[-2000:]}")

    def close(self):
        """End it and wait for that."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        self.log.close()
