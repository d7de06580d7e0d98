//! The words of the public pages for the codes of the records.

use crate::{
    kernel::credit_code::{CreditCodeError, normalise},
    web::{Lang, show},
};

/// Words in one language, for templates.
#[derive(Debug, Clone, Copy)]
pub struct Words(pub Lang);

impl Words {
    /// School stage.
    pub fn stage(self, stage: &str) -> &'static str {
        match stage {
            "preschool" => self.0.t("学龄前", "Preschool"),
            "primary" => self.0.t("小学", "Primary"),
            "junior" => self.0.t("初中", "Junior secondary"),
            "senior" => self.0.t("高中", "Senior secondary"),
            "vocational" => self.0.t("中职", "Vocational school"),
            "higher" => self.0.t("高校", "Higher education"),
            "adult" => self.0.t("成人", "Adults"),
            _ => "—",
        }
    }

    /// How lessons are given.
    pub fn delivery(self, delivery: &str) -> &'static str {
        match delivery {
            "offline" => self.0.t("线下", "On site"),
            "online" => self.0.t("线上", "Online"),
            _ => "—",
        }
    }

    /// Stages and ways of teaching in one line.
    pub fn list(self, codes: &[String]) -> String {
        let word = |code: &str| match self.delivery(code) {
            "—" => self.stage(code),
            word => word,
        };
        codes.iter().map(|code| word(code)).collect::<Vec<_>>().join(self.0.t("、", ", "))
    }

    /// An academic subject by its code; any other subject is what the institution wrote.
    pub fn subject(self, subject: &str) -> String {
        match subject {
            "morality_law" => self.0.t("道德与法治", "Morality and law"),
            "chinese" => self.0.t("语文", "Chinese"),
            "history" => self.0.t("历史", "History"),
            "geography" => self.0.t("地理", "Geography"),
            "mathematics" => self.0.t("数学", "Mathematics"),
            "english" => self.0.t("英语", "English"),
            "japanese" => self.0.t("日语", "Japanese"),
            "russian" => self.0.t("俄语", "Russian"),
            "physics" => self.0.t("物理", "Physics"),
            "chemistry" => self.0.t("化学", "Chemistry"),
            "biology" => self.0.t("生物", "Biology"),
            other => other,
        }
        .to_owned()
    }

    /// What a person does at the institution.
    pub fn role(self, role: &str) -> &'static str {
        match role {
            "teaching" => self.0.t("教学", "Teaching"),
            "research" => self.0.t("教研", "Research"),
            _ => self.0.t("其他", "Other"),
        }
    }

    /// How prepaid fees are protected.
    pub fn mode(self, mode: &str) -> &'static str {
        match mode {
            "custody" => self.0.t("银行托管", "Bank custody"),
            "risk_deposit" => self.0.t("风险保证金", "Risk deposit"),
            _ => "—",
        }
    }

    /// Whether the institution is open.
    pub fn status(self, status: &str) -> &'static str {
        match status {
            "operating" => self.0.t("正常办学", "Open"),
            "suspended" => self.0.t("停业整顿", "Closed for rectification"),
            "terminating" => self.0.t("正在终止办学", "Closing down"),
            _ => self.0.t("已注销", "Deregistered"),
        }
    }

    /// 1 Monday to 7 Sunday.
    pub fn weekday(self, day: &u8) -> &'static str {
        show::weekday(self.0, u32::from(*day))
    }
}

/// Why a text is no credit code, with what was seen in it; Chinese and English.
pub fn code_error(input: &str, error: CreditCodeError) -> (String, String) {
    let code = normalise(input);
    match error {
        CreditCodeError::Length => {
            let count = code.chars().count();
            (
                format!("统一社会信用代码须为 18 位，现为 {count} 位。请对照证照逐位核对。"),
                format!("A credit code has 18 characters; this has {count}. Compare it with the licence."),
            )
        }
        CreditCodeError::Alphabet => {
            let mut odd: Vec<char> =
                code.chars().filter(|c| !c.is_ascii_alphanumeric() || "IOSVZ".contains(*c)).collect();
            odd.sort_unstable();
            odd.dedup();
            let odd = odd.iter().map(char::to_string).collect::<Vec<_>>();
            (
                format!(
                    "代码中有不会出现的字符：{}。代码只用数字和大写字母，不用 I、O、S、V、Z（0 与 O、1 与 I 易混）。",
                    odd.join("、")
                ),
                format!(
                    "It holds characters that no credit code has: {}. Only digits and capitals without I, O, S, V, Z occur (0 and O, 1 and I are easily confused).",
                    odd.join(", ")
                ),
            )
        }
        CreditCodeError::CheckCharacter => (
            "第 18 位校验码与前 17 位不符：至少有一位抄错，或者这个代码是编造的。".to_owned(),
            "The 18th character does not fit the other 17: at least one was copied wrongly, or the code is made up."
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::CreditCode;

    #[test]
    fn a_wrong_code_is_told_what_is_wrong() {
        for (input, zh, en) in [
            ("52331002MJ000001U", "现为 17 位", "has 17"),
            ("52331002MI0000O18U", "：I、O。", ": I, O."),
            ("52331002MJ0000018*", "：*。", ": *."),
            ("52331002MJ0000081U", "校验码", "18th"),
        ] {
            let error = input.parse::<CreditCode>().unwrap_err();
            let told = code_error(input, error);
            assert!(told.0.contains(zh) && told.1.contains(en), "{told:?}");
        }
    }
}
