"""docs/performance.md from what was measured."""

import statistics
from dataclasses import dataclass, field

import pages
import replay
import signin
from system import ROOT

TARGETS = {"pgbench": 0.25, "FastAPI + asyncpg": 3.0, "Django + DRF": 9.0}


@dataclass
class Found:
    rounds: int
    seconds: int
    schools: int = 0
    idle_mb: float = 0
    search: dict = field(default_factory=dict)
    ingest: dict = field(default_factory=dict)
    pages: list = field(default_factory=list)
    signin: list = field(default_factory=list)
    replay: tuple = ()
    tokens: dict = field(default_factory=dict)


def spread(values, digits=2):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:.{digits}f} – **{middle:.{digits}f}** – {high:.{digits}f}"


def verdict(met):
    return "met" if met else "**not met**"


def ratios(found):
    """Name, target, ratios of each round, whether the median meets the target."""
    rows = []
    if found.search:
        ours = [rate for rate, _ in found.search["mingjian"]]
        for name, theirs in found.search.items():
            if name != "mingjian":
                values = [mine / rate for mine, (rate, _) in zip(ours, theirs)]
                target = TARGETS.get(name)
                met = statistics.median(values) >= target if target else None
                rows.append((f"search ÷ {name}", f"≥ {target:g}" if target else "none", values, met))
    if found.ingest:
        small, large = sorted({size for size, _ in found.ingest})
        for size in (large, small):
            values = [copy / mine for mine, copy in zip(found.ingest[size, "mingjian"], found.ingest[size, "COPY"])]
            met = statistics.median(values) >= 0.3 if size == large else None
            rows.append((f"ingest ÷ COPY, {size:,} entries", "≥ 0.3" if size == large else "none", values, met))
        values = [big / large / (little / small)
                  for big, little in zip(found.ingest[large, "mingjian"], found.ingest[small, "mingjian"])]
        rows.append((f"cost of an entry at {large:,} ÷ at {small:,}", "≤ 1.3", values, statistics.median(values) <= 1.3))
    if found.replay:
        rows.append(replay.row(found.replay))
    if found.signin:
        values = [busy / idle for idle, busy, *_ in found.signin]
        name = f"99th percentile of search under {signin.AT_ONCE} sign-ins at once ÷ idle"
        rows.append((name, "≤ 2", values, statistics.median(values) <= 2))
    if found.tokens:
        for name, kind, target in (("never seen", "unseen", 15_000), ("seen before", "seen", 50_000)):
            rates = found.tokens[f"{kind}_per_second"]
            values = [rates[part] / target for part in ("min", "median", "max")]
            rows.append((f"access tokens a second and core, {name} ÷ {target:,}", "≥ 1", values, rates["median"] >= target))
    return rows


def text(found):
    lines = ["| ratio of speeds | target | min – median – max | |", "|---|---|---|---|"]
    for name, target, values, met in ratios(found):
        lines.append(f"| {name} | {target} | {spread(values)} | {'' if met is None else verdict(met)} |")
    if found.idle_mb:
        lines.append(f"| resident memory at rest, MB | < 60 | {found.idle_mb:.0f} | {verdict(found.idle_mb < 60)} |")
    if found.search:
        lines += ["", "| public search | requests a second | 99th percentile, ms |", "|---|---|---|"]
        for name, results in found.search.items():
            late = "" if results[0][1] is None else spread([p99 for _, p99 in results], 1)
            lines.append(f"| {name} | {spread([rate for rate, _ in results], 0)} | {late} |")
    if found.ingest:
        lines += ["", "| statement | seconds |", "|---|---|"]
        for (size, name), took in sorted(found.ingest.items()):
            lines.append(f"| {size:,} entries, {name} | {spread(took)} |")
    if found.pages:
        lines += ["", "| reach | page | statements | most blocks of one | ms in PostgreSQL | whole tables read |", "|---|---|---|---|---|---|"]
        for reach, page, count, blocks, milliseconds, whole, _ in found.pages:
            heavy = f"**{blocks:,}**" if blocks > pages.BLOCKS else f"{blocks:,}"
            lines.append(f"| {reach} | {page} | {count} | {heavy} | {milliseconds:.1f} | {', '.join(whole)} |")
    return "\n".join(lines)


def write(found):
    told = (ROOT / "benches/performance.md.in").read_text(encoding="utf-8")
    tables = text(found).split("\n\n")
    for place, table in zip(("ratios", "search", "ingest", "pages"), tables):
        told = told.replace(f"{{{place}}}", table)
    for name, value in {"rounds": found.rounds, "seconds": found.seconds, "schools": f"{found.schools:,}",
                        "entries": f"{pages.ENTRIES:,}", "blocks": f"{pages.BLOCKS:,}"}.items():
        told = told.replace(f"{{{name}}}", str(value))
    (ROOT / "docs/performance.md").write_text(told, encoding="utf-8")
    print(f"bench: written to docs/performance.md\n{tables[0]}")
