//! Partition and sort keys of every row.

use jiff::Timestamp;
use jiff::civil::Date;
use payload::billing::claim::Source;
use payload::billing::stripe_event::Mode;
use payload::billing::stripe_id::StripeId;
use payload::id::{EndpointId, EventId, KeyId, OrganizationId, RelayId, SigningKeyId};
use payload::timestamp;

use crate::bucket::Bucket;
use crate::limits::Limited;

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const ENDPOINT_PREFIX: &str = "endpoint#";
pub(crate) const HEALTH_PREFIX: &str = "health#";
pub(crate) const SIGNING_KEY_PREFIX: &str = "jwk#";
pub(crate) const KEY_PREFIX: &str = "key#";
pub(crate) const RELAY_PREFIX: &str = "relay#";
pub(crate) const CREDENTIAL_PREFIX: &str = "credential#";
pub(crate) const RECIPIENT_PREFIX: &str = "recipient#";
pub(crate) const SERIES_PREFIX: &str = "series#";
/// Sort key of what an organization is entitled to.
pub(crate) const ENTITLEMENT: &str = "entitlement";
/// Sort key of an organization's own row. Sorts after `endpoint#…`, `entitlement`, `health#…` and `jwk#…`, so
/// that one query up to here reads an organization with its endpoints, how they are doing, what it is entitled
/// to, and its signing keys.
pub(crate) const ORGANIZATION: &str = "org";
/// Partition that lists all organizations.
pub(crate) const ORGANIZATIONS: &str = "organizations";

/// Partition that lists the organizations about whose entitlement something is to be done.
pub(crate) const ENTITLEMENTS_DUE: &str = "entitlements";

/// Partition that lists the organizations of which Stripe is to be asked.
pub(crate) const ENTITLEMENTS_DOUBTED: &str = "doubts";

/// Partition that lists the organizations whose credentials get other reminders.
pub(crate) const RESCHEDULINGS: &str = "reschedulings";

/// Sort key of the row of limits.
pub(crate) const LIMIT: &str = "limit";

/// Partition of what recovery keeps for itself, in Deliveries.
pub(crate) const RECOVERY: &str = "recovery";
/// Partition of the index `due` that lists the deliveries that were given up.
pub(crate) const STUCK: &str = "stuck";
/// Partition of the index `due` that lists the range replays that are not over.
pub(crate) const ACTIVE_REPLAYS: &str = "replays";
/// Partition of the index `due` that lists the erasures that are not over.
pub(crate) const ACTIVE_ERASURES: &str = "erasures";

pub(crate) fn organization(id: OrganizationId) -> String {
    format!("org#{id}")
}

pub(crate) fn endpoint(id: EndpointId) -> String {
    format!("{ENDPOINT_PREFIX}{id}")
}

/// How an endpoint is doing, while it fails.
pub(crate) fn health(id: EndpointId) -> String {
    format!("{HEALTH_PREFIX}{id}")
}

/// The endpoint that such a row is about.
pub(crate) fn health_of(sk: &str) -> Option<EndpointId> {
    sk.strip_prefix(HEALTH_PREFIX)?.parse().ok()
}

pub(crate) fn key(id: KeyId) -> String {
    format!("{KEY_PREFIX}{id}")
}

/// How often an organization made one of those rows whose sort keys begin like this. It sorts before all that is
/// read with the organization.
pub(crate) fn made(prefix: &str) -> String {
    format!("count#{prefix}")
}

pub(crate) fn signing_key(id: SigningKeyId) -> String {
    format!("{SIGNING_KEY_PREFIX}{id}")
}

/// What is known of a credential.
pub(crate) fn credential(id: &str) -> String {
    format!("{CREDENTIAL_PREFIX}{id}")
}

/// The credential that such a row is about.
pub(crate) fn credential_of(sk: &str) -> Option<&str> {
    sk.strip_prefix(CREDENTIAL_PREFIX)
}

/// Another id of a credential.
pub(crate) fn alias(id: &str) -> String {
    format!("alias#{id}")
}

/// Place of a credential in the index `updated`: by the time of its last change, then by its id.
pub(crate) fn updated(at: Timestamp, id: &str) -> String {
    format!("{}#{id}", updated_from(at))
}

/// What sorts before everything that changed at this time, and after all before it.
pub(crate) fn updated_from(at: Timestamp) -> String {
    timestamp::canonical(at)
}

/// Partition of the index `notice`.
pub(crate) fn notice(shard: u8) -> String {
    format!("notice#{shard:02}")
}

/// The partition that lists the events of an organization that were written long after they got their ids.
pub(crate) fn late(organization: OrganizationId) -> String {
    format!("org#{organization}#late")
}

/// The last certificate of a series.
pub(crate) fn series(digest: &str) -> String {
    format!("{SERIES_PREFIX}{digest}")
}

/// A recipient in the organization's directory, by the source's id.
pub(crate) fn recipient(id: &str) -> String {
    format!("{RECIPIENT_PREFIX}{id}")
}

/// An achievement in the organization's directory, by the source's id.
pub(crate) fn achievement(id: &str) -> String {
    format!("achievement#{id}")
}

/// The counters of an endpoint on a day. They sort after the organization's own row.
pub(crate) fn stats(endpoint: EndpointId, day: Date) -> String {
    format!("{}{day}", stats_of(endpoint))
}

/// What the counters of an endpoint start with.
pub(crate) fn stats_of(endpoint: EndpointId) -> String {
    format!("stats#{endpoint}#")
}

/// What was taken of the limits of an organization or an endpoint.
pub(crate) fn limit(of: Limited) -> String {
    format!("limit#{of}")
}

/// Whose limits lie in a partition.
pub(crate) fn limited(partition: &str) -> Option<Limited> {
    let id = partition.strip_prefix("limit#")?;
    let endpoint = || id.parse().ok().map(Limited::Endpoint);
    let organization = || id.parse().ok().map(Limited::Organization);
    let key = || id.parse().ok().map(Limited::Key);
    endpoint().or_else(organization).or_else(key)
}

pub(crate) fn key_digest(sha256: &str) -> String {
    format!("key#{sha256}")
}

pub(crate) fn relay(id: RelayId) -> String {
    format!("{RELAY_PREFIX}{id}")
}

pub(crate) fn relay_digest(sha256: &str) -> String {
    format!("relay#{sha256}")
}

/// Events and deliveries of one organization and month lie together.
pub(crate) fn month(organization: OrganizationId, month: &str) -> String {
    format!("org#{organization}#{month}")
}

/// Webhooks of one organization that could not be read lie together.
pub(crate) fn quarantine(organization: OrganizationId) -> String {
    format!("org#{organization}#quarantine")
}

/// Whose events or deliveries lie in a partition of [`month`], webhooks in one of [`quarantine`],
/// replays in one of [`replays`], or erasures in one of [`erasures`].
pub(crate) fn organization_of(partition: &str) -> Option<OrganizationId> {
    partition.split('#').nth(1)?.parse().ok()
}

pub(crate) fn delivery(event: EventId, endpoint: EndpointId) -> String {
    format!("{event}#{endpoint}")
}

pub(crate) fn idempotency(organization: OrganizationId, digest: &str) -> String {
    format!("idem#{organization}#{digest}")
}

/// Within its bucket a delivery that recovery is to look at sorts by the millisecond.
pub(crate) fn due_at(at: Timestamp, event: EventId, endpoint: EndpointId) -> String {
    format!("{}#{event}#{endpoint}", due_from(at))
}

/// What sorts before everything that is due at this time, and after all before it.
pub(crate) fn due_from(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond())
}

/// What Stripe said of a customer lies together.
pub(crate) fn stripe_customer(mode: Mode, customer: &StripeId) -> String {
    format!("stripe#{}#{customer}", mode.name())
}

/// Who says that a customer is whose.
pub(crate) fn claim(organization: OrganizationId, source: Source) -> String {
    format!("claim#{organization}#{}", source.name())
}

pub(crate) fn subscription(id: &StripeId) -> String {
    format!("subscription#{id}")
}

pub(crate) fn invoice(id: &StripeId) -> String {
    format!("invoice#{id}")
}

/// The customers that were claimed for an organization.
pub(crate) fn customers_of(mode: Mode, organization: OrganizationId) -> String {
    format!("customers#{}#{organization}", mode.name())
}

/// The customers that nobody has claimed.
pub(crate) fn parked(mode: Mode) -> String {
    format!("parked#{}", mode.name())
}

/// The events of a customer, or those that could not be read.
pub(crate) fn heard(mode: Mode, customer: Option<&StripeId>) -> String {
    let of = customer.map_or("unparsed", StripeId::as_str);
    format!("heard#{}#{of}", mode.name())
}

/// Events sort by when they happened.
pub(crate) fn heard_at(at: Timestamp, id: &str) -> String {
    format!("{}#{id}", due_from(at))
}

/// Organizations about whose entitlement something is to be done sort by the millisecond.
pub(crate) fn entitlement_due(at: Timestamp, organization: OrganizationId) -> String {
    format!("{}#{organization}", due_from(at))
}

/// Partition of the index `due` that lists what is held for an endpoint while its organization's access is
/// suspended, in the order of the events.
pub(crate) fn suspended(organization: OrganizationId, endpoint: EndpointId) -> String {
    format!("suspended#{organization}#{endpoint}")
}

/// How many events of a bucket were audited.
pub(crate) fn audited(bucket: Bucket) -> String {
    format!("audited#{bucket}")
}

/// The range replays of an organization lie together.
pub(crate) fn replays(organization: OrganizationId) -> String {
    format!("org#{organization}#replays")
}

/// The lists of those jobs of an organization that go on: one of erasures, one of replays.
pub(crate) fn active(organization: OrganizationId) -> String {
    format!("org#{organization}#active")
}

/// The erasures of an organization lie together.
pub(crate) fn erasures(organization: OrganizationId) -> String {
    format!("org#{organization}#erasures")
}

/// The lines of an organization's audit log lie together.
pub(crate) fn audit_log(organization: OrganizationId) -> String {
    format!("org#{organization}#log")
}

/// The month before `yyyymm`.
pub(crate) fn previous_month(month: &str) -> Option<String> {
    let (year, month) = (
        month.get(..4)?.parse::<u32>().ok()?,
        month.get(4..)?.parse::<u32>().ok()?,
    );
    match month {
        1 => Some(format!("{:04}12", year.checked_sub(1)?)),
        2..=12 => Some(format!("{year:04}{:02}", month - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_over_the_turn_of_the_year() {
        assert_eq!(previous_month("202603").as_deref(), Some("202602"));
        assert_eq!(previous_month("202601").as_deref(), Some("202512"));
        assert_eq!(previous_month("x"), None);
    }

    #[test]
    fn a_months_partition_tells_whose_it_is() {
        let id: OrganizationId = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        assert_eq!(organization_of(&month(id, "202611")), Some(id));
        assert_eq!(organization_of(&quarantine(id)), Some(id));
        assert_eq!(organization_of("org#x"), None);
    }

    #[test]
    fn one_query_up_to_the_organization_row_covers_endpoints_with_their_health_and_no_counters_or_relays()
     {
        assert!(ENDPOINT_PREFIX < HEALTH_PREFIX && HEALTH_PREFIX < ORGANIZATION);
        assert!(ENDPOINT_PREFIX < SIGNING_KEY_PREFIX && SIGNING_KEY_PREFIX < ORGANIZATION);
        assert!(ENDPOINT_PREFIX < ENTITLEMENT && ENTITLEMENT < ORGANIZATION);
        assert!(made(ENDPOINT_PREFIX).as_str() < ENDPOINT_PREFIX);
        assert!(ORGANIZATION < RELAY_PREFIX && ORGANIZATION < "stats#");
    }
}
