//! What a person does about their own sign-in. All but looking asks that they have just shown who they are.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;

use super::{
    Doorway, STEP_LIFE, Visitor,
    password_step::{Goal, SecondState},
    policy, setup,
    store::{
        factors::{self, PasskeyRow},
        people,
        steps::{self, Purpose},
    },
    tell::{self, News},
};
use crate::{
    db::{AuthConn, DbError},
    identity::{
        Caller,
        commands::SignInError,
        password::{self, Context, PasswordError},
        sessions::commands::end_of_person,
        store,
        throttle::{Lanes, device, store as throttle},
    },
};

/// A person's sign-in as they see it.
#[derive(Debug, Clone)]
pub struct Overview {
    pub person: i64,
    pub username: String,
    pub totp_since: Option<DateTime<Utc>>,
    pub passkeys: Vec<PasskeyRow>,
    pub recovery_codes: i64,
    /// Must have a second factor.
    pub required: bool,
    /// Has just shown who they are, so that changes are taken.
    pub fresh: bool,
}

impl Overview {
    /// Shortest password that is taken.
    pub fn length_min(&self) -> usize {
        Context { second_factor: self.required || 0 < self.factors(), ..Context::default() }.length_min()
    }

    /// How many second factors there are.
    pub fn factors(&self) -> usize {
        usize::from(self.totp_since.is_some()) + self.passkeys.len()
    }
}

/// How a passkey is named in addresses.
pub fn passkey_id(row: &PasskeyRow) -> String {
    URL_SAFE_NO_PAD.encode(&row.credential_id)
}

/// What there is. `fresh` is the cookie that says so, if one came.
pub async fn overview(door: &Doorway<'_>, caller: &Caller, fresh: Option<&str>) -> Result<Overview, SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let conn: &mut AsyncPgConnection = &mut conn;
    let session = people::of_session(conn, caller.actor.tenant, &caller.actor.session).await?;
    let session = session.ok_or(SignInError::SessionEnded)?;
    let person = session.person_id;
    let known = people::by_id(conn, person).await?.ok_or(SignInError::SessionEnded)?;
    let confirmed = match fresh {
        None => false,
        Some(token) => {
            let step = steps::find(conn, token, Purpose::Fresh, caller.now).await?;
            step.and_then(|step| step.state::<String>(door.secrets)).is_some_and(|own| own == caller.actor.session)
        }
    };
    let posts = store::posts_of(conn, person).await?;
    let factors = factors::of(conn, person).await?;
    let required = policy::required(conn, &posts, known.second_factor_off, caller.now).await?;
    Ok(Overview {
        person,
        username: known.username,
        totp_since: factors.totp,
        passkeys: factors::passkeys(conn, person).await?,
        recovery_codes: factors.recovery_codes,
        required,
        fresh: confirmed || caller.now - session.created_at < STEP_LIFE,
    })
}

/// Whether the password of the one signed in is right; as many wrong ones as elsewhere.
async fn check_password(
    door: &Doorway<'_>,
    caller: &Caller,
    visitor: &Visitor,
    password: &str,
) -> Result<people::Known, SignInError> {
    let now = caller.now;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let session = people::of_session(&mut conn, caller.actor.tenant, &caller.actor.session).await?;
    let person = session.ok_or(SignInError::SessionEnded)?.person_id;
    let known = people::by_id(&mut conn, person).await?.ok_or(SignInError::SessionEnded)?;
    let device = device::known(door.secrets, &visitor.device, &known.username, now);
    let lanes = Lanes::second(door.secrets, person, device);
    throttle::attempt(&mut conn, &lanes, now).await?.map_err(SignInError::TooMany)?;
    drop(conn);
    let matches = password::verify(password, known.password_hash.clone()).await;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    if matches == Err(PasswordError::Busy) {
        throttle::taken_off(&mut conn, &lanes, now).await?;
        return Err(SignInError::Busy);
    }
    if matches != Ok(true) {
        return Err(SignInError::Refused);
    }
    throttle::succeeded(&mut conn, &lanes, now).await?;
    Ok(known)
}

/// What confirming who one is leads to.
#[derive(Debug, Clone)]
pub enum Confirming {
    /// Done, by this token.
    Fresh(String),
    /// The second factor is asked for, by the token of the step.
    Second(String),
}

/// Shows again who one is: the password, and the second factor where there is one.
pub async fn confirm(
    door: &Doorway<'_>,
    caller: &Caller,
    visitor: &Visitor,
    password: &str,
) -> Result<Confirming, SignInError> {
    let known = check_password(door, caller, visitor, password).await?;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let session = caller.actor.session.clone();
    let (now, person) = (caller.now, Some(known.id));
    if factors::of(&mut conn, known.id).await?.any() {
        let state = SecondState { username: known.username, goal: Goal::Confirm { session } };
        let token = steps::open(&mut conn, door.secrets, Purpose::Second, person, &state, now, STEP_LIFE).await?;
        return Ok(Confirming::Second(token));
    }
    let token = steps::open(&mut conn, door.secrets, Purpose::Fresh, person, &session, now, STEP_LIFE).await?;
    Ok(Confirming::Fresh(token))
}

/// Sets another password and ends all other sessions.
pub async fn change_password(
    door: &Doorway<'_>,
    caller: &Caller,
    visitor: &Visitor,
    current: &str,
    new: &str,
) -> Result<(), SignInError> {
    let known = check_password(door, caller, visitor, current).await?;
    let hash = {
        let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
        let words = Words::of(&mut conn, known.id, &known.username, caller.now).await?;
        drop(conn);
        password::hash_for(new, &words.context()).await?
    };
    let ended =
        set_password(door, visitor, known.id, &hash, &News::PasswordChanged, Some(&caller.actor.session)).await?;
    ended.iter().for_each(|session| door.tokens.end(session, caller.now));
    Ok(())
}

/// Keeps a new password, ends the sessions of the person but the one named, and tells the person.
pub(super) async fn set_password(
    door: &Doorway<'_>,
    visitor: &Visitor,
    person: i64,
    hash: &str,
    news: &News,
    kept: Option<&str>,
) -> Result<Vec<String>, SignInError> {
    AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        keep_password(conn, visitor, person, hash, news, kept).await
    })
    .await
}

/// The same within a transaction; returns the sessions that ended.
pub(super) async fn keep_password(
    conn: &mut AuthConn,
    visitor: &Visitor,
    person: i64,
    hash: &str,
    news: &News,
    kept: Option<&str>,
) -> Result<Vec<String>, SignInError> {
    // Steps before the person, as whoever takes a step locks them.
    steps::end_all(conn.sql(), person).await?;
    people::set_password(conn.sql(), person, hash).await?;
    let others = |session: &str| kept != Some(session);
    let reason = "the password was changed";
    let ended = end_of_person(conn, person, others, visitor.now, reason, &visitor.request_id).await?;
    tell::by_person(conn, visitor, person, news).await?;
    Ok(ended)
}

/// What strangers would try as somebody's password.
pub(super) struct Words {
    words: Vec<String>,
    second_factor: bool,
}

impl Words {
    pub(super) async fn of(
        conn: &mut AsyncPgConnection,
        person: i64,
        username: &str,
        now: DateTime<Utc>,
    ) -> Result<Words, SignInError> {
        let posts = store::posts_of(conn, person).await?;
        let off = people::by_id(conn, person).await?.is_some_and(|known| known.second_factor_off);
        let second_factor = factors::of(conn, person).await?.any() || policy::required(conn, &posts, off, now).await?;
        let mut words = vec![username.to_owned()];
        for post in posts {
            words.push(post.display_name);
            words.extend(post.institution_name);
            let region = crate::kernel::RegionCode::from_i32(post.tenant_id);
            words.extend(region.and_then(crate::kernel::RegionCode::name).map(str::to_owned));
        }
        Ok(Words { words, second_factor })
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { words: self.words.iter().map(String::as_str).collect(), second_factor: self.second_factor }
    }
}

/// Which second factor goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Factor {
    Totp,
    /// By [`passkey_id`].
    Passkey(String),
}

/// Removes a second factor; with the last one the recovery codes go as well. `false` where there is no such one.
pub async fn remove(
    door: &Doorway<'_>,
    visitor: &Visitor,
    overview: &Overview,
    factor: &Factor,
) -> Result<bool, SignInError> {
    let person = overview.person;
    AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        // Locked, so that of two removals at once the second sees what the first left.
        factors::lock(conn.sql(), person).await?;
        let news = match factor {
            Factor::Totp => factors::remove_totp(conn.sql(), person).await?.then_some(News::TotpRemoved),
            Factor::Passkey(id) => {
                let credential = URL_SAFE_NO_PAD.decode(id).unwrap_or_default();
                factors::remove_passkey(conn.sql(), person, &credential).await?.map(News::PasskeyRemoved)
            }
        };
        let Some(news) = news else { return Ok(false) };
        if !factors::of(conn.sql(), person).await?.any() {
            if overview.required {
                return Err(SignInError::LastFactor);
            }
            factors::set_recovery(conn.sql(), person, &[]).await?;
        }
        tell::by_person(conn, visitor, person, &news).await?;
        Ok(true)
    })
    .await
}

/// New recovery codes; former ones are none any more.
pub async fn renew_codes(
    door: &Doorway<'_>,
    visitor: &Visitor,
    overview: &Overview,
) -> Result<Vec<String>, SignInError> {
    AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        let codes = setup::new_codes(conn.sql(), door.secrets, overview.person).await?;
        tell::by_person(conn, visitor, overview.person, &News::RecoveryCodesMade).await?;
        Ok(codes)
    })
    .await
}
