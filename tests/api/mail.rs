//! Mails go out by SMTP, in a real dialogue with a server that takes them.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use mailin::{Action, Handler, Response, SessionBuilder, response};

use crate::{
    app::{TestApp, World},
    samples::{GRAB, OPENING, camt},
};

/// A mail as it arrived.
#[derive(Debug, Default, Clone)]
struct Arrived {
    from: String,
    to: Vec<String>,
    text: String,
}

/// Takes mails in, and refuses those for approvers.
struct Inbox {
    mail: Arrived,
    arrived: Sender<Arrived>,
}

impl Handler for Inbox {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.mail = Arrived { from: from.to_owned(), ..Arrived::default() };
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if to.starts_with("approver") {
            return response::NO_MAILBOX;
        }
        self.mail.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.mail.text.push_str(&String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let _ = self.arrived.send(self.mail.clone());
        response::OK
    }
}

fn converse(stream: TcpStream, arrived: Sender<Arrived>) -> std::io::Result<()> {
    let inbox = Inbox { mail: Arrived::default(), arrived };
    let mut session = SessionBuilder::new("mail.test.example").build(IpAddr::V4(Ipv4Addr::LOCALHOST), inbox);
    let mut writer = stream.try_clone()?;
    session.greeting().write_to(&mut writer)?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let answer = session.process(&line);
        line.clear();
        match answer.action {
            Action::NoReply => {}
            _ => answer.write_to(&mut writer)?,
        }
        writer.flush()?;
        if answer.action == Action::Close {
            break;
        }
    }
    Ok(())
}

/// A mail server on a port of its own.
fn mail_server() -> (u16, Receiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || converse(stream, sender));
        }
    });
    (port, receiver)
}

#[tokio::test]
async fn a_warning_is_told_by_mail_and_one_refused_mailbox_keeps_nobody_else_waiting() {
    let (port, mails) = mail_server();
    let app: &'static TestApp =
        Box::leak(Box::new(TestApp::start(&["--smtp-url", &format!("smtp://127.0.0.1:{port}")])));
    let world = World::within(app).await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let until = Instant::now() + Duration::from_secs(20);
    let mail = loop {
        if let Ok(mail) = mails.try_recv() {
            break mail;
        }
        assert!(Instant::now() < until, "a mail arrives");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(mail.from.contains('@'), "{mail:?}");
    assert!(mail.to.iter().all(|to| !to.starts_with("approver")) && mail.to.len() == 1, "{mail:?}");
    for header in ["Subject:", "Message-ID:", "Content-Type: text/plain; charset=utf-8"] {
        assert!(mail.text.contains(header), "{header}: {}", mail.text);
    }
}
