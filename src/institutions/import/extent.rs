//! How much room the sheets of an XLS workbook claim, told before the workbook reader reserves it.
//!
//! Two cells in far corners, or a made-up table size, would make the reader reserve gigabytes for a file of a few
//! hundred bytes. So the compound file (MS-CFB) and its records (MS-XLS) are walked first, without reading values.

use super::error::{ImportError, Limits};

const END: u32 = 0xffff_fff8;

/// Refuses a workbook whose sheets span more cells than the limits allow, and one that cannot be walked.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), ImportError> {
    let unreadable = |cause: &str| ImportError::Unreadable { cause: cause.to_owned() };
    let stream = Compound::open(bytes)
        .and_then(|file| file.stream("Workbook").or_else(|| file.stream("Book")))
        .ok_or_else(|| unreadable("no workbook inside; it may be protected by a password"))?;
    let allowed = (limits.rows as u64).saturating_mul(limits.columns as u64);
    let damaged = || unreadable("the records of the workbook are damaged");
    let spanned = spanned_cells(&stream).ok_or_else(damaged)?;
    // Ten bytes of a cell suffice to repeat a shared text of 60,000.
    let repeated = repeated_bytes(&stream).ok_or_else(damaged)?;
    if spanned > allowed || repeated > limits.unpacked_bytes as u64 {
        return Err(ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes });
    }
    Ok(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A compound file: sectors chained by a table.
struct Compound<'a> {
    bytes: &'a [u8],
    sector: usize,
    chain: Vec<u32>,
    short_chain: Vec<u32>,
    short: Vec<u8>,
    /// Name, first sector, length.
    entries: Vec<(String, u32, usize)>,
}

impl<'a> Compound<'a> {
    fn open(bytes: &'a [u8]) -> Option<Compound<'a>> {
        let sector = match u16_at(bytes, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let (chain, short_chain, short, entries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut file = Compound { bytes, sector, chain, short_chain, short, entries };
        for id in file.chain_sectors()? {
            let table = file.sector(id)?;
            file.chain.extend(table.chunks_exact(4).filter_map(|entry| u32_at(entry, 0)));
        }
        let directory = file.follow(u32_at(bytes, 48)?, usize::MAX)?;
        file.entries = directory.chunks_exact(128).filter_map(entry).collect();
        let (_, first, length) = file.entries.first()?.clone();
        if u32_at(bytes, 64)? > 0 {
            file.short = file.follow(first, length)?;
            let table = file.follow(u32_at(bytes, 60)?, usize::MAX)?;
            file.short_chain = table.chunks_exact(4).filter_map(|entry| u32_at(entry, 0)).collect();
        }
        Some(file)
    }

    /// The sectors that hold the table of chains: 109 in the header, the rest in sectors of their own.
    fn chain_sectors(&self) -> Option<Vec<u32>> {
        let header = self.bytes.get(76..512)?;
        let mut ids: Vec<u32> = header.chunks_exact(4).filter_map(|id| u32_at(id, 0)).collect();
        let mut next = u32_at(self.bytes, 68)?;
        let mut passed = 0;
        while next < END {
            passed += 1;
            if passed > self.bytes.len() / self.sector {
                return None;
            }
            let more = self.sector(next)?;
            ids.extend(more.chunks_exact(4).filter_map(|id| u32_at(id, 0)));
            next = ids.pop()?;
        }
        ids.retain(|id| *id < END);
        // More sectors than the file has are some of them many times over.
        (ids.len() <= 1 + self.bytes.len() / self.sector).then_some(ids)
    }

    fn sector(&self, id: u32) -> Option<&'a [u8]> {
        let from = (id as usize).checked_add(1)?.checked_mul(self.sector)?;
        self.bytes.get(from..(from + self.sector).min(self.bytes.len())).filter(|sector| !sector.is_empty())
    }

    fn follow(&self, first: u32, length: usize) -> Option<Vec<u8>> {
        let mut taken = Vec::new();
        let mut next = first;
        while next < END && taken.len() < length {
            if taken.len() > self.bytes.len() {
                return None;
            }
            taken.extend_from_slice(self.sector(next)?);
            next = *self.chain.get(next as usize)?;
        }
        taken.truncate(length);
        Some(taken)
    }

    fn follow_short(&self, first: u32, length: usize) -> Option<Vec<u8>> {
        let mut taken = Vec::new();
        let mut next = first;
        while next < END && taken.len() < length {
            let from = (next as usize).checked_mul(64)?;
            taken.extend_from_slice(self.short.get(from..(from + 64).min(self.short.len()))?);
            next = *self.short_chain.get(next as usize)?;
        }
        taken.truncate(length);
        Some(taken)
    }

    fn stream(&self, name: &str) -> Option<Vec<u8>> {
        let (_, first, length) = self.entries.iter().find(|(entry, ..)| entry.eq_ignore_ascii_case(name))?;
        if *length < 4096 { self.follow_short(*first, *length) } else { self.follow(*first, *length) }
    }
}

fn entry(bytes: &[u8]) -> Option<(String, u32, usize)> {
    let units: Vec<u16> = bytes.get(..64)?.chunks_exact(2).filter_map(|unit| u16_at(unit, 0)).collect();
    let name = String::from_utf16_lossy(&units);
    let name = name.split('\0').next().unwrap_or_default().to_owned();
    Some((name, u32_at(bytes, 116)?, u32_at(bytes, 120)? as usize))
}

/// The type, the place and the data of each record from `at` on, up to a broken one.
fn records(stream: &[u8], at: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = at;
    std::iter::from_fn(move || {
        let kind = u16_at(stream, at)?;
        let length = u16_at(stream, at + 2)? as usize;
        let data = stream.get(at + 4..at + 4 + length)?;
        at += 4 + length;
        Some((kind, data))
    })
}

/// The cells between the corners of every sheet together; a sheet listed twice counts twice.
fn spanned_cells(stream: &[u8]) -> Option<u64> {
    let mut spanned = 0u64;
    for (kind, data) in records(stream, 0) {
        match kind {
            0x000a => break,
            0x0085 => spanned = spanned.saturating_add(sheet_span(stream, u32_at(data, 0)? as usize)?),
            _ => {}
        }
    }
    Some(spanned)
}

/// The bytes of all shared texts that cells show, each as often as it is shown.
fn repeated_bytes(stream: &[u8]) -> Option<u64> {
    let mut lengths: Vec<u64> = Vec::new();
    let mut sheets = Vec::new();
    let mut globals = records(stream, 0).peekable();
    while let Some((kind, data)) = globals.next() {
        match kind {
            0x000a => break,
            0x0085 => sheets.push(u32_at(data, 0)? as usize),
            0x00fc => {
                let mut parts = vec![data];
                while let Some((_, more)) = globals.next_if(|(kind, _)| *kind == CONTINUE) {
                    parts.push(more);
                }
                lengths = shared_lengths(&parts)?;
            }
            _ => {}
        }
    }
    // A sheet that is listed twice is walked once.
    sheets.sort_unstable();
    let mut bytes = 0u64;
    for listed in sheets.chunk_by(|a, b| a == b) {
        let Some(at) = listed.first().filter(|at| **at < stream.len()) else { continue };
        let (mut nested, mut sum) = (0usize, 0u64);
        for (kind, data) in records(stream, *at) {
            match kind {
                0x0809 => nested += 1,
                0x000a if nested <= 1 => break,
                0x000a => nested -= 1,
                0x00fd => sum += u32_at(data, 6).and_then(|index| lengths.get(index as usize)).unwrap_or(&0),
                _ => {}
            }
        }
        bytes = bytes.saturating_add(sum.saturating_mul(listed.len() as u64));
    }
    Some(bytes)
}

/// Continues the record before it.
const CONTINUE: u16 = 0x003c;

/// Bytes in UTF-8, at most, of each shared text; `None` when the table breaks off.
fn shared_lengths(parts: &[&[u8]]) -> Option<Vec<u64>> {
    let mut lengths = Vec::new();
    let mut parts = parts.iter().copied();
    let mut rest = parts.next()?.get(8..)?;
    loop {
        while rest.is_empty() {
            match parts.next() {
                Some(part) => rest = part,
                None => return Some(lengths),
            }
        }
        let characters = u16_at(rest, 0)?;
        let flags = *rest.get(2)?;
        let mut head = 3;
        let mut after = 0;
        if flags & 8 != 0 {
            after += 4 * u64::from(u16_at(rest, head)?);
            head += 2;
        }
        if flags & 4 != 0 {
            after += u64::from(u32_at(rest, head)?);
            head += 4;
        }
        rest = rest.get(head..)?;
        lengths.push(3 * u64::from(characters));
        // The text goes on in the next record after a flag byte of its own, what follows it without one.
        let mut wide = flags & 1 != 0;
        let mut left = u64::from(characters);
        while left > 0 {
            if rest.is_empty() {
                let part = parts.next()?;
                (wide, rest) = (*part.first()? & 1 != 0, part.get(1..)?);
            }
            let width = if wide { 2 } else { 1 };
            let here = left.min((rest.len() / width) as u64);
            if here == 0 {
                return None;
            }
            rest = rest.get(here as usize * width..)?;
            left -= here;
        }
        while after > 0 {
            if rest.is_empty() {
                rest = parts.next()?;
                continue;
            }
            let here = after.min(rest.len() as u64);
            rest = rest.get(here as usize..)?;
            after -= here;
        }
    }
}

/// The larger of the size that a sheet claims and the size that its cells span.
fn sheet_span(stream: &[u8], at: usize) -> Option<u64> {
    stream.get(at..)?;
    let (mut rows, mut columns, mut claimed) = (0u64, 0u64, 0u64);
    let mut nested = 0usize;
    for (kind, data) in records(stream, at) {
        match kind {
            0x0809 => nested += 1,
            0x000a if nested <= 1 => break,
            0x000a => nested -= 1,
            // The claimed size; ends are one past the last.
            0x0200 if data.len() >= 14 => {
                let height = u64::from(u32_at(data, 4)?).checked_sub(u64::from(u32_at(data, 0)?))?;
                let width = u64::from(u16_at(data, 10)?).checked_sub(u64::from(u16_at(data, 8)?))?;
                claimed = claimed.max(height.saturating_mul(width));
            }
            0x0200 => {
                let height = u16_at(data, 2)?.checked_sub(u16_at(data, 0)?)?;
                let width = u16_at(data, 6)?.checked_sub(u16_at(data, 4)?)?;
                claimed = claimed.max(u64::from(height) * u64::from(width));
            }
            // Number, Label, RString, BoolErr, RK, LabelSst, Formula, MulRk: row, column, and MulRk's last column.
            0x0203 | 0x0204 | 0x00d6 | 0x0205 | 0x027e | 0x00fd | 0x0006 | 0x00bd => {
                let last = if kind == 0x00bd { u16_at(data, data.len().checked_sub(2)?)? } else { u16_at(data, 2)? };
                rows = rows.max(u64::from(u16_at(data, 0)?) + 1);
                columns = columns.max(u64::from(last.max(u16_at(data, 2)?)) + 1);
            }
            _ => {}
        }
    }
    Some(claimed.max(rows * columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// A stream of one sheet, listed `times` times, with these records.
    fn stream(times: usize, sheet: &[Vec<u8>]) -> Vec<u8> {
        let globals = record(0x0809, &[0; 16]).len() + times * record(0x0085, &[0; 12]).len() + 4;
        let mut listed = u32::try_from(globals).unwrap().to_le_bytes().to_vec();
        listed.extend([0; 8]);
        let mut bytes = record(0x0809, &[0; 16]);
        (0..times).for_each(|_| bytes.extend(record(0x0085, &listed)));
        bytes.extend(record(0x000a, &[]));
        bytes.extend(record(0x0809, &[0; 16]));
        bytes.extend(sheet.concat());
        bytes.extend(record(0x000a, &[]));
        bytes
    }

    #[test]
    fn far_corners_and_made_up_sizes_are_counted() {
        let cell = |row: u16, column: u16| {
            record(
                0x0203,
                &[row.to_le_bytes(), column.to_le_bytes()].concat().into_iter().chain([0; 10]).collect::<Vec<_>>(),
            )
        };
        assert_eq!(spanned_cells(&stream(1, &[cell(0, 0)])), Some(1));
        assert_eq!(spanned_cells(&stream(1, &[cell(0, 0), cell(65_535, 255)])), Some(65_536 * 256));
        assert_eq!(spanned_cells(&stream(3, &[cell(9, 9)])), Some(300));
        let size = |rows: u32| {
            record(0x0200, &[0u32.to_le_bytes(), rows.to_le_bytes(), [0, 0, 100, 0], [0; 4]].concat()[..14])
        };
        assert_eq!(spanned_cells(&stream(1, &[size(u32::MAX)])), Some(u64::from(u32::MAX) * 100));
        assert_eq!(spanned_cells(&stream(1, &[size(0)])), Some(0));
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [vec![], vec![0xd0; 600], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".repeat(100)] {
            assert!(matches!(check(&bytes, &Limits::default()), Err(ImportError::Unreadable { .. })));
        }
    }
}
