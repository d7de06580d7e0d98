//! Which passwords are taken (NIST SP 800-63B-4, section 3.1.1): long ones that nobody tries first. Nothing is asked about
//! their letters, and they never expire.

use unicode_normalization::UnicodeNormalization;

use super::breached;

/// Shortest password that is taken where it is all that is asked for.
pub const LENGTH_MIN_ALONE: usize = 15;
/// Shortest password that is taken where a second factor is asked for as well.
pub const LENGTH_MIN_WITH_SECOND: usize = 8;
/// Longest password that is taken, so that hashing cannot be made to do endless work.
pub const LENGTH_MAX: usize = 128;
/// A password with fewer different characters, or that leaves fewer when rows of keys are taken as one, is a pattern.
const DIFFERENT_MIN: usize = 5;
/// A password that holds a word everybody knows of its owner has more different letters than this besides.
const LEFT_MIN: usize = 4;

/// Words that whoever guesses at this system tries.
const HOUSE_WORDS: [&str; 14] = [
    "mingjian",
    "明鉴",
    "jiaoyu",
    "jiaoyuju",
    "教育局",
    "peixun",
    "培训",
    "jianguan",
    "password",
    "admin",
    "mima",
    "密码",
    "zhongguo",
    "woaini",
];

/// Rows of a keyboard, along which fingers run.
const ROWS: [&str; 6] =
    ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn", "abcdefghijklmnopqrstuvwxyz"];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {0} characters; a sentence of a few words is easy to remember")]
    TooShort(usize),
    #[error("a password has at most {LENGTH_MAX} characters")]
    TooLong,
    #[error("this password is on lists of stolen passwords; attackers try it first, so choose another")]
    Breached,
    #[error(
        "this password is little more than your name, your bureau or this system's name; add words that nobody guesses"
    )]
    Guessable,
    #[error("this password is a pattern or a run of keys; choose words or characters that do not repeat")]
    Pattern,
    #[error("the password could not be hashed")]
    Hashing,
    #[error("too many sign-ins at once; try again in a few seconds")]
    Busy,
}

impl PasswordError {
    /// The same in Chinese.
    pub fn zh(self) -> String {
        match self {
            PasswordError::TooShort(min) => format!("密码至少要 {min} 个字符；用几个词连成一句话，好记又安全。"),
            PasswordError::TooLong => format!("密码最多 {LENGTH_MAX} 个字符。"),
            PasswordError::Breached => "这个密码在已泄露的密码名单里，攻击者会最先尝试，请换一个。".to_owned(),
            PasswordError::Guessable => {
                "这个密码几乎就是您的账号、单位或本系统的名字，容易被猜到，请加上别人想不到的词。".to_owned()
            }
            PasswordError::Pattern => "这个密码是重复或键盘上连着的字符，请换成不重复的词或字符。".to_owned(),
            PasswordError::Hashing => "密码没有保存成功，请再试一次。".to_owned(),
            PasswordError::Busy => "同时登录的人太多，请过几秒再试。".to_owned(),
        }
    }
}

/// What is known about whose password it is to be.
#[derive(Debug, Clone, Default)]
pub struct Context<'a> {
    /// Sign-in name, shown name, bureau, place: what a stranger would try.
    pub words: Vec<&'a str>,
    /// A second factor is asked for as well.
    pub second_factor: bool,
}

impl Context<'_> {
    /// Shortest password that is taken.
    pub fn length_min(&self) -> usize {
        if self.second_factor { LENGTH_MIN_WITH_SECOND } else { LENGTH_MIN_ALONE }
    }
}

/// A password in the one form in which it is hashed (NFKC), however the keyboard composed it.
pub(super) fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Takes a password, in its normal form, or says why not.
pub fn judge(password: &str, context: &Context<'_>) -> Result<String, PasswordError> {
    if 4 * LENGTH_MAX < password.len() {
        return Err(PasswordError::TooLong);
    }
    let normal = normal(password);
    let min = context.length_min();
    match normal.chars().count() {
        n if n < min => return Err(PasswordError::TooShort(min)),
        n if LENGTH_MAX < n => return Err(PasswordError::TooLong),
        _ => {}
    }
    let small = normal.to_lowercase();
    // Who writes a stolen password twice, or a year behind it, has not chosen another.
    let once = unit(&small);
    let core = once.trim_matches(|c: char| !c.is_alphabetic());
    if [small.as_str(), once, core].into_iter().any(breached::contains) {
        return Err(PasswordError::Breached);
    }
    if different(&small) < DIFFERENT_MIN {
        return Err(PasswordError::Pattern);
    }
    if without_words(&small, context).is_some_and(|rest| different(&rest) < LEFT_MIN) {
        return Err(PasswordError::Guessable);
    }
    Ok(normal)
}

/// The shortest text whose repetition a password is.
fn unit(text: &str) -> &str {
    let len = text.len();
    (1..=len / 2)
        .filter(|size| len.is_multiple_of(*size) && text.is_char_boundary(*size))
        .map(|size| &text[..size])
        .find(|unit| unit.repeat(len / unit.len()) == text)
        .unwrap_or(text)
}

/// How many different characters remain when each run along a row of keys, or of one character, counts once.
fn different(text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let mut seen: Vec<char> = Vec::new();
    for (at, letter) in chars.iter().enumerate() {
        let runs_on =
            at.checked_sub(1).and_then(|before| chars.get(before)).is_some_and(|before| follows(*before, *letter));
        if !runs_on && !seen.contains(letter) {
            seen.push(*letter);
        }
    }
    seen.len()
}

fn follows(before: char, letter: char) -> bool {
    let beside = |row: &str| {
        let at = |c: char| row.chars().position(|key| key == c);
        at(before).zip(at(letter)).is_some_and(|(one, other)| one.abs_diff(other) <= 1)
    };
    before == letter || ROWS.iter().any(|row| beside(row))
}

/// The letters of a password besides the words that its owner's circumstances suggest; `None` where it holds none of them.
fn without_words(small: &str, context: &Context<'_>) -> Option<String> {
    let mut rest = small.to_owned();
    let own = context.words.iter().flat_map(|words| {
        let words = normal(words).to_lowercase();
        let parts: Vec<String> = words.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
        std::iter::once(words).chain(parts)
    });
    let mut words: Vec<String> =
        own.chain(HOUSE_WORDS.map(str::to_owned)).filter(|word| 2 <= word.chars().count()).collect();
    // A name goes before the parts of it.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        rest = rest.replace(&word, "");
    }
    (rest.len() < small.len()).then(|| rest.chars().filter(|c| c.is_alphabetic()).collect())
}

#[cfg(test)]
mod tests {
    use super::{PasswordError::*, *};

    #[test]
    fn long_passwords_that_nobody_tries_first_are_taken() {
        let context = Context { words: vec!["wang.jingyi", "王静怡", "椒江区教育局"], second_factor: true };
        for (case, password, expected) in [
            ("eight characters", "kq7vwpz3", Ok(())),
            ("seven", "kq7vwpz", Err(TooShort(8))),
            ("eight Chinese characters", "山高月小水落石出", Ok(())),
            ("the longest", &"正大光明海内存知".repeat(16)[..], Ok(())),
            ("a sentence", "春江花月夜里 bronze 照见 2 只白鹭", Ok(())),
            ("no composition is asked for", "velvetharborlantern", Ok(())),
            ("stolen", "qwertyuiop", Err(Breached)),
            ("stolen, in capitals", "WoAiNi1314", Err(Breached)),
            ("stolen, full width", "ｐａｓｓｗｏｒｄ", Err(Breached)),
            ("stolen, with a year", "dragon2026!", Err(Breached)),
            ("stolen, twice", "passwordpassword", Err(Breached)),
            ("one character", "zzzzzzzzzzzzzzzz", Err(Breached)),
            ("runs of keys", "qwert98765asdfg43221", Err(Pattern)),
            ("few characters", "xyxyxxyyxyxyxxyx", Err(Pattern)),
            ("the own name", "Wang.Jingyi@2026", Err(Guessable)),
            ("the bureau", "椒江区教育局 2026", Err(Guessable)),
            ("the system", "mingjian-admin-888", Err(Guessable)),
            ("the own name and more", "wang.jingyi keeps egrets", Ok(())),
        ] {
            assert_eq!(judge(password, &context).map(drop), expected, "{case}");
        }
        assert_eq!(judge(&"x1".repeat(65), &context), Err(TooLong));
        assert_eq!(judge(&"春".repeat(200), &context), Err(TooLong));
    }

    #[test]
    fn alone_a_password_is_longer() {
        let alone = Context::default();
        assert_eq!(judge("velvet harbor", &alone), Err(TooShort(15)));
        assert!(judge("velvet harbor lantern", &alone).is_ok());
        assert!(judge("correct horse battery staple", &alone).is_ok());
    }

    #[test]
    fn leading_and_trailing_spaces_are_part_of_it() {
        assert_eq!(judge(" velvet harbor lantern ", &Context::default()).unwrap(), " velvet harbor lantern ");
    }
}
