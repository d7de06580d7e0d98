//! Compound File Binary: just enough to take one stream out of an old Office file.
//!
//! Every chain is bounded by the number of sectors that the file can hold, so a file that points in circles ends.

/// No such sector, a chain without end, or no such stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Sector numbers from here on are marks, not sectors.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;

/// What a compound file begins with.
const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

struct File<'a> {
    bytes: &'a [u8],
    sector: usize,
    table: Vec<u32>,
}

/// The bytes of the first stream that has one of `names`.
pub(super) fn stream(bytes: &[u8], names: &[&str]) -> Result<Vec<u8>, Broken> {
    if !bytes.starts_with(&SIGNATURE) {
        return Err(Broken);
    }
    let sector = match u16_at(bytes, 30)? {
        9 => 512,
        12 => 4096,
        _ => return Err(Broken),
    };
    let file = File { bytes, sector, table: allocation_table(bytes, sector)? };
    let directory = file.chain(u32_at(bytes, 48)?)?;
    let entries: Vec<Entry> = directory.as_chunks::<128>().0.iter().map(Entry::read).collect();
    let root = entries.first().ok_or(Broken)?;
    let wanted = names
        .iter()
        .find_map(|name| entries.iter().find(|entry| entry.kind == 2 && entry.name.eq_ignore_ascii_case(name)))
        .ok_or(Broken)?;
    let mut content = if wanted.length < 4096 {
        file.mini_chain(root.start, u32_at(bytes, 60)?, wanted.start)?
    } else {
        file.chain(wanted.start)?
    };
    content.truncate(wanted.length);
    Ok(content)
}

/// The file allocation table, from the 109 places in the header and the chain that goes on from there.
fn allocation_table(bytes: &[u8], sector: usize) -> Result<Vec<u32>, Broken> {
    let mut places: Vec<u32> = (0..109).map(|index| u32_at(bytes, 76 + 4 * index)).collect::<Result<_, _>>()?;
    let mut next = u32_at(bytes, 68)?;
    for _ in 0..=bytes.len() / sector {
        if next >= LAST_SECTOR {
            break;
        }
        let more = words(sector_at(bytes, sector, next)?);
        let (last, more) = more.split_last().ok_or(Broken)?;
        places.extend(more);
        next = *last;
    }
    let mut table = Vec::new();
    for place in places.into_iter().filter(|place| *place < LAST_SECTOR).take(1 + bytes.len() / sector) {
        table.extend(words(sector_at(bytes, sector, place)?));
    }
    Ok(table)
}

impl File<'_> {
    /// The sectors of a chain, put together.
    fn chain(&self, start: u32) -> Result<Vec<u8>, Broken> {
        let mut content = Vec::new();
        let mut next = start;
        while next < LAST_SECTOR {
            if content.len() > self.bytes.len() {
                return Err(Broken);
            }
            content.extend_from_slice(sector_at(self.bytes, self.sector, next)?);
            next = *self.table.get(next as usize).ok_or(Broken)?;
        }
        Ok(content)
    }

    /// A short stream, which lies in 64-byte pieces of the root's stream.
    fn mini_chain(&self, root: u32, mini_table: u32, start: u32) -> Result<Vec<u8>, Broken> {
        let pieces = self.chain(root)?;
        let table = words(&self.chain(mini_table)?);
        let mut content = Vec::new();
        let mut next = start;
        while next < LAST_SECTOR {
            let from = next as usize * 64;
            content.extend_from_slice(pieces.get(from..from + 64).ok_or(Broken)?);
            if content.len() > pieces.len() {
                return Err(Broken);
            }
            next = *table.get(next as usize).ok_or(Broken)?;
        }
        Ok(content)
    }
}

struct Entry {
    name: String,
    kind: u8,
    start: u32,
    length: usize,
}

impl Entry {
    fn read(slot: &[u8; 128]) -> Entry {
        let units: Vec<u16> = slot[..64].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        let name = char::decode_utf16(units.into_iter().take_while(|unit| *unit != 0)).filter_map(Result::ok).collect();
        Entry {
            name,
            kind: slot[66],
            start: u32_at(slot, 116).unwrap_or(LAST_SECTOR),
            length: u32_at(slot, 120).unwrap_or(0) as usize,
        }
    }
}

/// Sector 0 begins after the header, which takes one sector. The last sector of a file may be cut short.
fn sector_at(bytes: &[u8], sector: usize, index: u32) -> Result<&[u8], Broken> {
    let from = (index as usize + 1).checked_mul(sector).ok_or(Broken)?;
    let rest = bytes.get(from..).filter(|rest| !rest.is_empty()).ok_or(Broken)?;
    Ok(&rest[..rest.len().min(sector)])
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// The little-endian word at a place.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Broken> {
    let pair = bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok()).ok_or(Broken)?;
    Ok(u16::from_le_bytes(pair))
}

/// The little-endian double word at a place.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Broken> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).ok_or(Broken)?;
    Ok(u32::from_le_bytes(word))
}
