//! The route table: every path of the service, who may call it, and what answers.
//!
//! A feature lists its own routes; [`app`](super::app) puts them together. The gate enforces `access` before any handler
//! runs, so that a route without an entry does not exist.

use actix_web::http::Method;

use crate::identity::Action;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, signed in or not.
    Anyone,
    /// Anyone who is signed in.
    SignedIn,
    /// Whose role the permission table gives this action.
    May(Action),
    /// An official whose role the permission table gives this action; institutions have pages of their own.
    Official(Action),
    /// A machine user by signed request (headers `X-Mj-*`); its body is read by the handler.
    Machine,
}

/// One method on one path.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// Makes the actix route; a function, because a worker thread makes its own.
    pub handler: fn() -> actix_web::Route,
}

impl Route {
    /// A route that reads.
    pub const fn get(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
        Route { method: Method::GET, path, access, handler }
    }

    /// A route that changes something.
    pub const fn post(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
        Route { method: Method::POST, path, access, handler }
    }

    /// A route that removes or withdraws something.
    pub const fn delete(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
        Route { method: Method::DELETE, path, access, handler }
    }

    /// A route that replaces something.
    pub const fn put(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
        Route { method: Method::PUT, path, access, handler }
    }

    /// Whether the route belongs to the API rather than to pages.
    pub fn is_api(&self) -> bool {
        self.path.starts_with("/api/")
    }
}
