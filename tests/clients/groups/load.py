"""A thousand members of one group, by the program of tests/group-load.

    python3 thousand.py --endpoint HOST:PORT
    python3 thousand.py --program PATH [--runtime NAME] [--shards N]
"""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(TESTS / "system"))

from place import arguments, place  # noqa: E402

LOAD = ("--quiet", "--package", "kelpgate-group-load")


def main():
    options = arguments(__doc__).parse_args()
    subprocess.run(["cargo", "build", *LOAD], cwd=TESTS, check=True)
    with place(options) as (bootstrap, server):
        pid = ("--server-pid", str(server.process.pid)) if server else ()
        sys.exit(subprocess.run(["cargo", "run", *LOAD, "--", "--endpoint", bootstrap, *pid], cwd=TESTS).returncode)


if __name__ == "__main__":
    main()
