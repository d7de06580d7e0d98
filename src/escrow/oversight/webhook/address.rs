//! Which addresses the service may call: those of the internet, and of the private networks that its operator names. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use ipnet::IpNet;

/// Longest address in characters.
const LENGTH_MAX: usize = 500;

/// Why an address is none to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("not an https address with a host, without user, password and fragment, of at most 500 characters")]
    Shape,
    #[error("http without TLS only goes to private networks that the operator has named")]
    Plain,
    #[error("a private address that the operator has not named")]
    Private,
}

impl AddressError {
    /// Chinese, English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            AddressError::Shape => (
                "请填写 https 地址，不含用户名、密码和 #，不超过 500 字",
                "give an https address without user, password or #, of at most 500 characters",
            ),
            AddressError::Plain => (
                "只能用 https；运维人员登记过的内部网络才可以用 http",
                "use https; http is for private networks that the operator has named",
            ),
            AddressError::Private => (
                "不能是内部网络地址；确有需要请运维人员先登记（MINGJIAN_WEBHOOK_PRIVATE）",
                "not a private address; the operator may name its network (MINGJIAN_WEBHOOK_PRIVATE)",
            ),
        }
    }
}

/// The address, if it may be set; what its name resolves to is looked at when it is called.
pub fn check(text: &str, private: &[IpNet]) -> Result<Uri, AddressError> {
    let uri: Uri = text.parse().map_err(|_| AddressError::Shape)?;
    let authority = uri.authority().ok_or(AddressError::Shape)?;
    let fine = !authority.as_str().contains('@') && !authority.host().is_empty() && text.len() <= LENGTH_MAX;
    if !fine || text.contains('#') {
        return Err(AddressError::Shape);
    }
    let literal = literal(&uri);
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if literal.is_some_and(|ip| named(ip, private)) => {}
        Some("http") => return Err(AddressError::Plain),
        _ => return Err(AddressError::Shape),
    }
    match literal {
        Some(ip) if !reachable(ip, private) => Err(AddressError::Private),
        _ => Ok(uri),
    }
}

/// The host where it is an address in figures, which no resolver is asked about.
pub fn literal(uri: &Uri) -> Option<IpAddr> {
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

fn named(ip: IpAddr, private: &[IpNet]) -> bool {
    private.iter().any(|network| network.contains(&ip.to_canonical()))
}

/// Whether the service may connect to this.
pub fn reachable(ip: IpAddr, private: &[IpNet]) -> bool {
    is_public(ip) || named(ip, private)
}

/// Whether an address is one of the internet's: not this machine's, not of a private network, not for a special purpose.
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        // Shared by carriers, protocol assignments, benchmarks, reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    // An IPv4 address within: by NAT64, and by 6to4.
    let [.., high, low] = segments;
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(inner(high, low));
    }
    if segments[0] == 0x2002 {
        return is_public_v4(inner(segments[1], segments[2]));
    }
    // Only 2000::/3 is given out; documentation lies within it.
    segments[0] & 0xe000 == 0x2000 && segments[..2] != [0x2001, 0x0db8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_not_called() {
        for (ip, public) in [
            ("8.8.8.8", true),
            ("114.114.114.114", true),
            ("10.0.0.1", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2400:3200::1", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
        }
    }

    #[test]
    fn an_address_is_https_unless_the_operator_named_its_network() {
        let private: Vec<IpNet> = vec!["10.8.0.0/16".parse().unwrap()];
        for (text, expected) in [
            ("https://hooks.example.gov.cn/mingjian?k=1", None),
            ("https://8.8.8.8/hook", None),
            ("https://10.8.1.2/hook", None),
            ("http://10.8.1.2:8080/hook", None),
            ("http://10.9.1.2/hook", Some(AddressError::Plain)),
            ("http://hooks.example.gov.cn/", Some(AddressError::Plain)),
            ("https://10.9.1.2/hook", Some(AddressError::Private)),
            ("https://[::1]/hook", Some(AddressError::Private)),
            ("https://127.0.0.1/hook", Some(AddressError::Private)),
            ("https://user@hooks.example.gov.cn/", Some(AddressError::Shape)),
            ("ftp://hooks.example.gov.cn/", Some(AddressError::Shape)),
            ("/hook", Some(AddressError::Shape)),
            ("hooks", Some(AddressError::Shape)),
            ("", Some(AddressError::Shape)),
        ] {
            assert_eq!(check(text, &private).err(), expected, "{text}");
        }
        assert_eq!(check(&format!("https://a.cn/{}", "x".repeat(500)), &[]).err(), Some(AddressError::Shape));
    }
}
