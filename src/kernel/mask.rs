//! What may be shown of a value about a person: enough to recognise it, too little to use it.

use super::private::BETWEEN_PHONES;

/// Runs of so many digits in a free text are taken for somebody's number.
const NUMBER_MIN: usize = 7;

/// Words that only the name of an organisation holds.
const ORGANISATION: [&str; 40] = [
    "公司",
    "集团",
    "企业",
    "中心",
    "学校",
    "学院",
    "大学",
    "中学",
    "小学",
    "幼儿园",
    "培训",
    "教育",
    "机构",
    "银行",
    "支行",
    "分行",
    "信用社",
    "商行",
    "商店",
    "商场",
    "超市",
    "书店",
    "药店",
    "酒店",
    "饭店",
    "工作室",
    "事务所",
    "合作社",
    "经营部",
    "门市部",
    "服务部",
    "工厂",
    "印刷",
    "协会",
    "基金会",
    "委员会",
    "政府",
    "财政",
    "物业",
    "支付",
];
const ORGANISATION_LATIN: [&str; 16] = [
    "ltd",
    "limited",
    "inc",
    "llc",
    "co.",
    "company",
    "corp",
    "bank",
    "school",
    "centre",
    "center",
    "university",
    "group",
    "trading",
    "services",
    "gmbh",
];

/// `138****5678`; of several numbers each by itself.
pub fn phone(text: &str) -> String {
    let separator = |c: char| c == ' ' || BETWEEN_PHONES.contains(&c);
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(separator) {
        let number = piece.trim_end_matches(separator);
        shown.push_str(&one_phone(number));
        shown.push_str(&piece[number.len()..]);
    }
    shown
}

/// Three characters at the front and four at the back, or fewer: at least four are always hidden.
fn one_phone(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    match letters.len() {
        0 => String::new(),
        1..=5 => "****".to_owned(),
        6..=10 => format!("****{}", tail(&letters, 2)),
        _ => format!("{}****{}", head(&letters, 3), tail(&letters, 4)),
    }
}

/// `331002********1234`.
pub fn citizen_id(text: &str) -> String {
    let letters: Vec<char> = text.trim().chars().collect();
    match letters.len() {
        0 => String::new(),
        1..=14 => "********".to_owned(),
        _ => format!("{}********{}", head(&letters, 6), tail(&letters, 4)),
    }
}

/// The last four characters of an account number.
pub fn account(text: &str) -> String {
    let letters: Vec<char> = text.trim().chars().collect();
    match letters.len() {
        0 => String::new(),
        1..=7 => "****".to_owned(),
        _ => format!("****{}", tail(&letters, 4)),
    }
}

/// Letters and digits from which on a text is taken for somebody's number.
const CERTIFICATE_MIN: usize = 6;

/// A number of which the first four and the last two characters stay; a short one keeps its last two alone. What holds
/// no number, such as the name of a certificate, stays whole.
pub fn certificate(number: &str) -> String {
    let number = number.trim();
    if number.chars().filter(char::is_ascii_alphanumeric).count() < CERTIFICATE_MIN {
        return number.to_owned();
    }
    let letters: Vec<char> = number.chars().collect();
    let tail: String = letters[letters.len() - 2..].iter().collect();
    match letters.len() {
        0..=9 => format!("****{tail}"),
        _ => format!("{}****{tail}", letters[..4].iter().collect::<String>()),
    }
}

/// `张*`, whatever the length of the name, which would tell something too.
pub fn name(text: &str) -> String {
    text.trim().chars().next().map_or_else(String::new, |first| format!("{first}*"))
}

/// `z***@school.example`.
pub fn email(text: &str) -> String {
    match text.trim().split_once('@') {
        Some((local, host)) => format!("{}***@{host}", local.chars().next().unwrap_or('*')),
        None => "***".to_owned(),
    }
}

/// A free text in which every long number is masked; words stay.
pub fn numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || (matches!(c, 'X' | 'x') && run.len() == 17) {
            run.push(c);
        } else {
            shown.push_str(&number(&run));
            run.clear();
            shown.push(c);
        }
    }
    shown.push_str(&number(&run));
    shown
}

fn number(run: &str) -> String {
    match run.len() {
        0..NUMBER_MIN => run.to_owned(),
        11 if run.starts_with('1') => phone(run),
        18 => citizen_id(run),
        _ => account(run),
    }
}

/// Whether a name of a bank entry is that of a natural person, as far as a name can tell; in doubt it is.
pub fn is_person(name: &str) -> bool {
    let plain: String =
        name.split(['（', '(']).next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.is_empty() {
        return true;
    }
    if plain.is_ascii() {
        let lower = plain.to_lowercase();
        return !ORGANISATION_LATIN
            .iter()
            .any(|word| lower.split(' ').any(|part| part == *word || part == word.trim_end_matches('.')));
    }
    let letters = plain.chars().filter(|c| !matches!(c, '·' | '•')).count();
    let named = ORGANISATION.iter().any(|word| plain.contains(word));
    !named && (letters <= 4 || plain.contains(['·', '•']))
}

fn head(letters: &[char], count: usize) -> String {
    letters[..count].iter().collect()
}

fn tail(letters: &[char], count: usize) -> String {
    letters[letters.len() - count..].iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_keeps_what_people_recognise_it_by() {
        for (shown, expected) in [
            (phone("13812345678"), "138****5678"),
            (phone("0576-88881234"), "057****1234"),
            (phone("15400009755/0576-88881234"), "154****9755/057****1234"),
            (phone("1390000"), "****00"),
            (phone("无"), "****"),
            (phone(""), ""),
            (citizen_id("331002199001011234"), "331002********1234"),
            (citizen_id("33100219900101123X"), "331002********123X"),
            (citizen_id("12345"), "********"),
            (account("6230550012030091264"), "****1264"),
            (account("1234567"), "****"),
            (name("张三丰"), "张*"),
            (name(" 欧阳修"), "欧*"),
            (name(""), ""),
            (email("zhang.san@school.example"), "z***@school.example"),
            (email("none"), "***"),
        ] {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn numbers_within_a_text_are_masked_and_words_stay() {
        for (text, expected) in [
            ("学费 3 月", "学费 3 月"),
            ("联系 13812345678，身份证331002199001011234", "联系 138****5678，身份证331002********1234"),
            ("身份证 33100219900101123X。", "身份证 331002********123X。"),
            ("转入 6230550012030091264", "转入 ****1264"),
            ("2026-03-18 退费 123456", "2026-03-18 退费 123456"),
        ] {
            assert_eq!(numbers(text), expected);
        }
    }

    #[test]
    fn a_name_tells_persons_from_organisations() {
        for (name, person) in [
            ("张三", true),
            ("欧阳修文", true),
            ("买买提·艾力", true),
            ("家长（样例）", true),
            ("Li Lei", true),
            ("", true),
            ("某某商贸有限公司（样例）", false),
            ("启明星培训中心", false),
            ("椒江区财政局", false),
            ("台州银行", false),
            ("Bright Star Trading Co. Ltd", false),
            ("Bank of Example", false),
        ] {
            assert_eq!(is_person(name), person, "{name}");
        }
    }

    #[test]
    fn numbers_of_certificates_keep_their_ends() {
        for (number, expected) in [
            ("20213310012345678", "2021****78"),
            ("1234567890", "1234****90"),
            ("123456789", "****89"),
            ("123456", "****56"),
            ("12345", "12345"),
            ("中级专业技能证书（样例）", "中级专业技能证书（样例）"),
            ("中级证书 330112345678", "中级证书****78"),
            ("", ""),
        ] {
            assert_eq!(certificate(number), expected);
        }
    }

    proptest! {
        #[test]
        fn at_least_four_characters_of_a_number_are_hidden(digits in "[0-9]{5,24}") {
            for shown in [phone(&digits), citizen_id(&digits), account(&digits)] {
                let kept = shown.chars().filter(char::is_ascii_digit).count();
                prop_assert!(kept + 4 <= digits.len(), "{digits} {shown}");
                prop_assert!(!shown.contains(&digits));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (phone(&text), citizen_id(&text), account(&text), name(&text), email(&text), numbers(&text), is_person(&text));
        }
    }
}
