//! The names of the trail's actions as officials read them.

use crate::web::Lang;

/// What an action is called; one that has no name is shown as it is recorded.
pub fn action(lang: Lang, action: &str) -> String {
    let (zh, en) = match action {
        "session.begun" => ("登录", "Signed in"),
        "session.ended" => ("会话结束", "Session ended"),
        "key.added" => ("新增机器密钥", "Machine key added"),
        "user.added" => ("新增账号", "Account added"),
        "import.uploaded" => ("上传表格", "Spreadsheet uploaded"),
        "import.mended" => ("改正表格", "Spreadsheet mended"),
        "import.discarded" => ("放弃导入", "Import discarded"),
        "import.finished" => ("完成导入", "Import finished"),
        "institution.added" => ("新增机构", "Institution added"),
        "institution.changed" => ("更新机构", "Institution changed"),
        "list.proposed" => ("提议名单变更", "List change proposed"),
        "list.approved" => ("同意名单变更", "List change approved"),
        "list.rejected" => ("不同意名单变更", "List change rejected"),
        "course.saved" => ("保存课程", "Course saved"),
        "course.submitted" => ("提交课程备案", "Course submitted"),
        "course.approved" => ("准予课程备案", "Course approved"),
        "course.returned" => ("退回课程备案", "Course returned"),
        "calendar.set" => ("设置校历", "School calendar set"),
        "escrow.account_filed" => ("备案监管账户", "Escrow account filed"),
        "escrow.entries_received" => ("接收银行流水", "Bank entries received"),
        "warning.raised" => ("出现预警", "Warning raised"),
        "warning.added_to" => ("预警升级或续发", "Warning added to"),
        "warning.withdrawn" => ("撤回预警", "Warning withdrawn"),
        "warning.acknowledged" => ("签收预警", "Warning acknowledged"),
        "warning.explained" => ("机构说明预警", "Warning explained"),
        "warning.investigated" => ("核查预警", "Warning investigated"),
        "warning.escalated" => ("升级上报预警", "Warning escalated"),
        "warning.resolved" => ("办结预警", "Warning resolved"),
        other => (other, other),
    };
    lang.t(zh, en).to_owned()
}
