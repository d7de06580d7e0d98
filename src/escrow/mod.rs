//! Prepaid-fund escrow: bank statements, the escrow policy, the detector, warnings.
//!
//! Warnings are private: officials of the county and the levels above see them, and the institution its own. Nothing of
//! them is ever published.

pub mod api;
mod api_policy;
pub mod back_test;
mod balances;
mod bank_fees;
mod basis;
mod batches;
pub mod brief;
mod card;
mod chart;
pub mod commands;
mod corrections;
mod day_page;
mod desk;
pub mod detector;
mod distinct;
mod documents;
mod draft_pages;
pub mod drafts;
mod entries_file;
mod error;
pub mod events;
mod evidence;
mod figures;
pub mod filing;
pub mod folder;
pub mod folders;
mod glance;
pub mod ingest;
mod layout_pages;
pub mod layouts;
mod league;
pub mod model;
mod org;
pub mod oversight;
pub mod pages;
pub mod policy;
mod private;
mod reach;
mod shown;
pub mod statement;
pub mod store;
pub mod thresholds;
mod ties;
pub mod upload;
mod upload_pages;
mod waiting;
mod watch;

pub use desk::WarningDesk;
pub use drafts::forget_old as forget_old_drafts;
pub use error::EscrowError;
pub use evidence::store::{file_place as document_place, name_place as document_name_place, named as documents_named};
pub use figures::owed_changed;
pub use filing::amend::{
    PayeeDesk, kept_about as amendments_about, payee_before_place as amended_payee_before_place,
    payee_place as amended_payee_place,
};
pub use glance::{Glance, GlanceRow, glance};
pub use ingest::Forecast;
pub use model::account_number;
pub use oversight::{
    RedDesk,
    store::sms::{on_duty, phone_place as duty_phone_place},
};
pub use private::{ENTRY_FIELDS, private_account, private_entry};
pub use store::accounts::payee_place;
pub use store::drafts::draft_place;
pub use store::owed::{Credit, lock_account, open_credits, short_since};
pub use store::persons::{judge_anew, staff_filed};
pub use store::warnings::level_of;
pub use waiting::{Waiting, waiting};
