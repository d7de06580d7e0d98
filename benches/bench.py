"""Measures the service beside its peers and limits, and writes docs/performance.md. Started by script/bench."""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import county
import forecast
import grow
import live
import measure
import memory
import pages
import pushes
import replay
import report
import signin
from system import Service


# What is measured in a county of its own.
WATCHED = ("pushes", "live", "grow", "memory")


def tokens():
    """Access tokens checked in a second on one core, by kind."""
    done = subprocess.run(["cargo", "bench", "--locked", "--quiet", "--bench", "tokens", "--", "--bench"], cwd=report.ROOT,
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def watched(only, args, folder, found):
    """The escrow watch in a county of its own: signed pushes, the open page, growth, and the largest file."""
    service = Service()
    try:
        print("bench: a county with a year of statements", flush=True)
        place = county.County(service, folder)
        # A fresh process, so that the year leaves no trace in its memory.
        service.restart()
        if only in (None, "pushes"):
            print("bench: signed pushes", flush=True)
            found.pushes = pushes.measure(place, args.rounds, args.seconds)
        if only in (None, "live"):
            print("bench: the open watch page", flush=True)
            found.live = live.measure(place, args.rounds, 25)
        if only == "grow":
            print("bench: growth", flush=True)
            found.growth = grow.measure(place, args.rounds, 1_000)
        if only in (None, "memory"):
            print("bench: the largest statement", flush=True)
            found.memory = memory.take(service, folder, place.ids[0], county.account_no(0), place.finance)
    finally:
        service.stop()


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each contender")
    parser.add_argument("--seconds", type=int, default=8, help="seconds of load a round")
    parser.add_argument("--data", help="data folder to keep, so that the next run finds the register there")
    parser.add_argument("--only", choices=["search", "ingest", "pages", "signin", "tokens", "replay", "forecast", *WATCHED],
                        help="one measurement; nothing is written. Growth (20,000,000 entries) is measured only by name")
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
    if only is None or only in WATCHED:
        watched(only, args, folder, found)
    if only in WATCHED:
        shutil.rmtree(folder, ignore_errors=True)
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
        if only in (None, "forecast"):
            print("bench: the night's forecast", flush=True)
            found.forecast = forecast.measure(service, args.rounds)
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
