//! The queues of the running stack: what is in them, and the way of dead letters back to work.
//!
//! On AWS a message move task does the second; the emulator has none.

use anyhow::{Context, Result};
use aws_sdk_sqs::{
    Client,
    types::{
        Message, MessageSystemAttributeName,
        QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
            ApproximateNumberOfMessagesNotVisible,
        },
    },
};
use serde::{Deserialize, Serialize};

use crate::{emulators::Emulators, template::Queue};

/// Most messages of one receive.
const BATCH: i32 = 10;

/// The queues of the running stack.
#[derive(Clone)]
pub(crate) struct Queues {
    sqs: Client,
    all: Vec<Address>,
}

/// A queue and where it is.
#[derive(Clone)]
struct Address {
    name: String,
    arn: String,
    url: String,
    dead_letters: Option<String>,
}

/// What a queue holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueStatus {
    /// The queue's name.
    pub(crate) name: String,
    /// Where it answers.
    pub(crate) url: String,
    /// Messages that can be received.
    pub(crate) waiting: u64,
    /// Messages that were received and neither deleted nor given back.
    pub(crate) in_flight: u64,
    /// Messages whose delay is not over.
    pub(crate) delayed: u64,
}

/// What became of the dead letters of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redrive {
    /// The dead-letter queue.
    pub(crate) from: String,
    /// The queue they came from.
    pub(crate) to: String,
    /// How many are there again.
    pub(crate) moved: u64,
}

impl Queues {
    /// The queues of the template, in the emulator.
    pub(crate) fn new(emulators: &Emulators, queues: &[Queue]) -> Self {
        let address = |queue: &Queue| Address {
            name: queue.queue_name.clone(),
            url: emulators.queue_url(&queue.arn()),
            arn: queue.arn(),
            dead_letters: queue.dead_letter_queue_arn().map(str::to_owned),
        };
        Self {
            sqs: emulators.sqs(),
            all: queues.iter().map(address).collect(),
        }
    }

    /// What each queue holds.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub(crate) async fn status(&self) -> Result<Vec<QueueStatus>> {
        let mut all = Vec::with_capacity(self.all.len());
        for queue in &self.all {
            all.push(self.status_of(queue).await?);
        }
        Ok(all)
    }

    async fn status_of(&self, queue: &Address) -> Result<QueueStatus> {
        let names = [
            ApproximateNumberOfMessages,
            ApproximateNumberOfMessagesNotVisible,
            ApproximateNumberOfMessagesDelayed,
        ];
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(&queue.url)
            .set_attribute_names(Some(names.to_vec()));
        let answer = request
            .send()
            .await
            .with_context(|| format!("{} cannot be read", queue.name))?;
        let [waiting, in_flight, delayed] = names.map(|name| {
            let count = answer.attributes().and_then(|all| all.get(&name));
            count
                .and_then(|count| count.parse().ok())
                .unwrap_or_default()
        });
        Ok(QueueStatus {
            name: queue.name.clone(),
            url: queue.url.clone(),
            waiting,
            in_flight,
            delayed,
        })
    }

    /// Moves what waits in each dead-letter queue back to the queue it came from.
    ///
    /// # Errors
    /// The emulator does not answer. A message is sent before it is deleted: none is lost, the last may be there twice.
    pub(crate) async fn redrive(&self) -> Result<Vec<Redrive>> {
        let mut result = Vec::new();
        for dead_letters in &self.all {
            let is_source =
                |queue: &&Address| queue.dead_letters.as_ref() == Some(&dead_letters.arn);
            let sources: Vec<&Address> = self.all.iter().filter(is_source).collect();
            if !sources.is_empty() {
                result.extend(self.redrive_from(dead_letters, &sources).await?);
            }
        }
        Ok(result)
    }

    async fn redrive_from(
        &self,
        dead_letters: &Address,
        sources: &[&Address],
    ) -> Result<Vec<Redrive>> {
        let mut moved = vec![0; sources.len()];
        // What fails again meanwhile, and is back, is not moved twice.
        let mut left = self.status_of(dead_letters).await?.waiting;
        while left > 0 {
            let messages = self.receive(dead_letters).await?;
            if messages.is_empty() {
                break;
            }
            for message in messages {
                let place = source(&message, sources);
                self.pass_on(message, dead_letters, sources[place]).await?;
                moved[place] += 1;
                left = left.saturating_sub(1);
            }
        }
        let redrive = |(queue, moved): (&&Address, u64)| Redrive {
            from: dead_letters.name.clone(),
            to: queue.name.clone(),
            moved,
        };
        Ok(sources.iter().zip(moved).map(redrive).collect())
    }

    async fn receive(&self, queue: &Address) -> Result<Vec<Message>> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = request.send().await;
        let answer = answer.with_context(|| format!("{} cannot be received from", queue.name))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn pass_on(&self, message: Message, from: &Address, to: &Address) -> Result<()> {
        let sent = self
            .sqs
            .send_message()
            .queue_url(&to.url)
            .set_message_body(message.body)
            .set_message_attributes(message.message_attributes);
        sent.send()
            .await
            .with_context(|| format!("{} takes no message", to.name))?;
        let deleted = self
            .sqs
            .delete_message()
            .queue_url(&from.url)
            .set_receipt_handle(message.receipt_handle);
        deleted
            .send()
            .await
            .with_context(|| format!("a message of {} cannot be deleted", from.name))?;
        Ok(())
    }
}

/// Which of the queues a dead letter came from. One that was put there by hand goes to the first.
fn source(message: &Message, sources: &[&Address]) -> usize {
    let name = MessageSystemAttributeName::DeadLetterQueueSourceArn;
    let arn = message.attributes().and_then(|all| all.get(&name));
    let place = sources.iter().position(|queue| Some(&queue.arn) == arn);
    place.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::Template;

    /// Two queues that share a dead-letter queue, and hand a message out once.
    const TEMPLATE: &str = "
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Left:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 0, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
  Right:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 0, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
";

    async fn start() -> (Emulators, Queues) {
        let emulators = Emulators::start(None).await.unwrap();
        let template = Template::parse(TEMPLATE, &BTreeMap::new(), &emulators.sqs_url).unwrap();
        emulators.create_queues(&template.queues).await.unwrap();
        let queues = Queues::new(&emulators, &template.queues);
        (emulators, queues)
    }

    impl Queues {
        fn named(&self, name: &str) -> &Address {
            self.all.iter().find(|queue| queue.name == name).unwrap()
        }

        async fn send(&self, name: &str, body: &str) {
            let url = &self.named(name).url;
            let request = self.sqs.send_message().queue_url(url).message_body(body);
            request.send().await.unwrap();
        }

        async fn counts(&self) -> Vec<(String, u64)> {
            let status = self.status().await.unwrap();
            let mut counts: Vec<_> = status
                .into_iter()
                .map(|queue| (queue.name, queue.waiting))
                .collect();
            counts.sort();
            counts
        }

        /// Receives from a queue until its messages have become dead letters.
        async fn give_up(&self, name: &str) {
            for _ in 0..2 {
                self.receive(self.named(name)).await.unwrap();
            }
        }
    }

    fn counts(dead: u64, left: u64, right: u64) -> Vec<(String, u64)> {
        let counts = [("Dead", dead), ("Left", left), ("Right", right)];
        let named = |(name, count)| (format!("local-{name}"), count);
        counts.map(named).to_vec()
    }

    fn moved(to: &str, moved: u64) -> Redrive {
        Redrive {
            from: "local-Dead".into(),
            to: format!("local-{to}"),
            moved,
        }
    }

    #[tokio::test]
    async fn each_dead_letter_goes_back_to_the_queue_it_came_from() {
        let (_emulators, queues) = start().await;
        for (name, count) in [("local-Left", 12), ("local-Right", 1)] {
            for _ in 0..count {
                queues.send(name, "wake up").await;
            }
            // Ten with one receive.
            queues.give_up(name).await;
            queues.give_up(name).await;
        }
        queues.send("local-Dead", "put there by hand").await;
        assert_eq!(queues.counts().await, counts(14, 0, 0));
        let result = queues.redrive().await.unwrap();
        assert_eq!(result, [moved("Left", 13), moved("Right", 1)]);
        assert_eq!(queues.counts().await, counts(0, 13, 1));
    }

    #[tokio::test]
    async fn without_dead_letters_nothing_moves() {
        let (_emulators, queues) = start().await;
        queues.send("local-Left", "wake up").await;
        let result = queues.redrive().await.unwrap();
        assert_eq!(result, [moved("Left", 0), moved("Right", 0)]);
        assert_eq!(queues.counts().await, counts(0, 1, 0));
    }

    #[tokio::test]
    async fn the_status_tells_waiting_delayed_and_received_messages_apart() {
        let (_emulators, queues) = start().await;
        let url = &queues.named("local-Dead").url;
        for body in ["received", "waiting", "waiting"] {
            queues.send("local-Dead", body).await;
        }
        let delayed = queues.sqs.send_message().queue_url(url);
        let delayed = delayed.message_body("delayed").delay_seconds(60);
        delayed.send().await.unwrap();
        let received = queues.sqs.receive_message().queue_url(url);
        received.max_number_of_messages(1).send().await.unwrap();
        let status = queues.status().await.unwrap();
        let expected = QueueStatus {
            name: "local-Dead".into(),
            url: url.clone(),
            waiting: 2,
            in_flight: 1,
            delayed: 1,
        };
        assert_eq!(status[0], expected);
    }
}
