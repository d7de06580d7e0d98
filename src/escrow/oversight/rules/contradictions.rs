//! W8 (c), (d), (e): what a bank delivers that contradicts itself or what was kept before, and pushes that somebody else signed.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    escrow::{
        detector::{Level, WarningKind},
        oversight::model::{Alarm, evidence},
    },
    kernel::Fen,
};

/// One way in which an entry was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub on: NaiveDate,
    pub credit: bool,
    pub fen: i64,
}

impl Version {
    fn told(self) -> String {
        format!("{} {}{}", self.on, if self.credit { '+' } else { '−' }, Fen(self.fen).yuan())
    }

    fn effect_fen(self) -> i64 {
        if self.credit { self.fen } else { self.fen.saturating_neg() }
    }
}

/// What contradicts what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradicts {
    /// The balance after an entry, and what the one before and its amount come to.
    Balance { expected_fen: i64, written_fen: i64 },
    /// What is kept under a reference, and what came under it.
    Kept { stored: Version, received: Version },
}

/// A contradiction that the bank has not put right yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    pub bank_ref: String,
    pub on: NaiveDate,
    pub file_name: String,
    /// The place in the file, where that is known.
    pub place: Option<String>,
    pub found_at: DateTime<Utc>,
    pub what: Contradicts,
}

impl Contradiction {
    fn kind(&self) -> (WarningKind, Level) {
        match self.what {
            Contradicts::Balance { .. } => (WarningKind::ChainBreak, Level::Orange),
            Contradicts::Kept { .. } => (WarningKind::StatementGap, Level::Yellow),
        }
    }

    fn basis(&self) -> String {
        match self.what {
            Contradicts::Balance { expected_fen, written_fen } => {
                format!("={}:{}", self.bank_ref, written_fen.saturating_sub(expected_fen))
            }
            Contradicts::Kept { received, .. } => format!("!{}:{}", self.bank_ref, received.told()),
        }
    }

    fn alarm(&self, places: usize, basis: String) -> Alarm {
        let (kind, level) = self.kind();
        let day = self.on.to_string();
        let shared = [
            ("reference", self.bank_ref.as_str().into()),
            ("file_name", self.file_name.as_str().into()),
            ("place", self.place.as_deref().into()),
            ("gap_after", day.as_str().into()),
            ("gap_before", day.as_str().into()),
            ("places", places.into()),
        ];
        let (value, formula, own): (i64, _, [(&'static str, serde_json::Value); 2]) = match self.what {
            Contradicts::Balance { expected_fen, written_fen } => (
                written_fen.saturating_sub(expected_fen),
                "balance after an entry != balance before + amount",
                [("balance_expected_fen", expected_fen.into()), ("balance_written_fen", written_fen.into())],
            ),
            Contradicts::Kept { stored, received } => (
                received.effect_fen().saturating_sub(stored.effect_fen()),
                "a reference that is kept came with other content",
                [("kept_as", stored.told().into()), ("received_as", received.told().into())],
            ),
        };
        let evidence = evidence((value.saturating_abs(), 0, "fen"), formula, shared.into_iter().chain(own));
        Alarm { kind, level, at: self.found_at, evidence, basis }
    }
}

/// W8 (c) and (d) of one account, beside what else was found of its statements: one alarm of each kind, which rests on all of
/// them and tells of the first of the latest delivery, or of what was found before, which says more.
pub fn contradicted(found: &mut Vec<Alarm>, contradictions: &[Contradiction]) {
    for kind in [WarningKind::ChainBreak, WarningKind::StatementGap] {
        let own: Vec<&Contradiction> = contradictions.iter().filter(|one| one.kind().0 == kind).collect();
        let last_at = own.iter().map(|one| one.found_at).max();
        let Some(latest) = own.iter().find(|one| Some(one.found_at) == last_at) else { continue };
        let mut all: Vec<String> = own.iter().map(|one| one.basis()).collect();
        all.sort();
        let basis = all.join(" ");
        match found.iter_mut().find(|alarm| alarm.kind == kind) {
            Some(alarm) => {
                alarm.basis = format!("{} {basis}", alarm.basis);
                alarm.at = alarm.at.max(latest.found_at);
            }
            None => found.push(latest.alarm(own.len(), basis)),
        }
    }
}

/// A push for an account that came under a valid key with a signature that is not the key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgery {
    /// The account's bank, as it is filed.
    pub bank: String,
    pub key: String,
    /// Whose system the key is.
    pub key_name: String,
    pub account_no: String,
    pub last_at: DateTime<Utc>,
    pub on: NaiveDate,
}

/// W8 (e) of one bank: one alarm for all of its keys.
pub fn forged(forgeries: &[Forgery]) -> Option<Alarm> {
    let latest = forgeries.iter().max_by_key(|one| (one.last_at, &one.key))?;
    let tail: String = latest.account_no.chars().rev().take(4).collect();
    let tail: String = tail.chars().rev().collect();
    let inputs = [
        ("key_id", latest.key.as_str().into()),
        ("key_name", latest.key_name.as_str().into()),
        ("account_tail", tail.into()),
        ("last_on", latest.on.to_string().into()),
    ];
    // More on the same day is no news.
    let mut basis: Vec<String> = forgeries.iter().map(|one| format!("{}:{}", one.key, one.on)).collect();
    basis.sort();
    let count = i64::try_from(forgeries.len()).unwrap_or(i64::MAX);
    Some(Alarm {
        kind: WarningKind::ChainBreak,
        level: Level::Red,
        at: latest.last_at,
        evidence: evidence((count, 1, "keys"), "the signature of a push is not that of its key", inputs),
        basis: basis.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, day},
        *,
    };

    fn one(bank_ref: &str, on: &str, what: Contradicts) -> Contradiction {
        Contradiction {
            bank_ref: bank_ref.to_owned(),
            on: day(on),
            file_name: "march.csv".to_owned(),
            place: Some("line 7".to_owned()),
            found_at: at("2026-03-18T09:00"),
            what,
        }
    }

    const OFF: Contradicts = Contradicts::Balance { expected_fen: 7_500, written_fen: 7_501 };

    fn kept(fen: i64) -> Contradicts {
        let stored = Version { on: day("2026-03-10"), credit: false, fen: 5_000 };
        Contradicts::Kept { stored, received: Version { fen, ..stored } }
    }

    #[test]
    fn a_balance_that_does_not_follow_is_orange_and_a_reference_with_other_content_yellow() {
        let mut found = Vec::new();
        contradicted(&mut found, &[one("R1", "2026-03-10", OFF), one("R2", "2026-03-10", kept(5_001))]);
        let told: Vec<_> = found.iter().map(|a| (a.kind, a.level, a.evidence["value"].as_i64().unwrap())).collect();
        assert_eq!(
            told,
            [(WarningKind::ChainBreak, Level::Orange, 1), (WarningKind::StatementGap, Level::Yellow, 1)],
            "to the fen"
        );
        assert_eq!(
            (&found[0].evidence["place"], &found[0].evidence["file_name"]),
            (&"line 7".into(), &"march.csv".into())
        );
        assert_eq!(found[0].evidence["balance_written_fen"], 7_501);
        assert_eq!(found[1].evidence["received_as"], "2026-03-10 −¥50.01");
        let mut none = Vec::new();
        contradicted(&mut none, &[]);
        assert_eq!(none, []);
    }

    #[test]
    fn several_are_one_alarm_of_the_latest_beside_what_was_found_before() {
        let (early, late) = (one("R1", "2026-03-10", OFF), one("R2", "2026-03-11", OFF));
        let mut found = Vec::new();
        contradicted(&mut found, &[early.clone(), late.clone()]);
        let told = |found: &[Alarm]| {
            (found.len(), found[0].evidence["reference"].clone(), found[0].evidence["places"].clone())
        };
        assert_eq!(told(&found), (1, "R1".into(), 2.into()), "the first of one file");
        let next = Contradiction { found_at: at("2026-03-18T09:01"), ..late };
        let mut found = Vec::new();
        contradicted(&mut found, &[early.clone(), next]);
        assert_eq!(told(&found), (1, "R2".into(), 2.into()), "a later file");
        let mut beside = vec![Alarm { basis: "a break".to_owned(), ..found[0].clone() }];
        contradicted(&mut beside, std::slice::from_ref(&early));
        assert_eq!((beside.len(), beside[0].basis.as_str()), (1, "a break =R1:1"));
    }

    #[test]
    fn a_forged_push_is_red_once_a_bank_and_no_news_on_the_same_day() {
        let push = |key: &str, time: &str| Forgery {
            bank: "浙江泰隆银行".to_owned(),
            key: key.to_owned(),
            key_name: "泰隆核心".to_owned(),
            account_no: "3310020001".to_owned(),
            last_at: at(time),
            on: day(&time[..10]),
        };
        assert_eq!(forged(&[]), None);
        let first = forged(&[push("k1", "2026-03-18T09:00")]).unwrap();
        assert_eq!(
            (first.kind, first.level, &first.evidence["account_tail"]),
            (WarningKind::ChainBreak, Level::Red, &"0001".into())
        );
        assert_eq!(forged(&[push("k1", "2026-03-18T17:00")]).unwrap().basis, first.basis);
        assert_ne!(forged(&[push("k1", "2026-03-19T09:00")]).unwrap().basis, first.basis);
        let both = forged(&[push("k1", "2026-03-18T09:00"), push("k2", "2026-03-18T08:00")]).unwrap();
        assert_eq!((&both.evidence["value"], &both.evidence["key_id"]), (&2.into(), &"k1".into()));
    }
}
