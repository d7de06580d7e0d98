//! The mail about a sign-in on a device that was not known.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;

use super::{Device, device, store};
use crate::{db::DbError, identity::store::Post, kernel::clock::BEIJING};

/// Tells the owner of a session that it began on a device that was not known. The very first sign-in is no news to anyone.
pub async fn of_unknown_device(
    conn: &mut AsyncPgConnection,
    post: &Post,
    device: &Device,
    session: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let known = store::acquaintance(conn, (post.tenant_id, post.id), device).await?;
    let Some(email) = known.email.filter(|_| known.earlier && !known.known) else { return Ok(()) };
    let at = now.with_timezone(&BEIJING).format("%Y-%m-%d %H:%M");
    let words = device::words(&device.agent);
    let (zh, en) = match words.as_str() {
        "" => ("未知程序", "an unknown program"),
        words => (words, words),
    };
    let network = &device.network;
    let body = format!(
        "您的账号刚才在一台新设备上登录。\n\n时间：{at}（北京时间）\n设备：{zh}\n网络：{network}\n\n\
         是您本人的，不用理会。不是的，请马上登录明鉴，在“登录设备”页结束这次登录并修改密码，再告诉本单位管理员。\n\n\
         Your account was just used to sign in on a new device.\n\nTime: {at} (Beijing)\nDevice: {en}\nNetwork: {network}\n\n\
         If it was you, there is nothing to do. If not, sign in to Mingjian now, end that session on the page Signed-in devices, \
         change your password, and tell your administrator.\n",
    );
    let subject = "【明鉴】新设备登录 / Signed in on a new device";
    store::mail(conn, post.tenant_id, &email, subject, &body, &format!("new-device:{session}"), now).await
}
