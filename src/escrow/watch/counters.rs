//! The counters above the watch page's rows: one a level, each a filter.

use super::WatchQuery;
use crate::{
    escrow::{model::due_workdays, store::warnings::LevelCount},
    policies::InForce,
    web::{Page, show},
};

/// One counter of the ramp, which is a filter.
pub struct Counter {
    pub level: &'static str,
    pub count: i64,
    /// Workdays within which somebody must act, by the caller's own policy; none for what is only shown.
    due_workdays: Option<u32>,
    pub href: String,
    pub current: bool,
}

impl Counter {
    /// What is to be done about warnings of the level, and by when.
    pub fn duty(&self, page: &Page) -> String {
        let Some(days) = self.due_workdays else { return page.lang.t("提示关注", "For your notice").to_owned() };
        let (zh, en) = match self.level {
            "orange" => ("约谈", "Talk"),
            "yellow" => ("说明", "Answer"),
            _ => ("处置", "Act"),
        };
        match (page.lang.is_en(), days) {
            (false, 0) => format!("须当日{zh}"),
            (false, days) => format!("{days} 个工作日内{zh}"),
            (true, 0) => format!("{en} today"),
            (true, 1) => format!("{en} within 1 workday"),
            (true, days) => format!("{en} within {days} workdays"),
        }
    }

    /// The word of the level.
    pub fn word(&self, page: &Page) -> &'static str {
        show::level_word(page.lang, self.level)
    }
}

/// The four of them, the gravest first.
pub fn counters(counts: &[LevelCount], query: &WatchQuery, in_force: &InForce) -> Vec<Counter> {
    let counter = |level: &'static str| {
        let current = query.level() == Some(level);
        Counter {
            level,
            count: counts.iter().find(|count| count.level == level).map_or(0, |count| count.subjects),
            due_workdays: level.parse().ok().and_then(|level| due_workdays(in_force, level)),
            // A second press takes the filter off.
            href: format!("/b/escrow?{}", query.with_level(if current { "" } else { level })),
            current,
        }
    };
    ["red", "orange", "yellow", "blue"].map(counter).into()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::policies;

    #[test]
    fn a_counter_is_a_filter_and_a_second_press_takes_it_off() {
        let query = WatchQuery::read("level=red&q=启明");
        let counts = [LevelCount { level: "orange".to_owned(), subjects: 3 }];
        let counters = counters(&counts, &query, &policies::Chain::default().on(NaiveDate::MIN));
        assert_eq!(
            counters.iter().map(|c| (c.level, c.count)).collect::<Vec<_>>(),
            [("red", 0), ("orange", 3), ("yellow", 0), ("blue", 0)]
        );
        assert_eq!(counters[0].href, "/b/escrow?level=&q=%E5%90%AF%E6%98%8E");
        assert_eq!(counters[1].href, "/b/escrow?level=orange&q=%E5%90%AF%E6%98%8E");
        assert!(counters[0].current && !counters[1].current);
        assert_eq!(counters.iter().map(|c| c.due_workdays).collect::<Vec<_>>(), [Some(0), Some(2), Some(3), None]);
    }
}
