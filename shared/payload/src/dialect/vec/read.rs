//! Reading a body of the dialect.

use crate::dialect::vec::{SOURCES, TRIGGERS};
use crate::dialect::{Dialect, Draft, Hints, read_event_type, source};
use crate::event::{Application, Credential, CredentialStatus, Facts, Failure, Recipient};
use crate::event_type::EventType;
use crate::fields::Fields;
use crate::timestamp::{self};

pub(in crate::dialect) fn read(mut root: Fields<'_>, hints: Hints<'_>) -> Option<Draft> {
    let event = read_event_type(&mut root, "event", Dialect::Vec);
    let timestamp = root.required_timestamp("timestamp");
    let uuid = root.required_identifier("uuid");

    let mut application = Application {
        id: Some(root.required_identifier("application_id")),
        uuid: Some(uuid.clone()),
        source: root.one_of("source", &SOURCES),
        trigger: root.one_of("trigger_context", &TRIGGERS),
    };
    let title = root.required_text("certificate_title");
    let email = root.required_text("applicant_email");
    let (native, event_type) = event?;
    match event_type {
        EventType::ApplicationRejected | EventType::ApplicationProcessing => {
            application
                .source
                .get_or_insert_with(|| "customer".to_owned());
        }
        _ if application.source.is_none() => root.fault("source", "required"),
        _ => {}
    }
    if event_type == EventType::ApplicationCreated && application.trigger.is_none() {
        root.fault("trigger_context", "required");
    }

    let mut facts = Facts::new(source(Dialect::Vec, native.clone(), Some(timestamp), hints));
    facts.credential = Some(Credential {
        id: Some(uuid.clone()),
        title: Some(title),
        status: (event_type == EventType::CredentialIssued).then_some(CredentialStatus::Valid),
        ..Credential::default()
    });
    facts.recipient = Some(Recipient {
        email: Some(email),
        ..Recipient::default()
    });
    facts.application = Some(application);
    facts.failure = match event_type {
        EventType::ApplicationRejected => Some(root.required_text("rejection_reason")),
        EventType::ApplicationFailed => Some(root.required_text("error")),
        _ => None,
    }
    .map(|reason| Failure {
        reason: Some(reason),
    });
    facts.ext = root.rest();

    let natural_key = vec![native, uuid, timestamp::canonical(timestamp)];
    Some(Draft {
        event_type,
        timestamp,
        natural_key,
        facts,
        warnings: Vec::new(),
    })
}
