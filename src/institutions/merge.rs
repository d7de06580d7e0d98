//! What a row of a sheet changes about an institution that the register knows already.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    import::{Field, Reading, Row},
    model::{NewInstitution, Sponsor},
};
use crate::kernel::{Private, private::Kind};

/// The fields whose cells in this row are filled in.
pub fn told(reading: &Reading, row: &Row) -> HashSet<Field> {
    reading
        .columns
        .iter()
        .filter(|(name, _)| {
            let at = reading.header.iter().position(|label| label == name);
            at.and_then(|at| row.cells.get(at)).is_some_and(|cell| !cell.trim().is_empty())
        })
        .map(|(_, field)| *field)
        .collect()
}

/// The institution as it stands after the row: what the row tells replaces what is known, what it leaves empty stays.
///
/// What is not in a cell but derived (organisation kind, delivery, status) never overwrites a recorded fact. The escrow
/// account is not merged: accounts are filed, not overwritten.
pub fn merge(known: &NewInstitution, row: &NewInstitution, told: &HashSet<Field>) -> NewInstitution {
    let text = |known: &String, row: &String| if row.is_empty() { known.clone() } else { row.clone() };
    NewInstitution {
        name: text(&known.name, &row.name),
        credit_code: known.credit_code,
        org_kind: if told.contains(&Field::OrgKind) {
            text(&known.org_kind, &row.org_kind)
        } else {
            known.org_kind.clone()
        },
        county: known.county,
        township: row.township.or(known.township),
        address: text(&known.address, &row.address),
        category: row.category,
        stages: if row.stages.is_empty() { known.stages.clone() } else { row.stages.clone() },
        delivery: if told.contains(&Field::Delivery) { row.delivery.clone() } else { known.delivery.clone() },
        for_profit: known.for_profit,
        courses_text: text(&known.courses_text, &row.courses_text),
        licence_no: text(&known.licence_no, &row.licence_no),
        licence_authority: text(&known.licence_authority, &row.licence_authority),
        licence_from: row.licence_from.or(known.licence_from),
        licence_to: row.licence_to.or(known.licence_to),
        legal_person: text(&known.legal_person, &row.legal_person),
        legal_person_id: private(&known.legal_person_id, &row.legal_person_id),
        phone: private(&known.phone, &row.phone),
        sponsors: if row.sponsors.is_empty() { known.sponsors.clone() } else { row.sponsors.clone() },
        escrow_bank: known.escrow_bank.clone(),
        escrow_account_no: known.escrow_account_no.clone(),
        floor_area_cm2: row.floor_area_cm2.or(known.floor_area_cm2),
        status: if told.contains(&Field::Status) { row.status } else { known.status },
    }
}

fn private<K: Kind>(known: &Private<K>, row: &Private<K>) -> Private<K> {
    if row.is_empty() { known.clone() } else { row.clone() }
}

/// Whether two lists name the same, in whatever order.
pub(super) fn same_sponsors(before: &[Sponsor], after: &[Sponsor]) -> bool {
    before.len() == after.len() && after.iter().all(|one| before.contains(one))
}

/// The fields that differ, as they were and as they are; `None` when nothing does. Private values are told by their masks,
/// also where two different ones look alike.
pub fn difference(before: &NewInstitution, after: &NewInstitution) -> Option<(Value, Value)> {
    let private: HashSet<&str> = [
        ("phone", before.phone != after.phone),
        ("legal_person_id", before.legal_person_id != after.legal_person_id),
        ("sponsors", !same_sponsors(&before.sponsors, &after.sponsors)),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect();
    let (Ok(Value::Object(before)), Ok(Value::Object(after))) =
        (serde_json::to_value(before), serde_json::to_value(after))
    else {
        return None;
    };
    let changed: Vec<String> = after
        .iter()
        .filter(|(key, value)| {
            private.contains(key.as_str()) || (*key != "sponsors" && before.get(*key) != Some(value))
        })
        .map(|(key, _)| key.clone())
        .collect();
    let of = |facts: &Map<String, Value>| -> Map<String, Value> {
        changed.iter().map(|key| (key.clone(), facts.get(key).cloned().unwrap_or(Value::Null))).collect()
    };
    (!changed.is_empty()).then(|| (Value::Object(of(&before)), Value::Object(of(&after))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        institutions::{
            import::{Table, TableRow, check},
            model::{Delivery, Status},
        },
        kernel::RegionCode,
    };

    fn reading(header: &[&str], cells: &[&str]) -> Reading {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let table = Table {
            sheet: String::new(),
            other_sheets: Vec::new(),
            header_row: 1,
            header: own(header),
            rows: vec![TableRow { number: 2, cells: own(cells) }],
        };
        check(&table, "331002".parse::<RegionCode>().unwrap())
    }

    const HEADER: [&str; 7] = ["机构名称", "统一社会信用代码", "培训类别", "办学地址", "联系电话", "状态", "县区代码"];

    fn row(cells: [&str; 7]) -> (NewInstitution, HashSet<Field>) {
        let reading = reading(&HEADER, &cells);
        let row = &reading.rows[0];
        (row.institution.clone().unwrap_or_else(|| panic!("{:?}", reading.findings)), told(&reading, row))
    }

    const CODE: &str = "52331002MJ0000018U";

    #[test]
    fn the_same_row_changes_nothing() {
        let (known, told) = row(["启明学校", CODE, "体育类", "解放路 1 号", "15400001615", "正常", "331002"]);
        assert_eq!(difference(&known, &merge(&known, &known, &told)), None);
    }

    #[test]
    fn empty_cells_erase_nothing_and_filled_ones_replace() {
        let (mut known, _) = row(["启明学校", CODE, "体育类", "解放路 1 号", "15400001615", "停业", "331002"]);
        known.delivery = vec![Delivery::Online];
        let (new, told) = row(["启明体育学校", CODE, "体育类", "", "", "", "331002"]);
        let merged = merge(&known, &new, &told);
        assert_eq!((merged.address.as_str(), merged.phone.expose()), ("解放路 1 号", "15400001615"));
        assert_eq!(
            (merged.status, merged.delivery.clone()),
            (Status::Suspended, vec![Delivery::Online]),
            "derived values stay out"
        );
        let (before, after) = difference(&known, &merged).unwrap();
        assert_eq!(before, serde_json::json!({"name": "启明学校"}));
        assert_eq!(after, serde_json::json!({"name": "启明体育学校"}));
        let (new, told) = row(["启明学校", CODE, "体育类", "", "15409991615", "", "331002"]);
        let (before, after) = difference(&known, &merge(&known, &new, &told)).unwrap();
        assert_eq!((&before["phone"], &after["phone"]), (&"154****1615".into(), &"154****1615".into()), "told, masked");
        let (new, told) = row(["启明学校", CODE, "体育类", "", "", "正常", "331002"]);
        assert_eq!(merge(&known, &new, &told).status, Status::Operating, "a status that is written counts");
    }
}
