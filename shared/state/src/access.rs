//! Who is calling, and for which organization.

use jiff::Timestamp;
use payload::id::{KeyId, OrganizationId};
use payload::token::{self, ApiKey};

use crate::accounts::Accounts;
use crate::error::StateError;

/// Checks keys. Holds the SHA-256 of the platform key, as the template gives it.
#[derive(Debug, Clone)]
pub struct Access {
    platform_key_sha256: String,
}

/// The holder of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Acts for the organization it names.
    Platform,
    /// Acts for itself.
    Organization {
        /// Which it is.
        id: OrganizationId,
        /// The id of the key it presented.
        key: KeyId,
    },
}

/// Why a call is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No `Authorization: Bearer` header.
    #[error("send an API key as `Authorization: Bearer ck_live_…`")]
    NoKey,
    /// Mistyped, unknown, revoked or expired.
    #[error("the API key is not valid")]
    BadKey,
    /// A platform key without the organization it acts for.
    #[error("a platform key acts for the organization named in the header X-Organization-Id")]
    NoOrganization,
    /// The organization named is none.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// The key is valid, but not for this.
    #[error("this key is not allowed to do that")]
    Forbidden,
    /// The key could not be looked up.
    #[error(transparent)]
    Unavailable(#[from] StateError),
}

impl Access {
    /// With the SHA-256 (hex) of the platform key.
    pub fn new(platform_key_sha256: String) -> Self {
        Self {
            platform_key_sha256,
        }
    }

    /// Finds the holder of the key in an `Authorization` header.
    ///
    /// # Errors
    /// There is none, or the key is not valid at `now`.
    pub async fn authenticate(
        &self,
        accounts: &Accounts,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Caller, AccessError> {
        let presented =
            bearer(authorization.ok_or(AccessError::NoKey)?).ok_or(AccessError::NoKey)?;
        let sha256 = token::sha256(presented);
        if sha256 == self.platform_key_sha256 {
            return Ok(Caller::Platform);
        }
        // A typo costs no look-up.
        ApiKey::parse(presented).map_err(|_| AccessError::BadKey)?;
        let record = accounts
            .find_key(&sha256, now)
            .await?
            .ok_or(AccessError::BadKey)?;
        if record
            .expires_at
            .is_some_and(|expires_at| expires_at <= now)
        {
            return Err(AccessError::BadKey);
        }
        Ok(Caller::Organization {
            id: record.organization_id,
            key: record.id,
        })
    }
}

impl Caller {
    /// The organization the call is for: the one named, or the caller's own.
    ///
    /// # Errors
    /// A platform must name one; an organization may name none but itself.
    pub fn organization(self, named: Option<&str>) -> Result<OrganizationId, AccessError> {
        let named = named
            .map(|id| id.parse().map_err(|_| AccessError::UnknownOrganization))
            .transpose();
        match self {
            Self::Platform => named?.ok_or(AccessError::NoOrganization),
            Self::Organization { id: own, .. } => match named {
                Ok(None) => Ok(own),
                Ok(Some(id)) if id == own => Ok(own),
                // Another's and a mistyped id are answered alike: nothing is told about others.
                Ok(Some(_)) | Err(_) => Err(AccessError::Forbidden),
            },
        }
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_key_is_a_key() {
        assert_eq!(bearer("Bearer ck_live_x"), Some("ck_live_x"));
        assert_eq!(bearer("bearer  ck_live_x "), Some("ck_live_x"));
        for other in ["", "ck_live_x", "Bearer", "Bearer ", "Basic dXNlcg=="] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }

    #[test]
    fn a_platform_names_an_organization_and_an_organization_only_itself() {
        let own: OrganizationId = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let named = |caller: Caller, id: Option<&str>| {
            caller.organization(id).map_err(|error| error.to_string())
        };
        assert_eq!(named(Caller::Platform, Some(&own.to_string())), Ok(own));
        assert!(matches!(
            Caller::Platform.organization(None),
            Err(AccessError::NoOrganization)
        ));
        assert!(matches!(
            Caller::Platform.organization(Some("org_x")),
            Err(AccessError::UnknownOrganization)
        ));
        let caller = Caller::Organization {
            id: own,
            key: "key_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        assert_eq!(named(caller, None), Ok(own));
        assert_eq!(named(caller, Some(&own.to_string())), Ok(own));
        for other in ["org_01ARZ3NDEKTSV4RRFFQ69G5FAW", "org_x"] {
            assert!(matches!(
                caller.organization(Some(other)),
                Err(AccessError::Forbidden)
            ));
        }
    }
}
