//! Accounts, warnings and entries made ready for a page.

use chrono::NaiveDate;

use super::{
    basis::{self, Input},
    brief,
    corrections::Tie,
    detector,
    evidence::{self, Attachment},
    model::{self, Status, Step},
    oversight::{self, Undetermined},
    store::{
        accounts::{self, Account},
        entries::{self, Entry},
        warnings::{self, Action, Warning},
    },
};
use crate::{
    approvals::{self, Kind},
    db::{DbError, ScopedConn},
    identity::{self, Caller, may},
    kernel::{
        Calendar,
        clock::{self, BEIJING},
    },
    policies,
    proof::{self, Match},
    web::{Lang, Page},
};

/// Latest entries shown.
const ENTRIES_MAX: i64 = 20;
/// Entries of one day shown; the others are in the file.
pub const DAY_MAX: i64 = 500;

/// One entry with the balance after it.
pub struct ShownEntry {
    pub entry: Entry,
    /// `None` for one that is shown apart from the entries after it.
    pub balance_fen: Option<i64>,
    /// Whether it raised or joined a warning.
    pub fired: bool,
    /// How it compares with the ledger.
    pub matched: Match,
    /// Where the one who looks may ask to see what is masked of it.
    pub unmask: Option<String>,
    /// The other half of a reversal.
    pub tie: Option<Tie>,
}

impl ShownEntry {
    fn of(account: &Account, entry: Entry, balance_fen: Option<i64>, fired: bool, caller: &Caller) -> ShownEntry {
        if caller.actor.role.is_institution() {
            return ShownEntry { entry, balance_fen, fired, matched: Match::Unproven, unmask: None, tie: None };
        }
        let masked = entry.clone().masked();
        let hidden = masked != entry && may(caller.actor.role, identity::Action::UnmaskPersonal);
        let id = format!("{}.{}", account.id, entry.bank_ref);
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let unmask = hidden.then(|| format!("/b/unmask?kind=entry&id={id}"));
        ShownEntry { entry: masked, balance_fen, fired, matched: Match::Unproven, unmask, tie: None }
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

    /// The tag of how it compares with the ledger.
    pub fn match_tag(&self, page: &Page) -> String {
        let (class, icon, word) = match self.matched {
            Match::Agrees => ("ok", "check", page.t("相符", "Agrees")),
            Match::Differs(kind) => ("warn", "triangle", page.t(kind.words().0, kind.words().1)),
            Match::Explained(_) => ("info", "message", page.t("已说明", "Explained")),
            Match::Unproven => ("wait", "clock", page.t("未核对", "Not compared")),
        };
        format!(r#"<span class="tag tag--{class}">{}{word}</span>"#, page.icon(icon))
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
    /// The provision behind it.
    pub law: &'static str,
    pub inputs: Vec<Input>,
    /// Days since what it was judged by.
    pub age_days: Option<i64>,
    /// The account's data are older than two bank days.
    pub stale: bool,
    pub steps: Vec<detector::Step>,
    pub actions: Vec<Action>,
    /// What is attached to them.
    pub documents: Vec<Attachment>,
    /// The one who looks belongs to the institution.
    own: bool,
    /// The one who looks may erase what is attached.
    pub may_erase: bool,
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

    /// Whether the statements connect again and the reconciliation is to be signed.
    pub fn is_to_sign(&self) -> bool {
        self.is_open() && self.warning.mended_at.is_some()
    }

    /// The documents of one action.
    pub fn attached(&self, action: &Action) -> Vec<&Attachment> {
        self.documents.iter().filter(|document| document.action == action.id).collect()
    }

    /// Where a document is read.
    pub fn file(&self, document: &Attachment) -> String {
        let desk = if self.own { "org" } else { "b" };
        format!("/{desk}/escrow/warnings/{}/documents/{}", self.warning.id, document.id)
    }

    /// What a document is called; nothing once it was erased.
    pub fn named(&self, document: &Attachment) -> Option<String> {
        document.called(self.own)
    }

    pub fn is_open(&self) -> bool {
        self.warning.status.parse().is_ok_and(Status::is_open)
    }
}

/// A warning as it may be handled; `steps` are those that the role of the one who looks knows, none where it only looks.
fn warning(
    lang: Lang,
    warning: Warning,
    actions: &[Action],
    steps: &[Step],
    (calendar, today): (&Calendar, NaiveDate),
) -> ShownWarning {
    let actions: Vec<Action> = actions.iter().filter(|action| action.warning_id == warning.id).cloned().collect();
    let standing = warning.status.parse().ok().zip(warning.level.parse().ok());
    let try_step = |step: Step| standing.map(|(status, level)| model::after(status, level, step));
    let open: Vec<Step> = steps
        .iter()
        .copied()
        .filter(|step| matches!(try_step(*step), Some(Ok(_))))
        .filter(|step| *step != Step::Resolve || !warning.awaits_bank())
        .collect();
    ShownWarning {
        claim: brief::claim(lang, &warning.kind, &warning.evidence),
        formula: basis::formula(lang, &warning.evidence),
        law: basis::law(lang, &warning.kind),
        inputs: basis::inputs(lang, &warning.evidence),
        age_days: basis::at(&warning.evidence).map(|at| (today - at.date_naive()).num_days().max(0)),
        stale: warning.is_stale(calendar, today),
        steps: serde_json::from_value(warning.history.clone()).unwrap_or_default(),
        actions,
        documents: Vec::new(),
        own: false,
        may_erase: false,
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
    (lang, calendar): (Lang, &Calendar),
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
    shown(conn, (lang, calendar), caller, account.tenant_id, rows, steps).await
}

/// Warnings of one bureau made ready in their order.
pub async fn shown(
    conn: &mut ScopedConn,
    (lang, calendar): (Lang, &Calendar),
    caller: &Caller,
    tenant: i32,
    rows: Vec<Warning>,
    steps: &[Step],
) -> Result<Vec<ShownWarning>, DbError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let actions = warnings::actions_of(conn, tenant, &ids).await?;
    let mut shown: Vec<ShownWarning> =
        rows.into_iter().map(|row| warning(lang, row, &actions, steps, (calendar, caller.today()))).collect();
    let mut documents = evidence::store::of_warnings(conn, tenant, &ids).await?;
    let may_erase = tenant == caller.actor.tenant && may(caller.actor.role, identity::Action::ServeDataSubject);
    for one in &mut shown {
        let (of_it, others) = documents.into_iter().partition(|document| document.warning == one.warning.id);
        documents = others;
        (one.documents, one.own, one.may_erase) = (of_it, caller.actor.role.is_institution(), may_erase);
    }
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
    let older: Vec<ShownEntry> =
        older.into_iter().map(|entry| ShownEntry::of(account, entry, None, true, caller)).collect();
    let (mut latest, mut older) = (latest, older);
    compare(conn, account, &mut latest).await?;
    compare(conn, account, &mut older).await?;
    Ok((latest, older))
}

/// Notes of entries how they compare with the ledger.
async fn compare(conn: &mut ScopedConn, account: &Account, shown: &mut [ShownEntry]) -> Result<(), DbError> {
    let days = || shown.iter().map(ShownEntry::day);
    let Some(span) = days().min().zip(days().max()) else { return Ok(()) };
    let matches = proof::matches(conn, (account.tenant_id, account.institution_id), span).await?;
    let statements: Vec<i64> = shown.iter().map(|one| one.entry.statement_id).collect();
    let came = accounts::received(conn, account.tenant_id, &statements).await?;
    for one in shown {
        let came = came.get(&one.entry.statement_id).copied();
        one.matched = matches.of(one.day(), account.id, &one.entry.bank_ref, came);
    }
    Ok(())
}

/// The entries of one local day, the latest first, each with the balance after it.
pub async fn entries_of_day(
    conn: &mut ScopedConn,
    account: &Account,
    day: NaiveDate,
    end_fen: i64,
    caller: &Caller,
) -> Result<Vec<ShownEntry>, DbError> {
    let until = clock::midnight(day.succ_opt().unwrap_or(day));
    let rows = entries::between(conn, (account.tenant_id, account.id), clock::midnight(day), until, DAY_MAX).await?;
    let fired = warnings::fired(conn, account.tenant_id, account.id).await?;
    let known = account.opening_on.is_none_or(|on| on <= day);
    let mut balance = end_fen;
    let mut shown = Vec::with_capacity(rows.len());
    for entry in rows {
        let after = balance;
        balance = balance.saturating_sub(entry.effect_fen());
        let fired = fired.contains(&entry.bank_ref);
        shown.push(ShownEntry::of(account, entry, known.then_some(after), fired, caller));
    }
    compare(conn, account, &mut shown).await?;
    Ok(shown)
}
