//! Beedeez: the bare `BadgeUser` document, without the name or the id of the event.
//!
//! Source: <https://doc.developers.beedeez.com/docs/next/webhooks/events>. The event's name comes
//! from outside the body and is never guessed from the dates. Ids are `ObjectId`s there; any text
//! is accepted.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{schema, write};
