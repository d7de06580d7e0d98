//! What must hold of any account.

use chrono::TimeDelta;
use proptest::{prelude::*, sample::Index};

use super::*;
use crate::escrow::model::Mode;

const KINDS: [Kind; 8] = [
    Kind::Prepayment,
    Kind::Release,
    Kind::Refund,
    Kind::Interest,
    Kind::BankFee,
    Kind::TopUp,
    Kind::Reversal,
    Kind::Other,
];

/// Sides that the facts of [`any_story`] know, and others; name and account.
const SIDES: [(&str, &str); 8] = [
    ("", ""),
    ("启明星培训中心", "6222-0001"),
    ("启明星培训中心", ""),
    ("王小明", "6230"),
    ("张三丰", "6231"),
    ("张三丰", ""),
    ("某某商贸有限公司", "9999"),
    ("某某小额贷款有限公司", "8888"),
];
const REMARKS: [&str; 3] = ["", "学费", "花呗分期"];

prop_compose! {
    /// A row some way into a quarter; many share an instant, as entries without a time of day do.
    fn any_row()(
        (day, slot) in (0i64..90, prop_oneof![Just(0i64), 0i64..86_400]),
        credit in prop::bool::weighted(0.4),
        amount_fen in prop_oneof![0i64..3_000_000, 0i64..60_000_000],
        kind in prop::sample::select(KINDS.to_vec()),
        matched in any::<bool>(),
        (name, account) in prop::sample::select(SIDES.to_vec()),
        remark in prop::sample::select(REMARKS.to_vec()),
    ) -> EntryRow {
        let booked_at = at("01-05T00:00:00") + TimeDelta::seconds(day * 86_400 + slot);
        let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        EntryRow {
            booked_at,
            credit,
            amount_fen,
            bank_ref: String::new(),
            kind,
            order_ref: matched.then(|| "O".to_owned()),
            counterparty_name: text(name),
            counterparty_account: text(account),
            remittance: text(remark),
        }
    }
}

prop_compose! {
    /// What is owed: contracts, lessons and refunds of a few months, lessons after the last row among them.
    fn any_obligations()(
        events in prop::collection::vec((0i64..200, 0i64..1_000_000, 0usize..3, 0usize..4), 0..12),
    ) -> Obligations {
        let event = |(day, yuan, event, contract): (i64, i64, usize, usize)| Obligation {
            at: at("01-01T12:00:00") + TimeDelta::days(day),
            event: [ObligationEvent::Contract, ObligationEvent::Consumed, ObligationEvent::Refunded][event],
            amount_fen: yuan * 100,
            contract_ref: format!("c{contract}"),
        };
        Obligations::from_events(&events.into_iter().map(event).collect::<Vec<_>>())
    }
}

prop_compose! {
    fn any_story()(
        opening in -100i64..500_000,
        mut rows in prop::collection::vec(any_row(), 0..60),
        owed in prop::option::of(any_obligations()),
        (is_filed, is_deposit) in any::<(bool, bool)>(),
    ) -> Story {
        rows.iter_mut().enumerate().for_each(|(i, row)| row.bank_ref = format!("R{i:03}"));
        rows.sort_by(|a, b| (a.booked_at, &a.bank_ref).cmp(&(b.booked_at, &b.bank_ref)));
        let mut story = Story::opened(opening, "01-05");
        (story.rows, story.obligations) = (rows, owed);
        if is_filed {
            story.facts = AccountFacts {
                mode: Some(if is_deposit { Mode::RiskDeposit } else { Mode::Custody }),
                institution: Some("启明星培训中心".to_owned()),
                payee: Some(FiledAccount::number("62220001")),
                persons: vec![Person { name: FiledName::text("王小明"), relation: Relation::Sponsor }],
                ..AccountFacts::default()
            };
        }
        story
    }
}

/// The share of one window by its definition, from the whole history each time: (sum, base).
fn by_definition(story: &Story, upto: usize, days: i64) -> (i128, i128) {
    let end = story.rows[upto].booked_at;
    let start = end - TimeDelta::days(days);
    let signed = |row: &EntryRow| i128::from(if row.credit { row.amount_fen } else { -row.amount_fen });
    let (before, inside): (Vec<_>, Vec<_>) = story.rows[..=upto].iter().partition(|row| row.booked_at <= start);
    let at_start = i128::from(story.opening.balance_fen) + before.into_iter().map(signed).sum::<i128>();
    let credits: i128 = inside.iter().filter(|row| row.credit).map(|row| i128::from(row.amount_fen)).sum();
    let spending = inside.iter().filter(|row| !row.credit && !row.kind.is_exempt());
    (spending.map(|row| i128::from(row.amount_fen)).sum(), at_start + credits)
}

proptest! {
    #[test]
    fn pushing_in_parts_with_the_state_stored_between_is_one_replay(
        story in any_story(), cuts in prop::collection::vec(any::<Index>(), 0..8), days_after in 0i64..40,
    ) {
        let as_of = at("04-06T23:59:59") + TimeDelta::days(days_after);
        let policies = story.policy.clone().into();
        let grounds = Grounds {
            policies: &policies, calendar: Calendar::statutory(), obligations: story.obligations.as_ref(), account: &story.facts,
        };
        let whole = replay("A", story.opening, story.rows.iter().map(EntryRow::entry), &grounds, as_of).unwrap();

        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(story.rows.len() + 1)).collect();
        let mut state = AccountState::new(story.opening);
        let (mut changes, mut warnings) = (Vec::new(), Vec::new());
        for (i, row) in story.rows.iter().enumerate() {
            if cuts.contains(&i) {
                // What is over before the entry may be closed early; the state then goes through its stored form.
                let before = row.booked_at - TimeDelta::days(1);
                state.close_days_until(&grounds, before, &mut changes).unwrap();
                state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
                let stored = serde_json::to_string(&warnings).unwrap();
                warnings = serde_json::from_str(&stored).unwrap();
            }
            state.push(&grounds, &row.entry(), &mut changes).unwrap();
            changes.drain(..).for_each(|change| change.fold_into(&mut warnings));
        }
        state.close_days_until(&grounds, as_of, &mut changes).unwrap();
        changes.drain(..).for_each(|change| change.fold_into(&mut warnings));
        warnings.sort_by_key(|warning| (warning.raised_at, warning.kind));
        prop_assert_eq!(&whole.warnings, &warnings);
        prop_assert_eq!(whole.balance_fen, Some(state.balance_fen()));
        let lacks = |all: &[Undetermined]| -> Vec<Undetermined> {
            all.iter().filter(|lack| lack.missing != ["obligations"]).cloned().collect()
        };
        prop_assert_eq!(lacks(&whole.undetermined), lacks(&state.undetermined()));
    }

    #[test]
    fn rows_in_any_order_are_the_same_account(story in any_story(), seed in any::<u64>()) {
        let line = |row: &EntryRow| {
            let direction = if row.credit { "credit" } else { "debit" };
            let (at, order) = (row.booked_at.to_rfc3339(), row.order_ref.as_deref().unwrap_or(""));
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let sides = [&row.counterparty_name, &row.counterparty_account, &row.remittance].map(text).join(",");
            format!("A,{at},{direction},{},{},{},{sides},{order}", row.amount_fen, row.bank_ref, row.kind)
        };
        let direction = if story.opening.balance_fen < 0 { "debit" } else { "credit" };
        let opening = format!("A,2026-01-05T00:00:00+08:00,{direction},{},,opening,,,,", story.opening.balance_fen.abs());
        let lines: Vec<String> = story.rows.iter().map(line).chain([opening]).collect();
        let mut shuffled = lines.clone();
        shuffled.extend(lines.iter().take(5).cloned());
        shuffled.sort_by_key(|line| line.bytes().fold(seed, |hash, b| hash.wrapping_mul(31).rotate_left(7) ^ u64::from(b)));
        let header = "account,booked_at,direction,amount_fen,bank_ref,kind,counterparty_name,counterparty_account,remittance,order_ref";
        let run = |lines: &[String]| {
            let entries = read_entries(format!("{header}\n{}\n", lines.join("\n")).as_bytes()).unwrap();
            let owed = story.obligations.clone().map(|owed| [("A".to_owned(), owed)].into());
            simulate(&story.policy, Calendar::statutory(), &entries, owed.as_ref(), None).unwrap()
        };
        let as_given = run(&lines);
        prop_assert_eq!(&as_given, &run(&shuffled));
        let policy = story.policy.clone();
        let policy = if story.obligations.is_some() { policy } else { replay::without_obligations(policy) };
        let grounds = Grounds { policies: &policy.into(), calendar: Calendar::statutory(), obligations: story.obligations.as_ref(), account: AccountFacts::unknown() };
        let last = story.rows.last().map_or(at("01-05T00:00:00"), |row| row.booked_at);
        let local = crate::kernel::clock::day(last);
        let end = local.and_hms_opt(23, 59, 59).unwrap().and_local_timezone(crate::kernel::clock::BEIJING).unwrap();
        let direct = replay("A", story.opening, story.rows.iter().map(EntryRow::entry), &grounds, end.into()).unwrap();
        prop_assert_eq!(&as_given.accounts[0], &direct);
    }

    #[test]
    fn the_running_totals_are_the_definition(story in any_story(), days in 1u32..40) {
        let mut policy = Policy::default();
        policy.cum_rolling.windows.truncate(1);
        policy.cum_rolling.windows[0].days = days;
        policy.cum_rolling.windows[0].tiers.truncate(1);
        let policies = policy.clone().into();
        let grounds = Grounds { policies: &policies, calendar: Calendar::statutory(), obligations: None, account: AccountFacts::unknown() };
        let mut state = AccountState::new(story.opening);
        let mut undetermined = false;
        for (i, row) in story.rows.iter().enumerate() {
            // Closed before each entry, so that every entry that reaches the tier raises one.
            state.resolve(WarningKind::CumRolling);
            let mut changes = Vec::new();
            state.push(&grounds, &row.entry(), &mut changes).unwrap();
            let raised = changes.iter().find_map(|change| match change {
                Change::Raised(warning) if warning.kind == WarningKind::CumRolling => Some(warning),
                _ => None,
            });
            let (sum, base) = by_definition(&story, i, i64::from(days));
            undetermined |= !row.credit && base <= 0;
            prop_assert_eq!(raised.is_some(), !row.credit && base > 0 && sum * 10_000 >= 3_000 * base, "entry {}", i);
            if let Some(warning) = raised {
                prop_assert_eq!(i128::from(evidence(warning, "debits_fen").as_i64().unwrap()), sum);
                prop_assert_eq!(i128::from(evidence(warning, "base_fen").as_i64().unwrap()), base);
            }
        }
        let lacks_base = state.undetermined().iter().any(|lack| lack.kind == WarningKind::CumRolling);
        prop_assert_eq!(lacks_base, undetermined);
    }
}
