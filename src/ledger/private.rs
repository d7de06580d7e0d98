//! What the ledger keeps sealed about families, for somebody who may see it.

use super::store::{contracts, payments};
use crate::{
    db::{DbError, ScopedConn},
    kernel::private::Held,
};

/// What stands in one field (`pupil`, `guardian_phone`) of a contract in the caller's range.
pub async fn private_contract(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let Some(row) = contracts::contract(conn, id).await? else { return Ok(None) };
    let (value, masked) = match field {
        "pupil" => {
            let pupil = row.pupil(conn.vault())?;
            (pupil.expose().to_owned(), pupil.masked())
        }
        "guardian_phone" => {
            let phone = row.guardian_phone(conn.vault())?;
            (phone.expose().to_owned(), phone.masked())
        }
        _ => return Ok(None),
    };
    Ok((!value.is_empty()).then(|| Held {
        tenant: row.tenant_id,
        institution: row.institution_id,
        label: format!("{} · {}", row.institution_name, row.contract_no),
        back: format!("/b/ledger/{}#contracts", row.credit_code),
        value,
        masked,
    }))
}

/// What stands in `paid_to` of a payment in the caller's range that went past the escrow account.
pub async fn private_payment(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let Some(id) = id.parse().ok().filter(|_| field == "paid_to") else { return Ok(None) };
    let Some(payment) = payments::payment(conn, id).await? else { return Ok(None) };
    let Some(payee) = payment.payee(conn.vault())? else { return Ok(None) };
    let Some(contract) = contracts::contract(conn, payment.contract_id).await? else { return Ok(None) };
    Ok(Some(Held {
        tenant: payment.tenant_id,
        institution: payment.institution_id,
        label: format!("{} · {}", contract.institution_name, contract.contract_no),
        back: format!("/b/ledger/{}#contracts", contract.credit_code),
        value: payee.expose().to_owned(),
        masked: payee.masked(),
    }))
}
