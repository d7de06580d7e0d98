"""Measures the service beside its peers and limits, and writes docs/performance.md. Started by script/bench."""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import measure
import pages
import replay
import report
import signin
from system import Service


def tokens():
    """Access tokens checked in a second on one core, by kind."""
    done = subprocess.run(["cargo", "bench", "--locked", "--quiet", "--bench", "tokens", "--", "--bench"], cwd=report.ROOT,
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each contender")
    parser.add_argument("--seconds", type=int, default=8, help="seconds of load a round")
    parser.add_argument("--data", help="data folder to keep, so that the next run finds the register there")
    parser.add_argument("--only", choices=["search", "ingest", "pages", "signin", "tokens", "replay"], help="one measurement; nothing is written")
    args = parser.parse_args()
    only = args.only
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mingjian-bench-files-"))
    found = report.Found(rounds=args.rounds, seconds=args.seconds)
    if only in (None, "tokens"):
        print("bench: access tokens", flush=True)
        # Before anything else runs: it is about one core alone.
        found.tokens = tokens()
    if only == "tokens":
        return print(report.text(found))
    service = Service(args.data)
    try:
        print("bench: the register", flush=True)
        found.schools = measure.load_register(service, folder)
        # A fresh process, so that the import leaves no trace in its memory.
        service.restart()
        found.idle_mb = measure.idle_memory(service)
        headers = service.sign_in("finance_officer", "331002")
        if only in (None, "search"):
            print("bench: public search", flush=True)
            found.search = measure.search(service, args.rounds, args.seconds)
        if only in (None, "ingest"):
            print("bench: statement ingest", flush=True)
            found.ingest = measure.ingest(service, folder, headers, args.rounds, [100_000, 1_000_000])
        if only in (None, "replay"):
            print("bench: a back-test of a county's year", flush=True)
            found.replay = replay.measure(service, folder, args.rounds)
        if only in (None, "signin"):
            print("bench: sign-ins at once", flush=True)
            found.signin = signin.measure(service, args.rounds, args.seconds)
        if only in (None, "pages"):
            print("bench: officers' pages", flush=True)
            found.pages = pages.measure(service)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if only is None:
        report.write(found)
    else:
        print(report.text(found))


main()
