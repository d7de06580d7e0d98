//! Contracts with their payments, and lessons, as institutions have them in sheets: a file in, requests and findings out.
//!
//! [`contracts`] and [`lessons`] judge every cell; nothing here stores anything. A row is a contract, or a payment on it, or
//! both; a further payment on a contract may leave what the contract is empty.

mod cells;
mod header;
mod rows;

pub use header::Field;
pub use rows::{ContractRow, LessonRow, Read, contracts, lessons};
