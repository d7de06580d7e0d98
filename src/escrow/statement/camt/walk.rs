//! One pass over the elements of a camt message.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Message,
    entry::{Amount, Balance, Detail, RawEntry},
    tag::Tag,
};
use crate::escrow::statement::{
    error::{Place, StatementError},
    model::{Format, Limits, Skipped, Statement},
    settle::Draft,
    values::{Currency, iso_date, iso_instant, series_number, tidy},
};

/// What the elements now open belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Outside,
    Statement,
    Balance,
    Entry,
    Detail,
}

/// A walk under way.
pub(super) struct Walk<'a> {
    xml: Reader<&'a [u8]>,
    text: &'a str,
    limits: &'a Limits,
    stack: Vec<Tag>,
    scope: Scope,
    /// Depth at which the elements of each scope begin.
    bases: [usize; 5],
    /// Text of the innermost element so far; borrowed from the file unless it is pieced together.
    value: Cow<'a, str>,
    format: Option<Format>,
    version: Option<String>,
    draft: Draft,
    /// `Ccy` of the `Amt` now open.
    currency: Option<Currency>,
    /// The currency of the statement's first balance, for a statement that names none otherwise.
    balance_currency: Option<Currency>,
    balance: Balance<'a>,
    entry: RawEntry<'a>,
    drafts: Vec<Draft>,
    entries: usize,
    /// Byte offset up to which lines are counted, and the line there.
    counted: (usize, u64),
}

impl<'a> Walk<'a> {
    /// A walk that stands before `text`.
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Walk<'a> {
        Walk {
            xml: reader(text),
            text,
            limits,
            stack: Vec::with_capacity(16),
            scope: Scope::Outside,
            bases: [0; 5],
            value: Cow::Borrowed(""),
            format: None,
            version: None,
            draft: Draft::default(),
            currency: None,
            balance_currency: None,
            balance: Balance::default(),
            entry: RawEntry::default(),
            drafts: Vec::new(),
            entries: 0,
            counted: (0, 1),
        }
    }

    /// Goes to the end of the text; elements may be open there.
    pub(super) fn run(&mut self) -> Result<(), StatementError> {
        loop {
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.malformed(&error.to_string())),
            };
            match event {
                Event::Start(start) => self.start(&start)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => self.add(text.into_inner())?,
                Event::CData(text) => self.add(text.into_inner())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => return Err(self.doctype()),
                Event::Eof => return Ok(()),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    /// What was read of the statement under way.
    pub(super) fn so_far(&self) -> &Statement {
        &self.draft.statement
    }

    /// What a part of the statement has to know of it; `None` unless the walk stands before the first entry of a
    /// statement whose currency is settled.
    pub(super) fn header(&self) -> Option<Draft> {
        let stands = self.scope == Scope::Statement && self.stack.len() == self.bases[Scope::Statement as usize];
        let currency = self.draft.statement.currency.clone()?;
        let statement = Statement { currency: Some(currency), ..Statement::default() };
        (stands && self.draft.statement.entries.is_empty()).then(|| Draft { statement, ..Draft::default() })
    }

    /// Reads `text`, which begins on `line`, from where this walk stands, into `draft`. `None` where it does not end
    /// there, or holds more than entries.
    pub(super) fn part(&self, text: &str, line: u64, draft: Draft) -> Result<Option<Draft>, StatementError> {
        let currency = draft.statement.currency.clone();
        let mut walk = Walk {
            stack: self.stack.clone(),
            scope: self.scope,
            bases: self.bases,
            format: self.format,
            version: self.version.clone(),
            draft,
            counted: (0, line),
            ..Walk::new(text, self.limits)
        };
        walk.run()?;
        let Draft { statement, lines, sheet } = walk.draft;
        let ends_there = walk.scope == self.scope && walk.stack == self.stack && walk.drafts.is_empty();
        let Statement { entries, notes, skipped, .. } = statement;
        let more = Statement { entries: Vec::new(), notes: Vec::new(), skipped: Skipped::default(), ..statement };
        let only_entries = more == Statement { currency: currency.clone(), ..Statement::default() };
        let statement = Statement { currency, entries, notes, skipped, ..Statement::default() };
        Ok((ends_there && only_entries).then_some(Draft { statement, lines, sheet }))
    }

    /// Takes in what a part gave; `None` where that is more than one file may have.
    pub(super) fn add_part(&mut self, part: Draft) -> Option<()> {
        self.draft.append(part);
        (self.entries + self.draft.statement.entries.len() <= self.limits.max_entries).then_some(())
    }

    /// Goes on behind the parts to the end of the file, where the elements `names` that are open are closed.
    pub(super) fn go_on(self, tail: &str, names: &[&str]) -> Result<Message, StatementError> {
        // The reader knows which elements are open only if it has read them.
        let text = names.iter().map(|name| format!("<{name}>")).collect::<String>() + tail;
        let mut walk = Walk {
            stack: self.stack,
            scope: self.scope,
            bases: self.bases,
            format: self.format,
            version: self.version,
            draft: self.draft,
            balance_currency: self.balance_currency,
            drafts: self.drafts,
            entries: self.entries,
            ..Walk::new(&text, self.limits)
        };
        for _ in names {
            walk.xml.read_event().map_err(|error| walk.malformed(&error.to_string()))?;
        }
        walk.run()?;
        walk.message()
    }

    /// What was read, once the whole text is.
    pub(super) fn message(self) -> Result<Message, StatementError> {
        if !self.stack.is_empty() {
            return Err(self.malformed("the file ends inside an element"));
        }
        match self.format {
            Some(format) if !self.drafts.is_empty() => {
                Ok(Message { format, version: self.version, drafts: self.drafts })
            }
            _ => Err(StatementError::new(
                Place::File,
                "NO_STATEMENT",
                ("文件中没有 Stmt、Rpt 或 Ntfctn 元素", "the file has no Stmt, Rpt or Ntfctn element"),
                ("请提供 camt.052、camt.053 或 camt.054 报文", "give a camt.052, camt.053 or camt.054 message"),
            )),
        }
    }

    fn start(&mut self, start: &BytesStart<'a>) -> Result<(), StatementError> {
        let name = start.local_name();
        let name: &str = name.as_ref();
        let tag = Tag::of(name);
        if tag == Tag::Other && self.scope != Scope::Outside {
            return self.pass_over();
        }
        if self.stack.len() >= self.limits.max_depth {
            return Err(self.too_deep());
        }
        if self.scope == Scope::Outside {
            self.note_version(start);
            if tag == Tag::Statements {
                self.note_format(name)?;
            }
        }
        self.value = Cow::Borrowed("");
        self.stack.push(tag);
        match (self.scope, tag) {
            (Scope::Outside, Tag::Stmt) if self.format.is_some() => {
                if self.drafts.len() >= self.limits.max_statements {
                    return Err(StatementError::too_many_statements(self.place(), self.limits.max_statements));
                }
                self.draft = Draft::default();
                self.balance_currency = None;
                self.open(Scope::Statement);
            }
            (Scope::Statement, Tag::Bal) => {
                self.balance = Balance::default();
                self.open(Scope::Balance);
            }
            (Scope::Statement, Tag::Ntry) => {
                let line = self.line();
                self.entry.reset(line);
                self.open(Scope::Entry);
            }
            (Scope::Entry, Tag::TxDtls) => {
                // Before the entry ends, so that a batch without end is not gathered first.
                if self.entry.details.len() >= self.limits.max_entries {
                    return Err(self.too_many_entries());
                }
                self.entry.details.push(Detail::default());
                self.open(Scope::Detail);
            }
            (_, Tag::Amt) => self.currency = currency_of(start),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, scope: Scope) {
        self.scope = scope;
        self.bases[scope as usize] = self.stack.len();
    }

    fn end(&mut self) -> Result<(), StatementError> {
        let base = self.bases[self.scope as usize];
        let closes = self.scope != Scope::Outside && self.stack.len() == base;
        if closes {
            match self.scope {
                Scope::Outside => {}
                Scope::Statement => {
                    let mut draft = std::mem::take(&mut self.draft);
                    if draft.statement.currency.is_none() {
                        draft.statement.currency = self.balance_currency.map(|currency| currency.as_str().to_owned());
                    }
                    self.entries += draft.statement.entries.len();
                    self.drafts.push(draft);
                    self.scope = Scope::Outside;
                }
                Scope::Balance => {
                    if let Err(error) = self.balance.settle(&mut self.draft.statement) {
                        return Err(error.at(self.place()));
                    }
                    self.balance_currency = self.balance_currency.or(self.balance.currency());
                    self.scope = Scope::Statement;
                }
                Scope::Entry => {
                    self.finish_entry()?;
                    self.scope = Scope::Statement;
                }
                Scope::Detail => self.scope = Scope::Entry,
            }
        } else if self.scope != Scope::Outside {
            self.leaf(base)?;
        }
        self.stack.pop();
        self.value = Cow::Borrowed("");
        Ok(())
    }

    fn finish_entry(&mut self) -> Result<(), StatementError> {
        self.entry.settle(&mut self.draft).map_err(|error| {
            let place = self.place();
            error.at(place)
        })?;
        let total = self.entries + self.draft.statement.entries.len();
        if total > self.limits.max_entries {
            return Err(self.too_many_entries());
        }
        Ok(())
    }

    fn too_many_entries(&self) -> StatementError {
        StatementError::over_limit(self.place(), ("记账条目数", "number of entries"), self.limits.max_entries)
    }

    /// Takes in the text of the element that ends; `base` is where the elements of the scope begin.
    fn leaf(&mut self, base: usize) -> Result<(), StatementError> {
        use Tag::*;
        let value = std::mem::take(&mut self.value);
        match (self.scope, &self.stack[base..]) {
            (Scope::Statement, [ElctrncSeqNb]) => self.draft.statement.number = series_number(&value),
            (Scope::Statement, [LglSeqNb]) => {
                let number = &mut self.draft.statement.number;
                *number = number.or_else(|| series_number(&value));
            }
            (Scope::Statement, [Id]) => self.draft.statement.statement_ref = tidy(&value),
            (Scope::Statement, [Acct, Id, Iban | Bban] | [Acct, Id, Othr | PrtryAcct, Id]) => {
                self.draft.statement.account = tidy(&value);
            }
            (Scope::Statement, [Acct, Ccy]) => self.draft.statement.currency = tidy(&value),
            (Scope::Balance, [Tp, CdOrPrtry, Cd] | [Tp, Cd]) => self.balance.kind = value,
            (Scope::Balance, [Amt]) => self.balance.amount = Some(self.amount(value)),
            (Scope::Balance, [CdtDbtInd]) => self.balance.indicator = value,
            (Scope::Balance, [Dt, Dt]) => self.balance.on = iso_date(value.trim()),
            (Scope::Balance, [Dt, DtTm]) => {
                self.balance.on =
                    iso_instant(value.trim()).map(|at| at.date_naive()).or_else(|| iso_date(value.trim()));
            }
            (Scope::Entry, path) => match path {
                [Amt] => self.entry.amount = Some(self.amount(value)),
                [CdtDbtInd] => self.entry.indicator = value,
                [RvslInd] => self.entry.reversal = matches!(value.trim(), "true" | "1"),
                [Sts] | [Sts, Cd] if !value.trim().is_empty() => self.entry.status = value,
                [BookgDt, Dt | DtTm] => self.entry.booked = Some(value),
                [ValDt, Dt | DtTm] => self.entry.value = Some(value),
                [AcctSvcrRef] => self.entry.servicer_ref = value,
                [NtryRef] => self.entry.entry_ref = value,
                [AddtlNtryInf] => self.entry.additional = value,
                _ => {}
            },
            (Scope::Detail, _) => self.detail_leaf(base, value),
            _ => {}
        }
        Ok(())
    }

    fn detail_leaf(&mut self, base: usize, value: Cow<'a, str>) {
        use Tag::*;
        let amount = match &self.stack[base..] {
            [Amt] | [AmtDtls, TxAmt, Amt] => Some(self.amount(Cow::Borrowed(""))),
            _ => None,
        };
        let Some(detail) = self.entry.details.last_mut() else { return };
        match &self.stack[base..] {
            [Refs, AcctSvcrRef] => detail.servicer_ref = value,
            [Refs, TxId] => detail.transaction_id = value,
            [Refs, EndToEndId] => detail.end_to_end_id = value,
            [Amt] => detail.amount = amount.map(|amount| Amount { text: value, ..amount }),
            [AmtDtls, TxAmt, Amt] => detail.transaction_amount = amount.map(|amount| Amount { text: value, ..amount }),
            [CdtDbtInd] => detail.indicator = value,
            [RltdPties, Dbtr, Nm] | [RltdPties, Dbtr, Pty, Nm] => detail.debtor = value,
            [RltdPties, Cdtr, Nm] | [RltdPties, Cdtr, Pty, Nm] => detail.creditor = value,
            [RltdPties, DbtrAcct, Id, Iban | Bban] | [RltdPties, DbtrAcct, Id, Othr | PrtryAcct, Id] => {
                detail.debtor_account = value;
            }
            [RltdPties, CdtrAcct, Id, Iban | Bban] | [RltdPties, CdtrAcct, Id, Othr | PrtryAcct, Id] => {
                detail.creditor_account = value;
            }
            [RmtInf, Ustrd] => append(&mut detail.unstructured, value),
            [RmtInf, Strd, CdtrRefInf, Ref] | [RmtInf, Strd, AddtlRmtInf] => append(&mut detail.structured, value),
            [AddtlTxInf] => append(&mut detail.additional, value),
            _ => {}
        }
    }

    fn amount(&mut self, text: Cow<'a, str>) -> Amount<'a> {
        Amount { text, currency: self.currency.take() }
    }

    /// Adds to the text of the innermost element. Text between elements is blank and dropped with the next start.
    fn add(&mut self, text: Cow<'a, str>) -> Result<(), StatementError> {
        if self.scope == Scope::Outside {
            return Ok(());
        }
        if self.value.len() + text.len() > self.limits.max_field_bytes {
            return Err(StatementError::over_limit(
                self.place(),
                ("元素内容的字节数", "bytes of one element"),
                self.limits.max_field_bytes,
            ));
        }
        if self.value.is_empty() {
            self.value = text;
        } else {
            self.value.to_mut().push_str(&text);
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'a>) -> Result<(), StatementError> {
        let name = reference.borrow().into_inner();
        let resolved = match name.as_ref() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match resolved {
            Some(character) => self.add(Cow::Owned(character.to_string())),
            None => Err(StatementError::new(
                self.place(),
                "ENTITY",
                (format!("不允许的实体 &{name};"), format!("the entity &{name}; is not allowed")),
                ("请去掉自定义实体后重试", "write the text itself; only the five entities of XML are read"),
            )),
        }
    }

    /// Passes over an element that a statement does not need; what it holds must still be well formed and shallow.
    fn pass_over(&mut self) -> Result<(), StatementError> {
        let mut depth = 1;
        while depth > 0 {
            match self.xml.read_event() {
                Ok(Event::Start(_)) => depth += 1,
                Ok(Event::End(_)) => depth -= 1,
                Ok(Event::DocType(_)) => return Err(self.doctype()),
                Ok(Event::GeneralRef(reference)) => self.reference(&reference)?,
                Ok(Event::Eof) => return Err(self.malformed("the file ends inside an element")),
                Ok(_) => {}
                Err(error) => return Err(self.malformed(&error.to_string())),
            }
            if self.stack.len() + depth > self.limits.max_depth {
                return Err(self.too_deep());
            }
        }
        self.value = Cow::Borrowed("");
        Ok(())
    }

    /// The version is the last part of the namespace of the first element that names a message.
    fn note_version(&mut self, start: &BytesStart<'a>) {
        const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";
        let raw = start.attributes_raw();
        if self.version.is_none()
            && let Some(at) = raw.find(NAMESPACE)
        {
            let rest = &raw[at + NAMESPACE.len()..];
            self.version = rest.split(['"', '\'', ' ']).next().filter(|v| v.starts_with("camt.")).map(str::to_owned);
        }
    }

    fn note_format(&mut self, name: &str) -> Result<(), StatementError> {
        let format = match name {
            "BkToCstmrAcctRpt" | "BkToCstmrAcctRptV01" => Format::Camt052,
            "BkToCstmrStmt" | "BkToCstmrStmtV01" => Format::Camt053,
            _ => Format::Camt054,
        };
        if self.format.is_some_and(|earlier| earlier != format) {
            return Err(StatementError::new(
                self.place(),
                "MIXED",
                ("一个文件中混有不同种类的报文", "the file holds messages of different kinds"),
                ("请每个文件只放一种报文", "give one kind of message per file"),
            ));
        }
        self.format = Some(format);
        Ok(())
    }

    /// The line that the reader stands on, for notes; counted on from the last call.
    fn line(&mut self) -> u32 {
        let at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        let (from, line) = self.counted;
        if at > from {
            let breaks = count_lines(&self.text.as_bytes()[from..at]);
            self.counted = (at, line + breaks);
        }
        u32::try_from(self.counted.1).unwrap_or(u32::MAX)
    }

    fn place(&self) -> Place {
        let at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        let before = &self.text.as_bytes()[..at];
        let column = before.iter().rev().take_while(|b| **b != b'\n').count();
        Place::LineColumn(1 + count_lines(before), 1 + column as u64)
    }

    fn malformed(&self, what: &str) -> StatementError {
        StatementError::new(
            self.place(),
            "XML",
            ("XML 不完整或格式错误".to_owned(), format!("the XML is broken ({what})")),
            ("请重新导出或重新传输该文件", "export or transfer the file again"),
        )
    }

    fn doctype(&self) -> StatementError {
        StatementError::new(
            self.place(),
            "DOCTYPE",
            ("不允许文档类型声明（DOCTYPE）", "a document type declaration is not allowed"),
            ("请去掉 DOCTYPE 后重试", "remove the DOCTYPE; bank messages have none"),
        )
    }

    fn too_deep(&self) -> StatementError {
        StatementError::over_limit(self.place(), ("元素嵌套层数", "nesting of elements"), self.limits.max_depth)
    }
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut xml = Reader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    xml
}

fn currency_of(start: &BytesStart<'_>) -> Option<Currency> {
    Currency::parse(&start.try_get_attribute("Ccy").ok()??.value)
}

/// How many lines end in `bytes`.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn append<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else {
        let text = text.to_mut();
        text.push(' ');
        text.push_str(&more);
    }
}
