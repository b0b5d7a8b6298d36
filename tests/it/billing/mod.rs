//! What Stripe says, and what organizations get for it, over HTTP alone: events come in, and webhooks are sent,
//! held, released or refused.

mod cost;
mod crash;
mod heard;
mod interop;
mod life;
mod parked;
mod reconcile;
mod refused;
mod shop;
