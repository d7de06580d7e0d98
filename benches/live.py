"""How soon a warning stands on an open watch page while entries come in: what the page's stream of events says, timed from the moment
at which the bank began to send the push that raises it."""

import asyncio
import statistics
import time

import county
import pushes

PER_SECOND = 500
# A push in so many carries what raises a warning of a school that had none.
GRAB_EVERY = 25


async def watch(place, waiting, seen, ready):
    """Reads the page's events and notes when each school that is waited for is first named."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.service.port)
    writer.write(f"GET /b/escrow/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {place.finance['authorization']}\r\n\r\n".encode())
    event = b""
    while True:
        event += await reader.read(1 << 16)
        if b"event: warnings" in event:
            ready.set()
        if not event.endswith((b"\n\n\r\n", b"\n\n")):
            continue
        for name in [name for name in waiting if name in event]:
            seen[name] = time.monotonic() - waiting.pop(name)
        event = b""


async def one(place, request, took):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.service.port)
    began = time.monotonic()
    writer.write(request)
    status, body = await pushes.answered(reader)
    took.append(time.monotonic() - began)
    writer.close()
    if status != 200:
        raise SystemExit(f"bench: a push was answered {status}: {body[:300]!r}")


async def run(place, seconds, first):
    """Delays in milliseconds of the warnings raised within so many seconds."""
    names = [name.encode() for name in place.names()]
    count = PER_SECOND * seconds // pushes.BATCH
    work = []
    for turn in range(count):
        grab = turn % GRAB_EVERY == GRAB_EVERY // 2
        number = first + turn // GRAB_EVERY if grab else (turn * 7) % county.SCHOOLS
        work.append((number if grab else None, place.signed(number, place.entries(number, pushes.BATCH, grab))))
    waiting, seen, took, ready = {}, {}, [], asyncio.Event()
    page = asyncio.create_task(watch(place, waiting, seen, ready))
    await ready.wait()
    tasks, due = [], time.monotonic()
    for number, request in work:
        due += pushes.BATCH / PER_SECOND
        await asyncio.sleep(max(0, due - time.monotonic()))
        if number is not None:
            waiting[names[number]] = time.monotonic()
        tasks.append(asyncio.create_task(one(place, request, took)))
    await asyncio.gather(*tasks)
    for _ in range(100):
        if not waiting:
            break
        await asyncio.sleep(0.1)
    page.cancel()
    if waiting:
        raise SystemExit(f"bench: {len(waiting)} warnings were never shown")
    return [delay * 1000 for delay in seen.values()]


def measure(place, rounds, seconds):
    """By round: median, 99th percentile and greatest delay in milliseconds, and how many warnings."""
    found, first = [], 0
    # Schools that were warned of already say nothing new.
    place.service.sql("DELETE FROM warning_actions; DELETE FROM warnings")
    for turn in range(rounds):
        delays = asyncio.run(run(place, seconds, first))
        first += len(delays)
        p99 = statistics.quantiles(delays, n=100, method="inclusive")[98]
        found.append((statistics.median(delays), p99, max(delays), len(delays)))
        print(f"  watch page, round {turn + 1}: {len(delays)} warnings shown after p50 {found[-1][0]:.0f}, p99 {p99:.0f} ms", flush=True)
    return found
