//! Group commit over the network: what waits while a call to the ledger is under way goes with the next one.
//!
//! A call takes all that waits, up to a bound. There are a few instances to call, so that a call that is on its way
//! does not keep the next one; whoever comes first while one is idle is sent alone and at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use loadlock_policy::model::{Failure, FailureKind};
use loadlock_sandbox::CallError;
use loadlock_sandbox::batches::{Batches, Each};
use loadlock_sandbox::tracker::Answer;
use tokio::sync::oneshot;

/// Items of one call.
const MOST: usize = 64;

/// One call of an instance.
pub(super) type BatchCall<I, O> = Box<dyn Fn(Batches, Vec<I>) -> BoxFuture<'static, Answer<Each<O>>> + Send + Sync>;

/// Items that wait for an instance.
pub(super) struct Group<I, O>(Arc<GroupState<I, O>>);

struct GroupState<I, O> {
    queue: Mutex<BatchQueue<I, O>>,
    call: BatchCall<I, O>,
    /// Whether a lost answer is asked for again: only where that answers the same.
    repeats: bool,
}

struct BatchQueue<I, O> {
    waiting: VecDeque<(I, oneshot::Sender<Answer<O>>)>,
    idle: Vec<Batches>,
}

impl<I: Clone + Send + 'static, O: Send + 'static> Group<I, O> {
    pub(super) fn new(instances: Vec<Batches>, repeats: bool, call: BatchCall<I, O>) -> Self {
        let queue = Mutex::new(BatchQueue {
            waiting: VecDeque::new(),
            idle: instances,
        });
        Self(Arc::new(GroupState { queue, call, repeats }))
    }

    /// Instances that are not called now.
    pub(super) fn idle(&self) -> Vec<Batches> {
        self.0.lock().idle.clone()
    }

    /// The answer for one item. Dropped before it is sent, it is not sent.
    pub(super) async fn ask(&self, item: I) -> Answer<O> {
        let (answer, answered) = oneshot::channel();
        let instance = {
            let mut queue = self.0.lock();
            queue.waiting.push_back((item, answer));
            queue.idle.pop()
        };
        if let Some(instance) = instance {
            tokio::spawn(self.0.clone().carry(instance));
        }
        let gone = || Err(CallError::Host("a call to the ledger was given up".into()));
        answered.await.unwrap_or_else(|_| gone())
    }
}

impl<I: Clone + Send + 'static, O: Send + 'static> GroupState<I, O> {
    fn lock(&self) -> MutexGuard<'_, BatchQueue<I, O>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls one instance for as long as something waits.
    async fn carry(self: Arc<Self>, instance: Batches) {
        loop {
            let (items, answers): (Vec<I>, Vec<_>) = {
                let mut queue = self.lock();
                // Nobody waits for the answer of an upload that was given up.
                queue.waiting.retain(|(_, answer)| !answer.is_closed());
                let many = queue.waiting.len().min(MOST);
                if many == 0 {
                    queue.idle.push(instance);
                    return;
                }
                queue.waiting.drain(..many).unzip()
            };
            let mut answer = (self.call)(instance.clone(), items.clone()).await;
            if self.repeats && is_lost(&answer) {
                answer = (self.call)(instance.clone(), items).await;
            }
            deliver(answer, answers);
        }
    }
}

/// Whether the connection broke: the ledger may have done it all the same.
fn is_lost<T>(answer: &Answer<T>) -> bool {
    let failure = match answer {
        Ok(Err(failure)) => failure,
        Err(CallError::NotReady(failure)) => failure,
        Ok(Ok(_)) | Err(_) => return false,
    };
    failure.kind == FailureKind::Transport
}

fn deliver<O>(answer: Answer<Each<O>>, waiting: Vec<oneshot::Sender<Answer<O>>>) {
    let expected = waiting.len();
    match answer {
        Ok(Ok(each)) if each.len() == expected => {
            for (one, waiting) in each.into_iter().zip(waiting) {
                let _ = waiting.send(Ok(one));
            }
        }
        Ok(Ok(each)) => {
            let message = format!("the tracker answered {} of {expected} items", each.len());
            for waiting in waiting {
                let _ = waiting.send(Ok(Err(Failure::new(FailureKind::Protocol, message.clone()))));
            }
        }
        Ok(Err(failure)) => {
            for waiting in waiting {
                let _ = waiting.send(Ok(Err(failure.clone())));
            }
        }
        Err(error) => {
            for waiting in waiting {
                let _ = waiting.send(Err(CallError::Host(error.to_string())));
            }
        }
    }
}
