//! Searching what is published, and reading one institution of it.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::reader::Reader;
use crate::{
    db::{DbError, Pools, Statements},
    public::model::{Detail, ListStatus},
};

/// Rows of a page unless more are asked for.
pub const PAGE: usize = 20;

/// What is looked for. Without tokens: everything, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    pub tokens: Vec<String>,
    /// Closed range of counties.
    pub region: Option<(i32, i32)>,
    pub category: Option<String>,
    pub list: Option<ListStatus>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// The place of a row in the order of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    rank: i16,
    institution: i64,
    name: String,
}

impl Cursor {
    /// As it travels in an address.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}.{}", self.rank, self.institution, self.name))
    }

    /// `None` for a text that [`Cursor::encode`] did not make.
    pub fn decode(text: &str) -> Option<Cursor> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.splitn(3, '.');
        let cursor = Cursor {
            rank: parts.next()?.parse().ok()?,
            institution: parts.next()?.parse().ok()?,
            name: parts.next()?.to_owned(),
        };
        // PostgreSQL has no such character in its texts.
        (!cursor.name.contains('\0')).then_some(cursor)
    }
}

/// A page of results.
pub struct Found {
    rows: Vec<Row>,
    more: bool,
}

impl Found {
    /// The cards as JSON, in order.
    pub fn cards(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.get(0))
    }

    /// Where the next page begins, if there is one.
    pub fn next(&self) -> Option<Cursor> {
        let last = self.rows.last().filter(|_| self.more)?;
        Some(Cursor { rank: last.get(1), name: last.get(2), institution: last.get(3) })
    }
}

/// By the index of tokens: reads all matches, sorts them. For terms that few rows hold.
const BY_TOKENS: &str = "SELECT card, rank, name, institution_id FROM public_institutions WHERE tokens @> $1 \
                         ORDER BY rank, name, institution_id LIMIT $2";
/// Along the order of results: `IS TRUE` keeps the index of tokens out of it. For terms that many rows hold.
const IN_ORDER: &str = "SELECT card, rank, name, institution_id FROM public_institutions WHERE (tokens @> $1) IS TRUE \
                        ORDER BY rank, name, institution_id LIMIT $2";

/// One page of what is looked for: one statement, prepared, outside any transaction.
pub async fn search(reader: &Reader, pools: &Pools, search: &Search) -> Result<Found, DbError> {
    let in_order = reader.breadth(pools).await?.in_order(&search.tokens);
    let client = reader.client(pools).await?;
    let limit = i64::try_from(search.limit + 1).unwrap_or(i64::MAX);
    let plain = search.region.is_none() && search.category.is_none() && search.list.is_none() && search.after.is_none();
    let mut rows = if plain && !search.tokens.is_empty() {
        client.rows(if in_order { IN_ORDER } else { BY_TOKENS }, &[&search.tokens, &limit]).await?
    } else {
        let list = search.list.map(ListStatus::rank);
        let (sql, values) = narrowed(search, in_order, list.as_ref(), &limit);
        client.rows(&sql, &values).await?
    };
    let more = rows.len() > search.limit;
    rows.truncate(search.limit);
    Ok(Found { rows, more })
}

/// The statement with only those conditions that were asked for, so that each combination has a plan of its own.
fn narrowed<'a>(
    search: &'a Search,
    in_order: bool,
    list: Option<&'a i16>,
    limit: &'a i64,
) -> (String, Vec<&'a (dyn ToSql + Sync)>) {
    let mut sql = String::from("SELECT card, rank, name, institution_id FROM public_institutions WHERE true");
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
    // Each condition names its values by the numbers after those that are there already.
    let mut condition = |text: [&str; 4], given: &[&'a (dyn ToSql + Sync)]| {
        let at = values.len();
        let _ = match given.len() {
            1 => write!(sql, " {}${}{}", text[0], at + 1, text[1]),
            2 => write!(sql, " {}${}{}${}{}", text[0], at + 1, text[1], at + 2, text[2]),
            _ => write!(sql, " {}${}{}${}{}${}{}", text[0], at + 1, text[1], at + 2, text[2], at + 3, text[3]),
        };
        values.extend_from_slice(given);
    };
    if !search.tokens.is_empty() {
        condition(
            if in_order { ["AND (tokens @> ", ") IS TRUE", "", ""] } else { ["AND tokens @> ", "", "", ""] },
            &[&search.tokens],
        );
    }
    match &search.region {
        // Within one county the index holds the order of results, so that only the page is read.
        Some((county, hi)) if county == hi => condition(["AND tenant_id = ", "", "", ""], &[county]),
        Some((lo, hi)) => condition(["AND tenant_id BETWEEN ", " AND ", "", ""], &[lo, hi]),
        None => {}
    }
    if let Some(category) = &search.category {
        condition(["AND category = ", "", "", ""], &[category]);
    }
    if let Some(rank) = list {
        condition(["AND rank = ", "", "", ""], &[rank]);
    }
    if let Some(after) = &search.after {
        condition(
            ["AND (rank, name, institution_id) > (", ", ", ", ", ")"],
            &[&after.rank, &after.name, &after.institution],
        );
    }
    condition(["ORDER BY rank, name, institution_id LIMIT ", "", "", ""], &[limit]);
    (sql, values)
}

/// One institution as published.
#[derive(Debug, Clone)]
pub struct Record {
    pub detail: Detail,
    /// Last day that the bank's statements cover.
    pub statement_on: Option<NaiveDate>,
    pub published_at: DateTime<Utc>,
    /// The bureau's public telephone.
    pub bureau_phone: Option<String>,
}

/// All records under a code as they are read on a day; there are several when several counties keep one. What warns against it comes first (black,
/// suspended), then the white list, then a county that merely knows it.
pub async fn records(
    reader: &Reader,
    pools: &Pools,
    credit_code: &str,
    today: NaiveDate,
) -> Result<Vec<Record>, DbError> {
    let client = reader.client(pools).await?;
    let rows = client
        .rows(
            "SELECT p.detail, p.statement_on, p.published_at, t.phone FROM public_institutions p \
             LEFT JOIN tenants t ON t.tenant_id = p.tenant_id WHERE p.credit_code = $1 \
             ORDER BY array_position(ARRAY[3, 1, 0, 2], p.rank::int), p.tenant_id LIMIT 50",
            &[&credit_code],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let mut detail = row.try_get::<_, Json<Detail>>(0)?.0;
            detail.turn(today);
            Ok(Record {
                detail,
                statement_on: row.try_get(1)?,
                published_at: row.try_get(2)?,
                bureau_phone: row.try_get(3)?,
            })
        })
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(DbError::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_condition_takes_its_own_numbers() {
        let search = Search {
            tokens: vec!["启明".to_owned()],
            region: Some((331_000, 331_099)),
            category: Some("arts".to_owned()),
            list: Some(ListStatus::Black),
            after: Some(Cursor { rank: 3, institution: 7, name: "启明".to_owned() }),
            limit: 20,
        };
        let (sql, values) = narrowed(&search, false, Some(&3), &21);
        assert_eq!(
            sql,
            "SELECT card, rank, name, institution_id FROM public_institutions WHERE true AND tokens @> $1 \
             AND tenant_id BETWEEN $2 AND $3 AND category = $4 AND rank = $5 \
             AND (rank, name, institution_id) > ($6, $7, $8) ORDER BY rank, name, institution_id LIMIT $9"
        );
        assert_eq!(values.len(), 9);
        let search = Search::default();
        let (sql, values) = narrowed(&search, true, None, &21);
        assert!(sql.ends_with("WHERE true ORDER BY rank, name, institution_id LIMIT $1"), "{sql}");
        assert_eq!(values.len(), 1);
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(rank in 0i16..4, institution in any::<i64>(), name in "[^\0]{0,20}") {
            let cursor = Cursor { rank, institution, name };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn reading_a_cursor_never_panics(text in "\\PC{0,40}") {
            let _ = Cursor::decode(&text);
        }
    }
}
