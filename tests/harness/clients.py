"""The real clients: how each is installed from its package registry, and how its checks are run."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CLIENTS = Path(__file__).parent.parent / "clients"
JAVA = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
KAFKA_TOOLS = "4.3.1"
# Options of tests/group-load.
TEN_THOUSAND = ("--groups", 10_000, "--members", 10_000, "--partitions", 1, "--heartbeat-ms", 3000, "--session-ms", 45_000)


@dataclass(frozen=True)
class Client:
    """A client: `command` comes before the mode of its program (`suite`, `verify` or `member`), `parts` must be installed.

    `ways` are the ways it knows to be a member of a group: an assignor, `static`, `consumer` for the new protocol, or
    `static-consumer` for both;
    `groups` is the program that checks its groups, to which the place is added. Without a `command` that is all it has."""

    name: str
    command: tuple
    parts: tuple
    reads: bool = True
    ways: tuple = ()
    groups: tuple = ()


def all_clients(work):
    """The clients, in an order that deals each family over different servers."""
    python = work / "python/bin/python"
    libs = work / "kafka-tools/libs"

    def grouped(name, command, part, *ways, **options):
        groups = (python, CLIENTS / "groups/suite.py", "--client", name)
        return Client(name, command, tuple(dict.fromkeys((part, "python"))), ways=ways, groups=groups, **options)

    def java(version, *ways):
        command = ("java", *JAVA, "-cp", f"{work}/java-{version}/classes:{work}/java-{version}/libs/*", "Suite")
        return grouped(f"java-{version}", command, f"java-{version}", *ways)

    def in_python(name, *ways):
        return grouped(name, (python, CLIENTS / "python/suite.py", f"with_{name.replace('-', '_')}"), "python", *ways)

    def in_go(name, program, *ways):
        return grouped(name, (work / "go" / program,), "go", *ways)

    return [
        java("4.4.0", "range", "cooperative-sticky", "static", "consumer", "static-consumer"),
        in_python("confluent", "range", "roundrobin", "cooperative-sticky", "static", "consumer", "static-consumer"),
        in_go("franz-go", "franz", "range", "roundrobin", "cooperative-sticky", "static", "consumer"),
        Client("kcat", (python, CLIENTS / "kcat/suite.py"), ("kcat", "python")),
        in_python("kafka-python", "range", "roundrobin", "sticky", "cooperative-sticky", "static"),
        java("3.9.1", "range", "cooperative-sticky", "static", "consumer", "static-consumer"),
        grouped("kafkajs", ("node", work / "kafkajs/suite.mjs"), "kafkajs", "roundrobin", reads=False),
        in_go("sarama", "sarama", "range", "roundrobin", "sticky", "static"),
        in_go("kafka-go", "kafkago", "range", "roundrobin"),
        Client("kafka-tools", (python, CLIENTS / "kafka-tools/suite.py", libs), ("kafka-tools", "python"), reads=False,
               groups=(python, CLIENTS / "kafka-tools/groups.py", "--libs", libs)),
        java("2.8.2", "range", "cooperative-sticky", "static"),
        in_python("aiokafka", "range", "roundrobin", "sticky", "static"),
        Client("thousand-members", (), (), groups=(sys.executable, CLIENTS / "groups/load.py")),
        Client("ten-thousand-groups", (), (), groups=(sys.executable, CLIENTS / "groups/load.py", *TEN_THOUSAND)),
        Client("many-groups", (), ("python",), groups=(python, CLIENTS / "groups/many.py")),
        Client("fast-groups", (), ("python",), groups=(python, CLIENTS / "groups/fast.py", "--client", "confluent")),
        Client("web-interface", (), ("kafka-tools", "python"),
               groups=(python, CLIENTS / "kafka-tools/interface.py", "--libs", libs)),
    ]


def run(*command, **options):
    """Run one command of an installation; it must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr)[-2000:]}")


def maven(pom, version, libs):
    """Copy the jars that a pom asks for."""
    shutil.rmtree(libs, ignore_errors=True)
    run("mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", f"-Dkafka={version}", "-DincludeScope=runtime",
        f"-DoutputDirectory={libs}")


def install_python(place):
    run(sys.executable, "-m", "venv", place)
    run(place / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", CLIENTS / "python/requirements.txt")


def install_java(place):
    version = place.name.removeprefix("java-")
    maven(CLIENTS / "java/pom.xml", version, place / "libs")
    (place / "classes").mkdir(exist_ok=True)
    run("javac", "-Xlint:all,-processing", "-d", place / "classes", "-cp", f"{place}/libs/*",
        *sorted((CLIENTS / "java").glob("*.java")))


def install_kafka_tools(place):
    maven(CLIENTS / "kafka-tools/pom.xml", KAFKA_TOOLS, place / "libs")


def install_go(place):
    run("go", "vet", "./...", cwd=CLIENTS / "go")
    run("go", "build", "-o", f"{place}/", "./...", cwd=CLIENTS / "go")


def install_kafkajs(place):
    for name in ("package.json", "package-lock.json", "suite.mjs", "member.mjs"):
        shutil.copy(CLIENTS / "kafkajs" / name, place)
    run("npm", "ci", "--no-audit", "--no-fund", cwd=place)


def install_kcat(_):
    if not shutil.which("kcat"):
        run("apt-get", "update")
        run("apt-get", "install", "-y", "--no-install-recommends", "kcat")


# Part: (what installs it, the folder whose contents decide whether it must be done anew).
PARTS = {
    "python": (install_python, "python/requirements.txt"),
    "java-4.4.0": (install_java, "java"),
    "java-3.9.1": (install_java, "java"),
    "java-2.8.2": (install_java, "java"),
    "kafka-tools": (install_kafka_tools, "kafka-tools/pom.xml"),
    "go": (install_go, "go"),
    "kafkajs": (install_kafkajs, "kafkajs"),
    "kcat": (install_kcat, "kcat"),
}


def fingerprint(source):
    """A digest of a file, or of the files in a folder."""
    digest = hashlib.sha256()
    for path in [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(CLIENTS)).encode() + path.read_bytes())
    return digest.hexdigest()


def install(part, work):
    """Install one part unless it is there already in this version; raises when that fails."""
    installer, source = PARTS[part]
    place, wanted = work / part, fingerprint(CLIENTS / source)
    stamp = place / ".installed"
    if stamp.exists() and stamp.read_text() == wanted and (part != "kcat" or shutil.which("kcat")):
        return
    place.mkdir(parents=True, exist_ok=True)
    installer(place)
    stamp.write_text(wanted)
