//! Parameters of supervision: rows by effective date, inherited ministry → province → city → county, and only ever
//! tightened below.
//!
//! [`registry`] lists the parameters, [`rules`] puts the levels together without I/O, and [`in_force`] reads what holds for
//! a bureau: one statement in the caller's transaction, so that nothing is ever cached and out of date. A value is proposed
//! by one official and adopted by another (`approvals`).

pub mod api;
mod back_test_part;
pub mod commands;
mod desk;
mod error;
pub mod model;
pub mod pages;
mod preview;
pub mod registry;
pub mod rules;
mod store;
mod words;

use chrono::NaiveDate;
use deadpool_postgres::Client;
use diesel_async::AsyncPgConnection;

pub use commands::{Setting, propose};
pub use desk::PolicyDesk;
pub use error::PolicyError;
pub use model::{Parameter, Value};
pub use registry::{
    APPROVAL_DAYS, AUDIT_DAYS, DUE_ORANGE, DUE_YELLOW, FOUR_EYES, PARAMETERS, SECOND_FACTOR, UNMASK_PER_DAY,
    parameter_of,
};
pub use rules::{Chain, InForce, Resolved};

use crate::db::{DbError, ScopedConn};

/// All that the levels of a bureau's chain have set, in force or planned.
pub async fn chain(conn: &mut ScopedConn, tenant: i32) -> Result<Chain, DbError> {
    Ok(Chain { tenant, rows: store::of_chain(conn, tenant).await? })
}

/// The same inside a scoped transaction of the ingest role.
pub async fn chain_by(client: &Client, tenant: i32) -> Result<Chain, DbError> {
    Ok(Chain { tenant, rows: store::of_chain_by(client, tenant).await? })
}

/// The chain of a bureau with all that the bureaus below it have set as well.
pub async fn with_below(conn: &mut ScopedConn, tenant: i32) -> Result<Chain, DbError> {
    let mut rows = store::of_chain(conn, tenant).await?;
    rows.extend(store::below(conn).await?);
    Ok(Chain { tenant, rows })
}

/// What is in force for a bureau on a day.
pub async fn in_force(conn: &mut ScopedConn, tenant: i32, on: NaiveDate) -> Result<InForce, DbError> {
    Ok(chain(conn, tenant).await?.on(on))
}

/// The same on a connection of the sign-in role, which has no scope.
pub async fn in_force_on(conn: &mut AsyncPgConnection, tenant: i32, on: NaiveDate) -> Result<InForce, DbError> {
    Ok(Chain { tenant, rows: store::of_chain_on(conn, tenant).await? }.on(on))
}
