//! What must hold of every URL that webhooks may be sent to.

use std::net::IpAddr;

use http::Uri;
use payload::target::{Ports, TargetPolicy};

/// Reads a URL as the policy does that is deployed, and as that of a machine of one's own.
///
/// # Panics
/// Something does not hold that must.
pub fn check(text: &str) {
    let lenient = TargetPolicy::AllowPrivate.parse(text);
    if let Ok(url) = &lenient {
        check_request(url.as_str(), url.host_str().expect("a host"));
        assert_eq!(
            TargetPolicy::AllowPrivate.parse(url.as_str()).as_ref(),
            Ok(url),
            "{text:?}"
        );
    }
    let policy = TargetPolicy::Public(Ports::default());
    let Ok(url) = policy.parse(text) else {
        return;
    };
    assert_eq!(Ok(&url), lenient.as_ref(), "{text:?} is one URL");
    assert_eq!(policy.parse(url.as_str()).as_ref(), Ok(&url), "{text:?}");
    assert_eq!(url.scheme(), "https");
    assert!(
        matches!(url.port_or_known_default(), Some(443 | 8443)),
        "{url}"
    );
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let host = url.domain().expect("a name");
    let bare = host.strip_suffix('.').unwrap_or(host);
    assert!(
        bare.contains('.'),
        "{host} is no name of the machine's own network"
    );
    assert!(
        !bare.ends_with(".localhost") && !bare.ends_with(".internal") && !bare.ends_with(".local")
    );
    assert!(bare.parse::<IpAddr>().is_err(), "{host} is no address");
    assert!(
        !is_read_as_address(bare),
        "{host} is no address to any resolver"
    );
}

/// What requests are made with agrees about the host, and nothing in it ends a line of the request.
fn check_request(url: &str, host: &str) {
    let uri: Uri = url.parse().expect("a request can be made");
    assert_eq!(uri.host(), Some(host));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    assert!(
        path.bytes().all(|byte| (0x21..0x7f).contains(&byte)),
        "{path:?}"
    );
}

/// Whether the C library takes it for an IPv4 address: one to four numbers, in any of its three writings.
fn is_read_as_address(host: &str) -> bool {
    let parts: Vec<&str> = host.split('.').collect();
    let is_number = |part: &&str| {
        let lower = part.to_ascii_lowercase();
        match lower.strip_prefix("0x") {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !lower.is_empty() && lower.bytes().all(|byte| byte.is_ascii_digit()),
        }
    };
    parts.len() <= 4 && parts.iter().all(is_number)
}
