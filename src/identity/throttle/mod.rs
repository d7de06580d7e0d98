//! How often somebody may try to sign in, so that guessing is hopeless and nobody is locked out by another's guesses.
//!
//! A browser that signed somebody in before carries a [device token](device) for that name and is counted alone, whatever
//! others do. Everybody else is a stranger, counted by name and address, by address, and by name. What is counted are
//! failures: an attempt is counted before the password is looked at, so that many at once gain nothing, and taken off
//! again when it was right. Names are kept as keyed hashes and are counted alike whether they are anybody's or not.
//!
//! A person whom strangers' guesses keep out on a new device gets in by passkey, or by the mail that resets the password:
//! its link makes the browser a known one.

mod backoff;
pub mod device;
mod lanes;
pub mod store;

pub use backoff::{Bucket, Limit};
pub use lanes::{Lane, Lanes, network};
