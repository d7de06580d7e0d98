"""What a statement of a gigabyte takes in memory: the most that the service's process was resident with while it took the file in."""

import pathlib
import re

import data
import measure

BYTES = 1_000_000_000


def peak_mb(service):
    status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def take(service, folder, account_id, account_no, headers):
    """Of a camt file and of a table: format, size in bytes, entries, peak in megabytes before and after, seconds."""
    return [one(service, account_id, account_no, headers, name, count, make(folder, count))
            for name, count, make in (("camt.053", 1_850_000, data.statement), ("CSV", 1_700_000, data.table))]


def one(service, account_id, account_no, headers, name, count, made):
    body, around = made
    measure.emptied(service)
    service.restart()
    before = peak_mb(service)
    answer, took = measure.upload(service, account_id, account_no, body, around, headers)
    if answer["inserted"] != count or not answer["warnings"]:
        raise SystemExit(f"bench: the statement of {count} entries was answered {answer}")
    size = body.stat().st_size
    body.unlink()
    if size < BYTES:
        raise SystemExit(f"bench: the statement has {size} bytes only")
    found = name, size, count, before, peak_mb(service), took
    print(f"  memory: {name}, {size:,} bytes, {count:,} entries, {before:.0f} MB before, {found[4]:.0f} MB at most, {took:.1f} s", flush=True)
    return found
