//! What is said when somebody is not signed in. Nothing tells whether an account exists.

use actix_web::http::StatusCode;

use crate::{
    identity::{commands::SignInError, password::PasswordError},
    web::{FieldError, Problem},
};

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Problem {
        let unauthorized = |kind, zh: &str, en: &str| Problem::new(StatusCode::UNAUTHORIZED, kind, zh, en);
        match error {
            SignInError::Refused => unauthorized(
                "sign-in-refused",
                "账号或密码不对。请核对后再试；忘记密码可以用邮箱重设。",
                "The name or the password is wrong. Check both; if you forgot the password, reset it by mail.",
            ),
            SignInError::SessionEnded => {
                unauthorized("session-ended", "登录已失效，请重新登录。", "The session has ended; sign in again.")
            }
            SignInError::StepEnded => unauthorized(
                "step-ended",
                "这一步已过期、已用过或输错太多次，请从头再来一次。",
                "This step is too old, was used before, or was tried too often; begin again.",
            ),
            SignInError::CodeRefused => unauthorized(
                "second-factor-refused",
                "验证码不对，或已经用过。请等验证器显示下一个验证码再输入；恢复码每个只能用一次。",
                "The code is wrong or was used before. Wait for the app's next code; each recovery code works once.",
            ),
            SignInError::PasskeyRefused => unauthorized(
                "passkey-refused",
                "通行密钥没有通过验证，请再试一次，或改用其他方式登录。",
                "The passkey was not accepted; try again, or sign in another way.",
            ),
            SignInError::SecondNeeded => unauthorized(
                "second-factor-needed",
                "密码正确，还需要验证码：请在 totp 字段里附上验证器的验证码或一个恢复码。",
                "The password is right and a code is needed: give the app's code or a recovery code in the field totp.",
            ),
            SignInError::EnrolmentNeeded => unauthorized(
                "second-factor-enrolment-needed",
                "密码正确，但这个账号必须先启用两步验证：请用浏览器登录一次并完成设置。",
                "The password is right, but this account must set up a second factor first: sign in once with a browser.",
            ),
            SignInError::NoPasskeys => Problem::conflict(
                "passkeys-unavailable",
                "本系统的网址不是域名，不能使用通行密钥。",
                "This service's address is not a domain name, so passkeys cannot be used.",
            ),
            SignInError::LastFactor => Problem::conflict(
                "last-factor",
                "您的身份必须有两步验证。请先添加另一种方式，再停用这一种。",
                "Your role must have a second factor. Add another one first, then remove this one.",
            ),
            SignInError::TooMany(wait) => Problem::too_many(wait),
            SignInError::Busy => busy(),
            SignInError::Password(error) => error.into(),
            SignInError::Db(error) => error.into(),
        }
    }
}

fn busy() -> Problem {
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        PasswordError::Busy.zh(),
        "Too many sign-ins at once; try again in a few seconds.",
    );
    problem.retry_after_s = Some(5);
    problem
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Problem {
        match error {
            PasswordError::Busy => busy(),
            PasswordError::Hashing => Problem::internal(),
            other => Problem::invalid(vec![FieldError::new("password", "PASSWORD", other.zh(), sentence(&other))]),
        }
    }
}

/// With a capital and a full stop.
fn sentence(error: &PasswordError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}
