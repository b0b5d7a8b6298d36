//! The members that Stripe's objects have in common.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use super::Origin;
use crate::billing::claim::{Claim, Source};
use crate::billing::stripe_id::StripeId;
use crate::fields::Fields;
use crate::id::OrganizationId;

/// Longest name of a price, a status and the like: Stripe has none that is longer.
pub(super) const MAX_NAME: usize = 255;

/// Notes it when an object is another one than its event is about.
pub(super) fn check_object(object: &mut Fields<'_>, expected: &str) {
    if object.text("object").as_deref() != Some(expected) {
        object.fault("object", &format!("must be `{expected}`"));
    }
}

/// An id, or the object that has it: Stripe puts either there.
pub(super) fn id<I: FromStr>(fields: &mut Fields<'_>, name: &str) -> Option<I> {
    let id = match fields.take(name)? {
        Value::String(text) => text.parse().ok(),
        Value::Object(object) => object.get("id").and_then(|id| id.as_str()?.parse().ok()),
        _ => None,
    };
    if id.is_none() {
        fields.fault(name, "must be an id of Stripe, or an object with one");
    }
    id
}

pub(super) fn required_id(fields: &mut Fields<'_>, name: &str) -> Option<StripeId> {
    let id = id(fields, name);
    if id.is_none() {
        fields.fault(name, "required");
    }
    id
}

/// A time in Unix seconds.
pub(super) fn seconds(fields: &mut Fields<'_>, name: &str) -> Option<Timestamp> {
    let value = fields.take(name)?;
    let seconds = value.as_i64().filter(|seconds| *seconds >= 0);
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    if time.is_none() {
        fields.fault(name, "must be a time in Unix seconds");
    }
    time
}

pub(super) fn required_seconds(fields: &mut Fields<'_>, name: &str) -> Option<Timestamp> {
    let time = seconds(fields, name);
    if time.is_none() {
        fields.fault(name, "required");
    }
    time
}

/// A text of at most [`MAX_NAME`] bytes.
pub(super) fn name(fields: &mut Fields<'_>, member: &str) -> Option<String> {
    let text = fields.text(member)?;
    fields.check_length(member, &text, MAX_NAME);
    Some(text)
}

/// Whom metadata, or a checkout, name as the organization.
pub(super) enum Named {
    Nobody,
    Something,
    Organization(OrganizationId),
}

impl Named {
    /// What a member says.
    pub(super) fn by(fields: &mut Fields<'_>, member: &str) -> Self {
        match fields.take(member) {
            None => Self::Nobody,
            Some(value) => match value.as_str().and_then(|text| text.parse().ok()) {
                Some(id) => Self::Organization(id),
                None => Self::Something,
            },
        }
    }

    /// What the metadata of an object say.
    pub(super) fn in_metadata(fields: &mut Fields<'_>) -> Self {
        let metadata = fields.object("metadata");
        metadata.map_or(Self::Nobody, |mut it| Self::by(&mut it, "org_id"))
    }

    pub(super) fn claim(&self, source: Source, origin: &Origin) -> Option<Claim> {
        let Self::Organization(organization_id) = *self else {
            return None;
        };
        Some(Claim {
            source,
            organization_id,
            at: origin.created,
            event: Some(origin.event.clone()),
            bought: BTreeMap::new(),
        })
    }
}
