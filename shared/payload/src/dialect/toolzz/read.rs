//! Reading a body of the dialect.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRound, Timestamp, Unit};

use crate::dialect::{Dialect, Draft, Hints, Warning, read_event_type, source};
use crate::event::{
    Activity, Credential, CredentialStatus, Facts, Issuer, Manager, NationalId, Recipient, School,
};
use crate::fields::{Fields, MAX_IDENTIFIER};
use crate::timestamp;

/// How far the time of sending may be from that of receipt before it is odd.
const PUNCTUAL: SignedDuration = SignedDuration::from_mins(15);
const EXPECTED_TIME: &str = "must be a date-time such as 2023-08-28 20:47:31";

pub(in crate::dialect) fn read(mut root: Fields<'_>, hints: Hints<'_>) -> Option<Draft> {
    let mut event = root.required_object("event");
    let native = read_event_type(&mut event, "slug", Dialect::Toolzz);
    let time = |text: &str| read_time(text, hints.time_zone);
    let sent_at = event.required_timestamp_by("send_at", EXPECTED_TIME, time);

    let mut facts = Facts::new(source(Dialect::Toolzz, String::new(), Some(sent_at), hints));
    facts.source.event_label = event.text("name");
    facts.source.time_assumed = true;
    let mut kept = serde_json::Map::new();
    let mut data = root.required_object("data");

    let mut institution = data.required_object("institution");
    let institution_id = institution.required_identifier("id");
    facts.issuer = Some(Issuer {
        id: Some(institution_id.clone()),
    });
    institution.keep_rest("institution", &mut kept);

    let mut user = data.required_object("user");
    let user_id = user.required_identifier("id");
    facts.recipient = Some(Recipient {
        id: Some(user_id.clone()),
        uuid: user.identifier("uuid"),
        email: Some(user.required_text("email")),
        name: Some(user.required_text("name")),
        nickname: user.text("nickname"),
        // Never checked by its digits, and empty for people from abroad.
        national_id: (user.text("cpf").filter(|cpf| !cpf.trim().is_empty())).map(|value| {
            NationalId {
                kind: "cpf".to_owned(),
                value,
            }
        }),
        ..Recipient::default()
    });
    user.keep_rest("user", &mut kept);

    let mut course = data.required_object("course");
    let course_id = course.required_identifier("id");
    let mut activity = Activity {
        id: Some(course_id.clone()),
        name: Some(course.required_text("name")),
        workload: Some(course.required_identifier("workload")),
        started_at: Some(course.required_timestamp_by("enrolled_at", EXPECTED_TIME, time)),
        completed_at: Some(course.required_timestamp_by("concluded_at", EXPECTED_TIME, time)),
        ..Activity::default()
    };
    course.keep_rest("course", &mut kept);

    let mut school = data.required_object("school");
    facts.school = Some(School {
        id: Some(school.required_identifier("id")),
        name: Some(school.required_text("name")),
        managers: school
            .objects("managers")
            .into_iter()
            .map(read_manager)
            .collect(),
    });
    school.keep_rest("school", &mut kept);

    // The table of the documentation heads it "Certificate", the example calls it `certified`.
    let mut certified = match data.object("certified") {
        Some(certified) => certified,
        None => match data.object("certificate") {
            Some(certificate) => certificate,
            None => data.required_object("certified"),
        },
    };
    let certified_at = certified.required_timestamp_by("certified_at", EXPECTED_TIME, time);
    let kind_text = certified.text("type");
    let kind = kind_text.as_deref().and_then(read_kind).map(str::to_owned);
    if let (None, Some(unknown)) = (&kind, kind_text) {
        kept.insert(
            "certified".to_owned(),
            serde_json::json!({ "type": unknown }),
        );
    }
    // The rate that is required, not the one that was reached.
    activity.pass_threshold = certified.number("approval_rate");
    if let Some(certified) = Some(certified.rest()).filter(|rest| !rest.is_empty()) {
        match kept
            .get_mut("certified")
            .and_then(serde_json::Value::as_object_mut)
        {
            Some(kept) => kept.extend(certified),
            None => drop(kept.insert("certified".to_owned(), certified.into())),
        }
    }

    facts.activity = Some(activity);
    let certified_second = certified_at.as_second();
    let id = format!("toolzz-{institution_id}-{user_id}-{course_id}-{certified_second}");
    if id.len() > MAX_IDENTIFIER {
        let reason = "is too long with those of institution and user: they are one identifier";
        data.fault_within("course", "id", reason);
    }
    facts.credential = Some(Credential {
        id: Some(id),
        kind,
        status: Some(CredentialStatus::Valid),
        issued_at: Some(certified_at),
        ..Credential::default()
    });

    kept.extend(data.rest());
    if !kept.is_empty() {
        facts.ext.insert("data".to_owned(), kept.into());
    }
    event.keep_rest("event", &mut facts.ext);
    facts.ext.extend(root.rest());
    // Everything else does not depend on the event's name: its faults are named beside this one.
    let (native, event_type) = native?;
    facts.source.event = native;
    let natural_key = vec![
        institution_id,
        user_id,
        course_id,
        timestamp::canonical(certified_at),
    ];
    Some(Draft {
        event_type,
        timestamp: certified_at,
        natural_key,
        facts,
        warnings: Vec::from_iter(far_from_receipt(sent_at, hints)),
    })
}

/// A wrong zone shows in the one time that should be that of receipt.
fn far_from_receipt(sent_at: Timestamp, hints: Hints<'_>) -> Option<Warning> {
    let apart = hints.received_at.duration_since(sent_at);
    if apart.abs() <= PUNCTUAL {
        return None;
    }
    let direction = if apart.is_negative() {
        "after"
    } else {
        "before"
    };
    let minutes_to_days = SpanRound::new()
        .smallest(Unit::Minute)
        .largest(Unit::Day)
        .days_are_24_hours();
    let apart = Span::try_from(apart.abs()).and_then(|it| it.round(minutes_to_days));
    let apart = apart.unwrap_or_default();
    let zone = hints.time_zone.iana_name().unwrap_or("UTC");
    Some(Warning {
        pointer: "/event/send_at".to_owned(),
        message: format!("is {apart:#} {direction} the time of receipt, read as a time of {zone}"),
    })
}

fn read_manager(mut manager: Fields<'_>) -> Manager {
    Manager {
        id: manager.identifier("manager_id"),
        name: manager.text("manager_name"),
    }
}

/// English or Portuguese, any case, with or without accents: what follows the stem is where they differ.
fn read_kind(text: &str) -> Option<&'static str> {
    let text = text.trim().to_lowercase();
    if text.starts_with("participa") {
        Some("participation")
    } else if text == "achievement" || text == "aproveitamento" {
        Some("achievement")
    } else {
        None
    }
}

/// `yyyy-MM-dd HH:mm:ss` as in this event, `dd/MM/yyyy HH:mm:ss` as in its siblings, or RFC 3339.
fn read_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    timestamp::parse_local("%Y-%m-%d %H:%M:%S", text, zone)
        .or_else(|| timestamp::parse_local("%d/%m/%Y %H:%M:%S", text, zone))
        .or_else(|| timestamp::parse(text))
}
