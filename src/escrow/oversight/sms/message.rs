//! What a short message says. It names the matter; amounts and numbers stay in the system.

use serde_json::{Value, json};

use crate::{
    escrow::detector::{Level, WarningKind},
    web::{Lang, show},
};

/// Longest value that a gateway fills into its text, in characters.
const VALUE_MAX: usize = 35;

/// Tells this news from any other, whoever gets it; the number's keyed hash is put behind it.
pub fn key(warning: i64, level: Level) -> String {
    format!("sms:warning:{warning}:{level}:")
}

/// What is filled into the gateway's text.
pub fn variables(name: &str, (kind, level): (WarningKind, Level), url: &str) -> Value {
    let short = |text: &str| text.chars().take(VALUE_MAX).collect::<String>();
    json!({
        "name": short(name), "kind": short(show::warning_kind(Lang::Zh, kind.into())),
        "level": show::level_word(Lang::Zh, level.into()), "url": url,
    })
}

/// The same of a message by which a bureau tries its gateway out.
pub fn of_trial(url: &str) -> Value {
    json!({ "name": "短信提醒测试", "kind": "无须处理", "level": "测试", "url": url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_names_the_matter_in_few_characters() {
        let told = variables(&"校".repeat(60), (WarningKind::LargeSingle, Level::Red), "https://x/b/escrow/1");
        assert_eq!(told["name"].as_str().map(|name| name.chars().count()), Some(35));
        assert_eq!((&told["level"], &told["kind"]), (&json!("红色"), &json!("单笔大额支出")));
    }
}
