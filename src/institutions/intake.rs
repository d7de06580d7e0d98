//! The good rows of a sheet into the register: new institutions are entered, known ones take what has changed.
//!
//! Nothing is ever entered twice: the credit code within the county decides whether an institution is known.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    RegisterError,
    import::{Field, Reading, Row, Rule},
    merge,
    model::{NewInstitution, Sponsor},
    report::Line,
    store::{
        intake::{self, Known},
        sponsors,
    },
};
use crate::{
    audit::{self, Event},
    db::{DbError, ScopedConn},
    escrow,
    identity::Caller,
};

/// A good row on its way in.
struct Incoming<'a> {
    row: u32,
    facts: &'a NewInstitution,
    told: HashSet<Field>,
    /// Whether the account number can be one.
    account: bool,
}

/// What a good row would do to the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The institution is new to the register.
    New,
    /// Its facts differ: as they are, and as they would be.
    Changed { before: Value, after: Value },
    /// Nothing would change.
    Same,
}

/// What becomes of each good row once it is taken in, in the sheet's order; nothing is written.
pub(super) async fn fates(conn: &mut ScopedConn, reading: &Reading) -> Result<Vec<Fate>, DbError> {
    let codes: Vec<&str> = reading.institutions().map(|(_, facts)| facts.credit_code.as_str()).collect();
    let known = intake::known(conn, &codes, false).await?;
    let known: HashMap<&str, &Known> = known.iter().map(|known| (known.facts.credit_code.as_str(), known)).collect();
    let fate = |(row, facts): (&Row, &NewInstitution)| {
        let Some(known) = known.get(facts.credit_code.as_str()) else { return Fate::New };
        let merged = merge::merge(&known.facts, facts, &merge::told(reading, row));
        merge::difference(&known.facts, &merged).map_or(Fate::Same, |(before, after)| Fate::Changed { before, after })
    };
    Ok(reading.institutions().map(fate).collect())
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub added: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub notes: Vec<Line>,
}

/// Takes all good rows in, each county's into its own register, within the caller's transaction. Only the system may
/// write in several counties; an official's rows are all of their own.
pub(super) async fn take_in(conn: &mut ScopedConn, caller: &Caller, reading: &Reading) -> Result<Taken, RegisterError> {
    let mut taken = Taken::default();
    for (tenant, rows) in by_county(reading) {
        conn.go_on_in(tenant).await?;
        if conn.tenant() != tenant {
            return Err(RegisterError::NotACounty);
        }
        one_county(conn, caller, &rows, reading, &mut taken).await?;
    }
    taken.notes.sort_by_key(|line| line.row);
    Ok(taken)
}

fn by_county(reading: &Reading) -> BTreeMap<i32, Vec<Incoming<'_>>> {
    let doubtful: HashSet<u32> = reading
        .findings
        .iter()
        .filter(|finding| matches!(finding.rule, Rule::BadAccount | Rule::AccountLostDigits))
        .map(|finding| finding.row)
        .collect();
    let mut counties: BTreeMap<i32, Vec<Incoming<'_>>> = BTreeMap::new();
    for (row, facts) in reading.institutions() {
        let account = !facts.escrow_account_no.is_empty() && !doubtful.contains(&row.number);
        let incoming = Incoming { row: row.number, facts, told: merge::told(reading, row), account };
        counties.entry(facts.county.tenant_id()).or_default().push(incoming);
    }
    counties
}

async fn one_county(
    conn: &mut ScopedConn,
    caller: &Caller,
    rows: &[Incoming<'_>],
    reading: &Reading,
    taken: &mut Taken,
) -> Result<(), RegisterError> {
    intake::lock_county(conn).await?;
    let codes: Vec<&str> = rows.iter().map(|row| row.facts.credit_code.as_str()).collect();
    let known = intake::known(conn, &codes, true).await?;
    let known: HashMap<&str, &Known> = known.iter().map(|known| (known.facts.credit_code.as_str(), known)).collect();
    let new: Vec<&Incoming<'_>> =
        rows.iter().filter(|row| !known.contains_key(row.facts.credit_code.as_str())).collect();
    let facts: Vec<&NewInstitution> = new.iter().map(|row| row.facts).collect();
    let ids = intake::add(conn, &facts, caller.now).await?;
    let mut homes: HashMap<u32, i64> = new.iter().zip(&ids).map(|(row, id)| (row.row, *id)).collect();
    let added = new
        .iter()
        .zip(&ids)
        .map(|(row, id)| event("institution.added", row.facts, *id, None, json!(row.facts)))
        .collect();
    audit::store::record_all(conn, caller, added).await?;
    let (mut changed, mut events, mut sponsored) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some(known) = known.get(row.facts.credit_code.as_str()) else { continue };
        homes.insert(row.row, known.id);
        let merged = merge::merge(&known.facts, row.facts, &row.told);
        let Some((before, after)) = merge::difference(&known.facts, &merged) else { continue };
        taken.notes.push(updated(row.row, &after));
        events.push(event("institution.changed", &merged, known.id, Some(before), after));
        if !merge::same_sponsors(&known.facts.sponsors, &merged.sponsors) {
            sponsored.push(known.id);
        }
        changed.push(Known { id: known.id, facts: merged });
    }
    let mut renamed = intake::change(conn, &changed, caller.now).await?;
    let others = changed.iter().filter(|known| sponsored.contains(&known.id));
    let all = new.iter().zip(&ids).filter(|(row, _)| !row.facts.sponsors.is_empty());
    let all = all.map(|(row, id)| (*id, row.facts.sponsors.as_slice()));
    let all: Vec<(i64, &[Sponsor])> =
        all.chain(others.map(|known| (known.id, known.facts.sponsors.as_slice()))).collect();
    sponsors::replace(conn, &all, caller.now).await?;
    renamed.extend(sponsored);
    // Money that goes to them is judged by their names.
    escrow::judge_anew(conn, &renamed).await?;
    audit::store::record_all(conn, caller, events).await?;
    let filed = file_accounts(conn, caller, rows, &homes, reading, &mut taken.notes).await?;
    taken.added += ids.len();
    taken.updated += changed.len();
    taken.unchanged += rows.len() - ids.len() - changed.len();
    let mut touched: Vec<i64> = ids.into_iter().chain(changed.iter().map(|known| known.id)).chain(filed).collect();
    touched.sort_unstable();
    touched.dedup();
    Ok(crate::public::publish_all(conn, &touched, caller.now).await?)
}

fn event<'a>(action: &'a str, facts: &NewInstitution, id: i64, before: Option<Value>, after: Value) -> Event<'a> {
    Event {
        action,
        subject_kind: "institution",
        subject_id: facts.credit_code.to_string(),
        institution: Some(id),
        before,
        after: Some(after),
        reason: None,
    }
}

/// Files the accounts of institutions that have none; returns whose were filed. An account that is there is never
/// replaced by a spreadsheet: its number is what parents pay into.
async fn file_accounts(
    conn: &mut ScopedConn,
    caller: &Caller,
    rows: &[Incoming<'_>],
    homes: &HashMap<u32, i64>,
    reading: &Reading,
    notes: &mut Vec<Line>,
) -> Result<Vec<i64>, RegisterError> {
    let rows: Vec<(&Incoming<'_>, i64)> =
        rows.iter().filter(|row| row.account).filter_map(|row| Some((row, *homes.get(&row.row)?))).collect();
    let numbers: Vec<&str> = rows.iter().map(|(row, _)| row.facts.escrow_account_no.as_str()).collect();
    let institutions: Vec<i64> = rows.iter().map(|(_, id)| *id).collect();
    let accounts = intake::accounts(conn, &numbers, &institutions).await?;
    let mut holder: HashMap<&str, i64> =
        accounts.iter().map(|one| (one.account_no.as_str(), one.institution_id)).collect();
    let provided: HashSet<i64> =
        accounts.iter().filter(|one| one.status == "active").map(|one| one.institution_id).collect();
    let column =
        reading.columns.iter().find(|(_, field)| *field == Field::EscrowAccountNo).map_or("*", |(name, _)| name);
    let mut filing = Vec::new();
    for (row, id) in rows {
        match holder.get(row.facts.escrow_account_no.as_str()) {
            Some(owner) if *owner == id => {}
            Some(_) => notes.push(account_note(row.row, column, "ACCOUNT_OF_ANOTHER")),
            None if provided.contains(&id) => notes.push(account_note(row.row, column, "ACCOUNT_DIFFERS")),
            None => {
                holder.insert(&row.facts.escrow_account_no, id);
                filing.push((id, row.facts));
            }
        }
    }
    intake::file_accounts(conn, &filing, caller.now).await?;
    let events = filing
        .iter()
        .map(|(id, facts)| Event {
            action: "escrow.account_filed",
            subject_kind: "escrow_account",
            subject_id: facts.escrow_account_no.clone(),
            institution: Some(*id),
            before: None,
            after: Some(json!({"bank": facts.escrow_bank, "account_no": facts.escrow_account_no, "mode": "custody"})),
            reason: None,
        })
        .collect();
    audit::store::record_all(conn, caller, events).await?;
    Ok(filing.into_iter().map(|(id, _)| id).collect())
}

fn updated(row: u32, after: &Value) -> Line {
    let fields: Vec<&str> =
        after.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default();
    Line {
        row,
        column: "*".into(),
        rule: "UPDATED".into(),
        message_zh: format!("机构已在档案中，已更新 {} 项；名单状态不变", fields.len()),
        message_en: format!(
            "the institution is in the register; updated: {}; its list status stays",
            fields.join(", ")
        ),
    }
}

fn account_note(row: u32, column: &str, rule: &str) -> Line {
    let (zh, en) = if rule == "ACCOUNT_OF_ANOTHER" {
        (
            "监管账户已属于本县另一家机构，没有备案；请核对账号",
            "the escrow account belongs to another institution of the county and was not filed; check the number",
        )
    } else {
        (
            "机构已有在用的监管账户，与表中不同，没有改动；变更账户请在资金监管中办理",
            "the institution has another active escrow account, which was kept; change accounts on the escrow pages",
        )
    };
    Line { row, column: column.to_owned(), rule: rule.to_owned(), message_zh: zh.into(), message_en: en.into() }
}
