//! What the columns of a bank's exports mean, once an official has said so: remembered for the bureau, used by every way in.
//!
//! A layout belongs to a bank and a header row. A file is read by those of its account's bank first, then by the names that
//! are known to everybody, and last by those of other banks where they agree: the same header may mean another thing
//! elsewhere. The account is the one that somebody chose for the file, else the one that the file itself names.

use std::{cmp::Reverse, sync::Arc};

use serde_json::json;

use super::{
    EscrowError,
    ingest::Target,
    model::account_number,
    statement::{self, Layout},
    store::{
        accounts,
        layouts::{self, Remembered},
    },
    upload,
};
use crate::{
    audit::{self, Event},
    db::{DbError, Scope, ScopedConn},
    identity::{Action, Caller, may},
    web::{AppState, FieldError},
};

/// Longest name of a bank in characters.
const BANK_MAX: usize = 100;

/// The layouts by which a file for `target` is read.
pub async fn for_reading(state: &AppState, caller: &Caller, target: Option<&Target>) -> Result<Vec<Layout>, DbError> {
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let bank = bank_of(&mut conn, target).await?;
    let known = layouts::all(&mut conn).await?;
    conn.commit().await?;
    Ok(chosen(known.into_iter().map(|one| one.layout).collect(), bank.as_deref()))
}

/// The layouts by which a file is read that was put in for no account in particular: those of the bank whose account it names.
pub async fn for_file(state: &AppState, caller: &Caller, bytes: &Arc<Vec<u8>>) -> Result<Vec<Layout>, DbError> {
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let known = layouts::all(&mut conn).await?;
    conn.commit().await?;
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let named = account_in(state, bytes).await?;
    for_reading(state, caller, named.as_ref()).await
}

/// The account that a table names before anybody has said what its columns mean.
pub async fn account_in(state: &AppState, bytes: &Arc<Vec<u8>>) -> Result<Option<Target>, DbError> {
    let (bytes, limits) = (Arc::clone(bytes), upload::limits(state));
    let looking = tokio::task::spawn_blocking(move || statement::peek(&bytes, None, &limits).ok().flatten()?.account());
    let named = looking.await.map_err(|e| DbError::Pool(e.to_string()))?;
    Ok(named.map(Target::Number))
}

/// The bank of the account that a file is for, where that is known before it is read.
pub async fn bank_of(conn: &mut ScopedConn, target: Option<&Target>) -> Result<Option<String>, DbError> {
    match target {
        Some(Target::Id(id)) => accounts::bank_of(conn, *id).await,
        Some(Target::Number(number)) => {
            Ok(accounts::by_number(conn, &account_number(number)).await?.map(|(_, bank)| bank))
        }
        None => Ok(None),
    }
}

/// Those of `bank` first, the branch's own before the whole bank's; of one header row with several meanings elsewhere, none.
fn chosen(layouts: Vec<Layout>, bank: Option<&str>) -> Vec<Layout> {
    let is_own = |layout: &Layout| bank.is_some_and(|bank| same_bank(bank, &layout.bank));
    let (mut own, others): (Vec<Layout>, Vec<Layout>) = layouts.into_iter().partition(is_own);
    own.sort_by_key(|layout| (Some(layout.bank.as_str()) != bank, Reverse(layout.bank.len())));
    let settled = |layout: &&Layout| {
        let same = |other: &&Layout| other.fingerprint() == layout.fingerprint();
        let roles = |one: &Layout| one.columns.iter().map(|column| column.role).collect::<Vec<_>>();
        others.iter().filter(same).all(|other| roles(other) == roles(layout))
    };
    let others = others.iter().filter(settled).map(|layout| Layout { foreign: true, ..layout.clone() });
    let others: Vec<Layout> = others.collect();
    own.into_iter().chain(others).collect()
}

/// A branch and its bank are one: 台州银行椒江支行, 台州银行. 中国 is no bank.
fn same_bank(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let is_bank = ["银行", "社", "bank", "Bank", "BANK"].iter().any(|end| short.ends_with(end));
    one == other && !one.is_empty() || is_bank && long.starts_with(short)
}

/// What keeps a layout from being remembered.
pub fn checked(layout: &Layout) -> Result<(), Vec<FieldError>> {
    let mut errors = Vec::new();
    let length = layout.bank.trim().chars().count();
    if length == 0 || length > BANK_MAX {
        let (zh, en) = ("请填写银行名称，不超过 100 字", "give the bank's name, 100 characters at most");
        errors.push(FieldError::new("bank", "bank", zh, en));
    }
    for fault in layout.faults() {
        let path = fault.columns.first().map_or_else(|| "columns".to_owned(), |index| format!("role-{index}"));
        errors.push(FieldError::new(&path, fault.rule, fault.message_zh, fault.message_en));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Remembers what the columns of a bank's export mean, for the whole bureau.
pub async fn remember(state: &AppState, caller: &Caller, layout: &Layout) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::UploadStatement) {
        return Err(EscrowError::Forbidden);
    }
    checked(layout).map_err(EscrowError::Invalid)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = layouts::of_header(&mut conn, &layout.bank, &layout.fingerprint()).await?;
    if before.as_ref().is_some_and(|before| before.layout.columns == layout.columns) {
        conn.commit().await?;
        return Ok(());
    }
    let id = layouts::keep(&mut conn, caller, layout).await?;
    let event = Event {
        action: "statement_layout.remembered",
        subject_kind: "statement_layout",
        subject_id: id.to_string(),
        before: before.map(|before| told(&before.layout)),
        after: Some(told(layout)),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

/// Forgets a layout; files that need it are asked about again.
pub async fn forget(state: &AppState, caller: &Caller, id: i64) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::UploadStatement) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let Remembered { layout, .. } = layouts::remove(&mut conn, id).await?.ok_or(EscrowError::NotFound)?;
    let event = Event {
        action: "statement_layout.forgotten",
        subject_kind: "statement_layout",
        subject_id: id.to_string(),
        before: Some(told(&layout)),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

fn told(layout: &Layout) -> serde_json::Value {
    json!({"bank": layout.bank, "columns": layout.columns})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::statement::ColumnRole::{Amount, Balance, Date};

    #[test]
    fn a_file_is_read_by_its_own_bank_first_and_by_others_where_they_agree() {
        let header = ["发生日", "发生额", "结余"];
        let of = |bank: &str, roles: [Option<_>; 3]| Layout::of(bank, &header, &roles);
        let (one, other) = ([Some(Date), Some(Amount), Some(Balance)], [Some(Date), Some(Balance), Some(Amount)]);
        let (taizhou, jiaojiang) = (of("台州银行", one), of("椒江农商行", other));
        let branch = of("台州银行椒江支行", other);
        let foreign = |layout: &Layout| Layout { foreign: true, ..layout.clone() };
        let (from_taizhou, from_jiaojiang) = (foreign(&taizhou), foreign(&jiaojiang));
        for (case, known, bank, expected) in [
            ("its own", vec![&taizhou, &jiaojiang], Some("台州银行椒江支行"), vec![&taizhou, &from_jiaojiang]),
            ("its own, given last", vec![&jiaojiang, &taizhou], Some("台州银行"), vec![&taizhou, &from_jiaojiang]),
            ("the branch before its bank", vec![&taizhou, &branch], Some("台州银行椒江支行"), vec![&branch, &taizhou]),
            ("one of another bank", vec![&taizhou], Some("工商银行"), vec![&from_taizhou]),
            ("two that contradict each other", vec![&taizhou, &jiaojiang], None, vec![]),
            ("one, of an unknown account", vec![&jiaojiang], None, vec![&from_jiaojiang]),
        ] {
            let found = chosen(known.into_iter().cloned().collect(), bank);
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{case}");
        }
    }

    #[test]
    fn a_bank_and_its_branch_are_one_and_a_country_is_no_bank() {
        for (one, other, same) in [
            ("台州银行", "台州银行椒江支行", true),
            ("台州银行椒江支行", "台州银行", true),
            ("台州银行椒江支行", "台州银行温岭支行", false),
            ("中国", "中国农业银行", false),
            ("中国银行", "中国农业银行", false),
            ("", "", false),
        ] {
            assert_eq!(same_bank(one, other), same, "{one} and {other}");
        }
    }

    #[test]
    fn a_layout_needs_its_bank_and_columns_that_can_be_read() {
        let header = ["发生日", "发生额", "结余"];
        let paths = |bank: &str, roles: &[Option<_>]| {
            let errors = checked(&Layout::of(bank, &header, roles)).err().unwrap_or_default();
            errors.into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        assert_eq!(paths("台州银行", &[Some(Date), Some(Amount)]), Vec::<String>::new());
        assert_eq!(paths(" ", &[Some(Date), Some(Amount)]), ["bank"]);
        assert_eq!(paths(&"行".repeat(101), &[Some(Date), Some(Amount)]), ["bank"]);
        assert_eq!(paths("台州银行", &[Some(Date), Some(Amount), Some(Amount)]), ["role-1"]);
        assert_eq!(paths("台州银行", &[Some(Amount)]), ["columns"]);
    }
}
