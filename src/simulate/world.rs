//! What happens in the county: who signs up, pays, learns, asks for money back, and how owners behave.
//!
//! Pure and deterministic. A year of twelve schools is some thousand contracts and fifty thousand lessons.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveTime};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Plan, bank::Booking};
use crate::kernel::clock::BEIJING;

/// How the owner of a school deals with the families' money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Owner {
    /// Takes what lessons earned.
    Honest,
    /// A little more than that every few days, to a company of a relative.
    SlowDrain,
    /// All of it in one night.
    OvernightGrab,
    /// Sums that each stay below what is looked at.
    Structuring,
    /// Lets parents pay to a person's account.
    OutsideEscrow,
    /// Lets parents borrow, and takes the loans out.
    Loan,
    /// Sells as much as possible cheaply, then takes it.
    Surge,
}

const DISHONEST: [Owner; 6] =
    [Owner::SlowDrain, Owner::OvernightGrab, Owner::Structuring, Owner::OutsideEscrow, Owner::Loan, Owner::Surge];

/// What a school or a parent does, as the service is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Signed(Contract),
    Paid(Payment),
    /// One unit of the contract.
    Given {
        contract: String,
        ended_at: DateTime<FixedOffset>,
    },
    /// The parent answers the link about the latest unit of the contract.
    Answered {
        contract: String,
        disputes: bool,
    },
    RefundAsked {
        contract: String,
        on: NaiveDate,
    },
}

/// A contract as it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    pub number: String,
    pub pupil: String,
    pub phone: String,
    pub units: i32,
    pub price_fen: i64,
    pub signed_on: NaiveDate,
    pub first_on: NaiveDate,
    pub last_on: NaiveDate,
    pub is_renewal: bool,
}

/// A payment as the school records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub contract: String,
    pub receipt: String,
    pub at: DateTime<FixedOffset>,
    pub amount_fen: i64,
    /// As the ledger's channels are called.
    pub channel: &'static str,
    /// The person's account that it went to instead of the escrow account.
    pub outside: Option<&'static str>,
}

impl Payment {
    fn is_lent(&self) -> bool {
        self.channel == "loan"
    }

    /// Whom the bank names.
    pub fn payer(&self) -> String {
        if self.is_lent() { LENDER.to_owned() } else { format!("家长{}", self.contract) }
    }
}

/// A contract under way.
#[derive(Debug, Clone)]
struct Course {
    contract: Contract,
    /// Days of the week from Monday as 0.
    weekdays: [u32; 2],
    given: i32,
    ended: bool,
    /// The family has decided whether it goes on: that it does once.
    has_decided: bool,
}

/// A school and its owner.
#[derive(Debug, Clone)]
pub struct School {
    pub at: usize,
    pub owner: Owner,
    /// The day on which it shuts its doors; `None` for an honest one.
    pub flees_on: Option<NaiveDate>,
    /// The day from which it uses another account.
    pub changes_on: Option<NaiveDate>,
    /// What it charges for a unit.
    unit_fen: i64,
    courses: Vec<Course>,
    contracts: u32,
    receipts: u32,
}

impl School {
    /// Whether it still gives lessons on a day.
    pub fn is_open(&self, day: NaiveDate) -> bool {
        self.flees_on.is_none_or(|flight| day < flight)
    }

    /// Days until the flight, where it lies ahead within so many.
    fn flees_within(&self, day: NaiveDate, days: i64) -> Option<i64> {
        self.flees_on.map(|flight| (flight - day).num_days()).filter(|left| (0..=days).contains(left))
    }
}

/// A withdrawal that no lesson earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taking {
    hour: u32,
    amount_fen: i64,
    to: (&'static str, &'static str),
    remittance: &'static str,
}

/// A relative's company, a person and the school's own unfiled account.
const COMPANY: (&str, &str) = ("某某商贸有限公司（样例）", "9999000000000001");
const PERSON: (&str, &str) = ("钱某某", "6222000000000000001");
const LENDER: &str = "样例消费金融有限公司";
/// What one withdrawal of a careful thief stays below, in fen.
const BELOW_LARGE: i64 = 4_900_000;

/// The county.
#[derive(Debug)]
pub struct World {
    pub schools: Vec<School>,
    random: StdRng,
    pupils: u32,
}

impl World {
    /// Before its first day.
    pub fn new(plan: &Plan) -> World {
        let mut random = StdRng::seed_from_u64(plan.seed);
        let bad = DISHONEST.len().min(plan.schools / 3);
        // Which kinds a small county shows depends on the seed.
        let first = random.gen_range(0..DISHONEST.len());
        let mut schools: Vec<School> = (0..plan.schools)
            .map(|at| {
                let owner = if at < bad { DISHONEST[(first + at) % DISHONEST.len()] } else { Owner::Honest };
                let share = random.gen_range(60..=90);
                let flight = plan.from + Days::new(u64::from(plan.days) * share / 100);
                School {
                    at,
                    owner,
                    flees_on: (owner != Owner::Honest).then_some(flight),
                    changes_on: None,
                    unit_fen: random.gen_range(60..=160) * 100,
                    courses: Vec::new(),
                    contracts: 0,
                    receipts: 0,
                }
            })
            .collect();
        // The last one, which is honest, changes its account in the middle.
        if let Some(last) = schools.last_mut().filter(|last| last.owner == Owner::Honest) {
            last.changes_on = Some(plan.from + Days::new(u64::from(plan.days) / 2));
        }
        World { schools, random, pupils: 0 }
    }

    /// Gives the schools their parts: whoever is named is dishonest and flees on a day, and all others are honest; one may
    /// change its account.
    #[must_use]
    pub fn cast(mut self, flights: &[(usize, Owner, NaiveDate)], changes: Option<(usize, NaiveDate)>) -> World {
        for school in &mut self.schools {
            let part = flights.iter().find(|(at, ..)| *at == school.at);
            school.owner = part.map_or(Owner::Honest, |(_, owner, _)| *owner);
            school.flees_on = part.map(|(_, _, on)| *on);
            school.changes_on = changes.filter(|(at, _)| *at == school.at).map(|(_, on)| on);
        }
        self
    }

    /// What a school and its parents do on a day.
    pub fn facts(&mut self, at: usize, day: NaiveDate) -> Vec<Fact> {
        let mut facts = Vec::new();
        if !self.schools.get(at).is_some_and(|school| school.is_open(day)) {
            return facts;
        }
        self.sign_up(at, day, &mut facts);
        self.teach(at, day, &mut facts);
        facts
    }

    fn sign_up(&mut self, at: usize, day: NaiveDate, facts: &mut Vec<Fact>) {
        let school = &mut self.schools[at];
        let lures = school.owner == Owner::Surge && school.flees_within(day, 24).is_some();
        let most = if lures { 9 } else { 2 };
        let mut signing: Vec<bool> = vec![false; self.random.gen_range(0..=most)];
        for course in &mut school.courses {
            let is_near_its_end = course.given > 0 && course.contract.units - course.given == 4;
            if !course.ended && !course.has_decided && is_near_its_end {
                course.has_decided = true;
                signing.push(true);
            }
        }
        for is_renewal in signing {
            if is_renewal && self.random.gen_ratio(3, 10) {
                continue;
            }
            let weekdays = {
                let one = self.random.gen_range(0..7);
                [one, (one + self.random.gen_range(2..=5)) % 7]
            };
            let unit_fen = if lures { school.unit_fen * 6 / 10 } else { school.unit_fen };
            // Within three months at two units a week, 60 units and 5,000 yuan.
            let units = self.random.gen_range(12..=24).min(i32::try_from(500_000 / unit_fen).unwrap_or(24));
            let first_on = day + Days::new(self.random.gen_range(1..=6));
            school.contracts += 1;
            self.pupils += 1;
            let contract = Contract {
                number: format!("HT{:02}-{:05}", school.at, school.contracts),
                pupil: format!("学员{:05}", self.pupils),
                phone: format!("154{:08}", self.pupils),
                units,
                price_fen: i64::from(units) * unit_fen,
                signed_on: day,
                first_on,
                last_on: first_on + Days::new(88),
                is_renewal,
            };
            facts.push(Fact::Signed(contract.clone()));
            school.receipts += 1;
            let outside = school.owner == Owner::OutsideEscrow
                && school.flees_within(day, 60).is_some()
                && self.random.gen_ratio(2, 5);
            let loan =
                school.owner == Owner::Loan && school.flees_within(day, 40).is_some() && self.random.gen_ratio(1, 2);
            facts.push(Fact::Paid(Payment {
                contract: contract.number.clone(),
                receipt: format!("SJ{:02}-{:06}", school.at, school.receipts),
                at: instant(day, 9 + self.random.gen_range(0..10), self.random.gen_range(0..60)),
                amount_fen: contract.price_fen,
                channel: if loan { "loan" } else { "bank_transfer" },
                outside: outside.then_some(PERSON.1),
            }));
            school.courses.push(Course { contract, weekdays, given: 0, ended: false, has_decided: false });
        }
    }

    fn teach(&mut self, at: usize, day: NaiveDate, facts: &mut Vec<Fact>) {
        let weekday = day.weekday().num_days_from_monday();
        for course in &mut self.schools[at].courses {
            let contract = &course.contract;
            if course.ended || day < contract.first_on || !course.weekdays.contains(&weekday) {
                continue;
            }
            if day > contract.last_on || course.given >= contract.units {
                course.ended = true;
                continue;
            }
            if course.given > 0 && self.random.gen_ratio(1, 400) {
                facts.push(Fact::RefundAsked { contract: contract.number.clone(), on: day });
                course.ended = true;
                continue;
            }
            if self.random.gen_ratio(1, 20) {
                continue;
            }
            course.given += 1;
            facts.push(Fact::Given { contract: contract.number.clone(), ended_at: instant(day, 19, 30) });
            if self.random.gen_ratio(3, 5) {
                let disputes = self.random.gen_ratio(1, 300);
                facts.push(Fact::Answered { contract: contract.number.clone(), disputes });
            }
        }
    }

    /// What the bank books for a school because of these facts, and what its owner takes, given what lies in the account.
    pub fn bookings(&mut self, at: usize, day: NaiveDate, facts: &[Fact], balance_fen: i64) -> Vec<Booking> {
        let mut booked = Vec::new();
        let school = &self.schools[at];
        let paid = facts.iter().filter_map(|fact| match fact {
            Fact::Paid(payment) if payment.outside.is_none() => Some(payment),
            _ => None,
        });
        let mut balance_fen = balance_fen;
        for payment in paid {
            let lent = payment.is_lent();
            balance_fen += payment.amount_fen;
            booked.push(Booking {
                at: payment.at,
                credit: true,
                amount_fen: payment.amount_fen,
                name: payment.payer(),
                account: None,
                remittance: format!("{} {}", payment.receipt, if lent { "分期放款" } else { "学费" }),
            });
        }
        for taking in takings(school, day, balance_fen, &mut self.random) {
            booked.push(Booking {
                at: instant(day, taking.hour, self.random.gen_range(0..60)),
                credit: false,
                amount_fen: taking.amount_fen,
                name: taking.to.0.to_owned(),
                account: Some(taking.to.1.to_owned()),
                remittance: taking.remittance.to_owned(),
            });
        }
        booked.sort_by_key(|booking| booking.at);
        booked
    }
}

/// What the owner takes on a day beyond what lessons earned.
fn takings(school: &School, day: NaiveDate, balance_fen: i64, random: &mut StdRng) -> Vec<Taking> {
    let share = |percent: i64| balance_fen / 100 * percent;
    let one = |hour, amount_fen, to, remittance| Taking { hour, amount_fen, to, remittance };
    let all: Vec<Taking> = match school.owner {
        Owner::Honest => Vec::new(),
        Owner::SlowDrain => match school.flees_within(day, 42) {
            Some(left) if left % 4 == 0 => vec![one(15, share(9), COMPANY, "装修款")],
            _ => Vec::new(),
        },
        Owner::OvernightGrab => match school.flees_within(day, 0) {
            Some(_) => vec![
                one(21, share(45), PERSON, "往来款"),
                one(22, share(30), PERSON, "往来款"),
                one(23, share(24), COMPANY, "往来款"),
            ],
            None => Vec::new(),
        },
        Owner::Structuring => match school.flees_within(day, 6) {
            Some(_) => {
                let each = BELOW_LARGE.min(share(8)) - random.gen_range(0..50) * 100;
                (0..4).map(|n| one(10 + n, each, COMPANY, "材料费")).collect()
            }
            None => Vec::new(),
        },
        Owner::OutsideEscrow => match school.flees_within(day, 0) {
            Some(_) => vec![one(17, share(60), COMPANY, "房租")],
            None => Vec::new(),
        },
        Owner::Loan => match school.flees_within(day, 12) {
            Some(left) if left % 4 == 0 => vec![one(16, share(22), COMPANY, "服务费")],
            _ => Vec::new(),
        },
        Owner::Surge => match school.flees_within(day, 2) {
            Some(_) => vec![one(20, share(40), PERSON, "借款")],
            None => Vec::new(),
        },
    };
    all.into_iter().filter(|taking| taking.amount_fen > 0).collect()
}

/// An instant of a local day.
pub(super) fn instant(day: NaiveDate, hour: u32, minute: u32) -> DateTime<FixedOffset> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN);
    day.and_time(time).and_local_timezone(BEIJING).single().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Plan {
        Plan { seed, from: "2026-01-05".parse().unwrap(), days: 120, schools: 12 }
    }

    fn told(seed: u64) -> Vec<Fact> {
        let plan = plan(seed);
        let mut world = World::new(&plan);
        plan.from
            .iter_days()
            .take(40)
            .flat_map(|day| (0..12).flat_map(|at| world.facts(at, day)).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn the_same_seed_tells_the_same_and_another_seed_another() {
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn contracts_keep_to_the_law_and_lessons_to_their_contracts() {
        let facts = told(3);
        let mut signed = std::collections::HashMap::new();
        let mut given: std::collections::HashMap<&str, i32> = std::collections::HashMap::new();
        for fact in &facts {
            match fact {
                Fact::Signed(contract) => {
                    assert!(contract.price_fen <= 500_000 && contract.units <= 60, "{contract:?}");
                    assert!(contract.last_on < contract.first_on + chrono::Months::new(3), "{contract:?}");
                    signed.insert(contract.number.as_str(), contract.units);
                }
                Fact::Given { contract, .. } => *given.entry(contract).or_default() += 1,
                _ => {}
            }
        }
        assert!(signed.len() > 100 && !given.is_empty(), "{} contracts", signed.len());
        assert!(given.iter().all(|(contract, units)| units <= &signed[contract]));
    }

    #[test]
    fn every_dishonest_owner_empties_the_account_and_no_honest_one_takes_anything() {
        let plan = plan(1);
        let mut world = World::new(&plan);
        for at in 0..plan.schools {
            let owner = world.schools[at].owner;
            let mut balance = 50_000_000_i64;
            for day in plan.from.iter_days().take(120) {
                for booking in world.bookings(at, day, &[], balance) {
                    assert!(!booking.credit && booking.amount_fen <= balance, "{owner}");
                    balance -= booking.amount_fen;
                }
            }
            match owner {
                Owner::Honest => assert_eq!(balance, 50_000_000),
                _ => assert!(balance < 30_000_000, "{owner} leaves {balance}"),
            }
        }
    }
}
