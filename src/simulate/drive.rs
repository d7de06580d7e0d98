//! Feeds a county to the service by its own commands, day by day, with repeats and breaks on the way.
//!
//! The clock is the simulation's; the database, the commands, the detector and the nightly runs are the service's own. A step
//! that breaks off loses its connection in the middle of a transaction, as a killed process does, and is done again; a step
//! that is repeated is one whose answer was lost. Neither may change anything.

use std::{collections::BTreeMap, future::Future, time::Duration};

use chrono::Datelike;
use chrono::{DateTime, Days, NaiveDate, Utc, Weekday};
use rand::{Rng, rngs::StdRng};

use super::{
    Plan, SimulationError,
    bank::{File, Order},
    change::Accounts,
    report::{self, Report},
    setup::Pace,
    store,
    world::{self, Fact, Owner, World, instant},
};
use crate::{
    db::Scope,
    doctor,
    escrow::{
        self, EscrowError,
        commands::{self, Handling},
        model::Step,
        upload::{self, Fate, Wishes},
    },
    identity::{Actor, Caller},
    kernel::{Fault, Fen, Private},
    ledger::{
        commands::{contracts, lessons, parents, payments},
        model::{Basis, Product, Terms},
        refunds::{self, commands as refund},
        releases::{self, commands as release},
    },
    proof,
    web::AppState,
};

/// One step in so many breaks off, one in so many is repeated.
const BREAKS: u32 = 500;
const REPEATS: u32 = 30;
/// Days between two looks at all that the books obey.
const CHECK_EVERY: u64 = 7;

/// A school of the county as the service knows it.
pub(super) struct Member {
    pub(super) admin: Caller,
    pub(super) institution: i64,
    pub(super) name: String,
    pub(super) code: String,
    /// What its contracts are about.
    pub(super) subject: &'static str,
    pub(super) accounts: Accounts,
    /// Whether its bank writes MT940.
    pub(super) uses_mt940: bool,
    /// Where its releases go.
    pub(super) payee: String,
    /// Files on their way.
    pub(super) files: Vec<File>,
    /// What the bank is told to pay.
    pub(super) orders: Vec<Order>,
    /// Contracts by number, and the end of the latest lesson of each.
    pub(super) contracts: BTreeMap<String, i64>,
    pub(super) latest: BTreeMap<String, DateTime<Utc>>,
    /// Who paid last on each contract.
    pub(super) payers: BTreeMap<String, String>,
    /// The last day of the latest release.
    pub(super) released_to: NaiveDate,
}

/// Days at the end of a story whose nights are all lived, and of which the banks report daily; before them, about weekly.
const LAST_NIGHTS: i64 = 6;
const REPORTS_EVERY: i64 = 5;
/// One parent in so many answers; silence confirms the other lessons.
const ANSWERS: usize = 5;

/// A county under way.
pub struct Drive<'a> {
    pub(super) state: &'a AppState,
    pub(super) plan: Plan,
    pub(super) world: World,
    pub(super) members: Vec<Member>,
    pub(super) finance: Caller,
    pub(super) official: Caller,
    /// Breaks, repeats and what the banks do to their files.
    pub(super) random: StdRng,
    pub(super) pace: Pace,
    /// The last day of which the banks reported.
    pub(super) reported_on: NaiveDate,
    pub(super) told: report::Told,
}

impl Drive<'_> {
    /// Lives all days; `told` hears of each that is over. The report says what came of it.
    pub async fn run(mut self, mut told: impl FnMut(NaiveDate)) -> Result<Report, SimulationError> {
        let days: Vec<NaiveDate> =
            self.plan.from.iter_days().take(usize::try_from(self.plan.days).unwrap_or_default()).collect();
        for (count, day) in days.iter().enumerate() {
            self.live(*day).await?;
            if self.pace == Pace::Soak && (count as u64 + 1).is_multiple_of(CHECK_EVERY) {
                self.check(*day).await?;
            }
            told(*day);
        }
        let last = days.last().copied().unwrap_or(self.plan.from);
        self.deliver_all(last).await?;
        self.check(last).await?;
        let warnings = store::warnings(&self.state.pools, self.official.actor.tenant).await?;
        let institutions: Vec<i64> = self.members.iter().map(|member| member.institution).collect();
        let mut report = Report::of(&self.plan, &self.world.schools, &institutions, &warnings, self.told);
        for changed in &mut report.changes {
            let Some(institution) = institutions.get(changed.school) else { continue };
            changed.old_account =
                store::old_account(&self.state.pools, self.official.actor.tenant, *institution).await?;
        }
        Ok(report)
    }

    pub(super) fn at(&self, caller: &Caller, now: DateTime<Utc>) -> Caller {
        Caller { now, ..caller.clone() }
    }

    async fn live(&mut self, day: NaiveDate) -> Result<(), SimulationError> {
        let morning = instant(day, 8, 0).to_utc();
        self.state.clock.set(morning);
        if self.world.schools.iter().any(|school| school.changes_on.is_some()) {
            self.change(day, morning).await?;
        }
        let evening = instant(day, 21, 0).to_utc();
        self.state.clock.set(evening);
        for at in 0..self.members.len() {
            let facts = self.world.facts(at, day);
            self.tell(at, evening, &facts).await?;
            let balance = self.members[at].accounts.in_use.balance_fen;
            let orders = std::mem::take(&mut self.members[at].orders);
            let mut left = Vec::new();
            for order in orders {
                if !self.members[at].accounts.in_use.carry_out(&order, day) {
                    left.push(order);
                }
            }
            let after = self.members[at].accounts.in_use.balance_fen.min(balance);
            let bookings = self.world.bookings(at, day, &facts, after);
            self.members[at].accounts.book(&self.world.schools[at], day, bookings);
            self.members[at].orders = left;
        }
        let night = instant(day, 23, 30).to_utc();
        self.state.clock.set(night);
        let left = (self.plan.from + Days::new(u64::from(self.plan.days)) - day).num_days();
        let reports = match self.pace {
            Pace::Soak => true,
            Pace::Story => left <= LAST_NIGHTS || (day - self.reported_on).num_days() >= REPORTS_EVERY,
        };
        let reports = reports && self.state.calendar.is_workday(day) != Some(false);
        if reports {
            self.reported_on = day;
            for at in 0..self.members.len() {
                self.report(at, day);
            }
        }
        self.deliver(day, night).await?;
        if day.weekday() == Weekday::Mon {
            self.release(day, night).await?;
        }
        if self.pace == Pace::Story && left > LAST_NIGHTS && !reports {
            return Ok(());
        }
        if self.pace == Pace::Story {
            self.answer_honest(night).await?;
        }
        let (state, tenant) = (self.state, self.official.actor.tenant);
        self.step(|| async move { Ok(escrow::oversight::sweep_bureau(state, tenant, night).await.map(drop)?) }).await?;
        self.sign(night).await?;
        self.step(|| async move { Ok(proof::nightly(state, night).await.map(drop)?) }).await?;
        Ok(())
    }

    /// The banks' statements of a school's accounts.
    fn report(&mut self, at: usize, day: NaiveDate) {
        let Member { accounts, files, .. } = &mut self.members[at];
        for account in accounts.all() {
            files.extend(account.report(day, &mut self.random));
        }
    }

    /// Does a step, now and then broken off before and repeated after; it must give the same however often it is done.
    async fn step<F, W>(&mut self, work: F) -> Result<(), SimulationError>
    where
        F: Fn() -> W,
        W: Future<Output = Result<(), SimulationError>>,
    {
        if self.pace == Pace::Story {
            return work().await;
        }
        if self.random.gen_ratio(1, BREAKS) {
            let patience = Duration::from_micros(self.random.gen_range(50..5_000));
            self.told.breaks += u32::from(tokio::time::timeout(patience, work()).await.is_err());
        }
        work().await?;
        if self.random.gen_ratio(1, REPEATS) {
            self.told.repeats += 1;
            work().await?;
        }
        Ok(())
    }

    async fn tell(&mut self, at: usize, now: DateTime<Utc>, facts: &[Fact]) -> Result<(), SimulationError> {
        let caller = self.at(&self.members[at].admin, now);
        let mut sessions: BTreeMap<DateTime<Utc>, Vec<lessons::Attended>> = BTreeMap::new();
        for fact in facts {
            match fact {
                Fact::Signed(contract) => {
                    self.told.contracts += 1;
                    let new = as_handed_in(contract, self.members[at].subject);
                    let pools = self.state.pools.clone();
                    let (new, by) = (&new, &caller);
                    if self.pace == Pace::Soak {
                        self.step(|| {
                            let pools = pools.clone();
                            async move { Ok(contracts::record(&pools, by, new).await.map(drop)?) }
                        })
                        .await?;
                    }
                    let known = contracts::record(&pools, by, new).await?;
                    self.members[at].contracts.insert(contract.number.clone(), known.id);
                }
                Fact::Paid(payment) => {
                    let Some(id) = self.members[at].contracts.get(&payment.contract).copied() else { continue };
                    self.members[at].payers.insert(payment.contract.clone(), payment.payer());
                    let new = payments::NewPayment {
                        receipt_no: payment.receipt.clone(),
                        paid_at: payment.at.to_utc(),
                        amount: Fen(payment.amount_fen),
                        channel: payment.channel.parse().map_err(|_| SimulationError::Made("channel"))?,
                        payee_account: Private::new(payment.outside.unwrap_or_default()),
                        payee_is_person: payment.outside.is_some(),
                        already_taken: true,
                    };
                    let (state, new, by) = (self.state, &new, &caller);
                    self.step(|| async move { Ok(payments::record(&state.pools, by, id, new).await.map(drop)?) })
                        .await?;
                }
                Fact::Given { contract, ended_at } => {
                    self.told.lessons += 1;
                    self.members[at].latest.insert(contract.clone(), ended_at.to_utc());
                    let attended = lessons::Attended { contract_no: contract.clone(), units: 1 };
                    sessions.entry(ended_at.to_utc()).or_default().push(attended);
                }
                Fact::Answered { .. } | Fact::RefundAsked { .. } => {}
            }
        }
        for (ended_at, attendance) in sessions {
            let session = lessons::Session { ended_at, attendance };
            let (state, session, by) = (self.state, &session, &caller);
            self.step(|| async move { Ok(lessons::tell(&state.pools, by, session).await.map(drop)?) }).await?;
        }
        for (place, fact) in facts.iter().enumerate() {
            match fact {
                Fact::Answered { disputes: false, .. } if place % ANSWERS != 0 => {}
                Fact::Answered { contract, disputes } => self.answer(at, contract, *disputes, now).await?,
                Fact::RefundAsked { contract, on } => self.refund(at, contract, *on, &caller).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn answer(
        &mut self,
        at: usize,
        contract: &str,
        disputes: bool,
        now: DateTime<Utc>,
    ) -> Result<(), SimulationError> {
        let member = &self.members[at];
        let (Some(id), Some(ended_at)) = (member.contracts.get(contract), member.latest.get(contract)) else {
            return Ok(());
        };
        let token = parents::token(self.state.pools.vault(), member.admin.actor.tenant, *id, *ended_at);
        let word = if disputes { parents::Word::Dispute("没有上这节课") } else { parents::Word::Confirm };
        let (state, token) = (self.state, &token);
        self.step(|| async move { Ok(parents::say(&state.pools, token, word, "simulated", now).await?) }).await
    }

    async fn refund(
        &mut self,
        at: usize,
        contract: &str,
        on: NaiveDate,
        caller: &Caller,
    ) -> Result<(), SimulationError> {
        let Some(id) = self.members[at].contracts.get(contract).copied() else { return Ok(()) };
        let request = refund::Request { asked_on: Some(on), ..refund::Request::default() };
        let asked = match refund::ask(self.state, caller, id, &request).await {
            Ok(asked) => asked,
            // Nothing is left to give back, or what is disputed must be settled first.
            Err(refunds::RefundError::Db(error)) => return Err(error.into()),
            Err(_) => return Ok(()),
        };
        // The school's only person asked; an official of the bureau decides.
        let acting = refund::Acting {
            act: refunds::model::Act::Approve,
            comment: "家长退学，已核对付款凭证",
            charged_units: None,
            version: None,
        };
        match refund::act(self.state, &self.at(&self.official, caller.now), asked, acting).await {
            Ok(()) => {}
            Err(refunds::RefundError::Db(error)) => return Err(error.into()),
            Err(_) => return Ok(()),
        }
        self.told.refunds += 1;
        let mut conn = Scope::system(caller.actor.tenant).begin(&self.state.pools).await?;
        let order = store::refund_order(&mut conn, asked).await?;
        conn.commit().await?;
        let name = self.members[at].payers.get(contract).cloned().unwrap_or_default();
        self.members[at].orders.push(Order { order_ref: order.0, amount_fen: order.1, name, account: None });
        Ok(())
    }

    /// What lessons earned since the last release is worked out, approved and sent to the bank.
    async fn release(&mut self, day: NaiveDate, now: DateTime<Utc>) -> Result<(), SimulationError> {
        for at in 0..self.members.len() {
            if !self.world.schools[at].is_open(day) {
                continue;
            }
            let (school, official) = (self.at(&self.members[at].admin, now), self.at(&self.official, now));
            let request = release::Request {
                credit_code: self.members[at].code.clone(),
                period_from: self.members[at].released_to + Days::new(1),
                period_to: day - Days::new(1),
                seq: 1,
            };
            if request.period_to < request.period_from {
                continue;
            }
            let order = match release::calculate(self.state, &school, &request).await {
                Ok((order, _)) => order,
                Err(releases::ReleaseError::Db(error)) => return Err(error.into()),
                // Nothing was earned.
                Err(_) => continue,
            };
            for act in [releases::model::Act::Approve, releases::model::Act::Send] {
                let acting = release::Acting { act, comment: "", version: None };
                // Any other refusal means that the rule approved it already.
                if let Err(releases::ReleaseError::Db(error)) =
                    release::act(self.state, &official, order.id, acting).await
                {
                    return Err(error.into());
                }
            }
            self.told.releases += 1;
            let member = &mut self.members[at];
            member.released_to = day - Days::new(1);
            member.orders.push(Order {
                order_ref: order.order_ref,
                amount_fen: order.amount_fen,
                name: member.name.clone(),
                account: Some(member.payee.clone()),
            });
        }
        Ok(())
    }

    /// An official signs that accounts were reconciled whose statements connect again.
    async fn sign(&mut self, now: DateTime<Utc>) -> Result<(), SimulationError> {
        let official = self.at(&self.official, now);
        let (state, official) = (self.state, &official);
        for id in store::to_sign(&state.pools, official.actor.tenant).await? {
            let signing = Handling {
                step: Step::Resolve,
                comment: "银行补报与账面一致",
                version: None,
                to: None,
                files: (&[], 0),
                conclusion: None,
            };
            self.step(|| async move {
                match commands::handle(state, official, id, signing).await {
                    Err(EscrowError::Db(error)) => Err(error.into()),
                    // Signed already, by a step whose answer was lost.
                    Ok(_) | Err(_) => Ok(()),
                }
            })
            .await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, day: NaiveDate, now: DateTime<Utc>) -> Result<(), SimulationError> {
        for at in 0..self.members.len() {
            let files = std::mem::take(&mut self.members[at].files);
            let (due, later): (Vec<File>, Vec<File>) = files.into_iter().partition(|file| file.arrives_on <= day);
            self.members[at].files = later;
            for file in due {
                let caller = self.at(&self.finance, now);
                let (state, caller, handed) = (self.state, &caller, &file);
                if file.is_broken {
                    self.told.broken += 1;
                    if take_in(state, caller, handed).await.is_ok() {
                        return Err(SimulationError::Broken(file.name));
                    }
                    continue;
                }
                self.told.files += 1;
                self.step(|| async move { take_in(state, caller, handed).await }).await?;
            }
        }
        Ok(())
    }

    /// What is still on its way arrives.
    async fn deliver_all(&mut self, last: NaiveDate) -> Result<(), SimulationError> {
        for at in 0..self.members.len() {
            self.report(at, last);
        }
        let arrived = last + Days::new(10);
        let now = instant(last, 23, 45).to_utc();
        self.state.clock.set(now);
        self.deliver(arrived, now).await
    }

    /// Everything that the books obey, and what the banks know of each account.
    async fn check(&self, day: NaiveDate) -> Result<(), SimulationError> {
        let tenant = self.official.actor.tenant;
        let mut first: Option<Fault> = None;
        let mut told = |fault: Fault| {
            first.get_or_insert(fault);
        };
        doctor::bureau(self.state, tenant, self.state.clock.now(), &mut told, &mut |_| {}).await?;
        if let Some(fault) = first {
            return Err(SimulationError::Fault { day, fault });
        }
        let mut conn = Scope::system(tenant).begin(&self.state.pools).await?;
        for member in self.members.iter().filter(|member| member.files.is_empty()) {
            let (fen, entries) = member.accounts.reported();
            store::school(&mut conn, member.institution, (fen, i64::from(entries)), day).await?;
        }
        conn.commit().await?;
        Ok(())
    }
}

pub(super) fn caller(state: &AppState, actor: &Actor, request: &str) -> Caller {
    Caller { actor: actor.clone(), request_id: format!("simulated-{request}"), now: state.clock.now() }
}

async fn take_in(state: &AppState, caller: &Caller, file: &File) -> Result<(), SimulationError> {
    let taken = upload::take_in(state, caller, &file.name, file.bytes.clone(), &Wishes::default()).await?;
    for one in taken {
        match one.fate {
            Fate::Kept(_) => {}
            Fate::Refused(error) => return Err(error.into()),
            Fate::PutBy(..) => return Err(SimulationError::Made("a file's columns were not understood")),
        }
    }
    Ok(())
}

fn as_handed_in(contract: &world::Contract, subject: &str) -> contracts::NewContract {
    contracts::NewContract {
        contract_no: contract.number.clone(),
        course_id: None,
        subject: subject.to_owned(),
        product: Product::Course,
        basis: Basis::Both,
        pupil: Private::new(&contract.pupil),
        guardian_phone: Private::new(&contract.phone),
        signed_on: contract.signed_on,
        is_renewal: contract.is_renewal,
        terms: Terms {
            price: Fen(contract.price_fen),
            materials: Fen::ZERO,
            units_bought: u32::try_from(contract.units).unwrap_or(1),
            units_gifted: 0,
        },
        instalments: 1,
        first_lesson_on: contract.first_on,
        last_lesson_on: contract.last_on,
        already_taken: true,
    }
}

/// Whether an owner takes money that lessons did not earn.
pub(super) fn is_dishonest(owner: Owner) -> bool {
    owner != Owner::Honest
}
