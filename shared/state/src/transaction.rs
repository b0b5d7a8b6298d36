//! Changes of Accounts, each written together with the line of the audit log that says so.

use std::fmt::Debug;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::error::StateError;
use crate::rows::{Item, number};

/// What became of rows and their line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// All are there.
    Written,
    /// Nothing was written: a condition did not hold.
    Refused,
    /// Nothing was written: somebody else was writing one of the rows at the same moment.
    Contended,
}

impl Logged {
    /// For what must have been written.
    pub(crate) fn written(self, doing: &'static str) -> Result<(), StateError> {
        match self {
            Self::Written => Ok(()),
            Self::Refused | Self::Contended => Err(StateError::contended(doing)),
        }
    }

    /// For what need only be there, or be gone: whether it was written now, and not by somebody before.
    pub(crate) fn unless_refused(self, doing: &'static str) -> Result<bool, StateError> {
        match self {
            Self::Written => Ok(true),
            Self::Refused => Ok(false),
            Self::Contended => Err(StateError::contended(doing)),
        }
    }
}

impl Accounts {
    /// Writes rows and the line that says so, all or nothing.
    pub(crate) async fn write_logged(
        &self,
        writes: impl IntoIterator<Item = TransactWriteItem>,
        line: &AuditLine,
        doing: &'static str,
    ) -> Result<Logged, StateError> {
        let line = self.put_new(line.row()?);
        let writes = writes.into_iter().chain([line]).collect();
        self.write_all(writes, doing).await
    }

    /// Writes rows, all or nothing.
    pub(crate) async fn write_all(
        &self,
        writes: Vec<TransactWriteItem>,
        doing: &'static str,
    ) -> Result<Logged, StateError> {
        let transaction = self.client.transact_write_items();
        let written = transaction.set_transact_items(Some(writes)).send().await;
        cancelled_as(written, doing)
    }

    /// Deletes a row that is there.
    pub(crate) fn delete_in_transaction(&self, place: Item) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(place))
            // StillThere. [somebody else deletes] → this delete: refused, so that one deletion has one line.
            .condition_expression("attribute_exists(pk)")
            .build();
        TransactWriteItem::builder()
            .delete(delete.expect("table and key are set"))
            .build()
    }

    /// Writes a row in place of the one that was read, which was at `read`.
    pub(crate) fn put_on_read(&self, row: Item, read: u64) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            // UnchangedSinceRead. read (revision n) → [somebody writes n + 1, or deletes] → this write:
            // only on revision n, so the other's change is never undone.
            .condition_expression("revision = :read")
            .expression_attribute_values(":read", number(&read))
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }

    /// The same for a row that was never changed since it was made.
    pub(crate) fn put_on_first(&self, row: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            // NeverChanged. read (no revision) → [somebody writes revision 1] → this write: not over it.
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)")
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }

    /// Writes a row in place of one that is there.
    pub(crate) fn put_if_there(&self, row: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            // StillThere. read → [somebody deletes the record] → this write: not again, it was revoked.
            .condition_expression("attribute_exists(pk)")
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }

    /// Writes a row that is not there yet.
    pub(crate) fn put_new(&self, row: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            // Nowhere. Its id is random: what stands there is another record, or a line of the log, which
            // nobody writes over. A transaction that the SDK repeats has the same token, and is one.
            .condition_expression("attribute_not_exists(pk)")
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }
}

/// What became of a transaction.
pub(crate) fn cancelled_as<T, R>(
    written: Result<T, SdkError<TransactWriteItemsError, R>>,
    doing: &'static str,
) -> Result<Logged, StateError>
where
    R: Debug + Send + Sync + 'static,
{
    match written {
        Ok(_) => Ok(Logged::Written),
        Err(error) => match why_cancelled(&error) {
            Some(why) => Ok(why),
            None => Err(StateError::while_doing(doing)(error)),
        },
    }
}

/// Why nothing was written, where that is no fault of DynamoDB's.
fn why_cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Logged> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.as_service_error()?
    else {
        return None;
    };
    let reasons = cancelled.cancellation_reasons().iter();
    reasons
        .filter_map(|reason| match reason.code()? {
            "ConditionalCheckFailed" => Some(Logged::Refused),
            "TransactionConflict" => Some(Logged::Contended),
            _ => None,
        })
        .next()
}
