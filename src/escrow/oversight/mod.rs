//! The watch over institutions, banks and time: what is judged of an institution and of the feed rather than of an account's
//! entries, and what becomes of warnings while nobody acts.
//!
//! [`rules`] are pure; [`sweep`] reads the facts of one bureau after the other, writes what changed, and may be repeated or
//! broken off at any place. What it does to a warning's level is people's level: the detector's history stays as it is.

mod desk;
mod judge;
mod life;
mod limits;
mod model;
pub mod pages;
mod publish;
pub mod rules;
pub mod sms;
pub mod store;
mod sweep;
mod tell;
pub mod webhook;
pub mod words;

pub use desk::RedDesk;
pub use limits::TellingLimits;
pub use rules::{Undetermined, sms_at, tell_at, undetermined};
pub use sweep::{
    Look, SWEEP_EVERY, after_delivery, after_filing, after_forgery, after_refusal, forecast, oldest, sweep,
    sweep_bureau,
};
