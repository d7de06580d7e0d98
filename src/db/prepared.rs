//! Statements that a connection prepares once and then only runs.
//!
//! Diesel's own `sql_query` is parsed, rewritten with the row-level policies and planned anew every time, in two round
//! trips; that was most of what PostgreSQL did for us. It cannot know whether a text is one of few. Ours are: constants,
//! and constants put together.

use std::{borrow::Cow, marker::PhantomData};

use deadpool_postgres::ClientWrapper;
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};
use tokio_postgres::{Error, Row};

/// Values in the order of their places.
pub type Values<'v> = [&'v (dyn tokio_postgres::types::ToSql + Sync)];

/// A statement written out, with `$1` and so on where values go; rows are read by name.
///
/// The text must be one of a few that this program is made of: every connection keeps each for good. Where a text grows
/// with what somebody asks for, diesel's `sql_query` is right.
pub fn prepared(text: impl Into<Cow<'static, str>>) -> Prepared {
    Prepared(text.into())
}

/// See [`prepared`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is run"]
pub struct Prepared(Cow<'static, str>);

/// A statement with one more value.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is run"]
pub struct Bound<Q, V, T> {
    statement: Q,
    value: V,
    sql_type: PhantomData<T>,
}

impl Prepared {
    /// The value of `$1`.
    pub fn bind<T, V>(self, value: V) -> Bound<Self, V, T> {
        Bound { statement: self, value, sql_type: PhantomData }
    }
}

impl<Q, V, T> Bound<Q, V, T> {
    /// The value of the next place.
    pub fn bind<T2, V2>(self, value: V2) -> Bound<Self, V2, T2> {
        Bound { statement: self, value, sql_type: PhantomData }
    }
}

impl QueryFragment<Pg> for Prepared {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

impl<Q, V, T> QueryFragment<Pg> for Bound<Q, V, T>
where
    Pg: HasSqlType<T>,
    Q: QueryFragment<Pg>,
    V: ToSql<T, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.statement.walk_ast(out.reborrow())?;
        out.push_bind_param_value_only(&self.value)
    }
}

/// Told from others by its text.
impl QueryId for Prepared {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, V, T> QueryId for Bound<Q, V, T> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared {
    type SqlType = Untyped;
}

impl<Q, V, T> Query for Bound<Q, V, T> {
    type SqlType = Untyped;
}

/// The same for connections of the other driver: texts of which there are few.
#[expect(async_fn_in_trait, reason = "of this crate alone, for one type, whose futures may be sent")]
pub trait Statements {
    /// All rows.
    async fn rows(&self, sql: &str, values: &Values<'_>) -> Result<Vec<Row>, Error>;
    /// The one row that there is.
    async fn row(&self, sql: &str, values: &Values<'_>) -> Result<Row, Error>;
    /// The one row, if there is any.
    async fn row_if_any(&self, sql: &str, values: &Values<'_>) -> Result<Option<Row>, Error>;
    /// How many rows it changed.
    async fn change(&self, sql: &str, values: &Values<'_>) -> Result<u64, Error>;
}

impl Statements for ClientWrapper {
    async fn rows(&self, sql: &str, values: &Values<'_>) -> Result<Vec<Row>, Error> {
        self.query(&self.prepare_cached(sql).await?, values).await
    }

    async fn row(&self, sql: &str, values: &Values<'_>) -> Result<Row, Error> {
        self.query_one(&self.prepare_cached(sql).await?, values).await
    }

    async fn row_if_any(&self, sql: &str, values: &Values<'_>) -> Result<Option<Row>, Error> {
        self.query_opt(&self.prepare_cached(sql).await?, values).await
    }

    async fn change(&self, sql: &str, values: &Values<'_>) -> Result<u64, Error> {
        self.execute(&self.prepare_cached(sql).await?, values).await
    }
}
