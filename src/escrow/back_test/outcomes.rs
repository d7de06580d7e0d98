//! What is known to have become of institutions and warnings, and how thresholds do against it.
//!
//! Pure. A warning is a *hit* where the institution fled afterwards, or where people who looked found it founded; a *false
//! alarm* where they found it unfounded; all else is *open*, for nobody knows. What was raised after a flight warned nobody.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::Serialize;
use serde_json::{Value, json};

use crate::escrow::detector::{Level, Warning, WarningKind};

/// Why an institution counts as one that fled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Ground {
    /// It was put on the blacklist.
    Blacklisted,
    /// Its licence was withdrawn, and families are owed lessons.
    Deregistered,
    /// It winds up or stands still, and families are owed lessons.
    ClosedUnpaid,
    /// A file says so.
    Told,
}

/// An institution that fled, and when that was on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Flight {
    pub on: NaiveDate,
    pub ground: Ground,
}

/// Which warnings people's finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The one that has one of these steps: instant and entry.
    Steps(Vec<(DateTime<FixedOffset>, Option<String>)>),
    /// All that were raised up to the end of a day and are not settled by an earlier finding.
    Until(NaiveDate),
}

/// What people found of a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `None`: of every kind.
    pub kind: Option<WarningKind>,
    pub about: About,
    pub founded: bool,
}

/// What is known about one institution's account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub flight: Option<Flight>,
    pub found: Vec<Found>,
}

/// What a warning was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// So many days before the flight; `None` where people found it founded and nobody fled.
    Hit {
        lead_days: Option<i64>,
    },
    FalseAlarm,
    Open,
    /// Raised when the flight was on record already.
    Late,
}

impl Known {
    /// What a warning was worth.
    pub fn verdict(&self, warning: &Warning) -> Verdict {
        let on = warning.raised_at.date_naive();
        if let Some(flight) = self.flight {
            let lead = (flight.on - on).num_days();
            return if lead < 0 { Verdict::Late } else { Verdict::Hit { lead_days: Some(lead) } };
        }
        let about = |found: &&Found| {
            found.kind.is_none_or(|kind| kind == warning.kind)
                && match &found.about {
                    About::Until(day) => on <= *day,
                    About::Steps(steps) => warning
                        .history
                        .iter()
                        .any(|step| steps.iter().any(|(at, bank_ref)| step.at == *at && step.bank_ref == *bank_ref)),
                }
        };
        match self.found.iter().find(about) {
            Some(found) if found.founded => Verdict::Hit { lead_days: None },
            Some(_) => Verdict::FalseAlarm,
            None => Verdict::Open,
        }
    }
}

/// How thresholds did with warnings of one kind and level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    pub warnings: usize,
    pub hits: usize,
    pub false_alarms: usize,
    pub open: usize,
    pub late: usize,
    /// Days between the warning and the flight, of each hit that has any; in order.
    #[serde(skip)]
    leads: BTreeMap<i64, usize>,
    /// The middle one of them.
    pub lead_days: Option<i64>,
}

impl Score {
    fn count(&mut self, verdict: Verdict) {
        self.warnings += 1;
        match verdict {
            Verdict::Hit { lead_days } => {
                self.hits += 1;
                if let Some(days) = lead_days {
                    *self.leads.entry(days).or_default() += 1;
                    self.lead_days = middle(&self.leads);
                }
            }
            Verdict::FalseAlarm => self.false_alarms += 1,
            Verdict::Open => self.open += 1,
            Verdict::Late => self.late += 1,
        }
    }
}

/// The lower median.
fn middle(counts: &BTreeMap<i64, usize>) -> Option<i64> {
    let all: usize = counts.values().sum();
    let mut seen = 0;
    counts.iter().find_map(|(days, count)| {
        seen += count;
        (2 * seen >= all).then_some(*days)
    })
}

/// How one set of thresholds did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment {
    pub total: Score,
    pub by_kind: BTreeMap<(WarningKind, std::cmp::Reverse<Level>), Score>,
    /// Of every flight, how many days ahead the first warning came; `None` where none came.
    pub flights: BTreeMap<String, Option<i64>>,
}

impl Assessment {
    /// Takes in what the thresholds raised on an account of an institution.
    pub fn add<'w>(&mut self, institution: &str, known: &Known, warnings: impl IntoIterator<Item = &'w Warning>) {
        let mut first: Option<i64> = None;
        for warning in warnings {
            let verdict = known.verdict(warning);
            self.total.count(verdict);
            self.by_kind.entry((warning.kind, std::cmp::Reverse(warning.level))).or_default().count(verdict);
            if let Verdict::Hit { lead_days } = verdict {
                first = first.max(lead_days);
            }
        }
        if known.flight.is_some() {
            let seen = self.flights.entry(institution.to_owned()).or_default();
            *seen = (*seen).max(first);
        }
    }

    /// As programs read it: in all, by kind and level, and of every flight; `subject` names what fled.
    pub fn document(&self, subject: &str) -> Value {
        let by_kind: Vec<Value> = self
            .by_kind
            .iter()
            .map(|((kind, level), score)| {
                let mut shown = json!(score);
                (shown["kind"], shown["level"]) = (json!(kind), json!(level.0));
                shown
            })
            .collect();
        let flight = |(name, lead): (&String, &Option<i64>)| json!({ subject: name, "lead_days": lead });
        let flights: Vec<Value> = self.flights.iter().map(flight).collect();
        json!({"total": self.total, "by_kind": by_kind, "flights": flights})
    }

    /// Institutions that fled and of which nothing warned before.
    pub fn missed(&self) -> usize {
        self.flights.values().filter(|seen| seen.is_none()).count()
    }
}

/// Kinds and levels that either of two assessments has, in order.
pub fn kinds(one: &Assessment, other: &Assessment) -> Vec<(WarningKind, Level)> {
    let all: BTreeSet<_> = one.by_kind.keys().chain(other.by_kind.keys()).copied().collect();
    all.into_iter().map(|(kind, level)| (kind, level.0)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::escrow::detector::Step;

    fn warning(kind: WarningKind, level: Level, at: &str) -> Warning {
        let at: DateTime<FixedOffset> = at.parse().unwrap();
        Warning {
            kind,
            level,
            raised_at: at,
            bank_ref: Some("A1".to_owned()),
            evidence: Map::new(),
            history: vec![Step { at, level, bank_ref: Some("A1".to_owned()) }],
            resolved_at: None,
        }
    }

    const W1: WarningKind = WarningKind::LargeSingle;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_warning_is_worth_what_became_of_the_institution() {
        let fled = Known {
            flight: Some(Flight { on: day("2026-03-10"), ground: Ground::Blacklisted }),
            found: vec![Found { kind: None, about: About::Until(day("2026-12-31")), founded: false }],
        };
        let hit = |lead_days| Verdict::Hit { lead_days };
        for (at, expected) in [
            ("2026-03-01T10:00:00+08:00", hit(Some(9))),
            ("2026-03-10T23:59:59+08:00", hit(Some(0))),
            ("2026-03-11T00:00:00+08:00", Verdict::Late),
        ] {
            assert_eq!(
                fled.verdict(&warning(W1, Level::Red, at)),
                expected,
                "{at}: a flight says more than an officer"
            );
        }
        let at = "2026-03-01T10:00:00+08:00";
        let steps = |at: &str| About::Steps(vec![(at.parse().unwrap(), Some("A1".to_owned()))]);
        let found = |kind, about, founded| Known { flight: None, found: vec![Found { kind, about, founded }] };
        for (case, known, expected) in [
            ("nobody knows", Known::default(), Verdict::Open),
            ("founded", found(Some(W1), steps(at), true), hit(None)),
            ("a false alarm", found(Some(W1), steps(at), false), Verdict::FalseAlarm),
            ("another kind", found(Some(WarningKind::CumRolling), steps(at), false), Verdict::Open),
            ("another step", found(Some(W1), steps("2026-03-01T10:00:01+08:00"), false), Verdict::Open),
            ("up to its day", found(None, About::Until(day("2026-03-01")), false), Verdict::FalseAlarm),
            ("up to the day before", found(None, About::Until(day("2026-02-28")), false), Verdict::Open),
        ] {
            assert_eq!(known.verdict(&warning(W1, Level::Red, at)), expected, "{case}");
        }
    }

    #[test]
    fn thresholds_are_scored_by_kind_and_level_with_the_middle_lead() {
        let fled =
            |on: &str| Known { flight: Some(Flight { on: day(on), ground: Ground::ClosedUnpaid }), found: Vec::new() };
        let raised = ["2026-03-01T10:00:00+08:00", "2026-03-05T10:00:00+08:00", "2026-03-08T10:00:00+08:00"]
            .map(|at| warning(W1, Level::Orange, at));
        let mut assessment = Assessment::default();
        assessment.add("甲", &fled("2026-03-10"), &raised);
        assessment.add("乙", &fled("2026-03-10"), []);
        assessment.add(
            "丙",
            &Known::default(),
            &[warning(WarningKind::BelowMin, Level::Red, "2026-03-01T23:59:59+08:00")],
        );
        let score = &assessment.by_kind[&(W1, std::cmp::Reverse(Level::Orange))];
        assert_eq!((score.warnings, score.hits, score.lead_days), (3, 3, Some(5)));
        assert_eq!(assessment.flights, BTreeMap::from([("甲".to_owned(), Some(9)), ("乙".to_owned(), None)]));
        assert_eq!((assessment.missed(), assessment.total.open), (1, 1));
        assert_eq!(
            kinds(&assessment, &Assessment::default()),
            [(WarningKind::BelowMin, Level::Red), (W1, Level::Orange)]
        );
    }
}
