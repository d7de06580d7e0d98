//! What time does to accounts: on its day a successor comes into use, and an old account that is empty is closed.
//!
//! Part of the sweep: each step is a short transaction that is no change the next time.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use super::{rules::Left, store};
use crate::{
    audit::{self, Event},
    db::{DbError, Scope, ScopedConn},
    escrow::oversight::store::telling::{self, Mail},
    identity::{Actor, Caller},
    public,
    web::AppState,
};

/// Brings the accounts of a bureau up to an instant.
pub async fn pass_time(state: &AppState, tenant: i32, now: DateTime<Utc>) -> Result<(), DbError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "background".to_owned(), now };
    let mut conn = Scope::system(tenant).begin(&state.pools).await?;
    let beginning = store::beginning(&mut conn, caller.today()).await?;
    let emptying = store::left(&mut conn, "emptying", None).await?;
    let refilled = store::left(&mut conn, "closed", None).await?;
    conn.commit().await?;
    for institution in beginning {
        begin(state, &caller, institution).await?;
    }
    for (institution, account, left) in emptying {
        if left.is_empty() {
            settle(state, &caller, (institution, account), ("emptying", "closed")).await?;
        }
    }
    for (institution, account, _) in refilled {
        settle(state, &caller, (institution, account), ("closed", "emptying")).await?;
    }
    Ok(())
}

/// The successor comes into use, and the account before it is emptied from now on.
async fn begin(state: &AppState, caller: &Caller, institution: i64) -> Result<(), DbError> {
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let on_file = store::lock(&mut conn, institution).await?;
    let is_due = |day: Option<NaiveDate>| day.is_some_and(|day| day <= caller.today());
    let Some(new) = on_file.iter().find(|one| one.status == "upcoming" && is_due(one.in_use_from)) else {
        return conn.commit().await;
    };
    if let Some(old) = on_file.iter().find(|one| one.status == "active") {
        store::stand(&mut conn, old.id, "emptying").await?;
        record(&mut conn, caller, ("escrow.account_emptying", old.id, institution), ("active", "emptying")).await?;
    }
    store::stand(&mut conn, new.id, "active").await?;
    record(&mut conn, caller, ("escrow.account_in_use", new.id, institution), ("upcoming", "active")).await?;
    public::publish(&mut conn, institution, caller.now).await?;
    conn.commit().await
}

/// An old account is closed once it is empty, and watched again where money comes in after that.
async fn settle(
    state: &AppState,
    caller: &Caller,
    (institution, account): (i64, i64),
    (from, to): (&'static str, &'static str),
) -> Result<(), DbError> {
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let on_file = store::lock(&mut conn, institution).await?;
    let left = store::left(&mut conn, from, Some(account)).await?.pop().map(|(_, _, left)| left);
    let others = on_file.iter().any(|one| one.id != account && one.status == "emptying");
    let holds = |left: Left| if to == "closed" { left.is_empty() } else { !others };
    if !left.is_some_and(holds) {
        return conn.commit().await;
    }
    store::stand(&mut conn, account, to).await?;
    let action = if to == "closed" { "escrow.account_closed" } else { "escrow.account_emptying" };
    record(&mut conn, caller, (action, account, institution), (from, to)).await?;
    if to == "closed" {
        tell_closed(&mut conn, caller, institution, account).await?;
    }
    conn.commit().await
}

async fn tell_closed(conn: &mut ScopedConn, caller: &Caller, institution: i64, account: i64) -> Result<(), DbError> {
    let body = "原监管账户已转清，对账单余额为零，不再监管，可以销户。\n\n\
                The old escrow account is empty by its last statement and no longer watched; it may be closed at the bank.\n";
    let mail = Mail {
        key: &format!("account:{account}:closed:{}", caller.today()),
        subject: "原监管账户已转清 / The old escrow account is empty",
        for_bureau: Some(body),
        for_institution: Some((institution, body)),
        due_at: caller.now,
        now: caller.now,
    };
    telling::mail(conn, &mail).await
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    (action, account, institution): (&'static str, i64, i64),
    (from, to): (&str, &str),
) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: "escrow_account",
        subject_id: account.to_string(),
        institution: Some(institution),
        before: Some(json!({"status": from})),
        after: Some(json!({"status": to})),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}
