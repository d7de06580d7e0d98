//! Replays of whole histories: for the command line and for back-tests of stored facts.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    account::{AccountState, DetectorError, Grounds, Opening},
    at_day_end::{OBLIGATIONS, RESTS_ON_OBLIGATIONS},
    days,
    facts::AccountFacts,
    model::{Entry, Undetermined, Warning, WarningKind},
    obligations::Obligations,
    rows::AccountRows,
};
use crate::{
    escrow::policy::{Policies, Policy},
    kernel::Calendar,
};

/// What a replay says of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountReport {
    pub account: String,
    /// Null for an account that has obligations but no entries.
    pub balance_fen: Option<i64>,
    /// Null where it is unknown what is owed.
    pub unearned_fen: Option<i64>,
    /// In order of `raised_at`, then kind.
    pub warnings: Vec<Warning>,
    /// In order of kind.
    pub undetermined: Vec<Undetermined>,
}

/// What a replay says of all accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    pub policy_version: String,
    /// In order of account.
    pub accounts: Vec<AccountReport>,
}

/// A replay that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account {account}: {source}")]
pub struct ReplayError {
    pub account: String,
    pub source: DetectorError,
}

/// Replays one account up to `as_of`; `entries` in order of time, later ones than `as_of` are left out.
pub fn replay<'e>(
    account: &str,
    opening: Opening,
    entries: impl IntoIterator<Item = Entry<'e>>,
    grounds: &Grounds,
    as_of: DateTime<Utc>,
) -> Result<AccountReport, DetectorError> {
    let mut state = AccountState::new(opening);
    let mut changes = Vec::new();
    let mut warnings = Vec::new();
    for entry in entries.into_iter().take_while(|entry| entry.booked_at <= as_of) {
        state.push(grounds, &entry, &mut changes)?;
        changes.drain(..).for_each(|change| change.fold_into(&mut warnings));
    }
    state.close_days_until(grounds, as_of, &mut changes)?;
    changes.drain(..).for_each(|change| change.fold_into(&mut warnings));
    warnings.sort_by_key(|warning| (warning.raised_at, warning.kind));

    let mut undetermined = state.undetermined();
    if grounds.obligations.is_none() {
        undetermined.retain(|lack| !RESTS_ON_OBLIGATIONS.contains(&lack.kind));
        let missing = || vec![OBLIGATIONS.to_owned()];
        undetermined.extend(RESTS_ON_OBLIGATIONS.map(|kind| Undetermined { kind, missing: missing() }));
        undetermined.sort_by_key(|lack| lack.kind);
    }
    Ok(AccountReport {
        account: account.to_owned(),
        balance_fen: Some(state.balance_fen()),
        unearned_fen: grounds.obligations.map(|obligations| obligations.unearned_fen(as_of)),
        warnings,
        undetermined,
    })
}

/// Replays all accounts of a file of entries up to `as_of`, or to the end of the last row's day where there is none.
///
/// `obligations` by account; `None` where it is unknown what is owed. An account that has not begun by `as_of` is left
/// out; one that has obligations only stands there as undetermined.
pub fn simulate(
    policy: &Policy,
    calendar: &Calendar,
    entries: &BTreeMap<String, AccountRows>,
    obligations: Option<&BTreeMap<String, Obligations>>,
    as_of: Option<DateTime<Utc>>,
) -> Result<Simulation, ReplayError> {
    let last = entries.values().filter_map(AccountRows::last_at).max();
    let as_of = as_of.or_else(|| last.map(end_of_its_day)).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let nothing_owed = Obligations::default();
    let policies =
        Policies::from(if obligations.is_some() { policy.clone() } else { without_obligations(policy.clone()) });
    let mut accounts = Vec::new();
    for (account, rows) in entries.iter().filter(|(_, rows)| rows.first_at().is_some_and(|first| first <= as_of)) {
        let obligations = obligations.map(|all| all.get(account).unwrap_or(&nothing_owed));
        let grounds = Grounds { policies: &policies, calendar, obligations, account: AccountFacts::unknown() };
        let report = replay(account, rows.opening(), rows.entries(), &grounds, as_of)
            .map_err(|source| ReplayError { account: account.clone(), source })?;
        accounts.push(report);
    }
    for (account, owed) in obligations.into_iter().flatten() {
        let has_entries = accounts.binary_search_by(|report: &AccountReport| report.account.cmp(account));
        if let Err(place) = has_entries {
            accounts.insert(place, without_entries(account, owed.unearned_fen(as_of)));
        }
    }
    Ok(Simulation { policy_version: policy.version.clone(), accounts })
}

/// What is asked for by files without obligations: W3 by the fixed sum alone, and nothing of W4, which stands in
/// `undetermined` as a whole.
pub(super) fn without_obligations(mut policy: Policy) -> Policy {
    policy.minimum_balance.unearned_bp = 0;
    policy.withdraw_unmatched.red_single_fen = i64::MAX;
    policy
}

/// An account that owes but has no entries: its balance is unknown, which is not a balance of zero.
fn without_entries(account: &str, unearned_fen: i64) -> AccountReport {
    let lack = |kind| Undetermined { kind, missing: vec!["entries".to_owned()] };
    AccountReport {
        account: account.to_owned(),
        balance_fen: None,
        unearned_fen: Some(unearned_fen),
        warnings: Vec::new(),
        undetermined: [WarningKind::BelowMin, WarningKind::Coverage, WarningKind::RunoffDate].map(lack).to_vec(),
    }
}

/// 23:59:59 of the local day, or the instant itself in the day's last second.
fn end_of_its_day(at: DateTime<Utc>) -> DateTime<Utc> {
    let end = days::end_of_day(days::day_of(at.timestamp_micros())).with_timezone(&Utc);
    (end + TimeDelta::microseconds(999_999)).max(at)
}
