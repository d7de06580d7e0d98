//! Rows in PostgreSQL's binary COPY format, for batches that are too large to travel as parameters.

use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, NaiveDate, Utc};

use super::entries::NewEntry;

/// Signature, flags and the length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COLUMNS: i16 = 14;
/// Sent at a time.
const CHUNK: usize = 64 << 10;
/// 2000-01-01, from which PostgreSQL counts, in microseconds and in days since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 10_957;

/// The rows of a batch, in chunks.
pub(super) struct Rows<'a> {
    /// Id of the statement at each place of the delivery.
    statement_ids: &'a [i64],
    entries: std::slice::Iter<'a, NewEntry>,
    buffer: BytesMut,
    ended: bool,
}

impl<'a> Rows<'a> {
    /// All of `entries`, in the order of the columns of the staging table.
    pub(super) fn new(statement_ids: &'a [i64], entries: &'a [NewEntry]) -> Rows<'a> {
        let mut buffer = BytesMut::with_capacity(CHUNK + 4096);
        buffer.put_slice(HEADER);
        Rows { statement_ids, entries: entries.iter(), buffer, ended: false }
    }

    fn put(&mut self, entry: &NewEntry) {
        let b = &mut self.buffer;
        b.put_i16(COLUMNS);
        int8(b, micros(entry.booked_at));
        text(b, &entry.bank_ref);
        int4(b, entry.seq);
        optional(b, entry.value_on, |b, day| int4(b, days(day)));
        boolean(b, entry.credit);
        boolean(b, entry.reversal);
        int8(b, entry.amount_fen);
        text(b, <&str>::from(entry.kind));
        int8(b, self.statement_ids.get(entry.statement).copied().unwrap_or_default());
        optional(b, entry.counterparty_name.as_deref(), text);
        optional(b, entry.counterparty_account.as_deref(), text);
        optional(b, entry.remittance.as_deref(), text);
        optional(b, entry.balance_after_fen, int8);
        optional(b, entry.order_ref.as_deref(), text);
    }
}

impl Iterator for Rows<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.buffer.len() < CHUNK && !self.ended {
            match self.entries.next() {
                Some(entry) => self.put(entry),
                None => {
                    self.buffer.put_i16(-1);
                    self.ended = true;
                }
            }
        }
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }
}

fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros() - EPOCH_MICROS
}

fn days(day: NaiveDate) -> i32 {
    day.to_epoch_days() - EPOCH_DAYS
}

fn int4(b: &mut BytesMut, value: i32) {
    b.put_i32(4);
    b.put_i32(value);
}

fn int8(b: &mut BytesMut, value: i64) {
    b.put_i32(8);
    b.put_i64(value);
}

fn boolean(b: &mut BytesMut, value: bool) {
    b.put_i32(1);
    b.put_u8(u8::from(value));
}

/// Texts are bounded far below 2 GiB by the limits of uploads.
fn text(b: &mut BytesMut, value: &str) {
    b.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
    b.put_slice(value.as_bytes());
}

fn optional<T>(b: &mut BytesMut, value: Option<T>, put: impl Fn(&mut BytesMut, T)) {
    match value {
        Some(value) => put(b, value),
        None => b.put_i32(-1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_days_count_from_2000() {
        assert_eq!(micros("2000-01-01T00:00:01Z".parse().unwrap()), 1_000_000);
        assert_eq!(days("2000-01-01".parse().unwrap()), 0);
        assert_eq!(days("1999-12-31".parse().unwrap()), -1);
    }

    #[test]
    fn a_batch_ends_with_its_trailer_and_nothing_follows() {
        let mut rows = Rows::new(&[], &[]);
        let only = rows.next().unwrap();
        assert_eq!(&only[..HEADER.len()], HEADER);
        assert_eq!(&only[HEADER.len()..], [0xff, 0xff]);
        assert_eq!(rows.next(), None);
    }
}
