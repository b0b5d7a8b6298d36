//! What a dialect's writer asks of an event, and what it did not get.

use jiff::Timestamp;

use crate::convert::{Fallback, Rendered, Surrogate, Target, Unmappable};
use crate::event::{Achievement, Activity, Credential, Event, Facts, Recipient};
use crate::event_type::EventType;

/// A text, unless it is blank: readers of the dialects take that for nothing said.
pub(crate) fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// An event being told in the words of a dialect.
///
/// A getter that does not find its fact notes that and gives an empty value, so that a writer can go on
/// and all that is missing is named together; what it wrote is discarded then.
pub(crate) struct Conversion<'e> {
    pub(crate) event: &'e Event,
    pub(crate) target: Target<'e>,
    /// The type it is told as.
    pub(crate) as_type: EventType,
    /// The dialect's name for that type.
    pub(crate) name: &'static str,
    pub(super) missing: Vec<&'static str>,
    pub(super) surrogates: Vec<Surrogate>,
    pub(super) fallbacks: Vec<Fallback>,
}

impl<'e> Conversion<'e> {
    pub(super) fn new(
        event: &'e Event,
        target: Target<'e>,
        as_type: EventType,
        name: &'static str,
    ) -> Self {
        Self {
            event,
            target,
            as_type,
            name,
            missing: Vec::new(),
            surrogates: Vec::new(),
            fallbacks: Vec::new(),
        }
    }

    pub(super) fn finish(mut self, body: Vec<u8>) -> Result<Rendered, Unmappable> {
        self.missing.sort_unstable();
        self.missing.dedup();
        if self.missing.is_empty() {
            Ok(Rendered {
                dialect: self.target.vocabulary.dialect,
                event: self.name,
                body,
                is_substitute: false,
                surrogates: self.surrogates,
                fallbacks: self.fallbacks,
            })
        } else {
            Err(Unmappable::Missing(self.missing))
        }
    }

    pub(crate) fn facts(&self) -> &'e Facts {
        &self.event.data.facts
    }

    pub(crate) fn credential(&self) -> Option<&'e Credential> {
        self.facts().credential.as_ref()
    }

    pub(crate) fn achievement(&self) -> Option<&'e Achievement> {
        self.facts().achievement.as_ref()
    }

    pub(crate) fn activity(&self) -> Option<&'e Activity> {
        self.facts().activity.as_ref()
    }

    pub(crate) fn recipient(&self) -> Option<&'e Recipient> {
        self.facts().recipient.as_ref()
    }

    /// Whether the source speaks the dialect itself: what it left out is left out again.
    pub(crate) fn is_own(&self) -> bool {
        self.facts().source.dialect == self.target.vocabulary.dialect
    }

    /// When the source sent the event, or it happened where that was not said.
    pub(crate) fn sent_at(&self) -> Timestamp {
        self.facts().source.sent_at.unwrap_or(self.event.timestamp)
    }

    /// The fact at a canonical path, or the note that it is missing.
    pub(crate) fn need<T: Default>(&mut self, path: &'static str, fact: Option<T>) -> T {
        fact.unwrap_or_else(|| {
            self.missing.push(path);
            T::default()
        })
    }

    /// The text at a canonical path. One that is blank says nothing.
    pub(crate) fn need_text(&mut self, path: &'static str, text: Option<&'e str>) -> &'e str {
        self.need(path, said(text))
    }

    /// The fact at a canonical path, which a source that speaks the dialect itself may have left out.
    pub(crate) fn need_of_others<T: Default>(
        &mut self,
        path: &'static str,
        fact: Option<T>,
    ) -> Option<T> {
        if fact.is_none() && !self.is_own() {
            self.missing.push(path);
        }
        fact
    }

    /// A fact, or the nearest one known, or nothing. `from` says where each of `nearest` comes from.
    pub(crate) fn nearest<T>(
        &mut self,
        pointer: &'static str,
        fact: Option<T>,
        nearest: impl IntoIterator<Item = (&'static str, Option<T>)>,
    ) -> Option<T> {
        if fact.is_some() {
            return fact;
        }
        let (from, fact) = nearest
            .into_iter()
            .find_map(|(from, fact)| Some((from, fact?)))?;
        self.fallbacks.push(Fallback {
            pointer: pointer.into(),
            from,
        });
        Some(fact)
    }

    /// A fact, or the neutral value that is documented for the place.
    pub(crate) fn neutral<T>(&mut self, pointer: &'static str, fact: Option<T>, neutral: T) -> T {
        fact.unwrap_or_else(|| {
            self.fallbacks.push(Fallback {
                pointer: pointer.into(),
                from: "default",
            });
            neutral
        })
    }

    /// When the credential was issued; for the event of its issue the time of that.
    pub(crate) fn issued_at(&mut self, pointer: &'static str) -> Timestamp {
        let fact = self
            .credential()
            .and_then(|credential| credential.issued_at);
        let of_event =
            (self.as_type == EventType::CredentialIssued).then_some(self.event.timestamp);
        let issued_at = self.nearest(pointer, fact, [("timestamp", of_event)]);
        self.need("credential.issued_at", issued_at)
    }

    /// The name of the badge: of the credential, of what it attests or of where it was earned.
    pub(crate) fn achievement_name(&mut self, pointer: &'static str) -> &'e str {
        let title = self.credential().and_then(|it| it.title.as_deref());
        let name = self.achievement().and_then(|it| it.name.as_deref());
        let activity = self.activity().and_then(|it| it.name.as_deref());
        let name = said(name).or(said(title));
        let name = self.nearest(pointer, name, [("activity.name", said(activity))]);
        self.need("achievement.name", name)
    }

    /// The title of the credential, under the same rule with the title first.
    pub(crate) fn title(&mut self, pointer: &'static str) -> &'e str {
        let title = self.credential().and_then(|it| it.title.as_deref());
        let name = self.achievement().and_then(|it| it.name.as_deref());
        let activity = self.activity().and_then(|it| it.name.as_deref());
        let nearest = [
            ("achievement.name", said(name)),
            ("activity.name", said(activity)),
        ];
        let title = self.nearest(pointer, said(title), nearest);
        self.need("credential.title", title)
    }
}
