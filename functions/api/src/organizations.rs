//! Organizations and their settings. Made and listed by the platform only; each reads and changes its own.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lambda_http::{Body, Response};
use payload::expiry::{InvalidReminderDays, ReminderDays};
use payload::fields::{Fields, MAX_NAME, read_strictly};
use payload::id::OrganizationId;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::{Map, Value, json};
use state::{Account, Action, Changes, Organization};

use crate::handler::{Api, Call};
use crate::page;

/// Where most of the sources that send times without a zone are.
const DEFAULT_TIME_ZONE: &str = "America/Sao_Paulo";
/// Most days for which events are kept.
const MAX_RETENTION_DAYS: u8 = 90;

/// An organization as it is shown.
#[derive(Serialize)]
struct View<'o> {
    id: OrganizationId,
    name: &'o str,
    time_zone: &'o str,
    /// Null: as the deployment says.
    retention_days: Option<u8>,
    reminder_days: &'o ReminderDays,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
}

impl<'o> View<'o> {
    fn new(organization: &'o Organization) -> Self {
        Self {
            id: organization.id,
            name: &organization.name,
            time_zone: &organization.time_zone,
            retention_days: organization.retention_days,
            reminder_days: &organization.reminder_days,
            created_at: organization.created_at,
        }
    }
}

/// What an organization is made with, and what replaces it: what is not said is the default.
struct Settings {
    name: String,
    time_zone: String,
    retention_days: Option<u8>,
    reminder_days: ReminderDays,
}

impl Settings {
    fn read(fields: &mut Fields<'_>) -> Self {
        let name = fields.required_text("name");
        fields.check_length("name", &name, MAX_NAME);
        let time_zone = fields
            .text("time_zone")
            .unwrap_or_else(|| DEFAULT_TIME_ZONE.to_owned());
        if TimeZone::get(&time_zone).is_err() {
            fields.fault(
                "time_zone",
                "must be an IANA name such as America/Sao_Paulo",
            );
        }
        Self {
            name,
            time_zone,
            retention_days: read_retention(fields),
            reminder_days: read_reminders(fields),
        }
    }

    /// What they make of an organization.
    fn apply(self, organization: &Organization) -> Organization {
        Organization {
            name: self.name,
            time_zone: self.time_zone,
            retention_days: self.retention_days,
            reminder_days: self.reminder_days,
            ..organization.clone()
        }
    }
}

fn read_retention(fields: &mut Fields<'_>) -> Option<u8> {
    const MEMBER: &str = "retention_days";
    let days = fields.count(MEMBER)?;
    let days = u8::try_from(days).ok();
    let days = days.filter(|days| (1..=MAX_RETENTION_DAYS).contains(days));
    if days.is_none() {
        fields.fault(MEMBER, "must be a number of days from 1 to 90");
    }
    days
}

fn read_reminders(fields: &mut Fields<'_>) -> ReminderDays {
    const MEMBER: &str = "reminder_days";
    let Some(days) = fields.take(MEMBER) else {
        return ReminderDays::default();
    };
    serde_json::from_value(days).unwrap_or_else(|_| {
        fields.fault(MEMBER, &InvalidReminderDays.to_string());
        ReminderDays::default()
    })
}

/// The settings as the audit log shows them.
fn shown(organization: &Organization) -> Map<String, Value> {
    let settings = json!({
        "name": organization.name,
        "time_zone": organization.time_zone,
        "retention_days": organization.retention_days,
        "reminder_days": organization.reminder_days,
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    }
}

/// `POST /organizations {"name", "time_zone"?, "retention_days"?, "reminder_days"?}`.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    let settings = read_strictly(reply::read_object(call.request)?, Settings::read)
        .map_err(Problem::invalid)?;
    let id = OrganizationId::new(call.now, &mut rand::rng());
    let organization = Organization {
        id,
        name: settings.name,
        time_zone: settings.time_zone,
        reminder_days: settings.reminder_days,
        retention_days: settings.retention_days,
        created_at: call.now,
        revision: 0,
    };
    let given = Changes::between(Map::new(), shown(&organization));
    let line = call.line(id, Action::OrganizationCreated, &id, given);
    api.accounts
        .create_organization(&organization, &line)
        .await?;
    Ok(reply::json(201, &View::new(&organization)))
}

/// `PUT /organizations/{id}` with all its settings; one that is left out goes back to its default.
pub(crate) async fn update(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let current = own_account(api, call, id).await?.organization;
    let settings = read_strictly(reply::read_object(call.request)?, Settings::read)
        .map_err(Problem::invalid)?;
    let mut changed = settings.apply(&current);
    if changed == current {
        return Ok(reply::json(200, &View::new(&current)));
    }
    changed.revision += 1;
    let changes = Changes::between(shown(&current), shown(&changed));
    let line = call.line(
        current.id,
        Action::OrganizationUpdated,
        &current.id,
        changes,
    );
    if changed.reminder_days != current.reminder_days {
        // Before the change: noted for nothing, it changes nothing.
        api.credentials
            .note_rescheduling(current.id, call.now)
            .await?;
    }
    // Not again on top of the other's: what is left out here would undo it.
    if api.accounts.update_organization(&changed, &line).await? {
        return Ok(reply::json(200, &View::new(&changed)));
    }
    Err(Problem::new(
        409,
        "conflict",
        "somebody else is changing the organization right now; read it and try again",
    ))
}

/// `GET /organizations`.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let found = api
        .accounts
        .list_organizations(page::cursor(call.request)?, limit)
        .await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

/// `GET /organizations/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = own_account(api, call, id).await?;
    Ok(reply::json(200, &View::new(&account.organization)))
}

/// The organization named in the path, for the platform.
pub(crate) async fn find(api: &Api, call: &Call<'_>, id: &str) -> Result<Organization, Problem> {
    call.require_platform()?;
    let account = api
        .accounts
        .read_account(call.caller.organization(Some(id))?)
        .await?;
    Ok(account
        .ok_or_else(|| Problem::not_found("organization"))?
        .organization)
}

/// The account named in the path: any for the platform, its own for an organization.
pub(crate) async fn own_account(api: &Api, call: &Call<'_>, id: &str) -> Result<Account, Problem> {
    let organization = call.caller.organization(Some(id))?;
    let account = api.accounts.read_account(organization).await?;
    account.ok_or_else(|| Problem::not_found("organization"))
}
