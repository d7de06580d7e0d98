//! What other thresholds would have raised: the stored history through the detector by both, and the difference.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::{
    detector::{self, AccountFacts, DetectorError, Entry, Grounds, Level, Obligations, Opening, Warning, WarningKind},
    policy::{Policies, Policy},
    store::{
        accounts::{self, Account},
        entries::{self, Movement},
        owed,
    },
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::{Calendar, clock},
    policies::Chain,
};

/// Most accounts and entries of one back-test.
const ACCOUNTS_MAX: i64 = 300;
const ENTRIES_MAX: usize = 300_000;

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
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackTest {
    pub accounts: usize,
    pub entries: usize,
    /// Whether all accounts of the range were replayed.
    pub complete: bool,
    /// By account, then by instant.
    pub differences: Vec<Difference>,
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
}

/// Replays what is stored of the caller's range, each account since its latest unbroken run of statements began, as if the
/// thresholds of `on` had always been in force. The chains hold the rows of all levels, those of the bureaus below among
/// them.
pub async fn back_test(
    conn: &mut ScopedConn,
    calendar: Arc<Calendar>,
    before: &Chain,
    after: &Chain,
    on: NaiveDate,
) -> Result<BackTest, DbError> {
    let mut all = accounts::accounts(conn, 0, ACCOUNTS_MAX + 1).await?;
    let limit = usize::try_from(ACCOUNTS_MAX).unwrap_or(usize::MAX);
    let mut test = BackTest { complete: all.len() <= limit, ..BackTest::default() };
    all.truncate(limit);
    let mut thresholds: HashMap<i32, Arc<(Policies, Policies)>> = HashMap::new();
    for account in all {
        if account.entry_count == 0 {
            continue;
        }
        let room = ENTRIES_MAX - test.entries;
        if usize::try_from(account.entry_count).map_or(true, |count| count > room) {
            test.complete = false;
            continue;
        }
        let policies = thresholds.entry(account.tenant_id).or_insert_with(|| {
            let of = |chain: &Chain| Policies::from(Policy::of(&chain.at(account.tenant_id).on(on)));
            Arc::new((of(before), of(after)))
        });
        if policies.0 == policies.1 {
            continue;
        }
        let from = account.opening_on.map(clock::midnight);
        let rows = entries::movements(conn, account.tenant_id, account.id, from).await?;
        (test.accounts, test.entries) = (test.accounts + 1, test.entries + rows.len());
        let (policies, calendar) = (Arc::clone(policies), Arc::clone(&calendar));
        let facts = accounts::facts(conn, &account).await?;
        let obligations = obligations(conn, &account, &facts).await?;
        // A long history takes a moment, in which a worker would answer nobody else.
        let compared = tokio::task::spawn_blocking(move || {
            let stored = Stored {
                account: &account,
                rows: &rows,
                obligations: obligations.as_ref(),
                facts: &facts,
                calendar: &calendar,
            };
            compare(&stored, &policies)
        })
        .await;
        match compared.map_err(|error| DbError::Pool(format!("a back-test broke off: {error}")))? {
            Ok(differences) => test.differences.extend(differences),
            Err(error) => {
                tracing::warn!(%error, "an account was left out of a back-test");
                test.complete = false;
            }
        }
    }
    Ok(test)
}

/// What is owed by the institution of an account, as the ingest judges it.
async fn obligations(
    conn: &mut ScopedConn,
    account: &Account,
    facts: &AccountFacts,
) -> Result<Option<Obligations>, DbError> {
    if !account.answers() {
        return Ok(None);
    }
    let days = owed::owed_days(conn, account.tenant_id, account.institution_id).await?;
    Ok((!days.is_empty()).then(|| Obligations::from_days(&days).beside(facts.siblings.spent())))
}

/// What is stored of an account.
struct Stored<'a> {
    account: &'a Account,
    rows: &'a [Movement],
    obligations: Option<&'a Obligations>,
    facts: &'a AccountFacts,
    calendar: &'a Calendar,
}

fn compare(stored: &Stored<'_>, (before, after): &(Policies, Policies)) -> Result<Vec<Difference>, DetectorError> {
    let account = stored.account;
    let mut differences: Vec<Difference> = Vec::new();
    let difference = |warning: &Warning| Difference {
        tenant: account.tenant_id,
        account_id: account.id,
        account: account.account_no.clone(),
        institution: account.institution_name.clone(),
        kind: warning.kind,
        raised_at: warning.raised_at,
        before: None,
        after: None,
    };
    for warning in replayed(stored, before)? {
        differences.push(Difference { before: Some(warning.level), ..difference(&warning) });
    }
    for warning in replayed(stored, after)? {
        let same = |one: &&mut Difference| {
            one.kind == warning.kind && one.raised_at == warning.raised_at && one.after.is_none()
        };
        match differences.iter_mut().find(same) {
            Some(one) => one.after = Some(warning.level),
            None => differences.push(Difference { after: Some(warning.level), ..difference(&warning) }),
        }
    }
    differences.retain(|one| one.before != one.after);
    differences.sort_by_key(|one| one.raised_at);
    Ok(differences)
}

fn replayed(stored: &Stored<'_>, policies: &Policies) -> Result<Vec<Warning>, DetectorError> {
    let Stored { account, rows, obligations, facts, calendar } = *stored;
    let grounds = Grounds { policies, calendar, obligations, account: facts };
    let first_balance = rows.first().and_then(Movement::balance_before_fen).unwrap_or_default();
    let opening = Opening { balance_fen: account.opening_fen.unwrap_or(first_balance), on: account.opening_on };
    let over = account
        .statement_on
        .and_then(|day| day.succ_opt())
        .map(|day| clock::midnight(day) - chrono::TimeDelta::microseconds(1));
    let last = rows.last().map(|row| row.booked_at);
    let as_of = over.max(last).unwrap_or_default();
    let entries = rows.iter().map(|row| Entry {
        booked_at: row.booked_at,
        credit: row.credit,
        amount_fen: row.amount_fen,
        bank_ref: &row.bank_ref,
        kind: row.kind.parse().unwrap_or(detector::Kind::Other),
        order_ref: row.order_ref.as_deref(),
        counterparty_name: row.counterparty_name.as_deref(),
        counterparty_account: row.counterparty_account.as_deref(),
        remittance: row.remittance.as_deref(),
    });
    Ok(detector::replay(&account.account_no, opening, entries, &grounds, as_of)?.warnings)
}
