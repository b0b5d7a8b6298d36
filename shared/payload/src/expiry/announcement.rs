//! A notice as an event.

use jiff::Timestamp;

use crate::dialect::{Dialect, Parsed, Recognised};
use crate::event::{Credential, Facts, Source};
use crate::event_type::EventType;
use crate::expiry::Notice;

/// The event that announces something of the end of a credential's validity, as far as that alone tells it: what
/// else is known of the credential is filled in where it is accepted.
///
/// A credential expires at its end, whenever that is announced. A reminder happens when it is made.
pub fn announcement(
    credential: &str,
    expires_at: Timestamp,
    notice: Notice,
    now: Timestamp,
) -> Parsed {
    let (event_type, timestamp) = match notice {
        Notice::Expired => (EventType::CredentialExpired, expires_at),
        Notice::Expiring(_) => (EventType::CredentialExpiring, now),
    };
    let mut facts = Facts::new(Source {
        derived: true,
        late: notice.is_late(expires_at, now),
        ..Source::new(Dialect::Canonical, event_type.to_string(), now)
    });
    let (expired_at, days_before) = match notice {
        Notice::Expired => (Some(expires_at), None),
        Notice::Expiring(days) => (None, Some(u64::from(days.get()))),
    };
    facts.credential = Some(Credential {
        id: Some(credential.to_owned()),
        expires_at: Some(expires_at),
        expired_at,
        days_before,
        ..Credential::default()
    });
    Parsed {
        event_type,
        timestamp,
        recognised: Recognised::Named,
        natural_key: Vec::new(),
        facts,
        warnings: Vec::new(),
    }
}
