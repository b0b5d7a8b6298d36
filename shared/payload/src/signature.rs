//! Signatures, made and checked: HMAC-SHA256 with the endpoint's secret, in the forms of Standard
//! Webhooks and of the source systems.
//!
//! Sources: Standard Webhooks
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! That's Me <https://docs.thatsme.com.br/en/api/v1/webhooks/verify-signature>,
//! VEC <https://docs.vec.digital/guides/webhooks/>,
//! `CertDirectory` <https://docs.credentials.certdirectory.io/api/webhooks/> (which does not say how
//! the MAC is written: lower-case hex here, either case when checked).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::dialect::Dialect;
use crate::key_pair::{KeyPair, PublicKey};
use crate::secret::Secret;

/// The header with the id of the event, equal in every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// How far the time of a Standard Webhooks signature may be from the receiver's clock, both ways.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How one system signs: what goes into the MAC, with which key, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// The header that carries the signature.
    pub header: &'static str,
    signed: &'static [Part],
    key: Key,
    form: Form,
}

/// A piece of the signed content. Pieces are joined by full stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Id,
    Timestamp,
    Body,
}

/// Which bytes of the secret are the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Decoded,
    Text,
}

/// How the header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `v1,<base64>`, several separated by spaces.
    Versioned,
    /// `t=<Unix seconds>,v1=<hex>`, perhaps several `v1`.
    Timestamped,
    /// `<hex>`
    Bare,
}

/// Standard Webhooks: on every delivery.
pub const STANDARD: Scheme = Scheme {
    header: "webhook-signature",
    signed: &[Part::Id, Part::Timestamp, Part::Body],
    key: Key::Decoded,
    form: Form::Versioned,
};

/// That's Me.
pub const THATSME: Scheme = Scheme {
    header: "x-tm-signature",
    signed: &[Part::Timestamp, Part::Body],
    key: Key::Text,
    form: Form::Timestamped,
};

/// VEC.digital.
pub const VEC: Scheme = Scheme {
    header: "x-webhook-signature",
    signed: &[Part::Body],
    key: Key::Text,
    form: Form::Bare,
};

/// `CertDirectory`.
pub const CERTDIRECTORY: Scheme = Scheme {
    header: "x-certdirectory-signature",
    ..VEC
};

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The timestamp is no number of seconds.
    #[error("the timestamp is not a number of seconds")]
    MalformedTimestamp,
    /// The timestamp is further in the past than is tolerated.
    #[error("the timestamp is too old")]
    TooOld,
    /// The timestamp is further in the future than is tolerated.
    #[error("the timestamp is in the future")]
    InTheFuture,
    /// None of the signatures is that of this content with this secret.
    #[error("no signature matches")]
    NoMatch,
}

/// A signed request as it was received. A header that was not sent is empty.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// [`ID_HEADER`], for the scheme that has it.
    pub id: &'a str,
    /// [`TIMESTAMP_HEADER`], for the scheme that has it.
    pub timestamp: &'a str,
    /// The scheme's own header.
    pub signature: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl Scheme {
    /// The scheme of a dialect, if it signs at all.
    pub const fn of(dialect: Dialect) -> Option<&'static Self> {
        match dialect {
            Dialect::Canonical => Some(&STANDARD),
            Dialect::Thatsme => Some(&THATSME),
            Dialect::Vec => Some(&VEC),
            Dialect::Certdirectory => Some(&CERTDIRECTORY),
            Dialect::Toolzz | Dialect::Beedeez => None,
        }
    }

    /// The value of the signature header for one attempt, made at `timestamp`.
    pub fn sign(&self, secret: &Secret, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
        self.sign_with_each(secret, &[], id, timestamp, body)
    }

    /// The same with the secrets before it too, newest first, while those are still valid.
    ///
    /// A form that has room for one signature has that of the oldest secret: the receiver has until that
    /// one ends to accept both, and nothing it is sent meanwhile fails.
    pub fn sign_with_each(
        &self,
        secret: &Secret,
        older: &[Secret],
        id: &str,
        timestamp: Timestamp,
        body: &[u8],
    ) -> String {
        let seconds = timestamp.as_second().to_string();
        let mac = |secret| self.mac(secret, id, &seconds, body).finalize().into_bytes();
        let hex = |secret| base16ct::lower::encode_string(&mac(secret));
        let all = || std::iter::once(secret).chain(older);
        match self.form {
            Form::Versioned => {
                let signatures = all().map(|secret| format!("v1,{}", BASE64.encode(mac(secret))));
                signatures.collect::<Vec<_>>().join(" ")
            }
            Form::Timestamped => {
                let signatures = all().map(|secret| format!(",v1={}", hex(secret)));
                format!("t={seconds}{}", signatures.collect::<String>())
            }
            Form::Bare => hex(older.last().unwrap_or(secret)),
        }
    }

    /// Accepts a request that holds a signature made with this secret, at most `tolerance` away from
    /// `now` where the scheme signs the time.
    ///
    /// # Errors
    /// The first reason not to; the comparison takes the same time wherever the signatures differ.
    pub fn verify(
        &self,
        secret: &Secret,
        signed: Signed<'_>,
        now: Timestamp,
        tolerance: SignedDuration,
    ) -> Result<(), SignatureError> {
        let timestamp = match self.form {
            Form::Timestamped => value_of(signed.signature, "t").unwrap_or_default(),
            Form::Versioned | Form::Bare => signed.timestamp,
        };
        if self.signed.contains(&Part::Timestamp) {
            check_age(timestamp, now, tolerance)?;
        }
        let mac = self.mac(secret, signed.id, timestamp, signed.body);
        let matches = self
            .macs(signed.signature)
            .iter()
            .any(|given| mac.clone().verify_slice(given).is_ok());
        if matches {
            Ok(())
        } else {
            Err(SignatureError::NoMatch)
        }
    }

    /// The MACs in a header's value, decoded; what is none is passed over.
    fn macs(&self, value: &str) -> Vec<Vec<u8>> {
        match self.form {
            Form::Versioned => value
                .split(' ')
                .filter_map(|signature| signature.strip_prefix("v1,"))
                .filter_map(|mac| BASE64.decode(mac).ok())
                .collect(),
            Form::Timestamped => values_of(value, "v1").filter_map(from_hex).collect(),
            Form::Bare => from_hex(value.trim()).into_iter().collect(),
        }
    }

    fn mac(&self, secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let key = match self.key {
            Key::Decoded => secret.decoded(),
            Key::Text => secret.expose().as_bytes(),
        };
        let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        for (index, part) in self.signed.iter().enumerate() {
            if index > 0 {
                mac.update(b".");
            }
            mac.update(match part {
                Part::Id => id.as_bytes(),
                Part::Timestamp => timestamp.as_bytes(),
                Part::Body => body,
            });
        }
        mac
    }
}

/// The `v1a` signature of Standard Webhooks: of the same content as `v1`, with a key pair. It stands in the
/// same header, behind a space.
pub fn sign_asymmetric(pair: &KeyPair, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
    let content = content(id, &timestamp.as_second().to_string(), body);
    format!("v1a,{}", BASE64.encode(pair.sign(&content)))
}

/// Accepts a request that holds a `v1a` signature made with the private key of this public one, at most
/// `tolerance` away from `now`.
///
/// # Errors
/// The first reason not to.
pub fn verify_asymmetric(
    key: &PublicKey,
    signed: Signed<'_>,
    now: Timestamp,
    tolerance: SignedDuration,
) -> Result<(), SignatureError> {
    check_age(signed.timestamp, now, tolerance)?;
    let content = content(signed.id, signed.timestamp, signed.body);
    let matches = signed
        .signature
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1a,"))
        .filter_map(|signature| BASE64.decode(signature).ok())
        .any(|signature| key.accepts(&content, &signature));
    if matches {
        Ok(())
    } else {
        Err(SignatureError::NoMatch)
    }
}

/// What Standard Webhooks signs.
fn content(id: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat()
}

fn check_age(
    timestamp: &str,
    now: Timestamp,
    tolerance: SignedDuration,
) -> Result<(), SignatureError> {
    let malformed = SignatureError::MalformedTimestamp;
    // `parse` alone would take a sign.
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed);
    }
    let seconds = timestamp.parse().map_err(|_| malformed)?;
    let sent_at = Timestamp::from_second(seconds).map_err(|_| malformed)?;
    let age = now.duration_since(sent_at);
    if age > tolerance {
        Err(SignatureError::TooOld)
    } else if age < -tolerance {
        Err(SignatureError::InTheFuture)
    } else {
        Ok(())
    }
}

/// The values of a name in `name=value,name=value`.
fn values_of<'v>(list: &'v str, name: &str) -> impl Iterator<Item = &'v str> {
    list.split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn value_of<'v>(list: &'v str, name: &str) -> Option<&'v str> {
    values_of(list, name).next()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks reference libraries' tests.
    const PUBLISHED_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PUBLISHED_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const PUBLISHED_BODY: &[u8] = br#"{"test": 2432232314}"#;
    const PUBLISHED_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    /// A body signed by every scheme, computed outside of this project.
    const BODY: &[u8] =
        br#"{"event":"certificate.issued","created_at":"2026-03-18T10:30:00Z","data":{}}"#;
    const AT: i64 = 1_711_234_567;
    const THATSME_MAC: &str = "e9241bdb8ff3b445a8880e5dbb534351872e0c788583885a61f7f01b1e2ebf60";
    const BODY_MAC: &str = "4f9176b801acbc5dc90e45a8541cf1e0e7d97c9adfb4f6294eb25723aa55f3e9";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn test_secret() -> Secret {
        Secret::of_source("test_secret").unwrap()
    }

    #[track_caller]
    fn check(timestamp: &str, signature: &str, now: i64, expected: Result<(), SignatureError>) {
        let signed = Signed {
            id: PUBLISHED_ID,
            timestamp,
            signature,
            body: PUBLISHED_BODY,
        };
        let secret = Secret::parse(PUBLISHED_SECRET).unwrap();
        assert_eq!(
            STANDARD.verify(&secret, signed, at(now), TOLERANCE),
            expected
        );
    }

    #[test]
    fn while_a_secret_is_changed_each_scheme_is_accepted_by_whoever_has_the_old_one() {
        let (old, new) = (test_secret(), Secret::parse(PUBLISHED_SECRET).unwrap());
        let older = std::slice::from_ref(&old);
        for scheme in [STANDARD, THATSME, VEC, CERTDIRECTORY] {
            let signature = scheme.sign_with_each(&new, older, "msg_1", at(AT), BODY);
            let signed = Signed {
                id: "msg_1",
                timestamp: &AT.to_string(),
                signature: &signature,
                body: BODY,
            };
            let accepts = |secret| scheme.verify(secret, signed, at(AT), TOLERANCE).is_ok();
            let has_room = scheme.form != Form::Bare;
            assert_eq!((accepts(&old), accepts(&new)), (true, has_room));
        }
    }

    #[test]
    fn a_key_pair_signs_what_a_secret_signs() {
        let pair = KeyPair::generate(&mut rand::rng());
        let signature = sign_asymmetric(&pair, "msg_1", at(AT), BODY);
        let both = format!("v1,AAAA {signature}");
        let verify = |body, now| {
            let signed = Signed {
                id: "msg_1",
                timestamp: &AT.to_string(),
                signature: &both,
                body,
            };
            verify_asymmetric(&pair.public(), signed, at(now), TOLERANCE)
        };
        assert_eq!(verify(BODY, AT), Ok(()));
        assert_eq!(verify(b"{}", AT), Err(SignatureError::NoMatch));
        assert_eq!(verify(BODY, AT + 301), Err(SignatureError::TooOld));
    }

    #[test]
    fn the_published_vectors_are_signed_as_published() {
        let secret = Secret::parse(PUBLISHED_SECRET).unwrap();
        assert_eq!(
            STANDARD.sign(&secret, PUBLISHED_ID, at(1_614_265_330), PUBLISHED_BODY),
            PUBLISHED_SIGNATURE
        );
        let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
        let expected = "v1,utKgkqywDGJXCWBRMMllLWmUl5QrFoXjkTu26ivFcys=";
        assert_eq!(STANDARD.sign(&secret, "msg_1", at(AT), BODY), expected);
    }

    #[test]
    fn two_dialects_do_not_sign_and_every_other_has_a_scheme_of_its_own() {
        let unsigned = |dialect: &Dialect| Scheme::of(*dialect).is_none();
        let unsigned: Vec<Dialect> = Dialect::ALL.into_iter().filter(unsigned).collect();
        assert_eq!(unsigned, [Dialect::Toolzz, Dialect::Beedeez]);
        let headers = Dialect::ALL.into_iter().filter_map(Scheme::of);
        let headers: Vec<&str> = headers.map(|scheme| scheme.header).collect();
        assert_eq!(
            headers,
            [STANDARD, THATSME, VEC, CERTDIRECTORY].map(|scheme| scheme.header)
        );
    }

    #[test]
    fn each_source_systems_signature_is_written_in_its_own_form() {
        for (scheme, expected) in [
            (THATSME, format!("t={AT},v1={THATSME_MAC}")),
            (VEC, BODY_MAC.to_owned()),
            (CERTDIRECTORY, BODY_MAC.to_owned()),
        ] {
            let signature = scheme.sign(&test_secret(), "msg_1", at(AT), BODY);
            assert_eq!(signature, expected, "{}", scheme.header);
        }
    }

    #[test]
    fn a_source_systems_signature_is_accepted_and_any_other_is_not() {
        let verify = |scheme: Scheme, signature: &str, now: i64| {
            let signed = Signed {
                id: "",
                timestamp: "",
                signature,
                body: BODY,
            };
            scheme.verify(&test_secret(), signed, at(now), TOLERANCE)
        };
        for scheme in [VEC, CERTDIRECTORY] {
            assert_eq!(verify(scheme, BODY_MAC, 0), Ok(()));
            assert_eq!(verify(scheme, &BODY_MAC.to_uppercase(), 0), Ok(()));
            for bad in ["", "zz", &BODY_MAC[2..], THATSME_MAC, "ã"] {
                assert_eq!(
                    verify(scheme, bad, 0),
                    Err(SignatureError::NoMatch),
                    "{bad}"
                );
            }
        }
        let good = format!("t={AT},v1={THATSME_MAC}");
        assert_eq!(verify(THATSME, &good, AT + 300), Ok(()));
        assert_eq!(
            verify(THATSME, &good, AT + 301),
            Err(SignatureError::TooOld)
        );
        let rolled = format!("t={AT}, v0=00, v1={BODY_MAC}, v1={THATSME_MAC}");
        assert_eq!(verify(THATSME, &rolled, AT), Ok(()));
        for (bad, expected) in [
            (
                format!("v1={THATSME_MAC}"),
                SignatureError::MalformedTimestamp,
            ),
            (
                format!("t=+{AT},v1={THATSME_MAC}"),
                SignatureError::MalformedTimestamp,
            ),
            (
                format!("t={},v1={THATSME_MAC}", AT + 1),
                SignatureError::NoMatch,
            ),
            (format!("t={AT}"), SignatureError::NoMatch),
            (format!("t={AT},v1={BODY_MAC}"), SignatureError::NoMatch),
        ] {
            assert_eq!(verify(THATSME, &bad, AT), Err(expected), "{bad}");
        }
    }

    #[test]
    fn one_good_signature_among_several_is_enough() {
        check("1614265330", PUBLISHED_SIGNATURE, 1_614_265_330, Ok(()));
        let several = format!(
            "v1,AAAA v2,{} v1a,x {PUBLISHED_SIGNATURE} junk",
            &PUBLISHED_SIGNATURE[3..]
        );
        check("1614265330", &several, 1_614_265_330, Ok(()));
    }

    #[test]
    fn a_wrong_or_truncated_signature_is_refused() {
        let no_match = Err(SignatureError::NoMatch);
        for bad in [
            &PUBLISHED_SIGNATURE[..20],
            "",
            "v1",
            "v1,",
            &PUBLISHED_SIGNATURE[3..],
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            check("1614265330", bad, 1_614_265_330, no_match);
        }
        check("1614265331", PUBLISHED_SIGNATURE, 1_614_265_330, no_match);
    }

    #[test]
    fn a_timestamp_too_far_away_is_refused() {
        let sent: i64 = 1_614_265_330;
        let seconds = sent.to_string();
        let check_at = |now, expected| check(&seconds, PUBLISHED_SIGNATURE, now, expected);
        check_at(sent + 300, Ok(()));
        check_at(sent + 301, Err(SignatureError::TooOld));
        check_at(sent - 300, Ok(()));
        check_at(sent - 301, Err(SignatureError::InTheFuture));
        for bad in [
            "",
            "soon",
            "1.5",
            "99999999999999999999",
            "-1",
            "+1614265330",
        ] {
            let malformed = Err(SignatureError::MalformedTimestamp);
            check(bad, PUBLISHED_SIGNATURE, sent, malformed);
        }
    }
}
