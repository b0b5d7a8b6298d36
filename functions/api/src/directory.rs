//! The organization's directory: who the recipients and what the achievements are that a source names
//! by nothing but an id. Without it, an event of Beedeez can be told to nobody who knows people by
//! their e-mail address.

use lambda_http::{Body, Request, Response};
use payload::fault::Faults;
use payload::fields::{Fields, MAX_IDENTIFIER, read_strictly};
use payload::known::Known;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{Action, Changes, Directory, Entry};

use crate::handler::{Api, Call};
use crate::{erasures, page};

const MAX_TEXT: usize = 320;
/// A hundred years.
const MAX_VALIDITY_DAYS: u16 = 36_500;

#[derive(Serialize)]
struct View<'e> {
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'e str>,
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validity_days: Option<u16>,
    updated_at: String,
}

impl<'e> View<'e> {
    fn new(of: Directory, id: &'e str, entry: &'e Entry) -> Self {
        let known = &entry.known;
        Self {
            id,
            email: known.recipient_email.as_deref(),
            name: match of {
                Directory::Recipients => known.recipient_name.as_deref(),
                Directory::Achievements => known.achievement_name.as_deref(),
            },
            validity_days: entry.validity_days,
            updated_at: timestamp::canonical(entry.updated_at),
        }
    }
}

/// An id with this is the address of a person.
const AT: char = '@';
/// What the audit log has in the place of one.
const ADDRESS: &str = "an e-mail address";

/// `PUT /recipients/{id} {"email", "name"?}` and `PUT /achievements/{id} {"name", "validity_days"?}`.
pub(crate) async fn put(
    api: &Api,
    call: &Call<'_>,
    of: Directory,
    id: &[&str],
) -> Result<Response<Body>, Problem> {
    let id = identifier(call.request, id)?;
    let account = call.recent_account(api).await?;
    let body = reply::read_object(call.request)?;
    let read = read_strictly(body, |fields| read(of, fields));
    let (known, validity_days) = read.map_err(Problem::invalid)?;
    let entry = Entry {
        known,
        validity_days,
        updated_at: call.now,
    };
    let organization = account.organization.id;
    // What people are called is theirs.
    let given = Changes::given(&json!({"validity_days": validity_days})).hiding("name");
    let (action, given) = match of {
        Directory::Recipients => (Action::RecipientPut, given.hiding("email")),
        Directory::Achievements => (Action::AchievementPut, given),
    };
    let is_address = of == Directory::Recipients && id.contains(AT);
    let target = if is_address { ADDRESS } else { &id };
    call.log(api, organization, action, target, given).await?;
    api.credentials
        .put_entry(organization, of, &id, &entry)
        .await?;
    Ok(reply::json(200, &View::new(of, &id, &entry)))
}

/// `GET /recipients/{id}` and `GET /achievements/{id}`.
pub(crate) async fn get(
    api: &Api,
    call: &Call<'_>,
    of: Directory,
    id: &[&str],
) -> Result<Response<Body>, Problem> {
    let id = identifier(call.request, id)?;
    let account = call.recent_account(api).await?;
    let entry = api.credentials.entry(account.organization.id, of, &id);
    let entry = entry.await?.ok_or_else(|| Problem::not_found(of.name()))?;
    Ok(reply::json(200, &View::new(of, &id, &entry)))
}

/// `DELETE /recipients/{id}` and `DELETE /achievements/{id}`; deleting what is gone is no error. A recipient with
/// an `@` is a person's address, and the person is erased.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    of: Directory,
    id: &[&str],
) -> Result<Response<Body>, Problem> {
    let id = identifier(call.request, id)?;
    if of == Directory::Recipients && id.contains(AT) {
        return erasures::create(api, call, &id).await;
    }
    let account = call.recent_account(api).await?;
    let organization = account.organization.id;
    let action = match of {
        Directory::Recipients => Action::RecipientDeleted,
        Directory::Achievements => Action::AchievementDeleted,
    };
    call.log(api, organization, action, &id, Changes::default())
        .await?;
    api.credentials.delete_entry(organization, of, &id).await?;
    Ok(reply::no_content())
}

fn read(of: Directory, fields: &mut Fields<'_>) -> (Known, Option<u16>) {
    match of {
        Directory::Recipients => {
            let known = Known {
                recipient_email: Some(required(fields, "email")),
                recipient_name: fields
                    .text("name")
                    .inspect(|name| fields.check_length("name", name, MAX_TEXT)),
                ..Known::default()
            };
            (known, None)
        }
        Directory::Achievements => {
            let known = Known {
                achievement_name: Some(required(fields, "name")),
                ..Known::default()
            };
            (known, read_validity(fields))
        }
    }
}

fn read_validity(fields: &mut Fields<'_>) -> Option<u16> {
    const MEMBER: &str = "validity_days";
    let days = fields.count(MEMBER)?;
    let days = u16::try_from(days).ok();
    let days = days.filter(|days| (1..=MAX_VALIDITY_DAYS).contains(days));
    if days.is_none() {
        fields.fault(MEMBER, "must be a number of days from 1 to 36500");
    }
    days
}

fn required(fields: &mut Fields<'_>, member: &str) -> String {
    let text = fields.required_text(member);
    fields.check_length(member, &text, MAX_TEXT);
    text
}

/// The source's id: `?id=`, or the rest of the path. API Gateway decodes the path before we see it, so a
/// slash of the id looks like one of the path, and cuts it off at a question mark: an id with that needs
/// `?id=`.
pub(crate) fn identifier(request: &Request, rest: &[&str]) -> Result<String, Problem> {
    let id = match rest {
        [] => page::parameter(request, "id", "must be text")?.unwrap_or_default(),
        rest => rest.join("/"),
    };
    if id.trim().is_empty() || id.len() > MAX_IDENTIFIER {
        let reason = format!("must have 1 to {MAX_IDENTIFIER} bytes");
        return Err(Problem::invalid(Faults::one("{id}", reason)));
    }
    Ok(id)
}
