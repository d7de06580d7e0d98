//! Attaching documents, reading one, and erasing one.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    model::{Attachment, FileKind},
    rules,
    store::{self, NewDocument, Whereto, file_place, name_place},
};
use crate::{
    audit::{self, DOCUMENT_READ, Event, Look},
    db::{DbError, ScopedConn},
    escrow::{
        EscrowError,
        store::warnings::{self, Warning},
    },
    identity::{Action, Caller, may},
    vault::{Vault, VaultError},
    web::{
        AppState, FieldError,
        attached::{FILES_MAX, Sent},
    },
};

/// Least and most characters of the reason for which a document is erased.
const REASON: std::ops::RangeInclusive<usize> = 4..=500;

/// A file that may be attached.
#[derive(Debug, Clone)]
pub struct Checked {
    kind: FileKind,
    name: String,
    bytes: Vec<u8>,
}

/// What is wrong with the files of a form, each by its name; the field is `file`.
pub fn checked(files: &[Sent], limit: usize) -> Result<Vec<Checked>, Vec<FieldError>> {
    let mut errors = Vec::new();
    if files.len() > FILES_MAX {
        let (zh, en) = (
            format!("一次最多附 {FILES_MAX} 个文件，现有 {} 个。其余的可以再提交一次。", files.len()),
            format!(
                "at most {FILES_MAX} files at a time, and these are {}; send the others with another step",
                files.len()
            ),
        );
        return Err(vec![FieldError::new("file", "FILE-COUNT", zh, en)]);
    }
    let mut fine = Vec::with_capacity(files.len());
    for Sent { name, bytes, size } in files {
        match rules::kind_of(bytes, *size, limit) {
            Ok(kind) => fine.push(Checked { kind, name: kind.named(name), bytes: bytes.clone() }),
            Err(fault) => {
                let (rule, zh, en) = fault.words(name);
                errors.push(FieldError::new("file", rule, zh, en));
            }
        }
    }
    if errors.is_empty() { Ok(fine) } else { Err(errors) }
}

/// Seals files for the numbers that their documents will have, away from the threads that serve.
pub async fn sealed(conn: &mut ScopedConn, files: Vec<Checked>) -> Result<Vec<NewDocument>, DbError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = store::numbers(conn, files.len()).await?;
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let work = move || {
        let one = |(id, file): (i64, Checked)| seal(&vault, tenant, id, file);
        numbers.into_iter().zip(files).map(one).collect::<Result<Vec<_>, VaultError>>()
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Pool(error.to_string()))?;
    Ok(done?)
}

fn seal(vault: &Vault, tenant: i32, id: i64, file: Checked) -> Result<NewDocument, VaultError> {
    let row = id.to_string();
    Ok(NewDocument {
        id,
        kind: file.kind,
        size_bytes: i32::try_from(file.bytes.len()).map_err(|_| VaultError::Damaged)?,
        sha256: Sha256::digest(&file.bytes).into(),
        file_sealed: vault.seal(&file_place(tenant, &row), &file.bytes)?,
        name_sealed: vault.seal(&name_place(tenant, &row), file.name.as_bytes())?,
    })
}

/// Attaches sealed documents to an action in the caller's transaction; what the trail tells of them.
pub async fn attach(
    conn: &mut ScopedConn,
    caller: &Caller,
    to: Whereto,
    documents: &[NewDocument],
) -> Result<Option<Value>, DbError> {
    for document in documents {
        store::add(conn, to, document, caller.now).await?;
    }
    let told = |document: &NewDocument| {
        let NewDocument { id, kind, size_bytes, sha256, .. } = document;
        Value::from(format!("#{id} {kind} {size_bytes} B sha256:{}", hex::encode(sha256)))
    };
    Ok((!documents.is_empty()).then(|| documents.iter().map(told).collect()))
}

/// A document with its file, for whoever may read the action that it belongs to. An official's look is on record before
/// the file is shown.
pub async fn read(
    state: &AppState,
    caller: &Caller,
    warning: i64,
    id: i64,
) -> Result<(Attachment, Vec<u8>), EscrowError> {
    if !may(caller.actor.role, Action::ReadEscrow) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let (warning, document) = find(&mut conn, warning, id).await?;
    let file = store::file(&mut conn, warning.tenant_id, id).await?.ok_or(EscrowError::Erased)?;
    if !caller.actor.role.is_institution() {
        let subject = id.to_string();
        let look = Look {
            tenant: warning.tenant_id,
            subject: ("warning_document", &subject),
            // What officials say among themselves does not stand in the institution's own trail.
            institution: warning.institution_id.filter(|_| !document.internal),
            fields: &["file"],
            reason: "查看预警材料",
        };
        audit::look_as(&mut conn, caller, DOCUMENT_READ, look).await?;
    }
    let vault = conn.vault().clone();
    conn.commit().await?;
    let work = move || vault.open_sealed(&file_place(warning.tenant_id, &id.to_string()), &file);
    let opened = tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Pool(error.to_string()))?;
    Ok((document, opened.map_err(DbError::from)?))
}

/// A document and its warning in the caller's range.
pub async fn find(conn: &mut ScopedConn, warning: i64, id: i64) -> Result<(Warning, Attachment), EscrowError> {
    let warning = warnings::warning(conn, warning).await?.ok_or(EscrowError::NotFound)?;
    let document = store::document(conn, (warning.tenant_id, warning.id), id).await?;
    Ok((warning, document.ok_or(EscrowError::NotFound)?))
}

/// Erases a document of the own bureau that holds what its owner may have erased; that it was there, its size and its
/// digest stay.
pub async fn erase(
    state: &AppState,
    caller: &Caller,
    (warning, id): (i64, i64),
    reason: &str,
) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::ServeDataSubject) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let (warning, document) = find(&mut conn, warning, id).await?;
    if warning.tenant_id != caller.actor.tenant {
        return Err(EscrowError::NotFound);
    }
    let reason = reason.trim();
    if !REASON.contains(&reason.chars().count()) {
        let (zh, en) = ("请写明为什么删除，4 至 500 字", "say why it is erased, in 4 to 500 characters");
        return Err(EscrowError::Invalid(vec![FieldError::new("reason", "reason", zh, en)]));
    }
    if !store::erase(&mut conn, id, &caller.actor.display_name, caller.now).await? {
        return Err(EscrowError::Erased);
    }
    let event = Event {
        action: "document.erased",
        subject_kind: "warning_document",
        subject_id: id.to_string(),
        institution: warning.institution_id.filter(|_| !document.internal),
        before: Some(
            json!({"kind": document.kind, "bytes": document.size_bytes, "sha256": hex::encode(&document.sha256)}),
        ),
        after: Some(json!({"warning": warning.id})),
        reason: Some(reason),
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}
