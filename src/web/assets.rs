//! Style sheets and scripts, built into the program. Their addresses carry a hash, so browsers keep them for good.

use std::{collections::HashMap, sync::LazyLock};

use actix_web::{HttpResponse, web};
use rust_embed::Embed;

use super::{Access, Problem, Route};

#[derive(Embed)]
#[folder = "static/"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
struct Static;

static ADDRESSES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Static::iter()
        .filter_map(|name| {
            let file = Static::get(&name)?;
            let hash = hex::encode(&file.metadata.sha256_hash()[..6]);
            Some((name.to_string(), format!("/static/{hash}/{name}")))
        })
        .collect()
});

/// The address of a file under `static/`; one that does not exist shows its bare name, which the page test finds.
pub fn asset(name: &str) -> String {
    ADDRESSES.get(name).cloned().unwrap_or_else(|| format!("/static/missing/{name}"))
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/static/{hash}/{name}", Access::Anyone, || web::get().to(serve))]
}

async fn serve(path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (_, name) = path.into_inner();
    let file = Static::get(&name).ok_or_else(Problem::not_found)?;
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("cache-control", "public, max-age=31536000, immutable"))
        .body(file.data.into_owned()))
}
