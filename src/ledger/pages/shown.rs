//! The ledger's rows made ready for a page.

use fast_qr::{
    QRBuilder,
    convert::{Builder, svg::SvgBuilder},
};

use super::store::{ContractRow, LessonRow};
use crate::{
    db::{DbError, ScopedConn},
    escrow::detector::Level,
    identity::{Action, Caller, may},
    kernel::{Fen, mask},
    ledger::{
        commands::parents,
        model::{ConfirmedBy, LessonState},
        refunds::{
            RefundError, commands,
            model::{State, Worked},
            store::{self, Filter, RefundRow},
        },
        releases::{model as order, store::OrderRow},
        rules::{
            refund::{Ground, overdue, route::Route},
            release::Releasable,
            silence,
        },
    },
    vault::Vault,
    web::{AppState, FieldError, Lang, Page, Problem},
};

/// An amount in yuan as it was typed; empty is none, and what cannot be read is told.
pub(super) fn typed_fen(typed: &str, path: &str, errors: &mut Vec<FieldError>) -> Option<Fen> {
    let plain: String = typed.chars().filter(|letter| !matches!(letter, ',' | '，' | '¥' | '￥' | ' ')).collect();
    if plain.is_empty() {
        return None;
    }
    match plain.parse() {
        Ok(fen) => Some(fen),
        Err(_) => {
            errors.push(FieldError::new(
                path,
                "format",
                format!("“{typed}”不是金额，请写成 1234.50。"),
                format!("\"{typed}\" is not an amount; write 1234.50."),
            ));
            None
        }
    }
}

/// A refund with what can be done about it.
pub(super) struct ShownRefund {
    pub(super) row: RefundRow,
    pub(super) worked: Option<Worked>,
    state: State,
    /// Of one that is past its day.
    pub(super) level: Option<Level>,
    pub(super) days_late: i64,
    pub(super) may_approve: bool,
    pub(super) may_withdraw: bool,
    /// Whether the reader may decide how many units are charged.
    pub(super) may_charge: bool,
    waits_for: Option<WaitsFor>,
}

/// Whose approval a refund waits for, as the institution sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    You,
    Colleague,
    Bureau,
}

impl ShownRefund {
    /// Refunds of the caller's range, the newest first.
    pub(super) async fn of_range(
        conn: &mut ScopedConn,
        caller: &Caller,
        filter: &Filter<'_>,
        before: i64,
        limit: i64,
    ) -> Result<Vec<ShownRefund>, RefundError> {
        let today = caller.today();
        let rows = store::refunds(conn, today, filter, before, limit).await?;
        let tenant = rows.first().map_or(caller.actor.tenant, |row| row.tenant_id);
        let (limits, _) = commands::limits(conn, tenant, today).await?;
        let role = caller.actor.role;
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let worked: Option<Worked> = serde_json::from_value(row.steps.clone()).ok();
            let state = row.state.parse().unwrap_or(State::Withdrawn);
            let ground = row.reason.parse::<Ground>();
            let referred = worked.as_ref().is_some_and(Worked::is_referred);
            let own = row.tenant_id == caller.actor.tenant && state == State::Asked;
            let mine = own && commands::is_own(conn, caller, &row).await?;
            shown.push(ShownRefund {
                level: overdue(row.due_on, today, row.families_late, &limits).filter(|_| state.is_open()),
                days_late: (today - row.due_on).num_days(),
                may_approve: own
                    && !mine
                    && may(role, if referred { Action::DecideRefund } else { Action::HandleRefund }),
                may_withdraw: own && may(role, Action::KeepLedger),
                waits_for: (own && may(role, Action::KeepLedger)).then_some(if referred {
                    WaitsFor::Bureau
                } else if mine {
                    WaitsFor::Colleague
                } else {
                    WaitsFor::You
                }),
                may_charge: own && may(role, Action::DecideRefund) && ground.is_ok_and(Ground::leaves_units_open),
                state,
                worked,
                row,
            });
        }
        Ok(shown)
    }

    pub(super) fn state(&self, lang: &Lang) -> &'static str {
        let (zh, en) = self.state.words();
        lang.t(zh, en)
    }

    /// The class of the state's tag.
    pub(super) fn tag(&self) -> &'static str {
        match self.state {
            State::Asked => "info",
            State::Approved => "warn",
            State::Paid => "ok",
            State::Withdrawn => "wait",
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whom it waits for, where that is not the reader.
    pub(super) fn waits_for(&self, lang: &Lang) -> Option<&'static str> {
        match self.waits_for? {
            WaitsFor::You => None,
            WaitsFor::Colleague => Some(lang.t(
                "申请人不能自己同意：等本机构另一名人员同意；只有一人的机构由教育局决定。",
                "Whoever asked does not approve: it waits for somebody else of the institution, or for the bureau where there \
                 is nobody else.",
            )),
            WaitsFor::Bureau => Some(lang.t("有须核定的事项：等教育局决定。", "Something is left to an official: it waits for the bureau.")),
        }
    }

    /// Where it went, once paid.
    pub(super) fn route(&self, lang: &Lang) -> Option<&'static str> {
        let (zh, en) = self.row.route.as_deref()?.parse::<Route>().ok()?.words();
        Some(lang.t(zh, en))
    }

    /// Whether nobody knows where it went.
    pub(super) fn went_unknown(&self) -> bool {
        self.row.route.as_deref() == Some(Route::Undetermined.into())
    }

    /// Whether its approval ends the contract.
    pub(super) fn ends_the_contract(&self) -> bool {
        let all = self.worked.as_ref().is_some_and(|worked| worked.part_fen.is_none());
        all && self.row.reason.parse::<Ground>().is_ok_and(Ground::ends_the_contract)
    }

    pub(super) fn ground(&self, lang: &Lang) -> &'static str {
        let words = self.row.reason.parse::<Ground>().map(Ground::words);
        words.map_or("", |(zh, en)| lang.t(zh, en))
    }
}

/// A release order with what can be done about it.
pub(super) struct ShownOrder {
    pub(super) row: OrderRow,
    state: order::State,
    pub(super) acts: Vec<order::Act>,
    pub(super) sums: Releasable,
}

impl ShownOrder {
    pub(super) fn of(rows: Vec<OrderRow>, caller: &Caller) -> Vec<ShownOrder> {
        let shown = rows.into_iter().map(|row| {
            let state = row.state.parse().unwrap_or(order::State::Settled);
            let own = row.tenant_id == caller.actor.tenant && may(caller.actor.role, Action::DecideRelease);
            ShownOrder {
                state,
                acts: if own { state.acts() } else { Vec::new() },
                sums: serde_json::from_value(row.inputs.clone()).unwrap_or_default(),
                row,
            }
        });
        shown.collect()
    }

    pub(super) fn state(&self, lang: &Lang) -> &'static str {
        let (zh, en) = self.state.words();
        lang.t(zh, en)
    }

    /// The class of the state's tag.
    pub(super) fn tag(&self) -> &'static str {
        match self.state {
            order::State::Calculated | order::State::Approved => "warn",
            order::State::Sent | order::State::BankAck => "info",
            order::State::Settled => "ok",
            order::State::Rejected => "bad",
        }
    }

    pub(super) fn act(&self, act: &order::Act, lang: &Lang) -> &'static str {
        match act {
            order::Act::Approve => lang.t("批准", "Approve"),
            order::Act::Send => lang.t("发给银行", "Send to the bank"),
            order::Act::Reject => lang.t("退回", "Reject"),
        }
    }

    /// Who approved it, in words.
    pub(super) fn approved_by(&self, lang: &Lang) -> Option<&str> {
        let by = self.row.approved_by.as_deref()?;
        Some(if by == "rule" { lang.t("按规则批准", "by rule") } else { by })
    }
}

/// A lesson with whose it is.
pub(super) struct ShownLesson {
    pub(super) row: LessonRow,
    pub(super) pupil: String,
    /// What the parent wrote who disputes it.
    pub(super) dispute: Option<String>,
}

impl ShownLesson {
    /// For the institution itself, which knows its pupils.
    pub(super) fn plain(rows: Vec<LessonRow>, vault: &Vault) -> Result<Vec<ShownLesson>, DbError> {
        let shown = rows.into_iter().map(|row| {
            let pupil = row.pupil(vault)?.expose().to_owned();
            Ok(ShownLesson { pupil, dispute: row.dispute(vault)?, row })
        });
        shown.collect()
    }

    /// For officials: the name masked, and the numbers in what was written.
    pub(super) fn masked(rows: Vec<LessonRow>, vault: &Vault) -> Result<Vec<ShownLesson>, DbError> {
        let shown = rows.into_iter().map(|row| {
            let pupil = row.pupil(vault)?.masked();
            Ok(ShownLesson { pupil, dispute: row.dispute(vault)?.map(|text| mask::numbers(&text)), row })
        });
        shown.collect()
    }

    /// Where it stands by now: silence confirms whether anybody has looked or not.
    pub(super) fn state(&self, page: &Page) -> LessonState {
        let stored = self.row.state.parse().unwrap_or(LessonState::Void);
        silence::state_at(stored, self.row.due_at, page.now())
    }

    pub(super) fn state_tag(&self, page: &Page) -> String {
        let state = self.state(page);
        let (class, icon) = match state {
            LessonState::Awaiting => ("info", "clock"),
            LessonState::Confirmed => ("ok", "check"),
            LessonState::Disputed => ("warn", "triangle"),
            LessonState::Void => ("wait", "ban"),
        };
        format!(r#"<span class="tag tag--{class}">{}{}</span>"#, page.icon(icon), page.t(state.zh(), state.en()))
    }

    /// Whether the parent can still say something.
    pub(super) fn is_waiting(&self, page: &Page) -> bool {
        self.state(page) == LessonState::Awaiting
    }

    /// By whom it was confirmed, in words.
    pub(super) fn confirmed_by(&self, page: &Page) -> &'static str {
        let by = self.row.confirmed_by.as_deref().and_then(|by| by.parse::<ConfirmedBy>().ok());
        by.map_or("", |by| page.lang.t(by.zh(), by.en()))
    }
}

/// The drawing of what became of a contract's price: consumed, refunded, owed in lessons, not paid yet.
pub(super) fn bar(page: &Page, contract: &ContractRow) -> String {
    let parts = [
        ("consumed", contract.consumed_fen),
        ("refunded", contract.refunded_fen),
        ("unearned", contract.unearned_fen()),
        ("unpaid", contract.unpaid_fen()),
    ];
    let whole = parts.iter().map(|(_, fen)| i128::from(*fen)).sum::<i128>().max(1);
    let mut from = 0;
    let mut sum = 0_i128;
    let mut drawn = String::new();
    for (class, fen) in parts {
        sum += i128::from(fen);
        let to = i64::try_from(sum * 1_000 / whole).unwrap_or(1_000);
        if from < to {
            drawn.push_str(&format!(r#"<rect class="p-{class}" x="{from}" y="0" width="{}" height="28"/>"#, to - from));
        }
        from = to;
    }
    let label = page.t("合同金额的去向；数字见下。", "What became of the contract's price; the figures stand below.");
    format!(
        r#"<svg class="parts" viewBox="0 0 1000 28" preserveAspectRatio="none" role="img" aria-label="{label}">{drawn}</svg>"#
    )
}

/// The address by which the parent confirms or disputes a lesson, and its QR code as a drawing.
pub(super) fn link(state: &AppState, vault: &Vault, lesson: &LessonRow) -> Result<(String, String), Problem> {
    let token = parents::token(vault, lesson.tenant_id, lesson.contract_id, lesson.ended_at);
    let address = format!("{}/c/{token}", state.public_url());
    let code = QRBuilder::new(address.as_str()).build().map_err(|error| {
        tracing::error!(%error, "an address does not fit a QR code");
        Problem::internal()
    })?;
    Ok((address, SvgBuilder::default().margin(2).to_str(&code)))
}
