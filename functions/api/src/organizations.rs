//! Organizations. For the platform only.

use jiff::tz::TimeZone;
use lambda_http::{Body, Response};
use payload::expiry::ReminderDays;
use payload::fields::{Fields, MAX_NAME, read_strictly};
use payload::id::OrganizationId;
use reply::Problem;
use serde_json::json;
use state::{Account, Action, Changes, Organization};

use crate::handler::{Api, Call};
use crate::page;

/// Where most of the sources that send times without a zone are.
const DEFAULT_TIME_ZONE: &str = "America/Sao_Paulo";

/// `POST /organizations {"name", "time_zone"?}`.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    let (name, time_zone) =
        read_strictly(reply::read_object(call.request)?, read).map_err(Problem::invalid)?;
    let id = OrganizationId::new(call.now, &mut rand::rng());
    let organization = Organization {
        id,
        name,
        time_zone,
        reminder_days: ReminderDays::default(),
        created_at: call.now,
    };
    let given = Changes::given(&json!({
        "name": organization.name,
        "time_zone": organization.time_zone,
    }));
    let line = call.line(id, Action::OrganizationCreated, &id, given);
    api.accounts
        .create_organization(&organization, &line)
        .await?;
    Ok(reply::json(201, &organization))
}

/// Name and time zone.
fn read(fields: &mut Fields<'_>) -> (String, String) {
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
    (name, time_zone)
}

/// `GET /organizations`.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let found = api
        .accounts
        .list_organizations(page::cursor(call.request)?, limit)
        .await?;
    Ok(page::answer(&found.items, found.next))
}

/// `GET /organizations/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    Ok(reply::json(200, &find(api, call, id).await?))
}

/// The organization named in the path.
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
