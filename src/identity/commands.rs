//! Signing in and out, refreshing, and making accounts.

use chrono::{DateTime, Duration, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::{
    Actor, Caller, Role, password,
    store::{self, Account, NewAccount},
    tokens::{RefreshToken, SESSION_LIFE, TokenError, Tokens, session_id},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools},
    kernel::{CreditCode, RegionCode},
    secrets::random,
};

/// Two tabs of a browser may refresh at the same moment; within this time the second gets an access token and nothing ends.
pub const BROWSER_GRACE: Duration = Duration::seconds(30);

/// Why nobody was signed in. The first two read the same to whoever tries.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the name or the password is wrong")]
    Refused,
    #[error("the session has ended; sign in again")]
    SessionEnded,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TokenError> for SignInError {
    fn from(_: TokenError) -> Self {
        SignInError::SessionEnded
    }
}

impl From<DieselError> for SignInError {
    fn from(error: DieselError) -> Self {
        SignInError::Db(error.into())
    }
}

/// What a successful sign-in or refresh hands out.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub actor: Actor,
    pub access: String,
    /// Absent when a refresh came second within the grace time: the first one's token stands.
    pub refresh: Option<String>,
}

fn actor_of(account: &Account, session: &str) -> Result<Actor, SignInError> {
    Ok(Actor {
        user_id: account.id,
        display_name: account.display_name.clone(),
        tenant: account.tenant_id,
        role: account.role.parse().map_err(|_| SignInError::Refused)?,
        institution: account.institution_id,
        session: session.to_owned(),
    })
}

/// Checks a name and password and begins a session. Takes the same time whether the account exists or not.
pub async fn sign_in(
    pools: &Pools,
    tokens: &Tokens,
    username: &str,
    password: &str,
    agent: &str,
    request_id: &str,
    now: DateTime<Utc>,
) -> Result<SignedIn, SignInError> {
    let account = {
        let mut conn = pools.auth().get().await.map_err(DbError::from)?;
        store::account_by_name(&mut conn, username.trim()).await?
    };
    // The connection is given back first: guessers must not hold all of them while their guesses are hashed.
    let hash = account.as_ref().filter(|a| a.status == "active").and_then(|a| a.password_hash.clone());
    let matches = password.len() <= 4 * password::LENGTH_MAX && password::verify(password.to_owned(), hash).await;
    let account = account.filter(|_| matches).ok_or(SignInError::Refused)?;
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let session = session_id();
    let actor = actor_of(&account, &session)?;
    let refresh = RefreshToken::issue(actor.tenant, &session);
    let agent: String = agent.chars().take(200).collect();
    let caller = Caller { actor: actor.clone(), request_id: request_id.to_owned(), now };
    AsyncPgConnection::transaction(&mut conn, async |conn: &mut AsyncPgConnection| -> Result<(), SignInError> {
        store::begin_session(conn, actor.tenant, &session, actor.user_id, now, now + SESSION_LIFE, &agent).await?;
        store::add_refresh(conn, actor.tenant, &refresh.hash(), &session).await?;
        let event = Event {
            action: "session.begun",
            subject_kind: "session",
            subject_id: session.clone(),
            institution: actor.institution,
            ..Event::default()
        };
        Ok(audit::store::append(conn, &caller, event).await?)
    })
    .await?;
    Ok(SignedIn { access: tokens.access(&actor, now)?, refresh: Some(refresh.text()), actor })
}

/// What became of a refresh token.
enum Refreshed {
    /// The account, and whether the token was rotated.
    Goes(Account, bool),
    /// It was ours, and its session is over.
    Ended,
    /// It is none of ours.
    Unknown,
}

/// Ends a session and says so in the audit trail; nothing where it had ended before.
async fn end(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
    reason: &str,
    request_id: &str,
) -> Result<(), DbError> {
    let Some(account) = store::end_session(conn, tenant, session, now, reason).await? else { return Ok(()) };
    let actor = Actor {
        user_id: account.id,
        display_name: account.display_name,
        role: account.role.parse().map_err(|_| DbError::Pool(format!("no role {}", account.role)))?,
        institution: account.institution_id,
        session: session.to_owned(),
        tenant,
    };
    let caller = Caller { actor, request_id: request_id.to_owned(), now };
    let event = Event {
        action: "session.ended",
        subject_kind: "session",
        subject_id: session.to_owned(),
        institution: account.institution_id,
        reason: Some(reason),
        ..Event::default()
    };
    audit::store::append(conn, &caller, event).await
}

/// Changes a refresh token for a new pair. A token used twice ends its session: it was stolen, or its thief was first.
///
/// `grace` forgives a second use that follows the first closely: browsers need it, programs get none.
pub async fn refresh(
    pools: &Pools,
    tokens: &Tokens,
    text: &str,
    grace: Duration,
    request_id: &str,
    now: DateTime<Utc>,
) -> Result<SignedIn, SignInError> {
    let token = RefreshToken::parse(text).ok_or(SignInError::SessionEnded)?;
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let next = RefreshToken::issue(token.tenant, &token.session);
    let outcome = AsyncPgConnection::transaction(
        &mut conn,
        async |conn: &mut AsyncPgConnection| -> Result<Refreshed, SignInError> {
            let Some(used_before) = store::use_refresh(conn, token.tenant, &token.hash(), now).await? else {
                return Ok(Refreshed::Unknown);
            };
            if used_before.is_some_and(|at| grace <= now - at) {
                end(conn, token.tenant, &token.session, now, "refresh token used twice", request_id).await?;
                return Ok(Refreshed::Ended);
            }
            let Some(account) = store::account_of_session(conn, token.tenant, &token.session, now).await? else {
                return Ok(Refreshed::Ended);
            };
            if used_before.is_none() {
                store::add_refresh(conn, token.tenant, &next.hash(), &token.session).await?;
            }
            Ok(Refreshed::Goes(account, used_before.is_none()))
        },
    )
    .await?;
    let (account, rotated) = match outcome {
        Refreshed::Goes(account, rotated) => (account, rotated),
        Refreshed::Ended => {
            tokens.end(&token.session, now);
            return Err(SignInError::SessionEnded);
        }
        // Whoever sent it may have made up the session's name: nothing ends by it.
        Refreshed::Unknown => return Err(SignInError::SessionEnded),
    };
    let actor = actor_of(&account, &token.session)?;
    Ok(SignedIn { access: tokens.access(&actor, now)?, refresh: rotated.then(|| next.text()), actor })
}

/// Ends the session of an access or refresh token; its access tokens are refused from now on.
pub async fn sign_out(pools: &Pools, tokens: &Tokens, caller: &Caller) -> Result<(), SignInError> {
    let (tenant, session) = (caller.actor.tenant, caller.actor.session.as_str());
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    AsyncPgConnection::transaction(&mut conn, async |conn: &mut AsyncPgConnection| -> Result<(), SignInError> {
        Ok(end(conn, tenant, session, caller.now, "signed out", &caller.request_id).await?)
    })
    .await?;
    tokens.end(session, caller.now);
    Ok(())
}

/// Loads the sessions that ended while their tokens may still be about; called once at start.
pub async fn remember_ended(pools: &Pools, tokens: &Tokens, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = pools.auth().get().await?;
    for session in store::lately_ended(&mut conn, now - super::tokens::ACCESS_LIFE).await? {
        tokens.end(&session, now);
    }
    Ok(())
}

/// What to make an account of.
#[derive(Debug, Clone)]
pub struct AccountRequest<'a> {
    pub region: Option<RegionCode>,
    pub role: Role,
    pub username: &'a str,
    pub display_name: &'a str,
    pub email: Option<&'a str>,
    /// For institutions' users: whose.
    pub institution: Option<CreditCode>,
    /// Absent: a one-time password is made and returned.
    pub password: Option<String>,
    /// Signing in needs the password alone; said in the audit event.
    pub second_factor_off: bool,
}

/// Why no account was made; each says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("the name {0} is taken; choose another")]
    Taken(String),
    #[error("a sign-in name has 3 to 64 letters, digits, dots, hyphens or underscores")]
    Name,
    #[error("the role {0} does not belong to a bureau of this level")]
    Level(Role),
    #[error("an institution's user needs --institution with the credit code of one that is registered in this county")]
    Institution,
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<DieselError> for AccountError {
    fn from(error: DieselError) -> Self {
        AccountError::Db(error.into())
    }
}

/// Makes an account, and the bureau's row if it is the bureau's first. Returns its id and the one-time password.
pub async fn add_account(
    pools: &Pools,
    caller: &Caller,
    request: AccountRequest<'_>,
) -> Result<(i64, Option<String>), AccountError> {
    let tenant = request.region.map_or(0, RegionCode::tenant_id);
    if !request.role.fits(request.region.map(RegionCode::level)) {
        return Err(AccountError::Level(request.role));
    }
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if !(3..=64).contains(&request.username.chars().count()) || !request.username.chars().all(fine) {
        return Err(AccountError::Name);
    }
    let one_time = request.password.is_none().then(|| hex::encode(random::<8>()));
    let hash = match request.password.clone().or_else(|| one_time.clone()) {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let bureau = request.region.map_or_else(|| "教育部".to_owned(), |region| format!("{}教育局", region.full_name()));
    let result =
        AsyncPgConnection::transaction(&mut conn, async |conn: &mut AsyncPgConnection| -> Result<i64, AccountError> {
            store::establish_tenant(conn, tenant, &bureau, caller.now).await?;
            let institution = match (request.role.is_institution(), request.institution) {
                (false, None) => None,
                (true, Some(code)) => {
                    Some(store::institution_by_code(conn, tenant, code.as_str()).await?.ok_or(AccountError::Institution)?)
                }
                _ => return Err(AccountError::Institution),
            };
            let role = request.role.to_string();
            let account = NewAccount {
                tenant,
                username: request.username,
                display_name: request.display_name,
                role: &role,
                institution,
                email: request.email,
                password_hash: hash.as_deref(),
            };
            let id = store::add_account(conn, &account, caller.now).await?;
            let event = Event {
                action: "user.added",
                subject_kind: "user",
                subject_id: id.to_string(),
                institution,
                after: Some(serde_json::json!({"username": request.username, "role": role, "second_factor_off": request.second_factor_off})),
                ..Event::default()
            };
            let caller = Caller { actor: Actor { tenant, ..caller.actor.clone() }, ..caller.clone() };
            audit::store::append(conn, &caller, event).await?;
            Ok(id)
        })
        .await;
    match result {
        Err(AccountError::Db(DbError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))) => {
            Err(AccountError::Taken(request.username.to_owned()))
        }
        other => Ok((other?, one_time)),
    }
}

/// Makes a bureau's row if there is none yet, so that records of its division can be kept.
pub async fn establish_bureau(pools: &Pools, region: RegionCode, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = pools.auth().get().await?;
    store::establish_tenant(&mut conn, region.tenant_id(), &format!("{}教育局", region.full_name()), now).await
}

/// Ends the session of a refresh token, if the token is one of ours; otherwise does nothing and says nothing.
pub async fn end_by_refresh(
    pools: &Pools,
    tokens: &Tokens,
    token: &RefreshToken,
    request_id: &str,
    now: DateTime<Utc>,
) -> Result<(), SignInError> {
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let ours =
        AsyncPgConnection::transaction(&mut conn, async |conn: &mut AsyncPgConnection| -> Result<bool, SignInError> {
            let ours = store::refresh_exists(conn, token.tenant, &token.hash()).await?;
            if ours {
                end(conn, token.tenant, &token.session, now, "signed out", request_id).await?;
            }
            Ok(ours)
        })
        .await?;
    if ours {
        tokens.end(&token.session, now);
    }
    Ok(())
}
