//! The two agendas of entitlements: about which of them something is to be done, and about which of them Stripe
//! is to be asked, each from when on.

use jiff::Timestamp;
use payload::id::OrganizationId;

use crate::accounts::Accounts;
use crate::billing::entitlements::Entitled;
use crate::error::StateError;
use crate::keyspace::{self, ENTITLEMENTS_DOUBTED, ENTITLEMENTS_DUE};
use crate::rows::{Item, Page, key, page_end, sort_key, text};

/// Most organizations of one page.
const PAGE: i32 = 100;

/// Where an organization stands on the agendas.
///
/// All organizations lie in one partition of each, which takes 1,000 writes per second: many more than Stripe makes.
pub(crate) fn lines(organization: OrganizationId, entitled: &Entitled) -> Vec<Item> {
    let due = (ENTITLEMENTS_DUE, entitled.due_at);
    let doubted = (ENTITLEMENTS_DOUBTED, entitled.doubted_from);
    let line = |(agenda, at): (&str, Option<Timestamp>)| {
        Some(key(agenda, keyspace::entitlement_due(at?, organization)))
    };
    [due, doubted].into_iter().filter_map(line).collect()
}

impl Accounts {
    /// Organizations about whose entitlement something is to be done by `until`, those that wait for longest
    /// first, after the place where an earlier page ended.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn entitlements_due(
        &self,
        until: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<OrganizationId>, StateError> {
        self.agenda(ENTITLEMENTS_DUE, until, after).await
    }

    /// Organizations of which Stripe was to be asked by `until`, in the same way.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn entitlements_doubted(
        &self,
        until: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<OrganizationId>, StateError> {
        self.agenda(ENTITLEMENTS_DOUBTED, until, after).await
    }

    async fn agenda(
        &self,
        agenda: &str,
        until: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<OrganizationId>, StateError> {
        // Nothing sorts between a place and the same with a space behind it, and nothing before a space.
        let from = after.unwrap_or_default().to_owned() + " ";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :agenda AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":agenda", text(agenda))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":until", text(keyspace::due_from(until) + "~"))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("read an agenda of entitlements"))?;
        let next = page_end(answer.last_evaluated_key, "sk");
        let items = answer.items.unwrap_or_default();
        let organization = |item: &Item| sort_key(item)?.split_once('#')?.1.parse().ok();
        let items = items.iter().filter_map(organization).collect();
        Ok(Page { items, next })
    }
}
