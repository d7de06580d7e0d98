//! Walks along a chain and says where it is broken first, and how. Pure: rows in, a verdict out; memory stays constant.

use std::iter::Peekable;

use super::checkpoint::{Checkpoint, Link};
use crate::db::trail::{Draft, FORM, Hash, Key};

/// What was done to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Fault {
    /// An event does not say what it said when it was written, or was never written by this service.
    Edited,
    /// An event is missing.
    Gap,
    /// Events stand in another order than they were written in.
    Reordered,
    /// An event was put between others.
    Inserted,
    /// The last events are missing.
    Truncated,
    /// The chain is another one than a signed checkpoint says.
    Rewritten,
    /// The record of the last event fits none, though all events are in order.
    Head,
    /// A checkpoint or the record of what was removed was not signed by this service.
    Unsigned,
}

impl Fault {
    /// The fault in Chinese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Fault::Edited => ("记录被改动", "an event was edited or forged"),
            Fault::Gap => ("记录缺失", "an event is missing"),
            Fault::Reordered => ("记录次序被调换", "events were reordered"),
            Fault::Inserted => ("记录被插入", "an event was inserted"),
            Fault::Truncated => ("末尾的记录被删去", "the last events were cut off"),
            Fault::Rewritten => ("与签名检查点不符", "the chain differs from a signed checkpoint"),
            Fault::Head => ("链头记录不符", "the record of the last event does not fit"),
            Fault::Unsigned => {
                ("检查点或清理记录的签名无效", "a checkpoint or archive record is not signed by this service")
            }
        }
    }
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub seq: i64,
    pub form: i16,
    pub hash: Hash,
    pub event: Draft,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub tenant: i32,
    /// Events that were read.
    pub events: i64,
    /// The last event that was read; where the chain begins when there is none.
    pub last: Link,
    /// The first fault, by its place in the chain.
    pub fault: Option<(i64, Fault)>,
}

/// A row that does not fit, with the hash that stands before it.
struct Bad {
    row: Row,
    before: Hash,
}

/// Rows that do not fit are kept for telling what happened; more than these tell no more.
const BAD_MAX: usize = 64;

/// A walk along one chain.
pub struct Walk<'a, C: Iterator<Item = &'a Checkpoint>> {
    key: &'a Key,
    tenant: i32,
    events: i64,
    /// The last place that was passed.
    last: Link,
    /// What the hash of the row before should have been, when it was not what is stored.
    should_be: Option<Hash>,
    /// The hash before the next row is not known, because rows are missing.
    lost: bool,
    checkpoints: Peekable<C>,
    bad: Vec<Bad>,
    fault: Option<(i64, Fault)>,
}

impl<'a, C: Iterator<Item = &'a Checkpoint>> Walk<'a, C> {
    /// From the beginning of a chain, or from what was removed last; `checkpoints` are this chain's, by `seq`, signed.
    pub fn new(key: &'a Key, base: Link, checkpoints: C) -> Walk<'a, C> {
        let mut checkpoints = checkpoints.peekable();
        while checkpoints.next_if(|checkpoint| checkpoint.link.seq < base.seq).is_some() {}
        let mut walk = Walk {
            key,
            tenant: base.tenant,
            events: 0,
            last: base,
            should_be: None,
            lost: false,
            checkpoints,
            bad: Vec::new(),
            fault: None,
        };
        walk.compare(base.seq, base.hash);
        walk
    }

    /// How many rows were taken so far.
    pub fn events(&self) -> i64 {
        self.events
    }

    fn blame(&mut self, seq: i64, fault: Fault) {
        if self.fault.is_none_or(|(first, _)| seq < first) {
            self.fault = Some((seq, fault));
        }
    }

    /// Compares a place with the checkpoints that speak of it.
    fn compare(&mut self, seq: i64, hash: Hash) {
        while let Some(checkpoint) = self.checkpoints.next_if(|checkpoint| checkpoint.link.seq <= seq) {
            if checkpoint.link.seq == seq && checkpoint.link.hash != hash {
                self.blame(seq, Fault::Rewritten);
            }
        }
    }

    /// Takes the next row, in order of `seq`.
    pub fn take(&mut self, row: Row) {
        self.events += 1;
        let next = self.last.seq + 1;
        if row.seq != next {
            self.blame(next, Fault::Gap);
            self.lost = true;
        }
        let made = self.key.seal(&self.last.hash, row.seq, &row.event);
        let fits = row.form == FORM
            && (made == row.hash
                || self.should_be.is_some_and(|before| self.key.seal(&before, row.seq, &row.event) == row.hash));
        let (seq, hash) = (row.seq, row.hash);
        // What follows a missing row was chained to a hash that nobody knows any more.
        if fits || self.lost {
            self.should_be = None;
        } else {
            self.should_be = Some(made);
            if self.bad.len() < BAD_MAX {
                self.bad.push(Bad { before: self.last.hash, row });
            }
        }
        self.lost = false;
        self.last = Link { tenant: self.tenant, seq, hash };
        self.compare(seq, hash);
    }

    /// The verdict; `head` is the stored record of the last event.
    pub fn finish(mut self, head: Option<(i64, Hash)>) -> Verdict {
        if let Some((seq, fault)) = self.told() {
            // A place that does not fit its checkpoint either is told by what was done to it.
            self.fault = self.fault.filter(|(first, _)| *first < seq).or(Some((seq, fault)));
        }
        let (last, hash) = (self.last.seq, self.last.hash);
        let further = self.checkpoints.next().map(|checkpoint| checkpoint.link.seq);
        let head_seq = head.map_or(0, |(seq, _)| seq);
        if last < further.unwrap_or(head_seq).max(head_seq) {
            self.blame(last + 1, Fault::Truncated);
        } else if head_seq < last {
            self.blame(head_seq + 1, Fault::Head);
        } else if head.is_some_and(|(_, head)| head != hash) {
            self.blame(last.max(1), Fault::Head);
        }
        Verdict { tenant: self.tenant, events: self.events, last: self.last, fault: self.fault }
    }

    /// What happened at the first row that does not fit.
    fn told(&self) -> Option<(i64, Fault)> {
        let first = self.bad.first()?;
        let place = first.row.seq;
        let known = |hash: Hash| self.bad.iter().any(|bad| bad.row.hash == hash);
        let belongs_here =
            self.bad.iter().skip(1).any(|bad| known(self.key.seal(&first.before, place, &bad.row.event)));
        let fault = if belongs_here {
            // Another row has its place here. Has this row a place among the others?
            let mut befores = self.bad.iter().flat_map(|bad| [bad.before, bad.row.hash]);
            let elsewhere = befores.any(|before| {
                let mut places = self.bad.iter().skip(1).map(|bad| bad.row.seq);
                places.any(|place| known(self.key.seal(&before, place, &first.row.event)))
            });
            if elsewhere { Fault::Reordered } else { Fault::Inserted }
        } else {
            // A row was removed and those after it moved up: the next one fits with the number that it had.
            let moved_up = self.bad.get(1).is_some_and(|next| {
                next.row.seq == place + 1 && self.key.seal(&first.row.hash, place + 2, &next.row.event) == next.row.hash
            });
            if moved_up { Fault::Gap } else { Fault::Edited }
        };
        Some((place, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::checkpoint::Notary,
        db::trail::{GENESIS, Who},
        secrets::Secrets,
    };

    type Tamper = fn(&mut Chain);
    type Found = Option<(i64, Fault)>;

    struct Chain {
        key: Key,
        notary: Notary,
        rows: Vec<Row>,
        head: Option<(i64, Hash)>,
        checkpoints: Vec<Checkpoint>,
    }

    fn event(number: i64) -> Draft {
        Draft {
            tenant: 331_002,
            at: chrono::DateTime::UNIX_EPOCH,
            who: Who { id: None, tenant: 331_002, name: "明鉴".into(), role: "system".into() },
            action: "x.y".into(),
            subject_kind: "x".into(),
            subject_id: number.to_string(),
            institution: None,
            before: None,
            after: None,
            reason: None,
            request_id: "r".into(),
        }
    }

    impl Chain {
        /// Nine events, and a checkpoint at the sixth.
        fn new() -> Chain {
            let secrets = Secrets::load(tempfile::tempdir().unwrap().path()).unwrap();
            let (key, notary) = (Key::new(&secrets), Notary::new(&secrets));
            let mut hash = GENESIS;
            let rows: Vec<Row> = (1..=9)
                .map(|seq| {
                    hash = key.seal(&hash, seq, &event(seq));
                    Row { seq, form: FORM, hash, event: event(seq) }
                })
                .collect();
            let link = Link { tenant: 331_002, seq: 6, hash: rows[5].hash };
            let checkpoints = vec![notary.checkpoint(link, chrono::DateTime::UNIX_EPOCH)];
            Chain { key, notary, head: Some((9, hash)), rows, checkpoints }
        }

        fn fault(&self) -> Option<(i64, Fault)> {
            assert!(self.checkpoints.iter().all(|checkpoint| self.notary.knows(checkpoint)));
            let base = Link { tenant: 331_002, seq: 0, hash: GENESIS };
            let mut walk = Walk::new(&self.key, base, self.checkpoints.iter());
            self.rows.iter().cloned().for_each(|row| walk.take(row));
            walk.finish(self.head).fault
        }

        /// The same chain after somebody was at it.
        fn after(tamper: fn(&mut Chain)) -> Option<(i64, Fault)> {
            let mut chain = Chain::new();
            tamper(&mut chain);
            chain.fault()
        }

        fn renumber(&mut self) {
            self.rows.iter_mut().zip(1..).for_each(|(row, seq)| row.seq = seq);
            self.head = self.rows.last().map(|row| (row.seq, row.hash));
        }
    }

    #[test]
    fn each_kind_of_tampering_is_named_at_its_place() {
        use Fault::*;
        let cases: [(&str, Tamper, Found); 19] = [
            ("nothing", |_| {}, None),
            ("edited", |c| c.rows[3].event.reason = Some("x".into()), Some((4, Edited))),
            ("edited first", |c| c.rows[0].event.action = "x.z".into(), Some((1, Edited))),
            ("edited last", |c| c.rows[8].event.at += chrono::TimeDelta::seconds(1), Some((9, Edited))),
            ("hash edited", |c| c.rows[3].hash[0] ^= 1, Some((4, Edited))),
            ("form edited", |c| c.rows[3].form = 2, Some((4, Edited))),
            ("middle removed", |c| drop(c.rows.remove(3)), Some((4, Gap))),
            ("first removed", |c| drop(c.rows.remove(0)), Some((1, Gap))),
            (
                "middle removed, rest moved up",
                |c| {
                    c.rows.remove(3);
                    c.renumber();
                },
                Some((4, Gap)),
            ),
            ("tail removed", |c| c.rows.truncate(7), Some((8, Truncated))),
            (
                "tail and head removed, checkpoint left",
                |c| {
                    c.rows.truncate(4);
                    c.head = Some((4, c.rows[3].hash));
                },
                Some((5, Truncated)),
            ),
            (
                "all removed",
                |c| {
                    c.rows.clear();
                    c.head = None;
                },
                Some((1, Truncated)),
            ),
            (
                "neighbours swapped with their hashes",
                |c| {
                    c.rows.swap(3, 4);
                    c.renumber();
                },
                Some((4, Reordered)),
            ),
            (
                "far ones swapped with their hashes",
                |c| {
                    c.rows.swap(1, 7);
                    c.renumber();
                },
                Some((2, Reordered)),
            ),
            (
                "contents swapped",
                |c| {
                    let one = c.rows[2].event.clone();
                    c.rows[2].event = c.rows[6].event.clone();
                    c.rows[6].event = one;
                },
                Some((3, Reordered)),
            ),
            (
                "forged and inserted",
                |c| {
                    let forged = Row { event: event(77), ..c.rows[4].clone() };
                    c.rows.insert(4, forged);
                    c.renumber();
                },
                Some((5, Inserted)),
            ),
            (
                "forged at the end",
                |c| {
                    let forged = Row { seq: 10, form: FORM, hash: [9; 32], event: event(10) };
                    c.head = Some((10, forged.hash));
                    c.rows.push(forged);
                },
                Some((10, Edited)),
            ),
            (
                "chained anew without the key",
                |c| {
                    let wrong = Key::new(&Secrets::load(tempfile::tempdir().unwrap().path()).unwrap());
                    c.rows[4].event.reason = Some("x".into());
                    for at in 4..9 {
                        c.rows[at].hash = wrong.seal(&c.rows[at - 1].hash, c.rows[at].seq, &c.rows[at].event);
                    }
                    c.renumber();
                },
                Some((5, Edited)),
            ),
            ("head moved back", |c| c.head = Some((4, c.rows[3].hash)), Some((5, Head))),
        ];
        for (case, tamper, expected) in cases {
            assert_eq!(Chain::after(tamper), expected, "{case}");
        }
    }

    /// Whoever has the key as well is found by what was signed before.
    #[test]
    fn a_chain_made_anew_with_the_key_differs_from_its_checkpoint() {
        let rechained = Chain::after(|c| {
            c.rows[4].event.reason = Some("x".into());
            for at in 4..9 {
                c.rows[at].hash = c.key.seal(&c.rows[at - 1].hash, c.rows[at].seq, &c.rows[at].event);
            }
            c.renumber();
        });
        assert_eq!(rechained, Some((6, Fault::Rewritten)));
    }

    #[test]
    fn a_chain_goes_on_from_what_was_removed() {
        let mut chain = Chain::new();
        let base = Link { tenant: 331_002, seq: 4, hash: chain.rows[3].hash };
        chain.rows.drain(..4);
        let mut walk = Walk::new(&chain.key, base, chain.checkpoints.iter());
        chain.rows.iter().cloned().for_each(|row| walk.take(row));
        let verdict = walk.finish(chain.head);
        assert_eq!((verdict.fault, verdict.events, verdict.last.seq), (None, 5, 9));
        let mut all_gone = Walk::new(&chain.key, Link { seq: 9, hash: chain.rows[4].hash, ..base }, [].iter());
        assert_eq!(all_gone.events(), 0);
        all_gone.compare(9, chain.rows[4].hash);
        assert_eq!(all_gone.finish(chain.head).fault, None);
    }
}
