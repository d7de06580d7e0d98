//! The register for programs.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    RegisterError,
    commands::{self, Direct},
    import::Limits,
    sponsor_pages,
    store::{
        AccountRow, Filter, InstitutionRow, register,
        sponsors::{self, Kept},
    },
};
use crate::{
    db::DbError,
    identity::{Action, Caller},
    kernel::{RegionCode, credit_code},
    lists,
    vault::Vault,
    web::{Access, FieldError, Paging, Problem, Query, Route, page::State, upload::Upload},
};

/// The routes of the API.
pub fn routes() -> Vec<Route> {
    let read = Access::May(Action::ReadRegister);
    let mut routes = vec![
        Route::get("/api/v1/institutions", read, || web::get().to(list)),
        Route::post("/api/v1/institutions/import", Access::May(Action::ImportInstitutions), || web::post().to(import)),
        Route::get("/api/v1/institutions/{credit_code}", read, || web::get().to(one)),
    ];
    routes.extend(sponsor_pages::api());
    routes
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    list: String,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let filter = Filter {
        q: query.q.trim().to_owned(),
        status: query.status.clone(),
        list: query.list.clone(),
        after: paging.id()?,
        limit: paging.rows(),
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = register::search(&mut conn, &filter).await?;
    conn.commit().await?;
    let (vault, own) = (state.pools.vault(), caller.actor.role.is_institution());
    let rows = rows.iter().map(|row| Ok((row.id, item(row, vault, own)?))).collect::<Result<Vec<_>, DbError>>()?;
    Ok(paging.items(rows, |(id, _)| id.to_string(), |(_, item)| item).into())
}

/// An institution. Its own users read their own telephone; an official reads the mask, and the rest after an unmasking.
fn item(row: &InstitutionRow, vault: &Vault, own: bool) -> Result<Value, DbError> {
    let (phone, id) = (row.phone(vault)?, row.legal_person_id(vault)?);
    let shown = |masked: String, plain: &str| if own { plain.to_owned() } else { masked };
    Ok(json!({
        "credit_code": row.credit_code,
        "name": row.name,
        "region": format!("{:06}", row.tenant_id),
        "township": row.township.map(|township| township.to_string()),
        "org_kind": row.org_kind,
        "address": row.address,
        "category": row.category,
        "stages": row.stages,
        "delivery": row.delivery,
        "for_profit": row.for_profit,
        "courses": row.courses_text,
        "licence": {
            "no": row.licence_no, "authority": row.licence_authority, "from": row.licence_from, "to": row.licence_to,
        },
        "legal_person": row.legal_person,
        "legal_person_id": shown(id.masked(), id.expose()),
        "phone": shown(phone.masked(), phone.expose()),
        "floor_area_cm2": row.floor_area_cm2,
        "status": row.status,
        "list_status": row.list_status,
        "list_since": row.list_since,
        "version": row.version,
        "updated_at": row.updated_at,
    }))
}

fn account(row: &AccountRow) -> Value {
    json!({"id": row.id, "bank": row.bank, "account": row.account_no, "mode": row.mode, "status": row.status})
}

/// A sponsor; who it is of reads the names of persons, too.
fn sponsor(kept: &Kept, own: bool) -> Value {
    let name = if own { kept.sponsor.name.expose().to_owned() } else { kept.sponsor.shown() };
    json!({"id": kept.id, "name": name, "kind": kept.sponsor.kind, "share_bp": kept.sponsor.share_bp})
}

async fn one(state: State, caller: Caller, code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = credit_code::normalise(&code);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = register::by_code(&mut conn, &code).await?.ok_or_else(Problem::not_found)?;
    let accounts = register::accounts(&mut conn, row.tenant_id, row.id).await?;
    let sponsors = sponsors::of(&mut conn, row.tenant_id, &[row.id]).await?;
    let history = lists::history(&mut conn, row.tenant_id, row.id).await?;
    conn.commit().await?;
    let mut document = item(&row, state.pools.vault(), caller.actor.role.is_institution())?;
    document["escrow_accounts"] = accounts.iter().map(account).collect();
    let own = caller.actor.role.is_institution();
    document["sponsors"] = sponsors.iter().map(|kept| sponsor(kept, own)).collect();
    document["list_history"] = json!(history);
    Ok(HttpResponse::Ok().insert_header(("etag", format!("\"{}\"", row.version))).json(document))
}

/// A field or query parameter that is a yes or no; present without a value is a yes.
fn flag(name: &'static str, given: Option<&str>) -> Result<bool, Problem> {
    match given {
        None | Some("false" | "0" | "no" | "off") => Ok(false),
        Some("" | "true" | "1" | "yes" | "on") => Ok(true),
        Some(_) => {
            Err(Problem::invalid(vec![FieldError::new(name, "FLAG", "须填 true 或 false", "must be true or false")]))
        }
    }
}

async fn import(request: HttpRequest, state: State, caller: Caller, upload: Upload) -> Result<HttpResponse, Problem> {
    let query: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let given = |name: &str| {
        upload.form.pairs().iter().chain(&query).find(|(key, _)| key == name).map(|(_, value)| value.trim())
    };
    let region: RegionCode = match given("region") {
        Some(text) => text.parse().map_err(|_| Problem::from(RegisterError::OtherRegion))?,
        None => RegionCode::from_i32(caller.actor.tenant).ok_or(RegisterError::NotACounty)?,
    };
    let direct = Direct {
        file_name: &upload.file_name,
        bytes: &upload.bytes,
        region,
        partial: flag("partial", given("partial"))?,
        limits: limits(&state),
    };
    let report = if flag("dry_run", given("dry_run"))? {
        commands::dry_run(&caller, &direct).await?
    } else {
        commands::import(&state.pools, &caller, &direct).await?
    };
    Ok(HttpResponse::Ok().json(report))
}

/// What a sheet may hold: the operator's limits on uploads count for it too.
pub(super) fn limits(state: &State) -> Limits {
    let usual = Limits::default();
    let unpacked_bytes = usize::try_from(state.max_unpacked()).unwrap_or(usize::MAX).min(usual.unpacked_bytes);
    Limits { file_bytes: state.max_upload(), unpacked_bytes, ..usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read() {
        for (given, expected) in [
            (None, Some(false)),
            (Some(""), Some(true)),
            (Some("true"), Some(true)),
            (Some("0"), Some(false)),
            (Some("ja"), None),
        ] {
            assert_eq!(flag("partial", given).ok(), expected, "{given:?}");
        }
    }
}
