//! The whole service: every feature's routes behind one gate. The only file that knows every feature.

use std::sync::Arc;

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Compress, from_fn},
    web,
};

use super::{Access, AppState, Problem, Route, assets, auth, gate, security_txt, sign_in, switching};
use crate::{
    approvals::Desks,
    public::{Census, Reader},
};

/// Every route of the service.
pub fn routes() -> Vec<Route> {
    // Routes are tried one after another, so those that the whole public asks for come first.
    let mut routes = crate::public::api::routes();
    routes.extend(crate::public::pages::routes());
    routes.extend([
        Route::get("/healthz", Access::Anyone, || web::get().to(healthz)),
        Route::get("/readyz", Access::Anyone, || web::get().to(readyz)),
    ]);
    routes.extend(assets::routes());
    routes.extend(auth::routes());
    routes.extend(sign_in::routes());
    routes.extend(security_txt::routes());
    routes.extend(crate::identity::sessions::api::routes());
    routes.extend(crate::identity::sessions::pages::routes());
    routes.extend(crate::identity::machine::pages::routes());
    routes.extend(crate::identity::oidc::pages::routes());
    routes.extend(switching::routes());
    routes.extend(crate::accounts::api::routes());
    routes.extend(crate::accounts::pages::routes());
    routes.extend(crate::accounts::department_pages::routes());
    routes.extend(crate::accounts::region_pages::routes());
    routes.extend(crate::accounts::invite_pages::routes());
    routes.extend(crate::desk::routes());
    routes.extend(crate::institutions::api::routes());
    routes.extend(crate::institutions::pages::routes());
    routes.extend(crate::approvals::api::routes());
    routes.extend(crate::approvals::pages::routes());
    routes.extend(crate::lists::api::routes());
    routes.extend(crate::lists::pages::routes());
    routes.extend(crate::audit::api::routes());
    routes.extend(crate::audit::pages::routes());
    routes.extend(crate::courses::api::routes());
    routes.extend(crate::courses::pages::routes());
    routes.extend(crate::personal::api::routes());
    routes.extend(crate::personal::pages::routes());
    routes.extend(crate::escrow::api::routes());
    routes.extend(crate::escrow::pages::routes());
    routes.extend(crate::complaints::pages::routes());
    routes.extend(crate::complaints::api::routes());
    routes.extend(crate::proof::pages::routes());
    routes.extend(crate::ledger::api::routes());
    routes.extend(crate::ledger::refunds::api::routes());
    routes.extend(crate::ledger::releases::api::routes());
    routes.extend(crate::ledger::pages::routes());
    routes.extend(crate::policies::api::routes());
    routes.extend(crate::policies::pages::routes());
    routes
}

/// What every feature does with approved proposals of its kinds.
pub fn desks() -> Desks {
    Desks::new(vec![
        Arc::new(crate::lists::ListDesk),
        Arc::new(crate::escrow::WarningDesk),
        Arc::new(crate::escrow::PayeeDesk),
        Arc::new(crate::escrow::RedDesk),
        Arc::new(crate::policies::PolicyDesk),
    ])
}

/// The actix application. Made once a worker thread; the census is the same for all of them.
pub fn app(
    state: AppState,
    census: Arc<Census>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let routes = routes();
    App::new()
        .app_data(web::Data::new(state))
        .app_data(web::Data::new(desks()))
        .app_data(web::Data::new(Reader::new(census)))
        .wrap(from_fn(gate::gate))
        .wrap(Compress::default())
        .configure(|config| register(config, routes))
        .default_service(web::to(|| async { Err::<HttpResponse, Problem>(Problem::not_found()) }))
}

/// One resource a path, with all its methods; another method is 405.
fn register(config: &mut web::ServiceConfig, routes: Vec<Route>) {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in &routes {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
    for path in paths {
        let own = || routes.iter().filter(|route| route.path == path);
        let resource = own().fold(web::resource(path), |resource, route| resource.route((route.handler)()));
        let table = gate::AccessTable::new(own());
        config.service(resource.wrap(from_fn(move |request, next| gate::enforce(table.clone(), request, next))));
    }
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive")
}

/// The database answers. Migrations were applied before the service listened.
async fn readyz(state: super::page::State) -> Result<HttpResponse, Problem> {
    let client = state.pools.public().get().await.map_err(crate::db::DbError::from)?;
    // An empty query still takes the whole way to the server and back.
    client.simple_query("").await.map_err(crate::db::DbError::from)?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready"))
}
