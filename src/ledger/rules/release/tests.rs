use chrono::NaiveDate;

use crate::{
    escrow::model::Mode,
    kernel::{Calendar, Fen},
    ledger::rules::release::{
        NoRelease, Releasable, cooled_until, deposit_needed, deposit_short, release, release_allowed, top_up_due,
    },
};

fn sums(confirmed_fen: i64, released_fen: i64, disputed_fen: i64) -> Releasable {
    Releasable { confirmed_fen, materials_fen: 0, released_fen, disputed_fen, cooling_fen: 0 }
}

#[test]
fn what_was_confirmed_and_neither_released_nor_disputed_may_be_released() {
    for (case, sums, expected) in [
        ("nothing yet", sums(0, 0, 0), 0),
        ("F17 after ten units of 83.33", sums(83_330, 0, 0), 83_330),
        ("some released before", sums(83_330, 50_000, 0), 33_330),
        ("ten confirmed, and one disputed that is not among them", sums(83_330, 0, 8_333), 83_330),
        ("all released", sums(83_330, 83_330, 0), 0),
        ("one fen left", sums(83_330, 83_329, 0), 1),
        ("more released than confirmed", sums(83_330, 83_331, 0), 0),
        ("materials with the first lesson", Releasable { materials_fen: 10_000, ..sums(10_000, 0, 0) }, 20_000),
        ("and no more of them", Releasable { materials_fen: 10_000, ..sums(20_000, 20_000, 0) }, 10_000),
        ("sums beyond any balance", sums(i64::MAX, i64::MIN, i64::MIN), i64::MAX),
    ] {
        assert_eq!(release_allowed(sums), Fen(expected), "{case}");
    }
}

#[test]
fn the_first_release_of_a_contract_waits_until_its_cooling_off_has_run() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    for (case, today, days, last_paid) in [
        ("paid on the 10th: the 17th is its last day", "2026-03-17", 7, "2026-03-09"),
        ("the day after it may be released", "2026-03-18", 7, "2026-03-10"),
        // The last day of who paid on the 8th falls into the spring festival and moves to its end.
        ("a holiday makes it longer", "2026-02-24", 7, "2026-02-07"),
        ("and when that is over", "2026-02-25", 7, "2026-02-17"),
        ("a longer cooling-off", "2026-03-18", 14, "2026-03-03"),
    ] {
        assert_eq!(cooled_until(Calendar::statutory(), day(today), days), day(last_paid), "{case}");
    }
}

#[test]
fn a_risk_deposit_knows_no_release_and_nothing_is_not_ordered() {
    assert_eq!(release(Mode::Custody, sums(1, 0, 0)), Ok(Fen(1)));
    assert_eq!(release(Mode::Custody, sums(0, 0, 0)), Err(NoRelease::Nothing));
    assert_eq!(release(Mode::RiskDeposit, sums(1, 0, 0)), Err(NoRelease::RiskDeposit));
}

#[test]
fn a_deposit_holds_the_fees_of_one_charging_period_f18() {
    let fees = Fen(120 * 360_000);
    assert_eq!(fees, Fen(43_200_000));
    for (case, deposit, minimum, short) in [
        ("exactly", 43_200_000, 0, None),
        ("one fen short", 43_199_999, 0, Some(Fen(1))),
        ("the local minimum is more", 43_200_000, 50_000_000, Some(Fen(6_800_000))),
        ("the local minimum exactly", 50_000_000, 50_000_000, None),
        ("no pupils, no minimum", 43_200_000, 0, None),
    ] {
        assert_eq!(deposit_short(Fen(deposit), deposit_needed(fees, Fen(minimum))), short, "{case}");
    }
}

#[test]
fn a_deposit_is_filled_up_within_five_workdays() {
    for (case, since, expected) in [
        ("over a weekend", "2026-03-18", Some("2026-03-25")),
        ("over the May holiday", "2026-04-29", Some("2026-05-09")),
        ("holidays that are not known", "2026-12-28", None),
    ] {
        let due = top_up_due(Calendar::statutory(), since.parse().unwrap(), 5).map(|day| day.to_string());
        assert_eq!(due.as_deref(), expected, "{case}");
    }
}
