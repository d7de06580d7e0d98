//! What other thresholds would have raised: the stored history through the detector by both, the difference, and how both do
//! against what is known to have become of the institutions.
//!
//! Histories come as a stream in order of account and are judged on every core; what is judged is forgotten but for its
//! warnings, so memory does not grow with the county's year.

pub mod outcomes;
mod outcomes_file;
mod run;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Days, FixedOffset, NaiveDate};

use self::outcomes::{Assessment, Flight, Known, Verdict};
pub use self::outcomes_file::read_outcomes;
use super::{
    detector::{Level, Warning, WarningKind},
    ingest::{Histories, IngestError},
    policy::{Policies, Policy},
    store::known,
};
use crate::{
    db::{DbError, Pools, ScopedConn},
    kernel::Calendar,
    policies::Chain,
};

/// Most entries of one back-test: a large county's three years.
const ENTRIES_MAX: i64 = 4_000_000;
/// Days before the latest entry whose warnings count.
const LOOK_BACK_DAYS: u64 = 365;
/// Institutions of which a picture is drawn.
const DRAWN_MAX: usize = 40;

/// A warning that only one of the two policies raises, or that they raise at different levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub tenant: i32,
    pub account_id: i64,
    pub account: String,
    pub institution: String,
    pub kind: WarningKind,
    pub raised_at: DateTime<FixedOffset>,
    /// By the thresholds as they are; `None`: none.
    pub before: Option<Level>,
    /// By the others.
    pub after: Option<Level>,
    /// What it was worth.
    pub verdict: Verdict,
}

/// A warning on the line of an institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub on: NaiveDate,
    pub level: Level,
    pub kind: WarningKind,
}

/// What both policies raised on one account, to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub account_id: i64,
    pub institution: String,
    pub flight: Option<Flight>,
    /// How many of its warnings people found founded, and unfounded.
    pub found: (usize, usize),
    pub before: Vec<Mark>,
    pub after: Vec<Mark>,
    /// Whether the two differ.
    pub differs: bool,
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackTest {
    pub accounts: usize,
    pub entries: usize,
    /// Whether all accounts of the range were replayed.
    pub complete: bool,
    /// The first and the last day whose warnings count.
    pub window: Option<(NaiveDate, NaiveDate)>,
    /// By account, then by instant.
    pub differences: Vec<Difference>,
    /// How the thresholds as they are do, and how the others.
    pub before: Assessment,
    pub after: Assessment,
    /// Institutions that fled first, then those of which the two policies differ.
    pub lines: Vec<Line>,
}

impl BackTest {
    /// Warnings that would come.
    pub fn come(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|one| one.before.is_none())
    }

    /// Warnings that would go.
    pub fn go(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|one| one.after.is_none())
    }

    /// Warnings of another level.
    pub fn moved(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|one| one.before.is_some() && one.after.is_some())
    }

    /// Whether anything is known to judge the thresholds by.
    pub fn is_judged(&self) -> bool {
        let known = |one: &Assessment| !one.flights.is_empty() || one.total.hits + one.total.false_alarms > 0;
        known(&self.before) || known(&self.after)
    }

    fn take(&mut self, tenant: i32, judged: &run::Judged, known: &Known, from: NaiveDate) {
        let counts = |warning: &&Warning| from <= warning.raised_at.date_naive();
        let [before, after] = &judged.by;
        self.before.add(&judged.institution, known, before.iter().filter(counts));
        self.after.add(&judged.institution, known, after.iter().filter(counts));
        let differences = differences(tenant, judged, known, from);
        let found = |founded: bool| known.found.iter().filter(|found| found.founded == founded).count();
        let marks = |warnings: &[Warning]| -> Vec<Mark> {
            let mark = |one: &Warning| Mark { on: one.raised_at.date_naive(), level: one.level, kind: one.kind };
            warnings.iter().filter(counts).map(mark).collect()
        };
        let line = Line {
            account_id: judged.account_id,
            institution: judged.institution.clone(),
            flight: known.flight,
            found: (found(true), found(false)),
            before: marks(before),
            after: marks(after),
            differs: !differences.is_empty(),
        };
        if line.flight.is_some() || line.differs {
            self.lines.push(line);
        }
        self.differences.extend(differences);
    }

    fn put_in_order(&mut self) {
        self.differences.sort_by_key(|one| (one.tenant, one.account_id, one.raised_at, one.kind));
        self.lines.sort_by_key(|line| (line.flight.is_none(), !line.differs, line.account_id));
        self.lines.truncate(DRAWN_MAX);
    }
}

/// Replays what is stored of the caller's range as if the thresholds of `on` had always been in force, and as if the others
/// had; what was raised in the last year counts. The chains hold the rows of all levels, those of the bureaus below among
/// them.
pub async fn back_test(
    conn: &mut ScopedConn,
    pools: &Pools,
    calendar: &Arc<Calendar>,
    (before, after): (&Chain, &Chain),
    on: NaiveDate,
) -> Result<BackTest, DbError> {
    let mut by_bureau: BTreeMap<i32, Vec<known::Account>> = BTreeMap::new();
    for account in known::accounts(conn).await? {
        by_bureau.entry(account.tenant_id).or_default().push(account);
    }
    let last = by_bureau.values().flatten().filter_map(|account| account.last_on).max();
    let mut test = BackTest { complete: true, ..BackTest::default() };
    let Some(last) = last else { return Ok(test) };
    let from = last.checked_sub_days(Days::new(LOOK_BACK_DAYS - 1)).unwrap_or(last);
    test.window = Some((from, last));
    let mut room = ENTRIES_MAX;
    for (tenant, accounts) in by_bureau {
        let of = |chain: &Chain| Policies::from(Policy::of(&chain.at(tenant).on(on)));
        let policies = [of(before), of(after)];
        if policies[0] == policies[1] {
            continue;
        }
        let mut wanted = Vec::with_capacity(accounts.len());
        for account in &accounts {
            if account.entries <= room {
                room -= account.entries;
                wanted.push(account.id);
            } else {
                test.complete = false;
            }
        }
        let flights = known::flights(conn, tenant).await?;
        let histories = Histories::of(pools, tenant, &wanted).await?;
        let told = run::judge_all(histories, policies, Arc::clone(calendar)).await;
        let told = told.map_err(|error| match error {
            IngestError::Db(error) => error,
            other => DbError::Pool(format!("a back-test broke off: {other}")),
        })?;
        test.complete &= told.left_out == 0;
        for judged in &told.judged {
            (test.accounts, test.entries) = (test.accounts + 1, test.entries + judged.entries);
            let known = known_of(judged, &flights);
            test.take(tenant, judged, &known, from);
        }
    }
    test.put_in_order();
    Ok(test)
}

fn known_of(judged: &run::Judged, flights: &HashMap<i64, Flight>) -> Known {
    Known { flight: flights.get(&judged.institution_id).copied(), found: judged.found.clone() }
}

fn differences(tenant: i32, judged: &run::Judged, known: &Known, from: NaiveDate) -> Vec<Difference> {
    let [before, after] = &judged.by;
    let mut found: Vec<Difference> = Vec::new();
    let difference = |warning: &Warning| Difference {
        tenant,
        account_id: judged.account_id,
        account: judged.account_no.clone(),
        institution: judged.institution.clone(),
        kind: warning.kind,
        raised_at: warning.raised_at,
        before: None,
        after: None,
        verdict: known.verdict(warning),
    };
    for warning in before {
        found.push(Difference { before: Some(warning.level), ..difference(warning) });
    }
    for warning in after {
        let same = |one: &&mut Difference| {
            one.kind == warning.kind && one.raised_at == warning.raised_at && one.after.is_none()
        };
        match found.iter_mut().find(same) {
            Some(one) => one.after = Some(warning.level),
            None => found.push(Difference { after: Some(warning.level), ..difference(warning) }),
        }
    }
    found.retain(|one| one.before != one.after && from <= one.raised_at.date_naive());
    found
}
