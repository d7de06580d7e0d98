//! Which statements hang together, and on what the balance therefore rests.
//!
//! Each statement that names an opening balance makes a claim: so much was in the account before its first entry. With
//! the effect of all known entries before that place taken away, a claim is a *base*, and claims of one base are joined
//! by entries without a gap. From the statement that reaches furthest the run goes back to the earliest of the same
//! base (within a day, to the statement whose closing is the other's opening); what is earlier forms the runs before it
//! in the same way. The account's balance is the opening of the last run and all entries from its first day on. The
//! entries of an earlier run are judged on that run's own opening, and across a break nothing is judged.
//!
//! Pure, and a function of the set of claims and the set of entries: the order of deliveries does not matter. Why it is
//! so: `docs/adr/0005-the-balance-rests-on-the-latest-unbroken-run.md`.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{
    entries::{Extent, NewEntry},
    model::Incoming,
};
use crate::kernel::clock;

/// What a statement with an opening balance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// Its first entry; without entries, the start of a day at which its opening still stood.
    pub at: DateTime<Utc>,
    /// The balance before that.
    pub opening_fen: i64,
    /// The last day that it covers.
    pub last_on: NaiveDate,
    /// The balance after its last entry.
    pub closing_fen: i64,
    /// The effect of its entries of the first day, where that was recorded.
    pub first_day_fen: Option<i64>,
}

impl Claim {
    /// What `statement`, whose entries reach over `extent`, claims; `None` where it names no opening or no day.
    pub fn of(statement: &Incoming, extent: Option<&Extent>) -> Option<Claim> {
        let opening_fen = statement.opening_fen?;
        let Some(extent) = extent else {
            let last_on = statement.closing_on.or(statement.opening_on)?;
            // Some banks date an opening by the day before. No entry moved it on the next day either.
            let on = match statement.opening_on {
                Some(on) if on < last_on => on.succ_opt()?,
                Some(on) => on,
                None => last_on,
            };
            let closing_fen = statement.closing_fen.unwrap_or(opening_fen);
            return Some(Claim { at: clock::midnight(on), opening_fen, last_on, closing_fen, first_day_fen: Some(0) });
        };
        Some(Claim {
            at: extent.first_at,
            opening_fen,
            last_on: statement.closing_on.unwrap_or(extent.last_on).max(extent.last_on),
            closing_fen: statement.closing_fen.unwrap_or_else(|| opening_fen.saturating_add(extent.effect_fen)),
            first_day_fen: Some(extent.first_day_fen),
        })
    }

    fn day(&self) -> NaiveDate {
        clock::day(self.at)
    }

    fn next_midnight(&self) -> DateTime<Utc> {
        clock::midnight(self.day().succ_opt().unwrap_or(NaiveDate::MAX))
    }
}

/// The effect of all entries before each of some instants.
#[derive(Debug, Clone, Default)]
pub struct Sums(BTreeMap<DateTime<Utc>, i128>);

impl Sums {
    /// The instants that these claims ask about, in order.
    pub fn instants<'c>(claims: impl IntoIterator<Item = &'c Claim>) -> Vec<DateTime<Utc>> {
        let of = |claim: &Claim| [claim.at, clock::midnight(claim.day()), claim.next_midnight()];
        let mut instants: Vec<_> = claims.into_iter().flat_map(of).collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// At each of `instants`, which are in order; `between` holds the effect from one (counted from 1, 0 before the
    /// first) to the next, `entries` are more of them, in order of booking.
    pub fn new(instants: &[DateTime<Utc>], between: &[(usize, i128)], entries: &[NewEntry]) -> Sums {
        Sums::of(instants, between, entries.iter().map(|entry| (entry.booked_at, entry.effect_fen())))
    }

    /// The same of entries of which only instant and effect are known.
    pub fn of(
        instants: &[DateTime<Utc>],
        between: &[(usize, i128)],
        entries: impl Iterator<Item = (DateTime<Utc>, i64)>,
    ) -> Sums {
        let mut gains = vec![0; instants.len() + 1];
        between.iter().for_each(|(place, fen)| gains[(*place).min(instants.len())] += fen);
        let mut place = 0;
        for (booked_at, effect_fen) in entries {
            while instants.get(place).is_some_and(|at| *at <= booked_at) {
                place += 1;
            }
            gains[place] += i128::from(effect_fen);
        }
        let mut sum = 0;
        let before = instants.iter().zip(gains).map(|(at, gain)| {
            sum += gain;
            (*at, sum)
        });
        Sums(before.collect())
    }

    fn before(&self, at: DateTime<Utc>) -> i128 {
        self.0.get(&at).copied().unwrap_or_default()
    }

    /// What the claim would have been before all entries.
    pub fn base(&self, claim: &Claim) -> i128 {
        i128::from(claim.opening_fen) - self.before(claim.at)
    }

    /// The base if all other entries of its first day came before the claim's own.
    fn late_base(&self, claim: &Claim) -> Option<i128> {
        let moved = self.before(claim.next_midnight()) - self.before(clock::midnight(claim.day()));
        let others = moved - i128::from(claim.first_day_fen?);
        Some(i128::from(claim.opening_fen) - self.before(clock::midnight(claim.day())) - others)
    }
}

/// Statements that hang together, and where they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its first day, up to which earlier runs reach.
    pub on: NaiveDate,
    /// The balance at the start of that day.
    pub opening_fen: i64,
    /// The last day that its statements cover.
    pub until: NaiveDate,
}

/// Movements that the account's statements do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The last day before.
    pub after: NaiveDate,
    /// The first day after.
    pub before: NaiveDate,
    /// What they come to.
    pub fen: i64,
}

impl Gap {
    /// Whether no day is missing: the statement contradicts others of its own days.
    pub fn is_within(&self) -> bool {
        self.after == self.before
    }
}

/// How a claim stands to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Another statement bears it out.
    pub linked: bool,
    /// What is missing beside it.
    pub gap: Option<Gap>,
}

impl Verdict {
    /// Whether a statement agrees; `adds_up` is what its own arithmetic says.
    pub fn balanced(self, adds_up: Option<bool>) -> Option<bool> {
        match adds_up {
            Some(false) => Some(false),
            _ if self.gap.is_some() => Some(false),
            adds_up => adds_up.or(self.linked.then_some(true)),
        }
    }
}

/// All runs of an account in order of time, and a verdict for each claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    pub runs: Vec<Run>,
    pub verdicts: Vec<Verdict>,
}

/// A run under construction.
struct Found {
    head: usize,
    on: NaiveDate,
    base: i128,
}

/// The chain of `claims`; `None` when a balance does not fit.
pub fn chain(claims: &[Claim], sums: &Sums) -> Option<Chain> {
    let links = Links::new(claims, sums);
    let mut newest_first: Vec<usize> = (0..claims.len()).collect();
    newest_first.sort_unstable_by_key(|i| (std::cmp::Reverse(claims[*i].last_on), claims[*i]));
    let mut found: Vec<Found> = Vec::new();
    for newest in newest_first {
        if found.last().is_none_or(|later| claims[newest].day() < later.on) {
            let head = links.first_of_run(newest);
            found.push(Found { head, on: claims[head].day(), base: sums.base(&claims[head]) });
        }
    }
    found.reverse();
    let run_of = |claim: &Claim| found.partition_point(|run| run.on <= claim.day()).saturating_sub(1);
    let mut runs = Vec::with_capacity(found.len());
    for (place, run) in found.iter().enumerate() {
        let opening = run.base + sums.before(clock::midnight(run.on));
        runs.push(Run { on: run.on, opening_fen: i64::try_from(opening).ok()?, until: run.on });
        debug_assert_eq!(run_of(&claims[run.head]), place);
    }
    for claim in claims {
        let place = run_of(claim);
        let end = runs.get(place + 1).and_then(|next| next.on.pred_opt()).unwrap_or(NaiveDate::MAX);
        runs[place].until = runs[place].until.max(claim.last_on.min(end));
    }
    let verdicts = verdicts(claims, &links, &found, &runs, run_of);
    Some(Chain { runs, verdicts })
}

fn verdicts(
    claims: &[Claim],
    links: &Links<'_>,
    found: &[Found],
    runs: &[Run],
    run_of: impl Fn(&Claim) -> usize,
) -> Vec<Verdict> {
    let agrees: Vec<bool> = (0..claims.len()).map(|i| links.agrees(i, found[run_of(&claims[i])].base)).collect();
    let mut distinct: Vec<HashSet<&Claim>> = vec![HashSet::new(); found.len()];
    for (claim, _) in claims.iter().zip(&agrees).filter(|(_, agrees)| **agrees) {
        distinct[run_of(claim)].insert(claim);
    }
    let fen = |by: i128| i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
    let between = |earlier: usize| {
        let (one, other) = (found.get(earlier)?, found.get(earlier + 1)?);
        Some(Gap { after: runs[earlier].until, before: other.on, fen: fen(other.base - one.base) })
    };
    let verdict = |(claim, agrees): (&Claim, &bool)| {
        let place = run_of(claim);
        let linked = *agrees && distinct[place].len() > 1;
        let gap = if !agrees {
            let by = links.sums.base(claim) - found[place].base;
            Some(Gap { after: claim.day(), before: claim.day(), fen: fen(by) })
        } else if *claim == claims[found[place].head] && place > 0 {
            between(place - 1)
        } else if claim.last_on >= runs[place].until {
            between(place)
        } else {
            None
        };
        Verdict { linked, gap }
    };
    claims.iter().zip(&agrees).map(verdict).collect()
}

/// Claims by what joins them.
struct Links<'a> {
    claims: &'a [Claim],
    sums: &'a Sums,
    /// The earliest claim of each base.
    earliest: HashMap<i128, usize>,
    by_closing: HashMap<(NaiveDate, i64), Vec<usize>>,
}

impl<'a> Links<'a> {
    fn new(claims: &'a [Claim], sums: &'a Sums) -> Links<'a> {
        let mut earliest: HashMap<i128, usize> = HashMap::new();
        let mut by_closing: HashMap<(NaiveDate, i64), Vec<usize>> = HashMap::new();
        for (i, claim) in claims.iter().enumerate() {
            let first = earliest.entry(sums.base(claim)).or_insert(i);
            if *claim < claims[*first] {
                *first = i;
            }
            by_closing.entry((claim.last_on, claim.closing_fen)).or_default().push(i);
        }
        Links { claims, sums, earliest, by_closing }
    }

    /// Goes back from a claim to the first of its run.
    fn first_of_run(&self, from: usize) -> usize {
        let mut seen = HashSet::from([self.claims[from]]);
        let mut head = from;
        while let Some(before) = self.before(head, &seen) {
            seen.insert(self.claims[before]);
            head = before;
        }
        head
    }

    fn before(&self, head: usize, seen: &HashSet<Claim>) -> Option<usize> {
        let claim = &self.claims[head];
        let fresh = |i: &usize| self.claims[*i].at <= claim.at && !seen.contains(&self.claims[*i]);
        let same_base = |base: i128| self.earliest.get(&base).copied().filter(fresh);
        same_base(self.sums.base(claim))
            .or_else(|| self.same_day_before(head).filter(fresh).min_by_key(|i| self.claims[*i]))
            .or_else(|| same_base(self.sums.late_base(claim)?))
    }

    /// Other claims that end on the day on which this one begins, with its opening as their closing.
    fn same_day_before(&self, of: usize) -> impl Iterator<Item = usize> {
        let claim = &self.claims[of];
        let found = self.by_closing.get(&(claim.day(), claim.opening_fen)).into_iter().flatten().copied();
        found.filter(move |i| self.claims[*i] != *claim && self.claims[*i].at <= claim.at)
    }

    fn agrees(&self, claim: usize, base: i128) -> bool {
        self.sums.base(&self.claims[claim]) == base
            || self.sums.late_base(&self.claims[claim]) == Some(base)
            || self.same_day_before(claim).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::ingest::entries::tests::booked;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A statement of untimed entries: first day, last day, opening, entries as day and effect.
    fn statement(opening_fen: i64, entries: &[(&str, i64)]) -> (Claim, Vec<(NaiveDate, i64)>) {
        let entries: Vec<(NaiveDate, i64)> = entries.iter().map(|(on, fen)| (day(on), *fen)).collect();
        let first = entries[0].0;
        let effect: i64 = entries.iter().map(|(_, fen)| fen).sum();
        let first_day = entries.iter().filter(|(on, _)| *on == first).map(|(_, fen)| fen).sum();
        let claim = Claim {
            at: clock::midnight(first),
            opening_fen,
            last_on: entries.last().unwrap().0,
            closing_fen: opening_fen + effect,
            first_day_fen: Some(first_day),
        };
        (claim, entries)
    }

    type Shown = (Vec<(String, i64)>, i64, Vec<(Claim, bool)>);

    /// Runs, balance and verdicts, which must be the same for every order of the statements.
    fn chained(statements: &[(Claim, Vec<(NaiveDate, i64)>)]) -> Shown {
        let mut told: Option<Shown> = None;
        for turn in 0..statements.len() * 2 {
            let mut turned: Vec<_> = statements.to_vec();
            turned.rotate_left(turn % statements.len());
            if turn >= statements.len() {
                turned.reverse();
            }
            let claims: Vec<Claim> = turned.iter().map(|(claim, _)| *claim).collect();
            let mut entries: Vec<_> =
                turned.iter().flat_map(|(_, entries)| entries).map(|(on, fen)| booked(*on, *fen)).collect();
            entries.sort_by_key(|entry| entry.booked_at);
            let sums = Sums::new(&Sums::instants(&claims), &[], &entries);
            let chain = chain(&claims, &sums).unwrap();
            let last = chain.runs.last().unwrap();
            let since = entries.iter().filter(|entry| entry.booked_on() >= last.on);
            let balance = last.opening_fen + since.map(NewEntry::effect_fen).sum::<i64>();
            let runs = chain.runs.iter().map(|run| (run.on.to_string(), run.opening_fen)).collect();
            let mut verdicts: Vec<_> =
                claims.iter().zip(&chain.verdicts).map(|(claim, v)| (*claim, v.gap.is_none())).collect();
            verdicts.sort();
            let shown = (runs, balance, verdicts);
            assert_eq!(told.get_or_insert_with(|| shown.clone()), &shown, "turn {turn}");
        }
        told.unwrap()
    }

    fn all_agree(shown: &Shown) -> bool {
        shown.2.iter().all(|(_, agrees)| *agrees)
    }

    #[test]
    fn statements_that_hang_together_are_one_run() {
        let shown = chained(&[
            statement(1_000, &[("2026-01-05", 500), ("2026-01-20", -200)]),
            statement(1_300, &[("2026-02-03", 100)]),
            statement(1_400, &[("2026-03-01", -400)]),
        ]);
        assert_eq!((&shown.0[..], shown.1), (&[("2026-01-05".to_owned(), 1_000)][..], 1_000));
        assert!(all_agree(&shown));
    }

    #[test]
    fn an_old_statement_behind_a_gap_is_a_run_of_its_own() {
        let shown = chained(&[
            statement(100_000, &[("2025-01-02", -40_000)]),
            statement(3_200_000, &[("2026-01-18", 120_000), ("2026-03-17", -50_000)]),
        ]);
        assert_eq!(shown.0, [("2025-01-02".to_owned(), 100_000), ("2026-01-18".to_owned(), 3_200_000)]);
        assert_eq!(shown.1, 3_270_000);
        assert!(shown.2.iter().all(|(_, agrees)| !agrees), "the break is told on both sides");
    }

    #[test]
    fn what_was_missing_closes_the_gap_when_it_comes() {
        let shown = chained(&[
            statement(100, &[("2026-01-02", 10)]),
            statement(110, &[("2026-02-02", -60)]),
            statement(50, &[("2026-03-02", 5)]),
        ]);
        assert_eq!((shown.0.len(), shown.1), (1, 55));
        assert!(all_agree(&shown));
    }

    #[test]
    fn statements_of_one_day_follow_by_closing_and_opening() {
        for (case, opening, effects) in [
            ("out first", 1_000, vec![-400, -100]),
            ("in first", 1_000, vec![300, 200, 100]),
            ("out and in", 1_000, vec![-400, 900, -100, 50]),
        ] {
            let mut balance = opening;
            let mut statements = Vec::new();
            for effect in &effects {
                statements.push(statement(balance, &[("2026-03-16", *effect)]));
                balance += effect;
            }
            let shown = chained(&statements);
            assert_eq!((&shown.0[..], shown.1), (&[("2026-03-16".to_owned(), opening)][..], balance), "{case}");
            assert!(all_agree(&shown), "{case}");
        }
    }

    #[test]
    fn an_overlap_agrees_when_it_says_the_same() {
        let first = statement(1_000, &[("2026-03-01", 100), ("2026-03-02", -50)]);
        let (claim, _) = statement(1_100, &[("2026-03-02", -50), ("2026-03-03", 7)]);
        let shown = chained(&[first, (claim, vec![(day("2026-03-03"), 7)])]);
        assert_eq!((shown.0.len(), shown.1), (1, 1_057));
        assert!(all_agree(&shown));
    }

    #[test]
    fn a_statement_within_another_that_contradicts_it_moves_nothing() {
        let shown = chained(&[
            statement(1_000, &[("2026-03-01", 100), ("2026-03-31", -50)]),
            statement(77, &[("2026-03-10", 3), ("2026-03-11", -3)]),
        ]);
        assert_eq!((&shown.0[..], shown.1), (&[("2026-03-01".to_owned(), 1_000)][..], 1_050));
        assert_eq!(shown.2.iter().filter(|(_, agrees)| !agrees).count(), 1);
    }

    #[test]
    fn an_opening_without_entries_may_be_dated_by_the_day_before() {
        let (monday, _) = statement(1_000, &[("2026-03-02", 100)]);
        let quiet = |opening_on: &str, closing_on: &str| {
            let incoming = Incoming {
                opening_fen: Some(1_100),
                closing_fen: Some(1_100),
                opening_on: Some(day(opening_on)),
                closing_on: Some(day(closing_on)),
                ..Incoming::default()
            };
            (Claim::of(&incoming, None).unwrap(), Vec::new())
        };
        for dated in [("2026-03-02", "2026-03-03"), ("2026-03-03", "2026-03-03"), ("2026-03-03", "2026-03-04")] {
            let shown = chained(&[(monday, vec![(day("2026-03-02"), 100)]), quiet(dated.0, dated.1)]);
            assert_eq!((shown.0.len(), shown.1), (1, 1_100), "{dated:?}");
        }
    }
}
