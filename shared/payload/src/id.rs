//! Identifiers: a prefix that says what it is, and a ULID that sorts by time of creation.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::Rng;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;
use uuid::Uuid;

/// Why a text is no identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be `{prefix}` followed by a ULID")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What every such identifier starts with.
            pub const PREFIX: &'static str = $prefix;
            /// The identifier of nothing: it is never made.
            pub const NIL: Self = Self(Ulid::nil());

            /// Makes an identifier that sorts after all made in earlier milliseconds.
            pub fn new(now: Timestamp, random: &mut impl Rng) -> Self {
                let mut bytes = [0; 16];
                random.fill_bytes(&mut bytes);
                // A clock before 1970 is a broken machine; the id stays unique, only its order is lost.
                let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(Ulid::from_parts(milliseconds, u128::from_be_bytes(bytes)))
            }

            /// One that is the same whenever it is made of the same: the first 16 bytes of a digest stand for
            /// what is random about others.
            pub fn made_of(at: Timestamp, digest: [u8; 16]) -> Self {
                let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
                Self(Ulid::from_parts(milliseconds, u128::from_be_bytes(digest)))
            }

            /// What sorts before all that are made at this time or later.
            pub fn least(at: Timestamp) -> Self {
                let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
                Self(Ulid::from_parts(milliseconds, 0))
            }

            /// What sorts after all that were made before this time.
            pub fn greatest_before(at: Timestamp) -> Self {
                let milliseconds = u64::try_from(at.as_millisecond().saturating_sub(1));
                Self(Ulid::from_parts(milliseconds.unwrap_or(0), u128::MAX))
            }

            /// When it was made, to the millisecond.
            pub fn created_at(self) -> Timestamp {
                i64::try_from(self.0.timestamp_ms())
                    .ok()
                    .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                    .unwrap_or(Timestamp::MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Accepts the one spelling that [`fmt::Display`] writes: two spellings of one id
            /// would be two keys in a table.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { prefix: $prefix };
                let encoded = text.strip_prefix($prefix).ok_or_else(|| error.clone())?;
                let ulid = Ulid::from_string(encoded).map_err(|_| error.clone())?;
                if ulid.to_string() == encoded { Ok(Self(ulid)) } else { Err(error) }
            }
        }

        impl From<$name> for Uuid {
            /// The same 128 bits, for receivers that take nothing but UUIDs.
            fn from(id: $name) -> Self {
                Self::from_u128(id.0.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = concat!("^", $prefix, "[0-7][0-9A-HJKMNP-TV-Z]{25}$");
                json_schema!({"type": "string", "pattern": pattern})
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// A customer of the platform: `org_…`.
    OrganizationId,
    "org_"
);
id!(
    /// A subscriber's URL with its settings: `ep_…`.
    EndpointId,
    "ep_"
);
id!(
    /// One accepted event: `evt_…`. It is also the `webhook-id` of all its deliveries.
    EventId,
    "evt_"
);
id!(
    /// The handle by which an API key is listed and revoked: `key_…`. Not the key.
    KeyId,
    "key_"
);
id!(
    /// A URL to which a source system sends its own webhooks: `rly_…`. Not the token in the URL.
    RelayId,
    "rly_"
);
id!(
    /// A webhook that could not be read and is kept until it can: `qrt_…`.
    QuarantineId,
    "qrt_"
);
id!(
    /// A replay of a range of events for an endpoint: `rpl_…`.
    ReplayId,
    "rpl_"
);

id!(
    /// The erasure of what is known of a person: `ers_…`.
    ErasureId,
    "ers_"
);

id!(
    /// A key pair by which an organization's webhooks are signed: `sgk_…`. It is the `kid` of its public key.
    SigningKeyId,
    "sgk_"
);

id!(
    /// A line of an organization's audit log: `log_…`.
    AuditId,
    "log_"
);

impl EventId {
    /// The UTC month in which the event was accepted, `yyyymm`: part of its place in the tables.
    pub fn month(self) -> String {
        let date = self.created_at().to_zoned(TimeZone::UTC).date();
        format!("{:04}{:02}", date.year(), date.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = EventId::new(at("2026-11-21T10:00:00.123Z"), &mut rand::rng());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.created_at(), at("2026-11-21T10:00:00.123Z"));
        assert_eq!(id.month(), "202611");
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let mut random = rand::rng();
        let earlier = EndpointId::new(at("2026-01-01T00:00:00Z"), &mut random).to_string();
        let later = EndpointId::new(at("2026-01-01T00:00:00.001Z"), &mut random).to_string();
        assert!(earlier < later);
    }

    #[test]
    fn only_the_one_spelling_is_an_id() {
        let id = OrganizationId::new(at("2026-01-01T00:00:00Z"), &mut rand::rng()).to_string();
        for bad in [
            id.to_lowercase(),
            id.replace("org_", "evt_"),
            format!("{id}0"),
            "org_".into(),
            "org_8ZZZZZZZZZZZZZZZZZZZZZZZZZ".into(),
            String::new(),
        ] {
            assert!(bad.parse::<OrganizationId>().is_err(), "{bad}");
        }
    }
}
