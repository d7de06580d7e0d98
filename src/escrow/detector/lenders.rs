//! The words by which a lender or a loan is known in what a bank writes about an entry.
//!
//! One table, because it is the whole of what W13 goes by on the side of the bank. A word stands here when nobody but a
//! lender bears it, or when it names a loan product; what banks and families also write of other things does not.

/// Where a word tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the name of the payer.
    Name,
    /// In the remark.
    Remark,
    Both,
}

/// A word, where it tells, and why, in Chinese and in English.
type Word = (&'static str, Place, &'static str, &'static str);

const WORDS: [Word; 17] = [
    ("小额贷款", Place::Name, "小额贷款公司的名称", "in the names of micro-lenders"),
    ("小贷", Place::Name, "小额贷款公司的简称", "short for a micro-lender"),
    ("消费金融", Place::Name, "消费金融公司的名称", "in the names of consumer finance companies"),
    ("消金", Place::Both, "消费金融公司的简称", "short for a consumer finance company"),
    ("网络借贷", Place::Name, "网络借贷平台的名称", "in the names of lending platforms"),
    ("网贷", Place::Both, "网络借贷的简称", "short for lending over the internet"),
    ("信贷", Place::Name, "信贷机构或银行的放款账户", "a lender, or the account from which a bank lends"),
    ("贷款", Place::Both, "放款账户，或用途为贷款", "an account that lends, or a loan as the purpose"),
    ("分期", Place::Both, "分期付款平台，或支付渠道标明分期", "an instalment platform, or a channel that says so"),
    ("白条", Place::Both, "消费信贷产品", "a consumer credit product"),
    ("花呗", Place::Both, "消费信贷产品", "a consumer credit product"),
    ("借呗", Place::Both, "消费信贷产品", "a consumer credit product"),
    ("消费贷", Place::Both, "消费信贷产品", "a consumer credit product"),
    ("培训贷", Place::Remark, "明令禁止的付款方式（双减意见）", "the forbidden kind of payment itself"),
    ("教育贷", Place::Remark, "培训贷的别称", "another word for a training loan"),
    ("学费贷", Place::Remark, "培训贷的别称", "another word for a training loan"),
    ("助学贷", Place::Remark, "培训贷的别称", "another word for a training loan"),
];

/// Whether a text can hold a word at all: each holds one of these characters, and most texts hold none.
fn may_hold(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '贷' | '金' | '期' | '呗' | '条'))
}

fn found(text: Option<&str>, place: Place) -> Option<&'static Word> {
    let text = text.filter(|text| may_hold(text))?;
    WORDS.iter().find(|(word, at, ..)| (*at == place || *at == Place::Both) && text.contains(word))
}

/// The word by which an incoming entry is a lender's.
pub(super) fn of_lender(payer: Option<&str>, remark: Option<&str>) -> Option<&'static str> {
    found(payer, Place::Name).or_else(|| found(remark, Place::Remark)).map(|(word, ..)| *word)
}

/// Whether payer or remark of an incoming entry show a lender.
pub fn is_lender(payer: Option<&str>, remark: Option<&str>) -> bool {
    of_lender(payer, remark).is_some()
}

/// Why a word tells, in Chinese and in English.
pub fn why(word: &str) -> Option<(&'static str, &'static str)> {
    WORDS.iter().find(|(one, ..)| *one == word).map(|(_, _, zh, en)| (*zh, *en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenders_are_known_by_their_names_and_loans_by_the_remark() {
        for (payer, remark, expected) in [
            ("××消费金融有限公司", "", Some("消费金融")),
            ("某某小额贷款有限公司", "", Some("小额贷款")),
            ("某小贷（重庆）", "", Some("小贷")),
            ("某某分期信息科技有限公司", "", Some("分期")),
            ("张三", "学费 分期12期", Some("分期")),
            ("支付宝（中国）网络技术有限公司", "花呗收款", Some("花呗")),
            ("李四", "培训贷放款", Some("培训贷")),
            ("金小期", "第一期学费", None),
            ("中国金融期货交易所", "货款", None),
            ("家长", "围棋课 3 月", None),
            ("", "", None),
        ] {
            let word = of_lender(Some(payer), Some(remark));
            assert_eq!(word, expected, "{payer} {remark}");
        }
        assert_eq!(of_lender(None, None), None);
    }

    #[test]
    fn every_word_passes_the_first_look_and_says_why() {
        for (word, ..) in WORDS {
            assert!(may_hold(word) && why(word).is_some_and(|(zh, en)| !zh.is_empty() && !en.is_empty()), "{word}");
        }
    }
}
