"""What fifty sign-ins at once do to public search: its 99th percentile while they are hashed, beside that of an idle service."""

import http.client
import json
import threading
import time

import data
from system import PASSWORD, wrk

AT_ONCE = 50


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


def measure(service, rounds, seconds):
    """By round: the 99th percentile of search in milliseconds idle and under sign-ins, requests a second of both, sign-ins a second."""
    paths = [path for kind in zip(*data.searches().values()) for path in kind]
    names = accounts(service, "331002")
    found = []
    for turn in range(rounds):
        # Few connections, as parents come: an overloaded search would measure its own queue and not the sign-ins.
        idle_rate, idle_p99 = wrk(service.port, paths, seconds, connections=2)
        stop, counts = threading.Event(), {True: 0, False: 0}
        threads = [threading.Thread(target=keep_signing_in, args=(service.port, name, stop, counts)) for name in names]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        before = counts[True]
        busy_rate, busy_p99 = wrk(service.port, paths, seconds, connections=2)
        rate = (counts[True] - before) / (time.monotonic() - began)
        stop.set()
        for thread in threads:
            thread.join()
        if counts[False]:
            raise SystemExit(f"bench: {counts[False]} sign-ins were refused")
        found.append((idle_p99, busy_p99, idle_rate, busy_rate, rate))
        print(f"  sign-in, round {turn + 1}: p99 {idle_p99:.2f} ms idle, {busy_p99:.2f} ms under {AT_ONCE} sign-ins at once"
              f" ({busy_p99 / idle_p99:.2f}×), {rate:.1f} sign-ins/s", flush=True)
    return found
