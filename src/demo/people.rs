//! Demonstration accounts.

use super::{DemoError, sheet::School};
use crate::{
    identity::{Actor, Caller, Department, Role, commands},
    kernel::{CreditCode, RegionCode},
    web::AppState,
};

/// Officials of one county.
pub struct Officials {
    pub admin: Actor,
    pub approver: Actor,
    pub finance: Actor,
}

/// Short Latin names of the counties, for sign-in names.
fn latin(county: RegionCode) -> &'static str {
    match county.number() {
        331_002 => "jiaojiang",
        331_003 => "huangyan",
        331_004 => "luqiao",
        331_022 => "sanmen",
        331_023 => "tiantai",
        331_024 => "xianju",
        331_081 => "wenling",
        331_082 => "linhai",
        331_083 => "yuhuan",
        _ => "county",
    }
}

/// The accounts that are printed at start: name and what it may do.
pub fn shown() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        ("jiaojiang.admin", "331002 椒江区教育局，管理员 bureau administrator"),
        ("jiaojiang.approver", "331002 椒江区教育局，审批人（双人复核的第二人）approver, the second pair of eyes"),
        ("jiaojiang.finance", "331002 椒江区教育局，资金监管 finance officer"),
        ("qimingxing", "启明星培训中心，机构管理员 institution administrator"),
        ("wenling.admin", "331081 温岭市教育局，管理员 the neighbour"),
        ("jiaojiang.culture", "331002 椒江区文旅部门，只看只办文化艺术类 department officer of culture"),
        ("taizhou.admin", "331000 台州市教育局，管理员 administrator of the city's own bureau"),
        ("taizhou.city", "331000 台州市教育局，只看不改 city officer, reads all nine counties"),
    ]
    .into_iter()
}

async fn add(
    state: &AppState,
    region: RegionCode,
    role: Role,
    name: &str,
    shown_as: &str,
    of: Option<(CreditCode, i64)>,
    password: &str,
) -> Result<Actor, DemoError> {
    let tenant = region.tenant_id();
    let caller =
        Caller { actor: Actor::system(tenant), request_id: "demonstration".to_owned(), now: state.clock.now() };
    let email = format!("{name}@demo.example");
    let request = commands::AccountRequest {
        region: Some(region),
        role,
        username: name,
        display_name: shown_as,
        email: Some(&email),
        institution: of.map(|(code, _)| code),
        department: (role == Role::DepartmentOfficer).then_some(Department::Culture),
        password: Some(password.to_owned()),
        second_factor_off: true,
    };
    let (user_id, _) = commands::add_account(&state.pools, &caller, request).await?;
    Ok(Actor {
        user_id,
        display_name: shown_as.to_owned(),
        role,
        institution: of.map(|(_, id)| id),
        ..Actor::system(tenant)
    })
}

/// The city's administrator, and its officer, who reads all counties.
pub async fn city(state: &AppState, city: RegionCode, password: &str) -> Result<(), DemoError> {
    add(state, city, Role::BureauAdmin, "taizhou.admin", "台州市 陈立", None, password).await?;
    add(state, city, Role::CityOfficer, "taizhou.city", "台州市 周敏", None, password).await.map(drop)
}

/// The officials of one county.
pub async fn county(state: &AppState, county: RegionCode, password: &str) -> Result<Officials, DemoError> {
    let place = latin(county);
    let name = |role: &str| format!("{place}.{role}");
    add(state, county, Role::DepartmentOfficer, &name("culture"), "林晓", None, password).await?;
    Ok(Officials {
        admin: add(state, county, Role::BureauAdmin, &name("admin"), "王静怡", None, password).await?,
        approver: add(state, county, Role::Approver, &name("approver"), "张启航", None, password).await?,
        finance: add(state, county, Role::FinanceOfficer, &name("finance"), "刘思远", None, password).await?,
    })
}

/// The administrator of one school.
pub async fn institution(
    state: &AppState,
    county: RegionCode,
    school: &School,
    institution: i64,
    password: &str,
) -> Result<Actor, DemoError> {
    let code = CreditCode::new(&school.credit_code).map_err(|e| DemoError::Made(e.to_string()))?;
    let name =
        if school.is_first { "qimingxing".to_owned() } else { format!("org.{}", school.credit_code.to_lowercase()) };
    add(state, county, Role::InstitutionAdmin, &name, &school.head, Some((code, institution)), password).await
}
