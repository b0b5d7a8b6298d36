//! Where a webhook may be sent: a public https URL.
//!
//! The functions run next to services that trust whoever can reach them (the Lambda Runtime API is
//! on loopback), so a URL, and every address its name resolves to, must be public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Which targets are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPolicy {
    /// Public https only. What is deployed.
    Public,
    /// Also plain http and private addresses: for a machine that is its own network.
    AllowPrivate,
}

/// Why a URL is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL with a host.
    #[error("must be an absolute URL")]
    NotAUrl,
    /// Longer than 2,048 characters.
    #[error("must have at most 2,048 characters")]
    TooLong,
    /// Neither https nor, where private targets are allowed, http.
    #[error("must be an https URL")]
    NotHttps,
    /// It carries a user name or password, which would end up in logs.
    #[error("must not contain a user name or password")]
    Userinfo,
    /// It has a fragment, which no request carries.
    #[error("must not contain a fragment")]
    Fragment,
    /// The host is, by its name or as an address, not a public one.
    #[error("must point to a public host")]
    NotPublic,
}

impl TargetPolicy {
    /// Reads the URL of an endpoint.
    ///
    /// # Errors
    /// The first reason why nothing may be sent there.
    pub fn parse(self, text: &str) -> Result<Url, TargetError> {
        if text.len() > 2_048 {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NotAUrl)?;
        let host = url.host().ok_or(TargetError::NotAUrl)?;
        match (url.scheme(), self) {
            ("https", _) | ("http", Self::AllowPrivate) => {}
            _ => return Err(TargetError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        let public = match host {
            Host::Domain(name) => is_public_name(name),
            Host::Ipv4(address) => is_public_v4(address),
            Host::Ipv6(address) => is_public_v6(address),
        };
        if public || self == Self::AllowPrivate {
            Ok(url)
        } else {
            Err(TargetError::NotPublic)
        }
    }

    /// Whether a connection to this address may be made.
    pub fn allows(self, address: IpAddr) -> bool {
        self == Self::AllowPrivate
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let reserved = [
        "localhost",
        "local",
        "internal",
        "lan",
        "home.arpa",
        "test",
        "invalid",
        "onion",
    ];
    name.contains('.')
        && !reserved.iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.'))
        })
}

/// Outside every range of the IANA registry of special-purpose IPv4 addresses, and unicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b)) // shared address space, RFC 6598
        || (a == 192 && b == 0 && c == 0) // protocol assignments, RFC 6890
        || (a == 192 && b == 88 && c == 99) // 6to4 relays, RFC 7526
        || (a == 198 && (b & 0xfe) == 18) // benchmarking, RFC 2544
        || a >= 224) // multicast, reserved, broadcast
}

/// Inside `2000::/3`, the only unicast space in use, and outside its special ranges.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = match first {
        0x2001 => second < 0x200 || second == 0xdb8, // protocol assignments with Teredo; documentation
        0x2002 => true,                              // 6to4: carries an IPv4 address
        0x3fff => second < 0x1000,                   // documentation, RFC 9637
        _ => false,
    };
    (first & 0xe000) == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<(), TargetError>) {
        assert_eq!(TargetPolicy::Public.parse(url).map(drop), expected, "{url}");
    }

    #[test]
    fn public_https_urls_are_targets() {
        for url in [
            "https://api.yourcompany.com/webhooks/certificates",
            "https://example.com:8443/hook?team=1",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            check(url, Ok(()));
        }
    }

    #[test]
    fn anything_that_is_not_a_plain_https_url_is_refused() {
        check("http://example.com/", Err(TargetError::NotHttps));
        check("ftp://example.com/", Err(TargetError::NotHttps));
        check("https://user:pass@example.com/", Err(TargetError::Userinfo));
        check("https://example.com/#top", Err(TargetError::Fragment));
        check("/hook", Err(TargetError::NotAUrl));
        check("mailto:a@example.com", Err(TargetError::NotAUrl));
        check(
            &format!("https://example.com/{}", "x".repeat(2_048)),
            Err(TargetError::TooLong),
        );
    }

    #[test]
    fn private_hosts_are_refused_in_every_writing() {
        for host in [
            "localhost",
            "LOCALHOST",
            "printer",
            "a.local",
            "db.internal",
            "x.localhost",
            "localhost.",
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[fe80::1]",
            "[fd00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[ff02::1]",
        ] {
            check(&format!("https://{host}/"), Err(TargetError::NotPublic));
        }
    }

    #[test]
    fn a_machine_that_is_its_own_network_may_allow_them() {
        let policy = TargetPolicy::AllowPrivate;
        assert!(policy.parse("http://127.0.0.1:9100/hook").is_ok());
        assert!(policy.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!TargetPolicy::Public.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(
            policy.parse("file:///etc/passwd").map(drop),
            Err(TargetError::NotAUrl)
        );
    }
}
