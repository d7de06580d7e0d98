//! What people do about warnings at honest schools in a story: the school says what it was, and the bureau closes it.

use chrono::{DateTime, Utc};

use super::{SimulationError, drive::Drive, world::Owner};
use crate::{
    db::Scope,
    escrow::{
        commands::{self, Handling},
        model::Step,
        store::warnings::{self, Filter, Warning},
    },
};

/// Warnings that are looked through at once.
const WARNINGS_MAX: i64 = 500;

impl Drive<'_> {
    /// Answers and closes what is open at honest schools and not red.
    pub(super) async fn answer_honest(&self, now: DateTime<Utc>) -> Result<(), SimulationError> {
        let mut conn = Scope::system(self.official.actor.tenant).begin(&self.state.pools).await?;
        let filter = Filter { status: Some("open"), ..Filter::default() };
        let open = warnings::warnings(&mut conn, &filter, 0, WARNINGS_MAX).await?;
        conn.commit().await?;
        // What statements lack closes by itself once they are there.
        let answered = |warning: &&Warning| warning.level != "red" && !warning.kind.starts_with("STMT");
        for warning in open.iter().filter(answered) {
            let of = |at: &usize| Some(self.members[*at].institution) == warning.institution_id;
            let Some(at) = (0..self.members.len()).find(of) else { continue };
            if self.world.schools[at].owner != Owner::Honest {
                continue;
            }
            let (school, bureau) = (self.at(&self.members[at].admin, now), self.at(&self.finance, now));
            for (by, step, comment) in [
                (&school, Step::Explain, "集中报名和按周划拨所致，合同、课时与流水已核对。"),
                (&bureau, Step::Resolve, "与银行流水、合同台账核对一致。"),
            ] {
                let handling = Handling { step, comment, version: None, to: None, files: (&[], 0), conclusion: None };
                commands::handle(self.state, by, warning.id, handling).await?;
            }
        }
        Ok(())
    }
}
