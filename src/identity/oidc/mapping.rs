//! Which post a provider's claims mean.

use serde_json::{Map, Value};

use super::super::Role;

/// One line of a provider's table: whoever has this value of this claim holds this post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub claim: String,
    pub value: String,
    pub role: Role,
    /// The bureau of the post.
    pub tenant: i32,
}

/// The roles that a provider may give: officials' whose post needs nothing but a bureau.
pub const fn may_be_given(role: Role) -> bool {
    matches!(
        role,
        Role::ProvinceOfficer
            | Role::CityOfficer
            | Role::BureauAdmin
            | Role::Approver
            | Role::Inspector
            | Role::FinanceOfficer
            | Role::Auditor
    )
}

/// Whether a claim has a value: as a text, or as one of a list. `a.b` is the member `b` of the claim `a`.
fn has(claims: &Map<String, Value>, claim: &str, value: &str) -> bool {
    let found = claims.get(claim).or_else(|| {
        let (outer, inner) = claim.split_once('.')?;
        claims.get(outer)?.get(inner)
    });
    match found {
        Some(Value::String(text)) => text == value,
        Some(Value::Array(values)) => values.iter().any(|one| one.as_str() == Some(value)),
        _ => false,
    }
}

/// The first line of the table that the claims fulfil.
pub fn choose<'m>(mappings: &'m [Mapping], claims: &Map<String, Value>) -> Option<&'m Mapping> {
    mappings.iter().find(|mapping| has(claims, &mapping.claim, &mapping.value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_line_that_the_claims_fulfil_counts() {
        let line = |claim: &str, value: &str, role, tenant| Mapping {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role,
            tenant,
        };
        let table = [
            line("groups", "edu-admin-331002", Role::BureauAdmin, 331_002),
            line("groups", "edu-331002", Role::Inspector, 331_002),
            line("realm_access.roles", "auditor", Role::Auditor, 330_000),
            line("post", "finance", Role::FinanceOfficer, 331_081),
        ];
        for (claims, expected) in [
            (json!({"groups": ["edu-331002", "edu-admin-331002"]}), Some(Role::BureauAdmin)),
            (json!({"groups": "edu-331002"}), Some(Role::Inspector)),
            (json!({"groups": ["edu-33100"]}), None),
            (json!({"groups": {"edu-331002": true}}), None),
            (json!({"realm_access": {"roles": ["x", "auditor"]}}), Some(Role::Auditor)),
            (json!({"post": "finance"}), Some(Role::FinanceOfficer)),
            (json!({"post": 7}), None),
            (json!({}), None),
        ] {
            let found = choose(&table, claims.as_object().unwrap()).map(|mapping| mapping.role);
            assert_eq!(found, expected, "{claims}");
        }
    }
}
