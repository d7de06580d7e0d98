//! One row of the watch page: an account in use, an institution without one, or a bank, with the gravest open warning if there is any.

use chrono::NaiveDate;

use crate::{
    escrow::{
        brief,
        figures::{self, Figures, words},
        model::{self, Status, Step},
        shown,
        store::{warnings::Warning, watch::Holding},
    },
    institutions,
    kernel::Calendar,
    web::{Lang, Page},
};

/// The box in which the line of the last balances is drawn.
pub const SPARK: (i64, i64) = (96, 22);

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// `None`: nothing is open, all is quiet.
    pub warning: Option<Warning>,
    /// `None`: an institution without an account in use, or a bank.
    pub holding: Option<Holding>,
    /// Whether the one who looks may say of the warning that it was seen.
    pub may_acknowledge: bool,
    /// The account's data are older than two bank days while something is open.
    pub is_stale: bool,
}

impl Row {
    /// Rows of open warnings, each with the account in use of its institution.
    pub fn warned(
        warnings: Vec<Warning>,
        holdings: &[Holding],
        handled_by: Option<i32>,
        (calendar, today): (&Calendar, NaiveDate),
    ) -> Vec<Row> {
        let row = |warning: Warning| {
            let of = |holding: &&Holding| {
                (holding.tenant_id, Some(holding.institution_id)) == (warning.tenant_id, warning.institution_id)
            };
            let standing = warning.status.parse::<Status>().ok().zip(warning.level.parse().ok());
            let open = standing.is_some_and(|(status, level)| model::after(status, level, Step::Acknowledge).is_ok());
            let may_acknowledge = open && handled_by == Some(warning.tenant_id);
            let is_stale = warning.is_stale(calendar, today);
            Row { holding: holdings.iter().find(of).cloned(), warning: Some(warning), may_acknowledge, is_stale }
        };
        warnings.into_iter().map(row).collect()
    }

    /// A row of an account of which nothing is open.
    pub fn quiet(holding: Holding) -> Row {
        Row { warning: None, holding: Some(holding), may_acknowledge: false, is_stale: false }
    }

    fn both<'a, T>(&'a self, warning: fn(&'a Warning) -> T, holding: fn(&'a Holding) -> T) -> Option<T> {
        self.warning.as_ref().map(warning).or_else(|| self.holding.as_ref().map(holding))
    }

    /// The institution's name, or the bank's.
    pub fn name(&self) -> &str {
        self.both(|w| w.institution_name.as_str(), |h| h.institution_name.as_str()).unwrap_or_default()
    }

    /// The institution's category; `None` for a bank.
    pub fn category(&self) -> Option<&str> {
        self.both(|w| w.category.as_deref(), |h| Some(h.category.as_str())).flatten()
    }

    /// The institution's credit code; `None` for a bank.
    pub fn credit_code(&self) -> Option<&str> {
        self.both(|w| w.credit_code.as_deref(), |h| Some(h.credit_code.as_str())).flatten()
    }

    /// The county.
    pub fn county(&self) -> String {
        institutions::words::region(self.both(|w| w.tenant_id, |h| h.tenant_id).unwrap_or_default())
    }

    /// Where it is handled, or looked at.
    pub fn href(&self) -> String {
        match (&self.warning, &self.holding) {
            (Some(warning), _) => shown::href(warning),
            (None, Some(holding)) => format!("/b/escrow/{}", holding.id),
            (None, None) => "/b/escrow".to_owned(),
        }
    }

    /// Names the row from one state of the page to the next.
    pub fn id(&self) -> String {
        match (&self.warning, &self.holding) {
            (Some(Warning { institution_id: Some(institution), .. }), _) => format!("row-{institution}"),
            (Some(warning), _) => format!("row-w{}", warning.id),
            (None, Some(holding)) => format!("row-{}", holding.institution_id),
            (None, None) => String::new(),
        }
    }

    /// Changes whenever there is news about its warning.
    pub fn news(&self) -> String {
        self.warning.as_ref().map_or_else(String::new, |w| format!("{}.{}.{}", w.id, w.level, w.version))
    }

    /// The level of the warning.
    pub fn level(&self) -> Option<&str> {
        self.warning.as_ref().map(|warning| warning.level.as_str())
    }

    /// The warning in a few words.
    pub fn reason(&self, page: &Page) -> String {
        self.warning.as_ref().map(|w| brief::reason(page.lang, &w.kind, &w.evidence)).unwrap_or_default()
    }

    /// The figures; `None` where there is no account.
    pub fn figures(&self) -> Option<&Figures> {
        self.holding.as_ref().map(|holding| &holding.figures)
    }

    /// An amount of the account, or that it is unknown; a dash where there is no account.
    fn money(&self, page: &Page, of: fn(&Figures) -> Option<i64>) -> String {
        self.figures().map_or_else(|| "—".to_owned(), |figures| words::money(page.lang, of(figures)))
    }

    /// The balance.
    pub fn held(&self, page: &Page) -> String {
        self.money(page, |figures| figures.held_fen)
    }

    /// Fees not yet earned.
    pub fn unearned(&self, page: &Page) -> String {
        self.money(page, |figures| figures.unearned_fen)
    }

    /// The minimum balance.
    pub fn minimum(&self, page: &Page) -> String {
        self.money(page, |figures| figures.minimum_fen)
    }

    /// The coverage in words.
    pub fn coverage(&self, page: &Page) -> String {
        self.figures().map_or_else(|| "—".to_owned(), |figures| words::coverage(page.lang, figures))
    }

    /// The filled part of the coverage's bar, in per cent.
    pub fn bar(&self) -> Option<i64> {
        Some((self.figures()?.coverage_bp()? / 100).clamp(0, 100))
    }

    /// Until when the money lasts, and what is said beside it.
    pub fn lasting(&self, page: &Page) -> (String, String) {
        self.figures().map_or_else(
            || ("—".to_owned(), String::new()),
            |figures| words::lasting(page.lang, figures.lasting(), page.today()),
        )
    }

    /// How long the bank has said nothing.
    pub fn silent(&self, page: &Page) -> String {
        self.figures()
            .map_or_else(|| "—".to_owned(), |figures| words::silent(page.lang, figures.silent_days(page.today())))
    }

    /// The line of the last balances; empty where there is none to draw.
    pub fn spark(&self) -> String {
        self.figures().map(|figures| figures::spark(&figures.balances(), SPARK)).unwrap_or_default()
    }

    /// The same in words.
    pub fn spark_words(&self, page: &Page) -> String {
        let balances = self.figures().map(Figures::balances).unwrap_or_default();
        let (Some(first), Some(last)) = (balances.first(), balances.last()) else { return String::new() };
        let (days, first, last) = (balances.len() - 1, page.yuan(*first), page.yuan(*last));
        match page.lang {
            Lang::Zh => format!("近 {days} 天余额，从 {first} 到 {last}"),
            Lang::En => format!("Balance of {days} days, from {first} to {last}"),
        }
    }

    /// The word of the warning's status.
    pub fn status(&self, page: &Page) -> &'static str {
        self.warning.as_ref().map_or("", |warning| brief::status_word(page.lang, &warning.status))
    }
}
