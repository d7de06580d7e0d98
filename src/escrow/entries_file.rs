//! An account's entries as a workbook, for those who reckon in a spreadsheet.

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::store::{
    accounts::Account,
    entries::{self, Entry, Place},
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::clock::{self, BEIJING},
    web::Lang,
};

/// Rows of one workbook; older entries are had through the API.
pub(super) const ROWS_MAX: usize = 100_000;
const BATCH: i64 = 5_000;

/// The latest entries of an account as officials see them, at most [`ROWS_MAX`].
pub(super) async fn read(conn: &mut ScopedConn, account: &Account) -> Result<Vec<Entry>, DbError> {
    let mut all: Vec<Entry> = Vec::new();
    while all.len() < ROWS_MAX {
        let place = all.last().map(|entry| Place {
            booked_at: entry.booked_at,
            seq: entry.seq,
            bank_ref: entry.bank_ref.clone(),
        });
        let batch = entries::latest(conn, account.tenant_id, account.id, place.as_ref(), BATCH).await?;
        let last = batch.is_empty();
        all.extend(batch);
        if last {
            break;
        }
    }
    all.truncate(ROWS_MAX);
    Ok(all.into_iter().map(Entry::masked).collect())
}

/// The workbook's bytes. Amounts are yuan with two places; a spreadsheet's numbers hold them exactly up to 2^53 fen.
pub(super) fn workbook(lang: Lang, account: &Account, entries: &[Entry]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name(lang.t("流水", "Entries"))?;
    let bold = Format::new().set_bold();
    let columns = [
        lang.t("日期", "Date"),
        lang.t("时间", "Time"),
        lang.t("收入（元）", "In, yuan"),
        lang.t("支出（元）", "Out, yuan"),
        lang.t("余额（元）", "Balance, yuan"),
        lang.t("对方户名", "Other side"),
        lang.t("对方账号", "Its account"),
        lang.t("摘要", "Text"),
        lang.t("银行流水号", "Bank's reference"),
    ];
    for (at, label) in (0u16..).zip(columns) {
        sheet.write_string_with_format(0, at, label, &bold)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    let formats = Formats {
        day: Format::new().set_num_format("yyyy-mm-dd"),
        time: Format::new().set_num_format("hh:mm:ss"),
        money: Format::new().set_num_format("#,##0.00"),
    };
    let mut balance = account.balance_fen;
    for (row, entry) in (1u32..).zip(entries) {
        let known = account.opening_on.is_none_or(|on| clock::midnight(on) <= entry.booked_at);
        line(sheet, row, entry, known.then_some(balance), &formats)?;
        balance = balance.saturating_sub(entry.effect_fen());
    }
    workbook.save_to_buffer()
}

struct Formats {
    day: Format,
    time: Format,
    money: Format,
}

fn line(
    sheet: &mut Worksheet,
    row: u32,
    entry: &Entry,
    balance: Option<i64>,
    formats: &Formats,
) -> Result<(), XlsxError> {
    let local = entry.booked_at.with_timezone(&BEIJING).naive_local();
    sheet.write_datetime_with_format(row, 0, local.date(), &formats.day)?;
    if entry.has_time() {
        sheet.write_datetime_with_format(row, 1, local.time(), &formats.time)?;
    }
    sheet.write_number_with_format(row, if entry.credit { 2 } else { 3 }, yuan(entry.amount_fen), &formats.money)?;
    if let Some(balance) = balance {
        sheet.write_number_with_format(row, 4, yuan(balance), &formats.money)?;
    }
    for (at, text) in [
        (5, entry.counterparty_name.as_deref()),
        (6, entry.counterparty_account.as_deref()),
        (7, entry.remittance.as_deref()),
        (8, Some(entry.bank_ref.as_str())),
    ] {
        sheet.write_string(row, at, text.unwrap_or_default())?;
    }
    Ok(())
}

/// For the cell of a spreadsheet, which knows only binary fractions; nothing is reckoned with it here.
#[expect(clippy::cast_precision_loss, reason = "amounts beyond 2^53 fen do not occur in a spreadsheet either")]
fn yuan(fen: i64) -> f64 {
    fen as f64 / 100.0
}
