//! camt.052, camt.053 and camt.054 of every version: one pass over the XML, no tree.
//!
//! Elements are known by their local names, so any version and any prefix is read the same. A document type
//! declaration is refused, and no entity is expanded but the five of XML itself and character references. Parts that
//! a statement does not need (addresses, agents, codes, charges) are passed over unread.
//!
//! The entries of one very large statement are read in several parts at once, see [`parts`].

mod entry;
pub(super) mod flow;
mod parts;
mod tag;
mod walk;

use self::walk::Walk;
use super::{
    error::StatementError,
    model::{Format, Limits},
    settle::Draft,
};

/// What a camt file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub format: Format,
    pub version: Option<String>,
    pub drafts: Vec<Draft>,
}

/// Reads a camt message.
///
/// Fails on XML that is not well formed or ends early, a document type declaration, an unknown entity, a message of
/// another kind, one without a statement, and an entry whose amount, direction or booking date cannot be read.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Message, StatementError> {
    read_in_parts(text, limits, parts::worth(text.len()))
}

/// The same, in so many parts where that can be.
fn read_in_parts(text: &str, limits: &Limits, parts: usize) -> Result<Message, StatementError> {
    if let Some(message) = parts::read(text, limits, parts) {
        return Ok(message);
    }
    let mut walk = Walk::new(text, limits);
    walk.run()?;
    walk.message()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::statement::{Document, parse};

    /// One message with one entry, as its version writes it: the first names the version in its root, types accounts and
    /// balances another way and has no `NtryDtls`; from the eighth on a status is a code, and a party stands in `Pty`.
    fn message(kind: u32, version: u32) -> String {
        let (root, inner) = match kind {
            52 => ("BkToCstmrAcctRpt", "Rpt"),
            53 => ("BkToCstmrStmt", "Stmt"),
            _ => ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
        };
        let root = if version == 1 { format!("{root}V01") } else { root.to_owned() };
        let account = |number: &str| match version {
            1 => format!("<Id><PrtryAcct><Id>{number}</Id></PrtryAcct></Id>"),
            _ => format!("<Id><Othr><Id>{number}</Id></Othr></Id>"),
        };
        let balance = |code: &str, yuan: &str| {
            let kind = if version == 1 {
                format!("<Cd>{code}</Cd>")
            } else {
                format!("<CdOrPrtry><Cd>{code}</Cd></CdOrPrtry>")
            };
            format!(
                "<Bal><Tp>{kind}</Tp><Amt Ccy=\"CNY\">{yuan}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
            )
        };
        // A notification has no balances.
        let balances = if kind == 54 { String::new() } else { balance("OPBD", "100.00") + &balance("CLBD", "160.00") };
        let status = if version < 8 { "BOOK" } else { "<Cd>BOOK</Cd>" };
        let party = if version < 8 { "<Nm>家长</Nm>" } else { "<Pty><Nm>家长</Nm></Pty>" };
        let details = format!(
            "<TxDtls><Refs><AcctSvcrRef>R{kind}-{version}</AcctSvcrRef></Refs><RltdPties><Dbtr>{party}</Dbtr><DbtrAcct>{}</DbtrAcct></RltdPties>\
             <RmtInf><Ustrd>课时费</Ustrd></RmtInf></TxDtls>",
            account("62300001")
        );
        let details = if version == 1 { details } else { format!("<NtryDtls>{details}</NtryDtls>") };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.{kind:03}.001.{version:02}\"><{root}>\
             <GrpHdr><MsgId>M</MsgId><CreDtTm>2026-03-02T20:00:00</CreDtTm></GrpHdr><{inner}><Id>S1</Id><Acct>{}<Ccy>CNY</Ccy></Acct>{balances}\
             <Ntry><Amt Ccy=\"CNY\">60.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>{status}</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>{details}</Ntry>\
             </{inner}></{root}></Document>",
            account("33105001")
        )
    }

    #[test]
    fn every_version_of_the_three_messages_is_read_alike() {
        for kind in [52, 53, 54] {
            let mut first: Option<Document> = None;
            for version in 1..=13 {
                let name = format!("camt.{kind:03}.001.{version:02}");
                let read = parse("a.xml", message(kind, version).as_bytes(), None, &[], &Limits::default());
                let document = read.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(
                    (document.format.to_string(), document.version.as_deref()),
                    (format!("camt.{kind:03}"), Some(name.as_str()))
                );
                let statement = &document.statements[0];
                let balances = (kind != 54).then_some((10_000, 16_000));
                assert_eq!(statement.opening_fen.zip(statement.closing_fen), balances, "{name}");
                assert_eq!(statement.balanced, balances.map(|_| true), "{name}");
                assert_eq!(statement.entries[0].bank_ref, format!("R{kind}-{version}"), "{name}");
                // The same but for its name and the reference that names it.
                let mut same = Document { version: None, ..document };
                same.statements[0].entries[0].bank_ref.clear();
                assert_eq!(first.get_or_insert_with(|| same.clone()), &same, "{name}");
                let entry = &same.statements[0].entries[0];
                assert_eq!(same.statements[0].account.as_deref(), Some("33105001"), "{name}");
                assert_eq!(
                    (entry.counterparty_name.as_deref(), entry.counterparty_account.as_deref()),
                    (Some("家长"), Some("62300001"))
                );
                assert_eq!((entry.amount_fen, entry.remittance.as_deref()), (6_000, Some("课时费")), "{name}");
            }
        }
    }
}
