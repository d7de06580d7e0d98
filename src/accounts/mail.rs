//! What the mails about posts say, in both languages.

use crate::{identity::Role, web::show};

/// Subject and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub body: String,
}

fn words(role: &str) -> (String, String) {
    role.parse::<Role>().map_or_else(
        |_| (role.to_owned(), role.to_owned()),
        |role| (role.words().0.to_owned(), role.words().1.to_owned()),
    )
}

/// The invitation to a post; `place` is the bureau or institution.
pub fn invitation(name: &str, by: &str, place: &str, role: &str, link: &str) -> Text {
    let (role_zh, role_en) = words(role);
    Text {
        subject: format!("【明鉴】{place}邀请您担任{role_zh} / An invitation to Mingjian"),
        body: format!(
            "{name}：\n\n{place}的{by}邀请您以“{role_zh}”的身份使用明鉴校外培训监管平台。\n\
             请在 7 天内打开下面的链接，设置登录名和密码；已有账号的，登录后接受即可：\n{link}\n\n\
             链接只能用一次，请不要转发。不认识邀请人的，不必理会。\n\n\
             {by} of {place} invites you to Mingjian as {role_en}. Open the link within 7 days to choose a sign-in name and a \
             password, or sign in if you have an account. It works once; do not pass it on. If you do not know who invites you, \
             do nothing.\n"
        ),
    }
}

/// Tells a colleague that they took over.
pub fn handed_over(from: &str, tenant: i32, open_proposals: i64, link: &str) -> Text {
    let bureau = show::bureau(tenant);
    Text {
        subject: format!("【明鉴】{from}的工作已交接给您 / {from}'s work was handed over to you"),
        body: format!(
            "{from}在{bureau}的工作已交接给您，其账号已停用。\n其提议中尚未审批的有 {open_proposals} 件；提议人不变，由审批员决定。\n{link}\n\n\
             {from}'s work was handed over to you and the account disabled. {open_proposals} of their proposals are not decided \
             yet; the record keeps who proposed them.\n"
        ),
    }
}
