//! What the function is told by the template.

use jiff::SignedDuration;
use payload::target::TargetPolicy;
use state::settings::{Faults, Resources, Settings};
use state::{Billing, Breaker};

/// Settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resources: Resources,
    /// Where the root key is: the id of a secret in Secrets Manager.
    pub root_key_secret: String,
    /// How long deliveries are kept.
    pub(crate) retention: SignedDuration,
    /// Where webhooks may go.
    pub(crate) target_policy: TargetPolicy,
    /// How many requests are made for an organization at once; 0: any number.
    pub(crate) organization_concurrency: u32,
    /// When an endpoint is left alone.
    pub(crate) breaker: Breaker,
    /// Whether access is sold.
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
            root_key_secret: settings.required("ROOT_KEY_SECRET"),
            retention: settings.days("EVENT_RETENTION_DAYS"),
            breaker: Breaker::after(settings.parsed("CIRCUIT_BREAKER_FAILURES")),
            organization_concurrency: settings.parsed("ORGANIZATION_CONCURRENCY"),
            billing: settings.parsed("BILLING"),
            target_policy: settings.target_policy("ENDPOINT_PORTS"),
        };
        settings.check(config)
    }
}
