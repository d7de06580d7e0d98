//! Accounts, warnings and entries made ready for a page.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::{
    balances,
    basis::{self, Input},
    brief,
    corrections::Tie,
    detector,
    documents::Balance,
    model::{self, Status, Step},
    oversight::{self, Undetermined},
    store::{
        accounts::Account,
        entries::{self, Entry},
        warnings::{self, Action, Warning},
    },
};
use crate::{
    approvals::{self, Kind},
    db::{DbError, ScopedConn},
    identity::{self, Caller, may},
    kernel::clock::{self, BEIJING},
    policies,
    web::{Lang, Page},
};

/// Days that the chart and the recipients look back.
const LOOK_BACK_DAYS: u64 = 180;
/// Latest entries shown.
const ENTRIES_MAX: i64 = 20;

/// One entry with the balance after it.
pub struct ShownEntry {
    pub entry: Entry,
    /// `None` for one that is shown apart from the entries after it.
    pub balance_fen: Option<i64>,
    /// Whether it raised or joined a warning.
    pub fired: bool,
    /// Where the one who looks may ask to see what is masked of it.
    pub unmask: Option<String>,
    /// The other half of a reversal.
    pub tie: Option<Tie>,
}

impl ShownEntry {
    fn of(account: &Account, entry: Entry, balance_fen: Option<i64>, fired: bool, caller: &Caller) -> ShownEntry {
        if caller.actor.role.is_institution() {
            return ShownEntry { entry, balance_fen, fired, unmask: None, tie: None };
        }
        let masked = entry.clone().masked();
        let hidden = masked != entry && may(caller.actor.role, identity::Action::UnmaskPersonal);
        let id = format!("{}.{}", account.id, entry.bank_ref);
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let unmask = hidden.then(|| format!("/b/unmask?kind=entry&id={id}"));
        ShownEntry { entry: masked, balance_fen, fired, unmask, tie: None }
    }

    /// The local day.
    pub fn day(&self) -> NaiveDate {
        clock::day(self.entry.booked_at)
    }

    /// The time of day, where the bank gave one.
    pub fn clock(&self) -> String {
        let local = self.entry.booked_at.with_timezone(&BEIJING);
        if self.entry.has_time() { local.format("%H:%M").to_string() } else { String::new() }
    }

    /// What the bank wrote.
    pub fn text(&self) -> &str {
        self.entry.remittance.as_deref().unwrap_or(&self.entry.bank_ref)
    }

    /// The other side's name, or what there is of it.
    pub fn counterparty(&self) -> &str {
        self.entry.counterparty_name.as_deref().or(self.entry.counterparty_account.as_deref()).unwrap_or_default()
    }
}

/// A warning with what it rests on, what was done, and what may be done.
pub struct ShownWarning {
    pub warning: Warning,
    pub claim: String,
    pub formula: String,
    pub inputs: Vec<Input>,
    /// Days since what it was judged by.
    pub age_days: Option<i64>,
    pub steps: Vec<detector::Step>,
    pub actions: Vec<Action>,
    /// Steps that the one who looks may take.
    pub open: Vec<Step>,
    /// Closing it takes two officials.
    pub needs_two: bool,
    /// The proposal to close it that waits for the second official.
    pub closing: Option<i64>,
}

impl ShownWarning {
    /// When a detector's step was: the day alone where the bank gave no time and where a whole day was judged.
    pub fn when(&self, page: &Page, step: &detector::Step) -> String {
        let local = step.at.with_timezone(&BEIJING);
        if basis::is_whole_day(local) { page.day(local.date_naive()) } else { page.time(step.at.to_utc()) }
    }

    pub fn is_open(&self) -> bool {
        self.warning.status.parse().is_ok_and(Status::is_open)
    }
}

/// A warning as it may be handled; `steps` are those that the role of the one who looks knows, none where it only looks.
fn warning(lang: Lang, warning: Warning, actions: &[Action], steps: &[Step], today: NaiveDate) -> ShownWarning {
    let actions: Vec<Action> = actions.iter().filter(|action| action.warning_id == warning.id).cloned().collect();
    let standing = warning.status.parse().ok().zip(warning.level.parse().ok());
    let try_step = |step: Step| standing.map(|(status, level)| model::after(status, level, step));
    let open: Vec<Step> = steps.iter().copied().filter(|step| matches!(try_step(*step), Some(Ok(_)))).collect();
    ShownWarning {
        claim: brief::claim(lang, &warning.kind, &warning.evidence),
        formula: basis::formula(lang, &warning.evidence),
        inputs: basis::inputs(lang, &warning.evidence),
        age_days: basis::at(&warning.evidence).map(|at| (today - at.date_naive()).num_days().max(0)),
        steps: serde_json::from_value(warning.history.clone()).unwrap_or_default(),
        actions,
        open,
        needs_two: false,
        closing: None,
        warning,
    }
}

/// The page on which a warning is handled.
pub fn href(warning: &Warning) -> String {
    match warning.account_id {
        Some(account) => format!("/b/escrow/{account}"),
        None => format!("/b/escrow/warnings/{}", warning.id),
    }
}

/// The warnings of an account and of its institution as a whole, open ones first, the gravest of them first.
pub async fn warnings_of(
    conn: &mut ScopedConn,
    lang: Lang,
    caller: &Caller,
    account: &Account,
    steps: &[Step],
) -> Result<Vec<ShownWarning>, DbError> {
    let mut rows = warnings::of_account(conn, account.tenant_id, account.id).await?;
    rows.extend(warnings::of_institution(conn, account.tenant_id, account.institution_id).await?);
    rows.sort_by_key(|row| {
        let level = row.level.parse::<detector::Level>().ok();
        (row.status == "resolved", std::cmp::Reverse(level), std::cmp::Reverse(row.raised_at))
    });
    shown(conn, lang, caller, account.tenant_id, rows, steps).await
}

/// Warnings of one bureau made ready in their order.
pub async fn shown(
    conn: &mut ScopedConn,
    lang: Lang,
    caller: &Caller,
    tenant: i32,
    rows: Vec<Warning>,
    steps: &[Step],
) -> Result<Vec<ShownWarning>, DbError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let actions = warnings::actions_of(conn, tenant, &ids).await?;
    let mut shown: Vec<ShownWarning> =
        rows.into_iter().map(|row| warning(lang, row, &actions, steps, caller.today())).collect();
    if steps.contains(&Step::Resolve) && shown.iter().any(ShownWarning::is_open) {
        let in_force = policies::in_force(conn, tenant, caller.today()).await?;
        let ids: Vec<String> = shown.iter().map(|one| one.warning.id.to_string()).collect();
        let waiting = approvals::waiting_about(conn, Kind::CloseWarning, &ids, caller.now).await?;
        for one in &mut shown {
            let id = one.warning.id.to_string();
            one.closing = waiting.iter().find(|(_, subject)| *subject == id).map(|(proposal, _)| *proposal);
            one.needs_two = one.warning.level.parse().is_ok_and(|level| model::needs_two(&in_force, level));
            if one.closing.is_some() {
                one.open.retain(|step| *step != Step::Resolve);
            }
        }
    }
    Ok(shown)
}

/// What cannot be judged while statements do not fit together: by the open warnings about it.
pub fn undetermined(shown: &[ShownWarning]) -> Vec<Undetermined> {
    let rows = shown.iter().filter(|one| one.is_open()).map(|one| &one.warning);
    rows.filter_map(gap_of).flat_map(|(after, before)| oversight::rules::undetermined(after, before)).collect()
}

/// The days between which movements are missing, by a warning about it.
pub fn gap_of(warning: &Warning) -> Option<(NaiveDate, NaiveDate)> {
    let day = |field: &str| warning.evidence.get(field)?.as_str()?.parse().ok();
    matches!(warning.kind.as_str(), "STMT-GAP" | "STMT-CHAIN-BREAK").then_some(())?;
    Some((day("gap_after")?, day("gap_before")?))
}

/// The latest entries of an account, and those behind its open warnings that are older, as the caller may see them.
pub async fn entries_of(
    conn: &mut ScopedConn,
    account: &Account,
    shown: &[ShownWarning],
    caller: &Caller,
) -> Result<(Vec<ShownEntry>, Vec<ShownEntry>), DbError> {
    let steps = || shown.iter().filter(|warning| warning.is_open()).flat_map(|warning| &warning.steps);
    let refs: Vec<&str> = steps().filter_map(|step| step.bank_ref.as_deref()).collect();
    let mut balance = account.balance_fen;
    let latest: Vec<ShownEntry> = entries::latest(conn, account.tenant_id, account.id, None, ENTRIES_MAX)
        .await?
        .into_iter()
        .map(|entry| {
            let fired = refs.contains(&entry.bank_ref.as_str());
            let after = balance;
            balance = balance.saturating_sub(entry.effect_fen());
            // Before the latest run of statements the balance is not known from the present one.
            let known = account.opening_on.is_none_or(|on| clock::midnight(on) <= entry.booked_at);
            ShownEntry::of(account, entry, known.then_some(after), fired, caller)
        })
        .collect();
    let missing: Vec<&str> =
        refs.iter().copied().filter(|bank_ref| latest.iter().all(|shown| shown.entry.bank_ref != *bank_ref)).collect();
    let span = steps().map(|step| step.at.to_utc()).min().zip(steps().map(|step| step.at.to_utc()).max());
    let older = match span.filter(|_| !missing.is_empty()) {
        Some((from, until)) => entries::by_refs(conn, account.tenant_id, account.id, &missing, from, until).await?,
        None => Vec::new(),
    };
    let older = older.into_iter().map(|entry| ShownEntry::of(account, entry, None, true, caller)).collect();
    Ok((latest, older))
}

/// The start of the span that the chart shows, and its last day.
pub fn span(account: &Account, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let last = account.last_booked_at.map(clock::day);
    let to = last.max(account.statement_on).unwrap_or(today);
    let from = to.checked_sub_days(Days::new(LOOK_BACK_DAYS)).unwrap_or(to);
    // Before the first statement there is nothing to show.
    (account.opening_on.map_or(from, |opening| opening.clamp(from, to)), to)
}

/// The chart's points.
pub async fn balances_of(conn: &mut ScopedConn, account: &Account, today: NaiveDate) -> Result<Vec<Balance>, DbError> {
    let (from, to) = span(account, today);
    let movements = entries::days(conn, account.tenant_id, account.id, clock::midnight(from)).await?;
    Ok(balances::thinned(&balances::by_day(account.balance_fen, &movements, from, to)))
}

/// The balance at which the gravest open warning was raised.
fn line(page: &Page, shown: &ShownWarning) -> Option<Value> {
    let fen = basis::line_fen(&shown.warning.kind, &shown.warning.evidence)?;
    let text = format!("{} {}", page.t("预警线", "Threshold"), page.yuan(fen));
    Some(json!({"value": fen, "text": text, "lv": shown.warning.level}))
}

/// The chart's data block. `<` is escaped, so that nothing in it can end the block.
pub fn chart(page: &Page, points: &[Balance], shown: &[ShownWarning]) -> String {
    let by_day: serde_json::Map<String, Value> =
        points.iter().map(|point| (point.date.to_string(), Value::from(point.balance_fen))).collect();
    let at = |warning: &ShownWarning| {
        let day = clock::day(warning.warning.raised_at);
        // Points may be days apart: the mark stands on the first one that shows the change.
        points.iter().find(|point| point.date >= day).map(|point| {
            json!({"day": point.date, "value": point.balance_fen, "lv": warning.warning.level, "pos": "top",
                   "text": crate::web::show::level_word(page.lang, &warning.warning.level)})
        })
    };
    let marks: Vec<Value> = shown.iter().filter(|warning| warning.is_open()).filter_map(at).rev().collect();
    let lines: Vec<Value> =
        shown.iter().find(|warning| warning.is_open()).and_then(|w| line(page, w)).into_iter().collect();
    let words = json!({"balance": page.t("账户余额", "Balance"), "forecast": page.t("预警", "Warning"),
                       "need": page.t("应留存额", "Required balance"), "today": page.t("今天", "Today")});
    let facts = json!({"days": points.iter().map(|point| point.date).collect::<Vec<_>>(), "today": page.today(), "unit": "fen",
                       "balance": by_day, "forecast": {}, "need": {}, "marks": marks, "lines": lines, "words": words});
    facts.to_string().replace('<', "\\u003c")
}
