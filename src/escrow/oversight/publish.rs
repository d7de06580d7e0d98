//! What parents read of coverage, brought up to date with each look over a bureau.

use super::{rules, store::coverage as store, sweep::Round};
use crate::{db::DbError, policies::registry::oversight::PUBLISH_COVERAGE, public};

/// Rewrites what changed, with the parents' rows in the same transaction. Where the bureau publishes nothing, what was
/// published is taken back.
pub(super) async fn coverage(round: &Round<'_>) -> Result<(), DbError> {
    let mut conn = round.begin().await?;
    let wanted = round.in_force.word(PUBLISH_COVERAGE.id) == "on";
    let mut changed = store::take_back(&mut conn, !wanted).await?;
    if wanted {
        for account in store::accounts(&mut conn).await? {
            let now = rules::published(account.held, account.before);
            if now != account.before {
                store::set(&mut conn, account.institution, now, round.caller.now).await?;
                changed.push(account.institution);
            }
        }
    }
    if !changed.is_empty() {
        public::publish_all(&mut conn, &changed, round.caller.now).await?;
    }
    conn.commit().await
}
