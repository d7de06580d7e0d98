//! `/.well-known/security.txt` (RFC 9116): whom to tell of a vulnerability.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Duration, SecondsFormat, Utc};

use super::{Access, Route, page::State};
use crate::{config::Service, kernel::clock};

/// Without a day of the operator's the file is good for this long; the RFC recommends less than a year.
const GOOD_FOR: Duration = Duration::days(180);

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/.well-known/security.txt", Access::Anyone, || web::get().to(show))]
}

async fn show(state: State) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("cache-control", "public, max-age=3600"))
        .body(text(&state.service, state.public_url(), state.clock.now()))
}

fn text(service: &Service, public_url: &str, now: DateTime<Utc>) -> String {
    let mut lines = Vec::new();
    match &service.security_contact {
        Some(contact) => lines.push(format!("Contact: {contact}")),
        None => {
            // The RFC asks for a contact, and the only address that is known is the one that mails are sent from.
            lines.push(
                "# The operator has not said yet whom to tell (MINGJIAN_SECURITY_CONTACT); this is the sender"
                    .to_owned(),
            );
            lines.push("# of the service's mails, which nobody may be reading.".to_owned());
            lines.push(format!("Contact: mailto:{}", service.mail.mail_from));
        }
    }
    let expires = service.security_expires.map_or(now + GOOD_FOR, clock::midnight);
    lines.push(format!("Expires: {}", expires.to_rfc3339_opts(SecondsFormat::Secs, true)));
    lines.push("Preferred-Languages: zh, en".to_owned());
    if public_url.starts_with("https://") {
        lines.push(format!("Canonical: {public_url}/.well-known/security.txt"));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        service: Service,
    }

    fn said(arguments: &[&str], url: &str) -> String {
        let service = Arguments::parse_from(std::iter::once("x").chain(arguments.iter().copied())).service;
        text(&service, url, "2026-03-18T01:00:00Z".parse().unwrap())
    }

    #[test]
    fn it_names_whom_to_tell_or_says_that_nobody_was_named() {
        let set = said(
            &["--security-contact", "mailto:security@edu.example.gov.cn", "--security-expires", "2026-12-31"],
            "https://mj.example.gov.cn",
        );
        assert_eq!(
            set,
            "Contact: mailto:security@edu.example.gov.cn\nExpires: 2026-12-30T16:00:00Z\nPreferred-Languages: zh, en\n\
             Canonical: https://mj.example.gov.cn/.well-known/security.txt\n"
        );
        let unset = said(&[], "http://127.0.0.1:8080");
        assert!(unset.starts_with("# The operator has not said yet"), "{unset}");
        assert!(unset.contains("\nContact: mailto:mingjian@localhost\nExpires: 2026-09-14T01:00:00Z\n"), "{unset}");
        assert!(!unset.contains("Canonical"), "{unset}");
    }

    #[test]
    fn a_contact_is_an_address_that_a_program_can_open() {
        for (contact, fine) in
            [("https://example.gov.cn/report", true), ("tel:+86-576-8888", true), ("security@example.gov.cn", false)]
        {
            let parsed = Arguments::try_parse_from(["x", "--security-contact", contact]);
            assert_eq!(parsed.is_ok(), fine, "{contact}");
        }
    }
}
