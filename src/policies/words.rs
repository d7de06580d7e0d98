//! How levels and sources are named.

use super::{
    model::{Kind, Parameter, Row, Standing, Stricter},
    rules::Resolved,
};
use crate::web::{Lang, show};

/// A level: the ministry, a province, a city, a county.
pub fn level(lang: Lang, tenant: i32) -> &'static str {
    match tenant {
        0 => lang.t("国家", "National"),
        code if code % 10_000 == 0 => lang.t("省", "Province"),
        code if code % 100 == 0 => lang.t("市", "City"),
        _ => lang.t("县", "County"),
    }
}

/// Whose value it is, e.g. 浙江省教育局; what the program brings has its basis for a name.
pub fn source(lang: Lang, resolved: &Resolved) -> String {
    if resolved.from.is_empty() {
        return program(lang, resolved.parameter.standing).to_owned();
    }
    resolved.from.iter().map(|tenant| show::bureau(*tenant)).collect::<Vec<_>>().join(lang.t("、", ", "))
}

/// What a value of the program is.
pub fn program(lang: Lang, standing: Standing) -> &'static str {
    match standing {
        Standing::Bound => lang.t("国家规定或平台规则", "Law, or a rule of the platform"),
        Standing::Fallback => lang.t("平台缺省值", "The platform's default"),
    }
}

/// Which way a level may go.
pub fn stricter(lang: Lang, parameter: &Parameter) -> &'static str {
    match (parameter.stricter, parameter.kind) {
        (Stricter::Lower, Kind::TimeOfDay(..)) => {
            lang.t("下级只能更早（更严）", "levels below may only set it earlier")
        }
        (Stricter::Lower, _) => lang.t("下级只能更低（更严）", "levels below may only lower it"),
        (Stricter::Higher, Kind::Choice(_)) => lang.t("下级只能更严", "levels below may only be stricter"),
        (Stricter::Higher, _) => lang.t("下级只能更高（更严）", "levels below may only raise it"),
        (Stricter::Superset, _) => lang.t("下级只能增加", "levels below may only add to it"),
        (Stricter::Subset, _) => lang.t("下级只能减少", "levels below may only take from it"),
        (Stricter::Local, _) => lang.t("由当地自定", "each place decides for itself"),
    }
}

/// Who set a value and when, for a message: `浙江省教育局，2026-04-01 起`.
pub fn set_by_zh(set_by: Option<i32>, row: Option<&Row>, standing: Standing) -> String {
    match (set_by, row) {
        (Some(tenant), Some(row)) => format!("{}，{} 起", show::bureau(tenant), row.effective_from),
        (Some(tenant), None) => show::bureau(tenant),
        (None, _) => program(Lang::Zh, standing).to_owned(),
    }
}

/// The same in English.
pub fn set_by_en(set_by: Option<i32>, row: Option<&Row>, standing: Standing) -> String {
    match (set_by, row) {
        (Some(tenant), Some(row)) => format!("{} since {}", show::bureau(tenant), row.effective_from),
        (Some(tenant), None) => show::bureau(tenant),
        (None, _) => program(Lang::En, standing).to_lowercase(),
    }
}
