//! Whether what is kept of contracts and days is what their payments, lessons and refunds come to.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    rules::book::{self, Sums},
    store::{
        examine::{self as kept, Kept},
        owed::{self, Booked},
    },
};
use crate::{
    db::{DbError, Pools, Scope, ScopedConn},
    kernel::{Fault, Fen, Invariant, fault::Told},
};

/// Institutions, and contracts of one, that are read at once.
const AT_ONCE: i64 = 500;

/// Looks at every contract of a bureau; how many there were.
pub async fn examine(pools: &Pools, tenant: i32, told: Told<'_>) -> Result<u64, DbError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let mut conn = Scope::system(tenant).begin(pools).await?;
        let keepers = kept::keepers_after(&mut conn, after, AT_ONCE).await?;
        conn.commit().await?;
        let Some(last) = keepers.last() else { return Ok(count) };
        after = *last;
        for institution in keepers {
            // One instant for all of an institution: contracts and days change together.
            let mut conn = Scope::system(tenant).begin_snapshot(pools).await?;
            count += institution_of(&mut conn, institution, told).await?;
            conn.commit().await?;
        }
    }
}

async fn institution_of(conn: &mut ScopedConn, institution: i64, told: Told<'_>) -> Result<u64, DbError> {
    let tenant = conn.tenant();
    let mut days: BTreeMap<NaiveDate, Sums> = BTreeMap::new();
    let (mut after, mut count) = (0, 0);
    loop {
        let contracts = kept::contracts_after(conn, institution, after, AT_ONCE).await?;
        let Some(last) = contracts.last() else { break };
        after = last.id;
        let ids: Vec<i64> = contracts.iter().map(|one| one.id).collect();
        let booked = owed::as_booked(conn, &ids).await?;
        for one in &contracts {
            count += 1;
            let Some(booked) = booked.get(&one.id) else { continue };
            let by_day = book::by_day(&booked.terms, &booked.facts);
            if let Some(fault) = wrong(tenant, one, booked, book::in_all(&by_day)) {
                told(fault);
            }
            for (day, by) in by_day {
                let sums = days.entry(day).or_default();
                *sums = sums.plus(&by);
            }
        }
    }
    for day in kept::days(conn, institution).await? {
        let found = days.remove(&day.day).unwrap_or_default();
        let kept =
            Sums { paid_fen: day.contracted_fen, consumed_fen: day.consumed_fen, refunded_fen: day.refunded_fen };
        if kept != found {
            told(other_day(tenant, institution, day.day, kept, found));
        }
    }
    days.into_iter()
        .filter(|(_, found)| !found.is_zero())
        .for_each(|(day, found)| told(other_day(tenant, institution, day, Sums::default(), found)));
    Ok(count)
}

fn wrong(tenant: i32, kept: &Kept, booked: &Booked, found: Sums) -> Option<Fault> {
    let sums = Sums { paid_fen: kept.paid_fen, consumed_fen: kept.consumed_fen, refunded_fen: kept.refunded_fen };
    let units = booked.facts.lessons.len();
    if sums == found && usize::try_from(kept.consumed_units) == Ok(units) {
        return None;
    }
    let say = |sums: Sums, units: usize| {
        let [paid, consumed, refunded, unearned] =
            [sums.paid_fen, sums.consumed_fen, sums.refunded_fen, sums.unearned_fen()].map(Fen);
        (
            format!("收 {paid}、消 {consumed}（{units} 课时）、退 {refunded}、未消 {unearned}"),
            format!("paid {paid}, consumed {consumed} ({units} units), refunded {refunded}, unearned {unearned}"),
        )
    };
    let (is, ought) = (say(sums, usize::try_from(kept.consumed_units).unwrap_or_default()), say(found, units));
    Some(Fault {
        invariant: Invariant::Contracts,
        tenant,
        row: format!("contracts {}", kept.id),
        zh: format!("合同 {}：记为{}；收退费和课时加总为{}", kept.contract_no, is.0, ought.0),
        en: format!("contract {}: kept as {}; its facts come to {}", kept.contract_no, is.1, ought.1),
    })
}

fn other_day(tenant: i32, institution: i64, day: NaiveDate, kept: Sums, found: Sums) -> Fault {
    let say = |sums: Sums| {
        let [paid, consumed, refunded] = [sums.paid_fen, sums.consumed_fen, sums.refunded_fen].map(Fen);
        (
            format!("收 {paid}、消 {consumed}、退 {refunded}"),
            format!("paid {paid}, consumed {consumed}, refunded {refunded}"),
        )
    };
    let (is, ought) = (say(kept), say(found));
    Fault {
        invariant: Invariant::OwedDays,
        tenant,
        row: format!("owed_days {institution}/{day}"),
        zh: format!("{day} 的应付记为{}；合同加总为{}", is.0, ought.0),
        en: format!("what is owed of {day} is kept as {}; the contracts come to {}", is.1, ought.1),
    }
}
