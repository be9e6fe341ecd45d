//! One answer on its way from the computing thread to a caller.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Where an answer is put. When it is dropped without one, the caller learns that there will be none.
pub(crate) struct Promise<T> {
    shared: Arc<Shared<T>>,
}

/// What a caller waits for: `None` when the thread ended before it answered, or nobody wants the answer any longer.
pub(crate) struct Ticket<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    unwanted: AtomicBool,
}

enum State<T> {
    Open(Option<Waker>),
    Kept(Option<T>),
}

/// Both ends.
pub(crate) fn promise<T>() -> (Promise<T>, Ticket<T>) {
    let shared =
        Arc::new(Shared { state: Mutex::new(State::Open(None)), unwanted: AtomicBool::new(false) });
    (Promise { shared: shared.clone() }, Ticket { shared })
}

impl<T> Shared<T> {
    fn end(&self, value: Option<T>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Kept(value);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, value: T) {
        self.shared.end(Some(value));
    }

    /// True while somebody waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.shared.unwanted.load(Ordering::Relaxed)
    }

    /// For a thread that computes, to be asked between operations.
    pub(crate) fn wanted(&self) -> Arc<dyn Fn() -> bool + Send + Sync>
    where
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        Arc::new(move || !shared.unwanted.load(Ordering::Relaxed))
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.shared.end(None);
    }
}

impl<T> Future for Ticket<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Kept(value) => Poll::Ready(value.take()),
            State::Open(_) if tribunal_api::guest::cancelled() => Poll::Ready(None),
            State::Open(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.shared.unwanted.store(true, Ordering::Relaxed);
    }
}
