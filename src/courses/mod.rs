//! Course filings (课程备案): what an institution promises to teach, when, by whom and for how much.
//!
//! [`model`] is the filing as it is sent, stored and shown; [`rules`] judges it without clock, database or HTTP.

pub mod api;
mod calendar_pages;
pub mod commands;
pub mod form;
mod form_pages;
mod home;
pub mod model;
pub mod pages;
mod policy;
mod private;
pub mod rules;
mod shown;
pub mod store;
mod words;

pub use model::{Filing, InvalidFiling, Known};
pub use policy::{Affected, Recheck, is_of_courses, recheck};
pub use private::private_value;
pub use rules::{Verdict, check};
pub use store::longest_waiting as waiting;
pub use words::{coded, field as field_name};
