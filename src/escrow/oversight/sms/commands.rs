//! Setting the gateway and the numbers, and what is sent when a message is due.

use serde_json::json;
use tokio_postgres::Client;

use super::message;
use crate::{
    audit::{self, Event},
    db::DbError,
    escrow::{
        EscrowError,
        oversight::{
            store::sms as store,
            webhook::{Receiver, address},
        },
    },
    identity::{Action, Caller, may},
    kernel::{
        Private,
        private::{Kind, Phone},
    },
    secrets::{self, Secrets},
    vault::Vault,
    web::{AppState, FieldError},
};

/// Longest number of a gateway's text, and longest name of an officer, in characters.
const TEXT_MAX: usize = 60;
/// Most officers on duty.
const PHONES_MAX: usize = 20;

fn label(tenant: i32) -> String {
    format!("sms:{tenant}")
}

fn allowed(caller: &Caller) -> Result<(), EscrowError> {
    if may(caller.actor.role, Action::KeepWebhook) { Ok(()) } else { Err(EscrowError::Forbidden) }
}

fn wrong(path: &str, zh: &str, en: &str) -> EscrowError {
    EscrowError::Invalid(vec![FieldError::new(path, path, zh, en)])
}

/// Sets the bureau's gateway; returns the secret that signs what is sent there, which is shown this once.
pub(super) async fn set(
    state: &AppState,
    caller: &Caller,
    (url, template): (&str, &str),
) -> Result<String, EscrowError> {
    allowed(caller)?;
    let (url, template) = (url.trim(), template.trim());
    let mut errors = Vec::new();
    if let Err(error) = address::check(url, &state.service.webhook_private) {
        let (zh, en) = error.words();
        errors.push(FieldError::new("url", "url", zh, en));
    }
    if template.is_empty() || template.chars().count() > TEXT_MAX {
        let (zh, en) =
            ("请填写短信平台的模板编号，不超过 60 字", "give the gateway's template id, 60 characters at most");
        errors.push(FieldError::new("template", "template", zh, en));
    }
    if !errors.is_empty() {
        return Err(EscrowError::Invalid(errors));
    }
    let secret = hex::encode(secrets::random::<32>());
    let sealed = state.secrets.seal(&label(caller.actor.tenant), secret.as_bytes());
    let sealed = sealed.map_err(|error| DbError::Pool(error.to_string()))?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = store::gateway(&mut conn).await?;
    store::set(&mut conn, (url, template), &sealed, &caller.actor.display_name, caller.now).await?;
    let event = Event {
        action: "sms.set",
        subject_kind: "sms",
        subject_id: caller.actor.tenant.to_string(),
        before: before.map(|before| json!({ "url": before.url, "template": before.template })),
        after: Some(json!({ "url": url, "template": template })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(secret)
}

/// Removes it; what waits to be sent there is given up.
pub(super) async fn remove(state: &AppState, caller: &Caller) -> Result<(), EscrowError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = store::gateway(&mut conn).await?.ok_or(EscrowError::NotFound)?;
    store::remove(&mut conn).await?;
    let event = Event {
        action: "sms.removed",
        subject_kind: "sms",
        subject_id: caller.actor.tenant.to_string(),
        before: Some(json!({ "url": before.url, "template": before.template })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

/// Puts an officer on duty; the row's number.
pub(super) async fn add_phone(
    state: &AppState,
    caller: &Caller,
    (holder, phone): (&str, &str),
) -> Result<i64, EscrowError> {
    allowed(caller)?;
    let holder = holder.trim();
    let mut errors = Vec::new();
    if holder.is_empty() || holder.chars().count() > TEXT_MAX {
        let (zh, en) = ("请写明是谁的号码，不超过 60 字", "say whose number it is, 60 characters at most");
        errors.push(FieldError::new("holder", "holder", zh, en));
    }
    let normal = Phone::normal(phone);
    let mobile = match normal.as_slice() {
        [one] if one.len() == 11 && one.starts_with('1') => Some(one.clone()),
        _ => None,
    };
    if mobile.is_none() {
        let (zh, en) = ("请填写一个 11 位手机号", "give one mobile number of 11 digits");
        errors.push(FieldError::new("phone", "phone", zh, en));
    }
    let (true, Some(mobile)) = (errors.is_empty(), mobile) else { return Err(EscrowError::Invalid(errors)) };
    let mobile = Private::<Phone>::new(mobile);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    if store::phones(&mut conn).await?.len() >= PHONES_MAX {
        return Err(wrong(
            "phone",
            "最多 20 人值班，请先去掉一个",
            "at most 20 officers are on duty; take one off first",
        ));
    }
    let Some(id) = store::add_phone(&mut conn, holder, &mobile, &caller.actor.display_name, caller.now).await? else {
        return Err(wrong("phone", "这个号码已在名单里", "this number is on the list already"));
    };
    let event = Event {
        action: "sms.phone_added",
        subject_kind: "sms",
        subject_id: caller.actor.tenant.to_string(),
        after: Some(json!({ "name": holder, "phone": mobile })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(id)
}

/// Takes an officer off duty; messages that wait for that number are given up.
pub(super) async fn remove_phone(state: &AppState, caller: &Caller, id: i64) -> Result<(), EscrowError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let phones = store::phones(&mut conn).await?;
    let phone = phones.into_iter().find(|phone| phone.id == id).ok_or(EscrowError::NotFound)?;
    store::remove_phone(&mut conn, id).await?;
    let event = Event {
        action: "sms.phone_removed",
        subject_kind: "sms",
        subject_id: caller.actor.tenant.to_string(),
        before: Some(json!({ "name": phone.holder, "phone": phone.phone })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

/// Sends every officer on duty a message that says it is a trial, once a minute at most.
pub(super) async fn try_out(state: &AppState, caller: &Caller) -> Result<(), EscrowError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    store::gateway(&mut conn).await?.ok_or(EscrowError::NotFound)?;
    if store::phones(&mut conn).await?.is_empty() {
        return Err(wrong(
            "phone",
            "名单是空的，先加入一位值班人员",
            "nobody is on duty; put an officer on the list first",
        ));
    }
    let variables = message::of_trial(&format!("{}/b/escrow/sms", state.public_url()));
    let key = format!("sms:trial:{}:", caller.now.timestamp() / 60);
    store::message(&mut conn, &key, &variables.to_string(), (caller.now, caller.now)).await?;
    let event = Event {
        action: "sms.tried",
        subject_kind: "sms",
        subject_id: caller.actor.tenant.to_string(),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

/// What a message that is due asks of the gateway, on a connection of the worker role: where to, and the body. `None` where
/// the bureau has no gateway any more, the officer is off duty, or a seal does not open.
pub async fn call(
    client: &Client,
    (secrets, vault): (&Secrets, &Vault),
    (tenant, recipient, variables): (i32, &str, &str),
) -> Result<Option<(Receiver, String)>, DbError> {
    let Some(due) = store::due(client, tenant, recipient.parse().unwrap_or_default()).await? else { return Ok(None) };
    let Ok(secret) = secrets.open(&label(tenant), &due.secret_sealed) else { return Ok(None) };
    let place = store::phone_place(tenant, &due.known_as);
    let Some(phone) = vault.open_sealed(&place, &due.phone_sealed).ok().and_then(|phone| String::from_utf8(phone).ok())
    else {
        return Ok(None);
    };
    let variables: serde_json::Value = serde_json::from_str(variables).unwrap_or_default();
    let body = json!({ "template": due.template, "phones": [phone], "variables": variables }).to_string();
    Ok(Some((Receiver { url: due.url, secret }, body)))
}
