//! Finding contracts by the pupil's whole name or the guardian's number: by keyed hashes alone, never by a part of a name.

use serde_json::json;

use super::store::pupils as store;
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, Scope, ScopedConn},
    identity::{Action, Caller, may},
    kernel::{
        Private,
        private::{Kind as _, PersonName, Phone},
    },
    vault::Vault,
};

/// Contracts whose hash is filled in at a time.
const BATCH: i64 = 500;
/// Fewer digits are a piece of a telephone number.
const PHONE_DIGITS_MIN: usize = 7;

/// What a text would be in the ledger, if it is the whole name of a pupil or the whole number of a guardian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub names: Vec<Vec<u8>>,
    pub phones: Vec<Vec<u8>>,
}

impl Wanted {
    /// The keyed hashes of a text.
    pub fn of(vault: &Vault, text: &str) -> Wanted {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let phones = if digits < PHONE_DIGITS_MIN { Vec::new() } else { vault.digests::<Phone>(text) };
        Wanted { names: vault.digests::<PersonName>(text), phones }
    }
}

/// What a pupil is found by: the name alone.
pub(super) fn name_index(vault: &Vault, pupil: &Private<PersonName>) -> Vec<u8> {
    vault.digest::<PersonName>(&PersonName::normal(pupil.expose()).concat())
}

/// Whether the caller may find contracts by whose they are: the institution its own, an official of the county that of a family
/// which asks. A bureau above reads lists, and asks the county about one child.
pub(super) fn may_find(caller: &Caller) -> bool {
    may(caller.actor.role, Action::FindPupil)
}

/// Puts on record that an official looked for a child: by the mask, under a part of the keyed hash.
pub(super) async fn record(conn: &mut ScopedConn, caller: &Caller, text: &str, found: usize) -> Result<(), DbError> {
    if caller.actor.role.is_institution() {
        return Ok(());
    }
    let wanted = Wanted::of(conn.vault(), text);
    let (digest, masked) = match wanted.phones.first() {
        Some(phone) => (phone.clone(), Phone::mask(text)),
        None => (wanted.names.first().cloned().unwrap_or_default(), PersonName::mask(text)),
    };
    let event = Event {
        action: "contract.pupil_searched",
        subject_kind: "person",
        subject_id: hex::encode(&digest[..digest.len().min(8)]),
        after: Some(json!({ "pupil": masked, "contracts": found })),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}

/// Fills in what contracts on file before are found by. Part of the sweep; there is nothing to do the next time.
pub async fn index_pupils(pools: &Pools, tenant: i32) -> Result<(), DbError> {
    let mut after = 0;
    loop {
        let mut conn = Scope::system(tenant).begin(pools).await?;
        let rows = store::without_index(&mut conn, after, BATCH).await?;
        let Some(last) = rows.last() else { return conn.commit().await };
        after = last.id;
        let vault = conn.vault().clone();
        // What does not open is the doctor's to tell; the others are found all the same.
        let opened = rows.iter().filter_map(|row| Some((row.id, name_index(&vault, &row.pupil(&vault).ok()?))));
        let indexes: Vec<(i64, Vec<u8>)> = opened.collect();
        store::set_index(&mut conn, &indexes).await?;
        conn.commit().await?;
    }
}
