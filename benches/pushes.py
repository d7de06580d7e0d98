"""What a bank's signed pushes take: most entries a second in batches of ten and one by one, and how long a push of ten waits for its
answer while 2,500 entries a second come.

Requests are signed ahead; the accounts take turns, so that no two pushes for one account are under way at once. For the most that
goes in, each of some connections sends the next push as soon as it has the answer to the last. For the wait, pushes are due at an
even pace, whether earlier ones were answered or not, and the time runs from when a push was due: one that has to wait for a free
connection waits all the same.
"""

import asyncio
import statistics
import time

import county

CONNECTIONS = 16
BATCH = 10
# Entries a second at which the wait is measured.
PACE = 2_500
# One push in so many carries a withdrawal that raises a warning.
GRAB_EVERY = 197


def prepared(place, pushes, batch):
    """Pushes signed ahead, the accounts in turn."""
    made = []
    for turn in range(pushes):
        number = turn % county.SCHOOLS
        made.append(place.signed(number, place.entries(number, batch, turn % GRAB_EVERY == GRAB_EVERY - 1)))
    return made


async def answered(reader):
    """Status and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def sender(port, requests, took):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while requests:
        request = requests.pop()
        began = time.monotonic()
        writer.write(request)
        status, body = await answered(reader)
        took.append(time.monotonic() - began)
        if status != 200:
            raise SystemExit(f"bench: a push was answered {status}: {body[:300]!r}")
    writer.close()


async def all_sent(port, requests, connections):
    took = []
    began = time.monotonic()
    await asyncio.gather(*[sender(port, requests, took) for _ in range(connections)])
    return len(took) / (time.monotonic() - began), statistics.quantiles(took, n=100)[98] * 1000, statistics.median(took) * 1000


async def in_turn(port, due, took):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (next_one := await due.get()) is not None:
        at, request = next_one
        writer.write(request)
        status, body = await answered(reader)
        took.append(time.monotonic() - at)
        if status != 200:
            raise SystemExit(f"bench: a push was answered {status}: {body[:300]!r}")
    writer.close()


async def all_due(port, requests, per_second, connections):
    took, due = [], asyncio.Queue()
    senders = [asyncio.create_task(in_turn(port, due, took)) for _ in range(connections)]
    at = time.monotonic() + 0.1
    while requests:
        await asyncio.sleep(max(0, at - time.monotonic()))
        due.put_nowait((at, requests.pop()))
        at += 1 / per_second
    for _ in senders:
        due.put_nowait(None)
    await asyncio.gather(*senders)
    return statistics.quantiles(took, n=100)[98] * 1000, statistics.median(took) * 1000


def paced(place, seconds):
    """99th percentile and median in milliseconds of pushes of ten that are due at an even pace."""
    requests = prepared(place, PACE * seconds // BATCH, BATCH)[::-1]
    count, before = len(requests), stored(place)
    late, middle = asyncio.run(all_due(place.service.port, requests, PACE / BATCH, CONNECTIONS))
    if stored(place) - before != count * BATCH:
        raise SystemExit(f"bench: {stored(place) - before} of {count * BATCH} pushed entries are in the books")
    return late, middle


def load(place, pushes, batch, connections=CONNECTIONS):
    """Entries a second, 99th percentile and median in milliseconds."""
    requests = prepared(place, pushes, batch)[::-1]
    before = stored(place)
    rate, p99, middle = asyncio.run(all_sent(place.service.port, requests, connections))
    if stored(place) - before != pushes * batch:
        raise SystemExit(f"bench: {stored(place) - before} of {pushes * batch} pushed entries are in the books")
    return rate * batch, p99, middle


def stored(place):
    return int(place.service.sql("SELECT sum(entry_count) FROM escrow_accounts")[0])


def measure(place, rounds, seconds):
    """By round: entries a second, 99th percentile and median by tens and one by one, as fast as it goes; then percentile and median at
    an even pace."""
    found = []
    # Warms pools and plans, and tells how many pushes a round takes.
    speed = load(place, 200, BATCH)[0] / BATCH
    for turn in range(rounds):
        tens = load(place, max(int(speed * seconds), 200), BATCH)
        ones = load(place, max(int(speed * seconds), 200), 1)
        even = paced(place, seconds)
        found.append((tens, ones, even))
        print(f"  pushes, round {turn + 1}: {tens[0]:.0f} entries/s by tens, p50 {tens[2]:.1f} p99 {tens[1]:.1f} ms;"
              f" {ones[0]:.0f}/s one by one, p50 {ones[2]:.1f} p99 {ones[1]:.1f} ms;"
              f" at {PACE:,} entries/s p50 {even[1]:.1f} p99 {even[0]:.1f} ms", flush=True)
    return found
