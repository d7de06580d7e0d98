//! Stories of whole accounts: the worked examples, both sides of each boundary, and what must hold of any account.

mod below_min;
mod breaks;
mod change;
mod income;
mod owed;
mod properties;
mod recipients;
mod withdrawals;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::*;
use crate::{
    escrow::policy::{Policies, Policy},
    kernel::Calendar,
};

/// An instant of 2026 in Beijing, `MM-DDTHH:MM:SS`.
fn at(text: &str) -> DateTime<Utc> {
    format!("2026-{text}+08:00").parse().unwrap()
}

/// An account told in yuan, its entries numbered as they come.
#[derive(Debug)]
struct Story {
    opening: Opening,
    rows: Vec<EntryRow>,
    obligations: Option<Obligations>,
    facts: AccountFacts,
    policy: Policy,
}

impl Story {
    fn opened(yuan: i64, on: &str) -> Story {
        let on = Some(format!("2026-{on}").parse().unwrap());
        Story {
            opening: Opening { balance_fen: yuan * 100, on },
            rows: Vec::new(),
            obligations: None,
            facts: AccountFacts::default(),
            policy: Policy::default(),
        }
    }

    fn owing(self, yuan: i64) -> Story {
        self.owed(&[("01-01T00:00:00", ObligationEvent::Contract, yuan)])
    }

    /// All events of one contract, in yuan.
    fn owed(mut self, events: &[(&str, ObligationEvent, i64)]) -> Story {
        let event = |(booked, event, yuan): &(&str, ObligationEvent, i64)| Obligation {
            at: at(booked),
            event: *event,
            amount_fen: yuan * 100,
            contract_ref: "c".into(),
        };
        self.obligations = Some(Obligations::from_events(&events.iter().map(event).collect::<Vec<_>>()));
        self
    }

    /// Who was on the other side of the last row.
    fn with(mut self, name: &str, account: &str) -> Story {
        let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(last) = self.rows.last_mut() {
            last.counterparty_name = text(name);
            last.counterparty_account = text(account);
        }
        self
    }

    fn noted(mut self, remark: &str) -> Story {
        if let Some(last) = self.rows.last_mut() {
            last.remittance = Some(remark.to_owned());
        }
        self
    }

    fn row(mut self, booked: &str, credit: bool, amount_fen: i64, kind: Kind, order: Option<&str>) -> Story {
        let bank_ref = format!("R{:03}", self.rows.len() + 1);
        let order_ref = order.map(str::to_owned);
        self.rows.push(EntryRow {
            booked_at: at(booked),
            credit,
            amount_fen,
            bank_ref,
            kind,
            order_ref,
            counterparty_name: None,
            counterparty_account: None,
            remittance: None,
        });
        self
    }

    fn receives(self, booked: &str, yuan: i64) -> Story {
        self.row(booked, true, yuan * 100, Kind::Prepayment, None)
    }

    fn pays(self, booked: &str, yuan: i64) -> Story {
        self.row(booked, false, yuan * 100, Kind::Other, None)
    }

    fn pays_fen(self, booked: &str, fen: i64) -> Story {
        self.row(booked, false, fen, Kind::Other, None)
    }

    fn releases(self, booked: &str, yuan: i64) -> Story {
        self.row(booked, false, yuan * 100, Kind::Release, Some("ORDER-1"))
    }

    fn until(&self, as_of: &str) -> AccountReport {
        let policies = self.policy.clone().into();
        let grounds = Grounds {
            policies: &policies,
            calendar: Calendar::statutory(),
            obligations: self.obligations.as_ref(),
            account: &self.facts,
        };
        replay("A", self.opening, self.rows.iter().map(EntryRow::entry), &grounds, at(as_of)).unwrap()
    }
}

/// Levels of the warnings of one kind, resolved ones included.
fn levels_of(report: &AccountReport, kind: WarningKind) -> Vec<Level> {
    report.warnings.iter().filter(|warning| warning.kind == kind).map(|warning| warning.level).collect()
}

/// What is lacking to judge a kind.
fn lacking(report: &AccountReport, kind: WarningKind) -> Vec<String> {
    report.undetermined.iter().filter(|lack| lack.kind == kind).flat_map(|lack| lack.missing.clone()).collect()
}

fn resolved_at(warning: &Warning) -> Option<String> {
    warning.resolved_at.map(|at| at.format("%m-%dT%H:%M:%S").to_string())
}

/// Kind and level of every warning, resolved ones included.
fn levels(report: &AccountReport) -> Vec<(WarningKind, Level)> {
    report.warnings.iter().map(|warning| (warning.kind, warning.level)).collect()
}

fn only(report: &AccountReport, kind: WarningKind) -> Option<&Warning> {
    let mut of_kind = report.warnings.iter().filter(|warning| warning.kind == kind);
    let first = of_kind.next();
    assert!(of_kind.next().is_none(), "more than one {kind}");
    first
}

fn level_of(report: &AccountReport, kind: WarningKind) -> Option<Level> {
    only(report, kind).map(|warning| warning.level)
}

/// `at level bank_ref` of every step.
fn steps(warning: &Warning) -> Vec<String> {
    let step = |step: &Step| {
        let at = step.at.format("%m-%dT%H:%M:%S");
        format!("{at} {} {}", step.level, step.bank_ref.as_deref().unwrap_or("-"))
    };
    warning.history.iter().map(step).collect()
}

fn evidence<'w>(warning: &'w Warning, name: &str) -> &'w Value {
    warning.evidence.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", warning.evidence))
}
