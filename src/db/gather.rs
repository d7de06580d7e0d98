//! Work that waits at the same time is done together: by one transaction, which is made durable once for all of it.
//!
//! Who asks while nobody is at work takes the work up, and goes on with what came in meanwhile until nothing waits. It is done
//! by a task apart, so that nobody's answer is lost because another one hung up.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

/// One who waits, and where the answer goes.
type Waiting<T, A> = (T, oneshot::Sender<A>);

/// What waits of one kind.
struct Line<T, A> {
    waiting: VecDeque<Waiting<T, A>>,
    /// Tasks at work.
    at_work: usize,
}

type Lines<K, T, A> = Arc<Mutex<HashMap<K, Line<T, A>>>>;

/// Work by key. Cheap to clone; clones share it.
pub struct Gather<K, T, A> {
    lines: Lines<K, T, A>,
    most: usize,
    tasks: usize,
}

/// Nobody answered: the task that was at work broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("work that was done together with others broke off")]
pub struct BrokenOff;

impl<K, T, A> fmt::Debug for Gather<K, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("most", &self.most).field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl<K, T, A> Clone for Gather<K, T, A> {
    fn clone(&self) -> Self {
        Gather { lines: Arc::clone(&self.lines), most: self.most, tasks: self.tasks }
    }
}

impl<K, T, A> Gather<K, T, A>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Send + 'static,
    A: Send + 'static,
{
    /// `most` of a key are done at once, by so many `tasks` at a time: while one waits for the disk another prepares.
    pub fn new(most: usize, tasks: usize) -> Self {
        Gather { lines: Lines::default(), most: most.max(1), tasks: tasks.max(1) }
    }

    /// Has `item` done together with what else waits under `key`. `work` answers each of its items, in their order.
    pub async fn ask<W, F>(&self, key: K, item: T, work: W) -> Result<A, BrokenOff>
    where
        W: Fn(Vec<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<A>> + Send,
    {
        let (sender, answer) = oneshot::channel();
        let takes_up = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let line = lines.entry(key.clone()).or_insert_with(|| Line { waiting: VecDeque::new(), at_work: 0 });
            line.waiting.push_back((item, sender));
            let takes_up = line.at_work < self.tasks;
            line.at_work += usize::from(takes_up);
            takes_up
        };
        if takes_up {
            let (mut at_work, most) = (AtWork { lines: Arc::clone(&self.lines), key, left: false }, self.most);
            tokio::spawn(async move {
                while let Some(taken) = at_work.next(most) {
                    let (items, answers): (Vec<T>, Vec<oneshot::Sender<A>>) = taken.into_iter().unzip();
                    for (answer, sender) in work(items).await.into_iter().zip(answers) {
                        // Who hung up needs none.
                        let _ = sender.send(answer);
                    }
                }
            });
        }
        answer.await.map_err(|_| BrokenOff)
    }
}

/// A task at work; however it ends, the next one who asks can take the work up.
struct AtWork<K: Eq + Hash, T, A> {
    lines: Lines<K, T, A>,
    key: K,
    left: bool,
}

impl<K: Eq + Hash, T, A> AtWork<K, T, A> {
    /// What is to be done next; `None` when nothing waits, and then the task has left.
    fn next(&mut self, most: usize) -> Option<Vec<Waiting<T, A>>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = &mut lines.get_mut(&self.key)?.waiting;
        if waiting.is_empty() {
            // Under the same lock under which nothing waited: who asks from now on takes the work up.
            leave(&mut lines, &self.key);
            self.left = true;
            return None;
        }
        Some(waiting.drain(..most.min(waiting.len())).collect())
    }
}

/// One task less; with the last one goes the line, and whoever still waits in it is told that the work broke off.
fn leave<K: Eq + Hash, T, A>(lines: &mut HashMap<K, Line<T, A>>, key: &K) {
    if let Some(line) = lines.get_mut(key) {
        line.at_work = line.at_work.saturating_sub(1);
        if line.at_work == 0 {
            lines.remove(key);
        }
    }
}

impl<K: Eq + Hash, T, A> Drop for AtWork<K, T, A> {
    fn drop(&mut self) {
        if !self.left {
            leave(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner), &self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn doubled(items: Vec<u32>) -> Vec<(u32, usize)> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        items.iter().map(|item| (item * 2, items.len())).collect()
    }

    #[tokio::test]
    async fn what_waits_at_the_same_time_is_done_together_and_each_has_its_own_answer() {
        let gather: Gather<i32, u32, (u32, usize)> = Gather::new(3, 1);
        let asked = (0..7).map(|item| gather.ask(331_002, item, doubled));
        let answers = futures_util::future::join_all(asked).await;
        let answers: Vec<(u32, usize)> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().map(|(doubled, _)| *doubled).collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10, 12]);
        assert_eq!(answers.iter().map(|(_, beside)| *beside).max(), Some(3), "three at most");
        assert_eq!(gather.ask(331_002, 9, doubled).await, Ok((18, 1)), "and then somebody asks alone");
        assert!(gather.lines.lock().unwrap().is_empty(), "nobody is at work any more");
    }

    #[tokio::test]
    async fn work_that_breaks_off_leaves_nobody_waiting() {
        let gather: Gather<i32, u32, u32> = Gather::new(8, 1);
        let broken = gather.ask(1, 1, |_| async { panic!("the work breaks off") }).await;
        assert_eq!(broken, Err(BrokenOff));
        assert_eq!(gather.ask(1, 2, |items| async { items }).await, Ok(2));
    }
}
