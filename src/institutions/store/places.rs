//! Where the register keeps what is sealed: the name by which each value is bound to its row.

use crate::vault::Place;

/// An institution's telephone, by its credit code.
pub fn phone(tenant: i32, credit_code: &str) -> Place<'_> {
    Place { table: "institutions", column: "phone", tenant, row: credit_code }
}

/// The identity number of its legal representative.
pub fn legal_person_id(tenant: i32, credit_code: &str) -> Place<'_> {
    Place { table: "institutions", column: "legal_person_id", tenant, row: credit_code }
}

/// A sponsor's name, by the institution's id and the name's keyed hash in hex: `12/ab…`.
pub fn sponsor(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "sponsors", column: "name", tenant, row }
}

/// A part of an import (`file`, `sheet` or `report`), by its number.
pub fn import<'a>(column: &'static str, tenant: i32, id: &'a str) -> Place<'a> {
    Place { table: "imports", column, tenant, row: id }
}
