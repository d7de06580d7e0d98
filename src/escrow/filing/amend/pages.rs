//! What the page of an account's filing shows of its changes, and what its forms do.

use std::collections::HashMap;

use super::{
    commands::{self, Confirmed},
    model::{Amendment, State, Wish},
    store::{self, PaidBefore},
};
use crate::{
    approvals::{self, Kind},
    db::ScopedConn,
    escrow::{error::EscrowError, store::accounts::Account},
    identity::Caller,
    kernel::{Private, private::AccountNumber},
    web::{AppState, FieldError, Problem, SafeForm},
};

/// A change with its numbers as the one who looks may see them.
pub struct ShownChange {
    pub change: Amendment,
    pub payee: Option<String>,
    pub payee_before: Option<String>,
    /// What went to the new payee before it is confirmed; officials' to know.
    pub paid: Option<PaidBefore>,
    /// The colleague's approval that it waits for.
    pub proposal: Option<i64>,
}

/// A payee's number: in full for the institution itself, else the mask.
pub fn number(payee: &Private<AccountNumber>, own: bool) -> String {
    if own { payee.expose().to_owned() } else { payee.masked() }
}

/// The changes of accounts, by account.
pub async fn of(
    conn: &mut ScopedConn,
    caller: &Caller,
    accounts: &[Account],
) -> Result<HashMap<i64, Vec<ShownChange>>, Problem> {
    let own = caller.actor.role.is_institution();
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    let mut found: HashMap<i64, Vec<ShownChange>> = HashMap::new();
    for change in store::of(conn, caller.actor.tenant, &ids).await? {
        let (mut paid, mut proposal) = (None, None);
        if !own && change.state == State::Filed {
            if let Some(payee) = &change.payee {
                paid = Some(store::paid_before(conn, change.account, payee.expose()).await?);
            }
            let waits = approvals::waiting_about(conn, Kind::ChangePayee, &[change.id.to_string()], caller.now).await?;
            proposal = waits.first().map(|(id, _)| *id);
        }
        let (payee, payee_before) = (&change.payee, &change.payee_before);
        let shown = ShownChange {
            payee: payee.as_ref().map(|payee| number(payee, own)),
            payee_before: payee_before.as_ref().map(|payee| number(payee, own)),
            paid: paid.filter(|paid| paid.times > 0),
            proposal,
            change,
        };
        found.entry(shown.change.account).or_default().push(shown);
    }
    Ok(found)
}

/// What is done about a change of a filing; `None` for what is none of it.
pub async fn submit(state: &AppState, caller: &Caller, form: &SafeForm) -> Option<Result<&'static str, EscrowError>> {
    let id = |name: &str| form.get(name).parse::<i64>().map_err(|_| EscrowError::NotFound);
    let comment = form.get("decide_comment");
    let done = async {
        match form.get("what") {
            "amend" => {
                let wish = Wish {
                    agreement_no: form.get("amend_agreement_no"),
                    payee_account: form.get("amend_payee_account"),
                    reason: form.get("amend_reason"),
                };
                commands::file(state, caller, id("account_id")?, &wish).await.map(|_| "amended")
            }
            "amend_withdraw" => commands::withdraw(state, caller, id("change")?).await.map(|()| "amend_withdrawn"),
            "amend_confirm" => match commands::confirm(state, caller, id("change")?, comment).await? {
                Confirmed::Done => Ok("amend_confirmed"),
                Confirmed::Proposed(_) => Ok("amend_proposed"),
            },
            _ => commands::refuse(state, caller, id("change")?, comment).await.map(|()| "amend_refused"),
        }
    };
    if !form.get("what").starts_with("amend") {
        return None;
    }
    // The page has a form for new accounts as well, whose fields are called as these are.
    Some(done.await.map_err(|error| match error {
        EscrowError::Invalid(errors) => {
            let named = |error: FieldError| {
                let path = match error.path.as_str() {
                    "comment" => "decide_comment".to_owned(),
                    other => format!("amend_{other}"),
                };
                FieldError { path, ..error }
            };
            EscrowError::Invalid(errors.into_iter().map(named).collect())
        }
        other => other,
    }))
}
