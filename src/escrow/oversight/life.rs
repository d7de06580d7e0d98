//! The life of warnings while nobody acts: the same again shortly after it was closed, a day that passed, two grave ones at
//! once.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    desk::Proposed,
    rules::{self, Orange},
    store::{
        telling,
        warnings::{self, Stored},
    },
    sweep::Round,
    tell,
};
use crate::{
    approvals::{self, ApprovalError, Draft, Kind},
    db::DbError,
    escrow::{
        detector::Level,
        model::{self, Status},
    },
};

/// Warnings that one transaction goes through at most.
const AT_ONCE: i64 = 100;

fn standing(stored: &Stored) -> Option<(Status, Level)> {
    Some((stored.status.parse().ok()?, stored.level.parse().ok()?))
}

/// Warnings of a kind that was closed shortly before start one level higher; each is looked up once.
pub(super) async fn reopened(round: &Round<'_>) -> Result<(), DbError> {
    loop {
        let mut conn = round.begin().await?;
        let fresh = warnings::fresh(&mut conn, AT_ONCE).await?;
        let all: Vec<i64> = fresh.iter().map(|one| one.id).collect();
        for one in &fresh {
            let Some((before, closed_at)) = one.before.zip(one.closed_at) else { continue };
            let Some(stored) = warnings::lock(&mut conn, one.id).await? else { continue };
            let Some((_, level)) = standing(&stored) else { continue };
            if level == Level::Red || !rules::reopens(stored.raised_at, closed_at, round.limits.telling.reopen_days) {
                continue;
            }
            let reason = format!("{} 日内同类预警再次出现，级别提高一级", round.limits.telling.reopen_days);
            let up = (model::graver(level), Some(before));
            tell::put_up(round, &mut conn, &stored, up, ("reopen", &reason)).await?;
        }
        warnings::looked_up(&mut conn, &all).await?;
        conn.commit().await?;
        if i64::try_from(all.len()).unwrap_or(AT_ONCE) < AT_ONCE {
            return Ok(());
        }
    }
}

/// Warnings that nobody answered by their day go up one level, each in a transaction of its own.
pub(super) async fn overdue(round: &Round<'_>) -> Result<(), DbError> {
    let today = round.caller.today();
    let mut after = 0;
    loop {
        let mut conn = round.begin().await?;
        let rows = warnings::past_due(&mut conn, today, after, AT_ONCE).await?;
        conn.commit().await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in rows {
            let mut conn = round.begin().await?;
            let Some(stored) = warnings::lock(&mut conn, row.id).await? else { continue };
            let Some((status, level)) = standing(&stored) else { continue };
            if let Some(up) = rules::overdue(status, level, stored.due_on, today) {
                let due = stored.due_on.map(|due| due.to_string()).unwrap_or_default();
                let reason = format!("{due} 到期无人处置，级别提高一级");
                tell::put_up(round, &mut conn, &stored, (up, None), ("overdue", &reason)).await?;
            }
            conn.commit().await?;
        }
    }
}

/// Institutions with orange warnings of two kinds are proposed to be red; an official decides.
pub(super) async fn proposals(round: &Round<'_>) -> Result<(), DbError> {
    let mut after = 0;
    loop {
        let mut conn = round.begin().await?;
        let rows = warnings::grave(&mut conn, after, AT_ONCE).await?;
        conn.commit().await?;
        let mut institutions: BTreeMap<i64, Vec<Stored>> = BTreeMap::new();
        for row in rows {
            if let Some(institution) = row.subject().institution() {
                institutions.entry(institution).or_default().push(row);
            }
        }
        let Some(last) = institutions.keys().next_back() else { return Ok(()) };
        after = *last;
        for (institution, open) in institutions {
            let oranges: Vec<Orange> = open
                .iter()
                .filter_map(|stored| {
                    let (kind, level) = (stored.kind.parse().ok()?, stored.level.parse().ok()?);
                    Some(Orange { id: stored.id, kind, level, proposed: stored.proposed })
                })
                .collect();
            if let Some(ids) = rules::red_proposal(&oranges) {
                propose(round, institution, &open, &ids).await?;
            }
        }
    }
}

async fn propose(round: &Round<'_>, institution: i64, open: &[Stored], ids: &[i64]) -> Result<(), DbError> {
    let mut conn = round.begin().await?;
    let subject = institution.to_string();
    approvals::give_way(&mut conn, &round.caller, Kind::TurnRed, std::slice::from_ref(&subject)).await?;
    let part = |stored: &&Stored| ids.contains(&stored.id);
    let warnings: Vec<Proposed> = open
        .iter()
        .filter(part)
        .map(|stored| Proposed { id: stored.id, kind: stored.kind.clone(), level: stored.level.clone() })
        .collect();
    let told = json!({"warnings": warnings.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>()});
    let draft = Draft { subject, institution: Some(institution), payload: json!({ "warnings": warnings }), told };
    let reason = "两种橙色预警同时未办结，机构应转为红色预警";
    let proposed = approvals::propose(&mut conn, &round.caller, Kind::TurnRed, reason, &[draft]).await;
    let id = match proposed {
        Ok(proposals) => proposals.first().copied().unwrap_or_default(),
        // It waits already; what is new is told with the next one.
        Err(ApprovalError::AlreadyPending) => return Ok(()),
        Err(ApprovalError::Db(error)) => return Err(error),
        Err(error) => return Err(DbError::Pool(error.to_string())),
    };
    warnings::took_part(&mut conn, ids, id).await?;
    let named = telling::named(&mut conn, ids.first().copied().unwrap_or_default()).await?;
    let name = named.map(|named| named.name).unwrap_or_default();
    let link = format!("{}/b/approvals/{id}", round.state.public_url());
    let subject = format!("【待审批】{name}：转为红色预警 / To be decided: turn an institution red");
    let body = format!(
        "{name}同时有两种橙色预警未办结，按规则应转为红色预警，请审批。\n审批：{link}\n\n\
         {name} has orange warnings of two kinds at once; by the rule it turns red. Please decide.\nDecide: {link}\n"
    );
    telling::mail_officers(&mut conn, &format!("turn-red:{id}"), (&subject, &body), round.caller.now).await?;
    conn.commit().await
}
