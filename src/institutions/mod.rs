//! Training institutions: the register, its import, its search keys.

pub mod api;
pub mod commands;
mod error;
pub mod import;
mod import_pages;
mod intake;
mod merge;
pub mod model;
pub mod pages;
mod private;
mod rejects;
pub mod report;
pub mod search_keys;
mod sponsor_pages;
mod sponsors;
pub mod store;
pub mod words;

pub use commands::{ids_of_codes, ids_of_import};
pub use error::RegisterError;
pub use private::{private_sponsor, private_value, sponsors_named};
pub use store::{
    drafts::{ImportRow, latest as latest_imports},
    drafts::{blank as blank_import, holds as import_holds},
    places,
    register::{Totals, register_is_empty, totals},
};
