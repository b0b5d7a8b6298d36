//! What a notice costs: requests and units, as `docs/benchmark.md` says it.

use std::collections::BTreeMap;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::backend::Seen;
use crate::steps::DAY;
use crate::world::{Sent, World};

/// Credentials that are due in one run.
const MANY: u64 = 48;
/// Shards that a run asks for what is due, and one request more for new reminders.
const OF_A_RUN: u64 = 17;

impl World {
    /// An issue of a credential of the first organization that is valid until then.
    pub(crate) async fn issue(&self, credential: &str, end: Timestamp) {
        let body = json!({
            "type": "credential.issued", "timestamp": self.now.to_string(),
            "data": {
                "credential": {"id": credential, "title": "Welding", "expires_at": end.to_string()},
                "recipient": {"email": "someone@example.com", "name": "Someone"},
            },
        });
        let organization = self.organizations[0].clone();
        let body = body.to_string().into_bytes();
        let is_accepted = self.accept(&Sent { organization, body }, None).await;
        assert!(is_accepted, "{credential}");
    }

    /// What a run asks, and what it says.
    pub(crate) async fn cost(&self) -> (Seen, expiry::Report) {
        let before = self.backend.seen();
        let report = self.run(0, None, SignedDuration::ZERO).await.unwrap();
        assert_eq!((report.expiry_finished, report.expiry_failures), (1, 0));
        (self.backend.seen().since(&before), report)
    }
}

#[tokio::test]
async fn a_notice_costs_no_more_than_the_documents_say() {
    let now: Timestamp = "2028-01-30T00:00:00Z".parse().unwrap();
    let end = now + SignedDuration::from_secs(31 * DAY);
    let mut world = World::start(Database::memory().unwrap(), 1, now, 0).await;
    for number in 0..MANY {
        world.issue(&format!("c{number}"), end).await;
    }
    let (idle, _) = world.cost().await;
    let expected = BTreeMap::from([("Query CredentialsTable".to_owned(), OF_A_RUN)]);
    assert_eq!((idle.requests, idle.write_units), (expected, 0.0));

    for (days, units) in [(30, 8.0), (0, 7.0)] {
        world.now = end - SignedDuration::from_secs(days * DAY);
        let (seen, report) = world.cost().await;
        let announced = report.notices_expiring + report.notices_expired;
        assert_eq!(announced, MANY);
        let count = |request: &str| seen.requests.get(request).copied().unwrap_or_default();
        assert_eq!(count("PutItem EventsTable"), 2 * MANY);
        assert_eq!(count("PutItem CredentialsTable"), MANY);
        assert_eq!(count("Query CredentialsTable"), OF_A_RUN);
        let pages = count("BatchGetItem CredentialsTable") - MANY;
        assert!(pages < OF_A_RUN, "{pages}");
        assert_eq!(count("SendMessageBatch"), MANY);
        // One for each of those that begin at once, where nobody has read it yet.
        assert!(count("Query AccountsTable") <= 32, "{seen:?}");
        let all = seen.requests.values().sum::<u64>();
        assert_eq!(
            all,
            5 * MANY + OF_A_RUN + pages + count("Query AccountsTable")
        );
        let per_notice = seen.write_units / f64::from(u32::try_from(MANY).unwrap());
        assert!(per_notice <= units, "{per_notice} of {days} days before");
    }
}
