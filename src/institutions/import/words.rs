//! Cells that hold one of a set of words: category, stage, delivery, status.

use super::{
    cells::{Cell, is_blank, narrow},
    rule::Rule,
};
use crate::institutions::model::{Category, Delivery, Stage, Status};

/// The category, and the stages that its name tells (学科类-高中).
pub(super) fn category(written: &str) -> Cell<(Category, Vec<Stage>)> {
    let text: String = narrow(written).chars().filter(|c| !is_blank(*c)).collect();
    if text.is_empty() {
        return Cell::empty();
    }
    let known = match text.strip_suffix('类').unwrap_or(&text) {
        "文化艺术" | "艺术" | "文化" | "arts" => Category::Arts,
        "体育" | "sports" => Category::Sports,
        "科技" | "科学技术" | "科普" | "sci_tech" => Category::SciTech,
        "职业技能" | "职业技能培训" | "vocational" => Category::Vocational,
        "托育" | "childcare" => Category::Childcare,
        "综合" | "综合实践" | "综合实践活动" | "comprehensive" => Category::Comprehensive,
        "学科" | "学科培训" | "文化课" | "academic" => Category::Academic,
        _ => {
            let stages = text.strip_prefix("学科类").or_else(|| text.strip_prefix("学科")).map(stages_in);
            return match stages {
                Some(stages) if !stages.is_empty() => Cell::good((Category::Academic, stages)),
                _ => Cell::refused(Rule::UnknownCategory),
            };
        }
    };
    Cell::good((known, Vec::new()))
}

/// Stages named in a text, in order.
fn stages_in(text: &str) -> Vec<Stage> {
    let tells = |words: &[&str]| words.iter().any(|word| text.contains(word));
    [
        (Stage::Preschool, tells(&["学前", "幼儿", "幼小", "preschool"])),
        (Stage::Primary, tells(&["小学", "义务教育", "中小学", "primary"])),
        (Stage::Junior, tells(&["初中", "义务教育", "中小学", "中学", "junior"])),
        (Stage::Senior, tells(&["高中", "中学", "senior"])),
        (Stage::Adult, tells(&["成人", "成年", "adult"])),
    ]
    .into_iter()
    .filter_map(|(stage, told)| told.then_some(stage))
    .collect()
}

/// The stages of a cell of its own.
pub(super) fn stages(written: &str) -> Cell<Vec<Stage>> {
    match written.trim_matches(is_blank) {
        "" => Cell::empty(),
        text => match stages_in(text) {
            stages if stages.is_empty() => Cell::refused(Rule::UnknownStage),
            stages => Cell::good(stages),
        },
    }
}

/// Whether lessons are given in rooms, over the network, or both.
pub(super) fn delivery(written: &str) -> Cell<Vec<Delivery>> {
    let text = written.trim_matches(is_blank);
    if text.is_empty() {
        return Cell::empty();
    }
    let tells = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let told = [
        (Delivery::Offline, tells(&["线下", "面授", "offline"])),
        (Delivery::Online, tells(&["线上", "网络", "online"])),
    ];
    let delivery: Vec<Delivery> = told.into_iter().filter_map(|(delivery, told)| told.then_some(delivery)).collect();
    if delivery.is_empty() { Cell::refused(Rule::UnknownDelivery) } else { Cell::good(delivery) }
}

/// The status in the register.
///
/// 黑名单 is a decision of the lists, which an import cannot make; until the bureau makes it, such an institution
/// is entered as suspended.
pub(super) fn status(written: &str) -> Cell<Status> {
    let text: String = narrow(written).chars().filter(|c| !is_blank(*c)).collect();
    Cell::good(match text.as_str() {
        "" => return Cell::empty(),
        "正常" | "正常办学" | "正常运营" | "在营" | "在业" | "存续" | "营业" | "开业" | "operating" => {
            Status::Operating
        }
        "暂停招生" | "暂停" | "停业" | "停业整顿" | "暂停办学" | "停办" | "歇业" | "整改" | "整改中" | "黑名单"
        | "suspended" => Status::Suspended,
        "终止" | "终止办学" | "终止中" | "清算" | "清算中" | "拟注销" | "terminating" => {
            Status::Terminating
        }
        "注销" | "已注销" | "吊销" | "已吊销" | "撤销" | "deregistered" => Status::Deregistered,
        _ => return Cell::refused(Rule::UnknownStatus),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn categories_with_their_stages() {
        use Category::*;
        for (written, expected) in [
            ("学科类", Some((Academic, vec![]))),
            ("学科类-高中", Some((Academic, vec![Stage::Senior]))),
            ("学科类（义务教育）", Some((Academic, vec![Stage::Primary, Stage::Junior]))),
            ("文化艺术类 ", Some((Arts, vec![]))),
            ("艺术", Some((Arts, vec![]))),
            ("体育类", Some((Sports, vec![]))),
            ("sci_tech", Some((SciTech, vec![]))),
            ("职业技能类", Some((Vocational, vec![]))),
            ("托育", Some((Childcare, vec![]))),
            ("综合类", Some((Comprehensive, vec![]))),
            ("综合实践类", Some((Comprehensive, vec![]))),
            ("非学科类", None),
            ("学科类-其他", None),
            ("托管", None),
            ("国学类", None),
        ] {
            assert_eq!(category(written).value, expected, "{written}");
        }
    }

    #[test]
    fn words_for_stages_delivery_and_status() {
        assert_eq!(stages("小学、初中").value, Some(vec![Stage::Primary, Stage::Junior]));
        assert_eq!(stages("3-6岁").issue, Some((Rule::UnknownStage, None)));
        assert_eq!(delivery("线上线下结合").value, Some(vec![Delivery::Offline, Delivery::Online]));
        assert_eq!(delivery("上门").issue, Some((Rule::UnknownDelivery, None)));
        for (written, expected) in [
            ("正常", Some(Status::Operating)),
            ("暂停招生", Some(Status::Suspended)),
            ("黑名单", Some(Status::Suspended)),
            ("终止办学", Some(Status::Terminating)),
            ("注销", Some(Status::Deregistered)),
            ("不详", None),
            ("", None),
        ] {
            assert_eq!(status(written).value, expected, "{written}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_word_never_panics(written in "\\PC{0,24}") {
            let _ = (category(&written), stages(&written), delivery(&written), status(&written));
        }
    }
}
