"""Members by the program of tests/group-load: a thousand of one group, or of thousands of groups.

    python3 load.py --endpoint HOST:PORT [option of the program]...
    python3 load.py --program PATH [--runtime NAME] [--shards N] [option of the program]...
"""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(TESTS / "system"))

from place import arguments, place  # noqa: E402

LOAD = ("--quiet", "--package", "kelpgate-group-load")


def main():
    options, more = arguments(__doc__).parse_known_args()
    subprocess.run(["cargo", "build", *LOAD], cwd=TESTS, check=True)
    with place(options) as (bootstrap, server):
        pid = ("--server-pid", str(server.process.pid)) if server else ()
        sys.exit(subprocess.run(["cargo", "run", *LOAD, "--", "--endpoint", bootstrap, *pid, *more], cwd=TESTS).returncode)


if __name__ == "__main__":
    main()
