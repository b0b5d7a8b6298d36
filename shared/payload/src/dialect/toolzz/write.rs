//! Writing a body of the dialect.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::convert::surrogate::Kind;
use crate::convert::{Conversion, Identity, said};
use crate::dialect::{json, schema_of};
use crate::event::Manager;
use crate::fields::MAX_IDENTIFIER;

#[derive(Serialize, JsonSchema)]
struct Body<'e> {
    event: EventHead<'e>,
    data: Data<'e>,
}

#[derive(Serialize, JsonSchema)]
struct EventHead<'e> {
    name: &'e str,
    /// What happened.
    slug: &'static str,
    /// When it was sent: local time, `yyyy-MM-dd HH:mm:ss`.
    send_at: String,
}

#[derive(Serialize, JsonSchema)]
struct Data<'e> {
    institution: Institution,
    user: User<'e>,
    course: Course<'e>,
    school: SchoolData<'e>,
    certified: Certified<'e>,
}

#[derive(Serialize, JsonSchema)]
struct Institution {
    id: u64,
}

#[derive(Serialize, JsonSchema)]
struct User<'e> {
    id: u64,
    name: &'e str,
    email: &'e str,
    /// Brazilian tax id.
    cpf: Option<&'e str>,
    nickname: Option<&'e str>,
    uuid: Option<&'e str>,
}

#[derive(Serialize, JsonSchema)]
struct Course<'e> {
    id: u64,
    name: &'e str,
    /// Such as `10h`.
    workload: &'e str,
    /// Local time, `yyyy-MM-dd HH:mm:ss`.
    enrolled_at: String,
    /// Local time, `yyyy-MM-dd HH:mm:ss`.
    concluded_at: String,
}

#[derive(Serialize, JsonSchema)]
struct SchoolData<'e> {
    id: u64,
    name: &'e str,
    managers: Vec<ManagerData<'e>>,
}

#[derive(Serialize, JsonSchema)]
struct ManagerData<'e> {
    manager_id: u64,
    manager_name: Option<&'e str>,
}

#[derive(Serialize, JsonSchema)]
struct Certified<'e> {
    /// Local time, `yyyy-MM-dd HH:mm:ss`.
    certified_at: String,
    /// `Achievement` or `Participation`.
    #[serde(rename = "type")]
    kind: Option<&'e str>,
    /// The rate that had to be reached, in percent.
    approval_rate: Option<Rate>,
}

/// A rate, without decimals where it has none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Rate {
    Whole(i64),
    Decimal(f64),
}

const EVENT_NAME: &str = "Atividades - Certificado emitido";

pub(in crate::dialect) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    let label = event.facts().source.event_label.as_deref();
    let head = EventHead {
        name: label.unwrap_or(EVENT_NAME),
        slug: event.name,
        send_at: local(event, event.sent_at()),
    };
    let data = Data {
        institution: Institution {
            id: issuer_id(event),
        },
        user: user(event),
        course: course(event),
        school: school(event),
        certified: certified(event),
    };
    json(&Body { event: head, data })
}

pub(in crate::dialect) fn schema() -> Schema {
    schema_of::<Body<'_>>()
}

fn local(event: &Conversion<'_>, at: Timestamp) -> String {
    let local = at.to_zoned(event.target.time_zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn issuer_id(event: &mut Conversion<'_>) -> u64 {
    let identity = event.issuer_identity();
    event.integer("/data/institution/id", "issuer.id", Some(identity))
}

fn user<'e>(event: &mut Conversion<'e>) -> User<'e> {
    let recipient = event.recipient();
    let national_id = recipient.and_then(|it| it.national_id.as_ref());
    let cpf = national_id.filter(|it| it.kind == "cpf");
    let identity = event.recipient_identity();
    let email = recipient.and_then(|it| it.email.as_deref());
    let name = recipient.and_then(|it| it.name.as_deref());
    User {
        id: event.integer("/data/user/id", "recipient.id", identity),
        name: event.need_text("recipient.name", name),
        email: event.need_text("recipient.email", email),
        cpf: event.need_of_others("recipient.national_id", cpf.map(|it| it.value.as_str())),
        nickname: recipient.and_then(|it| it.nickname.as_deref()),
        uuid: recipient.and_then(|it| it.uuid.as_deref()),
    }
}

fn course<'e>(event: &mut Conversion<'e>) -> Course<'e> {
    let activity = event.activity();
    let identity = event.activity_identity();
    let name = activity.and_then(|it| it.name.as_deref());
    // The reader takes it as an identifier, for it may be a number.
    let workload = activity
        .and_then(|it| it.workload.as_deref())
        .filter(|workload| workload.len() <= MAX_IDENTIFIER);
    let started_at = activity.and_then(|it| it.started_at);
    let completed_at = activity.and_then(|it| it.completed_at);
    let started_at = event.need("activity.started_at", started_at);
    let completed_at = event.need("activity.completed_at", completed_at);
    Course {
        id: event.integer("/data/course/id", "activity.id", identity),
        name: event.need_text("activity.name", name),
        workload: event.need_text("activity.workload", workload),
        enrolled_at: local(event, started_at),
        concluded_at: local(event, completed_at),
    }
}

/// A school is one fact: without it neither its id nor its name is missing besides.
fn school<'e>(event: &mut Conversion<'e>) -> SchoolData<'e> {
    let school = event.facts().school.as_ref();
    let name = school.and_then(|it| it.name.as_deref());
    let id = school.and_then(|it| it.id.as_deref()).or(name);
    let managers = school.map(|it| it.managers.as_slice()).unwrap_or_default();
    SchoolData {
        id: event.integer(
            "/data/school/id",
            "school",
            id.map(|id| Identity::new(Kind::School, id)),
        ),
        name: event.need_text("school", name),
        managers: managers
            .iter()
            .enumerate()
            .map(|(place, it)| manager(event, place, it))
            .collect(),
    }
}

fn manager<'e>(event: &mut Conversion<'e>, place: usize, manager: &'e Manager) -> ManagerData<'e> {
    let name = said(manager.name.as_deref());
    let id = manager.id.as_deref().or(name);
    let identity = id.map(|id| Identity::new(Kind::Manager, id));
    let pointer = format!("/data/school/managers/{place}/manager_id");
    ManagerData {
        manager_id: event.integer(pointer, "school.managers", identity),
        manager_name: event.need_of_others("school.managers", name),
    }
}

fn certified<'e>(event: &mut Conversion<'e>) -> Certified<'e> {
    let kind = event.credential().and_then(|it| it.kind.as_deref());
    let written = kind.map(|kind| match kind {
        "participation" => "Participation",
        _ => "Achievement",
    });
    // A type that Toolzz itself wrote and nobody knows stays as it was.
    let ext = Some(&event.facts().ext).filter(|_| event.is_own());
    let unknown = || ext?.get("data")?.get("certified")?.get("type")?.as_str();
    let kind = written.or_else(unknown);
    let rate = event.activity().and_then(|it| it.pass_threshold);
    let certified_at = event.issued_at("/data/certified/certified_at");
    Certified {
        certified_at: local(event, certified_at),
        kind: event.need_of_others("credential.kind", kind),
        approval_rate: event
            .need_of_others("activity.pass_threshold", rate)
            .map(|rate| match rate.fract() {
                #[expect(clippy::cast_possible_truncation, reason = "it has no fraction")]
                0.0 if rate.abs() < 1e15 => Rate::Whole(rate as i64),
                _ => Rate::Decimal(rate),
            }),
    }
}
