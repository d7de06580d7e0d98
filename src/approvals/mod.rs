//! Four eyes: what one official proposes is done only when another decides so.
//!
//! A feature proposes within its own transaction ([`propose`]) and says by a [`Desk`] how a proposal reads and what
//! approving it does. Nobody decides what they proposed themselves, by whichever of their posts; a proposal belongs to one
//! bureau, runs out, and names both officials for good. `web::app` puts the desks of all features together.

pub mod api;
pub mod commands;
mod desk;
mod error;
mod model;
pub mod pages;
mod store;

pub use api::accepted;
pub use commands::{Draft, decide, expire_due, give_way, propose, waiting_about};
pub use desk::{Boxed, Change, Desk, Desks, Objection, Shown, Work};
pub use error::ApprovalError;
pub use model::{Approval, Concerned, Kind, State, Verdict};
pub use store::{longest_waiting as waiting, open_proposals_of, pending_of_institution};
