//! Driving futures on the host's thread.

#[cfg(not(feature = "guest-tokio"))]
pub(super) use parked::block_on;
#[cfg(feature = "guest-tokio")]
pub(super) use runtime::{block_on, runtime};

#[cfg(not(feature = "guest-tokio"))]
mod parked {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};
    use std::time::Duration;

    /// How often a future that waits may look whether it is still wanted ([`cancelled`](crate::guest::cancelled)).
    const LOOK: Duration = Duration::from_millis(50);

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// Polls a future on this thread until it is ready; the thread sleeps in between. It is polled now and then without having
    /// been woken, so that it can give up when the call was cancelled.
    pub(in crate::guest) fn block_on<T>(future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(value) => return value,
                Poll::Pending => thread::park_timeout(LOOK),
            }
        }
    }
}

#[cfg(feature = "guest-tokio")]
mod runtime {
    use std::sync::OnceLock;
    use tokio::runtime::{Builder, Runtime};

    static RUNTIME: OnceLock<Runtime> = OnceLock::new();

    /// The plugin's own runtime. Never ended: the library is not unloaded either.
    pub(in crate::guest) fn runtime() -> &'static Runtime {
        RUNTIME.get_or_init(|| {
            Builder::new_multi_thread()
                .enable_all()
                .thread_name("tribunal-plugin")
                .build()
                .expect("threads of a runtime can be started")
        })
    }

    /// Drives a future on this thread, inside the plugin's runtime.
    pub(in crate::guest) fn block_on<T>(future: impl Future<Output = T>) -> T {
        runtime().block_on(future)
    }
}
