//! Stripe as the stack meets it: the sample events of `events/billing/stripe`, about an organization of the test
//! and of these minutes, signed as Stripe signs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use payload::billing::access::Access;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::caller::Answer;
use crate::source::now;
use crate::stack::{Organization, Stack, text};
use crate::workspace;

/// Where Stripe posts.
pub(crate) const PATH: &str = "/api/webhooks/stripe";
/// What it signs with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// With what a stack starts that sells webhooks.
pub(crate) const SELLING: [&str; 2] = ["--stripe-secret", SECRET];

/// Whom the samples are about.
const SAMPLE_ORGANIZATION: &str = "org_01K9XW3M7ZQ4T8V2B6N0C5R1YD";
const SAMPLE_CUSTOMER: &str = "cus_TQ4mWx8Zb2LrVn";
const SAMPLE_SUBSCRIPTION: &str = "sub_1SRkT2Hb4Zq9Lm0PfWc7XyAe";

/// When something happens in the samples, and how many seconds before the end it happens in a test: what takes
/// two months there takes ten minutes.
const MOMENTS: [(i64, i64); 6] = [
    // The first period begins.
    (1_762_952_580, 600),
    // The second one does.
    (1_765_544_580, 500),
    // Its payment fails.
    (1_765_548_190, 400),
    // It is paid.
    (1_765_803_780, 200),
    // Its end is asked for.
    (1_765_976_580, 100),
    // It comes to it.
    (1_768_222_980, 30),
];
/// That Stripe gives up comes after the payment in the samples, and before it in a test.
const GIVEN_UP: (i64, i64) = (1_766_754_180, 300);
/// No moment takes longer.
const LONGEST: i64 = 25;

/// A signature as Stripe makes it.
pub(crate) fn signature(secret: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second().to_string();
    format!("t={seconds},v1={}", v1(secret, &seconds, body))
}

/// The `v1` of a text for the time, which need be none.
pub(crate) fn v1(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Stack {
    /// Posts a body signed now.
    pub(crate) async fn stripe(&self, body: &str) -> Answer {
        let signature = signature(SECRET, now(), body.as_bytes());
        self.stripe_signed(&[&signature], body.as_bytes()).await
    }

    /// Posts a body with these signatures.
    pub(crate) async fn stripe_signed(&self, signatures: &[&str], body: &[u8]) -> Answer {
        self.canaries().plant_people(body);
        let mut stripe = self.caller(None);
        for signature in signatures {
            stripe = stripe.with("stripe-signature", signature);
        }
        stripe
            .send_to(Method::POST, PATH, Some(body.to_vec()))
            .await
    }

    /// What an organization has, as the platform sees it.
    pub(crate) async fn billing(&self, organization: &str) -> Value {
        let path = format!("organizations/{organization}/billing");
        self.platform().get(&path).await.expect(200)
    }
}

/// A customer at Stripe, and what the samples say, of it.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// Whom its events name.
    organization: String,
    /// What its ids differ by from those of others.
    mark: String,
    /// When all that happens has happened.
    end: Timestamp,
}

impl Customer {
    /// One of an organization. Customers are told apart by `number`.
    pub(crate) fn of(organization: &str, number: u32, end: Timestamp) -> Self {
        Self {
            organization: organization.to_owned(),
            mark: format!("Zq{number:04}Zq"),
            end,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.own(SAMPLE_CUSTOMER)
    }

    /// The id of its subscription.
    pub(crate) fn subscription(&self) -> String {
        self.own(SAMPLE_SUBSCRIPTION)
    }

    fn own(&self, id: &str) -> String {
        id.replacen('_', &format!("_{}", self.mark), 1)
    }

    /// A sample below `events/billing/stripe`, about this customer and these minutes.
    pub(crate) fn event(&self, sample: &str) -> String {
        let sample = workspace::read(&format!("events/billing/stripe/{sample}.json"));
        self.tell(&sample)
    }

    /// The samples of a life, in the order in which they happened. Before what is owed is paid Stripe gives up
    /// for a while.
    pub(crate) fn life(&self, version: &str) -> Vec<String> {
        let folder = format!("events/billing/stripe/{version}");
        let files = workspace::files(&folder);
        assert_eq!(files.len(), LIFE.len() - 1, "{folder}");
        let mut samples: Vec<String> = files.iter().map(|path| workspace::read(path)).collect();
        let given_up = workspace::read("events/billing/stripe/edge/sub_updated.unpaid.json");
        samples.insert(GIVES_UP, given_up);
        samples.iter().map(|sample| self.tell(sample)).collect()
    }

    fn tell(&self, sample: &str) -> String {
        let mut told = sample.replace(SAMPLE_ORGANIZATION, &self.organization);
        for kind in ["cus", "sub", "in", "evt"] {
            told = told.replace(&format!("\"{kind}_"), &format!("\"{kind}_{}", self.mark));
        }
        with_times(&told, |second| {
            self.end.as_second() - before_the_end(second)
        })
    }

    /// What the API says of an organization, without what customers of the same samples differ by.
    pub(crate) fn without_names(&self, view: &Value) -> Value {
        let view = view.to_string().replace(&self.organization, "organization");
        serde_json::from_str(&view.replace(&self.mark, "")).expect("JSON as before")
    }
}

/// What an organization, whose subscription before is over, has after each event of a life. That it bought
/// something is nothing yet.
pub(crate) const LIFE: [Access; 12] = [
    Access::Ended,
    Access::Pending,
    Access::Active,
    Access::Active,
    Access::Active,
    Access::Active,
    Access::Grace,
    Access::Suspended,
    Access::Suspended,
    Access::Active,
    Access::Active,
    Access::Ended,
];
/// The place in it where Stripe gives up.
const GIVES_UP: usize = 7;

/// A sample's time by the clock of a test.
fn before_the_end(second: i64) -> i64 {
    if (0..LONGEST).contains(&(second - GIVEN_UP.0)) {
        return GIVEN_UP.1 - (second - GIVEN_UP.0);
    }
    let (begin, before) = MOMENTS[0];
    let moment = MOMENTS.iter().rev().find(|(from, _)| *from <= second);
    match moment {
        Some((from, before)) => before - (second - from).min(LONGEST),
        None => before + (begin - second),
    }
}

/// A text with other times: each number of its ten digits that is one.
fn with_times(text: &str, mut map: impl FnMut(i64) -> i64) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(": 17") {
        let (before, after) = rest.split_at(at + 2);
        result.push_str(before);
        let end = after.find(|char: char| !char.is_ascii_digit());
        let (number, after) = after.split_at(end.unwrap_or(after.len()));
        match number.parse() {
            Ok(second) if number.len() == 10 => result.push_str(&map(second).to_string()),
            _ => result.push_str(number),
        }
        rest = after;
    }
    result + rest
}

impl Organization {
    /// Links a customer at Stripe to it.
    pub(crate) async fn link(&self, stack: &Stack, customer: &str) -> Answer {
        let path = format!("organizations/{}/billing/link", self.id);
        let body = json!({"customer": customer});
        stack.platform().post(&path, body).await
    }
}

/// The access that a view of the API shows.
pub(crate) fn access(view: &Value) -> String {
    text(view, "access")
}

#[test]
fn a_life_takes_ten_minutes_in_the_order_of_the_samples() {
    let end = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000);
    let customer = Customer::of(SAMPLE_ORGANIZATION, 1, end);
    for version in ["basil", "dahlia"] {
        let created: Vec<i64> = (customer.life(version).iter())
            .map(|event| {
                let event: Value = serde_json::from_str(event).expect("JSON");
                event["created"].as_i64().expect("a time") - end.as_second()
            })
            .collect();
        let expected = [
            -597, -599, -598, -598, -495, -390, -390, -300, -186, -186, -99, -28,
        ];
        assert_eq!(created, expected, "{version}");
    }
    let event = customer.event("dahlia/06_invoice.payment_failed.attempt1");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    let invoice = &event["data"]["object"];
    assert_eq!(invoice["customer"], customer.id());
    let subscription = &invoice["parent"]["subscription_details"]["subscription"];
    assert_eq!(subscription, &json!(customer.subscription()));
    assert_eq!(invoice["amount_due"], 25_000);
}
