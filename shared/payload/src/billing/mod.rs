//! Who has paid: what an organization's Stripe subscription gives it, and until when.
//!
//! Stripe says things in events, more than once and in any order. What an event says is a *fact*
//! about a Stripe customer ([`stripe_event`] reads it, [`stripe_signature`] tells whether it came from
//! Stripe). Facts are merged ([`subscription`], [`invoice`], [`claim`]) so that neither order nor
//! repetition matters, and all of them together make an organization's [`record`].

pub mod access;
pub mod claim;
pub mod customer;
mod fingerprint;
pub mod invoice;
mod judgement;
pub mod plans;
pub mod record;
pub mod snapshot;
pub mod stripe_event;
pub mod stripe_id;
pub mod stripe_signature;
pub mod subscription;

#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
