//! The watch page's live part: the same fragment that the page holds, sent anew whenever warnings of the range change.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use actix_web::{HttpResponse, http::header::ContentEncoding};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, interval_at, sleep},
};

use super::watch::{Watch, WatchQuery};
use crate::{
    identity::Caller,
    web::{AppState, Page},
};

/// A comment this often keeps proxies from closing a quiet line.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Then the browser connects again, and whether it is still signed in is looked at anew.
const LIFE: Duration = Duration::from_secs(300);
/// Several changes at once are one piece of news.
const GATHER: Duration = Duration::from_millis(50);
/// Between two pieces of news, however much happens.
const PACE: Duration = Duration::from_millis(400);
/// So often it is looked whether anything is another than was sent, which nobody told of: a day that began, a lesson that was booked.
const LOOK: Duration = Duration::from_secs(60);

/// A comment, which says nothing.
const QUIET: &[u8] = b": \n\n";

struct Line {
    state: AppState,
    caller: Caller,
    page: Page,
    query: WatchQuery,
    news: Receiver<i32>,
    heartbeat: Interval,
    look: Interval,
    end: Instant,
    /// When something was sent last, and a hash of it; `None` before.
    sent: Option<(Instant, u64)>,
    hasher: RandomState,
}

/// The answer: `event: warnings` with the fragment, at once and after each change.
pub fn answer(state: &AppState, caller: Caller, page: Page, query: WatchQuery) -> HttpResponse {
    let now = Instant::now();
    let line = Line {
        news: state.live.subscribe(),
        state: state.clone(),
        caller,
        page,
        query,
        heartbeat: interval_at(now + HEARTBEAT, HEARTBEAT),
        look: interval_at(now + LOOK, LOOK),
        end: now + LIFE,
        sent: None,
        hasher: RandomState::new(),
    };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(ContentEncoding::Identity)
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(line, |mut line| async move {
            let bytes = line.next().await?;
            Some((Ok::<Bytes, Infallible>(bytes), line))
        }))
}

impl Line {
    async fn next(&mut self) -> Option<Bytes> {
        if self.sent.is_none() {
            return Some(self.fragment().await);
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(self.end) => return None,
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(QUIET)),
                _ = self.look.tick() => return Some(self.fragment().await),
                news = self.news.recv() => match news {
                    Ok(tenant) if self.concerns(tenant) => {
                        let since = self.sent.map_or(PACE, |(at, _)| at.elapsed());
                        sleep(GATHER.max(PACE.saturating_sub(since))).await;
                        while self.news.try_recv().is_ok() {}
                        return Some(self.fragment().await);
                    }
                    Ok(_) => {}
                    // More news than were kept: whichever they were, the fragment tells how things stand.
                    Err(RecvError::Lagged(_)) => return Some(self.fragment().await),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn concerns(&self, tenant: i32) -> bool {
        let (lo, hi) = self.caller.actor.scope().range();
        (lo..=hi).contains(&tenant)
    }

    /// The fragment as an event; a comment when it is what was sent before, or could not be made, so that the line lives on until the
    /// next news.
    async fn fragment(&mut self) -> Bytes {
        let made = async {
            let mut conn = self.caller.actor.scope().begin(&self.state.pools).await?;
            let watch = Watch::read(&mut conn, &self.query, &self.caller, &self.state.calendar).await?;
            conn.commit().await?;
            watch.fragment(&self.page)
        };
        match made.await {
            Ok(html) => {
                let hash = self.hasher.hash_one(&html);
                let same = self.sent.is_some_and(|(_, sent)| sent == hash);
                self.sent = Some((Instant::now(), hash));
                if same { Bytes::from_static(QUIET) } else { event("warnings", &html) }
            }
            Err(problem) => {
                tracing::warn!(%problem, "an open watch page could not be told of news");
                self.sent.get_or_insert((Instant::now(), 0));
                Bytes::from_static(QUIET)
            }
        }
    }
}

/// One server-sent event; each line of the data has its own field.
fn event(name: &str, data: &str) -> Bytes {
    let lines: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    Bytes::from(format!("event: {name}\n{lines}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_fragment_is_a_field_of_its_event() {
        assert_eq!(event("warnings", "<p>\n</p>"), "event: warnings\ndata: <p>\ndata: </p>\n\n");
    }
}
