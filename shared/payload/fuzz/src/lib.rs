//! What must hold of every body that is accepted, which all fuzz targets of bodies check; of URLs of endpoints,
//! of `Retry-After` and of what Stripe sends in a module each.

pub mod retry_after;
pub mod stripe;
pub mod target;

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use payload::convert::{Rendered, Target, Unmappable, render};
use payload::dialect::{Dialect, Hints, ParseError, Parsed, parse};
use payload::event::Event;
use payload::event_type::EventType;
use payload::vocabulary::Vocabulary;

/// The zone of times that are written without one. It had changes of its clock, and seconds in its
/// offset once.
static ZONE: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/Sao_Paulo").expect("the zone is bundled"));

/// Reads a body and, if it is accepted, says it again in every dialect.
///
/// # Panics
/// Something does not hold that must.
pub fn check(dialect: Option<Dialect>, body: &[u8]) {
    // The name of the event that a body of Beedeez does not say: white space at the end changes it.
    let name = ["certificate_completed", "certificate_expired"][body.len() % 2];
    let Ok(parsed) = read(dialect, name, body) else {
        return;
    };
    let key = &parsed.natural_key;
    assert!(!key.is_empty(), "an event has a natural key");
    assert!(key.iter().all(|part| !part.trim().is_empty()), "{key:?}");
    let event = kept(parsed);
    for dialect in Dialect::ALL {
        for surrogate_ids in [true, false] {
            match say(&event, dialect, surrogate_ids) {
                // The one thing that can be said in canonical form and is not taken in it: what a
                // finished bulk job of CertDirectory is called, no document tells.
                Ok(_) if dialect == Dialect::Canonical && is_nameless_batch(&event) => {}
                Ok(rendered) => check_rendered(&event, dialect, &rendered),
                Err(_) => {}
            }
        }
    }
}

fn read(dialect: Option<Dialect>, name: &str, body: &[u8]) -> Result<Parsed, ParseError> {
    let hints = Hints {
        dialect,
        event: Some(name),
        time_zone: &ZONE,
        received_at: Timestamp::constant(1_795_255_200, 0),
    };
    parse(body, hints)
}

/// The event as delivery has it: read from the canonical form that was stored.
fn kept(parsed: Parsed) -> Event {
    let organization_id = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id");
    let id = "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id");
    let event = parsed.into_event(id, organization_id);
    let stored = serde_json::to_vec(&event).expect("an event can be written");
    let read = Event::read(&stored, organization_id).expect("what was stored can be read");
    // Compared as it is written: what is finer than a millisecond is not stored.
    let again = serde_json::to_vec(&read).expect("an event can be written");
    assert_eq!(text(&again), text(&stored), "nothing is lost when stored");
    read
}

fn say(event: &Event, dialect: Dialect, surrogate_ids: bool) -> Result<Rendered, Unmappable> {
    let target = Target {
        vocabulary: Vocabulary {
            dialect,
            downcast_renewed: false,
        },
        endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        time_zone: &ZONE,
        surrogate_ids,
    };
    render(event, target)
}

fn is_nameless_batch(event: &Event) -> bool {
    let batch = event.data.facts.batch.as_ref();
    event.event_type == EventType::IssuanceBatchCompleted && batch.is_some_and(|it| it.id.is_none())
}

/// What was said in a dialect is understood there as the same event.
fn check_rendered(event: &Event, dialect: Dialect, rendered: &Rendered) {
    match read(Some(dialect), rendered.event, &rendered.body) {
        Ok(again) => assert_eq!(again.event_type, event.event_type, "{dialect}"),
        Err(error) => panic!(
            "{error:?} in {dialect} of {}: {}",
            event.data.facts.source.dialect,
            text(&rendered.body)
        ),
    }
}

fn text(json: &[u8]) -> &str {
    std::str::from_utf8(json).expect("JSON is UTF-8")
}
