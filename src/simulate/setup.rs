//! How a county comes to be: officials, register, administrators, and what each school files about its account.

use std::collections::BTreeMap;

use chrono::Days;
use rand::{SeedableRng, rngs::StdRng};

use super::{
    Plan, SimulationError,
    bank::Account,
    change::Accounts,
    drive::{Drive, Member, caller},
    report::Told,
    world::{World, instant},
};
use crate::{
    demo::{people, sheet},
    escrow::filing::{self, Filing},
    identity::Actor,
    institutions::{self, commands::Direct, import::Limits},
    kernel::RegionCode,
    web::AppState,
};

/// The county that lives.
const COUNTY: &str = "331002";
/// Of its accounts, which nobody signs in with.
const PASSWORD: &str = "nobody signs in here 2026";

/// How hard the county is on the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Steps break off and are repeated, and money is counted every week.
    Soak,
    /// A story to look at: nothing breaks off, and the nightly runs are made once a week and in the last days.
    Story,
}

/// A county as it is taken over: who works in it, and each school with its id and administrator.
pub struct County {
    pub finance: Actor,
    pub official: Actor,
    pub schools: Vec<sheet::School>,
    pub members: Vec<(i64, Actor)>,
}

impl Member {
    /// What the school files of an account.
    pub(super) fn filing<'f>(&'f self, account: &'f str, in_use_from: &'f str) -> Filing<'f> {
        Filing {
            credit_code: &self.code,
            bank: "台州银行",
            account,
            mode: "custody",
            agreement_no: "TG-样例",
            payee_account: &self.payee,
            branches: None,
            in_use_from,
        }
    }
}

impl<'a> Drive<'a> {
    /// Sets the county up in an empty database; the state's clock must be one that can be set.
    pub async fn begin(state: &'a AppState, plan: Plan) -> Result<Drive<'a>, SimulationError> {
        state.clock.set(instant(plan.from, 7, 0).to_utc());
        let county: RegionCode = COUNTY.parse().map_err(|_| SimulationError::Made("county"))?;
        let officials = people::county(state, county, PASSWORD).await?;
        let mut random = StdRng::seed_from_u64(plan.seed ^ 0x5eed);
        let schools = sheet::schools(county, plan.schools, &mut random);
        let text = sheet::csv(county, &schools, plan.from);
        let admin = caller(state, &officials.admin, "setup");
        let direct = Direct {
            file_name: "机构台账.csv",
            bytes: text.as_bytes(),
            region: county,
            partial: false,
            limits: Limits::default(),
        };
        institutions::commands::import(&state.pools, &admin, &direct).await?;
        let mut members = Vec::with_capacity(schools.len());
        for school in &schools {
            let ids = institutions::ids_of_codes(&state.pools, &admin, &[school.credit_code.as_str()]).await?;
            let [institution] = ids[..] else { return Err(SimulationError::Made("school")) };
            members.push((institution, people::institution(state, county, school, institution, PASSWORD).await?));
        }
        let county = County { finance: officials.finance, official: officials.admin, schools, members };
        Drive::over(state, plan, World::new(&plan), county, Pace::Soak).await
    }

    /// Takes over a county whose schools are in the register with their accounts' numbers; files what is missing of these.
    pub async fn over(
        state: &'a AppState,
        plan: Plan,
        world: World,
        county: County,
        pace: Pace,
    ) -> Result<Drive<'a>, SimulationError> {
        let mut members = Vec::with_capacity(county.schools.len());
        for (at, (school, (institution, actor))) in county.schools.iter().zip(county.members).enumerate() {
            let member = Member {
                admin: caller(state, &actor, "school"),
                institution,
                name: school.name.clone(),
                code: school.credit_code.clone(),
                subject: school.subject,
                accounts: Accounts::new(Account::new(&school.account, at % 2 == 1)),
                uses_mt940: at % 2 == 1,
                payee: format!("6228{}", school.account),
                files: Vec::new(),
                orders: Vec::new(),
                contracts: BTreeMap::new(),
                latest: BTreeMap::new(),
                payers: BTreeMap::new(),
                released_to: plan.from - Days::new(1),
            };
            filing::file(state, &member.admin, &member.filing(&school.account, "")).await?;
            members.push(member);
        }
        let finance = caller(state, &county.finance, "bank-file");
        let official = caller(state, &county.official, "bureau");
        let random = StdRng::seed_from_u64(plan.seed ^ 0x5eed);
        Ok(Drive {
            state,
            plan,
            world,
            members,
            finance,
            official,
            random,
            pace,
            reported_on: plan.from - Days::new(1),
            told: Told::default(),
        })
    }
}
