//! SQL of accounts and statements as the ingest sees them.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row, types::Json};

use crate::{
    db::Statements,
    escrow::{
        detector::{AccountFacts, AccountState, FiledAccount, FiledName, Outlook, Required, Siblings, days},
        ingest::{
            Incoming, Target,
            chain::{Claim, Gap, Verdict},
        },
    },
    identity::Caller,
    kernel::private::{AccountNumber, PersonName},
    vault::Vault,
};

/// An account, locked until the transaction ends.
#[derive(Debug)]
pub struct Account {
    pub id: i64,
    pub institution_id: i64,
    pub institution_name: String,
    pub credit_code: String,
    pub account_no: String,
    pub mode: String,
    /// Keyed hash of the account that releases go to.
    payee_index: Option<Vec<u8>>,
    /// Keyed hashes of those that were it before, in order, each with the first day on which it is no more.
    earlier_payees: Vec<(Vec<u8>, NaiveDate)>,
    /// Numbers of the institution's other dedicated accounts, closed ones among them.
    other_accounts: Vec<String>,
    /// Ids of these.
    pub other_ids: Vec<i64>,
    legal_person: String,
    /// Keyed hashes of its sponsors' names.
    sponsors: Vec<Vec<u8>>,
    /// Whom its approved filings publish.
    staff: Vec<String>,
    pub status: String,
    /// The days on which it is the account in use; the last is the first on which its successor is.
    pub in_use_from: Option<NaiveDate>,
    pub in_use_until: Option<NaiveDate>,
    /// What the other accounts have to do with it; filled in once they are looked at.
    pub siblings: Siblings,
    pub opening_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub balance_fen: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub statement_on: Option<NaiveDate>,
    /// The earliest day of which it was learned anew what is owed since the account was judged last.
    pub owed_changed_on: Option<NaiveDate>,
    /// The day on which the bank pushed something last.
    pub heard_on: Option<NaiveDate>,
    /// `None` before the first entry, or where an older version wrote what this one cannot read: then it is replayed.
    pub detector: Option<AccountState>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Account {
        let detector: Option<String> = row.get("detector");
        Account {
            id: row.get("id"),
            institution_id: row.get("institution_id"),
            institution_name: row.get("name"),
            credit_code: row.get("credit_code"),
            account_no: row.get("account_no"),
            mode: row.get("mode"),
            payee_index: row.get("payee_index"),
            earlier_payees: {
                let (hashes, days): (Vec<Vec<u8>>, Vec<NaiveDate>) =
                    (row.get("payees_before"), row.get("payees_until"));
                hashes.into_iter().zip(days).collect()
            },
            other_accounts: row.get("other_accounts"),
            legal_person: row.get("legal_person"),
            sponsors: row.get("sponsors"),
            staff: row.get("staff_names"),
            other_ids: row.get("other_ids"),
            status: row.get("status"),
            in_use_from: row.get("in_use_from"),
            in_use_until: row.get("in_use_until"),
            siblings: Siblings::default(),
            opening_fen: row.get("opening_fen"),
            opening_on: row.get("opening_on"),
            balance_fen: row.get("balance_fen"),
            entry_count: row.get("entry_count"),
            last_booked_at: row.get("last_booked_at"),
            statement_on: row.get("statement_on"),
            owed_changed_on: row.get("owed_changed_on"),
            heard_on: row.get("heard_on"),
            detector: detector.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

impl Account {
    /// What is filed about it.
    pub fn facts(&self, vault: &Vault) -> AccountFacts {
        let hashed = |index: Vec<u8>| {
            let vault = vault.clone();
            FiledAccount::by(move |number| vault.digests::<AccountNumber>(number).contains(&index))
        };
        let payee = self.payee_index.clone().map(hashed);
        let earlier = self.earlier_payees.iter().map(|(index, until)| (hashed(index.clone()), days::number(*until)));
        let earlier_payees = earlier.collect();
        let own = self.other_accounts.iter().map(|number| FiledAccount::number(number)).collect();
        let sponsors = Some(self.sponsors.clone()).filter(|sponsors| !sponsors.is_empty()).map(|sponsors| {
            let vault = vault.clone();
            FiledName::by(move |name| vault.digests::<PersonName>(name).iter().any(|digest| sponsors.contains(digest)))
        });
        let names = (self.legal_person.as_str(), sponsors, self.staff.as_slice());
        let filed = AccountFacts::filed(&self.mode, &self.institution_name, payee, own, names);
        AccountFacts { earlier_payees, siblings: self.siblings.clone(), ..filed }
    }

    /// Whether releases went to a number on a day.
    pub fn is_payee(&self, vault: &Vault, number: &str, on: NaiveDate) -> bool {
        let earlier = self.earlier_payees.iter().find(|(_, until)| on < *until).map(|(index, _)| index);
        let digests = vault.digests::<AccountNumber>(number);
        earlier.or(self.payee_index.as_ref()).is_some_and(|index| digests.contains(index))
    }

    /// Whether it is the account that parents pay into now.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Whether money may still come in that families paid: into the one in use, and into one that is being emptied or waits.
    pub fn takes_payments(&self) -> bool {
        self.status != "closed"
    }

    /// Whether what is owed was ever held in it; of an account that was closed without a successor nobody can say.
    pub fn answers(&self) -> bool {
        self.status != "closed" || self.in_use_until.is_some()
    }
}

/// The account that a statement is for, if the bureau has it.
pub async fn find(client: &ClientWrapper, tenant: i32, target: &Target) -> Result<Option<i64>, Error> {
    let row = match target {
        Target::Id(id) => {
            client.row_if_any("SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND id = $2", &[&tenant, id]).await?
        }
        Target::Number(number) => {
            client
                .row_if_any(
                    "SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND account_no = $2",
                    &[&tenant, number],
                )
                .await?
        }
    };
    Ok(row.map(|row| row.get(0)))
}

/// An account as the ingest reads it.
pub(super) const LOCKED: &str = "SELECT a.id, a.institution_id, i.name, i.credit_code, i.legal_person, i.staff_names, a.account_no, a.mode, \
     a.payee_index, ARRAY(SELECT o.account_no FROM escrow_accounts o WHERE o.tenant_id = a.tenant_id \
     AND o.institution_id = a.institution_id AND o.id <> a.id ORDER BY o.id) AS other_accounts, \
     ARRAY(SELECT o.id FROM escrow_accounts o WHERE o.tenant_id = a.tenant_id \
     AND o.institution_id = a.institution_id AND o.id <> a.id ORDER BY o.id) AS other_ids, \
     ARRAY(SELECT s.name_index FROM sponsors s WHERE s.tenant_id = a.tenant_id AND s.institution_id = a.institution_id) AS sponsors, \
     ARRAY(SELECT m.payee_before_index FROM account_amendments m WHERE m.tenant_id = a.tenant_id AND m.account_id = a.id \
       AND m.state = 'confirmed' AND m.payee_before_index IS NOT NULL ORDER BY m.in_force_from, m.id) AS payees_before, \
     ARRAY(SELECT m.in_force_from FROM account_amendments m WHERE m.tenant_id = a.tenant_id AND m.account_id = a.id \
       AND m.state = 'confirmed' AND m.payee_before_index IS NOT NULL ORDER BY m.in_force_from, m.id) AS payees_until, \
     a.status, a.in_use_from, a.in_use_until, a.opening_fen, a.opening_on, a.balance_fen, a.entry_count, \
     a.last_booked_at, a.statement_on, a.owed_changed_on, a.heard_on, a.detector::text FROM escrow_accounts a \
     JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id";

/// Locks an account.
pub async fn lock(client: &ClientWrapper, tenant: i32, id: i64) -> Result<Option<Account>, Error> {
    let sql = format!("{LOCKED} WHERE a.tenant_id = $1 AND a.id = $2 FOR UPDATE OF a");
    let row = client.row_if_any(&sql, &[&tenant, &id]).await?;
    Ok(row.map(Account::from))
}

/// Notes that the bank pushed something on a day, be it that nothing had happened.
pub async fn heard(client: &ClientWrapper, tenant: i32, id: i64, on: NaiveDate) -> Result<(), Error> {
    client
        .change(
            "INSERT INTO feed_days (tenant_id, account_id, day) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[&tenant, &id, &on],
        )
        .await?;
    client
        .change("UPDATE escrow_accounts SET heard_on = $3 WHERE tenant_id = $1 AND id = $2", &[&tenant, &id, &on])
        .await?;
    Ok(())
}

/// What an ingest leaves behind on its account.
#[derive(Debug)]
pub struct Outcome {
    pub opening_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub balance_fen: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub statement_on: Option<NaiveDate>,
    pub detector: AccountState,
    /// The earliest day of which the institution's other accounts have to be judged anew.
    pub others_from: Option<NaiveDate>,
    pub required: Required,
}

/// Writes the outcome, by which the account is judged as far as anything is known; for the account in use also what parents see of it, the day up to which it is watched.
pub async fn update(client: &ClientWrapper, tenant: i32, account: &Account, outcome: &Outcome) -> Result<(), Error> {
    let (required, Outlook { flow_fen, flow_on, outflow_fen, runoff_on }) =
        (&outcome.required, outcome.detector.outlook());
    client
        .change(
            "UPDATE escrow_accounts SET opening_fen = $3, opening_on = $4, balance_fen = $5, entry_count = $6, \
             last_booked_at = $7, statement_on = $8, detector = $9, owed_changed_on = NULL, unearned_fen = $10, \
             needed_fen = $11, minimum_fen = $12, outflow_fen = $13, runoff_on = $14, flow_fen = $15, flow_on = $16, \
             others_from = least(others_from, $17) WHERE tenant_id = $1 AND id = $2",
            &[
                &tenant,
                &account.id,
                &outcome.opening_fen,
                &outcome.opening_on,
                &outcome.balance_fen,
                &outcome.entry_count,
                &outcome.last_booked_at,
                &outcome.statement_on,
                &Json(&outcome.detector),
                &required.unearned_fen,
                &required.needed_fen,
                &required.minimum_fen,
                &outflow_fen,
                &runoff_on,
                &flow_fen,
                &flow_on,
                &outcome.others_from,
            ],
        )
        .await?;
    if account.is_active() && outcome.statement_on != account.statement_on {
        client
            .change(
                "UPDATE public_institutions SET statement_on = $3 WHERE tenant_id = $1 AND institution_id = $2",
                &[&tenant, &account.institution_id, &outcome.statement_on],
            )
            .await?;
    }
    Ok(())
}

/// Writes what an account without entries must hold.
pub async fn set_required(client: &ClientWrapper, tenant: i32, id: i64, required: &Required) -> Result<(), Error> {
    client
        .change(
            "UPDATE escrow_accounts SET unearned_fen = $3, needed_fen = $4, minimum_fen = $5, owed_changed_on = NULL \
             WHERE tenant_id = $1 AND id = $2",
            &[&tenant, &id, &required.unearned_fen, &required.needed_fen, &required.minimum_fen],
        )
        .await?;
    Ok(())
}

/// A statement as it is recorded.
#[derive(Debug)]
pub struct Record<'a> {
    pub account_id: i64,
    pub file_name: &'a str,
    pub sha256: &'a [u8],
    pub format: &'a str,
    pub statement: &'a Incoming,
    pub claim: Option<Claim>,
    pub verdict: Verdict,
    pub inserted: i64,
    pub duplicates: i64,
}

/// The record of the same file's statement, if it came before.
pub async fn statement_of_file(client: &ClientWrapper, tenant: i32, record: &Record<'_>) -> Result<Option<i64>, Error> {
    let row = client
        .row_if_any(
            "SELECT id FROM statements WHERE tenant_id = $1 AND account_id = $2 AND sha256 = $3 \
             AND statement_ref IS NOT DISTINCT FROM $4 ORDER BY id LIMIT 1",
            &[&tenant, &record.account_id, &record.sha256, &record.statement.statement_ref],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// The id of a statement that is recorded after its entries.
pub async fn next_statement(client: &ClientWrapper) -> Result<i64, Error> {
    Ok(client.row("SELECT nextval('statements_id_seq')", &[]).await?.get(0))
}

/// Records a statement, under an id that was taken before if there is one; returns its id.
pub async fn add_statement(
    client: &ClientWrapper,
    caller: &Caller,
    record: &Record<'_>,
    taken: Option<i64>,
) -> Result<i64, Error> {
    let count = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    let row = client
        .row(
            "INSERT INTO statements (id, tenant_id, account_id, file_name, sha256, format, statement_ref, opening_fen, closing_fen, \
             opening_on, closing_on, balanced, inserted, duplicates, received_at, received_by, adds_up, first_at, last_on, \
             end_fen, first_day_fen, gap_after, gap_before, gap_fen, number) OVERRIDING SYSTEM VALUE \
             VALUES (coalesce($24, nextval('statements_id_seq')), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $25) \
             RETURNING id",
            &[
                &caller.actor.tenant,
                &record.account_id,
                &record.file_name,
                &record.sha256,
                &record.format,
                &record.statement.statement_ref,
                &record.statement.opening_fen,
                &record.statement.closing_fen,
                &record.statement.opening_on,
                &record.statement.closing_on,
                &record.verdict.balanced(record.statement.balanced),
                &count(record.inserted),
                &count(record.duplicates),
                &caller.now,
                &caller.actor.display_name,
                &record.statement.balanced,
                &record.claim.map(|claim| claim.at),
                &record.claim.map(|claim| claim.last_on),
                &record.claim.map(|claim| claim.closing_fen),
                &record.claim.and_then(|claim| claim.first_day_fen),
                &record.verdict.gap.map(|gap| gap.after),
                &record.verdict.gap.map(|gap| gap.before),
                &record.verdict.gap.map(|gap| gap.fen),
                &taken,
                &record.statement.number.and_then(|number| i32::try_from(number).ok()),
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// A statement that names an opening balance, as it is on record.
#[derive(Debug)]
pub struct Claimed {
    pub id: i64,
    pub claim: Claim,
    pub adds_up: Option<bool>,
    pub balanced: Option<bool>,
    pub gap: Option<Gap>,
}

impl Claimed {
    /// A row that has the columns of [`CLAIM`].
    pub fn of(row: &Row) -> Option<Claimed> {
        let claim = Claim {
            at: row.get::<_, Option<DateTime<Utc>>>("at")?,
            opening_fen: row.get("opening_fen"),
            last_on: row.get::<_, Option<NaiveDate>>("last_on")?,
            closing_fen: row.get("end_fen"),
            first_day_fen: row.get("first_day_fen"),
        };
        let gap = || {
            Some(Gap {
                after: row.get::<_, Option<_>>("gap_after")?,
                before: row.get("gap_before"),
                fen: row.get("gap_fen"),
            })
        };
        let (id, adds_up, balanced) = (row.get("id"), row.get("adds_up"), row.get("balanced"));
        Some(Claimed { id, claim, adds_up, balanced, gap: gap() })
    }
}

/// What a statement claims and what it is worth.
pub const CLAIM: &str = "id, opening_fen, coalesce(first_at, coalesce(opening_on, closing_on)::timestamp AT TIME ZONE interval '8 hours') AS at, \
     coalesce(last_on, closing_on, opening_on) AS last_on, coalesce(end_fen, closing_fen, opening_fen) AS end_fen, \
     first_day_fen, CASE WHEN first_at IS NULL THEN balanced ELSE adds_up END AS adds_up, balanced, gap_after, gap_before, gap_fen";

/// All statements of an account that name an opening balance. Those recorded before a claim was kept count from the day
/// of their opening.
pub async fn claims(client: &ClientWrapper, tenant: i32, account: i64) -> Result<Vec<Claimed>, Error> {
    let rows = client
        .rows(
            &format!(
                "SELECT {CLAIM} FROM statements WHERE tenant_id = $1 AND account_id = $2 AND opening_fen IS NOT NULL"
            ),
            &[&tenant, &account],
        )
        .await?;
    Ok(rows.iter().filter_map(Claimed::of).collect())
}

/// The latest place at which a statement on record claims a balance.
pub async fn last_claim_at(client: &ClientWrapper, tenant: i32, account: i64) -> Result<Option<DateTime<Utc>>, Error> {
    let row = client
        .row(
            "SELECT max(first_at) FROM statements WHERE tenant_id = $1 AND account_id = $2 AND opening_fen IS NOT NULL",
            &[&tenant, &account],
        )
        .await?;
    Ok(row.get(0))
}

/// Writes what a statement on record is now worth.
pub async fn set_verdict(
    client: &ClientWrapper,
    tenant: i32,
    id: i64,
    balanced: Option<bool>,
    gap: Option<Gap>,
) -> Result<(), Error> {
    client
        .change(
            "UPDATE statements SET balanced = $3, gap_after = $4, gap_before = $5, gap_fen = $6 WHERE tenant_id = $1 AND id = $2",
            &[&tenant, &id, &balanced, &gap.map(|gap| gap.after), &gap.map(|gap| gap.before), &gap.map(|gap| gap.fen)],
        )
        .await?;
    Ok(())
}
