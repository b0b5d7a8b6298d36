//! Who has paid: what an organization's Stripe subscription gives it, and until when.

pub mod access;
