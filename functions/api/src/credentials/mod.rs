//! Credentials: the list that is polled, one of them with what its subscribers got of it, and the date of
//! one whose source does not say it.

mod view;

use futures::future::try_join_all;
use jiff::Timestamp;
use lambda_http::{Body, Request, Response};
use payload::event::UnknownStatus;
use payload::fields::{Fields, read_strictly};
use payload::id::OrganizationId;
use payload::lifecycle::Lifecycle;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use state::{
    Action, Changed, Changes, Clock, Credential, CredentialFilter, Delivery, Since, StateError,
    StoredEvent,
};

use self::view::{EventView, FullView, View};
use crate::directory::identifier;
use crate::handler::{Api, Call};
use crate::{deliveries, events, page};

/// The furthest place that is reached by counting: what is skipped is read all the same.
const MAX_OFFSET: usize = 1_000;
const TOO_FAR: &str =
    "what matches lies too far apart to be counted; the `next_cursor` of the first page goes on";
const EXPIRES_AT: &str = "expires_at";

/// A page, in the shape of `CertDirectory`'s, with where it goes on.
#[derive(Serialize)]
struct List<'c> {
    data: Vec<View<'c>>,
    pagination: Pagination,
    /// The next page, if there is more.
    next_cursor: Option<String>,
    /// The same, also at the end: what changes later comes after it.
    watermark: Option<String>,
}

#[derive(Serialize)]
struct Pagination {
    limit: usize,
    offset: usize,
    /// Counted up to here, and one more where there is more.
    total: usize,
}

/// `GET /credentials?limit=&offset=&status=&badgeId=&recipientEmail=&expires_before=&updated_since=&cursor=`,
/// in the order of their changes.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let allowance = call.allowance(api).await?;
    let filter = filter(call.request)?;
    let limit = page::limit(call.request)?;
    let offset = offset(call.request)?;
    let since = since(call.request)?;
    let is_counted = matches!(since, Since::At(_));
    let found = api.credentials.changed(
        account.organization.id,
        &filter,
        since,
        (offset, limit),
        call.now,
    );
    let found = found.await?;
    let is_cut = found.has_more && found.items.len() < limit;
    if is_cut && is_counted && offset > 0 {
        // Where the next one begins cannot be said by a number.
        return Err(page::fault("offset", TOO_FAR));
    }
    let watermark = found.place.as_ref().map(page::encode);
    let views = found.items.iter().map(|it| View::new(it, call.now));
    let answer = List {
        data: views.collect(),
        pagination: Pagination {
            limit,
            offset,
            total: total(offset, &found, limit),
        },
        next_cursor: watermark.clone().filter(|_| found.has_more),
        watermark,
    };
    let mut response = reply::json(200, &answer);
    allowance.tell(&mut response);
    Ok(response)
}

/// How many there are up to a page, and one more where there is more: behind all that the page could hold, so
/// that a loop over offsets does not end at one that was cut short.
fn total(offset: usize, found: &Changed, limit: usize) -> usize {
    offset
        + if found.has_more {
            limit + 1
        } else {
            found.items.len()
        }
}

fn filter(request: &Request) -> Result<CredentialFilter, Problem> {
    let text = |name| page::text(request, name);
    Ok(CredentialFilter {
        status: page::parameter(request, "status", &UnknownStatus.to_string())?,
        achievement_id: text("badgeId"),
        recipient_email: text("recipientEmail"),
        expires_before: time(request, "expires_before")?,
    })
}

fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = page::text(request, name) else {
        return Ok(None);
    };
    let time = timestamp::parse(&text);
    time.map(Some)
        .ok_or_else(|| page::fault(name, "must be an RFC 3339 date-time"))
}

fn offset(request: &Request) -> Result<usize, Problem> {
    let expected = format!("must be a number from 0 to {MAX_OFFSET}; a cursor goes further");
    let offset = page::parameter(request, "offset", &expected)?.unwrap_or(0);
    if offset <= MAX_OFFSET {
        Ok(offset)
    } else {
        Err(page::fault("offset", &expected))
    }
}

/// The cursor where there is one: it is further than the time with which the list began.
fn since(request: &Request) -> Result<Since, Problem> {
    let cursor = page::cursor(request)?;
    let time = time(request, "updated_since")?;
    Ok(match cursor {
        Some(place) => Since::After(place),
        None => Since::At(time.unwrap_or(Timestamp::UNIX_EPOCH)),
    })
}

/// `GET /credentials/{id}`, by any of its ids, with its last events and their deliveries.
pub(crate) async fn get(
    api: &Api,
    call: &Call<'_>,
    id: &[&str],
) -> Result<Response<Body>, Problem> {
    let id = identifier(call.request, id)?;
    let account = call.recent_account(api).await?;
    let allowance = call.allowance(api).await?;
    let organization = account.organization.id;
    let keeping = api.keeping(&account.organization, call.now);
    let credential = find(api, organization, &id).await?;
    let ids = credential.lifecycle.events().rev();
    let told = try_join_all(ids.map(|id| async move {
        let event = api.events.get(organization, id).await?;
        let kept = event.filter(|event| event.is_kept(keeping));
        let Some(event) = kept else {
            return Ok::<_, StateError>(None);
        };
        let rows = api.deliveries.between(organization, id, id).await?;
        let deliveries = deliveries::of_events(std::slice::from_ref(&event), &rows);
        Ok(Some((event, deliveries)))
    }));
    let told: Vec<(StoredEvent, Vec<Delivery>)> = told.await?.into_iter().flatten().collect();
    let answer = FullView {
        view: View::new(&credential, call.now),
        events: told
            .iter()
            .map(|(event, deliveries)| EventView {
                event: events::View::new(event),
                deliveries: deliveries.iter().map(deliveries::View::new).collect(),
            })
            .collect(),
    };
    let mut response = reply::json(200, &answer);
    allowance.tell(&mut response);
    Ok(response)
}

async fn find(api: &Api, organization: OrganizationId, id: &str) -> Result<Credential, Problem> {
    let found = api.credentials.find(organization, id).await?;
    found.ok_or_else(|| Problem::not_found("credential"))
}

/// `PATCH /credentials/{id} {"expires_at"}`: a date-time, or null where it never expires.
pub(crate) async fn update(
    api: &Api,
    call: &Call<'_>,
    id: &[&str],
) -> Result<Response<Body>, Problem> {
    let id = identifier(call.request, id)?;
    let account = call.recent_account(api).await?;
    let body = reply::read_object(call.request)?;
    let is_given = body.contains_key(EXPIRES_AT);
    let read = read_strictly(body, |fields| read_expiry(fields, is_given));
    let expires_at = read.map_err(Problem::invalid)?;
    let organization = account.organization.id;
    let credential = find(api, organization, &id).await?;
    let before = &credential.lifecycle;
    let updated = if before.is_set_by_hand(expires_at, call.now) {
        credential
    } else {
        let said = Lifecycle::expiring_by_hand(expires_at, call.now);
        let after = before.clone().merge(said);
        let members = |lifecycle| members(lifecycle, call.now);
        let changes = Changes::between(members(before), members(&after));
        let action = Action::CredentialUpdated;
        call.log(api, organization, action, &credential.id, changes)
            .await?;
        let clock = Clock::starting(call.now);
        let reminders = &account.organization.reminder_days;
        let set =
            api.credentials
                .set_expiry(organization, &credential, expires_at, reminders, clock);
        set.await?
    };
    Ok(reply::json(200, &View::new(&updated, call.now)))
}

fn read_expiry(fields: &mut Fields<'_>, is_given: bool) -> Option<Timestamp> {
    if !is_given {
        fields.fault(EXPIRES_AT, "required");
    }
    fields.timestamp(EXPIRES_AT)
}

/// What others see of the end of its validity.
fn members(lifecycle: &Lifecycle, now: Timestamp) -> Map<String, Value> {
    let expires_at = lifecycle.expires_at().map(timestamp::canonical);
    let status = lifecycle.status(now).name();
    Map::from_iter([
        (EXPIRES_AT.to_owned(), Value::from(expires_at)),
        ("status".to_owned(), Value::from(status)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_behind_the_page_as_long_as_there_is_more_however_little_was_found() {
        let found = |has_more| Changed {
            items: Vec::new(),
            has_more,
            place: None,
        };
        assert_eq!(total(100, &found(true), 50), 151);
        assert_eq!(total(100, &found(false), 50), 100);
    }
}
