"""Apache Kafka's command-line tools, each run as its script would run it."""

import subprocess

TOOLS = "org.apache.kafka.tools."


class Tools:
    """The tools of one folder of jars, against one server."""

    def __init__(self, libs, bootstrap):
        self.libs, self.bootstrap = libs, bootstrap

    def command(self, name, *arguments):
        """The command line of a tool, named by its class."""
        return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{self.libs}/*",
                name if name.startswith("kafka.") else TOOLS + name, *arguments, "--bootstrap-server", self.bootstrap]

    def run(self, name, *arguments, stdin="", fails=False):
        """Run one tool and return what it prints to standard output."""
        done = subprocess.run(self.command(name, *arguments), input=stdin, capture_output=True, text=True, timeout=90)
        assert (done.returncode != 0) == fails, f"{name}: exit {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}"
        return done.stdout + (done.stderr if fails else "")
