//! What the function is told by the template.

use jiff::SignedDuration;
use payload::billing::plans::Plans;
use payload::billing::stripe_event::Mode;
use payload::target::TargetPolicy;
use state::Billing;
use state::settings::{Faults, Resources, Settings};

/// Settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resources: Resources,
    /// Where the root key is: the id of a secret in Secrets Manager.
    pub root_key_secret: String,
    /// SHA-256 of the platform key.
    pub(crate) platform_key_hash: String,
    /// How long events and deliveries are kept.
    pub(crate) retention: SignedDuration,
    /// Where webhooks may go.
    pub(crate) target_policy: TargetPolicy,
    /// Whether access is sold.
    pub(crate) billing: Billing,
    pub(crate) billing_table: String,
    /// Which of Stripe's two worlds counts.
    pub(crate) stripe_mode: Mode,
    /// What one has to subscribe to, where access is sold.
    pub(crate) plans: Plans,
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
            root_key_secret: settings.required("ROOT_KEY_SECRET"),
            platform_key_hash: settings.required("PLATFORM_KEY_HASH"),
            retention: settings.days("EVENT_RETENTION_DAYS"),
            billing: settings.parsed("BILLING"),
            billing_table: settings.required("BILLING_TABLE"),
            stripe_mode: settings.parsed("STRIPE_MODE"),
            plans: settings.parsed_or_default("ENTERPRISE_PLANS"),
            target_policy: settings.target_policy("ENDPOINT_PORTS"),
        };
        settings.check(config)
    }
}
