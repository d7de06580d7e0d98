//! What an auditor asks for, as the address says it.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    store::search::{self, Search},
    words,
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::clock,
};

/// A free text looks at every event of its time, so it has one: this many days before the last one, unless the
/// auditor says otherwise.
pub const TEXT_DAYS: u64 = 90;

/// The filters; an empty one asks for all.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Filters {
    /// Part of a name, an action, a subject, a reason; or a whole request id.
    #[serde(default)]
    pub q: String,
    /// Name of whoever acted, or a part of it.
    #[serde(default)]
    pub who: String,
    /// Id of the account that acted; what is no number asks for all.
    #[serde(default)]
    pub actor: String,
    /// The role in which it was done.
    #[serde(default)]
    pub role: String,
    /// Beginning of the action, e.g. `list`.
    #[serde(default)]
    pub kind: String,
    /// Kind and id of what was changed.
    #[serde(default)]
    pub of: String,
    #[serde(default)]
    pub subject: String,
    /// Name or credit code of the institution, or a part of it.
    #[serde(default)]
    pub institution: String,
    /// First and last day in Beijing; what is no day asks for all.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub to: String,
    /// Only looks at unmasked personal data, when it says anything.
    #[serde(default)]
    pub looks: String,
}

/// The start of a day in Beijing, `days` after the one that is written.
fn midnight(written: &str, days: u64) -> Option<DateTime<Utc>> {
    let day = written.parse::<NaiveDate>().ok()?.checked_add_days(Days::new(days))?;
    Some(clock::midnight(day))
}

impl Filters {
    /// The same with a first day where a free text needs one.
    pub fn bounded(mut self, today: NaiveDate) -> Filters {
        if !self.q.trim().is_empty() && midnight(&self.from, 0).is_none() {
            let last = self.to.parse().unwrap_or(today);
            self.from = last.checked_sub_days(Days::new(TEXT_DAYS)).unwrap_or(last).to_string();
        }
        self
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("q", &self.q),
            ("who", &self.who),
            ("role", &self.role),
            ("kind", &self.kind),
            ("of", &self.of),
            ("subject", &self.subject),
            ("institution", &self.institution),
            ("from", &self.from),
            ("to", &self.to),
            ("looks", &self.looks),
            ("actor", &self.actor),
        ];
        texts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (*name, (*value).clone())).collect()
    }

    /// Whether anything is asked for that the form does not show open.
    pub fn narrow(&self) -> bool {
        [&self.actor, &self.role, &self.of, &self.subject, &self.institution, &self.who]
            .iter()
            .any(|text| !text.is_empty())
    }

    /// The filters as the query of an address.
    pub fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        self.pairs().iter().for_each(|(name, value)| {
            query.append_pair(name, value);
        });
        query.finish()
    }

    /// The filters as the audit event of an export tells them.
    pub fn told(&self) -> Value {
        self.pairs()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The search that they mean.
    pub async fn search(&self, conn: &mut ScopedConn, before: i64, limit: i64) -> Result<Search, DbError> {
        let (text, who, institution) = (self.q.trim(), self.who.trim(), self.institution.trim());
        let mut search = Search {
            actor: self.actor.parse().ok(),
            role: self.role.clone(),
            kind: self.kind.clone(),
            subject_kind: self.of.clone(),
            subject: self.subject.trim().to_owned(),
            from: midnight(&self.from, 0),
            until: midnight(&self.to, 1),
            looks: !self.looks.is_empty(),
            before,
            limit,
            ..Search::default()
        };
        if !text.is_empty() {
            search.text = Some(search::free_text(conn, text, words::actions_saying(text)).await?);
        }
        if !institution.is_empty() {
            search.institutions = Some(search::institutions_named(conn, institution).await?);
        }
        if !who.is_empty() && search.actor.is_none() {
            search.actor = search::actor_named(conn, who).await?;
            if search.actor.is_none() {
                search.who = who.to_owned();
            }
        }
        Ok(search)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_text_has_a_first_day() {
        let today = "2026-03-18".parse().unwrap();
        let from = |q: &str, from: &str, to: &str| {
            Filters { q: q.into(), from: from.into(), to: to.into(), ..Filters::default() }.bounded(today).from
        };
        assert_eq!(from("陈", "", ""), "2025-12-18");
        assert_eq!(from("陈", "", "2025-12-31"), "2025-10-02");
        assert_eq!(from("陈", "2020-01-01", ""), "2020-01-01");
        assert_eq!(from("陈", "whenever", ""), "2025-12-18");
        assert_eq!(from(" ", "", ""), "");
    }

    #[test]
    fn the_address_holds_what_was_asked_for() {
        let asked = Filters { q: "a&b".into(), actor: "7".into(), looks: "yes".into(), ..Filters::default() };
        assert_eq!(asked.address(), "q=a%26b&looks=yes&actor=7");
        assert_eq!(asked.told(), json!({"q": "a&b", "looks": "yes", "actor": "7"}));
    }
}
