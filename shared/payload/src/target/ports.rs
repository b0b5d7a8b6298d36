//! The ports that webhooks may go to.

use std::fmt;
use std::str::FromStr;

/// Ports that webhooks may go to; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(Vec<u16>);

/// The text is no list of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ports from 1 to 65535 with commas between them")]
pub struct NoPorts;

impl Ports {
    /// Whether this is one of them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }
}

impl Default for Ports {
    /// That of https, and what is used where that is taken.
    fn default() -> Self {
        Self(vec![443, 8443])
    }
}

impl FromStr for Ports {
    type Err = NoPorts;

    /// Reads ports with commas between them.
    fn from_str(text: &str) -> Result<Self, NoPorts> {
        let ports: Result<Vec<u16>, _> = text.split(',').map(|port| port.trim().parse()).collect();
        let ports = ports.map_err(|_| NoPorts)?;
        if ports.contains(&0) {
            return Err(NoPorts);
        }
        Ok(Self(ports))
    }
}

impl fmt::Display for Ports {
    /// For a person: `443 or 8443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, port) in self.0.iter().enumerate() {
            let between = match place {
                0 => "",
                _ if place + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}{port}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_told() {
        let ports: Ports = "443, 8443,9443".parse().unwrap();
        assert_eq!(ports.to_string(), "443, 8443 or 9443");
        assert!(ports.contains(9443) && !ports.contains(80));
        assert_eq!("443".parse::<Ports>().unwrap().to_string(), "443");
        for text in ["", "443,", "0", "65536", "https", "443;8443"] {
            assert_eq!(text.parse::<Ports>(), Err(NoPorts), "{text:?}");
        }
    }
}
