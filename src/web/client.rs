//! Where a request comes from.

use std::{
    future::{Ready, ready},
    net::{IpAddr, Ipv4Addr},
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use ipnet::IpNet;

use super::{
    Problem,
    page::State,
    session::{self, Keepsake, Visit},
};
use crate::identity::sign_in::Visitor;

/// The visitor's address: the one that connected, or what trusted proxies say of it, as far back as they are trusted.
pub fn address(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    if trusted.is_empty() {
        return peer.to_canonical();
    }
    let headers = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = headers.flat_map(|value| value.split(',')).map(str::trim).collect();
    behind(peer, &said, trusted)
}

/// Each proxy adds the address that it saw; what stands further left was said by whoever is not trusted.
fn behind(peer: IpAddr, said: &[&str], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    let mut said = said.iter().rev();
    while trusted.iter().any(|network| network.contains(&address)) {
        match said.next().map(|text| text.parse::<IpAddr>()) {
            Some(Ok(before)) => address = before.to_canonical(),
            _ => break,
        }
    }
    address
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Visitor, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(visitor(request).ok_or_else(Problem::internal))
    }
}

fn visitor(request: &HttpRequest) -> Option<Visitor> {
    let state = request.app_data::<State>()?;
    // Not borrowed any longer than this: reading a cookie writes to the extensions.
    let visit = request.extensions().get::<Visit>().cloned()?;
    Some(Visitor {
        address: address(request, &state.service.trusted_proxies),
        device: Keepsake::Device.of(request).unwrap_or_default(),
        on: if request.path().starts_with("/api/") {
            session::program(request, state)
        } else {
            session::browser(request, state)
        },
        request_id: visit.request_id,
        now: visit.now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_only_about_whom_they_saw() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (case, peer, said, expected) in [
            ("nobody in front", "192.0.2.7", vec!["203.0.113.5"], "192.0.2.7"),
            ("one proxy", "10.0.0.1", vec!["203.0.113.5"], "203.0.113.5"),
            ("two proxies", "::1", vec!["203.0.113.5", "10.9.9.9"], "203.0.113.5"),
            (
                "a visitor who makes something up",
                "10.0.0.1",
                vec!["10.1.1.1", "198.51.100.1", "203.0.113.5"],
                "203.0.113.5",
            ),
            ("a proxy that says nothing", "10.0.0.1", vec![], "10.0.0.1"),
            ("a proxy that says nonsense", "10.0.0.1", vec!["203.0.113.5", "unknown"], "10.0.0.1"),
            ("an address written as IPv6", "::ffff:10.0.0.1", vec!["::ffff:203.0.113.5"], "203.0.113.5"),
        ] {
            let found = behind(peer.parse().unwrap(), &said, &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{case}");
        }
        assert_eq!(behind("10.0.0.1".parse().unwrap(), &["203.0.113.5"], &[]), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
