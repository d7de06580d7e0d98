"""What a bank's signed pushes take: entries a second and the 99th percentile, in batches of ten and one by one.

Requests are signed ahead. Each of some connections sends the next one as soon as it has the answer to the last, as a bank's
sender does; the accounts take turns, so that no two pushes for one account are under way at once.
"""

import asyncio
import statistics
import time

import county

CONNECTIONS = 16
BATCH = 10
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
    """By round and batch: entries a second, 99th percentile, median."""
    found = []
    # Warms pools and plans, and tells how many pushes a round takes.
    speed = load(place, 200, BATCH)[0] / BATCH
    for turn in range(rounds):
        tens = load(place, max(int(speed * seconds), 200), BATCH)
        ones = load(place, max(int(speed * seconds), 200), 1)
        found.append((tens, ones))
        print(f"  pushes, round {turn + 1}: {tens[0]:.0f} entries/s by tens, p50 {tens[2]:.1f} p99 {tens[1]:.1f} ms;"
              f" {ones[0]:.0f}/s one by one, p50 {ones[2]:.1f} p99 {ones[1]:.1f} ms", flush=True)
    return found
