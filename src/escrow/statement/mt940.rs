//! MT940 (end of day) and MT942 (interim) as SWIFT defines them and as banks write them.
//!
//! Around the tags there may be SWIFT blocks, routing lines or any other text; a statement begins with `:20:` and
//! ends where the next begins. A line that begins no tag goes on with the field before it.

use super::{
    error::{Place, StatementError},
    model::{Format, Limits},
    mt940_line::{self, Movement},
    settle::Draft,
    values::{AMOUNT_MEND, minor_digits, minor_units, series_number, shorten, swift_date, tidy},
};

/// What a file says.
pub(super) struct Message {
    pub format: Format,
    pub drafts: Vec<Draft>,
}

/// Whether `text` looks like MT94x: a line that begins with `:20:`, right after a SWIFT block's head or not.
pub(super) fn looks_like(text: &str) -> bool {
    text.lines().any(|line| {
        let line = content(line);
        line.starts_with(":20:") || (line.starts_with(":61:") && line.len() > 10)
    })
}

/// The part of a line that belongs to the text block: what follows `{4:`, without transmission marks.
fn content(line: &str) -> &str {
    let line = line.trim_start_matches('\u{1}').trim_end_matches(['\r', '\u{3}']);
    match line.rfind("{4:") {
        Some(at) => &line[at + 3..],
        None => line,
    }
}

/// Reads the statements of an MT940 or MT942 file.
///
/// Fails on a file without `:20:`, and on a balance or a `:61:` line whose amount, mark or booking date cannot be read.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Message, StatementError> {
    let mut walk = Walk {
        limits,
        interim: false,
        booked: false,
        drafts: Vec::new(),
        entries: 0,
        field: None,
        open: false,
        floor: None,
    };
    for (line, number) in text.split('\n').zip(1u32..) {
        walk.line(line, number)?;
    }
    walk.close_field()?;
    walk.close_statement();
    if walk.drafts.is_empty() {
        return Err(StatementError::new(
            Place::File,
            "NO_STATEMENT",
            ("文件中没有 :20: 字段", "the file has no :20: field"),
            ("请提供 MT940 或 MT942 报文", "give an MT940 or MT942 message"),
        ));
    }
    let format = if walk.interim && !walk.booked { Format::Mt942 } else { Format::Mt940 };
    Ok(Message { format, drafts: walk.drafts })
}

/// A tag and its lines.
struct Field {
    tag: String,
    number: u32,
    lines: Vec<String>,
    bytes: usize,
}

struct Walk<'l> {
    limits: &'l Limits,
    /// A mark of MT942 was seen.
    interim: bool,
    /// A balance of MT940 was seen.
    booked: bool,
    drafts: Vec<Draft>,
    entries: usize,
    field: Option<Field>,
    /// The field before was a kept `:61:`, which an `:86:` may describe.
    open: bool,
    /// The currency of an interim statement's floor limit.
    floor: Option<String>,
}

/// `:61:` of a line, when it begins with a tag.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix(':')?.split_once(':')?;
    let bytes = tag.as_bytes();
    let known = match bytes {
        [a, b] | [a, b, b'A'..=b'Z'] => (a.is_ascii_digit() && b.is_ascii_digit()) || tag == "NS",
        _ => false,
    };
    known.then_some((tag, rest))
}

impl Walk<'_> {
    fn line(&mut self, raw: &str, number: u32) -> Result<(), StatementError> {
        if raw.contains("{2:I942") || raw.contains("{2:O942") {
            self.interim = true;
        }
        let line = content(raw);
        if let Some((tag, rest)) = tag(line) {
            self.close_field()?;
            if rest.len() > self.limits.max_field_bytes {
                return Err(self.field_too_long(number));
            }
            self.field = Some(Field { tag: tag.to_owned(), number, lines: vec![rest.to_owned()], bytes: rest.len() });
            return Ok(());
        }
        if line == "-" || line.starts_with("-}") {
            return self.close_field();
        }
        if let Some(field) = &mut self.field
            && !line.trim().is_empty()
        {
            field.bytes += line.len();
            if field.bytes > self.limits.max_field_bytes {
                return Err(self.field_too_long(number));
            }
            field.lines.push(line.to_owned());
        }
        Ok(())
    }

    fn field_too_long(&self, number: u32) -> StatementError {
        let what = ("字段的字节数", "bytes of one field");
        StatementError::over_limit(Place::Line(number.into()), what, self.limits.max_field_bytes)
    }

    fn close_field(&mut self) -> Result<(), StatementError> {
        let Some(field) = self.field.take() else { return Ok(()) };
        if field.tag == "20" {
            self.close_statement();
            if self.drafts.len() >= self.limits.max_statements {
                let place = Place::Line(field.number.into());
                return Err(StatementError::too_many_statements(place, self.limits.max_statements));
            }
            let mut draft = Draft::default();
            draft.statement.statement_ref = tidy(&field.lines[0]);
            self.drafts.push(draft);
            return Ok(());
        }
        let Some(draft) = self.drafts.last_mut() else {
            // Text before the first statement.
            return Ok(());
        };
        let described = std::mem::take(&mut self.open);
        match field.tag.as_str() {
            // Statement number, and the number of the page within it.
            "28" | "28C" => {
                draft.statement.number = series_number(field.lines[0].split('/').next().unwrap_or_default())
            }
            "25" | "25P" => draft.statement.account = tidy(&field.lines[0]),
            "60F" | "60M" | "62F" | "62M" => {
                self.booked = true;
                balance(draft, &field)?;
            }
            "13" | "13D" | "34F" | "90C" | "90D" => {
                self.interim = true;
                if field.tag == "34F" && self.floor.is_none() {
                    self.floor = field.lines[0].get(..3).map(str::to_owned);
                }
            }
            "61" => {
                let currency = draft.statement.currency.as_deref().or(self.floor.as_deref());
                let digits = currency.map_or(2, minor_digits);
                let movement = mt940_line::movement(&field.lines, digits)
                    .map_err(|fault| fault.at(Place::Line(field.number.into()), &field.lines[0]))?;
                let before = draft.lines.len();
                enter(draft, movement, field.number);
                self.open = before < draft.lines.len();
                self.entries += 1;
                if self.entries > self.limits.max_entries {
                    let what = ("记账条目数", "number of entries");
                    return Err(StatementError::over_limit(
                        Place::Line(field.number.into()),
                        what,
                        self.limits.max_entries,
                    ));
                }
            }
            "86" if described => mt940_line::describe(draft, &field.lines),
            _ => {}
        }
        Ok(())
    }

    /// Says of a statement without balances that its currency is not its own.
    fn close_statement(&mut self) {
        if let (Some(draft), Some(floor)) = (self.drafts.last_mut(), self.floor.take())
            && draft.statement.currency.is_none()
        {
            draft.statement.note(
                "34F",
                "CURRENCY_UNNAMED",
                format!("报文未载明账户币种；起报金额以 {floor} 计。"),
                format!("The statement names no currency of its own; its floor limit is in {floor}."),
            );
        }
    }
}

/// A balance field: mark, day, currency, amount.
fn balance(draft: &mut Draft, field: &Field) -> Result<(), StatementError> {
    let text = field.lines[0].trim();
    let place = Place::Line(field.number.into());
    let broken = || {
        StatementError::new(
            Place::Line(field.number.into()),
            "BALANCE",
            (
                format!("余额字段「{}」格式错误", shorten(text)),
                format!("the balance \"{}\" is not in the form C260301CNY1234,50", shorten(text)),
            ),
            AMOUNT_MEND,
        )
    };
    let sign = match text.as_bytes().first() {
        Some(b'C') => 1,
        Some(b'D') => -1,
        _ => return Err(broken()),
    };
    let (day, rest) = text.get(1..).and_then(|rest| rest.split_at_checked(6)).ok_or_else(broken)?;
    let (currency, amount) = rest.split_at_checked(3).ok_or_else(broken)?;
    if !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(broken());
    }
    let magnitude = minor_units(amount, b',', minor_digits(currency))
        .map_err(|fault| StatementError::new(place.clone(), "AMOUNT", fault.problem(amount), AMOUNT_MEND))?;
    let on = swift_date(day);
    let statement = &mut draft.statement;
    if on.is_none() {
        statement.note(
            place,
            "BALANCE_DATE",
            format!("余额日期 {day} 不存在，按空值处理。"),
            format!("The date {day} of the balance does not exist; it is given as null."),
        );
    }
    statement.currency.get_or_insert_with(|| currency.to_owned());
    if field.tag.starts_with("60") {
        if statement.opening_fen.is_none() {
            (statement.opening_fen, statement.opening_on) = (Some(sign * magnitude), on);
        }
    } else {
        (statement.closing_fen, statement.closing_on) = (Some(sign * magnitude), on);
    }
    Ok(())
}

/// Enters a movement, or counts it when it is expected only or of amount zero.
fn enter(draft: &mut Draft, movement: Movement, number: u32) {
    let place = Place::Line(number.into());
    for (rule, zh, en) in movement.notes {
        draft.statement.note(&place, rule, zh, en);
    }
    if movement.expected {
        draft.statement.skipped.pending += 1;
    } else if movement.entry.amount_fen == 0 {
        draft.statement.skipped.info += 1;
        draft.statement.note(
            &place,
            "ZERO_AMOUNT",
            "金额为零的条目已略去。".to_owned(),
            "An entry of amount zero is left out.".to_owned(),
        );
    } else {
        draft.push(movement.entry, number, movement.origin);
    }
}
