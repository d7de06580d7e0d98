//! Sessions: one sign-in of one person on one device. Their owner sees them and ends them; whatever disables a post or
//! changes its role ends them too, in every process at once.

pub mod api;
pub mod commands;
mod device;
pub(super) mod notice;
pub mod pages;
pub mod store;

pub use device::{Device, words as device_words};
pub use store::end_of_post;
