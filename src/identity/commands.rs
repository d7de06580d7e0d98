//! Sessions: begun, refreshed, ended; and making people with their first post. What comes before is in `sign_in`.

use chrono::{DateTime, Duration, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::{
    Actor, Caller, Department, Role, password,
    sessions::{self, Device},
    store::{self, Ended, NewPost, Post},
    tokens::{RefreshToken, TokenError, Tokens, session_id},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    kernel::{CreditCode, RegionCode, region::Level},
    secrets::{Unsealable, random},
};

/// Two tabs of a browser may refresh at the same moment; within this time the second gets an access token and nothing ends.
pub const BROWSER_GRACE: Duration = Duration::seconds(30);

/// Why nobody was signed in, or what was asked of a sign-in was not done.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the name or the password is wrong")]
    Refused,
    #[error("the session has ended; sign in again")]
    SessionEnded,
    #[error("too many attempts; the next one is taken in {} s", .0.num_seconds() + 1)]
    TooMany(Duration),
    #[error("too many sign-ins at once")]
    Busy,
    #[error("what was begun has ended; begin again")]
    StepEnded,
    #[error("the code is wrong, too old, or was used before")]
    CodeRefused,
    #[error("the passkey was not taken")]
    PasskeyRefused,
    #[error("this service's address is no name that a passkey can be bound to")]
    NoPasskeys,
    #[error("a second factor is asked for")]
    SecondNeeded,
    #[error("a second factor must be set up first")]
    EnrolmentNeeded,
    #[error("the role must have a second factor; add another one first")]
    LastFactor,
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TokenError> for SignInError {
    fn from(_: TokenError) -> Self {
        SignInError::SessionEnded
    }
}

impl From<Unsealable> for SignInError {
    fn from(error: Unsealable) -> Self {
        SignInError::Db(DbError::Pool(error.to_string()))
    }
}

/// What a successful sign-in or refresh hands out.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub actor: Actor,
    pub access: String,
    /// Absent when a refresh came second within the grace time: the first one's token stands.
    pub refresh: Option<String>,
    /// The lasting mark of the browser, for it to keep.
    pub mark: Option<String>,
}

/// Who acts in a session of a post.
pub(super) fn actor_of(post: &Post, session: &str) -> Result<Actor, SignInError> {
    let refused = |_| SignInError::Refused;
    Ok(Actor {
        user_id: post.id,
        display_name: post.display_name.clone(),
        tenant: post.tenant_id,
        role: post.role.parse().map_err(refused)?,
        institution: post.institution_id,
        department: post.department.as_deref().map(str::parse).transpose().map_err(refused)?,
        township: post.township,
        switches: post.switches,
        session: session.to_owned(),
    })
}

/// Begins a session in a post, on record.
pub(super) async fn begin(
    conn: &mut AuthConn,
    post: &Post,
    device: &Device,
    request_id: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(Actor, RefreshToken), SignInError> {
    let session = session_id();
    let actor = actor_of(post, &session)?;
    let refresh = RefreshToken::issue(actor.tenant, &session);
    if !sessions::store::hold_post(conn.sql(), post.tenant_id, post.id).await? {
        return Err(SignInError::Refused);
    }
    sessions::notice::of_unknown_device(conn.sql(), post, device, &session, now).await?;
    store::begin_session(conn.sql(), actor.tenant, &session, actor.user_id, now, expires_at, device).await?;
    store::add_refresh(conn.sql(), actor.tenant, &refresh.hash(), &session).await?;
    store::used_last(conn.sql(), post).await?;
    let event = Event {
        action: "session.begun",
        subject_kind: "session",
        subject_id: session,
        institution: actor.institution,
        ..Event::default()
    };
    let caller = Caller { actor, request_id: request_id.to_owned(), now };
    audit::store::record_own(conn, &caller, event);
    Ok((caller.actor, refresh))
}

/// What became of a refresh token.
enum Refreshed {
    /// The post, and whether the token was rotated.
    Goes(Post, bool),
    /// It was ours, and its session is over.
    Ended,
    /// It is none of ours.
    Unknown,
}

/// Ends a session and says so in the audit trail. `None` where it had ended before, which stays as it was.
pub(super) async fn end(
    conn: &mut AuthConn,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
    reason: &str,
    request_id: &str,
) -> Result<Option<Ended>, DbError> {
    let Some(ended) = store::end_session(conn.sql(), tenant, session, now, reason).await? else { return Ok(None) };
    sessions::store::announce(conn.sql(), &[session.to_owned()]).await?;
    let actor = Actor {
        user_id: ended.user_id,
        display_name: ended.display_name.clone(),
        role: ended.role.parse().map_err(|_| DbError::Pool(format!("no role {}", ended.role)))?,
        institution: ended.institution_id,
        session: session.to_owned(),
        ..Actor::system(tenant)
    };
    let caller = Caller { actor, request_id: request_id.to_owned(), now };
    let event = Event {
        action: "session.ended",
        subject_kind: "session",
        subject_id: session.to_owned(),
        institution: ended.institution_id,
        reason: Some(reason),
        ..Event::default()
    };
    audit::store::record_own(conn, &caller, event);
    Ok(Some(ended))
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
    let next = RefreshToken::issue(token.tenant, &token.session);
    let outcome = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<Refreshed, SignInError> {
        let Some(used_before) = store::use_refresh(conn.sql(), token.tenant, &token.hash(), now).await? else {
            return Ok(Refreshed::Unknown);
        };
        if used_before.is_some_and(|at| grace <= now - at) {
            end(conn, token.tenant, &token.session, now, "refresh token used twice", request_id).await?;
            return Ok(Refreshed::Ended);
        }
        let Some(post) = store::post_of_session(conn.sql(), token.tenant, &token.session, now).await? else {
            return Ok(Refreshed::Ended);
        };
        let seen = sessions::store::touch(conn.sql(), token.tenant, &token.session, now).await?;
        let role = actor_of(&post, &token.session)?.role;
        if seen.is_none_or(|seen| tokens.is_idle(role, now - seen)) {
            end(conn, token.tenant, &token.session, now, "not used for too long", request_id).await?;
            return Ok(Refreshed::Ended);
        }
        if used_before.is_none() {
            store::add_refresh(conn.sql(), token.tenant, &next.hash(), &token.session).await?;
        }
        Ok(Refreshed::Goes(post, used_before.is_none()))
    })
    .await?;
    let (post, rotated) = match outcome {
        Refreshed::Goes(post, rotated) => (post, rotated),
        Refreshed::Ended => {
            tokens.end(&token.session, now);
            return Err(SignInError::SessionEnded);
        }
        // Whoever sent it may have made up the session's name: nothing ends by it.
        Refreshed::Unknown => return Err(SignInError::SessionEnded),
    };
    let actor = actor_of(&post, &token.session)?;
    Ok(SignedIn { access: tokens.access(&actor, now)?, refresh: rotated.then(|| next.text()), mark: None, actor })
}

/// Ends the session of an access or refresh token; its access tokens are refused from now on.
pub async fn sign_out(pools: &Pools, tokens: &Tokens, caller: &Caller) -> Result<(), SignInError> {
    let (tenant, session) = (caller.actor.tenant, caller.actor.session.as_str());
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), SignInError> {
        end(conn, tenant, session, caller.now, "signed out", &caller.request_id).await?;
        Ok(())
    })
    .await?;
    tokens.end(session, caller.now);
    Ok(())
}

/// What to make an account of.
#[derive(Debug, Clone)]
pub struct AccountRequest<'a> {
    /// The bureau's division, or for township officers the township; `None` is the ministry.
    pub region: Option<RegionCode>,
    pub role: Role,
    pub username: &'a str,
    pub display_name: &'a str,
    pub email: Option<&'a str>,
    /// For institutions' users: whose.
    pub institution: Option<CreditCode>,
    /// For department officers: which department; education when absent.
    pub department: Option<Department>,
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
    #[error("no division has the code {0} today; look it up in reference/divisions.csv")]
    Region(RegionCode),
    #[error("the role {0} does not belong to a bureau of this level")]
    Level(Role),
    #[error("--department belongs to the role department_officer alone")]
    Department,
    #[error("an institution's user needs --institution with the credit code of one that is registered in this county")]
    Institution,
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Whether a text can be a sign-in name.
pub fn is_username(text: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    (3..=64).contains(&text.chars().count()) && text.chars().all(fine)
}

/// Makes a person with a post, and the bureau's row if it is the bureau's first. Returns its id and the one-time password.
pub async fn add_account(
    pools: &Pools,
    caller: &Caller,
    request: AccountRequest<'_>,
) -> Result<(i64, Option<String>), AccountError> {
    let tenant = request.region.map_or(0, RegionCode::tenant_id);
    if let Some(region) = request.region.filter(|region| region.name().is_none() || region.is_grouping()) {
        return Err(AccountError::Region(region));
    }
    if request.department.is_some() && request.role != Role::DepartmentOfficer {
        return Err(AccountError::Department);
    }
    if !request.role.fits(request.region.map(RegionCode::level)) {
        return Err(AccountError::Level(request.role));
    }
    if !is_username(request.username) {
        return Err(AccountError::Name);
    }
    let one_time = request.password.is_none().then(|| hex::encode(random::<16>()));
    let hash = match request.password.clone().or_else(|| one_time.clone()) {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let bureau = bureau_name(request.region);
    let result = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<i64, AccountError> {
        store::establish_tenant(conn, tenant, &bureau, caller.now).await?;
        let institution = match (request.role.is_institution(), request.institution) {
            (false, None) => None,
            (true, Some(code)) => Some(
                store::institution_by_code(conn.sql(), tenant, code.as_str())
                    .await?
                    .ok_or(AccountError::Institution)?,
            ),
            _ => return Err(AccountError::Institution),
        };
        let off = request.second_factor_off;
        let person = store::add_person(conn.sql(), request.username, hash.as_deref(), off, caller.now).await?;
        let post = NewPost {
            tenant,
            person,
            display_name: request.display_name,
            role: request.role,
            institution,
            department: (request.role == Role::DepartmentOfficer)
                .then(|| request.department.unwrap_or(Department::Education)),
            township: request.region.filter(|region| region.level() == Level::Township).and_then(RegionCode::as_i32),
            email: request.email,
        };
        let id = store::add_post(conn.sql(), &post, caller.now).await?;
        let event = Event {
            action: "user.added",
            subject_kind: "user",
            subject_id: id.to_string(),
            institution,
            after: Some(
                serde_json::json!({"username": request.username, "role": request.role, "second_factor_off": off}),
            ),
            ..Event::default()
        };
        let caller = Caller { actor: Actor { tenant, ..caller.actor.clone() }, ..caller.clone() };
        audit::store::record_own(conn, &caller, event);
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
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), DbError> {
        store::establish_tenant(conn, region.tenant_id(), &bureau_name(Some(region)), now).await
    })
    .await
}

/// The full name of the education authority of a division; `None` is the ministry.
pub(super) fn bureau_name(region: Option<RegionCode>) -> String {
    match region.map(RegionCode::county) {
        None => "教育部".to_owned(),
        Some(region) if region.level() == Level::Province => format!("{}教育厅", region.full_name()),
        Some(region) => format!("{}教育局", region.full_name()),
    }
}

/// Ends the session of a refresh token, if the token is one of ours; otherwise does nothing and says nothing.
pub async fn end_by_refresh(
    pools: &Pools,
    tokens: &Tokens,
    token: &RefreshToken,
    request_id: &str,
    now: DateTime<Utc>,
) -> Result<(), SignInError> {
    let ours = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<bool, SignInError> {
        let ours = store::refresh_exists(conn.sql(), token.tenant, &token.hash()).await?;
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
