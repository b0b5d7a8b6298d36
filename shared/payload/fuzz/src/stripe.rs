//! What must hold of every request to the webhook of Stripe.

use std::sync::LazyLock;

use jiff::Timestamp;
use payload::billing::claim::Claim;
use payload::billing::customer::{Customer, Fact};
use payload::billing::invoice::Invoice;
use payload::billing::plans::Plans;
use payload::billing::record::Record;
use payload::billing::stripe_event::{Facts, Mode, Said, StripeEvent, read_fetched};
use payload::billing::stripe_signature::{Refusal, StripeSecrets};
use payload::billing::subscription::Subscription;
use payload::id::OrganizationId;
use serde::Serialize;
use serde::de::DeserializeOwned;

const NOW: Timestamp = Timestamp::constant(1_795_255_200, 0);
static SECRETS: LazyLock<StripeSecrets> =
    LazyLock::new(|| StripeSecrets::parse("whsec_fuzz").expect("a secret"));
static PLANS: LazyLock<Plans> =
    LazyLock::new(|| "enterprise_monthly,plan=enterprise".parse().expect("plans"));

/// Verifies a header, reads a body, and derives what comes of it.
///
/// # Panics
/// Something does not hold that must.
pub fn check(header: &[u8], body: &[u8]) {
    // Nobody finds a signature by chance.
    SECRETS
        .verify(&[header], body, NOW)
        .expect_err("a signature by chance");
    let signed = SECRETS.sign(body, NOW);
    let verified = SECRETS.verify(&[signed.as_bytes()], body, NOW);
    let expected = if body.is_empty() {
        Err(Refusal::EmptyBody)
    } else {
        Ok(NOW)
    };
    assert_eq!(verified, expected);

    for said in [
        StripeEvent::read(body, Mode::Live).said,
        StripeEvent::read(body, Mode::Test).said,
        read_fetched(body, Mode::Live, NOW),
    ] {
        match said {
            Said::Facts(facts) => check_facts(facts),
            Said::Unparsed(faults) => assert!(!faults.is_empty(), "a fault has a place"),
            Said::Ignored(_) => {}
        }
    }
}

fn check_facts(facts: Facts) {
    let mut customer = Customer::new(facts.customer);
    for fact in facts.facts {
        let stored = stored(&fact);
        assert_eq!(stored, fact, "nothing is lost when stored");
        customer.learn(fact);
        let once = customer.clone();
        customer.learn(stored);
        assert_eq!(customer, once, "what is known is no news");
    }
    let organization = customer.claim().map(|claim| claim.organization_id);
    let record = Record::of(
        organization.unwrap_or(OrganizationId::NIL),
        &[customer],
        &PLANS,
    );
    let steps = record.entitlement.steps();
    assert!(steps.is_sorted_by(|a, b| a.from < b.from && a.access != b.access));
    let written = serde_json::to_vec(&record).expect("a record can be written");
    let read: Record = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, record);
}

fn stored(fact: &Fact) -> Fact {
    fn row<T: Serialize + DeserializeOwned>(row: &T) -> T {
        let stored = serde_json::to_vec(row).expect("a row can be written");
        serde_json::from_slice(&stored).expect("what was stored can be read")
    }
    match fact {
        Fact::Claim(claim) => Fact::Claim(row::<Claim>(claim)),
        Fact::Subscription(it) => Fact::Subscription(row::<Subscription>(it)),
        Fact::Invoice(invoice) => Fact::Invoice(row::<Invoice>(invoice)),
    }
}
