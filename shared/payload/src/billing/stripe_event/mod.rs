//! What an event of Stripe says.
//!
//! An event is rendered in the API version of the endpoint, or of the account, and never changes
//! afterwards; accounts of older versions get both an older and a newer form of some objects. So what is
//! needed is looked for in its new place, then in its old one, and the version is not asked for.
//! Sources: <https://docs.stripe.com/api/events/object>, <https://docs.stripe.com/changelog>.

mod invoice;
mod members;
mod session;
mod subscription;

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claim::Claim;
use super::customer::Fact;
use super::invoice::InvoiceStatus;
use super::snapshot::Kind;
use super::stripe_id::StripeId;
use crate::fault::Faults;
use crate::fields::Fields;
use members::{Named, required_id, required_seconds};

pub use subscription::read_fetched;

/// Which of Stripe's two worlds counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Money.
    #[default]
    Live,
    /// None.
    Test,
}

/// Neither word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be live or test")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(UnknownMode),
        }
    }
}

impl Mode {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// An event, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// Its id, equal in every delivery, if it is there.
    pub id: Option<StripeId>,
    /// Its type, if it is there.
    pub event_type: Option<String>,
    /// When it happened, in whole seconds, if it is there.
    pub created: Option<Timestamp>,
    /// The version in which it is written, if it says so.
    pub api_version: Option<String>,
    /// What it says.
    pub said: Said,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Something of a customer.
    Facts(Facts),
    /// Nothing that matters here.
    Ignored(Ignored),
    /// It should matter and cannot be read.
    Unparsed(Faults),
}

/// What an event says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Which one.
    pub customer: StripeId,
    /// What.
    pub facts: Vec<Fact>,
    /// Whether it names something as the organization that is none of ours: no claim is made of it.
    pub names_no_organization: bool,
}

/// Why an event does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// Its type is none of those that say who has paid.
    UnknownType,
    /// It is a test event and the stack sells, or the other way round.
    OtherMode,
    /// It is about another account, connected to this one.
    ConnectAccount,
    /// The checkout sold something else.
    NotASubscription,
    /// The invoice is for something else.
    OneOffInvoice,
}

impl Ignored {
    /// As it stands in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownType => "unknown_type",
            Self::OtherMode => "other_mode",
            Self::ConnectAccount => "connect_account",
            Self::NotASubscription => "not_a_subscription",
            Self::OneOffInvoice => "one_off_invoice",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kinds of events that matter.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Session,
    Subscription(Kind),
    /// With the status that it has when it does not say so itself.
    Invoice(InvoiceStatus),
}

impl Subject {
    fn of(event_type: &str) -> Option<Self> {
        match event_type {
            "checkout.session.completed" => Some(Self::Session),
            "invoice.paid" => Some(Self::Invoice(InvoiceStatus::Paid)),
            "invoice.payment_failed" => Some(Self::Invoice(InvoiceStatus::Open)),
            "invoice.voided" => Some(Self::Invoice(InvoiceStatus::Void)),
            "invoice.marked_uncollectible" => Some(Self::Invoice(InvoiceStatus::Uncollectible)),
            other => match other.strip_prefix("customer.subscription.")? {
                "created" => Some(Self::Subscription(Kind::Created)),
                "deleted" => Some(Self::Subscription(Kind::Deleted)),
                "trial_will_end" | "pending_update_applied" | "pending_update_expired" => {
                    Some(Self::Subscription(Kind::Notice))
                }
                _ => Some(Self::Subscription(Kind::Changed)),
            },
        }
    }
}

/// Where a fact comes from.
struct Origin {
    event: StripeId,
    created: Timestamp,
}

impl StripeEvent {
    /// Reads a body that came from Stripe. It never fails: what cannot be read is [`Said::Unparsed`],
    /// with what could be read of the rest.
    pub fn read(body: &[u8], mode: Mode) -> Self {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Self::of(&members, mode),
            Ok(_) => Self::unparsed("must be an object"),
            Err(_) => Self::unparsed("must be JSON"),
        }
    }

    fn unparsed(reason: &str) -> Self {
        Self {
            id: None,
            event_type: None,
            created: None,
            api_version: None,
            said: Said::Unparsed(Faults::one("", reason)),
        }
    }

    fn of(raw: &Map<String, Value>, mode: Mode) -> Self {
        let faults = RefCell::default();
        let mut event = Fields::root(raw.clone(), &faults);
        let id = required_id(&mut event, "id");
        let created = required_seconds(&mut event, "created");
        let event_type = Some(event.required_text("type")).filter(|name| !name.is_empty());
        let api_version = event.text("api_version");
        let origin = id.clone().zip(created);
        let origin = origin.map(|(event, created)| Origin { event, created });
        let facts = facts(&mut event, event_type.as_deref(), origin, raw, mode);
        let faults = faults.into_inner();
        let said = match facts {
            Err(ignored) if faults.is_empty() => Said::Ignored(ignored),
            Ok(Some(facts)) if faults.is_empty() => Said::Facts(facts),
            _ => Said::Unparsed(faults),
        };
        Self {
            id,
            event_type,
            created,
            api_version,
            said,
        }
    }
}

/// Reads the rest of an event. `None`: something is missing, and noted.
fn facts(
    event: &mut Fields<'_>,
    event_type: Option<&str>,
    origin: Option<Origin>,
    raw: &Map<String, Value>,
    mode: Mode,
) -> Result<Option<Facts>, Ignored> {
    // A thin event has no object in it; it comes from another kind of endpoint.
    if event.text("object").as_deref() != Some("event") {
        event.fault("object", "must be `event`");
        return Ok(None);
    }
    let Some(event_type) = event_type else {
        return Ok(None);
    };
    let subject = Subject::of(event_type).ok_or(Ignored::UnknownType)?;
    if event.take("account").is_some() {
        return Err(Ignored::ConnectAccount);
    }
    match event.boolean("livemode") {
        Some(is_live) if is_live != (mode == Mode::Live) => return Err(Ignored::OtherMode),
        Some(_) => {}
        None => event.fault("livemode", "required"),
    }
    let mut data = event.required_object("data");
    let mut object = data.required_object("object");
    let Some(origin) = origin else {
        return Ok(None);
    };
    match subject {
        Subject::Session => session::read(&mut object, &origin),
        Subject::Invoice(status) => invoice::read(&mut object, &origin, event_type, status),
        Subject::Subscription(kind) => {
            let before = data.map("previous_attributes").unwrap_or_default();
            let raw = raw.get("data").and_then(|data| data["object"].as_object());
            subscription::read(&mut object, &origin, kind, raw, &before)
        }
    }
}

impl Facts {
    fn new(customer: StripeId, named: &Named, claim: Option<Claim>, fact: Option<Fact>) -> Self {
        Self {
            customer,
            facts: claim.map(Fact::Claim).into_iter().chain(fact).collect(),
            names_no_organization: matches!(named, Named::Something),
        }
    }
}
