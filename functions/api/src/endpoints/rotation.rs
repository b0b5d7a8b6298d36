//! A new secret in place of an endpoint's own, with a time in which both sign.

use jiff::SignedDuration;
use lambda_http::{Body, Response};
use payload::fields::{Fields, read_strictly};
use payload::secret::Secret;
use reply::Problem;
use state::Action;

use super::change::{Configured, read_secret};
use super::view::View;
use crate::handler::{Api, Call};

const DEFAULT_OVERLAP_HOURS: u64 = 24;
const MAX_OVERLAP_HOURS: u64 = 7 * 24;

/// `POST /endpoints/{id}/rotate-secret {"secret"?, "overlap_hours"?}`: the answer shows the secret, once.
pub(crate) async fn rotate_secret(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let wanted = read_strictly(reply::read_options(call.request)?, |fields| {
        (read_secret(fields), overlap(fields))
    });
    let (secret, overlap) = wanted.map_err(Problem::invalid)?;
    let secret = secret.unwrap_or_else(|| Secret::generate(&mut rand::rng()));
    let rotate = |current: &Configured| {
        let mut rotated = current.clone();
        let done = rotated.secrets.rotate(secret.clone(), overlap, call.now);
        done.map_err(|error| Problem::new(409, "too_many_secrets", error.to_string()))?;
        Ok(rotated)
    };
    let rotated = super::apply(api, call, id, Action::SecretRotated, rotate).await?;
    Ok(reply::json(200, &View::with_secret(&rotated, call.now)))
}

/// For how long what is replaced goes on to sign.
pub(crate) fn overlap(fields: &mut Fields<'_>) -> SignedDuration {
    let hours = fields.count("overlap_hours");
    let hours = hours.unwrap_or(DEFAULT_OVERLAP_HOURS);
    if hours > MAX_OVERLAP_HOURS {
        fields.fault("overlap_hours", "must be from 0 to 168 hours");
        return SignedDuration::ZERO;
    }
    SignedDuration::from_hours(i64::try_from(hours).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Option<SignedDuration> {
        let body = body.as_object().expect("an object").clone();
        read_strictly(body, overlap).ok()
    }

    #[test]
    fn an_overlap_is_none_to_seven_days_and_a_day_when_nobody_says() {
        let hours = |hours| Some(SignedDuration::from_hours(hours));
        assert_eq!(read(&json!({})), hours(24));
        assert_eq!(read(&json!({"overlap_hours": 0})), hours(0));
        assert_eq!(read(&json!({"overlap_hours": 168})), hours(168));
        for bad in [
            json!(169),
            json!(-1),
            json!(1.5),
            json!("24"),
            json!(u64::MAX),
        ] {
            assert_eq!(read(&json!({"overlap_hours": bad})), None, "{bad}");
        }
    }
}
