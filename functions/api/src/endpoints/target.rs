//! Whether a new target leads to where no webhook is sent.

use std::time::Duration;

use outbound::{Error, Resolver};
use payload::fault::Faults;
use payload::target::{TargetError, TargetPolicy};
use reply::Problem;
use tokio::time::timeout;

/// How long a name may take to be resolved.
const MAX_RESOLVE: Duration = Duration::from_secs(2);

/// Refuses a URL that is none, or whose name leads to an address that no webhook is sent to. It is told without
/// the address.
///
/// Each connection looks again: this is only to say it early. So a name that has no address yet is taken, and
/// one that answers late as well.
pub(super) async fn check(
    policy: &TargetPolicy,
    resolver: &Resolver,
    url: &str,
) -> Result<(), Problem> {
    let error = match policy.parse(url) {
        Ok(url) => match timeout(MAX_RESOLVE, resolver.check(&url)).await {
            Ok(Err(Error::BlockedAddress)) => TargetError::NotPublic,
            _ => return Ok(()),
        },
        Err(error) => error,
    };
    Err(Problem::invalid(Faults::one("/url", error.to_string())))
}

#[cfg(test)]
mod tests {
    use payload::target::Ports;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_without_telling_it() {
        let policy = TargetPolicy::Public(Ports::default());
        let answers = ["10.1.2.3", "8.8.8.8"].map(|address| vec![address.parse().unwrap()]);
        let resolver = Resolver::scripted(policy.clone(), answers.to_vec());
        let check = async || check(&policy, &resolver, "https://hooks.example.com/").await;
        let refused = check().await.unwrap_err();
        let refused = serde_json::to_value(&refused).unwrap();
        assert_eq!(refused["details"]["/url"], "must point to a public host");
        assert!(!refused.to_string().contains("10.1"), "{refused}");
        assert!(check().await.is_ok());
        // There is no third answer: the name is not known, which may change.
        assert!(check().await.is_ok());
    }
}
