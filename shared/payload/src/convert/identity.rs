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

    /// An identifier where the dialect takes any text: the source's own, unchanged. Words for people are no
    /// identifier.
    pub(crate) fn text_id(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let keep = |it: &Identity<'_>, _| {
            let is_id = !matches!(it.kind, Kind::Title | Kind::Email);
            is_id.then(|| it.id.clone().into_owned())
        };
        let make = |it: &Identity<'_>, origin: Origin| origin.uuid(it.kind, &it.id).to_string();
        self.id(pointer.into(), path, identity, keep, make)
    }

    /// An identifier where the dialect takes UUIDs.
    pub(crate) fn uuid(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let keep = |it: &Identity<'_>, is_own| {
            (is_own || is_uuid(&it.id)).then(|| it.id.clone().into_owned())
        };
        let make = |it: &Identity<'_>, origin: Origin| origin.uuid(it.kind, &it.id).to_string();
        self.id(pointer.into(), path, identity, keep, make)
    }

    /// An identifier where the dialect takes `ObjectId`s.
    pub(crate) fn object_id(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> String {
        let keep = |it: &Identity<'_>, is_own| {
            (is_own || is_object_id(&it.id)).then(|| it.id.clone().into_owned())
        };
        let make = |it: &Identity<'_>, origin: Origin| origin.object_id(it.kind, &it.id);
        self.id(pointer.into(), path, identity, keep, make)
    }

    /// An identifier where the dialect takes integers.
    pub(crate) fn integer(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        path: &'static str,
        identity: Option<Identity<'e>>,
    ) -> u64 {
        // Only one that would be written the same (`042` is a text) and that every JSON reader keeps.
        let keep = |it: &Identity<'_>, is_own| {
            let exact = if is_own { 0..=u64::MAX } else { 1..=MAX_EXACT };
            let integer: u64 = it.id.parse().ok()?;
            (exact.contains(&integer) && integer.to_string() == it.id).then_some(integer)
        };
        let make = |it: &Identity<'_>, origin: Origin| origin.integer(it.kind, &it.id);
        self.id(pointer.into(), path, identity, keep, make)
    }

    /// An identifier in a dialect's form: as it is, where `keep` finds it has that form (told whether it is
    /// the dialect's own), else what `make` makes of it.
    fn id<T: Default>(
        &mut self,
        pointer: Cow<'static, str>,
        path: &'static str,
        identity: Option<Identity<'e>>,
        keep: impl FnOnce(&Identity<'e>, bool) -> Option<T>,
        make: impl FnOnce(&Identity<'e>, Origin) -> T,
    ) -> T {
        let Some(identity) = identity else {
            return self.need(path, None);
        };
        if let Some(from) = identity.instead {
            self.fallbacks.push(Fallback {
                pointer: pointer.clone(),
                from,
            });
        }
        let source = &self.facts().source;
        let origin = Origin {
            organization: self.event.data.organization_id,
            dialect: source.origin.unwrap_or(source.dialect),
        };
        // The target's own identifiers come back as they were.
        let is_own = origin.dialect == self.target.vocabulary.dialect;
        if let Some(kept) = keep(&identity, is_own) {
            return kept;
        }
        if !self.target.surrogate_ids {
            self.missing.push(path);
        }
        let surrogate = make(&identity, origin);
        let original = match identity.kind {
            Kind::Email => None,
            _ => Some(identity.id.into_owned()),
        };
        self.surrogates.push(Surrogate { pointer, original });
        surrogate
    }
}
