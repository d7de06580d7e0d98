//! Going on in another of one's posts: the session of the old post ends, one of the new begins.

use diesel_async::AsyncPgConnection;

use super::{
    Caller,
    commands::{self, SignInError, SignedIn},
    sessions::{self, Device},
    store::{self, Post},
    tokens::Tokens,
};
use crate::db::{AuthConn, DbError, Pools};

/// Why one stays in the post one is in.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("the caller holds no such post")]
    NotFound,
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<DbError> for SwitchError {
    fn from(error: DbError) -> Self {
        SwitchError::SignIn(error.into())
    }
}

/// The caller's active posts, in order of age, the present one first.
pub async fn posts(pools: &Pools, caller: &Caller) -> Result<Vec<Post>, SwitchError> {
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    own_posts(&mut conn, caller).await
}

async fn own_posts(conn: &mut AsyncPgConnection, caller: &Caller) -> Result<Vec<Post>, SwitchError> {
    let own = store::post_of_session(conn, caller.actor.tenant, &caller.actor.session, caller.now).await?;
    let own = own.ok_or(SignInError::SessionEnded)?;
    let mut posts = store::posts_of(conn, own.person_id).await?;
    posts.sort_by_key(|post| (post.tenant_id, post.id) != (own.tenant_id, own.id));
    Ok(posts)
}

/// Goes on in another post. It lasts no longer than the session that it ends would have.
pub async fn switch(
    pools: &Pools,
    tokens: &Tokens,
    caller: &Caller,
    user_id: i64,
    device: Device,
) -> Result<SignedIn, SwitchError> {
    let Caller { actor, request_id, now } = caller;
    let (next, refresh) = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<_, SwitchError> {
        let posts = own_posts(conn.sql(), caller).await?;
        let post = posts.into_iter().find(|post| post.id == user_id).ok_or(SwitchError::NotFound)?;
        if !sessions::store::hold_post(conn.sql(), post.tenant_id, post.id).await? {
            return Err(SignInError::Refused.into());
        }
        let ended = commands::end(conn, actor.tenant, &actor.session, *now, "switched to another post", request_id);
        let ended = ended.await?.ok_or(SignInError::SessionEnded)?;
        Ok(commands::begin(conn, &post, &device, request_id, *now, ended.expires_at).await?)
    })
    .await?;
    tokens.end(&actor.session, *now);
    let access = tokens.access(&next, *now).map_err(SignInError::from)?;
    Ok(SignedIn { access, refresh: Some(refresh.text()), mark: device.mark, actor: next })
}
