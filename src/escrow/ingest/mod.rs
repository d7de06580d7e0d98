//! Bank statements and pushes on their way in: one way for both, all of a delivery or nothing of it.
//!
//! In one transaction: entries that are new, the account's balance and detector state, its warnings, the audit trail and
//! the mails that follow. The account is locked meanwhile, so that a reference stays unique within it for good. What came
//! before changes nothing, and the order of deliveries does not matter (see [`judge`] and [`chain`]).

mod again;
mod chain;
mod copy;
mod entries;
mod error;
mod examine;
mod faults;
mod flow;
mod forecast;
mod history;
mod judge;
mod judging;
mod ledger;
mod matching;
mod model;
mod news;
mod reconcile;
mod refs;
mod refunds;
mod rejudge;
mod reproduce;
mod siblings;
mod store;
mod together;
mod transaction;
mod transfers;
mod work;

pub use chain::Gap;
pub use entries::{Collected, NewEntry, collect};
pub use error::IngestError;
pub use examine::examine;
pub use faults::{Forged, keep_forged, keep_refused};
pub use flow::{LargeFile, flow};
pub use forecast::{Forecast, forecast};
pub use history::{Histories, History, Subject, judge_all};
pub use model::{Delivery, Incoming, Push, REPEAT_DAYS, Received, Repeat, Target, WarningNews};
pub use rejudge::{catch_up_others, changed_accounts, rejudge};
pub use reproduce::{Outcome, Reproduced, reproduce};
pub use siblings::BEFORE as SIBLINGS_BEFORE;
pub use store::siblings::SIBLING_DAYS;
pub use together::{Pushed, Pushes, push};
pub use work::receive;
