//! What the function is told by the template.

use jiff::SignedDuration;
use state::Billing;
use state::settings::{Faults, Resources, Settings};

/// Settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resources: Resources,
    pub(crate) credentials_table: String,
    /// How long events are kept.
    pub(crate) retention: SignedDuration,
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
            credentials_table: settings.required("CREDENTIALS_TABLE"),
            retention: settings.days("EVENT_RETENTION_DAYS"),
            billing: settings.parsed("BILLING"),
        };
        settings.check(config)
    }
}
