//! Who must have a second factor.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;

use super::super::{Role, store::Post};
use crate::{db::DbError, kernel::clock, policies};

/// Whether a person with these posts must have a second factor: as an official of any bureau whose policy says so, unless
/// an operator spared the person. The one place that decides it.
pub async fn required(
    conn: &mut AsyncPgConnection,
    posts: &[Post],
    spared: bool,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    if spared {
        return Ok(false);
    }
    let today = clock::day(now);
    for post in posts.iter().filter(|post| post.role.parse::<Role>().is_ok_and(may_be_required_of)) {
        let in_force = policies::in_force_on(conn, post.tenant_id, today).await?;
        if in_force.word(policies::SECOND_FACTOR) != "off" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a bureau's policy may ask this role for a second factor. Officials decide about families' money and children's
/// data; institutions see their own alone.
pub fn may_be_required_of(role: Role) -> bool {
    !role.is_institution() && !matches!(role, Role::SchoolUser | Role::Bank)
}
