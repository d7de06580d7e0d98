//! Judges a table cell by cell.

use std::collections::{BTreeSet, HashMap};

use super::{
    cells::{self, Cell},
    dates,
    header::{self, Field},
    reading::{CellFinding, Reading, Row},
    rule::{Rule, Severity},
    sponsors,
    table::{Table, TableRow},
    words,
};
use crate::{
    institutions::model::{Category, Delivery, NewInstitution, SponsorKind, Stage, Status},
    kernel::{CreditCode, RegionCode},
};

mod lines;
mod places;

use places::Places;

/// Judges every row of `table` for an import into `region`, a county or a whole range.
///
/// Of two rows that are alike or share a credit code the later one is refused, whatever became of the earlier one.
pub fn check(table: &Table, region: RegionCode) -> Reading {
    let columns = Columns::of(table);
    let mut places = Places::new(region);
    let mut seen = Seen::default();
    let mut reading = Reading {
        header: table.header.clone(),
        columns: columns.named().collect(),
        rows: Vec::with_capacity(table.rows.len()),
        findings: Vec::new(),
    };
    for other in &table.other_sheets {
        reading.findings.push(finding(table.header_row, "*", Rule::OtherSheet, other, None, other));
    }
    for row in &table.rows {
        let skip = match lines::kind(row, &columns, &table.header) {
            lines::Kind::Data => None,
            lines::Kind::Blank => continue,
            lines::Kind::Other(rule, told) => Some((rule, told)),
        };
        let mut institution = None;
        if let Some((rule, told)) = &skip {
            reading.findings.push(finding(row.number, "*", *rule, told, None, ""));
        } else {
            let mut judge = Judge { row, columns: &columns, findings: Vec::new() };
            institution = judge.judge(&mut places, &mut seen);
            judge.findings.sort_by_key(|found| columns.order(&found.column));
            reading.findings.append(&mut judge.findings);
        }
        reading.rows.push(Row { number: row.number, cells: row.cells.clone(), institution, skipped: skip.is_some() });
    }
    reading
}

/// A finding with its sentences.
fn finding(row: u32, column: &str, rule: Rule, written: &str, value: Option<String>, other: &str) -> CellFinding {
    let (message_zh, message_en) = rule.messages(column, written, value.as_deref(), other);
    let (column, as_written) = (column.to_owned(), written.to_owned());
    CellFinding { row, column, rule, severity: rule.severity(), as_written, value, message_zh, message_en }
}

/// Which column holds which field, with the name that the file gives it.
struct Columns {
    at: HashMap<Field, (usize, String)>,
}

impl Columns {
    fn of(table: &Table) -> Columns {
        let at = header::columns(&table.header)
            .into_iter()
            .map(|(column, field)| (field, (column, table.header[column].clone())))
            .collect();
        Columns { at }
    }

    fn has(&self, field: Field) -> bool {
        self.at.contains_key(&field)
    }

    /// The file's name of the column, or its usual one.
    fn name(&self, field: Field) -> &str {
        self.at.get(&field).map_or(field.label_zh(), |(_, name)| name)
    }

    fn written<'a>(&self, row: &'a TableRow, field: Field) -> &'a str {
        self.at.get(&field).and_then(|(column, _)| row.cells.get(*column)).map_or("", String::as_str)
    }

    fn order(&self, name: &str) -> usize {
        self.at.values().find(|(_, known)| known == name).map_or(usize::MAX, |(column, _)| *column)
    }

    fn named(&self) -> impl Iterator<Item = (String, Field)> {
        let mut all: Vec<_> = self.at.iter().map(|(field, (column, name))| (*column, name.clone(), *field)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, name, field)| (name, field))
    }
}

/// What earlier rows held, with their numbers.
#[derive(Default)]
struct Seen {
    rows: HashMap<Vec<String>, u32>,
    codes: HashMap<CreditCode, u32>,
}

/// Judges one row.
struct Judge<'a> {
    row: &'a TableRow,
    columns: &'a Columns,
    findings: Vec<CellFinding>,
}

impl Judge<'_> {
    fn written(&self, field: Field) -> &str {
        self.columns.written(self.row, field)
    }

    fn found(&mut self, field: Field, rule: Rule, value: Option<String>, other: &str) {
        let (column, written) = (self.columns.name(field), field.quoted(self.columns.written(self.row, field)));
        let value = value.map(|value| field.quoted(&value));
        self.findings.push(finding(self.row.number, column, rule, &written, value, other));
    }

    /// Reads a cell and notes what was found in it.
    fn read<T>(&mut self, field: Field, read: impl Fn(&str) -> Cell<T>) -> Option<T> {
        let cell = read(self.written(field));
        if let Some((rule, value)) = cell.issue {
            self.found(field, rule, value, "");
        }
        cell.value
    }

    /// Reads a cell that must be filled in.
    fn require<T>(&mut self, field: Field, read: impl Fn(&str) -> Cell<T>) -> Option<T> {
        let before = self.findings.len();
        let value = self.read(field, read);
        if value.is_none() && self.findings.len() == before {
            self.found(field, Rule::RequiredEmpty, None, "");
        }
        value
    }

    fn text(&mut self, field: Field) -> String {
        self.read(field, cells::text).unwrap_or_default()
    }

    fn judge(&mut self, places: &mut Places, seen: &mut Seen) -> Option<NewInstitution> {
        if let Some(earlier) = self.seen_row(seen) {
            let written = self.written(Field::Name).trim().to_owned();
            let found = finding(self.row.number, "*", Rule::DuplicateRow, &written, None, &earlier.to_string());
            self.findings.push(found);
            return None;
        }
        let name = self.require(Field::Name, cells::text);
        let code = self.code(seen);
        let county = self.county(places);
        let category = self.require(Field::Category, words::category);
        let township = county.and_then(|county| self.township(places, county));
        let (licence_from, licence_to) = self.licence_days();
        let org_kind = self.text(Field::OrgKind);
        let stages = self.read(Field::Stages, words::stages);
        let delivery = self.read(Field::Delivery, words::delivery);
        let address = self.text(Field::Address);
        let courses_text = self.text(Field::Courses);
        let licence_no = self.text(Field::LicenceNo);
        let licence_authority = self.text(Field::LicenceAuthority);
        let sponsors = self.read(Field::Sponsors, sponsors::read).unwrap_or_default();
        let legal_person = match (self.columns.has(Field::LegalPerson), sponsors.as_slice()) {
            // Sheets without that column mean by it the one person who stands for the institution.
            (false, [one]) if one.kind == SponsorKind::Person => one.name.expose().to_owned(),
            _ => self.text(Field::LegalPerson),
        };
        let legal_person_id = self.read(Field::LegalPersonId, cells::citizen_id).unwrap_or_default();
        let phone = self.read(Field::Phone, cells::phone).unwrap_or_default();
        let escrow_bank = self.text(Field::EscrowBank);
        let escrow_account_no = self.read(Field::EscrowAccountNo, cells::account).unwrap_or_default();
        let floor_area_cm2 = self.read(Field::FloorArea, cells::area);
        let status = self.read(Field::Status, words::status).unwrap_or(Status::Operating);
        if self.findings.iter().any(|found| found.severity == Severity::Error) {
            return None;
        }
        let (credit_code, (category, told)): (CreditCode, (Category, Vec<Stage>)) = (code?, category?);
        Some(NewInstitution {
            name: name?,
            credit_code,
            org_kind: if org_kind.is_empty() { kind_of(credit_code).to_owned() } else { org_kind },
            county: county?,
            township,
            address,
            category,
            stages: stages.unwrap_or_default().into_iter().chain(told).collect::<BTreeSet<_>>().into_iter().collect(),
            delivery: delivery.unwrap_or_else(|| vec![Delivery::Offline]),
            for_profit: matches!(credit_code.head(), "91" | "92" | "93"),
            courses_text,
            licence_no,
            licence_authority,
            licence_from,
            licence_to,
            legal_person,
            legal_person_id: legal_person_id.into(),
            phone: phone.into(),
            sponsors,
            escrow_bank,
            escrow_account_no,
            floor_area_cm2,
            status,
        })
    }

    /// The earlier row that says the same in every column that is understood.
    fn seen_row(&self, seen: &mut Seen) -> Option<u32> {
        let mut fields: Vec<&Field> = self.columns.at.keys().collect();
        fields.sort_unstable();
        let plain = |field: &&Field| -> String {
            cells::narrow(self.written(**field)).chars().filter(|c| !c.is_whitespace()).collect()
        };
        let row: Vec<String> = fields.iter().map(plain).collect();
        let earlier = *seen.rows.entry(row).or_insert(self.row.number);
        (earlier != self.row.number).then_some(earlier)
    }

    fn code(&mut self, seen: &mut Seen) -> Option<CreditCode> {
        let code = self.require(Field::CreditCode, cells::code)?;
        let earlier = *seen.codes.entry(code).or_insert(self.row.number);
        if earlier != self.row.number {
            self.found(Field::CreditCode, Rule::DuplicateCreditCode, None, &earlier.to_string());
        }
        let region = code.region().parse::<RegionCode>().ok().and_then(RegionCode::name);
        if region.is_none() {
            self.found(Field::CreditCode, Rule::UnknownRegion, None, code.region());
        }
        Some(code)
    }

    /// The county by its code, by its name, by the township's code, by the address, or because there is only one.
    fn county(&mut self, places: &Places) -> Option<RegionCode> {
        let by_code = self.read_place(Field::CountyCode, places, |written| places.by_code(written));
        let named = self.read_place(Field::County, places, |written| places.by_name(written));
        match (by_code, named) {
            (Ok(Some(code)), Ok(Some(name))) if code != name => {
                self.found(Field::County, Rule::CountyMismatch, None, &code.to_string());
                None
            }
            (Ok(Some(county)), Ok(_)) | (Ok(None), Ok(Some(county))) => Some(county),
            (Ok(None), Ok(None)) => {
                let told = places.by_township(self.written(Field::TownshipCode));
                let told = told.or_else(|| places.only()).or_else(|| places.in_address(self.written(Field::Address)));
                if told.is_none() {
                    let field = if self.columns.has(Field::County) || !self.columns.has(Field::CountyCode) {
                        Field::County
                    } else {
                        Field::CountyCode
                    };
                    self.found(field, Rule::RequiredEmpty, None, "");
                }
                told
            }
            _ => None,
        }
    }

    /// A county cell; `Err` when it was refused.
    fn read_place(
        &mut self,
        field: Field,
        places: &Places,
        read: impl Fn(&str) -> Result<RegionCode, Rule>,
    ) -> Result<Option<RegionCode>, ()> {
        let Some(text) = self.read(field, cells::text) else { return Ok(None) };
        read(&cells::narrow(&text)).map(Some).map_err(|rule| self.found(field, rule, None, &places.told()))
    }

    fn township(&mut self, places: &mut Places, county: RegionCode) -> Option<RegionCode> {
        for field in [Field::TownshipCode, Field::Township] {
            let Some(text) = self.read(field, cells::text) else { continue };
            let township = places.township(county, &text);
            if township.is_some() {
                return township;
            }
            self.found(field, Rule::UnknownTownship, None, "");
        }
        None
    }

    fn licence_days(&mut self) -> (Option<chrono::NaiveDate>, Option<chrono::NaiveDate>) {
        let mut from = self.read(Field::LicenceFrom, dates::date);
        let mut to = self.read(Field::LicenceTo, dates::date);
        let mut last = Field::LicenceTo;
        if !self.columns.has(Field::LicenceTo) {
            let term = self.read(Field::LicenceTerm, dates::term);
            (from, to, last) = (from.or(term.map(|(first, _)| first)), term.map(|(_, last)| last), Field::LicenceTerm);
        }
        if let (Some(first), Some(end)) = (from, to)
            && end < first
        {
            self.found(last, Rule::DatesReversed, None, &first.to_string());
        }
        (from, to)
    }
}

/// What the head of a credit code says of its holder.
fn kind_of(code: CreditCode) -> &'static str {
    match code.head() {
        "12" => "事业单位",
        "51" => "社会团体",
        "52" => "民办非企业单位",
        "53" => "基金会",
        "91" => "企业",
        "92" => "个体工商户",
        "93" => "农民专业合作社",
        _ => "其他",
    }
}
