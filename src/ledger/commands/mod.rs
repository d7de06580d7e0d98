//! What changes the ledger: contracts and payments are recorded, lessons told, confirmed, disputed, settled.

pub mod contracts;
pub mod import;
pub mod lessons;
pub mod parents;
pub mod payments;
mod silence;

pub use silence::confirm_overdue;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{
    error::LedgerError,
    policy::Limits,
    rules::Licence,
    store::contracts::{self as store, Keeper},
};
use crate::{
    db::ScopedConn,
    identity::{Action, Caller, may},
    institutions::model::Status,
    kernel::{Finding, Severity},
    policies::{self, Chain},
    web::FieldError,
};

/// Longest text of a field in characters, and of what somebody explains.
const TEXT_MAX: usize = 100;
const COMMENT_MAX: usize = 2_000;
/// No amount is as large as this many fen: a hundred million yuan.
const AMOUNT_MAX: i64 = 10_000_000_000;

/// Something that was handed in: whether it is news, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub id: i64,
    /// `false`: it was there already, the same.
    pub fresh: bool,
}

/// An institution's ledger with what its facts are judged by.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub keeper: Keeper,
    chain: Chain,
}

impl Ledger {
    /// The ledger that the caller keeps: an institution's own.
    pub async fn own(conn: &mut ScopedConn, caller: &Caller) -> Result<Ledger, LedgerError> {
        let institution = caller
            .actor
            .institution
            .filter(|_| may(caller.actor.role, Action::KeepLedger))
            .ok_or(LedgerError::Forbidden)?;
        let keeper = store::keeper(conn, institution).await?.ok_or(LedgerError::NotFound)?;
        Ledger::of(conn, keeper).await
    }

    /// That of an institution of the own bureau, for what takes files in on its behalf.
    pub async fn of(conn: &mut ScopedConn, keeper: Keeper) -> Result<Ledger, LedgerError> {
        let tenant = conn.tenant();
        Ok(Ledger { keeper, chain: policies::chain(conn, tenant).await? })
    }

    /// The limits of a day.
    pub(super) fn limits(&self, on: NaiveDate) -> Limits {
        Limits::of(&self.chain.on(on))
    }

    fn licence(&self) -> Licence {
        Licence {
            operating: self.keeper.status == <&str>::from(Status::Operating),
            from: self.keeper.licence_from,
            to: self.keeper.licence_to,
        }
    }
}

/// Collects what is wrong with fields.
#[derive(Debug, Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, path: &str, rule: &str, zh: impl Into<String>, en: impl Into<String>) {
        self.0.push(FieldError::new(path, rule, zh, en));
    }

    /// A text that must be there, without what nobody sees.
    fn text(&mut self, path: &str, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
            self.add(path, "TEXT", "请填写，1 至 100 个可见字符", "fill this in with 1 to 100 visible characters");
        }
        text.to_owned()
    }

    fn none(self) -> Result<(), LedgerError> {
        if self.0.is_empty() { Ok(()) } else { Err(LedgerError::Invalid(self.0)) }
    }
}

/// What somebody says about what they do.
fn comment(text: &str) -> Result<&str, LedgerError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > COMMENT_MAX {
        return Err(LedgerError::Invalid(vec![FieldError::new(
            "comment",
            "COMMENT",
            "请写明理由，不超过 2000 字",
            "say why, in 2000 characters at most",
        )]));
    }
    Ok(text)
}

/// Refuses what a rule blocks, unless it has happened already and is told as what it is.
fn admit(findings: &[Finding], already_taken: bool) -> Result<(), LedgerError> {
    let blocks = findings.iter().any(|finding| finding.severity == Severity::Block);
    if !blocks || already_taken { Ok(()) } else { Err(LedgerError::Refused(findings.to_vec())) }
}

/// The fields in which two versions differ, each with its value in one and in the other.
fn differing(stored: &Value, received: &Value) -> (Value, Value) {
    let empty = Map::new();
    let (one, other) = (stored.as_object().unwrap_or(&empty), received.as_object().unwrap_or(&empty));
    let differs = |name: &&String| one.get(*name) != other.get(*name);
    let names: Vec<&String> = one.keys().filter(differs).collect();
    let of = |from: &Map<String, Value>| {
        Value::Object(names.iter().filter_map(|name| Some(((*name).clone(), from.get(*name)?.clone()))).collect())
    };
    (of(one), of(other))
}
