//! What an endpoint's dialect can say: the event types that it has a name for.

use crate::dialect::Dialect;
use crate::event_type::{EventType, Subscription, native_name};

/// The words of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vocabulary {
    /// The wire format it reads.
    pub dialect: Dialect,
    /// Whether `credential.renewed` may be told as *issued*, where the dialect has no *renewed*.
    pub downcast_renewed: bool,
}

impl Vocabulary {
    /// The type as which events of `event_type` are told, and the dialect's name for it.
    ///
    /// The only other type that is true is *issued* for *renewed*: a renewed credential has been issued.
    pub fn name_for(self, event_type: EventType) -> Option<(EventType, &'static str)> {
        let named = |as_type| Some((as_type, native_name(self.dialect, as_type)?));
        let as_issued = self.downcast_renewed && event_type == EventType::CredentialRenewed;
        let downcast = as_issued.then_some(EventType::CredentialIssued);
        named(event_type).or_else(|| downcast.and_then(named))
    }

    /// Whether events of this type have a name.
    pub fn has(self, event_type: EventType) -> bool {
        self.name_for(event_type).is_some()
    }

    /// The subscribed types that have no name, in the order of the catalogue.
    pub fn missing_of(self, subscription: &Subscription) -> Vec<EventType> {
        EventType::ALL
            .into_iter()
            .filter(|event_type| subscription.includes(*event_type) && !self.has(*event_type))
            .collect()
    }

    /// The types without a name that are asked for one by one, each with the place of its pattern. Who
    /// asks for `*` or a group takes what there is.
    pub fn missing_by_name(self, patterns: &[String]) -> Vec<(usize, EventType)> {
        let types = patterns.iter().map(|pattern| pattern.parse());
        types
            .enumerate()
            .filter_map(|(place, event_type)| Some((place, event_type.ok()?)))
            .filter(|(_, event_type)| !self.has(*event_type))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: Dialect) -> Vocabulary {
        Vocabulary {
            dialect,
            downcast_renewed: false,
        }
    }

    fn missing(vocabulary: Vocabulary, patterns: &[&str]) -> Vec<(usize, EventType)> {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        vocabulary.missing_by_name(&patterns)
    }

    #[test]
    fn the_canonical_dialect_has_a_name_for_everything_and_the_others_for_20_types_together() {
        let count = |dialect| {
            let types = EventType::posted();
            types
                .filter(|event_type| of(dialect).has(*event_type))
                .count()
        };
        assert_eq!(Dialect::ALL.map(count), [14, 5, 1, 6, 6, 2]);
    }

    #[test]
    fn operational_events_have_canonical_names_only_and_a_test_has_one_everywhere() {
        for event_type in EventType::ALL.into_iter().filter(|it| it.is_operational()) {
            let has = Dialect::ALL.map(|dialect| of(dialect).has(event_type));
            let is_test = event_type == EventType::WebhookTest;
            assert_eq!(has, [true, is_test, is_test, is_test, is_test, is_test]);
        }
    }

    #[test]
    fn a_type_asked_for_by_its_name_is_missed_and_one_within_a_group_is_not() {
        assert_eq!(
            missing(
                of(Dialect::Beedeez),
                &[
                    "*",
                    "credential.revoked",
                    "credential.*",
                    "certificate_completed",
                    "credential.issued"
                ]
            ),
            [(1, EventType::CredentialRevoked)]
        );
        assert_eq!(missing(of(Dialect::Canonical), &["credential.revoked"]), []);
    }

    #[test]
    fn a_renewal_may_be_as_type_an_issue_where_there_are_issues() {
        for dialect in Dialect::ALL {
            let vocabulary = Vocabulary {
                downcast_renewed: true,
                ..of(dialect)
            };
            assert!(vocabulary.has(EventType::CredentialRenewed), "{dialect}");
            assert_eq!(
                vocabulary.has(EventType::CredentialExpiring),
                of(dialect).has(EventType::CredentialExpiring)
            );
        }
        assert!(!of(Dialect::Vec).has(EventType::CredentialRenewed));
    }

    #[test]
    fn what_is_missing_of_a_subscription_counts_its_groups_too() {
        let credentials =
            Subscription::parse(Dialect::Certdirectory, &["credential.*".to_owned()]).unwrap();
        assert_eq!(
            of(Dialect::Certdirectory).missing_of(&credentials),
            [EventType::CredentialDeclined, EventType::CredentialExpiring]
        );
        assert_eq!(of(Dialect::Canonical).missing_of(&credentials), []);
    }
}
