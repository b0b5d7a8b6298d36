//! The checker, the senders of events and the tables, at a time that the test chooses.

use std::time::Duration;

use dynoxide::Database;
use expiry::{Config, Expiry, Report};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use payload::dialect::{Dialect, Hints, parse};
use payload::event_type::Subscription;
use payload::expiry::ReminderDays;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::idempotency::IdempotencyKey;
use serde_json::{Value, json};
use state::{
    Acceptance, Accounts, Action, Actor, AuditLine, Aws, Changes, Clock, Credentials, Deliveries,
    DeliveryQueue, Endpoint, Eraser, Erasure, ErasureState, Events, Organization, StateError,
    StoredEvent, Submission,
};

use crate::backend::Backend;
use crate::life::{Death, Life};
use crate::steps::Who;
use crate::tables;

/// What a run may take. None of these comes near it.
pub(crate) const BUDGET: Duration = Duration::from_secs(600);
/// Longer than any story.
const RETENTION_DAYS: u32 = 36_500;

/// Everything that runs.
pub(crate) struct World {
    pub(crate) backend: Backend,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) now: Timestamp,
    environments: Vec<Environment>,
    /// Who accepts events.
    sender: Life,
    aws: Aws,
}

/// A warm instance of the function.
struct Environment {
    expiry: Expiry,
    life: Life,
}

/// An event as its platform sends it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) organization: Organization,
    pub(crate) body: Vec<u8>,
}

impl Environment {
    fn start(backend: &Backend) -> Self {
        let life = Life::default();
        let lookup = |name: &str| {
            Some(match name {
                "ACCOUNTS_TABLE" => tables::ACCOUNTS.to_owned(),
                "CREDENTIALS_TABLE" => tables::CREDENTIALS.to_owned(),
                "EVENTS_TABLE" => tables::EVENTS.to_owned(),
                "DELIVERIES_TABLE" => tables::DELIVERIES.to_owned(),
                "DELIVERY_QUEUE_URL" => "http://sqs.test/0/queue".to_owned(),
                "EVENT_RETENTION_DAYS" => RETENTION_DAYS.to_string(),
                "BILLING" => "off".to_owned(),
                _ => return None,
            })
        };
        let config = Config::read(lookup).expect("settings");
        let expiry = Expiry::new(config, backend.clients(&life));
        Self { expiry, life }
    }
}

impl World {
    /// So many organizations, each with an endpoint for everything, and nothing else.
    pub(crate) async fn start(
        database: Database,
        organizations: usize,
        now: Timestamp,
        seed: u64,
    ) -> Self {
        let backend = Backend::start(database, seed);
        let sender = Life::default();
        let mut world = Self {
            organizations: Vec::new(),
            now,
            environments: (0..2).map(|_| Environment::start(&backend)).collect(),
            aws: backend.clients(&sender),
            sender,
            backend,
        };
        for _ in 0..organizations {
            let organization = world.organize().await;
            world.organizations.push(organization);
        }
        world
    }

    async fn organize(&self) -> Organization {
        let accounts = Accounts::new(self.aws.dynamodb.clone(), tables::ACCOUNTS.to_owned());
        let id = OrganizationId::new(self.now, &mut rand::rng());
        let organization = Organization {
            id,
            name: "Test".to_owned(),
            time_zone: "UTC".to_owned(),
            reminder_days: ReminderDays::default(),
            retention_days: None,
            revision: 1,
            created_at: self.now,
        };
        let line = |action| {
            let changes = Changes::default();
            AuditLine::new(id, Actor::Platform, action, &id, changes, self.now)
        };
        let line_of_it = line(Action::OrganizationCreated);
        let created = accounts.create_organization(&organization, &line_of_it);
        created.await.expect("an organization");
        let everything = Subscription::parse(Dialect::Canonical, &["*".to_owned()]);
        let endpoint = EndpointId::new(self.now, &mut rand::rng());
        let endpoint = Endpoint {
            event_types: everything.expect("* matches every type"),
            ..Endpoint::blank(endpoint, id, self.now)
        };
        let line_of_it = line(Action::EndpointCreated);
        let created = accounts.create_endpoint(&endpoint, &line_of_it);
        created.await.expect("an endpoint");
        organization
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.aws.dynamodb.clone(), tables::CREDENTIALS.to_owned())
    }

    fn events(&self) -> Events {
        Events::new(self.aws.dynamodb.clone(), tables::EVENTS.to_owned())
    }

    /// Accepts an event as `ingest` does; whether that was heard of by who sent it.
    pub(crate) async fn accept(&self, sent: &Sent, death: Option<Death>) -> bool {
        self.sender.begin(death);
        // On the heap: the futures of a debug build are large.
        let accepting = self.sender.live(Box::pin(self.submit(sent)));
        let accepted = accepting.await;
        self.sender.begin(None);
        matches!(accepted, Some(Ok(_)))
    }

    async fn submit(&self, sent: &Sent) -> Result<Acceptance, StateError> {
        let Sent { organization, body } = sent;
        let hints = Hints {
            dialect: Some(Dialect::Canonical),
            event: None,
            time_zone: &TimeZone::UTC,
            received_at: self.now,
        };
        let parsed = parse(body, hints).expect("an event");
        let submission = Submission {
            organization,
            key: IdempotencyKey::Natural(Dialect::Canonical, parsed.natural_key.clone()),
            parsed,
            body: Some(body),
            endpoints: Vec::new(),
            told_in: [].into(),
            retention: SignedDuration::from_hours(24 * i64::from(RETENTION_DAYS)),
        };
        let queue = "http://sqs.test/0/queue".to_owned();
        let queue = DeliveryQueue::new(self.aws.sqs.clone(), queue);
        let clock = Clock::starting(self.now);
        self.events()
            .accept(&queue, &self.credentials(), submission, clock)
            .await
    }

    /// Sets by hand when a credential ends; whether there is such a credential.
    pub(crate) async fn set(&self, who: Who, end: Option<Timestamp>) -> bool {
        let organization = &self.organizations[who.organization];
        let credentials = self.credentials();
        let found = credentials.find(organization.id, &id(who)).await.unwrap();
        let Some(credential) = found else {
            return false;
        };
        let reminders = &organization.reminder_days;
        let clock = Clock::starting(self.now);
        let set = credentials.set_expiry(organization.id, &credential, end, reminders, clock);
        set.await.expect("a date by hand");
        true
    }

    /// Notes that an organization wants other reminders, and changes them if it gets that far.
    pub(crate) async fn remind(&mut self, organization: usize, days: &[u16], is_done: bool) {
        let id = self.organizations[organization].id;
        let credentials = self.credentials();
        let noted = credentials.note_rescheduling(id, self.now);
        noted.await.expect("a note");
        if !is_done {
            return;
        }
        let numbers = days.iter().map(|days| json!({"N": days.to_string()}));
        let numbers = json!({"L": numbers.collect::<Vec<_>>()});
        self.change(organization, "reminder_days", &numbers);
        let days: Vec<u64> = days.iter().map(|days| u64::from(*days)).collect();
        self.organizations[organization].reminder_days = days.try_into().unwrap();
    }

    /// Has organizations keep their events for so many days.
    pub(crate) fn keep_for(&mut self, days: u8) {
        for index in 0..self.organizations.len() {
            self.change(index, "retention_days", &json!({"N": days.to_string()}));
            self.organizations[index].retention_days = Some(days);
        }
    }

    /// Changes a member of an organization's row.
    fn change(&self, organization: usize, member: &str, value: &Value) {
        let id = self.organizations[organization].id.to_string();
        let is_its = |row: &Value| {
            let partition = row["pk"]["S"].as_str().unwrap();
            partition.ends_with(&id) && row["sk"]["S"] == "org"
        };
        let rows = self.backend.rows(tables::ACCOUNTS).into_iter();
        let mut row = rows.into_iter().find(is_its).expect("an organization");
        row[member] = value.clone();
        self.backend.put(tables::ACCOUNTS, &row);
    }

    /// Deletes the rows of Events whose time is over, as DynamoDB does in the end.
    pub(crate) fn forget(&self) {
        for row in self.backend.rows(tables::EVENTS) {
            let ttl = row["ttl"]["N"].as_str().expect("each has one");
            if ttl.parse::<i64>().unwrap() <= self.now.as_second() {
                self.backend.delete(tables::EVENTS, &row);
            }
        }
    }

    /// Erases a person of the first organization.
    pub(crate) async fn erase(&self, address: &str) {
        let Aws { dynamodb, .. } = self.aws.clone();
        let accounts = Accounts::new(dynamodb.clone(), tables::ACCOUNTS.to_owned());
        let (table, events_table) = (tables::DELIVERIES.to_owned(), tables::EVENTS.to_owned());
        let eraser = Eraser {
            accounts: &accounts,
            credentials: &self.credentials(),
            events: &self.events(),
            deliveries: &Deliveries::new(dynamodb, table, events_table),
            retention: SignedDuration::from_hours(24 * i64::from(RETENTION_DAYS)),
        };
        let mut erasure = Erasure::new(self.organizations[0].id, address, self.now);
        let saved = eraser.deliveries.save_erasure(&mut erasure, self.now);
        assert!(saved.await.unwrap());
        // Nobody accepts anything meanwhile.
        let as_of = self.now + SignedDuration::from_mins(1);
        while Box::pin(eraser.advance(&mut erasure, as_of, Clock::starting(self.now)))
            .await
            .unwrap()
        {}
        assert!(erasure.state == ErasureState::Done);
    }

    /// A run that begins `later` than now; what it says at its end, if it gets that far. Who is killed is replaced
    /// by [`World::replace`].
    pub(crate) async fn run(
        &self,
        environment: usize,
        death: Option<Death>,
        later: SignedDuration,
    ) -> Option<Report> {
        self.run_for(BUDGET, environment, death, later).await
    }

    /// The same, which begins nothing after the budget.
    pub(crate) async fn run_for(
        &self,
        budget: Duration,
        environment: usize,
        death: Option<Death>,
        later: SignedDuration,
    ) -> Option<Report> {
        let Environment { expiry, life } = &self.environments[environment];
        life.begin(death);
        let run = Box::pin(expiry.run(self.now + later, budget, "expiry"));
        let report = life.live(run).await;
        if report.is_some() {
            life.begin(None);
        }
        report
    }

    /// Starts another environment in the place of one that was killed.
    pub(crate) fn replace(&mut self, environment: usize) {
        self.environments[environment] = Environment::start(&self.backend);
    }

    /// The event with this id, of whichever organization.
    pub(crate) async fn event(&self, id: EventId) -> (usize, StoredEvent) {
        for (index, organization) in self.organizations.iter().enumerate() {
            let event = self.events().get(organization.id, id).await.unwrap();
            if let Some(event) = event {
                return (index, event);
            }
        }
        panic!("{id} is of nobody");
    }
}

/// The id of a credential. The same in each organization.
pub(crate) fn id(who: Who) -> String {
    format!("c{}", who.credential)
}
