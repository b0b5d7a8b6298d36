//! What the function is told by the template.

use jiff::SignedDuration;
use payload::billing::stripe_event::Mode;
use state::Billing;
use state::settings::{Faults, Resources, Settings};

/// Settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resources: Resources,
    /// How long deliveries are kept.
    pub(crate) retention: SignedDuration,
    /// Whether access is sold.
    pub(crate) billing: Billing,
    pub(crate) billing_table: String,
    /// Which of Stripe's two worlds counts.
    pub(crate) stripe_mode: Mode,
}

impl Config {
    /// Reads the settings from a lookup by name.
    ///
    /// # Errors
    /// All that are missing or unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(lookup);
        let config = Self {
            resources: settings.resources(),
            billing: settings.parsed("BILLING"),
            billing_table: settings.required("BILLING_TABLE"),
            stripe_mode: settings.parsed("STRIPE_MODE"),
            retention: settings.days("EVENT_RETENTION_DAYS"),
        };
        settings.check(config)
    }
}
