//! The two languages of the pages.
//!
//! Both wordings stand beside each other where they are used, so that neither can be missing.

use actix_web::HttpRequest;

/// Name of the cookie that remembers the choice.
pub const COOKIE: &str = "mj_lang";

/// The language of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    Zh,
    En,
}

impl Lang {
    /// By `?lang=`, then the cookie, then `Accept-Language`; Chinese when nothing says otherwise.
    pub fn of(request: &HttpRequest) -> Lang {
        if let Some(chosen) = Lang::chosen(request.query_string()) {
            return chosen;
        }
        if let Some(cookie) = request.cookie(COOKIE) {
            return Lang::from_code(cookie.value());
        }
        let accepted = request.headers().get("accept-language").and_then(|value| value.to_str().ok());
        Lang::from_code(accepted.unwrap_or_default())
    }

    /// The language that a query asks for in so many words.
    pub fn chosen(query: &str) -> Option<Lang> {
        let value = query.split('&').find_map(|pair| pair.strip_prefix("lang="))?;
        Some(Lang::from_code(value))
    }

    fn from_code(code: &str) -> Lang {
        if code.to_ascii_lowercase().starts_with("en") { Lang::En } else { Lang::Zh }
    }

    /// The wording in this language.
    pub fn t<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// For the `lang` attribute.
    pub fn code(self) -> &'static str {
        self.t("zh-CN", "en")
    }

    /// The other one.
    pub fn other(self) -> Lang {
        match self {
            Lang::Zh => Lang::En,
            Lang::En => Lang::Zh,
        }
    }

    /// Whether this is English.
    pub fn is_en(self) -> bool {
        self == Lang::En
    }
}
