//! The canonical dialect: `{type, timestamp, data}` as Standard Webhooks advises.
//!
//! Required are the type, the time and the id of what the event is about. Every other member is
//! optional, a wrong type is a fault, and a member this model does not know is kept in `ext`.

use serde_json::{Map, Value};

use crate::dialect::{Dialect, Draft, Hints, read_event_type, source};
use crate::event::{
    Achievement, Activity, Application, Batch, Credential, CredentialStatus, Facts, Failure,
    Issuer, Manager, NationalId, Recipient, School,
};
use crate::event_type::Subject;
use crate::fields::Fields;
use crate::timestamp;

pub(super) fn read(mut root: Fields<'_>, hints: Hints<'_>) -> Option<Draft> {
    let event = read_event_type(&mut root, "type", Dialect::Canonical);
    let timestamp = root.required_timestamp("timestamp");
    let id = root.identifier("id");
    let mut data = root.required_object("data");
    let (native, event_type) = event?;

    let mut facts = Facts::new(source(Dialect::Canonical, native.clone(), None, hints));
    facts.ext = data.map("ext").unwrap_or_default();
    if let Some(mut origin) = data.object("source") {
        facts.source.sent_at = origin.timestamp("sent_at");
        facts.source.native_id = origin.identifier("native_id");
        origin.keep_rest("source", &mut facts.ext);
    }
    facts.source.native_id = id.clone().or(facts.source.native_id);

    let ext = &mut facts.ext;
    facts.credential = read_part(&mut data, "credential", ext, read_credential);
    facts.achievement = read_part(&mut data, "achievement", ext, |part| Achievement {
        id: part.identifier("id"),
        name: part.text("name"),
        rule: part.map("rule"),
    });
    facts.activity = read_part(&mut data, "activity", ext, |part| Activity {
        id: part.identifier("id"),
        name: part.text("name"),
        workload: part.text("workload"),
        started_at: part.timestamp("started_at"),
        completed_at: part.timestamp("completed_at"),
        pass_threshold: part.number("pass_threshold"),
        evidence_ids: part.identifiers("evidence_ids"),
    });
    facts.recipient = read_part(&mut data, "recipient", ext, read_recipient);
    facts.issuer = read_part(&mut data, "issuer", ext, |part| Issuer {
        id: part.identifier("id"),
    });
    facts.school = read_part(&mut data, "school", ext, |part| School {
        id: part.identifier("id"),
        name: part.text("name"),
        managers: (part.objects("managers").into_iter())
            .map(|mut manager| Manager {
                id: manager.identifier("id"),
                name: manager.text("name"),
            })
            .collect(),
    });
    facts.application = read_part(&mut data, "application", ext, |part| Application {
        id: part.identifier("id"),
        uuid: part.identifier("uuid"),
        source: part.text("source"),
        trigger: part.text("trigger"),
    });
    facts.batch = read_part(&mut data, "batch", ext, |part| Batch {
        id: part.identifier("id"),
        total: part.count("total"),
        successful: part.count("successful"),
        failed: part.count("failed"),
        skipped: part.count("skipped"),
    });
    facts.failure = read_part(&mut data, "failure", ext, |part| Failure {
        reason: part.text("reason"),
    });

    let subject = event_type.subject();
    let subject_id = facts
        .subject_id(subject)
        .filter(|id| !id.trim().is_empty())
        .map(str::to_owned);
    if subject_id.is_none() {
        let (part, member) = match subject {
            Subject::Credential => ("credential", "id"),
            Subject::Application => ("application", "id"),
            Subject::Batch => ("batch", "id"),
            Subject::Recipient => ("recipient", "email"),
            // Not reached: such an event is refused by its type.
            Subject::Endpoint | Subject::Organization => ("endpoint", "id"),
        };
        data.fault_within(part, member, "required");
    }

    facts.ext.extend(data.rest());
    facts.ext.extend(root.rest());
    let natural_key = match id {
        Some(id) => vec![id],
        None => vec![
            native,
            subject_id.unwrap_or_default(),
            timestamp::canonical(timestamp),
        ],
    };
    Some(Draft {
        event_type,
        timestamp,
        natural_key,
        facts,
        warnings: Vec::new(),
    })
}

/// Reads one object of `data`; what `read` does not take is kept under the part's name.
fn read_part<'f, T>(
    data: &mut Fields<'f>,
    name: &str,
    ext: &mut Map<String, Value>,
    read: impl FnOnce(&mut Fields<'f>) -> T,
) -> Option<T> {
    let mut part = data.object(name)?;
    let read = read(&mut part);
    part.keep_rest(name, ext);
    Some(read)
}

fn read_credential(part: &mut Fields<'_>) -> Credential {
    Credential {
        id: part.identifier("id"),
        short_id: part.identifier("short_id"),
        title: part.text("title"),
        kind: part.one_of("kind", &["participation", "achievement"]),
        status: part
            .one_of("status", &CredentialStatus::ALL.map(CredentialStatus::name))
            .and_then(|status| status.parse().ok()),
        issued_at: part.timestamp("issued_at"),
        accepted_at: part.timestamp("accepted_at"),
        declined_at: part.timestamp("declined_at"),
        expires_at: part.timestamp("expires_at"),
        expired_at: part.timestamp("expired_at"),
        days_before: part.count("days_before"),
        revoked_at: part.timestamp("revoked_at"),
        revocation_reason: part.text("revocation_reason"),
        disabled: part.boolean("disabled"),
        reminder_sent: part.boolean("reminder_sent"),
        public: part.boolean("public"),
        url: part.text("url"),
        hash: part.text("hash"),
        supersedes: part.identifier("supersedes"),
        superseded_by: part.identifier("superseded_by"),
        // Ours to give, not the sender's.
        sequence: None,
    }
}

fn read_recipient(part: &mut Fields<'_>) -> Recipient {
    Recipient {
        id: part.identifier("id"),
        uuid: part.identifier("uuid"),
        email: part.text("email"),
        name: part.text("name"),
        nickname: part.text("nickname"),
        national_id: part
            .object("national_id")
            .map(|mut national_id| NationalId {
                kind: national_id.required_text("type"),
                value: national_id.required_identifier("value"),
            }),
        profile_url: part.text("profile_url"),
        registered_at: part.timestamp("registered_at"),
        pending_resolved: part.count("pending_resolved"),
    }
}
