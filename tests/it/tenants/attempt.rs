//! A call that tries to reach what belongs to somebody else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::caller::Caller;
use crate::routes::ROUTES;
use crate::stack::Stack;

/// Whose id stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Mine,
    Theirs,
    Nobody,
    /// Theirs, written so that it might be read as something else.
    Twisted,
}

/// What is chosen; ids are put in when it is made a call.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    route: usize,
    /// Of each id of the path.
    owners: [Owner; 3],
    /// The organization named in the header.
    header: Option<Owner>,
    /// Whether the platform calls, for me.
    by_platform: bool,
    /// Which of the tenant's ids, where it has several.
    which: usize,
    query: Vec<usize>,
    body: usize,
}

/// A call as it is sent.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.as_ref().map(|body| String::from_utf8_lossy(body));
        write!(f, "{} {} {body:?}", self.method, self.path)
    }
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        2 => Just(Owner::Mine),
        3 => Just(Owner::Theirs),
        1 => Just(Owner::Nobody),
        1 => Just(Owner::Twisted),
    ]
}

/// Any call.
pub(super) fn attempts() -> impl Strategy<Value = Attempt> {
    let owners = [owner(), owner(), owner()];
    let header = prop_oneof![4 => Just(None), 1 => owner().prop_map(Some)];
    let query = prop::collection::vec(0..32_usize, 0..4);
    let chosen = (0..ROUTES.len(), owners, header, prop::bool::weighted(0.2));
    (chosen, 0..64_usize, query, 0..64_usize).prop_map(
        |((route, owners, header, by_platform), which, query, body)| Attempt {
            route,
            owners,
            header,
            by_platform,
            which,
            query,
            body,
        },
    )
}

impl Attempt {
    /// A plain call of a route with these ids.
    pub(super) fn of(route: usize, owners: [Owner; 3]) -> Self {
        Self {
            route,
            owners,
            header: None,
            by_platform: false,
            which: 0,
            query: Vec::new(),
            body: 0,
        }
    }

    /// The call that it is for these two.
    pub(super) fn call(&self, stack: &Stack, mine: &Tenant, theirs: &Tenant) -> Call {
        let route = ROUTES[self.route];
        let method = route.method();
        let ids = Ids {
            mine,
            theirs,
            which: self.which,
        };
        let mut owners = self.owners.iter();
        let segments = route.path.split('/').map(|segment| {
            if !segment.starts_with('{') {
                return segment.to_owned();
            }
            let owner = *owners.next().expect("no route has more ids");
            // What I delete cannot be tried with any more.
            let is_lost = method == Method::DELETE && !route.path.contains("replays");
            match owner {
                Owner::Mine if is_lost && segment != "{recipient}" => {
                    ids.of(Owner::Nobody, segment)
                }
                owner => ids.of(owner, segment),
            }
        });
        let mut path = segments.collect::<Vec<_>>().join("/");
        let query: Vec<String> = self.query.iter().map(|choice| ids.query(*choice)).collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        // Of organizations and their keys the platform may change all there is.
        let may_be_platform = self.by_platform && !path.starts_with("organizations");
        let caller = if may_be_platform {
            stack.platform().acting_for(&mine.organization.id)
        } else {
            mine.organization.api.clone()
        };
        let caller = match self.header {
            Some(owner) if !may_be_platform => caller.acting_for(&ids.of(owner, "{organization}")),
            _ => caller,
        };
        let has_body = !matches!(method, Method::GET | Method::DELETE);
        let body = has_body.then(|| ids.body(route.path, self.body).to_string().into_bytes());
        Call {
            caller,
            method,
            path,
            body,
        }
    }
}

/// Whose ids are chosen from.
struct Ids<'t> {
    mine: &'t Tenant,
    theirs: &'t Tenant,
    which: usize,
}

impl Ids<'_> {
    fn pick(&self, tenant: &Tenant, kind: &str) -> String {
        match kind {
            // Ids of the sources', the same for both: what is written is told back.
            "{recipient}" | "{achievement}" => "42".to_owned(),
            "{credential}" => format!("credential {}", self.which % 4),
            "{type}" => "credential.issued".to_owned(),
            "{name}" => "activities.certificate.issued".to_owned(),
            // The token is the key to a relay: who has theirs is them.
            "{token}" => self.mine.token.clone(),
            kind => {
                let ids = &tenant.ids[kind];
                ids[self.which % ids.len()].clone()
            }
        }
    }

    fn of(&self, owner: Owner, kind: &str) -> String {
        let theirs = self.pick(self.theirs, kind);
        match owner {
            Owner::Mine => self.pick(self.mine, kind),
            Owner::Theirs => theirs,
            Owner::Nobody => match theirs.split_once('_') {
                Some((prefix, ulid)) if ulid.len() == 26 => {
                    format!("{prefix}_01ARZ3NDEKTSV4RRFFQ69G5FAV")
                }
                _ => theirs,
            },
            Owner::Twisted
                if matches!(
                    kind,
                    "{recipient}" | "{achievement}" | "{credential}" | "{token}"
                ) =>
            {
                theirs
            }
            Owner::Twisted => {
                let organization = &self.theirs.organization.id;
                let mine = self.pick(self.mine, kind);
                match self.which % 5 {
                    0 => theirs.to_lowercase(),
                    1 => format!("{mine}%23{theirs}"),
                    2 => format!("%20{theirs}"),
                    3 => format!("..%2F..%2Forg%23{organization}%2F{theirs}"),
                    _ => format!("{theirs}%00"),
                }
            }
        }
    }

    /// A parameter of the query that reaches for what is theirs.
    fn query(&self, choice: usize) -> String {
        let theirs = |kind: &str| self.pick(self.theirs, kind);
        let place = match choice % 6 {
            0 => theirs("{event}"),
            1 => format!("{}#{}", theirs("{event}"), theirs("{endpoint}")),
            2 => theirs("{quarantine}"),
            3 => theirs("{line}"),
            4 => theirs("{replay}"),
            _ => "209901".to_owned(),
        };
        match choice % 11 {
            0 | 1 => format!("cursor={}", BASE64.encode(place)),
            2 => format!("limit={}", 1 + choice),
            3 => format!("endpoint_id={}", theirs("{endpoint}")),
            4 => format!("endpoint={}", theirs("{endpoint}")),
            5 => format!("credential_id=credential%20{}", choice % 4),
            6 => "status=delivered".to_owned(),
            9 => format!("after={}", theirs("{event}")),
            10 => "updated_since=2020-01-01T00:00:00Z".to_owned(),
            7 => "to=canonical".to_owned(),
            _ => "id=42".to_owned(),
        }
    }

    /// A body that the route takes, or one that names what is theirs.
    fn body(&self, route: &str, choice: usize) -> Value {
        let theirs = |kind: &str| self.pick(self.theirs, kind);
        let foreign = [
            json!({"endpoints": [theirs("{endpoint}")]}),
            json!({"organization_id": theirs("{organization}")}),
            json!({"id": theirs("{endpoint}")}),
            json!({"even_if_disabled": true}),
            json!({}),
        ];
        if choice % 3 == 2 {
            return foreign[choice % foreign.len()].clone();
        }
        // About the same credentials as theirs, without what they said of them.
        let event = json!({
            "type": (["credential.issued", "credential.revoked"])[choice % 2],
            "timestamp": format!("2026-03-18T10:30:{:02}Z", choice % 60),
            "data": {"credential": {"id": format!("credential {}", choice % 4)}, "recipient": {"id": "42"}},
        });
        match route {
            "organizations" | "organizations/{organization}" => json!({"name": "Mine"}),
            "endpoints" => {
                json!({"url": "https://api.example.com/", "event_types": ["*"], "enabled": false})
            }
            "organizations/{organization}/billing/link" => {
                json!({"customer": theirs("{customer}")})
            }
            "endpoints/{endpoint}" => json!({"timeout_seconds": 1 + choice % 30}),
            "events" | "convert" | "quarantine/{quarantine}/replay" => event,
            "events/batch" => json!([event, event]),
            "relays" => json!({"dialect": "toolzz"}),
            "recipients/{recipient}" => json!({"email": "ana@mine.example"}),
            "achievements/{achievement}" => json!({"name": "Course"}),
            "credentials/{credential}" => json!({"expires_at": "2030-01-01T00:00:00Z"}),
            _ => json!({}),
        }
    }
}
