"""Where the checks of groups run: on a server that runs already, or on one of their own."""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from server import Server

# The members ask for a session of 6 s themselves; in the new protocol the server says.
SETTINGS = ("group.consumer.min.session.timeout.ms=6000", "group.consumer.session.timeout.ms=6000",
            "group.consumer.min.heartbeat.interval.ms=500", "group.consumer.heartbeat.interval.ms=500")


def arguments(description):
    """A parser of the options that say where."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", metavar="HOST:PORT")
    where.add_argument("--program", metavar="PATH")
    parser.add_argument("--runtime", default="mio")
    parser.add_argument("--shards", type=int, default=1)
    return parser


@contextlib.contextmanager
def place(options):
    """The address of the server and, if it is our own and may be killed, the server."""
    if options.endpoint:
        yield options.endpoint, None
        return
    with tempfile.TemporaryDirectory(prefix="kelpgate-") as folder:
        server = Server(options.program, Path(folder) / "data", options.runtime, options.shards, SETTINGS, Path(folder) / "server.log")
        try:
            server.start()
            yield server.bootstrap, server
        finally:
            print(f"--- the server's log ends:\n{server.words()}", file=sys.stderr)
            server.close()
