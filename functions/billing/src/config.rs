//! What the function is told by the template.

use jiff::SignedDuration;
use payload::billing::plans::Plans;
use payload::billing::stripe_event::Mode;
use state::Billing;
use state::settings::{Faults, Resources, Settings};

/// Where Stripe's API is.
const STRIPE_API: &str = "https://api.stripe.com";

/// Settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resources: Resources,
    pub(crate) billing_table: String,
    /// Where the signing secret of Stripe's webhook endpoint is: the id of a secret in Secrets Manager.
    pub(crate) webhook_secret: String,
    /// Where a key is that may read subscriptions; empty: Stripe is not asked.
    pub(crate) read_key: String,
    /// Where Stripe is asked.
    pub(crate) stripe_api: String,
    /// Which of Stripe's two worlds counts.
    pub(crate) mode: Mode,
    /// What one has to subscribe to.
    pub(crate) plans: Plans,
    /// How long events are kept that tell of access.
    pub(crate) retention: SignedDuration,
    /// Whether webhooks are sold.
    pub(crate) billing: Billing,
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
            billing_table: settings.required("BILLING_TABLE"),
            webhook_secret: settings.required("STRIPE_WEBHOOK_SECRET"),
            read_key: settings.parsed_or_default("STRIPE_READ_KEY"),
            stripe_api: settings.text_or("STRIPE_API", STRIPE_API),
            mode: settings.parsed("STRIPE_MODE"),
            plans: settings.parsed("ENTERPRISE_PLANS"),
            retention: settings.days("EVENT_RETENTION_DAYS"),
            billing: settings.parsed("BILLING"),
        };
        settings.check(config)
    }
}
