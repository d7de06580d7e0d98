//! The chart of an account: its balance against what it must hold, day by day, and the forecast by which the money runs out.
//!
//! The table beneath says the same. Each day's requirement comes from [`Required`], of which the latest is among the account's figures.

use chrono::{Days, NaiveDate};
use serde_json::{Map, Value, json};

use super::{
    balances, basis,
    detector::{Obligations, Required},
    documents::Balance,
    figures::share_bp,
    policy::Policies,
    shown::ShownWarning,
    store::{accounts::Account, entries, owed},
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::clock,
    policies,
    web::{Page, show},
};

/// Days that the chart and the recipients look back.
const LOOK_BACK_DAYS: u64 = 180;
/// Days that a forecast is drawn ahead, in so many points at most.
const AHEAD_DAYS: i64 = 180;
const AHEAD_POINTS: i64 = 60;

/// The end of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub balance: Balance,
    pub required: Required,
}

impl Point {
    /// The share of what is to be covered that was held.
    pub fn coverage_bp(&self) -> Option<i64> {
        share_bp(self.balance.balance_fen.into(), self.required.needed_fen?.into())
    }
}

/// The course of an account over the last half year.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The first and the last day.
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub points: Vec<Point>,
    /// From the last day on, if it goes on like that; ends where nothing is left or half a year ahead.
    forecast: Vec<(NaiveDate, i64)>,
    /// All that left within the span.
    pub paid_fen: i64,
}

/// The start of the span that is shown, and its last day.
pub fn span(account: &Account, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let last = account.last_booked_at.map(clock::day);
    let to = last.max(account.statement_on).unwrap_or(today);
    let from = to.checked_sub_days(Days::new(LOOK_BACK_DAYS)).unwrap_or(to);
    // Before the first statement there is nothing to show.
    (account.opening_on.map_or(from, |opening| opening.clamp(from, to)), to)
}

/// Points ahead of `on`, evenly spaced, down to nothing on the day on which the money is gone.
fn forecast(on: NaiveDate, balance_fen: i64, outflow_fen: i64, runoff_on: NaiveDate) -> Vec<(NaiveDate, i64)> {
    let days = (runoff_on - on).num_days();
    let shown = days.clamp(0, AHEAD_DAYS);
    let step = (shown + AHEAD_POINTS - 1).div_euclid(AHEAD_POINTS).max(1);
    let mut ahead: Vec<i64> = (0..shown).step_by(usize::try_from(step).unwrap_or(1)).collect();
    ahead.push(shown);
    let at = |ahead: i64| {
        let left = if ahead >= days { 0 } else { balance_fen.saturating_sub(outflow_fen.saturating_mul(ahead)).max(0) };
        Some((on.checked_add_days(Days::new(u64::try_from(ahead).ok()?))?, left))
    };
    ahead.into_iter().filter_map(at).collect()
}

impl Chart {
    /// Reads it.
    pub async fn read(conn: &mut ScopedConn, account: &Account, today: NaiveDate) -> Result<Chart, DbError> {
        let (from, to) = span(account, today);
        let movements = entries::days(conn, account.tenant_id, account.id, clock::midnight(from)).await?;
        let chain = policies::chain(conn, account.tenant_id).await?;
        let policies = Policies::of(&chain);
        let days = match account.status.as_str() {
            "active" => owed::owed_days(conn, account.tenant_id, account.institution_id).await?,
            _ => Vec::new(),
        };
        let owed = (!days.is_empty()).then(|| Obligations::from_days(&days));
        let mode = account.mode.parse().ok();
        let points = balances::thinned(&balances::by_day(account.balance_fen, &movements, from, to));
        let required = |day| Required::at(policies.on(day), mode, owed.as_ref(), day);
        let figures = &account.figures;
        let ahead = figures.runoff_on.zip(figures.outflow_fen).zip(figures.held_fen);
        let within = movements.iter().filter(|moved| moved.day <= to);
        Ok(Chart {
            from,
            to,
            points: points.into_iter().map(|balance| Point { balance, required: required(balance.date) }).collect(),
            forecast: ahead.map(|((gone, out), held)| forecast(to, held, out, gone)).unwrap_or_default(),
            paid_fen: within.fold(0, |sum, moved| sum.saturating_add(moved.debit_fen)),
        })
    }

    /// The days of the table: those on which something moved or another sum was to be held, and the last; the latest first.
    pub fn table(&self) -> Vec<&Point> {
        let mut before = None;
        let mut told: Vec<&Point> = Vec::new();
        for (place, point) in self.points.iter().enumerate() {
            let moved = point.balance.credit_fen != 0 || point.balance.debit_fen != 0;
            let other = before.replace(point.required) != Some(point.required);
            if moved || other || place + 1 == self.points.len() {
                told.push(point);
            }
        }
        told.reverse();
        told
    }

    /// The last day drawn, and what is left then, where that is a forecast.
    pub fn ends(&self) -> Option<(NaiveDate, i64)> {
        self.forecast.last().copied().filter(|(day, _)| *day > self.to)
    }

    /// Whether anything is known of what must be held.
    pub fn has_requirement(&self) -> bool {
        self.points.iter().any(|point| point.required.needed_fen.is_some())
    }

    /// Whether anything is known of the minimum balance.
    pub fn has_minimum(&self) -> bool {
        self.points.iter().any(|point| point.required.minimum_fen.is_some())
    }

    /// The chart's data block. `<` is escaped, so that nothing in it can end the block.
    pub fn json(&self, page: &Page, account: &Account, shown: &[ShownWarning]) -> String {
        let pairs = |of: fn(&Point) -> Option<i64>| -> Map<String, Value> {
            let known = |point: &Point| Some((point.balance.date.to_string(), Value::from(of(point)?)));
            self.points.iter().filter_map(known).collect()
        };
        let mut days: Vec<NaiveDate> = self.points.iter().map(|point| point.balance.date).collect();
        days.extend(self.forecast.iter().map(|(day, _)| *day).filter(|day| *day > self.to));
        // What must be held goes on as it stands; nobody knows what will be sold.
        let ahead = |mut pairs: Map<String, Value>| {
            if let Some(last) = pairs.get(&self.to.to_string()).cloned() {
                for (day, _) in &self.forecast {
                    pairs.insert(day.to_string(), last.clone());
                }
            }
            pairs
        };
        let forecast: Map<String, Value> =
            self.forecast.iter().map(|(day, left)| (day.to_string(), Value::from(*left))).collect();
        let raised = |warning: &ShownWarning| {
            let day = clock::day(warning.warning.raised_at);
            // Points may be days apart: the mark stands on the first one that shows the change.
            self.points.iter().find(|point| point.balance.date >= day).map(|point| {
                json!({"day": point.balance.date, "value": point.balance.balance_fen, "lv": warning.warning.level, "pos": "top",
                       "text": show::level_word(page.lang, &warning.warning.level)})
            })
        };
        let open = || shown.iter().filter(|warning| warning.is_open());
        let mut marks: Vec<Value> = open().filter_map(raised).collect();
        marks.reverse();
        if let Some((day, 0)) = self.ends() {
            let text = format!("{} {}", page.day(day), page.t("耗尽", "gone"));
            marks.push(json!({"day": day, "value": 0, "lv": "red", "pos": "top", "text": text}));
        }
        let lines: Vec<Value> = open().next().and_then(|warning| line(page, warning)).into_iter().collect();
        let words = json!({"balance": page.t("账户余额", "Balance"), "forecast": page.t("预测余额", "Forecast"),
                           "need": page.t("应有余额", "Balance needed"), "minimum": page.t("最低余额", "Minimum balance"),
                           "today": page.t("今天", "Today"), "open": page.t("点按看当天流水", "Click for the day's entries")});
        let facts = json!({"days": days, "today": page.today(), "last": self.to, "unit": "fen", "forecast": forecast,
                           "balance": pairs(|point| Some(point.balance.balance_fen)),
                           "need": ahead(pairs(|point| point.required.needed_fen)),
                           "minimum": ahead(pairs(|point| point.required.minimum_fen)),
                           "href": format!("/b/escrow/{}/days/", account.id), "marks": marks, "lines": lines, "words": words});
        facts.to_string().replace('<', "\\u003c")
    }
}

/// The balance at which the gravest open warning was raised.
fn line(page: &Page, shown: &ShownWarning) -> Option<Value> {
    let fen = basis::line_fen(&shown.warning.kind, &shown.warning.evidence)?;
    let text = format!("{} {}", page.t("预警线", "Threshold"), page.yuan(fen));
    Some(json!({"value": fen, "text": text, "lv": shown.warning.level}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_forecast_ends_on_the_day_on_which_nothing_is_left() {
        let drawn = forecast(day("2026-03-18"), 1_050, 100, day("2026-03-28"));
        assert_eq!(drawn.len(), 11);
        assert_eq!((drawn[0], drawn[9]), ((day("2026-03-18"), 1_050), (day("2026-03-27"), 150)));
        assert_eq!(drawn[10], (day("2026-03-28"), 0));
        let far = forecast(day("2026-03-18"), 100_000, 100, day("2028-12-12"));
        assert!(far.len() <= 61, "{}", far.len());
        assert_eq!(far.last(), Some(&(day("2026-09-14"), 82_000)), "half a year ahead, not yet gone");
        assert_eq!(forecast(day("2026-03-18"), 0, 100, day("2026-03-18")), [(day("2026-03-18"), 0)]);
    }

    #[test]
    fn the_table_leaves_out_days_on_which_nothing_changed() {
        let point = |text: &str, balance_fen, debit_fen, needed_fen| Point {
            balance: Balance { date: day(text), balance_fen, credit_fen: 0, debit_fen },
            required: Required { needed_fen, ..Required::default() },
        };
        let points = vec![
            point("2026-03-01", 10, 0, None),
            point("2026-03-02", 10, 0, None),
            point("2026-03-03", 7, 3, None),
            point("2026-03-04", 7, 0, Some(14)),
            point("2026-03-05", 7, 0, Some(14)),
            point("2026-03-06", 7, 0, Some(14)),
        ];
        let (from, to) = (day("2026-03-01"), day("2026-03-06"));
        let chart = Chart { from, to, points, forecast: Vec::new(), paid_fen: 3 };
        let told: Vec<u32> = chart.table().iter().map(|p| chrono::Datelike::day(&p.balance.date)).collect();
        assert_eq!(told, [6, 4, 3, 1]);
        assert_eq!((chart.points[5].coverage_bp(), chart.points[0].coverage_bp()), (Some(5_000), None));
        assert!(chart.has_requirement() && !chart.has_minimum() && chart.ends().is_none());
    }
}
