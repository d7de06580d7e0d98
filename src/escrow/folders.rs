//! The folders of a service: one for each bureau, named by its division code, watched for as long as the service runs.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::folder::{Folder, FolderError, Settled, Whose};
use crate::{kernel::RegionCode, web::AppState};

/// Between two looks, and how long nobody may have written to a file before it counts as whole.
const EVERY: Duration = Duration::from_secs(2);
const REST: Duration = Duration::from_secs(15);

/// The folders under one.
#[derive(Debug)]
pub struct Folders {
    root: PathBuf,
    rest: Duration,
    open: BTreeMap<RegionCode, Folder>,
    /// What the log was told of and nobody has mended.
    told: HashSet<(RegionCode, String)>,
}

impl Folders {
    /// Under a folder that is there; those of the bureaus may come later.
    pub fn new(root: &Path, rest: Duration) -> Result<Folders, FolderError> {
        fs::read_dir(root).map_err(|error| FolderError::Io(root.to_owned(), error))?;
        Ok(Folders { root: root.to_owned(), rest, open: BTreeMap::new(), told: HashSet::new() })
    }

    /// Looks into each folder once. What keeps one from being used is told in the log, and the others are looked into.
    pub async fn look(&mut self, state: &AppState) -> Vec<(RegionCode, Settled)> {
        let mut settled = Vec::new();
        for region in self.bureaus() {
            match self.look_into(state, region).await {
                Ok(files) => {
                    self.told.retain(|(of, _)| *of != region);
                    settled.extend(files.into_iter().map(|file| (region, file)));
                }
                Err(error) => {
                    self.open.remove(&region);
                    if self.told.insert((region, error.to_string())) {
                        tracing::warn!(%error, bureau = %region, "a folder of statements is not looked into; trying again");
                    }
                }
            }
        }
        settled
    }

    /// The bureaus that have a folder now.
    fn bureaus(&self) -> Vec<RegionCode> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%error, folder = %self.root.display(), "the folder of statements cannot be read; trying again");
                return Vec::new();
            }
        };
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut bureaus: Vec<RegionCode> =
            folders.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        bureaus.sort_unstable();
        bureaus
    }

    async fn look_into(&mut self, state: &AppState, region: RegionCode) -> Result<Vec<Settled>, FolderError> {
        let folder = match self.open.entry(region) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Folder::open(&self.root.join(region.to_string()), self.rest)?)
            }
        };
        let whose = Whose { tenant: region.tenant_id(), account: None };
        Ok(folder.look(state, &whose).await?.0)
    }
}

/// Watches until the process ends.
pub async fn watch(state: AppState, root: PathBuf) {
    let mut folders = match Folders::new(&root, REST) {
        Ok(folders) => folders,
        Err(error) => {
            tracing::error!(%error, "no statements are taken in from folders");
            return;
        }
    };
    loop {
        for (region, file) in folders.look(&state).await {
            let Settled { file, refused, inserted, duplicates } = file;
            tracing::info!(bureau = %region, file, refused, inserted, duplicates, "a file from the folder of statements");
        }
        tokio::time::sleep(EVERY).await;
    }
}
