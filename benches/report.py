"""docs/performance.md from what was measured."""

import statistics
from dataclasses import dataclass, field

import forecast
import live
import pages
import pushes
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
    forecast: tuple = ()
    tokens: dict = field(default_factory=dict)
    pushes: list = field(default_factory=list)
    live: list = field(default_factory=list)
    growth: tuple = ()
    memory: tuple = ()


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
            met = statistics.median(values) >= 0.4 if size == large else None
            rows.append((f"ingest ÷ COPY, {size:,} entries", "≥ 0.4" if size == large else "none", values, met))
        values = [big / large / (little / small)
                  for big, little in zip(found.ingest[large, "mingjian"], found.ingest[small, "mingjian"])]
        rows.append((f"cost of an entry at {large:,} ÷ at {small:,}", "≤ 1.3", values, statistics.median(values) <= 1.3))
    if found.replay:
        rows.append(replay.row(found.replay))
    if found.forecast:
        rows.append(forecast.row(found.forecast))
    if found.signin:
        values = [busy / idle for idle, busy, *_ in found.signin]
        name = f"99th percentile of search under {signin.AT_ONCE} sign-ins at once ÷ idle"
        rows.append((name, "≤ 2", values, statistics.median(values) <= 2))
    if found.tokens:
        for name, kind, target in (("never seen", "unseen", 15_000), ("seen before", "seen", 50_000)):
            rates = found.tokens[f"{kind}_per_second"]
            values = [rates[part] / target for part in ("min", "median", "max")]
            rows.append((f"access tokens a second and core, {name} ÷ {target:,}", "≥ 1", values, rates["median"] >= target))
    rows += watched(found)
    return rows


def watched(found):
    """The same of pushes, the open watch page, and what grows."""
    rows = []
    if found.pushes:
        rates = [tens[0] for tens, _, _ in found.pushes]
        late = [even[0] for _, _, even in found.pushes]
        rows.append(("pushed entries a second, by tens ÷ 2,500", "≥ 1", [rate / 2_500 for rate in rates],
                     statistics.median(rates) >= 2_500))
        rows.append((f"99th percentile of a push of ten at {pushes.PACE:,} entries/s ÷ 50 ms", "< 1", [p99 / 50 for p99 in late], statistics.median(late) < 50))
    if found.live:
        late = [p99 for _, p99, *_ in found.live]
        rows.append((f"99th percentile until a warning is on an open page at {live.PER_SECOND} entries/s ÷ 1 s", "≤ 1",
                     [p99 / 1000 for p99 in late], statistics.median(late) <= 1000))
    if found.growth:
        (few, before), (many, after) = found.growth
        values = [early / late for early, late in zip(before, after)]
        rows.append((f"cost of a pushed entry with {many:,} stored ÷ with {few:,}", "≤ 1.3", values,
                     statistics.median(before) / statistics.median(after) <= 1.3))
    return rows


def pushed(found):
    """Tables of pushes and of the open watch page."""
    lines = []
    if found.pushes:
        lines += ["", "| pushes | entries a second | median, ms | 99th percentile, ms |", "|---|---|---|---|"]
        for at, name in enumerate(("ten entries each", "one entry each")):
            rates, late, middle = zip(*[both[at] for both in found.pushes])
            lines.append(f"| {name}, as fast as it goes | {spread(rates, 0)} | {spread(middle, 1)} | {spread(late, 1)} |")
        late, middle = zip(*[even for _, _, even in found.pushes])
        lines.append(f"| ten entries each, at an even pace | {pushes.PACE} | {spread(middle, 1)} | {spread(late, 1)} |")
    if found.live:
        middle, late, most, counts = zip(*found.live)
        lines += ["", "| open watch page | warnings | median, ms | 99th percentile, ms | at most, ms |", "|---|---|---|---|---|",
                  f"| {live.PER_SECOND} entries a second | {sum(counts)} | {spread(middle, 0)} | {spread(late, 0)} | {max(most):.0f} |"]
    if found.growth:
        lines += ["", "| entries stored | pushed entries a second, by tens |", "|---|---|"]
        lines += [f"| {stored:,} | {spread(rates, 0)} |" for stored, rates in found.growth]
    return lines


def text(found):
    lines = ["| ratio of speeds | target | min – median – max | |", "|---|---|---|---|"]
    for name, target, values, met in ratios(found):
        lines.append(f"| {name} | {target} | {spread(values)} | {'' if met is None else verdict(met)} |")
    if found.idle_mb:
        lines.append(f"| resident memory at rest, MB | < 60 | {found.idle_mb:.0f} | {verdict(found.idle_mb < 60)} |")
    for kind, size, count, _, peak, _ in found.memory:
        name = f"most resident memory while a {kind} file of {size / 1e9:.2f} GB ({count:,} entries) is taken in, MB"
        lines.append(f"| {name} | < 200 | {peak:.0f} | {verdict(peak < 200)} |")
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
    return "\n".join(lines + pushed(found))


def write(found):
    told = (ROOT / "benches/performance.md.in").read_text(encoding="utf-8")
    tables = text(found).split("\n\n")
    for place, table in zip(("ratios", "search", "ingest", "pages", "pushes", "live"), tables):
        told = told.replace(f"{{{place}}}", table)
    for name, value in {"rounds": found.rounds, "seconds": found.seconds, "schools": f"{found.schools:,}",
                        "entries": f"{pages.ENTRIES:,}", "blocks": f"{pages.BLOCKS:,}"}.items():
        told = told.replace(f"{{{name}}}", str(value))
    (ROOT / "docs/performance.md").write_text(told, encoding="utf-8")
    print(f"bench: written to docs/performance.md\n{tables[0]}")
