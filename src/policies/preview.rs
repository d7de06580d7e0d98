//! What a change would do, before anybody decides on it.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    commands::{Setting, with_settings},
    rules::Chain,
};
use crate::{
    courses::{self, Recheck},
    db::{DbError, Pools, ScopedConn},
    escrow::{
        back_test::{BackTest, back_test},
        thresholds::is_threshold,
    },
    kernel::Calendar,
};

/// What a change would do; each part only where the change touches it.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    pub courses: Option<Recheck>,
    pub warnings: Option<BackTest>,
}

/// Checks the filed courses again and replays the stored bank entries of the caller's range, by what holds now and by what
/// would. `chain` holds the rows of the bureaus below, too.
pub async fn preview(
    conn: &mut ScopedConn,
    pools: &Pools,
    calendar: &Arc<Calendar>,
    chain: &Chain,
    settings: &[Setting],
    from: NaiveDate,
) -> Result<Preview, DbError> {
    let after = with_settings(chain, settings, from);
    let touches = |belongs: fn(&str) -> bool| settings.iter().any(|setting| belongs(setting.parameter.id));
    let mut preview = Preview::default();
    if touches(courses::is_of_courses) {
        let recheck = courses::recheck(conn, Arc::clone(calendar), chain.clone(), after.clone()).await?;
        preview.courses = Some(recheck);
    }
    if touches(is_threshold) {
        preview.warnings = Some(back_test(conn, pools, calendar, (chain, &after), from).await?);
    }
    Ok(preview)
}
