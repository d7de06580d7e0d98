//! The life of a machine user's key: made, its secret changed with overlap, revoked, and its end announced in time.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::{
    MachineScope,
    store::{self, Key, NewKey},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{Action, Caller, Role, commands, may, sessions, store as people},
    kernel::{CreditCode, RegionCode, clock::BEIJING},
    secrets::{Secrets, Unsealable, random},
};

/// How long a key is good at most, and when nothing else is asked for.
pub const LIFE_DAYS_MAX: i64 = 365;
/// How long two secrets of a key may count at the same time.
pub const OVERLAP_MAX: Duration = Duration::days(90);
/// Before its end a key is announced this many days ahead, each time once.
const ANNOUNCED_DAYS: [i64; 2] = [30, 7];
/// Longest name, in characters, and most accounts of one key.
const NAME_MAX: usize = 100;
const ACCOUNTS_MAX: usize = 200;

/// Why a key was not made or changed; each says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no such key")]
    NotFound,
    #[error("this key has expired or was revoked; make a new one")]
    Over,
    #[error("only a bank or an institution's system uses keys; people have accounts")]
    Role,
    #[error("a key needs a name of 1 to {NAME_MAX} characters: whose system is it")]
    Name,
    #[error("a key of this role is made for one or more of its own scopes: {0}")]
    Scope(String),
    #[error("an account number has 8 to 40 digits or letters, and a key is for {ACCOUNTS_MAX} accounts at most")]
    Accounts,
    #[error("a key is good for 1 to {LIFE_DAYS_MAX} days")]
    Life,
    #[error("two secrets count at the same time for 90 days at most")]
    Overlap,
    #[error("an institution's system needs the credit code of an institution that is registered in this county")]
    Institution,
    #[error("the role may not do this")]
    Forbidden,
    #[error(transparent)]
    Seal(#[from] Unsealable),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Whose a key of an institution's system will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The bureau's own: a bank that it works with.
    Bureau,
    Institution(i64),
    /// By credit code, from the command line.
    Registered(CreditCode),
}

/// What to make a key for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub role: Role,
    pub owner: Owner,
    pub name: &'a str,
    /// All scopes of the role when empty.
    pub scopes: Vec<MachineScope>,
    /// For a bank: the accounts it pushes for; all of the bureau's when empty.
    pub accounts: Vec<String>,
    pub life_days: i64,
}

/// A key with its secret, which is shown once.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Made {
    pub key: String,
    pub secret: String,
    pub expires_at: DateTime<Utc>,
    /// After a rotation: until when the secret before counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<DateTime<Utc>>,
}

fn new_secret() -> String {
    hex::encode(random::<32>())
}

/// Who may keep keys of a role: the bureau's administrator, and an institution's for its own systems.
fn action(role: Role) -> Action {
    if role == Role::InstitutionSystem { Action::KeepSystemKeys } else { Action::KeepBankKeys }
}

/// Makes a key in the caller's bureau.
pub async fn make(pools: &Pools, secrets: &Secrets, caller: &Caller, request: Request<'_>) -> Result<Made, KeyError> {
    if !request.role.is_machine() {
        return Err(KeyError::Role);
    }
    let by_system = caller.actor.user_id == 0;
    if !by_system && !may(caller.actor.role, action(request.role)) {
        return Err(KeyError::Forbidden);
    }
    let name = request.name.trim();
    if !(1..=NAME_MAX).contains(&name.chars().count()) {
        return Err(KeyError::Name);
    }
    let own = MachineScope::of(request.role);
    if request.scopes.iter().any(|scope| !own.contains(scope)) {
        return Err(KeyError::Scope(own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    }
    if request.accounts.len() > ACCOUNTS_MAX || request.accounts.iter().any(|no| !(8..=40).contains(&no.len())) {
        return Err(KeyError::Accounts);
    }
    if !(1..=LIFE_DAYS_MAX).contains(&request.life_days) {
        return Err(KeyError::Life);
    }
    let scopes = if request.scopes.is_empty() { own.to_vec() } else { request.scopes };
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let (tenant, now) = (caller.actor.tenant, caller.now);
    let key = format!("mjk-{tenant}-{}", hex::encode(random::<8>()));
    let secret = new_secret();
    let sealed = secrets.seal(&key, secret.as_bytes())?;
    let expires_at = now + Duration::days(request.life_days);
    let role = request.role.to_string();
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), KeyError> {
        let institution = match (request.role, request.owner) {
            (Role::InstitutionSystem, Owner::Institution(id)) => Some(id),
            (Role::InstitutionSystem, Owner::Registered(code)) => {
                let id = people::institution_by_code(conn.sql(), tenant, code.as_str()).await?;
                Some(id.ok_or(KeyError::Institution)?)
            }
            (Role::InstitutionSystem, Owner::Bureau) => return Err(KeyError::Institution),
            _ => None,
        };
        let new = NewKey {
            tenant,
            key: &key,
            role: &role,
            name,
            scopes: &scopes,
            institution,
            accounts: (!request.accounts.is_empty()).then_some(&request.accounts[..]),
            sealed: &sealed,
            created_by: &caller.actor.display_name,
            created_at: now,
            expires_at,
        };
        store::add(conn.sql(), &new).await?;
        let after = json!({"name": name, "role": role, "scopes": scopes, "accounts": request.accounts, "expires_at": expires_at});
        record(conn, caller, "key.added", &key, institution, after);
        Ok(())
    })
    .await?;
    Ok(Made { key, secret, expires_at, previous_until: None })
}

fn record(
    conn: &mut AuthConn,
    caller: &Caller,
    action: &str,
    key: &str,
    institution: Option<i64>,
    after: serde_json::Value,
) {
    let event = Event {
        action,
        subject_kind: "machine_key",
        subject_id: key.to_owned(),
        institution,
        after: Some(after),
        ..Event::default()
    };
    audit::store::record_own(conn, caller, event);
}

/// The keys that the caller keeps: of the whole bureau, or of the one institution.
pub async fn list(pools: &Pools, caller: &Caller) -> Result<Vec<Key>, DbError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let keys = store::keys(&mut conn, caller.now).await?;
    conn.commit().await?;
    Ok(keys)
}

/// A key within the caller's scope whose keeper the caller is, or which the bureau oversees.
async fn kept(pools: &Pools, caller: &Caller, key: &str, overseen: Option<Action>) -> Result<Key, KeyError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let found = store::key(&mut conn, key).await?.ok_or(KeyError::NotFound)?;
    conn.commit().await?;
    let role: Role = found.role.parse().map_err(|_| KeyError::Role)?;
    let actor = &caller.actor;
    let oversees = overseen.is_some_and(|action| may(actor.role, action));
    let may_keep = actor.user_id == 0 || may(actor.role, action(role)) || oversees;
    if may_keep { Ok(found) } else { Err(KeyError::Forbidden) }
}

/// Gives a key another secret; for `overlap` the one before counts as well.
pub async fn rotate(
    pools: &Pools,
    secrets: &Secrets,
    caller: &Caller,
    key: &str,
    overlap: Duration,
) -> Result<Made, KeyError> {
    if overlap < Duration::zero() || OVERLAP_MAX < overlap {
        return Err(KeyError::Overlap);
    }
    let found = kept(pools, caller, key, None).await?;
    let now = caller.now;
    let secret = new_secret();
    let sealed = secrets.seal(key, secret.as_bytes())?;
    // The new secret is good for as long as the first was meant to be.
    let life = found.expires_at - found.rotated_at.unwrap_or(found.created_at);
    let expires_at = now + life.clamp(Duration::days(1), Duration::days(LIFE_DAYS_MAX));
    let previous_until = (now + overlap).min(found.expires_at);
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), KeyError> {
        if !store::rotate(conn.sql(), caller.actor.tenant, key, &sealed, now, previous_until, expires_at).await? {
            return Err(KeyError::Over);
        }
        let after = json!({"name": found.name, "expires_at": expires_at, "previous_until": previous_until});
        record(conn, caller, "key.rotated", key, found.institution_id, after);
        Ok(())
    })
    .await?;
    Ok(Made { key: key.to_owned(), secret, expires_at, previous_until: Some(previous_until) })
}

/// Ends a key for good, at once.
pub async fn revoke(pools: &Pools, caller: &Caller, key: &str) -> Result<(), KeyError> {
    let found = kept(pools, caller, key, Some(Action::KeepBankKeys)).await?;
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), KeyError> {
        if !store::revoke(conn.sql(), caller.actor.tenant, key, caller.now).await? {
            return Err(KeyError::Over);
        }
        record(conn, caller, "key.revoked", key, found.institution_id, json!({"name": found.name}));
        Ok(())
    })
    .await
}

/// The bureau of a key, as its name says.
pub fn bureau_of(key: &str) -> Option<RegionCode> {
    super::tenant_of(key).and_then(RegionCode::from_i32)
}

/// Makes the bureau's row, so that a key can be made for a county where nobody has an account yet.
pub async fn establish(pools: &Pools, region: RegionCode, now: DateTime<Utc>) -> Result<(), DbError> {
    commands::establish_bureau(pools, region, now).await
}

/// Tells whoever keeps a key that it ends soon, a month and a week ahead, each once.
pub async fn announce_ends(pools: &Pools, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = pools.auth().get().await?;
    for (nearer, days) in [(ANNOUNCED_DAYS[1], ANNOUNCED_DAYS[0]), (0, ANNOUNCED_DAYS[1])] {
        let (from, until) = (now + Duration::days(nearer), now + Duration::days(days));
        for ending in store::ending(&mut conn, from, until).await? {
            let day = ending.expires_at.with_timezone(&BEIJING).format("%Y-%m-%d");
            let (name, key) = (&ending.name, &ending.key_id);
            let subject = format!("【明鉴】接口密钥将于 {day} 到期：{name} / A key ends on {day}: {name}");
            let body = format!(
                "“{name}”的接口密钥 {key} 将于 {day} 到期，到期后请求一律被拒绝。\n\n\
                 请在“接口密钥”页更换密钥，把新密钥交给对方；更换后新旧密钥可以同时使用一段时间。\n\n\
                 The key {key} of {name} ends on {day}; after that its requests are refused.\n\n\
                 Change its secret on the page Keys and hand the new one over; for some time both work.\n",
            );
            let once = format!("key-ends:{key}:{day}:{days}:{}", ending.email);
            sessions::store::mail(&mut conn, ending.tenant_id, &ending.email, &subject, &body, &once, now).await?;
        }
    }
    Ok(())
}
