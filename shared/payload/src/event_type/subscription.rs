//! What an endpoint wants to hear about.

use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::event_type::{EventType, native_names};

/// The pattern for everything that is posted.
const EVERYTHING: &str = "*";

/// The event types an endpoint wants: `*`, a group such as `credential.*`, or single types.
///
/// `*` is everything that is posted. Who wants to hear about deliveries and endpoints says so, by a
/// group or a name: a receiver of certificates is not surprised by something else.
///
/// Kept as canonical patterns, so that a type added later to a group reaches the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subscription(Vec<String>);

impl Subscription {
    /// Reads patterns written with canonical names or with the names of the endpoint's dialect.
    ///
    /// # Errors
    /// The positions of the patterns that match nothing.
    pub fn parse(dialect: Dialect, patterns: &[String]) -> Result<Self, Vec<usize>> {
        let mut canonical: Vec<String> = Vec::new();
        let mut unknown = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let names = canonical_patterns(dialect, pattern);
            if names.is_empty() {
                unknown.push(index);
            }
            for name in names {
                if !canonical.contains(&name) {
                    canonical.push(name);
                }
            }
        }
        if unknown.is_empty() {
            Ok(Self(canonical))
        } else {
            Err(unknown)
        }
    }

    /// Whether events of this type are wanted.
    pub fn includes(&self, event_type: EventType) -> bool {
        let means = |pattern: &String| match pattern.as_str() {
            EVERYTHING => !event_type.is_operational(),
            pattern => matches(pattern, event_type.name()),
        };
        self.0.iter().any(means)
    }

    /// The canonical patterns.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

fn canonical_patterns(dialect: Dialect, pattern: &str) -> Vec<String> {
    if EventType::ALL
        .iter()
        .any(|event_type| matches(pattern, event_type.name()))
    {
        return vec![pattern.to_owned()];
    }
    native_names(dialect)
        .filter(|(_, native)| matches(pattern, native))
        .map(|(event_type, _)| event_type.name().to_owned())
        .collect()
}

/// `*` is everything, `credential.*` everything in the group, anything else itself.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && name.starts_with(group),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(dialect: Dialect, patterns: &[&str]) -> Result<Subscription, Vec<usize>> {
        let patterns: Vec<String> = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        Subscription::parse(dialect, &patterns)
    }

    #[test]
    fn a_group_takes_its_types_and_no_other() {
        let credentials = subscribe(Dialect::Canonical, &["credential.*"]).unwrap();
        assert!(credentials.includes(EventType::CredentialRevoked));
        assert!(!credentials.includes(EventType::ApplicationCreated));
    }

    #[test]
    fn everything_is_what_is_posted_and_operational_events_are_asked_for() {
        let wanted = |patterns: &[&str]| {
            let subscription = subscribe(Dialect::Canonical, patterns).unwrap();
            let types = EventType::ALL.into_iter();
            let wanted: Vec<EventType> = types.filter(|it| subscription.includes(*it)).collect();
            wanted
        };
        let everything: Vec<EventType> = EventType::posted().collect();
        assert_eq!(wanted(&["*"]), everything);
        assert_eq!(wanted(&["endpoint.*"]).len(), 3);
        assert_eq!(wanted(&["delivery.*"]), [EventType::DeliveryExhausted]);
        assert_eq!(wanted(&["billing.*"]), [EventType::BillingAccessChanged]);
        assert_eq!(
            wanted(&["*", "endpoint.failing"]).len(),
            everything.len() + 1
        );
    }

    #[test]
    fn native_names_of_the_dialect_are_mapped() {
        let beedeez = subscribe(
            Dialect::Beedeez,
            &["certificate_completed", "certificate_expired"],
        )
        .unwrap();
        assert_eq!(
            beedeez.patterns(),
            ["credential.issued", "credential.expired"]
        );
        let vec = subscribe(Dialect::Vec, &["certificate_application.*"]).unwrap();
        assert_eq!(vec.patterns().len(), 6);
        let certdirectory = subscribe(
            Dialect::Certdirectory,
            &["credential.claimed", "credential.accepted"],
        )
        .unwrap();
        assert_eq!(certdirectory.patterns(), ["credential.accepted"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_named_by_its_place() {
        assert_eq!(
            subscribe(
                Dialect::Thatsme,
                &["certificate.issued", "certificate_completed"]
            ),
            Err(vec![1])
        );
        assert_eq!(
            subscribe(
                Dialect::Canonical,
                &["cred*", "credential.", "", "nothing.*"]
            ),
            Err(vec![0, 1, 2, 3])
        );
    }
}
