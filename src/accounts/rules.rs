//! Who may give which role to whom. Pure.

use strum::IntoEnumIterator;

use super::{Assignment, PostError};
use crate::{
    identity::{Actor, Department, Role},
    kernel::RegionCode,
};

/// The roles that an administrator may give, in the order of the table of roles.
///
/// A bureau's administrator gives those that fit the bureau's level, an institution's only those of the institution.
pub fn grantable(actor: &Actor) -> Vec<Role> {
    let level = region(actor).map(RegionCode::level);
    Role::iter()
        .filter(|role| match actor.role {
            Role::InstitutionAdmin => role.is_institution(),
            // A bank is a machine user: it gets a key, not a post.
            Role::BureauAdmin => *role != Role::Bank && role.fits(level),
            _ => false,
        })
        .collect()
}

/// The division of the actor's bureau; `None` is the ministry.
pub fn region(actor: &Actor) -> Option<RegionCode> {
    RegionCode::from_i32(actor.tenant)
}

/// A role with its department or township, if the actor may give it.
pub fn assignment(
    actor: &Actor,
    role: Role,
    department: Option<Department>,
    township: Option<RegionCode>,
) -> Result<Assignment, PostError> {
    if !grantable(actor).contains(&role) {
        return Err(PostError::Role(role));
    }
    if department.is_some() != (role == Role::DepartmentOfficer) {
        return Err(PostError::Department);
    }
    let ours = |township: RegionCode| {
        township.number() > 999_999 && township.tenant_id() == actor.tenant && township.name().is_some()
    };
    if township.is_some() != (role == Role::TownshipOfficer) || township.is_some_and(|township| !ours(township)) {
        return Err(PostError::Township);
    }
    Ok(Assignment { role, department, township })
}

/// Whether a role is the one that manages posts: of the bureau, or of an institution.
pub fn administers(role: Role) -> bool {
    matches!(role, Role::BureauAdmin | Role::InstitutionAdmin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(role: Role, tenant: i32) -> Actor {
        Actor { role, ..Actor::system(tenant) }
    }

    #[test]
    fn an_administrator_gives_what_fits_the_own_place_and_no_more() {
        use Role::*;
        for (case, actor, given, refused) in [
            (
                "county",
                admin(BureauAdmin, 331_002),
                vec![BureauAdmin, Approver, DepartmentOfficer, TownshipOfficer, InstitutionAdmin],
                vec![CityOfficer, ProvinceOfficer, MinistryOfficer, Bank],
            ),
            (
                "city",
                admin(BureauAdmin, 331_000),
                vec![BureauAdmin, CityOfficer, Auditor],
                vec![ProvinceOfficer, MinistryOfficer],
            ),
            (
                "province",
                admin(BureauAdmin, 330_000),
                vec![ProvinceOfficer, Approver],
                vec![CityOfficer, MinistryOfficer],
            ),
            (
                "ministry",
                admin(BureauAdmin, 0),
                vec![MinistryOfficer, BureauAdmin, Auditor],
                vec![Approver, ProvinceOfficer, InstitutionAdmin, TownshipOfficer],
            ),
            (
                "institution",
                admin(InstitutionAdmin, 331_002),
                vec![InstitutionAdmin, InstitutionStaff],
                vec![BureauAdmin, Approver, Auditor, SchoolUser],
            ),
            ("staff", admin(InstitutionStaff, 331_002), vec![], vec![InstitutionStaff, InstitutionAdmin]),
            ("approver", admin(Approver, 331_002), vec![], vec![Approver, BureauAdmin]),
        ] {
            let roles = grantable(&actor);
            for role in given {
                assert!(roles.contains(&role), "{case}: {role}");
            }
            for role in refused {
                assert!(!roles.contains(&role), "{case}: {role}");
                assert!(matches!(assignment(&actor, role, None, None), Err(PostError::Role(_))), "{case}: {role}");
            }
        }
    }

    #[test]
    fn a_department_or_township_goes_with_its_role_and_lies_in_the_county() {
        let actor = admin(Role::BureauAdmin, 331_002);
        let township = |code: &str| Some(code.parse::<RegionCode>().unwrap());
        let ours = crate::kernel::RegionCode::from_number(331_002).unwrap().townships()[0];
        let (sports, none) = (Some(Department::Sports), None);
        for (case, role, department, township, good) in [
            ("department", Role::DepartmentOfficer, sports, none, true),
            ("department missing", Role::DepartmentOfficer, None, none, false),
            ("department on an approver", Role::Approver, sports, none, false),
            ("township", Role::TownshipOfficer, None, Some(ours), true),
            ("township missing", Role::TownshipOfficer, None, none, false),
            ("the neighbour's township", Role::TownshipOfficer, None, township("331081105"), false),
            ("no such township", Role::TownshipOfficer, None, township("331002999"), false),
            ("a county as township", Role::TownshipOfficer, None, township("331002"), false),
        ] {
            assert_eq!(assignment(&actor, role, department, township).is_ok(), good, "{case}");
        }
    }
}
