//! A statement file from a person's hands into the books.

use std::io::{Read, Seek};

use sha2::{Digest, Sha256};

use super::{
    ingest::{self, Delivery, IngestError, LargeFile, Received, Target},
    oversight,
    statement::{self, Format, Limits},
};
use crate::{
    db::DbError,
    identity::{Action, Caller, may},
    web::AppState,
};

/// A file as it was handed over.
#[derive(Debug)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
    /// A large one lies on the disk, and `bytes` are none.
    pub spooled: Option<std::fs::File>,
    /// `None`: found out from the file.
    pub format: Option<Format>,
    /// The account that all of it must be for; `None`: each statement names its own.
    pub target: Option<Target>,
    /// Somebody decided that a file whose arithmetic does not hold enters the books all the same.
    pub accept_unbalanced: bool,
}

/// Reads the file and takes it in. A file whose balances do not agree with its entries stays out until somebody decides.
pub async fn take_in(state: &AppState, caller: &Caller, file: File) -> Result<Vec<Received>, IngestError> {
    if !may(caller.actor.role, Action::UploadStatement) {
        return Err(IngestError::Forbidden);
    }
    let limits = Limits {
        max_bytes_unpacked: state.max_unpacked(),
        max_entries: state.service.max_entries,
        ..Limits::default()
    };
    let file = match flowed(state, caller, file, &limits).await? {
        Ok(received) => {
            oversight::after_delivery(state, caller.actor.tenant, &received, caller.now).await;
            return Ok(received);
        }
        Err(file) => file,
    };
    let reading = tokio::task::spawn_blocking(move || {
        // The digest of a large file takes as long as a good part of reading it, and needs nothing of it.
        let (document, sha256) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| <[u8; 32]>::from(Sha256::digest(&file.bytes)));
            let document = statement::parse(&file.name, &file.bytes, file.format, &limits);
            (document, digest.join())
        });
        let (document, sha256) = (document?, sha256.map_err(|_| DbError::Pool("a digest broke off".to_owned()))?);
        if document.is_unbalanced() && !file.accept_unbalanced {
            return Err(IngestError::Unbalanced);
        }
        if document.lacks_its_end() && !file.accept_unbalanced {
            return Err(IngestError::CutOff);
        }
        Ok(Delivery::of_document(document, &file.name, sha256, file.target))
    });
    let delivery = reading.await.map_err(|e| DbError::Pool(e.to_string()))??;
    let received = ingest::receive(state, caller, delivery).await?;
    oversight::after_delivery(state, caller.actor.tenant, &received, caller.now).await;
    Ok(received)
}

/// Takes a file that lies on the disk in while it is read; gives back one that has to be read as a whole, in memory.
async fn flowed(
    state: &AppState,
    caller: &Caller,
    file: File,
    limits: &Limits,
) -> Result<Result<Vec<Received>, File>, IngestError> {
    let File { name, bytes, spooled, format, target, accept_unbalanced } = file;
    let Some(spooled) = spooled else {
        return Ok(Err(File { name, bytes, spooled, format, target, accept_unbalanced }));
    };
    let mut large = LargeFile { name, file: spooled, format, target, accept_unbalanced };
    if let Some(received) = ingest::flow(state, caller, limits, &large).await? {
        return Ok(Ok(received));
    }
    let whole = move || {
        let mut bytes = Vec::new();
        large.file.rewind()?;
        large.file.read_to_end(&mut bytes)?;
        let LargeFile { name, format, target, accept_unbalanced, .. } = large;
        Ok::<File, std::io::Error>(File { name, bytes, spooled: None, format, target, accept_unbalanced })
    };
    let whole = tokio::task::spawn_blocking(whole).await.map_err(|e| DbError::Pool(e.to_string()))?;
    Ok(Err(whole.map_err(|e| DbError::Pool(e.to_string()))?))
}
