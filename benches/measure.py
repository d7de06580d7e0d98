"""The three measurements: public search beside its peers, statement ingest beside COPY, and what officers' pages read."""

import http.client
import json
import mmap
import re
import subprocess
import time

import data
from system import ROOT, Server, free_port, pgbench, postgres_program, wrk

PEERS = ROOT / "target/peers"


def load_register(service, folder):
    """Enters the register through the product's own import, then lists nine in ten schools as a bureau would."""
    count = lambda: int(service.sql("SELECT count(*) FROM public_institutions")[0])
    if count() == data.SCHOOLS:
        return data.SCHOOLS
    for region, path in data.registers(folder):
        service.run("import", "institutions", path, "--region", region)
    # Four eyes for 200,000 listings would take an hour, so what the decisions would publish is written as it would stand;
    # the index of tokens is made anew afterwards, because to change every row under it takes minutes.
    [tokens] = service.sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'public_institutions_tokens'")
    service.sql(
        "DROP INDEX public_institutions_tokens;"
        "UPDATE public_institutions SET rank = 0, card = replace(card, '\"list_status\":\"none\",\"list_since\":null',"
        " '\"list_status\":\"white\",\"list_since\":\"2026-01-05\"') WHERE institution_id % 10 <> 0;"
        f"SET ROLE mingjian_owner; {tokens}; RESET ROLE; VACUUM (FULL, ANALYZE) public_institutions; VACUUM ANALYZE; CHECKPOINT"
    )
    return count()


def idle_memory(service):
    """Resident megabytes of a service that has answered some searches and rests."""
    for _ in range(40):
        service.get("/api/v1/public/institutions")
    time.sleep(3)
    return service.resident_mb()


def peers(service):
    """The rivals, with as many processes as serve them best on two cores."""
    env = {"PGHOST": service.sockets}
    path, found = "/api/v1/public/institutions", {}
    port = free_port()
    found["Django + DRF"] = Server(
        [PEERS / "django/bin/gunicorn", "-w", "3", "-b", f"127.0.0.1:{port}", "--log-level", "error", "app:application"],
        path, port, ROOT / "benches/peers/django", env,
    )
    port = free_port()
    found["FastAPI + asyncpg"] = Server(
        [PEERS / "fastapi/bin/uvicorn", "--workers", "2", "--port", str(port), "--no-access-log", "--log-level", "error", "app:app"],
        path, port, ROOT / "benches/peers/fastapi", env,
    )
    return found


def statements_sent(service, paths):
    """The statement and values that the handler sends for each path, as PostgreSQL logs them."""
    # The sample of common terms is taken by a worker's first search and belongs to none.
    warm = lambda: [service.get(paths[0]) for _ in range(20)]
    log = service.logged("mingjian_public", ["log_statement = 'all'"],
                         lambda: [warm(), *[service.get(path) for path in paths]])
    found = []
    for match in re.finditer(r"execute [^:]*: (SELECT card.*)\n.*?parameters: (.*)", log):
        values = re.findall(r"\$\d+ = '((?:[^']|'')*)'", match[2])
        found.append((match[1], [value.replace("''", "'") for value in values]))
    if len(found) < len(paths):
        raise SystemExit(f"bench: {len(found)} statements were logged for {len(paths)} searches")
    return found[-len(paths):]


def same_answers(service, rivals, paths):
    """Every path must give twenty schools, and the same ones everywhere."""
    for path in paths:
        status, body = service.get(path)
        answer = json.loads(body)
        if status != 200 or len(answer["items"]) != 20:
            raise SystemExit(f"bench: {path} gives {status} with {len(answer.get('items', []))} schools")
        for name, rival in rivals.items():
            variants = [path] + ([path.replace("/api/v1/public/institutions", "/passed-on")] if "FastAPI" in name else [])
            for variant in variants:
                if json.loads(rival.get(variant)[1]) != answer:
                    raise SystemExit(f"bench: {name} answers {variant} differently")


def search(service, rounds, seconds):
    """Requests a second by contender and round, and the 99th percentile of ours and the rivals'."""
    paths = [path for kind in zip(*data.searches().values()) for path in kind]
    # First, because it cuts the connections of the role that the peers use too.
    statements = statements_sent(service, paths)
    rivals = peers(service)
    try:
        same_answers(service, rivals, paths)
        passed_on = [path.replace("/api/v1/public/institutions", "/passed-on") for path in paths]
        contenders = {
            "mingjian": lambda: wrk(service.port, paths, seconds),
            "pgbench": lambda: (pgbench(service, statements, seconds), None),
            "FastAPI + asyncpg": lambda: wrk(rivals["FastAPI + asyncpg"].port, paths, seconds),
            "FastAPI, text passed on": lambda: wrk(rivals["FastAPI + asyncpg"].port, passed_on, seconds),
            "Django + DRF": lambda: wrk(rivals["Django + DRF"].port, paths, seconds),
        }
        for run in contenders.values():
            run()
        results = {name: [] for name in contenders}
        for turn in range(rounds):
            names = list(contenders)
            # Each round begins with another contender, so that none always follows the same one.
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                results[name].append(contenders[name]())
                print(f"  search, round {turn + 1}: {name} {results[name][-1][0]:.0f}/s", flush=True)
        return results
    finally:
        for rival in rivals.values():
            rival.stop()


def upload(service, account_id, account_no, body, around, headers):
    """Sends a statement file by HTTP; the answer and the seconds from the first byte sent to the last received."""
    head, foot = around(account_no)
    name = f"2025{body.suffix}".encode()
    start = b'--mj\r\ncontent-disposition: form-data; name="file"; filename="' + name + b'"\r\ncontent-type: application/octet-stream\r\n\r\n' + head
    end = foot + b"\r\n--mj--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    with open(body, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as entries:
        began = time.monotonic()
        connection.putrequest("POST", f"/api/v1/escrow/accounts/{account_id}/statements")
        for name, value in {**headers, "content-type": "multipart/form-data; boundary=mj",
                            "content-length": str(len(start) + len(entries) + len(end))}.items():
            connection.putheader(name, value)
        connection.endheaders(start)
        connection.send(entries)
        connection.send(end)
        answer = connection.getresponse()
        text = answer.read()
        took = time.monotonic() - began
    if answer.status != 200:
        raise SystemExit(f"bench: the statement was answered {answer.status}: {text[:400]!r}")
    return json.loads(text), took


def emptied(service):
    """No entries, statements or warnings, as before the first statement; partitions stay."""
    service.sql(
        "TRUNCATE entries, statements, warnings, warning_actions CASCADE; DELETE FROM outbox; "
        "UPDATE escrow_accounts SET opening_fen = NULL, opening_on = NULL, balance_fen = 0, entry_count = 0,"
        " last_booked_at = NULL, statement_on = NULL, detector = NULL WHERE entry_count > 0; CHECKPOINT"
    )


def copied(service, path):
    """Seconds that the owner takes to COPY the same rows into the same table and keys."""
    # Even the owner is under row-level security here, and COPY refuses such tables.
    service.sql("ALTER TABLE entries NO FORCE ROW LEVEL SECURITY", "mingjian_owner")
    command = [postgres_program("psql"), "-Xq", "-h", service.sockets, "-U", "mingjian_owner", "-d", "mingjian",
               "-c", "COPY entries FROM STDIN (FORMAT binary)"]
    with open(path, "rb") as rows:
        began = time.monotonic()
        subprocess.run(command, stdin=rows, check=True)
        took = time.monotonic() - began
    service.sql("ALTER TABLE entries FORCE ROW LEVEL SECURITY", "mingjian_owner")
    return took


def ingest(service, folder, headers, rounds, sizes):
    """Seconds by size and way, round by round."""
    account_id, account_no = service.sql(
        "SELECT id || '|' || account_no FROM escrow_accounts WHERE tenant_id = 331002 ORDER BY id LIMIT 1")[0].split("|")
    results = {}
    ready = []
    for size in sizes:
        body, around = data.statement(folder, size)
        rows = folder / f"rows-{size}.copy"
        emptied(service)
        answer, _ = upload(service, account_id, account_no, body, around, headers)
        if answer["inserted"] != size or not answer["warnings"]:
            raise SystemExit(f"bench: the statement of {size} entries was answered {answer}")
        service.sql(f"\\copy (SELECT * FROM entries) TO '{rows}' (FORMAT binary)")
        ready.append((size, body, around, rows))
    for turn in range(rounds):
        for size, body, around, rows in ready:
            ways = [
                ("mingjian", lambda: upload(service, account_id, account_no, body, around, headers)[1]),
                ("COPY", lambda: copied(service, rows)),
            ]
            for name, run in ways if turn % 2 == 0 else ways[::-1]:
                emptied(service)
                took = run()
                count = int(service.sql("SELECT count(*) FROM entries")[0])
                if count != size:
                    raise SystemExit(f"bench: {name} left {count} entries of {size}")
                results.setdefault((size, name), []).append(took)
                print(f"  ingest, round {turn + 1}: {size} by {name} {took:.2f} s", flush=True)
    return results
