//! The CPU budget of one call.
//!
//! The epoch ticker makes guest code yield to the executor every [`TICK`]; between two yields the call runs on one
//! thread, so the thread's CPU clock over a `poll` is exactly what guest code and the host functions that it called
//! have used. Waiting for a disk or a network happens between polls and costs nothing. Counting epoch ticks instead
//! would charge a call for the time that it spent in host calls: a deadline is relative to the epoch and fires on
//! return from a slow splice (a 1 MB/s upload would exhaust any budget), while a guest that loops over an expensive
//! host function would pay nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often running guest code yields: the resolution of every CPU budget.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Runs a future until it is done or has used its CPU time.
pub(crate) struct CpuBudget<'a, T> {
    call: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    limit: Duration,
    used: Duration,
}

impl<'a, T> CpuBudget<'a, T> {
    pub(crate) fn new(limit: Duration, call: impl Future<Output = T> + Send + 'a) -> Self {
        Self {
            call: Box::pin(call),
            limit,
            used: Duration::ZERO,
        }
    }
}

/// The budget is used up. The call must be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfCpu;

impl<T> Future for CpuBudget<'_, T> {
    /// The outcome, and the CPU time used.
    type Output = (Result<T, OutOfCpu>, Duration);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = thread_cpu_time();
        let polled = self.call.as_mut().poll(cx);
        self.used += thread_cpu_time().saturating_sub(before);
        match polled {
            Poll::Ready(outcome) => Poll::Ready((Ok(outcome), self.used)),
            Poll::Pending if self.used > self.limit => Poll::Ready((Err(OutOfCpu), self.used)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// CPU time of the calling thread.
fn thread_cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_is_free_and_spinning_is_not() {
        let (done, used) = CpuBudget::new(Duration::from_millis(200), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        assert_eq!(done, Ok(()));
        assert!(used < Duration::from_millis(200));

        let (spun, _) = CpuBudget::new(Duration::from_millis(20), async {
            loop {
                let until = thread_cpu_time() + Duration::from_millis(5);
                while thread_cpu_time() < until {}
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(spun, Err::<(), _>(OutOfCpu));
    }
}
