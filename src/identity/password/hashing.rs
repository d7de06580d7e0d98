//! The threads that hash: one for every two cores, behind everything else, with a queue that has an end.
//!
//! Hashing is made to be slow. On the threads of the pool for blocking work fifty sign-ins at once would take fifty
//! threads and a gigabyte; here they wait their turn, and the kernel gives the cores to requests first.

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use super::PasswordError;

type Job = Box<dyn FnOnce() + Send>;

/// More than this many waiting are told to come back.
const QUEUE_MAX: usize = 256;
/// About a tenth of a core's share when requests want all of it.
const NICE: i32 = 10;

static QUEUE: LazyLock<SyncSender<Job>> = LazyLock::new(|| {
    let (sender, receiver) = sync_channel::<Job>(QUEUE_MAX);
    let receiver = Arc::new(Mutex::new(receiver));
    // On all cores at once, a request that wakes up would find each of them in the middle of a hash.
    let threads = (thread::available_parallelism().map_or(1, usize::from) / 2).max(1);
    for _ in 0..threads {
        let receiver = Arc::clone(&receiver);
        let started = thread::Builder::new().name("argon2".to_owned()).spawn(move || work(&receiver));
        if let Err(error) = started {
            tracing::error!(%error, "a thread for hashing passwords could not be started");
        }
    }
    sender
});

fn work(receiver: &Mutex<Receiver<Job>>) {
    // On Linux this is the thread's own. Where it is refused, hashing goes on as fast as everything else.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "hashing passwords keeps its priority");
    }
    loop {
        let job = match receiver.lock().map(|jobs| jobs.recv()) {
            Ok(Ok(job)) => job,
            _ => return,
        };
        job();
    }
}

/// Does slow work in its turn.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
    let (sender, done) = oneshot::channel();
    let job = Box::new(move || {
        // Who went away meanwhile needs no answer.
        if !sender.is_closed() {
            let _ = sender.send(work());
        }
    });
    QUEUE.try_send(job).map_err(|_| PasswordError::Busy)?;
    done.await.map_err(|_| PasswordError::Hashing)
}
