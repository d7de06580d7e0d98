//! The rules of the ledger: facts in, findings and sums out. None reads a clock, a database or the network.

pub mod book;
mod caps;
mod cover;
mod found;
mod price;
pub mod refund;
pub mod release;
pub mod silence;
mod split;
#[cfg(test)]
mod tests;

pub use caps::{Licence, Offer, OtherContract, OtherPayment, Paying, Signing, contract, payment, unsettled};
