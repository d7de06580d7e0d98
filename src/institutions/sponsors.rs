//! Who set an institution up, kept by hand: added and taken off. Sheets bring them, too ([`intake`](super::intake)).

use serde_json::json;

use super::{
    RegisterError,
    commands::keeper,
    import::SPONSOR_MAX,
    model::{Sponsor, SponsorKind},
    store::{register, sponsors},
};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    escrow,
    identity::Caller,
    kernel::{Private, credit_code, mask},
    web::FieldError,
};

/// Longest reason, in characters.
const REASON_MAX: usize = 500;
/// Most sponsors of one institution.
const SPONSORS_MAX: usize = 50;

/// A sponsor as told, not yet checked.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub name: &'a str,
    pub kind: &'a str,
    /// In hundredths of a per cent; `Some(Err)` for what is no share.
    pub share_bp: Option<Result<i32, ()>>,
}

impl Told<'_> {
    fn check(&self) -> Result<Sponsor, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |path: &str, zh: &str, en: &str| errors.push(FieldError::new(path, path, zh, en));
        let name: String = self.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.chars().count() > SPONSOR_MAX {
            wrong(
                "name",
                "请填写举办者的姓名或单位全称，不超过 100 字",
                "give the name in full, 100 characters at most",
            );
        }
        let kind = self.kind.parse::<SponsorKind>().ok();
        if kind.is_none() {
            wrong("kind", "请选择自然人或单位", "choose person or company");
        }
        let share_bp = self.share_bp.transpose();
        let share_bp = share_bp.ok().filter(|bp| bp.is_none_or(|bp| (1..=10_000).contains(&bp)));
        if share_bp.is_none() {
            wrong(
                "share",
                "出资比例应大于 0、不超过 100，最多两位小数；不清楚请留空",
                "a share above 0, of 100 per cent at most; leave it out where nobody knows",
            );
        }
        match (kind, share_bp) {
            (Some(kind), Some(share_bp)) if errors.is_empty() => {
                Ok(Sponsor { name: Private::new(name), kind, share_bp })
            }
            _ => Err(errors),
        }
    }
}

/// The institution of a credit code in the caller's own county.
async fn own(conn: &mut ScopedConn, code: &str) -> Result<i64, RegisterError> {
    register::ids(conn, &[code]).await?.pop().ok_or(RegisterError::NotFound)
}

/// Adds a sponsor; its number. Money that went to it before is judged anew.
pub async fn add(pools: &Pools, caller: &Caller, code: &str, told: Told<'_>) -> Result<i64, RegisterError> {
    keeper(caller)?;
    let sponsor = told.check().map_err(RegisterError::Invalid)?;
    let code = credit_code::normalise(code);
    let mut conn = caller.actor.scope().begin(pools).await?;
    let institution = own(&mut conn, &code).await?;
    let refused = |zh: &str, en: &str| RegisterError::Invalid(vec![FieldError::new("name", "name", zh, en)]);
    let tenant = conn.tenant();
    if sponsors::of(&mut conn, tenant, &[institution]).await?.len() >= SPONSORS_MAX {
        return Err(refused("举办者最多 50 个，请先移除一个", "50 sponsors at most; take one off first"));
    }
    let Some(id) = sponsors::add(&mut conn, institution, &sponsor, caller.now).await? else {
        return Err(refused("这个举办者已经登记", "this sponsor is on the register already"));
    };
    escrow::judge_anew(&mut conn, &[institution]).await?;
    let event = Event {
        action: "institution.sponsor_added",
        subject_kind: "institution",
        subject_id: code,
        institution: Some(institution),
        after: Some(json!({ "sponsors": [sponsor] })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(id)
}

/// Takes a sponsor off the register, with the reason on record; the name is gone with it.
pub async fn remove(pools: &Pools, caller: &Caller, code: &str, id: i64, reason: &str) -> Result<(), RegisterError> {
    keeper(caller)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        let (zh, en) = ("请写明移除的理由，不超过 500 字", "say why, in 500 characters at most");
        return Err(RegisterError::Invalid(vec![FieldError::new("reason", "reason", zh, en)]));
    }
    let code = credit_code::normalise(code);
    let mut conn = caller.actor.scope().begin(pools).await?;
    let institution = own(&mut conn, &code).await?;
    let kept = sponsors::one(&mut conn, id).await?.filter(|kept| kept.institution == institution);
    let kept = kept.filter(|kept| kept.tenant == caller.actor.tenant).ok_or(RegisterError::NotFound)?;
    sponsors::remove(&mut conn, id).await?;
    escrow::judge_anew(&mut conn, &[institution]).await?;
    let event = Event {
        action: "institution.sponsor_removed",
        subject_kind: "institution",
        subject_id: code,
        institution: Some(institution),
        before: Some(json!({ "sponsors": [kept.sponsor] })),
        reason: Some(&mask::numbers(reason)),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}
