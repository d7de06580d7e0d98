"""What fifty sign-ins at once do to public search: its 99th percentile while they are hashed, beside that of an idle service."""

import http.client
import json
import multiprocessing
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import data
from system import PASSWORD

AT_ONCE = 50
# Searches a second: a busy evening, and a small part of what two cores can answer.
PER_SECOND = 200


def accounts(service, region):
    """Names of accounts that sign in by password alone; one each, so that none waits for another's row."""
    made = []
    for number in range(AT_ONCE):
        name = f"bench.sign.in.{number}.{time.time_ns()}"
        service.run("user", "add", "--role", "approver", "--region", region, "--password-stdin", "--second-factor", "off", name,
                    stdin=PASSWORD + "\n")
        made.append(name)
    return made


def sign_in(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("POST", "/api/v1/auth/login", json.dumps({"username": name, "password": PASSWORD}),
                       {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def keep_signing_in(port, name, stop, counts):
    """One of fifty who signs in again as soon as they are in; refusals are counted apart."""
    while not stop.is_set():
        counts[sign_in(port, name) == 200] += 1


def paced(port, paths, seconds):
    """The 99th percentile in milliseconds of requests that come one after another at an even pace, as from parents; a load that takes
    all the cores there are would measure its own queue. In a process of its own, so that the sign-ins' threads do not delay it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
        return process.submit(pace, port, paths, seconds).result()


def pace(port, paths, seconds):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    took, due = [], time.monotonic()
    for number in range(PER_SECOND * seconds):
        due += 1 / PER_SECOND
        time.sleep(max(0, due - time.monotonic()))
        began = time.monotonic()
        connection.request("GET", paths[number % len(paths)])
        connection.getresponse().read()
        took.append((time.monotonic() - began) * 1000)
    return statistics.quantiles(took, n=100)[98]


def measure(service, rounds, seconds):
    """By round: the 99th percentile of search in milliseconds idle and under sign-ins, and sign-ins a second."""
    paths = [path for kind in zip(*data.searches().values()) for path in kind]
    names = accounts(service, "331002")
    found = []
    paced(service.port, paths, 2)
    for turn in range(rounds):
        idle = paced(service.port, paths, seconds)
        stop, counts = threading.Event(), {True: 0, False: 0}
        threads = [threading.Thread(target=keep_signing_in, args=(service.port, name, stop, counts)) for name in names]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        began, before = time.monotonic(), counts[True]
        busy = paced(service.port, paths, seconds)
        rate = (counts[True] - before) / (time.monotonic() - began)
        stop.set()
        for thread in threads:
            thread.join()
        if counts[False]:
            raise SystemExit(f"bench: {counts[False]} sign-ins were refused")
        found.append((idle, busy, rate))
        print(f"  sign-in, round {turn + 1}: p99 {idle:.2f} ms idle, {busy:.2f} ms under {AT_ONCE} sign-ins at once"
              f" ({busy / idle:.2f}×), {rate:.1f} sign-ins/s", flush=True)
    return found
