//! Tests of targets: what is refused however it is written. The ranges stand here a second time, as the
//! registries write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>, and multicast.
const V4: [&str; 25] = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.170/31",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "169.254.169.254/32",
];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>, and what else is no global unicast:
/// compatible addresses, site-local ones, multicast.
const V6: [&str; 26] = [
    "::1/128",
    "::/128",
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

fn public() -> TargetPolicy {
    TargetPolicy::Public(Ports::default())
}

#[track_caller]
fn refused(url: &str, expected: &TargetError) {
    assert_eq!(public().parse(url).as_ref(), Err(expected), "{url}");
}

fn v4(range: &str) -> (u32, u32) {
    let (network, prefix) = range.split_once('/').unwrap();
    let host_bits = 32 - prefix.parse::<u32>().unwrap();
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    (network.parse::<Ipv4Addr>().unwrap().to_bits(), mask)
}

fn v6(range: &str) -> (u128, u128) {
    let (network, prefix) = range.split_once('/').unwrap();
    let host_bits = 128 - prefix.parse::<u32>().unwrap();
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    (network.parse::<Ipv6Addr>().unwrap().to_bits(), mask)
}

#[test]
fn public_https_urls_are_targets_and_written_in_one_way() {
    for (url, written) in [
        ("https://api.yourcompany.com/webhooks/certificates", None),
        ("https://example.com:8443/hook?team=1", None),
        (" https://EXAMPLE.com:443 ", Some("https://example.com/")),
        (
            "https://example.com./a/../b",
            Some("https://example.com./b"),
        ),
        (
            "https://b\u{fc}cher.example.com/\u{e9}",
            Some("https://xn--bcher-kva.example.com/%C3%A9"),
        ),
        // No number is at its end, so this is a name.
        ("https://10.0.0.1.example.com/", None),
    ] {
        let read = public()
            .parse(url)
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(read.as_str(), written.unwrap_or(url));
    }
}

#[test]
fn anything_that_is_not_a_plain_https_url_is_refused() {
    refused("http://example.com/", &TargetError::NotHttps);
    refused("ftp://example.com/", &TargetError::NotHttps);
    refused("https://user:pass@example.com/", &TargetError::Userinfo);
    refused("https://user@example.com/", &TargetError::Userinfo);
    refused("https://:pass@example.com/", &TargetError::Userinfo);
    refused("https://example.com/#top", &TargetError::Fragment);
    refused("https://example.com/#", &TargetError::Fragment);
    refused("/hook", &TargetError::NotAUrl);
    refused("mailto:a@example.com", &TargetError::NotAUrl);
    for url in [
        "",
        "https://",
        "https:///",
        "https://exa%00mple.com/",
        "https://[::1/",
    ] {
        refused(url, &TargetError::NotAUrl);
    }
    for length in [2_048, 700] {
        // The second is longer as it is written.
        let path = if length == 700 { "\u{e9}" } else { "x" };
        refused(
            &format!("https://example.com/{}", path.repeat(length)),
            &TargetError::TooLong,
        );
    }
}

#[test]
fn what_readers_of_urls_do_not_agree_on_is_refused() {
    for inside in [
        "\t", "\n", "\r", " ", "\0", "\u{7f}", "\u{85}", "\u{a0}", "\u{3000}", "\\",
    ] {
        for url in [
            format!("https://exam{inside}ple.com/"),
            format!("https://example.com/a{inside}b"),
            format!("https:{inside}//example.com/"),
            format!("https://example.com{inside}@169.254.169.254/"),
        ] {
            refused(&url, &TargetError::Characters);
        }
    }
}

#[test]
fn only_the_ports_of_the_policy_are_taken() {
    for port in [0, 22, 80, 442, 8080, 9001, 65_535] {
        let ports = Ports::default();
        refused(
            &format!("https://example.com:{port}/"),
            &TargetError::Port(ports),
        );
    }
    let message = public().parse("https://example.com:80/").unwrap_err();
    assert_eq!(message.to_string(), "must use port 443 or 8443");
    let more = TargetPolicy::Public("443,10443".parse().unwrap());
    assert!(more.parse("https://example.com:10443/").is_ok());
    assert!(more.parse("https://example.com:8443/").is_err());
}

#[test]
fn names_of_private_networks_are_refused() {
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "printer",
        "printer.",
        "a.local",
        "A.LOCAL.",
        "db.internal",
        "metadata.google.internal",
        "x.localhost",
        "localhost.localdomain",
        "router.home.arpa",
        "home.arpa",
        "b\u{fc}cher",
        "\u{ff4c}ocal\u{ff48}ost",
        "db\u{3002}internal",
        "db.inter\u{ad}nal",
        "%6cocalhost",
    ] {
        refused(&format!("https://{host}/"), &TargetError::NotPublic);
    }
}

#[test]
fn addresses_are_refused_in_every_writing() {
    for host in [
        "8.8.8.8",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "0X7F.0.0.0x1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "2130706433",
        "0",
        "0x",
        "127.0.0.0x1",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.\u{2460}",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7f00:1]",
        "[::127.0.0.1]",
        "[2606:4700::1111]",
    ] {
        refused(&format!("https://{host}/"), &TargetError::Address);
    }
    // Of zones and of numbers that are too large nothing is made at all.
    for host in [
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "::1",
        "256.0.0.1",
        "127.0.0.0.1",
        "0x100000000",
        "09.0.0.1",
        "[::1].com",
        "[127.0.0.1]",
    ] {
        refused(&format!("https://{host}/"), &TargetError::NotAUrl);
    }
}

#[test]
fn a_machine_that_is_its_own_network_may_allow_them() {
    let policy = TargetPolicy::AllowPrivate;
    assert!(policy.parse("http://127.0.0.1:9100/hook").is_ok());
    assert!(policy.parse("http://localhost:9100/hook").is_ok());
    assert!(policy.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert!(!public().allows(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let file = policy.parse("file:///etc/passwd").map(drop);
    assert_eq!(file, Err(TargetError::NotAUrl));
    let two_hosts = policy.parse("http://a.test\\@b.test/").map(drop);
    assert_eq!(two_hosts, Err(TargetError::Characters));
}

#[test]
fn the_first_and_last_address_of_every_range_are_refused_and_public_ones_are_not() {
    for (network, mask) in V4.map(v4) {
        for bits in [network, network | !mask] {
            assert!(
                !public().allows(Ipv4Addr::from_bits(bits).into()),
                "{bits:x}"
            );
        }
    }
    for (network, mask) in V6.map(v6) {
        for bits in [network, network | !mask] {
            assert!(
                !public().allows(Ipv6Addr::from_bits(bits).into()),
                "{bits:x}"
            );
        }
    }
    for address in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2606:4700::1111",
        "3fff:1000::",
    ] {
        assert!(public().allows(address.parse().unwrap()), "{address}");
    }
}

/// A part of an address in one of the ways that C reads numbers.
fn number(value: u64, way: u8) -> String {
    match way % 6 {
        0 => format!("0x{value:x}"),
        1 => format!("0X{value:X}"),
        2 => format!("0{value:o}"),
        3 => format!("0x000{value:x}"),
        // Digits of other scripts and shapes count as digits in names.
        4 => value.to_string().chars().map(wide).collect(),
        _ => value.to_string(),
    }
}

fn wide(digit: char) -> char {
    let value = digit.to_digit(10).unwrap();
    char::from_u32(0xff10 + value).unwrap()
}

/// An IPv4 address in so many parts, the last of which holds what is left.
fn written_v4(bits: u32, parts: u32, ways: [u8; 4], end: &str) -> String {
    let mut all: Vec<String> = (0..parts - 1)
        .map(|place| {
            number(
                (bits >> (24 - 8 * place) & 0xff).into(),
                ways[place as usize],
            )
        })
        .collect();
    let left = u64::from(bits) & (u64::MAX >> (32 + 8 * (parts - 1)));
    all.push(number(left, ways[3]));
    format!("https://{}{end}/", all.join("."))
}

proptest! {
    #[test]
    fn no_address_of_a_special_range_is_allowed(of_v4 in select(&V4), of_v6 in select(&V6), bits: u128) {
        let (network, mask) = v4(of_v4);
        let address = Ipv4Addr::from_bits(network | (bits as u32 & !mask));
        prop_assert!(!public().allows(address.into()), "{address}");
        let (network, mask) = v6(of_v6);
        let address = Ipv6Addr::from_bits(network | (bits & !mask));
        prop_assert!(!public().allows(address.into()), "{address}");
    }

    #[test]
    fn every_ipv4_address_outside_of_them_is(bits: u32) {
        let is_special = V4.map(v4).iter().any(|(network, mask)| bits & mask == *network & mask);
        prop_assert_eq!(public().allows(Ipv4Addr::from_bits(bits).into()), !is_special);
    }

    #[test]
    fn an_ipv4_address_within_an_ipv6_one_is_not_allowed(bits: u32, low: u64) {
        let embedded = u128::from(bits);
        for address in [
            embedded,                                     // compatible
            0xffff_u128 << 32 | embedded,                 // mapped
            0xffff_u128 << 48 | embedded,                 // translated
            0x64_ff9b_u128 << 96 | embedded,              // NAT64
            0x64_ff9b_0001_u128 << 80 | embedded,         // NAT64, local
            0x2002_u128 << 112 | embedded << 80 | u128::from(low), // 6to4
            0x2001_0000_u128 << 96 | u128::from(low),     // Teredo
        ] {
            let address = Ipv6Addr::from_bits(address);
            prop_assert!(!public().allows(address.into()), "{address}");
        }
    }

    #[test]
    fn no_writing_of_an_ipv4_address_is_taken_for_a_name(
        bits: u32, parts in 1..=4_u32, ways: [u8; 4], end in select(vec!["", ".", ":443", ".:8443"]),
    ) {
        let url = written_v4(bits, parts, ways, end);
        prop_assert_eq!(public().parse(&url).map(drop), Err(TargetError::Address), "{}", url);
    }

    #[test]
    fn no_writing_of_an_ipv6_address_is_taken_for_a_name(bits: u128, upper: bool, zone in "(%(25)?[a-z0-9]{1,6})?") {
        let segments = Ipv6Addr::from_bits(bits).segments().map(|segment| format!("{segment:04x}"));
        for written in [segments.join(":"), Ipv6Addr::from_bits(bits).to_string()] {
            let written = if upper { written.to_uppercase() } else { written };
            let url = format!("https://[{written}{zone}]/");
            prop_assert!(public().parse(&url).is_err(), "{}", url);
        }
    }

    #[test]
    fn no_name_of_a_private_network_is_taken(
        labels in "([a-zA-Z0-9]{1,8}\\.){0,3}", end in select(&PRIVATE_NAMES), upper: bool, dot in "\\.?",
    ) {
        let end = if upper { end.to_uppercase() } else { end.to_owned() };
        let url = format!("https://{labels}{end}{dot}/");
        prop_assert!(public().parse(&url).is_err(), "{}", url);
    }

    #[test]
    fn what_is_taken_is_taken_again_as_it_was_written(text in "https?://[ -~\u{80}-\u{ff}]{1,24}(:[0-9]{1,5})?(/[ -~]{0,16})?") {
        for policy in [public(), TargetPolicy::AllowPrivate] {
            if let Ok(url) = policy.parse(&text) {
                prop_assert_eq!(policy.parse(url.as_str()), Ok(url.clone()));
                prop_assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }
}
