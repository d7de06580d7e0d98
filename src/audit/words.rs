//! The names of the trail's actions, fields and values as officials read them.

use serde_json::Value;

use crate::{
    approvals::Kind,
    courses, institutions,
    kernel::Fen,
    lists::Ground,
    policies,
    web::{Lang, show},
};

/// Every action that has a name: the action, Chinese, English.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("session.begun", "登录", "Signed in"),
    ("session.ended", "会话结束", "Session ended"),
    ("password.changed", "修改密码", "Password changed"),
    ("password.link_sent", "发送重设密码链接", "Link for a new password sent"),
    ("password.reset", "通过邮件重设密码", "Password reset by mail"),
    ("totp.added", "启用验证器", "Authenticator app added"),
    ("totp.removed", "停用验证器", "Authenticator app removed"),
    ("passkey.added", "添加通行密钥", "Passkey added"),
    ("passkey.removed", "删除通行密钥", "Passkey removed"),
    ("recovery_codes.made", "生成恢复码", "Recovery codes made"),
    ("recovery_code.used", "使用恢复码", "Recovery code used"),
    ("factors.reset", "重置两步验证", "Second factors reset"),
    ("key.added", "新增机器密钥", "Machine key added"),
    ("key.rotated", "更换机器密钥", "Machine key changed"),
    ("key.revoked", "作废机器密钥", "Machine key revoked"),
    ("user.changed", "变更账号", "Account changed"),
    ("provider.set", "设置统一身份认证", "Identity provider set"),
    ("provider.mapped", "设置身份对应岗位", "Post of a claim set"),
    ("provider.unmapped", "取消身份对应岗位", "Post of a claim removed"),
    ("provider.removed", "移除统一身份认证", "Identity provider removed"),
    ("signing_key.rotated", "更换签名密钥", "Signing key changed"),
    ("user.added", "新增账号", "Account added"),
    ("user.invited", "邀请人员", "Person invited"),
    ("user.invitation_resent", "重新发送邀请", "Invitation sent again"),
    ("user.invitation_withdrawn", "撤回邀请", "Invitation withdrawn"),
    ("user.joined", "接受邀请", "Invitation accepted"),
    ("user.disabled", "停用账号", "Account disabled"),
    ("user.enabled", "启用账号", "Account enabled"),
    ("user.role_changed", "变更角色", "Role changed"),
    ("user.handed_over", "交接工作", "Work handed over"),
    ("departments.routed", "设置主管部门分工", "Departments assigned"),
    ("import.uploaded", "上传表格", "Spreadsheet uploaded"),
    ("import.mended", "改正表格", "Spreadsheet mended"),
    ("import.discarded", "放弃导入", "Import discarded"),
    ("import.finished", "完成导入", "Import finished"),
    ("institution.added", "新增机构", "Institution added"),
    ("institution.changed", "更新机构", "Institution changed"),
    ("institution.sponsor_added", "登记举办者", "Sponsor added"),
    ("institution.sponsor_removed", "移除举办者", "Sponsor taken off"),
    ("approval.proposed", "提议，待复核", "Proposed to a colleague"),
    ("approval.approved", "复核同意", "Approved"),
    ("approval.rejected", "复核不同意", "Rejected"),
    ("approval.withdrawn", "撤回提议", "Proposal taken back"),
    ("approval.expired", "提议过期失效", "Proposal ran out"),
    ("list.changed", "名单变更", "List changed"),
    ("policy.changed", "调整政策参数", "Policy changed"),
    ("proof.made", "三方核对", "Three-way proof made"),
    ("proof.explained", "说明核对差异", "Difference of a proof explained"),
    ("refund.asked", "申请退费", "Refund asked for"),
    ("refund.approved", "同意退费", "Refund approved"),
    ("refund.astray", "退费付给了未付款的人", "Refund went to somebody who did not pay"),
    ("refund.route_known", "退费去向已查明", "It became known where a refund went"),
    ("refund.withdrawn", "撤回退费申请", "Refund taken back"),
    ("release.calculated", "计算划拨金额", "Release worked out"),
    ("release.approved", "批准划拨指令", "Release order approved"),
    ("release.sent", "发出划拨指令", "Release order sent"),
    ("release.rejected", "驳回划拨指令", "Release order rejected"),
    ("course.saved", "保存课程", "Course saved"),
    ("course.submitted", "提交课程备案", "Course submitted"),
    ("course.approved", "准予课程备案", "Course approved"),
    ("course.returned", "退回课程备案", "Course returned"),
    ("calendar.set", "设置校历", "School calendar set"),
    ("escrow.account_filed", "备案监管账户", "Escrow account filed"),
    ("escrow.account_completed", "补齐监管账户备案", "Escrow account's filing completed"),
    ("escrow.change_moved", "更改监管账户启用日", "Day of a change of account moved"),
    ("escrow.change_withdrawn", "撤回监管账户变更", "Change of account taken back"),
    ("escrow.amendment_filed", "申请变更监管账户备案", "Change of the account's filing filed"),
    ("escrow.amendment_withdrawn", "撤回监管账户备案变更", "Change of the account's filing taken back"),
    ("escrow.amendment_refused", "不同意监管账户备案变更", "Change of the account's filing refused"),
    ("escrow.amendment_confirmed", "确认监管账户备案变更", "Change of the account's filing confirmed"),
    ("escrow.branches_named", "登记监管账户适用校区", "Branches of the escrow account named"),
    ("escrow.account_in_use", "新监管账户启用", "New escrow account in use"),
    ("escrow.account_emptying", "原监管账户待转清", "Old escrow account to be emptied"),
    ("escrow.account_closed", "原监管账户已转清", "Old escrow account empty"),
    ("escrow.entries_received", "接收银行流水", "Bank entries received"),
    ("escrow.statement_received", "接收对账单", "Statement received"),
    ("contract.pupil_searched", "查找学员的合同", "Looked for a pupil's contracts"),
    ("contract.recorded", "登记合同", "Contract recorded"),
    ("payment.recorded", "登记收款", "Payment recorded"),
    ("lesson.recorded", "登记课时", "Lessons recorded"),
    ("lesson.confirmed", "确认消课", "Lesson confirmed"),
    ("lesson.disputed", "家长对课时有异议", "Lesson disputed by the parent"),
    ("lesson.settled", "处理课时异议", "Disputed lesson settled"),
    ("lesson.voided", "作废课时", "Lesson voided"),
    ("ledger.imported", "导入合同或课时", "Contracts or lessons imported"),
    ("order.settled", "划拨或退费已由银行执行", "Order carried out by the bank"),
    ("statement_layout.remembered", "记住对账单列含义", "Columns of statements remembered"),
    ("statement_layout.forgotten", "删除对账单列含义", "Columns of statements forgotten"),
    ("statement_draft.put_by", "对账单待说明列含义", "Statement waits for its columns"),
    ("statement_draft.taken_in", "按说明入账", "Waiting statement taken in"),
    ("statement_draft.discarded", "放弃待说明的对账单", "Waiting statement discarded"),
    ("statement_draft.expired", "清除过期待说明的对账单", "Waiting statement let go"),
    ("warning.raised", "出现预警", "Warning raised"),
    ("warning.added_to", "预警升级或续发", "Warning added to"),
    ("warning.withdrawn", "撤回预警", "Warning withdrawn"),
    ("statement.contradicted", "报送内容相互矛盾", "A delivery contradicts itself or what is kept"),
    ("warning.mended", "对账单已衔接，待签认", "Statements connect again, to be signed"),
    ("warning.renewed", "更新预警数据", "Figures of a warning renewed"),
    ("warning.put_up", "预警自动升级", "Warning put up one level"),
    ("warning.noted", "记录预警备注", "Note on a warning"),
    ("warning.handed_over", "移交预警", "Warning handed over"),
    ("webhook.set", "设置预警推送地址", "Address for warnings set"),
    ("webhook.removed", "停止推送预警", "Address for warnings removed"),
    ("complaint.recorded", "登记投诉", "Complaint recorded"),
    ("complaint.settled", "核实投诉", "Complaint settled"),
    ("sms.set", "设置短信平台", "Gateway for short messages set"),
    ("sms.removed", "停止发短信", "Short messages stopped"),
    ("sms.tried", "发送测试短信", "Trial short message sent"),
    ("sms.phone_added", "值班人员加入短信名单", "Officer put on duty for short messages"),
    ("sms.phone_removed", "值班人员移出短信名单", "Officer taken off duty"),
    ("document.read", "查看预警材料", "Document of a warning read"),
    ("document.erased", "删除预警材料", "Document of a warning erased"),
    ("warning.acknowledged", "签收预警", "Warning acknowledged"),
    ("warning.explained", "机构说明预警", "Warning explained"),
    ("warning.investigated", "核查预警", "Warning investigated"),
    ("warning.escalated", "升级上报预警", "Warning escalated"),
    ("warning.resolved", "办结预警", "Warning resolved"),
    ("bureau.established", "设立教育局", "Bureau established"),
    ("audit.exported", "导出操作留痕", "Audit trail exported"),
    ("audit.expired", "清理到期留痕", "Audit events expired"),
    ("personal.access_asked", "申请查看下级个人信息", "Asked to see personal data below"),
    ("personal.access_given", "同意上级查看个人信息", "Let a bureau above see personal data"),
    ("personal.access_refused", "不同意上级查看个人信息", "Refused a bureau above"),
    ("personal.exported", "导出个人信息副本", "Copy of personal data given"),
    ("personal.erased", "按请求删除个人信息", "Personal data erased on request"),
    ("keys.resealed", "更换加密密钥", "Sealing key changed"),
    ("personal.unmasked", "查看完整个人信息", "Personal data seen unmasked"),
];

/// What an action is called; one that has no name is shown as it is recorded.
pub fn action(lang: Lang, action: &str) -> String {
    let known = ACTIONS.iter().find(|(name, ..)| *name == action);
    known.map_or_else(|| action.to_owned(), |(_, zh, en)| lang.t(zh, en).to_owned())
}

/// The actions whose names hold a text, in either language and whatever the case.
pub fn actions_saying(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let says = |zh: &str, en: &str| zh.contains(&text) || en.to_lowercase().contains(&text);
    ACTIONS.iter().filter(|(_, zh, en)| !text.is_empty() && says(zh, en)).map(|(name, ..)| *name).collect()
}

/// What a field of a change is called; `path` names fields within fields, e.g. `filing.course.fee_fen`.
pub fn field(lang: Lang, subject: &str, path: &str) -> String {
    let (zh, en) = match (subject, path) {
        ("course", path) if path.starts_with("filing.") => {
            let (zh, en) = courses::field_name(path.trim_start_matches("filing."));
            return lang.t(&zh, &en).to_owned();
        }
        (_, "fields") => ("查看的字段", "Fields seen"),
        ("institution", name) if let Some(word) = institutions::words::field(lang, name) => return word.to_owned(),
        (_, "status") => ("状态", "Status"),
        (_, "decision") => ("规则检查", "Rules"),
        (_, "state") => ("审批", "Decision"),
        (_, "list_status") => ("名单状态", "On the lists"),
        (_, "step") => ("事项", "Step"),
        (_, "ground") => ("法定情形", "Ground"),
        (_, "effective_from") => ("生效日", "First day"),
        (_, "proposed_by") => ("提议人", "Proposed by"),
        (_, "proposed_at") => ("提议时间", "Proposed at"),
        (_, "approval") => ("复核编号", "Approval"),
        (_, "policy_version") => ("政策版本", "Policy version"),
        ("policy", "value") => ("值", "Value"),
        ("approval", path) if path.starts_with("values.") => {
            let parameter = policies::parameter_of(path.trim_start_matches("values."));
            return parameter.map_or_else(|| path.to_owned(), |one| lang.t(one.title_zh, one.title_en).to_owned());
        }
        (_, "level") => ("级别", "Level"),
        (_, "contract_no") => ("合同编号", "Contract number"),
        (_, "contracts") => ("合同", "Contracts"),
        (_, "receipt_no") => ("票据号", "Receipt number"),
        (_, "price_fen") => ("合同金额", "Price"),
        (_, "materials_fen") => ("材料费", "Materials"),
        (_, "amount_fen") => ("金额", "Amount"),
        (_, "paid_at") => ("收款时间", "Paid at"),
        (_, "channel") => ("收款方式", "Way of payment"),
        (_, "payee_is_person") => ("收款账户是否个人", "Paid to a person"),
        (_, "units_bought") => ("购买课时", "Units bought"),
        (_, "units_gifted") => ("赠送课时", "Units given"),
        (_, "units") => ("课时", "Units"),
        (_, "unit_no") => ("第几课时", "Unit"),
        (_, "due_at") => ("自动确认时间", "Confirmed by silence at"),
        (_, "confirmed_by") => ("确认方式", "Confirmed by"),
        (_, "findings") => ("规则提示", "Findings"),
        (_, "pupil") => ("学员", "Pupil"),
        (_, "guardian_phone") => ("监护人电话", "Guardian's telephone"),
        ("contract", "subject") => ("科目", "Subject"),
        (_, "product") => ("产品", "Product"),
        (_, "basis") => ("收费方式", "Charged by"),
        (_, "signed_on") => ("签订日期", "Signed on"),
        (_, "renewal") => ("是否续费", "Renewal"),
        (_, "instalments") => ("分期数", "Instalments"),
        (_, "first_lesson_on") => ("首课日期", "First lesson"),
        (_, "last_lesson_on") => ("末课日期", "Last lesson"),
        (_, "order_ref") => ("指令编号", "Order number"),
        (_, "kind") => ("种类", "Kind"),
        (_, "url") => ("地址", "Address"),
        ("approval", "warnings") => ("涉及的预警", "Warnings concerned"),
        ("warning", "value") => ("测得", "Measured"),
        ("warning", "documents") => ("材料", "Documents"),
        (_, "warning") => ("预警", "Warning"),
        ("complaint", "received_on") => ("收到日期", "Received on"),
        ("complaint", "personal_payee") => ("收款账户是个人的", "Paid to a person's account"),
        ("sms", "template") => ("模板编号", "Template"),
        (_, "sha256") => ("SHA-256", "SHA-256"),
        (_, "bytes") => ("字节", "Bytes"),
        (_, "bank_ref") => ("流水号", "Bank reference"),
        (_, "bank") => ("开户银行", "Bank"),
        (_, "account_no") => ("监管账号", "Escrow account"),
        (_, "mode") => ("监管方式", "Mode"),
        (_, "in_force_from") => ("生效日", "Holds from"),
        (_, "agreement_no") => ("协议编号", "Agreement"),
        ("contract", "payee_account") => ("收款账户", "Paid to"),
        (_, "payee_account") => ("划拨收款账户", "Releases go to"),
        (_, "file" | "file_name") => ("文件", "File"),
        (_, "format") => ("格式", "Format"),
        (_, "good") => ("可以导入", "Good rows"),
        (_, "bad") => ("须改正", "Rows to mend"),
        (_, "accepted") => ("导入", "Taken in"),
        (_, "added") => ("新增", "New"),
        (_, "updated") => ("更新", "Changed"),
        (_, "unchanged") => ("没有变化", "Unchanged"),
        (_, "inserted") => ("新入账", "New entries"),
        (_, "duplicates") => ("已有", "Known already"),
        (_, "balance_fen") => ("余额", "Balance"),
        (_, "balanced") => ("与对账单相符", "Agrees with the statement"),
        (_, "cells") => ("改正的单元格", "Cells mended"),
        (_, "vacations") => ("寒暑假", "Vacations"),
        (_, "school_hours") => ("学校上课时间", "School hours"),
        (_, "source") => ("出处", "Source"),
        (_, "username") => ("用户名", "User name"),
        (_, "role") => ("角色", "Role"),
        (_, "department") => ("主管部门", "Department"),
        ("user", "township") => ("乡镇街道", "Township"),
        (_, "display_name") => ("姓名", "Name"),
        (_, "successor") => ("接手人", "Taken over by"),
        (_, "open_proposals") => ("未审批的提议", "Open proposals"),
        (_, "sessions_ended") => ("结束的登录", "Sessions ended"),
        (_, "invitations_withdrawn") => ("作废的邀请", "Invitations withdrawn"),
        (_, "name") => ("名称", "Name"),
        (_, "second_factor_off") => ("免两步验证", "Without a second factor"),
        (_, "expires_at") => ("有效至", "Valid until"),
        (_, "previous_until") => ("旧密钥可用到", "Old secret until"),
        (_, "scopes") => ("权限", "Scopes"),
        (_, "accounts") => ("账号", "Accounts"),
        (_, "reason") => ("理由", "Reason"),
        (_, "events") => ("记录数", "Events"),
        (_, "first_at") => ("最早时间", "First at"),
        (_, "last_at") => ("最晚时间", "Last at"),
        (_, "through") => ("至序号", "Through event"),
        (_, "hash") => ("校验值", "Hash"),
        ("audit", "q") => ("文字", "Text"),
        ("audit", "who") => ("人员", "Person"),
        ("audit", "actor") => ("账号", "Account"),
        ("audit", "subject") => ("对象", "Subject"),
        ("audit", "institution") => ("机构", "Institution"),
        ("audit", "from") => ("从", "From"),
        ("audit", "to") => ("到", "To"),
        ("audit", "looks") => ("只看个人信息查看", "Looks at personal data only"),
        (_, "row") => ("行", "row"),
        (_, "column") => ("列", "column"),
        (_, "value") => ("内容", "value"),
        (_, "from") => ("开始", "from"),
        (_, "to") => ("结束", "to"),
        (_, "start") => ("上课", "start"),
        (_, "end") => ("下课", "end"),
        (_, other) => return numbered(lang, subject, other),
    };
    lang.t(zh, en).to_owned()
}

/// A field within a list or within another field: the name of the outermost that has one, and the rest as recorded.
fn numbered(lang: Lang, subject: &str, path: &str) -> String {
    match path.split_once(['.', '[']) {
        Some((outer, rest)) => {
            let rest = rest.replace(']', "");
            let mut parts = rest.splitn(2, '.');
            let number = parts.next().and_then(|at| at.parse::<usize>().ok()).map(|at| (at + 1).to_string());
            let number = number.unwrap_or_default();
            let inner = parts.next().map(|inner| format!(" · {}", field(lang, subject, inner))).unwrap_or_default();
            format!("{} {number}{inner}", field(lang, subject, outer)).trim_end().to_owned()
        }
        None => path.to_owned(),
    }
}

/// What stands in a field of a change.
pub fn value(lang: Lang, subject: &str, path: &str, value: Option<&Value>) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else { return "—".to_owned() };
    let last = path.rsplit('.').next().unwrap_or(path);
    match (subject, last, value) {
        (_, "fields", Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).map(|name| field(lang, subject, name));
            names.collect::<Vec<_>>().join(lang.t("、", ", "))
        }
        ("institution", ..) if institutions::words::field(lang, path).is_some() => {
            institutions::words::value(lang, path, value)
        }
        (_, _, Value::Bool(yes)) => if *yes { lang.t("是", "yes") } else { lang.t("否", "no") }.to_owned(),
        (_, name, Value::Number(number)) if name.ends_with("_fen") => {
            number.as_i64().map_or_else(|| number.to_string(), |fen| Fen(fen).yuan())
        }
        (_, _, Value::String(text)) if text.is_empty() => "—".to_owned(),
        (_, name, Value::String(text)) => said(lang, subject, name, text),
        (_, _, Value::Array(items)) => {
            let items = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), |text| courses::coded(lang, text)));
            items.collect::<Vec<_>>().join(lang.t("、", ", "))
        }
        (_, _, other) => other.to_string(),
    }
}

fn said(lang: Lang, subject: &str, name: &str, text: &str) -> String {
    let t = |zh: &'static str, en: &'static str| lang.t(zh, en).to_owned();
    match (subject, name, text) {
        (_, "list_status", _) => show::list_word(lang, text).to_owned(),
        (_, "level", _) => show::level_word(lang, text).to_owned(),
        ("warning", "kind", _) => show::warning_kind(lang, text).to_owned(),
        (_, "step", _) => {
            text.parse::<Kind>().map_or_else(|_| text.to_owned(), |kind| t(kind.words().0, kind.words().1))
        }
        (_, "ground", _) => {
            text.parse::<Ground>().map_or_else(|_| text.to_owned(), |ground| t(ground.words().0, ground.words().1))
        }
        (_, "role", _) => text
            .parse::<crate::identity::Role>()
            .map_or_else(|_| courses::coded(lang, text), |role| t(role.words().0, role.words().1)),
        ("user", "status", "active") => t("在用", "Active"),
        ("user", "status", "disabled") => t("已停用", "Disabled"),
        (_, "department", _) => text
            .parse::<crate::identity::Department>()
            .map_or_else(|_| text.to_owned(), |department| t(department.words().0, department.words().1)),
        (_, "mode", "custody") => t("银行托管", "Bank custody"),
        (_, "mode", _) => t("风险保证金", "Risk deposit"),
        (_, "decision", "pass") => t("通过", "pass"),
        (_, "decision", "warn") => t("请留意", "note"),
        (_, "decision", "refer") => t("须核定", "to decide"),
        (_, "decision", "block") => t("须改正", "to mend"),
        (_, "status" | "state", "draft") => t("草稿", "Draft"),
        (_, "status" | "state", "submitted") => t("待审批", "Waiting"),
        ("course", "status", "approved") => t("已备案", "Filed"),
        (_, "status" | "state", "returned") => t("已退回", "Returned"),
        (_, "status" | "state", "pending") => t("待审批", "Waiting"),
        (_, "status" | "state", "approved") => t("同意", "Approved"),
        (_, "status" | "state", "rejected") => t("不同意", "Rejected"),
        ("approval", "state", "withdrawn") => t("已撤回", "Withdrawn"),
        (_, "state", "expired") => t("过期失效", "Ran out"),
        (_, "status", "raised") => t("待签收", "New"),
        (_, "status", "acknowledged") => t("已签收", "Acknowledged"),
        (_, "status", "explained") => t("机构已说明", "Answered"),
        (_, "status", "investigating") => t("核查中", "Under investigation"),
        (_, "status", "escalated") => t("已上报", "Escalated"),
        (_, "status", "resolved") => t("已办结", "Closed"),
        (_, "status", "withdrawn") => t("已撤回", "Withdrawn"),
        _ => courses::coded(lang, text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_values_are_said_in_words() {
        assert_eq!(field(Lang::Zh, "course", "filing.course.fee_fen"), "课程总价");
        assert_eq!(field(Lang::Zh, "course", "filing.course.sessions[2].end"), "第 3 节课的下课时间");
        assert_eq!(field(Lang::En, "institution", "licence_to"), "Licence until");
        assert_eq!(field(Lang::Zh, "import", "cells[0].value"), "改正的单元格 1 · 内容");
        assert_eq!(value(Lang::Zh, "warning", "status", Some(&json!("raised"))), "待签收");
        assert_eq!(value(Lang::Zh, "course", "filing.course.fee_fen", Some(&json!(200_000))), "¥2,000.00");
        assert_eq!(value(Lang::En, "approval", "step", Some(&json!("suspend"))), "Suspend the listing");
        assert_eq!(value(Lang::Zh, "course", "status", None), "—");
        assert_eq!(value(Lang::En, "institution", "fields", Some(&json!(["phone", "new"]))), "Telephone, new");
    }

    #[test]
    fn a_search_finds_actions_by_the_words_that_are_shown() {
        assert_eq!(actions_saying("退回"), ["course.returned"]);
        assert!(actions_saying("signed").contains(&"session.begun"));
        assert!(actions_saying("").is_empty());
    }
}
