//! Telling officers on duty by short message: through the gateway that a bureau sets, which is asked by a signed POST.
//!
//! A message stands in the outbox like a mail and names the officer by the row of the number; the number is opened when the
//! gateway is called, and lies nowhere in the clear. Red always goes out at once; what else does, the policy says.

pub mod api;
mod commands;
mod message;
pub mod pages;

pub use commands::call;
pub use message::{key, variables};
