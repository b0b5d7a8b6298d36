//! What the function is told by the template.

use jiff::SignedDuration;
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
            target_policy: settings.target_policy("ENDPOINT_PORTS"),
        };
        settings.check(config)
    }
}
