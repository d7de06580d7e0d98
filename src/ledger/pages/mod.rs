//! The ledger's pages: the institution's contracts, lessons and refunds; the parent's link; the bureau's view.

mod bureau;
mod contract_form;
mod contracts;
mod import;
mod lessons;
mod parent;
mod refunds;
mod shown;
pub(super) mod store;

use crate::web::Route;

/// The pages' routes. What stands under a number comes after what has a name.
pub fn routes() -> Vec<Route> {
    let mut routes = contract_form::routes();
    routes.extend(import::routes());
    routes.extend(contracts::routes());
    routes.extend(refunds::routes());
    routes.extend(lessons::routes());
    routes.extend(parent::routes());
    routes.extend(bureau::routes());
    routes
}
