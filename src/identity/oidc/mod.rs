//! Signing in by a province's own identity provider (OpenID Connect, authorization code with PKCE).
//!
//! A provider belongs to a bureau and signs people in within that bureau's range only. It says who somebody is; what they
//! are here is said by the role mappings that the bureau's operator wrote down, looked at again at every sign-in.

pub mod commands;
mod fetch;
mod flow;
mod mapping;
pub mod pages;
pub mod settings;
mod store;

pub use flow::Oidc;
