//! Hears from Stripe who has paid: `POST /api/webhooks/stripe`.
//!
//! Triggers: API Gateway, called by Stripe; and each hour, where there is a key to ask Stripe, a schedule, whose
//! request asks about what is doubtful. Effects: what an event says becomes rows of its customer in the
//! table Billing, merged with what is there; the record of the organization that the customer is claimed for is
//! derived from all of them, and what follows from it is told and released; the event is kept with its body.
//! Idempotent: facts merge in any order and any number of times to the same, and the record follows from them
//! alone. A signature that is none is answered 400 and nothing is read; an event that cannot be read is kept,
//! reported, and answered 200, because it would not become readable. Who retries: Stripe, for three days,
//! whatever was not answered 2xx, so trouble of ours is a 503.

#![forbid(unsafe_code)]

mod config;
mod doubts;
mod handler;
mod hear;
mod reconcile;
mod secrets;

pub use config::Config;
pub use handler::Stripe;
pub use secrets::Secrets;
