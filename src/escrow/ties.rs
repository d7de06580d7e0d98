//! Reversals and what they take back: which entry a correction belongs to, as far as the bank's own words tell.
//!
//! Pure, and a function of the account's entries alone. A reversal belongs to an earlier entry of the same amount in the
//! other direction that shares its reference, is named in its text, or has the same text and other side; each entry is
//! taken back once. An amount alone is no tie: what cannot be tied is said to be so.

use std::collections::HashSet;

use super::store::entries::Entry;

/// Days back to the entry that a reversal takes back.
pub const LOOK_BACK_DAYS: u64 = 92;

/// The place in `entries` of what each of `reversals` takes back, in step with them; both may come in any order.
pub fn tied(reversals: &[Entry], entries: &[Entry]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..reversals.len()).collect();
    order.sort_unstable_by_key(|at| place(&reversals[*at]));
    let mut found = vec![None; reversals.len()];
    let mut taken = HashSet::new();
    // A reference says more than a text, whichever reversal it belongs to.
    for how in [by_reference as fn(&Entry, &Entry) -> bool, by_text] {
        for at in &order {
            if found[*at].is_some() {
                continue;
            }
            let reversal = &reversals[*at];
            let fits = |entry: &Entry| may_be(reversal, entry) && how(reversal, entry);
            // The latest before it, and of one day the last.
            let best = (0..entries.len())
                .filter(|index| !taken.contains(index) && fits(&entries[*index]))
                .max_by_key(|index| place(&entries[*index]));
            if let Some(best) = best {
                taken.insert(best);
                found[*at] = Some(best);
            }
        }
    }
    found
}

fn place(entry: &Entry) -> (chrono::DateTime<chrono::Utc>, i32, &str) {
    (entry.booked_at, entry.seq, &entry.bank_ref)
}

/// The same amount back, not before what it takes back; banks without times of day may write both in any order.
fn may_be(reversal: &Entry, entry: &Entry) -> bool {
    let day = |entry: &Entry| entry.booked_at.with_timezone(&crate::kernel::clock::BEIJING).date_naive();
    let days = (day(reversal) - day(entry)).num_days();
    !entry.reversal
        && entry.amount_fen == reversal.amount_fen
        && entry.credit != reversal.credit
        && (0..=i64::try_from(LOOK_BACK_DAYS).unwrap_or(i64::MAX)).contains(&days)
}

/// The bank uses the entry's reference again, or names it in the reversal's text.
fn by_reference(reversal: &Entry, entry: &Entry) -> bool {
    let own = bare(&entry.bank_ref);
    let named = reversal.remittance.as_deref().is_some_and(|text| own.chars().count() >= 4 && names(text, own));
    let given = |reference: &str| !super::statement::is_synthetic(reference);
    (given(own) && given(&reversal.bank_ref) && bare(&reversal.bank_ref) == own) || (given(own) && named)
}

/// Without the number that tells lines of one reference apart.
fn bare(reference: &str) -> &str {
    reference.split_once('#').map_or(reference, |(bare, _)| bare)
}

/// Whether a reference stands in a text as a word of its own.
fn names(text: &str, reference: &str) -> bool {
    text.match_indices(reference).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + reference.len()..].chars().next();
        [before, after].into_iter().flatten().all(|c| !c.is_ascii_alphanumeric())
    })
}

/// The same text but for the word of reversal, and no other side that contradicts it.
fn by_text(reversal: &Entry, entry: &Entry) -> bool {
    let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    let text = |entry: &Entry| entry.remittance.as_deref().map(without_words).filter(|text| !text.is_empty());
    !differs(&reversal.counterparty_account, &entry.counterparty_account)
        && !differs(&reversal.counterparty_name, &entry.counterparty_name)
        && match (text(reversal), text(entry)) {
            (Some(one), Some(other)) => one == other,
            // No more than 冲正 is said: the other side must tell.
            (None, _) => {
                reversal.counterparty_account.is_some() && reversal.counterparty_account == entry.counterparty_account
            }
            (Some(_), None) => false,
        }
}

/// Words by which banks mark a reversal.
const WORDS: [&str; 10] = ["冲正", "冲账", "冲销", "抹账", "红字", "撤销", "退回", "reversal", "Reversal", "REVERSAL"];

fn without_words(text: &str) -> String {
    let text = WORDS.iter().fold(text.to_owned(), |text, word| text.replace(word, ""));
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Day of March 2026, signed fen, reference, text, other side's account.
    fn entry(day: u32, fen: i64, bank_ref: &str, text: &str, account: &str) -> Entry {
        let on = chrono::NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Entry {
            booked_at: crate::kernel::clock::midnight(on),
            bank_ref: bank_ref.to_owned(),
            seq: 0,
            value_on: None,
            credit: fen > 0,
            reversal: false,
            amount_fen: fen.abs(),
            order_ref: None,
            kind: "other".to_owned(),
            statement_id: 1,
            counterparty_name: None,
            counterparty_account: some(account),
            remittance: some(text),
            balance_after_fen: None,
        }
    }

    fn tie(reversal: Entry, entries: &[Entry]) -> Option<String> {
        let reversal = Entry { reversal: true, ..reversal };
        tied(&[reversal], entries)[0].map(|index| entries[index].bank_ref.clone())
    }

    #[test]
    fn a_reversal_is_tied_by_reference_or_by_text() {
        let paid = entry(10, -5_000, "B7001", "代发工资", "6230");
        for (case, reversal, expected) in [
            ("the same reference", entry(10, 5_000, "B7001#2", "", ""), Some("B7001")),
            ("its reference in the text", entry(12, 5_000, "X", "冲正 B7001", ""), Some("B7001")),
            ("a longer reference in the text", entry(12, 5_000, "X", "冲正 B70012", ""), None),
            ("the same text", entry(12, 5_000, "X", "冲正：代发工资", ""), Some("B7001")),
            ("the same text, another account", entry(12, 5_000, "X", "冲正代发工资", "9999"), None),
            ("the word alone and the account", entry(12, 5_000, "X", "冲正", "6230"), Some("B7001")),
            ("the word alone", entry(12, 5_000, "X", "冲正", ""), None),
            ("another amount", entry(12, 5_001, "X", "冲正代发工资", ""), None),
            ("the same direction", entry(12, -5_000, "X", "冲正代发工资", ""), None),
            ("before it", entry(9, 5_000, "X", "冲正代发工资", ""), None),
        ] {
            assert_eq!(tie(reversal, std::slice::from_ref(&paid)).as_deref(), expected, "{case}");
        }
        let made = entry(10, -5_000, "syn-20260310-aa-1", "代发工资", "");
        assert_eq!(
            tie(entry(10, 5_000, "syn-20260310-bb-1", "syn-20260310-aa-1", ""), &[made]),
            None,
            "made references say nothing"
        );
    }

    #[test]
    fn each_entry_is_taken_back_once_and_the_latest_first() {
        let entries = [entry(3, -900, "A", "课时费", ""), entry(5, -900, "B", "课时费", "")];
        let reversal =
            |day, bank_ref: &str| Entry { reversal: true, ..entry(day, 900, bank_ref, "冲正课时费", "") };
        let back = |reversals: &[Entry]| -> Vec<Option<&str>> {
            let found = tied(reversals, &entries);
            found.into_iter().map(|at| at.map(|at| entries[at].bank_ref.as_str())).collect()
        };
        assert_eq!(back(&[reversal(6, "X")]), [Some("B")]);
        assert_eq!(back(&[reversal(6, "X"), reversal(7, "Y")]), [Some("B"), Some("A")]);
        assert_eq!(back(&[reversal(7, "Y"), reversal(6, "X")]), [Some("A"), Some("B")], "the order of asking is none");
        assert_eq!(back(&[reversal(6, "X"), reversal(7, "Y"), reversal(8, "Z")]), [Some("B"), Some("A"), None]);
        // What is named goes before what only reads alike.
        let named = Entry { reversal: true, ..entry(8, 900, "W", "冲正 流水 B", "") };
        let named = Entry { remittance: Some("冲正 B000".to_owned()), ..named };
        let entries = [entry(3, -900, "A000", "课时费", ""), entry(5, -900, "B000", "课时费", "")];
        let found = tied(&[reversal(6, "X"), named], &entries);
        assert_eq!(found, [Some(0), Some(1)]);
    }
}
