//! Time and allocations of what is done to every event: reading it, saying it in a dialect, signing it.
//!
//! `cargo bench -p payload`; the bodies are of about 1 KB.

use std::fmt;
use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher, black_box};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use payload::convert::{Rendered, Target, render};
use payload::dialect::{Dialect, Hints, parse};
use payload::event::Event;
use payload::secret::Secret;
use payload::signature::STANDARD;
use payload::vocabulary::Vocabulary;
use payload::webhook::{Signers, Webhook};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

static ZONE: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/Sao_Paulo").expect("the zone is bundled"));

/// A second after Toolzz sent its event: one that comes late is warned about.
const NOW: Timestamp = Timestamp::constant(1_787_960_852, 0);

fn main() {
    divan::main();
}

/// From one dialect into another.
#[derive(Clone, Copy)]
struct Way(Dialect, Dialect);

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.0, self.1)
    }
}

/// Every dialect into itself and into the canonical one, and three from one into another.
const WAYS: [Way; 14] = {
    use Dialect::{Beedeez, Canonical, Certdirectory, Thatsme, Toolzz, Vec};
    [
        Way(Canonical, Canonical),
        Way(Thatsme, Thatsme),
        Way(Toolzz, Toolzz),
        Way(Vec, Vec),
        Way(Certdirectory, Certdirectory),
        Way(Beedeez, Beedeez),
        Way(Thatsme, Canonical),
        Way(Toolzz, Canonical),
        Way(Vec, Canonical),
        Way(Certdirectory, Canonical),
        Way(Beedeez, Canonical),
        Way(Thatsme, Certdirectory),
        Way(Toolzz, Vec),
        Way(Thatsme, Beedeez),
    ]
};

const fn body(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Canonical => include_bytes!("bodies/canonical.json"),
        Dialect::Thatsme => include_bytes!("bodies/thatsme.json"),
        Dialect::Toolzz => include_bytes!("bodies/toolzz.json"),
        Dialect::Vec => include_bytes!("bodies/vec.json"),
        Dialect::Certdirectory => include_bytes!("bodies/certdirectory.json"),
        Dialect::Beedeez => include_bytes!("bodies/beedeez.json"),
    }
}

fn read(dialect: Dialect) -> Event {
    let hints = Hints {
        dialect: None,
        event: Some("certificate_completed"),
        time_zone: &ZONE,
        received_at: NOW,
    };
    let parsed = parse(black_box(body(dialect)), hints).expect("the body is valid");
    parsed.into_event(
        "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
    )
}

fn say(event: &Event, dialect: Dialect) -> Rendered {
    let target = Target {
        vocabulary: Vocabulary {
            dialect,
            downcast_renewed: false,
        },
        endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        time_zone: &ZONE,
        surrogate_ids: true,
    };
    render(event, target).expect("the dialect has all it needs")
}

#[divan::bench(args = Dialect::ALL)]
fn reading(dialect: Dialect) -> Event {
    read(dialect)
}

#[divan::bench(args = WAYS)]
fn rendering(bencher: Bencher<'_, '_>, Way(from, to): Way) {
    let event = read(from);
    bencher.bench(|| say(black_box(&event), to));
}

#[divan::bench(args = WAYS)]
fn reading_and_rendering(Way(from, to): Way) -> Rendered {
    say(&read(from), to)
}

fn secret() -> Secret {
    Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").expect("a secret")
}

#[divan::bench]
fn signing(bencher: Bencher<'_, '_>) {
    let secret = secret();
    let body = [b'x'; 1024];
    let id = "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    bencher.bench(|| STANDARD.sign(&secret, id, NOW, black_box(&body)));
}

/// The headers of an attempt, with the signature of Standard Webhooks and that of the dialect.
#[divan::bench(args = Dialect::ALL)]
fn headers(bencher: Bencher<'_, '_>, dialect: Dialect) {
    let secret = secret();
    let event = read(dialect);
    let rendered = Rendered {
        dialect,
        event: "certificate.issued",
        body: vec![b'x'; 1024],
        is_substitute: false,
        surrogates: Vec::new(),
        fallbacks: Vec::new(),
    };
    let webhook = Webhook {
        organization: event.data.organization_id,
        event: event.id,
        event_type: event.event_type,
        timestamp: event.timestamp,
        credential_id: None,
        endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        signers: Signers::one(&secret),
        rendered: &rendered,
        cloudevents: false,
        at: NOW,
    };
    bencher.bench(|| black_box(&webhook).headers());
}
