//! The tables and the queue, and the operations on them. Key and attribute names exist here only.
//!
//! One rule: DynamoDB is the truth, an SQS message is only a wake-up. Losing, repeating or
//! reordering any message may cost time, never an event. Every write that decides something is
//! conditional, each condition has a name and a comment with its time line.
//!
//! What fails here is ours and transient ([`StateError`]): the caller returns it as an error and
//! whoever called the function tries again.

#![forbid(unsafe_code)]

mod accept;
mod accepted_event;
mod access;
mod accounts;
mod agenda;
mod aliases;
mod audit;
mod audit_log;
mod aws;
mod batch_get;
mod billing;
mod bodies;
mod bounded;
mod bucket;
mod by_token;
mod cache;
pub mod clock;
mod credential_list;
mod credential_row;
mod credentials;
mod deferral;
mod deliveries;
mod delivery;
mod delivery_key;
mod delivery_status;
mod directory;
mod endpoint_secrets;
mod endpoints;
mod eraser;
mod erasure;
mod erasures;
mod error;
mod event_list;
mod event_row;
mod event_write;
mod events;
mod give_way;
mod health;
mod health_rows;
mod held;
mod jobs;
mod keyring;
mod keys;
mod keyspace;
mod late;
mod limits;
pub mod metrics;
mod notice_claims;
mod notices;
mod operational;
mod organization;
mod quarantine;
mod queue;
mod relays;
mod replay;
mod replays;
mod reschedulings;
mod restart;
mod rows;
mod sealed;
mod secret_texts;
mod series;
pub mod settings;
mod settled;
mod signing_keys;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transaction;
mod watermarks;

pub use accept::{Acceptance, Receipt, Submission};
pub use accepted_event::AcceptedEvent;
pub use access::{Access, AccessError, Caller};
pub use accounts::{Account, Accounts};
pub use agenda::{Due, MAX_RECOVERIES, OVERDUE_AFTER};
pub use audit_log::{Action, Actor, AuditLine, Changes, Logging};
pub use aws::Aws;
pub use billing::{
    Billing, Change, Deriver, Entitled, Heard, HeardAs, Lapse, Ledger, Parked, Settler, Told,
};
pub use bucket::Bucket;
pub use clock::Clock;
pub use credential_list::{Changed, CredentialFilter, CredentialPlace, Since};
pub use credential_row::Credential;
pub use credentials::{Accepting, Credentials, Recalled};
pub use deferral::{Deferral, Deferred, Later};
pub use deliveries::{Deliveries, Found, Recorded};
pub use delivery::{Attempt, Delivery, HISTORY_LENGTH, Recovered};
pub use delivery_key::DeliveryKey;
pub use delivery_status::{Cancelled, DeliveryStatus, Skipped};
pub use directory::{Directory, Entry};
pub use endpoint_secrets::{EndpointSecrets, MAX_SECRETS, TooManySecrets};
pub use endpoints::{Disabled, DisabledReason, Endpoint, MAX_ENDPOINTS};
pub use eraser::Eraser;
pub use erasure::{Erased, Erasure, ErasureState};
pub use error::{Chain, StateError};
pub use event_list::{EventFilter, Position};
pub use events::{Events, StoredEvent};
pub use give_way::{MAX_TRIES, give_way};
pub use health::{Answered, Breaker, Circuit, Gate, Health, Outcome};
pub use health_rows::HealthChange;
pub use held::Held;
pub use jobs::{MAX_ERASURES, MAX_REPLAYS, Opening, Slot};
pub use keyring::Keyring;
pub use keys::KeyRecord;
pub use late::Followed;
pub use limits::{Flow, Holder, Keys, Limited, Limits, Places, Rate, Taken, Tokens, Use};
pub use notices::{DuePage, NOTICE_SHARDS, NoticePlace, Watched};
pub use operational::{Failing, News, Teller};
pub use organization::{Keeping, Organization};
pub use quarantine::{Quarantined, Unreadable};
pub use queue::{DeliveryQueue, MAX_DELAY, Message, WakeUp};
pub use relays::{MAX_RELAYS, Relay};
pub use replay::{Replay, ReplayState};
pub use replays::Replayer;
pub use reschedulings::Rescheduling;
pub use restart::Restart;
pub use rows::Page;
pub use sealed::Sealed;
pub use secret_texts::SecretTexts;
pub use settled::SETTLED_AFTER;
pub use signing_keys::{MAX_SIGNING_KEYS, SigningKey};
pub use stats::{Count, DayStats};
pub use watermarks::{Audit, Sweep, Watermarks};
