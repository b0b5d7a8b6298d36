//! The audit log of an organization, and the lines that this function writes into it.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::id::{AuditId, OrganizationId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use state::{Action, Actor, AuditLine, Changes};

use crate::handler::{Api, Call};
use crate::page;

/// A line as it is shown.
#[derive(Serialize)]
struct View<'l> {
    id: AuditId,
    #[serde(serialize_with = "timestamp::serialize")]
    at: Timestamp,
    actor: Actor,
    action: Action,
    target: &'l str,
    changes: &'l Changes,
}

impl<'l> View<'l> {
    fn new(line: &'l AuditLine) -> Self {
        Self {
            id: line.id,
            at: line.id.created_at(),
            actor: line.actor,
            action: line.action,
            target: &line.target,
            changes: &line.changes,
        }
    }
}

/// `GET /audit`, newest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let before = page::cursor(call.request)?;
    let organization = account.organization.id;
    let found = api.accounts.list_audit(organization, before, limit).await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

impl Call<'_> {
    /// The line about what the caller does to a thing of an organization. Who writes a row of Accounts
    /// writes it with that.
    pub(crate) fn line(
        &self,
        organization: OrganizationId,
        action: Action,
        target: &(impl ToString + ?Sized),
        changes: Changes,
    ) -> AuditLine {
        AuditLine::new(organization, self.caller, action, target, changes, self.now)
    }

    /// Writes the line about what is done next, where that is no transaction with it.
    pub(crate) async fn log(
        &self,
        api: &Api,
        organization: OrganizationId,
        action: Action,
        target: &(impl ToString + ?Sized),
        changes: Changes,
    ) -> Result<(), Problem> {
        let line = self.line(organization, action, target, changes);
        Ok(api.accounts.log(&line).await?)
    }
}
