//! What a feature says and does about proposals of its kinds.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Approval, Kind};
use crate::{
    db::{DbError, ScopedConn},
    identity::Caller,
    kernel::Finding,
    web::Problem,
};

/// A future behind a pointer, so that desks of all features have one type.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One thing that approving changes; texts in Chinese and English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub what_zh: String,
    pub what_en: String,
    pub before_zh: String,
    pub before_en: String,
    pub after_zh: String,
    pub after_en: String,
}

/// How a proposal reads to the one who decides.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// What it is about: Chinese, English.
    pub subject: (String, String),
    /// The page of what it is about.
    pub href: Option<String>,
    pub changes: Vec<Change>,
    /// What the rules found when it was proposed.
    pub findings: Vec<Finding>,
    /// What must be ticked before it is approved, because it cannot be taken back.
    pub confirm: Option<(&'static str, &'static str)>,
    /// Further members of its JSON document.
    pub document: Map<String, Value>,
}

/// Why an approved proposal cannot be carried out.
pub type Objection = (i64, Problem);

/// The transaction in which proposals are decided.
pub struct Work<'a> {
    pub conn: &'a mut ScopedConn,
    pub caller: &'a Caller,
    pub comment: &'a str,
}

/// One feature's part in four eyes.
pub trait Desk: Send + Sync {
    /// The kinds that are this feature's.
    fn kinds(&self) -> &'static [Kind];

    /// How a proposal reads.
    fn show(&self, approval: &Approval) -> Shown;

    /// Carries out proposals, which are locked and were proposed by somebody else, with all that goes with it, in the
    /// transaction that decides them. Whatever meets an objection leaves nothing written and is not approved.
    fn carry_out<'a>(&'a self, work: Work<'a>, approvals: &'a [Approval])
    -> Boxed<'a, Result<Vec<Objection>, DbError>>;
}

/// The desks of all features.
#[derive(Clone)]
pub struct Desks(Arc<HashMap<Kind, Arc<dyn Desk>>>);

impl std::fmt::Debug for Desks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Desks").field(&self.0.keys()).finish()
    }
}

impl Desks {
    /// Puts them together.
    pub fn new(desks: Vec<Arc<dyn Desk>>) -> Desks {
        let by_kind = desks.iter().flat_map(|desk| desk.kinds().iter().map(|kind| (*kind, Arc::clone(desk))));
        Desks(Arc::new(by_kind.collect()))
    }

    /// Whose a kind is; `None` for one whose feature has no desk here.
    pub fn of(&self, kind: Kind) -> Option<&dyn Desk> {
        self.0.get(&kind).map(Arc::as_ref)
    }

    /// How a proposal reads.
    pub fn show(&self, approval: &Approval) -> Shown {
        self.of(approval.kind).map(|desk| desk.show(approval)).unwrap_or_default()
    }
}
