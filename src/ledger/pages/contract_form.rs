//! A new contract on the institution's page: what the rules find is shown while it is filled in.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::NaiveDate;
use strum::VariantArray;

use super::shown::typed_fen;
use crate::{
    identity::{Action, Caller},
    kernel::{Fen, Finding, Private},
    ledger::{
        commands::contracts::{self, NewContract},
        error::LedgerError,
        model::{Basis, Product, Terms},
    },
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
    },
};

pub(super) fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepLedger);
    vec![
        Route::get("/org/contracts/new", keep, || web::get().to(new)),
        Route::post("/org/contracts/new", keep, || web::post().to(post_new)),
        Route::post("/org/contracts/check", keep, || web::post().to(check)),
    ]
}

/// Fields of the form, in its order.
const FIELDS: [&str; 14] = [
    "contract_no",
    "subject",
    "product",
    "basis",
    "pupil",
    "guardian_phone",
    "signed_on",
    "first_lesson_on",
    "last_lesson_on",
    "price_fen",
    "materials_fen",
    "units_bought",
    "units_gifted",
    "instalments",
];

#[derive(Template)]
#[template(path = "ledger/contract_form.html")]
struct FormPage<'a> {
    page: &'a Page,
    form: &'a SafeForm,
    errors: &'a [FieldError],
    findings: &'a [Finding],
    checked: bool,
}

impl FormPage<'_> {
    fn at(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == path).collect()
    }

    fn typed(&self, name: &str) -> &str {
        self.form.get(name)
    }

    fn products(&self) -> Vec<(&'static str, &'static str)> {
        Product::VARIANTS.iter().map(|one| ((*one).into(), self.page.lang.t(one.zh(), one.en()))).collect()
    }

    fn bases(&self) -> Vec<(&'static str, &'static str)> {
        Basis::VARIANTS.iter().map(|one| ((*one).into(), self.page.lang.t(one.zh(), one.en()))).collect()
    }
}

#[derive(Template)]
#[template(path = "ledger/form_findings.html")]
struct FindingsPage<'a> {
    page: &'a Page,
    findings: &'a [Finding],
    errors: &'a [FieldError],
    checked: bool,
}

/// Reads the form; what is still empty is told as `required`.
fn read(posted: &SafeForm) -> Result<NewContract, Vec<FieldError>> {
    let mut errors = Vec::new();
    for name in FIELDS {
        let optional = matches!(name, "guardian_phone" | "materials_fen" | "units_gifted" | "instalments");
        if !optional && posted.get(name).is_empty() {
            errors.push(FieldError::new(name, "required", "请填写。", "Fill this in."));
        }
    }
    let price = typed_fen(posted.get("price_fen"), "price_fen", &mut errors);
    let materials = typed_fen(posted.get("materials_fen"), "materials_fen", &mut errors);
    let units_bought = count(posted, "units_bought", 0, &mut errors);
    let units_gifted = count(posted, "units_gifted", 0, &mut errors);
    let instalments = count(posted, "instalments", 1, &mut errors);
    let days = ["signed_on", "first_lesson_on", "last_lesson_on"].map(|name| day(posted, name, &mut errors));
    let (product, basis) = (posted.get("product").parse(), posted.get("basis").parse());
    match (days, product, basis) {
        ([Some(signed_on), Some(first_lesson_on), Some(last_lesson_on)], Ok(product), Ok(basis))
            if errors.is_empty() =>
        {
            Ok(NewContract {
                contract_no: posted.get("contract_no").to_owned(),
                course_id: None,
                subject: posted.get("subject").to_owned(),
                product,
                basis,
                pupil: Private::new(posted.get("pupil")),
                guardian_phone: Private::new(posted.get("guardian_phone")),
                signed_on,
                is_renewal: posted.get("renewal") == "yes",
                terms: Terms {
                    price: price.unwrap_or(Fen::ZERO),
                    materials: materials.unwrap_or(Fen::ZERO),
                    units_bought,
                    units_gifted,
                },
                instalments,
                first_lesson_on,
                last_lesson_on,
                already_taken: posted.get("already_taken") == "yes",
            })
        }
        _ => Err(errors),
    }
}

fn count(posted: &SafeForm, name: &str, missing: u32, errors: &mut Vec<FieldError>) -> u32 {
    match posted.get(name) {
        "" => missing,
        typed => typed.parse().unwrap_or_else(|_| {
            errors.push(FieldError::new(name, "format", "请填整数。", "Give a whole number."));
            missing
        }),
    }
}

fn day(posted: &SafeForm, name: &str, errors: &mut Vec<FieldError>) -> Option<NaiveDate> {
    let typed = posted.get(name);
    let read = typed.parse().ok();
    if read.is_none() && !typed.is_empty() {
        errors.push(FieldError::new(name, "format", "请选择日期。", "Choose a day."));
    }
    read
}

async fn new(request: HttpRequest, _caller: Caller) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "登记合同", "Record a contract");
    let form = SafeForm::default();
    page.render(&FormPage { page: &page, form: &form, errors: &[], findings: &[], checked: false })
}

/// What the rules say of a contract, as a fragment beside the form. What is still empty is not held against it.
async fn check(request: HttpRequest, state: State, caller: Caller, posted: SafeForm) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "登记合同", "Record a contract");
    let outcome = match read(&posted) {
        Ok(contract) => contracts::check(&state.pools, &caller, &contract).await,
        Err(errors) => Err(LedgerError::Invalid(errors)),
    };
    let (findings, errors, checked) = match outcome {
        Ok(findings) => (findings, Vec::new(), true),
        Err(LedgerError::Forbidden | LedgerError::NotFound) => return Err(Problem::forbidden()),
        Err(LedgerError::Db(error)) => return Err(error.into()),
        Err(error) => {
            (Vec::new(), error.fields().into_iter().filter(|error| error.rule != "required").collect(), false)
        }
    };
    page.render(&FindingsPage { page: &page, findings: &findings, errors: &errors, checked })
}

async fn post_new(
    request: HttpRequest,
    state: State,
    caller: Caller,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let outcome = match read(&posted) {
        Ok(contract) if posted.get("do") == "check" => {
            let found = contracts::check(&state.pools, &caller, &contract).await;
            found.map(|findings| (None, findings))
        }
        Ok(contract) => {
            contracts::record(&state.pools, &caller, &contract).await.map(|done| (Some(done.id), Vec::new()))
        }
        Err(errors) => Err(LedgerError::Invalid(errors)),
    };
    let (findings, errors, checked) = match outcome {
        Ok((Some(id), _)) => return Ok(see_other(&format!("/org/contracts/{id}?done=recorded"))),
        Ok((None, findings)) => {
            let blocking = LedgerError::Refused(findings.clone()).fields();
            (findings, blocking, true)
        }
        Err(LedgerError::Refused(findings)) => {
            let errors = LedgerError::Refused(findings.clone()).fields();
            (findings, errors, true)
        }
        Err(error) if !error.fields().is_empty() => (Vec::new(), error.fields(), false),
        Err(error) => return Err(error.into()),
    };
    let page = Page::new(&request, "登记合同", "Record a contract");
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &FormPage { page: &page, form: &posted, errors: &errors, findings: &findings, checked })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> SafeForm {
        SafeForm::from_pairs(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    const WHOLE: [(&str, &str); 10] = [
        ("contract_no", "HT-1"),
        ("subject", "初中数学"),
        ("product", "course"),
        ("basis", "units"),
        ("pupil", "王小明"),
        ("signed_on", "2026-03-01"),
        ("first_lesson_on", "2026-03-09"),
        ("last_lesson_on", "2026-05-31"),
        ("price_fen", "4,800.00"),
        ("units_bought", "48"),
    ];

    #[test]
    fn a_whole_form_is_a_contract_and_what_is_missing_is_named() {
        let contract = read(&form(&WHOLE)).unwrap();
        assert_eq!((contract.terms.price, contract.terms.units(), contract.instalments), (Fen(480_000), 48, 1));
        for (at, (name, _)) in WHOLE.iter().enumerate() {
            let mut fields = WHOLE.to_vec();
            fields.remove(at);
            let errors = read(&form(&fields)).unwrap_err();
            assert_eq!(
                errors.iter().map(|e| (e.path.as_str(), e.rule.as_str())).collect::<Vec<_>>(),
                [(*name, "required")]
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_field() {
        for (name, typed) in [("price_fen", "4.8k"), ("units_bought", "many"), ("signed_on", "yesterday")] {
            let mut fields = WHOLE.to_vec();
            fields.iter_mut().filter(|(field, _)| *field == name).for_each(|field| field.1 = typed);
            let errors = read(&form(&fields)).unwrap_err();
            assert!(errors.iter().any(|e| e.path == name && e.rule == "format"), "{name}: {errors:?}");
        }
    }
}
