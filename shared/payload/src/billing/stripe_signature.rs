//! `Stripe-Signature`: whether a body came from Stripe.
//!
//! `t=<Unix seconds>,v1=<hex>` and perhaps more: HMAC-SHA256 over the text of `t`, a full stop and the
//! body, with the whole secret as it is written. While a secret is rolled Stripe signs once with each,
//! for up to a day; every attempt to deliver has a signature and a time of its own.
//! Source: <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! Where Stripe's own libraries differ from each other this one takes the stricter way: one header, one
//! `t` of digits only, no white space, and times too far in the future are refused as well.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// The header.
pub const HEADER: &str = "stripe-signature";
/// How far the time of a signature may be from the clock, both ways.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The secrets of the webhook endpoint at Stripe: one, or both while it is rolled.
#[derive(Clone)]
pub struct StripeSecrets(Vec<String>);

/// There is no secret in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the signing secret of the Stripe webhook endpoint, or several separated by commas"
)]
pub struct NoSecret;

/// Why a request is refused. The sender is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no signature header, or nothing in it.
    MissingHeader,
    /// There are several, or its form is another one.
    MalformedHeader,
    /// It has no signature of the scheme that counts.
    NoV1,
    /// No signature is that of this body with one of the secrets.
    Mismatch,
    /// It was signed more than 300 s ago.
    TooOld,
    /// It was signed more than 300 s in the future.
    TooNew,
    /// There is no body.
    EmptyBody,
}

impl Refusal {
    /// As it stands in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingHeader => "missing_header",
            Self::MalformedHeader => "malformed_header",
            Self::NoV1 => "no_v1",
            Self::Mismatch => "mismatch",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::EmptyBody => "empty_body",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl StripeSecrets {
    /// Reads secrets separated by commas or white space.
    ///
    /// # Errors
    /// There is none: an empty key would be everyone's.
    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let secrets = text.split(|c: char| c == ',' || c.is_whitespace());
        let secrets: Vec<String> = secrets
            .filter(|secret| !secret.is_empty())
            .map(str::to_owned)
            .collect();
        if secrets.is_empty() {
            Err(NoSecret)
        } else {
            Ok(Self(secrets))
        }
    }

    /// Accepts a body that was signed with one of the secrets, at most 300 s away from `now`, and says
    /// when. `headers` are the values of all headers named [`HEADER`], byte for byte, like the body.
    ///
    /// # Errors
    /// The first reason not to. The comparison takes the same time wherever the signatures differ, and
    /// the time is looked at last, so that nobody learns of clocks who cannot sign.
    pub fn verify(
        &self,
        headers: &[&[u8]],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let header = match headers {
            [] | [b""] => return Err(Refusal::MissingHeader),
            [header] => Header::read(header)?,
            _ => return Err(Refusal::MalformedHeader),
        };
        if body.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        if header.signatures.is_empty() {
            return Err(Refusal::NoV1);
        }
        let matches = self.0.iter().any(|secret| {
            let mac = mac(secret, header.seconds, body);
            let is_it = |given: &Vec<u8>| mac.clone().verify_slice(given).is_ok();
            header.signatures.iter().any(is_it)
        });
        if !matches {
            return Err(Refusal::Mismatch);
        }
        let age = now.duration_since(header.signed_at);
        if age > TOLERANCE {
            Err(Refusal::TooOld)
        } else if age < -TOLERANCE {
            Err(Refusal::TooNew)
        } else {
            Ok(header.signed_at)
        }
    }

    /// What Stripe would send with a body at a time: one `v1` for each secret.
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let seconds = at.as_second().to_string();
        let signatures = self.0.iter().map(|secret| {
            let mac = mac(secret, &seconds, body).finalize().into_bytes();
            format!(",v1={}", base16ct::lower::encode_string(&mac))
        });
        format!("t={seconds}{}", signatures.collect::<String>())
    }
}

impl fmt::Debug for StripeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StripeSecrets({} [redacted])", self.0.len())
    }
}

fn mac(secret: &str, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let key = secret.as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// What the header says.
struct Header<'h> {
    /// As it is written: so it was signed.
    seconds: &'h str,
    signed_at: Timestamp,
    /// Of scheme `v1`. One that is no hexadecimal is kept as nothing, which no signature is. Other
    /// schemes do not count: `v0` is a false one, which Stripe adds to test events.
    signatures: Vec<Vec<u8>>,
}

impl<'h> Header<'h> {
    fn read(bytes: &'h [u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::MalformedHeader;
        if !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(malformed);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed)?;
        let mut times = Vec::new();
        let mut signatures = Vec::new();
        for item in text.split(',') {
            match item.split_once('=').ok_or(malformed)? {
                ("t", seconds) => times.push(seconds),
                ("v1", hex) => {
                    signatures.push(base16ct::lower::decode_vec(hex).unwrap_or_default())
                }
                _ => {}
            }
        }
        // Which of two would be the signed one, and which the one that is checked?
        let [seconds] = times[..] else {
            return Err(malformed);
        };
        // `parse` alone would take a sign.
        if !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed);
        }
        let signed_at = seconds.parse().map_err(|_| malformed)?;
        let signed_at = Timestamp::from_second(signed_at).map_err(|_| malformed)?;
        Ok(Self {
            seconds,
            signed_at,
            signatures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test_secret";
    const BODY: &[u8] = b"{\n  \"id\": \"evt_test\",\n  \"object\": \"event\"\n}";
    const NOW: i64 = 1_792_000_000;
    /// Of `1792000000.` and the body, made outside of this project.
    const SIGNATURE: &str = "a78c9834c1e45f850be94260e761719187cdced8ab31a3ac715d6c08cda1ee93";

    fn secrets(text: &str) -> StripeSecrets {
        StripeSecrets::parse(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn signed(body: &[u8], seconds: i64) -> String {
        secrets(SECRET).sign(body, at(seconds))
    }

    /// The lone signature of a text.
    fn signature(secret: &str, text: &str, body: &[u8]) -> String {
        base16ct::lower::encode_string(&mac(secret, text, body).finalize().into_bytes())
    }

    #[track_caller]
    fn check(header: impl AsRef<[u8]>, expected: Result<(), Refusal>) {
        let header = header.as_ref();
        let verified = secrets(SECRET).verify(&[header], BODY, at(NOW));
        let shown = String::from_utf8_lossy(header);
        assert_eq!(verified.map(|_| ()), expected, "{shown}");
    }

    #[test]
    fn a_signature_that_was_made_elsewhere_is_accepted_and_made_the_same_here() {
        let header = format!("t={NOW},v1={SIGNATURE}");
        assert_eq!(signed(BODY, NOW), header);
        let verified = secrets(SECRET).verify(&[header.as_bytes()], BODY, at(NOW));
        assert_eq!(verified, Ok(at(NOW)));
    }

    #[test]
    fn any_one_of_the_signatures_is_enough_and_what_is_beside_it_does_not_matter() {
        let good = signed(BODY, NOW);
        let v1 = &good[good.find("v1=").unwrap()..];
        for header in [
            format!("{good},v1=bad_signature"),
            format!("{good},v1=potato"),
            format!("{good},v1="),
            format!("{good},v0={}", "0".repeat(64)),
            format!("{good},v2=x"),
            format!("t={NOW},v1={},{v1}", "0".repeat(64)),
            format!("t={NOW},v1=zz,{v1},v1=00"),
            format!("{v1},t={NOW}"),
        ] {
            check(header, Ok(()));
        }
    }

    #[test]
    fn a_header_in_another_form_is_refused() {
        use Refusal::{MalformedHeader, Mismatch, MissingHeader, NoV1};
        let good = signed(BODY, NOW);
        let v1 = &good[good.find("v1=").unwrap()..];
        for (header, expected) in [
            (String::new(), MissingHeader),
            ("bad_header".into(), MalformedHeader),
            (
                "I'm not even a real signature header".into(),
                MalformedHeader,
            ),
            ("v1,t=1".into(), MalformedHeader),
            ("t=".into(), MalformedHeader),
            ("t".into(), MalformedHeader),
            (v1.to_owned(), MalformedHeader),
            (format!("t={NOW}"), NoV1),
            (format!("t={NOW},v0={}", &v1[3..]), NoV1),
            (format!("t={NOW},v1"), MalformedHeader),
            (format!("t={NOW},v1="), Mismatch),
            (format!("t={NOW},v1=bad_signature"), Mismatch),
            (format!("t={NOW},v1=6465616462656566"), Mismatch),
            (format!("{good}=junk"), Mismatch),
            (format!("t={NOW},V1={}", &v1[3..]), NoV1),
            (format!("t={NOW}, {v1}"), MalformedHeader),
            (format!(" {good}"), MalformedHeader),
            (format!("{good} "), MalformedHeader),
            (format!("t= {NOW},{v1}"), MalformedHeader),
            (format!("{good},"), MalformedHeader),
            (format!("{good},t={NOW}"), MalformedHeader),
            (format!("{good},t=1"), MalformedHeader),
            (format!("{good},v1=\u{e9}"), MalformedHeader),
            (format!("t={NOW}.0,{v1}"), MalformedHeader),
        ] {
            check(header, Err(expected));
        }
        check(b"t=1,v1=\xff".as_slice(), Err(MalformedHeader));
    }

    #[test]
    fn the_time_has_digits_only_even_where_it_is_signed_otherwise() {
        for text in [
            "+1792000000",
            "-1",
            "1792000000x",
            "1_792_000_000",
            "0x6acf7400",
            "1.792e9",
            "99999999999999999999",
            "999999999999999",
        ] {
            let header = format!("t={text},v1={}", signature(SECRET, text, BODY));
            check(header, Err(Refusal::MalformedHeader));
        }
    }

    #[test]
    fn there_is_one_header_or_none_is_believed() {
        let good = signed(BODY, NOW);
        let good = good.as_bytes();
        let verify = |headers: &[&[u8]]| secrets(SECRET).verify(headers, BODY, at(NOW));
        assert_eq!(verify(&[]), Err(Refusal::MissingHeader));
        assert_eq!(verify(&[good, good]), Err(Refusal::MalformedHeader));
    }

    #[test]
    fn a_time_is_tolerated_for_300_seconds_both_ways() {
        for (distance, expected) in [
            (-301, Err(Refusal::TooOld)),
            (-300, Ok(())),
            (-299, Ok(())),
            (-15, Ok(())),
            (0, Ok(())),
            (300, Ok(())),
            (301, Err(Refusal::TooNew)),
            (i64::from(i32::MAX), Err(Refusal::TooNew)),
        ] {
            check(signed(BODY, NOW + distance), expected);
        }
        check(signed(BODY, 12_345), Err(Refusal::TooOld));
        let header = signed(BODY, NOW - 300);
        let now = at(NOW) + SignedDuration::from_millis(1);
        let verified = secrets(SECRET).verify(&[header.as_bytes()], BODY, now);
        assert_eq!(verified, Err(Refusal::TooOld));
        // Who cannot sign is not told that the time is wrong.
        check(format!("t=1,v1={}", "0".repeat(64)), Err(Refusal::Mismatch));
    }

    #[test]
    fn every_byte_of_the_body_counts_and_it_need_not_be_text() {
        let verify = |header: &str, body: &[u8]| {
            let verified = secrets(SECRET).verify(&[header.as_bytes()], body, at(NOW));
            verified.map(|_| ())
        };
        let mut changed = BODY.to_vec();
        for at in 0..BODY.len() {
            changed[at] ^= 1;
            assert_eq!(verify(&signed(BODY, NOW), &changed), Err(Refusal::Mismatch));
            changed[at] ^= 1;
        }
        for body in [
            &b"\xef\xbb\xbf{}"[..],
            b"\xff\xfe",
            b"} I am not valid JSON; 123][",
        ] {
            assert_eq!(verify(&signed(body, NOW), body), Ok(()));
        }
        assert_eq!(verify(&signed(b"", NOW), b""), Err(Refusal::EmptyBody));
    }

    #[test]
    fn while_a_secret_is_rolled_both_are_accepted() {
        let (old, new) = ("whsec_old", "whsec_new");
        let by_both = secrets("whsec_old,whsec_new").sign(BODY, at(NOW));
        for known in [old, new, "whsec_new whsec_old", "\n whsec_x,\twhsec_old\n"] {
            let verified = secrets(known).verify(&[by_both.as_bytes()], BODY, at(NOW));
            assert_eq!(verified, Ok(at(NOW)), "{known}");
        }
        let by_old = secrets(old).sign(BODY, at(NOW));
        let verify = |known| secrets(known).verify(&[by_old.as_bytes()], BODY, at(NOW));
        assert_eq!(verify("whsec_new,whsec_old"), Ok(at(NOW)));
        assert_eq!(verify(new), Err(Refusal::Mismatch));
    }

    #[test]
    fn a_blank_secret_is_none_and_no_secret_is_shown() {
        for blank in ["", " ", "\n\t", ",", " , "] {
            assert_eq!(
                StripeSecrets::parse(blank).err(),
                Some(NoSecret),
                "{blank:?}"
            );
        }
        assert_eq!(
            format!("{:?}", secrets("whsec_a,whsec_b")),
            "StripeSecrets(2 [redacted])"
        );
    }
}
