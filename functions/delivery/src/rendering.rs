//! What an endpoint is sent of an event, or why nothing. Nothing here has an effect.

use jiff::tz::TimeZone;
use payload::convert::{Surrogate, Target, Unmappable, render};
use payload::dialect::Dialect;
use payload::unmappable::OnUnmappable;
use state::{Endpoint, Organization, StateError, StoredEvent};

/// A body to be sent.
#[derive(Clone, PartialEq)]
pub(crate) struct Rendering {
    /// The dialect it is in.
    pub(crate) dialect: Dialect,
    /// That dialect's name for the event.
    pub(crate) name: &'static str,
    pub(crate) body: Vec<u8>,
    /// Whether it is in another dialect than the endpoint asked for.
    pub(crate) is_substitute: bool,
    pub(crate) surrogates: Vec<Surrogate>,
}

/// Says the event as the endpoint wants to hear it; `Err` inside when that is not at all.
///
/// # Errors
/// What is stored of the event cannot be read.
pub(crate) fn rendering(
    event: &StoredEvent,
    endpoint: &Endpoint,
    organization: &Organization,
) -> Result<Result<Rendering, Unmappable>, StateError> {
    if let Some(stored) = stored(event, endpoint, endpoint.dialect) {
        return Ok(Ok(stored));
    }
    // The zone was checked when it was set; one that vanished from the database since is written as UTC.
    let time_zone = TimeZone::get(&organization.time_zone).unwrap_or(TimeZone::UTC);
    let target = Target {
        vocabulary: endpoint.vocabulary(),
        endpoint: endpoint.id,
        time_zone: &time_zone,
        surrogate_ids: endpoint.surrogate_ids,
    };
    // Without a word for it there is no need to read the event.
    let rendered = match target.vocabulary.word_for(event.event_type) {
        Some(_) => render(&event.event()?, target),
        None => Err(Unmappable::NoSuchType),
    };
    Ok(rendered
        .map(|rendered| Rendering {
            dialect: endpoint.dialect,
            name: rendered.event,
            body: rendered.body,
            is_substitute: false,
            surrogates: rendered.surrogates,
        })
        .or_else(|why| {
            let substitute = match endpoint.on_unmappable {
                OnUnmappable::Skip => None,
                OnUnmappable::Canonical => stored(event, endpoint, Dialect::Canonical),
                OnUnmappable::Native => stored(event, endpoint, event.dialect),
            };
            substitute.ok_or(why)
        }))
}

/// The event as it is stored in this dialect, if it is.
fn stored(event: &StoredEvent, endpoint: &Endpoint, dialect: Dialect) -> Option<Rendering> {
    let (body, name) = event.stored_in(dialect)?;
    Some(Rendering {
        dialect,
        name,
        body: body.to_vec(),
        is_substitute: dialect != endpoint.dialect,
        surrogates: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use state::{Account, DeliveryKey, testing};

    use super::*;

    /// A canonical event that says little, and an endpoint of this dialect.
    fn world(dialect: Dialect) -> (StoredEvent, Account) {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let mut event = testing::event(key);
        event.body = br#"{"type":"credential.issued","timestamp":"2026-03-18T10:30:00Z",
            "data":{"credential":{"id":"c1"},"achievement":{"id":"b1"},"recipient":{"email":"a@example.com"}}}"#
            .to_vec();
        let mut account = testing::account(key);
        account.endpoints[0].dialect = dialect;
        (event, account)
    }

    fn rendering_of(event: &StoredEvent, account: &Account) -> Result<Rendering, Unmappable> {
        rendering(event, &account.endpoints[0], &account.organization).unwrap()
    }

    #[test]
    fn the_same_dialect_gets_the_received_bytes() {
        let (event, account) = world(Dialect::Canonical);
        let rendering = rendering_of(&event, &account).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(rendering.body, event.body);
        assert_eq!(rendering.name, "credential.issued");
        assert!(!rendering.is_substitute);
    }

    #[test]
    fn another_dialect_gets_its_own_words_where_that_is_possible() {
        let (event, account) = world(Dialect::Certdirectory);
        let rendering = rendering_of(&event, &account).unwrap_or_else(|why| panic!("{why}"));
        assert!(
            rendering.body.starts_with(
                br#"{"id":"evt_01ARZ3NDEKTSV4RRFFQ69G5FAV","type":"credential.issued""#
            )
        );
        assert_eq!(rendering.surrogates.len(), 2);
        assert!(!rendering.is_substitute);
    }

    #[test]
    fn what_cannot_be_said_is_skipped_or_sent_in_another_form_as_the_endpoint_wants() {
        let (event, mut account) = world(Dialect::Thatsme);
        let missing = Err(vec!["achievement.name", "activity.name", "recipient.name"]);
        let skipped = rendering_of(&event, &account).map_err(|why| why.missing().to_vec());
        assert_eq!(skipped.map(drop), missing);
        for (choice, dialect) in [
            (OnUnmappable::Canonical, Dialect::Canonical),
            (OnUnmappable::Native, event.dialect),
        ] {
            account.endpoints[0].on_unmappable = choice;
            let sent = rendering_of(&event, &account).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(sent.dialect, dialect);
            assert!(sent.is_substitute);
            assert_eq!(sent.body, event.body);
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_is_our_fault_not_the_endpoints() {
        let (mut event, account) = world(Dialect::Thatsme);
        event.body = b"{".to_vec();
        assert!(rendering(&event, &account.endpoints[0], &account.organization).is_err());
    }
}
