//! Reading a function's settings from a lookup, so that every message about a bad one reads the same.
//!
//! On Lambda the lookup is the environment; the local stack fills it from the template.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use payload::target::{Ports, TargetPolicy};

/// Reads settings and remembers every fault, so that one start shows all of them.
pub struct Settings<L> {
    lookup: L,
    faults: Vec<String>,
}

/// All settings that are missing or unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings: {}", self.0.join("; "))
    }
}

impl std::error::Error for Faults {}

/// Names of the tables and the URL of the queue, as every function gets them.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is the name of what it is called after")]
pub struct Resources {
    pub accounts_table: String,
    pub credentials_table: String,
    pub events_table: String,
    pub deliveries_table: String,
    pub delivery_queue_url: String,
}

/// The process environment as a lookup: what `main` of a function passes.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl<L: Fn(&str) -> Option<String>> Settings<L> {
    /// Reads from `lookup`.
    pub fn new(lookup: L) -> Self {
        Self {
            lookup,
            faults: Vec::new(),
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, name: &str) -> String {
        let value = (self.lookup)(name).filter(|value| !value.trim().is_empty());
        value.unwrap_or_else(|| {
            self.faults.push(format!("{name} is missing"));
            String::new()
        })
    }

    /// A value that must be there and be readable.
    pub fn parsed<T: FromStr + Default>(&mut self, name: &str) -> T {
        let text = self.required(name);
        text.parse().unwrap_or_else(|_| {
            if !text.is_empty() {
                self.faults.push(format!("{name} cannot be read"));
            }
            T::default()
        })
    }

    /// A value that is its default where there is none, and else must be readable.
    pub fn parsed_or_default<T: FromStr + Default>(&mut self, name: &str) -> T {
        let text = (self.lookup)(name).filter(|value| !value.trim().is_empty());
        text.map_or_else(T::default, |_| self.parsed(name))
    }

    /// A text that is `default` where there is none.
    pub fn text_or(&mut self, name: &str, default: &str) -> String {
        let value = (self.lookup)(name).filter(|value| !value.trim().is_empty());
        value.unwrap_or_else(|| default.to_owned())
    }

    /// A number of days that must be there.
    pub fn days(&mut self, name: &str) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.parsed::<u32>(name)))
    }

    /// Where webhooks may go: to public targets, on the ports that `name` lists; anywhere if
    /// `ALLOW_PRIVATE_ENDPOINTS` is `true`.
    pub fn target_policy(&mut self, name: &str) -> TargetPolicy {
        let ports: Ports = self.parsed(name);
        match (self.lookup)("ALLOW_PRIVATE_ENDPOINTS").as_deref() {
            Some("true") => TargetPolicy::AllowPrivate,
            None | Some("" | "false") => TargetPolicy::Public(ports),
            Some(_) => {
                self.faults
                    .push("ALLOW_PRIVATE_ENDPOINTS must be true or false".to_owned());
                TargetPolicy::Public(ports)
            }
        }
    }

    /// The tables and the queue.
    pub fn resources(&mut self) -> Resources {
        Resources {
            accounts_table: self.required("ACCOUNTS_TABLE"),
            credentials_table: self.required("CREDENTIALS_TABLE"),
            events_table: self.required("EVENTS_TABLE"),
            deliveries_table: self.required("DELIVERIES_TABLE"),
            delivery_queue_url: self.required("DELIVERY_QUEUE_URL"),
        }
    }

    /// `Ok` when everything was there.
    ///
    /// # Errors
    /// Every fault found on the way.
    pub fn check<T>(self, config: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(config)
        } else {
            Err(Faults(self.faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_and_unreadable_settings_are_named_at_once() {
        let mut settings = Settings::new(|name| match name {
            "DAYS" => Some("soon".to_owned()),
            "PORTS" => Some("https".to_owned()),
            "ALLOW_PRIVATE_ENDPOINTS" => Some("yes".to_owned()),
            _ => None,
        });
        assert_eq!(settings.required("NAME"), "");
        assert_eq!(settings.parsed::<u32>("DAYS"), 0);
        assert_eq!(settings.parsed::<u32>("HOURS"), 0);
        let strict = TargetPolicy::Public(Ports::default());
        assert_eq!(settings.target_policy("PORTS"), strict);
        let message = settings.check(()).unwrap_err().to_string();
        assert_eq!(
            message,
            "settings: NAME is missing; DAYS cannot be read; HOURS is missing; PORTS cannot be read; ALLOW_PRIVATE_ENDPOINTS must be true or false"
        );
    }
}
