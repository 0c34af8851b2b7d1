"""Runs the steps of a test run, counts what they did, and says so."""

import json
import os
import re
import signal
import subprocess
import time

TAIL = 40


def by_exit_code(code, _):
    """A step that is one check."""
    return (1, 0) if code == 0 else (0, 1)


def by_check_lines(code, output):
    """A program that prints one JSON line per check."""
    checks = [json.loads(line) for line in output.splitlines() if line.startswith("{") and '"check"' in line]
    for check in checks:
        if not check["ok"]:
            print(f"    failed: {check['check']}: {check['detail'][:300]}", flush=True)
    failed = sum(not check["ok"] for check in checks)
    unexplained = not checks or (code != 0 and not failed)
    return len(checks) - failed, failed + unexplained


def by_cargo(code, output):
    """`cargo test`: the sums of its result lines."""
    results = re.findall(r"^test result: .*?(\d+) passed; (\d+) failed", output, re.MULTILINE)
    passed, failed = (sum(int(result[part]) for result in results) for part in (0, 1))
    return passed, failed + (code != 0 and not failed) + (not results)


def by_totals(code, output):
    """A program that ends with a line of totals."""
    totals = re.findall(r"^(?:\w+: )?(\d+) passed, (\d+) failed", output, re.MULTILINE)
    passed, failed = map(int, totals[-1]) if totals else (0, 1)
    return passed, failed + (code != 0 and not failed)


def by_seeds(code, output):
    """`kelpgate-sim run`: the first lines of its table."""
    counts = dict(re.findall(r"^(seeds|failed) +(\d+)$", output, re.MULTILINE))
    seeds, failed = int(counts.get("seeds", 0)), int(counts.get("failed", 0))
    return seeds - failed, failed + (code != 0 and not failed) + (not seeds)


def by_hunts(code, output):
    """`kelpgate-sim mutants`: how many bugs of how many it has found."""
    found = re.findall(r"^(\d+) of (\d+) bugs are found", output, re.MULTILINE)
    found, bugs = map(int, found[-1]) if found else (0, 1)
    return found, bugs - found + (code != 0 and found == bugs)


class Report:
    """The totals of a run, and a log per step."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.passed = self.failed = 0
        self.began = time.monotonic()

    def note(self, name, passed, failed, seconds):
        """Count the outcome of a step and print its line."""
        self.passed += passed
        self.failed += failed
        minutes = (time.monotonic() - self.began) / 60
        mark = "FAILED" if failed else "ok"
        print(f"{minutes:5.1f} min  {mark:6}  {name}: {passed} passed, {failed} failed in {seconds:.0f} s", flush=True)

    def run(self, name, command, limit, count=by_exit_code, **options):
        """Run one step within a limit of seconds; returns what it printed."""
        stem = re.sub(r"[^\w.-]+", "-", name)
        outputs = [self.folder / f"{stem}.log", self.folder / f"{stem}.err"]
        began = time.monotonic()
        with open(outputs[0], "wb") as out, open(outputs[1], "wb") as err:
            try:
                process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                                           start_new_session=True, **options)
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = f"ended after {limit} s"
            except OSError as error:
                err.write(str(error).encode())
                code = "not started"
        printed, errors = (output.read_text(errors="replace") for output in outputs)
        passed, failed = count(code, printed)
        self.note(name, passed, failed, time.monotonic() - began)
        if failed:
            print(f"    exit code {code}; the end of {outputs[0]} and .err:")
            for line in [*printed.splitlines()[-TAIL // 2:], *errors.splitlines()[-TAIL:]]:
                print(f"    | {line[:300]}")
        return printed

    def close(self):
        """Print the totals; returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
