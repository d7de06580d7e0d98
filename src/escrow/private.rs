//! What escrow keeps about persons and accounts that are not published, for somebody who may see it.

use chrono::{DateTime, Utc};

use super::{
    filing::amend,
    store::{accounts, entries},
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::private::Held,
};

/// What stands in `payee_account`, or in the `new_payee_account` that waits, of an escrow account in the caller's range.
pub async fn private_account(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let Some(account) = accounts::account(conn, id).await? else { return Ok(None) };
    let payee = match field {
        "payee_account" => account.payee(conn.vault())?,
        // What is to be confirmed is compared with the agreement, number by number.
        "new_payee_account" => {
            let changes = amend::store::of(conn, account.tenant_id, &[id]).await?;
            changes.into_iter().find(|change| change.state == amend::State::Filed).and_then(|change| change.payee)
        }
        _ => return Ok(None),
    };
    Ok(payee.map(|payee| Held {
        tenant: account.tenant_id,
        institution: account.institution_id,
        label: account.institution_name,
        back: format!("/b/escrow/{id}"),
        value: payee.expose().to_owned(),
        masked: payee.masked(),
    }))
}

/// The fields of an entry that may be masked.
pub const ENTRY_FIELDS: [&str; 3] = ["counterparty_name", "counterparty_account", "remittance"];

/// What stands in one field of an entry in the caller's range; `id` is `account.reference`.
pub async fn private_entry(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let parsed = id.split_once('.').and_then(|(account, bank_ref)| Some((account.parse().ok()?, bank_ref)));
    let Some((id, bank_ref)) = parsed else { return Ok(None) };
    let Some(account) = accounts::account(conn, id).await? else { return Ok(None) };
    // A reference is unique within its account for good, whenever the entry was booked.
    let (from, until) = (DateTime::<Utc>::UNIX_EPOCH, account.last_booked_at.unwrap_or_default());
    let found = entries::by_refs(conn, account.tenant_id, id, &[bank_ref], from, until).await?.pop();
    let Some(entry) = found else { return Ok(None) };
    let masked = entry.clone().masked();
    let (value, masked) = match field {
        "counterparty_name" => (entry.counterparty_name, masked.counterparty_name),
        "counterparty_account" => (entry.counterparty_account, masked.counterparty_account),
        "remittance" => (entry.remittance, masked.remittance),
        _ => return Ok(None),
    };
    Ok(value.zip(masked).map(|(value, masked)| Held {
        tenant: account.tenant_id,
        institution: account.institution_id,
        label: format!("{} · {bank_ref}", account.institution_name),
        back: format!("/b/escrow/{id}"),
        value,
        masked,
    }))
}
