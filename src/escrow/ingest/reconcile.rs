//! What the detector found, brought together with the warnings that are stored and with what people did about them.
//!
//! Pure. Later facts may change a warning, add to it or take its ground away; nothing that people closed is opened again
//! by facts that they had before them.

use chrono::{DateTime, Utc};

use crate::{
    escrow::{
        detector::{Change, Level, Step, Warning, WarningKind},
        model::{Conclusion, Status},
    },
    kernel::clock,
};

/// A warning as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredWarning {
    pub id: i64,
    pub status: Status,
    /// Whom it was closed by; `None` when it is open or its closing condition closed it.
    pub resolved_by: Option<String>,
    /// The facts that people had before them when they closed it.
    pub resolved_through: Option<DateTime<Utc>>,
    /// What they found then.
    pub conclusion: Option<Conclusion>,
    /// Its level may be above that of its steps: people raised it.
    pub warning: Warning,
}

impl StoredWarning {
    fn closed_by_people(&self) -> bool {
        self.status == Status::Resolved && self.resolved_by.is_some()
    }

    /// The level that people gave it, where that is above what the detector found.
    fn level_by_people(&self) -> Option<Level> {
        let found = self.warning.history.iter().map(|step| step.level).max();
        (Some(self.warning.level) > found).then_some(self.warning.level)
    }

    /// What the detector must be told, if people closed the warning.
    pub fn closure(&self) -> Option<Closure> {
        let through = self.resolved_through.filter(|_| self.closed_by_people())?;
        Some(Closure { kind: self.warning.kind, through })
    }
}

/// The kinds of which people closed the last warning, so that none is open.
pub fn closed_kinds(stored: &[StoredWarning]) -> Vec<WarningKind> {
    let open = |kind| stored.iter().any(|row| row.warning.kind == kind && row.status.is_open());
    stored.iter().filter(|row| row.closed_by_people()).map(|row| row.warning.kind).filter(|kind| !open(*kind)).collect()
}

/// People closed the open warning of `kind`, having the facts up to this instant before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closure {
    pub kind: WarningKind,
    pub through: DateTime<Utc>,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    Insert(Warning),
    Update { id: i64, status: Status, warning: Warning },
}

/// The writes for changes that follow on what is stored.
pub fn increment(stored: &[StoredWarning], changes: Vec<Change>) -> Vec<Write> {
    let open: Vec<&StoredWarning> = stored.iter().filter(|row| row.status.is_open()).collect();
    let mut warnings: Vec<Warning> = open.iter().map(|row| row.warning.clone()).collect();
    changes.into_iter().for_each(|change| change.fold_into(&mut warnings));
    let fresh = warnings.split_off(open.len());
    let updates = open.iter().zip(warnings).filter_map(|(row, warning)| update(row, warning));
    updates.chain(fresh.into_iter().map(Write::Insert)).collect()
}

/// The writes that make what is stored agree with `found`, all warnings of the account's whole history.
pub fn replace(stored: &[StoredWarning], found: Vec<Warning>) -> Vec<Write> {
    let mut rows: Vec<&StoredWarning> = stored.iter().filter(|row| !row.closed_by_people()).collect();
    let closed: Vec<&StoredWarning> = stored.iter().filter(|row| row.closed_by_people()).collect();
    let mut writes = Vec::new();
    let mut unmatched = Vec::new();
    for warning in one_open_each(found.into_iter().filter_map(|warning| unseen(warning, &closed)).collect()) {
        match rows.iter().position(|row| row.warning.kind == warning.kind && shares_step(&row.warning, &warning)) {
            Some(place) => writes.extend(update(rows.remove(place), warning)),
            None => unmatched.push(warning),
        }
    }
    for warning in unmatched {
        let same = |row: &&StoredWarning| {
            row.warning.kind == warning.kind && row.status.is_open() && warning.resolved_at.is_none()
        };
        match rows.iter().position(same) {
            Some(place) => writes.extend(update(rows.remove(place), warning)),
            None => writes.push(Write::Insert(warning)),
        }
    }
    let withdrawn = rows.into_iter().filter(|row| row.status != Status::Withdrawn).map(|row| Write::Update {
        id: row.id,
        status: Status::Withdrawn,
        warning: row.warning.clone(),
    });
    // A kind may have one open warning only, so those that close come before those that open.
    withdrawn.collect::<Vec<_>>().into_iter().chain(closing_first(writes)).collect()
}

fn closing_first(mut writes: Vec<Write>) -> Vec<Write> {
    writes.sort_by_key(|write| match write {
        Write::Update { status, .. } => status.is_open(),
        Write::Insert(warning) => warning.resolved_at.is_none(),
    });
    writes
}

/// The warning without the steps that people had before them when they closed one of its kind.
fn unseen(mut warning: Warning, closed: &[&StoredWarning]) -> Option<Warning> {
    let before = warning.history.len();
    let kind = warning.kind;
    let seen = |step: &Step| {
        let same = |other: &Step| is_one_fact(other, step) && other.level >= step.level;
        closed.iter().any(|row| row.warning.kind == kind && row.warning.history.iter().any(same))
    };
    warning.history.retain(|step| !seen(step));
    if warning.history.len() < before {
        settle(&mut warning)?;
    }
    Some(warning)
}

/// Makes the head of a warning agree with its steps; `None` when no step is left.
fn settle(warning: &mut Warning) -> Option<()> {
    let first = warning.history.first()?;
    warning.raised_at = first.at;
    warning.bank_ref.clone_from(&first.bank_ref);
    warning.level = warning.history.iter().map(|step| step.level).max()?;
    Some(())
}

/// Joins what is open of one kind into one warning.
fn one_open_each(found: Vec<Warning>) -> Vec<Warning> {
    let mut kept: Vec<Warning> = Vec::with_capacity(found.len());
    for warning in found {
        let open = |other: &&mut Warning| other.kind == warning.kind && other.resolved_at.is_none();
        match kept.iter_mut().find(open).filter(|_| warning.resolved_at.is_none()) {
            Some(other) => {
                if warning.level > other.level {
                    other.evidence.clone_from(&warning.evidence);
                }
                other.history.extend(warning.history);
                other.history.sort_by_key(|step| step.at);
                let _ = settle(other);
            }
            None => kept.push(warning),
        }
    }
    kept
}

fn shares_step(one: &Warning, other: &Warning) -> bool {
    one.history.iter().any(|a| other.history.iter().any(|b| is_one_fact(a, b)))
}

/// Whether two steps come of one fact. An entry may move within its day when a later delivery tells the time; it is the
/// same by its reference.
fn is_one_fact(one: &Step, other: &Step) -> bool {
    match (&one.bank_ref, &other.bank_ref) {
        (Some(a), Some(b)) => a == b && clock::day(one.at.to_utc()) == clock::day(other.at.to_utc()),
        (None, None) => one.at == other.at,
        _ => false,
    }
}

/// The write for a stored warning that is now `warning`; `None` when nothing changed.
fn update(row: &StoredWarning, mut warning: Warning) -> Option<Write> {
    warning.level = warning.level.max(row.level_by_people().unwrap_or(warning.level));
    let known = |step: &Step| row.warning.history.iter().any(|old| is_one_fact(old, step) && old.level == step.level);
    // Most deliveries add to what is there, and a history may be long.
    let fresh = warning.history.strip_prefix(row.warning.history.as_slice()).unwrap_or(&warning.history);
    let news = !fresh.iter().all(known);
    let status = match row.status {
        _ if warning.resolved_at.is_some() => Status::Resolved,
        Status::Resolved | Status::Withdrawn => Status::Raised,
        // What was seen or explained was not this.
        Status::Acknowledged | Status::Explained if news => Status::Raised,
        status => status,
    };
    (status != row.status || warning != row.warning).then_some(Write::Update { id: row.id, status, warning })
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn step(day: u32, level: Level, bank_ref: &str) -> Step {
        Step {
            at: format!("2026-03-{day:02}T09:00:00+08:00").parse().unwrap(),
            level,
            bank_ref: Some(bank_ref.to_owned()),
        }
    }

    fn warning(kind: WarningKind, steps: &[Step]) -> Warning {
        let mut warning = Warning {
            kind,
            level: Level::Blue,
            raised_at: DateTime::default(),
            bank_ref: None,
            evidence: Map::new(),
            history: steps.to_vec(),
            resolved_at: None,
        };
        settle(&mut warning).unwrap();
        warning
    }

    fn stored(id: i64, status: Status, by: Option<&str>, warning: Warning) -> StoredWarning {
        StoredWarning {
            id,
            status,
            resolved_by: by.map(str::to_owned),
            resolved_through: by.map(|_| DateTime::default()),
            conclusion: None,
            warning,
        }
    }

    const W1: WarningKind = WarningKind::LargeSingle;
    use Level::{Orange, Red, Yellow};

    #[test]
    fn facts_that_came_late_are_joined_to_what_is_open() {
        let row = stored(1, Status::Acknowledged, None, warning(W1, &[step(5, Yellow, "b")]));
        let found = warning(W1, &[step(4, Orange, "a"), step(5, Yellow, "b")]);
        let writes = replace(&[row], vec![found.clone()]);
        assert_eq!(writes, [Write::Update { id: 1, status: Status::Raised, warning: found }]);
    }

    #[test]
    fn nothing_new_writes_nothing() {
        let row = stored(1, Status::Explained, None, warning(W1, &[step(5, Yellow, "b")]));
        assert_eq!(replace(std::slice::from_ref(&row), vec![row.warning.clone()]), []);
        assert_eq!(increment(&[row], vec![]), []);
    }

    #[test]
    fn an_entry_that_moves_within_its_day_is_no_news() {
        let late = |mut step: Step| {
            step.at += chrono::TimeDelta::hours(9);
            step
        };
        let closed = stored(1, Status::Resolved, Some("王静怡"), warning(W1, &[step(5, Orange, "b")]));
        assert_eq!(replace(&[closed], vec![warning(W1, &[late(step(5, Orange, "b"))])]), []);
        let seen = stored(1, Status::Acknowledged, None, warning(W1, &[step(5, Orange, "b")]));
        let found = warning(W1, &[late(step(5, Orange, "b"))]);
        let kept = Write::Update { id: 1, status: Status::Acknowledged, warning: found.clone() };
        assert_eq!(replace(&[seen], vec![found]), [kept], "who has seen it need not see it again");
    }

    #[test]
    fn a_level_that_people_gave_stays() {
        let mut row = stored(1, Status::Escalated, None, warning(W1, &[step(5, Yellow, "b")]));
        row.warning.level = Red;
        assert_eq!(replace(std::slice::from_ref(&row), vec![warning(W1, &[step(5, Yellow, "b")])]), []);
        let more = warning(W1, &[step(5, Yellow, "b"), step(6, Orange, "c")]);
        match &replace(&[row], vec![more])[..] {
            [Write::Update { status: Status::Escalated, warning, .. }] => assert_eq!(warning.level, Red),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_people_closed_is_opened_by_new_facts_only() {
        let row = stored(1, Status::Resolved, Some("王静怡"), warning(W1, &[step(5, Orange, "b")]));
        assert_eq!(replace(std::slice::from_ref(&row), vec![warning(W1, &[step(5, Orange, "b")])]), []);
        assert_eq!(
            replace(std::slice::from_ref(&row), vec![warning(W1, &[step(5, Yellow, "b")])]),
            [],
            "less grave than they thought"
        );
        let graver = warning(W1, &[step(5, Red, "b")]);
        assert_eq!(replace(std::slice::from_ref(&row), vec![graver.clone()]), [Write::Insert(graver)]);
        let late =
            vec![warning(W1, &[step(4, Yellow, "a"), step(5, Orange, "b")]), warning(W1, &[step(9, Orange, "c")])];
        assert_eq!(replace(&[row], late), [Write::Insert(warning(W1, &[step(4, Yellow, "a"), step(9, Orange, "c")]))]);
    }

    #[test]
    fn a_warning_without_ground_is_withdrawn_and_comes_back_with_it() {
        let row = stored(1, Status::Raised, None, warning(WarningKind::BelowMin, &[step(5, Red, "b")]));
        let writes = replace(std::slice::from_ref(&row), vec![]);
        assert_eq!(writes, [Write::Update { id: 1, status: Status::Withdrawn, warning: row.warning.clone() }]);
        let gone = StoredWarning { status: Status::Withdrawn, ..row.clone() };
        assert_eq!(replace(std::slice::from_ref(&gone), vec![]), []);
        assert_eq!(
            replace(&[gone], vec![row.warning.clone()]),
            [Write::Update { id: 1, status: Status::Raised, warning: row.warning }]
        );
    }

    #[test]
    fn what_closes_is_written_before_what_opens() {
        let row = stored(1, Status::Raised, None, warning(WarningKind::CumRolling, &[step(5, Red, "b")]));
        let closed = Warning { resolved_at: Some(step(20, Red, "").at), ..row.warning.clone() };
        let opened = warning(WarningKind::CumRolling, &[step(25, Yellow, "d")]);
        let writes = replace(&[row], vec![opened.clone(), closed.clone()]);
        assert_eq!(writes, [Write::Update { id: 1, status: Status::Resolved, warning: closed }, Write::Insert(opened)]);
    }

    #[test]
    fn changes_follow_on_the_open_warning() {
        let row = stored(1, Status::Explained, None, warning(W1, &[step(5, Yellow, "b")]));
        let old = stored(2, Status::Resolved, Some("王静怡"), warning(W1, &[step(1, Red, "z")]));
        let joined = Change::Joined { kind: W1, step: step(7, Yellow, "c") };
        let raised = warning(WarningKind::CumRolling, &[step(7, Yellow, "c")]);
        let writes = increment(&[old, row], vec![joined, Change::Raised(raised.clone())]);
        let both = warning(W1, &[step(5, Yellow, "b"), step(7, Yellow, "c")]);
        assert_eq!(writes, [Write::Update { id: 1, status: Status::Raised, warning: both }, Write::Insert(raised)]);
    }
}
