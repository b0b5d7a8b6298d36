//! The canonical event: one shape for what the five source systems say in five.
//!
//! Its envelope is that of Standard Webhooks, `{type, timestamp, data}`, with `id` in front. A
//! member that the source did not say is `null`: facts are never invented.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::credential_status::{CredentialStatus, UnknownStatus};
use crate::dialect::Dialect;
use crate::event_type::{EventType, Subject};
use crate::id::{EventId, OrganizationId};
use crate::timestamp;

/// An accepted event in its canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Event {
    /// Also the `webhook-id` of its deliveries.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it happened, not when it was sent.
    #[serde(serialize_with = "timestamp::serialize")]
    pub timestamp: Timestamp,
    /// About what and whom.
    pub data: EventData,
}

impl Event {
    /// Reads the JSON that an event was written as.
    ///
    /// # Errors
    /// It is none.
    pub fn read(json: &[u8], organization_id: OrganizationId) -> serde_json::Result<Self> {
        let Written {
            id,
            event_type,
            timestamp,
            data,
        } = serde_json::from_slice(json)?;
        Ok(Self {
            id,
            event_type,
            timestamp,
            data: EventData {
                organization_id,
                facts: data,
            },
        })
    }
}

/// An event without its organization: flattening would read `data` twice.
#[derive(Deserialize)]
struct Written {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    timestamp: Timestamp,
    data: Facts,
}

/// `data` of an event, with the organization it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventData {
    /// Whose event it is.
    pub organization_id: OrganizationId,
    /// The facts.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What a source said.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "the members are the ones documented at their own types"
)]
pub struct Facts {
    pub source: Source,
    pub credential: Option<Credential>,
    pub achievement: Option<Achievement>,
    pub activity: Option<Activity>,
    pub recipient: Option<Recipient>,
    pub issuer: Option<Issuer>,
    pub school: Option<School>,
    pub application: Option<Application>,
    pub batch: Option<Batch>,
    pub failure: Option<Failure>,
    /// Members of the source that have no canonical place, nested as they were.
    #[serde(default)]
    pub ext: Map<String, Value>,
    /// Paths whose values did not come from this event.
    #[serde(default)]
    pub enriched: Vec<String>,
}

/// Facts are people's data: a log line may say where they came from, nothing more.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("dialect", &self.source.dialect)
            .field("event", &self.source.event)
            .finish_non_exhaustive()
    }
}

impl Facts {
    /// Nothing said yet, by this source.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            credential: None,
            achievement: None,
            activity: None,
            recipient: None,
            issuer: None,
            school: None,
            application: None,
            batch: None,
            failure: None,
            ext: Map::new(),
            enriched: Vec::new(),
        }
    }

    /// The id of what an event is about, where the source gave one.
    pub fn subject_id(&self, subject: Subject) -> Option<&str> {
        match subject {
            Subject::Credential => self.credential.as_ref()?.id.as_deref(),
            Subject::Application => self.application.as_ref()?.id.as_deref(),
            Subject::Batch => self.batch.as_ref()?.id.as_deref(),
            Subject::Recipient => self.recipient.as_ref()?.email.as_deref(),
            // An operational event has data of its own.
            Subject::Endpoint | Subject::Organization => None,
        }
    }
}

/// Where the event came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The dialect it arrived in.
    pub dialect: Dialect,
    /// The dialect in which the credential was first named, where earlier events told of it.
    pub origin: Option<Dialect>,
    /// The source's own name of the event.
    pub event: String,
    /// The source's title for that name (Toolzz `event.name`).
    pub event_label: Option<String>,
    /// The source's own id of the event.
    pub native_id: Option<String>,
    /// When the source sent it.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub sent_at: Option<Timestamp>,
    /// When it was received here.
    #[serde(serialize_with = "timestamp::serialize")]
    pub received_at: Timestamp,
    /// True when the source's times had no zone and the organization's was taken.
    #[serde(default)]
    pub time_assumed: bool,
    /// True when the source, which gives its certificates no id, told of the same recipient and the
    /// same course before: it may be the same certificate, asked for again.
    #[serde(default)]
    pub possible_repeat: bool,
    /// True when no source said it, but certhooks: a date of the credential has come.
    #[serde(default)]
    pub derived: bool,
    /// True when it was derived more than a day after its time.
    #[serde(default)]
    pub late: bool,
}

impl Source {
    /// Of an event of this name in this dialect, of which nothing else is known.
    pub const fn new(dialect: Dialect, event: String, received_at: Timestamp) -> Self {
        Self {
            dialect,
            origin: None,
            event,
            event_label: None,
            native_id: None,
            sent_at: None,
            received_at,
            time_assumed: false,
            possible_repeat: false,
            derived: false,
            late: false,
        }
    }
}

/// The certificate or badge of one recipient.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Credential {
    pub id: Option<String>,
    pub short_id: Option<String>,
    pub title: Option<String>,
    /// `participation` or `achievement`.
    pub kind: Option<String>,
    pub status: Option<CredentialStatus>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub issued_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub accepted_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub declined_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub expires_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub expired_at: Option<Timestamp>,
    /// Of a reminder: how many days before the end of validity it was due.
    pub days_before: Option<u64>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub revoked_at: Option<Timestamp>,
    pub revocation_reason: Option<String>,
    pub disabled: Option<bool>,
    pub reminder_sent: Option<bool>,
    pub public: Option<bool>,
    pub url: Option<String>,
    pub hash: Option<String>,
    pub supersedes: Option<String>,
    pub superseded_by: Option<String>,
    /// Reserved for the order of the events of one credential; null in this version.
    pub sequence: Option<u64>,
}

/// What the credential attests: the badge or certificate definition.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Achievement {
    pub id: Option<String>,
    pub name: Option<String>,
    /// The rule by which it is earned, opaque (Beedeez `ruleData`).
    pub rule: Option<Map<String, Value>>,
}

/// The course or occasion in which it was earned.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Activity {
    pub id: Option<String>,
    pub name: Option<String>,
    /// As the source writes it, such as `10h`.
    pub workload: Option<String>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub started_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub completed_at: Option<Timestamp>,
    /// The rate that had to be reached, in percent. Not what the recipient reached.
    pub pass_threshold: Option<f64>,
    pub evidence_ids: Option<Vec<String>>,
}

/// Who earned it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Recipient {
    pub id: Option<String>,
    pub uuid: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub nickname: Option<String>,
    pub national_id: Option<NationalId>,
    pub profile_url: Option<String>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub registered_at: Option<Timestamp>,
    /// How many waiting certificates the registration resolved.
    pub pending_resolved: Option<u64>,
}

/// A number that a state gave to a person.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NationalId {
    /// `cpf` and the like.
    #[serde(rename = "type")]
    pub kind: String,
    /// As the source wrote it; never checked.
    pub value: String,
}

/// Who issued it, by the source's id.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Issuer {
    pub id: Option<String>,
}

/// The unit of the issuer in which it was earned.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct School {
    pub id: Option<String>,
    pub name: Option<String>,
    pub managers: Vec<Manager>,
}

/// A person responsible for a school.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Manager {
    pub id: Option<String>,
    pub name: Option<String>,
}

/// An application for a certificate, before there is one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Application {
    pub id: Option<String>,
    pub uuid: Option<String>,
    /// `vault` (uploaded by the institution) or `customer` (submitted by the user).
    pub source: Option<String>,
    /// `single_upload`, `bulk_upload` or `customer_submission`.
    pub trigger: Option<String>,
}

/// A bulk job.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Batch {
    pub id: Option<String>,
    pub total: Option<u64>,
    pub successful: Option<u64>,
    pub failed: Option<u64>,
    pub skipped: Option<u64>,
}

/// Why an application was rejected or failed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the model's words")]
pub struct Failure {
    pub reason: Option<String>,
}
