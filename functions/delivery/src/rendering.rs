//! What an endpoint is sent of an event, or why nothing.

use payload::convert::{Rendered, Target, Unmappable, render};
use payload::event::Event;
use state::{Credentials, Endpoint, Organization, StateError};

use crate::plan::Attempted;

/// Says an event as its endpoint wants to hear it; `Err` inside when that is not at all.
///
/// What is missing is looked up once more: an earlier event, or a line of the directory, may have come
/// after this one was accepted.
///
/// # Errors
/// What is stored of the event cannot be read, or the look-up failed.
pub(crate) async fn rendering(
    attempted: Attempted<'_>,
    credentials: &Credentials,
) -> Result<Result<Rendered, Unmappable>, StateError> {
    let Attempted {
        event,
        endpoint,
        account,
    } = attempted;
    let organization = &account.organization;
    let stored = event.stored();
    if let Some(rendered) = stored.rendered_in(endpoint.dialect) {
        return Ok(Ok(rendered));
    }
    // Without a word for it there is no need to read the event.
    if !endpoint.vocabulary().has(event.event_type) {
        return Ok(stored.instead(endpoint.on_unmappable, Unmappable::NoSuchType));
    }
    let mut said = event.event()?;
    let mut rendered = say(&said, endpoint, organization);
    if let Err(Unmappable::Missing(_)) = rendered {
        let known = said.data.facts.enriched.len();
        let facts = &mut said.data.facts;
        credentials.resolve(organization.id, facts).await?;
        let completed = credentials.complete(organization.id, event.event_type, facts, None);
        completed.await?;
        if said.data.facts.enriched.len() > known {
            rendered = say(&said, endpoint, organization);
        }
    }
    Ok(rendered.or_else(|why| stored.instead(endpoint.on_unmappable, why)))
}

/// Says an event in the words of an endpoint.
fn say(
    event: &Event,
    endpoint: &Endpoint,
    organization: &Organization,
) -> Result<Rendered, Unmappable> {
    let time_zone = organization.zone();
    let target = Target {
        vocabulary: endpoint.vocabulary(),
        endpoint: endpoint.id,
        time_zone: &time_zone,
        surrogate_ids: endpoint.surrogate_ids,
    };
    render(event, target)
}
