//! Which identifier of the source stands for what, and the form in which a dialect gets it.

use std::borrow::Cow;

use crate::convert::surrogate::{Kind, MAX_EXACT, Origin, is_object_id, is_uuid};
use crate::convert::{Conversion, Fallback, Surrogate, said};
use crate::dialect::Dialect;

/// An identifier that the source gave, and of what.
#[derive(Clone)]
pub(crate) struct Identity<'e> {
    kind: Kind,
    id: Cow<'e, str>,
    /// The canonical path it stands at, when that is not the one asked for.
    instead: Option<&'static str>,
}

impl<'e> Identity<'e> {
    pub(crate) fn new(kind: Kind, id: impl Into<Cow<'e, str>>) -> Self {
        Self {
            kind,
            id: id.into(),
            instead: None,
        }
    }

    fn instead(kind: Kind, id: &'e str, path: &'static str) -> Self {
        Self {
            instead: Some(path),
            ..Self::new(kind, id)
        }
    }
}

impl<'e> Conversion<'e> {
    /// The credential.
    pub(crate) fn credential_identity(&self) -> Option<Identity<'e>> {
        let id = self.credential().and_then(|it| it.id.as_deref());
        id.map(|id| Identity::new(Kind::Credential, id))
    }

    /// What the credential attests. In Toolzz that is the course itself; elsewhere the course, or the
    /// mere title, is the nearest thing.
    pub(crate) fn achievement_identity(&self) -> Option<Identity<'e>> {
        let achievement = self.achievement().and_then(|it| it.id.as_deref());
        let activity = self.activity().and_then(|it| it.id.as_deref());
        let title = said(self.credential().and_then(|it| it.title.as_deref()));
        achievement
            .map(|id| Identity::new(Kind::Achievement, id))
            .or_else(|| {
                activity.map(|id| match self.facts().source.dialect {
                    Dialect::Toolzz => Identity::new(Kind::Activity, id),
                    _ => Identity::instead(Kind::Activity, id, "activity.id"),
                })
            })
            .or_else(|| title.map(|it| Identity::instead(Kind::Title, it, "credential.title")))
    }

    /// Where it was earned; the achievement is the nearest thing.
    pub(crate) fn activity_identity(&self) -> Option<Identity<'e>> {
        let activity = self.activity().and_then(|it| it.id.as_deref());
        let achievement = self.achievement().and_then(|it| it.id.as_deref());
        let title = said(self.credential().and_then(|it| it.title.as_deref()));
        activity
            .map(|id| Identity::new(Kind::Activity, id))
            .or_else(|| {
                achievement.map(|id| Identity::instead(Kind::Achievement, id, "achievement.id"))
            })
            .or_else(|| title.map(|it| Identity::instead(Kind::Title, it, "credential.title")))
    }

    /// Who issued it; the organization, where the source did not say.
    pub(crate) fn issuer_identity(&self) -> Identity<'e> {
        let issuer = (self.facts().issuer.as_ref()).and_then(|it| it.id.as_deref());
        match issuer {
            Some(id) => Identity::new(Kind::Issuer, id),
            None => Identity::new(Kind::Issuer, self.event.data.organization_id.to_string()),
        }
    }

    /// The application for the credential; where there was none, the credential.
    pub(crate) fn application_identity(&self) -> Option<Identity<'e>> {
        let application = self.facts().application.as_ref();
        let application = application.and_then(|it| it.id.as_deref());
        application
            .map(|id| Identity::new(Kind::Application, id))
            .or_else(|| self.credential_identity())
    }

    /// Who earned it: by the source's identifier or, as good, by e-mail address.
    pub(crate) fn recipient_identity(&self) -> Option<Identity<'e>> {
        let recipient = self.recipient()?;
        let id = recipient.id.as_deref();
        let email = said(recipient.email.as_deref());
        id.map(|id| Identity::new(Kind::Recipient, id))
            .or_else(|| email.map(|email| Identity::new(Kind::Email, email)))
    }

    /// An identifier where the dialect takes any text: the source's own, unchanged.
    pub(crate) fn text_id(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let pointer = pointer.into();
        let Some(identity) = self.identity(pointer.clone(), path, identity) else {
            return String::new();
        };
        match identity.kind {
            // Words for people are no identifier.
            Kind::Title | Kind::Email => {
                let uuid = self.origin().uuid(identity.kind, &identity.id);
                self.surrogate(pointer, path, identity, uuid.to_string())
            }
            _ => identity.id.into_owned(),
        }
    }

    /// An identifier where the dialect takes UUIDs.
    pub(crate) fn uuid(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let pointer = pointer.into();
        let Some(identity) = self.identity(pointer.clone(), path, identity) else {
            return String::new();
        };
        if self.is_of_the_dialect() || is_uuid(&identity.id) {
            return identity.id.into_owned();
        }
        let uuid = self.origin().uuid(identity.kind, &identity.id);
        self.surrogate(pointer, path, identity, uuid.to_string())
    }

    /// An identifier where the dialect takes `ObjectId`s.
    pub(crate) fn object_id(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let pointer = pointer.into();
        let Some(identity) = self.identity(pointer.clone(), path, identity) else {
            return String::new();
        };
        if self.is_of_the_dialect() || is_object_id(&identity.id) {
            return identity.id.into_owned();
        }
        let object_id = self.origin().object_id(identity.kind, &identity.id);
        self.surrogate(pointer, path, identity, object_id)
    }

    /// An identifier where the dialect takes integers.
    pub(crate) fn integer(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> u64 {
        let pointer = pointer.into();
        let Some(identity) = self.identity(pointer.clone(), path, identity) else {
            return 0;
        };
        // Only an integer that would be written the same (`042` is a text) and that every JSON reader keeps.
        let exact = if self.is_of_the_dialect() {
            0..=u64::MAX
        } else {
            1..=MAX_EXACT
        };
        let integer = identity.id.parse().ok().filter(|it| exact.contains(it));
        if let Some(integer) = integer.filter(|it| it.to_string() == identity.id) {
            return integer;
        }
        let integer = self.origin().integer(identity.kind, &identity.id);
        self.surrogate(pointer, path, identity, integer)
    }

    /// Whether the identifiers are the target's own: they come back as they were.
    fn is_of_the_dialect(&self) -> bool {
        self.origin().dialect == self.target.vocabulary.dialect
    }

    fn origin(&self) -> Origin {
        Origin {
            organization: self.event.data.organization_id,
            dialect: self
                .facts()
                .source
                .origin
                .unwrap_or(self.facts().source.dialect),
        }
    }

    fn identity(
        &mut self,
        pointer: Cow<'static, str>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> Option<Identity<'e>> {
        match identity.as_ref().map(|identity| identity.instead) {
            Some(Some(from)) => self.fallbacks.push(Fallback { pointer, from }),
            Some(None) => {}
            None => self.missing.push(path),
        }
        identity
    }

    fn surrogate<T>(
        &mut self,
        pointer: Cow<'static, str>,
        path: &'static str,
        identity: Identity<'_>,
        surrogate: T,
    ) -> T {
        if !self.target.surrogate_ids {
            self.missing.push(path);
        }
        let original = match identity.kind {
            Kind::Email => None,
            _ => Some(identity.id.into_owned()),
        };
        self.surrogates.push(Surrogate { pointer, original });
        surrogate
    }
}
