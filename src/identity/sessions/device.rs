//! What a session is used on, as far as the request tells: the browser in words, and the network that it came from.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

/// Longest user agent that is kept, in characters.
const AGENT_MAX: usize = 200;

/// The device that a session begins on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// What the program calls itself.
    pub agent: String,
    /// The network of the address: enough to recognise a place, too little to follow a person.
    pub network: String,
    /// A browser's lasting mark, by which it is known again; programs have none.
    pub mark: Option<String>,
}

impl Device {
    /// Of a request.
    pub fn new(agent: &str, address: Option<IpAddr>, mark: Option<String>) -> Device {
        Device {
            agent: agent.chars().take(AGENT_MAX).collect(),
            network: address.map(network).unwrap_or_default(),
            mark,
        }
    }

    /// The mark as it is kept; a program is known by what it calls itself and its network.
    pub fn digest(&self) -> Vec<u8> {
        let text = match &self.mark {
            Some(mark) => format!("mark\n{mark}"),
            None => format!("program\n{}\n{}", self.agent, self.network),
        };
        Sha256::digest(text).to_vec()
    }
}

/// The first 24 bits of an IPv4 address, the first 48 of an IPv6 address: what a provider gives to one place.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{:x}:{:x}:{:x}::/48", a, b, c)
        }
    }
}

/// Browsers by the word that tells them, those that also bear another's name first.
const BROWSERS: [(&str, &str); 13] = [
    ("MicroMessenger/", "微信"),
    ("DingTalk/", "钉钉"),
    ("wxwork/", "企业微信"),
    ("QQBrowser/", "QQ 浏览器"),
    ("UCBrowser/", "UC 浏览器"),
    ("HuaweiBrowser/", "华为浏览器"),
    ("MiuiBrowser/", "小米浏览器"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems by the word that tells them, in the same order.
const SYSTEMS: [(&str, &str); 9] = [
    ("HarmonyOS", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("UOS", "统信 UOS"),
    ("Kylin", "麒麟"),
    ("Linux", "Linux"),
];

/// Browser and system in words, e.g. `Edge · Windows`; a program's own name; empty when nothing is known.
pub fn words(agent: &str) -> String {
    let told =
        |table: &[(&str, &'static str)]| table.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    match (told(&BROWSERS), told(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => agent.split(['/', ' ']).next().unwrap_or_default().chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_its_network() {
        for (address, kept) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:12:3456::9", "2001:db8:12::/48"),
            ("::1", "0:0:0::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()), kept, "{address}");
        }
    }

    #[test]
    fn browsers_and_programs_are_told_in_words() {
        for (agent, said) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
                "Edge · Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
                "Chrome · Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49",
                "微信 · iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "Safari · macOS",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; UOS) AppleWebKit/537.36 Chrome/115.0 Safari/537.36", "Chrome · 统信 UOS"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox · Linux"),
            ("curl/8.5.0", "curl"),
            ("", ""),
        ] {
            assert_eq!(words(agent), said, "{agent}");
        }
    }

    #[test]
    fn a_device_is_known_by_its_mark_and_a_program_by_name_and_network() {
        let of = |agent: &str, address: &str, mark: Option<&str>| {
            Device::new(agent, address.parse().ok(), mark.map(str::to_owned)).digest()
        };
        assert_eq!(of("a", "192.0.2.1", Some("m")), of("b", "198.51.100.1", Some("m")));
        assert_ne!(of("a", "192.0.2.1", Some("m")), of("a", "192.0.2.1", Some("n")));
        assert_eq!(of("a", "192.0.2.1", None), of("a", "192.0.2.9", None));
        assert_ne!(of("a", "192.0.2.1", None), of("a", "198.51.100.1", None));
    }
}
