//! Limits that all environments keep together: events of an organization, requests to an endpoint.
//!
//! One row each, in Accounts, in a partition of its own because it is written often. What is taken is taken
//! for many at once: a write is shared by a batch, or by a quarter of a second's events. A row that is lost
//! or was never there means that nothing was taken. The rows expire by themselves.

mod limited;
mod places;
mod rate;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};

pub use self::limited::{Flow, Limited};
use self::places::Lease;
pub use self::places::{Holder, Places};
use self::rate::micros_of;
pub use self::rate::{Rate, Taken, Tokens};
use crate::error::StateError;
use crate::rows::{Item, number, to_item};

/// How often somebody else may be faster.
const MAX_TRIES: usize = 8;
/// How long a row is kept that nobody writes any more.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long an endpoint that answered slowly is watched.
const CROWDED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// What a batch did with the places that it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// How long a request took, if one was made.
    pub took: Option<Duration>,
    /// Whether others are to count their requests too, for a while.
    pub crowded: bool,
}

/// The rows of limits.
#[derive(Debug, Clone)]
pub struct Limits {
    client: Client,
    table: String,
}

/// Rows of limits that are to be read.
#[derive(Debug, Clone, Default)]
pub struct Keys<'t>(pub(crate) Vec<(&'t String, Item)>);

impl Limits {
    /// In the table of this name.
    pub fn new(client: Client, accounts_table: String) -> Self {
        Self {
            client,
            table: accounts_table,
        }
    }

    /// Takes at least `least` and at most `most` tokens. `known`: the row as it was read, if it was: without
    /// it the first try may be in vain.
    ///
    /// # Errors
    /// DynamoDB did not answer. A request whose answer is lost is repeated by the SDK: then too much is taken,
    /// never too little.
    pub async fn take(
        &self,
        of: Limited,
        flow: Flow,
        rate: Rate,
        (least, most): (u32, u32),
        known: Option<&Places>,
        now: Timestamp,
    ) -> Result<Taken, StateError> {
        let micros = micros_of(now);
        let mut tat = known.map_or(0, |row| row.tat(flow));
        for _ in 0..MAX_TRIES {
            let count = match rate.offer(tat, least, most, micros) {
                Taken::Tokens(tokens) => tokens.count,
                wait @ Taken::Wait(_) => return Ok(wait),
            };
            let cost = rate.cost(count);
            let update = self
                .update(of, now)
                .expression_attribute_names("#tat", flow.attribute());
            // IdleUntilNow: what was given out is over; the tokens begin now.
            // RunningWithRoom: what was given out ends later, and these tokens still fit behind it.
            //
            //   now ──── what was given out ──── tat ──── these tokens ──── the end of the window
            //
            // Of two at once one is first, and the other's tokens come behind it, or its condition fails and
            // shows how much room there is.
            let update = if tat <= micros {
                update
                    .update_expression("SET #tat = :end, #ttl = :ttl")
                    .condition_expression("attribute_not_exists(#tat) OR #tat <= :now")
                    .expression_attribute_values(":end", number(&(micros + cost)))
                    .expression_attribute_values(":now", number(&micros))
            } else {
                update
                    .update_expression("SET #tat = #tat + :cost, #ttl = :ttl")
                    .condition_expression("#tat > :now AND #tat <= :latest")
                    .expression_attribute_values(":cost", number(&cost))
                    .expression_attribute_values(":now", number(&micros))
                    .expression_attribute_values(":latest", number(&rate.latest(count, micros)))
            };
            let row = match update.return_values(ReturnValue::UpdatedNew).send().await {
                Ok(answer) => {
                    let end = tat_in(answer.attributes.as_ref(), flow);
                    return Ok(Taken::Tokens(rate.ending(end, count)));
                }
                Err(error) => row_in_the_way(error, "take tokens")?,
            };
            tat = tat_in(row.as_ref(), flow);
        }
        Err(StateError::contended("take tokens"))
    }

    /// Where places are read together with what else is looked for.
    pub fn keys(&self, of: impl Iterator<Item = Limited>) -> Keys<'_> {
        // One request must not name a key twice.
        let of: BTreeSet<Limited> = of.collect();
        Keys(of.into_iter().map(|of| (&self.table, of.item())).collect())
    }

    /// Places, as they are now.
    ///
    /// # Errors
    /// DynamoDB did not answer, or the row cannot be read.
    pub async fn places(&self, of: Limited) -> Result<Places, StateError> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.set_key(Some(of.item()));
        let answer = get.consistent_read(true).send().await;
        let row = answer.map_err(StateError::while_doing("read places"))?.item;
        Places::read(row.unwrap_or_default())
    }

    /// Takes up to `wanted` of `all` places, until they are given back, or until that time.
    /// `known`: the row as it was read. Answers how many there were, and the row.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn lease(
        &self,
        of: Limited,
        holder: &Holder,
        (all, wanted): (u32, u32),
        mut known: Places,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(u32, Places), StateError> {
        for _ in 0..MAX_TRIES {
            let places = known.free(all, now).min(wanted);
            if places == 0 {
                return Ok((0, known));
            }
            let lease = Lease {
                places,
                since: now.as_millisecond(),
                until: until.as_millisecond(),
            };
            let dead: Vec<&String> = known.dead(now).collect();
            let names: Vec<String> = (0..dead.len())
                .map(|number| format!("#dead{number}"))
                .collect();
            let mut expression = "SET #lease = :lease, #ttl = :ttl ADD leased :one".to_owned();
            if !names.is_empty() {
                expression = format!("{expression} REMOVE {}", names.join(", "));
            }
            let mut update = self.update(of, now);
            for (name, holder) in names.iter().zip(dead) {
                update = update.expression_attribute_names(name, holder);
            }
            // NobodyTookOne. read (so many free) → [another batch takes a place] → this write: only when none
            // did. A place that was given back meanwhile disturbs nobody.
            let update = update
                .update_expression(expression)
                .condition_expression(
                    "(attribute_not_exists(leased) AND :read = :none) OR leased = :read",
                )
                .expression_attribute_names("#lease", &holder.0)
                .expression_attribute_values(":lease", AttributeValue::M(to_item(&lease)?))
                .expression_attribute_values(":one", number(&1))
                .expression_attribute_values(":none", number(&0))
                .expression_attribute_values(":read", number(&known.revision));
            let row = match update.send().await {
                Ok(_) => return Ok((places, known)),
                Err(error) => row_in_the_way(error, "take places")?,
            };
            known = Places::read(row.unwrap_or_default())?;
            // The SDK repeats a request whose answer was lost: then the lease is there.
            if known.is_held_by(holder) {
                return Ok((places, known));
            }
        }
        // Others were faster each time: what there was is theirs.
        Ok((0, known))
    }

    /// Counts so many requests that are being made without a place, and has others count theirs for a while.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn count_in(
        &self,
        of: Limited,
        holder: &Holder,
        places: u32,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), StateError> {
        let lease = Lease {
            places,
            since: now.as_millisecond(),
            until: until.as_millisecond(),
        };
        self.update(of, now)
            .update_expression(
                "SET #lease = :lease, crowded_until = :until, #ttl = :ttl ADD leased :one",
            )
            .expression_attribute_names("#lease", &holder.0)
            .expression_attribute_values(":lease", AttributeValue::M(to_item(&lease)?))
            .expression_attribute_values(":until", number(&crowded_until(now)))
            .expression_attribute_values(":one", number(&1))
            .send()
            .await
            .map_err(StateError::while_doing("count requests"))?;
        Ok(())
    }

    /// Gives all places of a holder back. It is no matter whether there are any.
    ///
    /// # Errors
    /// DynamoDB did not answer. Then they are free when the lease ends.
    pub async fn release(
        &self,
        of: Limited,
        holder: &Holder,
        used: Use,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut expression = "SET #ttl = :ttl".to_owned();
        let mut update = self.update(of, now);
        if let Some(took) = used.took {
            expression.push_str(", took_ms = :took");
            let took = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
            update = update.expression_attribute_values(":took", number(&took));
        }
        if used.crowded {
            expression.push_str(", crowded_until = :until");
            update = update.expression_attribute_values(":until", number(&crowded_until(now)));
        }
        update
            .update_expression(format!("{expression} REMOVE #lease"))
            .expression_attribute_names("#lease", &holder.0)
            .send()
            .await
            .map_err(StateError::while_doing("give places back"))?;
        Ok(())
    }

    /// The start of an update of a row, which always moves its end of life.
    fn update(&self, of: Limited, now: Timestamp) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(of.item()))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(&(now + KEPT).as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn crowded_until(now: Timestamp) -> i64 {
    (now + CROWDED_FOR).as_millisecond()
}

/// Until when tokens were given out; 0 when none were.
fn tat_in(row: Option<&Item>, flow: Flow) -> i64 {
    let tat = row.and_then(|row| row.get(flow.attribute())?.as_n().ok());
    tat.and_then(|tat| tat.parse().ok()).unwrap_or(0)
}

/// The row because of which a conditional update did not happen, if there is one; any other failure is an
/// error.
fn row_in_the_way<R>(
    error: SdkError<UpdateItemError, R>,
    doing: &'static str,
) -> Result<Option<Item>, StateError>
where
    R: fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(StateError::while_doing(doing)(error)),
    }
}
