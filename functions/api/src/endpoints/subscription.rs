//! What an endpoint subscribes to, and whether its dialect can say it.

use payload::dialect::Dialect;
use payload::event_type::{EventType, Subscription};
use payload::fields::Fields;
use payload::unmappable::OnUnmappable;
use state::Endpoint;

/// The member under which a body names event types. `eventTypes` is Beedeez' writing.
const MEMBERS: [&str; 2] = ["event_types", "eventTypes"];

const MAX_PATTERNS: usize = 100;

/// The event types as a body names them.
pub(super) struct Named {
    member: &'static str,
    patterns: Vec<String>,
}

/// An event type asked for by its name, which the dialect has none for, and where it stands.
pub(super) struct Unrepresentable {
    pub(super) pointer: String,
    pub(super) event_type: EventType,
}

/// Takes the dialect and the event types.
pub(super) fn read(endpoint: &mut Endpoint, fields: &mut Fields<'_>) -> Option<Named> {
    let dialect = fields.text("dialect");
    let dialect_is_named = dialect.is_some();
    if let Some(dialect) = dialect {
        match dialect.parse() {
            Ok(dialect) => endpoint.dialect = dialect,
            Err(error) => fields.fault("dialect", &format!("{error}")),
        }
    }
    let is_new = endpoint.event_types.patterns().is_empty();
    let [ours, beedeez] = MEMBERS.map(|member| {
        let patterns = fields.texts(member)?;
        Some(Named { member, patterns })
    });
    if ours.is_some() && beedeez.is_some() {
        fields.fault("eventTypes", "is the same as event_types: send one of them");
        return None;
    }
    let Some(named) = ours.or(beedeez) else {
        if is_new {
            fields.fault("event_types", "required");
        }
        return None;
    };
    if is_new && !dialect_is_named {
        endpoint.dialect = dialect_of(&named.patterns);
    }
    subscribe(endpoint, &named, fields);
    Some(named)
}

/// The dialect in whose words these patterns are written, where nobody named it: canonical if they can be
/// read so, else the one source system that has them all. The configuration of Beedeez names no dialect.
fn dialect_of(patterns: &[String]) -> Dialect {
    let reads = |dialect: &Dialect| Subscription::parse(*dialect, patterns).is_ok();
    Dialect::ALL.into_iter().find(reads).unwrap_or_default()
}

fn subscribe(endpoint: &mut Endpoint, named: &Named, fields: &Fields<'_>) {
    let Named { member, patterns } = named;
    if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
        fields.fault(member, "must name 1 to 100 event types, or *");
        return;
    }
    match Subscription::parse(endpoint.dialect, patterns) {
        Ok(subscription) => endpoint.event_types = subscription,
        Err(unknown) => {
            for index in unknown {
                let reason = match endpoint.dialect {
                    Dialect::Canonical => "matches no event type".to_owned(),
                    dialect => {
                        format!("matches no event type, by its canonical or its {dialect} name")
                    }
                };
                fields.fault_within(member, &index.to_string(), &reason);
            }
        }
    }
}

/// What the endpoint would wait for in vain after a change of it. A change of something else leaves it
/// as it is; so does a wish for another form of such events.
pub(super) fn unrepresentable(
    before: &Endpoint,
    after: &Endpoint,
    named: Option<&Named>,
) -> Vec<Unrepresentable> {
    let is_changed = named.is_some()
        || before.on_unmappable != after.on_unmappable
        || before.vocabulary() != after.vocabulary();
    if !is_changed || after.on_unmappable != OnUnmappable::Skip {
        return Vec::new();
    }
    let (member, patterns) = match named {
        Some(named) => (named.member, named.patterns.as_slice()),
        None => (MEMBERS[0], after.event_types.patterns()),
    };
    let missing = after.vocabulary().missing_by_name(patterns);
    let missing = missing.into_iter().map(|(index, event_type)| {
        let pointer = format!("/{member}/{index}");
        Unrepresentable {
            pointer,
            event_type,
        }
    });
    missing.collect()
}
