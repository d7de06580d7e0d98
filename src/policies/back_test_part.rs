//! The part of a parameter's page that shows what other thresholds would have raised, and how both do against what is known
//! to have become of the institutions.

use askama::Template;
use chrono::NaiveDate;

use crate::{
    escrow::{
        back_test::{
            BackTest, Difference, Line, Mark,
            outcomes::{Assessment, Ground, Score, Verdict, kinds},
        },
        detector::{Level, WarningKind},
    },
    web::{Page, Problem, show},
};

/// Rows shown of the differences.
const SHOWN: usize = 50;
/// The picture of a year, in its own units.
const WIDTH: i64 = 600;
const LANES: [i64; 2] = [14, 36];

/// What the page draws of a back-test.
#[derive(Template)]
#[template(path = "policies/back_test.html")]
pub struct BackTestPart<'a> {
    page: &'a Page,
    test: &'a BackTest,
    lanes: [i64; 2],
    width: i64,
    /// Kind and level with how the thresholds as they are did, and how the others.
    rows: Vec<(WarningKind, Level, Score, Score)>,
}

fn rows(test: &BackTest) -> Vec<(WarningKind, Level, Score, Score)> {
    let row = |(kind, level): (WarningKind, Level)| {
        let key = (kind, std::cmp::Reverse(level));
        let of = |one: &Assessment| one.by_kind.get(&key).cloned().unwrap_or_default();
        (kind, level, of(&test.before), of(&test.after))
    };
    kinds(&test.before, &test.after).into_iter().map(row).collect()
}

impl<'a> BackTestPart<'a> {
    /// As HTML.
    pub fn html(page: &'a Page, test: &'a BackTest) -> Result<String, Problem> {
        BackTestPart { page, test, lanes: LANES, width: WIDTH, rows: rows(test) }
            .render()
            .map_err(|_| Problem::internal())
    }

    fn kind(&self, kind: &WarningKind) -> &'static str {
        show::warning_kind(self.page.lang, (*kind).into())
    }

    fn badge(&self, level: &Option<Level>) -> String {
        level.map_or_else(|| "—".to_owned(), |level| self.page.level(level.to_string()))
    }

    fn lead(&self, days: &Option<i64>) -> String {
        match days {
            Some(days) if self.page.lang.is_en() => format!("{days} days"),
            Some(days) => format!("{days} 天"),
            None => "—".to_owned(),
        }
    }

    /// Hits, false alarms and what nobody knows.
    fn score(&self, score: &Score) -> String {
        if score.warnings == 0 {
            return "—".to_owned();
        }
        format!("{} / {} / {}", score.hits, score.false_alarms, score.open + score.late)
    }

    /// How many of those that fled were warned of, and how long before.
    fn seen(&self, one: &Assessment) -> String {
        let (all, missed) = (one.flights.len(), one.missed());
        let latest = one.flights.values().filter_map(|days| *days).min();
        let seen = all - missed;
        match latest {
            Some(days) if self.page.lang.is_en() => format!("{seen} of {all}; the latest {days} days ahead"),
            Some(days) => format!("{seen} / {all} 家；最晚提前 {days} 天"),
            None if self.page.lang.is_en() => format!("{seen} of {all}"),
            None => format!("{seen} / {all} 家"),
        }
    }

    fn verdict(&self, verdict: &Verdict) -> String {
        let t = |zh, en| self.page.lang.t(zh, en);
        match verdict {
            Verdict::Hit { lead_days: Some(days) } if self.page.lang.is_en() => format!("hit, {days} days ahead"),
            Verdict::Hit { lead_days: Some(days) } => format!("报对，提前 {days} 天"),
            Verdict::Hit { lead_days: None } => t("报对（核查属实）", "hit: found founded").to_owned(),
            Verdict::FalseAlarm => t("误报", "false alarm").to_owned(),
            Verdict::Open => t("结果未知", "not known").to_owned(),
            Verdict::Late => t("出事之后", "after the flight").to_owned(),
        }
    }

    /// What is known to have become of it.
    fn fate(&self, line: &Line) -> String {
        let t = |zh, en| self.page.lang.t(zh, en);
        match line.flight {
            Some(flight) => {
                let ground = match flight.ground {
                    Ground::Blacklisted => t("列入黑名单", "blacklisted"),
                    Ground::Deregistered => t("注销时尚欠课", "deregistered, lessons owed"),
                    Ground::ClosedUnpaid => t("停办时尚欠课", "closed, lessons owed"),
                    Ground::Told => t("出事", "fled"),
                };
                format!("{} {ground}", self.page.day(flight.on))
            }
            None => match line.found {
                (0, 0) => t("结果未知", "not known").to_owned(),
                (founded, unfounded) if self.page.lang.is_en() => {
                    format!("{founded} found founded, {unfounded} false alarms")
                }
                (founded, unfounded) => format!("核查属实 {founded} 次，误报 {unfounded} 次"),
            },
        }
    }

    /// Where a day lies in the picture.
    fn x(&self, day: &NaiveDate) -> i64 {
        let Some((from, to)) = self.test.window else { return 0 };
        let days = (to - from).num_days().max(1);
        let of = (*day - from).num_days().clamp(0, days);
        8 + of * (WIDTH - 16) / days
    }

    fn dot(&self, mark: &Mark) -> String {
        format!("tlv tlv--{}", mark.level)
    }

    /// The picture in words.
    fn words(&self, line: &Line) -> String {
        let count = |marks: &[Mark]| marks.len();
        let (now, then) = (count(&line.before), count(&line.after));
        if self.page.lang.is_en() {
            format!("{}: {now} warnings now, {then} after the change; {}", line.institution, self.fate(line))
        } else {
            format!("{}：现行 {now} 个预警，改后 {then} 个；{}", line.institution, self.fate(line))
        }
    }

    fn about(&self, mark: &Mark) -> String {
        let level = show::level_word(self.page.lang, mark.level.into());
        format!("{} {level} {}", self.page.day(mark.on), self.kind(&mark.kind))
    }

    fn first(&self) -> &'a [Difference] {
        self.test.differences.get(..SHOWN).unwrap_or(&self.test.differences)
    }

    fn at(&self, one: &Difference) -> String {
        self.page.time(one.raised_at.to_utc())
    }
}
