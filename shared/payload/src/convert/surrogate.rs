//! Identifiers in the form that a dialect asks for, made from those that the source gave.
//!
//! The same identifier gives the same surrogate each time, so a receiver can join and deduplicate.
//! Surrogates of two organizations have nothing in common. An identifier that has the form already is
//! kept as it is.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::id::OrganizationId;

/// What an identifier identifies: two things with the same identifier are two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A credential.
    Credential,
    /// A badge or certificate definition.
    Achievement,
    /// A course or occasion.
    Activity,
    /// A credential's title, where nothing else says what it attests.
    Title,
    /// A person.
    Recipient,
    /// A person who has no identifier but an e-mail address.
    Email,
    /// What shows that it was earned.
    Evidence,
    /// Who issued.
    Issuer,
    /// A unit of the issuer.
    School,
    /// A person responsible for a unit.
    Manager,
    /// An application for a credential.
    Application,
    /// One event for one endpoint.
    Delivery,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Achievement => "achievement",
            Self::Activity => "activity",
            Self::Title => "title",
            Self::Recipient => "recipient",
            Self::Email => "email",
            Self::Evidence => "evidence",
            Self::Issuer => "issuer",
            Self::School => "school",
            Self::Manager => "manager",
            Self::Application => "application",
            Self::Delivery => "delivery",
        }
    }
}

/// Where identifiers come from: whose they are and who gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Whose event it is.
    pub organization: OrganizationId,
    /// The dialect the identifier was read in.
    pub dialect: Dialect,
}

impl Origin {
    /// UUID of version 5, of the name `<dialect>:<kind>:<id>` in the organization's namespace.
    pub fn uuid(self, kind: Kind, id: &str) -> Uuid {
        Uuid::new_v5(&self.organization.into(), self.name(kind, id).as_bytes())
    }

    /// 24 hexadecimal digits, as an `ObjectId` has them: the first 12 bytes of a SHA-256.
    pub fn object_id(self, kind: Kind, id: &str) -> String {
        base16ct::lower::encode_string(&self.digest(kind, id)[..12])
    }

    /// An integer from 1 to 2^53 - 1, which every JSON reader keeps exactly: the first 53 bits of a
    /// SHA-256.
    pub fn integer(self, kind: Kind, id: &str) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest(kind, id);
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 11).max(1)
    }

    fn digest(self, kind: Kind, id: &str) -> [u8; 32] {
        let namespace = Uuid::from(self.organization);
        Sha256::new()
            .chain_update(namespace.as_bytes())
            .chain_update(self.name(kind, id))
            .finalize()
            .into()
    }

    fn name(self, kind: Kind, id: &str) -> String {
        format!("{}:{}:{id}", self.dialect, kind.name())
    }
}

/// The other form in which a subscriber of this dialect gets the id of a credential, if it gets one.
pub fn credential_in(dialect: Dialect, origin: Origin, id: &str) -> Option<String> {
    // The target's own identifiers come back as they were.
    if origin.dialect == dialect {
        return None;
    }
    match dialect {
        Dialect::Vec | Dialect::Certdirectory if !is_uuid(id) => {
            Some(origin.uuid(Kind::Credential, id).to_string())
        }
        Dialect::Beedeez if !is_object_id(id) => Some(origin.object_id(Kind::Credential, id)),
        _ => None,
    }
}

/// Largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub(super) const MAX_EXACT: u64 = (1 << 53) - 1;

/// Whether a text is a UUID with its four hyphens, as everybody writes them.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// Whether a text has the form of an `ObjectId`.
pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn origin(dialect: Dialect) -> Origin {
        Origin {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            dialect,
        }
    }

    /// Computed outside of this project.
    #[test]
    fn surrogates_are_the_same_in_every_release() {
        let thatsme = origin(Dialect::Thatsme);
        let uuid = thatsme.uuid(Kind::Credential, "inv_abc123");
        assert_eq!(uuid.get_version_num(), 5);
        assert_eq!(
            (
                uuid.to_string().as_str(),
                thatsme.object_id(Kind::Credential, "inv_abc123").as_str(),
                thatsme.integer(Kind::Credential, "inv_abc123")
            ),
            (
                "a83ce57a-d612-5c4f-af95-0477825e1d90",
                "d89070b7028a68d09cd90757",
                7_619_676_093_829_453
            )
        );
    }

    #[test]
    fn a_surrogate_depends_on_all_that_identifies() {
        let thatsme = origin(Dialect::Thatsme);
        let other = Origin {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap(),
            ..thatsme
        };
        let uuids = [
            thatsme.uuid(Kind::Credential, "a"),
            thatsme.uuid(Kind::Achievement, "a"),
            thatsme.uuid(Kind::Credential, "b"),
            origin(Dialect::Vec).uuid(Kind::Credential, "a"),
            other.uuid(Kind::Credential, "a"),
        ];
        assert_eq!(uuids.iter().collect::<HashSet<_>>().len(), uuids.len());
        assert_ne!(
            thatsme.object_id(Kind::Credential, "a"),
            other.object_id(Kind::Credential, "a")
        );
    }

    /// Of a million identifiers in sequence, as databases give them, no two share a surrogate.
    #[test]
    fn a_million_identifiers_have_a_million_surrogates_of_every_form() {
        let vec = origin(Dialect::Vec);
        let mut uuids = HashSet::new();
        let mut object_ids = HashSet::new();
        let mut integers = HashSet::new();
        for number in 0..1_000_000 {
            let id = number.to_string();
            assert!(uuids.insert(vec.uuid(Kind::Credential, &id)), "{id}");
            assert!(
                object_ids.insert(vec.object_id(Kind::Credential, &id)),
                "{id}"
            );
            let integer = vec.integer(Kind::Credential, &id);
            assert!((1..1 << 53).contains(&integer));
            assert!(integers.insert(integer), "{id}");
        }
    }
}
