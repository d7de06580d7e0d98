//! HTTP for every feature: routing with its permission table, sessions, CSRF, errors on their way out, pages.

pub mod app;
pub mod assets;
pub mod attached;
pub mod auth;
pub mod client;
pub mod extract;
pub mod gate;
pub mod icons;
pub mod lang;
pub mod live;
pub mod news;
pub mod once;
pub mod pace;
pub mod page;
pub mod paging;
pub mod problem;
pub mod routes;
mod security_txt;
pub mod session;
pub mod sheet;
pub mod show;
pub mod sign_in;
pub mod signed;
pub mod state;
pub mod switching;
pub mod upload;

pub use extract::{Input, Query, SafeForm};
pub use lang::Lang;
pub use page::Page;
pub use paging::{Items, Paging};
pub use problem::{FieldError, Problem};
pub use routes::{Access, Route};
pub use state::AppState;
